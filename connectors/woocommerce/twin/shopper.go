package twin

import (
	"errors"
	"fmt"
	"slices"
)

// What the checkout and the back office refuse.
var (
	ErrOutOfStock = errors.New("the product is out of stock")
	ErrNotFound   = errors.New("there is no such thing in the shop")
	ErrRefused    = errors.New("the shop refuses it")
)

// ProductSpec is a product for CreateProduct.
type ProductSpec struct {
	Name       string            `json:"name"`
	SKU        string            `json:"sku"`
	GTIN       string            `json:"gtin"`
	Price      string            `json:"price"`
	Stock      *int64            `json:"stock"` // nil leaves stock unmanaged
	Backorders string            `json:"backorders"`
	Status     string            `json:"status"`
	Meta       map[string]any    `json:"meta"`
	Attributes map[string]string `json:"attributes"`
	Categories []string          `json:"categories"`
	Variations []VariationSpec   `json:"variations"` // makes it a variable product
}

// VariationSpec is a variation of a product. Without Stock it shares the product's.
type VariationSpec struct {
	SKU     string            `json:"sku"`
	Price   string            `json:"price"`
	Stock   *int64            `json:"stock"`
	Choices map[string]string `json:"choices"`
	Meta    map[string]any    `json:"meta"`
}

// CreateProduct makes a product in the back office and returns its id and those of its variations.
func (s *Server) CreateProduct(spec ProductSpec) (id int64, variations []int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.newProduct(0)
	p.name, p.sku, p.gtin, p.regular, p.categories = spec.Name, spec.SKU, spec.GTIN, spec.Price, spec.Categories
	p.slug = slugOf(p.name) + "-" + itoa(p.id)
	if spec.Status != "" {
		p.status = spec.Status
	}
	if spec.Backorders != "" {
		p.backorders = spec.Backorders
	}
	for _, name := range sortedKeys(spec.Attributes) {
		p.attributes = append(p.attributes, Attribute{Name: name, Position: len(p.attributes), Visible: true, Options: []string{spec.Attributes[name]}})
	}
	for _, k := range sortedKeys(spec.Meta) {
		p.setMeta(k, spec.Meta[k])
	}
	s.products[p.id] = p
	if spec.Stock != nil {
		p.manage = true
		s.setStock(p, *spec.Stock, SourceManual, 0)
	}
	choices := map[string][]string{}
	for _, vs := range spec.Variations {
		p.kind = "variable"
		v := s.newProduct(p.id)
		v.sku, v.regular, v.choices, v.slug = vs.SKU, vs.Price, vs.Choices, p.slug
		for _, k := range sortedKeys(vs.Meta) {
			v.setMeta(k, vs.Meta[k])
		}
		s.products[v.id] = v
		if vs.Stock != nil {
			v.manage = true
			s.setStock(v, *vs.Stock, SourceManual, 0)
		}
		for name, c := range vs.Choices {
			if !slices.Contains(choices[name], c) {
				choices[name] = append(choices[name], c)
			}
		}
		variations = append(variations, v.id)
	}
	for _, name := range sortedKeys(choices) {
		p.attributes = append(p.attributes, Attribute{Name: name, Position: len(p.attributes), Visible: true, Variation: true, Options: choices[name]})
	}
	s.fire("product.created", p.id)
	return p.id, variations, nil
}

// CustomerSpec is a customer for CreateCustomer.
type CustomerSpec struct {
	Email   string  `json:"email"`
	First   string  `json:"first_name"`
	Last    string  `json:"last_name"`
	Billing Address `json:"billing"`
}

// CreateCustomer registers a customer.
func (s *Server) CreateCustomer(spec CustomerSpec) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.createCustomer(map[string]any{"email": spec.Email, "first_name": spec.First, "last_name": spec.Last})
	if err != nil {
		return 0, fmt.Errorf("%w: %s", ErrRefused, err.message)
	}
	c.billing = spec.Billing
	return c.id, nil
}

// Purchase is what a shopper buys. ID is a product, or a variation.
type Purchase struct {
	ID         int64   `json:"id"`
	Quantity   int64   `json:"quantity"`
	CustomerID int64   `json:"customer_id"`
	Billing    Address `json:"billing"`
	// Status is the order's after the checkout: processing (the default, paid), on-hold or pending.
	Status string `json:"status"`
	// Method is one of the shop's gateways; empty is bacs.
	Method string `json:"method"`
}

// PlaceOrder buys through the checkout, which refuses what is out of stock unless backorders are allowed.
func (s *Server) PlaceOrder(buy Purchase) (int64, error) {
	return s.placeOrder(buy, SourceShopper, true)
}

// PlaceOrderREST creates an order as POST /orders does: stock is not checked and goes below zero.
func (s *Server) PlaceOrderREST(buy Purchase) (int64, error) {
	return s.placeOrder(buy, SourceAPI, false)
}

func (s *Server) placeOrder(buy Purchase, source Source, checked bool) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[buy.ID]
	if p == nil || p.status == "trash" {
		return 0, fmt.Errorf("product %d: %w", buy.ID, ErrNotFound)
	}
	if buy.Quantity <= 0 {
		buy.Quantity = 1
	}
	if h := s.holder(p); checked && h != nil && h.backorders == "no" && *h.stock < buy.Quantity {
		return 0, fmt.Errorf("product %d has %d left: %w", p.id, *h.stock, ErrOutOfStock)
	}
	o := &order{
		id: s.id(), status: "pending", currency: s.opts.Currency, created: s.now(), modified: s.now(), via: "checkout", customer: buy.CustomerID,
		billing: buy.Billing, method: "bacs", title: "Direct bank transfer", lines: []*line{s.lineOf(p, buy.Quantity)},
	}
	if buy.Method != "" {
		o.method, o.title = buy.Method, buy.Method
	}
	if source == SourceAPI {
		o.via = "rest-api"
	}
	s.orders[o.id] = o
	s.record(o, source)
	if buy.Status == "" {
		buy.Status = "processing"
	}
	s.setStatus(o, buy.Status, source)
	s.fire("order.created", o.id)
	s.orderSaved(o)
	return o.id, nil
}

