package twin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The states of an order that the twin itself gives.
const (
	statusIncomplete = 0
	statusPending    = 1
	statusShipped    = 2
	statusPartly     = 3
	statusRefunded   = 4
	statusCancelled  = 5
	statusDeclined   = 6
	statusUnpaid     = 7
	statusPickup     = 8
	statusToShip     = 9
	statusCompleted  = 10
	statusToFulfil   = 11
	statusPartRefund = 14
)

var statusNames = []string{
	"Incomplete", "Pending", "Shipped", "Partially Shipped", "Refunded", "Cancelled", "Declined", "Awaiting Payment", "Awaiting Pickup", "Awaiting Shipment",
	"Completed", "Awaiting Fulfillment", "Manual Verification Required", "Disputed", "Partially Refunded",
}

// Address is of a buyer.
type Address struct {
	First, Last, Company, Street1, Street2, City, State, Zip, Country, CountryCode, Phone, Email string
}

type order struct {
	id, channel, customer int64
	status                int
	created, modified     time.Time
	shippedAt             time.Time
	currency, display     string
	billing               Address
	addressID, pickup     int64 // of the shipping address; the location that the buyer collects at
	lines                 []*orderLine
	shipping, discount    money
	storeCredit, gift     money
	method                string
	payment               string
	transactions          []*transaction
	shipments             []*shipment
	notes, external       string
	deleted, returned     bool
	shippingBack          money
}

type orderLine struct {
	id, product, variant int64
	sku, name            string
	kind                 string
	quantity, shipped    int64
	refunded             int64
	price, discount      money // of one without tax; of the line
	option, value        string
	from                 stockKey
	counted              bool
}

type transaction struct {
	id                    int64
	event, method         string
	gateway, status       string
	amount                money
	reference             int64
	created               time.Time
	gatewayID             string
	cardType, cardLast4   string
	giftCode, displayName string
}

type shipment struct {
	id                int64
	created           time.Time
	tracking, carrier string
	items             []row
}

func (l *orderLine) total() money { return l.price*money(l.quantity) - l.discount }

func (o *order) goods() (sum money) {
	for _, l := range o.lines {
		sum += l.total()
	}
	return sum
}

func (s *Server) totalOf(o *order) money {
	net := o.goods() - o.discount + o.shipping
	return net + s.tax(net)
}

// touch notes a change of an order and tells of it.
func (s *Server) touch(o *order) {
	o.modified = s.now()
	s.fire("store/order/updated", row{"type": "order", "id": o.id})
}

// setStatus changes an order's state with what that does to stock, as stores are usually set up.
func (s *Server) setStatus(o *order, status int, by Actor) {
	if o.status == status {
		return
	}
	was := o.status
	o.status = status
	ended := status == statusCancelled || status == statusDeclined || status == statusRefunded
	switch {
	case ended && !o.returned && was != statusIncomplete && !s.opts.KeepStock:
		s.putBack(o, ByCancel)
		o.returned = true
	case !ended && o.returned:
		for _, l := range o.lines {
			if l.counted {
				s.move(l.from, s.stock[l.from].count()-l.quantity, by)
			}
		}
		o.returned = false
	}
	if status == statusShipped && o.shippedAt.IsZero() {
		o.shippedAt = s.now()
	}
	s.touch(o)
	s.fire("store/order/statusUpdated", row{"type": "order", "id": o.id, "status": row{"previous_status_id": was, "new_status_id": status}})
}

func (s *Server) putBack(o *order, by Actor) {
	for _, l := range o.lines {
		if l.counted && s.stock[l.from] != nil {
			s.move(l.from, s.stock[l.from].count()+l.quantity, by)
		}
	}
}

var orderSorts = []string{"id", "customer_id", "date_created", "date_modified", "status_id", "channel_id", "external_id"}

