package router

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// keepOutcomes is how long a command's outcome answers repeats, in fold time.
const keepOutcomes = 7 * 24 * time.Hour

// outcomePage is the span of fold time whose outcomes fall due together.
const outcomePage = 24 * time.Hour

// forget drops the outcome of a command that was repeated for the last time.
func (f *fold) forget(key string) error {
	out, err := store.Load[canon.Outcome](f.tx, key)
	if err != nil || out == nil || f.f.at.Sub(out.At) < keepOutcomes {
		return err
	}
	f.tx.Delete(key)
	return nil
}

// command carries out a command, or refuses it. Either way its outcome is kept under the idempotency key, so that a
// repeat gets the same answer and does nothing.
func (f *fold) command(ft *fact) error {
	var cmd canon.Command
	if err := decodeInto(ft, &cmd); err != nil {
		return err
	}
	if err := checkCommand(&cmd); err != nil {
		return err
	}
	key := store.OutcomeKey(ft.head.Actor, cmd.Key)
	old, err := store.Load[canon.Outcome](f.tx, key)
	if err != nil {
		return err
	}
	digest := commandDigest(&cmd)
	if old != nil && !f.forgetful && ft.at.Sub(old.At) < keepOutcomes {
		return nil // the door compares the digests and answers with what was decided
	}
	if made, err := f.claim(cmd.ID); err != nil || made != nil {
		if err == nil {
			err = faultf("command.malformed", "another command has the same id")
		}
		return err
	}
	out, err := f.decide(&cmd)
	if err != nil {
		return err
	}
	out.Key, out.Position, out.At, out.Digest = cmd.Key, ft.pos, ft.at, digest
	// All of a day are forgotten together, by one tick.
	f.out.Deadlines = true
	f.tx.Put(store.DueKey(ft.at.Add(keepOutcomes+outcomePage).Truncate(outcomePage), key), nil)
	return f.save(key, out)
}

// CommandDigest is the SHA-256 of a command without its id and key: what a repeat under the same key must equal.
func CommandDigest(cmd canon.Command) string { return commandDigest(&cmd) }

