package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// actionWait is for how long the kit waits at most where a platform says that it can tell later.
const actionWait = 5 * time.Second

// orderActions are the actions that the kit tries: those on orders, which a Seller can show the effects of. What a connector
// writes to listings its own tests show.
func (k *kit) orderActions() []canon.ActionKind {
	return slices.DeleteFunc(slices.Clone(k.about.Actions), func(a canon.ActionKind) bool { return a.OnListing() })
}

// sell places an order of lines pieces.
func (t *trial) sell(ctx context.Context, lines int) (Sale, error) {
	sale, err := twinSays(t, func() (Sale, error) { return t.Twin.(Seller).Sell(ctx, lines) })
	if err == nil && (sale.Order == "" || len(sale.Lines) != lines) {
		err = fmt.Errorf("the twin's sale of %d has the order %q and the lines %v", lines, sale.Order, sale.Lines)
	}
	return sale, err
}

// action makes what a person's decision would ask for, under a key that was never used.
func (t *trial) action(kind canon.ActionKind, sale Sale) sdk.Write {
	a := &sdk.Action{Kind: kind, Refund: canon.RefundAuto, Reason: canon.ReasonInventory, Note: "tried by the kit", AttemptedAt: t.now().UTC()}
	if kind == canon.ActionRefundLines {
		a.Lines = []canon.ActionLine{{ID: sale.Lines[0], Quantity: 1}}
	}
	return sdk.Write{Key: t.writeKey(), Ref: canon.Ref{Kind: canon.KindOrder, ExternalID: sale.Order}, Action: a}
}

// effects asks the platform, not the connector, what was done with an order. ok is false after a finding: it was done twice.
func (t *trial) effects(ctx context.Context, sale Sale, when string) (done, ok bool, err error) {
	e, err := twinSays(t, func() (Effects, error) { return t.Twin.(Seller).Effects(ctx, sale.Order) })
	if err != nil {
		return false, false, err
	}
	if e.Cancels > 1 || e.Refunds > 1 {
		t.find("%s: the platform has cancelled the order %d times and refunded it %d times", when, e.Cancels, e.Refunds)
		return true, false, nil
	}
	return e.Cancels+e.Refunds > 0, true, nil
}

// judgeAction compares what a result claims with what the platform did. ok is false after a finding.
func (t *trial) judgeAction(ctx context.Context, sale Sale, r host.Result, when string) (done, ok bool, err error) {
	done, ok, err = t.effects(ctx, sale, when)
	if err != nil || !ok {
		return done, false, err
	}
	switch {
	case claims(r.Status) && !done:
		t.find("%s: the result is %s, and the platform has done nothing", when, r.Status)
		return done, false, nil
	case denies(r.Status) && done:
		t.find("%s: the result is %s (%s), which says that nothing was done, and the platform has done it", when, r.Status, r.Code)
		return done, false, nil
	}
	return done, true, nil
}

// claims reports whether a status says that the write happened.
func claims(s sdk.Status) bool { return s == sdk.StatusApplied || s == sdk.StatusDuplicate }

// selling starts the connector on a filled twin; the session is nil after a finding.
func (t *trial) selling(ctx context.Context) (*session, error) {
	s, _, err := t.filled(ctx)
	return s, err
}

// tryAction carries each action out, once and again.
func tryAction(ctx context.Context, t *trial) error {
	s, err := t.selling(ctx)
	if s == nil {
		return err
	}
	for _, kind := range t.orderActions() {
		sale, err := t.sell(ctx, 1)
		if err != nil {
			return err
		}
		w, when := t.action(kind, sale), fmt.Sprintf("the action %s on a platform that is well", kind)
		r := s.applied(ctx, w)[0]
		if !claims(r.Status) {
			t.find("%s is %s: %s %s", when, r.Status, r.Code, r.Reason)
			continue
		}
		if _, ok, err := t.judgeAction(ctx, sale, r, when); err != nil || !ok {
			return err
		}
		if r.Shows != nil {
			if o, err := r.Shows.Observation(); err != nil || o.Order == nil || o.ExternalID != sale.Order {
				t.find("%s: the result shows %s, want the order %s", when, brief(string(r.Shows.Data)), sale.Order)
			}
		}
		second := s.applied(ctx, w)[0]
		if !claims(second.Status) {
			t.find("the action %s that comes again under its key is %s (%s) after it was %s", kind, second.Status, second.Code, r.Status)
		}
		if _, _, err := t.effects(ctx, sale, fmt.Sprintf("the action %s came twice under one key", kind)); err != nil {
			return err
		}
		if found, ok := t.lookUp(ctx, s, w, when); ok && !claims(found.Status) && found.Status != sdk.StatusUnknown {
			t.find("%s: it was done, and Lookup says %s (%s)", when, found.Status, found.Code)
		}
	}
	return nil
}

// lookUp asks for one action, again where the platform can tell later. ok is false after a finding.
func (t *trial) lookUp(ctx context.Context, s *session, w sdk.Write, when string) (host.Result, bool) {
	for waited := time.Duration(0); ; {
		found, err := s.Lookup(ctx, &sdk.LookupRequest{Writes: []sdk.Write{w}})
		t.hear(err)
		if err != nil {
			t.find("%s: Lookup fails: %v", when, err)
			return host.Result{}, false
		}
		r := found.Results[0]
		if r.Status == sdk.StatusRetry { // it could not ask now
			r.Status, r.RetryAfter = sdk.StatusUnknown, max(r.RetryAfter, 10*time.Millisecond)
		}
		if r.Status != sdk.StatusUnknown || r.RetryAfter <= 0 || waited+r.RetryAfter > actionWait {
			return r, true
		}
		waited += r.RetryAfter
		select {
		case <-ctx.Done():
			return r, false
		case <-time.After(r.RetryAfter):
		}
	}
}