// Refund takes back a quantity of the order's first line at its price; the money is returned by hand.
func (s *Server) Refund(orderID, quantity int64, restock bool) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[orderID]
	if o == nil || len(o.lines) == 0 {
		return 0, fmt.Errorf("order %d: %w", orderID, ErrNotFound)
	}
	l := o.lines[0]
	if quantity <= 0 || quantity > l.quantity {
		return 0, fmt.Errorf("order %d: %w: quantity", orderID, ErrRefused)
	}
	back := l.total * quantity / l.quantity
	if back > o.total()-o.refunded() {
		return 0, fmt.Errorf("order %d: %w: more than was paid", orderID, ErrRefused)
	}
	r := &refund{id: s.id(), created: s.now(), amount: back, lines: []*line{{
		id: s.id(), product: l.product, variation: l.variation, name: l.name, sku: l.sku,
		quantity: -quantity, subtotal: -back, total: -back, refundOf: l.id,
	}}}
	s.applyRefund(o, r, restock, SourceManual)
	return r.id, nil
}

// SetOrderStatus changes an order in the back office; CancelOrder is one case of it.
func (s *Server) SetOrderStatus(orderID int64, status string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[orderID]
	if o == nil {
		return fmt.Errorf("order %d: %w", orderID, ErrNotFound)
	}
	if !slices.Contains(orderStatuses, status) {
		return fmt.Errorf("status %q: %w", status, ErrRefused)
	}
	s.setStatus(o, status, SourceManual)
	s.orderSaved(o)
	return nil
}

// CancelOrder cancels an order: what it took from stock goes back.
func (s *Server) CancelOrder(orderID int64) error { return s.SetOrderStatus(orderID, "cancelled") }

// AdjustStock sets a quantity by hand in the back office.
func (s *Server) AdjustStock(id, to int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil || s.holder(p) == nil {
		return fmt.Errorf("product %d with managed stock: %w", id, ErrNotFound)
	}
	h := s.holder(p)
	s.setStock(h, to, SourceManual, 0)
	s.saved(h)
	return nil
}

// SetPrice changes a product's regular price in the back office.
func (s *Server) SetPrice(id int64, price string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil || p.status == "trash" {
		return fmt.Errorf("product %d: %w", id, ErrNotFound)
	}
	p.regular = price
	s.saved(p)
	return nil
}

// Price is the regular price that the shop shows; empty where there is no such product.
func (s *Server) Price(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.products[id]; p != nil && p.status != "trash" {
		return p.regular
	}
	return ""
}

// AdjustStockSilently changes a quantity in the database alone, as some plugins do: no date moves and no webhook fires.
func (s *Server) AdjustStockSilently(id, to int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil || s.holder(p) == nil {
		return fmt.Errorf("product %d with managed stock: %w", id, ErrNotFound)
	}
	s.setStock(s.holder(p), to, SourceManual, 0)
	return nil
}

// TrashProduct moves a product to the trash, or with force deletes it.
func (s *Server) TrashProduct(id int64, force bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return fmt.Errorf("product %d: %w", id, ErrNotFound)
	}
	s.trash(p, force)
	return nil
}

// RestoreProduct takes a product out of the trash.
func (s *Server) RestoreProduct(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil || p.status != "trash" {
		return fmt.Errorf("product %d in the trash: %w", id, ErrNotFound)
	}
	p.status, p.modified = p.before, s.now()
	s.fire("product.restored", p.id)
	return nil
}

// Stock is the quantity that the shop shows; ok is false when it counts none.
func (s *Server) Stock(id int64) (quantity int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.products[id]; p != nil {
		if h := s.holder(p); h != nil {
			return *h.stock, true
		}
	}
	return 0, false
}

// WebhookState is a webhook's status and how many deliveries in a row failed.
type WebhookState struct {
	ID       int64  `json:"id"`
	Topic    string `json:"topic"`
	URL      string `json:"delivery_url"`
	Status   string `json:"status"`
	Failures int    `json:"failure_count"`
}

// Webhooks lists the webhooks with what the REST API does not tell.
func (s *Server) Webhooks() []WebhookState {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []WebhookState
	for _, id := range sortedIDs(s.webhooks) {
		h := s.webhooks[id]
		out = append(out, WebhookState{h.id, h.topic, h.url, h.status, h.failures})
	}
	return out
}

// DisableWebhook disables the oldest webhook, as the shop does after more than five failures in a row.
func (s *Server) DisableWebhook() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range sortedIDs(s.webhooks) {
		s.webhooks[id].status = "disabled"
		return
	}
}

// OrderLines gives the ids of an order's lines.
func (s *Server) OrderLines(order int64) (ids []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[order]; o != nil {
		for _, l := range o.lines {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// DropWebhooks loses the next n deliveries without a trace.
func (s *Server) DropWebhooks(n int) {
	s.mu.Lock()
	s.drops += n
	s.mu.Unlock()
}

// DoubleWebhooks sends the next n deliveries twice.
func (s *Server) DoubleWebhooks(n int) {
	s.mu.Lock()
	s.doubles += n
	s.mu.Unlock()
}

// OrderStatus is an order's status in the shop's words; empty where there is none.
func (s *Server) OrderStatus(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[id]; o != nil {
		return o.status
	}
	return ""
}
