package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// target is a level that can be written.
type target struct {
	ref   canon.Ref
	stock sdk.StockWrite // without Want and Expect
}

// writable starts the connector on a filled twin and gives n levels to write. The session is nil after a finding.
func (t *trial) writable(ctx context.Context, n int) (*session, []target, error) {
	s, all, err := t.filled(ctx)
	if s == nil {
		return nil, nil, err
	}
	listings := map[string]canon.Observation{} // by stock id
	var levels []canon.Observation
	for k, v := range all {
		var o canon.Observation
		if err := json.Unmarshal([]byte(v.content), &o); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", k, err)
		}
		switch {
		case o.Listing != nil:
			id := o.Listing.StockID
			if id == "" {
				id = o.ExternalID
			}
			listings[id] = o
		case o.Level != nil && o.Level.Available != nil:
			levels = append(levels, o)
		}
	}
	if len(levels) < n {
		t.notApplicable(fmt.Sprintf("of the twin's %d rows %d have stock that is tracked, %d are needed", rows, len(levels), n))
		return nil, nil, nil
	}
	slices.SortFunc(levels, func(a, b canon.Observation) int { return strings.Compare(a.ExternalID, b.ExternalID) })
	targets := make([]target, n)
	for i, o := range levels[:n] {
		targets[i] = target{ref: o.Ref(), stock: sdk.StockWrite{StockID: o.Level.StockID, Location: o.Level.Location}}
		if l, ok := listings[o.Level.StockID]; ok {
			targets[i].stock.ListingID, targets[i].stock.ProductID = l.ExternalID, l.Listing.ProductID
		}
	}
	return s, targets, nil
}

// levelTarget makes a target of an observed level.
func levelTarget(k key) (target, bool) {
	stock, location := canon.SplitLevelID(k.id)
	return target{
		ref: canon.Ref{Kind: k.kind, ExternalID: k.id}, stock: sdk.StockWrite{StockID: stock, Location: location},
	}, k.kind == canon.KindLevel
}

// write makes a write with a key that was never used.
func (t *trial) write(g target, want, expect int64) sdk.Write {
	stock := g.stock
	stock.Want, stock.Expect = want, expect
	return sdk.Write{Key: t.writeKey(), Ref: g.ref, Stock: &stock}
}

// level reads what the platform shows now.
func (s *session) level(ctx context.Context, g target) (int64, error) {
	if wait := time.Duration(s.trial.about.SettleMillis) * time.Millisecond; wait > 0 {
		time.Sleep(min(wait, 5*time.Second))
	}
	all := shown{}
	if can(sdk.CanRead)(s.trial.kit) == "" {
		r, err := s.Read(ctx, &sdk.ReadRequest{
			Refs:  []canon.Ref{g.ref},
			Hints: []sdk.ReadHint{{ProductID: g.stock.ProductID, ListingID: g.stock.ListingID}},
		})
		s.trial.hear(err)
		if err != nil {
			return 0, err
		}
		if err := all.see(r.Facts); err != nil {
			return 0, err
		}
	} else {
		var err error
		if all, _, err = s.snapshot(ctx, nil); err != nil {
			return 0, err
		}
	}
	for k, v := range all {
		if k.kind != canon.KindLevel || k.id != g.ref.ExternalID {
			continue
		}
		var o canon.Observation
		if err := json.Unmarshal([]byte(v.content), &o); err != nil {
			return 0, err
		}
		if o.Level != nil && o.Level.Available != nil {
			return *o.Level.Available, nil
		}
	}
	return 0, fmt.Errorf("the level %s, which was observed before, is not read", g.ref.ExternalID)
}

// applied sends writes. An error leaves all of them unknown, as it does for the hub.
func (s *session) applied(ctx context.Context, writes ...sdk.Write) []host.Result {
	r, err := s.Apply(ctx, &sdk.ApplyRequest{Writes: writes})
	s.trial.hear(err)
	if err == nil {
		s.trial.mu.Lock()
		for _, res := range r.Results {
			s.trial.said = append(s.trial.said, res.Reason)
		}
		s.trial.mu.Unlock()
		return r.Results
	}
	if errors.Is(err, host.ErrBadAnswer) {
		s.trial.find("Apply breaks the protocol: %v", err)
	}
	out := make([]host.Result, len(writes))
	for i, w := range writes {
		out[i] = host.Result{Key: w.Key, Status: sdk.StatusUnknown, Reason: err.Error()}
	}
	return out
}

