package canon

import "time"

// CreditAccount is a gift card or a store credit: what the house owes its bearer or a client, in one currency. Its states
// are those of the machine gift_card in core/lifecycle: issued, active, blocked, expired, cancelled.
type CreditAccount struct {
	ID     string     `json:"id"` // printed on a gift card; never a payment card's number
	Kind   CreditType `json:"kind"`
	Status string     `json:"status"`
	// Client is any id of whom it belongs to; empty for a bearer's card.
	Client   string `json:"client,omitempty" class:"personal"`
	Currency string `json:"currency"` // ISO 4217
	// Balance is the sum of its lines, in minor units; Held is what authorizations hold of it.
	Balance   int64      `json:"balance" class:"payment"`
	Held      int64      `json:"held" class:"payment"`
	Lines     int64      `json:"lines"` // how many
	Channel   string     `json:"channel"`
	IssuedAt  time.Time  `json:"issued_at"`         // fold time
	Until     *time.Time `json:"until,omitempty"`   // when it expires
	Expired   string     `json:"expired,omitempty"` // key of the line that took what was left then
	Version   Position   `json:"version" golden:"-"`
	UpdatedAt time.Time  `json:"updated_at" golden:"-"`
}

// CreditType is what kind of account a credit is.
type CreditType string

// The kinds.
const (
	CreditGiftCard CreditType = "gift_card"
	CreditStore    CreditType = "store_credit"
)

// CreditEntry is one line of a credit's ledger. Lines are only ever added.
type CreditEntry struct {
	Key    string `json:"key"`                    // id of the command that made it
	Kind   string `json:"kind"`                   // issue, load, refund, authorize, capture, release, redeem, expire, reverse, adjust_up, adjust_down
	Amount int64  `json:"amount" class:"payment"` // minor units, above zero
	Of     string `json:"of,omitempty"`           // the line that a capture, a release or a reversal is of
	// Document is the order or return that it pays or comes from; Reason why it was adjusted.
	Document string    `json:"document,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	By       string    `json:"by"` // name of a token, or the hub
	At       time.Time `json:"at"` // fold time
}

// CreditAsk asks for one step of a gift card or store credit. Without an id it asks for a new one.
type CreditAsk struct {
	Account string `json:"account,omitempty"`
	// Event is issue, activate, load, refund, redeem, authorize, capture, release, reverse, adjust, block, unblock, cancel or
	// extend.
	Event  string     `json:"event"`
	Kind   CreditType `json:"kind,omitempty"`
	Client string     `json:"client,omitempty" class:"personal"`
	// Amount is what it is about. An adjustment may be below zero.
	Amount   *StatedMoney `json:"amount,omitempty"`
	Of       string       `json:"of,omitempty"`
	Document string       `json:"document,omitempty"`
	Reason   string       `json:"reason,omitempty"`
	// Paid tells that a new one is paid for, so that it is active at once.
	Paid     bool   `json:"paid,omitempty"`
	Seconds  int64  `json:"seconds,omitempty"` // until it expires; 0 means never
	Approved bool   `json:"approved,omitempty"`
	Channel  string `json:"channel"`
}
