package twin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Address is a billing or shipping address.
type Address struct {
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Company   string `json:"company"`
	Address1  string `json:"address_1"`
	Address2  string `json:"address_2"`
	City      string `json:"city"`
	State     string `json:"state"`
	Postcode  string `json:"postcode"`
	Country   string `json:"country"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
}

type line struct {
	id                 int64
	product, variation int64
	name, sku          string
	quantity           int64
	subtotal, total    int64 // cents
	reduced            int64 // _reduced_stock
	restocked          int64 // _restock_refunded_items
	refundOf           int64 // _refunded_item_id, of a refund's line
}

type order struct {
	id                int64
	status            string
	currency          string
	created, modified time.Time
	paid, completed   time.Time
	via               string
	customer          int64
	billing, shipping Address
	note              string
	method, title     string
	transaction       string
	lines             []*line
	meta              []Meta
	refunds           []*refund
	stockReduced      bool
}

type refund struct {
	id      int64
	created time.Time
	amount  int64 // cents
	reason  string
	lines   []*line
	gateway bool // the money went back through the payment method
	meta    []Meta
}

// orderStatuses are what a write may set.
var orderStatuses = []string{"auto-draft", "pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "checkout-draft"}

func (o *order) total() int64 {
	var n int64
	for _, l := range o.lines {
		n += l.total
	}
	return n
}

func (o *order) refunded() int64 {
	var n int64
	for _, r := range o.refunds {
		n += r.amount
	}
	return n
}

// setStatus is a change of status with what WooCommerce hangs on it.
func (s *Server) setStatus(o *order, status string, source Source) {
	if o.status == status {
		return
	}
	o.status = status
	switch status {
	case "processing", "on-hold", "completed":
		s.reduceStock(o, source)
		if status != "on-hold" && o.paid.IsZero() {
			o.paid = s.now()
		}
		if status == "completed" && o.completed.IsZero() {
			o.completed = s.now()
		}
	case "cancelled", "pending":
		s.restoreStock(o, source)
	case "refunded":
		// Whatever was not refunded is, without lines, stock or money.
		if left := o.total() - o.refunded(); left > 0 {
			r := &refund{id: s.id(), created: s.now(), amount: left, reason: "Order fully refunded."}
			o.refunds = append([]*refund{r}, o.refunds...)
			s.bookRefund(o, r, false)
		}
	}
}

// reduceStock takes the lines' quantities from stock, below zero too: nothing is checked here.
func (s *Server) reduceStock(o *order, source Source) {
	if o.stockReduced {
		return
	}
	o.stockReduced = true
	for _, l := range o.lines {
		if h := s.lineHolder(l); h != nil && l.reduced == 0 {
			s.setStock(h, *h.stock-l.quantity, source, o.id)
			l.reduced = l.quantity
			s.saved(h)
		}
	}
}

func (s *Server) restoreStock(o *order, source Source) {
	if !o.stockReduced {
		return
	}
	o.stockReduced = false
	for _, l := range o.lines {
		if h := s.lineHolder(l); h != nil && l.reduced != 0 {
			s.setStock(h, *h.stock+l.reduced, source, o.id)
			l.reduced = 0
			s.saved(h)
		}
	}
}

// lineHolder is what keeps the stock of a line's product; nil when nobody counts it.
func (s *Server) lineHolder(l *line) *product {
	id := l.variation
	if id == 0 {
		id = l.product
	}
	if p := s.products[id]; p != nil {
		return s.holder(p)
	}
	return nil
}

func (s *Server) orderSaved(o *order) {
	o.modified = s.now()
	s.fire("order.updated", o.id)
}

func (s *Server) lineJSON(l *line) map[string]any {
	meta := []any{}
	add := func(key string, value int64) {
		if value != 0 {
			v := itoa(value)
			meta = append(meta, map[string]any{"id": l.id*100 + int64(len(meta)), "key": key, "value": v, "display_key": key, "display_value": v})
		}
	}
	add("_reduced_stock", l.reduced)
	add("_restock_refunded_items", l.restocked)
	add("_refunded_item_id", l.refundOf)
	var price any = 0
	if l.quantity != 0 {
		// A number, computed in floating point, as PHP does.
		price = float64(l.total) / 100 / float64(l.quantity)
	}
	return map[string]any{
		"id": l.id, "name": l.name, "product_id": l.product, "variation_id": l.variation, "quantity": l.quantity, "tax_class": "",
		"subtotal": decimal(l.subtotal), "subtotal_tax": "0.00", "total": decimal(l.total), "total_tax": "0.00", "taxes": []any{}, "meta_data": meta,
		"sku": l.sku, "price": price, "image": map[string]any{"id": 0, "src": ""}, "parent_name": nil,
	}
}

func (s *Server) orderJSON(o *order) map[string]any {
	lines, refunds := []any{}, []any{}
	var discount int64
	for _, l := range o.lines {
		lines = append(lines, s.lineJSON(l))
		discount += l.subtotal - l.total
	}
	for _, r := range o.refunds {
		refunds = append(refunds, map[string]any{"id": r.id, "reason": r.reason, "total": "-" + decimal(r.amount)})
	}
	meta := metaOf(o.meta)
	j := map[string]any{
		"id": o.id, "parent_id": 0, "number": itoa(o.id), "order_key": "wc_order_" + strconv.FormatInt(o.id*7919, 36), "created_via": o.via,
		"version": "10.0.2", "status": o.status, "currency": o.currency, "currency_symbol": "", "discount_total": decimal(discount), "discount_tax": "0.00",
		"shipping_total": "0.00", "shipping_tax": "0.00", "cart_tax": "0.00", "total": decimal(o.total()), "total_tax": "0.00", "prices_include_tax": false,
		"customer_id": o.customer, "customer_ip_address": "", "customer_user_agent": "", "customer_note": o.note, "billing": o.billing, "shipping": o.shipping,
		"payment_method": o.method, "payment_method_title": o.title, "transaction_id": o.transaction, "cart_hash": "", "meta_data": meta, "line_items": lines,
		"tax_lines": []any{}, "shipping_lines": []any{}, "fee_lines": []any{}, "coupon_lines": []any{}, "refunds": refunds, "payment_url": "",
		"is_editable": o.status == "pending" || o.status == "on-hold", "needs_payment": o.status == "pending" || o.status == "failed",
		"needs_processing": true, "_links": s.links("orders", o.id),
	}
	s.dates(j, "date_created", o.created)
	s.dates(j, "date_modified", o.modified)
	s.dates(j, "date_paid", o.paid)
	s.dates(j, "date_completed", o.completed)
	return j
}

func metaOf(list []Meta) any {
	if len(list) == 0 {
		return []any{}
	}
	return list
}

func (s *Server) refundJSON(o *order, r *refund) map[string]any {
	lines := []any{}
	for _, l := range r.lines {
		lines = append(lines, s.lineJSON(l))
	}
	j := map[string]any{
		"id": r.id, "parent_id": o.id, "amount": decimal(r.amount), "reason": r.reason, "refunded_by": 1, "refunded_payment": r.gateway,
		"meta_data": metaOf(r.meta), "line_items": lines, "shipping_lines": []any{}, "tax_lines": []any{}, "fee_lines": []any{},
		"_links": s.links(fmt.Sprintf("orders/%d/refunds", o.id), r.id),
	}
	s.dates(j, "date_created", r.created)
	return j
}

var orderFilterStatuses = append([]string{"any", "trash"}, orderStatuses...)

func (s *Server) listOrders(r *request) *response {
	c, err := r.collection([]string{"date", "id", "include", "title", "slug", "modified"}, "date", "desc")
	if err == nil {
		err = r.dates(c, s.opts.Zone)
	}
	if err != nil {
		return err.response()
	}
	statuses := r.list("status")
	for i, st := range statuses {
		if !slices.Contains(orderFilterStatuses, st) {
			return invalidParam("status", fmt.Sprintf("status[%d] is not one of the known statuses.", i)).response()
		}
	}
	customer, cerr := strconv.ParseInt(r.query.Get("customer"), 10, 64)
	if r.query.Get("customer") != "" && cerr != nil {
		return invalidParam("customer", "customer is not of type integer.").response()
	}
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	anyStatus := len(statuses) == 0 || slices.Contains(statuses, "any")
	var found []*order
	for _, o := range s.orders {
		fits := slices.Contains(statuses, o.status) || (anyStatus && o.status != "trash" && o.status != "auto-draft")
		if fits && c.keeps(o.id, o.created, o.modified) && (customer == 0 || o.customer == customer) {
			found = append(found, o)
		}
	}
	slices.SortFunc(found, func(a, b *order) int {
		return c.less(sortRow{a.id, itoa(a.id), a.created, a.modified}, sortRow{b.id, itoa(b.id), b.created, b.modified})
	})
	return s.listResponse(r, c, len(found), func(i int) any { return s.orderJSON(found[i]) })
}

// createOrder is POST /orders. It does not look at stock: four orders of the last piece all succeed.
func (s *Server) createOrder(b map[string]any) (*order, *apiError) {
	status, given, err := enumField(b, "status", orderStatuses)
	if err != nil {
		return nil, err
	}
	setPaid, _, err := boolField(b, "set_paid")
	if err != nil {
		return nil, err
	}
	o := &order{id: s.id(), status: "pending", currency: s.opts.Currency, created: s.now(), modified: s.now(), via: "rest-api"}
	if err := s.orderBody(o, b); err != nil {
		return nil, err
	}
	if err := s.addLines(o, b); err != nil {
		return nil, err
	}
	s.orders[o.id] = o
	s.record(o, SourceAPI)
	if given {
		s.setStatus(o, status, SourceAPI)
	}
	if setPaid {
		s.setStatus(o, "processing", SourceAPI)
	}
	s.fire("order.created", o.id)
	s.orderSaved(o)
	return o, nil
}

func (s *Server) orderBody(o *order, b map[string]any) *apiError {
	var err *apiError
	for name, into := range map[string]*string{"customer_note": &o.note, "payment_method": &o.method, "payment_method_title": &o.title, "transaction_id": &o.transaction, "currency": &o.currency} {
		v, ok, e := stringField(b, name)
		if e != nil {
			err = e
		} else if ok {
			*into = v
		}
	}
	if err != nil {
		return err
	}
	if id, ok, err := intField(b, "customer_id"); err != nil {
		return err
	} else if ok {
		if id != 0 && s.customers[id] == nil {
			return &apiError{http.StatusBadRequest, "woocommerce_rest_invalid_customer_id", "Customer ID is invalid.", nil}
		}
		o.customer = id
	}
	readAddress(&o.billing, b["billing"])
	readAddress(&o.shipping, b["shipping"])
	o.meta = append(o.meta, readMeta(b, o.id*1000+int64(len(o.meta)))...)
	return nil
}

func readMeta(b map[string]any, id int64) []Meta {
	var out []Meta
	list, _ := b["meta_data"].([]any)
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, Meta{ID: id + int64(len(out)), Key: fmt.Sprint(m["key"]), Value: m["value"]})
		}
	}
	return out
}

func (s *Server) addLines(o *order, b map[string]any) *apiError {
	list, ok := b["line_items"].([]any)
	if !ok && b["line_items"] != nil {
		return invalidParam("line_items", "line_items is not of type array.")
	}
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return invalidParam("line_items", fmt.Sprintf("line_items[%d] is not of type object.", i))
		}
		id, _, err := intField(m, "product_id")
		if err != nil {
			return err
		}
		variation, _, err := intField(m, "variation_id")
		if err != nil {
			return err
		}
		quantity, given, err := intField(m, "quantity")
		if err != nil {
			return err
		}
		if !given {
			quantity = 1
		}
		want := id
		if variation != 0 {
			want = variation
		}
		p := s.products[want]
		if p == nil {
			return &apiError{http.StatusBadRequest, "woocommerce_rest_invalid_product_id", "Product ID provided does not exist or is invalid.", nil}
		}
		l := s.lineOf(p, quantity)
		if v, ok, err := stringField(m, "subtotal"); err != nil {
			return err
		} else if ok {
			l.subtotal, _ = cents(v)
		}
		if v, ok, err := stringField(m, "total"); err != nil {
			return err
		} else if ok {
			l.total, _ = cents(v)
		}
		o.lines = append(o.lines, l)
	}
	return nil
}

// lineOf sells a product, or a variation by its own id.
func (s *Server) lineOf(p *product, quantity int64) *line {
	each, _ := cents(p.price())
	l := &line{id: s.id(), product: p.id, name: p.fullName(s), sku: p.sku, quantity: quantity, subtotal: each * quantity, total: each * quantity}
	if p.parent != 0 {
		l.product, l.variation = p.parent, p.id
	}
	return l
}

func readAddress(a *Address, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name, into := range map[string]*string{
		"first_name": &a.FirstName, "last_name": &a.LastName, "company": &a.Company, "address_1": &a.Address1, "address_2": &a.Address2, "city": &a.City,
		"state": &a.State, "postcode": &a.Postcode, "country": &a.Country, "email": &a.Email, "phone": &a.Phone,
	} {
		if t, ok := m[name].(string); ok {
			*into = t
		}
	}
}

func (s *Server) updateOrder(o *order, b map[string]any) *apiError {
	status, given, err := enumField(b, "status", orderStatuses)
	if err != nil {
		return err
	}
	setPaid, _, err := boolField(b, "set_paid")
	if err != nil {
		return err
	}
	if err := s.orderBody(o, b); err != nil {
		return err
	}
	if given {
		s.setStatus(o, status, SourceAPI)
	}
	if setPaid && o.status == "pending" {
		s.setStatus(o, "processing", SourceAPI)
	}
	s.orderSaved(o)
	return nil
}

// createRefund is POST /orders/{id}/refunds. api_refund is true unless said otherwise, and fails where the order's payment
// method can't return money by itself. Neither quantities nor what the order's lines have left are looked at, only the sum.
func (s *Server) createRefund(o *order, b map[string]any) (*refund, *apiError) {
	cannot := func(message string) *apiError {
		return &apiError{http.StatusInternalServerError, "woocommerce_rest_cannot_create_order_refund", message, nil}
	}
	amount, given, err := stringField(b, "amount")
	if err != nil {
		return nil, err
	}
	reason, _, err := stringField(b, "reason")
	if err != nil {
		return nil, err
	}
	apiRefund, hasAPI, err := boolField(b, "api_refund")
	if err != nil {
		return nil, err
	}
	restock, hasRestock, err := boolField(b, "api_restock")
	if err != nil {
		return nil, err
	}
	r := &refund{created: s.now(), reason: reason}
	var sum int64
	list, _ := b["line_items"].([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		id, _, err := intField(m, "id")
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(o.lines, func(l *line) bool { return l.id == id })
		if at < 0 {
			continue
		}
		quantity, _, err := intField(m, "quantity")
		if err != nil {
			return nil, err
		}
		back, _ := cents(fmt.Sprint(m["refund_total"]))
		of := o.lines[at]
		r.lines = append(r.lines, &line{id: s.id(), product: of.product, variation: of.variation, name: of.name, sku: of.sku, quantity: -quantity, subtotal: -back, total: -back, refundOf: of.id})
		sum += back
	}
	r.amount = sum
	if given {
		var ok bool
		if r.amount, ok = cents(amount); !ok {
			return nil, invalidParam("amount", "amount is invalid.")
		}
	}
	if r.amount < 0 {
		return nil, &apiError{http.StatusBadRequest, "woocommerce_rest_invalid_order_refund", "Refund amount must be greater than zero.", nil}
	}
	if r.amount > o.total()-o.refunded() {
		return nil, cannot("Invalid refund amount.")
	}
	if apiRefund || !hasAPI {
		can, exists := s.opts.Gateways[o.method]
		switch {
		case !exists:
			return nil, cannot("The payment gateway for this order does not exist.")
		case !can:
			return nil, cannot("The payment gateway for this order does not support automatic refunds.")
		}
		r.gateway = true
	}
	r.id = s.id()
	r.meta = readMeta(b, r.id*1000)
	s.applyRefund(o, r, restock || !hasRestock, SourceAPI)
	return r, nil
}

// applyRefund books a refund. Stock goes up by what is refunded of a line that had lowered it, from wherever it is.
func (s *Server) applyRefund(o *order, r *refund, restock bool, source Source) {
	o.refunds = append([]*refund{r}, o.refunds...)
	s.bookRefund(o, r, restock)
	if restock {
		for _, back := range r.lines {
			at := slices.IndexFunc(o.lines, func(l *line) bool { return l.id == back.refundOf })
			l, n := o.lines[at], -back.quantity
			if h := s.lineHolder(l); h != nil && l.reduced != 0 && n != 0 {
				s.setStock(h, *h.stock+n, source, o.id)
				l.reduced -= n
				l.restocked += n
				s.saved(h)
			}
		}
	}
	if o.refunded() >= o.total() {
		o.status = "refunded"
	}
	s.orderSaved(o)
}

func (s *Server) bookRefund(o *order, r *refund, restock bool) {
	s.ledger.Refunds = append(s.ledger.Refunds, LedgerRefund{
		At: s.opts.Now().UTC(), ID: r.id, OrderID: o.id, Restocked: restock, Amount: decimal(r.amount), Gateway: r.gateway,
	})
}
