package bigcommerce

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
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

// kitShop is a twin as the conformance kit moves it: each reset opens another store.
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
	t.Cleanup(k.server.Close)
	return k
}

func (k *kitShop) open() {
	shop := twin.New(twin.Options{StoreHash: testHash, Token: testToken, ClientID: "cid", ClientSecret: testClient, Now: k.now, LocalHooks: true})
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
		id, err := k.shop.CreateProduct(twin.ProductSpec{SKU: fmt.Sprintf("R-%d", i), Name: fmt.Sprintf("Ring %d", i), Price: "1250.00", Stock: map[int64]int64{1: 1}})
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
		if err := k.shop.SetCustomField(id, "Serial number", fmt.Sprintf("CHANGED-%d", i)); err != nil {
			return err
		}
	}
	return nil
}

// store is the store that is open now.
func (k *kitShop) store() *twin.Server {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.shop
}

// Sell implements conformance.Seller.
func (k *kitShop) Sell(_ context.Context, lines int) (conformance.Sale, error) {
	shop := k.store()
	var buy twin.Purchase
	for i := range lines {
		v := shop.Variants(k.products[i%len(k.products)])[0]
		if err := shop.SetStock(v, 1, shop.Available(v, 1)+1); err != nil {
			return conformance.Sale{}, err
		}
		buy.Lines = append(buy.Lines, twin.PurchaseLine{Variant: v})
	}
	order, err := shop.PlaceOrder(buy)
	if err != nil {
		return conformance.Sale{}, err
	}
	sale := conformance.Sale{Order: idText(order)}
	for _, line := range shop.LinesOf(order) {
		sale.Lines = append(sale.Lines, idText(line))
	}
	return sale, nil
}

// Effects implements conformance.Seller.
func (k *kitShop) Effects(_ context.Context, order string) (e conformance.Effects, err error) {
	ledger := k.store().Ledger()
	for _, c := range ledger.Cancels {
		if idText(c.Order) == order {
			e.Cancels++
		}
	}
	for _, r := range ledger.Refunds {
		if idText(r.Order) == order {
			e.Refunds++
		}
	}
	return e, nil
}

// Hooks implements conformance.Hooked.
func (k *kitShop) Hooks(context.Context) ([]string, error) { return k.store().ActiveHooks(), nil }

// DropHook implements conformance.Hooked.
func (k *kitShop) DropHook(context.Context) error {
	k.store().DropHook()
	return nil
}

// signed is a delivery as the store makes one.
func signed(t *testing.T, body string, at time.Time) sdk.WebhookRequest {
	t.Helper()
	id := fmt.Sprintf("msg_%d_%d", at.Unix(), len(body))
	signature, err := sdk.SignStandardWebhook(testClient, id, at, []byte(body))
	require.NoError(t, err)
	return sdk.WebhookRequest{
		Method: http.MethodPost, Body: []byte(body), ReceivedAt: at,
		Headers: map[string][]string{
			"Content-Type": {"application/json"}, sdk.StandardWebhookID: {id}, sdk.StandardWebhookTimestamp: {fmt.Sprint(at.Unix())}, sdk.StandardWebhookSignature: {signature},
		},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel() // it waits more than it works
	self, err := os.Executable()
	require.NoError(t, err)
	now := time.Now()
	hook := func(scope, data string) conformance.Delivery {
		return conformance.Delivery{WebhookRequest: signed(t, `{"producer":"stores/`+testHash+`","hash":"h","created_at":1,"store_id":"1000","scope":"`+scope+`","data":`+data+`}`, now)}
	}
	other := hook("store/cart/created", `{"type":"cart","id":"x"}`)
	other.Expect = sdk.VerdictIgnored
	conformance.Run(t, conformance.Options{
		Command: []string{self, "connector"},
		Config:  []byte(`{"api_url":"http://127.0.0.1:1","store_hash":"` + testHash + `"}`),
		Secrets: testSecrets(),
		Twin:    newKitShop(t),
		URLKey:  "api_url",
		Deliveries: []conformance.Delivery{
			hook("store/order/updated", `{"type":"order","id":272}`),
			hook("store/product/inventory/updated", `{"type":"product","id":167,"inventory":{"product_id":167,"method":"absolute","value":0}}`),
			other,
		},
		ReplayWindow: sdk.StandardWebhookWindow,
	})
}
