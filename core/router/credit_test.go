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

func (d desk) credit(ask canon.CreditAsk) canon.Outcome {
	d.w.t.Helper()
	d.w.commands++
	id := fmt.Sprintf("G%d", d.w.commands)
	ask.Channel = d.role + ":" + d.name
	return d.w.do(d.name, canon.Command{Key: id, ID: id, Role: d.role, Credit: &ask})
}

func (w *workbench) creditOf(id string) *canon.CreditAccount {
	return load[canon.CreditAccount](w, store.RecordKey(store.TypeCredit, id))
}

func euros(amount string) *canon.StatedMoney {
	return &canon.StatedMoney{Amount: amount, Currency: "EUR"}
}

func TestAGiftCardIsPaidForSpentAndExpires(t *testing.T) {
	w := newWorkbench(t, testSettings())
	anna, _, chief := w.desks()
	for i, step := range []struct {
		who     desk
		ask     canon.CreditAsk
		code    string
		balance int64
		held    int64
	}{
		{anna, canon.CreditAsk{Event: "issue", Kind: canon.CreditGiftCard, Amount: euros("100.00"), Seconds: 3600}, "", 10000, 0}, // G1
		{anna, canon.CreditAsk{Event: "redeem", Amount: euros("10")}, "transition.illegal", 10000, 0},
		{anna, canon.CreditAsk{Event: "activate"}, "payment.open", 10000, 0},
		{anna, canon.CreditAsk{Event: "activate", Paid: true}, "", 10000, 0},
		{anna, canon.CreditAsk{Event: "redeem", Amount: euros("30.50"), Document: "ord_1"}, "", 6950, 0}, // G5
		{anna, canon.CreditAsk{Event: "redeem", Amount: euros("69.51")}, "balance.short", 6950, 0},
		{anna, canon.CreditAsk{Event: "redeem", Amount: &canon.StatedMoney{Amount: "1", Currency: "USD"}}, "credit.currency", 6950, 0},
		{anna, canon.CreditAsk{Event: "redeem", Amount: euros("-5")}, "amount.not_positive", 6950, 0},
		{anna, canon.CreditAsk{Event: "authorize", Amount: euros("60")}, "", 6950, 6000}, // G9
		{anna, canon.CreditAsk{Event: "redeem", Amount: euros("10")}, "balance.short", 6950, 6000},
		{anna, canon.CreditAsk{Event: "capture", Of: "G9", Amount: euros("50")}, "", 1950, 0},
		{anna, canon.CreditAsk{Event: "capture", Of: "G9", Amount: euros("10")}, "ledger.line_unknown", 1950, 0},
		{anna, canon.CreditAsk{Event: "refund", Amount: euros("20"), Document: "ref_1"}, "", 3950, 0},
		{anna, canon.CreditAsk{Event: "adjust", Amount: euros("5"), Reason: "goodwill"}, "transition.actor", 3950, 0},
		{chief, canon.CreditAsk{Event: "adjust", Amount: euros("5")}, "reference.missing", 3950, 0},
		{chief, canon.CreditAsk{Event: "adjust", Amount: euros("5"), Reason: "goodwill"}, "", 4450, 0},
		{chief, canon.CreditAsk{Event: "adjust", Amount: euros("-44.51"), Reason: "slip"}, "balance.short", 4450, 0},
		{chief, canon.CreditAsk{Event: "reverse", Of: "G5", Reason: "the sale was voided"}, "", 7500, 0},
		{chief, canon.CreditAsk{Event: "reverse", Of: "G5", Reason: "again"}, "ledger.line_unknown", 7500, 0},
		{anna, canon.CreditAsk{Event: "block"}, "", 7500, 0},
		{anna, canon.CreditAsk{Event: "redeem", Amount: euros("1")}, "transition.illegal", 7500, 0},
		{chief, canon.CreditAsk{Event: "unblock"}, "", 7500, 0},
	} {
		step.ask.Account = "G1"
		out := step.who.credit(step.ask)
		require.Equal(t, step.code, out.Code, "step %d, %s: %s", i, step.ask.Event, out.Reason)
		a := w.creditOf("G1")
		require.Equal(t, []int64{step.balance, step.held}, []int64{a.Balance, a.Held}, "step %d, %s", i, step.ask.Event)
	}
	w.now = w.now.Add(2 * time.Hour)
	w.settleDue()
	require.Equal(t, "expired", w.creditOf("G1").Status)
	require.Zero(t, w.creditOf("G1").Balance, "what was left lapsed, by a line of its own")
	out := chief.credit(canon.CreditAsk{Account: "G1", Event: "extend", Seconds: 3600, Approved: true, Reason: "she was ill"})
	require.True(t, out.OK, out.Reason)
	require.EqualValues(t, 7500, w.creditOf("G1").Balance)
	require.Equal(t, "active", w.creditOf("G1").Status)

	require.Equal(t, "party.unknown", anna.credit(canon.CreditAsk{Event: "issue", Kind: canon.CreditStore, Amount: euros("5")}).Code)
	require.Equal(t, "credit.kind", anna.credit(canon.CreditAsk{Event: "issue", Kind: "miles", Amount: euros("5")}).Code)
	require.Equal(t, "amount.not_positive", anna.credit(canon.CreditAsk{Event: "issue", Kind: canon.CreditGiftCard}).Code)
	require.Equal(t, "credit.unknown", anna.credit(canon.CreditAsk{Event: "redeem", Account: "none", Amount: euros("5")}).Code)
	out = anna.credit(canon.CreditAsk{Event: "issue", Kind: canon.CreditStore, Client: "cli_1", Amount: euros("5"), Paid: true})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, "active", w.creditOf(fmt.Sprintf("G%d", w.commands)).Status)
}

