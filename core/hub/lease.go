package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
)

// outwardLease is that of polling and writing, for all connections together: to raise a listing's stock a node has to know
// that every other connection which lists the piece was polled since, and only who polls them knows.
const outwardLease = "outward"

// The times of a lease. Its holder stops leaseTTL - callEnd after it asked for the last renewal that it got, by its own
// monotonic clock; whoever wants it waits leaseTTL + callEnd after it saw that renewal.
const (
	leaseTTL   = 5 * time.Second
	callEnd    = 2 * time.Second // within which a call whose context has ended is over
	renewAfter = time.Second
	leaseLook  = 100 * time.Millisecond
	partWait   = callEnd // for the connectors, of a node that stops
)

// ErrLeaseLost is returned to who appends as the holder of a lease that it does not hold any more.
var ErrLeaseLost = errors.New("hub: the lease is another node's")

// lead does the outward work: all the time where the journal is this node's alone, else while it holds the lease.
func (h *Hub) lead(ctx context.Context) error {
	if h.local != nil {
		h.leading.Store(true)
		return h.outward(ctx, h.router)
	}
	select {
	case <-h.ready:
	case <-ctx.Done():
		return nil
	}
	for {
		t, err := h.acquire(ctx, outwardLease)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		h.log.Info("this node polls and writes now", "term", t.lease.Term)
		h.leading.Store(true)
		err = t.hold(ctx, h.outward)
		h.leading.Store(false)
		if ctx.Err() != nil {
			h.parting = t
			return err
		}
		h.guard.Store(nil)
		if err != nil {
			return err
		}
		h.log.Warn("this node does not poll and write any more: it could not renew its lease", "term", t.lease.Term)
	}
}

// Leader tells which node polls and writes, as far as this node has folded.
func (d Doors) Leader() (api.Leader, error) {
	if d.local != nil || d.leading.Load() {
		return api.Leader{Here: true}, nil
	}
	l, err := d.heldLease(outwardLease)
	if err != nil || l == nil || l.Node == d.o.Node { // what this node held before it began to lead again
		return api.Leader{}, err
	}
	return api.Leader{Node: l.Node, Address: l.Address}, nil
}

// tenure is the time in which this node holds a lease.
type tenure struct {
	h     *Hub
	lease canon.Lease
	until time.Time // when it stops unless it is renewed; monotonic
	lost  atomic.Bool
}

// acquire waits until the lease is free and takes it.
func (h *Hub) acquire(ctx context.Context, name string) (*tenure, error) {
	var seen canon.Position
	since := time.Now()
	tick := time.NewTicker(leaseLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		l, err := h.heldLease(name)
		if err != nil {
			return nil, err
		}
		if l == nil {
			l = &canon.Lease{}
		}
		if l.Position != seen {
			seen, since = l.Position, time.Now()
		}
		if l.Node != "" && time.Since(since) < leaseTTL+callEnd {
			continue
		}
		t := &tenure{h: h}
		got, err := t.ask(ctx, canon.LeaseAsked{Name: name, Node: h.o.Node, Run: h.run, Address: h.o.Address, Seen: seen})
		switch {
		case err != nil && (ctx.Err() != nil || errors.Is(err, bus.ErrFailed) || errors.Is(err, bus.ErrClosed)):
			return nil, err
		case err != nil:
			h.log.Warn("the lease can't be asked for", "error", err)
		case got:
			return t, nil
		}
	}
}

func (h *Hub) heldLease(name string) (*canon.Lease, error) {
	v, err := h.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return router.HeldLease(v, name)
}

// ask appends a request for the lease and tells whether it was granted.
func (t *tenure) ask(ctx context.Context, a canon.LeaseAsked) (bool, error) {
	asked := time.Now()
	ctx, cancel := context.WithTimeout(ctx, leaseTTL)
	defer cancel()
	e, err := router.NewEntry(canon.EntryLease, canon.Head{Actor: "hub"}, a)
	if err != nil {
		return false, err
	}
	r, err := t.h.router.Append(ctx, bus.ClassCommand, e)
	if err != nil {
		return false, err
	}
	if err := t.h.router.WaitFolded(ctx, r.Offset); err != nil {
		return false, err
	}
	l, err := t.h.heldLease(a.Name)
	if err != nil || l == nil || l.Node != a.Node || l.Run != a.Run || l.Position != r.Position(0) {
		return false, err
	}
	t.lease, t.until = *l, asked.Add(leaseTTL-callEnd)
	return true, nil
}

