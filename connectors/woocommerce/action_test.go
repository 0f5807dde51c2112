package woocommerce

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const actionKey = "0123456789abcdef0123456789abcdef"

func cancelling(order int64, change ...func(a *sdk.Action)) sdk.Write {
	w := sdk.Write{Key: actionKey, Ref: canon.Ref{Kind: canon.KindOrder, ExternalID: strconv.FormatInt(order, 10)}, Action: &sdk.Action{
		Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Reason: canon.ReasonInventory, Note: "sold in the boutique",
	}}
	for _, c := range change {
		c(w.Action)
	}
	return w
}

func by(refund canon.RefundBy) func(a *sdk.Action) {
	return func(a *sdk.Action) { a.Refund = refund }
}

// lineOf is the first line of an order, as the shop shows it.
func (ts *testShop) lineOf(order int64) string {
	ts.t.Helper()
	obs, err := ts.conn.Read(ts.t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{{Kind: canon.KindOrder, ExternalID: idText(order)}}})
	require.NoError(ts.t, err)
	return obs.Observations[0].Order.Lines[0].ID
}

func (ts *testShop) refunding(order, quantity int64, change ...func(a *sdk.Action)) sdk.Write {
	line := ts.lineOf(order)
	return cancelling(order, append([]func(a *sdk.Action){func(a *sdk.Action) {
		a.Kind, a.Lines = canon.ActionRefundLines, []canon.ActionLine{{ID: line, Quantity: quantity}}
	}}, change...)...)
}

func (ts *testShop) buy(p twin.Purchase) int64 {
	ts.t.Helper()
	id, err := ts.twin.PlaceOrderREST(p)
	require.NoError(ts.t, err)
	return id
}

func (ts *testShop) ask(w sdk.Write) sdk.Result {
	ts.t.Helper()
	res, err := ts.conn.Lookup(ts.t.Context(), &sdk.LookupRequest{Writes: []sdk.Write{w}})
	require.NoError(ts.t, err)
	return res.Results[0]
}

// Each way of ending an order: what the shop has done afterwards.
func TestAnOrderIsCancelledAndRefundedAsTheShopCan(t *testing.T) {
	for _, tc := range []struct {
		name   string
		buy    twin.Purchase
		change func(a *sdk.Action)
		status canon.OrderStatus
		amount string // that went back; "" for none
		byHand bool
		stock  int64 // one was there, one was sold
	}{
		{"through the gateway", twin.Purchase{Method: "sandboxpay"}, by(canon.RefundAuto), canon.OrderOpen, "1250.00", false, 0},
		{"a gateway that can't, by hand", twin.Purchase{Method: "bacs"}, by(canon.RefundAuto), canon.OrderOpen, "1250.00", true, 0},
		{"no such gateway, by hand", twin.Purchase{Method: "gone"}, by(canon.RefundAuto), canon.OrderOpen, "1250.00", true, 0},
		{"asked for by hand", twin.Purchase{Method: "sandboxpay"}, by(canon.RefundByHand), canon.OrderOpen, "1250.00", true, 0},
		{"restocked", twin.Purchase{Method: "sandboxpay"}, func(a *sdk.Action) { a.Restock = true }, canon.OrderOpen, "1250.00", false, 1},
		{"nothing was paid", twin.Purchase{Status: "pending"}, by(canon.RefundAuto), canon.OrderCancelled, "", false, 1},
		{"on hold", twin.Purchase{Status: "on-hold"}, by(canon.RefundAuto), canon.OrderCancelled, "", false, 1},
		{"nothing back", twin.Purchase{Method: "sandboxpay"}, by(canon.RefundNone), canon.OrderCancelled, "", false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ts := newShop(t, false)
			tc.buy.ID = ts.piece("R", 1)
			w := cancelling(ts.buy(tc.buy), tc.change)
			r := ts.apply(w)[0]
			require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
			require.Equal(t, tc.byHand, r.ByHand)
			require.Equal(t, tc.status, r.Shows.Order.Status)
			stock, _ := ts.twin.Stock(tc.buy.ID)
			require.Equal(t, tc.stock, stock)
			refunds := ts.twin.Ledger().Refunds
			if tc.amount == "" {
				require.Nil(t, r.Amount)
				require.Empty(t, refunds)
			} else {
				require.Equal(t, &canon.StatedMoney{Amount: tc.amount, Currency: "EUR"}, r.Amount)
				require.Len(t, refunds, 1)
				require.Equal(t, tc.amount, refunds[0].Amount)
				require.Equal(t, !tc.byHand, refunds[0].Gateway)
				require.EqualValues(t, 1, r.Also[0].Refund.Lines[0].Quantity)
			}
			again := ts.apply(w)[0]
			require.Equal(t, sdk.StatusDuplicate, again.Status, "the shop shows that it was done")
			require.Equal(t, refunds, ts.twin.Ledger().Refunds)
		})
	}
}

