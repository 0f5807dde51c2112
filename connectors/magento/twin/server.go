// Package twin is a sandbox that speaks the REST API of Magento 2 / Adobe Commerce, as strictly as a running shop of
// version 2.4: what it refuses, forgets, delays and gets wrong is part of it. Tests, the demo and the acceptance kit run
// the connector against it.
//
// Known differences from the real shop: one website with one stock; no taxes, coupons, quotes and shipping costs; prices
// have two decimals; only the resources that a hub uses exist.
package twin

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options set up a shop.
type Options struct {
	// HomeURL is the shop's own address, against which signatures are checked. Empty takes it from the first request.
	HomeURL string
	// ConsumerKey, ConsumerSecret, AccessToken and AccessTokenSecret are those of the shop's integration.
	ConsumerKey, ConsumerSecret, AccessToken, AccessTokenSecret string
	// IntegrationAsBearer lets the access token alone through, as oauth/consumer/enable_integration_as_bearer does. The
	// vendor ships it off.
	IntegrationAsBearer bool
	// AdminUser and AdminPassword are of a person who may get a token for four hours; empty for none. TwoFactor refuses it
	// the way the vendor's module does.
	AdminUser, AdminPassword string
	TwoFactor                bool
	// Resources are what the integration may do ("Magento_Sales::actions_view"); nil is everything.
	Resources []string
	// Currency is an ISO 4217 code with two decimals; empty means EUR.
	Currency string
	// Sources are the shop's stock places in the order of their priority; nil is one, "default".
	Sources []Source
	// Now is the shop's clock; nil is the machine's.
	Now func() time.Time
	// IndexLag is how long the stock index stays behind the sources.
	IndexLag time.Duration
	// InputLimits switches on the vendor's limits: 20 rows of an array, 5000 in async calls, pages of 300 at most and of 20
	// where none is asked for.
	InputLimits bool
	// NoConsumers leaves async operations open for ever, as a shop whose message consumers don't run.
	NoConsumers bool
	// AsyncDelay is how long an async operation stays open.
	AsyncDelay time.Duration
	// RequestsPerSecond refuses requests beyond this with 429 and Retry-After, as a firewall in front of the shop does; 0
	// does not.
	RequestsPerSecond float64
	// Events is where Adobe I/O Events are delivered; empty is a shop without them (Open Source). EventsClientID is the
	// recipient that events are signed for.
	Events         string
	EventsClientID string
	EventsClient   *http.Client
	// Drop, Duplicate and Reorder are the shares of events that are lost, sent twice and sent after newer ones; 0 to 1. Seed
	// chooses them.
	Drop, Duplicate, Reorder float64
	Seed                     uint64
}

// Source is a place of stock.
type Source struct {
	Code     string
	Name     string
	Country  string
	Disabled bool
}

// defaultStock is the stock of the only website "base".
const defaultStock = 1

// Server is a shop. It is an http.Handler.
type Server struct {
	opts Options
	pace *rate.Limiter // nil for none

	mu        sync.Mutex
	home      string
	nextID    int64
	products  map[int64]row
	skus      map[string]int64 // products by SKU in small letters
	attrs     []row
	orders    map[int64]row
	memos     map[int64]row
	invoices  map[int64]row
	customers map[int64]row
	stock     inventory
	nonces    map[string]time.Time
	admins    map[string]time.Time // tokens of people, until when
	bulks     map[string]*bulk
	events    eventing
	ledger    Ledger
	counts    Counts
	faults    []*Fault
}