func (s *Server) listOrders(r *request) *response {
	if refused := r.checkInclude(); refused != nil {
		return refused
	}
	by, direction, _ := strings.Cut(cmp.Or(r.query.Get("sort"), "id:asc"), ":")
	if !slices.Contains(orderSorts, by) || direction != "" && direction != "asc" && direction != "desc" {
		return r.problem(http.StatusBadRequest, "The field 'sort' is invalid.", nil)
	}
	var rows []*order
	for _, o := range sorted(s.orders) {
		if !o.deleted && o.id >= r.num("min_id", 0) && o.id <= r.num("max_id", 1<<62) && r.in("channel_id", o.channel) && r.in("customer_id", o.customer) && r.in("status_id", int64(o.status)) &&
			r.word("external_order_id", o.external) && s.since(r, "min_date_modified", o.modified) && r.until("max_date_modified", o.modified) && s.since(r, "min_date_created", o.created) && r.until("max_date_created", o.created) {
			rows = append(rows, o)
		}
	}
	switch by {
	case "date_modified":
		slices.SortStableFunc(rows, func(a, b *order) int { return a.modified.Compare(b.modified) })
	case "date_created":
		slices.SortStableFunc(rows, func(a, b *order) int { return a.created.Compare(b.created) })
	}
	if direction == "desc" {
		slices.Reverse(rows)
	}
	return v2List(r, rows, func(o *order) any { return s.orderRow(r, o) })
}

func (r *request) checkInclude() *response {
	for _, inc := range words(r.query.Get("include")) {
		if !slices.Contains([]string{"consignments", "consignments.line_items", "fees"}, inc) {
			return r.problem(http.StatusBadRequest, "The field 'include' is invalid.", nil)
		}
	}
	if v := r.query.Get("consignment_structure"); v != "" && v != "object" {
		return r.problem(http.StatusBadRequest, "The field 'consignment_structure' is invalid.", nil)
	}
	return nil
}

func (s *Server) getOrder(r *request) *response {
	if refused := r.checkInclude(); refused != nil {
		return refused
	}
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	return answer(http.StatusOK, s.orderRow(r, o))
}

// putOrder changes what a hub may change of an order.
func (s *Server) putOrder(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	var in struct {
		Status   *int    `json:"status_id"`
		Notes    *string `json:"staff_notes"`
		External *string `json:"external_order_id"`
	}
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	if in.Status != nil && (*in.Status < 0 || *in.Status >= len(statusNames)) {
		return r.problem(http.StatusBadRequest, "The field 'status_id' is invalid.", nil)
	}
	if in.Notes != nil {
		o.notes = *in.Notes
	}
	if in.External != nil {
		o.external = *in.External
	}
	s.touch(o)
	if in.Status != nil && *in.Status != o.status {
		if *in.Status == statusCancelled {
			s.ledger.Cancels = append(s.ledger.Cancels, LedgerCancel{At: s.now(), Order: o.id, By: ByAPI})
		}
		s.setStatus(o, *in.Status, ByAPI)
	}
	return answer(http.StatusOK, s.orderRow(r, o))
}

func (s *Server) resource(o *order, what string) row {
	path := "/orders/" + itoa(o.id) + "/" + what
	return row{"url": "https://api.bigcommerce.com/stores/" + s.opts.StoreHash + "/v2" + path, "resource": path}
}