func TestLinesAreRefundedAtTheShopsAmounts(t *testing.T) {
	ts := newShop(t, false)
	id := ts.piece("R", 3)
	order := ts.buy(twin.Purchase{ID: id, Quantity: 3, Method: "sandboxpay"})
	r := ts.apply(ts.refunding(order, 2))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, "2500.00", r.Amount.Amount)
	require.EqualValues(t, 2, r.Also[0].Refund.Lines[0].Quantity)
	require.False(t, r.Also[0].Refund.Lines[0].Restocked)

	more := ts.refunding(order, 2)
	more.Key = "another"
	r = ts.apply(more)[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	require.Equal(t, "woocommerce.not_refundable", r.Code, "one is left; the shop itself looks at the sum alone")
	require.Len(t, ts.twin.Ledger().Refunds, 1)
}

func TestWhatTheShopDoesNotLetBeIsRefused(t *testing.T) {
	ts := newShop(t, false)
	id := ts.piece("R", 9)
	for _, tc := range []struct {
		code  string
		write func() sdk.Write
	}{
		{canon.CodeFulfilled, func() sdk.Write { return cancelling(ts.buy(twin.Purchase{ID: id, Status: "completed"})) }},
		{"woocommerce.order_ended", func() sdk.Write { return cancelling(ts.buy(twin.Purchase{ID: id, Status: "cancelled"})) }},
		{"woocommerce.gateway_cannot_refund", func() sdk.Write {
			return cancelling(ts.buy(twin.Purchase{ID: id, Method: "bacs"}), by(canon.RefundOriginal))
		}},
		{"woocommerce.not_paid", func() sdk.Write { return ts.refunding(ts.buy(twin.Purchase{ID: id, Status: "pending"}), 1) }},
		{"woocommerce.write_invalid", func() sdk.Write { w := cancelling(1); w.Ref.ExternalID = "x"; return w }},
		{"woocommerce.woocommerce_rest_shop_order_invalid_id", func() sdk.Write { return cancelling(99999) }},
	} {
		r := ts.apply(tc.write())[0]
		require.Equal(t, sdk.StatusRejected, r.Status, tc.code)
		if tc.code != "woocommerce.woocommerce_rest_shop_order_invalid_id" {
			require.Equal(t, tc.code, r.Code)
		}
		require.NotEmpty(t, r.Reason)
	}
	require.Empty(t, ts.twin.Ledger().Refunds)
}

// Each fault of the request, and what a look-up finds out: at once, and when the shop can't be at it any more.
func TestAnActionWithoutAnAnswerIsLookedUp(t *testing.T) {
	for _, tc := range []struct {
		kind  twin.FaultKind
		early sdk.Status
		late  sdk.Status
	}{
		{twin.FaultErrorBefore, sdk.StatusUnknown, sdk.StatusRejected},
		{twin.FaultDropBefore, sdk.StatusUnknown, sdk.StatusRejected},
		{twin.FaultErrorAfter, sdk.StatusApplied, sdk.StatusApplied},
		{twin.FaultDropAfter, sdk.StatusApplied, sdk.StatusApplied},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			ts := newShop(t, false)
			paid := cancelling(ts.buy(twin.Purchase{ID: ts.piece("R", 1), Method: "sandboxpay"}))
			unpaid := cancelling(ts.buy(twin.Purchase{ID: ts.piece("S", 1), Status: "pending"}))
			for _, w := range []sdk.Write{paid, unpaid} {
				for _, method := range []string{"POST", "PUT"} {
					ts.twin.Inject(twin.Fault{Kind: tc.kind, Method: method, Path: "orders/" + w.Ref.ExternalID})
				}
				require.Equal(t, sdk.StatusUnknown, ts.apply(w)[0].Status)
				w.Action.AttemptedAt = time.Now()
				r := ts.ask(w)
				require.Equal(t, tc.early, r.Status)
				if r.Status == sdk.StatusUnknown {
					require.Positive(t, r.RetryAfterMillis)
				}
				w.Action.AttemptedAt = time.Now().Add(-time.Hour)
				require.Equal(t, tc.late, ts.ask(w).Status)
			}
		})
	}
}
