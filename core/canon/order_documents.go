package canon

import "time"

// OrderDocument is one of the documents that belong to an order.
type OrderDocument string

// The documents of an order; their states are those of the machines of the same names in core/lifecycle.
const (
	DocumentFulfilment OrderDocument = "fulfilment"
	DocumentPayment    OrderDocument = "payment"
	DocumentReturn     OrderDocument = "return"
)

// DocumentLine is a part of one order line.
type DocumentLine struct {
	ID       string `json:"id"` // of the order's line
	Quantity int64  `json:"quantity"`
	Done     bool   `json:"done,omitempty"` // picked, of a house's fulfilment; received, of a house's return
}

// StatedFulfilment is a delivery of lines of an order, as a platform states it.
type StatedFulfilment struct {
	ID string `json:"id"` // the platform's
	// Status is a state of the machine fulfilment that the connector maps the platform's word to.
	Status   string         `json:"status"`
	Lines    []DocumentLine `json:"lines,omitempty"`
	Location string         `json:"location,omitempty"` // the platform's location that gives the goods
	Carrier  string         `json:"carrier,omitempty"`
	Tracking string         `json:"tracking,omitempty"`
	At       *time.Time     `json:"at,omitempty"` // when it was made
}

// StatedPayment is one tender of an order, as a platform states it. It never carries a card number (invariant 7).
type StatedPayment struct {
	ID     string `json:"id"`     // the platform's
	Status string `json:"status"` // a state of the machine payment
	Kind   string `json:"kind"`   // card, cash, gift_card, wallet …
	// Amount is what was to be paid by it, Captured what was taken and Refunded what went back. Invariant 5: as stated.
	Amount    StatedMoney  `json:"amount"`
	Captured  *StatedMoney `json:"captured,omitempty"`
	Refunded  *StatedMoney `json:"refunded,omitempty"`
	Reference string       `json:"reference,omitempty"`
	At        *time.Time   `json:"at,omitempty"`
}

// StatedReturn is goods of an order that come back, as a platform states it.
type StatedReturn struct {
	ID     string         `json:"id"`     // the platform's
	Status string         `json:"status"` // a state of the machine return
	Lines  []DocumentLine `json:"lines,omitempty"`
	// Exchange are the lines that the client takes in their place. They are lines of the order as well.
	Exchange []DocumentLine `json:"exchange,omitempty"`
	Refunds  []string       `json:"refunds,omitempty"` // the platform's ids of the refunds made for it
	Number   string         `json:"number,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	At       *time.Time     `json:"at,omitempty"`
}

// Fulfilment is one delivery of an order's lines. Its states are those of the machine in core/lifecycle: created, picked,
// packed, shipped, delivered, failed, returned, cancelled.
type Fulfilment struct {
	ID string `json:"id"` // the platform's, or a ULID of the command that made it
	// House tells that it was made by command: the house moves it on. Otherwise a platform shows it.
	House bool `json:"house,omitempty"`
	// HouseIDs are fulfilments that the house made of the same goods and the platform shows as this one.
	HouseIDs  []string       `json:"house_ids,omitempty"`
	Status    string         `json:"status"`
	Lines     []DocumentLine `json:"lines,omitempty"`
	Location  string         `json:"location,omitempty"` // the hub's location
	Carrier   string         `json:"carrier,omitempty"`
	Tracking  string         `json:"tracking,omitempty"`
	By        string         `json:"by,omitempty"` // name of the token that made it
	CreatedAt *time.Time     `json:"created_at,omitempty"`
}

// Payment is one tender of an order. Its states are those of the machine in core/lifecycle: created, authorized, captured,
// settled, part_refunded, refunded, charged_back, declined, voided, expired.
type Payment struct {
	ID        string     `json:"id"`
	House     bool       `json:"house,omitempty"` // made by command
	Status    string     `json:"status"`
	Kind      string     `json:"kind"`
	Amount    *Money     `json:"amount,omitempty"`
	Captured  *Money     `json:"captured,omitempty"`
	Refunded  *Money     `json:"refunded,omitempty"`
	Reference string     `json:"reference,omitempty"`
	By        string     `json:"by,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
}

