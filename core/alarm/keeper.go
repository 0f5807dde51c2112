package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Teller tells somebody. Its errors say what went wrong without addresses, secrets or what somebody else wrote.
type Teller interface {
	Tell(ctx context.Context, n *Notice, now time.Time) error
}

// Way is a configured way of telling.
type Way struct {
	Name   string
	Kinds  []Kind // what it is for; empty for everything
	Teller Teller
}

func (w *Way) takes(k Kind) bool {
	if k == Undelivered || len(w.Kinds) == 0 {
		return true
	}
	for _, own := range w.Kinds {
		if own == k {
			return true
		}
	}
	return false
}

// Options configure a Keeper.
type Options struct {
	File  string // keeps the book
	Every time.Duration
	Times Times
	Ways  []Way
	Hub   string // its node or public address, for messages
	// Look finds out how things are. It must not take longer than a few seconds.
	Look func(ctx context.Context) []Signal
	Log  hclog.Logger
	// Pause is the first pause after a way failed; it doubles up to a hundred times as long. 0 means 10 s.
	Pause time.Duration
	// Deadline is how long telling may take; 0 means 30 s.
	Deadline time.Duration
}

// WayStatus is how a way does.
type WayStatus struct {
	Name      string    `json:"name"`
	By        string    `json:"by" enum:"webhook,mail,command"`
	Kinds     []Kind    `json:"kinds,omitempty"`
	ToldAt    time.Time `json:"told_at,omitzero" doc:"When it told something last"`
	Failures  int       `json:"failures,omitempty" doc:"How often it failed in a row"`
	LastError string    `json:"last_error,omitempty"`
	FailedAt  time.Time `json:"failed_at,omitzero"`
}

// ErrNoWay tells that there is no way of this name.
var ErrNoWay = errors.New("alarm: no way of this name")

// Keeper looks, keeps the book and has it told. A way that fails or hangs holds up nothing but itself.
type Keeper struct {
	o    Options
	wake []chan struct{}

	mu     sync.Mutex // guards the rest
	book   Book
	states []WayStatus
}

// Open reads the book of earlier, so that what was told is not told again.
func Open(o Options) (*Keeper, error) {
	if o.Pause == 0 {
		o.Pause = 10 * time.Second
	}
	if o.Deadline == 0 {
		o.Deadline = 30 * time.Second
	}
	k := &Keeper{o: o}
	for i := range o.Ways {
		k.wake = append(k.wake, make(chan struct{}, 1))
		k.states = append(k.states, WayStatus{Name: o.Ways[i].Name, By: by(o.Ways[i].Teller), Kinds: o.Ways[i].Kinds})
	}
	raw, err := os.ReadFile(o.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k, nil
	case err != nil:
		return nil, fmt.Errorf("alarm: %w", err)
	}
	if err := json.Unmarshal(raw, &k.book); err != nil {
		return nil, fmt.Errorf("alarm: the book of alarms is damaged; remove %s, then standing alarms are told again", o.File)
	}
	return k, nil
}

func by(t Teller) string {
	switch t.(type) {
	case *Mail:
		return "mail"
	case *Command:
		return "command"
	}
	return "webhook"
}

// Run looks and tells until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for i := range k.o.Ways {
		wg.Go(func() { k.tell(ctx, i) })
	}
	tick := time.NewTicker(k.o.Every)
	defer tick.Stop()
	for ctx.Err() == nil {
		k.look(ctx)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	wg.Wait()
}

// look looks once, and wakes the ways.
func (k *Keeper) look(ctx context.Context) {
	signals := k.o.Look(ctx)
	if ctx.Err() != nil {
		return // what a hub that stops finds is no finding
	}
	k.mu.Lock()
	for i := range k.states {
		s := Signal{Kind: Undelivered, Subject: k.states[i].Name}
		if k.states[i].Failures >= 3 {
			s.Verdict, s.What, s.Do = Bad, "alarms can't be told this way: "+k.states[i].LastError, "see jumpring alarm list, then jumpring alarm test "+k.states[i].Name
		}
		signals = append(signals, s)
	}
	if k.book.Look(time.Now(), k.o.Times, signals) {
		k.save()
	}
	k.mu.Unlock()
	for i := range k.wake {
		select {
		case k.wake[i] <- struct{}{}:
		default:
		}
	}
}