// tryActionPartial sends a batch whose middle one is for an order that is not there.
func tryActionPartial(ctx context.Context, t *trial) error {
	s, err := t.selling(ctx)
	if s == nil {
		return err
	}
	for _, kind := range t.orderActions() {
		var writes []sdk.Write
		var sales []Sale
		for range 2 {
			sale, err := t.sell(ctx, 1)
			if err != nil {
				return err
			}
			sales, writes = append(sales, sale), append(writes, t.action(kind, sale))
		}
		missing := sales[0]
		missing.Order += "999999" // keeps the shape of an id, and is none
		writes = []sdk.Write{writes[0], t.action(kind, missing), writes[1]}
		results := s.applied(ctx, writes...)
		if r := results[1]; r.Status != sdk.StatusRejected {
			t.find("the action %s on an order that is not there is %s (%s), want %s", kind, r.Status, r.Code, sdk.StatusRejected)
		}
		for i, at := range []int{0, 2} {
			when := fmt.Sprintf("the action %s beside one on an order that is not there", kind)
			if !claims(results[at].Status) {
				t.find("%s is %s: %s %s", when, results[at].Status, results[at].Code, results[at].Reason)
			}
			if _, _, err := t.judgeAction(ctx, sales[i], results[at], when); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepActions disturbs each request of each action in turn, every time on an order of its own.
func (t *trial) sweepActions(ctx context.Context, faults map[fault]string, also func(s *session, sale Sale, w sdk.Write, r host.Result, done bool, when string) error) error {
	s, err := t.selling(ctx)
	if s == nil {
		return err
	}
	for _, kind := range t.orderActions() {
		sale, err := t.sell(ctx, 1)
		if err != nil {
			return err
		}
		w := t.action(kind, sale)
		n, _ := t.places(func() error { s.applied(ctx, w); return nil })
		for _, f := range sortedFaults(faults) {
			for k := 1; k <= n; k++ {
				if sale, err = t.sell(ctx, 1); err != nil {
					return err
				}
				w := t.action(kind, sale)
				t.proxy.at(k, f)
				r := s.applied(ctx, w)[0]
				t.tooEarly(t.proxy.clear())
				when := fmt.Sprintf("request %d of the action %s %s", k, kind, faults[f])
				done, ok, err := t.judgeAction(ctx, sale, r, when)
				if err != nil || !ok {
					return err
				}
				if r.Status == sdk.StatusRejected && !done {
					t.find("%s: the result is rejected (%s), which is for good", when, r.Code)
				}
				if err := also(s, sale, w, r, done, when); err != nil {
					return err
				}
				if len(t.findings) > 0 {
					return nil
				}
			}
		}
	}
	return nil
}

// tryActionThrottled throttles each request of an action in turn, and tries again as the result says.
func tryActionThrottled(ctx context.Context, t *trial) error {
	return t.sweepActions(ctx, map[fault]string{faultThrottle: "is answered with 429"}, func(s *session, sale Sale, w sdk.Write, r host.Result, _ bool, when string) error {
		switch {
		case r.Status == sdk.StatusRetry && r.RetryAfter < retryAfter*19/20:
			t.find("%s and Retry-After %v: the result is retry after %v", when, retryAfter, r.RetryAfter)
		case r.Status == sdk.StatusRetry:
			time.Sleep(min(r.RetryAfter, actionWait))
			return t.finishAction(ctx, s, sale, w, when+", and it was tried again")
		case !claims(r.Status) && r.Status != sdk.StatusUnknown:
			t.find("%s: the result is %s (%s), want retry", when, r.Status, r.Code)
		}
		return nil
	})
}

// finishAction tries an action again that did not happen: it has to happen, once.
func (t *trial) finishAction(ctx context.Context, s *session, sale Sale, w sdk.Write, when string) error {
	r := s.applied(ctx, w)[0]
	if !claims(r.Status) {
		t.find("%s: it is %s: %s %s", when, r.Status, r.Code, r.Reason)
		return nil
	}
	_, _, err := t.judgeAction(ctx, sale, r, when)
	return err
}

// tryActionUnknown loses the answer to each request of an action in turn, whether it was done or not, and goes on as the hub
// does: what is unknown is looked up, and only what did not happen is tried again.
func tryActionUnknown(ctx context.Context, t *trial) error {
	return t.sweepActions(ctx, map[fault]string{
		faultCommit500: "is done and answered with 500", faultDropAfter: "is done and its answer is lost",
		faultRefuse: "fails with 500 before anything was done", faultDropBefore: "is cut off before anything was done",
	}, func(s *session, sale Sale, w sdk.Write, r host.Result, done bool, when string) error {
		switch {
		case claims(r.Status):
			return nil
		case r.Status == sdk.StatusUnknown:
			found, ok := t.lookUp(ctx, s, w, when)
			switch {
			case !ok || found.Status == sdk.StatusUnknown: // a person decides
				return nil
			case claims(found.Status) && !done:
				t.find("%s: Lookup says %s, and the platform has done nothing", when, found.Status)
				return nil
			case denies(found.Status) && done:
				t.find("%s: Lookup says %s (%s), and the platform has done it", when, found.Status, found.Code)
				return nil
			case done:
				return nil
			}
		case r.Status == sdk.StatusRetry:
			time.Sleep(min(r.RetryAfter, actionWait))
		default:
			return nil
		}
		return t.finishAction(ctx, s, sale, w, when+", and it was tried again")
	})
}
