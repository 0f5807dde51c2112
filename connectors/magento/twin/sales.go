package twin

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Purchase is what a shopper buys at the checkout.
type Purchase struct {
	Lines []PurchaseLine `json:"lines"`
	// Method is checkmo (paid later) or sandboxpay (captured at once, and refunded online); empty means sandboxpay.
	Method   string            `json:"method"`
	Email    string            `json:"email"`
	First    string            `json:"firstname"`
	Last     string            `json:"lastname"`
	Customer int64             `json:"customer"`
	Address  map[string]string `json:"address"`
	Pickup   string            `json:"pickup"` // the source where a shopper collects
}

// PurchaseLine is a SKU, or a configurable product and the variant chosen of it.
type PurchaseLine struct {
	SKU      string `json:"sku"`
	Parent   string `json:"parent"`
	Quantity int64  `json:"quantity"`
}

// PlaceOrder is a checkout: it sells what can be sold, and reserves it. Nothing leaves a source before the shipment.
func (s *Server) PlaceOrder(b Purchase) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range b.Lines {
		if s.bySKU(l.SKU) == nil {
			return 0, ErrNotFound
		}
		if s.salable(l.SKU) < max(1, l.Quantity) {
			return 0, ErrOutOfStock
		}
	}
	o := s.newOrder(b)
	for _, l := range b.Lines {
		s.reserve(l.SKU, max(1, l.Quantity))
	}
	if o["payment"].(row)["method"] == "sandboxpay" {
		s.invoice(o)
	}
	s.noteOrder(o, ByShopper)
	return o["entity_id"].(int64), nil
}

func (s *Server) reserve(sku string, n int64) { s.stock.reserved[strings.ToLower(sku)] += n }

func (s *Server) newOrder(b Purchase) row {
	id, at := s.id(), stamp(s.now())
	method := b.Method
	if method == "" {
		method = "sandboxpay"
	}
	var items []row
	var total int64
	for _, l := range b.Lines {
		qty := max(1, l.Quantity)
		p := s.bySKU(l.SKU)
		price := centsOf(p, "price")
		line := s.orderItem(id, p, qty, price)
		if parent := s.bySKU(l.Parent); l.Parent != "" && parent != nil { // two lines: the parent has the price, the child the goods
			top := s.orderItem(id, parent, qty, price)
			top["sku"] = p["sku"]
			line["parent_item_id"], line["price"], line["base_price"], line["row_total"], line["base_row_total"] = top["item_id"], json.Number("0"), json.Number("0"), json.Number("0"), json.Number("0")
			items = append(items, top)
		}
		items = append(items, line)
		total += price * qty
	}
	address := row{"address_type": "billing", "firstname": b.First, "lastname": b.Last, "email": b.Email, "parent_id": id}
	for k, v := range b.Address {
		address[k] = v
	}
	if street, ok := b.Address["street"]; ok {
		address["street"] = []string{street}
	}
	for _, k := range []string{"city", "country_id", "postcode", "telephone"} {
		if address[k] == nil {
			address[k] = ""
		}
	}
	ext := row{"shipping_assignments": []row{}}
	if b.Pickup != "" {
		ext["pickup_location_code"] = b.Pickup
	}
	o := row{
		"entity_id": id, "increment_id": fmt.Sprintf("%09d", id), "state": "new", "status": "pending", "store_id": int64(1), "store_name": "Main Website\nMain Website Store\nDefault Store View",
		"created_at": at, "updated_at": at, "order_currency_code": s.opts.Currency, "base_currency_code": s.opts.Currency, "global_currency_code": s.opts.Currency,
		"base_to_order_rate": int64(1), "grand_total": number(total), "base_grand_total": number(total), "subtotal": number(total), "base_subtotal": number(total),
		"tax_amount": int64(0), "base_tax_amount": int64(0), "discount_amount": int64(0), "base_discount_amount": int64(0), "shipping_amount": int64(0), "base_shipping_amount": int64(0),
		"total_due": number(total), "total_qty_ordered": int64(len(items)), "customer_email": b.Email, "customer_firstname": b.First, "customer_lastname": b.Last,
		"customer_is_guest": int64(1), "items": items, "billing_address": address, "status_histories": []row{}, "extension_attributes": ext,
		"payment": row{"method": method, "account_status": nil, "additional_information": []string{}, "cc_last4": nil, "amount_ordered": number(total), "parent_id": id, "entity_id": id},
	}
	if b.Customer > 0 {
		o["customer_id"], o["customer_is_guest"] = b.Customer, int64(0)
	}
	s.orders[id] = o
	return o
}

func (s *Server) orderItem(order int64, p row, qty, price int64) row {
	at := stamp(s.now())
	sum := number(price * qty)
	return row{
		"item_id": s.id(), "order_id": order, "product_id": p["id"], "product_type": p["type_id"], "sku": p["sku"], "name": p["name"], "store_id": int64(1),
		"qty_ordered": qty, "qty_invoiced": int64(0), "qty_shipped": int64(0), "qty_refunded": int64(0), "qty_canceled": int64(0),
		"price": number(price), "base_price": number(price), "row_total": sum, "base_row_total": sum, "discount_amount": int64(0), "tax_amount": int64(0), "tax_percent": int64(0),
		"created_at": at, "updated_at": at,
	}
}

