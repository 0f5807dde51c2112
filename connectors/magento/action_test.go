package magento

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const actionKey = "0123456789abcdef-deed"

func deed(order int64, a sdk.Action) sdk.Write {
	a.AttemptedAt = utcNow()
	return sdk.Write{Key: actionKey, Ref: canon.Ref{Kind: canon.KindOrder, ExternalID: idText(order)}, Action: &a}
}

func unpaid(p *twin.Purchase) { p.Method = "checkmo" }

func (ts *testShop) lookup(w sdk.Write) sdk.Result {
	ts.t.Helper()
	resp, err := ts.conn.Lookup(ts.t.Context(), &sdk.LookupRequest{Writes: []sdk.Write{w}})
	require.NoError(ts.t, err)
	return resp.Results[0]
}

// line gives the id of an order's only line.
func (ts *testShop) line(order int64) string {
	ts.t.Helper()
	got := ts.read(canon.Ref{Kind: canon.KindOrder, ExternalID: idText(order)})
	return got.Observations[0].Order.Lines[0].ID
}

func TestCancelUnpaid(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 1)
	order := ts.buy("R1", unpaid)
	w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Reason: canon.ReasonInventory, Note: "sold at the till"})
	r := ts.apply(w)[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.Equal(t, canon.OrderCancelled, r.Shows.Order.Status)
	require.EqualValues(t, 1, ts.twin.Salable("R1"), "the shop ends the reservation by itself")
	require.Equal(t, sdk.StatusDuplicate, ts.apply(w)[0].Status)
	require.Len(t, ts.twin.Ledger().Cancels, 1)
	require.Equal(t, sdk.StatusApplied, ts.lookup(w).Status)
	other := w
	other.Key = "another-key-000000"
	require.Equal(t, "magento.order_ended", ts.apply(other)[0].Code)
}

func TestCancelPaid(t *testing.T) {
	for name, c := range map[string]struct {
		by     canon.RefundBy
		byHand bool
		online bool
	}{"through the gateway": {canon.RefundAuto, false, true}, "by hand": {canon.RefundByHand, true, false}, "original": {canon.RefundOriginal, false, true}} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t)
			ts.piece("R1", 1)
			order := ts.buy("R1")
			w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: c.by, Restock: true})
			r := ts.apply(w)[0]
			require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
			require.Equal(t, c.byHand, r.ByHand)
			require.Equal(t, &canon.StatedMoney{Amount: "1250", Currency: "EUR"}, r.Amount)
			require.True(t, r.Also[0].Refund.Lines[0].Restocked)
			require.EqualValues(t, 1, ts.twin.Salable("R1"))
			l := ts.twin.Ledger().Refunds
			require.Len(t, l, 1)
			require.Equal(t, c.online, l[0].Online)
			again := ts.apply(w)[0]
			require.Equal(t, sdk.StatusDuplicate, again.Status)
			require.Equal(t, c.byHand, again.ByHand)
			require.Len(t, ts.twin.Ledger().Refunds, 1)
		})
	}
}

func TestActionsThatAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(ts *testShop, order int64)
		change  []func(*twin.Purchase)
		action  sdk.Action
		code    string
	}{
		"shipped":               {func(ts *testShop, o int64) { require.NoError(ts.t, ts.twin.Ship(o, "default")) }, nil, sdk.Action{Kind: canon.ActionCancelOrder}, canon.CodeFulfilled},
		"on hold":               {func(ts *testShop, o int64) { require.NoError(ts.t, ts.twin.Hold(o)) }, nil, sdk.Action{Kind: canon.ActionCancelOrder}, "magento.order_on_hold"},
		"paid, nothing back":    {nil, nil, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundNone}, "magento.invoiced"},
		"no gateway":            {func(ts *testShop, o int64) { require.NoError(ts.t, ts.twin.Pay(o)) }, []func(*twin.Purchase){unpaid}, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundOriginal}, "magento.gateway_cannot_refund"},
		"line is not there":     {nil, nil, sdk.Action{Kind: canon.ActionRefundLines, Lines: []canon.ActionLine{{ID: "7", Quantity: 1}}}, "magento.line_unknown"},
		"no lines":              {nil, nil, sdk.Action{Kind: canon.ActionRefundLines}, "magento.write_invalid"},
		"a kind of no platform": {nil, nil, sdk.Action{Kind: "dance"}, "magento.write_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t)
			ts.piece("R1", 1)
			order := ts.buy("R1", c.change...)
			if c.prepare != nil {
				c.prepare(ts, order)
			}
			r := ts.apply(deed(order, c.action))[0]
			require.Equal(t, sdk.StatusRejected, r.Status)
			require.Equal(t, c.code, r.Code, r.Reason)
			require.Empty(t, ts.twin.Ledger().Refunds)
			require.Empty(t, ts.twin.Ledger().Cancels)
		})
	}
}

