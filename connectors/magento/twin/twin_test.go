package twin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is a clock that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

type bench struct {
	t     *testing.T
	shop  *Server
	url   string
	clock *clock
	token string
}

func open(t *testing.T, change func(*Options)) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{t: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}, token: "tok"}
	o := Options{AccessToken: "tok", IntegrationAsBearer: true, Now: b.clock.now, AdminUser: "ada", AdminPassword: "pw"}
	if change != nil {
		change(&o)
	}
	b.shop = New(o)
	srv := httptest.NewServer(b.shop)
	t.Cleanup(srv.Close)
	b.url = srv.URL
	return b
}

type answered struct {
	status int
	header http.Header
	body   string
}

func (b *bench) call(method, path, body string) answered {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+"/rest/all/"+path, strings.NewReader(body))
	require.NoError(b.t, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if b.token != "" {
		req.Header.Set("Authorization", "Bearer "+b.token)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return answered{resp.StatusCode, resp.Header, string(raw)}
}

func (b *bench) ring(sku string, n int64) int64 {
	b.t.Helper()
	id, err := b.shop.CreateProduct(ProductSpec{SKU: sku, Name: "Ring", Price: "1250.00", Stock: map[string]int64{"default": n}})
	require.NoError(b.t, err)
	return id
}

// The vectors were computed by two independent implementations.
func TestSignatureVectors(t *testing.T) {
	oauth := map[string]string{
		"oauth_consumer_key": "wt5ytdfgh3zkqyyvq4r0gjcqkghw5tdr", "oauth_token": "0lnuajnuzeei2o8xcddii5us77xnb6v0", "oauth_nonce": "Zm9vYmFyMTIz",
		"oauth_timestamp": "1732240000", "oauth_signature_method": "HMAC-SHA256",
	}
	const consumerSecret, tokenSecret = "1i09jtvuxbdmpe1nv6sj2k0k3ql5q2nk", "1c6d2hycnir5ygf39fycs6zhtaagx8pd"
	require.Equal(t, "v51z2/txfQb/MMv72Qez1bYEcc8REDHN1lpyWQgu7aU=",
		signature("POST", "https://magento.example.com/rest/default/V1/inventory/source-items", "", oauth, consumerSecret, tokenSecret))
	query := "searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bfield%5D=updated_at" +
		"&searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bvalue%5D=2026-11-01%2000%3A00%3A00" +
		"&searchCriteria%5Bfilter_groups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bcondition_type%5D=gteq" +
		"&searchCriteria%5BpageSize%5D=100&searchCriteria%5BcurrentPage%5D=1"
	require.Equal(t, "n5IwG5JWqIH4BK8opoOxwpTZNNpT3gMO4k9d9zqv5/w=",
		signature("GET", "https://magento.example.com/rest/default/V1/orders", query, oauth, consumerSecret, tokenSecret))
}

func TestWhoIsRefused(t *testing.T) {
	b := open(t, nil)
	b.token = ""
	r := b.call("GET", "V1/products?searchCriteria=", "")
	require.Equal(t, 401, r.status)
	require.Contains(t, r.body, `"The consumer isn't authorized to access %resources."`)
	require.Contains(t, r.body, "Magento_Catalog::products")

	b = open(t, func(o *Options) { o.IntegrationAsBearer = false })
	require.Equal(t, 401, b.call("GET", "V1/products?searchCriteria=", "").status, "the token alone does not do by default")

	b = open(t, func(o *Options) { o.Resources = []string{"Magento_Catalog::products"} })
	require.Equal(t, 200, b.call("GET", "V1/products?searchCriteria=", "").status)
	require.Equal(t, 401, b.call("GET", "V1/orders?searchCriteria=", "").status, "another resource")

	b.token = ""
	require.Equal(t, 401, b.call("POST", "V1/integration/admin/token", `{"username":"ada","password":"no"}`).status)
	require.Equal(t, 400, b.call("POST", "V1/integration/admin/token", `{"username":"ada"}`).status)
	r = b.call("POST", "V1/integration/admin/token", `{"username":"ada","password":"pw"}`)
	require.Equal(t, 200, r.status)
	require.NoError(t, json.Unmarshal([]byte(r.body), &b.token))
	require.Equal(t, 200, b.call("GET", "V1/orders?searchCriteria=", "").status)
	b.clock.advance(4*time.Hour + time.Second)
	require.Equal(t, 401, b.call("GET", "V1/orders?searchCriteria=", "").status, "a person's token lives for four hours")
}

func TestRequestsAreCheckedAsTheVendorDoes(t *testing.T) {
	b := open(t, nil)
	b.ring("R1", 1)
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		says               string
	}{
		"unknown route":         {"GET", "V1/nothing", "", 404, "Request does not match any route."},
		"no searchCriteria":     {"GET", "V1/products", "", 400, "is required"},
		"unknown flat field":    {"GET", "V1/orders?" + filterBy("colour", "eq", "red"), "", 500, "Report ID"},
		"unknown attribute":     {"GET", "V1/products?" + filterBy("colour", "eq", "red"), "", 400, "attribute name is invalid"},
		"bad condition":         {"GET", "V1/orders?" + filterBy("state", "is", "new"), "", 500, "Report ID"},
		"page size no number":   {"GET", "V1/orders?searchCriteria%5BpageSize%5D=x", "", 400, "type is invalid"},
		"bad JSON":              {"POST", "V1/inventory/source-items", "{", 400, "Decoding error"},
		"unknown property":      {"POST", "V1/inventory/source-items", `{"sourceItems":[{"sku":"R1","qty":1}]}`, 400, "accessor method"},
		"wrong type":            {"POST", "V1/inventory/source-items", `{"sourceItems":[{"sku":5}]}`, 400, "type is invalid"},
		"no rows":               {"POST", "V1/inventory/source-items", `{"sourceItems":[]}`, 400, "Input data is empty"},
		"no sourceItems":        {"POST", "V1/inventory/source-items", `{}`, 400, "is required"},
		"unknown source":        {"POST", "V1/inventory/source-items", `{"sourceItems":[{"sku":"R1","source_code":"x","quantity":1}]}`, 400, "Validation Failed"},
		"unknown status":        {"POST", "V1/inventory/source-items", `{"sourceItems":[{"sku":"R1","source_code":"default","quantity":1,"status":7}]}`, 400, "known status"},
		"sku with a slash":      {"GET", "V1/products/A%2FB", "", 404, "does not match any route"},
		"salable of no product": {"GET", "V1/inventory/get-product-salable-quantity/NO/1", "", 404, "doesn't exist"},
		"no such order":         {"POST", "V1/orders/7/cancel", "", 404, "doesn't exist"},
	} {
		t.Run(name, func(t *testing.T) {
			r := b.call(c.method, c.path, c.body)
			require.Equal(t, c.status, r.status, r.body)
			require.Contains(t, r.body, c.says)
		})
	}
	qty, _ := b.shop.SourceQuantity("R1", "default")
	require.EqualValues(t, 1, qty, "no refusal has changed anything")
	require.Equal(t, 200, b.call("POST", "V1/inventory/source-items", `{"sourceItems":[{"sku":"GHOST","source_code":"default","quantity":1,"status":1}]}`).status,
		"the vendor does not look whether the SKU exists")
}

