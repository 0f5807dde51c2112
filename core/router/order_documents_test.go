package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func orderOf(w *workbench, connection, external string) *canon.Order {
	w.t.Helper()
	o := load[canon.Order](w, store.RecordKey(store.TypeOrder, canon.NodeID("ord", connection, canon.KindOrder, external)))
	require.NotNil(w.t, o)
	return o
}

// events lists what the timeline of an entity tells; steps that nobody stated in brackets.
func (w *workbench) events(entity string) []string {
	w.t.Helper()
	var out []string
	for _, k := range w.keys(store.PrefixEntity + entity + "/") {
		r := load[canon.Row](w, store.RowOfEntityKey(store.PrefixEntity+entity+"/"+k))
		require.NotNil(w.t, r)
		e := r.Event
		if r.Inferred {
			e = "(" + e + ")"
		}
		out = append(out, e)
	}
	return out
}

func TestWhatAPlatformTellsOfDeliveryAndPaymentIsPartOfTheOrder(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	o := order("o1", 10, line("1", "w1", 1))
	w.pushed("web", o)
	shipped := order("o1", 11, line("1", "w1", 1))
	shipped.Order.Status = canon.OrderFulfilled
	shipped.Order.Fulfilments = []canon.StatedFulfilment{{ID: "f1", Status: "shipped", Lines: []canon.DocumentLine{{ID: "1", Quantity: 1}}, Location: "L1", Tracking: "1Z9"}}
	w.pushed("web", shipped)
	w.fetched("web", canon.Observation{Kind: canon.KindOrder, ExternalID: "o1", Aspect: canon.AspectPayment, SourceVersion: 11, Order: &canon.OrderState{Payments: []canon.StatedPayment{{
		ID: "t1", Status: "captured", Kind: "card", Amount: canon.StatedMoney{Amount: "1250.00", Currency: "EUR"}, Captured: &canon.StatedMoney{Amount: "1250.00", Currency: "EUR"},
	}}}})
	got := orderOf(w, "web", "o1")
	require.Len(t, got.Fulfilments, 1)
	require.Equal(t, "paris", got.Fulfilments[0].Location, "the hub's own place")
	require.Equal(t, []canon.Payment{{ID: "t1", Status: "captured", Kind: "card", Amount: &canon.Money{Minor: 125000, Currency: "EUR"}, Captured: &canon.Money{Minor: 125000, Currency: "EUR"}}}, got.Payments)
	require.Equal(t, []string{
		"order.created", "order.changed", "(fulfilment.created)", "(fulfilment.picked)", "(fulfilment.packed)", "fulfilment.shipped",
		"order.changed", "(payment.created)", "payment.captured",
	}, w.events(got.ID), "the way between is inferred")
	require.Empty(t, w.parked())
}

func TestAnExchangesRefundIsNetAlready(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	eur := func(amount string) canon.StatedMoney { return canon.StatedMoney{Amount: amount, Currency: "EUR"} }
	two := order("o1", 10, line("1", "w1", 1), line("2", "w9", 1))
	two.Order.Status = canon.OrderFulfilled
	two.Order.Lines[0].Price = eur("1250.00")
	two.Order.Lines[1].Price = eur("1000.00")
	w.pushed("web", two)
	r := refund("r1", "o1", 10)
	back := eur("250.00")
	r.Refund.Total, r.Refund.Lines = &back, []canon.RefundLine{{OrderLineID: "1", Quantity: 1, Restocked: true}}
	w.pushed("web", r)
	w.fetched("web", canon.Observation{Kind: canon.KindOrder, ExternalID: "o1", Aspect: canon.AspectReturn, SourceVersion: 11, Order: &canon.OrderState{Returns: []canon.StatedReturn{{
		ID: "b1", Status: "closed", Lines: []canon.DocumentLine{{ID: "1", Quantity: 1}}, Exchange: []canon.DocumentLine{{ID: "2", Quantity: 1}}, Refunds: []string{"r1"},
	}}}})
	got := orderOf(w, "web", "o1").Returns
	require.Len(t, got, 1, "the refund is the return's, and no return of its own")
	require.Equal(t, int64(25000), got[0].Refunded.Minor, "what went back, and nothing taken off it for what the client took")
	require.Equal(t, int64(125000), got[0].Value.Minor)
}

