package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// lookThrough decides about the levels that are marked: all that are urgent, and a chunk of a scan.
func (w *Writer) lookThrough(ctx context.Context) error {
	if len(w.urgent)+len(w.backlog) == 0 {
		return nil
	}
	v, err := w.o.Store.View()
	if err != nil {
		return fmt.Errorf("reconcile: %s: %w", w.o.Name, err)
	}
	defer v.Close()
	chunk := w.backlog[:min(scanChunk, len(w.backlog))]
	w.backlog = w.backlog[len(chunk):]
	for _, ids := range [][]string{w.urgent, chunk} {
		for _, id := range ids {
			l := w.levels[id]
			if l == nil || !l.pending {
				continue // looked at already
			}
			l.pending = false
			if err := w.lookAt(ctx, v, l); err != nil {
				return err
			}
		}
	}
	w.urgent = w.urgent[:0]
	if len(w.backlog) == 0 {
		w.backlog = nil
	}
	return nil
}

// lookAt decides about one level.
func (w *Writer) lookAt(ctx context.Context, v store.View, l *level) error {
	if l.busy {
		return nil
	}
	b, err := loadLevel(v, w.o.Name, l.id)
	if err != nil {
		return err
	}
	if !w.writing || !w.reach.writesLevel(l.id) {
		w.shadow(l, b)
		w.forget(l)
		return nil
	}
	if w.o.Lane == nil && b != nil && b.Known.Compare(l.unknown) > 0 {
		l.unknown = canon.Position{} // the platform showed it by itself
	}
	act, behind, err := w.decide(v, l, b)
	if err != nil {
		return err
	}
	switch act {
	case idle:
		l.conflicts, l.retryKey, l.raise = 0, "", raising{}
		if b == nil || b.Wants == nil || b.Wants.Write == canon.WriteNone {
			l.verified, l.lookedUp = canon.Position{}, canon.Position{}
		}
		w.forget(l)
	case write:
		if time.Now().Before(l.notBefore) {
			w.later[l.id] = l.notBefore
		} else if !l.queued {
			l.queued = true
			c := classOf(b.Wants)
			w.queues[c] = append(w.queues[c], l.id)
		}
	case hold:
		if behind == "" {
			w.later[l.id] = time.Now().Add(holdRecheck) // its own platform is asked
			break
		}
		w.held.add(behind, l.id)
	case verify:
		if w.mayLookUp(l, b.Wants) {
			return w.lookUp(ctx, l, b)
		}
		w.verify(l, b.Wants)
	case refresh:
		w.read(l, router.Read{Cause: b.Wants.Cause}, func() {})
	}
	return nil
}

// decide gives what a level needs next, and for hold the connection that it waits for; none while the level's own
// platform is asked.
func (w *Writer) decide(v store.View, l *level, b *canon.Binding) (act action, behind string, err error) {
	if !w.reach.writesLevel(l.id) {
		return idle, "", nil
	}
	if w.o.HoldReported && b != nil {
		if held, err := router.Held(v, b); err != nil || held {
			return idle, "", err
		}
	}
	act, err = decide(&situation{
		level: b, began: w.began, unknown: l.unknown, verified: l.verified, readAt: l.readAt, now: time.Now(),
		caughtUp: func() (bool, error) {
			var err error
			behind, err = w.behind(v, l.id)
			return behind == "" && w.askedSince(l, b.Wants), err
		},
	})
	return act, behind, err
}

// behind gives a connection that lists the level's item and has not been caught up with; "" when there is none.
func (w *Writer) behind(v store.View, levelID string) (string, error) {
	if !w.o.Inbound.CaughtUp(w.o.Name) {
		return w.o.Name, nil
	}
	item, err := itemOf(v, w.o.Name, levelID)
	if err != nil || item == nil {
		return "", err
	}
	for _, l := range item.Listings {
		if !w.o.Inbound.CaughtUp(l.Connection) {
			return l.Connection, nil
		}
	}
	return "", nil
}

