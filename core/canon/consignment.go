package canon

import "time"

// Consignment is pieces that somebody lets the house sell, and that stay theirs until they are sold or bought. Each line is in
// a state of the machine consignment in core/lifecycle: received, on_sale, in_grace, sold, paid_out, returned, converted,
// donated.
type Consignment struct {
	ID string `json:"id"`
	// Kind is consigned, or memo_in for pieces that a supplier lent for a time.
	Kind       OwnershipKind `json:"kind"`
	Party      string        `json:"party" class:"personal"` // whose the pieces are
	Reference  string        `json:"reference,omitempty"`    // the house's own number of the document
	Channel    string        `json:"channel"`                // which till took them in
	ReceivedAt time.Time     `json:"received_at"`            // fold time
	// Until is when what is on sale and was not sold has to go back; zero before anything is on sale.
	Until time.Time `json:"until,omitzero"`
	// Terms is how many seconds after a sale what is owed for it has to be paid out.
	Terms     int64             `json:"terms"`
	Lines     []ConsignmentLine `json:"lines"`
	Version   Position          `json:"version" golden:"-"`
	UpdatedAt time.Time         `json:"updated_at" golden:"-"`
}

// ConsignmentLine is one piece of a consignment.
type ConsignmentLine struct {
	Item    string `json:"item"` // an id that resolves to the piece
	Status  string `json:"status"`
	Payable *Money `json:"payable,omitempty" class:"cost"` // what its owner gets for it
	// Due is when that has to be paid out, while the piece is sold; Overdue tells that it was not.
	Due     *time.Time `json:"due,omitempty"`
	Overdue bool       `json:"overdue,omitempty"`
	Paid    *Money     `json:"paid,omitempty" class:"cost"`
	At      *time.Time `json:"at,omitempty"` // fold time of the newest step
}

// Open reports whether the piece is still its consignor's business.
func (l *ConsignmentLine) Open() bool {
	switch l.Status {
	case "paid_out", "returned", "converted", "donated":
		return false
	}
	return true
}

// ConsignAsk asks for one step of a consignment. Without an id it asks for a new one.
type ConsignAsk struct {
	Consignment string `json:"consignment,omitempty"`
	// Event is receive, offer, give_back, convert, donate, pay_out. What is sold is so by its sale.
	Event     string            `json:"event"`
	Kind      OwnershipKind     `json:"kind,omitempty"` // of a new one; consigned where it is left out
	Party     string            `json:"party,omitempty" class:"personal"`
	Reference string            `json:"reference,omitempty"`
	Terms     int64             `json:"terms,omitempty"` // seconds; 0 means 30 days
	Lines     []ConsignmentGood `json:"lines,omitempty"`
	Item      string            `json:"item,omitempty"` // of one line; empty means every line that the step is possible for
	Scanned   string            `json:"scanned,omitempty"`
	Seconds   int64             `json:"seconds,omitempty"` // of offer: until what was not sold has to go back
	Amount    *StatedMoney      `json:"amount,omitempty"`  // of pay_out; what is owed where it is left out
	Inspected bool              `json:"inspected,omitempty"`
	Approved  bool              `json:"approved,omitempty"`
	Channel   string            `json:"channel"`
}

// ConsignmentGood is what a line takes in.
type ConsignmentGood struct {
	Item    string       `json:"item"`
	Payable *StatedMoney `json:"payable,omitempty" class:"cost"`
}
