package canon

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// ActionKind is something that is done at a platform once, rather than a state that it should show.
type ActionKind string

// The kinds of actions.
const (
	// ActionCancelOrder ends a whole order that was not handed over, and gives back what was paid.
	ActionCancelOrder ActionKind = "cancel_order"
	// ActionRefundLines gives back what was paid for some lines of an order; the rest of it stands.
	ActionRefundLines ActionKind = "refund_lines"
)

// RefundBy says how money goes back to who paid.
type RefundBy string

// The ways of a refund.
const (
	RefundAuto     RefundBy = "auto"     // to the means of payment where the platform can, else by hand
	RefundOriginal RefundBy = "original" // to the means of payment; refused where the platform can't
	RefundByHand   RefundBy = "by_hand"  // the platform notes it; a person returns the money
	RefundNone     RefundBy = "none"     // nothing goes back
)

// ActionReason is why an order is cancelled, in words that every platform can be told.
type ActionReason string

// The reasons.
const (
	ReasonInventory ActionReason = "inventory" // the goods are somebody else's
	ReasonCustomer  ActionReason = "customer"  // the buyer does not want it
	ReasonFraud     ActionReason = "fraud"
	ReasonOther     ActionReason = "other"
)

// ActionState is how far an action is.
type ActionState string

// The states of an action.
const (
	ActionWanted    ActionState = "wanted"    // to be sent, as soon as the connection is live
	ActionAttempted ActionState = "attempted" // sent or about to be sent; the outcome is not known yet
	ActionUnknown   ActionState = "unknown"   // no answer came; the platform is asked
	ActionParked    ActionState = "parked"    // nobody but a person can find out whether it was done
	ActionDone      ActionState = "done"
	ActionFailed    ActionState = "failed"    // the platform refused it, with its words in Detail
	ActionWithdrawn ActionState = "withdrawn" // not needed any longer before it was sent
)

// CodeFulfilled is a connector's code for an order that can't be cancelled because some of it was handed over. The next
// decision refunds its lines instead.
const CodeFulfilled = "order.fulfilled"

// Open reports whether something is still to happen with an action.
func (s ActionState) Open() bool {
	return s == ActionWanted || s == ActionAttempted || s == ActionUnknown
}

// Sent reports whether it may have reached the platform without a known outcome.
func (s ActionState) Sent() bool { return s == ActionAttempted || s == ActionUnknown }

// Action is what a command asked for at a platform. It is sent once; what is known of it decides whether it may be sent
// again.
type Action struct {
	// Key names it for ever: the platform's idempotency key and its marks derive from it.
	Key        string       `json:"key"`
	Kind       ActionKind   `json:"kind"`
	Connection string       `json:"connection"`
	Order      string       `json:"order"`    // the platform's id
	OrderID    string       `json:"order_id"` // golden id
	Number     string       `json:"number,omitempty"`
	Lines      []ActionLine `json:"lines,omitempty"` // of a refund of lines
	Refund     RefundBy     `json:"refund"`
	Restock    bool         `json:"restock,omitempty"` // the goods go back into the platform's stock
	Notify     bool         `json:"notify,omitempty"`  // the platform writes to the buyer
	Reason     ActionReason `json:"reason"`
	Note       string       `json:"note,omitempty"` // for the platform's staff
	Case       string       `json:"case,omitempty"` // that it ends
	// Claims are those that it ends, sorted.
	Claims []string `json:"claims,omitempty"`
	// Listing is what an action on a listing does; nil for those on orders.
	Listing *ListingTask `json:"listing,omitempty"`
	// Cause is the command. Invariant 9.
	Cause Position  `json:"cause"`
	By    string    `json:"by"` // actor
	At    time.Time `json:"at"` // fold time of the command

	State ActionState `json:"state"`
	// Attempts is how often it was announced; Attempt is the newest announcement, at AttemptedAt in fold time.
	Attempts    int       `json:"attempts,omitempty"`
	Attempt     Position  `json:"attempt,omitzero"`
	AttemptedAt time.Time `json:"attempted_at,omitzero"`
	EndedAt     time.Time `json:"ended_at,omitzero"` // fold time
	// Code and Detail are of a failure, or of what the platform did otherwise than asked.
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
	// Amount is what went back, as the platform states it. Invariant 5.
	Amount *StatedMoney `json:"amount,omitempty"`
	// ByHand tells that a person has to return the amount: the platform has only noted it.
	ByHand bool `json:"by_hand,omitempty"`
}

