package canon

// MoveItem asks to move goods from one state of their life to another, by the events of the machine in core/lifecycle:
// repair, finish, damage, restock, return, miss, find, report_stolen, write_off, assemble, dismantle, melt, scrap,
// return_to_vendor.
type MoveItem struct {
	Item  string `json:"item"`
	Event string `json:"event"`
	// Quantity, Location and Claim are of a quantity SKU: how many are moved where, or which of those that were set aside.
	Quantity int64  `json:"quantity,omitempty"` // 0 means 1
	Location string `json:"location,omitempty"` // for a piece that is found: where
	Claim    string `json:"claim,omitempty"`
	Channel  string `json:"channel"`
	Scanned  string `json:"scanned,omitempty"` // what was read from the piece
	// Reference is of the police, the insurer or the vendor's document; Component the piece that it goes into.
	Reference string `json:"reference,omitempty"`
	Component string `json:"component,omitempty"`
	// Inspected, Certificate, Approved and WithinPolicy are a person's word: that the piece was looked at, that its report
	// is there, that a manager allows it, that its return is within the house's policy.
	Inspected    bool `json:"inspected,omitempty"`
	Certificate  bool `json:"certificate,omitempty"`
	Approved     bool `json:"approved,omitempty"`
	WithinPolicy bool `json:"within_policy,omitempty"`
}
