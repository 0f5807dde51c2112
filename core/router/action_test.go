package router

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// actingSettings are those of two shops where orders can be cancelled and refunded, and a till where they can't.
func actingSettings() canon.Settings {
	s := testSettings()
	for i := range s.Connections {
		if s.Connections[i].Name != "till" {
			s.Connections[i].Actions = []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines}
		}
	}
	return s
}

// soldTwice is a piece that both shops have sold.
func soldTwice(t testing.TB) *workbench {
	w := newWorkbench(t, actingSettings())
	threeSides(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	w.pushed("shop", order("77", 10, line("a", "p1", 1)))
	return w
}

// oneCase is the only open case.
func (w *workbench) oneCase() canon.Case {
	w.t.Helper()
	cases := w.openCases()
	require.Len(w.t, cases, 1)
	return cases[0]
}

func (w *workbench) decide(proposal string, change ...func(*canon.Resolve)) canon.Outcome {
	w.t.Helper()
	r := &canon.Resolve{Case: w.oneCase().ID, Proposal: proposal, Note: "first come"}
	for _, c := range change {
		c(r)
	}
	id := fmt.Sprint("d", w.offset)
	return w.do("anna", canon.Command{Key: id, ID: id, Resolve: r})
}

// actions are those of a connection that are not over, oldest first.
func (w *workbench) actions(conn string) []canon.Action {
	w.t.Helper()
	var out []canon.Action
	for _, k := range w.keys(store.PrefixToDo + conn + "/") {
		out = append(out, *load[canon.Action](w, store.ActionKey(conn, k)))
	}
	return out
}

// attempt announces an action and gives it as the fold has it then.
func (w *workbench) attempt(a canon.Action) *canon.Action {
	w.t.Helper()
	w.entry(canon.EntryAction, canon.Head{Connection: a.Connection, Actor: "hub", Cause: a.Cause}, canon.ActionAttempt{Key: a.Key})
	return load[canon.Action](w, store.ActionKey(a.Connection, a.Key))
}

func (w *workbench) settle(a *canon.Action, status string, change ...func(*canon.ActionSettled)) *canon.Action {
	w.t.Helper()
	s := canon.ActionSettled{Key: a.Key, Attempt: a.Attempt, Status: status}
	for _, c := range change {
		c(&s)
	}
	w.entry(canon.EntryActionEnd, canon.Head{Connection: a.Connection, Actor: "hub", Cause: a.Attempt}, s)
	return load[canon.Action](w, store.ActionKey(a.Connection, a.Key))
}

func lookedUp(s *canon.ActionSettled) { s.LookedUp = true }

// zeroEverywhere asserts that no shop is to offer the piece.
func (w *workbench) zeroEverywhere() {
	w.t.Helper()
	require.EqualValues(w.t, 0, *w.levelWant("web", "sw1@L1").Quantity)
	require.EqualValues(w.t, 0, *w.levelWant("shop", "sp1@").Quantity)
}

func cancelled(id string, version int64, lines ...canon.OrderLine) canon.Observation {
	o := order(id, version, lines...)
	o.Order.Status = canon.OrderCancelled
	return o
}

func TestADecisionIsCarriedOutAtThePlatformAndItsWordClosesTheCase(t *testing.T) {
	for _, tc := range []struct {
		name, keep, loser, order, kept string
		kind                           string
		gone                           canon.Observation
	}{
		{"the first is kept", "web/o1/1", "shop", "77", "web", canon.ProposeKeep, cancelled("77", 11, line("a", "p1", 1))},
		{"swapped", "shop/77/a", "web", "o1", "shop", canon.ProposeSwap, cancelled("o1", 11, line("1", "w1", 1))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := soldTwice(t)
			for _, p := range w.oneCase().Proposals {
				if p.ID == "keep:"+tc.keep {
					require.Equal(t, tc.kind, p.Kind)
					require.Equal(t, tc.kind == canon.ProposeKeep, p.Advised)
				}
			}
			out := w.decide("keep:" + tc.keep)
			require.True(t, out.OK, out.Reason)
			require.Contains(t, w.last.Actions, tc.loser)

			c := w.oneCase()
			require.Equal(t, "anna", c.Decision.By)
			require.Equal(t, "first come", c.Decision.Note)
			require.Len(t, c.Actions, 1)
			require.Equal(t, canon.ActionWanted, c.Actions[0].State)
			acts := w.actions(tc.loser)
			require.Len(t, acts, 1)
			require.Equal(t, canon.ActionCancelOrder, acts[0].Kind)
			require.Equal(t, tc.order, acts[0].Order)
			require.False(t, acts[0].Restock, "the piece is not in that shop to be put back")
			w.zeroEverywhere()

			a := w.attempt(acts[0])
			require.Equal(t, canon.ActionAttempted, a.State)
			require.Equal(t, canon.ActionAttempted, w.oneCase().Actions[0].State)
			a = w.settle(a, "applied", func(s *canon.ActionSettled) { s.Amount = &canon.StatedMoney{Amount: "1250.00", Currency: "EUR"} })
			require.Equal(t, canon.ActionDone, a.State)
			require.Equal(t, "1250.00", w.oneCase().Actions[0].Amount.Amount)
			require.Len(t, w.openCases(), 1, "the platform has not shown it")
			w.zeroEverywhere()

			w.pushed(tc.loser, tc.gone)
			require.Empty(t, w.openCases())
			closed := load[canon.Case](w, store.PrefixCase+c.ID)
			require.Equal(t, "keep:"+tc.keep, closed.Resolution)
			require.Equal(t, canon.ActionDone, closed.Actions[0].State)
			require.Equal(t, tc.kept, w.item("web", "w1").Holder.Channel)
			require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
			require.Empty(t, w.actions(tc.loser))
			w.zeroEverywhere()
		})
	}
}

