package shopify

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/plugins/conformance"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connector's process, which the conformance kit launches.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "connector" {
		sdk.Serve(New)
		return
	}
	goleak.VerifyTestMain(m)
}

// kitShop is a twin as the conformance kit moves it: each reset opens another shop.
type kitShop struct {
	t      *testing.T
	server *httptest.Server

	mu      sync.Mutex
	shop    *twin.Server
	created []twin.Created
	frozen  time.Time // while a change is made
}

func newKitShop(t *testing.T) *kitShop {
	k := &kitShop{t: t}
	k.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		shop := k.shop
		k.mu.Unlock()
		shop.ServeHTTP(w, r)
	}))
	k.open()
	t.Cleanup(func() {
		k.server.Close()
		require.NoError(t, k.shop.Close())
	})
	return k
}

func (k *kitShop) open() {
	shop := twin.New(twin.Options{
		Shop: testShop, ClientID: "kit-client", ClientSecret: kitSecret, AccessToken: kitAccess, RefreshToken: kitRefresh,
		AllowHTTP: true, BucketSize: 20_000, RestoreRate: 2_000, Clock: k.now,
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shop, k.created = shop, nil
}

const (
	kitSecret  = "canary-client-secret-81f2"
	kitAccess  = "shpat_canary-access-27d0"
	kitRefresh = "canary-refresh-55aa"
)

func (k *kitShop) now() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.frozen.IsZero() {
		return k.frozen
	}
	return time.Now()
}

func (k *kitShop) freeze(at time.Time) {
	k.mu.Lock()
	k.frozen = at
	k.mu.Unlock()
}

// URL implements conformance.Twin.
func (k *kitShop) URL() string { return k.server.URL }

// Reset implements conformance.Twin.
func (k *kitShop) Reset(_ context.Context, n int) error {
	old := k.shop
	k.open()
	if err := old.Close(); err != nil {
		return err
	}
	s := &shop{twin: k.shop}
	k.freeze(time.Now().Add(-time.Hour))
	defer k.freeze(time.Time{})
	for i := range n {
		k.created = append(k.created, s.piece(k.t, i))
	}
	return nil
}

// Change implements conformance.Twin.
func (k *kitShop) Change(_ context.Context, n int) error {
	k.freeze(time.Now())
	defer k.freeze(time.Time{})
	for i, c := range k.created[:n] {
		err := k.shop.SetMetafield(c.Variants[0], twin.Metafield{Namespace: "jewelry", Key: "serial", Value: fmt.Sprintf("CHANGED-%d", i)})
		if err != nil {
			return err
		}
	}
	return nil
}

// Expire implements conformance.Expirer.
func (k *kitShop) Expire(context.Context) error {
	k.shop.RevokeTokens()
	return nil
}

// Sell implements conformance.Seller.
func (k *kitShop) Sell(_ context.Context, lines int) (conformance.Sale, error) {
	s := &shop{twin: k.shop}
	n := twin.NewOrder{}
	for range lines {
		piece := s.piece(k.t, 1000+len(k.created))
		k.created = append(k.created, piece)
		n.Lines = append(n.Lines, twin.NewLine{VariantID: piece.Variants[0]})
	}
	placed, err := k.shop.PlaceOrder(n)
	return conformance.Sale{Order: placed.ID, Lines: placed.Lines}, err
}

// Effects implements conformance.Seller.
func (k *kitShop) Effects(_ context.Context, order string) (e conformance.Effects, err error) {
	books := k.shop.Ledger()
	for _, o := range books.Orders {
		if o.ID == order && o.CancelledAt != nil {
			e.Cancels++
		}
	}
	for _, r := range books.Refunds {
		if r.OrderID == order {
			e.Refunds++
		}
	}
	return e, nil
}

// Hooks implements conformance.Hooked.
func (k *kitShop) Hooks(context.Context) (out []string, err error) {
	for topic, urls := range k.shop.Subscriptions() {
		for _, u := range urls {
			out = append(out, topic+" "+u)
		}
	}
	return out, nil
}

// DropHook implements conformance.Hooked.
func (k *kitShop) DropHook(context.Context) error {
	k.shop.DropSubscription()
	return nil
}

func kitOptions(t *testing.T) conformance.Options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	var deliveries []conformance.Delivery
	for _, name := range []string{"orders_create", "products_create", "inventory_levels_update", "customers_update"} {
		tc := webhookCases(t)[name]
		deliveries = append(deliveries, conformance.Delivery{WebhookRequest: *delivery(tc.Topic, testShop, sign(kitSecret, tc.Body), tc.Body)})
	}
	return conformance.Options{
		Command:    []string{self, "connector"},
		Config:     []byte(`{"shop":"` + testShop + `","endpoint":"http://127.0.0.1:1","client_id":"kit-client"}`),
		Secrets:    map[string]string{"client_secret": kitSecret, "access_token": kitAccess, "refresh_token": kitRefresh},
		Twin:       newKitShop(t),
		URLKey:     "endpoint",
		Deliveries: deliveries,
	}
}

func TestConformance(t *testing.T) {
	t.Parallel() // it waits more than it works
	conformance.Run(t, kitOptions(t))
}

// TestARecordingIsReplayed shows that all requests of the connector go by what records them.
func TestARecordingIsReplayed(t *testing.T) {
	t.Parallel() // it waits more than it works
	o := kitOptions(t)
	o.Only = []string{"check", "snapshot", "poll-ties", "apply-partial"}
	o.Record = filepath.Join(t.TempDir(), "recording")
	conformance.Run(t, o)
	o.Record, o.Replay, o.Twin = "", o.Record, nil
	report, err := conformance.Check(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	if n := report.Count(conformance.Passed); n != len(o.Only) {
		t.Errorf("%d of %d checks pass on the recording: %+v", n, len(o.Only), report.Results)
	}
}
