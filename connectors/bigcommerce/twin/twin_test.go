package twin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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

type store struct {
	*Server
	t     *testing.T
	clock *clock
}

func open(t *testing.T, change ...func(*Options)) *store {
	t.Helper()
	c := &clock{t: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)}
	o := Options{
		Token: "tok", ClientID: "cid", ClientSecret: "sec", Now: c.now,
		Locations: []Location{{ID: 1, Code: "PARIS", Label: "Paris", Country: "FR"}, {ID: 2, Code: "LYON", Label: "Lyon", Country: "FR"}},
	}
	for _, f := range change {
		f(&o)
	}
	return &store{Server: New(o), t: t, clock: c}
}

// call makes a request as a client would, and gives status, headers and body.
func (s *store) call(method, path, body string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	r := httptest.NewRequest(method, "/stores/twin/"+path, strings.NewReader(body))
	r.Header.Set("X-Auth-Token", "tok")
	r.Header.Set("Accept", "application/json")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Header(), w.Body.String()
}

// get reads what must be there.
func (s *store) get(path string, into any) {
	s.t.Helper()
	status, _, body := s.call("GET", path, "")
	require.Equal(s.t, http.StatusOK, status, body)
	require.NoError(s.t, json.Unmarshal([]byte(body), into))
}

func (s *store) ring(sku string, n int64) (product, variant int64) {
	s.t.Helper()
	id, err := s.CreateProduct(ProductSpec{Name: "Ring " + sku, SKU: sku, Price: "1250.00", Stock: map[int64]int64{1: n, 2: 0}})
	require.NoError(s.t, err)
	return id, s.Variants(id)[0]
}

func TestWhoAsks(t *testing.T) {
	s := open(t, func(o *Options) { o.Scopes = []string{"store_v2_products_read_only", "store_v2_orders"} })
	for name, c := range map[string]struct {
		method, path, body, header, value string
		status                            int
		says                              string
	}{
		"no token":         {"GET", "v3/catalog/products", "", "X-Auth-Token", "", 401, "X-Auth-Token header is required"},
		"another token":    {"GET", "v2/orders", "", "X-Auth-Token", "nope", 401, `[{"message":"Unauthorized`},
		"no scope":         {"GET", "v3/customers", "", "Accept", "application/json", 403, "required scope"},
		"read-only":        {"POST", "v3/catalog/products/1/metafields", "{}", "Accept", "application/json", 403, "required scope"},
		"no such route":    {"GET", "v3/catalog/rings", "", "Accept", "application/json", 404, "route"},
		"no such method":   {"DELETE", "v3/catalog/products", "", "Accept", "application/json", 405, "Method"},
		"unknown filter":   {"GET", "v3/catalog/products?colour=red", "", "Accept", "application/json", 422, "The filter(s): colour"},
		"unknown v2 field": {"GET", "v2/orders?colour=red", "", "Accept", "application/json", 400, "'colour' is not supported"},
		"bad date":         {"GET", "v3/catalog/products?date_modified:min=soon", "", "Accept", "application/json", 422, "date_modified:min"},
		"bad id list":      {"GET", "v3/catalog/products?id:in=1,x", "", "Accept", "application/json", 422, "id:in"},
		"bad sort":         {"GET", "v2/orders?sort=colour:asc", "", "Accept", "application/json", 400, "sort"},
		"bad include":      {"GET", "v3/catalog/products?include=metafields", "", "Accept", "application/json", 422, "include"},
		"XML by default":   {"GET", "v2/orders", "", "Accept", "*/*", 200, "<?xml"},
		"no content type":  {"PUT", "v2/orders/1", "{}", "Content-Type", "", 415, "Unsupported"},
		"broken JSON":      {"PUT", "v2/orders/1", "{", "Accept", "application/json", 400, "Syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, body := s.call(c.method, c.path, c.body, c.header, c.value)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.says)
		})
	}
	status, _, _ := (&store{Server: s.Server, t: t}).call("GET", "../other/v2/store", "")
	require.Equal(t, http.StatusNotFound, status)
}