// New opens a shop.
func New(opts Options) *Server {
	if opts.Currency == "" {
		opts.Currency = "EUR"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Sources == nil {
		opts.Sources = []Source{{Code: "default", Name: "Default Source", Country: "FR"}}
	}
	s := &Server{
		opts: opts, home: strings.TrimRight(opts.HomeURL, "/"), nextID: 100, products: map[int64]row{}, skus: map[string]int64{}, orders: map[int64]row{}, memos: map[int64]row{},
		invoices: map[int64]row{}, customers: map[int64]row{}, nonces: map[string]time.Time{}, admins: map[string]time.Time{}, bulks: map[string]*bulk{},
		stock: inventory{items: map[itemKey]*sourceItem{}, index: map[string]indexed{}, reserved: map[string]int64{}},
	}
	s.attrs = vendorAttributes()
	s.events.open(opts)
	if r := opts.RequestsPerSecond; r > 0 {
		s.pace = rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	return s
}

// now is the shop's clock, of one second.
func (s *Server) now() time.Time { return s.opts.Now().UTC().Truncate(time.Second) }

// stamp is a time as the shop writes it: UTC without a zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func (s *Server) id() int64 {
	s.nextID++
	return s.nextID
}

// request is a REST call on its way.
type request struct {
	http  *http.Request
	query url.Values
	vars  map[string]string
	body  []byte
	async bool
}

// route is one of the vendor's.
type route struct {
	method, path string
	resource     string // what the caller needs; "anonymous" for nothing
	list         bool   // needs searchCriteria
	serve        func(*Server, *request) *response
}

func routes() []route {
	return []route{
		{"POST", "V1/integration/admin/token", "anonymous", false, (*Server).adminToken},
		{"GET", "V1/modules", "Magento_Backend::admin", false, (*Server).modules},
		{"GET", "V1/store/storeConfigs", "Magento_Backend::store", false, (*Server).storeConfigs},
		{"GET", "V1/store/storeViews", "Magento_Backend::store", false, (*Server).storeViews},
		{"GET", "V1/store/websites", "Magento_Backend::store", false, (*Server).websites},
		{"GET", "V1/products", "Magento_Catalog::products", true, (*Server).listProducts},
		{"POST", "V1/products", "Magento_Catalog::products", false, (*Server).saveProduct},
		{"PUT", "V1/products/{sku}", "Magento_Catalog::products", false, (*Server).saveProduct},
		{"GET", "V1/products/attributes", "Magento_Catalog::attributes_attributes", true, (*Server).listAttributes},
		{"GET", "V1/products/attributes/{code}/options", "Magento_Catalog::attributes_attributes", false, (*Server).attributeOptions},
		{"GET", "V1/products/{sku}", "Magento_Catalog::products", false, (*Server).getProduct},
		{"DELETE", "V1/products/{sku}", "Magento_Catalog::products", false, (*Server).deleteProduct},
		{"GET", "V1/inventory/sources", "Magento_InventoryApi::source", true, (*Server).listSources},
		{"GET", "V1/inventory/stock-source-links", "Magento_InventoryApi::stock_source_link", true, (*Server).listLinks},
		{"GET", "V1/inventory/stock-resolver/{type}/{code}", "Magento_InventoryApi::stock", false, (*Server).resolveStock},
		{"GET", "V1/inventory/source-items", "Magento_InventoryApi::source", true, (*Server).listSourceItems},
		{"POST", "V1/inventory/source-items", "Magento_InventoryApi::source", false, (*Server).saveSourceItems},
		{"GET", "V1/inventory/get-product-salable-quantity/{sku}/{stock}", "Magento_InventoryApi::stock", false, (*Server).salableQuantity},
		{"GET", "V1/inventory/export-stock-salable-qty/{type}/{code}", "Magento_InventoryApi::stock", true, (*Server).exportSalable},
		{"GET", "V1/orders", "Magento_Sales::actions_view", true, (*Server).listOrders},
		{"GET", "V1/orders/items", "Magento_Sales::actions_view", true, (*Server).listOrderItems},
		{"PUT", "V1/orders/create", "Magento_Sales::create", false, (*Server).createOrder},
		{"GET", "V1/orders/{id}", "Magento_Sales::actions_view", false, (*Server).getOrder},
		{"POST", "V1/orders/{id}/cancel", "Magento_Sales::cancel", false, (*Server).cancelByAPI},
		{"POST", "V1/orders/{id}/comments", "Magento_Sales::comment", false, (*Server).commentOrder},
		{"POST", "V1/order/{id}/invoice", "Magento_Sales::sales", false, (*Server).invoiceByAPI},
		{"POST", "V1/order/{id}/ship", "Magento_Sales::ship", false, (*Server).shipByAPI},
		{"POST", "V1/order/{id}/refund", "Magento_Sales::creditmemo", false, (*Server).refundOrder},
		{"POST", "V1/invoice/{id}/refund", "Magento_Sales::sales", false, (*Server).refundInvoice},
		{"GET", "V1/invoices", "Magento_Sales::sales", true, (*Server).listInvoices},
		{"GET", "V1/creditmemos", "Magento_Sales::sales_creditmemo", true, (*Server).listMemos},
		{"GET", "V1/customers/search", "Magento_Customer::customer", true, (*Server).listCustomers},
		{"GET", "V1/customerGroups/search", "Magento_Customer::group", true, (*Server).listGroups},
		{"GET", "V1/bulk/{uuid}/detailed-status", "Magento_Logging::system_magento_logging_bulk_operations", false, (*Server).bulkStatus},
		{"GET", "V1/eventing/getEventSubscriptions", "Magento_AdobeCommerceEventsClient::event_subscribe", false, (*Server).subscriptions},
		{"POST", "V1/eventing/eventSubscribe", "Magento_AdobeCommerceEventsClient::event_subscribe", false, (*Server).subscribe},
		{"POST", "V1/eventing/eventUnsubscribe/{name}", "Magento_AdobeCommerceEventsClient::event_subscribe", false, (*Server).unsubscribe},
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.home == "" {
		s.home = "http://" + r.Host
		if r.TLS != nil {
			s.home = "https://" + r.Host
		}
	}
	s.mu.Unlock()
	switch {
	case strings.HasPrefix(r.URL.Path, "/_twin/"):
		s.control(w, r)
		return
	case strings.HasPrefix(r.URL.Path, "/prod/keys/"):
		s.serveKey(w, r)
		return
	case s.pace != nil && !s.pace.Allow():
		s.mu.Lock()
		s.counts.Throttled++
		s.mu.Unlock()
		w.Header().Set("Retry-After", "1")
		page(http.StatusTooManyRequests, "Too Many Requests").write(w)
		return
	}
	w.Header().Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
	fault := s.takeFault(r)
	if fault != nil && fault.before(w, r) {
		return
	}
	resp := s.rest(r)
	if fault != nil && fault.after(w) {
		return
	}
	resp.write(w)
}

// rest answers a request in the vendor's order: route, rights, parameters.
func (s *Server) rest(r *http.Request) *response {
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	if len(parts) == 0 || parts[0] != "rest" {
		return page(http.StatusNotFound, "404 Not Found")
	}
	parts = parts[1:]
	req := &request{http: r, query: r.URL.Query()}
	if len(parts) > 0 && parts[0] != "V1" && parts[0] != "async" { // a store view's code
		if parts[0] != "all" && parts[0] != "default" {
			return failure(http.StatusNotFound, "The store that was requested wasn't found. Verify the store and try again.")
		}
		parts = parts[1:]
	}
	if len(parts) > 0 && parts[0] == "async" {
		req.async, parts = true, parts[1:]
	}
	body, resp := readBody(r)
	if resp != nil {
		return resp
	}
	req.body = body
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Requests++
	for _, rt := range routes() {
		vars, ok := match(rt.path, parts)
		if !ok || rt.method != r.Method || req.async && r.Method == http.MethodGet {
			continue
		}
		req.vars = vars
		if resp := s.authorize(r, rt.resource); resp != nil {
			return resp
		}
		if r.Method != http.MethodGet {
			s.counts.Writes++
		}
		if rt.list {
			if resp := s.checkSearch(req); resp != nil {
				return resp
			}
		}
		if req.async {
			return s.schedule(req, rt)
		}
		return rt.serve(s, req).only(req.query.Get("fields")).seal()
	}
	return failure(http.StatusNotFound, "Request does not match any route.")
}

// match compares a path with a route's; what is in braces stands for one part, unescaped.
func match(pattern string, parts []string) (map[string]string, bool) {
	want := strings.Split(pattern, "/")
	if len(want) != len(parts) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		if name, isVar := strings.CutPrefix(w, "{"); isVar {
			v, err := url.PathUnescape(parts[i])
			if err != nil || v == "" || strings.Contains(v, "/") { // the web server does not let %2F through
				return nil, false
			}
			vars[strings.TrimSuffix(name, "}")] = v
			continue
		}
		if w != parts[i] {
			return nil, false
		}
	}
	return vars, true
}
