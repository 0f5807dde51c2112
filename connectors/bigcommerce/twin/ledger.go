package twin

import (
	"slices"
	"time"
)

// Actor is who changed something in the store.
type Actor string

// The actors.
const (
	ByShopper Actor = "shopper" // through the checkout
	ByAPI     Actor = "api"     // through the REST API
	ByPerson  Actor = "manual"  // by a person in the control panel
	ByCancel  Actor = "cancel"  // goods that went back with their order
	ByRefund  Actor = "refund"  // by a refund
)

// Ledger is the store's own account of what happened, for an auditor that trusts nobody else.
type Ledger struct {
	Orders  []LedgerOrder  `json:"orders"`
	Stock   []LedgerStock  `json:"stock"`
	Refunds []LedgerRefund `json:"refunds"`
	Cancels []LedgerCancel `json:"cancels"`
	// Voids is how many authorizations were given up; Oversold how often stock fell below what may be sold.
	Voids    int `json:"voids"`
	Oversold int `json:"oversold"`
	// Deactivated are the scopes of webhooks that were given up, once each time.
	Deactivated []string `json:"deactivated"`
}

// LedgerOrder is an order at its placing.
type LedgerOrder struct {
	At    time.Time    `json:"at"`
	ID    int64        `json:"id"`
	Lines []LedgerLine `json:"lines"`
}

// LedgerLine is what was ordered.
type LedgerLine struct {
	Variant  int64 `json:"variant"`
	Quantity int64 `json:"quantity"`
}

// LedgerStock is a change of what lies somewhere.
type LedgerStock struct {
	At       time.Time `json:"at"`
	Product  int64     `json:"product"`
	Variant  int64     `json:"variant"` // 0 where the product is counted
	Location int64     `json:"location"`
	From     int64     `json:"from"`
	To       int64     `json:"to"`
	By       Actor     `json:"by"`
}

// LedgerRefund is a refund that was not declined.
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

// Counts are how much was asked of the store.
type Counts struct {
	Requests          int `json:"requests"`
	Writes            int `json:"writes"`
	Throttled         int `json:"throttled"`
	Adjustments       int `json:"adjustments"`
	WebhooksDelivered int `json:"webhooks_delivered"`
	WebhooksFailed    int `json:"webhooks_failed"`
}

// Ledger gives the store's account so far.
func (s *Server) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.ledger
	out.Orders, out.Stock, out.Refunds = slices.Clone(out.Orders), slices.Clone(out.Stock), slices.Clone(out.Refunds)
	out.Cancels, out.Deactivated = slices.Clone(out.Cancels), slices.Clone(out.Deactivated)
	return out
}

// Counts gives how much was asked of the store so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}
