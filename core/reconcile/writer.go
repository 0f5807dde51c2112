package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Options of a Writer. Those without a default are required.
type Options struct {
	Name     string
	Describe *sdk.DescribeResponse
	Applier  Applier
	Journal  Journal
	Store    store.Store
	// Looker asks what became of a write whose outcome is not known; nil where the connector can't.
	Looker Looker
	// Lane reads levels of this connection; nil where the connector can't read: then nothing is raised, and a write
	// whose outcome is unknown waits for the platform to show the level by itself.
	Lane Lane
	// Inbound tells which connections have been caught up with.
	Inbound Inbound
	// Commits are what the fold commits, in order, from before Ready is closed. The Writer keeps up with them.
	Commits <-chan router.Commit
	// Ready is closed when the fold has passed the journal's end as it was at the hub's start.
	Ready  <-chan struct{}
	Limits Limits
	// Budget paces calls, those of the inbound side too; default is one of its own by what the connector hints.
	Budget *intake.Budget
	// Calls is how many calls may be under way at once; default 4. One of them is kept for sales.
	Calls int
	// CallTimeout ends a call that the platform does not answer; default 30 seconds. Its outcome is unknown.
	CallTimeout time.Duration
	// HoldReported leaves the levels alone that a sweep found changed and that are to be reported: see DriftPolicy.
	HoldReported bool
	Log          hclog.Logger
}

// The pace of what has to wait.
const (
	retryFirst  = 200 * time.Millisecond // after a write that was not done
	retryMax    = 2 * time.Second        // short: what waits goes out at once when the platform is back
	holdRecheck = 250 * time.Millisecond // of levels that wait for a connection to be caught up with
	rescanEvery = time.Minute            // the differences are looked through as a whole, whatever was notified
	scanChunk   = 256                    // levels of a scan that are looked at between two looks at what is urgent
)

// Writer writes the differences of one connection. Make it with NewWriter and give it a goroutine with Run.
type Writer struct {
	o        Options
	maxBatch int
	settle   time.Duration
	log      hclog.Logger

	// owned by Run's goroutine
	levels   map[string]*level
	urgent   []string // to be looked at: a commit touched them
	backlog  []string // to be looked at: a scan found them
	queues   [classes][]string
	later    map[string]time.Time // to be looked at then
	held     held                 // raises that wait for other connections
	hints    map[string]int64     // shadow: what would be written, by level
	fuse     *Fuse
	bound    boundCount
	reach    *reach
	began    canon.Position
	writing  bool // the mode of a part of the connection lets it write
	tripped  bool // the fuse tripped, and the fold may not have taken it in yet
	adopting int  // adoptions under way: nothing is written before they end
	calls    int  // under way
	failing  bool // the newest call did nothing: one level at a time tries whether the platform is back
	holdTill time.Time
	retry    *backoff.ExponentialBackOff

	acts actions

	inbox inbox
	work  sync.WaitGroup
	state tally
}

// level is what the Writer knows of a level that it has something to do with.
type level struct {
	id        string
	busy      bool // in a call
	reading   bool
	pending   bool // in urgent or backlog
	queued    bool // in one of the queues
	retryKey  string
	notBefore time.Time // back-off
	conflicts int       // in a row
	raise     raising
	unknown   canon.Position
	verified  canon.Position
	lookedUp  canon.Position // the newest attempt that the platform was asked about
	readAt    time.Time
}

// raising is since when a level is to be raised from what it shows.
type raising struct {
	cause canon.Position
	shows int64
	since time.Time
}

