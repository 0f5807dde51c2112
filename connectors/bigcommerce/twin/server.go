// Package twin is a sandbox that speaks the REST APIs v2 and v3 of BigCommerce, as strictly as the platform: what it refuses,
// delays and gets wrong is part of it. Tests, the demo and the acceptance kit run the connector against it.
//
// Known differences from the real platform: one store, whose taxes are one rate on everything; no coupons, returns and
// promotions; orders are made by the twin's own shoppers and not through the API; only the resources that a hub uses exist.
package twin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options set up a store.
type Options struct {
	// StoreHash is the store's name in addresses; empty means "twin". Token is the access token of its API account, and
	// ClientID and ClientSecret are the account's: webhooks are signed with the secret.
	StoreHash, Token, ClientID, ClientSecret string
	// Scopes are what the token may do ("store_v2_orders"); nil is everything.
	Scopes []string
	// Currency is an ISO 4217 code with two decimals; empty means EUR.
	Currency string
	// Locations are the store's places of stock, the first one its default; nil is one.
	Locations []Location
	// Channels are the store's sales channels; nil is one storefront with id 1.
	Channels []Channel
	// TaxPercent is added to every price.
	TaxPercent int64
	// Now is the store's clock; nil is the machine's.
	Now func() time.Time
	// Quota is how many requests all programs together may make in 30 seconds; 0 bounds nothing and sends no headers.
	Quota int
	// InventoryLag is how long a change of stock is not seen by reads of the inventory.
	InventoryLag time.Duration
	// KeepStock leaves stock alone when an order is cancelled or refunded in full, as a store may be set up.
	KeepStock bool
	// After makes date_modified:min exclude its own second.
	After bool
	// HookDelay is how long a new webhook does not deliver yet.
	HookDelay time.Duration
	// LocalHooks lets webhooks go to plain http and other ports, which the platform refuses. Unsigned leaves the signature
	// out, as the platform did before it signed.
	LocalHooks, Unsigned bool
	HookClient           *http.Client
	// GatewayDeclines has every refund through a gateway declined.
	GatewayDeclines bool
}

// Location is a place of stock.
type Location struct {
	ID       int64
	Code     string
	Label    string
	Country  string
	Disabled bool
}

// Channel is a sales channel.
type Channel struct {
	ID   int64
	Name string
	Type string // storefront, pos, marketplace
}

// Server is a store. It is an http.Handler.
type Server struct {
	opts Options

	mu        sync.Mutex
	nextID    int64
	products  map[int64]*product
	variants  map[int64]*variant
	brands    map[int64]string
	fields    []*metafield
	lists     map[int64]*priceList
	stock     map[stockKey]*holding
	orders    map[int64]*order
	refunds   map[int64]*refund
	customers map[int64]*customer
	groups    map[int64]string
	hooks     map[int64]*hook
	outbox    []*delivery
	host      map[string]*hostState // of webhooks' destinations
	window    rateWindow
	ledger    Ledger
	counts    Counts
	faults    []*Fault
}

