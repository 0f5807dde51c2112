package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// desk is a token of the house with a role.
type desk struct {
	w          *workbench
	name, role string
}

func (d desk) transfer(ask canon.TransferAsk) canon.Outcome {
	d.w.t.Helper()
	d.w.commands++
	id := fmt.Sprintf("T%d", d.w.commands)
	ask.Channel = d.role + ":" + d.name
	return d.w.do(d.name, canon.Command{Key: id, ID: id, Role: d.role, Transfer: &ask})
}

func (d desk) move(m canon.MoveItem) canon.Outcome {
	d.w.t.Helper()
	d.w.commands++
	id := fmt.Sprintf("A%d", d.w.commands)
	m.Channel = d.role + ":" + d.name
	return d.w.do(d.name, canon.Command{Key: id, ID: id, Role: d.role, MoveItem: &m})
}

func (w *workbench) desks() (anna, ben, chief desk) {
	return desk{w, "anna", "till"}, desk{w, "ben", "till"}, desk{w, "chief", "manager"}
}

func (w *workbench) transferOf(id string) *canon.Transfer {
	return load[canon.Transfer](w, store.RecordKey(store.TypeTransfer, id))
}

// stockAt gives an item's stock by place.
func stockAt(it *canon.Item) map[string]canon.StockAt {
	out := map[string]canon.StockAt{}
	for _, a := range it.Stock {
		out[a.Location] = a
	}
	return out
}

func TestAPieceGoesFromOnePlaceToAnother(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, ben, chief := w.desks()
	id := w.item("web", "w1").ID
	ask := func(d desk, a canon.TransferAsk) canon.Outcome { a.Transfer = "T1"; return d.transfer(a) }
	out := anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "lyon", Lines: []canon.TransferGood{{Item: id}}})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status, "what is asked for is still for sale")

	require.Equal(t, "transition.actor", ask(anna, canon.TransferAsk{Event: "approve"}).Code)
	require.Equal(t, "transition.illegal", ask(anna, canon.TransferAsk{Event: "pick", Scanned: "SN-1"}).Code)
	require.True(t, ask(chief, canon.TransferAsk{Event: "approve"}).OK)
	require.Equal(t, "item.wrong_piece", ask(anna, canon.TransferAsk{Event: "pick", Item: id, Scanned: "SN-2"}).Code)
	require.Equal(t, "transition.illegal", ask(anna, canon.TransferAsk{Event: "ship", Seal: "S1"}).Code, "nothing is picked")
	require.True(t, ask(anna, canon.TransferAsk{Event: "pick", Scanned: "sn-1"}).OK, "what was read finds the line")
	it := w.item("web", "w1")
	require.Equal(t, []canon.StockAt{{Location: "paris", OnHand: 1, Committed: 1}}, it.Stock, "picked, and still here")
	require.ElementsMatch(t, []string{"shop/sp1@", "web/sw1@L1"}, w.keys(store.PrefixDiff), "no channel shows it")
	require.Equal(t, "item.held", w.do("till", canon.Command{Key: "s", ID: "S", Sell: &canon.Sell{Item: id, Channel: "till"}}).Code)

	require.Equal(t, "reference.missing", ask(anna, canon.TransferAsk{Event: "ship"}).Code)
	require.Equal(t, "approval.second_person", ask(chief, canon.TransferAsk{Event: "ship", Seal: "S1"}).Code, "who approved does not ship")
	require.True(t, ask(anna, canon.TransferAsk{Event: "ship", Seal: "S1"}).OK)
	it = w.item("web", "w1")
	require.Equal(t, canon.ItemInTransit, it.Status)
	require.Empty(t, it.Location, "it is at neither place")
	require.Equal(t, []canon.StockAt{{Location: "lyon", InTransit: 1}}, it.Stock)
	require.Empty(t, w.keys(store.PrefixIndex+store.IndexItemAt+"/"), "no place lists it")
	require.Equal(t, "transition.illegal", ask(chief, canon.TransferAsk{Event: "cancel"}).Code, "what is on its way can't be called back")
	coherent(t, w.store)

	require.Equal(t, "transfer.same_person", ask(anna, canon.TransferAsk{Event: "receive", Scanned: "SN-1"}).Code)
	require.True(t, ask(ben, canon.TransferAsk{Event: "receive", Scanned: "SN-1"}).OK)
	it = w.item("web", "w1")
	require.Equal(t, canon.ItemInStock, it.Status)
	require.Equal(t, "lyon", it.Location)
	require.Equal(t, []canon.StockAt{{Location: "lyon", OnHand: 1, Available: 1}}, it.Stock)
	require.Equal(t, "received", w.transferOf("T1").Status)
	require.Equal(t, "transfer.line", ask(ben, canon.TransferAsk{Event: "receive", Scanned: "SN-1"}).Code)
	require.True(t, ask(chief, canon.TransferAsk{Event: "close"}).OK)
	coherent(t, w.store)

	w.now = w.now.Add(time.Hour)
	w.pushed("till", counted("c", w.now, "paris", "", "SN-1", 0))
	require.Equal(t, "lyon", w.item("web", "w1").Location, "that Paris has it not takes it from nowhere")
	w.pushed("till", counted("d", w.now, "paris", "", "SN-1", 1))
	require.Equal(t, "paris", w.item("web", "w1").Location, "a later count finds it elsewhere")
}