func TestASalePriceGoesByThePolicyOfPrices(t *testing.T) {
	settings := testSettings()
	settings.Policy = &canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "price", Policy: canon.PolicyAuthority, Authority: []string{"shop"}, Others: canon.OthersIgnore}}}
	w := newWorkbench(t, settings)
	threeSides(w)
	from := dayOne.Add(time.Hour)
	offered := func(amount string) func(*canon.ListingState) {
		return func(l *canon.ListingState) {
			l.Prices = []canon.StatedMoney{{Amount: "1000", Currency: "EUR"}}
			l.Offers = []canon.StatedOffer{{ID: "sale", Kind: canon.OfferSale, Price: canon.StatedMoney{Amount: amount, Currency: "EUR"}, From: &from}}
		}
	}
	w.fetched("web", listing("w1", "sku-1", "", offered("700")))
	w.fetched("shop", listing("p1", " SKU-1 ", "", offered("800")))
	got := w.item("web", "w1").Offers
	require.Len(t, got, 1, "the shop's word counts alone")
	require.Equal(t, canon.ShownOffer{Connection: "shop", ID: "sale", Kind: canon.OfferSale, Money: canon.Money{Minor: 80000, Currency: "EUR"}, Stated: "800", From: &from}, got[0])
}

func TestARefundOfHandedOverLinesIsAReturn(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	o := order("o1", 10, line("1", "w1", 1))
	o.Order.Status = canon.OrderFulfilled
	w.pushed("web", o)
	w.pushed("web", refund("r1", "o1", 10, canon.RefundLine{OrderLineID: "1", Quantity: 1, Restocked: true}))
	got := orderOf(w, "web", "o1")
	require.Len(t, got.Returns, 1)
	require.Equal(t, "refunded", got.Returns[0].Status)
	require.Contains(t, w.events(got.ID), "(return.accepted)")
}

func TestAStateThatNoWayLeadsToIsACaseThatAPersonMayAccept(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	state := func(version int64, status string) {
		o := order("o1", version, line("1", "w1", 1))
		o.Order.Payments = []canon.StatedPayment{{ID: "t1", Status: status, Kind: "card", Amount: canon.StatedMoney{Amount: "10", Currency: "EUR"}}}
		w.pushed("web", o)
	}
	state(10, "declined")
	require.Empty(t, w.openCases())
	state(11, "captured")
	cases := w.openCases()
	require.Len(t, cases, 1)
	require.Equal(t, canon.CaseDocument, cases[0].Kind)
	require.Equal(t, "captured", orderOf(w, "web", "o1").Payments[0].Status, "what is shown is a fact")
	out := w.do("anna", canon.Command{Key: "a", ID: "A1", Role: "manager", Resolve: &canon.Resolve{Case: cases[0].ID, Proposal: "accept"}})
	require.True(t, out.OK, out.Reason)
	require.Empty(t, w.openCases())
}

func TestADocumentInAStateOfNoMachineIsParked(t *testing.T) {
	w := newWorkbench(t, testSettings())
	o := order("o1", 10, line("1", "w1", 1))
	o.Order.Fulfilments = []canon.StatedFulfilment{{ID: "f1", Status: "teleported"}}
	w.pushed("web", o)
	require.Len(t, w.parked(), 1)
	require.Equal(t, "order.documents", w.parked()[0].Code)
}

// papersDesk takes steps of one order's documents.
type papersDesk struct {
	w     *workbench
	order string
	n     int
}

func (d *papersDesk) step(role string, s canon.OrderStep) canon.Outcome {
	d.n++
	s.Order, s.Channel = d.order, "till-1"
	return d.w.do("till-1", canon.Command{Key: fmt.Sprint("p", d.n), ID: fmt.Sprint("P", d.n), Role: role, OrderStep: &s})
}

