package twin

import (
	"cmp"
	"crypto/rand"
	"slices"
	"time"
)

// Source is who changed something in the shop.
type Source string

// The sources.
const (
	SourceShopper Source = "shopper" // through the checkout
	SourceAPI     Source = "api"     // through the REST API
	SourceManual  Source = "manual"  // by a person in the shop's back office
)

// Ledger is the shop's own account of what happened, for an auditor that trusts nobody else.
type Ledger struct {
	Orders  []LedgerOrder  `json:"orders"`
	Stock   []LedgerStock  `json:"stock"`
	Refunds []LedgerRefund `json:"refunds"`
}

// LedgerOrder is an order at its placing.
type LedgerOrder struct {
	At     time.Time    `json:"at"`
	ID     int64        `json:"id"`
	Source Source       `json:"source"`
	Lines  []LedgerLine `json:"lines"`
}

// LedgerLine is what was ordered; Product is the variation's id for a variation.
type LedgerLine struct {
	Product  int64  `json:"product"`
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// LedgerStock is a change of stock with the value after it.
type LedgerStock struct {
	At      time.Time `json:"at"`
	Product int64     `json:"product"`
	SKU     string    `json:"sku"`
	Before  int64     `json:"before"`
	After   int64     `json:"after"`
	Source  Source    `json:"source"`
	OrderID int64     `json:"order_id,omitempty"`
}

// LedgerRefund is a refund at its booking.
type LedgerRefund struct {
	At        time.Time `json:"at"`
	ID        int64     `json:"id"`
	OrderID   int64     `json:"order_id"`
	Restocked bool      `json:"restocked"`
	Amount    string    `json:"amount"`
	Gateway   bool      `json:"gateway"` // the money went back through the payment method
}

// Counts are what came in and went out.
type Counts struct {
	Requests          int64 `json:"requests"`           // of the REST API
	Writes            int64 `json:"writes"`             // requests other than GET that may have changed something
	StockWrites       int64 `json:"stock_writes"`       // quantities set through the API
	NoopStockWrites   int64 `json:"noop_stock_writes"`  // of these, to what was shown already
	WebhooksDelivered int64 `json:"webhooks_delivered"` // answered with 200 to 302
	WebhooksFailed    int64 `json:"webhooks_failed"`
	WebhooksDropped   int64 `json:"webhooks_dropped"` // lost by injection
	WebhooksCoalesced int64 `json:"webhooks_coalesced"`
	Throttled         int64 `json:"throttled"` // requests refused with 429 for being too many
}

// Ledger gives a copy of the shop's account.
func (s *Server) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Ledger{Orders: slices.Clone(s.ledger.Orders), Stock: slices.Clone(s.ledger.Stock), Refunds: slices.Clone(s.ledger.Refunds)}
}

// Counts gives what came in and went out so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// setStock sets the quantity of what keeps it, and books it.
func (s *Server) setStock(p *product, to int64, source Source, orderID int64) {
	var before int64
	if p.stock != nil {
		before = *p.stock
	}
	p.stock = &to
	p.restock()
	s.ledger.Stock = append(s.ledger.Stock, LedgerStock{At: s.opts.Now().UTC(), Product: p.id, SKU: p.sku, Before: before, After: to, Source: source, OrderID: orderID})
}

func (s *Server) record(o *order, source Source) {
	e := LedgerOrder{At: s.opts.Now().UTC(), ID: o.id, Source: source}
	for _, l := range o.lines {
		id := l.product
		if l.variation != 0 {
			id = l.variation
		}
		e.Lines = append(e.Lines, LedgerLine{Product: id, SKU: l.sku, Quantity: l.quantity})
	}
	s.ledger.Orders = append(s.ledger.Orders, e)
}

// randomSecret is what the shop makes up for a webhook that was created without one.
func randomSecret() string { return rand.Text() + rand.Text() }

// Shown is what the shop shows of a product.
type Shown struct {
	ID         int64             `json:"id"`
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	SKU        string            `json:"sku"`
	Regular    string            `json:"regular"`
	Sale       string            `json:"sale"`
	Meta       map[string]string `json:"meta"`
	Attributes map[string]string `json:"attributes"` // the first option of each
}

// Products gives what the shop shows, in the order of ids, without what is in the trash.
func (s *Server) Products() []Shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Shown
	for _, p := range s.products {
		if p.parent != 0 || p.status == "trash" {
			continue
		}
		shown := Shown{ID: p.id, Name: p.name, Status: p.status, SKU: p.sku, Regular: p.regular, Sale: p.sale, Meta: map[string]string{}, Attributes: map[string]string{}}
		for _, m := range p.meta {
			if text, ok := m.Value.(string); ok {
				shown.Meta[m.Key] = text
			}
		}
		for _, a := range p.attributes {
			if len(a.Options) > 0 {
				shown.Attributes[a.Name] = a.Options[0]
			}
		}
		out = append(out, shown)
	}
	slices.SortFunc(out, func(a, b Shown) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
