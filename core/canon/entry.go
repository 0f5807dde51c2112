package canon

import (
	"encoding/json"
	"time"
)

// EntryType says what a journal entry is and how its data reads.
type EntryType string

// The entries of the journal, with the type of their data.
const (
	EntryFoldVersion EntryType = "fold.version"      // FoldVersion: the rules from here on
	EntrySettings    EntryType = "settings"          // Settings: the part of the configuration that the fold uses
	EntryObservation EntryType = "observation"       // Observation
	EntryTouched     EntryType = "touched"           // Touched: entities that changed and must be read
	EntryCursor      EntryType = "cursor"            // Cursor: how far a poll stream came
	EntrySnapshot    EntryType = "snapshot"          // SnapshotMark: a snapshot began or completed
	EntryCommand     EntryType = "command"           // Command
	EntryTick        EntryType = "tick"              // Tick: a deadline fell due
	EntryAdopt       EntryType = "stock.adopted"     // Adopt: a page of items whose opening stock is fixed
	EntryAttempt     EntryType = "write.attempted"   // Attempt
	EntrySettled     EntryType = "write.settled"     // Settled
	EntryAction      EntryType = "action.attempted"  // ActionAttempt
	EntryActionEnd   EntryType = "action.settled"    // ActionSettled
	EntryFuse        EntryType = "fuse.tripped"      // FuseTripped
	EntryMalformed   EntryType = "delivery.parked"   // Malformed: a genuine delivery that could not be translated
	EntryRefresh     EntryType = "items.refreshed"   // Refresh: a page of records to compute again under new settings
	EntryReplay      EntryType = "parked.replayed"   // Replay
	EntryFallBack    EntryType = "mode.fell_back"    // FallBack: what the hub knows of the platforms may be old
	EntryPublished   EntryType = "changes.published" // Published
	EntryLease       EntryType = "lease.asked"       // LeaseAsked
	EntryStarted     EntryType = "node.started"      // Started: no fact; its place tells the node the journal's end
	EntryDriftPage   EntryType = "drift.page"        // DriftPage: what a page of a sweep shows otherwise than known
	EntryDriftReport EntryType = "drift.reported"    // DriftReport
	EntryHeld        EntryType = "changes.held"      // Held: changes that a connection could not deliver
)

// Head is who and what an entry comes from.
type Head struct {
	Connection string `json:"connection,omitempty"`
	// Actor is a token's name, "connection:<name>" or "hub". It never comes from a body. Invariant 8.
	Actor string `json:"actor,omitempty"`
	// ReadStamp is the journal position at the start of the request that fetched the fact; zero when it was pushed.
	ReadStamp Position `json:"read_stamp,omitzero"`
	// Delivery is the platform's id of the delivery or the event's id.
	Delivery string `json:"delivery,omitempty"`
	// Translation is the version of the connector's mapping that made a fact of a delivery; 0 where nobody told.
	Translation int `json:"translation,omitempty"`
	// Cause is the entry that led to this one.
	Cause       Position `json:"cause,omitzero"`
	Correlation string   `json:"correlation,omitempty"`
	// Lease is one that the sender has to hold when the entry is folded, else it does not count; nil for none.
	Lease *LeaseGuard `json:"lease,omitempty"`
}

// FoldVersion announces the version of the fold's rules.
type FoldVersion struct {
	Version int `json:"version"`
}

// Touched lists entities of the head's connection that a thin notice named.
type Touched struct {
	Refs []Ref `json:"refs"`
}

// Cursor is how far a poll stream of the head's connection came. It is in the same batch as the observations.
type Cursor struct {
	Stream string `json:"stream"`
	Cursor []byte `json:"cursor"`
}

// SnapshotMark is the progress of a full read of the head's connection.
type SnapshotMark struct {
	ID string `json:"id"` // ULID
	// Page is where the snapshot goes on; empty when it begins or is complete.
	Page      []byte    `json:"page,omitempty"`
	Complete  bool      `json:"complete,omitempty"`
	Rows      int64     `json:"rows"` // so far
	RowErrors int64     `json:"row_errors,omitempty"`
	Kinds     []Kind    `json:"kinds,omitempty"`
	StartedAt time.Time `json:"started_at"`
	// Sweep tells that it is a sweep for drift: the connection's first import stays what it was.
	Sweep bool `json:"sweep,omitempty"`
}

// Tick tells that a deadline fell due; the entry's own fold time says which.
type Tick struct{}

// Adopt fixes the opening stock of items, page by page, when a connection goes live.
type Adopt struct {
	Items []string `json:"items"` // golden ids
}

// Refresh computes records again, page by page, after the settings changed.
type Refresh struct {
	Items []string `json:"items"` // golden ids
	// Listings are nodes that are no item's: other settings may join them.
	Listings []string `json:"listings,omitempty"`
	Products []string `json:"products,omitempty"` // golden ids
	Clients  []string `json:"clients,omitempty"`  // golden ids
	// Done tells that this is the last page.
	Done bool `json:"done,omitempty"`
}

// Attempt says that stock writes are about to be sent. It is durable before they are.
type Attempt struct {
	Writes []AttemptedWrite `json:"writes"`
}