// hold works until ctx ends or the lease is lost.
func (t *tenure) hold(ctx context.Context, work func(context.Context, reconcile.Journal) error) error {
	held, cancel := context.WithCancel(ctx)
	defer cancel()
	g, held := errgroup.WithContext(held)
	guard := canon.LeaseGuard{Name: t.lease.Name, Term: t.lease.Term}
	t.h.guard.Store(&guard)
	g.Go(func() error {
		defer cancel()
		return t.renew(held)
	})
	g.Go(func() error {
		err := work(held, &leased{Router: t.h.router, t: t, guard: guard})
		lost := errors.Is(err, ErrLeaseLost) || held.Err() != nil
		cancel()
		switch {
		case err == nil || errors.Is(err, bus.ErrFailed) || errors.Is(err, bus.ErrClosed):
			return err
		case lost:
			// Brokers that take nothing cost the lease too. What was not journaled counts as unknown for who goes on.
			t.h.log.Warn("work under the lease broke off", "error", err)
			return nil
		}
		return err
	})
	return g.Wait()
}

// renew keeps the lease until ctx ends; it returns when it is lost.
func (t *tenure) renew(ctx context.Context) error {
	defer t.lost.Store(true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(renewAfter):
		}
		term := t.lease.Term
		asking, cancel := context.WithDeadline(ctx, t.until)
		got, err := t.ask(asking, canon.LeaseAsked{Name: t.lease.Name, Node: t.lease.Node, Run: t.lease.Run, Address: t.lease.Address, Seen: t.lease.Position})
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, bus.ErrFailed) || errors.Is(err, bus.ErrClosed):
			return err
		case err == nil && got && t.lease.Term == term:
			continue
		case err == nil:
			return nil // another node's
		case !time.Now().Before(t.until.Add(-leaseLook)):
			return nil
		}
		// An append whose fate is not known may have renewed it: what the fold has made of it is seen soon.
		if l, err := t.h.heldLease(t.lease.Name); err == nil && l != nil && l.Term == t.lease.Term {
			t.lease = *l
		}
	}
}

// part gives the lease back when this node stops. The connectors have ended then: a credential that one of them got at the
// last moment is journaled before another node goes on with it.
func (h *Hub) part() {
	if h.parting == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), partWait)
	defer cancel()
	all, _ := h.each()
	for _, c := range all {
		select {
		case <-c.closed:
		case <-ctx.Done():
		}
	}
	h.guard.Store(nil)
	h.parting.release()
}

// release lets another node go on at once.
func (t *tenure) release() {
	ctx, cancel := context.WithTimeout(context.Background(), callEnd)
	defer cancel()
	l, err := t.h.heldLease(t.lease.Name)
	if err != nil || l == nil || l.Term != t.lease.Term {
		return
	}
	e, err := router.NewEntry(canon.EntryLease, canon.Head{Actor: "hub"}, canon.LeaseAsked{
		Name: l.Name, Node: l.Node, Run: l.Run, Seen: l.Position, Release: true,
	})
	if err == nil {
		_, err = t.h.router.Append(ctx, bus.ClassCommand, e)
	}
	if err != nil {
		t.h.log.Warn("the lease was not given back; another node takes it when it has run out", "error", err)
	}
}

// leased is the journal of who holds a lease: what it appends counts only while the lease is held.
type leased struct {
	*router.Router
	t     *tenure
	guard canon.LeaseGuard
}

// Append implements the journal of intake and reconcile. A batch of class command is answered when it is folded, so that
// nobody acts on one that came too late.
func (l *leased) Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	own := make([]bus.Entry, len(entries))
	for i, e := range entries {
		var head canon.Head
		if err := json.Unmarshal(e.Head, &head); err != nil {
			return bus.Receipt{}, fmt.Errorf("hub: head of an entry: %w", err)
		}
		head.Lease = &l.guard
		raw, err := json.Marshal(head)
		if err != nil {
			return bus.Receipt{}, fmt.Errorf("hub: head of an entry: %w", err)
		}
		e.Head = raw
		own[i] = e
	}
	r, err := l.Router.Append(ctx, class, own...)
	if err != nil || class != bus.ClassCommand {
		return r, err
	}
	if err := l.WaitFolded(ctx, r.Offset); err != nil {
		return r, err
	}
	held, err := l.t.h.heldLease(l.guard.Name)
	if err == nil && (held == nil || held.Term != l.guard.Term) {
		err = ErrLeaseLost
	}
	return r, err
}
