package twin

import (
	"strings"
	"time"
)

// Webhook bodies have the shape of the REST resources, with times in the shop's own zone.

var shopZone = time.FixedZone("", 3600)

type fields = map[string]any

func restTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.In(shopZone).Format(time.RFC3339)
}

func restID(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

func (s *Server) moneySet(c cents) fields {
	amount := fields{"amount": c.String(), "currency_code": s.opts.Currency}
	return fields{"shop_money": amount, "presentment_money": amount}
}

func restLevel(l *level) fields {
	f := fields{
		"inventory_item_id": l.item.id, "location_id": l.location.id, "available": l.available, "updated_at": restTime(l.updatedAt),
		"admin_graphql_api_id": levelNode{l}.field(nil, "id", nil),
	}
	if !l.item.tracked {
		f["available"] = nil
	}
	return f
}

func (s *Server) restProduct(p *product) fields {
	variants, gids := []fields{}, []fields{}
	for i, v := range p.variants {
		var management any
		if v.item.tracked {
			management = "shopify"
		}
		variants = append(variants, fields{
			"id": v.id, "admin_graphql_api_id": gid("ProductVariant", v.id), "product_id": p.id, "title": v.title,
			"price": v.price, "sku": v.sku, "barcode": text(v.barcode), "position": i + 1, "inventory_policy": strings.ToLower(v.policy), "compare_at_price": text(v.compareAt),
			"option1": v.title, "option2": nil, "option3": nil, "taxable": true, "created_at": restTime(v.createdAt), "updated_at": restTime(v.updatedAt),
			"inventory_item_id": v.item.id, "inventory_management": management, "inventory_quantity": v.total(), "old_inventory_quantity": v.total(), "image_id": nil,
		})
		gids = append(gids, fields{"admin_graphql_api_id": gid("ProductVariant", v.id), "updated_at": stamp(v.updatedAt)})
	}
	return fields{
		"id": p.id, "admin_graphql_api_id": gid("Product", p.id), "title": p.title, "body_html": p.descriptionHTML, "vendor": p.vendor,
		"product_type": p.typ, "handle": p.handle, "status": strings.ToLower(p.status), "tags": strings.Join(p.tags, ", "),
		"created_at": restTime(p.createdAt), "updated_at": restTime(p.updatedAt), "published_at": restTime(p.createdAt), "published_scope": "global", "template_suffix": nil,
		"variants": variants, "variant_gids": gids, "options": []fields{}, "images": []fields{}, "image": nil, "media": []fields{}, "has_variants_that_requires_components": false,
	}
}

func restAddress(a *Address) any {
	if a == nil {
		return nil
	}
	return fields{
		"first_name": text(a.FirstName), "last_name": text(a.LastName), "name": a.name(), "company": text(a.Company), "address1": text(a.Address1),
		"address2": text(a.Address2), "city": text(a.City), "province": text(a.Province), "province_code": text(a.ProvinceCode), "zip": text(a.Zip),
		"country": text(a.Country), "country_code": text(a.CountryCode), "phone": text(a.Phone), "latitude": nil, "longitude": nil,
	}
}

func (s *Server) restCustomer(c *customer) fields {
	addresses := []any{}
	for i := range c.addresses {
		addresses = append(addresses, restAddress(&c.addresses[i]))
	}
	f := fields{
		"id": c.id, "admin_graphql_api_id": gid("Customer", c.id), "email": text(c.email), "phone": text(c.phone), "first_name": text(c.firstName),
		"last_name": text(c.lastName), "note": text(c.note), "tags": strings.Join(c.tags, ", "), "state": "disabled", "verified_email": true, "tax_exempt": false,
		"currency": s.opts.Currency, "created_at": restTime(c.createdAt), "updated_at": restTime(c.updatedAt), "addresses": addresses,
		"email_marketing_consent": fields{"state": c.consent, "opt_in_level": "single_opt_in", "consent_updated_at": nil},
	}
	if c.email == "" {
		f["email_marketing_consent"] = nil
	}
	if len(addresses) > 0 {
		f["default_address"] = addresses[0]
	}
	return s.redact(f, "email", "phone", "first_name", "last_name", "note", "addresses", "default_address", "email_marketing_consent")
}

// redact blanks protected customer data of an app without the approval for it.
func (s *Server) redact(f fields, keys ...string) fields {
	if s.opts.HidePersonal {
		for _, k := range keys {
			f[k] = nil
		}
	}
	return f
}

func (s *Server) restOrder(o *order) fields {
	lines, refunds, fulfilments := []fields{}, []fields{}, []fields{}
	for _, l := range o.lines {
		lines = append(lines, s.restLine(l))
	}
	for _, r := range o.refunds {
		refunds = append(refunds, s.restRefund(r))
	}
	for _, f := range o.fulfilments {
		fulfilments = append(fulfilments, fields{
			"id": f.id, "order_id": o.id, "status": "success", "shipment_status": nil, "location_id": f.location.id, "tracking_number": nil, "tracking_company": nil,
			"created_at": restTime(f.createdAt), "line_items": []fields{{"id": f.line.id, "quantity": f.quantity}},
		})
	}
	f := fields{
		"id": o.id, "admin_graphql_api_id": gid("Order", o.id), "name": o.name(), "number": o.number - 1000, "order_number": o.number,
		"app_id": 580111, "browser_ip": nil, "buyer_accepts_marketing": false, "cart_token": nil, "checkout_id": nil, "client_details": nil, "closed_at": nil,
		"confirmation_number": "T" + o.name()[1:], "confirmed": true, "cancel_reason": nil, "cancelled_at": restTime(o.cancelledAt),
		"created_at": restTime(o.createdAt), "updated_at": restTime(o.updatedAt), "processed_at": restTime(o.processedAt),
		"currency": s.opts.Currency, "presentment_currency": s.opts.Currency, "financial_status": o.financial, "fulfillment_status": text(o.fulfilment),
		"test": o.test, "source_name": o.source, "source_identifier": nil, "customer_locale": text(o.locale), "landing_site": "/", "note": nil, "note_attributes": []fields{},
		"email": text(o.email), "contact_email": text(o.email), "phone": text(o.phone), "payment_gateway_names": []string{gateway}, "tags": "", "taxes_included": true,
		"total_line_items_price": (o.subtotal + o.discount).String(), "total_discounts": o.discount.String(), "total_discounts_set": s.moneySet(o.discount),
		"subtotal_price": o.subtotal.String(), "subtotal_price_set": s.moneySet(o.subtotal), "total_tax": o.tax.String(), "total_tax_set": s.moneySet(o.tax),
		"total_price": o.total.String(), "total_price_set": s.moneySet(o.total), "current_total_price": o.total.String(), "current_total_price_set": s.moneySet(o.total),
		"total_shipping_price_set": s.moneySet(o.shipping), "total_outstanding": "0.00", "total_weight": 0, "total_tip_received": "0.00",
		"discount_codes": []fields{}, "discount_applications": []fields{}, "tax_lines": []fields{{"title": "VAT", "rate": taxRate, "price": o.tax.String(), "price_set": s.moneySet(o.tax)}},
		"line_items": lines, "refunds": refunds, "fulfillments": fulfilments, "returns": []fields{},
		"shipping_lines":  []fields{{"id": o.id, "title": "Standard", "code": "standard", "price": o.shipping.String(), "price_set": s.moneySet(o.shipping), "tax_lines": []fields{}}},
		"billing_address": restAddress(o.billing), "shipping_address": restAddress(o.delivery), "location_id": nil, "user_id": nil, "device_id": nil, "customer": nil,
	}
	if o.retail != nil {
		f["location_id"] = o.retail.id
	}
	if c := o.customer; c != nil {
		customer := s.restCustomer(c)
		delete(customer, "addresses")
		f["customer"] = customer
	}
	return s.redact(f, "email", "contact_email", "phone", "billing_address", "shipping_address")
}

func (s *Server) restLine(l *line) fields {
	discounts, taxes, properties := []fields{}, []fields{}, []fields{}
	if l.discount > 0 {
		discounts = append(discounts, fields{"amount": l.discount.String(), "amount_set": s.moneySet(l.discount), "discount_application_index": 0})
	}
	if l.tax > 0 {
		taxes = append(taxes, fields{"title": "VAT", "rate": taxRate, "price": l.tax.String(), "price_set": s.moneySet(l.tax), "channel_liable": false})
	}
	for _, p := range l.properties {
		properties = append(properties, fields{"name": p.Name, "value": p.Value})
	}
	variantID := l.variantID
	if l.variant == nil {
		variantID = 0
	}
	return fields{
		"id": l.id, "admin_graphql_api_id": gid("LineItem", l.id), "variant_id": restID(variantID), "product_id": restID(l.productID), "sku": l.sku, "title": l.title,
		"name": l.title, "quantity": l.quantity, "current_quantity": l.current, "fulfillable_quantity": l.current, "price": l.price.String(), "price_set": s.moneySet(l.price),
		"total_discount": "0.00", "total_discount_set": s.moneySet(0), "discount_allocations": discounts, "tax_lines": taxes, "properties": properties, "gift_card": false,
		"fulfillment_service": "manual", "fulfillment_status": nil, "grams": 0, "product_exists": l.variant != nil, "requires_shipping": true, "taxable": true,
		"variant_inventory_management": "shopify", "variant_title": nil, "vendor": nil, "duties": []fields{},
	}
}

func (s *Server) restRefund(r *refund) fields {
	lines, transactions := []fields{}, []fields{}
	for _, l := range r.lines {
		f := fields{
			"id": l.id, "line_item_id": l.line.id, "quantity": l.quantity, "restock_type": l.restock, "location_id": nil,
			"subtotal": float64(l.subtotal) / 100, "subtotal_set": s.moneySet(l.subtotal), "total_tax": 0, "total_tax_set": s.moneySet(0),
		}
		if l.location != nil {
			f["location_id"] = l.location.id
		}
		lines = append(lines, f)
	}
	if r.transactionID != 0 {
		transactions = append(transactions, fields{
			"id": r.transactionID, "order_id": r.order.id, "kind": "refund", "gateway": gateway, "status": "success",
			"amount": r.amount.String(), "currency": s.opts.Currency, "parent_id": nil,
		})
	}
	return fields{
		"id": r.id, "admin_graphql_api_id": gid("Refund", r.id), "order_id": r.order.id, "created_at": restTime(r.createdAt), "processed_at": restTime(r.createdAt),
		"note": text(r.note), "restock": true, "user_id": nil, "refund_line_items": lines, "transactions": transactions, "order_adjustments": []fields{},
	}
}

func restLocation(l *location) fields {
	return fields{
		"id": l.id, "admin_graphql_api_id": gid("Location", l.id), "name": l.name, "active": l.active, "country": text(l.country), "country_code": text(l.country),
		"country_name": text(l.country), "legacy": false, "created_at": restTime(l.updatedAt), "updated_at": restTime(l.updatedAt),
	}
}
