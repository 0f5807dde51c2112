package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// maxActionLines bounds how many lines of an order one action names.
const maxActionLines = 200

func (f *fold) action(connection, key string) (*canon.Action, error) {
	return store.Load[canon.Action](f.tx, store.ActionKey(connection, key))
}

// actionsOf gives the actions on an order, in no meaningful order.
func (f *fold) actionsOf(order string) ([]*canon.Action, error) {
	var keys []string
	err := f.tx.Scan(store.IndexPrefix(store.IndexAction, order), "", func(key string, _ []byte) (bool, error) {
		keys = append(keys, store.IndexID(key))
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]*canon.Action, 0, len(keys))
	for _, k := range keys {
		a, err := store.Load[canon.Action](f.tx, store.PrefixAction+k)
		if err != nil {
			return nil, err
		}
		if a != nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// busyAction gives an action on an order that is not over: a second one would give back twice.
func (f *fold) busyAction(order string) (*canon.Action, error) {
	actions, err := f.actionsOf(order)
	if err != nil {
		return nil, err
	}
	for _, a := range actions {
		if a.State.Open() || a.State == canon.ActionParked {
			return a, nil
		}
	}
	return nil, nil
}

// putAction saves an action in a new state, with its place among what is to be done, a line in the order's timeline and
// the progress of its case.
func (f *fold) putAction(was canon.ActionState, a *canon.Action) error {
	if err := f.save(store.ActionKey(a.Connection, a.Key), a); err != nil {
		return err
	}
	todo := store.PrefixToDo + a.Connection + "/" + a.Key
	if a.State.Open() {
		f.tx.Put(todo, nil)
	} else {
		f.tx.Delete(todo)
	}
	f.acts[a.Connection] = true
	change := canon.Change{Field: "action." + string(a.Kind), After: quoted(string(a.State))}
	if was != "" {
		change.Before = quoted(string(was))
	}
	row := canon.Row{Entity: a.OrderID, Type: store.TypeOrder, Event: "action." + string(a.State), Changes: []canon.Change{change}}
	if a.Listing != nil {
		row.Entity, row.Type = a.Listing.Item, store.TypeItem
		row.Changes[0].Field += "@" + a.Connection
	}
	if err := f.row(row); err != nil || a.Case == "" {
		return err
	}
	return f.showProgress(a)
}

// showProgress brings a case in line with one of its actions.
func (f *fold) showProgress(a *canon.Action) error {
	c, err := store.Load[canon.Case](f.tx, store.PrefixCase+a.Case)
	if err != nil || c == nil {
		return err
	}
	i := slices.IndexFunc(c.Actions, func(p canon.CaseAction) bool { return p.Key == a.Key })
	if i < 0 {
		return nil // of an earlier decision
	}
	c.Actions = slices.Clone(c.Actions)
	c.Actions[i] = a.Progress()
	if err := f.save(store.PrefixCase+c.ID, c); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: c.ID, Type: "case", Event: "case.action_" + string(a.State)})
}

// request makes an action of the command that is being folded.
func (f *fold) request(a *canon.Action) error {
	// What is parked still did not happen, by the word of the person whose command this is.
	before, err := f.actionsOf(a.OrderID)
	if err != nil {
		return err
	}
	for _, b := range before {
		if b.State == canon.ActionParked {
			if err := f.clearWay([]*canon.Action{b}); err != nil {
				return err
			}
		}
	}
	a.Cause, a.By, a.At = f.f.pos, f.f.head.Actor, f.f.at
	a.Key = canon.ActionKey(a.Cause, a.Kind, a.Connection, a.Order)
	a.State = canon.ActionWanted
	if a.Refund == "" {
		a.Refund = canon.RefundAuto
	}
	slices.Sort(a.Claims)
	f.tx.Put(store.IndexKey(store.IndexAction, a.OrderID, a.Connection+"/"+a.Key), nil)
	return f.putAction("", a)
}

