package router

import (
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// What is in repair, damaged, missing or gone for good is held by a claim of the kind aside: nobody can sell it, no channel
// shows it, and a platform that sells it all the same opens a case.

// asideEvents are the events of a piece's life that a person states by a command of their own. The others belong to
// reservations, sales, memos and transfers.
var asideEvents = []string{
	"repair", "finish", "damage", "restock", "return", "miss", "find", "report_stolen", "write_off", "assemble", "dismantle", "melt", "scrap",
	"return_to_vendor",
}

// decideAs takes a command to a machine. A manager may do whatever a consultant may.
func decideAs(m *lifecycle.Machine, from lifecycle.State, event string, who lifecycle.Actor, facts *lifecycle.Facts) (lifecycle.Transition, *lifecycle.Refusal) {
	row, no := m.Decide(from, lifecycle.Event(event), who, facts)
	if no != nil && who == lifecycle.Manager {
		if as, also := m.Decide(from, lifecycle.Event(event), lifecycle.Consultant, facts); also == nil || no.Code == lifecycle.RefusedActor {
			return as, also
		}
	}
	return row, no
}

// moveItem moves a piece, or some of a quantity, through its life.
func (f *fold) moveItem(cmd *canon.Command) (*canon.Outcome, error) {
	m := cmd.MoveItem
	if !slices.Contains(asideEvents, m.Event) {
		return refuse(422, "transition.unknown", "there is no event %.32q: use one of %v", m.Event, asideEvents), nil
	}
	item, no, err := f.find(m.Item)
	if err != nil || no != nil {
		return no, err
	}
	if m.Location != "" && !contains(f.settings.Locations, m.Location) {
		return refuse(422, "location.unknown", "the house has no place %.64q", m.Location), nil
	}
	if item.Serialized {
		no, err = f.movePiece(cmd, item)
	} else {
		no, err = f.moveQuantity(cmd, item)
	}
	if err != nil || no != nil {
		return no, err
	}
	if err := f.refreshDirty(); err != nil {
		return nil, err
	}
	if item, err = f.item(item.ID); err != nil {
		return nil, err
	}
	return done(200, item)
}

// moveFacts are what the guards of a piece's life look at.
func (f *fold) moveFacts(cmd *canon.Command, item *canon.Item) *lifecycle.Facts {
	m := cmd.MoveItem
	facts := &lifecycle.Facts{
		Now: f.f.at.Unix(), Actor: f.f.head.Actor, Scanned: m.Scanned, Inspected: m.Inspected, Reference: m.Reference, Component: m.Component,
		Approved: m.Approved, WithinPolicy: m.WithinPolicy, Certificate: m.Certificate || len(item.Certificates) == 0, // none to come with it
	}
	if names(item, m.Scanned) {
		facts.Expected = m.Scanned
	}
	return facts
}

func (f *fold) movePiece(cmd *canon.Command, item *canon.Item) (*canon.Outcome, error) {
	m := cmd.MoveItem
	if m.Quantity > 1 {
		return refuse(422, "quantity.piece", "there is one of a piece: ask for a quantity of 1"), nil
	}
	live, err := f.claimsOn(item)
	if err != nil {
		return nil, err
	}
	var aside, sale *canon.Claim
	for _, c := range live {
		switch c.Kind {
		case canon.ClaimAside:
			aside = c
		case canon.ClaimSale:
			sale = c
		}
	}
	if item.Contested {
		return refuse(409, "item.contested", "more than one claim is live on this piece: resolve its case first"), nil
	}
	facts := f.moveFacts(cmd, item)
	facts.Held = item.Holder != nil && (aside == nil || item.Holder.Claim != aside.Key) || len(item.Blocked) > 0
	from, known := pieceMachineState(item.Status)
	if !known {
		return refuse(409, "item.not_in_stock", "the piece is %s: count it or restock it first", item.Status), nil
	}
	row, refusal := decideAs(&lifecycle.PieceMachine, from, m.Event, actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	if item.Status == canon.ItemOnMemo || item.Status == canon.ItemInTransit {
		return refuse(409, "item.document", "the piece is %s: its document says what becomes of it", item.Status), nil
	}
	at := item.Location
	if m.Location != "" {
		at = m.Location
	}
	if sale != nil && m.Event == "return" {
		before := *sale
		sale.Restocked, sale.RestockedAt = sale.Restocked+sale.Net, f.f.at
		sale.Net, sale.Ended = 0, "returned"
		if err := f.putClaim(&before, sale); err != nil {
			return nil, err
		}
	}
	if err := f.setAside(cmd, item, aside, canon.ItemStatus(row.To), 1, at); err != nil {
		return nil, err
	}
	if row.To == "in_stock" && m.Event == "find" {
		return nil, f.foundAt(item.Nodes[0], at, 1, cmd.ID)
	}
	return nil, nil
}

func (f *fold) moveQuantity(cmd *canon.Command, item *canon.Item) (*canon.Outcome, error) {
	m := cmd.MoveItem
	from, at, quantity := lifecycle.State("in_stock"), m.Location, m.Quantity
	var aside *canon.Claim
	if m.Claim != "" {
		c, err := f.claim(m.Claim)
		if err != nil {
			return nil, err
		}
		if c == nil || c.Kind != canon.ClaimAside || c.Item != item.ID || !c.Live() {
			return refuse(404, "claim.none", "nothing of this item is set aside under %.64q", m.Claim), nil
		}
		aside, from, at, quantity = c, lifecycle.State(c.State), c.Location, c.Net
	} else {
		var no *canon.Outcome
		if quantity, no = askedFor(item, quantity); no != nil {
			return no, nil
		}
		at = stockLocation(item, at, quantity)
		if no := f.takeable(item, quantity, at, nil); no != nil {
			return no, nil
		}
	}
	row, refusal := decideAs(&lifecycle.PieceMachine, from, m.Event, actor(cmd), f.moveFacts(cmd, item))
	if refusal != nil {
		return refused(refusal), nil
	}
	return nil, f.setAside(cmd, item, aside, canon.ItemStatus(row.To), quantity, at)
}

// setAside writes the claim that stands for what goods are: a new one, another state of one, or its end.
func (f *fold) setAside(cmd *canon.Command, item *canon.Item, aside *canon.Claim, to canon.ItemStatus, quantity int64, at string) error {
	m := cmd.MoveItem
	if to == canon.ItemInStock {
		if aside == nil {
			return nil
		}
		aside.Back = append(slices.Clip(aside.Back), canon.Return{At: f.f.at, Quantity: aside.Net})
		return f.endClaim(aside, m.Event)
	}
	if aside == nil {
		return f.putClaim(nil, &canon.Claim{
			Key: cmd.ID, Kind: canon.ClaimAside, Connection: m.Channel, Node: item.Nodes[0], Item: item.ID, Location: at, Quantity: quantity,
			Net: quantity, State: to, Reference: reference(m), Since: f.f.pos, At: f.f.at,
		})
	}
	before := *aside
	was := aside.OnHand()
	if aside.State = to; reference(m) != "" {
		aside.Reference = reference(m)
	}
	if was && !aside.OnHand() {
		aside.Placed = f.f.at // who counted before found them
	}
	return f.putClaim(&before, aside)
}

func reference(m *canon.MoveItem) string {
	if m.Reference == "" {
		return m.Component
	}
	return m.Reference
}

// claimsOn gives the live claims on an item.
func (f *fold) claimsOn(item *canon.Item) ([]*canon.Claim, error) {
	var live []*canon.Claim
	for _, node := range item.Nodes {
		claims, err := f.liveClaims(node)
		if err != nil {
			return nil, err
		}
		live = append(live, lifecycle.Live(claims)...)
	}
	return live, nil
}

// pieceMachineState is where a piece's status is in the machine of its life; not ok where that is not known.
func pieceMachineState(s canon.ItemStatus) (lifecycle.State, bool) {
	switch s {
	case canon.ItemUnknown, canon.ItemUnavailable, canon.ItemRetired:
		return "", false
	case canon.ItemBlocked:
		return lifecycle.State(canon.ItemInStock), true
	}
	return lifecycle.State(s), true
}

// inferred notes the steps that lie between what a piece was known to be and what it is now, by the shortest legal way:
// nobody stated them.
func (f *fold) inferred(before, item *canon.Item) error {
	if before == nil || !before.Serialized || !item.Serialized || before.Status == item.Status {
		return nil
	}
	from, ok := pieceMachineState(before.Status)
	to, also := pieceMachineState(item.Status)
	if !ok || !also {
		return nil
	}
	steps, _ := lifecycle.PieceMachine.Path(from, to)
	for i := 0; i+1 < len(steps); i++ {
		if err := f.row(canon.Row{Entity: item.ID, Type: store.TypeItem, Event: "item." + string(steps[i].To), Inferred: true, Location: item.Location}); err != nil {
			return err
		}
	}
	return nil
}

// foundAt notes that so many of a listing's goods are at a place now, as a count does.
func (f *fold) foundAt(node, location string, quantity int64, key string) error {
	return f.foundThen(f.f.at, node, location, quantity, key)
}

// foundThen is foundAt of a moment.
func (f *fold) foundThen(at time.Time, node, location string, quantity int64, key string) error {
	id := countPrefix + store.Part(key)
	n := countNode{Node: node, Location: location, Counted: lifecycle.Counted{At: at.UTC(), Quantity: quantity, Key: id}}
	if err := f.save(prefixCount+id, n); err != nil {
		return err
	}
	f.tx.Put(prefixCounts+node+"/"+id, nil)
	return f.recount(node, location)
}

// foundAgain ends what says that a piece is missing, where a later count found it.
func (f *fold) foundAgain(id string, newest *lifecycle.Counted) error {
	if newest == nil || newest.Quantity == 0 {
		return nil
	}
	item, err := store.Peek[canon.Item](f.tx, store.RecordKey(store.TypeItem, id), nil)
	if err != nil || item == nil || !item.Serialized {
		return err
	}
	live, err := f.claimsOn(item)
	if err != nil {
		return err
	}
	for _, c := range live {
		lost := c.State == canon.ItemMissing || c.State == canon.ItemStolen || c.State == canon.ItemWrittenOff
		if c.Kind != canon.ClaimAside || !lost || !newest.At.After(c.When()) {
			continue
		}
		c.Back = append(slices.Clip(c.Back), canon.Return{At: newest.At, Quantity: c.Net})
		if err := f.endClaim(c, "find"); err != nil {
			return err
		}
	}
	return nil
}