// tell works one way.
func (k *Keeper) tell(ctx context.Context, i int) {
	w := &k.o.Ways[i]
	for {
		pause := time.Duration(0)
		for ctx.Err() == nil && pause == 0 {
			k.mu.Lock()
			n := k.book.Due(w.Name, time.Now(), k.o.Times.Repeat, func(kind Kind) bool { return w.takes(kind) })
			k.mu.Unlock()
			if n == nil {
				break
			}
			if n.Kind == Undelivered && n.Subject == w.Name { // it can't say that it can't say
				k.told(i, n, nil, true)
				continue
			}
			n.Hub = k.o.Hub
			pause = k.told(i, n, k.send(ctx, w, n), false)
		}
		var after <-chan time.Time
		if pause > 0 {
			after = time.After(pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-after:
		case <-k.awake(i, pause > 0):
		}
	}
}

// awake is what wakes a way; nothing does while it pauses.
func (k *Keeper) awake(i int, pauses bool) <-chan struct{} {
	if pauses {
		return nil
	}
	return k.wake[i]
}

func (k *Keeper) send(ctx context.Context, w *Way, n *Notice) error {
	ctx, cancel := context.WithTimeout(ctx, k.o.Deadline)
	defer cancel()
	return w.Teller.Tell(ctx, n, time.Now())
}

// told notes what came of telling and gives the pause before the next try.
func (k *Keeper) told(i int, n *Notice, err error, silent bool) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := &k.states[i]
	if err != nil {
		s.Failures, s.LastError, s.FailedAt = s.Failures+1, err.Error(), time.Now().UTC()
		k.o.Log.Warn("an alarm could not be told", "way", s.Name, "kind", n.Kind, "error", err, "failures", s.Failures)
		return k.o.Pause * time.Duration(min(1<<min(s.Failures-1, 7), 100))
	}
	if !silent {
		*s = WayStatus{Name: s.Name, By: s.By, Kinds: s.Kinds, ToldAt: time.Now().UTC()}
	}
	k.book.Told(s.Name, n, time.Now())
	k.save()
	return 0
}

// save writes the book down, durably. When that fails the hub goes on: alarms may be told again after a restart.
func (k *Keeper) save() {
	if err := k.write(); err != nil {
		k.o.Log.Error("the book of alarms was not written down", "error", err)
	}
}

func (k *Keeper) write() error {
	raw, err := json.Marshal(&k.book)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(k.o.File), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(k.o.File+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(k.o.File+".tmp", k.o.File)
}

// Test tells something by one way, now, and gives what came of it.
func (k *Keeper) Test(ctx context.Context, way string) error {
	for i := range k.o.Ways {
		w := &k.o.Ways[i]
		if w.Name != way {
			continue
		}
		now := time.Now()
		return k.send(ctx, w, &Notice{
			ID: "test/" + now.UTC().Format("20060102T150405.000000Z"), Phase: Raised, Kind: Test, Hub: k.o.Hub, RaisedAt: now.UTC(),
			What: "Somebody tries out whether alarms arrive. Nothing is wrong.",
		})
	}
	return ErrNoWay
}

// Shown gives a copy of all alarms, the newest first, and how the ways do.
func (k *Keeper) Shown() ([]Alarm, []WayStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	alarms := make([]Alarm, 0, len(k.book.Alarms))
	for i := len(k.book.Alarms) - 1; i >= 0; i-- {
		a := *k.book.Alarms[i]
		a.Told = make(map[string]Told, len(a.Told))
		for name, t := range k.book.Alarms[i].Told {
			a.Told[name] = t
		}
		alarms = append(alarms, a)
	}
	return alarms, append([]WayStatus{}, k.states...)
}