func filterBy(field, condition, value string) string {
	at := "searchCriteria[filter_groups][0][filters][0]"
	return url.Values{at + "[field]": {field}, at + "[condition_type]": {condition}, at + "[value]": {value}}.Encode()
}

func TestPages(t *testing.T) {
	b := open(t, func(o *Options) { o.InputLimits = true })
	for i := range 45 {
		b.ring(fmt.Sprintf("R%02d", i), 1)
	}
	count := func(path string) (n, total int) {
		var out struct {
			Items []json.RawMessage `json:"items"`
			Total int               `json:"total_count"`
		}
		r := b.call("GET", path, "")
		require.Equal(t, 200, r.status, r.body)
		require.NoError(t, json.Unmarshal([]byte(r.body), &out))
		return len(out.Items), out.Total
	}
	n, total := count("V1/products?searchCriteria=")
	require.Equal(t, []int{20, 45}, []int{n, total}, "20 rows where no size is asked for")
	last := b.call("GET", "V1/products?searchCriteria%5BpageSize%5D=20&searchCriteria%5BcurrentPage%5D=3", "")
	beyond := b.call("GET", "V1/products?searchCriteria%5BpageSize%5D=20&searchCriteria%5BcurrentPage%5D=9", "")
	items := func(s string) string { return s[:strings.Index(s, `"search_criteria"`)] }
	require.Equal(t, items(last.body), items(beyond.body), "a page beyond the end is the last one again")
	require.Equal(t, 400, b.call("GET", "V1/products?searchCriteria%5BpageSize%5D=301", "").status)
	rows := strings.TrimSuffix(strings.Repeat(`{"sku":"R01","source_code":"default","quantity":1},`, 21), ",")
	r := b.call("POST", "V1/inventory/source-items", `{"sourceItems":[`+rows+`]}`)
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body, `"max":"20"`)
	r = b.call("GET", "V1/products?searchCriteria%5BpageSize%5D=1&fields=items%5Bsku%5D,total_count", "")
	require.JSONEq(t, `{"items":[{"sku":"R00"}],"total_count":45}`, r.body)
}

