package woocommerce

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
)

const (
	testKey    = "ck_0123456789abcdef0123456789abcdef01234567"
	testSecret = "cs_0123456789abcdef0123456789abcdef01234567"
	readKey    = "ck_read456789abcdef0123456789abcdef01234567"
	hookSecret = "hooksecret123"
)

// testClock is a clock that a test moves.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// testShop is a twin behind a server with an opened connector and a hub that takes webhooks.
type testShop struct {
	t     *testing.T
	twin  *twin.Server
	url   string
	clock *testClock
	conn  *Connector

	hub      *httptest.Server
	mu       sync.Mutex
	got      []*sdk.WebhookResponse
	requests []*sdk.WebhookRequest
	status   int // what the hub answers instead of its verdict; 0 for the verdict
}

type shopOption func(*twin.Options, map[string]any)

func newShop(t *testing.T, tls bool, options ...shopOption) *testShop {
	t.Helper()
	ts := &testShop{t: t, clock: &testClock{t: time.Now().UTC().Truncate(time.Second)}}
	opts := twin.Options{
		Keys:     []twin.Key{{ConsumerKey: testKey, ConsumerSecret: testSecret}, {ConsumerKey: readKey, ConsumerSecret: testSecret, Permissions: "read"}},
		Currency: "EUR", Now: ts.clock.now, Zone: time.FixedZone("shop", 2*3600),
	}
	cfg := map[string]any{}
	for _, o := range options {
		o(&opts, cfg)
	}
	ts.twin = twin.New(opts)
	t.Cleanup(ts.twin.Close)
	var srv *httptest.Server
	if tls {
		srv = httptest.NewTLSServer(ts.twin)
	} else {
		srv = httptest.NewServer(ts.twin)
	}
	t.Cleanup(srv.Close)
	ts.url = srv.URL
	if _, set := cfg["url"]; !set {
		cfg["url"] = srv.URL
	}
	if tls {
		ca := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg["ca_file"] = ca
	}
	ts.conn = ts.open(cfg, testKey)
	ts.hub = httptest.NewServer(http.HandlerFunc(ts.serveHook))
	t.Cleanup(ts.hub.Close)
	// The first request tells the twin its own address.
	if _, err := ts.conn.Read(t.Context(), &sdk.ReadRequest{Refs: []canon.Ref{{Kind: canon.KindProduct, ExternalID: "1"}}}); err != nil {
		t.Fatalf("first request: %v", err)
	}
	return ts
}

func (ts *testShop) open(cfg map[string]any, key string) *Connector {
	ts.t.Helper()
	raw, err := json.Marshal(cfg)
	if err != nil {
		ts.t.Fatal(err)
	}
	c := New().(*Connector)
	resp, err := c.Open(ts.t.Context(), &sdk.OpenRequest{
		Connection: "web", Config: raw,
		Secrets: map[string]string{secretKey: key, secretSecret: testSecret, secretWebhook: hookSecret},
	})
	if err != nil {
		ts.t.Fatalf("open: %v", err)
	}
	for _, d := range resp.Diagnostics {
		if d.Severity == sdk.SeverityError {
			ts.t.Fatalf("open: %s: %s", d.Code, d.Summary)
		}
	}
	if c.shop.client.oauth != nil {
		c.shop.client.oauth.Now = ts.clock.now // signatures are checked against the shop's clock
	}
	ts.t.Cleanup(func() { _, _ = c.Close(context.Background(), &sdk.CloseRequest{}) })
	return c
}

// serveHook is the hub's door: what the connector thinks of a delivery becomes the answer.
func (ts *testShop) serveHook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	req := &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Body: body, ReceivedAt: time.Now()}
	resp, err := ts.conn.HandleWebhook(r.Context(), req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.got, ts.requests = append(ts.got, resp), append(ts.requests, req)
	switch {
	case ts.status != 0:
		w.WriteHeader(ts.status)
	case resp.Verdict == sdk.VerdictBadSignature:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// delivered gives what the hub got since the last call.
func (ts *testShop) delivered() []*sdk.WebhookResponse {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	got := ts.got
	ts.got = nil
	return got
}

func (ts *testShop) answer(status int) {
	ts.mu.Lock()
	ts.status = status
	ts.mu.Unlock()
}

func (ts *testShop) register() *sdk.RegisterResponse {
	ts.t.Helper()
	resp, err := ts.conn.Register(ts.t.Context(), &sdk.RegisterRequest{URL: ts.hub.URL + "/hooks/web"})
	if err != nil {
		ts.t.Fatalf("register: %v", err)
	}
	return resp
}

func (ts *testShop) piece(sku string, stock int64) int64 {
	ts.t.Helper()
	id, _, err := ts.twin.CreateProduct(twin.ProductSpec{Name: "Ring " + sku, SKU: sku, Price: "1250.00", Stock: &stock, Meta: map[string]any{"_jumpring_serial": "S-" + sku}})
	if err != nil {
		ts.t.Fatal(err)
	}
	return id
}

func (ts *testShop) apply(writes ...sdk.Write) []sdk.Result {
	ts.t.Helper()
	resp, err := ts.conn.Apply(ts.t.Context(), &sdk.ApplyRequest{Writes: writes})
	if err != nil {
		ts.t.Fatalf("apply: %v", err)
	}
	if len(resp.Results) != len(writes) {
		ts.t.Fatalf("apply: %d results for %d writes", len(resp.Results), len(writes))
	}
	for i := range writes {
		if resp.Results[i].Key != writes[i].Key {
			ts.t.Fatalf("result %d has the key %q, want %q", i, resp.Results[i].Key, writes[i].Key)
		}
	}
	return resp.Results
}

// stockTo is a write of a product's stock.
func stockTo(id, want, expect int64) sdk.Write {
	s := idText(id)
	return sdk.Write{
		Key: "k" + s, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(s, "")},
		Stock: &sdk.StockWrite{StockID: s, ListingID: s, ProductID: s, Want: want, Expect: expect},
	}
}

func find(obs []canon.Observation, kind canon.Kind, id string) *canon.Observation {
	for i := range obs {
		if obs[i].Kind == kind && obs[i].ExternalID == id {
			return &obs[i]
		}
	}
	return nil
}

// checkAll fails on an observation that the hub would refuse.
func checkAll(t *testing.T, obs []canon.Observation) {
	t.Helper()
	for i := range obs {
		if err := obs[i].Check(); err != nil {
			t.Errorf("observation %d: %v", i, err)
		}
	}
}