func (d *papersDesk) must(role string, s canon.OrderStep) string {
	d.w.t.Helper()
	out := d.step(role, s)
	require.True(d.w.t, out.OK, "%s %s: %s %s", s.Document, s.Event, out.Code, out.Reason)
	return fmt.Sprint("P", d.n)
}

// soldAtTheTill sells the piece of three sides at a till.
func soldAtTheTill(w *workbench) *papersDesk {
	threeSides(w)
	out := w.do("till-1", canon.Command{Key: "s", ID: "S1", Role: "till", Sell: &canon.Sell{Item: w.item("web", "w1").ID, Channel: "till-1", Price: &canon.StatedMoney{Amount: "1250", Currency: "EUR"}}})
	require.True(w.t, out.OK, out.Reason)
	return &papersDesk{w: w, order: orderOf(w, "till-1", "S1").ID}
}

func TestAHousesFulfilmentGoesStepByStep(t *testing.T) {
	w := newWorkbench(t, testSettings())
	d := soldAtTheTill(w)
	f := canon.DocumentFulfilment
	id := d.must("till", canon.OrderStep{Document: f, Event: "create"})
	require.Equal(t, "lines.none_open", d.step("till", canon.OrderStep{Document: f, Event: "create"}).Code, "every line is in it")
	require.Equal(t, "item.wrong_piece", d.step("till", canon.OrderStep{Document: f, ID: id, Event: "pick", Scanned: "SN-2"}).Code)
	d.must("device", canon.OrderStep{Document: f, ID: id, Event: "pick", Scanned: "sn-1"})
	d.must("till", canon.OrderStep{Document: f, ID: id, Event: "pack", Certificate: true})
	require.Equal(t, "reference.missing", d.step("till", canon.OrderStep{Document: f, ID: id, Event: "ship"}).Code)
	d.must("till", canon.OrderStep{Document: f, ID: id, Event: "ship", Tracking: "1Z9", Carrier: "Malca"})
	require.Equal(t, "transition.illegal", d.step("till", canon.OrderStep{Document: f, ID: id, Event: "pick", Scanned: "sn-1"}).Code)
	d.must("till", canon.OrderStep{Document: f, ID: id, Event: "deliver"})
	got := orderOf(w, "till-1", "S1").Fulfilments
	require.Len(t, got, 1)
	require.Equal(t, "delivered", got[0].Status)
	require.Equal(t, "1Z9", got[0].Tracking)
	require.Equal(t, "document.unknown", d.step("till", canon.OrderStep{Document: f, ID: "nobody's", Event: "pick"}).Code)
}

func TestAReturnIsReceivedInspectedAndRefundedByItsPayment(t *testing.T) {
	w := newWorkbench(t, testSettings())
	d := soldAtTheTill(w)
	eur := func(amount string) *canon.StatedMoney { return &canon.StatedMoney{Amount: amount, Currency: "EUR"} }
	p, r := canon.DocumentPayment, canon.DocumentReturn
	pay := d.must("till", canon.OrderStep{Document: p, Event: "create", Kind: "cash", Amount: eur("1250")})
	require.Equal(t, "payment.over_authorized", d.step("till", canon.OrderStep{Document: p, ID: pay, Event: "capture", Amount: eur("1251")}).Code)
	d.must("till", canon.OrderStep{Document: p, ID: pay, Event: "capture"})

	id := d.must("till", canon.OrderStep{Document: r, Event: "request", Reason: "too small"})
	require.Equal(t, "return.policy", d.step("till", canon.OrderStep{Document: r, ID: id, Event: "authorize"}).Code)
	d.must("till", canon.OrderStep{Document: r, ID: id, Event: "authorize", WithinPolicy: true})
	require.Equal(t, "item.wrong_piece", d.step("till", canon.OrderStep{Document: r, ID: id, Event: "receive", Scanned: "SN-2"}).Code)
	d.must("till", canon.OrderStep{Document: r, ID: id, Event: "receive", Scanned: "sn-1"})
	require.Equal(t, canon.ItemReturned, w.item("web", "w1").Status, "back, and not for sale before somebody looked at it")
	require.Equal(t, "transition.actor", d.step("till", canon.OrderStep{Document: r, ID: id, Event: "inspect", Inspected: true}).Code)
	d.must("manager", canon.OrderStep{Document: r, ID: id, Event: "inspect", Inspected: true})
	d.must("manager", canon.OrderStep{Document: r, ID: id, Event: "accept", Certificate: true})
	require.Equal(t, "return.payment", d.step("manager", canon.OrderStep{Document: r, ID: id, Event: "refund"}).Code)
	d.must("manager", canon.OrderStep{Document: r, ID: id, Event: "refund", Payment: pay, Amount: eur("250")})
	require.Equal(t, "part_refunded", orderOf(w, "till-1", "S1").Returns[0].Status)
	require.Equal(t, "refund.over_paid", d.step("manager", canon.OrderStep{Document: r, ID: id, Event: "refund", Payment: pay, Amount: eur("1001")}).Code)
	d.must("manager", canon.OrderStep{Document: r, ID: id, Event: "refund", Payment: pay})
	o := orderOf(w, "till-1", "S1")
	require.Equal(t, "refunded", o.Returns[0].Status)
	require.Equal(t, "refunded", o.Payments[0].Status)
	require.Equal(t, int64(125000), o.Payments[0].Refunded.Minor, "what went back by the payment is what the return was worth")
	coherent(t, w.store)
}

