package bigcommerce

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const actionKey = "0123456789abcdef-deed"

func deed(order int64, a sdk.Action) sdk.Write {
	a.AttemptedAt = utcNow()
	return sdk.Write{Key: actionKey, Ref: ref(canon.KindOrder, order), Action: &a}
}

func payBy(way string) func(*twin.Purchase) { return func(p *twin.Purchase) { p.Pay = way } }

func (ts *testShop) lookup(w sdk.Write) sdk.Result {
	ts.t.Helper()
	resp, err := ts.conn.Lookup(ts.t.Context(), &sdk.LookupRequest{Writes: []sdk.Write{w}})
	require.NoError(ts.t, err)
	return resp.Results[0]
}

// line gives the id of an order's first line.
func (ts *testShop) line(order int64) string {
	ts.t.Helper()
	return find(ts.read(ref(canon.KindOrder, order)).Observations, canon.KindOrder, idText(order)).Order.Lines[0].ID
}

func TestCancelUnpaid(t *testing.T) {
	for _, way := range []string{"bank", "authorize"} {
		t.Run(way, func(t *testing.T) {
			ts := newShop(t)
			_, ring := ts.piece("R1", 1)
			order := ts.buy(ring, payBy(way))
			w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Note: "sold at the till"})
			r := ts.apply(w)[0]
			require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
			require.Equal(t, canon.OrderCancelled, r.Shows.Order.Status)
			require.EqualValues(t, 1, ts.twin.Available(ring, 1), "the store gives the goods back by itself")
			require.Equal(t, sdk.StatusDuplicate, ts.apply(w)[0].Status)
			require.Len(t, ts.twin.Ledger().Cancels, 1)
			require.Equal(t, sdk.StatusApplied, ts.lookup(w).Status)
			if way == "authorize" {
				require.Equal(t, 1, ts.twin.Ledger().Voids, "what was authorized is given up")
			}
			other := w
			other.Key = "another-key-000000"
			require.Equal(t, "bigcommerce.order_ended", ts.apply(other)[0].Code)
		})
	}
}

func TestCancelPaid(t *testing.T) {
	for name, c := range map[string]struct {
		by     canon.RefundBy
		byHand bool
	}{"as the store offers": {canon.RefundAuto, false}, "by hand": {canon.RefundByHand, true}, "original": {canon.RefundOriginal, false}} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.TaxPercent = 20 })
			_, ring := ts.piece("R1", 1)
			order := ts.buy(ring, func(p *twin.Purchase) { p.Shipping = "10" })
			w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: c.by, Restock: true})
			r := ts.apply(w)[0]
			require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
			require.Equal(t, c.byHand, r.ByHand)
			require.Equal(t, &canon.StatedMoney{Amount: "1512.00", Currency: "EUR"}, r.Amount, "the ring and its shipping, with tax")
			refund := r.Also[1].Refund
			require.True(t, refund.Lines[0].Restocked)
			require.Equal(t, idText(order), refund.OrderID)
			require.Equal(t, "Refunded", ts.twin.StatusOf(order))
			l := ts.twin.Ledger().Refunds
			require.Len(t, l, 1)
			require.Equal(t, !c.byHand, l[0].Online)
			again := ts.apply(w)[0]
			require.Equal(t, sdk.StatusDuplicate, again.Status)
			require.Equal(t, c.byHand, again.ByHand)
			require.Equal(t, r.Amount, again.Amount)
			require.Len(t, ts.twin.Ledger().Refunds, 1)
		})
	}
}

// Cancelled without a refund: the money stays where it is.
func TestCancelPaidWithoutRefund(t *testing.T) {
	ts := newShop(t)
	_, ring := ts.piece("R1", 1)
	order := ts.buy(ring)
	r := ts.apply(deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundNone}))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.Equal(t, "Cancelled", ts.twin.StatusOf(order))
	require.Empty(t, ts.twin.Ledger().Refunds)
}