// tryApply raises some levels in one batch.
func tryApply(ctx context.Context, t *trial) error {
	s, targets, err := t.writable(ctx, 3)
	if s == nil {
		return err
	}
	writes := make([]sdk.Write, len(targets))
	for i, g := range targets {
		old, err := s.level(ctx, g)
		if err != nil {
			t.find("%v", err)
			return nil
		}
		writes[i] = t.write(g, old+2, old)
	}
	for i, r := range s.applied(ctx, writes...) {
		if r.Status != sdk.StatusApplied && r.Status != sdk.StatusDuplicate {
			t.find("a write from %d to %d is %s: %s %s", writes[i].Stock.Expect, writes[i].Stock.Want, r.Status, r.Code, r.Reason)
			continue
		}
		t.judge(ctx, s, targets[i], writes[i], r, "a write on a platform that is well")
		if r.Shows == nil {
			continue
		}
		o, err := r.Shows.Observation()
		if err != nil || o.Level == nil || o.Level.Available == nil || *o.Level.Available != writes[i].Stock.Want {
			t.find("the result says that the platform shows %s, want %d", brief(string(r.Shows.Data)), writes[i].Stock.Want)
		}
	}
	return nil
}

// judge compares what a result claims with what is so. It gives the level.
func (t *trial) judge(ctx context.Context, s *session, g target, w sdk.Write, r host.Result, when string) (shows int64, ok bool) {
	old, want := w.Stock.Expect, w.Stock.Want
	shows, err := s.level(ctx, g)
	if err != nil {
		t.find("%s: %v", when, err)
		return 0, false
	}
	said := string(r.Status)
	if r.Code != "" {
		said += " (" + r.Code + ")"
	}
	switch {
	case shows != old && shows != want:
		t.find("%s: the platform shows %d, neither %d as before nor %d as wanted: the write had an effect more than once", when, shows, old, want)
		return shows, false
	case (r.Status == sdk.StatusApplied || r.Status == sdk.StatusDuplicate) && shows != want:
		t.find("%s: the result is %s, and the platform shows %d as before, want %d", when, said, shows, want)
		return shows, false
	case denies(r.Status) && shows != old:
		t.find("%s: the result is %s, which says that nothing was done, and the platform shows the wanted %d", when, said, want)
		return shows, false
	}
	return shows, true
}

// denies reports whether a status says that the write did not happen.
func denies(s sdk.Status) bool {
	switch s {
	case sdk.StatusRetry, sdk.StatusRejected, sdk.StatusConflict, sdk.StatusNotRepresentable:
		return true
	}
	return false
}

// tryExpect writes where something else is shown than the hub believes.
func tryExpect(ctx context.Context, t *trial) error {
	s, targets, err := t.writable(ctx, 1)
	if s == nil {
		return err
	}
	old, err := s.level(ctx, targets[0])
	if err != nil {
		t.find("%v", err)
		return nil
	}
	w := t.write(targets[0], old+2, old+5)
	r := s.applied(ctx, w)[0]
	if r.Status != sdk.StatusConflict {
		t.find("a write that expects %d where %d is shown is %s, want %s", old+5, old, r.Status, sdk.StatusConflict)
	}
	shows, err := s.level(ctx, targets[0])
	switch {
	case err != nil:
		t.find("%v", err)
	case shows != old:
		t.find("a write that expects %d where %d is shown changed it to %d", old+5, old, shows)
	}
	return nil
}

// tryRepeat sends a write twice.
func tryRepeat(ctx context.Context, t *trial) error {
	s, targets, err := t.writable(ctx, 1)
	if s == nil {
		return err
	}
	old, err := s.level(ctx, targets[0])
	if err != nil {
		t.find("%v", err)
		return nil
	}
	w := t.write(targets[0], old+2, old)
	first := s.applied(ctx, w)[0]
	second := s.applied(ctx, w)[0]
	if second.Status == sdk.StatusRejected || second.Status == sdk.StatusRetry {
		t.find("a write that comes again under its key is %s after it was %s", second.Status, first.Status)
	}
	shows, err := s.level(ctx, targets[0])
	switch {
	case err != nil:
		t.find("%v", err)
	case shows != old+2:
		t.find("a write of %d that came twice leaves %d", old+2, shows)
	}
	return nil
}

// tryPartial sends a batch with one write for something that is not there.
func tryPartial(ctx context.Context, t *trial) error {
	s, targets, err := t.writable(ctx, 2)
	if s == nil {
		return err
	}
	writes := make([]sdk.Write, 0, 3)
	for _, g := range targets {
		old, err := s.level(ctx, g)
		if err != nil {
			t.find("%v", err)
			return nil
		}
		writes = append(writes, t.write(g, old+2, old))
	}
	const more = "999999" // keeps the shape of an id, and is none
	missing := targets[0]
	missing.stock.StockID += more
	if missing.stock.ListingID != "" {
		missing.stock.ListingID += more
	}
	if missing.stock.ProductID != "" {
		missing.stock.ProductID += more
	}
	missing.ref.ExternalID = canon.LevelID(missing.stock.StockID, missing.stock.Location)
	writes = slices.Insert(writes, 1, t.write(missing, 3, 1))
	results := s.applied(ctx, writes...)
	switch results[1].Status {
	case sdk.StatusRejected, sdk.StatusConflict, sdk.StatusNotRepresentable:
	default:
		t.find("the write for a stock that the platform does not have is %s, want %s", results[1].Status, sdk.StatusRejected)
	}
	for i, at := range []int{0, 2} {
		if results[at].Status != sdk.StatusApplied && results[at].Status != sdk.StatusDuplicate {
			t.find("a good write beside a bad one is %s: %s %s", results[at].Status, results[at].Code, results[at].Reason)
			continue
		}
		t.judge(ctx, s, targets[i], writes[at], results[at], "a good write beside a bad one")
	}
	return nil
}

