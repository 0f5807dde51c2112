package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The pace of actions that could not be carried out or looked up at once.
const (
	actAgainFirst = time.Second
	actAgainMost  = time.Minute
)

// actions is what the Writer knows of the actions of its connection. One is under way at a time: they are few, and what
// one of them shows may make the next one needless.
type actions struct {
	stale  bool // the store may have others
	open   []*canon.Action
	later  map[string]time.Time // not before then, by key
	misses map[string]int       // in a row, by key
	busy   bool
}

func newActions() actions {
	return actions{stale: true, later: make(map[string]time.Time), misses: make(map[string]int)}
}

// openActions gives the actions of a connection that are not over, in the order in which they were asked for.
func openActions(r store.Reader, connection string) ([]*canon.Action, error) {
	var out []*canon.Action
	prefix := store.PrefixToDo + connection + "/"
	err := r.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		a, err := store.Load[canon.Action](r, store.ActionKey(connection, key[len(prefix):]))
		if a != nil {
			out = append(out, a)
		}
		return true, err
	})
	slices.SortFunc(out, func(a, b *canon.Action) int { return cmp.Or(a.Cause.Compare(b.Cause), cmp.Compare(a.Key, b.Key)) })
	return out, err
}

// nextAction gives an action to go on with now; nil for none. next is the moment of the earliest that has to wait.
func (w *Writer) nextAction(now time.Time) (act *canon.Action, next time.Time, err error) {
	if w.acts.busy || w.reach.stopped() || w.tripped {
		return nil, time.Time{}, nil
	}
	if w.acts.stale {
		v, err := w.o.Store.View()
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("reconcile: %s: %w", w.o.Name, err)
		}
		w.acts.open, err = openActions(v, w.o.Name)
		v.Close()
		if err != nil {
			return nil, time.Time{}, err
		}
		w.acts.stale = false
		w.state.toDo(len(w.acts.open))
		for key := range w.acts.later {
			if !slices.ContainsFunc(w.acts.open, func(a *canon.Action) bool { return a.Key == key }) {
				delete(w.acts.later, key)
				delete(w.acts.misses, key)
			}
		}
	}
	for _, a := range w.acts.open {
		if !w.reach.acts(a.Kind) {
			continue
		}
		at := w.acts.later[a.Key]
		if a.State.Sent() { // an attempt that this process is not making: it had time to be carried out before it is asked for
			if settled := a.AttemptedAt.Add(max(w.settle, time.Second)); settled.After(at) {
				at = settled
			}
		}
		if !at.After(now) {
			return a, time.Time{}, nil
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return nil, next, nil
}

// act starts the next step of an action: to send it, or to ask what became of it. A moment is returned where the pace does
// not allow it yet.
func (w *Writer) act(ctx context.Context, a *canon.Action, now time.Time) (wake time.Time, err error) {
	if now.Before(w.holdTill) {
		return w.holdTill, nil
	}
	urgency := intake.Urgent
	if a.Listing != nil && a.Kind != canon.ActionHideListing {
		urgency = intake.Usual // catalogue gives way to sales
	}
	token, wait := w.o.Budget.Take(urgency, now)
	if token == nil {
		return now.Add(wait), nil
	}
	step := w.askOutcome
	if !a.State.Sent() {
		// Invariant 9: the fuse is asked before anything is sent.
		changes := []change{{at: now, toZero: a.Kind == canon.ActionHideListing && !a.Listing.ByClaim}}
		reason, err := w.fuse.Check(now, changes, w.countBound)
		if err != nil {
			return time.Time{}, err
		}
		if reason != "" {
			token.Return()
			if w.calls > 0 {
				w.acts.later[a.Key] = now.Add(holdRecheck)
				return time.Time{}, nil
			}
			return time.Time{}, w.trip(ctx, reason, a.Cause)
		}
		w.fuse.Sent(changes)
		step = w.sendAction
	}
	w.acts.busy = true
	w.work.Go(func() {
		wait, err := step(ctx, a)
		w.inbox.put(func() error { return w.acted(ctx, a, wait, err) })
	})
	return time.Time{}, nil
}

// againLater is what a step of an action gives where it has to be taken again; zero for what is over or was left to the
// next look.
type againLater struct {
	needed bool
	after  time.Duration // as the platform asks; 0 for the usual pace
}

// acted takes in how a step of an action ended.
func (w *Writer) acted(ctx context.Context, a *canon.Action, again againLater, err error) error {
	w.acts.busy, w.acts.stale = false, true
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if !again.needed {
		delete(w.acts.misses, a.Key)
		return nil
	}
	n := w.acts.misses[a.Key]
	w.acts.misses[a.Key] = n + 1
	w.acts.later[a.Key] = time.Now().Add(max(again.after, min(actAgainFirst<<min(n, 10), actAgainMost)))
	return nil
}

// sendAction announces an action, makes the call if the fold admits it, and journals the outcome. Nothing is sent before
// the announcement is durable and folded: a hub that is killed at any moment knows what may have been done, and an action
// that was withdrawn meanwhile is not sent.
func (w *Writer) sendAction(ctx context.Context, a *canon.Action) (againLater, error) {
	e, err := router.NewEntry(canon.EntryAction, w.head(canon.Position{}, a.Cause), canon.ActionAttempt{Key: a.Key})
	if err != nil {
		return againLater{}, err
	}
	receipt, err := intake.Append(ctx, w.o.Journal, bus.ClassCommand, e)
	if err != nil {
		return againLater{}, err
	}
	if err := w.o.Journal.WaitFolded(ctx, receipt.Offset); err != nil {
		return againLater{}, err
	}
	now, may, err := w.admitted(a.Key)
	if err != nil {
		return againLater{}, err
	}
	if now == nil || now.State != canon.ActionAttempted || now.Attempt != receipt.Position(0) {
		return againLater{}, nil // not admitted
	}
	s := canon.ActionSettled{Key: a.Key, Attempt: now.Attempt}
	if !may || ctx.Err() != nil {
		s.Status, s.Code = string(sdk.StatusRetry), codeWithdrawn
		return againLater{needed: true}, w.journalAction(ctx, &s, nil, canon.Position{})
	}
	stamp := intake.ReadStamp(w.o.Journal)
	call, cancel := context.WithTimeout(ctx, w.o.CallTimeout)
	res, err := w.o.Applier.Apply(call, &sdk.ApplyRequest{Writes: []sdk.Write{actionWrite(now)}})
	cancel()
	var facts []intake.Fact
	again := againLater{}
	switch {
	case errors.Is(err, ErrNotSent):
		s.Status, s.Code, s.Reason = string(sdk.StatusRetry), codeUnavailable, err.Error()
		again.needed = true
	case err != nil:
		s.Status, s.Reason = string(sdk.StatusUnknown), err.Error()
	case len(res.Results) != 1 || res.Results[0].Key != a.Key:
		s.Status, s.Reason = string(sdk.StatusUnknown), "the connector gave no result for this action"
	default:
		r := &res.Results[0]
		facts = settle(&s, r)
		again = againLater{needed: r.Status == sdk.StatusRetry, after: time.Duration(r.RetryAfterMillis) * time.Millisecond}
	}
	w.log.Info("action", "kind", a.Kind, "of", subject(a), "key", a.Key, "attempt", now.Attempts, "status", s.Status, "code", s.Code)
	return again, w.journalAction(ctx, &s, facts, stamp)
}

// admitted gives an action as the fold has it now, and whether its kind may be carried out at its connection.
func (w *Writer) admitted(key string) (*canon.Action, bool, error) {
	v, err := w.o.Store.View()
	if err != nil {
		return nil, false, err
	}
	defer v.Close()
	a, err := store.Load[canon.Action](v, store.ActionKey(w.o.Name, key))
	if err != nil {
		return nil, false, err
	}
	now, err := loadReach(v, w.o.Name)
	return a, err == nil && a != nil && now.acts(a.Kind), err
}

func actionWrite(a *canon.Action) sdk.Write {
	if a.Listing != nil {
		return sdk.Write{
			Key: a.Key, Ref: canon.Ref{Kind: canon.KindListing, ExternalID: a.Listing.ExternalID},
			Action: &sdk.Action{Kind: a.Kind, Listing: a.Listing, Refund: a.Refund, Reason: a.Reason, AttemptedAt: a.AttemptedAt},
		}
	}
	return sdk.Write{
		Key: a.Key, Ref: canon.Ref{Kind: canon.KindOrder, ExternalID: a.Order},
		Action: &sdk.Action{
			Kind: a.Kind, Lines: a.Lines, Refund: a.Refund, Restock: a.Restock, Notify: a.Notify, Reason: a.Reason, Note: a.Note, AttemptedAt: a.AttemptedAt,
		},
	}
}

// subject names what an action is about, for the log.
func subject(a *canon.Action) string {
	if a.Listing == nil {
		return a.Order
	}
	return cmp.Or(a.Listing.ExternalID, a.Listing.Item)
}

// settle takes over what a connector says of an action, and gives what the platform showed with it.
func settle(s *canon.ActionSettled, r *WriteResult) []intake.Fact {
	s.Status, s.Code, s.Reason, s.Amount, s.ByHand, s.Made = string(r.Status), r.Code, r.Reason, r.Amount, r.ByHand, r.Made
	facts := slices.Clone(r.Also)
	if r.Shows != nil {
		facts = append(facts, *r.Shows)
	}
	return facts
}

// askOutcome asks the platform what became of an attempt of which nobody knows. Where it can tell, that settles it; where
// it can't, the action is parked for a person. A call that fails says nothing and is made again.
func (w *Writer) askOutcome(ctx context.Context, a *canon.Action) (againLater, error) {
	s := canon.ActionSettled{Key: a.Key, Attempt: a.Attempt, LookedUp: true, Status: string(sdk.StatusUnknown)}
	if a.Listing != nil && a.Kind != canon.ActionCreateListing { // what the listing shows now tells, and is written again if need be
		s.Code = "action.read"
		return againLater{}, w.journalAction(ctx, &s, nil, canon.Position{})
	}
	if w.o.Looker == nil {
		s.Code, s.Reason = "action.no_lookup", "the connector can't find out whether it happened: look at the platform"
		return againLater{}, w.journalAction(ctx, &s, nil, canon.Position{})
	}
	stamp := intake.ReadStamp(w.o.Journal)
	call, cancel := context.WithTimeout(ctx, w.o.CallTimeout)
	res, err := w.o.Looker.Lookup(call, &sdk.LookupRequest{Writes: []sdk.Write{actionWrite(a)}})
	cancel()
	if err != nil || len(res.Results) != 1 || res.Results[0].Key != a.Key {
		w.log.Warn("an action could not be looked up; it is asked for again", "of", subject(a), "key", a.Key, "error", err)
		return againLater{needed: true}, nil
	}
	r := &res.Results[0]
	if r.Status == sdk.StatusRetry || (r.Status == sdk.StatusUnknown && r.RetryAfterMillis > 0) {
		return againLater{needed: true, after: time.Duration(r.RetryAfterMillis) * time.Millisecond}, nil
	}
	facts := settle(&s, r)
	w.log.Info("action looked up", "kind", a.Kind, "of", subject(a), "key", a.Key, "status", s.Status, "code", s.Code)
	return againLater{}, w.journalAction(ctx, &s, facts, stamp)
}

// journalAction writes an outcome and what the platform showed as one batch, and waits until it is folded.
func (w *Writer) journalAction(ctx context.Context, s *canon.ActionSettled, facts []intake.Fact, stamp canon.Position) error {
	e, err := router.NewEntry(canon.EntryActionEnd, w.head(canon.Position{}, s.Attempt), s)
	if err != nil {
		return err
	}
	entries := []bus.Entry{e}
	for _, f := range facts {
		e, err := router.ObservationEntry(w.head(stamp, s.Attempt), f.Data, f.Personal)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	return w.appendOutcome(ctx, entries)
}
