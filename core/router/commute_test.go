package router

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// seeds is how many of something a property tries: JUMPRING_SEEDS times as many when it is set.
func seeds(t testing.TB, n int) int {
	raw := os.Getenv("JUMPRING_SEEDS")
	if raw == "" {
		return n
	}
	times, err := strconv.Atoi(raw)
	require.NoError(t, err, "JUMPRING_SEEDS")
	return n * times
}

// foldAll folds entries in batches of at most size, and the ticks that fall due behind them.
func (w *workbench) foldAll(entries []bus.Entry, size int) {
	w.t.Helper()
	for len(entries) > 0 {
		n := min(size, len(entries))
		w.fold(entries[:n]...)
		entries = entries[n:]
	}
	w.settleDue()
}

// settleDue appends ticks as the hub does, until nothing is due.
func (w *workbench) settleDue() {
	w.t.Helper()
	for range 1000 {
		due := false
		for _, k := range w.keys(store.PrefixDue) {
			at, err := store.DueTime(store.PrefixDue + k)
			require.NoError(w.t, err)
			due = due || !at.After(w.now)
		}
		if !due {
			return
		}
		w.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	}
	w.t.Fatal("something falls due for ever")
}

// TestObservationsCommute is invariant 3: any order and any duplication of one set of observations gives the same
// golden digest.
func TestObservationsCommute(t *testing.T) {
	t.Parallel()
	t.Run("hub", func(t *testing.T) { commute(t, "hub", 2, 4) })
	t.Run("platform", func(t *testing.T) { commute(t, "shop", 1, 3) })
}

// commute folds sets of observations in several orders, with the hub or a platform as the stock's authority.
func commute(t *testing.T, authority string, sets int, orders uint64) {
	t.Parallel()
	settings := testSettings()
	settings.StockAuthority = authority
	for set := range uint64(seeds(t, sets)) {
		world := newWorld(t, set, 2000)
		reference := newWorkbench(t, settings)
		reference.foldAll(world.entries, 7)
		coherent(t, reference.store)
		want := goldenOf(t, reference.store)
		digest := reference.digest(store.ScopeGolden)
		for order := range orders {
			w := newWorkbench(t, settings)
			w.foldAll(world.shuffled(order), 1+int(order)*5)
			coherent(t, w.store)
			if w.digest(store.ScopeGolden) != digest {
				t.Fatalf("set %d in order %d is another state:\n%s", set, order, difference(want, goldenOf(t, w.store)))
			}
		}
	}
}

// TestObservationsCommuteAroundGoingLive fixes the opening stock between two sets: within each, the order is free.
func TestObservationsCommuteAroundGoingLive(t *testing.T) {
	t.Parallel()
	for set := range uint64(seeds(t, 1)) {
		before, after := newWorld(t, 101+set, 700), newWorld(t, 201+set, 700)
		fold := func(first, second []bus.Entry) *workbench {
			w := newWorkbench(t, testSettings())
			w.foldAll(first, 9)
			w.now = w.now.Add(time.Hour)
			w.live("web")
			w.live("shop")
			w.foldAll(second, 9)
			coherent(t, w.store)
			return w
		}
		reference := fold(before.entries, after.entries)
		want := goldenOf(t, reference.store)
		for order := range uint64(2) {
			w := fold(before.shuffled(order), after.shuffled(order))
			if d := difference(want, goldenOf(t, w.store)); d != "" {
				t.Fatalf("set %d in order %d is another state:\n%s", set, order, d)
			}
		}
	}
}

// TestLastArrivalWinsDoesNotCommute is the control: a fold that believes whoever came last fails the same property.
func TestLastArrivalWinsDoesNotCommute(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 1, 1000)
	fold := func(entries []bus.Entry) string {
		w := newWorkbench(t, testSettings())
		w.tune = func(f *fold) {
			f.take = func(b *canon.Binding, s *canon.Shown) bool {
				*b = canon.Binding{BindingKey: b.BindingKey, Wants: b.Wants, MaxAvailable: b.MaxAvailable}
				return b.Take(s)
			}
		}
		w.foldAll(entries, 7)
		return w.digest(store.ScopeGolden)
	}
	reference := fold(world.entries)
	for order := range uint64(2) {
		require.NotEqual(t, reference, fold(world.shuffled(order)), "order %d", order)
	}
}

// TestTheSameJournalGivesTheSameState is invariant 2: every byte of the store, whatever is committed together.
func TestTheSameJournalGivesTheSameState(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 5, 700)
	var batches []bus.Batch
	add := func(entries ...bus.Entry) {
		n := uint64(len(batches) + 1)
		batches = append(batches, bus.Batch{Offset: n, Time: dayOne.Add(time.Duration(n) * time.Millisecond).UnixNano(), Entries: entries})
	}
	version, err := NewEntry(canon.EntryFoldVersion, canon.Head{Actor: "hub"}, canon.FoldVersion{Version: Version})
	require.NoError(t, err)
	settings, err := NewEntry(canon.EntrySettings, canon.Head{Actor: "hub"}, testSettings())
	require.NoError(t, err)
	add(version)
	add(settings)
	for i := 0; i < len(world.entries); i += 1 + i%13 {
		add(world.entries[i:min(i+1+i%13, len(world.entries))]...)
	}
	replay := func(each int) (store.Store, string) {
		s := store.NewMemory()
		to := folder{store: s, journal: "test"}
		defer func() { _ = to.close() }() // nothing is under way
		for from := 0; from < len(batches); from += each {
			g := group{batches: batches[from:min(from+each, len(batches))]}
			for i := range g.batches {
				g.facts = append(g.facts, decodeBatch(&g.batches[i])...)
			}
			_, err := to.fold(g)
			require.NoError(t, err)
		}
		w := &workbench{t: t, store: s}
		return s, w.digest(store.ScopeState)
	}
	one, digest := replay(1)
	want := bytesOf(t, one)
	for _, each := range []int{2, 17, len(batches)} {
		s, d := replay(each)
		require.Empty(t, difference(want, bytesOf(t, s)), "%d batches to a commit", each)
		require.Equal(t, digest, d, "%d batches to a commit", each)
	}
}