// sweep disturbs each request of a write in turn and judges what becomes of it. also, where it is set, looks further.
func (t *trial) sweep(ctx context.Context, faults map[fault]string, also func(*session, target, sdk.Write, host.Result, int64, string)) error {
	s, targets, err := t.writable(ctx, 1)
	if s == nil {
		return err
	}
	g := targets[0]
	shows, err := s.level(ctx, g)
	if err != nil {
		t.find("%v", err)
		return nil
	}
	n, _ := t.places(func() error { s.applied(ctx, t.write(g, shows+1, shows)); return nil })
	for _, f := range sortedFaults(faults) {
		for k := 1; k <= n; k++ {
			if shows, err = s.level(ctx, g); err != nil {
				t.find("%v", err)
				return nil
			}
			w := t.write(g, shows+3, shows)
			t.proxy.at(k, f)
			r := s.applied(ctx, w)[0]
			log := t.proxy.clear()
			when := fmt.Sprintf("request %d of a write %s", k, faults[f])
			t.tooEarly(log)
			after, ok := t.judge(ctx, s, g, w, r, when)
			if !ok {
				return nil
			}
			also(s, g, w, r, after, when)
			if len(t.findings) > 0 {
				return nil
			}
		}
	}
	return nil
}

func sortedFaults(m map[fault]string) []fault {
	var out []fault
	for f := range m {
		out = append(out, f)
	}
	slices.Sort(out)
	return out
}

// tryApplyThrottled throttles each request of a write in turn, and tries again as the result says.
func tryApplyThrottled(ctx context.Context, t *trial) error {
	return t.sweep(ctx, map[fault]string{faultThrottle: "is answered with 429"}, func(s *session, g target, w sdk.Write, r host.Result, _ int64, when string) {
		switch {
		case r.Status == sdk.StatusRetry && r.RetryAfter < retryAfter*19/20:
			t.find("%s and Retry-After %v: the result is retry after %v", when, retryAfter, r.RetryAfter)
		case r.Status == sdk.StatusRetry:
			time.Sleep(r.RetryAfter)
			second := s.applied(ctx, w)[0]
			if second.Status != sdk.StatusApplied && second.Status != sdk.StatusDuplicate {
				t.find("%s: tried again after %v the write is %s: %s %s", when, r.RetryAfter, second.Status, second.Code, second.Reason)
				return
			}
			t.judge(ctx, s, g, w, second, when+", and it was tried again")
		case r.Status != sdk.StatusApplied && r.Status != sdk.StatusDuplicate:
			t.find("%s: the result is %s (%s), want retry", when, r.Status, r.Code)
		}
	})
}

// tryNotDone keeps each request of a write from the platform in turn.
func tryNotDone(ctx context.Context, t *trial) error {
	return t.sweep(ctx, map[fault]string{
		faultRefuse: "fails with 500 before anything was done", faultDropBefore: "is cut off before anything was done",
	}, func(_ *session, _ target, _ sdk.Write, r host.Result, _ int64, when string) {
		if r.Status == sdk.StatusRejected {
			t.find("%s: the result is rejected (%s), which is for good", when, r.Code)
		}
	})
}

// tryUnknown loses the answer to each request of a write in turn, and looks up what is unknown.
func tryUnknown(ctx context.Context, t *trial) error {
	return t.sweep(ctx, map[fault]string{
		faultCommit500: "is done and answered with 500", faultDropAfter: "is done and its answer is lost",
	}, func(s *session, _ target, w sdk.Write, r host.Result, shows int64, when string) {
		if r.Status != sdk.StatusUnknown || can(sdk.CanLookup)(t.kit) != "" {
			return
		}
		found, err := s.Lookup(ctx, &sdk.LookupRequest{Writes: []sdk.Write{w}})
		t.hear(err)
		if err != nil {
			t.find("%s: Lookup fails: %v", when, err)
			return
		}
		switch status := found.Results[0].Status; {
		case (status == sdk.StatusApplied || status == sdk.StatusDuplicate) && shows != w.Stock.Want:
			t.find("%s: Lookup says %s, and the platform shows %d as before", when, status, shows)
		case denies(status) && shows == w.Stock.Want:
			t.find("%s: Lookup says %s, and the platform shows the wanted %d", when, status, shows)
		}
	})
}
