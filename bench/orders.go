package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// bodyBytes is the size of every webhook's body.
const bodyBytes = 6700

// fields is a JSON object.
type fields = map[string]any

// variant is something that the shop sells.
type variant struct {
	ID    int64  `json:"id"`
	SKU   string `json:"sku"`
	Price string `json:"price"`
}

// catalogue is what the platform of a run sells: pieces, of which each is sold once, and SKUs with a quantity.
type catalogue struct {
	Pieces []variant `json:"pieces"`
	SKUs   []variant `json:"skus"`
}

// delivery is a signed webhook.
type delivery struct {
	id        string // global id of the order
	body      []byte
	signature string
}

// orders makes webhooks of distinct orders: every other one buys a piece that nobody has bought, the rest a SKU.
type orders struct {
	of     *catalogue
	buyers int64 // distinct; each comes back after that many orders
	made   int64
}

func (o *orders) take(n int) ([]delivery, error) {
	out := make([]delivery, n)
	for i := range out {
		var err error
		if out[i], err = o.next(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (o *orders) next() (delivery, error) {
	n := o.made
	o.made++
	var v variant
	if n%2 == 0 {
		if int(n/2) >= len(o.of.Pieces) {
			return delivery{}, fmt.Errorf("all %d pieces are sold", len(o.of.Pieces))
		}
		v = o.of.Pieces[n/2]
	} else {
		v = o.of.SKUs[int(n/2)%len(o.of.SKUs)]
	}
	order := orderBody(n, n%o.buyers, v, time.Now())
	raw, err := json.Marshal(order)
	if err != nil {
		return delivery{}, err
	}
	if len(raw) > bodyBytes {
		return delivery{}, fmt.Errorf("an order of %d bytes, more than %d", len(raw), bodyBytes)
	}
	order["landing_site"] = order["landing_site"].(string) + strings.Repeat("x", bodyBytes-len(raw))
	if raw, err = json.Marshal(order); err != nil {
		return delivery{}, err
	}
	mac := hmac.New(sha256.New, []byte(webhookSecret))
	mac.Write(raw)
	return delivery{
		id: fmt.Sprintf("gid://shopify/Order/%d", order["id"]), body: raw, signature: base64.StdEncoding.EncodeToString(mac.Sum(nil)),
	}, nil
}

func moneySet(amount string) fields {
	m := fields{"amount": amount, "currency_code": "EUR"}
	return fields{"shop_money": m, "presentment_money": m}
}

// orderBody has the fields that the vendor sends with orders/create for a paid order of one line.
func orderBody(n, buyer int64, v variant, at time.Time) fields {
	id, stamp := 7_000_000_000_000+n, at.UTC().Format(time.RFC3339)
	email := fmt.Sprintf("buyer.%d@example.com", buyer)
	phone := fmt.Sprintf("+33612%06d", buyer)
	address := fields{
		"first_name": "Clara", "last_name": fmt.Sprintf("Moreau %d", buyer), "name": "Clara Moreau", "company": nil, "address1": "14 rue des Archives",
		"address2": "2e etage", "city": "Paris", "zip": "75004", "province": nil, "province_code": nil, "country": "France", "country_code": "FR",
		"phone": phone, "latitude": 48.8575, "longitude": 2.3562,
	}
	tax := fields{"title": "FR TVA", "rate": 0.2, "price": "200.00", "price_set": moneySet("200.00"), "channel_liable": false}
	line := fields{
		"id": 9_000_000_000_000 + n, "admin_graphql_api_id": fmt.Sprintf("gid://shopify/LineItem/%d", 9_000_000_000_000+n), "variant_id": v.ID,
		"product_id": v.ID - 1, "sku": v.SKU, "title": "Solitaire ring", "name": "Solitaire ring", "quantity": 1, "current_quantity": 1,
		"fulfillable_quantity": 1, "price": v.Price, "price_set": moneySet(v.Price), "total_discount": "0.00", "total_discount_set": moneySet("0.00"),
		"discount_allocations": []fields{}, "tax_lines": []fields{tax}, "properties": []fields{}, "gift_card": false, "fulfillment_service": "manual",
		"fulfillment_status": nil, "grams": 12, "product_exists": true, "requires_shipping": true, "taxable": true, "duties": []fields{},
		"variant_inventory_management": "shopify", "variant_title": nil, "vendor": "Aurum", "attributed_staffs": []fields{},
	}
	return fields{
		"id": id, "admin_graphql_api_id": fmt.Sprintf("gid://shopify/Order/%d", id), "name": fmt.Sprintf("#%d", 1000+n), "number": n, "order_number": 1000 + n,
		"app_id": 580111, "browser_ip": "203.0.113.7", "buyer_accepts_marketing": false, "cancel_reason": nil, "cancelled_at": nil, "cart_token": "c1-8f2a",
		"checkout_id": id + 1, "client_details": fields{"accept_language": "fr-FR", "browser_ip": "203.0.113.7", "user_agent": "Mozilla/5.0"}, "closed_at": nil,
		"confirmation_number": fmt.Sprintf("X%d", n), "confirmed": true, "contact_email": email, "email": email, "phone": phone, "created_at": stamp,
		"updated_at": stamp, "processed_at": stamp, "currency": "EUR", "presentment_currency": "EUR", "customer_locale": "fr-FR",
		"financial_status": "paid", "fulfillment_status": nil, "landing_site": "/collections/rings?utm_content=", "location_id": nil, "note": nil,
		"note_attributes": []fields{}, "payment_gateway_names": []string{"shopify_payments"}, "source_name": "web", "tags": "", "taxes_included": true,
		"test": false, "total_weight": 12, "user_id": nil, "device_id": nil, "total_outstanding": "0.00", "total_tip_received": "0.00",
		"subtotal_price": v.Price, "subtotal_price_set": moneySet(v.Price), "current_subtotal_price": v.Price, "total_price": v.Price,
		"total_price_set": moneySet(v.Price), "current_total_price": v.Price, "current_total_price_set": moneySet(v.Price), "total_tax": "200.00",
		"total_tax_set": moneySet("200.00"), "total_discounts": "0.00", "total_discounts_set": moneySet("0.00"), "total_line_items_price": v.Price,
		"total_shipping_price_set": moneySet("0.00"), "discount_codes": []fields{}, "discount_applications": []fields{}, "tax_lines": []fields{tax},
		"line_items": []fields{line}, "refunds": []fields{}, "returns": []fields{}, "fulfillments": []fields{}, "billing_address": address,
		"shipping_address": address, "shipping_lines": []fields{{
			"id": id, "title": "Colissimo", "code": "Colissimo", "price": "0.00", "price_set": moneySet("0.00"), "discounted_price": "0.00",
			"source": "shopify", "carrier_identifier": nil, "tax_lines": []fields{}, "discount_allocations": []fields{},
		}},
		"customer": fields{
			"id": 8_000_000_000_000 + buyer, "admin_graphql_api_id": fmt.Sprintf("gid://shopify/Customer/%d", 8_000_000_000_000+buyer), "email": email,
			"phone": phone, "first_name": "Clara", "last_name": fmt.Sprintf("Moreau %d", buyer), "note": nil, "tags": "", "state": "disabled",
			"verified_email": true, "tax_exempt": false, "currency": "EUR", "created_at": "2026-01-02T10:00:00+01:00", "updated_at": stamp,
			"default_address": address,
		},
	}
}