// New opens a store.
func New(opts Options) *Server {
	if opts.StoreHash == "" {
		opts.StoreHash = "twin"
	}
	if opts.Currency == "" {
		opts.Currency = "EUR"
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Locations == nil {
		opts.Locations = []Location{{ID: 1, Code: "BC-LOCATION-1", Label: "Default location", Country: "FR"}}
	}
	if opts.Channels == nil {
		opts.Channels = []Channel{{ID: 1, Name: "Storefront", Type: "storefront"}}
	}
	if opts.HookClient == nil {
		opts.HookClient = &http.Client{Timeout: 10 * time.Second}
	}
	return &Server{
		opts: opts, nextID: 100, products: map[int64]*product{}, variants: map[int64]*variant{}, brands: map[int64]string{}, lists: map[int64]*priceList{},
		stock: map[stockKey]*holding{}, orders: map[int64]*order{}, refunds: map[int64]*refund{}, customers: map[int64]*customer{}, groups: map[int64]string{},
		hooks: map[int64]*hook{}, host: map[string]*hostState{},
	}
}

// now is the store's clock, of one second.
func (s *Server) now() time.Time { return s.opts.Now().UTC().Truncate(time.Second) }

func (s *Server) id() int64 {
	s.nextID++
	return s.nextID
}

// request is a call on its way.
type request struct {
	v2    bool
	query url.Values
	vars  map[string]string
	body  []byte
}

// route is one of the platform's.
type route struct {
	method, path string
	scope        string // what the token needs, without "_read_only", which is enough for GET
	query        string // the parameters that it knows, separated by spaces
	serve        func(*Server, *request) *response
}

const (
	paged  = "page limit "
	cursed = paged + "before after "
)

func routes() []route {
	const (
		products, orders, transactions = "store_v2_products", "store_v2_orders", "store_v2_transactions"
		customers, inventory, info     = "store_v2_customers", "store_inventory", "store_v2_information"
		metafields                     = cursed + "key key:in namespace namespace:in direction include_fields resource_id:in date_modified:min date_modified:max date_created:min date_created:max"
	)
	return []route{
		{"GET", "v2/store", info, "", (*Server).getStore},
		{"GET", "v2/time", info, "", (*Server).getTime},
		{"GET", "v2/customer_groups", customers, paged + "name", (*Server).listGroups},
		{"GET", "v2/orders", orders, paged + "min_id max_id customer_id email status_id min_date_created max_date_created min_date_modified max_date_modified sort channel_id include consignment_structure external_order_id", (*Server).listOrders},
		{"GET", "v2/orders/{id}", orders, "include consignment_structure", (*Server).getOrder},
		{"PUT", "v2/orders/{id}", orders, "", (*Server).putOrder},
		{"GET", "v2/orders/{id}/products", orders, paged, (*Server).listOrderProducts},
		{"GET", "v2/orders/{id}/shipping_addresses", orders, paged, (*Server).listShippingAddresses},
		{"GET", "v2/orders/{id}/shipments", orders, paged, (*Server).listShipments},
		{"GET", "v3/orders/{id}/transactions", transactions, "", (*Server).listTransactions},
		{"POST", "v3/orders/{id}/payment_actions/refund_quotes", transactions, "", (*Server).quoteRefund},
		{"POST", "v3/orders/{id}/payment_actions/refunds", transactions, "transaction_id", (*Server).createRefund},
		{"POST", "v3/orders/{id}/payment_actions/void", transactions, "", (*Server).voidPayment},
		{"GET", "v3/orders/{id}/payment_actions/refunds", transactions, "transaction_id", (*Server).listOrderRefunds},
		{"GET", "v3/orders/payment_actions/refunds", transactions, paged + "order_id:in id:in created:min created:max transaction_id", (*Server).listRefunds},
		{"GET", "v3/catalog/products", products, paged + "id id:in id:min id:greater channel_id:in include include_fields direction sort date_modified date_modified:min date_modified:max sku sku:in", (*Server).listProducts},
		{"GET", "v3/catalog/products/metafields", products, metafields, (*Server).listProductMetafields},
		{"POST", "v3/catalog/products/{id}/metafields", products, "", (*Server).createProductMetafield},
		{"GET", "v3/catalog/variants", products, paged + "id sku upc include_fields exclude_fields product_id:in", (*Server).listVariants},
		{"GET", "v3/catalog/variants/metafields", products, metafields, (*Server).listVariantMetafields},
		{"GET", "v3/catalog/brands", products, paged + "id id:in name", (*Server).listBrands},
		{"GET", "v3/pricelists", products, cursed + "id:in name", (*Server).listPriceLists},
		{"GET", "v3/pricelists/assignments", products, cursed + "price_list_id customer_group_id channel_id id:in price_list_id:in", (*Server).listAssignments},
		{"GET", "v3/pricelists/{id}/records", products, cursed + "variant_id:in product_id:in currency include date_modified:min date_modified:max", (*Server).listRecords},
		{"GET", "v3/customers", customers, cursed + "id:in email:in customer_group_id:in date_modified date_modified:min date_modified:max date_created:min date_created:max include sort", (*Server).listCustomers},
		{"GET", "v3/inventory/locations", inventory, paged + "location_id:in location_code:in is_active is_default", (*Server).listLocations},
		{"GET", "v3/inventory/items", inventory, paged + "sku:in variant_id:in product_id:in location_id:in location_code:in", (*Server).listItems},
		{"PUT", "v3/inventory/adjustments/absolute", inventory, "", (*Server).adjustAbsolute},
		{"POST", "v3/inventory/adjustments/relative", inventory, "", (*Server).adjustRelative},
		{"GET", "v3/channels", info, paged + "available status:in type:in include", (*Server).listChannels},
		{"GET", "v3/hooks", info, paged + "is_active scope destination", (*Server).listHooks},
		{"POST", "v3/hooks", info, "", (*Server).createHook},
		{"PUT", "v3/hooks/{id}", info, "", (*Server).updateHook},
		{"DELETE", "v3/hooks/{id}", info, "", (*Server).deleteHook},
	}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_twin/") {
		s.control(w, r)
		return
	}
	w.Header().Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
	if s.throttle(w) {
		problem(r.URL.Path, http.StatusTooManyRequests, "Too many requests", nil).write(w)
		return
	}
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

// rest answers a request in the platform's order: store, token, route, scope, parameters.
func (s *Server) rest(r *http.Request) *response {
	path := r.URL.Path
	rest, ok := strings.CutPrefix(path, "/stores/"+s.opts.StoreHash+"/")
	if !ok {
		return problem(path, http.StatusNotFound, "Not found: there is no such store", nil)
	}
	body, refused := readBody(r)
	if refused != nil {
		return refused
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts.Requests++
	switch token := r.Header.Get("X-Auth-Token"); {
	case token == "":
		return problem(path, http.StatusUnauthorized, "X-Auth-Token header is required", nil)
	case token != s.opts.Token:
		return problem(path, http.StatusUnauthorized, "Unauthorized - the token in the request is not valid for this store.", nil)
	}
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	known := false
	for _, rt := range routes() {
		vars, fits := match(rt.path, parts)
		if !fits {
			continue
		}
		known = true
		if rt.method != r.Method {
			continue
		}
		if !s.allowed(rt) {
			return problem(path, http.StatusForbidden, "You don't have a required scope to access the endpoint", nil)
		}
		req := &request{v2: strings.HasPrefix(rt.path, "v2/"), query: r.URL.Query(), vars: vars, body: body}
		if req.v2 && !strings.Contains(r.Header.Get("Accept"), "application/json") {
			return &response{status: http.StatusOK, kind: "application/xml", body: []byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?><result/>")}
		}
		if r.Method != http.MethodGet {
			s.counts.Writes++
		}
		if refused := req.check(rt); refused != nil {
			return refused
		}
		return rt.serve(s, req).seal()
	}
	if known {
		return problem(path, http.StatusMethodNotAllowed, "Method not allowed", nil)
	}
	return problem(path, http.StatusNotFound, "The route is not found, check the URL", nil)
}

func (s *Server) allowed(rt route) bool {
	if s.opts.Scopes == nil || slices.Contains(s.opts.Scopes, rt.scope) {
		return true
	}
	return rt.method == http.MethodGet && slices.Contains(s.opts.Scopes, rt.scope+"_read_only")
}

// match compares a path with a route's; what is in braces stands for one number.
func match(pattern string, parts []string) (map[string]string, bool) {
	want := strings.Split(pattern, "/")
	if len(want) != len(parts) {
		return nil, false
	}
	vars := map[string]string{}
	for i, w := range want {
		if name, isVar := strings.CutPrefix(w, "{"); isVar {
			if _, ok := number(parts[i]); !ok {
				return nil, false
			}
			vars[strings.TrimSuffix(name, "}")] = parts[i]
			continue
		}
		if w != parts[i] {
			return nil, false
		}
	}
	return vars, true
}
