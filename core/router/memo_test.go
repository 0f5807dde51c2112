package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func lend(w *workbench, key string, seconds int64, items ...string) canon.Outcome {
	return w.do("till-1", canon.Command{Key: key, ID: "M" + key, Role: "till", Lend: &canon.Lend{Items: items, Party: "Galerie Nord", Seconds: seconds, Channel: "till-1"}})
}

func memoOf(w *workbench, key string) *canon.Memo {
	return load[canon.Memo](w, store.RecordKey(store.TypeMemo, "M"+key))
}

func TestALentPieceIsNobodyElsesAndComesBack(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	id := w.item("web", "w1").ID
	out := lend(w, "a", 3600, id)
	require.True(t, out.OK, out.Reason)
	it := w.item("web", "w1")
	require.Equal(t, canon.ItemOnMemo, it.Status)
	require.Equal(t, []canon.StockAt{{Location: "paris", Memo: 1}}, it.Stock, "it is not on hand, and answered for")
	require.ElementsMatch(t, []string{"shop/sp1@", "web/sw1@L1"}, w.keys(store.PrefixDiff), "no channel shows it")
	coherent(t, w.store)
	require.Equal(t, "item.held", lend(w, "b", 3600, id).Code)
	require.Equal(t, "item.held", w.do("till-2", canon.Command{Key: "s", ID: "S1", Sell: &canon.Sell{Item: id, Channel: "till-2"}}).Code)

	back := func(key, role, scanned string, inspected bool) canon.Outcome {
		return w.do("till-1", canon.Command{Key: key, ID: "B" + key, Role: role, TakeBack: &canon.TakeBack{Memo: "Ma", Item: id, Scanned: scanned, Inspected: inspected}})
	}
	require.Equal(t, "item.wrong_piece", back("1", "till", "SN-2", true).Code)
	require.Equal(t, "item.not_inspected", back("2", "till", "sn-1", false).Code)
	require.Equal(t, "transition.actor", back("3", "device", "sn-1", true).Code)
	out = back("4", "till", "sn-1", true)
	require.True(t, out.OK, out.Reason)
	require.Equal(t, "returned", memoOf(w, "a").Status)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
	require.Empty(t, w.keys(store.PrefixDiff))
	require.Equal(t, "memo.line", back("5", "till", "sn-1", true).Code)
}

func TestAMemoIsAllOrNothing(t *testing.T) {
	w := newWorkbench(t, testSettings())
	loose, ring, _ := aStoneInThreePlaces(w)
	require.Equal(t, "item.component_held", lend(w, "a", 3600, loose.ID, ring.ID).Code, "the stone is lent, so its ring is held")
	require.Nil(t, memoOf(w, "a"))
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status, "nothing of a refused memo is left")
	require.Empty(t, w.keys(store.PrefixClaim))
	require.Equal(t, "memo.lines", lend(w, "b", 3600, loose.ID, loose.ID).Code)
	require.Equal(t, "item.unknown", lend(w, "c", 3600, "itm_none").Code)
	require.Equal(t, "party.unknown", w.do("till-1", canon.Command{Key: "d", ID: "Md", Lend: &canon.Lend{Items: []string{loose.ID}, Seconds: 1, Channel: "till-1"}}).Code)
}

func TestALentPieceIsInvoicedUnderItsClaim(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	id := w.item("web", "w1").ID
	require.True(t, lend(w, "a", 3600, id).OK)
	out := w.do("till-1", canon.Command{Key: "s", ID: "S1", Sell: &canon.Sell{Item: id, Channel: "till-1", Reservation: "Ma/1", Price: &canon.StatedMoney{Amount: "1250", Currency: "EUR"}}})
	require.True(t, out.OK, out.Reason)
	m := memoOf(w, "a")
	require.Equal(t, "settled", m.Status)
	require.Equal(t, "invoiced", m.Lines[0].Status)
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
}

func TestAnOverdueMemoStillHoldsItsPiecesAndAManagerMayExtendIt(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	id := w.item("web", "w1").ID
	require.True(t, lend(w, "a", 3600, id).OK)
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.Equal(t, "overdue", memoOf(w, "a").Status)
	require.Equal(t, canon.ItemOnMemo, w.item("web", "w1").Status, "it is not in the house because its time is over")
	extend := func(key, role string) canon.Outcome {
		return w.do("till-1", canon.Command{Key: key, ID: "E" + key, Role: role, ExtendMemo: &canon.ExtendMemo{Memo: "Ma", Seconds: 3600}})
	}
	require.Equal(t, "transition.actor", extend("1", "till").Code)
	for _, key := range []string{"2", "3", "4"} {
		out := extend(key, "manager")
		require.True(t, out.OK, out.Reason)
	}
	require.Equal(t, "issued", memoOf(w, "a").Status)
	require.Equal(t, "hold.extensions", extend("5", "manager").Code)
	require.Equal(t, w.now.Add(time.Hour), w.item("web", "w1").Holder.Until.UTC())
}

func TestAWebSaleOfALentPieceIsACase(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	require.True(t, lend(w, "a", 3600, w.item("web", "w1").ID).OK)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Len(t, w.openCases(), 1)
	require.Equal(t, "till-1", w.item("web", "w1").Holder.Channel, "the first journaled claim holds it")
}
