package canon

import (
	"encoding/json"
	"time"
)

// Command is what a person or a till asks for. It may be refused; the fold decides and stores the outcome under the
// idempotency key, so that a repeat gets the same answer. Exactly one of the requests is set.
type Command struct {
	// Key is the idempotency key, unique per actor. A command under a known key is not carried out again.
	Key string `json:"key"`
	// ID is a ULID made by the door that took the command. It names what the command makes.
	ID string `json:"id"`
	// Role is what the sender may act as, by the token's role at the door.
	Role string `json:"role,omitempty"`

	Reserve    *Reserve        `json:"reserve,omitempty"`
	Release    *Release        `json:"release,omitempty"`
	Sell       *Sell           `json:"sell,omitempty"`
	Restock    *Restock        `json:"restock,omitempty"`
	Lend       *Lend           `json:"lend,omitempty"`
	TakeBack   *TakeBack       `json:"take_back,omitempty"`
	ExtendMemo *ExtendMemo     `json:"extend_memo,omitempty"`
	MoveItem   *MoveItem       `json:"move_item,omitempty"`
	Transfer   *TransferAsk    `json:"transfer,omitempty"`
	Count      *CountAsk       `json:"count,omitempty"`
	Credit     *CreditAsk      `json:"credit,omitempty"`
	Offer      *OfferAsk       `json:"offer,omitempty"`
	Resolve    *Resolve        `json:"resolve,omitempty"`
	Match      *Match          `json:"match,omitempty"`
	Listing    *ListingCommand `json:"listing,omitempty"`
	SetMode    *SetMode        `json:"set_mode,omitempty"`
	SetPause   *SetPause       `json:"set_pause,omitempty"`
	Client     *SameClient     `json:"client,omitempty"`

	RepairDrift     *RepairDrift     `json:"repair_drift,omitempty"`
	ApplyPolicy     *ApplyPolicy     `json:"apply_policy,omitempty"`
	Approve         *Approve         `json:"approve,omitempty"`
	Consign         *ConsignAsk      `json:"consign,omitempty"`
	OrderStep       *OrderStep       `json:"order_step,omitempty"`
	ReservationStep *ReservationStep `json:"reservation_step,omitempty"`

	CancelOrder *CancelOrder `json:"cancel_order,omitempty"`
	RefundLines *RefundLines `json:"refund_lines,omitempty"`

	Redeliver *Redeliver `json:"redeliver,omitempty"`
}

// Reserve asks to hold an item for some time.
type Reserve struct {
	Item     string `json:"item"`               // any id that resolves to it
	Quantity int64  `json:"quantity,omitempty"` // 0 means 1; of a piece always 1
	Seconds  int64  `json:"seconds"`
	Location string `json:"location,omitempty"` // of a quantity SKU
	Channel  string `json:"channel"`
	ForWhom  string `json:"for_whom,omitempty" class:"personal"`
	// Collect tells that the goods are collected at a boutique: it confirms, picks and keeps them ready step by step.
	Collect bool `json:"collect,omitempty"`
}

// Release ends a reservation.
type Release struct {
	Reservation string `json:"reservation"`
}

// Sell asks to sell an item at a till.
type Sell struct {
	Item        string       `json:"item"`
	Quantity    int64        `json:"quantity,omitempty"`    // 0 means 1
	Reservation string       `json:"reservation,omitempty"` // the seller's own hold
	Location    string       `json:"location,omitempty"`
	Channel     string       `json:"channel"`
	Receipt     string       `json:"receipt,omitempty"`
	Price       *StatedMoney `json:"price,omitempty"`
}

// Restock puts a returned piece back for sale, after inspection.
type Restock struct {
	Item     string `json:"item"`
	Claim    string `json:"claim,omitempty"` // the sale that ended; empty when there is one only
	Location string `json:"location,omitempty"`
}

// Resolve ends a case by one of its proposals.
type Resolve struct {
	Case     string `json:"case"`
	Proposal string `json:"proposal"`
	Note     string `json:"note,omitempty"`
	// How the orders that give way are cancelled, where the hub can do that.
	Refund RefundBy     `json:"refund,omitempty"` // empty means RefundAuto
	Notify bool         `json:"notify,omitempty"`
	Reason ActionReason `json:"reason,omitempty"` // empty means ReasonInventory
	// Again says by a person's word that what was sent before, with an outcome that nobody knows, did not happen.
	Again bool `json:"again,omitempty"`
}

