package reconcile

import (
	"context"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Looker asks a platform whether a write happened; nil where its connector can't.
type Looker interface {
	Lookup(ctx context.Context, req *sdk.LookupRequest) (*ApplyResult, error)
}

// codeNotDone is what the hub notes of a write that a platform says it never carried out.
const codeNotDone = "write.not_done"

// mayLookUp reports whether the outcome of a level's newest write is to be asked for: not known, and not asked yet.
func (w *Writer) mayLookUp(l *level, want *canon.Want) bool {
	return w.o.Looker != nil && want.Sent != nil && (want.Write == canon.WriteAttempted || want.Write == canon.WriteUnknown) &&
		want.Attempt.Compare(l.lookedUp) > 0
}

// lookUp asks the platform what became of a write, once it had time to carry it out. An answer settles the write; where
// the platform does not know, a read has to (DESIGN 3: looked up if the platform can).
func (w *Writer) lookUp(ctx context.Context, l *level, b *canon.Binding) error {
	want := b.Wants
	if after := want.At.Add(w.settle); after.After(time.Now()) {
		w.later[l.id] = after
		return nil
	}
	v, err := w.o.Store.View()
	if err != nil {
		return err
	}
	j, err := w.job(v, l, b)
	v.Close()
	if err != nil {
		return err
	}
	j.key, j.want, j.stock.Want = want.Key, *want.Sent, *want.Sent
	l.busy = true
	w.work.Go(func() {
		settled, err := w.askWhether(ctx, j, want.Attempt)
		w.inbox.put(func() error {
			l.busy = false
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			if l.lookedUp = want.Attempt; settled && l.unknown.Compare(want.Attempt) <= 0 {
				l.unknown = canon.Position{}
			}
			w.look(l.id, true)
			return nil
		})
	})
	return nil
}

// askWhether makes the call and journals what it says, if that settles the write. A call that fails says nothing.
func (w *Writer) askWhether(ctx context.Context, j job, attempt canon.Position) (settled bool, err error) {
	if err := w.o.Budget.Wait(ctx, intake.Usual); err != nil {
		return false, err
	}
	stamp := intake.ReadStamp(w.o.Journal)
	call, cancel := context.WithTimeout(ctx, w.o.CallTimeout)
	defer cancel()
	res, err := w.o.Looker.Lookup(call, &sdk.LookupRequest{Writes: []sdk.Write{{
		Key: j.key, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: j.level.id}, Stock: &j.stock,
	}}})
	if err != nil {
		w.log.Warn("a write could not be looked up; it is read", "level", j.level.id, "error", err)
		return false, nil
	}
	if len(res.Results) != 1 || res.Results[0].Key != j.key {
		w.log.Warn("a write was looked up without an answer; it is read", "level", j.level.id)
		return false, nil
	}
	r := res.Results[0]
	o := outcome{status: r.Status, code: r.Code, reason: r.Reason, attempt: attempt}
	switch r.Status {
	case sdk.StatusApplied:
	case sdk.StatusRejected: // it did not happen; whether it is still wanted is decided anew
		o.status, o.code = sdk.StatusRetry, codeNotDone
	default:
		return false, nil
	}
	var facts []intake.Fact
	if r.Shows != nil {
		facts = append(facts, *r.Shows)
	}
	return true, w.journalOutcome(ctx, []job{j}, []outcome{o}, facts, stamp)
}
