package twin_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jumpring/jumpring/connectors/woocommerce/twin"
)

const key, secret = "ck_1", "cs_1"

// shop is a twin over TLS, so that requests are simple to write, and a receiver of its webhooks.
type shop struct {
	*twin.Server
	t    *testing.T
	http *httptest.Server
	hook *httptest.Server

	mu  sync.Mutex
	got []received
}

type received struct {
	header http.Header
	body   string
}

func open(t *testing.T) *shop {
	s := &shop{t: t, Server: twin.New(twin.Options{Keys: []twin.Key{{ConsumerKey: key, ConsumerSecret: secret}}, Zone: time.FixedZone("shop", 3600)})}
	t.Cleanup(s.Close)
	s.http = httptest.NewTLSServer(s.Server)
	t.Cleanup(s.http.Close)
	s.hook = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.got = append(s.got, received{r.Header.Clone(), string(body)})
		s.mu.Unlock()
	}))
	t.Cleanup(s.hook.Close)
	return s
}

func (s *shop) take() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

func (s *shop) call(method, path, body string) (int, http.Header, []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+"/wp-json/wc/v3/"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.SetBasicAuth(key, secret)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.http.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, raw
}

func (s *shop) object(method, path, body string, want int) map[string]any {
	s.t.Helper()
	status, _, raw := s.call(method, path, body)
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil || status != want {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, status, want, raw)
	}
	return o
}

func (s *shop) ring(stock int64) int64 {
	id, _, err := s.CreateProduct(twin.ProductSpec{Name: "Ring", SKU: "R", Price: "900.00", Stock: &stock})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *shop) subscribe(topic string) {
	s.object("POST", "webhooks", `{"name":"t","topic":"`+topic+`","delivery_url":"`+s.hook.URL+`","secret":"s3"}`, 201)
}

func jsonOf(t *testing.T, v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestErrors: what the shop answers to what it does not do.
func TestErrors(t *testing.T) {
	s := open(t)
	id := jsonOf(t, s.ring(1))
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "products?per_page=101", "", 400, "rest_invalid_param"},
		{"GET", "products?per_page=0", "", 400, "rest_invalid_param"},
		{"GET", "products?page=x", "", 400, "rest_invalid_param"},
		{"GET", "products?orderby=stock", "", 400, "rest_invalid_param"},
		{"GET", "products?order=up", "", 400, "rest_invalid_param"},
		{"GET", "products?status=sold", "", 400, "rest_invalid_param"},
		{"GET", "products?modified_after=yesterday", "", 400, "rest_invalid_param"},
		{"GET", "orders?status=sold", "", 400, "rest_invalid_param"},
		{"GET", "customers?orderby=modified", "", 400, "rest_invalid_param"},
		{"GET", "products/99999", "", 404, "woocommerce_rest_product_invalid_id"},
		{"PUT", "products/99999", "{}", 400, "woocommerce_rest_product_invalid_id"},
		{"GET", "orders/99999", "", 404, "woocommerce_rest_shop_order_invalid_id"},
		{"GET", "customers/99999", "", 404, "woocommerce_rest_invalid_id"},
		{"GET", "orders/99999/refunds", "", 404, "woocommerce_rest_invalid_order_id"},
		{"GET", "pieces", "", 404, "rest_no_route"},
		{"PUT", "products", "{}", 404, "rest_no_route"},
		{"PUT", "products/" + id, `{"stock_quantity":"one"}`, 400, "rest_invalid_param"},
		{"PUT", "products/" + id, `{"stock_quantity":`, 400, "rest_invalid_json"},
		{"PUT", "products/" + id, `{"regular_price":12}`, 400, "rest_invalid_param"},
		{"PUT", "products/" + id, `{"backorders":"maybe"}`, 400, "rest_invalid_param"},
		{"POST", "products", `{"name":"x","sku":"R"}`, 400, "product_invalid_sku"},
		{"POST", "orders", `{"status":"sold"}`, 400, "rest_invalid_param"},
		{"POST", "orders", `{"line_items":[{"product_id":99999}]}`, 400, "woocommerce_rest_invalid_product_id"},
		{"POST", "webhooks", `{"topic":"stock.updated","delivery_url":"http://x.example"}`, 400, "woocommerce_rest_shop_webhook_invalid_topic"},
		{"POST", "webhooks", `{"topic":"order.updated","delivery_url":"ftp://x.example"}`, 400, "woocommerce_rest_shop_webhook_invalid_delivery_url"},
		{"DELETE", "customers/1", "", 400, "woocommerce_rest_invalid_id"},
	} {
		o := s.object(c.method, c.path, c.body, c.status)
		data, _ := o["data"].(map[string]any)
		if o["code"] != c.code || data["status"] != float64(c.status) {
			t.Errorf("%s %s: %v, want %s", c.method, c.path, o, c.code)
		}
	}
}