// Match says by a person's word which item a listing is. It outranks every key.
type Match struct {
	Connection string `json:"connection"`
	ListingID  string `json:"listing_id"`
	// Item is an id that resolves to an item; "new" makes an item of its own; "none" keeps it unbound; "" undoes the
	// decision.
	Item string `json:"item"`
}

// SameClient says by a person's word whether two records are one person. It outranks every key and score, and stands
// until it is taken back.
type SameClient struct {
	// A and B are ids that resolve to clients. The node id of an account means that account; the word is kept for the
	// two nodes.
	A string `json:"a"`
	B string `json:"b"`
	// Word is "same"; "different"; "undo", which takes back what was said of the two; or "unmerge", which takes back that
	// they are one and, where they are found to be one all the same, says that they are two.
	Word string `json:"word"`
}

// The words of SameClient.
const (
	ClientSame      = "same"
	ClientDifferent = "different"
	ClientUndo      = "undo"
	ClientUnmerge   = "unmerge"
)

// ClientDecision is a person's word on two client nodes, as the fold keeps it.
type ClientDecision struct {
	A    string `json:"a"` // the smaller node id
	B    string `json:"b"`
	Same bool   `json:"same"`
}

// ClientDecisions is what a person said of one node and others.
type ClientDecisions struct {
	Node      string           `json:"node"`
	Decisions []ClientDecision `json:"decisions"`
}

// ClientDecided is the outcome of SameClient: the clients of the two nodes after it.
type ClientDecided struct {
	Word    string    `json:"word"`
	Clients []*Client `json:"clients"`
}

// SetMode changes a connection's mode. Live needs the digest of the plan that was looked at. Invariant 9.
type SetMode struct {
	Connection string `json:"connection"`
	Mode       Mode   `json:"mode"`
	// Scope is the part that is meant. Without one, more is allowed to the rest alone, and less is taken from all parts.
	// The zero Scope is the rest in both cases.
	Scope *Scope `json:"scope,omitempty"`
	// PlanDigest is what the person saw; Plan what the plan was when the command was taken. Both must be the same.
	PlanDigest string `json:"plan_digest,omitempty"`
	Plan       string `json:"plan,omitempty"`
}

// SetPause pauses or resumes a connection; to resume also resets a tripped fuse.
type SetPause struct {
	Connection string `json:"connection"`
	Paused     bool   `json:"paused"`
}

// Outcome is what the fold decided about a command.
type Outcome struct {
	Key      string   `json:"key"`
	Position Position `json:"position"`
	// OK tells that it was carried out. Otherwise Code is a stable problem code and Reason says what to do.
	OK     bool   `json:"ok"`
	Status int    `json:"status"` // of the HTTP answer: 200, 201, 404, 409, 422
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Holder is who holds the piece, of a refusal.
	Holder *Holder `json:"holder,omitempty"`
	// Approval is the id of what waits for a second person; the command is not carried out before that.
	Approval string `json:"approval,omitempty"`
	// Result is the record that the command made or changed, as JSON.
	Result json.RawMessage `json:"result,omitempty"`
	At     time.Time       `json:"at"`
	// Digest is SHA-256 of the command without its id: a key that comes again with another command is refused.
	Digest string `json:"digest"`
}

// Reservation is what the API shows of a claim of that kind.
type Reservation struct {
	ID       string     `json:"id"`
	Item     string     `json:"item"`
	Quantity int64      `json:"quantity"`
	Channel  string     `json:"channel"`
	Until    *time.Time `json:"until,omitempty"`
	Live     bool       `json:"live"`
	// Stage is how far one is that is collected at a boutique: held, confirmed, picked, ready, no_show; then how it ended.
	Stage string `json:"stage,omitempty"`
	Ended string `json:"ended,omitempty"`
}

// MatchRow is a listing that could not be joined, or that a person decided, as the match list shows it.
type MatchRow struct {
	Connection string   `json:"connection"`
	ListingID  string   `json:"listing_id"`
	Node       string   `json:"node"`
	SKU        string   `json:"sku,omitempty"`
	Title      string   `json:"title,omitempty"`
	Reason     string   `json:"reason"` // "sku.blank", "sku.duplicate", "keys.contradict", "person"
	Candidates []string `json:"candidates,omitempty"`
	Decision   string   `json:"decision,omitempty"` // a person's: an item id, "new" or "none"
}
