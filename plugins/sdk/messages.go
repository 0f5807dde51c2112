package sdk

import (
	"encoding/json"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/canon"
)

// ProtocolVersion is the version of connector.v1 that this SDK speaks.
const ProtocolVersion = 1

// Capability names an optional part of the protocol, as Describe lists it.
type Capability string

// The capabilities. Serve fills them in from the interfaces that a connector implements.
const (
	CanValidate Capability = "validate"
	CanCheck    Capability = "check"
	CanRegister Capability = "register"
	CanDiscover Capability = "discover"
	CanWebhook  Capability = "webhook"
	CanPoll     Capability = "poll"
	CanSnapshot Capability = "snapshot"
	CanApply    Capability = "apply"
	CanLookup   Capability = "lookup"
	CanRead     Capability = "read"
	CanDeliver  Capability = "deliver"
	CanHealth   Capability = "health"
)

// DescribeRequest asks a connector what it is.
type DescribeRequest struct{}

// DescribeResponse tells what a connector is and can do.
type DescribeResponse struct {
	Name    string `json:"name"`    // "shopify"
	Version string `json:"version"` // semantic version of the connector
	Summary string `json:"summary"` // one sentence for a person
	// ProtocolMin and ProtocolMax are the range of protocol versions that it speaks; filled by Serve.
	ProtocolMin  int          `json:"protocol_min"`
	ProtocolMax  int          `json:"protocol_max"`
	Capabilities []Capability `json:"capabilities"` // filled by Serve
	// TranslationVersion grows with each change of how payloads are translated, so that kept deliveries can be
	// translated again.
	TranslationVersion int           `json:"translation_version"`
	Kinds              []canon.Kind  `json:"kinds"` // what it observes
	Config             []ConfigField `json:"config"`
	Streams            []Stream      `json:"streams"`          // what Poll can be asked for
	Implied            Implied       `json:"implied"`          // what the platform does by itself
	Scopes             []string      `json:"scopes,omitempty"` // what it needs at the platform
	RateLimit          RateLimit     `json:"rate_limit"`
	// SettleMillis is how long after a write a read may still show the old state, in milliseconds.
	SettleMillis int64 `json:"settle_millis"`
	// WebhookDeadlineMillis is how long the platform waits for an answer, in milliseconds; 0 means 5000.
	WebhookDeadlineMillis int64 `json:"webhook_deadline_millis,omitempty"`
	// OpeningStock tells that its levels are a count of what is there (a catalogue file), not a shop window.
	OpeningStock bool `json:"opening_stock,omitempty"`
	// Actions are the kinds that Apply can carry out.
	Actions []canon.ActionKind `json:"actions,omitempty"`
	// DeliverRecords tells that Deliver needs each change's record beside the event.
	DeliverRecords bool `json:"deliver_records,omitempty"`
}

// ConfigField describes one key of a connection's `config` or `secrets`.
type ConfigField struct {
	Key         string   `json:"key"`
	Description string   `json:"description"`
	Type        string   `json:"type"` // string, int, bool, duration, url, list
	Required    bool     `json:"required,omitempty"`
	Secret      bool     `json:"secret,omitempty"` // belongs under `secrets`, is never echoed
	Default     string   `json:"default,omitempty"`
	OneOf       []string `json:"one_of,omitempty"`
	Pattern     string   `json:"pattern,omitempty"` // RE2
}

// StreamOrders is the name of the stream that sales come by. The hub polls it out of turn when it may have missed one;
// where a connector has no stream of this name, it polls all.
const StreamOrders = "orders"

// Stream is one thing to poll, with a cursor of its own.
type Stream struct {
	// Name is the connector's own word, but for StreamOrders.
	Name           string `json:"name"`
	IntervalMillis int64  `json:"interval_millis"`
	// Personal tells that its observations carry personal data.
	Personal bool `json:"personal,omitempty"`
}

// Implied says which effects the platform applies by itself, so that the hub expects instead of writing them.
type Implied struct {
	OrderLowersLevel  bool `json:"order_lowers_level,omitempty"`
	RefundRaisesLevel bool `json:"refund_raises_level,omitempty"` // when the refund restocks
	CancelRaisesLevel bool `json:"cancel_raises_level,omitempty"`
	// CompareAndSet tells that Apply compares the expected value at the platform in one step.
	CompareAndSet bool `json:"compare_and_set,omitempty"`
}

// RateLimit hints how fast the hub may call Apply and Read before the platform has said anything itself.
type RateLimit struct {
	PerSecond float64 `json:"per_second"` // 0 means no limit known
	Burst     int     `json:"burst"`
	MaxBatch  int     `json:"max_batch"` // of one Apply or Read; 0 means 50
}

// Severity says how bad a diagnostic is.
type Severity string

