package twin

import (
	"slices"
	"time"
)

// Actor is who changed something in the shop.
type Actor string

// The actors.
const (
	ByShopper  Actor = "shopper"  // through the checkout
	ByAPI      Actor = "api"      // through the REST API
	ByPerson   Actor = "manual"   // by a person in the shop's back office
	ByShipment Actor = "shipment" // by a shipment of an order
	ByRefund   Actor = "refund"   // by goods that went back
)

// Ledger is the shop's own account of what happened, for an auditor that trusts nobody else.
type Ledger struct {
	Orders  []LedgerOrder  `json:"orders"`
	Stock   []LedgerStock  `json:"stock"`
	Refunds []LedgerRefund `json:"refunds"`
	Cancels []LedgerCancel `json:"cancels"`
}

// LedgerOrder is an order at its placing.
type LedgerOrder struct {
	At    time.Time    `json:"at"`
	ID    int64        `json:"id"`
	By    Actor        `json:"by"`
	Lines []LedgerLine `json:"lines"`
}

// LedgerLine is what was ordered.
type LedgerLine struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
}

// LedgerStock is a change of what lies in a source.
type LedgerStock struct {
	At     time.Time `json:"at"`
	SKU    string    `json:"sku"`
	Source string    `json:"source"`
	From   int64     `json:"from"`
	To     int64     `json:"to"`
	By     Actor     `json:"by"`
}

// LedgerRefund is a credit memo.
type LedgerRefund struct {
	At     time.Time `json:"at"`
	ID     int64     `json:"id"`
	Order  int64     `json:"order"`
	Amount string    `json:"amount"`
	Online bool      `json:"online"`
}

// LedgerCancel is an order's cancellation.
type LedgerCancel struct {
	At    time.Time `json:"at"`
	Order int64     `json:"order"`
	By    Actor     `json:"by"`
}

// Counts are how much was asked of the shop.
type Counts struct {
	Requests  int `json:"requests"`
	Writes    int `json:"writes"`
	Throttled int `json:"throttled"`
}

// Ledger gives the shop's account so far.
func (s *Server) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Ledger{
		Orders: slices.Clone(s.ledger.Orders), Stock: slices.Clone(s.ledger.Stock), Refunds: slices.Clone(s.ledger.Refunds), Cancels: slices.Clone(s.ledger.Cancels),
	}
}

// Counts gives how much was asked of the shop so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}
