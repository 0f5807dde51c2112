package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func TestAPieceGoesThroughItsLifeByCommand(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, _, chief := w.desks()
	id := w.item("web", "w1").ID
	for i, step := range []struct {
		who    desk
		m      canon.MoveItem
		status canon.ItemStatus // after it
		code   string           // of a refusal
	}{
		{anna, canon.MoveItem{Event: "repair"}, canon.ItemInRepair, ""},
		{anna, canon.MoveItem{Event: "restock"}, canon.ItemInRepair, "transition.illegal"},
		{anna, canon.MoveItem{Event: "finish"}, canon.ItemInStock, ""},
		{anna, canon.MoveItem{Event: "damage"}, canon.ItemQuarantine, ""},
		{anna, canon.MoveItem{Event: "restock", Inspected: true}, canon.ItemQuarantine, "transition.actor"},
		{chief, canon.MoveItem{Event: "restock"}, canon.ItemQuarantine, "item.not_inspected"},
		{chief, canon.MoveItem{Event: "restock", Inspected: true}, canon.ItemInStock, ""},
		{anna, canon.MoveItem{Event: "miss"}, canon.ItemInStock, "transition.actor"},
		{chief, canon.MoveItem{Event: "miss"}, canon.ItemMissing, ""},
		{chief, canon.MoveItem{Event: "report_stolen"}, canon.ItemMissing, "reference.missing"},
		{chief, canon.MoveItem{Event: "report_stolen", Reference: "PV 2026/114"}, canon.ItemStolen, ""},
		{chief, canon.MoveItem{Event: "find", Scanned: "SN-1", Reference: "PV 2026/114", Location: "lyon"}, canon.ItemInStock, ""},
		{chief, canon.MoveItem{Event: "melt"}, canon.ItemInStock, "approval.missing"},
		{anna, canon.MoveItem{Event: "melt", Approved: true}, canon.ItemInStock, "transition.actor"},
		{chief, canon.MoveItem{Event: "return_to_vendor", Reference: "RMA-7"}, canon.ItemToVendor, ""},
		{chief, canon.MoveItem{Event: "restock", Inspected: true}, canon.ItemToVendor, "transition.illegal"},
	} {
		step.m.Item = id
		out := step.who.move(step.m)
		require.Equal(t, step.code, out.Code, "step %d, %s: %s", i, step.m.Event, out.Reason)
		it := w.item("web", "w1")
		require.Equal(t, step.status, it.Status, "step %d, %s", i, step.m.Event)
		if step.status == canon.ItemInStock {
			require.EqualValues(t, 1, it.Stock[0].Available)
		} else {
			require.ElementsMatch(t, []string{"shop/sp1@", "web/sw1@L1"}, w.keys(store.PrefixDiff), "no channel shows it")
			require.Equal(t, "item.not_in_stock", w.do("till", canon.Command{Key: id + it.Version.String(), ID: "S" + step.m.Event, Sell: &canon.Sell{Item: id, Channel: "till"}}).Code)
		}
		coherent(t, w.store)
	}
	require.Equal(t, "lyon", w.item("web", "w1").Location, "where it was found")
	require.Equal(t, "transition.unknown", chief.move(canon.MoveItem{Item: id, Event: "sell"}).Code, "a sale is a command of its own")
	require.Empty(t, w.openCases())
}