func TestPagesAndEmptyLists(t *testing.T) {
	s := open(t)
	status, _, body := s.call("GET", "v2/orders", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, body, "an empty list of v2 has no body")
	for i := range 260 {
		s.ring(fmt.Sprint("R", i), 1)
	}
	var page struct {
		Data []struct{ ID int64 }
		Meta struct {
			Pagination struct {
				Total, Count   int
				PerPage        int `json:"per_page"`
				CurrentPage    int `json:"current_page"`
				TotalPages     int `json:"total_pages"`
				LinksAreThere  any `json:"links"`
				UnknownToTwins any
			}
		}
	}
	s.get("v3/catalog/products?limit=9999", &page)
	require.Len(t, page.Data, 250, "250 rows at most")
	s.get("v3/catalog/products?limit=250&page=2", &page)
	require.Equal(t, []int{260, 10, 250, 2, 2}, []int{page.Meta.Pagination.Total, page.Meta.Pagination.Count, page.Meta.Pagination.PerPage, page.Meta.Pagination.CurrentPage, page.Meta.Pagination.TotalPages})
	s.get("v3/catalog/products", &page)
	require.Len(t, page.Data, 50, "50 by default")
}

func TestQuota(t *testing.T) {
	s := open(t, func(o *Options) { o.Quota = 3 })
	for left := 2; left >= 0; left-- {
		status, h, _ := s.call("GET", "v2/store", "")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, fmt.Sprint(left), h.Get("X-Rate-Limit-Requests-Left"))
	}
	s.clock.advance(10 * time.Second)
	status, h, _ := s.call("GET", "v2/store", "")
	require.Equal(t, http.StatusTooManyRequests, status)
	require.Equal(t, "20000", h.Get("X-Rate-Limit-Time-Reset-Ms"))
	s.clock.advance(20 * time.Second)
	status, _, _ = s.call("GET", "v2/store", "")
	require.Equal(t, http.StatusOK, status)
}

func TestAdjustments(t *testing.T) {
	s := open(t)
	_, ring := s.ring("R1", 1)
	uncounted, err := s.CreateProduct(ProductSpec{Name: "New", SKU: "N1", Price: "1"})
	require.NoError(t, err)
	band, err := s.CreateProduct(ProductSpec{Name: "Band", Price: "1", Variants: []VariantSpec{{SKU: "B1", Value: "50", Stock: map[int64]int64{1: 2}}}})
	require.NoError(t, err)
	shared, err := s.CreateProduct(ProductSpec{Name: "Chain", Price: "1", Tracking: "product", Stock: map[int64]int64{1: 3}, Variants: []VariantSpec{{SKU: "C1", Value: "40"}, {SKU: "C2", Value: "45"}}})
	require.NoError(t, err)
	untracked, err := s.CreateProduct(ProductSpec{Name: "Polishing", SKU: "P1", Price: "1", Tracking: "none"})
	require.NoError(t, err)
	const relative, absolute = "v3/inventory/adjustments/relative", "v3/inventory/adjustments/absolute"
	for name, c := range map[string]struct {
		method, path, items string
		status              int
		says                string
	}{
		"below zero":              {"POST", relative, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"quantity":-2}`, ring), 422, "enough"},
		"below zero in two rows":  {"POST", relative, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"quantity":-1},{"location_id":1,"variant_id":%d,"quantity":-1}`, ring, ring), 422, "enough"},
		"one bad row of two":      {"POST", relative, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"quantity":-1},{"location_id":2,"variant_id":%d,"quantity":-1}`, ring, ring), 422, "enough"},
		"never counted":           {"POST", relative, fmt.Sprintf(`{"location_id":1,"product_id":%d,"quantity":1}`, uncounted), 422, "requires absolute adjustment before relative"},
		"by product":              {"POST", relative, fmt.Sprintf(`{"location_id":1,"product_id":%d,"quantity":1}`, band), 422, "tracked by variant"},
		"by variant":              {"POST", relative, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"quantity":1}`, s.Variants(shared)[0]), 422, "tracked by product"},
		"not tracked":             {"PUT", absolute, fmt.Sprintf(`{"location_id":1,"product_id":%d,"quantity":1}`, untracked), 422, "no inventory tracking"},
		"no such place":           {"PUT", absolute, fmt.Sprintf(`{"location_id":9,"variant_id":%d,"quantity":1}`, ring), 422, "Location"},
		"no such item":            {"PUT", absolute, `{"location_id":1,"variant_id":9,"quantity":1}`, 422, "does not exist"},
		"two names":               {"PUT", absolute, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"sku":"R1","quantity":1}`, ring), 422, "items.0"},
		"negative":                {"PUT", absolute, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"quantity":-1}`, ring), 422, "quantity"},
		"a part of a piece":       {"PUT", absolute, fmt.Sprintf(`{"location_id":1,"variant_id":%d,"quantity":1.5}`, ring), 422, "quantity"},
		"nothing":                 {"PUT", absolute, ``, 422, "items"},
		"a field that is unknown": {"PUT", absolute, `{"place":1}`, 422, "place"},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, body := s.call(c.method, c.path, `{"items":[`+c.items+`]}`)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.says)
			require.EqualValues(t, 1, s.Available(ring, 1), "all rows or none")
		})
	}
	status, _, body := s.call("POST", relative, fmt.Sprintf(`{"reason":"x","items":[{"location_id":1,"sku":"R1","quantity":-1},{"location_id":1,"product_id":%d,"quantity":-3}]}`, shared))
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, "transaction_id")
	require.Zero(t, s.Available(ring, 1))
}

