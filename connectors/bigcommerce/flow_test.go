package bigcommerce

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// launched is the connector as the hub runs it: a process of its own, over the real protocol.
type launched struct {
	t    *testing.T
	conn *host.Connection

	mu      sync.Mutex
	touched []canon.Ref // by webhooks
}

// patience is for a busy machine.
const patience = 60 * time.Second

func launch(t *testing.T, url string) *launched {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]any{"store_hash": testHash, "api_url": url})
	require.NoError(t, err)
	secrets := testSecrets()
	secrets[secretHook] = testHook
	conn, err := host.Launch(context.Background(), host.Spec{
		Connection: "shop", Command: []string{self, "connector"}, Checksum: sum, Config: raw, Secrets: secrets, WorkDir: t.TempDir(),
		Restart: host.Restart{Initial: 10 * time.Millisecond, Max: 100 * time.Millisecond, StableAfter: time.Millisecond, MaxCrashes: 10},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, conn.Close(ctx))
	})
	l := &launched{t: t, conn: conn}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, conn.Ready(ctx))
	return l
}

// hook hands a delivery to the process and notes what it touched.
func (l *launched) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	resp, err := l.conn.HandleWebhook(r.Context(), &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Body: body, ReceivedAt: time.Now()})
	if err != nil || resp.Verdict != sdk.VerdictAccepted {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	l.mu.Lock()
	l.touched = append(l.touched, resp.Touched...)
	l.mu.Unlock()
}

func (l *launched) told() []canon.Ref {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]canon.Ref(nil), l.touched...)
}

// all gives the observations of facts, personal fields included.
func (l *launched) all(facts []host.Fact) []canon.Observation {
	l.t.Helper()
	var out []canon.Observation
	for i := range facts {
		o, err := facts[i].Observation()
		require.NoError(l.t, err)
		require.NoError(l.t, o.Check())
		out = append(out, o)
	}
	return out
}

// imported reads everything, with the process killed after the first page.
func (l *launched) imported() (obs []canon.Observation, cursors map[string][]byte) {
	l.t.Helper()
	var page []byte
	for n := 0; ; n++ {
		require.Less(l.t, n, 50)
		resp, err := l.conn.Snapshot(l.t.Context(), &sdk.SnapshotRequest{Page: page, Limit: 2})
		require.NoError(l.t, err)
		obs = append(obs, l.all(resp.Facts)...)
		if n == 0 {
			cursors = resp.Cursors
			before := l.conn.Status()
			require.NoError(l.t, syscall.Kill(before.PID, syscall.SIGKILL))
			require.Eventually(l.t, func() bool {
				now := l.conn.Status()
				return now.State == host.StateRunning && now.PID != before.PID
			}, patience, 5*time.Millisecond)
		}
		if resp.Complete {
			return obs, cursors
		}
		page = resp.Next
	}
}

func (l *launched) poll(cursors map[string][]byte, stream string) []canon.Observation {
	l.t.Helper()
	var obs []canon.Observation
	for {
		resp, err := l.conn.Poll(l.t.Context(), &sdk.PollRequest{Stream: stream, Cursor: cursors[stream], Limit: 50})
		require.NoError(l.t, err)
		obs, cursors[stream] = append(obs, l.all(resp.Facts)...), resp.Cursor
		if !resp.More {
			return obs
		}
	}
}

