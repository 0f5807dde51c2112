package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/store"
)

// townKey signs the town's reports.
func townKey() (ed25519.PrivateKey, error) {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)), nil
}

// listed is a piece, or a quantity of a SKU, that both shops list.
type listed struct {
	variant, item string // web
	product       string
	woo           int64
}

// stockTown lists pieces, each for the same price in both shops; every fourth is a quantity of 6.
func (w *town) stockTown(n int) []listed {
	w.t.Helper()
	out := make([]listed, n)
	for i := range out {
		stock := int64(1)
		if i%4 == 3 {
			stock = 6
		}
		sku, price := fmt.Sprintf("RG-%04d", i), fmt.Sprintf("%d.00", 900+i)
		made, err := w.web.CreateProduct(shopifytwin.NewProduct{Title: "Ring " + sku, Variants: []shopifytwin.NewVariant{
			{SKU: sku, Price: price, Stock: map[string]int64{w.place: stock}},
		}})
		require.NoError(w.t, err)
		id, _, err := w.woo.CreateProduct(wootwin.ProductSpec{Name: "Ring " + sku, SKU: sku, Price: price, Stock: &stock})
		require.NoError(w.t, err)
		out[i] = listed{variant: made.Variants[0], item: made.Items[0], product: made.ID, woo: id}
	}
	return out
}

// trade lets shoppers and shopkeepers act, with some virtual seconds between, and gives what they did.
func (w *town) trade(r *rand.Rand, pieces []listed, acts int) map[string]int {
	w.t.Helper()
	did := map[string]int{}
	var webOrders []string
	var wooOrders []int64
	for range acts {
		p := pieces[r.IntN(len(pieces))]
		var what string
		var err error
		switch n := r.IntN(100); {
		case n < 25:
			what = "web order"
			var placed shopifytwin.Placed
			if placed, err = w.web.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: p.variant, Quantity: 1}}}); err == nil {
				webOrders = append(webOrders, placed.ID)
			}
		case n < 50:
			what = "woo order"
			var id int64
			if id, err = w.woo.PlaceOrder(wootwin.Purchase{ID: p.woo}); err == nil {
				wooOrders = append(wooOrders, id)
			}
		case n < 58 && len(webOrders) > 0:
			what, err = "web cancellation", w.web.CancelOrder(webOrders[r.IntN(len(webOrders))], true)
		case n < 64 && len(wooOrders) > 0:
			what, err = "woo cancellation", w.woo.CancelOrder(wooOrders[r.IntN(len(wooOrders))])
		case n < 75:
			what, err = "web price", w.web.SetPrice(p.variant, fmt.Sprintf("%d.50", 500+r.IntN(3000)))
		case n < 85:
			what, err = "woo price", w.woo.SetPrice(p.woo, fmt.Sprintf("%d.50", 500+r.IntN(3000)))
		case n < 91:
			what, err = "web stock by hand", w.web.AdjustInventory(shopifytwin.Adjustment{VariantID: p.variant, LocationID: w.place, Available: r.Int64N(4)})
		case n < 95:
			what, err = "woo stock by hand", w.woo.AdjustStock(p.woo, r.Int64N(4))
		case n < 98:
			what, err = "woo stock silently", w.woo.AdjustStockSilently(p.woo, r.Int64N(4))
		default:
			what, err = "woo deletion", w.woo.TrashProduct(p.woo, true)
		}
		if err == nil {
			did[what]++
		} else if !errors.Is(err, shopifytwin.ErrSoldOut) && !errors.Is(err, wootwin.ErrOutOfStock) && !errors.Is(err, wootwin.ErrNotFound) && !errors.Is(err, shopifytwin.ErrInvalid) {
			require.NoError(w.t, err, what)
		}
		pass(time.Duration(1+r.IntN(60)) * time.Second)
	}
	return did
}

