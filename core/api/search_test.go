package api

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// found asks for a search and decodes the answer.
func (h *house) found(role access.Role, path string, query url.Values) (ItemsFound, string) {
	h.t.Helper()
	got := h.ask(role, "GET", path+"?"+query.Encode(), "")
	require.Equal(h.t, 200, got.status, got.body)
	var f ItemsFound
	require.NoError(h.t, json.Unmarshal([]byte(got.body), &f))
	return f, got.body
}

func (h *house) searchable() {
	h.t.Helper()
	require.Eventually(h.t, func() bool { return h.ask(access.RoleAdmin, "GET", "/v1/search/items", "").status == 200 }, 30*time.Second, time.Millisecond)
}

func TestSearchingPieces(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.searchable()
	h.see("web-eu", canon.Observation{Kind: canon.KindListing, ExternalID: "900", Listing: &canon.ListingState{
		Title: "Étoile solitaire", SKU: "ET-1", Serial: "ET-0001", Metal: "platinum 950", StockID: "900",
		Stones: []canon.StatedStone{{Kind: "diamond", Shape: "princess", Carat: "1.21", Colour: "F", Clarity: "VS1"}},
		Prices: []canon.StatedMoney{{Amount: "8500.00", Currency: "EUR"}}, Cost: &canon.StatedMoney{Amount: "4321.00", Currency: "EUR"},
	}})
	f, body := h.found(access.RoleTill, "/v1/search/items", url.Values{"q": {"princess 1-1.5 ct F-G VS platinum under 9,000 EUR"}})
	require.Equal(t, 1, f.Total, body)
	require.Equal(t, "Étoile solitaire", f.Items[0].Title)
	require.NotContains(t, body, "4321", "a till sees no cost")
	require.Equal(t, "shape:PRINCESS", f.Understood[0].Filters[0])
	require.False(t, f.Position.IsZero())
	_, body = h.found(access.RoleAdmin, "/v1/search/items", url.Values{"q": {"etoile"}})
	require.Contains(t, body, "432100")

	// A facet leaves out its own filter, and filters may be joined or repeated.
	for _, q := range []url.Values{{"filter": {"colour:G&shape:princess"}}, {"filter": {"colour:G", "shape:princess"}}} {
		f, _ = h.found(access.RoleRead, "/v1/search/items", q)
		require.Zero(t, f.Total)
		for _, facet := range f.Facets {
			if facet.Field == "colour" {
				require.Equal(t, "F", facet.Values[0].Value)
				require.Equal(t, 1, facet.Values[0].Count)
			} else {
				require.Empty(t, facet.Values, facet.Field)
			}
		}
	}

	for query, field := range map[string]string{"filter=carat:heavy": "query.filter", "filter=nothing:1": "query.filter", "sort=beauty": "query.filter", "after=x": "query.after", "limit=0": "query.limit", "facets=cost": "query.filter"} {
		got := h.ask(access.RoleTill, "GET", "/v1/search/items?"+query, "")
		require.Equal(t, 400, got.status, query)
		require.Contains(t, got.body, field, query)
	}
	require.Contains(t, h.ask(access.RoleTill, "GET", "/v1/search/items?cursor=x", "").body, "cursor.invalid")
}

func TestSearchingClientsNeedsTheirPermission(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	h.searchable()
	for _, role := range access.Roles() {
		want := 403
		if role.Can(access.ClientsRead) {
			want = 200
		}
		got := h.ask(role, "GET", "/v1/search/clients?q=anna", "")
		require.Equal(t, want, got.status, "%s: %s", role, got.body)
	}
}
