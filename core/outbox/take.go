package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// take takes in how a call ended.
func (s *Sender) take(ctx context.Context, e ended) error {
	s.inFlight--
	e.r.busy = false
	var own *ownError
	switch {
	case errors.As(e.err, &own):
		return own.err
	case errors.Is(e.err, reconcile.ErrNotSent):
		s.failures++
		s.hold = time.Now().Add(s.backoff(min(s.failures, outage)))
		s.trouble("the connector does not run: " + e.err.Error())
		return nil
	case e.err != nil:
		return s.failed(ctx, e, Result{Status: sdk.StatusRetry, Reason: e.err.Error()})
	}
	if e.res.Stop != "" {
		return s.trip(ctx, e.res.Stop)
	}
	switch e.res.Status {
	case sdk.StatusApplied, sdk.StatusDuplicate:
		s.delivered(e.r, e.p)
		return nil
	}
	return s.failed(ctx, e, e.res)
}

// delivered goes on behind a change that was delivered.
func (s *Sender) delivered(r *record, p *pending) {
	if s.failures >= outage { // the receiver is back: nothing waits for what was its trouble
		s.hold = time.Time{}
		for _, o := range s.records {
			if o.held == nil || !o.held.Parked {
				o.attempts, o.next = 0, time.Time{}
			}
		}
	}
	s.failures, s.success = 0, s.success+1
	r.attempts, r.next = 0, time.Time{}
	switch {
	case r.held != nil:
		u := *r.held
		u.From = p.place.Next()
		r.held = &u
	default:
		p.done, r.queue = true, r.queue[1:]
		if len(r.queue) == 0 {
			delete(s.records, r.key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Delivered++
	s.state.LastSuccess = time.Now()
}

// failed decides when a change is tried again, and whether its record waits apart from now on.
func (s *Sender) failed(ctx context.Context, e ended, res Result) error {
	r := e.r
	if r.attempts == 0 {
		r.since = s.success
	}
	r.attempts++
	s.failures++
	wait := max(s.backoff(r.attempts), res.RetryAfter)
	r.next = time.Now().Add(wait)
	if s.failures >= outage {
		s.hold = time.Now().Add(max(s.backoff(s.failures-outage+1), res.RetryAfter))
	}
	what := string(res.Status)
	for _, detail := range []string{res.Code, res.Reason} {
		if detail != "" {
			what += ": " + detail
		}
	}
	s.trouble(what)
	refused := res.Status != sdk.StatusRetry && res.Status != sdk.StatusUnknown
	others := s.success > r.since // it is not the receiver's trouble as a whole
	h := canon.Held{
		Key: r.key, Type: e.p.row.Type, From: e.p.place, EventType: e.p.row.Event, Attempts: int64(r.attempts), Code: res.Code, Reason: res.Reason,
	}
	switch {
	case refused, others && r.attempts >= s.o.Pace.Park:
		h.Parked = true
		if refused {
			s.failures-- // the receiver is there
		}
	case others && r.attempts >= s.o.Pace.SetAside && r.held == nil:
	default:
		return nil
	}
	return s.keep(ctx, r, h)
}

// keep journals what waits apart of a record, or that nothing does, and takes over what the fold made of it.
func (s *Sender) keep(ctx context.Context, r *record, h canon.Held) error {
	if r.held != nil {
		h.Seen = r.held.Changed
	}
	if err := s.journal(ctx, canon.EntryHeld, canon.Head{Connection: s.o.Name, Actor: "hub"}, h); err != nil {
		return fmt.Errorf("outbox: journal what %s could not deliver: %w", s.o.Name, err)
	}
	v, err := s.o.View()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	u, err := store.Load[canon.Undelivered](v, store.HeldKey(s.o.Name, r.key))
	v.Close()
	if err != nil {
		return err
	}
	if u == nil && !h.Done {
		return nil // the entry did not count: this node leads no longer
	}
	if r.held = u; u == nil {
		delete(s.records, r.key)
		return nil
	}
	for _, p := range r.queue { // they are found behind what waits
		p.done = true
	}
	r.queue = nil
	return nil
}

// trip stops the way out until a person has looked. Invariant 9.
func (s *Sender) trip(ctx context.Context, reason string) error {
	s.trouble(reason)
	s.stale = true
	s.hold = time.Now().Add(time.Second)
	return s.journal(ctx, canon.EntryFuse, canon.Head{Connection: s.o.Name, Actor: "hub"}, canon.FuseTripped{Reason: reason})
}

func (s *Sender) trouble(what string) {
	s.mu.Lock()
	s.state.LastError, s.state.LastErrorAt = what, time.Now()
	s.mu.Unlock()
	s.o.Log.Warn("a change was not delivered", "connection", s.o.Name, "why", what)
}

// show puts what is known into the picture for a person.
func (s *Sender) show() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Through, s.state.Waiting, s.state.SetAside, s.state.Parked = s.settled, 0, 0, 0
	for _, p := range s.window {
		if !p.done {
			s.state.Waiting++
		}
	}
	for _, r := range s.records {
		switch {
		case r.held == nil:
		case r.held.Parked:
			s.state.Parked++
		default:
			s.state.SetAside++
		}
	}
}