// audit compares what the shops say of themselves with the hub's records, and gives what differs.
func (w *town) audit(pieces []listed) []string {
	w.t.Helper()
	v, err := w.hub.Load().store.View()
	require.NoError(w.t, err)
	defer v.Close()
	var bad []string
	differs := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	level := func(connection, id string, shown int64) {
		b := w.binding(v, connection, canon.KindLevel, id)
		obs := shownBy(w.t, b)
		switch {
		case obs == nil || obs.Level == nil || obs.Level.Available == nil || *obs.Level.Available != shown:
			differs("%s level %s shows %d and is not known so", connection, id, shown)
		case b.Wants != nil && b.Wants.Quantity != nil && *b.Wants.Quantity != shown:
			differs("%s level %s shows %d and should show %d", connection, id, shown, *b.Wants.Quantity)
		}
	}
	price := func(connection, id, shown string) {
		obs := shownBy(w.t, w.binding(v, connection, canon.KindListing, id))
		want, err := canon.ParseMoney(shown, "EUR")
		require.NoError(w.t, err)
		if obs == nil || obs.Listing == nil || len(obs.Listing.Prices) == 0 {
			differs("%s listing %s has no price, and costs %s", connection, id, shown)
			return
		}
		known, err := canon.ParseMoney(obs.Listing.Prices[0].Amount, obs.Listing.Prices[0].Currency)
		require.NoError(w.t, err)
		if known != want {
			differs("%s listing %s costs %s and is known with %s", connection, id, shown, obs.Listing.Prices[0].Amount)
		}
	}
	order := func(connection, id string, cancelled bool) {
		o, err := store.Load[canon.Order](v, store.RecordKey(store.TypeOrder, canon.NodeID("ord", connection, canon.KindOrder, id)))
		require.NoError(w.t, err)
		if o == nil || (o.Status == canon.OrderCancelled) != cancelled {
			differs("%s order %s (cancelled: %t) is not known so", connection, id, cancelled)
		}
	}
	for _, l := range w.web.Levels() {
		if l.LocationID == w.place {
			level("web", canon.LevelID(l.ItemID, l.LocationID), l.Available)
		}
	}
	for id, shown := range w.web.Prices() {
		price("web", id, shown)
	}
	for _, o := range w.web.Ledger().Orders {
		order("web", o.ID, o.CancelledAt != nil)
	}
	for _, p := range pieces {
		id := strconv.FormatInt(p.woo, 10)
		shown, there := w.woo.Stock(p.woo)
		if b := w.binding(v, "woo", canon.KindListing, id); !there {
			if b == nil || !b.Deleted {
				differs("woo listing %s is deleted and not known so", id)
			}
			continue
		}
		level("woo", canon.LevelID(id, ""), shown)
		price("woo", id, w.woo.Price(p.woo))
	}
	for _, o := range w.woo.Ledger().Orders {
		order("woo", strconv.FormatInt(o.ID, 10), w.woo.OrderStatus(o.ID) == "cancelled")
	}
	return bad
}

func (w *town) binding(v store.View, connection string, kind canon.Kind, id string) *canon.Binding {
	w.t.Helper()
	b, err := store.Load[canon.Binding](v, store.BindingKey(canon.BindingKey{Connection: connection, Kind: kind, ExternalID: id, Aspect: canon.AspectMain}))
	require.NoError(w.t, err)
	return b
}

func shownBy(t *testing.T, b *canon.Binding) *canon.Observation {
	t.Helper()
	if b == nil || b.Deleted || b.Current() == nil {
		return nil
	}
	var obs canon.Observation
	require.NoError(t, json.Unmarshal(b.Current().Observation, &obs))
	return &obs
}

// live waits until both connections are imported and live.
func (w *town) live() {
	w.t.Helper()
	for range 600 {
		pass(time.Minute)
		v, err := w.hub.Load().store.View()
		require.NoError(w.t, err)
		n := 0
		for _, name := range []string{"web", "woo"} {
			c, err := store.Load[canon.Connection](v, store.PrefixConn+name)
			require.NoError(w.t, err)
			if c != nil && c.Mode == canon.ModeLive {
				n++
			}
		}
		v.Close()
		if n == 2 {
			return
		}
	}
	w.t.Fatal("the connections do not go live")
}

// sweepSeeds is how many days are tried: JUMPRING_SWEEP_SEEDS, or one.
func sweepSeeds() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("JUMPRING_SWEEP_SEEDS"), 10, 16); err == nil && n > 0 {
		return n
	}
	return 1
}

// TestSweepMakesTheRecordsEqualToLossyShops is what the sweep is for. Each day is also its own control: before the
// sweep the auditor finds differences.
func TestSweepMakesTheRecordsEqualToLossyShops(t *testing.T) {
	for seed := range sweepSeeds() {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, seed, 0)
				pieces := w.stockTown(80)
				pass(24 * time.Hour) // long ago: polls don't go back to it
				h := w.start()
				w.live()
				require.Empty(t, w.audit(pieces), "at the beginning all is equal")
				priced, silent := pieces[0], pieces[1]
				did := w.trade(rand.New(rand.NewPCG(seed, 7)), pieces[2:], 200)
				// Whatever the dice say, one price is lost, and one level changes without a word.
				w.web.DropNext("PRODUCTS_UPDATE")
				require.NoError(t, w.web.SetPrice(priced.variant, "4321.00"))
				require.NoError(t, w.woo.AdjustStockSilently(silent.woo, 0))
				pass(6 * time.Hour) // what webhooks and reads can tell has been told
				control := w.audit(pieces)
				require.GreaterOrEqual(t, len(control), 2, "without the sweep the loss shows")

				began := time.Now()
				first := h.sweepAll()
				took := time.Since(began)
				pass(time.Hour) // what one shop's sweep found is written to the other
				require.Empty(t, w.audit(pieces), "the records are what the shops say of themselves")
				second := h.sweepAll()
				put := map[string]canon.DriftRow{}
				for name, r := range first {
					require.Empty(t, r.Rows, name)
					require.NoError(t, reconcile.VerifySeal(r, sealKey(t)), name)
					for _, row := range r.Repaired {
						put[name+" "+row.ExternalID] = row
					}
				}
				price := put["web "+priced.variant]
				require.Equal(t, []any{"price", canon.DriftMissed}, []any{price.Field, price.Drift}, "what the report says of the price")
				require.Contains(t, string(price.Changes[0].After), "4321.00")
				require.Contains(t, string(price.Changes[0].Before), "900.00")
				require.Equal(t, canon.DriftManual, put[fmt.Sprintf("woo %d@", silent.woo)].Drift)
				for name, r := range second {
					require.Empty(t, r.Rows, name)
					require.Empty(t, r.Repaired, name)
					require.NoError(t, reconcile.VerifySeal(r, sealKey(t)), name)
				}
				t.Logf("did %v; the auditor finds %d differences before the sweep; it puts %d right in %s of virtual time; refused with 429: web %d, woo %d",
					did, len(control), len(put), took.Round(time.Second), w.web.Ledger().Counts.Throttled, w.woo.Counts().Throttled)
				h.stop()
			})
		})
	}
}

