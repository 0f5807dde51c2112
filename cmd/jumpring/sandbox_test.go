package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestMain gives the test binary the roles of the programs that it starts: connectors, and hubs that can be killed.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 3 && os.Args[1] == "connector":
		sdk.Serve(builtIn()[os.Args[2]])
		return
	case len(os.Args) == 3 && os.Args[1] == hubRole:
		if err := runHub(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "hub:", err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if delivered != "" {
		_ = os.RemoveAll(delivered)
	}
	os.Exit(code)
}

// What the sandbox's shops and hub share.
const (
	shopDomain  = "aurum.myshopify.com"
	shopSecret  = "hush"
	wooSecret   = "wh"
	adminToken  = "jrt_admin_of_the_sandbox_0123456789abcdef"
	paris       = "paris"
	shopLatency = 20 * time.Millisecond
)

// sandbox is two shops, a till's folder, and what a hub between them is started with. Both ways are gated: platforms reach the
// hub at one address whatever process serves it, and what the hub asks of WooCommerce can be watched and cut.
type sandbox struct {
	t       *testing.T
	shop    *shopifytwin.Server
	place   string // the shop's location, which is paris
	woo     *wootwin.Server
	wooURL  string
	wooGate *gate
	hubGate *gate
	hubURL  string                 // the gate's
	backend atomic.Pointer[string] // the hub's own address

	spec hubSpec
	hub  *hubProcess // the running one
	door *door       // its API, past the gate
}

// pair is one piece, listed by both shops.
type pair struct {
	sku     string
	variant string // Shopify's global id
	woo     int64  // WooCommerce's product id
}

// sandboxOptions vary a sandbox.
type sandboxOptions struct {
	mode   canon.Mode
	limits reconcile.Limits
	till   bool // with a csv connection "till" in folder till
	// rotating tells that the shop's access tokens expire and its refresh token is good once.
	rotating bool
}

func newSandbox(t *testing.T, o sandboxOptions) *sandbox {
	t.Helper()
	if testing.Short() {
		t.Skip("SHORT: NO WHOLE PROCESS IS TESTED; run make test")
	}
	s := &sandbox{t: t}
	shop := shopifytwin.Options{
		Shop: shopDomain, Currency: "EUR", ClientSecret: shopSecret, AccessToken: "shpat_1", AllowHTTP: true, Latency: shopLatency,
		RetryUnit: 100 * time.Millisecond, BucketSize: 20000, RestoreRate: 20000,
	}
	shopConfig, shopSecrets := map[string]string{"shop": shopDomain, "currency": "EUR"}, map[string]string{"client_secret": shopSecret, "access_token": "shpat_1"}
	if o.rotating {
		shop.ClientID, shop.AccessToken, shop.RefreshToken, shop.TokenTTL = "app_1", "", "shprt_1", time.Hour
		shopConfig["client_id"], shopSecrets = "app_1", map[string]string{"client_secret": shopSecret, "refresh_token": "shprt_1"}
	}
	s.shop = shopifytwin.New(shop)
	t.Cleanup(func() { require.NoError(t, s.shop.Close()) })
	address, err := s.shop.Start("127.0.0.1:0")
	require.NoError(t, err)
	shopConfig["endpoint"] = address
	s.place = s.shop.AddLocation("Paris", "FR")

	s.woo = wootwin.New(wootwin.Options{Keys: []wootwin.Key{{ConsumerKey: "ck_1", ConsumerSecret: "cs_1"}}, CronInterval: 50 * time.Millisecond, Latency: shopLatency})
	t.Cleanup(s.woo.Close)
	s.wooGate = &gate{next: s.woo}
	wooServer := httptest.NewServer(s.wooGate)
	t.Cleanup(wooServer.Close)
	s.wooURL = wooServer.URL

	s.hubGate = &gate{next: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if to := s.backend.Load(); to != nil {
				r.SetURL(&url.URL{Scheme: "http", Host: *to})
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}}
	hubServer := httptest.NewServer(s.hubGate)
	t.Cleanup(hubServer.Close)
	s.hubURL = hubServer.URL

	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	connection := func(name, connector string, config, secrets map[string]string) hub.Connection {
		raw, err := json.Marshal(config)
		require.NoError(t, err)
		return hub.Connection{Name: name, Command: []string{self, "connector", connector}, Checksum: sum, Config: raw, Secrets: secrets, Limits: o.limits}
	}
	if o.mode == "" {
		o.mode = canon.ModeLive
	}
	s.spec = hubSpec{
		Data: filepath.Join(t.TempDir(), "data"), PublicURL: s.hubURL, AdminToken: adminToken,
		Settings: canon.Settings{
			MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{paris},
			Connections: []canon.ConnectionSettings{
				{Name: "web", Connector: "shopify", Mode: o.mode, SellsFrom: []string{paris}, Locations: map[string]string{s.place: paris}},
				{Name: "woo", Connector: "woocommerce", Mode: o.mode, SellsFrom: []string{paris}},
			},
		},
		Connections: []hub.Connection{
			connection("web", "shopify", shopConfig, shopSecrets),
			connection("woo", "woocommerce", map[string]string{"url": s.wooURL},
				map[string]string{"consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": wooSecret}),
		},
	}
	if o.till {
		folder := s.tillFolder()
		require.NoError(t, os.MkdirAll(folder, 0o750))
		s.spec.Settings.Connections = append(s.spec.Settings.Connections,
			canon.ConnectionSettings{Name: "till", Connector: "csv", Mode: canon.ModeObserve, SellsFrom: []string{paris}, Locations: map[string]string{paris: paris}})
		s.spec.Connections = append(s.spec.Connections,
			connection("till", "csv", map[string]string{"folder": folder, "timezone": "Europe/Paris", "settle": "100ms", "currency": "EUR", "location": paris}, nil))
	}
	return s
}