// TestCredentials: Basic is not even looked at over plain http; over TLS both ways work.
func TestCredentials(t *testing.T) {
	s := open(t)
	plain := httptest.NewServer(s.Server)
	defer plain.Close()
	get := func(client *http.Client, target, user, pass string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			req.SetBasicAuth(user, pass)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var o struct {
			Code string `json:"code"`
		}
		_ = json.NewDecoder(resp.Body).Decode(&o) // a list has no code
		return resp.StatusCode, o.Code
	}
	const path = "/wp-json/wc/v3/products"
	tls := s.http.Client()
	for _, c := range []struct {
		name       string
		client     *http.Client
		target     string
		user, pass string
		status     int
		code       string
	}{
		{"Basic over TLS", tls, s.http.URL + path, key, secret, 200, ""},
		{"the query over TLS", tls, s.http.URL + path + "?consumer_key=" + key + "&consumer_secret=" + secret, "", "", 200, ""},
		{"a wrong secret", tls, s.http.URL + path, key, "cs_2", 401, "woocommerce_rest_authentication_error"},
		{"an unknown key", tls, s.http.URL + path, "ck_2", secret, 401, "woocommerce_rest_cannot_view"},
		{"nobody", tls, s.http.URL + path, "", "", 401, "woocommerce_rest_cannot_view"},
		{"Basic over http", http.DefaultClient, plain.URL + path, key, secret, 401, "woocommerce_rest_cannot_view"},
		{"half a signature", http.DefaultClient, plain.URL + path + "?oauth_consumer_key=" + key, "", "", 401, "woocommerce_rest_authentication_missing_parameter"},
	} {
		if status, code := get(c.client, c.target, c.user, c.pass); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, status, code, c.status, c.code)
		}
	}
}

// TestStockIsNotChecked: four orders of the last piece by the API all succeed, and a refund adds to what is there.
func TestStockIsNotChecked(t *testing.T) {
	s := open(t)
	id := s.ring(1)
	body := `{"set_paid":true,"line_items":[{"product_id":` + jsonOf(t, id) + `,"quantity":1}]}`
	var last map[string]any
	for range 4 {
		if last = s.object("POST", "orders", body, 201); last["status"] != "processing" {
			t.Fatalf("status %v", last["status"])
		}
	}
	if n, _ := s.Stock(id); n != -3 {
		t.Errorf("stock %d, want -3", n)
	}
	if _, err := s.PlaceOrder(twin.Purchase{ID: id}); !errors.Is(err, twin.ErrOutOfStock) {
		t.Errorf("the checkout sold it: %v", err)
	}
	lines := last["line_items"].([]any)
	order, line := jsonOf(t, last["id"]), jsonOf(t, lines[0].(map[string]any)["id"])
	refund := `{"amount":"900.00","line_items":[{"id":` + line + `,"quantity":1,"refund_total":900}]`
	if o := s.object("POST", "orders/"+order+"/refunds", refund+"}", 500); o["code"] != "woocommerce_rest_cannot_create_order_refund" {
		t.Errorf("without api_refund=false: %v", o)
	}
	s.object("POST", "orders/"+order+"/refunds", refund+`,"api_refund":false}`, 201)
	if n, _ := s.Stock(id); n != -2 {
		t.Errorf("stock after the refund %d, want -2", n)
	}
	if o := s.object("GET", "orders/"+order, "", 200); o["status"] != "refunded" {
		t.Errorf("status %v, want refunded", o["status"])
	}
	if o := s.object("POST", "orders/"+order+"/refunds", refund+`,"api_refund":false}`, 500); o["message"] != "Invalid refund amount." {
		t.Errorf("a second refund: %v", o)
	}
}