func (s *Server) orderRow(r *request, o *order) row {
	goods, total := o.goods(), s.totalOf(o)
	net := goods - o.discount + o.shipping
	shipped, items := int64(0), int64(0)
	for _, l := range o.lines {
		shipped, items = shipped+l.shipped, items+l.quantity
	}
	none := money(0).text()
	out := row{
		"id": o.id, "customer_id": o.customer, "date_created": mailTime(o.created), "date_modified": mailTime(o.modified), "date_shipped": "", "status_id": o.status,
		"status": statusNames[o.status], "custom_status": statusNames[o.status], "subtotal_ex_tax": goods.text(), "subtotal_inc_tax": (goods + s.tax(goods)).text(), "subtotal_tax": s.tax(goods).text(),
		"base_shipping_cost": o.shipping.text(), "shipping_cost_ex_tax": o.shipping.text(), "shipping_cost_inc_tax": (o.shipping + s.tax(o.shipping)).text(), "shipping_cost_tax": s.tax(o.shipping).text(),
		"base_handling_cost": none, "handling_cost_ex_tax": none, "handling_cost_inc_tax": none, "handling_cost_tax": none, "base_wrapping_cost": none, "wrapping_cost_ex_tax": none,
		"wrapping_cost_inc_tax": none, "wrapping_cost_tax": none, "total_ex_tax": net.text(), "total_inc_tax": total.text(), "total_tax": s.tax(net).text(), "is_tax_inclusive_pricing": false,
		"items_total": items, "items_shipped": shipped, "payment_method": o.method, "payment_provider_id": "", "payment_status": o.payment, "refunded_amount": none, // always, as at the platform
		"order_is_digital": false, "store_credit_amount": o.storeCredit.text(), "gift_certificate_amount": o.gift.text(), "currency_id": 1, "currency_code": o.display,
		"currency_exchange_rate": "1.0000000000", "default_currency_id": 1, "default_currency_code": o.currency, "store_default_currency_code": s.opts.Currency,
		"store_default_to_transactional_exchange_rate": "1.0000000000", "staff_notes": o.notes, "customer_message": "", "discount_amount": o.discount.text(), "coupon_discount": none,
		"shipping_address_count": 1, "is_deleted": o.deleted, "is_email_opt_in": false, "order_source": "www", "channel_id": o.channel, "external_source": nil, "external_id": nil,
		"external_order_id": o.external, "external_merchant_id": nil, "tax_provider_id": "", "customer_locale": "en", "billing_address": o.billing.row(), "products": s.resource(o, "products"),
		"shipping_addresses": s.resource(o, "shippingaddresses"), "coupons": s.resource(o, "coupons"), "ip_address": "", "ip_address_v6": "", "geoip_country": "", "geoip_country_iso2": "",
	}
	if !o.shippedAt.IsZero() {
		out["date_shipped"] = mailTime(o.shippedAt)
	}
	include := words(r.query.Get("include"))
	if r.query.Get("consignment_structure") != "object" || !slices.Contains(include, "consignments") && !slices.Contains(include, "consignments.line_items") {
		out["consignments"] = s.resource(o, "consignments")
		return out
	}
	lines := []any{}
	for _, l := range o.lines {
		if slices.Contains(include, "consignments.line_items") {
			lines = append(lines, s.lineRow(o, l))
		} else {
			lines = append(lines, s.resource(o, "products/"+itoa(l.id)))
		}
	}
	groups := row{"pickups": []any{}, "shipping": []any{}, "downloads": []any{}, "email": row{"gift_certificates": []any{}}}
	if o.pickup > 0 {
		place := s.location(o.pickup)
		groups["pickups"] = []any{row{
			"id": o.addressID, "pickup_method_id": 1, "pickup_method_display_name": "Pick up", "collection_instructions": "", "collection_time_description": "",
			"location": row{"id": place.ID, "name": place.Label, "code": place.Code, "city": "Paris", "country_alpha2": place.Country}, "line_items": lines,
		}}
	} else {
		to := o.billing.row()
		to["id"], to["line_items"], to["shipping_method"], to["items_total"], to["items_shipped"] = o.addressID, lines, "Courier", items, shipped
		delete(to, "form_fields")
		groups["shipping"] = []any{to}
	}
	out["consignments"] = groups
	return out
}

func (a Address) row() row {
	return row{
		"first_name": a.First, "last_name": a.Last, "company": a.Company, "street_1": a.Street1, "street_2": a.Street2, "city": a.City, "state": a.State, "zip": a.Zip,
		"country": a.Country, "country_iso2": a.CountryCode, "phone": a.Phone, "email": a.Email, "form_fields": []any{},
	}
}

