package canon

import "time"

// CountSession is one count of what is at a place. Its states are those of the machine in core/lifecycle: open, paused,
// submitted, completed, cancelled.
type CountSession struct {
	ID          string    `json:"id"`
	Status      string    `json:"status"`
	Location    string    `json:"location"` // one of the hub's
	Reference   string    `json:"reference,omitempty"`
	Channel     string    `json:"channel"`
	OpenedBy    string    `json:"opened_by"` // name of a token
	OpenedAt    time.Time `json:"opened_at"` // fold time
	SubmittedBy string    `json:"submitted_by,omitempty"`
	SubmittedAt time.Time `json:"submitted_at,omitzero"`
	CompletedBy string    `json:"completed_by,omitempty"`
	// Run numbers the comparisons: a recount is compared anew.
	Run int64 `json:"run,omitempty"`
	// Scans is how many were taken, Unknown how many of them are of goods that the hub does not know.
	Scans   int64 `json:"scans"`
	Unknown int64 `json:"unknown"`
	// Expected is how many items should be there; Missing were not seen, Unexpected were seen and should not be there,
	// Differing are quantities that are not as they should be. They are final once Compared is true.
	Expected   int64 `json:"expected"`
	Missing    int64 `json:"missing"`
	Unexpected int64 `json:"unexpected"`
	Differing  int64 `json:"differing"`
	Compared   bool  `json:"compared"`
	// Applied tells that all that the completed count changes is done.
	Applied bool `json:"applied"`
	// Phase and Next are where the page by page work goes on.
	Phase     string    `json:"phase,omitempty"`
	Next      string    `json:"next,omitempty"`
	Version   Position  `json:"version" golden:"-"`
	UpdatedAt time.Time `json:"updated_at" golden:"-"`
}

// CountLine is one finding of a count: a scan, or what its comparison found.
type CountLine struct {
	State   string `json:"state"`             // seen, unknown, missing, unexpected, differing
	Item    string `json:"item,omitempty"`    // an id that resolves to it
	Scanned string `json:"scanned,omitempty"` // what was read
	By      string `json:"by,omitempty"`      // token or device that read it
	// Quantity is how many were seen; Believed how many should be there.
	Quantity int64 `json:"quantity"`
	Believed int64 `json:"believed,omitempty"`
	// Status and Location are what the hub knew of what it did not expect.
	Status   ItemStatus `json:"status,omitempty"`
	Location string     `json:"location,omitempty"`
	At       time.Time  `json:"at"`
}

// CountAsk asks for one step of a count. Without an id it asks for a new one.
type CountAsk struct {
	Session   string      `json:"session,omitempty"`
	Event     string      `json:"event"` // open, see, pause, resume, submit, recount, complete, cancel
	Location  string      `json:"location,omitempty"`
	Reference string      `json:"reference,omitempty"`
	Scans     []CountScan `json:"scans,omitempty"`
	Approved  bool        `json:"approved,omitempty"`
	Channel   string      `json:"channel"`
}

// CountScan is what was read from goods.
type CountScan struct {
	Scanned  string `json:"scanned"`            // serial, EPC, report number or SKU
	Quantity int64  `json:"quantity,omitempty"` // of a quantity SKU; 0 means 1. Several scans of one SKU add up
}