// OrderReturn is goods of an order that come back, for money or for other goods. Its states are those of the machine return
// in core/lifecycle: requested, authorized, received, inspected, accepted, rejected, part_refunded, refunded, exchanged,
// closed, cancelled.
type OrderReturn struct {
	ID       string         `json:"id"`
	House    bool           `json:"house,omitempty"` // made by command
	Status   string         `json:"status"`
	Number   string         `json:"number,omitempty"`
	Reason   string         `json:"reason,omitempty"`
	Lines    []DocumentLine `json:"lines,omitempty"`
	Exchange []DocumentLine `json:"exchange,omitempty"` // lines of the order that the client takes in their place
	// ExchangeOrder is the golden id of the sale of what the client takes, where the house made it.
	ExchangeOrder string   `json:"exchange_order,omitempty"`
	Refunds       []string `json:"refunds,omitempty"` // the platform's ids
	// Value is what the returned lines were sold for: price times quantity.
	Value *Money `json:"value,omitempty"`
	// Refunded is what went back to the client. It is net of an exchange already: what the client takes in place of the
	// goods is never taken off once more.
	Refunded *Money `json:"refunded,omitempty"`
	// Net is of an exchange that the house made: what the client gets back, below zero what the client pays.
	Net       *Money     `json:"net,omitempty"`
	By        string     `json:"by,omitempty"`
	CreatedAt *time.Time `json:"created_at,omitempty"`
}

// OrderDocuments are the documents of an order that the house made by command. What platforms show of an order is not
// among them.
type OrderDocuments struct {
	Order       string        `json:"order"` // golden id
	Fulfilments []Fulfilment  `json:"fulfilments,omitempty"`
	Payments    []Payment     `json:"payments,omitempty" class:"payment"`
	Returns     []OrderReturn `json:"returns,omitempty"`
}

// OrderStep asks for one step of a document of an order. Without an id it asks for a new one.
type OrderStep struct {
	Order    string        `json:"order"` // golden id
	Document OrderDocument `json:"document"`
	ID       string        `json:"id,omitempty"`
	// Event is one of the document's machine: create, pick, pack, ship, hand_over, deliver, fail, take_back, cancel of a
	// fulfilment; create, authorize, capture, void, settle, refund of a payment; request, authorize, reject, cancel,
	// receive, inspect, accept, refund, exchange, close of a return.
	Event    string         `json:"event"`
	Lines    []DocumentLine `json:"lines,omitempty"`   // of a new fulfilment or return; empty means all that are open
	Item     string         `json:"item,omitempty"`    // any id of the goods of one line
	Scanned  string         `json:"scanned,omitempty"` // what was read from the goods
	Location string         `json:"location,omitempty"`
	Carrier  string         `json:"carrier,omitempty"`
	Tracking string         `json:"tracking,omitempty"`
	Kind     string         `json:"kind,omitempty"`   // of a new payment: card, cash, gift_card …
	Amount   *StatedMoney   `json:"amount,omitempty"` // of the step; what is open where it is left out
	// Payment is the payment that a return's refund goes back by.
	Payment   string `json:"payment,omitempty"`
	Exchange  string `json:"exchange,omitempty"` // golden id of the sale of what the client takes instead
	Reference string `json:"reference,omitempty"`
	Reason    string `json:"reason,omitempty"`
	// Identified, Inspected, Certificate, WithinPolicy and Approved are a person's word.
	Identified   bool   `json:"identified,omitempty"`
	Inspected    bool   `json:"inspected,omitempty"`
	Certificate  bool   `json:"certificate,omitempty"`
	WithinPolicy bool   `json:"within_policy,omitempty"`
	Approved     bool   `json:"approved,omitempty"`
	Channel      string `json:"channel"`
}

// ReservationStep asks for one step of a reservation that is collected at a boutique: confirm, refuse, pick, ready, extend,
// collect, cancel, restock.
type ReservationStep struct {
	Reservation string `json:"reservation"`
	Event       string `json:"event"`
	Scanned     string `json:"scanned,omitempty"` // what was read from the goods
	Seconds     int64  `json:"seconds,omitempty"` // of ready and extend: until it is no longer kept, from now on
	// Identified and Paid are a person's word: who collects was checked, and the balance is settled.
	Identified bool         `json:"identified,omitempty"`
	Paid       bool         `json:"paid,omitempty"`
	Receipt    string       `json:"receipt,omitempty"`
	Price      *StatedMoney `json:"price,omitempty"` // of one, of what is collected
	Channel    string       `json:"channel"`
}