func TestAnExchangeStatesItsNetAmountAndHasToBePaid(t *testing.T) {
	w := newWorkbench(t, testSettings())
	d := soldAtTheTill(w)
	other := listing("w2", "SKU-2", "SN-2")
	w.fetched("web", other)
	w.fetched("web", level("w2", "L1", 1, 1))
	out := w.do("till-1", canon.Command{Key: "x", ID: "S2", Role: "till", Sell: &canon.Sell{Item: w.item("web", "w2").ID, Channel: "till-1", Price: &canon.StatedMoney{Amount: "1500", Currency: "EUR"}}})
	require.True(t, out.OK, out.Reason)
	taken := orderOf(w, "till-1", "S2")
	r := canon.DocumentReturn
	id := d.must("till", canon.OrderStep{Document: r, Event: "request"})
	d.must("till", canon.OrderStep{Document: r, ID: id, Event: "authorize", WithinPolicy: true})
	d.must("till", canon.OrderStep{Document: r, ID: id, Event: "receive", Scanned: "sn-1"})
	d.must("manager", canon.OrderStep{Document: r, ID: id, Event: "inspect", Inspected: true})
	d.must("manager", canon.OrderStep{Document: r, ID: id, Event: "accept", Certificate: true})
	require.Equal(t, "payment.open", d.step("till", canon.OrderStep{Document: r, ID: id, Event: "exchange", Exchange: taken.ID}).Code, "250 are to be paid")
	second := &papersDesk{w: w, order: taken.ID, n: 100}
	pay := second.must("till", canon.OrderStep{Document: canon.DocumentPayment, Event: "create", Kind: "card", Amount: &canon.StatedMoney{Amount: "250", Currency: "EUR"}})
	second.must("till", canon.OrderStep{Document: canon.DocumentPayment, ID: pay, Event: "capture"})
	d.must("till", canon.OrderStep{Document: r, ID: id, Event: "exchange", Exchange: taken.ID})
	got := orderOf(w, "till-1", "S1").Returns[0]
	require.Equal(t, "exchanged", got.Status)
	require.Equal(t, int64(-25000), got.Net.Minor, "the client pays the difference")
}

