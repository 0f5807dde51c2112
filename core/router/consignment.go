package router

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

const (
	prefixConsigned = "csn/"         // id of the consignment that a listing's node is in: csn/<node>
	keyConsigned    = "consigned"    // present as soon as anything was taken on consignment
	dueConsignment  = "consignment/" // begins the name of a consignment's deadlines
	maxConsigned    = 100            // lines
	maxTerms        = 366 * 24 * 3600
	defaultTerms    = 30 * 24 * 3600
)

func (f *fold) consignment(id string) (*canon.Consignment, error) {
	return store.Load[canon.Consignment](f.tx, store.RecordKey(store.TypeConsignment, id))
}

func (f *fold) putConsignment(c *canon.Consignment, event string) error {
	c.Version, c.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeConsignment, c.ID), c); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: c.ID, Type: store.TypeConsignment, Event: "consignment." + event, Channel: c.Channel})
}

// consign takes one step of a consignment, or refuses it.
func (f *fold) consign(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Consign
	if ask.Consignment == "" && ask.Event == "receive" {
		return f.takeIn(cmd)
	}
	c, err := f.consignment(ask.Consignment)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return refuse(404, "consignment.unknown", "no consignment has the id %.64q", ask.Consignment), nil
	}
	if !slices.Contains([]string{"offer", "give_back", "convert", "donate", "pay_out"}, ask.Event) {
		return refuse(422, "transition.unknown", "there is no event %.32q: use offer, give_back, convert, donate or pay_out", ask.Event), nil
	}
	lines, no, err := f.consignedLines(c, ask)
	if err != nil || no != nil {
		return no, err
	}
	var until time.Time
	if ask.Event == "offer" {
		if ask.Seconds < 1 || ask.Seconds > maxTerms {
			return refuse(422, "reservation.duration", "seconds must be from 1 to %d (a year)", maxTerms), nil
		}
		until = f.f.at.Add(time.Duration(ask.Seconds) * time.Second)
	}
	for _, i := range lines {
		if no, err := f.consignLine(cmd, c, i, until); err != nil || no != nil {
			return no, err
		}
	}
	if !until.IsZero() {
		c.Until = until
		f.due(until, dueConsignment+c.ID)
	}
	if err := f.putConsignment(c, ask.Event); err != nil {
		return nil, err
	}
	return done(200, c)
}

// takeIn makes a consignment of pieces that are in the house, all of them or none.
func (f *fold) takeIn(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.Consign
	facts := &lifecycle.Facts{Client: strings.TrimSpace(ask.Party), Inspected: ask.Inspected}
	row, refusal := decideAs(&lifecycle.ConsignmentMachine, "", "receive", actor(cmd), facts)
	switch {
	case refusal != nil:
		return refused(refusal), nil
	case ask.Kind != "" && ask.Kind != canon.Consigned && ask.Kind != canon.MemoIn:
		return refuse(422, "consignment.lines", "pieces are consigned or memo_in"), nil
	case len(ask.Lines) == 0 || len(ask.Lines) > maxConsigned:
		return refuse(422, "consignment.lines", "a consignment has 1 to %d pieces", maxConsigned), nil
	case ask.Terms < 0 || ask.Terms > maxTerms:
		return refuse(422, "reservation.duration", "terms are at most %d seconds (a year)", maxTerms), nil
	}
	c := &canon.Consignment{
		ID: cmd.ID, Kind: orElse(ask.Kind, canon.Consigned), Party: ask.Party, Reference: ask.Reference, Channel: ask.Channel, ReceivedAt: f.f.at, Terms: ask.Terms,
	}
	if c.Terms == 0 {
		c.Terms = defaultTerms
	}
	at := f.f.at
	seen := make(map[string]bool)
	var items []*canon.Item
	for _, good := range ask.Lines {
		item, no, err := f.find(good.Item)
		if err != nil || no != nil {
			return no, err
		}
		switch {
		case !item.Serialized:
			return refuse(422, "consignment.lines", "%s is a quantity of a SKU: only pieces are taken on consignment", item.ID), nil
		case seen[item.ID]:
			return refuse(422, "consignment.lines", "%s is there twice", item.ID), nil
		case item.Consignment != "":
			return refuse(409, "consignment.line", "%s is in consignment %s", item.ID, item.Consignment), nil
		}
		if no := f.takeable(item, 1, item.Location, nil); no != nil {
			return no, nil
		}
		payable, err := money(good.Payable)
		if err != nil {
			return refuse(422, "money.unreadable", "the amount of %s can't be read", item.ID), nil
		}
		seen[item.ID] = true
		items = append(items, item)
		c.Lines = append(c.Lines, canon.ConsignmentLine{Item: item.ID, Status: string(row.To), Payable: payable, At: &at})
	}
	for _, item := range items {
		if err := f.save(prefixConsigned+item.Nodes[0], c.ID); err != nil {
			return nil, err
		}
		f.dirty[item.ID] = true
	}
	f.tx.Put(keyConsigned, nil)
	f.consigned = true
	if err := f.putConsignment(c, "received"); err != nil {
		return nil, err
	}
	return done(201, c)
}