func TestAQuantityIsSetAsideInParts(t *testing.T) {
	w := tenOfASKU(t, "hub")
	anna, _, chief := w.desks()
	id := w.item("web", "q").ID
	must := func(o canon.Outcome) { t.Helper(); require.True(t, o.OK, "%s: %s", o.Code, o.Reason) }
	must(anna.move(canon.MoveItem{Item: id, Event: "repair", Quantity: 2}))
	must(anna.move(canon.MoveItem{Item: id, Event: "damage", Quantity: 3}))
	must(chief.move(canon.MoveItem{Item: id, Event: "miss", Quantity: 1}))
	require.Equal(t, canon.StockAt{Location: "paris", OnHand: 9, InRepair: 2, Damaged: 3, Available: 4}, stockAt(w.item("web", "q"))["paris"])
	require.Equal(t, "stock.short", anna.move(canon.MoveItem{Item: id, Event: "repair", Quantity: 5}).Code)
	require.Equal(t, "claim.none", chief.move(canon.MoveItem{Item: id, Event: "scrap", Claim: "A9", Approved: true}).Code)
	must(chief.move(canon.MoveItem{Item: id, Event: "scrap", Claim: "A2", Approved: true}))
	must(anna.move(canon.MoveItem{Item: id, Event: "finish", Claim: "A1"}))
	must(chief.move(canon.MoveItem{Item: id, Event: "find", Claim: "A3", Scanned: "BAND"}))
	require.Equal(t, canon.StockAt{Location: "paris", OnHand: 7, Available: 7}, stockAt(w.item("web", "q"))["paris"])
	require.EqualValues(t, 7, *w.levelWant("web", "sq@L1").Quantity)
	w.now = w.now.Add(time.Hour)
	w.pushed("till", counted("c", w.now, "paris", "BAND", "", 6))
	require.EqualValues(t, 6, stockAt(w.item("web", "q"))["paris"].OnHand, "who counted did not find what was scrapped")
	coherent(t, w.store)
}

func TestACountFindsAMissingPieceAndASaleOfOneIsACase(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	_, _, chief := w.desks()
	id := w.item("web", "w1").ID
	require.True(t, chief.move(canon.MoveItem{Item: id, Event: "miss"}).OK)
	w.pushed("till", counted("old", w.now.Add(-time.Hour), "paris", "", "SN-1", 1))
	require.Equal(t, canon.ItemMissing, w.item("web", "w1").Status, "an older count says nothing of it")
	w.now = w.now.Add(time.Hour)
	w.pushed("till", counted("new", w.now.Add(-time.Minute), "lyon", "", "SN-1", 1))
	it := w.item("web", "w1")
	require.Equal(t, canon.ItemInStock, it.Status)
	require.Equal(t, "lyon", it.Location)

	require.True(t, chief.move(canon.MoveItem{Item: id, Event: "miss"}).OK)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Len(t, w.openCases(), 1, "somebody sold what is missing")
	require.Contains(t, w.openCases()[0].Evidence[0].Text, "missing")
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
	var inferred []string
	for _, key := range w.keys(store.PrefixRow) {
		if r := load[canon.Row](w, store.PrefixRow+key); r.Inferred && r.Position.Offset == w.offset {
			inferred = append(inferred, r.Event)
		}
	}
	require.Equal(t, []string{"item.in_stock"}, inferred, "it must have been found in between, and nobody said so")
	coherent(t, w.store)
}

func TestAReturnIsLookedAtBeforeItIsForSale(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, _, chief := w.desks()
	id := w.item("web", "w1").ID
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, "return.policy", anna.move(canon.MoveItem{Item: id, Event: "return", Scanned: "SN-1"}).Code)
	require.True(t, anna.move(canon.MoveItem{Item: id, Event: "return", Scanned: "SN-1", WithinPolicy: true}).OK)
	it := w.item("web", "w1")
	require.Equal(t, canon.ItemReturned, it.Status)
	require.Equal(t, []canon.StockAt{{Location: "paris", OnHand: 1, Damaged: 1}}, it.Stock)
	w.pushed("web", order("o1", 11, line("1", "w1", 1)))
	require.Equal(t, canon.ItemReturned, w.item("web", "w1").Status, "the platform's order stands as it was")
	require.True(t, chief.move(canon.MoveItem{Item: id, Event: "restock", Inspected: true}).OK)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
	require.Empty(t, w.openCases())
	coherent(t, w.store)
}

func TestSafetyIsAColumnOfTheStock(t *testing.T) {
	w := tenOfASKU(t, "hub")
	s := testSettings()
	s.Safety = 3
	w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	w.pushed("web", order("o1", 10, line("1", "q", 8)))
	require.Equal(t, canon.StockAt{Location: "paris", OnHand: 2, Available: 2, Safety: 2}, stockAt(w.item("web", "q"))["paris"])
	require.EqualValues(t, 0, *w.levelWant("shop", "sq@").Quantity)
	coherent(t, w.store)
}