// actionAttempted admits an attempt, or not: the action has to be wanted still and its connection live. Whoever sends it
// looks at what the fold decided, so that an action that was withdrawn a moment ago never reaches the platform.
func (f *fold) actionAttempted(ft *fact) error {
	var at canon.ActionAttempt
	if err := decodeInto(ft, &at); err != nil {
		return err
	}
	a, err := f.action(ft.head.Connection, at.Key)
	if err != nil || a == nil || a.State != canon.ActionWanted {
		return err
	}
	conn, err := f.connection(a.Connection)
	if err != nil {
		return err
	}
	// Invariant 9: nothing is done at a platform whose connection is not live for it.
	if conn == nil || conn.ModeOf(a.Kind.Scope()) != canon.ModeLive || conn.Paused || conn.Fused != "" {
		return nil
	}
	was := a.State
	a.State, a.Attempt, a.AttemptedAt = canon.ActionAttempted, ft.pos, ft.at
	a.Attempts++
	a.Code, a.Detail = "", ""
	return f.putAction(was, a)
}

// actionSettled folds the outcome of an attempt.
func (f *fold) actionSettled(ft *fact) error {
	var s canon.ActionSettled
	if err := decodeInto(ft, &s); err != nil {
		return err
	}
	a, err := f.action(ft.head.Connection, s.Key)
	if err != nil || a == nil || a.Attempt != s.Attempt || !(a.State.Sent() || a.State == canon.ActionParked) {
		return err // a later word took its place
	}
	if a.Listing != nil {
		return f.listingSettled(a, &s)
	}
	was := a.State
	a.Code, a.Detail = s.Code, s.Reason
	switch s.Status {
	case "applied", "duplicate":
		a.State, a.Amount, a.ByHand = canon.ActionDone, s.Amount, s.ByHand
		f.readOrder(a)
	case "retry":
		a.State = canon.ActionWanted
	case "unknown":
		a.State = canon.ActionUnknown
		if s.LookedUp { // a person has to find out: it is never sent again blindly
			a.State = canon.ActionParked
		}
	default:
		a.State = canon.ActionFailed
		if s.LookedUp { // it did not happen, so that it may be sent again
			a.State = canon.ActionWanted
		}
		f.readOrder(a)
	}
	if !a.State.Open() {
		a.EndedAt = ft.at
	}
	return f.putAction(was, a)
}

// readOrder asks what the platform shows of an action's order: its word ends claims, not the action's outcome.
func (f *fold) readOrder(a *canon.Action) {
	ref := canon.Ref{Kind: canon.KindOrder, ExternalID: a.Order}
	f.reads = append(f.reads, Read{Connection: a.Connection, Ref: ref, Cause: f.f.pos, After: f.f.at.Add(settleTime)})
}

// withdraw ends an action that was not sent and is not needed any longer. One that may have been sent stays.
func (f *fold) withdraw(connection, key, why string) error {
	a, err := f.action(connection, key)
	if err != nil || a == nil || a.State != canon.ActionWanted {
		return err
	}
	was := a.State
	a.State, a.EndedAt, a.Code, a.Detail = canon.ActionWithdrawn, f.f.at, "action.withdrawn", why
	if err := f.putAction(was, a); err != nil {
		return err
	}
	for _, k := range a.Claims {
		if err := f.setYields(k, false); err != nil {
			return err
		}
	}
	return nil
}

// setYields says of a claim whether a person decided against it.
func (f *fold) setYields(key string, yields bool) error {
	c, err := f.claim(key)
	if err != nil || c == nil || c.Yields == yields || !c.Live() {
		return err // what has ended stays ended
	}
	before := *c
	c.Yields = yields
	if err := f.putClaim(&before, c); err != nil {
		return err
	}
	if !yields {
		return nil
	}
	// What the platform has shown already may end it.
	o, err := store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, c.Document))
	if err != nil || o == nil {
		return err
	}
	return f.orderAgain(o.Connection, o.ExternalID)
}

// orderActionable refuses an action on an order that its platform could not carry out, or that could be the second one;
// nil when it can. again says that a parked one did not happen.
func (f *fold) orderActionable(id string, kind canon.ActionKind, again bool) (*canon.Order, *canon.Outcome, error) {
	o, err := store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, id))
	if err != nil {
		return nil, nil, err
	}
	if o == nil {
		return nil, refuse(404, "order.unknown", "no order has the id %q", id), nil
	}
	if !f.settings.Connection(o.Connection).Can(kind) {
		return nil, refuse(409, "order.by_hand", "the hub can't do that at %s: do it there", o.Connection), nil
	}
	if o.Status == canon.OrderCancelled {
		return nil, refuse(409, "order.cancelled", "the order is cancelled already"), nil
	}
	busy, err := f.busyAction(o.ID)
	if err != nil {
		return nil, nil, err
	}
	if busy != nil && (busy.State != canon.ActionParked || !again) {
		return nil, refuse(409, "order.in_progress", "%s of this order is %s: wait until it is over", busy.Kind, busy.State), nil
	}
	return o, nil, nil
}

