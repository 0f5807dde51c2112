package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
)

// killDuringRefund kills a hub when its refund has reached WooCommerce, which then carries it out or not.
func killDuringRefund(h *hubProcess, carriedOut bool) func(http.ResponseWriter, *http.Request, http.Handler) bool {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/refunds") {
			return false
		}
		h.sigkill()
		if carriedOut {
			next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		}
		return true
	}
}

// TestThePieceSoldTwiceIsRefundedOnceWhereverTheHubIsKilled sells one piece at Shopify and, without a look at stock, at
// WooCommerce. One command decides; the hub is killed at each point of carrying it out and started again.
func TestThePieceSoldTwiceIsRefundedOnceWhereverTheHubIsKilled(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	s.spec.KillFile = filepath.Join(t.TempDir(), "kill")
	config, err := json.Marshal(map[string]string{"url": s.wooURL, "answer_wait": "3s"})
	require.NoError(t, err)
	s.spec.Connections[1].Config = config
	attempted, settled := string(canon.EntryAction), string(canon.EntryActionEnd)
	type point struct {
		name string
		keep string // the connection that keeps the piece
		arm  func()
	}
	points := []point{
		{"no kill, WooCommerce gives way", "web", nil},
		{"no kill, Shopify gives way", "woo", nil},
		{"before the attempt is journaled", "web", func() { s.arm(killPoint{Has: []string{attempted}}) }},
		{"between attempted and sent", "web", func() { s.arm(killPoint{Has: []string{attempted}, Synced: true}) }},
		{"between attempted and sent, Shopify gives way", "woo", func() { s.arm(killPoint{Has: []string{attempted}, Synced: true}) }},
		{"while it is under way, not carried out", "web", func() { s.wooGate.hook(killDuringRefund(s.hub, false)) }},
		{"while it is under way, carried out", "web", func() { s.wooGate.hook(killDuringRefund(s.hub, true)) }},
		{"between sent and outcome", "web", func() { s.arm(killPoint{Has: []string{settled}}) }},
		{"between sent and outcome, Shopify gives way", "woo", func() { s.arm(killPoint{Has: []string{settled}}) }},
		{"after the outcome is journaled", "web", func() { s.arm(killPoint{Has: []string{settled}, Synced: true}) }},
	}
	if raced { // Shopify is given a quarter of a minute for a job of its own
		points = slices.DeleteFunc(points, func(p point) bool { return strings.HasPrefix(p.name, "between attempted and sent, Shopify") })
	}
	pieces := s.pieces(len(points))
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	for i, point := range points {
		p := pieces[i]
		t.Run(strings.ReplaceAll(point.name, ",", ""), func(t *testing.T) {
			placed, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: p.variant, Quantity: 1}}})
			require.NoError(t, err)
			order, err := s.woo.PlaceOrderREST(wootwin.Purchase{ID: p.woo, Method: "sandboxpay"})
			require.NoError(t, err)
			var found canon.Case
			eventually(t, time.Minute, "the hub has a case of it", func() bool {
				for _, c := range list[canon.Case](t, s.door, "/v1/cases", url.Values{"kind": {string(canon.CaseDoubleClaim)}}) {
					if item := s.door.bySKU(t, p.sku); c.Subject == item.ID {
						found = c
					}
				}
				return found.ID != ""
			})
			proposal := ""
			for _, e := range found.Evidence {
				if e.Connection == point.keep {
					proposal = "keep:" + e.Claim
				}
			}
			require.NotEmpty(t, proposal)
			if point.arm == nil { // by the command line, which waits
				o := &operator{t: t, env: map[string]string{"JUMPRING_TOKEN": adminToken, "JUMPRING_HUB": "http://" + s.hub.address}}
				shown := o.ok("case", "resolve", found.ID, proposal, "--note", "one ring, two buyers", "--wait", "2m", "-o", "json")
				var now canon.Case
				require.NoError(t, json.Unmarshal([]byte(shown), &now))
				require.False(t, now.Open, "%s", shown)
				require.Contains(t, o.ok("case", "show", found.ID), "cancel_order")
				denied := o.run("case", "resolve", found.ID, proposal)
				require.Equal(t, exitRefused, denied.code, "it is closed")
			}
			if point.arm != nil {
				point.arm()
			}
			body, err := json.Marshal(map[string]string{"proposal": proposal, "note": "one ring, two buyers"})
			require.NoError(t, err)
			if point.arm != nil {
				_, _ = s.door.send(http.MethodPost, "/v1/cases/"+url.PathEscape(found.ID)+"/resolve", body, "Idempotency-Key", "resolve-"+strconv.Itoa(i))
				s.hub.wait() // it may have died before it answered
				s.wooGate.hook(nil)
				s.start()
				s.ready()
			}
			closed := canon.Case{}
			eventually(t, 2*time.Minute, "the case is closed by what the platform shows", func() bool {
				closed = fetch[canon.Case](t, s.door, "/v1/cases/"+found.ID)
				return !closed.Open
			})
			require.Equal(t, proposal, closed.Resolution)
			require.Equal(t, "admin", closed.Decision.By)
			loser := map[string]string{"web": "woo", "woo": "web"}[point.keep]
			eventually(t, time.Minute, "the action is over", func() bool {
				closed = fetch[canon.Case](t, s.door, "/v1/cases/"+found.ID)
				return closed.Actions[0].State == canon.ActionDone
			})
			require.Equal(t, loser, closed.Actions[0].Connection)
			require.NotNil(t, closed.Actions[0].Amount)
			item := s.door.bySKU(t, p.sku)
			require.Equal(t, point.keep, item.Holder.Channel)
			require.Equal(t, canon.ItemSold, item.Status)
			eventually(t, time.Minute, "both shops show none", func() bool {
				q, ok := s.woo.Stock(p.woo)
				return ok && q <= 0 && shopAvailable(s.shop, p.sku) <= 0
			})

			backAtShop, backAtWoo := []string{}, []string{}
			for _, r := range s.shop.Ledger().Refunds {
				if r.OrderID == placed.ID {
					backAtShop = append(backAtShop, r.Amount)
				}
			}
			for _, r := range s.woo.Ledger().Refunds {
				if r.OrderID == order {
					backAtWoo = append(backAtWoo, fmt.Sprint(r.Amount, r.Gateway))
				}
			}
			if loser == "woo" {
				require.Equal(t, []string{closed.Actions[0].Amount.Amount + "true"}, backAtWoo, "once, through the gateway")
				require.Empty(t, backAtShop)
			} else {
				require.Equal(t, []string{closed.Actions[0].Amount.Amount}, backAtShop)
				require.Empty(t, backAtWoo)
			}
		})
	}
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil))
	require.Empty(t, list[canon.Case](t, s.door, "/v1/cases", nil))
	s.hub.stop()
	audit(t, s.spec.Data)
}

// shopAvailable is what Shopify shows of a SKU at all places.
func shopAvailable(shop *shopifytwin.Server, sku string) int64 {
	n := int64(0)
	for _, l := range shop.Levels() {
		if l.SKU == sku {
			n += l.Available
		}
	}
	return n
}