// An order takes what can be sold; the source gives it away at the shipment.
func TestOrdersReserve(t *testing.T) {
	b := open(t, nil)
	b.ring("R1", 1)
	order, err := b.shop.PlaceOrder(Purchase{Lines: []PurchaseLine{{SKU: "R1"}}})
	require.NoError(t, err)
	require.Equal(t, "0", b.call("GET", "V1/inventory/get-product-salable-quantity/R1/1", "").body)
	qty, _ := b.shop.SourceQuantity("R1", "default")
	require.EqualValues(t, 1, qty, "the sold ring still lies in the source")
	_, err = b.shop.PlaceOrder(Purchase{Lines: []PurchaseLine{{SKU: "R1"}}})
	require.ErrorIs(t, err, ErrOutOfStock, "the second buyer is refused at the cart")
	require.NoError(t, b.shop.Ship(order, "default"))
	qty, _ = b.shop.SourceQuantity("R1", "default")
	require.Zero(t, qty)
	require.Zero(t, b.shop.Salable("R1"))
}

func TestImportedOrdersReserveNothing(t *testing.T) {
	b := open(t, nil)
	b.ring("R1", 1)
	r := b.call("PUT", "V1/orders/create", `{"entity":{"customer_email":"a@example.com","grand_total":1250,"base_grand_total":1250,"ext_order_id":"till-7","items":[{"sku":"R1","qty_ordered":1}]}}`)
	require.Equal(t, 200, r.status, r.body)
	require.EqualValues(t, 1, b.shop.Salable("R1"), "the vendor's fault: the sold ring is still for sale")
}

func TestTheIndexLags(t *testing.T) {
	b := open(t, func(o *Options) { o.IndexLag = time.Minute })
	b.ring("R1", 3)
	require.Zero(t, b.shop.Salable("R1"), "a new product can't be sold before the indexer ran")
	b.clock.advance(time.Minute)
	require.EqualValues(t, 3, b.shop.Salable("R1"))
	require.Equal(t, 200, b.call("POST", "V1/inventory/source-items", `{"sourceItems":[{"sku":"R1","source_code":"default","quantity":1,"status":1}]}`).status)
	require.EqualValues(t, 3, b.shop.Salable("R1"))
	b.clock.advance(time.Minute)
	require.EqualValues(t, 1, b.shop.Salable("R1"))
}

func TestRefunds(t *testing.T) {
	b := open(t, nil)
	b.ring("R1", 1)
	b.ring("R2", 1)
	buy := func(sku, method string) (order, item int64) {
		order, err := b.shop.PlaceOrder(Purchase{Lines: []PurchaseLine{{SKU: sku}}, Method: method})
		require.NoError(t, err)
		o, _ := b.shop.Order(order)
		return order, o["items"].([]row)[0]["item_id"].(int64)
	}
	order, item := buy("R1", "")
	r := b.call("POST", fmt.Sprintf("V1/orders/%d/cancel", order), "")
	require.Equal(t, "false", r.body, "what was invoiced can't be cancelled")
	r = b.call("POST", fmt.Sprintf("V1/order/%d/refund", order), fmt.Sprintf(`{"items":[{"order_item_id":%d,"qty":2}]}`, item))
	require.Equal(t, 400, r.status)
	require.Contains(t, r.body, "unrefunded quantity")
	require.Equal(t, 200, b.call("POST", fmt.Sprintf("V1/order/%d/refund", order), fmt.Sprintf(`{"items":[{"order_item_id":%d,"qty":1}]}`, item)).status)
	require.Zero(t, b.shop.Salable("R1"), "goods go back only where it is said")
	o, _ := b.shop.Order(order)
	require.Equal(t, "closed", o["state"])
	require.Equal(t, 400, b.call("POST", fmt.Sprintf("V1/order/%d/refund", order), `{}`).status, "nothing is left")

	order, item = buy("R2", "checkmo")
	require.Equal(t, 400, b.call("POST", fmt.Sprintf("V1/order/%d/refund", order), `{}`).status, "nobody has paid")
	require.NoError(t, b.shop.Pay(order))
	require.Equal(t, 200, b.call("POST", fmt.Sprintf("V1/order/%d/refund", order), fmt.Sprintf(`{"arguments":{"extension_attributes":{"return_to_stock_items":[%d]}}}`, item)).status)
	require.EqualValues(t, 1, b.shop.Salable("R2"))
	require.Len(t, b.shop.Ledger().Refunds, 2)
}

