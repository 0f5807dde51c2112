package router

import (
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

const (
	dueTransfer      = "transfer/" // begins the name of a transfer's deadline
	maxTransferLines = 100
	maxTransferTime  = 366 * 24 * 3600 // seconds
	transferTime     = 3 * 24 * 3600   // seconds, where none are stated
)

func (f *fold) transferOf(id string) (*canon.Transfer, error) {
	return store.Load[canon.Transfer](f.tx, store.RecordKey(store.TypeTransfer, id))
}

// putTransfer saves a transfer and what happened to it.
func (f *fold) putTransfer(t *canon.Transfer, event string) error {
	t.Version, t.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeTransfer, t.ID), t); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: t.ID, Type: store.TypeTransfer, Event: "transfer." + event, Location: t.From})
}

// transfer takes one step of a transfer, or refuses it.
func (f *fold) transfer(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Transfer
	if ask.Event == "request" {
		return f.requestTransfer(cmd)
	}
	t, err := f.transferOf(ask.Transfer)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return refuse(404, "transfer.unknown", "no transfer has the id %.64q", ask.Transfer), nil
	}
	facts := &lifecycle.Facts{
		Now: f.f.at.Unix(), Origin: t.From, Target: t.To, Actor: f.f.head.Actor, Sender: t.ShippedBy, Second: t.ApprovedBy, HighValue: true,
		Scanned: ask.Scanned, Approved: ask.Approved, Reference: ask.Reason, Until: t.Due.Unix(),
	}
	if t.Due.IsZero() {
		facts.Until = 0
	}
	var no *canon.Outcome
	switch ask.Event {
	case "pick":
		no, err = f.pick(cmd, t, facts)
	case "ship":
		no, err = f.ship(cmd, t, facts)
	case "receive":
		no, err = f.receive(cmd, t, facts)
	case "approve", "cancel", "miss", "close":
		no, err = f.settleTransfer(cmd, t, facts)
	default:
		return refuse(422, "transition.unknown", "a transfer has no event %.32q", ask.Event), nil
	}
	if err != nil || no != nil {
		return no, err
	}
	event := ask.Event
	if t.Status == "received" {
		event = "received"
	}
	if err := f.putTransfer(t, event); err != nil {
		return nil, err
	}
	return done(200, t)
}

func (f *fold) requestTransfer(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Transfer
	if len(ask.Lines) == 0 || len(ask.Lines) > maxTransferLines {
		return refuse(422, "transfer.lines", "a transfer has 1 to %d lines", maxTransferLines), nil
	}
	for _, at := range []string{ask.From, ask.To} {
		if !contains(f.settings.Locations, at) {
			return refuse(422, "location.unknown", "the house has no place %.64q", at), nil
		}
	}
	row, refusal := decideAs(&lifecycle.TransferMachine, "", "request", actor(cmd), &lifecycle.Facts{Origin: ask.From, Target: ask.To})
	if refusal != nil {
		return refused(refusal), nil
	}
	t := &canon.Transfer{
		ID: cmd.ID, Status: string(row.To), From: ask.From, To: ask.To, Reference: ask.Reference, Channel: ask.Channel,
		RequestedBy: f.f.head.Actor, RequestedAt: f.f.at,
	}
	seen := make(map[string]bool)
	for _, l := range ask.Lines {
		item, no, err := f.find(l.Item)
		if err != nil || no != nil {
			return no, err
		}
		quantity, no := askedFor(item, l.Quantity)
		switch {
		case no != nil:
			return no, nil
		case seen[item.ID]:
			return refuse(422, "transfer.lines", "%s is there twice", item.ID), nil
		case !item.Serialized && f.settings.StockAuthority != lifecycle.HubAuthority:
			return refuse(409, "transfer.authority", "%s counts this stock: move it there", f.settings.StockAuthority), nil
		}
		seen[item.ID] = true
		t.Lines = append(t.Lines, canon.TransferLine{Item: item.ID, Quantity: quantity, Status: "requested"})
	}
	if err := f.putTransfer(t, "requested"); err != nil {
		return nil, err
	}
	return done(201, t)
}

