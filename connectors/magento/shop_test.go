package magento

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The keys of the tests' integration; they occur nowhere else.
const (
	testKey         = "canaryconsumerkey4q2r8t"
	testSecret      = "canaryconsumersecret9x1m"
	testToken       = "canaryaccesstoken77hh2z"
	testTokenSecret = "canarytokensecret5v8b3n"
	testUser        = "canary-admin"
	testPassword    = "canary-Passw0rd-19"
)

func testSecrets() map[string]string {
	return map[string]string{secretConsumerKey: testKey, secretConsumerSecret: testSecret, secretToken: testToken, secretTokenSecret: testTokenSecret}
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

// testShop is a twin behind a server with an opened connector, both by a clock that the test moves.
type testShop struct {
	t     *testing.T
	twin  *twin.Server
	url   string
	clock *testClock
	conn  *Connector
	log   *asked
}

// asked counts what the connector asks for, by method and path.
type asked struct {
	mu    sync.Mutex
	lines []string
	next  http.Handler
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.lines = append(a.lines, r.Method+" "+r.URL.Path)
	a.mu.Unlock()
	a.next.ServeHTTP(w, r)
}

// since forgets what was asked before and gives what was.
func (a *asked) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := a.lines
	a.lines = nil
	return out
}

type shopOption func(o *twin.Options, cfg map[string]any, secrets map[string]string)

func newShop(t *testing.T, options ...shopOption) *testShop {
	t.Helper()
	ts := &testShop{t: t, clock: &testClock{t: time.Now().UTC().Truncate(time.Second)}}
	opts := twin.Options{
		ConsumerKey: testKey, ConsumerSecret: testSecret, AccessToken: testToken, AccessTokenSecret: testTokenSecret, Now: ts.clock.now,
		Sources: []twin.Source{{Code: "default", Name: "Paris", Country: "FR"}, {Code: "lyon", Name: "Lyon", Country: "FR"}},
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
	if cfg["url"] == nil {
		cfg["url"] = srv.URL
	}
	ts.conn = ts.open(cfg, secrets)
	return ts
}

func (ts *testShop) open(cfg map[string]any, secrets map[string]string) *Connector {
	ts.t.Helper()
	raw, err := json.Marshal(cfg)
	require.NoError(ts.t, err)
	c := New().(*Connector)
	resp, err := c.Open(ts.t.Context(), &sdk.OpenRequest{Connection: "web", Config: raw, Secrets: secrets})
	require.NoError(ts.t, err)
	for _, d := range resp.Diagnostics {
		require.NotEqual(ts.t, sdk.SeverityError, d.Severity, "%s: %s", d.Code, d.Summary)
	}
	if c.shop.client.oauth != nil {
		c.shop.client.oauth.Now = ts.clock.now // signatures are checked against the shop's clock
	}
	c.shop.recent.now = ts.clock.now
	ts.t.Cleanup(func() { _, _ = c.Close(context.Background(), &sdk.CloseRequest{}) })
	return c
}

// piece enters a piece with a stock in the first source.
func (ts *testShop) piece(sku string, stock int64) string {
	ts.t.Helper()
	id, err := ts.twin.CreateProduct(twin.ProductSpec{
		SKU: sku, Name: "Ring " + sku, Price: "1250.00", Stock: map[string]int64{"default": stock}, Attributes: map[string]string{"serial_number": "S-" + sku},
	})
	require.NoError(ts.t, err)
	return idText(id)
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
	}
	return resp.Results
}

// stockTo is a write of what can be sold of a SKU from a source.
func stockTo(sku, source string, want, expect int64) sdk.Write {
	return sdk.Write{
		Key: "k-" + sku + source, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(sku, source)},
		Stock: &sdk.StockWrite{StockID: sku, Location: source, Want: want, Expect: expect},
	}
}

func (ts *testShop) read(refs ...canon.Ref) *sdk.ReadResponse {
	ts.t.Helper()
	resp, err := ts.conn.Read(ts.t.Context(), &sdk.ReadRequest{Refs: refs})
	require.NoError(ts.t, err)
	checkAll(ts.t, resp.Observations)
	return resp
}

// level gives what the connector reads of a level.
func (ts *testShop) level(sku, source string) int64 {
	ts.t.Helper()
	ref := canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(sku, source)}
	o := find(ts.read(ref).Observations, ref.Kind, ref.ExternalID)
	require.NotNil(ts.t, o, "the level %s is not read", ref.ExternalID)
	require.False(ts.t, o.Deleted, "the level %s is gone", ref.ExternalID)
	require.NotNil(ts.t, o.Level.Available)
	return *o.Level.Available
}

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

func find(obs []canon.Observation, kind canon.Kind, id string) *canon.Observation {
	for i := len(obs) - 1; i >= 0; i-- { // the newest
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
		require.NoError(t, obs[i].Check())
	}
}
