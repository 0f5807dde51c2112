package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Codes that the hub itself gives for writes that were announced and not sent.
const (
	codeWithdrawn   = "write.withdrawn"       // no longer wanted, or the connection may no longer be written
	codeUnavailable = "connector.unavailable" // the plugin process does not run
)

// journalGrace is how long an outcome may take to be journaled after the hub was told to stop.
const journalGrace = 5 * time.Second

// boundEvery is how long a count of the bound listings holds.
const boundEvery = time.Minute

// job is one write that was decided.
type job struct {
	level  *level
	key    string
	want   int64
	expect int64
	cause  canon.Position
	toZero bool
	stock  sdk.StockWrite
}

// outcome is what became of a job.
type outcome struct {
	status     sdk.Status
	code       string
	reason     string
	retryAfter time.Duration
	shown      bool // the answer told what the platform shows
	attempt    canon.Position
}

// sendDue starts the calls that may be made now and gives the moment of the next one; zero when none waits for time.
func (w *Writer) sendDue(ctx context.Context) (time.Time, error) {
	for w.writing && w.adopting == 0 && ctx.Err() == nil {
		c, ok := w.nextClass()
		now := time.Now()
		// What a person asked for comes before stock is raised, and after it is lowered.
		act, next, err := w.nextAction(now)
		if err != nil {
			return time.Time{}, err
		}
		if act != nil && (!ok || c == raise) {
			wake, err := w.act(ctx, act, now)
			if err != nil || !wake.IsZero() {
				return wake, err
			}
			continue
		}
		if !ok {
			return next, nil
		}
		if now.Before(w.holdTill) {
			return w.holdTill, nil
		}
		token, wait := w.o.Budget.Take(laneOf(c), now)
		if token == nil {
			return now.Add(wait), nil
		}
		batch, err := w.pick(c)
		if err != nil {
			return time.Time{}, err
		}
		if len(batch) == 0 {
			token.Return()
			continue
		}
		changes := make([]change, len(batch))
		for i, j := range batch {
			changes[i] = change{at: now, toZero: j.toZero}
		}
		// Invariant 9: the fuse is asked before anything is sent.
		reason, err := w.fuse.Check(now, changes, w.countBound)
		if err != nil {
			return time.Time{}, err
		}
		if reason != "" {
			token.Return()
			if w.calls > 0 {
				// What was let through before is sent and settled first; tripping now would withdraw it.
				w.putBack(c, batch)
				return time.Time{}, nil
			}
			return time.Time{}, w.trip(ctx, reason, batch[0].cause)
		}
		w.fuse.Sent(changes)
		for _, j := range batch {
			j.level.busy = true
		}
		w.calls++
		w.state.sending(len(batch))
		w.work.Go(func() {
			outcomes, err := w.send(ctx, batch)
			w.inbox.put(func() error { return w.sent(ctx, batch, outcomes, err) })
		})
	}
	return time.Time{}, nil
}

// laneOf gives the lane of a class: a sale goes before everything else that the platform is asked.
func laneOf(c class) intake.Lane {
	if c == sale {
		return intake.Urgent
	}
	return intake.Usual
}

// nextClass gives the most urgent class that a call may be made for now.
func (w *Writer) nextClass() (class, bool) {
	for c := sale; c < classes; c++ {
		limit := w.o.Calls
		if c != sale {
			limit = max(limit-1, 1)
		}
		if w.failing {
			limit = 1
		}
		if len(w.queues[c]) > 0 && w.calls < limit {
			return c, true
		}
	}
	return 0, false
}

// pick takes a batch of one class and decides again about each level in it.
func (w *Writer) pick(c class) ([]job, error) {
	v, err := w.o.Store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	limit := w.maxBatch
	if n := w.o.Calls; c == sale && w.o.Budget.Free(n) {
		// Side by side, the last of many sales does not wait for all the others in one call.
		limit = min(limit, (len(w.queues[c])+n-1)/n)
	}
	if w.failing {
		limit = 1
	}
	var batch []job
	for len(batch) < limit && len(w.queues[c]) > 0 {
		l := w.levels[w.queues[c][0]]
		w.queues[c] = w.queues[c][1:]
		l.queued = false
		if l.busy {
			continue
		}
		b, err := loadLevel(v, w.o.Name, l.id)
		if err != nil {
			return nil, err
		}
		act, _, err := w.decide(v, l, b)
		if err != nil {
			return nil, err
		}
		if act != write {
			w.look(l.id, true)
			continue
		}
		j, err := w.job(v, l, b)
		if err != nil {
			return nil, err
		}
		batch = append(batch, j)
	}
	return batch, nil
}

// putBack queues a batch again, before everything else of its class.
func (w *Writer) putBack(c class, batch []job) {
	ids := make([]string, len(batch), len(batch)+len(w.queues[c]))
	for i, j := range batch {
		ids[i] = j.level.id
		j.level.queued = true
	}
	w.queues[c] = append(ids, w.queues[c]...)
}