func TestHousePapersStayWhenThePlatformShowsTheOrderAgain(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	d := &papersDesk{w: w, order: orderOf(w, "web", "o1").ID}
	id := d.must("till", canon.OrderStep{Document: canon.DocumentFulfilment, Event: "create"})
	again := order("o1", 11, line("1", "w1", 1))
	again.Order.Number = "#1001"
	w.pushed("web", again)
	got := orderOf(w, "web", "o1")
	require.Equal(t, "#1001", got.Number)
	require.Len(t, got.Fulfilments, 1)
	require.Equal(t, id, got.Fulfilments[0].ID)
	shown := order("o1", 12, line("1", "w1", 1))
	shown.Order.Fulfilments = []canon.StatedFulfilment{{ID: "f1", Status: "shipped"}}
	w.pushed("web", shown)
	require.Equal(t, "document.by_platform", d.step("till", canon.OrderStep{Document: canon.DocumentFulfilment, ID: "f1", Event: "deliver"}).Code)
}

// toCollect reserves the piece of three sides to be collected.
func toCollect(w *workbench) (item string, step func(role string, s canon.ReservationStep) canon.Outcome) {
	threeSides(w)
	item = w.item("web", "w1").ID
	out := w.do("web-shop", canon.Command{Key: "r", ID: "R1", Reserve: &canon.Reserve{Item: item, Seconds: 900, Channel: "till-1", Collect: true}})
	require.True(w.t, out.OK, out.Reason)
	n := 0
	return item, func(role string, s canon.ReservationStep) canon.Outcome {
		n++
		s.Reservation, s.Channel = "R1", "till-1"
		return w.do("till-1", canon.Command{Key: fmt.Sprint("c", n), ID: fmt.Sprint("C", n), Role: role, ReservationStep: &s})
	}
}

func TestClickAndCollectEndsWithASale(t *testing.T) {
	w := newWorkbench(t, testSettings())
	item, step := toCollect(w)
	require.True(t, step("till", canon.ReservationStep{Event: "confirm"}).OK)
	require.Equal(t, "item.wrong_piece", step("till", canon.ReservationStep{Event: "pick", Scanned: "SN-2"}).Code)
	require.True(t, step("till", canon.ReservationStep{Event: "pick", Scanned: "sn-1"}).OK)
	require.Equal(t, "reservation.duration", step("till", canon.ReservationStep{Event: "ready", Scanned: "sn-1"}).Code)
	require.True(t, step("till", canon.ReservationStep{Event: "ready", Scanned: "sn-1", Seconds: 3 * 24 * 3600}).OK)
	require.Equal(t, canon.ItemReserved, w.item("web", "w1").Status)
	require.Equal(t, "collect.identity", step("till", canon.ReservationStep{Event: "collect", Scanned: "sn-1", Paid: true}).Code)
	require.Equal(t, "payment.open", step("till", canon.ReservationStep{Event: "collect", Scanned: "sn-1", Identified: true}).Code)
	out := step("till", canon.ReservationStep{Event: "collect", Scanned: "sn-1", Identified: true, Paid: true})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
	require.Subset(t, w.events(item), []string{"reservation.confirmed", "reservation.picked", "reservation.ready", "reservation.collected"})
}

func TestWhatNobodyConfirmsIsFreeAgainAndWhatNobodyCollectsIsPutBack(t *testing.T) {
	w := newWorkbench(t, testSettings())
	_, _ = toCollect(w)
	w.now = w.now.Add(time.Hour)
	w.settleDue()
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)

	w = newWorkbench(t, testSettings())
	_, step := toCollect(w)
	require.True(t, step("till", canon.ReservationStep{Event: "confirm"}).OK)
	require.True(t, step("till", canon.ReservationStep{Event: "pick", Scanned: "sn-1"}).OK)
	require.True(t, step("till", canon.ReservationStep{Event: "ready", Scanned: "sn-1", Seconds: 7200}).OK)
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.Equal(t, canon.ItemReserved, w.item("web", "w1").Status, "it is on the shelf of what is collected")
	require.Equal(t, "transition.actor", step("till", canon.ReservationStep{Event: "extend", Seconds: 60}).Code)
	require.True(t, step("manager", canon.ReservationStep{Event: "extend", Seconds: 3600}).OK)
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.True(t, step("till", canon.ReservationStep{Event: "restock", Scanned: "sn-1"}).OK)
	require.Equal(t, canon.ItemInStock, w.item("web", "w1").Status)
	require.Empty(t, w.keys(store.PrefixDiff))
}