// consignedLines gives the places of the lines that a step is of.
func (f *fold) consignedLines(c *canon.Consignment, ask *canon.ConsignAsk) ([]int, *canon.Outcome, error) {
	c.Lines = slices.Clone(c.Lines)
	var lines []int
	if ask.Item == "" {
		for i := range c.Lines {
			if _, no := lifecycle.ConsignmentMachine.Path(lifecycle.State(c.Lines[i].Status), "on_sale"); ask.Event == "offer" && no && c.Lines[i].Status != "sold" {
				lines = append(lines, i)
			}
		}
		if len(lines) == 0 {
			return nil, refuse(422, "consignment.line", "name the piece that the step is of"), nil
		}
		return lines, nil, nil
	}
	item, no, err := f.find(ask.Item)
	if err != nil || no != nil {
		return nil, no, err
	}
	for i := range c.Lines {
		if contains(item.Nodes, c.Lines[i].Item) {
			return []int{i}, nil, nil
		}
	}
	return nil, refuse(409, "consignment.line", "the piece is not in this consignment"), nil
}

// consignLine takes a step of one line.
func (f *fold) consignLine(cmd *canon.Command, c *canon.Consignment, i int, until time.Time) (*canon.Outcome, error) {
	ask, l := cmd.Consign, &c.Lines[i]
	item, no, err := f.find(l.Item)
	if err != nil || no != nil {
		return no, err
	}
	facts := &lifecycle.Facts{
		Now: f.f.at.Unix(), Scanned: ask.Scanned, Inspected: ask.Inspected, Approved: ask.Approved, Held: item.Holder != nil || len(item.Blocked) > 0,
	}
	if names(item, ask.Scanned) {
		facts.Expected = ask.Scanned
	}
	if !until.IsZero() {
		facts.Until = until.Unix()
	}
	var paid *canon.Money
	if ask.Event == "pay_out" {
		if paid, err = money(ask.Amount); err != nil {
			return refuse(422, "money.unreadable", "the amount can't be read"), nil
		}
		if paid == nil {
			paid = l.Payable
		}
		facts.Amount = minor(paid)
	}
	if ask.Event == "offer" && l.Status == "on_sale" {
		return nil, nil // it has another end from now on
	}
	row, refusal := decideAs(&lifecycle.ConsignmentMachine, lifecycle.State(l.Status), ask.Event, actor(cmd), facts)
	if refusal != nil {
		return refused(refusal), nil
	}
	at := f.f.at
	l.Status, l.At = string(row.To), &at
	switch ask.Event {
	case "pay_out":
		l.Paid, l.Overdue = paid, false
	case "give_back", "donate":
		to := canon.ItemToVendor
		if ask.Event == "donate" {
			to = canon.ItemScrapped
		}
		away := &canon.Command{ID: cmd.ID, Role: cmd.Role, MoveItem: &canon.MoveItem{Event: ask.Event, Channel: ask.Channel, Reference: orElse(c.Reference, c.ID)}}
		if err := f.setAside(away, item, nil, to, 1, item.Location); err != nil {
			return nil, err
		}
	}
	f.dirty[item.ID] = true
	return nil, f.released(c, i)
}

