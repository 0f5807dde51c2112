package canon

import "time"

// DriftCause says why something did not show what it should, or was not known as it is shown.
type DriftCause string

// The causes of drift.
const (
	// DriftMissed: something happened at the platform that the hub learned of only by the sweep: a lost webhook.
	DriftMissed DriftCause = "missed_webhook"
	// DriftManual: the platform shows another stock than it was known to, and nothing explains it.
	DriftManual DriftCause = "manual_edit"
	// DriftWrite: a write of the hub failed or has no known outcome.
	DriftWrite DriftCause = "failed_write"
	// DriftNotRepresentable: the platform can't show the wanted value.
	DriftNotRepresentable DriftCause = "not_representable"
	// DriftNotMapped: the platform's place is none of the hub's; the configuration has to name it.
	DriftNotMapped DriftCause = "not_mapped"
	// DriftBlocked: the hub must not write it; Reason says why.
	DriftBlocked DriftCause = "blocked"
	// DriftPending: the hub has not written, read or confirmed it yet; Reason says what it waits for.
	DriftPending DriftCause = "pending"
	// DriftUnread: the sweep did not show it, and the platform gave no answer when it was asked for it.
	DriftUnread DriftCause = "unread"
	// DriftParked: the platform showed it, and the fold could not take it in: see the parked list.
	DriftParked DriftCause = "parked"
	// DriftParity: the price differs from the one that another connection asks for the same piece.
	DriftParity DriftCause = "price_parity"
)

// DriftRow is one binding that does not show what it should, or that was not known as the platform shows it.
type DriftRow struct {
	Connection string `json:"connection"`
	Kind       Kind   `json:"kind"`
	ExternalID string `json:"external_id"`
	Aspect     Aspect `json:"aspect,omitempty"` // empty is AspectMain
	ListingID  string `json:"listing_id,omitempty"`
	ItemID     string `json:"item_id,omitempty"`
	Title      string `json:"title,omitempty"`
	SKU        string `json:"sku,omitempty"`
	Location   string `json:"location,omitempty"` // the platform's, of a level
	// Field is what differs: "available" of a level, "price", "created", "deleted", or "state" with Changes.
	Field string `json:"field"`
	// Stock of a level, in pieces. Read is what the sweep was shown, Known what the hub took it to show before; Shows is
	// what it is known to show at the report's position, Should what it should show.
	Read   *int64 `json:"read,omitempty"`
	Known  *int64 `json:"known,omitempty"`
	Shows  *int64 `json:"shows,omitempty"`
	Should *int64 `json:"should,omitempty"`
	// Changes are the fields that the platform showed otherwise than known. Only what is public has its values: prices,
	// titles, SKUs and states.
	Changes []Change   `json:"changes,omitempty"`
	Cause   Position   `json:"cause,omitzero"` // the entry that last changed what it should show
	ByClaim bool       `json:"by_claim,omitempty"`
	Drift   DriftCause `json:"drift"`
	Reason  string     `json:"reason,omitempty"`
	// Held tells that the connection's policy has it reported and not written.
	Held bool `json:"held,omitempty"`
}

// MaxDriftRows bounds the rows that a report keeps, and those that it keeps of what was put right; their counts go on.
const MaxDriftRows = 500

// DriftPage is the data of an entry that begins or continues a sweep. It stands before the page's facts in the journal,
// so that a hub that is killed in between still knows what the sweep found.
type DriftPage struct {
	// Run is the id of the full read, a ULID.
	Run       string    `json:"run"`
	StartedAt time.Time `json:"started_at"`
	// Began is the view's position before the first page: what is known since then, the sweep has shown or confirmed.
	Began Position   `json:"began"`
	Found []DriftRow `json:"found,omitempty"`
	// Holds are the levels of the page that the connection's policy has left as the platform shows them.
	Holds []DriftHold `json:"holds,omitempty"`
}

// DriftHold is a level that is not written while it shows and should show exactly this, because a person is to look at
// it first. It ends with the difference.
type DriftHold struct {
	ExternalID string `json:"external_id"`
	Shows      int64  `json:"shows"`
	Should     int64  `json:"should"`
}

// DriftRun is a sweep that has begun and has not been reported.
type DriftRun struct {
	Connection string     `json:"connection"`
	Run        string     `json:"run"`
	StartedAt  time.Time  `json:"started_at"`
	Began      Position   `json:"began"`
	Found      []DriftRow `json:"found,omitempty"`
	More       int64      `json:"more,omitempty"` // found beyond MaxDriftRows
}

// DriftReport is the result of reading everything of a connection and comparing. Without rows, every compared binding
// was known as the platform showed it, and every bound level showed what it should, at Position.
type DriftReport struct {
	ID         string    `json:"id"` // ULID of the full read
	Connection string    `json:"connection"`
	StartedAt  time.Time `json:"started_at"`
	// At is the fold time of Position, which the report stands for.
	At       time.Time `json:"at"`
	Position Position  `json:"position"`
	// Journal is the id of the journal that Position is in.
	Journal string `json:"journal"`
	// Compared are the bindings that were shown or confirmed since the sweep began, by kind.
	Compared map[string]int64 `json:"compared"`
	// Levels are the bound levels that were compared, Changed those of them that the platform showed otherwise than known.
	Levels  int64                `json:"levels"`
	Changed int64                `json:"changed"`
	Counts  map[DriftCause]int64 `json:"counts"`         // of Rows and More
	Rows    []DriftRow           `json:"rows"`           // what differs still, at most MaxDriftRows
	More    int64                `json:"more,omitempty"` // rows beyond those
	// Repaired are differences that the sweep found and that are no more: missed facts that were taken in, and levels that
	// the hub wrote since. At most MaxDriftRows; RepairedCounts are of all.
	Repaired       []DriftRow           `json:"repaired,omitempty"`
	RepairedCounts map[DriftCause]int64 `json:"repaired_counts,omitempty"`
	// Unread are bindings of kinds that the sweep does not cover in full and that it did not show, such as old orders;
	// bound levels among them are compared as they were known.
	Unread int64 `json:"unread"`
	// Unwritten are levels that the hub does not mean to write, by why: a source that counts stock, a listing that is no
	// item's, stock that the platform does not track. They are no drift.
	Unwritten map[string]int64 `json:"unwritten,omitempty"`
	// State is SHA-256 over the key and the content's hash of every binding of the connection, in hexadecimal.
	State string `json:"state"`
	// Seal is there when there are no rows.
	Seal *DriftSeal `json:"seal,omitempty"`
}

// DriftSeal is a hub's signature under a report without rows.
type DriftSeal struct {
	// Key is the hub's public key (Ed25519, RFC 8032), Signature the one over the report's statement; both in base64.
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// RepairDrift asks to put one row of drift right: a held or refused level is written again, whatever the connection's policy
// is; anything else is read anew.
type RepairDrift struct {
	Connection string `json:"connection"`
	Kind       Kind   `json:"kind,omitempty"` // empty means level
	// Binding is the external id of what the row is about.
	Binding string `json:"binding"`
}

// DriftRepaired is what is done about a row of drift.
type DriftRepaired struct {
	Connection string `json:"connection"`
	Kind       Kind   `json:"kind"`
	Binding    string `json:"binding"`
	// Does is write, read, or nothing where it shows what it should.
	Does string `json:"does"`
	// Shows and Should are of a level, in pieces.
	Shows  *int64 `json:"shows,omitempty"`
	Should *int64 `json:"should,omitempty"`
}