// A refund alone leaves a sale standing; of the order that gives way it ends the claim, whether the goods came back or not,
// and whichever came first.
func TestARefundEndsTheClaimThatGivesWay(t *testing.T) {
	for _, first := range []string{"decision", "refund"} {
		t.Run(first+" first", func(t *testing.T) {
			w := soldTwice(t)
			back := refund("r1", "77", 1, canon.RefundLine{OrderLineID: "a", Quantity: 1})
			if first == "refund" {
				w.pushed("shop", back)
				require.Len(t, w.openCases(), 1, "money back is not goods back")
			}
			require.True(t, w.decide("keep:web/o1/1").OK)
			if first == "decision" {
				w.attempt(w.actions("shop")[0])
				w.pushed("shop", back)
			}
			require.Empty(t, w.openCases())
			c := load[canon.Claim](w, store.PrefixClaim+"shop/77/a")
			require.Equal(t, "refunded", c.Ended)
			w.pushed("shop", order("77", 12, line("a", "p1", 1)))
			require.Empty(t, w.openCases(), "what has ended stays ended")
			w.zeroEverywhere()
		})
	}
}

func TestAnOrderOfMoreThanThePieceLosesItsLineAlone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		order canon.Observation
		kind  canon.ActionKind
	}{
		{"another line", order("77", 10, line("a", "p1", 1), line("b", "gift-box", 1)), canon.ActionRefundLines},
		{"another line that was refunded", order("77", 10, line("a", "p1", 1), line("b", "gift-box", 0)), canon.ActionCancelOrder},
		{"handed over", func() canon.Observation {
			o := order("77", 10, line("a", "p1", 1))
			o.Order.Status = canon.OrderFulfilled
			return o
		}(), canon.ActionRefundLines},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorkbench(t, actingSettings())
			threeSides(w)
			w.pushed("web", order("o1", 10, line("1", "w1", 1)))
			w.pushed("shop", tc.order)
			require.True(t, w.decide("keep:web/o1/1").OK)
			a := w.actions("shop")[0]
			require.Equal(t, tc.kind, a.Kind)
			if tc.kind == canon.ActionRefundLines {
				require.Equal(t, []canon.ActionLine{{ID: "a", Quantity: 1}}, a.Lines)
			}
		})
	}
}

func TestGoodsThatWereHandedOverAreReassigned(t *testing.T) {
	w := newWorkbench(t, actingSettings())
	threeSides(w)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	late := order("R1", 10, line("1", "t1", 1))
	late.Order.Status, late.Order.HandedOver = canon.OrderFulfilled, true
	w.pushed("till", late)
	var advised canon.Proposal
	for _, p := range w.oneCase().Proposals {
		if p.Advised {
			advised = p
		}
	}
	require.Equal(t, "keep:till/R1/1", advised.ID, "though the web's claim came first and holds the piece")
	require.Equal(t, canon.ProposeReassign, advised.Kind)
	require.True(t, w.decide(advised.ID).OK)
	a := w.attempt(w.actions("web")[0])
	w.settle(a, "applied")
	w.pushed("web", cancelled("o1", 11, line("1", "w1", 1)))
	require.Empty(t, w.openCases())
	require.Equal(t, "till", w.item("web", "w1").Holder.Channel)
}

