package example

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
)

// An example says to which connections an item is published by the rules.
func TestAnExampleSaysWhereAnItemIsPublished(t *testing.T) {
	s := &canon.Settings{
		MatchItem: []string{"serial"}, Serialized: "always", StockAuthority: "hub", Locations: []string{"paris"},
		Connections: []canon.ConnectionSettings{{Name: "erp", Connector: "csv"}, {Name: "web", Connector: "shopify"}},
		Policy: &canon.Policy{Publish: []canon.PublishRule{{
			Connection: "web", Create: canon.PublishSelected, CreateOf: &canon.Selection{Categories: []string{"ring"}, Price: &canon.PriceRange{Currency: "EUR", Min: 50000}},
		}}},
	}
	ring := func(price string) []Source {
		return []Source{{Connection: "erp", Observation: canon.Observation{Kind: canon.KindListing, ExternalID: "1", Listing: &canon.ListingState{
			Title: "Ring", Serial: "SN-1", Category: "Ring", Prices: []canon.StatedMoney{{Amount: price, Currency: "EUR"}},
		}}}}
	}
	for price, want := range map[string][]string{"500.00": {"web"}, "499.99": {}} {
		r, err := Run(s, &Example{Name: price, Entity: policy.Item, Sources: ring(price), Published: want})
		require.NoError(t, err)
		require.True(t, r.OK, "%s: %v", price, r.Failures)
		other := []string{"web"}
		if len(want) > 0 {
			other = []string{}
		}
		r, err = Run(s, &Example{Name: price, Entity: policy.Item, Sources: ring(price), Published: other})
		require.NoError(t, err)
		require.Len(t, r.Failures, 1)
	}
}