// TestSaleAndStockThroughTheHost is the connector's main job: the catalogue comes in over a kill, a sale is told by webhook
// and read, the hub's stock goes out, the store ships, and a double sale is cancelled.
func TestSaleAndStockThroughTheHost(t *testing.T) {
	t.Parallel() // processes start
	shop := twin.New(twin.Options{StoreHash: testHash, Token: testToken, ClientSecret: testClient, LocalHooks: true})
	srv := httptest.NewServer(shop)
	t.Cleanup(srv.Close)
	var products, variants []int64
	for _, sku := range []string{"R1", "R2", "R3"} {
		id, err := shop.CreateProduct(twin.ProductSpec{SKU: sku, Name: "Ring " + sku, Price: "1250.00", Stock: map[int64]int64{1: 1}})
		require.NoError(t, err)
		products, variants = append(products, id), append(variants, shop.Variants(id)[0])
	}
	l := launch(t, srv.URL)
	door := httptest.NewServer(http.HandlerFunc(l.hook))
	t.Cleanup(door.Close)
	checked, err := l.conn.Check(t.Context(), &sdk.CheckRequest{})
	require.NoError(t, err)
	for _, d := range checked.Diagnostics {
		require.NotEqual(t, sdk.SeverityError, d.Severity, "%s: %s", d.Code, d.Summary)
	}
	registered, err := l.conn.Register(t.Context(), &sdk.RegisterRequest{URL: door.URL})
	require.NoError(t, err)
	require.Len(t, registered.Created, len(scopes))
	obs, cursors := l.imported()
	require.Len(t, ids(obs, canon.KindListing), 3)

	sold, err := shop.PlaceOrder(twin.Purchase{Lines: []twin.PurchaseLine{{Variant: variants[0]}}, Billing: twin.Address{First: "Ada", Email: "ada@example.com"}})
	require.NoError(t, err)
	shop.RunWebhooks(t.Context())
	refs := []canon.Ref{ref(canon.KindOrder, sold), ref(canon.KindProduct, products[0])}
	require.Eventually(t, func() bool {
		got := l.told()
		return len(got) > 0 && contains(got, refs...)
	}, patience, 5*time.Millisecond)
	read, err := l.conn.Read(t.Context(), &sdk.ReadRequest{Refs: refs})
	require.NoError(t, err)
	obs = l.all(read.Facts)
	require.Equal(t, "Ada", find(obs, canon.KindOrder, idText(sold)).Order.Buyer.GivenName)
	require.Zero(t, *find(obs, canon.KindLevel, canon.LevelID(ofProduct(products[0]), "1")).Level.Available)

	res, err := l.conn.Apply(t.Context(), &sdk.ApplyRequest{Writes: []sdk.Write{stockTo(ofProduct(products[1]), 1, 0, 1), stockTo(ofProduct(products[2]), 1, 0, 9)}})
	require.NoError(t, err)
	require.Equal(t, sdk.StatusApplied, res.Results[0].Status)
	require.Equal(t, sdk.StatusConflict, res.Results[1].Status)
	require.Zero(t, shop.Available(variants[1], 1))

	second, err := shop.PlaceOrder(twin.Purchase{Lines: []twin.PurchaseLine{{Variant: variants[2]}}})
	require.NoError(t, err)
	cancel, err := l.conn.Apply(t.Context(), &sdk.ApplyRequest{Writes: []sdk.Write{deed(second, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Restock: true})}})
	require.NoError(t, err)
	require.Equal(t, sdk.StatusApplied, cancel.Results[0].Status, "%s %s", cancel.Results[0].Code, cancel.Results[0].Reason)
	require.NoError(t, shop.Ship(sold, "1Z999", false))
	// What changes twice within a second is shown when the second is over.
	require.Eventually(t, func() bool {
		obs = append(obs, l.poll(cursors, streamOrders)...)
		o, lv := find(obs, canon.KindOrder, idText(sold)), find(obs, canon.KindLevel, canon.LevelID(ofProduct(products[2]), "1"))
		return o.Order.Status == canon.OrderFulfilled && lv != nil && *lv.Level.Available == 1
	}, patience, 50*time.Millisecond)
	require.Len(t, ids(obs, canon.KindRefund), 1)
	require.Zero(t, shop.Ledger().Oversold)
}

func contains(all []canon.Ref, some ...canon.Ref) bool {
	for _, s := range some {
		found := false
		for _, a := range all {
			found = found || a == s
		}
		if !found {
			return false
		}
	}
	return true
}
