package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestAFilterLetsThroughWhatFitsAllOfIt(t *testing.T) {
	row := func(typ, event, place string) canon.Row {
		return canon.Row{Entity: "x", Type: typ, Event: event, Location: place}
	}
	sold := row("item", "item.sold", "paris")
	for name, c := range map[string]struct {
		f    Filter
		row  canon.Row
		want bool
	}{
		"nothing asked":        {Filter{}, sold, true},
		"the entity":           {Filter{Entities: []string{"item", "order"}}, sold, true},
		"another entity":       {Filter{Entities: []string{"order"}}, sold, false},
		"the event":            {Filter{Events: []string{"item.sold"}}, sold, true},
		"a pattern":            {Filter{Events: []string{"order.*", "item.*"}}, sold, true},
		"another event":        {Filter{Events: []string{"item.created"}}, sold, false},
		"without a qualifier":  {Filter{Events: []string{"case.opened"}}, row("case", "case.opened:double_claim", ""), true},
		"the place":            {Filter{Locations: []string{"lyon", "paris"}}, sold, true},
		"another place":        {Filter{Locations: []string{"lyon"}}, sold, false},
		"no place":             {Filter{Locations: []string{"lyon"}}, row("item", "item.sold", ""), false},
		"no place, asked for":  {Filter{Locations: []string{"lyon", "-"}}, row("item", "item.sold", ""), true},
		"entity but not place": {Filter{Entities: []string{"item"}, Locations: []string{"lyon"}}, sold, false},
		"about deliveries":     {Filter{}, row(canon.TypeDelivery, "delivery.parked:x", ""), false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.f.Wants(&c.row)) })
	}
}

// timeline is a view with rows, and the journal of what a Sender says of itself, which is folded at once.
type timeline struct {
	t       *testing.T
	mu      sync.Mutex
	store   *store.Memory
	offset  uint64
	commits chan router.Commit
	fused   string
}

func newTimeline(t *testing.T) *timeline {
	l := &timeline{t: t, store: store.NewMemory(), commits: make(chan router.Commit, 10_000)}
	l.commit(func(tx *store.Tx, _ canon.Position) error {
		return store.Save(tx, store.PrefixConn+"hooks", canon.Connection{Name: "hooks", Mode: canon.ModeLive})
	})
	return l
}

func (l *timeline) commit(fill func(*store.Tx, canon.Position) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, err := l.store.View()
	require.NoError(l.t, err)
	defer v.Close()
	l.offset++
	p := canon.Position{Offset: l.offset}
	tx := store.NewTx(v)
	require.NoError(l.t, fill(tx, p))
	require.NoError(l.t, l.store.Commit(tx.Writes(), store.Mark{JournalID: "j", Position: p, Hash: "x"}))
	l.commits <- router.Commit{}
}

// add commits an entry with a row for each record, and gives the first row's place.
func (l *timeline) add(records ...string) (place canon.RowPlace) {
	l.commit(func(tx *store.Tx, p canon.Position) error {
		place.Position = p
		for i, id := range records {
			tx.Put(store.EntityKey(id, p, i), nil)
			if err := store.Save(tx, store.RowKey(p, i), canon.Row{Entity: id, Type: "item", Event: "item.changed", Position: p}); err != nil {
				return err
			}
		}
		return nil
	})
	return place
}

// Append implements Journal: the cursor and what waits apart.
func (l *timeline) Append(_ context.Context, _ bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	e := entries[0]
	l.commit(func(tx *store.Tx, p canon.Position) error {
		switch canon.EntryType(e.Type) {
		case canon.EntryPublished:
			var c canon.Published
			require.NoError(l.t, json.Unmarshal(e.Data, &c))
			return store.Save(tx, store.PrefixTopic+store.Part(c.Topic), c)
		case canon.EntryFuse:
			var f canon.FuseTripped
			require.NoError(l.t, json.Unmarshal(e.Data, &f))
			l.fused = f.Reason
			return store.Save(tx, store.PrefixConn+"hooks", canon.Connection{Name: "hooks", Mode: canon.ModeLive, Fused: f.Reason})
		}
		var h canon.Held
		require.NoError(l.t, json.Unmarshal(e.Data, &h))
		if h.Done {
			tx.Delete(store.HeldKey("hooks", h.Key))
			return nil
		}
		return store.Save(tx, store.HeldKey("hooks", h.Key), canon.Undelivered{
			Connection: "hooks", Key: h.Key, Parked: h.Parked, From: h.From, Attempts: h.Attempts, Changed: p,
		})
	})
	return bus.Receipt{}, nil
}