func (w *Writer) job(v store.View, l *level, b *canon.Binding) (job, error) {
	listing, err := intake.ListingOf(v, w.o.Name, l.id)
	if err != nil {
		return job{}, err
	}
	stockID, location := canon.SplitLevelID(l.id)
	want := *b.Wants.Quantity
	return job{
		level: l, key: nextKey(w.o.Name, l.id, b.Wants, l.retryKey), want: want, expect: b.Wants.Shows, cause: b.Wants.Cause,
		toZero: want == 0 && !b.Wants.ByClaim,
		stock: sdk.StockWrite{
			StockID: stockID, Location: location, ListingID: listing.ListingID, ProductID: listing.ProductID,
			Want: want, Expect: b.Wants.Shows,
		},
	}, nil
}

// trip stops the connection's outbound side and says why. What comes in goes on.
func (w *Writer) trip(ctx context.Context, reason string, cause canon.Position) error {
	w.tripped, w.writing = true, false
	for i := range w.queues {
		for _, id := range w.queues[i] {
			w.levels[id].queued = false
		}
		w.queues[i] = nil
	}
	w.log.Error("fuse tripped: nothing is written until the connection is resumed", "reason", reason)
	e, err := router.NewEntry(canon.EntryFuse, w.head(canon.Position{}, cause), canon.FuseTripped{Reason: reason})
	if err != nil {
		return err
	}
	receipt, err := intake.Append(ctx, w.o.Journal, bus.ClassCommand, e)
	if err != nil {
		return err
	}
	return w.o.Journal.WaitFolded(ctx, receipt.Offset)
}

func (w *Writer) head(stamp, cause canon.Position) canon.Head {
	return canon.Head{Connection: w.o.Name, Actor: "hub", ReadStamp: stamp, Cause: cause}
}

// send announces a batch, makes the call and journals the outcome. Nothing is sent before the announcement is
// durable, so that a hub that is killed at any moment knows what may have been written.
func (w *Writer) send(ctx context.Context, batch []job) ([]outcome, error) {
	var attempt canon.Attempt
	for _, j := range batch {
		attempt.Writes = append(attempt.Writes, canon.AttemptedWrite{
			Key: j.key, ExternalID: j.level.id, Want: j.want, Expect: j.expect, Cause: j.cause,
		})
	}
	e, err := router.NewEntry(canon.EntryAttempt, w.head(canon.Position{}, batch[0].cause), attempt)
	if err != nil {
		return nil, err
	}
	receipt, err := intake.Append(ctx, w.o.Journal, bus.ClassCommand, e)
	if err != nil {
		return nil, err
	}
	outcomes := make([]outcome, len(batch))
	req := &sdk.ApplyRequest{}
	var asked []int
	still, err := w.stillWanted(batch)
	if err != nil {
		return nil, err
	}
	for i, j := range batch {
		outcomes[i].attempt = receipt.Position(0)
		if !still[i] {
			outcomes[i].status, outcomes[i].code = sdk.StatusRetry, codeWithdrawn
			continue
		}
		asked = append(asked, i)
		req.Writes = append(req.Writes, sdk.Write{
			Key: j.key, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: j.level.id}, Stock: &j.stock,
		})
	}
	var facts []intake.Fact
	stamp := intake.ReadStamp(w.o.Journal)
	if len(asked) > 0 {
		call, cancel := context.WithTimeout(ctx, w.o.CallTimeout)
		res, err := w.o.Applier.Apply(call, req)
		cancel()
		facts = interpret(batch, asked, res, err, outcomes)
	}
	return outcomes, w.journalOutcome(ctx, batch, outcomes, facts, stamp)
}

// stillWanted looks once more before the call: at the mode of what is written, and whether each level still differs in the
// way that was decided about.
func (w *Writer) stillWanted(batch []job) ([]bool, error) {
	v, err := w.o.Store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	now, err := loadReach(v, w.o.Name)
	if err != nil {
		return nil, err
	}
	still := make([]bool, len(batch))
	for i, j := range batch {
		if !now.writesLevel(j.level.id) {
			continue
		}
		b, err := loadLevel(v, w.o.Name, j.level.id)
		if err != nil {
			return nil, err
		}
		still[i] = b != nil && b.Wants.Differs() && *b.Wants.Quantity == j.want && b.Wants.Shows == j.expect
	}
	return still, nil
}