func TestWhatIsTheHubsOwnOrATillsEndsHereAtOnce(t *testing.T) {
	w := newWorkbench(t, actingSettings())
	threeSides(w)
	id := w.item("web", "w1").ID
	require.True(t, w.do("till-1", canon.Command{Key: "a", ID: "R1", Reserve: &canon.Reserve{Item: id, Seconds: 600, Channel: "till-1"}}).OK)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.True(t, w.decide("keep:web/o1/1").OK)
	require.Empty(t, w.openCases())
	require.Empty(t, w.actions("web"))
	require.Equal(t, "web", w.item("web", "w1").Holder.Channel)
}

// Invariant 9: an attempt at a connection that is not live is not admitted.
func TestNothingIsDoneWhereTheConnectionIsNotLive(t *testing.T) {
	for _, tc := range []struct {
		name string
		cmd  canon.Command
	}{
		{"observe", canon.Command{SetMode: &canon.SetMode{Connection: "shop", Mode: canon.ModeObserve}}},
		{"shadow", canon.Command{SetMode: &canon.SetMode{Connection: "shop", Mode: canon.ModeShadow}}},
		{"paused", canon.Command{SetPause: &canon.SetPause{Connection: "shop", Paused: true}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := soldTwice(t)
			tc.cmd.Key, tc.cmd.ID = "m", "m"
			require.True(t, w.do("admin", tc.cmd).OK)
			require.True(t, w.decide("keep:web/o1/1").OK)
			a := w.attempt(w.actions("shop")[0])
			require.Equal(t, canon.ActionWanted, a.State)
			require.Zero(t, a.Attempt)
			w.zeroEverywhere()
		})
	}
}

func TestAPlatformThatRefusesLeavesTheCaseOpenWithItsWords(t *testing.T) {
	w := soldTwice(t)
	require.True(t, w.decide("keep:web/o1/1").OK)
	a := w.attempt(w.actions("shop")[0])
	w.settle(a, "rejected", func(s *canon.ActionSettled) { s.Code, s.Reason = "shop.no", "The order is locked" })
	p := w.oneCase().Actions[0]
	require.Equal(t, canon.ActionFailed, p.State)
	require.Equal(t, "The order is locked", p.Detail)
	require.Empty(t, w.actions("shop"))
	w.zeroEverywhere()

	// Another way out: the other one gives way.
	require.True(t, w.decide("keep:shop/77/a").OK)
	require.False(t, load[canon.Claim](w, store.PrefixClaim+"shop/77/a").Yields)
	b := w.attempt(w.actions("web")[0])
	w.settle(b, "applied")
	w.pushed("web", cancelled("o1", 11, line("1", "w1", 1)))
	require.Empty(t, w.openCases())
	require.Equal(t, "shop", w.item("web", "w1").Holder.Channel)
}

func TestAnOrderThatCanNotBeCancelledAnyMoreLosesItsLines(t *testing.T) {
	w := soldTwice(t)
	require.True(t, w.decide("keep:web/o1/1").OK)
	a := w.attempt(w.actions("shop")[0])
	w.settle(a, "rejected", func(s *canon.ActionSettled) { s.Code = canon.CodeFulfilled })
	require.True(t, w.decide("keep:web/o1/1").OK)
	again := w.actions("shop")[0]
	require.Equal(t, canon.ActionRefundLines, again.Kind)
	w.settle(w.attempt(again), "applied")
	require.Equal(t, "case.in_progress", w.decide("keep:web/o1/1").Code, "it is done; the platform has to show it")
	w.pushed("shop", refund("r1", "77", 1, canon.RefundLine{OrderLineID: "a", Quantity: 1}))
	require.Empty(t, w.openCases())
}

