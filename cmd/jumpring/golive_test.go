package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/csv/twin"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

// wrongStock lists n pieces that the till has once each and of which the shops show other numbers: of ten, three are
// wrong at Shopify alone, three at WooCommerce alone, two at both, two at none.
func (s *sandbox) wrongStock(n int) (shopWrong, wooWrong int) {
	s.t.Helper()
	var catalogue bytes.Buffer
	catalogue.WriteString("serial,sku,title,price_eur,location,quantity\n")
	for i := range n {
		sku := fmt.Sprintf("RING-%05d", i)
		inShop, inWoo := int64(1), int64(1)
		if k := i % 10; k < 3 || k == 6 || k == 7 {
			inShop, shopWrong = 0, shopWrong+1
		}
		if k := i % 10; k >= 3 && k < 8 {
			inWoo, wooWrong = 0, wooWrong+1
		}
		s.stock(sku, inShop, inWoo)
		fmt.Fprintf(&catalogue, "SN-%05d,%s,Ring %s,1250.00,paris,1\n", i, sku, sku)
	}
	require.NoError(s.t, twin.Drop(s.tillFolder(), "catalogue.csv", &catalogue))
	return shopWrong, wooWrong
}

// stockWrites counts what the hub wrote into the shops' stock.
func (s *sandbox) stockWrites() (shop, woo int64) {
	return s.shop.Ledger().Counts.APIWrites, s.woo.Counts().StockWrites
}

// importTime is how long an import of 20,000 pieces may take on a busy machine.
const importTime = 20 * time.Minute

// imported runs the import of a connection to its end.
func (s *sandbox) imported(t *testing.T, name string) api.Job {
	t.Helper()
	a := s.door.must(t, http.MethodPost, "/v1/connections/"+name+"/import", nil)
	require.Contains(t, []int{http.StatusAccepted, http.StatusConflict}, a.status, "%s", a.body)
	var job api.Job
	eventually(t, importTime, "the import of "+name+" ends", func() bool {
		job = fetch[api.Job](t, s.door, a.header.Get("Location"))
		return job.State != "running"
	})
	require.Equal(t, "done", job.State, "%+v", job.Problem)
	return job
}

func (s *sandbox) plan(t *testing.T, name string) reconcile.Plan {
	t.Helper()
	return fetch[reconcile.Plan](t, s.door, "/v1/connections/"+name+"/plan")
}

func (s *sandbox) status(t *testing.T, name string) api.ConnectionStatus {
	t.Helper()
	return fetch[api.ConnectionStatus](t, s.door, "/v1/connections/"+name)
}

// killedAndUp kills the connectors, then the hub, and starts it again.
func (s *sandbox) killedAndUp(t *testing.T) {
	t.Helper()
	for _, c := range s.hub.connectors() {
		require.NoError(t, syscall.Kill(c.pid, syscall.SIGKILL))
	}
	s.hub.sigkill()
	s.hub.wait()
	s.start()
	s.ready()
}