func TestAQuantityArrivesInPartsAndTheRestIsMissing(t *testing.T) {
	w := tenOfASKU(t, "hub")
	anna, ben, chief := w.desks()
	id := w.item("web", "q").ID
	ask := func(d desk, a canon.TransferAsk) canon.Outcome { a.Transfer = "T1"; return d.transfer(a) }
	must := func(o canon.Outcome) { t.Helper(); require.True(t, o.OK, o.Reason) }
	must(anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "lyon", Lines: []canon.TransferGood{{Item: id, Quantity: 4}}}))
	must(ask(chief, canon.TransferAsk{Event: "approve"}))
	must(ask(anna, canon.TransferAsk{Event: "pick", Scanned: "BAND"}))
	require.Equal(t, canon.StockAt{Location: "paris", OnHand: 10, Committed: 4, Available: 6}, stockAt(w.item("web", "q"))["paris"])
	must(ask(anna, canon.TransferAsk{Event: "ship", Seal: "S", Seconds: 3600}))
	at := stockAt(w.item("web", "q"))
	require.Equal(t, canon.StockAt{Location: "paris", OnHand: 6, Available: 6}, at["paris"])
	require.Equal(t, canon.StockAt{Location: "lyon", InTransit: 4}, at["lyon"])
	require.Equal(t, "transfer.quantity", ask(ben, canon.TransferAsk{Event: "receive", Scanned: "BAND", Quantity: 5}).Code)
	must(ask(ben, canon.TransferAsk{Event: "receive", Scanned: "BAND", Quantity: 1}))
	require.Equal(t, canon.StockAt{Location: "lyon", OnHand: 1, Available: 1, InTransit: 3}, stockAt(w.item("web", "q"))["lyon"])
	require.Equal(t, "part_received", w.transferOf("T1").Status)

	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	tr := w.transferOf("T1")
	require.Equal(t, "investigated", tr.Status)
	require.EqualValues(t, 3, tr.Lines[0].Missing)
	require.Equal(t, canon.StockAt{Location: "lyon", OnHand: 1, Available: 1}, stockAt(w.item("web", "q"))["lyon"])
	must(ask(ben, canon.TransferAsk{Event: "receive", Scanned: "BAND", Quantity: 2}))
	tr = w.transferOf("T1")
	require.EqualValues(t, 1, tr.Lines[0].Missing)
	require.Equal(t, "investigated", tr.Status)
	require.Equal(t, "approval.missing", ask(chief, canon.TransferAsk{Event: "close"}).Code)
	must(ask(chief, canon.TransferAsk{Event: "close", Approved: true, Reason: "one was never packed"}))
	at = stockAt(w.item("web", "q"))
	require.Equal(t, canon.StockAt{Location: "paris", OnHand: 6, Available: 6}, at["paris"])
	require.Equal(t, canon.StockAt{Location: "lyon", OnHand: 3, Available: 3}, at["lyon"])

	w.now = w.now.Add(time.Hour)
	w.pushed("till", counted("c", w.now, "lyon", "BAND", "", 7))
	require.EqualValues(t, 7, stockAt(w.item("web", "q"))["lyon"].OnHand, "what had arrived is part of the count")
	w.pushed("till", counted("d", w.now.Add(time.Minute), "paris", "BAND", "", 5))
	require.EqualValues(t, 5, stockAt(w.item("web", "q"))["paris"].OnHand, "what had left is part of the count")
	coherent(t, w.store)
}