func (l *timeline) WaitFolded(context.Context, uint64) error { return nil }

// away is a receiver that fails where fail says so.
type away struct {
	mu   sync.Mutex
	fail func(key string) (Result, error, bool)
	got  []string // ids, as they were taken
	t    *testing.T
}

func (a *away) Deliver(_ context.Context, c sdk.Change) (Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		if r, err, fails := a.fail(c.Key); fails {
			return r, err
		}
	}
	a.got = append(a.got, c.ID)
	return Result{Status: sdk.StatusApplied}, nil
}

func (a *away) failing(f func(key string) (Result, error, bool)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = f
}

func (a *away) taken() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

// run works a Sender until the returned function is called.
func (l *timeline) run(a *away, pace Pace) (s *Sender, stop func()) {
	ready := make(chan struct{})
	close(ready)
	s = New(Options{
		Name: "hooks", JournalID: "j", Who: access.Principal{Role: access.RoleRead}, Deliverer: a, View: func() (store.View, error) { return l.store.View() },
		Journal: l, Commits: l.commits, Ready: ready, Pace: pace,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		cancel()
		require.NoError(l.t, <-done)
	}
}

var quick = Pace{First: time.Millisecond, Most: 5 * time.Millisecond, SetAside: 2, Park: 4}

func (l *timeline) eventually(what string, cond func() bool) {
	l.t.Helper()
	require.Eventually(l.t, cond, time.Minute, 2*time.Millisecond, what)
}

func (l *timeline) held() map[string]*canon.Undelivered {
	v, err := l.store.View()
	require.NoError(l.t, err)
	defer v.Close()
	out, err := heldOf(v, "hooks")
	require.NoError(l.t, err)
	return out
}

// TestAReceiverThatIsAwayCostsNothing: whatever happens meanwhile, nothing waits apart, and all comes once and in order.
func TestAReceiverThatIsAwayCostsNothing(t *testing.T) {
	l := newTimeline(t)
	tried := 0
	a := &away{t: t, fail: func(string) (Result, error, bool) {
		tried++
		if tried%2 == 0 {
			return Result{}, fmt.Errorf("the process is gone: %w", reconcile.ErrNotSent), true
		}
		return Result{Status: sdk.StatusRetry}, nil, true
	}}
	s, stop := l.run(a, quick)
	defer func() { stop() }()
	l.eventually("it begins", func() bool { return !s.State().Through.IsZero() })
	var want []string
	for i := range 2000 {
		want = append(want, l.add(fmt.Sprintf("itm_%d", i%7)).String())
	}
	l.eventually("it is tried", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return tried > 30 })
	require.Empty(t, l.held())
	stop()
	a.failing(nil)
	s, stop = l.run(a, quick)
	l.eventually("all came", func() bool { return len(a.taken()) >= len(want) })
	got := a.taken()
	slices.SortFunc(got, func(x, y string) int {
		p, err := canon.ParseRowPlace(x)
		require.NoError(t, err)
		q, err := canon.ParseRowPlace(y)
		require.NoError(t, err)
		return p.Compare(q)
	})
	require.Equal(t, want, got, "each once")
	require.Empty(t, l.held())
	require.Equal(t, 0, s.State().Parked)
}