func TestRefundLines(t *testing.T) {
	ts := newShop(t)
	_, err := ts.twin.CreateProduct(twin.ProductSpec{SKU: "V1", Name: "Size 50", Price: "300.00", Stock: map[string]int64{"default": 5}})
	require.NoError(t, err)
	_, err = ts.twin.CreateProduct(twin.ProductSpec{SKU: "P1", Name: "Band", Price: "300.00", Type: "configurable", Children: []string{"V1"}})
	require.NoError(t, err)
	order := ts.buy("V1", func(p *twin.Purchase) { p.Lines = []twin.PurchaseLine{{SKU: "V1", Parent: "P1", Quantity: 3}} })
	require.NoError(t, ts.twin.Ship(order, "default"))
	line := ts.line(order)
	r := ts.apply(deed(order, sdk.Action{Kind: canon.ActionRefundLines, Lines: []canon.ActionLine{{ID: line, Quantity: 2}}, Refund: canon.RefundAuto, Restock: true}))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	require.Equal(t, "600", r.Amount.Amount)
	require.Equal(t, []canon.RefundLine{{OrderLineID: line, Quantity: 2, Restocked: true, Amount: &canon.StatedMoney{Amount: "600", Currency: "EUR"}}}, r.Also[0].Refund.Lines)
	require.EqualValues(t, 4, ts.twin.Salable("V1"))
	w := deed(order, sdk.Action{Kind: canon.ActionRefundLines, Lines: []canon.ActionLine{{ID: line, Quantity: 2}}})
	w.Key = "second-key-0000000"
	require.Equal(t, "magento.not_refundable", ts.apply(w)[0].Code)
}

// A refund whose answer was lost is never sent again blindly: it is looked up, and counts as not done only when the shop
// can't be at it any longer.
func TestLostAnswers(t *testing.T) {
	for _, c := range []struct {
		kind twin.FaultKind
		done bool
	}{{twin.FaultErrorAfter, true}, {twin.FaultDropAfter, true}, {twin.FaultErrorBefore, false}} {
		t.Run(string(c.kind), func(t *testing.T) {
			ts := newShop(t)
			ts.piece("R1", 1)
			order := ts.buy("R1")
			w := deed(order, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto})
			ts.twin.Inject(twin.Fault{Kind: c.kind, Method: "POST", Path: "/refund"})
			require.Equal(t, sdk.StatusUnknown, ts.apply(w)[0].Status)
			if c.done {
				require.Equal(t, sdk.StatusApplied, ts.lookup(w).Status)
				require.Equal(t, sdk.StatusDuplicate, ts.apply(w)[0].Status)
				require.Len(t, ts.twin.Ledger().Refunds, 1)
				return
			}
			r := ts.lookup(w)
			require.Equal(t, sdk.StatusUnknown, r.Status)
			require.Positive(t, r.RetryAfterMillis, "the shop may still be at it")
			w.Action.AttemptedAt = utcNow().Add(-time.Hour)
			require.Equal(t, "magento.not_done", ts.lookup(w).Code)
		})
	}
}