func TestNothingIsWrittenBeforeAPersonAcceptsThePlan(t *testing.T) {
	n := 5000
	if raced {
		n = 300
	}
	n = fromEnv(t, "JUMPRING_PIECES", n)
	patience := 2*time.Minute + time.Duration(n)*30*time.Millisecond
	s := newSandbox(t, sandboxOptions{mode: canon.ModeObserve, till: true})
	s.spec.Connections[0].Limits = reconcile.Limits{ChangesPerHour: n}
	s.spec.Connections[1].Limits = reconcile.Limits{ChangesPerHour: 40}
	shopWrong, wooWrong := s.wrongStock(n)
	silent := func(t *testing.T, when string) {
		t.Helper()
		shop, woo := s.stockWrites()
		require.Zero(t, shop, "writes at Shopify %s", when)
		require.Zero(t, woo, "writes at WooCommerce %s", when)
	}

	began := time.Now()
	s.start()
	s.ready()
	eventually(t, patience, "the import is under way", func() bool { return s.door.metric(t, "jumpring_fold_entries_total") > float64(n)/10 })
	s.killedAndUp(t)
	for _, name := range []string{"till", "web", "woo"} {
		job := s.imported(t, name)
		t.Logf("%s: %d rows read, %s", name, job.Progress.Rows, time.Since(began).Round(time.Millisecond))
	}
	s.folded()
	require.Len(t, list[canon.Item](t, s.door, "/v1/items", nil), n, "one record per piece, of three sides")
	eventually(t, patience, "the plans are whole", func() bool {
		return len(s.plan(t, "web").Rows) == shopWrong && len(s.plan(t, "woo").Rows) == wooWrong
	})
	silent(t, "in observe")

	t.Run("shadow writes nothing", func(t *testing.T) {
		for _, name := range []string{"web", "woo"} {
			a := s.door.must(t, http.MethodPost, "/v1/connections/"+name+"/shadow", nil)
			require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		}
		s.killedAndUp(t)
		require.Equal(t, canon.ModeShadow, s.status(t, "web").Mode)
		s.imported(t, "woo") // reads everything again, in shadow
		silent(t, "in shadow")
	})

	seen := s.plan(t, "web")
	t.Run("a stale plan is refused", func(t *testing.T) {
		row := seen.Rows[0]
		require.NoError(t, s.shop.AdjustInventory(shopifytwin.Adjustment{SKU: row.SKU, LocationID: s.place, Available: 1}))
		eventually(t, patience, "the shop's correction changes the plan", func() bool { return s.plan(t, "web").Digest != seen.Digest })
		a := s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{PlanDigest: seen.Digest})
		require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
		p := a.problem(t)
		require.EqualValues(t, "plan.stale", p.Code)
		require.NotEmpty(t, p.Do)
		require.Equal(t, canon.ModeShadow, s.status(t, "web").Mode)
		silent(t, "after a refused go-live")
	})
	t.Run("live writes exactly the plan", func(t *testing.T) {
		plan := s.plan(t, "web")
		require.Len(t, plan.Rows, shopWrong-1)
		a := s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{PlanDigest: plan.Digest})
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		began := time.Now()
		eventually(t, patience, "nothing differs any more", func() bool { return s.status(t, "web").Differing == 0 })
		t.Logf("%d rows written in %s", len(plan.Rows), time.Since(began).Round(time.Millisecond))
		s.folded()
		wanted, wrote := map[string]int64{}, map[string]int64{}
		for _, r := range plan.Rows {
			wanted[r.SKU] = r.Should
		}
		for _, c := range s.shop.Ledger().Changes {
			if c.Source == "api" {
				require.NotContains(t, wrote, c.SKU, "written once")
				wrote[c.SKU] = c.After
			}
		}
		require.Equal(t, wanted, wrote)
		require.Zero(t, s.shop.Ledger().Counts.NoopWrites)
		_, woo := s.stockWrites()
		require.Zero(t, woo, "the other shop is in shadow")
	})
	t.Run("the fuse trips and says so", func(t *testing.T) {
		plan := s.plan(t, "woo")
		require.Greater(t, len(plan.Rows), 40)
		a := s.door.must(t, http.MethodPost, "/v1/connections/woo/live", api.GoLive{PlanDigest: plan.Digest})
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		eventually(t, patience, "the fuse trips", func() bool { return s.status(t, "woo").Fused != "" })
		require.Contains(t, s.status(t, "woo").Fused, "changes_per_hour")
		cases := list[canon.Case](t, s.door, "/v1/cases", url.Values{"kind": {string(canon.CaseFuse)}})
		require.Len(t, cases, 1)
		require.Equal(t, "woo", cases[0].Subject)
		require.Contains(t, cases[0].Summary, "changes_per_hour")
		_, woo := s.stockWrites()
		require.LessOrEqual(t, woo, int64(40), "no more than the fuse lets through")
		t.Logf("fuse: %s; %d of %d rows written", s.status(t, "woo").Fused, woo, len(plan.Rows))
	})
	s.hub.stop()
	audit(t, s.spec.Data)
}
