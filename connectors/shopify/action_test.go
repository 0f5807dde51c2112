package shopify

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const actionKey = "0123456789abcdef0123456789abcdef"

func cancelling(order string, change ...func(a *sdk.Action)) sdk.Write {
	w := sdk.Write{Key: actionKey, Ref: canon.Ref{Kind: canon.KindOrder, ExternalID: order}, Action: &sdk.Action{
		Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Reason: canon.ReasonInventory, Note: "sold in the boutique",
	}}
	for _, c := range change {
		c(w.Action)
	}
	return w
}

func refunding(order string, line string, change ...func(a *sdk.Action)) sdk.Write {
	return cancelling(order, append([]func(a *sdk.Action){func(a *sdk.Action) {
		a.Kind, a.Lines = canon.ActionRefundLines, []canon.ActionLine{{ID: line, Quantity: 1}}
	}}, change...)...)
}

// order sells the rings, one of each.
func (s *shop) order(t testing.TB, n twin.NewOrder, skus ...string) twin.Placed {
	t.Helper()
	for _, sku := range skus {
		n.Lines = append(n.Lines, twin.NewLine{SKU: sku})
	}
	placed, err := s.twin.PlaceOrder(n)
	require.NoError(t, err)
	return placed
}

func (s *shop) look(t testing.TB, w sdk.Write) sdk.Result {
	t.Helper()
	res, err := s.Lookup(context.Background(), &sdk.LookupRequest{Writes: []sdk.Write{w}})
	require.NoError(t, err)
	return res.Results[0]
}

func TestAnOrderIsCancelledAndWhatWasPaidGoesBackOnce(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	ring := s.piece(t, 1)
	placed := s.order(t, twin.NewOrder{}, "RG-0001")

	r := s.apply(t, cancelling(placed.ID))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, canon.OrderCancelled, r.Shows.Order.Status)
	require.Equal(t, &canon.StatedMoney{Amount: "1265.50", Currency: "EUR"}, r.Amount, "the shipping too")
	require.Equal(t, []canon.Kind{canon.KindOrder, canon.KindRefund}, []canon.Kind{r.Also[0].Kind, r.Also[1].Kind}, "its payments and the refund come with it")
	require.Equal(t, "1265.50", s.twin.Ledger().Refunds[0].Amount)
	require.Zero(t, s.shows(t, ring), "the piece is not in this shop, and is not put back into its stock")

	r = s.apply(t, cancelling(placed.ID))[0]
	require.Equal(t, sdk.StatusDuplicate, r.Status)
	require.Equal(t, "1265.50", r.Amount.Amount)
	require.Len(t, s.twin.Ledger().Refunds, 1)

	other := cancelling(placed.ID)
	other.Key = "another"
	r = s.apply(t, other)[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	require.Equal(t, "shopify.cancelled_already", r.Code)
	require.Len(t, s.twin.Ledger().Refunds, 1)
}

func TestACancellationAsItIsAskedFor(t *testing.T) {
	for _, tc := range []struct {
		name   string
		order  twin.NewOrder
		change func(a *sdk.Action)
		back   string // of the shop's ledger
		amount string
		byHand bool
		stock  int64
	}{
		{"restocked", twin.NewOrder{}, func(a *sdk.Action) { a.Restock = true }, "1265.50", "1265.50", false, 1},
		{"returned by hand", twin.NewOrder{}, func(a *sdk.Action) { a.Refund = canon.RefundByHand }, "0.00", "1265.50", true, 0},
		{"nothing back", twin.NewOrder{}, func(a *sdk.Action) { a.Refund = canon.RefundNone }, "0.00", "", false, 0},
		{"nothing was paid", twin.NewOrder{Pending: true}, func(*sdk.Action) {}, "0.00", "", false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShop(t, twin.Options{}, nil, nil)
			ring := s.piece(t, 1)
			placed := s.order(t, tc.order, "RG-0001")
			r := s.apply(t, cancelling(placed.ID, tc.change))[0]
			require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
			require.Equal(t, tc.back, s.twin.Ledger().Refunds[0].Amount)
			require.Equal(t, tc.byHand, r.ByHand)
			if tc.amount == "" {
				require.Nil(t, r.Amount)
			} else {
				require.Equal(t, tc.amount, r.Amount.Amount)
			}
			require.Equal(t, tc.stock, s.shows(t, ring))
		})
	}
}

