package twin

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
)

// route is one of the API's routes with its methods. Handlers run under the shop's lock.
type route struct {
	pattern *regexp.Regexp
	methods map[string]func(s *Server, r *request, ids []int64) *response
}

func handle(pattern string, methods map[string]func(s *Server, r *request, ids []int64) *response) route {
	return route{regexp.MustCompile("^wc/v3/" + pattern + "$"), methods}
}

type handler = func(s *Server, r *request, ids []int64) *response

var routes = []route{
	handle(`products`, map[string]handler{
		"GET":  func(s *Server, r *request, _ []int64) *response { return s.listProducts(r, 0) },
		"POST": func(s *Server, r *request, _ []int64) *response { return s.postProduct(r, 0) },
	}),
	handle(`products/batch`, edit(func(s *Server, r *request, _ []int64) *response { return s.batchProducts(r, 0) })),
	handle(`products/(\d+)`, resource(getProduct, putProduct, deleteProduct)),
	handle(`products/(\d+)/variations`, map[string]handler{
		"GET": func(s *Server, r *request, ids []int64) *response {
			if s.products[ids[0]] == nil {
				return notFound("product").response()
			}
			return s.listProducts(r, ids[0])
		},
		"POST": func(s *Server, r *request, ids []int64) *response { return s.postProduct(r, ids[0]) },
	}),
	handle(`products/(\d+)/variations/batch`, edit(func(s *Server, r *request, ids []int64) *response { return s.batchProducts(r, ids[0]) })),
	handle(`products/(\d+)/variations/(\d+)`, resource(getProduct, putProduct, deleteProduct)),
	handle(`orders`, map[string]handler{
		"GET":  func(s *Server, r *request, _ []int64) *response { return s.listOrders(r) },
		"POST": postOrder,
	}),
	handle(`orders/(\d+)`, resource(getOrder, putOrder, deleteOrder)),
	handle(`payment_gateways/[\w-]+`, map[string]handler{"GET": getGateway}),
	handle(`orders/(\d+)/refunds`, map[string]handler{"GET": listRefunds, "POST": postRefund}),
	handle(`orders/(\d+)/refunds/(\d+)`, map[string]handler{"GET": getRefund}),
	handle(`customers`, map[string]handler{
		"GET":  func(s *Server, r *request, _ []int64) *response { return s.listCustomers(r) },
		"POST": postCustomer,
	}),
	handle(`customers/(\d+)`, resource(getCustomer, putCustomer, deleteCustomer)),
	handle(`webhooks`, map[string]handler{
		"GET":  func(s *Server, r *request, _ []int64) *response { return s.listWebhooks(r) },
		"POST": postWebhook,
	}),
	handle(`webhooks/(\d+)`, resource(getWebhook, putWebhook, deleteWebhook)),
	handle(`data/currencies/current`, map[string]handler{"GET": func(s *Server, r *request, _ []int64) *response {
		if e := s.mustRead(r); e != nil {
			return e.response()
		}
		return jsonResponse(http.StatusOK, map[string]any{"code": s.opts.Currency, "name": s.opts.Currency, "symbol": s.opts.Currency})
	}}),
	handle(`system_status`, map[string]handler{"GET": func(s *Server, r *request, _ []int64) *response {
		if e := s.mustRead(r); e != nil {
			return e.response()
		}
		return jsonResponse(http.StatusOK, map[string]any{
			"environment": map[string]any{"home_url": s.home, "site_url": s.home, "version": "10.0.2", "wp_version": "6.8.3", "default_timezone": "UTC"},
			"settings":    map[string]any{"api_enabled": false, "force_ssl": false, "currency": s.opts.Currency, "number_of_decimals": 2},
		})
	}}),
}

func edit(h handler) map[string]handler { return map[string]handler{"POST": h, "PUT": h, "PATCH": h} }

func resource(get, put, del handler) map[string]handler {
	return map[string]handler{"GET": get, "POST": put, "PUT": put, "PATCH": put, "DELETE": del}
}

// dispatch finds the route and runs it.
func (s *Server) dispatch(r *request) *response {
	if r.path == "" || r.path == "wc/v3" {
		return jsonResponse(http.StatusOK, map[string]any{"namespace": "wc/v3", "routes": map[string]any{}})
	}
	for _, rt := range routes {
		m := rt.pattern.FindStringSubmatch(r.path)
		if m == nil {
			continue
		}
		h := rt.methods[r.method]
		if h == nil {
			break // WordPress answers rest_no_route for a wrong method too
		}
		ids := make([]int64, 0, 2)
		for _, g := range m[1:] {
			n, err := strconv.ParseInt(g, 10, 64)
			if err != nil {
				return invalidParam("id", "id is not of type integer.").response()
			}
			ids = append(ids, n)
		}
		s.mu.Lock()
		if r.method != http.MethodGet {
			s.counts.Writes++
		}
		resp := h(s, r, ids)
		s.mu.Unlock()
		// What has to leave the shop during the request (a ping) does so without holding it up for others.
		if r.ping != nil {
			s.ping(r.http.Context(), r.ping.id, r.ping.url)
		}
		return resp
	}
	return (&apiError{http.StatusNotFound, "rest_no_route", "No route was found matching the URL and request method.", nil}).response()
}