// TestAFailingRecordWaitsApart: the cursor passes it, its changes keep their order, and others never stop.
func TestAFailingRecordWaitsApart(t *testing.T) {
	l := newTimeline(t)
	a := &away{t: t}
	bad := func(r Result) func(string) (Result, error, bool) {
		return func(key string) (Result, error, bool) { return r, nil, key == "itm_bad" }
	}
	a.failing(bad(Result{Status: sdk.StatusRetry, Code: "full"}))
	s, stop := l.run(a, quick)
	defer func() { stop() }()
	l.eventually("it begins", func() bool { return !s.State().Through.IsZero() })
	first := l.add("itm_bad", "itm_good")
	good := 0
	l.eventually("it waits for a person", func() bool {
		l.add("itm_bad", "itm_good")
		good++
		u := l.held()["itm_bad"]
		return u != nil && u.Parked
	})
	require.Equal(t, first, l.held()["itm_bad"].From)
	l.eventually("the others came", func() bool { return len(a.taken()) == good+1 })
	l.eventually("the cursor passed it", func() bool { return s.State().Through.Offset > first.Position.Offset && s.State().Parked == 1 })
	stop()
	a.failing(nil)
	l.commit(func(tx *store.Tx, p canon.Position) error { // a person's word
		u := *l.held()["itm_bad"]
		u.Parked, u.Attempts, u.Changed = false, 0, p
		return store.Save(tx, store.HeldKey("hooks", "itm_bad"), u)
	})
	s, stop = l.run(a, quick)
	l.eventually("what waited came", func() bool { return len(l.held()) == 0 })
	require.Len(t, a.taken(), 2*(good+1))
	l.eventually("nothing waits apart", func() bool { return s.State().SetAside == 0 })
	var order []canon.RowPlace
	for _, id := range a.taken()[good+1:] {
		p, err := canon.ParseRowPlace(id)
		require.NoError(t, err)
		order = append(order, p)
	}
	require.True(t, slices.IsSortedFunc(order, canon.RowPlace.Compare), "in their order")
}

func TestARefusalWaitsForAPersonAtOnce(t *testing.T) {
	l := newTimeline(t)
	a := &away{t: t, fail: func(key string) (Result, error, bool) {
		return Result{Status: sdk.StatusRejected, Code: "no"}, nil, key == "itm_bad"
	}}
	s, stop := l.run(a, quick)
	defer func() { stop() }()
	l.eventually("it begins", func() bool { return !s.State().Through.IsZero() })
	l.add("itm_bad")
	l.eventually("it waits", func() bool { u := l.held()["itm_bad"]; return u != nil && u.Parked && u.Attempts == 1 })
	l.add("itm_good")
	l.eventually("the other came", func() bool { return len(a.taken()) == 1 })
}

func TestTheFuseStopsAFlood(t *testing.T) {
	l := newTimeline(t)
	a := &away{t: t}
	pace := quick
	pace.PerHour = 5
	s, stop := l.run(a, pace)
	defer func() { stop() }()
	l.eventually("it begins", func() bool { return !s.State().Through.IsZero() })
	for i := range 9 {
		l.add(fmt.Sprintf("itm_%d", i))
	}
	l.eventually("it is stopped", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.fused != "" })
	l.eventually("what was under way came", func() bool { return len(a.taken()) == 5 })
	l.commit(func(tx *store.Tx, _ canon.Position) error { // a person resumed it
		return store.Save(tx, store.PrefixConn+"hooks", canon.Connection{Name: "hooks", Mode: canon.ModeLive})
	})
	l.eventually("it goes on", func() bool { return len(a.taken()) == 9 })
}

func TestNothingLeavesAConnectionThatIsNotLive(t *testing.T) {
	l := newTimeline(t)
	set := func(c canon.Connection) {
		c.Name = "hooks"
		l.commit(func(tx *store.Tx, _ canon.Position) error { return store.Save(tx, store.PrefixConn+"hooks", c) })
	}
	for name, c := range map[string]canon.Connection{
		"observe": {Mode: canon.ModeObserve}, "shadow": {Mode: canon.ModeShadow}, "paused": {Mode: canon.ModeLive, Paused: true},
		"fused": {Mode: canon.ModeLive, Fused: "why"}, "orders in shadow": {Mode: canon.ModeLive, Scopes: []canon.ScopedMode{{Scope: canon.Scope{Entity: canon.ScopeOrder}, Mode: canon.ModeShadow}}},
	} {
		set(c)
		s := New(Options{Name: "hooks", View: func() (store.View, error) { return l.store.View() }, Journal: l})
		require.NoError(t, s.look(), name)
		require.False(t, s.may(), name)
	}
}
