package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "connector" {
		sdk.Serve(builtIn()[os.Args[2]])
		return
	}
	os.Exit(m.Run())
}

func TestASaleOnShopifyIsSeenAtWooCommerce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var h *hub.Hub
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		name := strings.TrimPrefix(r.URL.Path, "/hooks/")
		status, ct, answer, err := h.HandleWebhook(r.Context(), name, &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Body: body, ReceivedAt: time.Now()})
		if err != nil {
			http.Error(w, err.Error(), 503)
			return
		}
		w.Header().Set("Content-Type", ct)
		w.WriteHeader(status)
		_, _ = w.Write(answer)
	}))
	defer hooks.Close()

	shop := shopifytwin.New(shopifytwin.Options{Shop: "aurum.myshopify.com", Currency: "EUR", ClientSecret: "hush", AccessToken: "shpat_1", AllowHTTP: true, Latency: 20 * time.Millisecond})
	defer shop.Close()
	address, err := shop.Start("127.0.0.1:0")
	require.NoError(t, err)
	place := shop.AddLocation("Paris", "FR")
	created, err := shop.CreateProduct(shopifytwin.NewProduct{Title: "Solitaire", Variants: []shopifytwin.NewVariant{{SKU: "RING-1", Price: "1250.00", Stock: map[string]int64{place: 1}}}})
	require.NoError(t, err)

	woo := wootwin.New(wootwin.Options{Keys: []wootwin.Key{{ConsumerKey: "ck_1", ConsumerSecret: "cs_1"}}, CronInterval: 50 * time.Millisecond, Latency: 20 * time.Millisecond})
	defer woo.Close()
	wooServer := httptest.NewServer(woo)
	defer wooServer.Close()
	one := int64(1)
	wooID, _, err := woo.CreateProduct(wootwin.ProductSpec{Name: "Solitaire", SKU: "ring-1", Price: "1250.00", Stock: &one})
	require.NoError(t, err)

	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	conf := func(v any) json.RawMessage { b, _ := json.Marshal(v); return b }
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr})
	h, err = hub.Open(ctx, hub.Options{
		Data: t.TempDir(), PublicURL: hooks.URL, Logger: log,
		Settings: canon.Settings{
			MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"},
			Connections: []canon.ConnectionSettings{
				{Name: "web", Connector: "shopify", Mode: canon.ModeLive, SellsFrom: []string{"paris"}, Locations: map[string]string{place: "paris"}},
				{Name: "woo", Connector: "woocommerce", Mode: canon.ModeLive, SellsFrom: []string{"paris"}},
			},
		},
		Connections: []hub.Connection{
			{Name: "web", Command: []string{self, "connector", "shopify"}, Checksum: sum, Config: conf(map[string]string{"shop": "aurum.myshopify.com", "endpoint": address}), Secrets: map[string]string{"client_secret": "hush", "access_token": "shpat_1"}},
			{Name: "woo", Command: []string{self, "connector", "woocommerce"}, Checksum: sum, Config: conf(map[string]string{"url": wooServer.URL}), Secrets: map[string]string{"consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": "wh"}},
		},
	})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	live := func() bool {
		v, err := h.Store().View()
		require.NoError(t, err)
		defer v.Close()
		for _, n := range []string{"web", "woo"} {
			c, err := store.Load[canon.Connection](v, store.PrefixConn+n)
			require.NoError(t, err)
			if c == nil || c.Mode != canon.ModeLive {
				return false
			}
		}
		return true
	}
	require.Eventually(t, live, 20*time.Second, 20*time.Millisecond, "both connections go live by themselves: their plans are empty")
	start := time.Now()
	_, err = shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: created.Variants[0], Quantity: 1}}})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			dump(t, h)
		}
	})
	require.Eventually(t, func() bool { q, _ := woo.Stock(wooID); return q == 0 }, 10*time.Second, 5*time.Millisecond, "the sale is seen at WooCommerce")
	t.Logf("seen after %s", time.Since(start))
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, h.Close())
}

func dump(t *testing.T, h *hub.Hub) {
	v, err := h.Store().View()
	require.NoError(t, err)
	defer v.Close()
	for _, p := range []string{"rec/item", "rec/order", "bind/web/level", "bind/woo/level", "diff/", "conn/", "parked/", "claim/", "match/"} {
		_ = v.Scan(p, "", func(k string, val []byte) (bool, error) { t.Logf("%s = %s", k, val); return true, nil })
	}
}
