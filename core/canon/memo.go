package canon

import "time"

// Memo is pieces that the house has lent to a client or another house, for a time. Its states are those of the machine
// in core/lifecycle: issued, part_settled, overdue, settled, returned.
type Memo struct {
	ID        string     `json:"id"`
	Status    string     `json:"status"`
	Party     string     `json:"party" class:"personal"` // to whom
	Reference string     `json:"reference,omitempty"`    // the house's own number of the document
	Channel   string     `json:"channel"`                // which till lent it
	IssuedAt  time.Time  `json:"issued_at"`              // fold time
	Until     time.Time  `json:"until"`                  // when everything has to be back
	Extended  int64      `json:"extended,omitempty"`     // how often
	Lines     []MemoLine `json:"lines"`
	Version   Position   `json:"version" golden:"-"`
	UpdatedAt time.Time  `json:"updated_at" golden:"-"`
}

// MemoLine is one piece of a memo. While it is out its claim holds the piece.
type MemoLine struct {
	Item   string     `json:"item"`   // an id that resolves to the piece
	Claim  string     `json:"claim"`  // sell under it as the reservation to invoice the piece
	Status string     `json:"status"` // out, invoiced, returned, overruled
	At     *time.Time `json:"at,omitempty"`
}

// Lend asks to lend pieces.
type Lend struct {
	Items     []string `json:"items"` // any ids that resolve to them
	Party     string   `json:"party" class:"personal"`
	Reference string   `json:"reference,omitempty"`
	Seconds   int64    `json:"seconds"`
	Channel   string   `json:"channel"`
}

// TakeBack asks to take a lent piece back.
type TakeBack struct {
	Memo    string `json:"memo"`
	Item    string `json:"item"`
	Scanned string `json:"scanned"` // serial, EPC, report number or SKU that was read from it
	// Inspected tells that a person looked at it.
	Inspected bool `json:"inspected,omitempty"`
}

// ExtendMemo asks for more time, counted from now.
type ExtendMemo struct {
	Memo    string `json:"memo"`
	Seconds int64  `json:"seconds"`
}
