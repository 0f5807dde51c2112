package router

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/store"
)

// componentsCoherent recomputes who is kin from all items at once: two are when something is in both, at any depth.
func componentsCoherent(t testing.TB, v store.Reader) {
	t.Helper()
	items := make(map[string]*canon.Item)
	each(t, v, store.PrefixRecord+store.TypeItem+"/", func(_ string, it *canon.Item) { items[it.ID] = it })
	named, sitters := make(map[string][]string), make(map[string]int)
	for _, id := range sortedKeys(items) {
		for _, k := range ownKeys(items[id]) {
			named[k] = append(named[k], id)
		}
		for _, k := range slices.Compact(slices.Sorted(slices.Values(componentKeys(items[id])))) {
			sitters[k]++
		}
	}
	within := func(it *canon.Item, into map[string]bool) {
		for _, k := range ownKeys(it) {
			into[k] = true
		}
		entered := make(map[string]bool)
		for level, depth := []*canon.Item{it}, 0; depth < componentDepth; depth++ {
			var next []*canon.Item
			for _, it := range level {
				for _, k := range componentKeys(it) {
					if sitters[k] > crowdedComponent || entered[k] {
						continue
					}
					entered[k], into[k] = true, true
					for _, child := range named[k] {
						for _, own := range ownKeys(items[child]) {
							into[own] = true
						}
						next = append(next, items[child])
					}
				}
			}
			level = next
		}
	}
	contents := make(map[string]map[string]bool)
	inside := make(map[string][]string)
	for _, id := range sortedKeys(items) {
		contents[id] = make(map[string]bool)
		within(items[id], contents[id])
		for _, k := range sortedKeys(contents[id]) {
			inside[k] = append(inside[k], id)
		}
	}
	for _, id := range sortedKeys(items) {
		kin := make(map[string]bool)
		for k := range contents[id] {
			for _, other := range inside[k] {
				// Items that merely share a key of their own are no kin by it: what is in one has to be in the other.
				if other != id && items[other].Holder != nil && (slices.Contains(componentKeysDeep(items, named, items[other], 0), k) || slices.Contains(componentKeysDeep(items, named, items[id], 0), k)) {
					kin[other] = true
				}
			}
		}
		want := sortedKeys(kin)
		if len(want) == 0 {
			want = nil
		}
		require.Equal(t, want, items[id].Blocked, "who blocks %s", id)
	}
}

func componentKeysDeep(items map[string]*canon.Item, named map[string][]string, it *canon.Item, depth int) []string {
	var out []string
	if depth == componentDepth {
		return nil
	}
	for _, k := range componentKeys(it) {
		out = append(out, k)
		for _, child := range named[k] {
			out = append(out, ownKeys(items[child])...)
			out = append(out, componentKeysDeep(items, named, items[child], depth+1)...)
		}
	}
	return out
}

func stone(number string) []canon.StatedComponent {
	return []canon.StatedComponent{{Certificate: &canon.StatedCert{Lab: "GIA", Number: number}}}
}

// aStoneInThreePlaces lists a stone loose on the web, in a ring of the shop, and in a set that the ring belongs to.
func aStoneInThreePlaces(w *workbench) (loose, ring, set *canon.Item) {
	w.fetched("till", listing("t1", "", "", func(l *canon.ListingState) {
		l.Home, l.Certificates = "paris", []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}
	}))
	w.fetched("till", level("t1", "paris", 1, 1))
	w.fetched("web", listing("w1", "", "", func(l *canon.ListingState) { l.Certificates = []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}} }))
	w.fetched("web", level("w1", "L1", 1, 1))
	w.fetched("till", listing("t2", "", "RING-1", func(l *canon.ListingState) { l.Home, l.Components = "paris", stone("2141438171") }))
	w.fetched("till", level("t2", "paris", 1, 1))
	w.fetched("shop", listing("p2", "", "RING-1"))
	w.fetched("shop", level("p2", "", 1, 0))
	w.fetched("till", listing("t3", "", "SET-1", func(l *canon.ListingState) {
		l.Home, l.Components = "paris", []canon.StatedComponent{{Kind: "piece", Serial: "RING-1"}}
	}))
	w.fetched("till", level("t3", "paris", 1, 1))
	w.fetched("shop", listing("p3", "", "SET-1"))
	w.fetched("shop", level("p3", "", 1, 0))
	w.live("web")
	w.live("shop")
	return w.item("web", "w1"), w.item("shop", "p2"), w.item("shop", "p3")
}

