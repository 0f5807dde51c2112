package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// onConsignment takes the piece of three sides in, and gives how to go on.
func onConsignment(w *workbench) (item string, step func(role string, ask canon.ConsignAsk) canon.Outcome, now func() *canon.Consignment) {
	threeSides(w)
	item = w.item("web", "w1").ID
	n := 0
	step = func(role string, ask canon.ConsignAsk) canon.Outcome {
		n++
		ask.Channel = "till-1"
		if ask.Event != "receive" {
			ask.Consignment = "N1"
		}
		return w.do("till-1", canon.Command{Key: fmt.Sprint("n", n), ID: fmt.Sprint("N", n), Role: role, Consign: &ask})
	}
	out := step("till", canon.ConsignAsk{Event: "receive", Party: "Galerie Nord", Inspected: true, Terms: 3600, Lines: []canon.ConsignmentGood{{Item: item, Payable: &canon.StatedMoney{Amount: "900", Currency: "EUR"}}}})
	require.True(w.t, out.OK, out.Reason)
	return item, step, func() *canon.Consignment {
		return load[canon.Consignment](w, store.RecordKey(store.TypeConsignment, "N1"))
	}
}

func TestAConsignedPieceThatIsSoldIsOwedForAndPaidOut(t *testing.T) {
	w := newWorkbench(t, testSettings())
	item, step, now := onConsignment(w)
	require.Equal(t, "N1", w.item("web", "w1").Consignment)
	require.True(t, step("till", canon.ConsignAsk{Event: "offer", Seconds: 7200}).OK)
	require.Equal(t, "on_sale", now().Lines[0].Status)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, "sold", now().Lines[0].Status)
	require.Equal(t, w.now.Add(time.Hour).Truncate(time.Minute), now().Lines[0].Due.Truncate(time.Minute))
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.True(t, now().Lines[0].Overdue)
	require.Equal(t, "transition.actor", step("till", canon.ConsignAsk{Event: "pay_out", Item: item}).Code)
	out := step("manager", canon.ConsignAsk{Event: "pay_out", Item: item})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, "paid_out", now().Lines[0].Status)
	require.Equal(t, int64(90000), now().Lines[0].Paid.Minor)
	require.Empty(t, w.item("web", "w1").Consignment, "the matter is settled")
	require.Contains(t, w.events("N1"), "consignment.overdue")
}

func TestASaleThatIsTakenBackPutsAConsignedPieceOnSaleAgain(t *testing.T) {
	w := newWorkbench(t, testSettings())
	_, step, now := onConsignment(w)
	require.True(t, step("till", canon.ConsignAsk{Event: "offer", Seconds: 7200}).OK)
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	cancelled := order("o1", 11, line("1", "w1", 1))
	cancelled.Order.Status = canon.OrderCancelled
	w.pushed("web", cancelled)
	require.Equal(t, "on_sale", now().Lines[0].Status)
	require.Nil(t, now().Lines[0].Due)
}

func TestWhatWasNotSoldGoesBack(t *testing.T) {
	w := newWorkbench(t, testSettings())
	item, step, now := onConsignment(w)
	require.Equal(t, "consignment.line", step("till", canon.ConsignAsk{Event: "receive", Party: "Another", Inspected: true, Lines: []canon.ConsignmentGood{{Item: item}}}).Code)
	require.True(t, step("till", canon.ConsignAsk{Event: "offer", Seconds: 600}).OK)
	w.now = w.now.Add(time.Hour)
	w.settleDue()
	require.Equal(t, "in_grace", now().Lines[0].Status)
	require.Equal(t, "item.wrong_piece", step("till", canon.ConsignAsk{Event: "give_back", Item: item, Scanned: "SN-2"}).Code)
	out := step("till", canon.ConsignAsk{Event: "give_back", Item: item, Scanned: "sn-1"})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, "returned", now().Lines[0].Status)
	require.Equal(t, canon.ItemToVendor, w.item("web", "w1").Status)
	require.ElementsMatch(t, []string{"shop/sp1@", "web/sw1@L1"}, w.keys(store.PrefixDiff), "no channel shows it any longer")
	coherent(t, w.store)
}

func TestOnlyWhatWasLookedAtIsTakenIn(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	ask := func(key string, c canon.ConsignAsk) canon.Outcome {
		c.Event, c.Channel = "receive", "till-1"
		return w.do("till-1", canon.Command{Key: key, ID: "N" + key, Role: "till", Consign: &c})
	}
	item := w.item("web", "w1").ID
	lines := []canon.ConsignmentGood{{Item: item}}
	require.Equal(t, "party.unknown", ask("1", canon.ConsignAsk{Lines: lines, Inspected: true}).Code)
	require.Equal(t, "item.not_inspected", ask("2", canon.ConsignAsk{Party: "P", Lines: lines}).Code)
	require.Equal(t, "consignment.lines", ask("3", canon.ConsignAsk{Party: "P", Inspected: true}).Code)
	require.Equal(t, "consignment.lines", ask("4", canon.ConsignAsk{Party: "P", Inspected: true, Lines: append(lines, lines...)}).Code)
	require.Empty(t, w.item("web", "w1").Consignment)
}