func TestACancelledTransferLeavesTheGoodsWhereTheyAre(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, _, chief := w.desks()
	lines := []canon.TransferGood{{Item: w.item("web", "w1").ID}}
	require.Equal(t, "transfer.same_place", anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "paris", Lines: lines}).Code)
	require.Equal(t, "location.unknown", anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "mars", Lines: lines}).Code)
	require.Equal(t, "transfer.lines", anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "lyon"}).Code)
	require.True(t, anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "lyon", Lines: lines}).OK)
	require.True(t, chief.transfer(canon.TransferAsk{Transfer: "T4", Event: "approve"}).OK)
	require.True(t, anna.transfer(canon.TransferAsk{Transfer: "T4", Event: "pick", Scanned: "SN-1"}).OK)
	require.True(t, chief.transfer(canon.TransferAsk{Transfer: "T4", Event: "cancel"}).OK)
	require.Equal(t, "cancelled", w.transferOf("T4").Lines[0].Status)
	require.Equal(t, []canon.StockAt{{Location: "paris", OnHand: 1, Available: 1}}, w.item("web", "w1").Stock)
	require.Empty(t, w.keys(store.PrefixDiff))
	require.Equal(t, "transfer.unknown", chief.transfer(canon.TransferAsk{Transfer: "T99", Event: "approve"}).Code)
}

func TestAMissingPieceOfATransferIsFoundUnderIt(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, ben, chief := w.desks()
	ask := func(d desk, a canon.TransferAsk) canon.Outcome { a.Transfer = "T1"; return d.transfer(a) }
	require.True(t, anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "lyon", Lines: []canon.TransferGood{{Item: w.item("web", "w1").ID}}}).OK)
	require.True(t, ask(chief, canon.TransferAsk{Event: "approve"}).OK)
	require.True(t, ask(anna, canon.TransferAsk{Event: "pick", Scanned: "SN-1"}).OK)
	require.True(t, ask(anna, canon.TransferAsk{Event: "ship", Seal: "S"}).OK)
	require.Equal(t, "reference.missing", ask(chief, canon.TransferAsk{Event: "miss"}).Code)
	require.True(t, ask(chief, canon.TransferAsk{Event: "miss", Reason: "the parcel came open"}).OK)
	require.Equal(t, canon.ItemMissing, w.item("web", "w1").Status)
	coherent(t, w.store)
	require.True(t, ask(ben, canon.TransferAsk{Event: "receive", Scanned: "SN-1"}).OK)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
	require.Equal(t, "lyon", w.item("web", "w1").Location)
	require.Equal(t, "received", w.transferOf("T1").Status)
	require.Empty(t, w.openCases())
}

