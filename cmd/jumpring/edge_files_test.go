package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	edgetwin "github.com/jumpring/jumpring/connectors/edgefiles/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/outbox"
	"github.com/jumpring/jumpring/plugins/host"
)

// withEdge adds an exchange with The Edge, which counts the stock.
func (s *sandbox) withEdge(t *testing.T) *edgetwin.Edge {
	t.Helper()
	folder := filepath.Join(filepath.Dir(s.spec.Data), "edge")
	require.NoError(t, os.MkdirAll(folder, 0o750))
	zone, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]any{
		"folder": folder, "stores": []string{"1"}, "timezone": "America/Chicago", "currency": "EUR", "settle": "100ms",
		"taken": edgetwin.TakenFolder, "refused": edgetwin.RefusedFolder,
	})
	require.NoError(t, err)
	s.spec.Settings.StockAuthority = "edge"
	s.spec.Settings.Connections = append(s.spec.Settings.Connections, canon.ConnectionSettings{
		Name: "edge", Connector: "edge-files", Mode: canon.ModeObserve, SellsFrom: []string{paris}, Locations: map[string]string{"1": paris},
		Modes: []canon.ScopeWish{{Scope: canon.Scope{Entity: canon.ScopeOrder}, Mode: canon.ModeLive}},
	})
	s.spec.Connections = append(s.spec.Connections, hub.Connection{
		Name: "edge", Command: []string{self, "connector", "edge-files"}, Checksum: sum, Config: raw,
		Deliver: hub.Deliver{
			Filter: outbox.Filter{Entities: []string{"order"}}, Pace: outbox.Pace{First: 50 * time.Millisecond, Most: time.Second},
		},
	})
	return edgetwin.New(folder, zone)
}

// TestTheEdgeAndTheShopsSellEachPieceOnce is the main job with The Edge: what the web sells goes out as a file, once,
// wherever the hub is killed; what The Edge sells is nowhere on the web.
func TestTheEdgeAndTheShopsSellEachPieceOnce(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	edge := s.withEdge(t)
	pieces := s.pieces(4)
	for _, p := range pieces {
		edge.Put(edgetwin.Item{ID: p.sku, Serial: "S-" + p.sku, Description: "Ring " + p.sku, Price: "1250.00", Store: "1", Status: "In Stock", Modified: time.Now()})
	}
	minute := 0
	lists := func() {
		minute++
		_, err := edge.WriteLists(time.Now().Add(time.Duration(minute) * time.Minute))
		require.NoError(t, err)
	}
	lists()
	s.start()
	s.ready()
	eventually(t, 2*time.Minute, "the shops and the sales to The Edge are live", func() bool {
		out := s.status(t, "edge").Outgoing
		return out != nil && !out.Through.IsZero() && s.status(t, "web").Mode == canon.ModeLive && s.status(t, "woo").Mode == canon.ModeLive
	})
	for _, p := range pieces {
		eventually(t, 2*time.Minute, "the piece of The Edge and both listings are one", func() bool {
			page := list[canon.Item](t, s.door, "/v1/items", map[string][]string{"sku": {p.sku}})
			return len(page) == 1 && len(page[0].Listings) == 3 && page[0].Status == canon.ItemInStock
		})
	}
	shows := func(p pair, woo, shop int64) {
		t.Helper()
		eventually(t, 2*time.Minute, "both shops show the piece as they should", func() bool {
			inWoo, _ := s.woo.Stock(p.woo)
			inShop := int64(0)
			for _, l := range s.shop.Levels() {
				if l.SKU == p.sku {
					inShop += l.Available
				}
			}
			return inWoo == woo && inShop == shop
		})
	}
	sold := func(n int) {
		t.Helper()
		eventually(t, 2*time.Minute, "The Edge has the sale", func() bool {
			_, err := edge.Import()
			require.NoError(t, err)
			return len(edge.Sales()) >= n
		})
		require.Len(t, edge.Sales(), n)
		require.Empty(t, edge.Refusals())
	}

	// Sold on the web.
	_, err := s.woo.PlaceOrderREST(wootwin.Purchase{ID: pieces[0].woo, Method: "sandboxpay"})
	require.NoError(t, err)
	shows(pieces[0], 0, 0)
	sold(1)
	require.Equal(t, map[string]int64{pieces[0].sku: 1}, edge.Sales()[0].Items)
	lists()
	eventually(t, time.Minute, "The Edge's list shows it sold", func() bool {
		return edge.StatusOf(pieces[0].sku) == "Sold" && s.door.bySKU(t, pieces[0].sku).Status == canon.ItemSold
	})

	// Sold in The Edge.
	edge.SellInStore(pieces[1].sku, time.Now())
	lists()
	shows(pieces[1], 0, 0)

	// Sold on the web while the hub is killed.
	for i, p := range pieces[2:] {
		_, err := s.woo.PlaceOrderREST(wootwin.Purchase{ID: p.woo, Method: "sandboxpay"})
		require.NoError(t, err)
		if i == 0 {
			eventually(t, time.Minute, "the hub has the order", func() bool {
				return len(list[canon.Order](t, s.door, "/v1/orders", nil)) == 2
			})
		}
		s.hub.sigkill()
		s.hub.wait()
		s.start()
		s.ready()
		shows(p, 0, 0)
		sold(2 + i)
	}
	require.Empty(t, list[canon.Undelivered](t, s.door, "/v1/undelivered", nil))
	for _, c := range list[canon.Case](t, s.door, "/v1/cases", nil) {
		t.Errorf("a case is open: %s", c.Summary)
	}
}