// AttemptedWrite is one write about to be sent.
type AttemptedWrite struct {
	Key        string   `json:"key"`
	ExternalID string   `json:"external_id"` // of the level
	Want       int64    `json:"want"`
	Expect     int64    `json:"expect"`
	Cause      Position `json:"cause"` // Invariant 9
}

// Settled has the outcomes of writes. What the platform showed with its answer follows as observations in the same
// batch.
type Settled struct {
	Writes []SettledWrite `json:"writes"`
}

// SettledWrite is the outcome of one write.
type SettledWrite struct {
	Key        string `json:"key"`
	ExternalID string `json:"external_id"`
	Want       int64  `json:"want"`
	// Status is the sdk's word: applied, duplicate, conflict, retry, rejected, not_representable, unknown.
	Status string `json:"status"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Attempt is the entry that announced it.
	Attempt Position `json:"attempt"`
}

// FuseTripped tells that the head's connection exceeded its limits and was stopped.
type FuseTripped struct {
	Reason string `json:"reason"`
}

// FallBack takes every live connection back to shadow and asks for a full read of each: what the hub knows of the
// platforms may be old. A connection goes live again when that read is complete and its plan is empty or accepted.
type FallBack struct {
	Reason string `json:"reason"`
}

// Malformed keeps a genuine delivery that could not be translated. Its body is in the personal section.
type Malformed struct {
	Reason string `json:"reason"`
	Size   int    `json:"size"` // bytes of the body
}

// Replay folds a parked entry again, as it was or edited.
type Replay struct {
	Parked Position `json:"parked"`
	// Discard ends it without folding.
	Discard bool `json:"discard,omitempty"`
	// Data is the content as a person edited it; empty for what was parked.
	Data json.RawMessage `json:"data,omitempty"`
}

// Published tells how far the timeline was published to a topic outside of the hub, so that nothing is published twice by
// a hub that is stopped, restored or rebuilt.
type Published struct {
	// Topic names the way out, such as "amqp:jumpring.changes".
	Topic string `json:"topic"`
	// Through is the newest entry all of whose rows were taken.
	Through Position `json:"through"`
}

// Parked is an entry that the fold could not apply. What came behind it went on (invariant 6).
type Parked struct {
	Position Position        `json:"position"`
	Type     EntryType       `json:"type"`
	Head     Head            `json:"head"`
	Code     string          `json:"code"`
	Reason   string          `json:"reason"`
	Data     json.RawMessage `json:"data,omitempty"`
	Personal json.RawMessage `json:"personal,omitempty" class:"personal"`
	At       time.Time       `json:"at"`
}

// Row is one line of a timeline: what changed, when, by whom, because of what. Invariant 8.
type Row struct {
	// Entity is the golden id that the record had at the time.
	Entity  string    `json:"entity"`
	Type    string    `json:"type"` // item, client, order, case …
	Event   string    `json:"event"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`
	Channel string    `json:"channel,omitempty"`
	// Position is the journal entry that caused it.
	Position Position `json:"position"`
	Changes  []Change `json:"changes,omitempty"`
	Location string   `json:"location,omitempty"`
	// Inferred tells that nobody stated this step: it lies between what was known and what the entry shows.
	Inferred bool `json:"inferred,omitempty"`
}

// Change is one field before and after, as JSON.
type Change struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// Connection is what the fold knows of a connection.
type Connection struct {
	Name      string `json:"name"`
	Connector string `json:"connector"`
	// Mode is what is in force; Asked what the configuration wants.
	Mode  Mode `json:"mode"`
	Asked Mode `json:"asked"`
	// Lowered tells that a person took it to less than it had: the hub does not raise it by itself.
	Lowered bool `json:"lowered,omitempty"`
	// Scopes are the parts that have a mode of their own, sorted; Mode is that of the rest.
	Scopes []ScopedMode `json:"scopes,omitempty"`
	// Paused stops outbound and inbound calls, by a person. Fused stops outbound, by the fuse, with its reason.
	Paused bool   `json:"paused,omitempty"`
	Fused  string `json:"fused,omitempty"`
	// FirstSeen is the fold time at which the connection was first configured.
	FirstSeen time.Time `json:"first_seen"`
	// Baseline: orders placed before it move nothing. Zero means FirstSeen.
	Baseline time.Time         `json:"baseline,omitzero"`
	Cursors  map[string][]byte `json:"cursors,omitempty"`
	Snapshot *SnapshotMark     `json:"snapshot,omitempty"`
	// Sweep is how far the newest sweep for drift came.
	Sweep *SnapshotMark `json:"sweep,omitempty"`
	// LiveSince is the entry that made it live.
	LiveSince  Position  `json:"live_since,omitzero"`
	PlanDigest string    `json:"plan_digest,omitempty"`
	LastFact   time.Time `json:"last_fact,omitzero"` // fold time of the newest fact from it
}

// Mode is how far the hub may go with a connection. Invariant 9.
type Mode string

// The modes.
const (
	ModeObserve Mode = "observe" // read only
	ModeShadow  Mode = "shadow"  // compute and show what would be written
	ModeLive    Mode = "live"    // write
)