func TestASecondDecisionWaitsForTheOutcomeOfTheFirst(t *testing.T) {
	w := soldTwice(t)
	require.True(t, w.decide("keep:web/o1/1").OK)
	first := w.actions("shop")[0]
	require.True(t, w.decide("keep:web/o1/1").OK, "what was not sent may be decided anew")
	require.Equal(t, canon.ActionWithdrawn, load[canon.Action](w, store.ActionKey("shop", first.Key)).State)
	require.Equal(t, canon.ActionWithdrawn, w.attempt(first).State, "and is not sent any more")

	a := w.attempt(w.actions("shop")[0])
	for _, proposal := range []string{"keep:web/o1/1", "keep:shop/77/a"} {
		require.Equal(t, "case.in_progress", w.decide(proposal).Code)
	}
	a = w.settle(a, "unknown")
	require.Equal(t, canon.ActionUnknown, a.State)
	require.Equal(t, "case.in_progress", w.decide("keep:web/o1/1").Code, "the platform is being asked")
	a = w.settle(a, "unknown", lookedUp)
	require.Equal(t, canon.ActionParked, a.State)
	require.Empty(t, w.actions("shop"), "it is a person's now")
	require.Equal(t, "case.unknown_outcome", w.decide("keep:web/o1/1").Code)
	require.Equal(t, "order.in_progress", w.do("anna", canon.Command{Key: "x", ID: "x", CancelOrder: &canon.CancelOrder{Order: a.OrderID}}).Code)
	require.True(t, w.decide("keep:web/o1/1", func(r *canon.Resolve) { r.Again = true }).OK)
	require.Equal(t, canon.ActionFailed, load[canon.Action](w, store.ActionKey("shop", a.Key)).State)
	require.Len(t, w.actions("shop"), 1)
}

func TestWhatALookUpSaysIsNotDoneIsSentAgain(t *testing.T) {
	w := soldTwice(t)
	require.True(t, w.decide("keep:web/o1/1").OK)
	a := w.attempt(w.actions("shop")[0])
	was := *a
	a = w.settle(a, "rejected", lookedUp)
	require.Equal(t, canon.ActionWanted, a.State)
	a = w.attempt(*a)
	require.Equal(t, 2, a.Attempts)
	require.Equal(t, canon.ActionAttempted, w.settle(&was, "applied").State, "an outcome of the first attempt says nothing of the second")
	require.Equal(t, canon.ActionDone, w.settle(a, "duplicate").State)
}

func TestACaseThatEndsByItselfWithdrawsWhatWasNotSent(t *testing.T) {
	w := soldTwice(t)
	require.True(t, w.decide("keep:web/o1/1").OK)
	a := w.actions("shop")[0]
	id := w.oneCase().ID
	w.pushed("web", cancelled("o1", 11, line("1", "w1", 1))) // the one to be kept
	require.Empty(t, w.openCases())
	require.Equal(t, "one live claim is left", load[canon.Case](w, store.PrefixCase+id).Resolution)
	require.Equal(t, canon.ActionWithdrawn, w.attempt(a).State)
	require.Equal(t, "shop", w.item("web", "w1").Holder.Channel, "the other one has it now")
	w.pushed("shop", refund("r1", "77", 1, canon.RefundLine{OrderLineID: "a", Quantity: 1}))
	require.Equal(t, "shop", w.item("web", "w1").Holder.Channel, "and gives way no longer")
}

func TestOnlyAManagerDecides(t *testing.T) {
	w := soldTwice(t)
	c := w.oneCase()
	for _, role := range []string{"till", "device", "read"} {
		out := w.do("eve", canon.Command{Key: role, ID: role, Role: role, Resolve: &canon.Resolve{Case: c.ID, Proposal: "keep:web/o1/1"}})
		require.Equal(t, 403, out.Status)
	}
	out := w.do("eve", canon.Command{Key: "c", ID: "c", Role: "till", CancelOrder: &canon.CancelOrder{Order: canon.NodeID("ord", "web", canon.KindOrder, "o1")}})
	require.Equal(t, 403, out.Status)
	require.Empty(t, w.actions("shop"))
	require.Equal(t, "order.refund_by", w.decide("keep:web/o1/1", func(r *canon.Resolve) { r.Refund = "cheque" }).Code)
}