func TestASaleOfAPieceOnItsWayIsACase(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	anna, _, chief := w.desks()
	ask := func(d desk, a canon.TransferAsk) canon.Outcome { a.Transfer = "T1"; return d.transfer(a) }
	require.True(t, anna.transfer(canon.TransferAsk{Event: "request", From: "paris", To: "lyon", Lines: []canon.TransferGood{{Item: w.item("web", "w1").ID}}}).OK)
	require.True(t, ask(chief, canon.TransferAsk{Event: "approve"}).OK)
	require.True(t, ask(anna, canon.TransferAsk{Event: "pick", Scanned: "SN-1"}).OK)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Len(t, w.openCases(), 1)
	require.Equal(t, "item.held", ask(anna, canon.TransferAsk{Event: "ship", Seal: "S"}).Code, "it is not sent away while two want it")
	coherent(t, w.store)
}

// TestStockAddsUpThroughDocuments moves pieces and a quantity between two places at random, sells, holds, sets aside and
// counts them: after every step each place adds up, and nothing appears or disappears but by a sale, a loss or a count.
func TestStockAddsUpThroughDocuments(t *testing.T) {
	sent := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := tenOfASKU(t, "hub")
		threeSides(w)
		anna, ben, chief := w.desks()
		piece, band := w.item("web", "w1").ID, w.item("web", "q").ID
		gone := map[string]int64{} // sold or lost, less what was found again, by item
		var transfers []string
		items := map[string]func() *canon.Item{
			piece: func() *canon.Item { return w.item("web", "w1") },
			band:  func() *canon.Item { return w.item("web", "q") },
		}
		which := func(rt *rapid.T) (string, string, int64) {
			if rapid.Bool().Draw(rt, "piece") {
				return piece, "SN-1", 1
			}
			return band, "BAND", rapid.Int64Range(1, 4).Draw(rt, "quantity")
		}
		place := rapid.SampledFrom([]string{"paris", "lyon"})
		inHouse := func(it *canon.Item) (n int64) {
			for _, a := range it.Stock {
				n += a.OnHand + a.Memo + a.InTransit
			}
			return n
		}
		some := func(rt *rapid.T) string {
			if len(transfers) == 0 {
				rt.Skip("no transfer")
			}
			return rapid.SampledFrom(transfers).Draw(rt, "transfer")
		}
		// loses says how many of an item an act took out of the house: from least to most.
		loses := func(rt *rapid.T, what string, before *canon.Item, least, most int64) {
			lost := inHouse(before) - inHouse(items[before.ID]())
			require.True(rt, least <= lost && lost <= most, "%s took %d out of the house, not %d to %d", what, lost, least, most)
			gone[before.ID] += lost
		}
		onTheWay := func(it *canon.Item) (n int64) {
			for _, a := range it.Stock {
				n += a.InTransit
			}
			return n
		}
		request := func(rt *rapid.T) int64 {
			id, _, quantity := which(rt)
			from := place.Draw(rt, "from")
			out := anna.transfer(canon.TransferAsk{Event: "request", From: from, To: map[string]string{"paris": "lyon", "lyon": "paris"}[from], Lines: []canon.TransferGood{{Item: id, Quantity: quantity}}})
			require.True(rt, out.OK, out.Reason)
			transfers = append(transfers, fmt.Sprintf("T%d", w.commands))
			return quantity
		}
		step := func(event string, who desk) func(*rapid.T) {
			return func(rt *rapid.T) {
				id := some(rt)
				_, scanned, quantity := which(rt)
				late := w.transferOf(id).Status == "investigated"
				before := []*canon.Item{items[piece](), items[band]()}
				out := who.transfer(canon.TransferAsk{Transfer: id, Event: event, Scanned: scanned, Quantity: quantity, Seal: "S", Seconds: 60, Approved: true, Reason: "r"})
				for _, it := range before {
					switch {
					case out.OK && event == "miss":
						loses(rt, event, it, 0, onTheWay(it))
					case out.OK && event == "receive" && late: // it was lost, and is found
						loses(rt, event, it, -quantity, 0)
					default:
						loses(rt, event, it, 0, 0)
					}
				}
			}
		}
		var asides []string
		rt.Repeat(map[string]func(*rapid.T){
			"request": func(rt *rapid.T) { request(rt) },
			"send": func(rt *rapid.T) {
				request(rt)
				id := transfers[len(transfers)-1]
				for _, scanned := range []string{"SN-1", "BAND"} {
					chief.transfer(canon.TransferAsk{Transfer: id, Event: "approve"})
					anna.transfer(canon.TransferAsk{Transfer: id, Event: "pick", Scanned: scanned})
				}
				if anna.transfer(canon.TransferAsk{Transfer: id, Event: "ship", Seal: "S", Seconds: 60}).OK {
					sent++
				}
			},
			"approve": step("approve", chief), "pick": step("pick", anna), "pick again": step("pick", anna), "ship": step("ship", anna),
			"ship again": step("ship", anna), "receive": step("receive", ben), "receive again": step("receive", ben), "miss": step("miss", chief),
			"close": step("close", chief), "cancel": step("cancel", chief),
			"sell": func(rt *rapid.T) {
				id, _, quantity := which(rt)
				before := items[id]()
				w.commands++
				key := fmt.Sprint("S", w.commands)
				out := w.do("till", canon.Command{Key: key, ID: key, Sell: &canon.Sell{Item: id, Quantity: quantity, Location: place.Draw(rt, "place"), Channel: "till"}})
				if !out.OK {
					quantity = 0
				}
				loses(rt, "the sale", before, quantity, quantity)
			},
			"set aside": func(rt *rapid.T) {
				id, scanned, quantity := which(rt)
				before := items[id]()
				event := rapid.SampledFrom([]string{"repair", "damage", "miss", "scrap"}).Draw(rt, "event")
				out := chief.move(canon.MoveItem{
					Item: id, Event: event, Quantity: quantity, Location: place.Draw(rt, "place"), Scanned: scanned, Approved: true, Inspected: true,
				})
				if !out.OK || event == "repair" || event == "damage" {
					quantity = 0
				}
				if loses(rt, event, before, quantity, quantity); out.OK && id == band {
					asides = append(asides, fmt.Sprintf("A%d", w.commands))
				}
			},
			"move on": func(rt *rapid.T) {
				m := canon.MoveItem{
					Item: piece, Scanned: "SN-1", Event: rapid.SampledFrom([]string{"find", "restock", "finish", "repair", "write_off", "scrap", "return"}).Draw(rt, "event"),
					Approved: true, Inspected: true, WithinPolicy: true,
				}
				if len(asides) > 0 && rapid.Bool().Draw(rt, "band") {
					m.Item, m.Scanned, m.Claim = band, "BAND", rapid.SampledFrom(asides).Draw(rt, "aside")
				}
				before := items[m.Item]()
				chief.move(m)
				loses(rt, m.Event, before, -4, 4)
			},
			"time passes": func(rt *rapid.T) {
				before := []*canon.Item{items[piece](), items[band]()}
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40).Draw(rt, "seconds")) * time.Second)
				w.settleDue()
				for _, it := range before {
					loses(rt, "time", it, 0, onTheWay(it))
				}
			},
			"": func(rt *rapid.T) {
				for id, n := range map[string]int64{piece: 1, band: 10} {
					it := items[id]()
					require.Equal(rt, n-gone[id], inHouse(it), "%+v with %d gone", it.Stock, gone[id])
					if n-gone[id] < 0 || n-gone[id] > n {
						rt.Fatalf("%d of %d are in the house", n-gone[id], n)
					}
					for _, a := range it.Stock {
						require.True(rt, a.AddsUp(), "%+v", a)
						require.GreaterOrEqual(rt, a.Available, int64(0), "no command takes what is not there: %+v", a)
						require.GreaterOrEqual(rt, a.InTransit, int64(0))
					}
				}
				require.Empty(rt, w.parked())
				require.Empty(rt, w.openCases())
			},
		})
		coherent(t, w.store)
	})
	require.Positive(t, sent, "transfers were sent")
}
