package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
)

// TestASaleSurvivesAKillAtAnyPoint follows one sale from a signed Shopify webhook through plugin, journal and fold to
// the write at WooCommerce, with the hub killed at each point of the way and started again.
func TestASaleSurvivesAKillAtAnyPoint(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	s.spec.KillFile = filepath.Join(t.TempDir(), "kill")
	points := []struct {
		name string
		arm  func(p pair)
	}{
		{"no kill", nil},
		{"before the sale is journaled", func(p pair) { s.arm(killPoint{Has: []string{"Order/", p.sku}}) }},
		{"between journal and fold, nothing answered", func(p pair) { s.arm(killPoint{Has: []string{"Order/", p.sku}, Synced: true}) }},
		{"after the 2xx", func(pair) { s.hubGate.hook(killAfterAnswer(s.hub)) }},
		{"before the attempt is journaled", func(pair) { s.arm(killPoint{Has: []string{string(canon.EntryAttempt)}}) }},
		{"between the attempt and Apply", func(pair) { s.arm(killPoint{Has: []string{string(canon.EntryAttempt)}, Synced: true}) }},
		{"while Apply is under way, not carried out", func(pair) { s.wooGate.hook(killDuringWrite(s.hub, false)) }},
		{"while Apply is under way, carried out", func(pair) { s.wooGate.hook(killDuringWrite(s.hub, true)) }},
		{"between Apply and its outcome's journaling", func(pair) { s.arm(killPoint{Has: []string{string(canon.EntrySettled)}}) }},
		{"after the outcome is journaled", func(pair) { s.arm(killPoint{Has: []string{string(canon.EntrySettled)}, Synced: true}) }},
	}
	pieces := s.pieces(len(points))
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	for i, point := range points {
		p := pieces[i]
		t.Run(strings.ReplaceAll(point.name, ",", ""), func(t *testing.T) {
			began := time.Now()
			if point.arm != nil {
				point.arm(p)
			}
			placed, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: p.variant, Quantity: 1}}})
			require.NoError(t, err)
			if point.arm != nil {
				s.hub.wait()
				s.hubGate.hook(nil)
				s.wooGate.hook(nil)
				s.start()
				s.ready()
			}
			restarted := time.Now()
			eventually(t, time.Minute, "the sale is seen at WooCommerce", func() bool {
				q, ok := s.woo.Stock(p.woo)
				return ok && q == 0
			})
			eventually(t, time.Minute, "the piece's record is sold", func() bool { return s.door.bySKU(t, p.sku).Status == canon.ItemSold })
			eventually(t, time.Minute, "the shop's deliveries are answered", func() bool { return s.shop.PendingWebhooks() == 0 })
			s.settled(t)
			t.Logf("seen %s after the sale, %s after the restart", time.Since(began).Round(time.Millisecond), time.Since(restarted).Round(time.Millisecond))

			require.Equal(t, map[int64]int{0: 1}, s.wooWrites(p.woo), "exactly one write, of 0, at WooCommerce")
			require.Zero(t, s.woo.Counts().NoopStockWrites, "no write of what was shown already")
			require.Empty(t, s.shopWrites(p.sku), "Shopify lowered its stock itself: nothing is written there")
			orders := list[canon.Order](t, s.door, "/v1/orders", url.Values{"connection": {"web"}, "external_id": {placed.ID}})
			require.Len(t, orders, 1, "the order is there once")
			item := s.door.bySKU(t, p.sku)
			require.NotNil(t, item.Holder)
			require.Equal(t, "web", item.Holder.Channel)
		})
	}
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil))
	require.Empty(t, list[canon.Case](t, s.door, "/v1/cases", nil))
	s.hub.stop()
	audit(t, s.spec.Data)
}

// killAfterAnswer kills a hub at the moment at which its first 2xx to the sale's webhook is on its way.
func killAfterAnswer(h *hubProcess) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if r.Header.Get("X-Shopify-Topic") != "orders/create" {
			return false
		}
		next.ServeHTTP(w, r)
		if w.(*statusWriter).status/100 == 2 {
			h.sigkill()
		}
		return true
	}
}

// killDuringWrite kills a hub when its write has reached WooCommerce, which then carries it out or not.
func killDuringWrite(h *hubProcess, carriedOut bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if r.Method == http.MethodGet || !strings.Contains(r.URL.Path, "/products") {
			return false
		}
		h.sigkill()
		if carriedOut {
			// The shop works on although nobody waits any more: its answer goes nowhere.
			next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		}
		return true
	}
}