// ActionLine is a part of an order line.
type ActionLine struct {
	ID       string `json:"id"` // the platform's id of the line
	Quantity int64  `json:"quantity"`
}

// ActionKey names an action. It derives from the command's entry, so that every node names it the same.
func ActionKey(cause Position, kind ActionKind, connection, order string) string {
	sum := sha256.Sum256([]byte("action\x00" + cause.String() + "\x00" + string(kind) + "\x00" + connection + "\x00" + order))
	return hex.EncodeToString(sum[:16])
}

// ActionAttempt says that an action is about to be sent. It is durable and folded before it is: the fold may not admit
// it, and then it is not sent.
type ActionAttempt struct {
	Key string `json:"key"`
}

// ActionSettled is the outcome of an attempt. What the platform showed with its answer follows as observations in the
// same batch.
type ActionSettled struct {
	Key string `json:"key"`
	// Attempt is the entry that announced it.
	Attempt Position `json:"attempt"`
	// LookedUp tells that the platform was asked afterwards: then rejected means that it did not happen, and unknown
	// that the platform can't tell.
	LookedUp bool `json:"looked_up,omitempty"`
	// Status is the sdk's word: applied, duplicate, conflict, retry, rejected, not_representable, unknown.
	Status string       `json:"status"`
	Code   string       `json:"code,omitempty"`
	Reason string       `json:"reason,omitempty"`
	Amount *StatedMoney `json:"amount,omitempty"`
	ByHand bool         `json:"by_hand,omitempty"`
	// Made is what the platform calls a listing that it made.
	Made *ListingMade `json:"made,omitempty"`
}

// CancelOrder asks to cancel an order at its platform.
type CancelOrder struct {
	Order   string       `json:"order"` // golden id
	Refund  RefundBy     `json:"refund,omitempty"`
	Restock bool         `json:"restock,omitempty"`
	Notify  bool         `json:"notify,omitempty"`
	Reason  ActionReason `json:"reason,omitempty"`
	Note    string       `json:"note,omitempty"`
	// Again says by a person's word that an earlier action on it, of which nobody knows, did not happen.
	Again bool `json:"again,omitempty"`
}

// RefundLines asks to give back what was paid for some lines of an order.
type RefundLines struct {
	Order   string       `json:"order"` // golden id
	Lines   []ActionLine `json:"lines"`
	Refund  RefundBy     `json:"refund,omitempty"`
	Restock bool         `json:"restock,omitempty"`
	Notify  bool         `json:"notify,omitempty"`
	Reason  ActionReason `json:"reason,omitempty"`
	Note    string       `json:"note,omitempty"`
	// Again says by a person's word that an earlier action on it, of which nobody knows, did not happen.
	Again bool `json:"again,omitempty"`
}

// CaseDecision is what a person chose for a case.
type CaseDecision struct {
	Proposal string    `json:"proposal"`
	Note     string    `json:"note,omitempty"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Position Position  `json:"position"`
}

// CaseAction is how far a case's decision is carried out at one platform.
type CaseAction struct {
	Key        string       `json:"key"`
	Kind       ActionKind   `json:"kind"`
	Connection string       `json:"connection"`
	Order      string       `json:"order"`
	Number     string       `json:"number,omitempty"`
	State      ActionState  `json:"state"`
	Attempts   int          `json:"attempts,omitempty"`
	Code       string       `json:"code,omitempty"`
	Detail     string       `json:"detail,omitempty"` // the platform's words
	Amount     *StatedMoney `json:"amount,omitempty"` // that went back, as the platform states it
	ByHand     bool         `json:"by_hand,omitempty"`
}

// Progress gives what a case shows of an action.
func (a *Action) Progress() CaseAction {
	return CaseAction{
		Key: a.Key, Kind: a.Kind, Connection: a.Connection, Order: a.Order, Number: a.Number, State: a.State,
		Attempts: a.Attempts, Code: a.Code, Detail: a.Detail, Amount: a.Amount, ByHand: a.ByHand,
	}
}