func TestLinesAreRefundedAndTheRestOfTheOrderStands(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	ring := s.piece(t, 1)
	s.piece(t, 2)
	placed := s.order(t, twin.NewOrder{}, "RG-0001", "RG-0002")
	r := s.apply(t, refunding(placed.ID, placed.Lines[0]))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, r.Reason)
	require.Equal(t, "1250.50", r.Amount.Amount)
	require.Equal(t, canon.OrderOpen, r.Shows.Order.Status)
	require.Equal(t, placed.Lines[0], r.Also[1].Refund.Lines[0].OrderLineID)
	require.False(t, r.Also[1].Refund.Lines[0].Restocked)
	require.Zero(t, s.shows(t, ring))

	require.Equal(t, sdk.StatusDuplicate, s.apply(t, refunding(placed.ID, placed.Lines[0]))[0].Status)
	require.Len(t, s.twin.Ledger().Refunds, 1)
	again := refunding(placed.ID, placed.Lines[0])
	again.Key = "another"
	r = s.apply(t, again)[0]
	require.Equal(t, sdk.StatusRejected, r.Status, "the line is refunded already")
	require.Len(t, s.twin.Ledger().Refunds, 1)
}

func TestWhatTheShopRefusesIsToldInItsWords(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	s.piece(t, 1)
	placed := s.order(t, twin.NewOrder{Fulfilled: true}, "RG-0001")
	r := s.apply(t, cancelling(placed.ID))[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	require.Equal(t, canon.CodeFulfilled, r.Code)
	require.Contains(t, r.Reason, "fulfillments")
	s.piece(t, 2)
	s.twin.Inject(twin.Fault{Kind: twin.FaultUserError, Operation: "mutation", Code: "NO_REFUND_PERMISSION"})
	r = s.apply(t, cancelling(s.order(t, twin.NewOrder{}, "RG-0002").ID))[0]
	require.Equal(t, sdk.StatusRejected, r.Status)
	require.Equal(t, "shopify.no_refund_permission", r.Code)
	require.Equal(t, "injected", r.Reason)
	require.Empty(t, s.twin.Ledger().Refunds)

	r = s.apply(t, cancelling("gid://shopify/Order/999999"))[0]
	require.Equal(t, "shopify.not_found", r.Code)
	r = s.apply(t, cancelling("77"))[0]
	require.Equal(t, "shopify.bad_id", r.Code)
	r = s.apply(t, refunding(placed.ID, "7"))[0]
	require.Equal(t, "shopify.bad_id", r.Code)

	denied := newShop(t, twin.Options{Scopes: neededScopes}, nil, nil)
	denied.piece(t, 1)
	r = denied.apply(t, cancelling(denied.order(t, twin.NewOrder{}, "RG-0001").ID))[0]
	require.Equal(t, sdk.StatusRejected, r.Status, "it is not tried again and again")
	require.Contains(t, r.Reason, "write_orders")
}

// Each fault of the mutation, what Apply says of it, and what a look-up finds out a while later.
func TestAnAnswerThatIsLostIsLookedUp(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  twin.FaultKind
		lookup sdk.Status
	}{
		{"before it was done", twin.FaultDropBefore, sdk.StatusRejected},
		{"after it was done", twin.FaultDropAfter, sdk.StatusApplied},
		{"server error after it was done", twin.Fault500After, sdk.StatusApplied},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShop(t, twin.Options{}, nil, nil)
			s.piece(t, 1)
			s.piece(t, 2)
			whole := cancelling(s.order(t, twin.NewOrder{}, "RG-0001").ID)
			two := s.order(t, twin.NewOrder{}, "RG-0002")
			part := refunding(two.ID, two.Lines[0])
			for _, w := range []sdk.Write{whole, part} {
				s.twin.Inject(twin.Fault{Kind: tc.fault, Operation: "mutation"})
				require.Equal(t, sdk.StatusUnknown, s.apply(t, w)[0].Status)
				w.Action.AttemptedAt = time.Now().Add(-time.Hour)
				require.Eventually(t, func() bool { return s.look(t, w).Status == tc.lookup }, time.Minute, 10*time.Millisecond)
				if tc.lookup == sdk.StatusApplied {
					require.NotNil(t, s.look(t, w).Amount)
					require.NotNil(t, s.look(t, w).Shows)
				}
				r := s.apply(t, w)[0] // sent again all the same, it is one refund
				require.Contains(t, []sdk.Status{sdk.StatusApplied, sdk.StatusDuplicate}, r.Status)
			}
			require.Len(t, s.twin.Ledger().Refunds, 2)
		})
	}
}

func TestAJobThatMayStillRunIsAskedForLater(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	s.piece(t, 1)
	w := cancelling(s.order(t, twin.NewOrder{}, "RG-0001").ID)
	w.Action.AttemptedAt = time.Now()
	r := s.look(t, w)
	require.Equal(t, sdk.StatusUnknown, r.Status)
	require.Positive(t, r.RetryAfterMillis)
}