func (s *Server) lineRow(o *order, l *orderLine) row {
	gross := func(m money) string { return (m + s.tax(m)).text() }
	none := money(0).text()
	options, discounts := []row{}, []row{}
	if l.option != "" {
		options = append(options, row{"id": l.id, "option_id": 1, "order_product_id": l.id, "product_option_id": 1, "display_name": l.option, "display_value": l.value, "value": l.value, "type": "Multiple choice", "name": l.option, "display_style": "Rectangle"})
	}
	if l.discount > 0 {
		discounts = append(discounts, row{"id": "promotion", "amount": l.discount.text(), "name": "Promotion", "code": nil, "target": "product"})
	}
	return row{
		"id": l.id, "order_id": o.id, "product_id": l.product, "variant_id": l.variant, "order_address_id": o.addressID, "order_pickup_method_id": 0, "name": l.name, "name_customer": l.name, "name_merchant": l.name,
		"sku": l.sku, "upc": "", "type": l.kind, "base_price": l.price.text(), "price_ex_tax": l.price.text(), "price_inc_tax": gross(l.price), "price_tax": s.tax(l.price).text(),
		"base_total": (l.price * money(l.quantity)).text(), "total_ex_tax": (l.price * money(l.quantity)).text(), "total_inc_tax": gross(l.price * money(l.quantity)), "total_tax": s.tax(l.total()).text(),
		"quantity": l.quantity, "quantity_shipped": l.shipped, "quantity_refunded": l.refunded, "is_refunded": l.refunded >= l.quantity, "refund_amount": (l.price * money(l.refunded)).text(),
		"return_id": 0, "applied_discounts": discounts, "product_options": options, "configurable_fields": []any{}, "external_id": nil, "gift_certificate_id": nil,
		"base_cost_price": none, "cost_price_ex_tax": none, "cost_price_inc_tax": none, "cost_price_tax": none, "wrapping_id": 0, "wrapping_name": "", "wrapping_message": "", "is_bundled_product": false,
		"parent_order_product_id": nil, "event_name": nil, "event_date": "", "fixed_shipping_cost": none, "bin_picking_number": "", "brand": "", "discounted_total_inc_tax": gross(l.total()),
	}
}

func (s *Server) listOrderProducts(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	return v2List(r, o.lines, func(l *orderLine) any { return s.lineRow(o, l) })
}

func (s *Server) listShippingAddresses(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	to := o.billing.row()
	to["id"], to["order_id"], to["cost_ex_tax"], to["cost_inc_tax"] = o.addressID, o.id, o.shipping.text(), (o.shipping + s.tax(o.shipping)).text()
	return v2List(r, []row{to}, func(v row) any { return v })
}

func (s *Server) listShipments(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	return v2List(r, o.shipments, func(h *shipment) any {
		to := o.billing.row()
		delete(to, "form_fields")
		return row{
			"id": h.id, "order_id": o.id, "customer_id": o.customer, "order_address_id": o.addressID, "date_created": mailTime(h.created), "tracking_number": h.tracking,
			"merchant_shipping_cost": money(0).text(), "shipping_method": "Courier", "shipping_provider": "", "tracking_carrier": h.carrier, "tracking_link": "", "comments": "",
			"billing_address": to, "shipping_address": to, "items": h.items, "shipping_provider_display_name": h.carrier, "generated_tracking_link": "",
		}
	})
}

func (s *Server) listTransactions(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	if len(o.transactions) == 0 {
		return &response{status: http.StatusNoContent}
	}
	return v3List(r, o.transactions, maxPage, func(t *transaction) any {
		out := row{
			"id": t.id, "order_id": itoa(o.id), "event": t.event, "method": t.method, "amount": t.amount.number(), "currency": o.currency, "gateway": t.gateway, "gateway_transaction_id": t.gatewayID,
			"status": t.status, "test": false, "fraud_review": false, "date_created": isoTime(t.created), "payment_method_id": t.gateway + "." + t.method,
		}
		if t.reference > 0 {
			out["reference_transaction_id"] = t.reference
		}
		if t.cardLast4 != "" {
			out["credit_card"] = row{"card_type": t.cardType, "card_iin": "424242", "card_last4": t.cardLast4, "card_expiry_month": 12, "card_expiry_year": 2030}
		}
		if t.giftCode != "" {
			out["gift_certificate"] = row{"code": t.giftCode, "original_balance": 500, "starting_balance": 500, "remaining_balance": 0, "status": "active"}
		}
		if t.displayName != "" {
			out["offline"] = row{"display_name": t.displayName}
		}
		return out
	})
}