func commandDigest(cmd *canon.Command) string {
	c := *cmd
	c.ID, c.Key, c.Role = "", "", ""
	if c.ApplyPolicy != nil { // what the plan is then is not what was asked for
		ask := *c.ApplyPolicy
		ask.Plan, c.ApplyPolicy = "", &ask
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// decide carries a command out, refuses it, or has it wait for a second person.
func (f *fold) decide(cmd *canon.Command) (*canon.Outcome, error) {
	if out, err := f.secondPerson(cmd); err != nil || out != nil {
		return out, err
	}
	return f.decideNow(cmd)
}

func (f *fold) decideNow(cmd *canon.Command) (*canon.Outcome, error) {
	switch {
	case cmd.Approve != nil:
		return f.approve(cmd)
	case cmd.RepairDrift != nil:
		return f.repairDrift(cmd.RepairDrift)
	case cmd.ApplyPolicy != nil:
		return f.applyPolicy(cmd.ApplyPolicy)
	case cmd.Reserve != nil:
		return f.reserve(cmd.ID, cmd.Reserve)
	case cmd.Release != nil:
		return f.release(cmd.Release)
	case cmd.Sell != nil:
		return f.sell(cmd.ID, cmd.Sell)
	case cmd.Restock != nil:
		return f.restock(cmd.Restock)
	case cmd.Lend != nil:
		return f.lend(cmd)
	case cmd.TakeBack != nil:
		return f.takeBack(cmd)
	case cmd.ExtendMemo != nil:
		return f.extendMemo(cmd)
	case cmd.MoveItem != nil:
		return f.moveItem(cmd)
	case cmd.Transfer != nil:
		return f.transfer(cmd)
	case cmd.Count != nil:
		return f.countSession(cmd)
	case cmd.Credit != nil:
		return f.credit(cmd)
	case cmd.Offer != nil:
		return f.offer(cmd)
	case cmd.Consign != nil:
		return f.consign(cmd)
	case cmd.OrderStep != nil:
		return f.orderStep(cmd)
	case cmd.ReservationStep != nil:
		return f.reservationStep(cmd)
	case cmd.Resolve != nil:
		return f.resolve(cmd)
	case cmd.CancelOrder != nil:
		return f.cancelOrder(cmd)
	case cmd.RefundLines != nil:
		return f.refundLines(cmd)
	case cmd.Listing != nil:
		return f.listingCommand(cmd)
	case cmd.Match != nil:
		return f.match(cmd.Match)
	case cmd.Client != nil:
		return f.sameClient(cmd.Client)
	case cmd.Redeliver != nil:
		return f.redeliver(cmd.Redeliver)
	case cmd.SetMode != nil:
		return f.setMode(cmd.SetMode)
	case cmd.SetPause != nil:
		return f.setPause(cmd.SetPause)
	}
	return refuse(422, "command.unknown", "the command asks for nothing that this build knows"), nil
}

func refuse(status int, code, format string, args ...any) *canon.Outcome {
	return &canon.Outcome{Status: status, Code: code, Reason: fmt.Sprintf(format, args...)}
}

func done(status int, result any) (*canon.Outcome, error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	return &canon.Outcome{OK: true, Status: status, Result: raw}, nil
}

// takeable refuses what can't be claimed now; nil when it can. own is the asker's own hold. Guards bind commands (an observation is a fact and is
// never refused).
func (f *fold) takeable(item *canon.Item, quantity int64, location string, own *canon.Claim) *canon.Outcome {
	if item.Serialized {
		if len(item.Blocked) > 0 {
			return refuse(409, "item.component_held", "%s is held, which shares a component with the piece", item.Blocked[0])
		}
		if item.Holder != nil && item.Holder.Kind == canon.ClaimAside {
			return refuse(409, "item.not_in_stock", "the piece is %s", item.Status)
		}
		if item.Holder != nil && (own == nil || item.Holder.Claim != own.Key) {
			o := refuse(409, "item.held", "the piece is held by %s (%s)%s", item.Holder.Channel, item.Holder.Kind, until(item.Holder.Until))
			o.Holder = item.Holder
			return o
		}
		if item.Contested {
			return refuse(409, "item.contested", "more than one claim is live on this piece: resolve its case first")
		}
		if len(item.SameReport) > 0 {
			return refuse(409, "item.same_report", "%s states the same grading report: find out which of them it is of", item.SameReport[0])
		}
		if own == nil && item.Status != canon.ItemInStock {
			return refuse(409, "item.not_in_stock", "the piece is %s: count it or restock it first", item.Status)
		}
		return nil
	}
	for _, a := range item.Stock {
		if a.Location == location {
			available := a.Available
			if own != nil {
				available += lifecycle.Net(own) // its own hold frees what it takes
			}
			if available >= quantity {
				return nil
			}
			return refuse(409, "stock.short", "%d available at %s, %d asked for", available, location, quantity)
		}
	}
	return refuse(409, "stock.short", "none available at %q: name a location that has stock", location)
}

func until(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " until " + t.Format(time.RFC3339)
}

// stockLocation picks where a quantity is taken from: as asked, else the only place, else the first with enough.
func stockLocation(item *canon.Item, asked string, quantity int64) string {
	if item.Serialized {
		return item.Location
	}
	if asked != "" {
		return asked
	}
	for _, a := range item.Stock {
		if a.Available >= quantity {
			return a.Location
		}
	}
	return ""
}

func (f *fold) find(id string) (*canon.Item, *canon.Outcome, error) {
	item, err := f.item(id)
	if err != nil {
		return nil, nil, err
	}
	if item == nil {
		n, err := f.listingNode(id)
		if err != nil {
			return nil, nil, err
		}
		if n != nil && n.Reason == identity.ReasonContradict {
			return nil, refuse(409, "item.contradiction", "its keys contradict another listing's: decide which piece it is first"), nil
		}
		return nil, refuse(404, "item.unknown", "no item has the id %q", id), nil
	}
	return item, nil, nil
}

func (f *fold) reserve(id string, r *canon.Reserve) (*canon.Outcome, error) {
	if r.Seconds < 1 || r.Seconds > 30*24*3600 {
		return refuse(422, "reservation.duration", "seconds must be from 1 to 2592000 (30 days)"), nil
	}
	item, no, err := f.find(r.Item)
	if err != nil || no != nil {
		return no, err
	}
	quantity, no := askedFor(item, r.Quantity)
	if no != nil {
		return no, nil
	}
	at := stockLocation(item, r.Location, quantity)
	if no := f.takeable(item, quantity, at, nil); no != nil {
		return no, nil
	}
	end := f.f.at.Add(time.Duration(r.Seconds) * time.Second)
	c := &canon.Claim{
		Key: id, Kind: canon.ClaimReservation, Connection: r.Channel, Node: item.ID, Item: item.ID, Location: at, Quantity: quantity,
		Net: quantity, ForWhom: r.ForWhom, Until: &end, Since: f.f.pos, At: f.f.at,
	}
	if r.Collect {
		c.Stage = "held"
	}
	if err := f.putClaim(nil, c); err != nil {
		return nil, err
	}
	f.due(end, id)
	return done(201, reservation(c))
}

// askedFor gives the quantity that a command asks for: one where it states none.
func askedFor(item *canon.Item, quantity int64) (int64, *canon.Outcome) {
	switch {
	case quantity == 0:
		return 1, nil
	case quantity < 0 || quantity > maxQuantity:
		return 0, refuse(422, "quantity.absurd", "a quantity is from 1 to %d", int64(maxQuantity))
	case item.Serialized && quantity != 1:
		return 0, refuse(422, "quantity.piece", "there is one of a piece: ask for a quantity of 1")
	}
	return quantity, nil
}

func reservation(c *canon.Claim) canon.Reservation {
	return canon.Reservation{ID: c.Key, Item: c.Item, Quantity: c.Quantity, Channel: c.Connection, Until: c.Until, Live: c.Live(), Ended: c.Ended, Stage: c.Stage}
}

func (f *fold) release(r *canon.Release) (*canon.Outcome, error) {
	c, err := f.claim(r.Reservation)
	if err != nil {
		return nil, err
	}
	if c == nil || c.Kind != canon.ClaimReservation {
		return refuse(404, "reservation.unknown", "no reservation has the id %q", r.Reservation), nil
	}
	if !c.Live() {
		return refuse(409, "reservation.ended", "the reservation has ended already: %s", c.Ended), nil
	}
	if err := f.endClaim(c, "released"); err != nil {
		return nil, err
	}
	return done(200, reservation(c))
}

// sell sells at a till. The claim's key is the command's id, so the till's later file of the same receipt is another
// document: a till that sells by command does not report the sale again.
func (f *fold) sell(id string, s *canon.Sell) (*canon.Outcome, error) {
	item, no, err := f.find(s.Item)
	if err != nil || no != nil {
		return no, err
	}
	quantity, no := askedFor(item, s.Quantity)
	if no != nil {
		return no, nil
	}
	var own *canon.Claim
	if s.Reservation != "" {
		if own, err = f.claim(s.Reservation); err != nil {
			return nil, err
		}
		if own == nil || own.Kind != canon.ClaimReservation && own.Kind != canon.ClaimMemo || own.Item != item.ID {
			return refuse(404, "reservation.unknown", "no reservation of this item has the id %q", s.Reservation), nil
		}
		if !own.Live() {
			return refuse(409, "reservation.ended", "the reservation has ended already: %s", own.Ended), nil
		}
	}
	at := stockLocation(item, s.Location, quantity)
	if own != nil {
		at = own.Location
	}
	if no := f.takeable(item, quantity, at, own); no != nil {
		return no, nil
	}
	c := &canon.Claim{
		Key: id, Kind: canon.ClaimSale, Connection: s.Channel, Node: item.ID, Item: item.ID, Location: at, Quantity: quantity,
		Net: quantity, HandedOver: true, Since: f.f.pos, At: f.f.at,
	}
	o := &canon.Order{
		ID: canon.NodeID("ord", s.Channel, canon.KindOrder, id), Connection: s.Channel, ExternalID: id, Number: s.Receipt,
		Status: canon.OrderFulfilled, PlacedAt: f.f.at, Channel: "till", Location: at,
		Lines: []canon.OrderItem{{ID: "1", Node: item.ID, SKU: item.SKU, Title: item.Title, Quantity: quantity}},
	}
	if s.Price != nil {
		m, err := money(s.Price)
		if err != nil {
			return refuse(422, "money.unreadable", "price: %v", err), nil
		}
		if m != nil {
			total, ok := times(m.Minor, quantity)
			if !ok {
				return refuse(422, "money.overflow", "the total is beyond what an amount can be"), nil
			}
			o.Currency, o.Lines[0].Price = m.Currency, m
			o.Total = &canon.Money{Minor: total, Currency: m.Currency}
		}
	}
	if own != nil {
		if err := f.endClaim(own, "sold"); err != nil {
			return nil, err
		}
		if own.Kind == canon.ClaimMemo {
			if err := f.settleMemo(own); err != nil {
				return nil, err
			}
		}
	}
	c.Document = o.ID
	if err := f.putClaim(nil, c); err != nil {
		return nil, err
	}
	if err := f.putOrder(nil, o); err != nil {
		return nil, err
	}
	return done(201, o)
}

// restock puts a piece back for sale that came back to the house, whatever its platform said of the refund.
func (f *fold) restock(r *canon.Restock) (*canon.Outcome, error) {
	item, no, err := f.find(r.Item)
	if err != nil || no != nil {
		return no, err
	}
	var sale *canon.Claim
	for _, node := range item.Nodes {
		claims, err := f.liveClaims(node)
		if err != nil {
			return nil, err
		}
		for _, c := range claims {
			if c.Kind != canon.ClaimSale || !c.Live() || (r.Claim != "" && c.Key != r.Claim) {
				continue
			}
			if sale != nil {
				return refuse(409, "claim.ambiguous", "more than one sale is live: name the claim"), nil
			}
			sale = c
		}
	}
	if sale == nil {
		return refuse(409, "claim.none", "no live sale to take back"), nil
	}
	before := *sale
	sale.Restocked, sale.RestockedAt = sale.Restocked+sale.Net, f.f.at
	sale.Net, sale.Ended = 0, "returned"
	if err := f.putClaim(&before, sale); err != nil {
		return nil, err
	}
	return done(200, map[string]string{"item": item.ID, "claim": sale.Key})
}

// match takes a person's word on which item a listing is.
func (f *fold) match(m *canon.Match) (*canon.Outcome, error) {
	node := canon.NodeID("itm", m.Connection, canon.KindListing, m.ListingID)
	n, err := f.listingNode(node)
	if err != nil {
		return nil, err
	}
	if n == nil {
		return refuse(404, "listing.unknown", "connection %q has no listing %q", m.Connection, m.ListingID), nil
	}
	old, err := store.Load[canon.Match](f.tx, decisionKey(m.Connection, m.ListingID))
	if err != nil {
		return nil, err
	}
	decision := *m
	switch m.Item {
	case "", identity.DecisionNew, identity.DecisionNone:
	default:
		target, err := f.item(m.Item)
		if err != nil {
			return nil, err
		}
		if target == nil {
			return refuse(404, "item.unknown", "no item has the id %q", m.Item), nil
		}
		decision.Item = target.Nodes[0]
		for _, id := range target.Nodes {
			if id != node { // name a node of the item that is not the listing itself
				decision.Item = id
				break
			}
		}
	}
	if old != nil {
		f.tx.Delete(store.IndexKey(indexDecision, old.Item, node))
	}
	key := decisionKey(m.Connection, m.ListingID)
	if m.Item == "" {
		f.tx.Delete(key)
		f.tx.Delete(matchKey(m.Connection, m.ListingID))
	} else {
		if err := f.save(key, decision); err != nil {
			return nil, err
		}
		f.tx.Put(store.IndexKey(indexDecision, decision.Item, node), nil)
	}
	// The listing that a former decision named may now stand alone: it is joined anew as well.
	seeds := []string{node}
	if old != nil {
		seeds = append(seeds, old.Item)
	}
	for _, s := range seeds {
		sn, err := f.listingNode(s)
		if err != nil {
			return nil, err
		}
		if sn == nil {
			continue
		}
		if err := f.recluster(s, sn.keys()); err != nil {
			return nil, err
		}
	}
	if n, err = f.listingNode(node); err != nil {
		return nil, err
	}
	row := f.matchRow(n, n.Reason, nil, m.Item)
	if n.Item != "" {
		row.Candidates = []string{n.Item}
	}
	return done(200, row)
}

func quoted(s string) json.RawMessage { return json.RawMessage(`"` + s + `"`) }