func (s *sandbox) tillFolder() string { return filepath.Join(filepath.Dir(s.spec.Data), "till") }

// stock lists a piece in both shops, with what each shows of it.
func (s *sandbox) stock(sku string, inShop, inWoo int64) pair {
	s.t.Helper()
	created, err := s.shop.CreateProduct(shopifytwin.NewProduct{Title: "Ring " + sku, Variants: []shopifytwin.NewVariant{
		{SKU: sku, Price: "1250.00", Stock: map[string]int64{s.place: inShop}},
	}})
	require.NoError(s.t, err)
	id, _, err := s.woo.CreateProduct(wootwin.ProductSpec{Name: "Ring " + sku, SKU: strings.ToLower(sku), Price: "1250.00", Stock: &inWoo})
	require.NoError(s.t, err)
	return pair{sku: sku, variant: created.Variants[0], woo: id}
}

// pieces lists n pieces that both shops show once.
func (s *sandbox) pieces(n int) []pair {
	out := make([]pair, n)
	for i := range out {
		out[i] = s.stock(fmt.Sprintf("RING-%05d", i+1), 1, 1)
	}
	return out
}

// wooWrites counts what the hub wrote into WooCommerce's stock of a product, by value.
func (s *sandbox) wooWrites(id int64) map[int64]int {
	out := map[int64]int{}
	for _, c := range s.woo.Ledger().Stock {
		if c.Product == id && c.Source == wootwin.SourceAPI {
			out[c.After]++
		}
	}
	return out
}

// shopWrites counts what the hub wrote into Shopify's stock of a SKU, by value.
func (s *sandbox) shopWrites(sku string) map[int64]int {
	out := map[int64]int{}
	for _, c := range s.shop.Ledger().Changes {
		if c.SKU == sku && c.Source == "api" {
			out[c.After]++
		}
	}
	return out
}

// gate stands before a server. Its hooks see every request; they are set and removed while it serves.
type gate struct {
	next http.Handler
	mu   sync.Mutex
	// around handles a request instead of next where it returns true.
	around func(w http.ResponseWriter, r *http.Request, next http.Handler) bool
	counts map[string]int // "POST /hooks/web 200" → how many
}

func (g *gate) hook(around func(w http.ResponseWriter, r *http.Request, next http.Handler) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.around = around
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	around := g.around
	g.mu.Unlock()
	seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	if around == nil || !around(seen, r, g.next) {
		g.next.ServeHTTP(seen, r)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts == nil {
		g.counts = make(map[string]int)
	}
	g.counts[fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, seen.status)]++
}

// statusWriter keeps the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets a handler reach what w wraps.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
