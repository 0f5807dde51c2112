package magento

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

	"github.com/jumpring/jumpring/connectors/magento/twin"
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

// kitHome is what the kit's shop calls itself, whatever proxy is in front of it.
const kitHome = "http://shop.example.com"

// kitShop is a twin as the conformance kit moves it: each reset opens another shop.
type kitShop struct {
	server *httptest.Server

	mu       sync.Mutex
	shop     *twin.Server
	products []int64
	sold     int
	frozen   time.Time // while a change is made
}

func newKitShop(t *testing.T) *kitShop {
	k := &kitShop{}
	k.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		shop := k.shop
		k.mu.Unlock()
		shop.ServeHTTP(w, r)
	}))
	k.open()
	t.Cleanup(k.server.Close)
	return k
}

func (k *kitShop) open() {
	shop := twin.New(twin.Options{
		HomeURL: kitHome, ConsumerKey: testKey, ConsumerSecret: testSecret, AccessToken: testToken, AccessTokenSecret: testTokenSecret,
		AdminUser: testUser, AdminPassword: testPassword, Now: k.now,
		Events: "http://127.0.0.1:1/hooks/web", EventsClientID: "kit",
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.shop, k.products = shop, nil
}

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
	k.open()
	defer k.freeze(time.Time{})
	for i := range n {
		k.freeze(time.Now().Add(-time.Hour + time.Duration(i)*time.Second))
		id, err := k.shop.CreateProduct(twin.ProductSpec{SKU: fmt.Sprintf("R-%d", i), Name: fmt.Sprintf("Ring %d", i), Price: "1250.00", Stock: map[string]int64{"default": 1}})
		if err != nil {
			return err
		}
		k.products = append(k.products, id)
	}
	return nil
}

// Change implements conformance.Twin.
func (k *kitShop) Change(_ context.Context, n int) error {
	k.freeze(time.Now())
	defer k.freeze(time.Time{})
	for i, id := range k.products[:n] {
		if err := k.shop.SetAttribute(id, "serial_number", fmt.Sprintf("CHANGED-%d", i)); err != nil {
			return err
		}
	}
	return nil
}

// Expire implements conformance.Expirer.
func (k *kitShop) Expire(context.Context) error {
	k.shop.ExpireTokens()
	return nil
}

// Sell implements conformance.Seller. Every order is of one new piece.
func (k *kitShop) Sell(_ context.Context, lines int) (s conformance.Sale, err error) {
	if lines != 1 {
		return s, fmt.Errorf("%d lines can't be sold", lines)
	}
	k.sold++
	sku := fmt.Sprintf("SOLD-%d", k.sold)
	if _, err := k.shop.CreateProduct(twin.ProductSpec{SKU: sku, Name: sku, Price: "1250.00", Stock: map[string]int64{"default": 1}}); err != nil {
		return s, err
	}
	id, err := k.shop.PlaceOrder(twin.Purchase{Lines: []twin.PurchaseLine{{SKU: sku}}, Email: "zoe@example.com", First: "Zoe", Last: "Amsel"})
	if err != nil {
		return s, err
	}
	s.Order = idText(id)
	for _, line := range k.shop.OrderLines(id) {
		s.Lines = append(s.Lines, idText(line))
	}
	return s, nil
}

// Effects implements conformance.Seller.
func (k *kitShop) Effects(_ context.Context, order string) (e conformance.Effects, err error) {
	books := k.shop.Ledger()
	for _, c := range books.Cancels {
		if idText(c.Order) == order {
			e.Cancels++
		}
	}
	for _, r := range books.Refunds {
		if idText(r.Order) == order {
			e.Refunds++
		}
	}
	return e, nil
}

// withoutExpiry hides that people's tokens expire, which an integration's don't.
type withoutExpiry struct {
	conformance.Twin
	conformance.Seller
}

func kitOptions(t *testing.T) conformance.Options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	shop := newKitShop(t)
	return conformance.Options{
		Command: []string{self, "connector"},
		Config:  []byte(`{"url":"http://127.0.0.1:1","home_url":"` + kitHome + `","events_client_id":"kit"}`),
		Secrets: testSecrets(),
		Twin:    withoutExpiry{shop, shop},
		URLKey:  "url",
		Deliveries: []conformance.Delivery{
			{WebhookRequest: sdk.WebhookRequest{Method: http.MethodGet, Query: "challenge=abc-123"}, Expect: sdk.VerdictChallenge, Answer: "abc-123"},
		},
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
	o.Only = []string{"unreachable", "check", "snapshot", "snapshot-handoff", "poll-ties", "apply", "apply-partial"}
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
