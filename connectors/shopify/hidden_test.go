package shopify

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
)

func TestHiddenCustomersAreUnknownNotEmpty(t *testing.T) {
	s := newShop(t, twin.Options{HidePersonal: true}, nil, nil)
	s.subscribe(t)
	ring := s.piece(t, 1)
	placed, err := s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: ring.Variants[0]}}, Customer: &clara})
	require.NoError(t, err)
	got := s.read(t, ref(canon.KindOrder, placed.ID))[ref(canon.KindOrder, placed.ID)]
	require.Nil(t, got.Order.Buyer)
	require.Contains(t, got.Hidden, "buyer")
	_, err = s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: s.piece(t, 2).Variants[0]}}, Customer: &clara})
	require.NoError(t, err)
	s.settled(t)
	var hidden []canon.Observation
	for _, d := range s.deliveries("orders/create") {
		if slices.Contains(d.res.Observations[0].Hidden, "buyer") {
			hidden = append(hidden, d.res.Observations[0])
		}
	}
	require.NotEmpty(t, hidden, "once it is known that they are hidden, a webhook's missing buyer is unknown too")
}

// A customer's addresses are never null: where the app may not see them, they would take the whole page with them.
func TestCustomersAreReadWithoutTheAddressesThatAreHidden(t *testing.T) {
	s := newShop(t, twin.Options{HidePersonal: true}, nil, nil)
	_, err := s.twin.PlaceOrder(twin.NewOrder{Lines: []twin.NewLine{{VariantID: s.piece(t, 1).Variants[0]}}, Customer: &clara})
	require.NoError(t, err)
	seen := 0
	for r, paged := range s.paged(t) {
		if r.Kind != canon.KindCustomer {
			continue
		}
		seen++
		require.Contains(t, paged.Hidden, "person")
		fresh := &shop{connector: open(t, s.url, nil, nil), twin: s.twin, url: s.url}
		require.Equal(t, paged, fresh.read(t, r)[r])
	}
	require.Equal(t, 1, seen)
}
