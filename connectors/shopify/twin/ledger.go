package twin

import (
	"slices"
	"time"
)

// Ledger is what happened in the shop, in its own words: the ground truth for an auditor.
type Ledger struct {
	Orders  []OrderEntry  `json:"orders"`
	Refunds []RefundEntry `json:"refunds"`
	Changes []Change      `json:"changes"`
	Counts  Counts        `json:"counts"`
}

// OrderEntry is one sale.
type OrderEntry struct {
	At          time.Time   `json:"at"`
	ID          string      `json:"id"`
	Name        string      `json:"name"`
	Email       string      `json:"email,omitempty"`
	CancelledAt *time.Time  `json:"cancelled_at,omitempty"`
	Lines       []SoldEntry `json:"lines"`
}

// SoldEntry is one line of a sale.
type SoldEntry struct {
	VariantID  string `json:"variant_id"`
	ItemID     string `json:"item_id"`
	LocationID string `json:"location_id"`
	SKU        string `json:"sku"`
	Quantity   int64  `json:"quantity"`
	Restocked  int64  `json:"restocked"`
}

// RefundEntry is one refund.
type RefundEntry struct {
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	OrderID string    `json:"order_id"`
	Amount  string    `json:"amount"` // that went back
}

// Change is one write of available stock.
type Change struct {
	At         time.Time `json:"at"`
	ItemID     string    `json:"item_id"`
	LocationID string    `json:"location_id"`
	SKU        string    `json:"sku"`
	Source     string    `json:"source"`        // shopper, api, manual
	Key        string    `json:"key,omitempty"` // the API's idempotency key
	Before     int64     `json:"before"`
	After      int64     `json:"after"`
}

// Counts are what an auditor counts. A no-op write set the value that was there already: an echo.
type Counts struct {
	Requests      int64 `json:"requests"`
	TokenRequests int64 `json:"token_requests"`
	Throttled     int64 `json:"throttled"`
	APIWrites     int64 `json:"api_writes"`
	NoopWrites    int64 `json:"noop_writes"`
	Replays       int64 `json:"replays"`
	ListingsMade  int64 `json:"listings_made"`  // products that the API made
	ListingWrites int64 `json:"listing_writes"` // of the API on products
	BulkRuns      int64 `json:"bulk_runs"`
	BulkDownloads int64 `json:"bulk_downloads"`
	LeakedTokens  int64 `json:"leaked_tokens"` // access tokens sent to where files are
	Stale         int64 `json:"stale"`
	SoldOut       int64 `json:"sold_out"` // orders refused
	Deliveries    int64 `json:"deliveries"`
	Failed        int64 `json:"failed"` // deliveries that were not answered with 2xx
	Dropped       int64 `json:"dropped"`
	Unsubscribed  int64 `json:"unsubscribed"` // subscriptions deleted after failures
}

// Ledger gives a copy.
func (s *Server) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.ledger
	l.Orders, l.Refunds, l.Changes = slices.Clone(l.Orders), slices.Clone(l.Refunds), slices.Clone(l.Changes)
	for i := range l.Orders {
		l.Orders[i].Lines = slices.Clone(l.Orders[i].Lines)
	}
	return l
}

// Level is the stock that the shop shows.
type Level struct {
	ItemID     string    `json:"item_id"`
	VariantID  string    `json:"variant_id"`
	ProductID  string    `json:"product_id"`
	LocationID string    `json:"location_id"`
	SKU        string    `json:"sku"`
	Available  int64     `json:"available"`
	Committed  int64     `json:"committed"`
	OnHand     int64     `json:"on_hand"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// Levels gives all stock, sorted by item and location.
func (s *Server) Levels() []Level {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Level{}
	for _, it := range byID(s.state.items) {
		for _, l := range it.levels {
			if l.active {
				out = append(out, Level{
					ItemID: gid("InventoryItem", it.id), VariantID: gid("ProductVariant", it.variant.id), ProductID: gid("Product", it.variant.product.id),
					LocationID: gid("Location", l.location.id), SKU: it.variant.sku, Available: l.available, Committed: l.committed, OnHand: l.available + l.committed, UpdatedAt: l.updatedAt,
				})
			}
		}
	}
	return out
}

func (s *Server) change(l *level, before, after int64, source, key string) Change {
	return Change{
		At: s.opts.Clock(), ItemID: gid("InventoryItem", l.item.id), LocationID: gid("Location", l.location.id), SKU: l.item.variant.sku,
		Source: source, Key: key, Before: before, After: after,
	}
}

// setLevel changes stock and tells the subscribers, as the shop does whoever changed it.
func (s *Server) setLevel(l *level, available int64) {
	now := s.now()
	l.available, l.updatedAt = available, now
	v := l.item.variant
	v.updatedAt, v.product.updatedAt = now, now
	s.publish("INVENTORY_LEVELS_UPDATE", restLevel(l))
	s.publish("PRODUCTS_UPDATE", s.restProduct(v.product))
}