// cancelOrder takes a person's wish to cancel an order at its platform.
func (f *fold) cancelOrder(cmd *canon.Command) (*canon.Outcome, error) {
	c := cmd.CancelOrder
	if no := mayAct(cmd, c.Refund, c.Reason); no != nil {
		return no, nil
	}
	o, no, err := f.orderActionable(c.Order, canon.ActionCancelOrder, c.Again)
	if err != nil || no != nil {
		return no, err
	}
	if o.Status == canon.OrderFulfilled {
		return refuse(409, "order.fulfilled", "the goods of the order were handed over: refund its lines instead"), nil
	}
	a := &canon.Action{
		Kind: canon.ActionCancelOrder, Connection: o.Connection, Order: o.ExternalID, OrderID: o.ID, Number: o.Number,
		Refund: c.Refund, Restock: c.Restock, Notify: c.Notify, Reason: orElse(c.Reason, canon.ReasonCustomer), Note: c.Note,
	}
	links, err := f.links(o.ID)
	if err != nil {
		return nil, err
	}
	claims, err := f.claims(links.Claims)
	if err != nil {
		return nil, err
	}
	for _, l := range lifecycle.Live(claims) {
		a.Claims = append(a.Claims, l.Key)
	}
	if err := f.request(a); err != nil {
		return nil, err
	}
	for _, k := range a.Claims {
		if err := f.setYields(k, true); err != nil {
			return nil, err
		}
	}
	return done(202, a)
}

// refundLines takes a person's wish to give back what was paid for lines of an order.
func (f *fold) refundLines(cmd *canon.Command) (*canon.Outcome, error) {
	r := cmd.RefundLines
	if no := mayAct(cmd, r.Refund, r.Reason); no != nil {
		return no, nil
	}
	o, no, err := f.orderActionable(r.Order, canon.ActionRefundLines, r.Again)
	if err != nil || no != nil {
		return no, err
	}
	if len(r.Lines) == 0 || len(r.Lines) > maxActionLines {
		return refuse(422, "order.lines", "name 1 to %d lines of the order", maxActionLines), nil
	}
	seen := make(map[string]bool, len(r.Lines))
	for _, l := range r.Lines {
		i := slices.IndexFunc(o.Lines, func(x canon.OrderItem) bool { return x.ID == l.ID })
		if i < 0 || seen[l.ID] {
			return refuse(422, "order.lines", "the order has no line %q, or it is named twice", l.ID), nil
		}
		seen[l.ID] = true
		if left := o.Lines[i].Quantity - o.Lines[i].Refunded; l.Quantity < 1 || l.Quantity > left {
			return refuse(422, "order.lines", "%d of line %q can be refunded, %d asked for", left, l.ID, l.Quantity), nil
		}
	}
	a := &canon.Action{
		Kind: canon.ActionRefundLines, Connection: o.Connection, Order: o.ExternalID, OrderID: o.ID, Number: o.Number,
		Lines: r.Lines, Refund: r.Refund, Restock: r.Restock, Notify: r.Notify, Reason: orElse(r.Reason, canon.ReasonCustomer), Note: r.Note,
	}
	if err := f.request(a); err != nil {
		return nil, err
	}
	return done(202, a)
}

// mayAct refuses who may not give money back, and words that no platform knows.
func mayAct(cmd *canon.Command, by canon.RefundBy, reason canon.ActionReason) *canon.Outcome {
	switch cmd.Role {
	case "", "admin", "manager":
	default:
		return refuse(403, "transition.actor", "a manager decides what is cancelled and refunded")
	}
	switch by {
	case "", canon.RefundAuto, canon.RefundOriginal, canon.RefundByHand, canon.RefundNone:
	default:
		return refuse(422, "order.refund_by", "refund is auto, original, by_hand or none")
	}
	switch reason {
	case "", canon.ReasonInventory, canon.ReasonCustomer, canon.ReasonFraud, canon.ReasonOther:
		return nil
	}
	return refuse(422, "order.reason", "reason is inventory, customer, fraud or other")
}

func orElse[T ~string](v, fallback T) T {
	if v == "" {
		return fallback
	}
	return v
}
