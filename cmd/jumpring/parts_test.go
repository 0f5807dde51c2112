package main

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/csv/twin"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

const geneva = "geneva"

// TestAConnectionIsLiveForTheStockOfOneLocation takes a shop with two locations live for one of them, through kills and
// back. Invariant 9 holds for each part.
func TestAConnectionIsLiveForTheStockOfOneLocation(t *testing.T) {
	const patience = 2 * time.Minute
	s := newSandbox(t, sandboxOptions{mode: canon.ModeShadow, till: true})
	second := s.shop.AddLocation("Geneva", "CH")
	s.spec.Settings.Locations = []string{geneva, paris}
	web := &s.spec.Settings.Connections[0]
	web.SellsFrom, web.Locations = []string{geneva, paris}, map[string]string{s.place: paris, second: geneva}
	till := s.spec.Settings.Connection("till")
	till.Mode = canon.ModeLive // which it can't be: it says so
	till.SellsFrom, till.Locations = []string{geneva, paris}, map[string]string{paris: paris, geneva: geneva}

	var catalogue bytes.Buffer
	catalogue.WriteString("serial,sku,title,price_eur,location,quantity\n")
	for i := range 6 {
		sku, home := fmt.Sprintf("RING-%d", i), paris
		if i >= 3 {
			home = geneva
		}
		_, err := s.shop.CreateProduct(shopifytwin.NewProduct{Title: "Ring " + sku, Variants: []shopifytwin.NewVariant{
			{SKU: sku, Price: "1250.00", Stock: map[string]int64{s.place: 0, second: 0}},
		}})
		require.NoError(t, err)
		fmt.Fprintf(&catalogue, "SN-%d,%s,Ring %s,1250.00,%s,1\n", i, sku, sku, home)
	}
	require.NoError(t, twin.Drop(s.tillFolder(), "catalogue.csv", &catalogue))
	wrote := func() map[string]int {
		out := map[string]int{}
		for _, c := range s.shop.Ledger().Changes {
			if c.Source == "api" {
				out[c.LocationID]++
			}
		}
		return out
	}
	planOf := func(query string) reconcile.Plan {
		return fetch[reconcile.Plan](t, s.door, "/v1/connections/web/plan"+query)
	}

	s.start()
	s.ready()
	for _, name := range []string{"till", "web"} {
		s.imported(t, name)
	}
	eventually(t, patience, "the plan of Geneva is whole", func() bool {
		p := planOf("?location=geneva")
		return len(p.Rows) == 3 && len(p.Held) == 3
	})
	require.Empty(t, wrote(), "in shadow")
	part, whole := planOf("?location=geneva"), planOf("")
	require.Len(t, whole.Rows, 6)
	for _, r := range part.Held {
		require.Equal(t, "stock of paris is in shadow", r.Reason)
	}

	a := s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{Location: geneva, PlanDigest: whole.Digest})
	require.Equal(t, http.StatusConflict, a.status, "the plan of the whole is not that of the part: %s", a.body)
	a = s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{Location: "atlantis", PlanDigest: reconcile.EmptyPlan()})
	require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s", a.body)
	a = s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{Entity: "order", Location: geneva, PlanDigest: part.Digest})
	require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s", a.body)
	require.EqualValues(t, "scope.unknown", a.problem(t).Code)

	a = s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{Location: geneva, PlanDigest: part.Digest})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	eventually(t, patience, "Geneva is written", func() bool { return wrote()[second] == 3 })
	eventually(t, patience, "nothing differs but Paris", func() bool { return s.status(t, "web").Differing == 3 })
	s.killedAndUp(t)
	st := s.status(t, "web")
	require.Equal(t, canon.ModeShadow, st.Mode)
	require.Len(t, st.Scopes, 1)
	require.Equal(t, "stock@geneva", st.Scopes[0].String())
	require.Equal(t, canon.ModeLive, st.Scopes[0].Mode)
	s.imported(t, "web")
	require.Equal(t, map[string]int{second: 3}, wrote(), "Paris is in shadow, after a kill and another import too")

	t.Run("a shop that a person takes back stays back", func(t *testing.T) {
		a := s.door.must(t, http.MethodPost, "/v1/connections/web/shadow", api.Part{Location: geneva})
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.NoError(t, s.shop.AdjustInventory(shopifytwin.Adjustment{SKU: "RING-3", LocationID: second, Available: 0}))
		eventually(t, patience, "the change is seen", func() bool { return len(planOf("?location=geneva").Rows) == 1 })
		s.folded()
		require.Equal(t, map[string]int{second: 3}, wrote())
	})
	t.Run("a connection that only reads says so", func(t *testing.T) {
		eventually(t, patience, "the till says so", func() bool { return s.status(t, "till").LastError != "" })
		require.Contains(t, s.status(t, "till").LastError, "only reads")
		a := s.door.must(t, http.MethodPost, "/v1/connections/till/live", api.GoLive{PlanDigest: reconcile.EmptyPlan()})
		require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
		require.EqualValues(t, "connection.cannot", a.problem(t).Code)
		require.Equal(t, canon.ModeObserve, s.status(t, "till").Mode)
	})
	s.hub.stop()
	audit(t, s.spec.Data)
}
