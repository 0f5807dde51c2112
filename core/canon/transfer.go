package canon

import "time"

// Transfer is goods that go from one of the house's places to another. Its states are those of the machine in
// core/lifecycle: requested, approved, picked, in_transit, part_received, received, investigated, closed, cancelled.
type Transfer struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	From      string `json:"from"` // one of the hub's locations
	To        string `json:"to"`
	Reference string `json:"reference,omitempty"` // the house's own number of the document
	Channel   string `json:"channel"`             // who asked for it
	Seal      string `json:"seal,omitempty"`      // number of the seal or of the carrier's parcel
	// RequestedBy, ApprovedBy and ShippedBy are names of tokens. Who ships is not who approved, who receives not who
	// shipped.
	RequestedBy string         `json:"requested_by"`
	ApprovedBy  string         `json:"approved_by,omitempty"`
	ShippedBy   string         `json:"shipped_by,omitempty"`
	RequestedAt time.Time      `json:"requested_at"` // fold time
	ShippedAt   time.Time      `json:"shipped_at,omitzero"`
	Due         time.Time      `json:"due,omitzero"`     // what has not arrived by then is missing
	Reason      string         `json:"reason,omitempty"` // why something was reported missing, or why it was closed
	Lines       []TransferLine `json:"lines"`
	Version     Position       `json:"version" golden:"-"`
	UpdatedAt   time.Time      `json:"updated_at" golden:"-"`
}

// TransferLine is one piece, or a quantity of a SKU, of a transfer.
type TransferLine struct {
	Item     string `json:"item"` // an id that resolves to it
	Quantity int64  `json:"quantity"`
	Received int64  `json:"received,omitempty"`
	Missing  int64  `json:"missing,omitempty"` // not arrived in time, or reported so
	Claim    string `json:"claim,omitempty"`   // holds the goods from picking on
	Status   string `json:"status"`            // requested, picked, in_transit, part_received, received, missing, cancelled
}

// TransferAsk asks for one step of a transfer. Without an id it asks for a new one.
type TransferAsk struct {
	Transfer  string         `json:"transfer,omitempty"`
	Event     string         `json:"event"` // request, approve, pick, ship, receive, miss, close, cancel
	From      string         `json:"from,omitempty"`
	To        string         `json:"to,omitempty"`
	Lines     []TransferGood `json:"lines,omitempty"`
	Reference string         `json:"reference,omitempty"`
	// Item and Scanned are of one line: any id of the goods, and what was read from them.
	Item     string `json:"item,omitempty"`
	Scanned  string `json:"scanned,omitempty"`
	Quantity int64  `json:"quantity,omitempty"` // 0 means what is open of the line
	Seal     string `json:"seal,omitempty"`
	Seconds  int64  `json:"seconds,omitempty"` // from shipping until what has not arrived is missing; 0 means three days
	Reason   string `json:"reason,omitempty"`
	Approved bool   `json:"approved,omitempty"`
	Channel  string `json:"channel"`
}

// TransferGood is what a line asks for.
type TransferGood struct {
	Item     string `json:"item"`
	Quantity int64  `json:"quantity,omitempty"` // 0 means 1
}