// TestWebhooksCarryThePresent: bodies are made at delivery time, several changes are one delivery, and what is written
// through the API comes back.
func TestWebhooksCarryThePresent(t *testing.T) {
	s := open(t)
	id := s.ring(1)
	for _, topic := range []string{"order.created", "order.updated", "product.updated"} {
		s.subscribe(topic)
	}
	for _, ping := range s.take() {
		if !strings.HasPrefix(ping.body, "webhook_id=") || ping.header.Get("X-Wc-Webhook-Topic") != "" || ping.header.Get("X-Wc-Webhook-Signature") != "" {
			t.Errorf("a ping came as %q with %v", ping.body, ping.header)
		}
	}
	if _, err := s.PlaceOrder(twin.Purchase{ID: id}); err != nil {
		t.Fatal(err)
	}
	path := "products/" + jsonOf(t, id)
	s.object("PUT", path, `{"stock_quantity":5}`, 200)
	s.object("POST", "products/batch", `{"update":[{"id":`+jsonOf(t, id)+`,"stock_quantity":7}]}`, 200)
	s.RunCron(t.Context())
	got := map[string]received{}
	for _, r := range s.take() {
		topic := r.header.Get("X-Wc-Webhook-Topic")
		if _, twice := got[topic]; twice {
			t.Errorf("%s came twice", topic)
		}
		got[topic] = r
	}
	if len(got) != 3 || got["order.created"].body != got["order.updated"].body || got["order.created"].header.Get("X-Wc-Webhook-Signature") != got["order.updated"].header.Get("X-Wc-Webhook-Signature") {
		t.Errorf("order.created and order.updated differ, or %d topics came", len(got))
	}
	var p struct {
		Stock int64 `json:"stock_quantity"`
	}
	if err := json.Unmarshal([]byte(got["product.updated"].body), &p); err != nil || p.Stock != 7 {
		t.Errorf("product.updated has the stock %d, want 7", p.Stock)
	}
	h := got["product.updated"].header
	if raw, err := base64.StdEncoding.DecodeString(h.Get("X-Wc-Webhook-Signature")); err != nil || len(raw) != 32 {
		t.Errorf("signature %q", h.Get("X-Wc-Webhook-Signature"))
	}
	for k, want := range map[string]string{"Content-Type": "application/json", "X-Wc-Webhook-Source": s.Home() + "/", "X-Wc-Webhook-Resource": "product", "X-Wc-Webhook-Event": "updated"} {
		if h.Get(k) != want {
			t.Errorf("%s is %q, want %q", k, h.Get(k), want)
		}
	}
}

// TestDates: one second, the shop's own zone and GMT.
func TestDates(t *testing.T) {
	s := open(t)
	o := s.object("GET", "products/"+jsonOf(t, s.ring(1)), "", 200)
	local, err1 := time.Parse("2006-01-02T15:04:05", o["date_modified"].(string))
	gmt, err2 := time.Parse("2006-01-02T15:04:05", o["date_modified_gmt"].(string))
	if err1 != nil || err2 != nil || local.Sub(gmt) != time.Hour {
		t.Errorf("%v and %v in GMT", o["date_modified"], o["date_modified_gmt"])
	}
}

// TestPaging: totals, links, and pages beyond the end.
func TestPaging(t *testing.T) {
	s := open(t)
	for range 5 {
		id := s.ring(1)
		s.object("PUT", "products/"+jsonOf(t, id), `{"sku":"R`+jsonOf(t, id)+`"}`, 200)
	}
	_, h, raw := s.call("GET", "products?per_page=2&page=2&orderby=id&order=asc", "")
	if h.Get("X-WP-Total") != "5" || h.Get("X-WP-TotalPages") != "3" || len(h.Values("Link")) != 2 {
		t.Errorf("headers %v", h)
	}
	var rows []struct {
		ID int64 `json:"id"`
	}
	if err := json.Unmarshal(raw, &rows); err != nil || len(rows) != 2 || rows[0].ID > rows[1].ID {
		t.Errorf("page 2: %s", raw)
	}
	if status, _, raw := s.call("GET", "products?page=9", ""); status != 200 || string(raw) != "[]" {
		t.Errorf("page 9: %d %s", status, raw)
	}
	_, _, raw = s.call("GET", "products?"+url.Values{"include": {jsonOf(t, rows[0].ID)}}.Encode(), "")
	if err := json.Unmarshal(raw, &rows); err != nil || len(rows) != 1 {
		t.Errorf("include: %s", raw)
	}
}

// TestLedgerByHTTP: another process plays a shopper and audits.
func TestLedgerByHTTP(t *testing.T) {
	s := open(t)
	post := func(what, body string) (int, map[string]any) {
		resp, err := s.http.Client().Post(s.http.URL+"/_twin/"+what, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var o map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, o
	}
	_, made := post("products", `{"name":"Ring","sku":"R","price":"900.00","stock":1}`)
	id := jsonOf(t, made["id"])
	if status, o := post("orders", `{"id":`+id+`}`); status != 200 || o["id"] == float64(0) {
		t.Fatalf("order: %d %v", status, o)
	}
	if status, _ := post("orders", `{"id":`+id+`}`); status != http.StatusConflict {
		t.Errorf("a second order of the last piece: %d, want 409", status)
	}
	if status, _ := post("orders", `{"id":`+id+`,"unchecked":true}`); status != 200 {
		t.Errorf("an unchecked order: %d", status)
	}
	s.object("PUT", "products/"+id, `{"stock_quantity":-1}`, 200)
	l, c := s.Ledger(), s.Counts()
	var after []int64
	for _, e := range l.Stock {
		after = append(after, e.After)
	}
	if !slices.Equal(after, []int64{1, 0, -1, -1}) || len(l.Orders) != 2 || l.Orders[0].Source != twin.SourceShopper || l.Orders[1].Source != twin.SourceAPI {
		t.Errorf("ledger: %+v", l)
	}
	if c.StockWrites != 1 || c.NoopStockWrites != 1 {
		t.Errorf("counts: %+v", c)
	}
}
