package api

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/report"
)

func TestReportsOfWhatTheFoldMade(t *testing.T) {
	var rates *report.Rates
	var broken error
	h := newHouse(t, func(o *Options) { o.Rates = func() (*report.Rates, error) { return rates, broken } })
	h.mark(t)
	h.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t9", Listing: &canon.ListingState{
		Title: "Band", StockID: "t9", Serial: "SN-9", SKU: "BAND-9", Home: "paris", Cost: &canon.StatedMoney{Amount: "77712.34", Currency: "EUR"},
		Prices: []canon.StatedMoney{{Amount: "99000.00", Currency: "EUR"}},
	}})
	h.level("till-file", "t9", "paris", 1)
	year := "?from=2026-01-01&to=2099-01-01"
	asked := func(role access.Role, target string) report.Answer {
		t.Helper()
		got := h.ask(role, "GET", "/v1/reports/"+target, "")
		require.Equal(t, 200, got.status, got.body)
		var a report.Answer
		require.NoError(t, json.Unmarshal([]byte(got.body), &a))
		return a
	}

	sales := asked(access.RoleManager, "sales"+year+"&by=channel")
	require.NotEmpty(t, sales.Rows)
	require.NotEmpty(t, sales.Definition)
	require.False(t, sales.Position.IsZero())
	sum := int64(0)
	for _, r := range sales.Rows {
		sum += r.Net
	}
	require.Equal(t, sales.Totals[0].Net, sum)
	require.GreaterOrEqual(t, sum, int64(2*2400_00), "both orders that state a price")

	seen := h.ask(access.RoleAdmin, "GET", "/v1/reports/inventory", "")
	require.Contains(t, seen.body, "cost_minor")
	hidden := h.ask(access.RoleRead, "GET", "/v1/reports/inventory", "")
	require.Equal(t, 200, hidden.status, hidden.body)
	require.NotContains(t, hidden.body, "cost_minor")
	require.NotContains(t, hidden.body, "pieces_costed")
	require.NotContains(t, hidden.body, "7771234")

	rates = &report.Rates{Source: "a bank", Date: "2026-11-20", Base: "EUR", PerBase: map[string]string{"USD": "1.25"}}
	dollars := asked(access.RoleManager, "sales"+year+"&currency=usd")
	require.Equal(t, "a bank", dollars.Rates.Source)
	require.Equal(t, "2026-11-20", dollars.Rates.Date)
	require.Equal(t, sum*5/4, dollars.Totals[0].Net)
	broken = errors.New("the file is gone")
	require.Equal(t, 500, h.ask(access.RoleManager, "GET", "/v1/reports/sales?currency=USD", "").status)

	broken = nil
	for _, name := range []string{"turnover", "counts", "clients"} {
		asked(access.RoleAccountant, name)
	}
	for target, status := range map[string]int{"weather": 404, "sales?by=weather": 400, "sales?from=yesterday": 400, "sales?currency=EURO": 400, "sales?from=2026-02-01&to=2026-01-01": 400} {
		require.Equal(t, status, h.ask(access.RoleManager, "GET", "/v1/reports/"+target, "").status, target)
	}
}