func TestHoldingAStoneBlocksWhatContainsItAndBack(t *testing.T) {
	for _, tc := range []struct{ name, hold string }{{"the stone", "stone"}, {"the ring", "ring"}, {"the set", "set"}} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorkbench(t, testSettings())
			loose, ring, set := aStoneInThreePlaces(w)
			all := map[string]*canon.Item{"stone": loose, "ring": ring, "set": set}
			require.NotEqual(t, loose.ID, ring.ID, "a stone in a ring is not the ring")
			require.Empty(t, w.keys(store.PrefixDiff))
			held := all[tc.hold].ID
			out := w.do("till-1", canon.Command{Key: "a", ID: "R1", Reserve: &canon.Reserve{Item: held, Seconds: 600, Channel: "till-1"}})
			require.True(t, out.OK, out.Reason)
			require.Equal(t, []string{"shop/sp2@", "shop/sp3@", "web/sw1@L1"}, w.keys(store.PrefixDiff), "all three show none")
			for name, it := range all {
				it = load[canon.Item](w, store.RecordKey(store.TypeItem, it.ID))
				if name == tc.hold {
					require.Equal(t, canon.ItemReserved, it.Status)
					require.Empty(t, it.Blocked)
					continue
				}
				require.Equal(t, canon.ItemBlocked, it.Status, name)
				require.Equal(t, []string{held}, it.Blocked, name)
				require.Equal(t, []canon.StockAt{{Location: "paris", OnHand: 1, Committed: 1}}, it.Stock, name)
				no := w.do("till-2", canon.Command{Key: "b" + name, ID: "S" + name, Sell: &canon.Sell{Item: it.ID, Channel: "till-2"}})
				require.Equal(t, "item.component_held", no.Code, name)
			}
			out = w.do("till-1", canon.Command{Key: "c", ID: "L1", Release: &canon.Release{Reservation: "R1"}})
			require.True(t, out.OK, out.Reason)
			require.Empty(t, w.keys(store.PrefixDiff), "all three are for sale again")
			require.Equal(t, canon.ItemInStock, load[canon.Item](w, store.RecordKey(store.TypeItem, all["set"].ID)).Status)
			view, err := w.store.View()
			require.NoError(t, err)
			defer view.Close()
			componentsCoherent(t, view)
		})
	}
}

func TestTheStoneAndItsRingSoldAtOnceAreOneCase(t *testing.T) {
	w := newWorkbench(t, testSettings())
	loose, ring, _ := aStoneInThreePlaces(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	w.pushed("shop", order("77", 10, line("a", "p2", 1)))
	cases := w.openCases()
	require.Len(t, cases, 1)
	require.Equal(t, canon.CaseComponent, cases[0].Kind)
	require.Equal(t, min(loose.ID, ring.ID), cases[0].Subject)
	require.Len(t, cases[0].Evidence, 2, "both sides")
	out := w.do("anna", canon.Command{Key: "k1", ID: "c1", Resolve: &canon.Resolve{Case: cases[0].ID, Proposal: "keep:web/o1/1"}})
	require.True(t, out.OK, out.Reason)
	require.Empty(t, w.openCases())
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
	require.Equal(t, canon.ItemBlocked, w.item("shop", "p2").Status)
	require.Equal(t, canon.ItemBlocked, w.item("shop", "p3").Status)
}

func TestAComponentThatIsTakenOutTiesNoLonger(t *testing.T) {
	w := newWorkbench(t, testSettings())
	aStoneInThreePlaces(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, canon.ItemBlocked, w.item("shop", "p2").Status)
	w.fetched("till", listing("t2", "", "RING-1", func(l *canon.ListingState) { l.Home, l.Components = "paris", stone("5550001112") }))
	require.Equal(t, canon.ItemInStock, w.item("shop", "p2").Status)
	require.Equal(t, canon.ItemInStock, w.item("shop", "p3").Status)
}

func TestAKeyOnTooManyMountsTiesNone(t *testing.T) {
	w := newWorkbench(t, testSettings())
	mount := func(i int) {
		w.fetched("till", listing(fmt.Sprintf("m%d", i), "", fmt.Sprintf("MOUNT-%d", i), func(l *canon.ListingState) { l.Home, l.Components = "paris", stone("9990001112") }))
		w.fetched("till", level(fmt.Sprintf("m%d", i), "paris", 1, 1))
	}
	for i := range crowdedComponent {
		mount(i)
	}
	out := w.do("till-1", canon.Command{Key: "a", ID: "R1", Reserve: &canon.Reserve{Item: w.item("till", "m0").ID, Seconds: 600, Channel: "till-1"}})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, canon.ItemBlocked, w.item("till", "m7").Status)
	mount(crowdedComponent)
	require.Equal(t, canon.ItemInStock, w.item("till", "m7").Status, "a placeholder, not a number")
}

