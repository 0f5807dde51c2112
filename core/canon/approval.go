package canon

import (
	"encoding/json"
	"time"
)

// Approval is a command that waits for a second person, because the policy says so. It is carried out when another manager
// confirms it, and not before; it expires by itself.
type Approval struct {
	ID     string         `json:"id"`   // of the command
	Name   string         `json:"name"` // what is asked for: "item.melt", "order.refund"
	Status ApprovalStatus `json:"status"`
	// Command is what waits, as it was asked for. It mixes classes: who does not see all of them does not see it.
	Command   json.RawMessage `json:"command"`
	Subject   string          `json:"subject,omitempty"` // the record that it is about
	AskedBy   string          `json:"asked_by"`          // name of a token
	AskedAt   time.Time       `json:"asked_at"`          // fold time
	Until     time.Time       `json:"until"`
	DecidedBy string          `json:"decided_by,omitempty"`
	DecidedAt time.Time       `json:"decided_at,omitzero"`
	Reason    string          `json:"reason,omitempty"` // why it was refused
	// Result is what a confirmed command made or changed; seen as Command is.
	Result    json.RawMessage `json:"result,omitempty" golden:"-"`
	Version   Position        `json:"version" golden:"-"`
	UpdatedAt time.Time       `json:"updated_at" golden:"-"`
}

// ApprovalStatus is how far an approval is.
type ApprovalStatus string

// The states of an approval.
const (
	ApprovalPending   ApprovalStatus = "pending"
	ApprovalConfirmed ApprovalStatus = "confirmed"
	ApprovalRefused   ApprovalStatus = "refused"
	ApprovalExpired   ApprovalStatus = "expired"
)

// Approve confirms or refuses a command that waits for a second person.
type Approve struct {
	Approval string `json:"approval"`
	Refuse   bool   `json:"refuse,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// ApprovalRule says which commands take a second person.
type ApprovalRule struct {
	Commands []string `json:"commands"` // names of commands, sorted
	// Seconds is how long one waits before it expires; 0 means a day.
	Seconds int64 `json:"seconds,omitempty"`
}

// Name says what a command asks for: "item.melt", "memo.lend", "order.refund". It is empty for what needs nobody else.
func (c *Command) Name() string {
	switch {
	case c.MoveItem != nil:
		return "item." + c.MoveItem.Event
	case c.Restock != nil:
		return "item.take_back"
	case c.Lend != nil:
		return "memo.lend"
	case c.ExtendMemo != nil:
		return "memo.extend"
	case c.Credit != nil:
		return "credit." + c.Credit.Event
	case c.Consign != nil:
		return "consignment." + c.Consign.Event
	case c.OrderStep != nil:
		return string(c.OrderStep.Document) + "." + c.OrderStep.Event
	case c.CancelOrder != nil:
		return "order.cancel"
	case c.RefundLines != nil:
		return "order.refund"
	case c.Resolve != nil:
		return "case.resolve"
	}
	return ""
}

// ApprovableCommands lists the names that a rule about approvals may have, sorted.
func ApprovableCommands() []string {
	return []string{
		"case.resolve", "consignment.convert", "consignment.donate", "consignment.give_back", "consignment.pay_out", "credit.adjust", "credit.cancel", "credit.issue",
		"credit.refund", "credit.reverse", "item.assemble", "item.damage", "item.dismantle", "item.melt", "item.miss", "item.report_stolen", "item.restock",
		"item.return_to_vendor", "item.scrap", "item.take_back", "item.write_off", "memo.extend", "memo.lend", "order.cancel", "order.refund", "payment.refund",
		"payment.void", "return.accept", "return.authorize", "return.exchange", "return.refund",
	}
}