func TestRefundLines(t *testing.T) {
	ts := newShop(t)
	_, ring := ts.piece("R1", 3)
	order := ts.buy(ring, func(p *twin.Purchase) { p.Lines[0].Quantity = 3 })
	line := ts.line(order)
	w := deed(order, sdk.Action{Kind: canon.ActionRefundLines, Refund: canon.RefundAuto, Lines: []canon.ActionLine{{ID: line, Quantity: 2}}})
	r := ts.apply(w)[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.Equal(t, &canon.StatedMoney{Amount: "2500.00", Currency: "EUR"}, r.Amount)
	require.Equal(t, "Partially Refunded", ts.twin.StatusOf(order))
	require.Equal(t, canon.OrderOpen, r.Shows.Order.Status)
	require.False(t, r.Also[1].Refund.Lines[0].Restocked)
	require.EqualValues(t, 2, r.Also[1].Refund.Lines[0].Quantity)
	pay := paymentsOf(r.Also, order)
	require.Len(t, pay, 1)
	require.Equal(t, "part_refunded", pay[0].Status)
	w.Key = "another-key-000000"
	require.Equal(t, "bigcommerce.not_refundable", ts.apply(w)[0].Code, "one is left, two are asked for")
}

func TestActionsThatAreRefused(t *testing.T) {
	lines := []canon.ActionLine{{ID: "999", Quantity: 1}}
	for name, c := range map[string]struct {
		prepare func(ts *testShop, order int64)
		change  []func(*twin.Purchase)
		option  shopOption
		action  sdk.Action
		code    string
	}{
		"shipped":       {prepare: func(ts *testShop, o int64) { require.NoError(ts.t, ts.twin.Ship(o, "", false)) }, action: sdk.Action{Kind: canon.ActionCancelOrder}, code: canon.CodeFulfilled},
		"declined":      {prepare: func(ts *testShop, o int64) { require.NoError(ts.t, ts.twin.SetStatus(o, 6)) }, action: sdk.Action{Kind: canon.ActionCancelOrder}, code: "bigcommerce.order_ended"},
		"no line":       {action: sdk.Action{Kind: canon.ActionRefundLines, Refund: canon.RefundAuto, Lines: lines}, code: "bigcommerce.line_unknown"},
		"no lines":      {action: sdk.Action{Kind: canon.ActionRefundLines, Refund: canon.RefundAuto}, code: "bigcommerce.write_invalid"},
		"no refund":     {action: sdk.Action{Kind: canon.ActionRefundLines, Refund: canon.RefundNone, Lines: lines}, code: "bigcommerce.refund_needed"},
		"paid by gift":  {change: []func(*twin.Purchase){payBy("gift")}, action: sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundOriginal}, code: "bigcommerce.gateway_cannot_refund"},
		"gateway says":  {option: func(o *twin.Options, _ map[string]any, _ map[string]string) { o.GatewayDeclines = true }, action: sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundOriginal}, code: "bigcommerce.refund_declined"},
		"unknown kind":  {action: sdk.Action{Kind: "dance"}, code: "bigcommerce.write_invalid"},
		"without scope": {option: func(o *twin.Options, _ map[string]any, _ map[string]string) { o.Scopes = []string{"store_v2_orders"} }, action: sdk.Action{Kind: canon.ActionCancelOrder}, code: "bigcommerce.not_allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			var options []shopOption
			if c.option != nil {
				options = append(options, c.option)
			}
			ts := newShop(t, options...)
			_, ring := ts.piece("R1", 1)
			order := ts.buy(ring, c.change...)
			if c.prepare != nil {
				c.prepare(ts, order)
			}
			r := ts.apply(deed(order, c.action))[0]
			require.Equal(t, sdk.StatusRejected, r.Status, "%s %s", r.Code, r.Reason)
			require.Equal(t, c.code, r.Code, r.Reason)
			require.Empty(t, ts.twin.Ledger().Refunds)
			require.Empty(t, ts.twin.Ledger().Cancels)
		})
	}
	ts := newShop(t)
	require.Equal(t, "bigcommerce.gone", ts.apply(deed(4711, sdk.Action{Kind: canon.ActionCancelOrder}))[0].Code)
}

// A refund whose gateway declined leaves a row in the store, which is no refund.
func TestADeclinedRefundIsNone(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.GatewayDeclines = true })
	_, ring := ts.piece("R1", 1)
	order := ts.buy(ring)
	w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundOriginal})
	w.Action.AttemptedAt = utcNow().Add(-time.Hour)
	require.Equal(t, "bigcommerce.refund_declined", ts.apply(w)[0].Code)
	require.Equal(t, "bigcommerce.not_done", ts.lookup(w).Code)
	obs, _, _ := ts.round(streamRefunds, nil, 0, nil)
	for _, o := range obs {
		require.True(t, o.Deleted)
	}
	w.Action.Refund = canon.RefundByHand
	require.Equal(t, sdk.StatusApplied, ts.apply(w)[0].Status)
}

// The answer to a refund is lost: it is found by its mark, and not made twice.
func TestARefundWithoutAnAnswer(t *testing.T) {
	for _, kind := range []twin.FaultKind{twin.FaultErrorAfter, twin.FaultDropAfter} {
		t.Run(string(kind), func(t *testing.T) {
			ts := newShop(t)
			_, ring := ts.piece("R1", 1)
			order := ts.buy(ring)
			ts.twin.Inject(twin.Fault{Kind: kind, Method: "POST", Path: "payment_actions/refunds"})
			w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto})
			require.Equal(t, sdk.StatusUnknown, ts.apply(w)[0].Status)
			found := ts.lookup(w)
			require.Equal(t, sdk.StatusApplied, found.Status)
			require.Equal(t, "1250.00", found.Amount.Amount)
			require.Equal(t, sdk.StatusDuplicate, ts.apply(w)[0].Status)
			require.Len(t, ts.twin.Ledger().Refunds, 1)
		})
	}
}

// What the store does not show did not happen, once it can no longer be at it.
func TestAnActionThatDidNotHappen(t *testing.T) {
	ts := newShop(t)
	_, ring := ts.piece("R1", 1)
	order := ts.buy(ring)
	w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto})
	r := ts.lookup(w)
	require.Equal(t, sdk.StatusUnknown, r.Status)
	require.Equal(t, "bigcommerce.may_run", r.Code)
	require.Positive(t, r.RetryAfterMillis)
	w.Action.AttemptedAt = utcNow().Add(-time.Hour)
	require.Equal(t, sdk.StatusRejected, ts.lookup(w).Status)
	ts.twin.Inject(twin.Fault{Kind: twin.FaultUnavailable, Count: 9})
	require.Equal(t, sdk.StatusUnknown, ts.lookup(w).Status, "who can't look can't tell")
}