// NewWriter prepares a writer.
func NewWriter(o Options) (*Writer, error) {
	if o.Name == "" || o.Describe == nil || o.Applier == nil || o.Journal == nil || o.Store == nil || o.Inbound == nil || o.Commits == nil || o.Ready == nil {
		return nil, errors.New("reconcile: Name, Describe, Applier, Journal, Store, Inbound, Commits and Ready are required")
	}
	if o.Budget == nil {
		o.Budget = intake.NewBudget(o.Describe.RateLimit)
	}
	if o.Calls <= 0 {
		o.Calls = 4
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval, retry.Multiplier = retryFirst, retryMax, 2
	retry.Reset()
	return &Writer{
		o: o, maxBatch: intake.MaxBatch(o.Describe.RateLimit), log: o.Log.With("connection", o.Name),
		settle: time.Duration(o.Describe.SettleMillis) * time.Millisecond,
		levels: make(map[string]*level), later: make(map[string]time.Time), held: make(held), hints: make(map[string]int64),
		fuse: NewFuse(o.Limits), retry: retry, acts: newActions(), inbox: inbox{wake: make(chan struct{}, 1)},
		reach: &reach{conn: &canon.Connection{Name: o.Name, Mode: canon.ModeObserve}},
	}, nil
}

// Run writes until ctx ends, then returns nil when the calls under way have ended and are journaled. What it returns
// is an error of the journal or the store, after which the hub can't go on.
func (w *Writer) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer w.work.Wait()
	defer cancel()
	ready, err := w.awaitReady(ctx)
	if !ready || err != nil {
		return err
	}
	w.began = intake.ReadStamp(w.o.Journal)
	if err := w.recall(); err != nil {
		return err
	}
	rescan := time.NewTicker(rescanEvery)
	defer rescan.Stop()
	for {
		next, err := w.step(ctx)
		if err != nil {
			return err
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			t := time.NewTimer(time.Until(next))
			timer = t.C
			err = w.wait(ctx, rescan.C, timer)
			t.Stop()
		} else {
			err = w.wait(ctx, rescan.C, nil)
		}
		if err != nil || ctx.Err() != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
}

// awaitReady takes commits until the view is complete: what they tell is found by the scan that follows.
func (w *Writer) awaitReady(ctx context.Context) (bool, error) {
	for {
		select {
		case <-w.o.Ready:
			return true, nil
		case _, ok := <-w.o.Commits:
			if !ok {
				return false, nil
			}
		case <-ctx.Done():
			return false, nil
		}
	}
}

// wait takes what happens next.
func (w *Writer) wait(ctx context.Context, rescan, timer <-chan time.Time) error {
	select {
	case <-ctx.Done():
	case <-timer:
	case <-w.inbox.wake:
	case <-rescan:
		if w.writing {
			return w.scanDifferences()
		}
	case commit, ok := <-w.o.Commits:
		if !ok {
			<-ctx.Done()
			return nil
		}
		w.note(commit)
		// What came meanwhile belongs to the same look.
		for {
			select {
			case commit, ok := <-w.o.Commits:
				if !ok {
					return nil
				}
				w.note(commit)
				continue
			default:
			}
			return nil
		}
	}
	return nil
}

func (w *Writer) note(commit router.Commit) {
	for _, k := range commit.Levels {
		if k.Connection == w.o.Name && k.Kind == canon.KindLevel {
			w.look(k.ExternalID, true)
		}
	}
	w.acts.stale = w.acts.stale || slices.Contains(commit.Actions, w.o.Name)
}

// look marks a level to be looked at.
func (w *Writer) look(id string, urgent bool) {
	l := w.levels[id]
	if l == nil {
		l = &level{id: id}
		w.levels[id] = l
	}
	if l.pending && !urgent {
		return
	}
	l.pending = true
	if urgent {
		w.urgent = append(w.urgent, id)
	} else {
		w.backlog = append(w.backlog, id)
	}
}

// step does everything that can be done now and gives the moment of what comes next; zero for nothing.
func (w *Writer) step(ctx context.Context) (next time.Time, err error) {
	for {
		for _, event := range w.inbox.take() {
			if err := event(); err != nil {
				return time.Time{}, err
			}
		}
		if err := w.observeMode(ctx); err != nil {
			return time.Time{}, err
		}
		now := time.Now()
		for id, at := range w.later {
			if !at.After(now) {
				delete(w.later, id)
				w.look(id, true)
			}
		}
		for connection, levels := range w.held {
			if w.o.Inbound.CaughtUp(connection) {
				delete(w.held, connection)
				for id := range levels {
					w.look(id, false)
				}
			}
		}
		if err := w.lookThrough(ctx); err != nil {
			return time.Time{}, err
		}
		wake, err := w.sendDue(ctx)
		if err != nil {
			return time.Time{}, err
		}
		if len(w.urgent)+len(w.backlog) > 0 && ctx.Err() == nil {
			// Between two chunks of a scan, what is urgent is taken.
			select {
			case commit, ok := <-w.o.Commits:
				if ok {
					w.note(commit)
				}
			default:
			}
			continue
		}
		if len(w.held) > 0 {
			recheck := now.Add(holdRecheck)
			if wake.IsZero() || recheck.Before(wake) {
				wake = recheck
			}
		}
		w.state.waiting(w.queues, w.held)
		for _, at := range w.later {
			if wake.IsZero() || at.Before(wake) {
				wake = at
			}
		}
		return wake, nil
	}
}

// observeMode notices that the connection's mode, a pause or the fuse has changed.
func (w *Writer) observeMode(ctx context.Context) error {
	v, err := w.o.Store.View()
	if err != nil {
		return fmt.Errorf("reconcile: %s: %w", w.o.Name, err)
	}
	now, err := loadReach(v, w.o.Name)
	v.Close()
	if err != nil {
		return err
	}
	before, conn := w.reach.conn, now.conn
	if before.Fused != "" && conn.Fused == "" {
		w.fuse.Reset()
	}
	if conn.Fused != "" {
		w.tripped = false
	}
	was, more := w.writing, raised(before, conn)
	w.reach, w.writing = now, now.writes() && !w.tripped
	if more {
		w.adopting++
		w.work.Go(func() {
			err := AdoptConnection(ctx, w.o.Journal, w.o.Store, conn)
			w.inbox.put(func() error {
				w.adopting--
				if ctx.Err() != nil {
					return nil
				}
				return err
			})
		})
	}
	w.state.mode(conn, w.adopting > 0)
	if w.writing && (!was || more) {
		clear(w.hints)
		return w.scanDifferences()
	}
	if !w.writing && was {
		for i := range w.queues {
			for _, id := range w.queues[i] {
				w.levels[id].queued = false
			}
			w.queues[i] = nil
		}
	}
	return nil
}

// scanDifferences marks every difference of the connection, and has its actions looked through.
func (w *Writer) scanDifferences() error {
	w.acts.stale = true
	v, err := w.o.Store.View()
	if err != nil {
		return fmt.Errorf("reconcile: %s: %w", w.o.Name, err)
	}
	defer v.Close()
	prefix := store.PrefixDiff + w.o.Name + "/"
	return v.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		w.look(key[len(prefix):], false)
		return true, nil
	})
}

// inbox is how other goroutines tell the Writer something: what they put is called by Run's goroutine.
type inbox struct {
	mu     sync.Mutex
	events []func() error
	wake   chan struct{}
}

func (i *inbox) put(event func() error) {
	i.mu.Lock()
	i.events = append(i.events, event)
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

func (i *inbox) take() []func() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	events := i.events
	i.events = nil
	return events
}