func (s *Server) noteOrder(o row, by Actor) {
	e := LedgerOrder{At: s.now(), ID: o["entity_id"].(int64), By: by}
	for _, it := range o["items"].([]row) {
		if it["product_type"] != "configurable" {
			e.Lines = append(e.Lines, LedgerLine{SKU: it["sku"].(string), Quantity: it["qty_ordered"].(int64)})
		}
	}
	s.ledger.Orders = append(s.ledger.Orders, e)
	s.touchOrder(o)
}

func (s *Server) touchOrder(o row) {
	o["updated_at"] = stamp(s.now())
	s.emit("observer.sales_order_save_commit_after", row{"entity_id": o["entity_id"], "increment_id": o["increment_id"], "state": o["state"], "updated_at": o["updated_at"]})
}

// invoice captures the whole order.
func (s *Server) invoice(o row) int64 {
	id := s.id()
	var items []row
	for _, it := range o["items"].([]row) {
		left := it["qty_ordered"].(int64) - it["qty_invoiced"].(int64) - it["qty_canceled"].(int64)
		it["qty_invoiced"] = it["qty_invoiced"].(int64) + left
		items = append(items, row{"entity_id": s.id(), "order_item_id": it["item_id"], "qty": left, "sku": it["sku"], "base_cost": nil, "base_price": it["base_price"]})
	}
	o["total_paid"], o["total_due"] = o["grand_total"], int64(0)
	pay := o["payment"].(row)
	pay["amount_paid"] = o["grand_total"]
	if pay["method"] == "sandboxpay" {
		pay["last_trans_id"] = fmt.Sprintf("txn-%d", id)
	}
	s.invoices[id] = row{
		"entity_id": id, "order_id": o["entity_id"], "increment_id": fmt.Sprintf("%09d", id), "state": int64(2), "grand_total": o["grand_total"],
		"created_at": stamp(s.now()), "updated_at": stamp(s.now()), "items": items, "total_qty": int64(len(items)),
	}
	s.advance(o)
	return id
}

// advance gives an order the state that follows from its items.
func (s *Server) advance(o row) {
	shipped, invoiced, refunded := true, true, true
	anything := false
	for _, it := range o["items"].([]row) {
		if it["parent_item_id"] != nil {
			continue
		}
		want := it["qty_ordered"].(int64) - it["qty_canceled"].(int64)
		shipped = shipped && it["qty_shipped"].(int64)+it["qty_refunded"].(int64) >= want
		invoiced = invoiced && it["qty_invoiced"].(int64) >= want
		refunded = refunded && it["qty_refunded"].(int64) >= want
		anything = anything || want > 0
	}
	switch {
	case anything && refunded:
		o["state"], o["status"] = "closed", "closed"
	case invoiced && shipped:
		o["state"], o["status"] = "complete", "complete"
	case invoiced:
		o["state"], o["status"] = "processing", "processing"
	}
}

// Pay invoices an order that was placed unpaid.
func (s *Server) Pay(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o == nil {
		return ErrNotFound
	}
	s.invoice(o)
	s.touchOrder(o)
	return nil
}

// Ship sends everything of an order from a source: the reservation ends, and the source has less.
func (s *Server) Ship(id int64, source string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o == nil {
		return ErrNotFound
	}
	s.ship(o, source)
	return nil
}

func (s *Server) ship(o row, source string) int64 {
	for _, it := range o["items"].([]row) {
		left := it["qty_ordered"].(int64) - it["qty_shipped"].(int64) - it["qty_canceled"].(int64) - it["qty_refunded"].(int64)
		if left <= 0 {
			continue
		}
		it["qty_shipped"] = it["qty_shipped"].(int64) + left
		if it["product_type"] == "configurable" {
			continue
		}
		sku := it["sku"].(string)
		s.reserve(sku, -left)
		if x := s.stock.items[itemKey{strings.ToLower(sku), source}]; x != nil {
			s.ledger.Stock = append(s.ledger.Stock, LedgerStock{At: s.now(), SKU: sku, Source: source, From: x.quantity, To: x.quantity - left, By: ByShipment})
			x.quantity -= left
			x.inStock = x.quantity > 0
			s.stockChanged(sku)
		}
	}
	s.advance(o)
	s.touchOrder(o)
	return s.id()
}

// CancelOrder is a person's cancellation.
func (s *Server) CancelOrder(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o == nil {
		return ErrNotFound
	}
	if !s.cancel(o) {
		return fmt.Errorf("order %d can't be cancelled", id)
	}
	return nil
}

// cancel does what the vendor does: an order of which everything was invoiced can't be cancelled.
func (s *Server) cancel(o row) bool {
	switch o["state"] {
	case "canceled", "complete", "closed", "holded", "payment_review":
		return false
	}
	open := false
	for _, it := range o["items"].([]row) {
		open = open || it["qty_ordered"].(int64)-it["qty_invoiced"].(int64)-it["qty_canceled"].(int64) > 0
	}
	if !open {
		return false
	}
	for _, it := range o["items"].([]row) {
		left := it["qty_ordered"].(int64) - max(it["qty_invoiced"].(int64), it["qty_shipped"].(int64)) - it["qty_canceled"].(int64)
		it["qty_canceled"] = it["qty_canceled"].(int64) + left
		if it["product_type"] != "configurable" {
			s.reserve(it["sku"].(string), -left)
		}
	}
	o["state"], o["status"] = "canceled", "canceled"
	s.touchOrder(o)
	return true
}

// Hold puts an order on hold.
func (s *Server) Hold(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o == nil {
		return ErrNotFound
	}
	o["state"], o["status"] = "holded", "holded"
	s.touchOrder(o)
	return nil
}
