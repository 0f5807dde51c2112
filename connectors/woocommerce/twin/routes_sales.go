package twin

import (
	"net/http"
	"slices"
	"strings"
)

func getOrder(s *Server, r *request, ids []int64) *response {
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	o := s.orders[ids[0]]
	if o == nil {
		return notFound("shop_order").response()
	}
	return jsonResponse(http.StatusOK, s.orderJSON(o))
}

func postOrder(s *Server, r *request, _ []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("create")
	}
	if err != nil {
		return err.response()
	}
	o, err := s.createOrder(b)
	if err != nil {
		return err.response()
	}
	return jsonResponse(http.StatusCreated, s.orderJSON(o))
}

func putOrder(s *Server, r *request, ids []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("edit")
	}
	if err != nil {
		return err.response()
	}
	o := s.orders[ids[0]]
	if o == nil {
		return badUpdate("shop_order").response()
	}
	if err := s.updateOrder(o, b); err != nil {
		return err.response()
	}
	return jsonResponse(http.StatusOK, s.orderJSON(o))
}

func deleteOrder(s *Server, r *request, ids []int64) *response {
	if e := r.mayWrite("delete"); e != nil {
		return e.response()
	}
	o := s.orders[ids[0]]
	if o == nil {
		return notFound("shop_order").response()
	}
	shown := s.orderJSON(o)
	if r.query.Get("force") == "true" {
		delete(s.orders, o.id)
	} else {
		o.status, o.modified = "trash", s.now() // gives back no stock
	}
	s.fire("order.deleted", o.id)
	return jsonResponse(http.StatusOK, shown)
}

func getGateway(s *Server, r *request, _ []int64) *response {
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	id := strings.TrimPrefix(r.path, "wc/v3/payment_gateways/")
	refunds, exists := s.opts.Gateways[id]
	if !exists {
		return (&apiError{http.StatusNotFound, "woocommerce_rest_payment_gateway_invalid", "Resource does not exist.", nil}).response()
	}
	supports := []string{"products"}
	if refunds {
		supports = append(supports, "refunds")
	}
	return jsonResponse(http.StatusOK, map[string]any{"id": id, "title": id, "enabled": true, "method_title": id, "method_supports": supports})
}

func noOrder() *apiError {
	return &apiError{http.StatusNotFound, "woocommerce_rest_invalid_order_id", "Invalid order ID.", nil}
}

func listRefunds(s *Server, r *request, ids []int64) *response {
	c, err := r.collection([]string{"date", "id", "include", "title", "slug", "modified"}, "date", "desc")
	if err == nil {
		err = s.mustRead(r)
	}
	if err != nil {
		return err.response()
	}
	o := s.orders[ids[0]]
	if o == nil {
		return noOrder().response()
	}
	return s.listResponse(r, c, len(o.refunds), func(i int) any { return s.refundJSON(o, o.refunds[i]) })
}

func getRefund(s *Server, r *request, ids []int64) *response {
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	o := s.orders[ids[0]]
	if o == nil {
		return noOrder().response()
	}
	at := slices.IndexFunc(o.refunds, func(f *refund) bool { return f.id == ids[1] })
	if at < 0 {
		return notFound("shop_order_refund").response()
	}
	return jsonResponse(http.StatusOK, s.refundJSON(o, o.refunds[at]))
}

func postRefund(s *Server, r *request, ids []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("create")
	}
	if err != nil {
		return err.response()
	}
	o := s.orders[ids[0]]
	if o == nil {
		return noOrder().response()
	}
	made, err := s.createRefund(o, b)
	if err != nil {
		return err.response()
	}
	return jsonResponse(http.StatusCreated, s.refundJSON(o, made))
}

func noCustomer(status int) *apiError {
	return &apiError{status, "woocommerce_rest_invalid_id", "Invalid resource ID.", nil}
}

func getCustomer(s *Server, r *request, ids []int64) *response {
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	c := s.customers[ids[0]]
	if c == nil {
		return noCustomer(http.StatusNotFound).response()
	}
	return jsonResponse(http.StatusOK, s.customerJSON(c))
}

func postCustomer(s *Server, r *request, _ []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("create")
	}
	if err != nil {
		return err.response()
	}
	c, err := s.createCustomer(b)
	if err != nil {
		return err.response()
	}
	return jsonResponse(http.StatusCreated, s.customerJSON(c))
}

func putCustomer(s *Server, r *request, ids []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("edit")
	}
	if err != nil {
		return err.response()
	}
	c := s.customers[ids[0]]
	if c == nil {
		return noCustomer(http.StatusBadRequest).response()
	}
	if err := s.customerBody(c, b); err != nil {
		return err.response()
	}
	c.modified = s.now()
	s.fire("customer.updated", c.id)
	return jsonResponse(http.StatusOK, s.customerJSON(c))
}

func deleteCustomer(s *Server, r *request, ids []int64) *response {
	if e := r.mayWrite("delete"); e != nil {
		return e.response()
	}
	c := s.customers[ids[0]]
	if c == nil {
		return noCustomer(http.StatusBadRequest).response()
	}
	if r.query.Get("force") != "true" {
		return (&apiError{http.StatusNotImplemented, "woocommerce_rest_trash_not_supported", "Customers do not support trashing.", nil}).response()
	}
	delete(s.customers, c.id)
	s.fire("customer.deleted", c.id)
	return jsonResponse(http.StatusOK, s.customerJSON(c))
}

func getWebhook(s *Server, r *request, ids []int64) *response {
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	h := s.webhooks[ids[0]]
	if h == nil {
		return notFound("shop_webhook").response()
	}
	return jsonResponse(http.StatusOK, s.webhookJSON(h))
}

func postWebhook(s *Server, r *request, _ []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("create")
	}
	if err != nil {
		return err.response()
	}
	h := &webhook{id: s.id(), status: "active", secret: randomSecret(), created: s.now()}
	if _, err := s.webhookBody(h, b, true); err != nil {
		return err.response()
	}
	s.webhooks[h.id] = h
	r.pingAfter(h)
	return jsonResponse(http.StatusCreated, s.webhookJSON(h))
}

func putWebhook(s *Server, r *request, ids []int64) *response {
	b, err := r.body()
	if err == nil {
		err = r.mayWrite("edit")
	}
	if err != nil {
		return err.response()
	}
	h := s.webhooks[ids[0]]
	if h == nil {
		return badUpdate("shop_webhook").response()
	}
	moved, err := s.webhookBody(h, b, false)
	if err != nil {
		return err.response()
	}
	if moved {
		r.pingAfter(h)
	}
	return jsonResponse(http.StatusOK, s.webhookJSON(h))
}

// pingAfter has the ping sent when the request's work is done, still within the request, as the shop does.
func (r *request) pingAfter(h *webhook) {
	copied := *h
	r.ping = &copied
}

func deleteWebhook(s *Server, r *request, ids []int64) *response {
	if e := r.mayWrite("delete"); e != nil {
		return e.response()
	}
	if r.query.Get("force") != "true" {
		return (&apiError{http.StatusNotImplemented, "woocommerce_rest_trash_not_supported", "Webhooks do not support trashing.", nil}).response()
	}
	h := s.webhooks[ids[0]]
	if h == nil {
		return notFound("shop_webhook").response()
	}
	delete(s.webhooks, h.id)
	return jsonResponse(http.StatusOK, s.webhookJSON(h))
}
