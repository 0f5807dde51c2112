package router

import (
	"slices"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

const (
	dueApproval     = "approval/" // begins the name of the moment at which one expires
	defaultApproval = 24 * time.Hour
)

func (f *fold) approval(id string) (*canon.Approval, error) {
	return store.Load[canon.Approval](f.tx, store.RecordKey(store.TypeApproval, id))
}

func (f *fold) putApproval(a *canon.Approval) error {
	a.Version, a.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeApproval, a.ID), a); err != nil {
		return err
	}
	if err := f.row(canon.Row{Entity: a.ID, Type: store.TypeApproval, Event: "approval." + string(a.Status)}); err != nil || a.Subject == "" {
		return err
	}
	return f.row(canon.Row{Entity: a.Subject, Type: store.TypeApproval, Event: "approval." + string(a.Status) + ":" + a.Name})
}

// secondPerson makes an approval of a command that the policy says takes one; nil where it does not. What would be refused
// in any case is refused at once.
func (f *fold) secondPerson(cmd *canon.Command) (*canon.Outcome, error) {
	rule := f.policy.Approvals()
	if rule == nil || !slices.Contains(rule.Commands, cmd.Name()) {
		return nil, nil
	}
	if no, err := f.tried(cmd); err != nil || no != nil {
		return no, err
	}
	raw, err := json.Marshal(cmd)
	if err != nil {
		return nil, err
	}
	span := time.Duration(rule.Seconds) * time.Second
	if span <= 0 {
		span = defaultApproval
	}
	a := &canon.Approval{
		ID: cmd.ID, Name: cmd.Name(), Status: canon.ApprovalPending, Command: raw, Subject: f.subjectOf(cmd), AskedBy: f.f.head.Actor, AskedAt: f.f.at, Until: f.f.at.Add(span),
	}
	f.due(a.Until, dueApproval+a.ID)
	if err := f.putApproval(a); err != nil {
		return nil, err
	}
	out, err := done(202, a)
	if err == nil {
		out.Approval = a.ID
	}
	return out, err
}

// subjectOf gives the record that a command is about, as far as it names one.
func (f *fold) subjectOf(cmd *canon.Command) string {
	switch {
	case cmd.MoveItem != nil:
		return f.goldenItem(cmd.MoveItem.Item)
	case cmd.Restock != nil:
		return f.goldenItem(cmd.Restock.Item)
	case cmd.ExtendMemo != nil:
		return cmd.ExtendMemo.Memo
	case cmd.Credit != nil:
		return cmd.Credit.Account
	case cmd.Consign != nil:
		return cmd.Consign.Consignment
	case cmd.OrderStep != nil:
		return cmd.OrderStep.Order
	case cmd.CancelOrder != nil:
		return cmd.CancelOrder.Order
	case cmd.RefundLines != nil:
		return cmd.RefundLines.Order
	case cmd.Resolve != nil:
		return cmd.Resolve.Case
	}
	return ""
}

func (f *fold) goldenItem(id string) string {
	if item, err := f.item(id); err == nil && item != nil {
		return item.ID
	}
	return id
}

// tried carries a command out and takes it back: it gives why it would be refused.
func (f *fold) tried(cmd *canon.Command) (*canon.Outcome, error) {
	trial := *cmd
	f.tx.Begin()
	out, err := f.decideNow(released(&trial, "manager"))
	f.tx.Rollback()
	f.rows, f.reads, f.adopt, f.laters = nil, nil, nil, 0
	clear(f.levels)
	clear(f.dirty)
	clear(f.moved)
	clear(f.claimed)
	clear(f.reported)
	clear(f.acts)
	if err == nil {
		err = f.reload()
	}
	if err != nil || out.OK {
		return nil, err
	}
	return out, nil
}

// released gives a command as it is carried out once a manager has confirmed it. What it asks for is shared and not changed.
func released(cmd *canon.Command, role string) *canon.Command {
	cmd.Role = role
	switch {
	case cmd.MoveItem != nil:
		ask := *cmd.MoveItem
		ask.Approved, cmd.MoveItem = true, &ask
	case cmd.Credit != nil:
		ask := *cmd.Credit
		ask.Approved, cmd.Credit = true, &ask
	case cmd.Consign != nil:
		ask := *cmd.Consign
		ask.Approved, cmd.Consign = true, &ask
	case cmd.OrderStep != nil:
		ask := *cmd.OrderStep
		ask.Approved, cmd.OrderStep = true, &ask
	}
	return cmd
}

// approve confirms or refuses a command that waits for a second person.
func (f *fold) approve(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Approve
	a, err := f.approval(ask.Approval)
	if err != nil {
		return nil, err
	}
	switch {
	case a == nil:
		return refuse(404, "approval.unknown", "nothing waits for approval under %.64q", ask.Approval), nil
	case a.Status != canon.ApprovalPending:
		return refuse(409, "approval.closed", "it is %s already", a.Status), nil
	case !a.Until.After(f.f.at):
		return refuse(409, "approval.closed", "it has expired"), nil
	case cmd.Role != "manager" && cmd.Role != "admin":
		return refuse(403, "transition.actor", "a manager confirms or refuses it"), nil
	case a.AskedBy == f.f.head.Actor && !ask.Refuse:
		return refuse(409, "approval.second_person", "somebody else than who asked for it confirms it"), nil
	}
	a.DecidedBy, a.DecidedAt = f.f.head.Actor, f.f.at
	if ask.Refuse {
		a.Status, a.Reason = canon.ApprovalRefused, ask.Reason
		if err := f.putApproval(a); err != nil {
			return nil, err
		}
		return done(200, a)
	}
	var inner canon.Command
	if err := json.Unmarshal(a.Command, &inner); err != nil {
		return nil, err
	}
	out, err := f.decideNow(released(&inner, cmd.Role))
	if err != nil || !out.OK {
		return out, err
	}
	a.Status, a.Result = canon.ApprovalConfirmed, out.Result
	if err := f.putApproval(a); err != nil {
		return nil, err
	}
	return done(200, a)
}

// approvalDue lets an approval expire that nobody decided.
func (f *fold) approvalDue(id string) error {
	a, err := f.approval(id)
	if err != nil || a == nil || a.Status != canon.ApprovalPending || a.Until.After(f.f.at) {
		return err
	}
	a.Status = canon.ApprovalExpired
	return f.putApproval(a)
}