func TestAnOversoldSKUProposesTheLatestOrdersThatWereNotHandedOver(t *testing.T) {
	s := actingSettings()
	s.Serialized = "never"
	w := newWorkbench(t, s)
	w.fetched("web", listing("w1", "CHAIN", ""))
	w.fetched("web", level("w1", "L1", 2, 1))
	w.fetched("shop", listing("p1", "CHAIN", ""))
	w.fetched("shop", level("p1", "", 2, 0))
	w.live("web")
	w.live("shop")
	sold := func(conn, id, listing string, minute int, handed bool) {
		o := order(id, 10, line("1", listing, 1))
		o.Order.PlacedAt = dayOne.AddDate(0, 0, minute)
		if handed {
			o.Order.Status, o.Order.HandedOver = canon.OrderFulfilled, true
		}
		w.pushed(conn, o)
	}
	sold("web", "o1", "w1", 1, false)
	sold("web", "o2", "w1", 4, true)
	sold("shop", "71", "p1", 2, false)
	sold("shop", "72", "p1", 3, false)
	c := w.oneCase()
	require.Equal(t, canon.CaseOversold, c.Kind)
	var ids, advised []string
	for _, p := range c.Proposals {
		ids = append(ids, p.ID)
		if p.Advised {
			advised = append(advised, p.ID)
		}
	}
	require.Equal(t, []string{"cancel:shop/72/1", "cancel:shop/71/1", "cancel:web/o1/1"}, ids, "the latest first, without what left the house")
	require.Equal(t, ids[:2], advised, "two are missing")

	require.True(t, w.decide(ids[0]).OK)
	require.True(t, w.decide(ids[1]).OK, "one after the other")
	require.Len(t, w.oneCase().Actions, 2)
	require.Len(t, w.actions("shop"), 2)
	require.Equal(t, "order.in_progress", w.do("anna", canon.Command{Key: "x", ID: "x", CancelOrder: &canon.CancelOrder{Order: w.actions("shop")[0].OrderID}}).Code)
	for i, a := range w.actions("shop") {
		require.Equal(t, canon.ActionCancelOrder, a.Kind)
		w.settle(w.attempt(a), "applied")
		o := cancelled(a.Order, 11, line("1", "p1", 1))
		o.Order.PlacedAt = dayOne.AddDate(0, 0, 2)
		w.pushed("shop", o)
		require.Len(t, w.openCases(), 1-i)
	}
}

func TestAnOrderIsCancelledOrRefundedByCommand(t *testing.T) {
	w := soldTwice(t)
	id := canon.NodeID("ord", "shop", canon.KindOrder, "77")
	ask := func(key string, cmd canon.Command) canon.Outcome {
		cmd.Key, cmd.ID = key, key
		return w.do("anna", cmd)
	}
	lines := []canon.ActionLine{{ID: "a", Quantity: 1}}
	require.Equal(t, "order.unknown", ask("1", canon.Command{CancelOrder: &canon.CancelOrder{Order: "ord_none"}}).Code)
	require.Equal(t, "order.lines", ask("2", canon.Command{RefundLines: &canon.RefundLines{Order: id, Lines: []canon.ActionLine{{ID: "b", Quantity: 1}}}}).Code)
	require.Equal(t, "order.lines", ask("3", canon.Command{RefundLines: &canon.RefundLines{Order: id, Lines: []canon.ActionLine{{ID: "a", Quantity: 2}}}}).Code)
	out := ask("4", canon.Command{RefundLines: &canon.RefundLines{Order: id, Lines: lines}})
	require.Equal(t, 202, out.Status, out.Reason)
	require.Equal(t, "order.in_progress", ask("5", canon.Command{CancelOrder: &canon.CancelOrder{Order: id}}).Code)
	require.Equal(t, "order.in_progress", w.decide("keep:web/o1/1").Code, "a case does not refund what is being refunded")
	w.settle(w.attempt(w.actions("shop")[0]), "applied")
	w.pushed("shop", refund("r1", "77", 1, canon.RefundLine{OrderLineID: "a", Quantity: 1}))
	require.Len(t, w.openCases(), 1, "a refund by itself takes no goods back")
	require.Equal(t, 202, ask("6", canon.Command{CancelOrder: &canon.CancelOrder{Order: id}}).Status)
	require.Empty(t, w.openCases(), "a cancelled order whose lines were refunded has none of the goods")
	till := order("R1", 10, line("1", "t1", 1))
	w.pushed("till", till)
	require.Equal(t, "order.by_hand", ask("7", canon.Command{CancelOrder: &canon.CancelOrder{Order: canon.NodeID("ord", "till", canon.KindOrder, "R1")}}).Code)
}
