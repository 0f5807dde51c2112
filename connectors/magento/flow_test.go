package magento

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// launched is the connector as the hub runs it: a process of its own, over the real protocol.
type launched struct {
	t    *testing.T
	conn *host.Connection
}

// patience is for a busy machine.
const patience = 60 * time.Second

func launch(t *testing.T, url string, config map[string]any, secrets map[string]string) *launched {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	config["url"] = url
	raw, err := json.Marshal(config)
	require.NoError(t, err)
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
	l.ready()
	return l
}

func (l *launched) ready() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), patience)
	defer cancel()
	require.NoError(l.t, l.conn.Ready(ctx))
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

// TestSaleAndStockThroughTheHost is the connector's main job, by all three ways of proving who asks: the catalogue comes in
// over a kill, a sale comes in by poll, the hub's stock goes out, the shop ships, and a double sale is cancelled.
func TestSaleAndStockThroughTheHost(t *testing.T) {
	ways := map[string]struct {
		options twin.Options
		config  map[string]any
		secrets map[string]string
	}{
		authOAuth1: {twin.Options{}, map[string]any{}, testSecrets()},
		authBearer: {twin.Options{IntegrationAsBearer: true}, map[string]any{"auth": authBearer}, map[string]string{secretToken: testToken}},
		authAdmin:  {twin.Options{AdminUser: testUser, AdminPassword: testPassword}, map[string]any{"auth": authAdmin}, map[string]string{secretUser: testUser, secretPassword: testPassword}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // processes start
			o := way.options
			o.ConsumerKey, o.ConsumerSecret, o.AccessToken, o.AccessTokenSecret = testKey, testSecret, testToken, testTokenSecret
			shop := twin.New(o)
			srv := httptest.NewServer(shop)
			t.Cleanup(srv.Close)
			for _, sku := range []string{"R1", "R2", "R3"} {
				_, err := shop.CreateProduct(twin.ProductSpec{SKU: sku, Name: "Ring " + sku, Price: "1250.00", Stock: map[string]int64{"default": 1}})
				require.NoError(t, err)
			}
			l := launch(t, srv.URL, way.config, way.secrets)
			checked, err := l.conn.Check(t.Context(), &sdk.CheckRequest{})
			require.NoError(t, err)
			for _, d := range checked.Diagnostics {
				require.NotEqual(t, sdk.SeverityError, d.Severity, "%s: %s", d.Code, d.Summary)
			}
			obs, cursors := l.imported()
			require.Len(t, ids(obs, canon.KindListing), 3)

			sold, err := shop.PlaceOrder(twin.Purchase{Lines: []twin.PurchaseLine{{SKU: "R1"}}, Email: "ada@example.com", First: "Ada"})
			require.NoError(t, err)
			obs = l.poll(cursors, streamOrders)
			order := find(obs, canon.KindOrder, idText(sold))
			require.NotNil(t, order)
			require.Equal(t, "Ada", order.Order.Buyer.GivenName)
			require.Zero(t, *find(obs, canon.KindLevel, canon.LevelID("R1", "default")).Level.Available)

			res, err := l.conn.Apply(t.Context(), &sdk.ApplyRequest{Writes: []sdk.Write{stockTo("R2", "default", 0, 1), stockTo("R3", "default", 0, 9)}})
			require.NoError(t, err)
			require.Equal(t, sdk.StatusApplied, res.Results[0].Status)
			require.Equal(t, sdk.StatusConflict, res.Results[1].Status)
			require.Zero(t, shop.Salable("R2"))

			second, err := shop.PlaceOrder(twin.Purchase{Lines: []twin.PurchaseLine{{SKU: "R3"}}})
			require.NoError(t, err)
			shop.ExpireTokens()
			cancel, err := l.conn.Apply(t.Context(), &sdk.ApplyRequest{Writes: []sdk.Write{deed(second, sdk.Action{Kind: canon.ActionCancelOrder, Refund: canon.RefundAuto, Restock: true})}})
			require.NoError(t, err)
			require.Equal(t, sdk.StatusApplied, cancel.Results[0].Status, "%s %s", cancel.Results[0].Code, cancel.Results[0].Reason)
			require.NoError(t, shop.Ship(sold, "default"))
			// What changes twice within a second is shown when the second is over.
			require.Eventually(t, func() bool {
				obs = append(obs, l.poll(cursors, streamOrders)...)
				o, lv := find(obs, canon.KindOrder, idText(sold)), find(obs, canon.KindLevel, canon.LevelID("R3", "default"))
				return o.Order.Status == canon.OrderFulfilled && lv != nil && *lv.Level.Available == 1
			}, patience, 50*time.Millisecond)
			refunds := l.poll(cursors, streamRefunds)
			require.Equal(t, idText(second), refunds[len(refunds)-1].Refund.OrderID)
		})
	}
}