// interpret turns the answer to a call into outcomes and gives what the platform showed with it. Without an answer the
// outcome is unknown, unless it is certain that nothing was sent.
func interpret(batch []job, asked []int, res *ApplyResult, err error, outcomes []outcome) []intake.Fact {
	byKey := make(map[string]WriteResult)
	if err == nil {
		for _, r := range res.Results {
			byKey[r.Key] = r
		}
	}
	var facts []intake.Fact
	for _, i := range asked {
		o := &outcomes[i]
		r, answered := byKey[batch[i].key]
		switch {
		case errors.Is(err, ErrNotSent):
			o.status, o.code, o.reason = sdk.StatusRetry, codeUnavailable, err.Error()
		case err != nil:
			o.status, o.reason = sdk.StatusUnknown, err.Error()
		case !answered:
			o.status, o.reason = sdk.StatusUnknown, "the connector gave no result for this write"
		default:
			o.status, o.code, o.reason = r.Status, r.Code, r.Reason
			o.retryAfter = time.Duration(r.RetryAfterMillis) * time.Millisecond
			if r.Shows != nil && r.Status != sdk.StatusUnknown {
				o.shown = true
				facts = append(facts, *r.Shows)
			}
		}
	}
	return facts
}

// journalOutcome writes the outcomes and what the platform showed as one batch, and waits until it is folded: the next
// decision about these levels is taken on what the outcome made of them.
func (w *Writer) journalOutcome(ctx context.Context, batch []job, outcomes []outcome, facts []intake.Fact, stamp canon.Position) error {
	var settled canon.Settled
	for i, j := range batch {
		o := outcomes[i]
		settled.Writes = append(settled.Writes, canon.SettledWrite{
			Key: j.key, ExternalID: j.level.id, Want: j.want, Status: string(o.status), Code: o.code, Reason: o.reason,
			Attempt: o.attempt,
		})
	}
	e, err := router.NewEntry(canon.EntrySettled, w.head(canon.Position{}, outcomes[0].attempt), settled)
	if err != nil {
		return err
	}
	entries := []bus.Entry{e}
	for _, f := range facts {
		e, err := router.ObservationEntry(w.head(stamp, outcomes[0].attempt), f.Data, f.Personal)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	return w.appendOutcome(ctx, entries)
}

// appendOutcome writes an outcome and waits until it is folded. What was done is journaled even when the hub is told to
// stop meanwhile.
func (w *Writer) appendOutcome(ctx context.Context, entries []bus.Entry) error {
	journal, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(journalGrace, cancel) })
	defer stop()
	receipt, err := intake.Append(journal, w.o.Journal, bus.ClassCommand, entries...)
	if err != nil {
		return err
	}
	return w.o.Journal.WaitFolded(ctx, receipt.Offset)
}

// sent takes in what became of a batch.
func (w *Writer) sent(ctx context.Context, batch []job, outcomes []outcome, err error) error {
	w.calls--
	w.state.sent(len(batch), outcomes)
	for _, j := range batch {
		j.level.busy = false
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	now := time.Now()
	failed := true
	for i, j := range batch {
		o, l := outcomes[i], j.level
		l.retryKey, l.notBefore = "", time.Time{}
		switch o.status {
		case sdk.StatusRetry:
			l.retryKey = j.key
			if o.code == codeWithdrawn {
				failed = false
				break
			}
			if o.retryAfter > 0 {
				w.holdUntil(now.Add(o.retryAfter))
			}
		case sdk.StatusUnknown:
			l.unknown = o.attempt
		case sdk.StatusConflict:
			failed = false
			if l.conflicts++; l.conflicts > 1 {
				l.notBefore = now.Add(conflictDelay(l.conflicts))
			}
			if !o.shown {
				l.unknown = o.attempt // what it shows instead has to be read
			}
		default:
			failed, l.conflicts = false, 0
		}
		w.look(l.id, true)
	}
	w.failing = failed
	if failed {
		w.holdUntil(now.Add(w.retry.NextBackOff()))
		w.log.Warn("writes not done", "levels", len(batch), "status", outcomes[0].status, "code", outcomes[0].code, "reason", outcomes[0].reason)
	} else {
		w.retry.Reset()
	}
	return nil
}

func (w *Writer) holdUntil(t time.Time) {
	if t.After(w.holdTill) {
		w.holdTill = t
	}
}

// conflictDelay spaces writes that conflict again and again: somebody else keeps changing the same level.
func conflictDelay(n int) time.Duration {
	d := 50 * time.Millisecond
	for i := 2; i < n && d < 30*time.Second; i++ {
		d *= 2
	}
	return d
}

// boundCount is a count of bound listings that holds for a while.
type boundCount struct {
	n  int
	at time.Time
}

func (w *Writer) countBound() (int, error) {
	if !w.bound.at.IsZero() && time.Since(w.bound.at) < boundEvery {
		return w.bound.n, nil
	}
	v, err := w.o.Store.View()
	if err != nil {
		return 0, err
	}
	defer v.Close()
	reach, err := loadReach(v, w.o.Name)
	if err != nil {
		return 0, err
	}
	n := 0
	err = eachLevel(v, w.o.Name, func(b *canon.Binding) error {
		if !b.Deleted && b.Wants != nil && b.Wants.Quantity != nil && reach.writesLevel(b.ExternalID) {
			n++
		}
		return nil
	})
	w.bound = boundCount{n: n, at: time.Now()}
	return n, err
}
