package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

func counted(id string, at time.Time, place, sku, serial string, quantity int64) canon.Observation {
	return canon.Observation{
		Kind: canon.KindCount, ExternalID: id,
		Count: &canon.CountState{Location: place, SKU: sku, Serial: serial, Quantity: quantity, CountedAt: at},
	}
}

// orders calls fn with every order of n things.
func orders(n int, fn func(order []int)) {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	var each func(k int)
	each = func(k int) {
		if k == n {
			fn(perm)
			return
		}
		for i := k; i < n; i++ {
			perm[k], perm[i] = perm[i], perm[k]
			each(k + 1)
			perm[k], perm[i] = perm[i], perm[k]
		}
	}
	each(0)
}

// TestACountIncludesWhatWasSoldBeforeIt plays a day with two counts in every order of arrival: what was sold before a
// count is part of it, however late the hub hears of the sale, and what was sold or came back after it is not.
func TestACountIncludesWhatWasSoldBeforeIt(t *testing.T) {
	t.Parallel()
	hour := func(h int) time.Time { return dayOne.Add(time.Duration(h) * time.Hour) }
	sold := func(id string, h int, quantity int64) canon.Observation {
		o := order(id, 1, line("1", "q", quantity))
		o.Order.PlacedAt = hour(h)
		return o
	}
	back := refund("r", "morning", 1, canon.RefundLine{OrderLineID: "1", Quantity: 1, Restocked: true})
	back.Refund.CreatedAt = hour(5)
	day := []canon.Observation{
		sold("morning", 1, 2), counted("first", hour(2), "paris", "BAND", "", 20),
		counted("second", hour(3), "paris", "BAND", "", 7), sold("evening", 4, 3), back,
	}
	orders(len(day), func(perm []int) {
		w := tenOfASKU(t, "hub")
		for _, i := range perm {
			w.pushed("till", day[i])
		}
		require.EqualValues(t, 7-3+1, w.available(), "order %v", perm)
	})
}

func TestACountOfGoodsThatAreNotKnownWaitsForThem(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.pushed("till", counted("c", dayOne, "lyon", "", "SN-1", 1))
	require.Empty(t, w.parked(), "nobody has to do anything")
	w.fetched("web", listing("l1", "R1", "SN-1"))
	it := w.item("web", "l1")
	require.Equal(t, canon.ItemInStock, it.Status)
	require.Equal(t, "lyon", it.Location)
}

func TestACountMovesAPieceAndFindsItMissing(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	listed := w.keys("rec/item/")
	require.Len(t, listed, 1)
	state := func() string {
		it := load[canon.Item](w, "rec/item/"+listed[0])
		return fmt.Sprintf("%s %s", it.Status, it.Location)
	}
	require.Equal(t, "in_stock paris", state())
	serial := load[canon.Item](w, "rec/item/"+listed[0]).Serial
	w.pushed("till", counted("c1", dayOne.Add(time.Hour), "lyon", "", serial, 1))
	require.Equal(t, "in_stock lyon", state(), "it was found in Lyon, so it is not in Paris")
	w.pushed("till", counted("c2", dayOne.Add(2*time.Hour), "paris", "", serial, 0))
	require.Equal(t, "in_stock lyon", state(), "nobody expected it in Paris")
	w.pushed("till", counted("c3", dayOne.Add(3*time.Hour), "lyon", "", serial, 0))
	require.Equal(t, "unavailable paris", state(), "its home is all that is known of where it may be")
	gone := counted("c3", dayOne.Add(3*time.Hour), "lyon", "", serial, 0)
	gone.Count, gone.Deleted = nil, true
	w.fetched("till", gone)
	require.Equal(t, "in_stock lyon", state(), "the count was withdrawn")
}

// TestALevelOlderThanASaleIsTheOpeningStock is about a level that a platform last changed before it took an order: the
// order is not added back, and goods that are not there are not offered.
func TestALevelOlderThanASaleIsTheOpeningStock(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		level time.Duration
		shown int64
	}{
		{"before the sale", -time.Hour, 10},
		{"after the sale", time.Hour, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			day := []canon.Observation{
				listing("q", "BAND", ""), level("q", "L1", tc.shown, dayOne.Add(tc.level).UnixMicro()), order("o1", 1, line("1", "q", 2)),
			}
			orders(len(day), func(perm []int) {
				w := newWorkbench(t, testSettings())
				for _, i := range perm {
					w.fetched("web", day[i])
				}
				w.live("web")
				it := w.item("web", "q")
				require.True(t, it.Adopted)
				require.EqualValues(t, 8, it.Stock[0].Available, "order %v", perm)
			})
		})
	}
}