// The severities. An error keeps the connection from starting; a warning is shown.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Diagnostic is a finding for a person: what is wrong, where, and what to do.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, "shopify.scope_missing"
	Path     string   `json:"path"` // "config.shop"; empty when it concerns no key
	Summary  string   `json:"summary"`
	Do       string   `json:"do"` // what to do about it
}

// ValidateRequest carries a configuration to check. Secrets hold the real values and must not be repeated in a
// diagnostic.
type ValidateRequest struct {
	Config  json.RawMessage   `json:"config"`
	Secrets map[string]string `json:"secrets"`
}

// ValidateResponse has the findings; none means that the configuration can be opened.
type ValidateResponse struct {
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// CheckRequest asks for a live test of the opened connection.
type CheckRequest struct{}

// CheckResponse has what the live test showed.
type CheckResponse struct {
	Diagnostics []Diagnostic      `json:"diagnostics"`
	Account     string            `json:"account,omitempty"` // what the platform calls this account
	Facts       map[string]string `json:"facts,omitempty"`   // plan, API version, currency …
}

// OpenRequest hands over what the connector works with.
type OpenRequest struct {
	Connection string            `json:"connection"` // the connection's name
	Config     json.RawMessage   `json:"config"`     // the connection's `config` as JSON
	Secrets    map[string]string `json:"secrets"`    // resolved; rotated ones replace those of the configuration
	WorkDir    string            `json:"work_dir"`   // a folder of its own
	// Host gives the services of the hub. It is nil in a unit test.
	Host Host `json:"-"`
	// Services are further services of the hub. It is nil in a unit test.
	Services Services `json:"-"`
	// Log goes to the hub's log. It is never nil under Serve; a unit test gives hclog.NewNullLogger().
	Log hclog.Logger `json:"-"`
}

// OpenResponse has diagnostics; an error among them means that the connection can't work as configured.
type OpenResponse struct {
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// Host is what the hub does for a connector.
type Host interface {
	// RotateSecret seals a changed credential in the hub's vault and returns when it is durable. A connector calls it
	// before it uses a rotated token for the first time.
	RotateSecret(key, value string) error
}

// CloseRequest asks a connector to end.
type CloseRequest struct{}

// CloseResponse answers Close.
type CloseResponse struct{}

// RegisterRequest asks for webhook subscriptions that deliver to URL.
type RegisterRequest struct {
	URL string `json:"url"` // https://hub.example.com/hooks/web-eu
}

// RegisterResponse says what was done.
type RegisterResponse struct {
	Created     []string     `json:"created,omitempty"`     // topics subscribed anew
	Reactivated []string     `json:"reactivated,omitempty"` // topics that the platform had disabled
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"`
}

// UnregisterRequest asks to remove the subscriptions that deliver to URL.
type UnregisterRequest struct {
	URL string `json:"url"`
}

// UnregisterResponse answers Unregister.
type UnregisterResponse struct {
	Removed []string `json:"removed,omitempty"`
}

// DiscoverRequest asks what there is to map.
type DiscoverRequest struct{}

// DiscoverResponse lists what there is to map.
type DiscoverResponse struct {
	Locations  []Discovered `json:"locations"`
	PriceLists []Discovered `json:"price_lists,omitempty"`
	Fields     []Discovered `json:"fields,omitempty"`
}

// Discovered is one thing of the platform that a configuration can name.
type Discovered struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// WebhookRequest is one delivery, as it came in.
type WebhookRequest struct {
	Method     string              `json:"method"`
	Path       string              `json:"path"` // after /hooks/<connection>
	Query      string              `json:"query"`
	Headers    map[string][]string `json:"headers"` // keys in canonical form, "X-Shopify-Topic"
	Body       []byte              `json:"body"`
	ReceivedAt time.Time           `json:"received_at"`
	// Verified tells that the hub hands over its own copy of a delivery that this connector found genuine before, so that a
	// newer mapping translates it again. The copy has no secrets, so its signature and age must not be looked at. It is never
	// set on what comes from outside.
	Verified bool `json:"verified,omitempty"`
}

// Header gives the first value of a header, or "".
func (r *WebhookRequest) Header(canonicalKey string) string {
	if v := r.Headers[canonicalKey]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Verdict is what a connector thinks of a delivery.
type Verdict string

// The verdicts.
const (
	// VerdictAccepted: genuine; Observations and Touched are journaled, then the platform gets its 2xx.
	VerdictAccepted Verdict = "accepted"
	// VerdictIgnored: harmless and of no interest (a ping); answered with 2xx, nothing is journaled.
	VerdictIgnored Verdict = "ignored"
	// VerdictBadSignature: not from the platform; answered with 401, only counted.
	VerdictBadSignature Verdict = "bad_signature"
	// VerdictMalformed: signed by the platform, but not readable; the hub keeps it parked and answers 2xx, since the
	// platform's retry would be the same.
	VerdictMalformed Verdict = "malformed"
	// VerdictChallenge: the platform verifies the address; Status, ContentType and Body are the answer.
	VerdictChallenge Verdict = "challenge"
)

// WebhookResponse is a delivery, verified and translated.
type WebhookResponse struct {
	Verdict      Verdict             `json:"verdict"`
	Reason       string              `json:"reason,omitempty"` // for a person; no secrets, no personal data
	Status       int                 `json:"status,omitempty"` // of the HTTP answer; 0 lets the hub choose
	ContentType  string              `json:"content_type,omitempty"`
	Body         []byte              `json:"body,omitempty"`
	DeliveryID   string              `json:"delivery_id,omitempty"` // the platform's id of the delivery or event
	Observations []canon.Observation `json:"observations,omitempty"`
	Touched      []canon.Ref         `json:"touched,omitempty"` // entities to read
}

// PollRequest asks for changes after a cursor.
type PollRequest struct {
	Stream string `json:"stream"`
	Cursor []byte `json:"cursor,omitempty"` // empty at the first poll: start at Since
	// Since is where the first poll begins.
	Since time.Time `json:"since"`
	Limit int       `json:"limit"`
}

// PollResponse has changes and the next cursor.
type PollResponse struct {
	Observations []canon.Observation `json:"observations,omitempty"`
	Touched      []canon.Ref         `json:"touched,omitempty"`
	Cursor       []byte              `json:"cursor,omitempty"`
	More         bool                `json:"more,omitempty"` // ask again at once
}

// SnapshotRequest asks for a page of everything.
type SnapshotRequest struct {
	Page  []byte `json:"page,omitempty"` // empty for the first page
	Limit int    `json:"limit"`
}

// SnapshotResponse is a page of everything.
type SnapshotResponse struct {
	Observations []canon.Observation `json:"observations,omitempty"`
	Next         []byte              `json:"next,omitempty"` // page token; not empty unless Complete
	Complete     bool                `json:"complete,omitempty"`
	// Total is how many rows there are, for a progress bar; 0 when not known.
	Total int64 `json:"total,omitempty"`
	// Cursors are where each poll stream goes on, captured before the first page's rows were read; first page only.
	Cursors map[string][]byte `json:"cursors,omitempty"`
	// Kinds are the kinds that this snapshot covers in full: what it did not show is a candidate for deletion.
	Kinds []canon.Kind `json:"kinds,omitempty"`
	// RowErrors are rows that could not be read, with their place; they do not stop the snapshot.
	RowErrors []RowError `json:"row_errors,omitempty"`
}

// RowError is one row of a source that could not be translated.
type RowError struct {
	Place  string `json:"place"`         // "catalogue.csv:14"
	Code   string `json:"code"`          // "csv.bad_amount"
	Reason string `json:"reason"`        // what is wrong and what to do; no personal data
	Row    string `json:"row,omitempty"` // the row's key, if it has one
}

// ApplyRequest is a batch of desired states and actions.
type ApplyRequest struct {
	Writes []Write `json:"writes"`
}

// Write is one desired state, or one action. Exactly one of them is set.
type Write struct {
	// Key identifies this write for ever: the platform's idempotency key derives from it. A retry after
	// StatusRetry has the same key; a new decision has a new one.
	Key string    `json:"key"`
	Ref canon.Ref `json:"ref"`
	// Stock is the stock to show, for a Ref of kind level.
	Stock *StockWrite `json:"stock,omitempty"`
	// Action is what to do once, for a Ref of kind order or listing.
	Action *Action `json:"action,omitempty"`
}

// Action is something to do at the platform once. All amounts are the platform's own: what was paid and not given back
// yet for what the action names. Before it acts, the connector looks whether the platform shows that it was done under the
// same key (StatusDuplicate). A platform that refuses gives StatusRejected with its words
// (and canon.CodeFulfilled where an order can't be cancelled because some of it was handed over); an answer that was lost,
// StatusUnknown: then the hub calls Lookup before it does anything else.
type Action struct {
	Kind canon.ActionKind `json:"kind"`
	// Lines are those of a refund of lines; empty means the whole order.
	Lines  []canon.ActionLine `json:"lines,omitempty"`
	Refund canon.RefundBy     `json:"refund"`
	// Restock puts the goods back into the platform's stock. A platform that can't leave them out does it all the same,
	// and declares it as implied.
	Restock bool               `json:"restock,omitempty"`
	Notify  bool               `json:"notify,omitempty"`
	Reason  canon.ActionReason `json:"reason"`
	Note    string             `json:"note,omitempty"` // for the platform's staff
	// Listing is what an action on a listing does; then the Ref is of kind listing, and its external id is empty for one that is
	// to be made. A listing is made hidden, and with a mark of the write's key by which it is found: what the platform already
	// has under the mark is not made again (StatusDuplicate). An update writes what Listing.Fields names and nothing else. All
	// results say what the platform shows then, and of a new listing how the platform calls it.
	Listing *canon.ListingTask `json:"listing,omitempty"`
	// AttemptedAt is when the hub announced the attempt that a Lookup asks about.
	AttemptedAt time.Time `json:"attempted_at,omitzero"`
}

// StockWrite is the stock that a platform should show for one stock id at one location.
type StockWrite struct {
	StockID  string `json:"stock_id"`
	Location string `json:"location,omitempty"`
	// ListingID is the variant that the stock id belongs to, and ProductID its product.
	ListingID string `json:"listing_id,omitempty"`
	ProductID string `json:"product_id,omitempty"`
	Want      int64  `json:"want"`
	// Expect is what the hub believes that the platform shows. Where it shows something else the write must not
	// happen: the result is StatusConflict with what it shows. Platforms without compare-and-set read, compare and
	// write in one pass.
	Expect int64 `json:"expect"`
}

// Status is the outcome of one write.
type Status string

// The outcomes.
const (
	StatusApplied   Status = "applied"   // done now
	StatusDuplicate Status = "duplicate" // done before under the same key
	StatusConflict  Status = "conflict"  // the platform shows something else than expected; not written
	StatusRetry     Status = "retry"     // not done; try the same key again after RetryAfterMillis
	StatusRejected  Status = "rejected"  // refused for good; Code and Reason say why
	// StatusNotRepresentable: the platform can't show the wanted state (it does not track this stock).
	StatusNotRepresentable Status = "not_representable"
	// StatusUnknown: sent, but no answer came. The hub reads before it decides.
	StatusUnknown Status = "unknown"
)

// ApplyResponse has one result for each write, in the same order.
type ApplyResponse struct {
	Results []Result `json:"results"`
}

// Result is the outcome of one write.
type Result struct {
	Key              string `json:"key"`
	Status           Status `json:"status"`
	Code             string `json:"code,omitempty"`
	Reason           string `json:"reason,omitempty"`
	RetryAfterMillis int64  `json:"retry_after_millis,omitempty"`
	// Shows is what the platform shows now, when its answer told so.
	Shows *canon.Observation `json:"shows,omitempty"`
	// Also is what else it shows with it: the refunds of an order.
	Also []canon.Observation `json:"also,omitempty"`
	// Amount is what an action gave back, in the platform's words; ByHand tells that the platform has only noted it and a
	// person has to return it.
	Amount *canon.StatedMoney `json:"amount,omitempty"`
	ByHand bool               `json:"by_hand,omitempty"`
	// Made is what the platform calls a listing that was made.
	Made *canon.ListingMade `json:"made,omitempty"`
}

// LookupRequest asks whether writes happened.
type LookupRequest struct {
	Writes []Write `json:"writes"`
}

// LookupResponse has one result for each write: StatusApplied, StatusRejected for "did not happen", or StatusUnknown
// when the platform can't tell. For an action, StatusRetry and StatusUnknown with RetryAfterMillis mean that it can tell
// later.
type LookupResponse struct {
	Results []Result `json:"results"`
}

// ReadRequest asks for the present state of entities.
type ReadRequest struct {
	Refs []canon.Ref `json:"refs"`
	// Hints has, for the Ref at the same index, what else the hub knows of it (a listing's product id), which some
	// platforms need to find it; nil where it knows nothing.
	Hints []ReadHint `json:"hints,omitempty"`
}

// ReadHint is what the hub knows of an entity beside its id.
type ReadHint struct {
	ProductID string `json:"product_id,omitempty"`
	ListingID string `json:"listing_id,omitempty"`
	OrderID   string `json:"order_id,omitempty"`
}

// ReadResponse has what the platform shows now. An asked entity that is in neither list could not be read now.
type ReadResponse struct {
	Observations []canon.Observation `json:"observations,omitempty"`
	// RetryAfterMillis is set when the platform throttles: the rest should be asked later.
	RetryAfterMillis int64 `json:"retry_after_millis,omitempty"`
}

// HealthRequest asks how the connection is.
type HealthRequest struct{}

// HealthResponse tells how the connection is.
type HealthResponse struct {
	OK               bool       `json:"ok"`
	Reason           string     `json:"reason,omitempty"`
	QuotaLimit       float64    `json:"quota_limit,omitempty"`
	QuotaLeft        float64    `json:"quota_left,omitempty"`
	CredentialExpiry *time.Time `json:"credential_expiry,omitempty"`
	LagMillis        int64      `json:"lag_millis,omitempty"`
}