// Reads of the inventory lag behind; the checkout does not.
func TestInventoryLags(t *testing.T) {
	s := open(t, func(o *Options) { o.InventoryLag = 5 * time.Second })
	product, ring := s.ring("R1", 1)
	shown := func() int64 {
		var got struct {
			Data []struct {
				Locations []struct {
					ID int64 `json:"location_id"`
					N  int64 `json:"available_to_sell"`
				}
			}
		}
		s.get(fmt.Sprint("v3/inventory/items?product_id:in=", product), &got)
		return got.Data[0].Locations[0].N
	}
	_, err := s.PlaceOrder(Purchase{Lines: []PurchaseLine{{Variant: ring}}})
	require.NoError(t, err)
	require.EqualValues(t, 1, shown())
	_, err = s.PlaceOrder(Purchase{Lines: []PurchaseLine{{Variant: ring}}})
	require.ErrorIs(t, err, ErrOutOfStock)
	s.clock.advance(5 * time.Second)
	require.Zero(t, shown())
}

func TestOrdersMoveStock(t *testing.T) {
	s := open(t)
	_, ring := s.ring("R1", 1)
	left, err := s.PlaceOrder(Purchase{Lines: []PurchaseLine{{Variant: ring}}, Incomplete: true})
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Available(ring, 1), "a checkout that was left takes nothing")
	require.NoError(t, s.Complete(left))
	require.Zero(t, s.Available(ring, 1))
	status, _, body := s.call("PUT", fmt.Sprint("v2/orders/", left), `{"status_id":5,"staff_notes":"x"}`)
	require.Equal(t, http.StatusOK, status, body)
	require.EqualValues(t, 1, s.Available(ring, 1))
	status, _, _ = s.call("PUT", fmt.Sprint("v2/orders/", left), `{"status_id":99}`)
	require.Equal(t, http.StatusBadRequest, status)
	status, _, body = s.call("PUT", fmt.Sprint("v2/orders/", left), `{"colour":"red"}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, body, "not supported")
	require.Len(t, s.Ledger().Cancels, 1)
}

func TestRefunds(t *testing.T) {
	s := open(t, func(o *Options) { o.TaxPercent = 20 })
	_, a := s.ring("A", 2)
	id, err := s.PlaceOrder(Purchase{Lines: []PurchaseLine{{Variant: a, Quantity: 2}}})
	require.NoError(t, err)
	var lines []struct{ ID int64 }
	s.get(fmt.Sprintf("v2/orders/%d/products", id), &lines)
	refund := func(quantity int, payment string) (int, string) {
		body := fmt.Sprintf(`{"items":[{"item_type":"PRODUCT","item_id":%d,"quantity":%d,"reason":"x"}],"payments":[%s]}`, lines[0].ID, quantity, payment)
		status, _, out := s.call("POST", fmt.Sprintf("v3/orders/%d/payment_actions/refunds", id), body)
		return status, out
	}
	status, body := refund(1, `{"provider_id":"stripe","amount":1,"offline":false}`)
	require.Equal(t, http.StatusUnprocessableEntity, status, body)
	status, body = refund(1, `{"provider_id":"paypal","amount":1500,"offline":false}`)
	require.Equal(t, http.StatusUnprocessableEntity, status, body)
	status, body = refund(1, `{"provider_id":"stripe","amount":1500,"offline":false}`)
	require.Equal(t, http.StatusCreated, status, body)
	require.Equal(t, "Partially Refunded", s.StatusOf(id))
	require.Zero(t, s.Available(a, 1), "a partial refund puts nothing back")
	status, body = refund(2, `{"provider_id":"stripe","amount":3000,"offline":false}`)
	require.Equal(t, http.StatusUnprocessableEntity, status, body)
	status, body = refund(1, `{"provider_id":"custom","amount":1500,"offline":true}`)
	require.Equal(t, http.StatusCreated, status, body)
	require.Equal(t, "Refunded", s.StatusOf(id))
	require.EqualValues(t, 2, s.Available(a, 1))
	require.Len(t, s.Ledger().Refunds, 2)
	var order struct {
		Refunded string `json:"refunded_amount"`
	}
	s.get(fmt.Sprint("v2/orders/", id), &order)
	require.Equal(t, "0.0000", order.Refunded, "the platform's own bug")
}

// inbox is a destination of webhooks.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	got    []string
}

func newInbox(t *testing.T) *inbox {
	in := &inbox{status: http.StatusOK}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		in.mu.Lock()
		defer in.mu.Unlock()
		if err == nil {
			in.got = append(in.got, r.Header.Get("webhook-id")+" "+string(body))
		}
		w.WriteHeader(in.status)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) take() []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := in.got
	in.got = nil
	return out
}

func (in *inbox) answers(status int) {
	in.mu.Lock()
	in.status = status
	in.mu.Unlock()
}

func TestHookRules(t *testing.T) {
	s := open(t)
	for body, status := range map[string]int{
		`{"scope":"store/order/created","destination":"https://hub.example.com/hooks/x"}`:                  200,
		`{"scope":"store/order/updated","destination":"http://hub.example.com/hooks/x"}`:                   422,
		`{"scope":"store/order/updated","destination":"https://hub.example.com:8443/hooks/x"}`:             422,
		`{"scope":"store/rings/created","destination":"https://hub.example.com/"}`:                         400,
		`{"scope":"store/order/updated"}`:                                                                  422,
		`{"scope":"store/order/updated","destination":"https://hub.example.com/","is_active":"yes"}`:       422,
		`{"scope":"store/order/updated","destination":"https://hub.example.com/","colour":"red"}`:          422,
		`{"scope":"store/order/updated","destination":"https://hub.example.com/","headers":{"X-Key":"k"}}`: 200,
	} {
		got, _, answer := s.call("POST", "v3/hooks", body)
		require.Equal(t, status, got, "%s: %s", body, answer)
	}
	for i := range maxHooks {
		got, _, _ := s.call("POST", "v3/hooks", fmt.Sprintf(`{"scope":"store/customer/created","destination":"https://hub.example.com/%d"}`, i))
		require.Equal(t, http.StatusOK, got)
	}
	got, _, _ := s.call("POST", "v3/hooks", `{"scope":"store/customer/created","destination":"https://hub.example.com/more"}`)
	require.Equal(t, http.StatusUnprocessableEntity, got)
}

// What can't be delivered is tried eleven times more over two days; then the hook is off, until somebody puts it on.
func TestHooksAreRetriedAndDeactivated(t *testing.T) {
	s := open(t, func(o *Options) { o.LocalHooks = true })
	in := newInbox(t)
	status, _, body := s.call("POST", "v3/hooks", `{"scope":"store/product/created","destination":"`+in.URL+`"}`)
	require.Equal(t, http.StatusOK, status, body)
	in.answers(http.StatusInternalServerError)
	s.ring("R1", 1)
	began := s.clock.now()
	s.RunWebhooks(t.Context())
	var tries int
	for len(s.ActiveHooks()) > 0 {
		s.clock.advance(time.Minute)
		s.RunWebhooks(t.Context())
		require.Less(t, s.clock.now().Sub(began), 72*time.Hour)
	}
	got := in.take()
	tries = len(got)
	require.Equal(t, 12, tries)
	for _, g := range got {
		require.Equal(t, got[0], g, "each try has the same id and body")
	}
	require.Equal(t, 48, int(s.clock.now().Sub(began).Hours()))
	require.Equal(t, []string{"store/product/created"}, s.Ledger().Deactivated)
	in.answers(http.StatusOK)
	s.ring("R2", 1)
	s.RunWebhooks(t.Context())
	require.Empty(t, in.take(), "what happens while it is off is never told")
	var list struct{ Data []struct{ ID int64 } }
	s.get("v3/hooks?is_active=false", &list)
	status, _, _ = s.call("PUT", fmt.Sprint("v3/hooks/", list.Data[0].ID), `{"is_active":true}`)
	require.Equal(t, http.StatusOK, status)
	s.ring("R3", 1)
	s.RunWebhooks(t.Context())
	require.Len(t, in.take(), 1)
	s.clock.advance(91 * 24 * time.Hour)
	s.get("v3/hooks?is_active=false", &list)
	require.Len(t, list.Data, 1, "three months without traffic")
}

func TestAHostThatFailsIsBlocked(t *testing.T) {
	s := open(t, func(o *Options) { o.LocalHooks = true })
	in := newInbox(t)
	s.call("POST", "v3/hooks", `{"scope":"store/product/created","destination":"`+in.URL+`"}`)
	in.answers(http.StatusBadGateway)
	for i := range 101 {
		s.ring(fmt.Sprint("R", i), 1)
	}
	s.RunWebhooks(t.Context())
	require.Len(t, in.take(), 100, "the rest waits")
	in.answers(http.StatusOK)
	s.clock.advance(2 * time.Minute)
	s.RunWebhooks(t.Context())
	require.Empty(t, in.take())
	s.clock.advance(time.Minute)
	s.RunWebhooks(t.Context())
	require.Len(t, in.take(), 101)
}

// A metafield's change moves no date of its product: it is found by its own date alone.
func TestMetafieldsLeaveTheProductsDate(t *testing.T) {
	s := open(t)
	product, _ := s.ring("R1", 1)
	before := s.clock.now()
	s.clock.advance(time.Minute)
	require.NoError(t, s.SetMetafield(product, "jumpring", "serial", "S-1"))
	var list struct{ Data []struct{ ID int64 } }
	s.get("v3/catalog/products?date_modified:min="+before.Add(time.Second).Format("2006-01-02T15:04:05"), &list)
	require.Empty(t, list.Data)
	s.get(fmt.Sprintf("v3/catalog/products/metafields?resource_id:in=%d&date_modified:min=%s", product, before.Add(time.Second).Format("2006-01-02T15:04:05")), &list)
	require.Len(t, list.Data, 1)
	status, _, body := s.call("POST", fmt.Sprintf("v3/catalog/products/%d/metafields", product), `{"namespace":"jumpring","key":"serial","value":"2","permission_set":"read"}`)
	require.Equal(t, http.StatusConflict, status, body)
}