// TestSweepGoesOnAfterAKill kills the hub in the middle of its scheduled sweeps. The view is made anew from the journal,
// and the sweeps go on behind the last page that is in it.
func TestSweepGoesOnAfterAKill(t *testing.T) {
	for seed := range sweepSeeds() {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, seed+100, 24*time.Hour)
				pieces := w.stockTown(80)
				pass(24 * time.Hour) // long ago: polls don't go back to it
				h := w.start()
				w.live()
				first, last := pieces[0], pieces[len(pieces)-1]
				w.trade(rand.New(rand.NewPCG(seed, 8)), pieces[1:len(pieces)-1], 200)
				// What no webhook and no poll tells, on the first page and on the last.
				require.NoError(t, w.woo.AdjustStockSilently(first.woo, 0))
				require.NoError(t, w.woo.AdjustStockSilently(last.woo, 4))
				reached, release := make(chan struct{}), make(chan struct{})
				stopAt := 4 + int64(seed%3)
				w.watch(func(n int64) {
					if n == stopAt {
						close(reached)
						<-release
					}
				})
				<-reached // the sweeps began by themselves
				h.killed.Store(true)
				h.cancel()
				close(release)
				h.stop()
				require.Empty(t, reportsOf(t, h.store), "it was killed before it could report")
				left := sweepsOf(t, h.store)
				require.NotEmpty(t, left, "a page was journaled before the kill")

				w.watch(nil)
				h = w.start()
				pass(3 * time.Hour)
				require.Empty(t, w.audit(pieces), "the records are what the shops say of themselves")
				reports := reportsOf(t, h.store)
				require.Len(t, reports, 2, "one for each shop")
				put := map[string]canon.DriftCause{}
				for i := range reports {
					require.Empty(t, reports[i].Rows, reports[i].Connection)
					require.NoError(t, reconcile.VerifySeal(&reports[i], sealKey(t)))
					for _, row := range reports[i].Repaired {
						put[row.Connection+" "+row.ExternalID] = row.Drift
					}
				}
				require.Equal(t, canon.DriftManual, put[fmt.Sprintf("woo %d@", first.woo)], "found before the kill, and not forgotten")
				require.Equal(t, canon.DriftManual, put[fmt.Sprintf("woo %d@", last.woo)], "found after it")
				asked := w.asked()
				for name, page := range left {
					require.Equal(t, page, asked[name][0], "%s goes on behind the last page in the journal", name)
				}
				t.Logf("killed at page %d; %d differences put right", stopAt, len(put))
				h.stop()
			})
		})
	}
}

// sweepsOf gives the page that each sweep under way goes on with.
func sweepsOf(t *testing.T, s store.Store) map[string]string {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	out := map[string]string{}
	for _, name := range []string{"web", "woo"} {
		c, err := store.Load[canon.Connection](v, store.PrefixConn+name)
		require.NoError(t, err)
		if c.Sweep != nil && !c.Sweep.Complete && len(c.Sweep.Page) > 0 {
			out[name] = string(c.Sweep.Page)
		}
	}
	return out
}

// reportsOf gives the kept reports.
func reportsOf(t *testing.T, s store.Store) []canon.DriftReport {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	reports, err := reconcile.Reports(v, "")
	require.NoError(t, err)
	return reports
}

func sealKey(t *testing.T) string {
	t.Helper()
	key, err := townKey()
	require.NoError(t, err)
	public, ok := key.Public().(ed25519.PublicKey)
	require.True(t, ok)
	return base64.StdEncoding.EncodeToString(public)
}
