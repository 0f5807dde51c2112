package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	// page is how many rows are read at once, window how many changes are known that are not delivered.
	page, window = 256, 512
	// saveRows and saveEvery bound what is delivered again after a crash.
	saveRows  = 256
	saveEvery = time.Second
	// stopGrace is how long a stop waits for calls that are under way.
	stopGrace = 5 * time.Second
	// outage is after how many failures in a row, of whatever records, the receiver counts as away: one change at a time
	// tries whether it is back.
	outage = 5
)

// pending is a change that is not delivered.
type pending struct {
	place  canon.RowPlace
	row    canon.Row
	before canon.Position // the entry with rows before this one's
	done   bool
}

// record is what is known of a record some of whose changes are not delivered.
type record struct {
	key   string
	queue []*pending // of the window, oldest first; empty where held is set
	// held is what waits apart; nil where nothing does.
	held     *canon.Undelivered
	busy     bool
	attempts int       // failures in a row
	since    uint64    // how many were delivered when it first failed
	next     time.Time // not before then
}

// Sender works the way out of one connection. Run it once.
type Sender struct {
	o Options

	mu    sync.Mutex
	state State

	// of Run alone
	conn     *canon.Connection
	settled  canon.Position // all rows of entries up to here are delivered or wait apart
	known    bool           // settled was journaled once
	saved    canon.Position
	savedAt  time.Time
	dirty    int
	read     canon.Position // rows up to here were looked at
	window   []*pending
	records  map[string]*record
	inFlight int
	ended    chan ended
	success  uint64
	failures int // in a row, of whatever records
	hold     time.Time
	sent     []time.Time // within the last hour
	stale    bool        // the view may say something else of the connection and of what waits apart
}

// ended is how a call ended.
type ended struct {
	r   *record
	p   *pending
	res Result
	err error
}

// New gives a Sender.
func New(o Options) *Sender {
	o.Pace = o.Pace.withDefaults()
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return &Sender{o: o, records: map[string]*record{}, ended: make(chan ended, o.Pace.InFlight), stale: true}
}

// State gives a picture of the way out.
func (s *Sender) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Run delivers until ctx ends; calls under way then have stopGrace to end. What goes wrong with the receiver is tried again
// for ever; an error is the hub's own.
func (s *Sender) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	followed, unfollow := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer unfollow()
	work.Go(func() { follow(followed, s.o.Commits, wake) })
	select {
	case <-s.o.Ready:
	case <-ctx.Done():
		return nil
	}
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next, err := s.step(ctx, func(r *record, p *pending) { work.Go(func() { s.call(calls, r, p) }) })
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		timer.Reset(max(0, time.Until(next)))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
			s.stale = true
		case e := <-s.ended:
			if err := s.take(ctx, e); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
	return s.stop(stopCalls)
}