func TestAsyncCalls(t *testing.T) {
	b := open(t, func(o *Options) { o.AsyncDelay = time.Minute })
	b.ring("R1", 1)
	r := b.call("POST", "async/V1/inventory/source-items", `{"sourceItems":[{"sku":"R1","source_code":"default","quantity":5,"status":1}]}`)
	require.Equal(t, 202, r.status, r.body)
	var accepted struct {
		UUID string `json:"bulk_uuid"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &accepted))
	status := func() string { return b.call("GET", "V1/bulk/"+accepted.UUID+"/detailed-status", "").body }
	require.Contains(t, status(), `"status":4`)
	b.clock.advance(time.Minute)
	require.Contains(t, status(), `"status":1`)
	require.EqualValues(t, 5, b.shop.Salable("R1"))
	r = b.call("POST", "async/V1/inventory/source-items", `{"sourceItems":[{"sku":"R1","source_code":"nowhere","quantity":5}]}`)
	require.Equal(t, 202, r.status, "what is wrong shows later")
	require.NoError(t, json.Unmarshal([]byte(r.body), &accepted))
	b.clock.advance(time.Minute)
	require.Contains(t, status(), `"status":3`)
}

// Events that fail with 5xx come again in 1, 2, 4, 8, 15 … minutes; with another 4xx they are dropped; ten failures in a row
// end the registration.
func TestEventRetries(t *testing.T) {
	var mu sync.Mutex
	answer, got := http.StatusServiceUnavailable, 0
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got++
		w.WriteHeader(answer)
	}))
	t.Cleanup(hub.Close)
	set := func(status int) (deliveries int) {
		mu.Lock()
		defer mu.Unlock()
		deliveries, answer, got = got, status, 0
		return deliveries
	}
	b := open(t, func(o *Options) { o.Events, o.EventsClientID = hub.URL, "cid" })
	require.Equal(t, 200, b.call("POST", "V1/eventing/eventSubscribe", `{"event":{"name":"observer.catalog_product_save_commit_after","fields":[{"name":"id"}]}}`).status)
	b.ring("R1", 1)
	for _, wait := range []time.Duration{0, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute} {
		if wait > 0 {
			b.clock.advance(wait - time.Second)
			b.shop.RunCron(t.Context())
			require.Zero(t, set(answer), "an event came too early")
			b.clock.advance(time.Second)
		}
		b.shop.RunCron(t.Context())
		require.Equal(t, 1, set(answer))
	}
	set(http.StatusNotFound)
	b.clock.advance(15 * time.Minute)
	b.shop.RunCron(t.Context())
	require.Zero(t, b.shop.Queued(), "a 4xx drops the event")
	for range 3 {
		b.ring(fmt.Sprint("X", b.shop.id()), 1)
	}
	b.shop.RunCron(t.Context())
	require.True(t, b.shop.EventsDisabled())
	set(http.StatusOK)
	b.ring("R9", 1)
	b.shop.RunCron(t.Context())
	require.Zero(t, set(http.StatusOK), "a disabled registration is silent")
	b.shop.EnableEvents()
	b.shop.RunCron(t.Context())
	require.Equal(t, 1, set(http.StatusOK))
}

func TestFirewallThrottles(t *testing.T) {
	b := open(t, func(o *Options) { o.RequestsPerSecond = 1 })
	require.Equal(t, 200, b.call("GET", "V1/modules", "").status)
	r := b.call("GET", "V1/modules", "")
	require.Equal(t, 429, r.status)
	require.Equal(t, "1", r.header.Get("Retry-After"))
	require.Equal(t, 1, b.shop.Counts().Throttled)
}

func TestControl(t *testing.T) {
	b := open(t, nil)
	post := func(what, body string) string {
		resp, err := http.Post(b.url+"/_twin/"+what, "application/json", strings.NewReader(body))
		require.NoError(t, err)
		defer resp.Body.Close()
		raw, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(raw)
	}
	post("products", `{"sku":"R1","name":"Ring","price":"10.00","stock":{"default":1}}`)
	require.Contains(t, post("orders", `{"lines":[{"sku":"R1"}],"email":"a@example.com"}`), `"id"`)
	require.Contains(t, post("orders", `{"lines":[{"sku":"R1"}]}`), ErrOutOfStock.Error())
	resp, err := http.Get(b.url + "/_twin/ledger")
	require.NoError(t, err)
	defer resp.Body.Close()
	var l Ledger
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&l))
	require.Len(t, l.Orders, 1)
}
