package bigcommerce

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The secrets of the tests' API account; they occur nowhere else.
const (
	testToken  = "canarytoken4q2r8t7w"
	testClient = "canaryclientsecret9x1m"
	testHook   = "canaryhooksecret5v8b3n"
	testHash   = "abc123"
)

func testSecrets() map[string]string {
	return map[string]string{secretToken: testToken, secretClient: testClient}
}

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

// asked notes what the connector asks for, by method and path.
type asked struct {
	mu     sync.Mutex
	lines  []string
	before map[string]func() // runs once, before a request of this line is served
	next   http.Handler
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/stores/"+testHash+"/")
	a.mu.Lock()
	a.lines = append(a.lines, line)
	run := a.before[line]
	delete(a.before, line)
	a.mu.Unlock()
	if run != nil {
		run()
	}
	a.next.ServeHTTP(w, r)
}

// meanwhile has something happen just before a request is served.
func (a *asked) meanwhile(line string, do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.before == nil {
		a.before = map[string]func(){}
	}
	a.before[line] = do
}

func count(lines []string, line string) (n int) {
	for _, l := range lines {
		if l == line {
			n++
		}
	}
	return n
}

// take forgets what was asked before and gives it.
func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.lines
	a.lines = nil
	return out
}

// testShop is a twin behind a server with an opened connector, both by a clock that the test moves.
type testShop struct {
	t     *testing.T
	twin  *twin.Server
	url   string
	clock *testClock
	conn  *Connector
	log   *asked
}

type shopOption func(o *twin.Options, cfg map[string]any, secrets map[string]string)

func newShop(t *testing.T, options ...shopOption) *testShop {
	t.Helper()
	ts := &testShop{t: t, clock: &testClock{t: time.Now().UTC().Truncate(time.Second)}}
	opts := twin.Options{
		StoreHash: testHash, Token: testToken, ClientID: "cid", ClientSecret: testClient, Now: ts.clock.now, LocalHooks: true,
		Locations: []twin.Location{{ID: 1, Code: "PARIS", Label: "Paris", Country: "FR"}, {ID: 2, Code: "LYON", Label: "Lyon", Country: "FR"}},
	}
	cfg, secrets := map[string]any{}, testSecrets()
	for _, o := range options {
		o(&opts, cfg, secrets)
	}
	ts.twin = twin.New(opts)
	ts.log = &asked{next: ts.twin}
	srv := httptest.NewServer(ts.log)
	t.Cleanup(srv.Close)
	ts.url = srv.URL
	ts.conn = ts.open(cfg, secrets)
	return ts
}

func (ts *testShop) open(cfg map[string]any, secrets map[string]string) *Connector {
	ts.t.Helper()
	if cfg["api_url"] == nil {
		cfg["api_url"] = ts.url
	}
	if cfg["store_hash"] == nil {
		cfg["store_hash"] = testHash
	}
	raw, err := json.Marshal(cfg)
	require.NoError(ts.t, err)
	c := New().(*Connector)
	resp, err := c.Open(ts.t.Context(), &sdk.OpenRequest{Connection: "web", Config: raw, Secrets: secrets})
	require.NoError(ts.t, err)
	for _, d := range resp.Diagnostics {
		require.NotEqual(ts.t, sdk.SeverityError, d.Severity, "%s: %s", d.Code, d.Summary)
	}
	c.store.recent.now = ts.clock.now
	ts.t.Cleanup(func() { _, _ = c.Close(context.Background(), &sdk.CloseRequest{}) })
	return c
}

// piece enters a piece with a stock in Paris and gives its product and variant.
func (ts *testShop) piece(sku string, stock int64) (product, variant int64) {
	ts.t.Helper()
	id, err := ts.twin.CreateProduct(twin.ProductSpec{
		Name: "Ring " + sku, SKU: sku, Price: "1250.00", Stock: map[int64]int64{1: stock, 2: 0}, Custom: map[string]string{"Serial number": "S-" + sku},
	})
	require.NoError(ts.t, err)
	return id, ts.twin.Variants(id)[0]
}

// buy has a shopper buy one piece of a variant.
func (ts *testShop) buy(variant int64, change ...func(*twin.Purchase)) int64 {
	ts.t.Helper()
	p := twin.Purchase{Lines: []twin.PurchaseLine{{Variant: variant}}, Billing: twin.Address{
		First: "Ada", Last: "Lovelace", Email: "ada@example.com", Phone: "+33 1 42 00 00 00", Street1: "1 Rue de la Paix", City: "Paris", Zip: "75002", Country: "France", CountryCode: "FR",
	}}
	for _, f := range change {
		f(&p)
	}
	id, err := ts.twin.PlaceOrder(p)
	require.NoError(ts.t, err)
	return id
}

