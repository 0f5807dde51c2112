package shopify

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestPaymentsAreSumsOfTheirTransactions(t *testing.T) {
	tx := func(id, kind, status, amount, parent string) graphTransaction {
		g := graphTransaction{ID: id, Kind: kind, Status: status, Gateway: "shopify_payments"}
		g.AmountSet.ShopMoney = graphMoney{Amount: amount, CurrencyCode: "EUR"}
		if parent != "" {
			g.ParentTransaction = &graphID{ID: parent}
		}
		return g
	}
	for _, tc := range []struct {
		name               string
		tx                 []graphTransaction
		status             string
		captured, refunded string
	}{
		{"authorized", []graphTransaction{tx("a", "AUTHORIZATION", "SUCCESS", "100.0", "")}, "authorized", "", ""},
		{"captured in two parts", []graphTransaction{tx("a", "AUTHORIZATION", "SUCCESS", "100.0", ""), tx("b", "CAPTURE", "SUCCESS", "60.0", "a"), tx("c", "CAPTURE", "SUCCESS", "40.0", "a")}, "captured", "100.00", ""},
		{"a refund is of the capture", []graphTransaction{tx("a", "AUTHORIZATION", "SUCCESS", "100.0", ""), tx("b", "CAPTURE", "SUCCESS", "100.0", "a"), tx("c", "REFUND", "SUCCESS", "30.0", "b")}, "part_refunded", "100.00", "30.00"},
		{"refunded whole", []graphTransaction{tx("a", "SALE", "SUCCESS", "100.0", ""), tx("c", "REFUND", "SUCCESS", "100.0", "a")}, "refunded", "100.00", "100.00"},
		{"a refund that failed is none", []graphTransaction{tx("a", "SALE", "SUCCESS", "100.0", ""), tx("c", "REFUND", "FAILURE", "100.0", "a")}, "captured", "100.00", ""},
		{"voided", []graphTransaction{tx("a", "AUTHORIZATION", "SUCCESS", "100.0", ""), tx("b", "VOID", "SUCCESS", "100.0", "a")}, "voided", "", ""},
		{"declined", []graphTransaction{tx("a", "SALE", "FAILURE", "100.0", "")}, "declined", "", ""},
		{"pending", []graphTransaction{tx("a", "SALE", "PENDING", "100.0", "")}, "created", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			obs := graphPayments(&graphOrder{ID: "o", Transactions: tc.tx})
			require.Equal(t, canon.AspectPayment, obs.Aspect)
			require.Len(t, obs.Order.Payments, 1)
			p := obs.Order.Payments[0]
			require.Equal(t, tc.status, p.Status)
			amount := func(m *canon.StatedMoney) string {
				if m == nil {
					return ""
				}
				return m.Amount
			}
			require.Equal(t, tc.captured, amount(p.Captured))
			require.Equal(t, tc.refunded, amount(p.Refunded))
		})
	}
}

func TestFulfilmentWords(t *testing.T) {
	for words, want := range map[[2]string]string{
		{"success", ""}: "shipped", {"success", "fulfilled"}: "shipped", {"success", "in_transit"}: "shipped", {"success", "delivered"}: "delivered",
		{"success", "picked_up"}: "delivered", {"success", "label_printed"}: "packed", {"success", "failure"}: "failed", {"cancelled", ""}: "cancelled",
		{"open", ""}: "created", {"error", "delivered"}: "cancelled",
	} {
		require.Equal(t, want, fulfilmentState(words[0], words[1]), "%v", words)
	}
}

// An exchange: what the client takes is not taken off the refund once more.
func TestAnOrdersPaymentsAndReturnsAreReadBesideIt(t *testing.T) {
	s := newShop(t, twin.Options{}, nil, nil)
	s.piece(t, 1)
	s.piece(t, 2)
	placed := s.order(t, twin.NewOrder{Fulfilled: true}, "RG-0001", "RG-0002")
	id, err := s.twin.Return(placed.ID, []twin.RefundLine{{LineID: placed.Lines[0], Quantity: 1, Restock: "return"}}, []string{placed.Lines[1]})
	require.NoError(t, err)
	res, err := s.Read(context.Background(), &sdk.ReadRequest{Refs: []canon.Ref{ref(canon.KindOrder, placed.ID)}})
	require.NoError(t, err)
	byAspect := map[canon.Aspect]*canon.OrderState{}
	for _, o := range res.Observations {
		if o.Kind == canon.KindOrder {
			byAspect[o.Aspect] = o.Order
		}
	}
	require.Len(t, byAspect[canon.AspectMain].Fulfilments, 2)
	require.Equal(t, []canon.DocumentLine{{ID: placed.Lines[0], Quantity: 1}}, byAspect[canon.AspectMain].Fulfilments[0].Lines)
	require.Len(t, byAspect[canon.AspectPayment].Payments, 1)
	require.Equal(t, "captured", byAspect[canon.AspectPayment].Payments[0].Status)
	back := byAspect[canon.AspectReturn].Returns
	require.Len(t, back, 1)
	require.Equal(t, id, back[0].ID)
	require.Equal(t, "closed", back[0].Status)
	require.Equal(t, []canon.DocumentLine{{ID: placed.Lines[0], Quantity: 1}}, back[0].Lines)
	require.Equal(t, []canon.DocumentLine{{ID: placed.Lines[1], Quantity: 1}}, back[0].Exchange)
	require.Len(t, back[0].Refunds, 1)

	denied := newShop(t, twin.Options{Scopes: slices.DeleteFunc(slices.Clone(twin.AllScopes), func(s string) bool { return s == "read_returns" })}, nil, nil)
	denied.piece(t, 1)
	placed = denied.order(t, twin.NewOrder{Fulfilled: true}, "RG-0001")
	_, err = denied.twin.Return(placed.ID, []twin.RefundLine{{LineID: placed.Lines[0], Quantity: 1, Restock: "return"}}, nil)
	require.NoError(t, err)
	res, err = denied.Read(context.Background(), &sdk.ReadRequest{Refs: []canon.Ref{ref(canon.KindOrder, placed.ID)}})
	require.NoError(t, err, "an app that may not see returns reads the order all the same")
	require.NotEmpty(t, res.Observations)
}