// mustRead and mayWrite are the rights of the user: an anonymous visitor has none.
func (s *Server) mustRead(r *request) *apiError {
	if r.key == nil {
		return &apiError{http.StatusUnauthorized, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.", nil}
	}
	return nil
}

func (r *request) mayWrite(what string) *apiError {
	if r.key == nil {
		return &apiError{http.StatusUnauthorized, "woocommerce_rest_cannot_" + what, "Sorry, you are not allowed to " + what + " resources.", nil}
	}
	return nil
}

func notFound(kind string) *apiError {
	return &apiError{http.StatusNotFound, "woocommerce_rest_" + kind + "_invalid_id", "Invalid ID.", nil}
}

// badUpdate is what a write to an unknown id gets: 400, unlike a read.
func badUpdate(kind string) *apiError {
	return &apiError{http.StatusBadRequest, "woocommerce_rest_" + kind + "_invalid_id", "Invalid ID.", nil}
}

// find looks a product up by the ids of its route: product, or product and variation.
func (s *Server) find(ids []int64) (*product, string) {
	p := s.products[ids[len(ids)-1]]
	kind := "product"
	if len(ids) == 2 {
		kind = "product_variation"
		if p != nil && p.parent != ids[0] {
			p = nil
		}
	}
	return p, kind
}

func (s *Server) show(p *product, ids []int64) map[string]any {
	if len(ids) == 2 {
		return s.variationJSON(p)
	}
	return s.productJSON(p)
}

func getProduct(s *Server, r *request, ids []int64) *response {
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	p, kind := s.find(ids)
	if p == nil {
		return notFound(kind).response()
	}
	return jsonResponse(http.StatusOK, s.show(p, ids))
}

// variationByProduct is the refusal of a write to a variation through the products' route.
func variationByProduct() *apiError {
	return &apiError{http.StatusNotFound, "woocommerce_rest_invalid_product_id", "To manipulate product variations you should use the /products/&lt;product_id&gt;/variations/&lt;id&gt; endpoint.", nil}
}

func putProduct(s *Server, r *request, ids []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("edit")
	}
	if err != nil {
		return err.response()
	}
	p, kind := s.find(ids)
	switch {
	case p == nil:
		return badUpdate(kind).response()
	case len(ids) == 1 && p.parent != 0:
		return variationByProduct().response()
	}
	if err := s.updateProduct(p, b); err != nil {
		return err.response()
	}
	return jsonResponse(http.StatusOK, s.show(p, ids))
}

func deleteProduct(s *Server, r *request, ids []int64) *response {
	if e := r.mayWrite("delete"); e != nil {
		return e.response()
	}
	p, kind := s.find(ids)
	if p == nil {
		return notFound(kind).response()
	}
	shown := s.show(p, ids)
	s.trash(p, r.query.Get("force") == "true")
	return jsonResponse(http.StatusOK, shown)
}

func (s *Server) postProduct(r *request, parent int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("create")
	}
	if err != nil {
		return err.response()
	}
	if parent != 0 && s.products[parent] == nil {
		return notFound("product").response()
	}
	p, err := s.createProduct(parent, b)
	if err != nil {
		return err.response()
	}
	if parent != 0 {
		return jsonResponse(http.StatusCreated, s.variationJSON(p))
	}
	return jsonResponse(http.StatusCreated, s.productJSON(p))
}

// batchProducts does up to 100 creations, updates and deletions, each with its own answer.
func (s *Server) batchProducts(r *request, parent int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("batch")
	}
	if err != nil {
		return err.response()
	}
	total := 0
	for _, what := range []string{"create", "update", "delete"} {
		list, _ := b[what].([]any)
		total += len(list)
	}
	if total > 100 {
		return (&apiError{http.StatusRequestEntityTooLarge, "woocommerce_rest_request_entity_too_large", "Unable to accept more than 100 items for this request.", nil}).response()
	}
	if total == 0 {
		s.counts.Writes-- // nothing was written
	}
	show := func(p *product) map[string]any {
		if parent != 0 {
			return s.variationJSON(p)
		}
		return s.productJSON(p)
	}
	itemError := func(id int64, e *apiError) map[string]any {
		return map[string]any{"id": id, "error": map[string]any{"code": e.code, "message": e.message, "data": map[string]any{"status": e.status}}}
	}
	out := map[string]any{}
	kind := "product"
	if parent != 0 {
		kind = "product_variation"
	}
	for _, what := range []string{"create", "update", "delete"} {
		list, ok := b[what].([]any)
		if !ok {
			continue
		}
		rows := []any{}
		for _, e := range list {
			item, _ := e.(map[string]any)
			if n, isID := e.(json.Number); isID {
				item = map[string]any{"id": n}
			}
			id, _, _ := intField(item, "id")
			p := s.products[id]
			if p != nil && p.parent != parent {
				p = nil
			}
			switch {
			case what == "create":
				if made, err := s.createProduct(parent, item); err != nil {
					rows = append(rows, itemError(0, err))
				} else {
					rows = append(rows, show(made))
				}
			case p == nil:
				rows = append(rows, itemError(id, badUpdate(kind)))
			case what == "delete":
				rows = append(rows, show(p))
				s.trash(p, true)
			default:
				if err := s.updateProduct(p, item); err != nil {
					rows = append(rows, itemError(id, err))
				} else {
					rows = append(rows, show(p))
				}
			}
		}
		out[what] = rows
	}
	if len(out) == 0 {
		return jsonResponse(http.StatusOK, []any{}) // PHP's empty array
	}
	return jsonResponse(http.StatusOK, out)
}