func (ts *testShop) apply(writes ...sdk.Write) []sdk.Result {
	ts.t.Helper()
	resp, err := ts.conn.Apply(ts.t.Context(), &sdk.ApplyRequest{Writes: writes})
	require.NoError(ts.t, err)
	require.Len(ts.t, resp.Results, len(writes))
	for i := range writes {
		require.Equal(ts.t, writes[i].Key, resp.Results[i].Key)
		if o := resp.Results[i].Shows; o != nil {
			require.NoError(ts.t, o.Check())
		}
		checkAll(ts.t, resp.Results[i].Also)
	}
	return resp.Results
}

// stockTo is a write of what can be sold of a stock id from a location.
func stockTo(stock string, at, want, expect int64) sdk.Write {
	return sdk.Write{
		Key: "k-" + stock + idText(at), Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(stock, idText(at))},
		Stock: &sdk.StockWrite{StockID: stock, Location: idText(at), Want: want, Expect: expect},
	}
}

func ofProduct(id int64) string { return "p" + idText(id) }
func ofVariant(id int64) string { return "v" + idText(id) }

func (ts *testShop) read(refs ...canon.Ref) *sdk.ReadResponse {
	ts.t.Helper()
	resp, err := ts.conn.Read(ts.t.Context(), &sdk.ReadRequest{Refs: refs})
	require.NoError(ts.t, err)
	checkAll(ts.t, resp.Observations)
	return resp
}

func ref(kind canon.Kind, id int64) canon.Ref { return canon.Ref{Kind: kind, ExternalID: idText(id)} }

// round polls a stream until it has no more, and gives the cursor of the next round. between runs after each call.
func (ts *testShop) round(stream string, cursor []byte, limit int, between func(call int)) ([]canon.Observation, []canon.Ref, []byte) {
	ts.t.Helper()
	var obs []canon.Observation
	var touched []canon.Ref
	for call := 0; ; call++ {
		require.Less(ts.t, call, 500, "poll of %s does not end", stream)
		resp, err := ts.conn.Poll(ts.t.Context(), &sdk.PollRequest{Stream: stream, Cursor: cursor, Limit: limit, Since: ts.clock.now().Add(-time.Hour)})
		require.NoError(ts.t, err)
		obs, touched, cursor = append(obs, resp.Observations...), append(touched, resp.Touched...), resp.Cursor
		if !resp.More {
			checkAll(ts.t, obs)
			return obs, touched, cursor
		}
		if between != nil {
			between(call)
		}
	}
}

// imported reads everything.
func (ts *testShop) imported(limit int) (obs []canon.Observation, first *sdk.SnapshotResponse, rowErrors []sdk.RowError) {
	ts.t.Helper()
	var token []byte
	for n := 0; ; n++ {
		require.Less(ts.t, n, 500, "the snapshot does not end")
		resp, err := ts.conn.Snapshot(ts.t.Context(), &sdk.SnapshotRequest{Page: token, Limit: limit})
		require.NoError(ts.t, err)
		if n == 0 {
			first = resp
		}
		obs, rowErrors = append(obs, resp.Observations...), append(rowErrors, resp.RowErrors...)
		if resp.Complete {
			checkAll(ts.t, obs)
			return obs, first, rowErrors
		}
		token = resp.Next
	}
}

// find gives the newest observation of an entity.
func find(obs []canon.Observation, kind canon.Kind, id string) *canon.Observation {
	for i := len(obs) - 1; i >= 0; i-- {
		if obs[i].Kind == kind && obs[i].ExternalID == id && (obs[i].Aspect == "" || obs[i].Aspect == canon.AspectMain) {
			return &obs[i]
		}
	}
	return nil
}

// paymentsOf gives the newest payments of an order.
func paymentsOf(obs []canon.Observation, id int64) []canon.StatedPayment {
	for i := len(obs) - 1; i >= 0; i-- {
		if obs[i].Kind == canon.KindOrder && obs[i].ExternalID == idText(id) && obs[i].Aspect == canon.AspectPayment {
			return obs[i].Order.Payments
		}
	}
	return nil
}

func ids(obs []canon.Observation, kind canon.Kind) []string {
	var out []string
	for i := range obs {
		if obs[i].Kind == kind && !slices.Contains(out, obs[i].ExternalID) {
			out = append(out, obs[i].ExternalID)
		}
	}
	slices.Sort(out)
	return out
}

// checkAll fails on an observation that the hub would refuse.
func checkAll(t *testing.T, obs []canon.Observation) {
	t.Helper()
	for i := range obs {
		require.NoError(t, obs[i].Check())
	}
}