// A ring lists its stone by the stone's serial. Another record, which a person set apart from that stone, states the stone's
// report: whoever holds that one holds what is in the ring.
func TestAStoneOfAnotherNameIsTheSameStone(t *testing.T) {
	w := newWorkbench(t, testSettings())
	report := func(number string) func(*canon.ListingState) {
		return func(l *canon.ListingState) {
			l.Home, l.Certificates = "paris", []canon.StatedCert{{Lab: "GIA", Number: number}}
		}
	}
	w.fetched("till", listing("t1", "", "STONE-1", report("2141438171")))
	w.fetched("till", level("t1", "paris", 1, 1))
	w.fetched("till", listing("t2", "", "RING-1", func(l *canon.ListingState) {
		l.Home, l.Components = "paris", []canon.StatedComponent{{Kind: "stone", Serial: "STONE-1"}}
	}))
	w.fetched("till", level("t2", "paris", 1, 1))
	w.fetched("shop", listing("p9", "", "", report("2141438171")))
	w.fetched("shop", level("p9", "", 1, 0))
	require.Equal(t, w.item("till", "t1").ID, w.item("shop", "p9").ID)
	out := w.do("anna", canon.Command{Key: "m", ID: "M", Match: &canon.Match{Connection: "shop", ListingID: "p9", Item: identity.DecisionNew}})
	require.True(t, out.OK, out.Reason)
	other, ring := w.item("shop", "p9").ID, func() *canon.Item { return w.item("till", "t2") }
	require.NotEqual(t, w.item("till", "t1").ID, other)
	require.Empty(t, ring().Blocked)

	w.pushed("shop", order("77", 10, line("a", "p9", 1)))
	require.Equal(t, []string{other}, ring().Blocked)
	w.fetched("till", listing("t1", "", "STONE-1", report("5550001112"))) // what is in the ring has another report
	require.Empty(t, ring().Blocked)
	w.fetched("till", listing("t1", "", "STONE-1", report("2141438171")))
	require.Equal(t, []string{other}, ring().Blocked)
	view, err := w.store.View()
	require.NoError(t, err)
	defer view.Close()
	componentsCoherent(t, view)
}

func TestOneOfAKindIsShownOnOneChannelAtATime(t *testing.T) {
	s := testSettings()
	s.OneChannel = true
	w := newWorkbench(t, s)
	threeSides(w)
	require.Equal(t, []string{"shop/sp1@"}, w.keys(store.PrefixDiff), "the second channel in the order of authority shows none")
	require.EqualValues(t, 1, *w.levelWant("web", "sw1@L1").Quantity)
	require.EqualValues(t, 0, *w.levelWant("shop", "sp1@").Quantity)
	w.fetched("web", canon.Observation{Kind: canon.KindListing, ExternalID: "w1", SourceVersion: 99, Deleted: true})
	require.EqualValues(t, 1, *w.levelWant("shop", "sp1@").Quantity, "the first channel lists it no longer")
}
