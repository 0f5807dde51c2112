package woocommerce

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/plugins/conformance"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connector's process, which the conformance kit launches.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "connector" {
		sdk.Serve(New)
		return
	}
	os.Exit(m.Run())
}

// The kit's shop: its keys and what it calls itself.
const (
	kitKey    = "ck_canary456789abcdef0123456789abcdef01234567"
	kitSecret = "cs_canary456789abcdef0123456789abcdef01234567"
	kitHome   = "http://shop.example.com"
)

// kitShop is a twin as the conformance kit moves it: each reset opens another shop.
type kitShop struct {
	server *httptest.Server

	mu       sync.Mutex
	shop     *twin.Server
	products []int64
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
	t.Cleanup(func() {
		k.server.Close()
		k.shop.Close()
	})
	return k
}

func (k *kitShop) open() {
	shop := twin.New(twin.Options{HomeURL: kitHome, Keys: []twin.Key{{ConsumerKey: kitKey, ConsumerSecret: kitSecret}}, Currency: "EUR", Now: k.now})
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
	old := k.shop
	k.open()
	old.Close()
	defer k.freeze(time.Time{})
	for i := range n {
		k.freeze(time.Now().Add(-time.Hour + time.Duration(i)*time.Second))
		stock := int64(1)
		id, _, err := k.shop.CreateProduct(twin.ProductSpec{Name: fmt.Sprintf("Ring %d", i), SKU: fmt.Sprintf("R-%d", i), Price: "1250.00", Stock: &stock})
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
		if err := k.shop.AdjustStock(id, int64(5+i)); err != nil {
			return err
		}
	}
	return nil
}

// Sell implements conformance.Seller. One order of the shop's twin has one line.
func (k *kitShop) Sell(_ context.Context, lines int) (s conformance.Sale, err error) {
	if lines != 1 {
		return s, fmt.Errorf("%d lines can't be sold", lines)
	}
	id, err := k.shop.PlaceOrderREST(twin.Purchase{ID: k.products[0], Method: "sandboxpay"})
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
	id, _ := parseID(order)
	if k.shop.OrderStatus(id) == "cancelled" {
		e.Cancels++
	}
	for _, r := range k.shop.Ledger().Refunds {
		if r.OrderID == id {
			e.Refunds++
		}
	}
	return e, nil
}

// Hooks implements conformance.Hooked.
func (k *kitShop) Hooks(context.Context) (out []string, err error) {
	for _, h := range k.shop.Webhooks() {
		if h.Status == "active" {
			out = append(out, h.Topic+" "+h.URL)
		}
	}
	return out, nil
}

// DropHook implements conformance.Hooked.
func (k *kitShop) DropHook(context.Context) error {
	k.shop.DisableWebhook()
	return nil
}

func kitOptions(t *testing.T) conformance.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shop := newKitShop(t)
	return conformance.Options{
		Command: []string{self, "connector"},
		Config:  []byte(`{"url":"http://127.0.0.1:1","home_url":"` + kitHome + `","currency":"EUR"}`),
		Secrets: map[string]string{secretKey: kitKey, secretSecret: kitSecret, secretWebhook: hookSecret},
		Twin:    shop,
		URLKey:  "url",
		Deliveries: []conformance.Delivery{
			{WebhookRequest: *hook("order.updated", kitHome+"/", someOrder)},
			{WebhookRequest: *hook("order.created", kitHome+"/", strings.Replace(someOrder, "727", "728", 2))},
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