// askedSince reports whether the platform was asked for its sales since the level was first seen to be too low. A level
// that is lower than the hub knows why has most likely been sold, and the message of it is on its way or was lost: to
// raise it would offer a sold piece again. What is on its way is waited for before anybody is asked.
func (w *Writer) askedSince(l *level, want *canon.Want) bool {
	if l.raise.since.IsZero() || l.raise.cause != want.Cause || l.raise.shows != want.Shows {
		l.raise = raising{cause: want.Cause, shows: want.Shows, since: time.Now()}
		return false
	}
	return w.o.Inbound.AskedSince(w.o.Name, l.raise.since)
}

// held are the levels that wait, by the connection that they wait for.
type held map[string]map[string]struct{}

func (h held) add(connection, level string) {
	if h[connection] == nil {
		h[connection] = make(map[string]struct{})
	}
	h[connection][level] = struct{}{}
}

// forget drops a level that there is nothing to remember of.
func (w *Writer) forget(l *level) {
	_, waits := w.later[l.id]
	if !l.busy && !l.reading && !l.queued && !l.pending && !waits && l.unknown.IsZero() && l.verified.IsZero() && l.lookedUp.IsZero() {
		delete(w.levels, l.id)
	}
}

// recall finds what a stop of the hub left open: differences, writes without a settled outcome, and what the fuse has
// to remember of the last hour. Each level counts once there, which is less than it may have been written.
func (w *Writer) recall() error {
	v, err := w.o.Store.View()
	if err != nil {
		return fmt.Errorf("reconcile: %s: %w", w.o.Name, err)
	}
	defer v.Close()
	now := time.Now()
	var sent []change
	err = eachLevel(v, w.o.Name, func(b *canon.Binding) error {
		want := b.Wants
		if want == nil || want.Attempt.IsZero() {
			return nil
		}
		switch want.Write {
		case canon.WriteAttempted, canon.WriteUnknown, canon.WriteUnverified:
			w.look(b.ExternalID, false)
		}
		if now.Sub(want.At) < fuseWindow {
			sent = append(sent, change{at: want.At, toZero: want.Quantity != nil && *want.Quantity == 0 && !want.ByClaim})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(sent, func(a, b change) int { return a.at.Compare(b.at) })
	w.fuse.Sent(sent)
	return w.scanDifferences()
}

// verify reads a level whose write has no known or confirmed outcome, once the platform had time to show it.
func (w *Writer) verify(l *level, want *canon.Want) {
	attempt := want.Attempt
	if l.unknown.Compare(attempt) > 0 {
		attempt = l.unknown
	}
	after := want.At.Add(w.settle)
	if want.Write == canon.WriteUnverified && l.unknown.IsZero() {
		// A webhook may confirm it meanwhile.
		if now := time.Now(); after.After(now) {
			w.later[l.id] = after
			return
		}
	}
	w.read(l, router.Read{Cause: attempt, After: after}, func() {
		l.unknown = canon.Position{}
		if attempt.Compare(l.verified) > 0 {
			l.verified = attempt
		}
	})
}

// read asks for a read of a level, unless one is under way, and looks at the level again when it is folded. A level
// that has to be lowered meanwhile does not wait for it.
func (w *Writer) read(l *level, r router.Read, then func()) {
	if l.reading {
		return
	}
	if w.o.Lane == nil {
		w.later[l.id] = time.Now().Add(rescanEvery)
		return
	}
	r.Connection, r.Ref = w.o.Name, canon.Ref{Kind: canon.KindLevel, ExternalID: l.id}
	l.reading = true
	w.o.Lane.RequestRead(r, intake.Soon, func() {
		w.inbox.put(func() error {
			then()
			l.reading, l.readAt = false, time.Now()
			w.look(l.id, true)
			return nil
		})
	})
}

// shadow counts what would be written. Invariant 9: nothing is called.
func (w *Writer) shadow(l *level, b *canon.Binding) {
	if b == nil || !b.Wants.Differs() {
		delete(w.hints, l.id)
	} else if want := *b.Wants.Quantity; w.reach.level(l.id) == canon.ModeShadow {
		if before, known := w.hints[l.id]; !known || before != want {
			w.hints[l.id] = want
			w.log.Debug("would write", "level", l.id, "shows", b.Wants.Shows, "should", want, "cause", b.Wants.Cause)
		}
	}
	w.state.wouldWrite(len(w.hints))
}