// line finds the line of a transfer that goods belong to: by any id of them, or by what was read. Its item's listings may have
// been joined to others since it was asked for. A refusal says that there is none.
func (f *fold) transferLine(t *canon.Transfer, ask *canon.TransferAsk, states ...string) (*canon.TransferLine, *canon.Item, *canon.Outcome, error) {
	wanted := ""
	if ask.Item != "" {
		item, no, err := f.find(ask.Item)
		if err != nil || no != nil {
			return nil, nil, no, err
		}
		wanted = item.ID
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		item, err := f.item(l.Item)
		if err != nil {
			return nil, nil, nil, err
		}
		if item != nil && slices.Contains(states, l.Status) && (item.ID == wanted || wanted == "" && names(item, ask.Scanned)) {
			return l, item, nil, nil
		}
	}
	return nil, nil, refuse(409, "transfer.line", "the goods are not to be handled under this transfer now"), nil
}

// pick holds the goods of one line at their place.
func (f *fold) pick(cmd *canon.Command, t *canon.Transfer, facts *lifecycle.Facts) (*canon.Outcome, error) {
	line, item, no, err := f.transferLine(t, cmd.Transfer, "requested")
	if err != nil || no != nil {
		return no, err
	}
	if names(item, facts.Scanned) {
		facts.Expected = facts.Scanned
	}
	for i := range t.Lines {
		if l := &t.Lines[i]; l != line && l.Status == "requested" {
			facts.LinesOpen++
		}
	}
	row, refusal := decideAs(&lifecycle.TransferMachine, lifecycle.State(t.Status), "pick", actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	if item.Serialized && item.Location != t.From {
		return refuse(409, "transfer.elsewhere", "the piece is at %q, not at %q", item.Location, t.From), nil
	}
	if no := f.takeable(item, line.Quantity, t.From, nil); no != nil {
		return no, nil
	}
	c := &canon.Claim{
		Key: cmd.ID, Kind: canon.ClaimTransfer, Connection: cmd.Transfer.Channel, Node: item.ID, Item: item.ID, Location: t.From,
		Quantity: line.Quantity, Net: line.Quantity, Document: t.ID, Since: f.f.pos, At: f.f.at,
	}
	if err := f.putClaim(nil, c); err != nil {
		return nil, err
	}
	line.Claim, line.Status, t.Status = c.Key, "picked", string(row.To)
	return nil, nil
}

// ship sends what was picked on its way: from now on it is at neither place.
func (f *fold) ship(cmd *canon.Command, t *canon.Transfer, facts *lifecycle.Facts) (*canon.Outcome, error) {
	ask := cmd.Transfer
	if ask.Seconds == 0 {
		ask.Seconds = transferTime
	}
	if ask.Seconds < 1 || ask.Seconds > maxTransferTime {
		return refuse(422, "reservation.duration", "seconds must be from 1 to %d (a year)", maxTransferTime), nil
	}
	facts.Reference = ask.Seal
	claims := make([]*canon.Claim, len(t.Lines))
	for i := range t.Lines {
		if t.Lines[i].Claim == "" {
			continue // the machine refuses to ship before all is picked
		}
		c, err := f.claim(t.Lines[i].Claim)
		if err != nil {
			return nil, err
		}
		item, err := f.item(c.Item)
		if err != nil {
			return nil, err
		}
		claims[i], facts.Held = c, facts.Held || !c.Live() || item == nil || item.Contested
	}
	row, refusal := decideAs(&lifecycle.TransferMachine, lifecycle.State(t.Status), "ship", actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	for i, c := range claims {
		before := *c
		c.To, c.Placed = t.To, f.f.at
		if err := f.putClaim(&before, c); err != nil {
			return nil, err
		}
		t.Lines[i].Status = "in_transit"
	}
	t.Status, t.Seal, t.ShippedBy, t.ShippedAt = string(row.To), ask.Seal, f.f.head.Actor, f.f.at
	t.Due = f.f.at.Add(time.Duration(ask.Seconds) * time.Second)
	f.due(t.Due, dueTransfer+t.ID)
	return nil, nil
}

// receive takes goods of one line in at their new place, one piece or some of a quantity at a time.
func (f *fold) receive(cmd *canon.Command, t *canon.Transfer, facts *lifecycle.Facts) (*canon.Outcome, error) {
	ask := cmd.Transfer
	line, item, no, err := f.transferLine(t, ask, "in_transit", "part_received", "missing")
	if err != nil || no != nil {
		return no, err
	}
	quantity := line.Quantity - line.Received
	if ask.Quantity != 0 {
		if ask.Quantity < 0 || ask.Quantity > quantity {
			return refuse(422, "transfer.quantity", "%d are still to come", quantity), nil
		}
		quantity = ask.Quantity
	}
	if names(item, facts.Scanned) {
		facts.Expected = facts.Scanned
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		open := l.Quantity - l.Received
		if l == line {
			open -= quantity
		}
		if open > 0 {
			facts.LinesOpen++
		}
	}
	row, refusal := decideAs(&lifecycle.TransferMachine, lifecycle.State(t.Status), "receive", actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	c, err := f.claim(line.Claim)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Overruled {
		return refuse(409, "transfer.line", "a case gave the goods of this line to another"), nil
	}
	line.Received += quantity
	line.Missing = max(min(line.Missing, line.Quantity-line.Received), 0)
	line.Status, t.Status = "part_received", string(row.To)
	if line.Received == line.Quantity {
		line.Status = "received"
	}
	return nil, f.arrive(cmd, t, item, c, quantity)
}

// arrive has goods be at the place that they were on the way to. A piece is found there; of a quantity so many more are.
func (f *fold) arrive(cmd *canon.Command, t *canon.Transfer, item *canon.Item, c *canon.Claim, quantity int64) error {
	if !item.Serialized {
		before := *c
		c.Arrived = append(slices.Clip(c.Arrived), canon.Return{At: f.f.at, Quantity: quantity})
		c.Lost = max(min(c.Lost, c.OnTheWay()+c.Lost), 0)
		return f.putClaim(&before, c)
	}
	c.Back = append(slices.Clip(c.Back), canon.Return{At: f.f.at, Quantity: 1})
	if err := f.endClaim(c, "received"); err != nil {
		return err
	}
	return f.foundAt(item.Nodes[0], t.To, 1, cmd.ID)
}

// settleTransfer takes a step that is about the whole transfer.
func (f *fold) settleTransfer(cmd *canon.Command, t *canon.Transfer, facts *lifecycle.Facts) (*canon.Outcome, error) {
	ask := cmd.Transfer
	row, refusal := decideAs(&lifecycle.TransferMachine, lifecycle.State(t.Status), ask.Event, actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	t.Status = string(row.To)
	if ask.Reason != "" {
		t.Reason = ask.Reason
	}
	switch ask.Event {
	case "approve":
		t.ApprovedBy = f.f.head.Actor
	case "miss":
		return nil, f.lose(t)
	case "cancel":
		return nil, f.cancelTransfer(t)
	}
	return nil, nil
}

func (f *fold) cancelTransfer(t *canon.Transfer) error {
	for i := range t.Lines {
		l := &t.Lines[i]
		l.Status = "cancelled"
		c, err := f.claim(l.Claim)
		if err != nil {
			return err
		}
		if c == nil || !c.Live() {
			continue
		}
		if err := f.endClaim(c, "cancelled"); err != nil {
			return err
		}
	}
	return nil
}

// lose notes that what has not arrived is missing.
func (f *fold) lose(t *canon.Transfer) error {
	for i := range t.Lines {
		l := &t.Lines[i]
		if l.Missing = l.Quantity - l.Received; l.Missing == 0 {
			continue
		}
		l.Status = "missing"
		c, err := f.claim(l.Claim)
		if err != nil {
			return err
		}
		if c == nil || !c.Live() {
			continue
		}
		item, err := f.item(c.Item)
		if err != nil {
			return err
		}
		before := *c
		if item != nil && item.Serialized {
			c.Kind, c.State, c.To = canon.ClaimAside, canon.ItemMissing, ""
		} else {
			c.Lost = l.Missing
		}
		if err := f.putClaim(&before, c); err != nil {
			return err
		}
	}
	return nil
}

// transferDue marks what has not arrived in time as missing.
func (f *fold) transferDue(id string) error {
	t, err := f.transferOf(id)
	if err != nil || t == nil || t.Due.After(f.f.at) {
		return err
	}
	facts := &lifecycle.Facts{Now: f.f.at.Unix(), Until: t.Due.Unix()}
	row, refusal := lifecycle.TransferMachine.Decide(lifecycle.State(t.Status), "miss", lifecycle.Timer, facts)
	if refusal != nil {
		return nil // everything has arrived
	}
	t.Status = string(row.To)
	if err := f.lose(t); err != nil {
		return err
	}
	return f.putTransfer(t, "overdue")
}