// released takes a piece off its consignment once that is over.
func (f *fold) released(c *canon.Consignment, i int) error {
	if c.Lines[i].Open() {
		return nil
	}
	item, err := f.item(c.Lines[i].Item)
	if err != nil || item == nil {
		return err
	}
	for _, node := range item.Nodes {
		if id, err := store.Load[string](f.tx, prefixConsigned+node); err != nil {
			return err
		} else if id != nil && *id == c.ID {
			f.tx.Delete(prefixConsigned + node)
		}
	}
	return nil
}

// consignmentOf names the consignment that an item is in, and tells it what became of the item: a sale makes what is owed
// due, and one that is taken back puts the piece on sale again. before may be nil.
func (f *fold) consignmentOf(before, item *canon.Item) error {
	item.Consignment = ""
	if !f.consigned {
		return nil
	}
	for _, node := range item.Nodes {
		id, err := store.Load[string](f.tx, prefixConsigned+node)
		if err != nil {
			return err
		}
		if id == nil {
			continue
		}
		c, err := f.consignment(*id)
		if err != nil || c == nil {
			return err
		}
		if item.Consignment == "" {
			item.Consignment = c.ID
		}
		i := slices.IndexFunc(c.Lines, func(l canon.ConsignmentLine) bool { return l.Item == node || contains(item.Nodes, l.Item) })
		if i < 0 {
			continue
		}
		if err := f.followSale(c, i, item.Status == canon.ItemSold); err != nil {
			return err
		}
	}
	return nil
}

// followSale moves a line by what its piece was seen to be: sold, or not any longer.
func (f *fold) followSale(c *canon.Consignment, i int, sold bool) error {
	c.Lines = slices.Clone(c.Lines)
	l := &c.Lines[i]
	to := lifecycle.State("sold")
	switch {
	case sold && (l.Status == "received" || l.Status == "on_sale" || l.Status == "in_grace"):
	case !sold && l.Status == "sold":
		to = "on_sale"
	default:
		return nil
	}
	steps, ok := lifecycle.ConsignmentMachine.Path(lifecycle.State(l.Status), to)
	if !ok {
		return nil
	}
	at := f.f.at
	l.Status, l.At, l.Due, l.Overdue = string(to), &at, nil, false
	if sold {
		due := at.Add(time.Duration(c.Terms) * time.Second)
		l.Due = &due
		f.due(due, fmt.Sprintf("%s%s/%d", dueConsignment, c.ID, i))
	}
	for n, step := range steps {
		if n+1 < len(steps) {
			if err := f.row(canon.Row{Entity: c.ID, Type: store.TypeConsignment, Event: "consignment." + string(step.To), Inferred: true}); err != nil {
				return err
			}
		}
	}
	return f.putConsignment(c, string(to))
}

// consignmentDue marks what has to go back, and what has to be paid out.
func (f *fold) consignmentDue(what string) error {
	id, _, _ := strings.Cut(what, "/")
	c, err := f.consignment(id)
	if err != nil || c == nil {
		return err
	}
	c.Lines = slices.Clone(c.Lines)
	graced, overdue := false, false
	for i := range c.Lines {
		l := &c.Lines[i]
		switch {
		case l.Status == "on_sale" && !c.Until.IsZero() && !c.Until.After(f.f.at):
			row, refusal := lifecycle.ConsignmentMachine.Decide("on_sale", "expire", lifecycle.Timer, &lifecycle.Facts{Now: f.f.at.Unix(), Until: c.Until.Unix()})
			if refusal == nil {
				l.Status, graced = string(row.To), true
			}
		case l.Status == "sold" && l.Due != nil && !l.Due.After(f.f.at) && !l.Overdue:
			l.Overdue, overdue = true, true
		}
	}
	if graced {
		if err := f.putConsignment(c, "in_grace"); err != nil {
			return err
		}
	}
	if overdue {
		return f.putConsignment(c, "overdue")
	}
	return nil
}