// TestACreditIsTheSumOfItsLines asks for anything at random: the balance is what the lines say, and never below zero.
func TestACreditIsTheSumOfItsLines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorkbench(t, testSettings())
		_, _, chief := w.desks()
		require.True(rt, chief.credit(canon.CreditAsk{Event: "issue", Kind: canon.CreditGiftCard, Amount: euros("50"), Paid: true, Seconds: 500}).OK)
		events := []string{"load", "refund", "redeem", "authorize", "capture", "release", "reverse", "adjust", "block", "unblock", "extend"}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			if rapid.IntRange(0, 9).Draw(rt, "clock") == 0 {
				w.now = w.now.Add(200 * time.Second)
				w.settleDue()
			}
			amount := fmt.Sprintf("%d.%02d", rapid.IntRange(0, 40).Draw(rt, "euros"), rapid.IntRange(0, 99).Draw(rt, "cents"))
			event := rapid.SampledFrom(events).Draw(rt, "event")
			if event == "adjust" && rapid.Bool().Draw(rt, "down") {
				amount = "-" + amount
			}
			ask := canon.CreditAsk{Account: "G1", Event: event, Reason: "r", Approved: true, Seconds: 500, Amount: euros(amount), Of: fmt.Sprintf("G%d", rapid.IntRange(1, 25).Draw(rt, "of"))}
			if event == "reverse" || event == "release" {
				ask.Amount = nil
			}
			chief.credit(ask)
			a := w.creditOf("G1")
			require.GreaterOrEqual(rt, a.Balance, int64(0))
			require.GreaterOrEqual(rt, a.Balance-a.Held, int64(0), "what is held is there")
			sum, undone := int64(0), map[string]bool{}
			var lines []*canon.CreditEntry
			for _, k := range w.keys(store.PrefixCredit + "G1/") {
				e := load[canon.CreditEntry](w, store.PrefixCredit+"G1/"+k)
				lines = append(lines, e)
				undone[e.Of] = undone[e.Of] || e.Kind == "reverse"
			}
			for _, e := range lines {
				sign := map[string]int64{"issue": 1, "load": 1, "refund": 1, "adjust_up": 1, "capture": -1, "redeem": -1, "expire": -1, "adjust_down": -1}[e.Kind]
				if !undone[e.Key] {
					sum += sign * e.Amount
				}
			}
			require.Equal(rt, sum, a.Balance, "%+v", lines)
			require.EqualValues(rt, len(lines), a.Lines)
			require.Empty(rt, w.parked())
		}
	})
}