// follow keeps up with the commits, so that none waits.
func follow(ctx context.Context, commits <-chan router.Commit, wake chan<- struct{}) {
	for {
		select {
		case _, ok := <-commits:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// stop waits for the calls under way and journals the cursor for the last time.
func (s *Sender) stop(stopCalls func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	for s.inFlight > 0 {
		select {
		case e := <-s.ended:
			s.inFlight--
			e.r.busy = false
			if e.err == nil && (e.res.Status == sdk.StatusApplied || e.res.Status == sdk.StatusDuplicate) {
				s.delivered(e.r, e.p)
			}
		case <-ctx.Done():
			stopCalls()
			return nil
		}
	}
	s.advance()
	if !s.known || s.settled == s.saved {
		return nil
	}
	return s.save(ctx)
}

// step looks at the view, sends what may be sent and gives when to look again.
func (s *Sender) step(ctx context.Context, send func(*record, *pending)) (time.Time, error) {
	now := time.Now()
	idle := now.Add(time.Minute)
	if s.stale {
		if err := s.look(); err != nil {
			return idle, err
		}
	}
	if !s.may() {
		s.show()
		return idle, nil
	}
	if !s.known {
		if err := s.begin(ctx); err != nil {
			return idle, err
		}
	}
	if err := s.fill(); err != nil {
		return idle, err
	}
	next, err := s.dispatch(ctx, now, send)
	if err != nil {
		return idle, err
	}
	s.advance()
	if s.settled != s.saved {
		due := s.savedAt.Add(saveEvery)
		if s.dirty >= saveRows || !due.After(now) {
			if err := s.save(ctx); err != nil {
				return idle, err
			}
		} else if due.Before(next) {
			next = due
		}
	}
	s.show()
	if next.Before(idle) {
		return next, nil
	}
	return idle, nil
}

// look reads from the view how far the hub may go and what waits apart.
func (s *Sender) look() error {
	v, err := s.o.View()
	if err != nil {
		return fmt.Errorf("outbox: %s: %w", s.o.Name, err)
	}
	defer v.Close()
	s.stale = false
	was := s.conn
	if s.conn, err = store.Load[canon.Connection](v, store.PrefixConn+s.o.Name); err != nil {
		return err
	}
	if was != nil && was.Fused != "" && s.conn.Fused == "" { // a person has looked
		s.sent, s.hold, s.failures = nil, time.Time{}, 0
	}
	held, err := heldOf(v, s.o.Name)
	if err != nil {
		return err
	}
	for key, u := range held {
		r := s.record(key)
		if r.held == nil || r.held.Changed != u.Changed {
			r.attempts, r.next = int(u.Attempts), time.Time{} // 0 after a person's word
			r.held = u
		}
	}
	if !s.known {
		if s.settled, s.known, err = router.PublishedThrough(v, Topic(s.o.Name)); err != nil {
			return err
		}
		s.read, s.saved = s.settled, s.settled
	}
	return nil
}

// may reports whether anything may be sent. Invariant 9: what goes out of the house needs the connection to be live for
// orders, and neither paused nor stopped by its fuse.
func (s *Sender) may() bool {
	c := s.conn
	return c != nil && !c.Paused && c.Fused == "" && c.ModeOf(canon.Scope{Entity: canon.ScopeOrder}) == canon.ModeLive
}

// begin has a connection that never delivered start with what changes from now on.
func (s *Sender) begin(ctx context.Context) error {
	v, err := s.o.View()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	mark, err := v.Mark()
	v.Close()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	s.settled, s.read, s.known = mark.Position, mark.Position, true
	return s.save(ctx)
}

func (s *Sender) record(key string) *record {
	r := s.records[key]
	if r == nil {
		r = &record{key: key}
		s.records[key] = r
	}
	return r
}

// fill reads rows until the window is full or there are none.
func (s *Sender) fill() error {
	if len(s.window) >= window {
		return nil
	}
	v, err := s.o.View()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	defer v.Close()
	for len(s.window) < window {
		rows, err := views.Rows(v, s.read, page)
		if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		before, n := s.read, 0
		for i := range rows {
			if i > 0 && rows[i].Position == rows[i-1].Position {
				n++
			} else if n = 0; i > 0 {
				before = rows[i-1].Position
			}
			s.dirty++
			if !s.o.Filter.Wants(&rows[i]) {
				continue
			}
			r := s.record(rows[i].Entity)
			if r.held != nil {
				continue // it is found behind what waits
			}
			p := &pending{place: canon.RowPlace{Position: rows[i].Position, Row: n}, row: rows[i], before: before}
			s.window, r.queue = append(s.window, p), append(r.queue, p)
		}
		if len(rows) == 0 {
			return nil
		}
		s.read = rows[len(rows)-1].Position
	}
	return nil
}

// advance drops from the window's front what is settled.
func (s *Sender) advance() {
	n := 0
	for n < len(s.window) && s.window[n].done {
		n++
	}
	s.window = slices.Delete(s.window, 0, n)
	s.settled = s.read
	if len(s.window) > 0 {
		s.settled = s.window[0].before
	}
}

// dispatch starts what may be sent now and gives when the next may.
func (s *Sender) dispatch(ctx context.Context, now time.Time, send func(*record, *pending)) (next time.Time, err error) {
	next = now.Add(time.Minute)
	if s.hold.After(now) {
		return s.hold, nil
	}
	limit := s.o.Pace.InFlight
	if s.failures >= outage {
		limit = 1
	}
	tried := map[string]bool{}
	try := func(r *record) error {
		if tried[r.key] || r.busy || s.inFlight >= limit {
			return nil
		}
		tried[r.key] = true
		if r.next.After(now) {
			if r.next.Before(next) {
				next = r.next
			}
			return nil
		}
		p, err := s.first(ctx, r)
		if err != nil || p == nil {
			return err
		}
		if !s.fuse(now) {
			return s.trip(ctx, fmt.Sprintf("%d changes delivered within an hour, limit %d (changes_per_hour)", len(s.sent), s.o.Pace.PerHour))
		}
		r.busy, s.inFlight = true, s.inFlight+1
		send(r, p)
		return nil
	}
	for _, p := range s.window {
		if s.inFlight >= limit {
			break
		}
		if p.done {
			continue
		}
		if err := try(s.record(p.row.Entity)); err != nil {
			return next, err
		}
	}
	var apart []*record
	for _, r := range s.records {
		if r.held != nil && !r.held.Parked {
			apart = append(apart, r)
		}
	}
	slices.SortFunc(apart, func(a, b *record) int { return cmp.Compare(a.key, b.key) })
	for _, r := range apart {
		if err := try(r); err != nil {
			return next, err
		}
	}
	return next, nil
}

// first gives the change of a record that is to be delivered now; nil for none. Where none waits apart any longer, that
// is journaled.
func (s *Sender) first(ctx context.Context, r *record) (*pending, error) {
	if r.held == nil {
		if len(r.queue) == 0 {
			return nil, nil
		}
		return r.queue[0], nil
	}
	v, err := s.o.View()
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	p, err := waitingOf(v, &s.o.Filter, r.key, r.held.From, s.read)
	v.Close()
	if err != nil || p != nil {
		return p, err
	}
	return nil, s.keep(ctx, r, canon.Held{Key: r.key, Done: true})
}

// fuse counts a change that is about to be sent; false when the limit is reached.
func (s *Sender) fuse(now time.Time) bool {
	n := 0
	for n < len(s.sent) && now.Sub(s.sent[n]) >= time.Hour {
		n++
	}
	s.sent = s.sent[n:]
	if len(s.sent) >= s.o.Pace.PerHour {
		return false
	}
	s.sent = append(s.sent, now)
	return true
}

// call makes one delivery.
func (s *Sender) call(ctx context.Context, r *record, p *pending) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Pace.Call)
	defer cancel()
	e := ended{r: r, p: p}
	c, ok, err := s.change(p)
	switch {
	case err != nil:
		e.err = &ownError{err}
	case !ok:
		e.res.Status = sdk.StatusApplied // not for its eyes
	default:
		e.res, e.err = s.o.Deliverer.Deliver(ctx, c)
	}
	s.ended <- e
}

// ownError is one of the hub itself, not of the connector.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }

// backoff is the wait after n failures in a row, jittered by half.
func (s *Sender) backoff(n int) time.Duration {
	d := s.o.Pace.Most
	if n < 20 {
		d = min(s.o.Pace.First<<(n-1), s.o.Pace.Most)
	}
	return d/2 + rand.N(d/2+1)
}

// journal appends an entry of this connection and waits until it is folded.
func (s *Sender) journal(ctx context.Context, typ canon.EntryType, head canon.Head, data any) error {
	e, err := router.NewEntry(typ, head, data)
	if err != nil {
		return err
	}
	for {
		receipt, err := s.o.Journal.Append(ctx, bus.ClassCommand, e)
		var refused *bus.Refused
		switch {
		case err == nil:
			return s.o.Journal.WaitFolded(ctx, receipt.Offset)
		case !errors.As(err, &refused):
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(refused.RetryAfter, 50*time.Millisecond)):
		}
	}
}

// save journals the cursor.
func (s *Sender) save(ctx context.Context) error {
	err := s.journal(ctx, canon.EntryPublished, canon.Head{Actor: "hub"}, canon.Published{Topic: Topic(s.o.Name), Through: s.settled})
	if err != nil {
		return fmt.Errorf("outbox: journal the cursor of %s: %w", s.o.Name, err)
	}
	s.saved, s.savedAt, s.dirty = s.settled, time.Now(), 0
	return nil
}
