package router

import (
	"slices"
	"strings"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// textJSON writes a text as JSON.
func textJSON(s string) json.RawMessage {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	return raw
}

// documentStep is one step of a house's document under way.
type documentStep struct {
	cmd    *canon.Command
	ask    *canon.OrderStep
	order  *canon.Order
	papers *canon.OrderDocuments
	facts  *lifecycle.Facts
}

// orderStep takes one step of a document of an order, or refuses it.
func (f *fold) orderStep(cmd *canon.Command) (*canon.Outcome, error) {
	ask := cmd.OrderStep
	order, err := store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, ask.Order))
	if err != nil {
		return nil, err
	}
	if order == nil {
		return refuse(404, "order.unknown", "no order has the id %.64q", ask.Order), nil
	}
	if ask.Location != "" && !contains(f.settings.Locations, ask.Location) {
		return refuse(422, "location.unknown", "the house has no place %.64q", ask.Location), nil
	}
	papers, err := f.papers(order.ID)
	if err != nil {
		return nil, err
	}
	s := &documentStep{cmd: cmd, ask: ask, order: order, papers: papers, facts: &lifecycle.Facts{
		Now: f.f.at.Unix(), Actor: f.f.head.Actor, Scanned: ask.Scanned, Reference: ask.Reference, Identity: ask.Identified, Inspected: ask.Inspected,
		Approved: ask.Approved, WithinPolicy: ask.WithinPolicy,
	}}
	if ask.ID != "" && slices.ContainsFunc(documentStates(order), func(d documentState) bool {
		return d.id == ask.ID && d.machine.Name == string(ask.Document) && !has(papers, ask.Document, ask.ID)
	}) {
		return refuse(409, "document.by_platform", "%s %.64q is kept by %s: take its steps there", ask.Document, ask.ID, order.Connection), nil
	}
	status := 200
	if ask.ID == "" {
		status = 201
	}
	var no *canon.Outcome
	switch ask.Document {
	case canon.DocumentFulfilment:
		no, err = f.fulfilmentStep(s)
	case canon.DocumentPayment:
		no, err = f.paymentStep(s)
	case canon.DocumentReturn:
		no, err = f.returnStep(s)
	default:
		no = refuse(422, "document.unknown", "a document of an order is a fulfilment, a payment or a return")
	}
	if err != nil || no != nil {
		return no, err
	}
	if err := f.save(store.PrefixPapers+order.ID, s.papers); err != nil {
		return nil, err
	}
	if order, err = f.withPapers(order); err != nil {
		return nil, err
	}
	return done(status, order)
}

// withPapers composes an order anew after a document of the house changed.
func (f *fold) withPapers(order *canon.Order) (*canon.Order, error) {
	if _, obs, err := f.binding(order.Connection, canon.KindOrder, order.ExternalID); err != nil {
		return nil, err
	} else if obs != nil {
		if err := f.orderAgain(order.Connection, order.ExternalID); err != nil {
			return nil, err
		}
		return store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, order.ID))
	}
	after := *order
	after.Fulfilments, after.Payments, after.Returns = nil, nil, nil
	if err := f.documents(&after, nil, nil); err != nil {
		return nil, err
	}
	return &after, f.putOrder(order, &after)
}

// move asks the machine for a step.
func (s *documentStep) move(m *lifecycle.Machine, from string) (string, *canon.Outcome) {
	row, refusal := decideAs(m, lifecycle.State(from), s.ask.Event, actor(s.cmd), s.facts)
	if refusal != nil {
		return "", refused(refusal)
	}
	return string(row.To), nil
}

// unknownDocument refuses a step of a document that is not there.
func (s *documentStep) unknownDocument() *canon.Outcome {
	return refuse(404, "document.unknown", "the house made no %s %.64q of this order", s.ask.Document, s.ask.ID)
}

// asked gives the lines that a new document is of: those that are named, or all that are open. open is how many of each
// line there are to take.
func (s *documentStep) asked(open map[string]int64) ([]canon.DocumentLine, *canon.Outcome) {
	for _, n := range open {
		s.facts.LinesOpen += n
	}
	if len(s.ask.Lines) == 0 {
		var all []canon.DocumentLine
		for _, l := range s.order.Lines {
			if open[l.ID] > 0 {
				all = append(all, canon.DocumentLine{ID: l.ID, Quantity: open[l.ID]})
			}
		}
		if len(all) == 0 {
			return nil, refuse(409, "lines.none_open", "no line of the order is open")
		}
		return all, nil
	}
	lines := slices.Clone(s.ask.Lines)
	for i := range lines {
		l := &lines[i]
		if l.Quantity == 0 {
			l.Quantity = 1
		}
		l.Done = false
		if l.Quantity < 0 || l.Quantity > open[l.ID] {
			return nil, refuse(409, "lines.none_open", "%d of line %.64q are open, %d asked for", open[l.ID], l.ID, l.Quantity)
		}
		open[l.ID] -= l.Quantity
	}
	return lines, nil
}

// taken sums what documents take of each line.
func taken(into map[string]int64, lines []canon.DocumentLine) {
	for _, l := range lines {
		into[l.ID] -= l.Quantity
	}
}

// scannedLine finds the first line that is not done yet whose goods are what was scanned. It notes in the facts that it is the
// right piece, and how many lines are left after it.
func (f *fold) scannedLine(s *documentStep, lines []canon.DocumentLine) (line int, item *canon.Item, err error) {
	line = -1
	for i, l := range lines {
		if l.Done {
			continue
		}
		s.facts.LinesOpen++
		if line >= 0 {
			continue
		}
		it, err := f.lineItem(s.order, l.ID)
		if err != nil {
			return -1, nil, err
		}
		if it == nil || s.ask.Item != "" && it.ID != s.ask.Item && !contains(it.Nodes, s.ask.Item) || !names(it, s.ask.Scanned) {
			continue
		}
		line, item, s.facts.Expected = i, it, s.ask.Scanned
	}
	if line >= 0 {
		s.facts.LinesOpen--
	}
	return line, item, nil
}

// lineItem gives the item of an order's line; nil while it is not known.
func (f *fold) lineItem(order *canon.Order, id string) (*canon.Item, error) {
	i := slices.IndexFunc(order.Lines, func(l canon.OrderItem) bool { return l.ID == id })
	if i < 0 || order.Lines[i].Node == "" {
		return nil, nil
	}
	return f.item(order.Lines[i].Node)
}

// certified notes whether the reports of the lines' goods are there: there are none, or a person says so.
func (f *fold) certified(s *documentStep, lines []canon.DocumentLine) error {
	s.facts.Certificate = true
	for _, l := range lines {
		item, err := f.lineItem(s.order, l.ID)
		if err != nil {
			return err
		}
		if item != nil && len(item.Certificates) > 0 && !s.ask.Certificate {
			s.facts.Certificate = false
		}
	}
	return nil
}

func (f *fold) fulfilmentStep(s *documentStep) (*canon.Outcome, error) {
	if s.ask.ID == "" {
		open := make(map[string]int64, len(s.order.Lines))
		for _, l := range s.order.Lines {
			open[l.ID] = l.Quantity - max(l.Refunded, l.Returned)
		}
		for _, d := range s.order.Fulfilments {
			if d.Status != "cancelled" && d.Status != "returned" {
				taken(open, d.Lines)
			}
		}
		for id := range open {
			open[id] = max(open[id], 0)
		}
		if s.order.Status == canon.OrderCancelled {
			return refuse(409, "transition.illegal", "the order is cancelled"), nil
		}
		lines, no := s.asked(open)
		if no != nil {
			return no, nil
		}
		to, no := s.move(&lifecycle.FulfilmentMachine, "")
		if no != nil {
			return no, nil
		}
		if no := s.room(len(s.papers.Fulfilments)); no != nil {
			return no, nil
		}
		at := f.f.at
		s.papers.Fulfilments = append(s.papers.Fulfilments, canon.Fulfilment{
			ID: s.cmd.ID, House: true, Status: to, Lines: lines, Location: orElse(s.ask.Location, s.order.Location), By: f.f.head.Actor, CreatedAt: &at,
		})
		return nil, nil
	}
	i := slices.IndexFunc(s.papers.Fulfilments, func(d canon.Fulfilment) bool { return d.ID == s.ask.ID })
	if i < 0 {
		return s.unknownDocument(), nil
	}
	s.papers.Fulfilments = slices.Clone(s.papers.Fulfilments)
	d := &s.papers.Fulfilments[i]
	line := -1
	switch s.ask.Event {
	case "pick":
		var err error
		if line, _, err = f.scannedLine(s, d.Lines); err != nil {
			return nil, err
		}
	case "pack":
		if err := f.certified(s, d.Lines); err != nil {
			return nil, err
		}
	case "ship":
		s.facts.Reference = s.ask.Tracking
	case "take_back":
		for _, l := range d.Lines {
			item, err := f.lineItem(s.order, l.ID)
			if err != nil {
				return nil, err
			}
			if item != nil && names(item, s.ask.Scanned) {
				s.facts.Expected = s.ask.Scanned
			}
		}
	}
	to, no := s.move(&lifecycle.FulfilmentMachine, stands(s.order, d))
	if no != nil {
		return no, nil
	}
	if line >= 0 {
		d.Lines = slices.Clone(d.Lines)
		d.Lines[line].Done = true
	}
	d.Status = to
	d.Carrier, d.Tracking = orElse(s.ask.Carrier, d.Carrier), orElse(s.ask.Tracking, d.Tracking)
	return nil, nil
}

// room refuses one document too many.
func (s *documentStep) room(have int) *canon.Outcome {
	if have >= maxDocuments {
		return refuse(409, "document.many", "an order has at most %d documents of a kind", maxDocuments)
	}
	return nil
}

// amount reads the amount of a step, in the currency of what it is of; rest where none is stated.
func (s *documentStep) amount(currency string, rest int64) (int64, *canon.Outcome) {
	if s.ask.Amount == nil || s.ask.Amount.Amount == "" {
		return rest, nil
	}
	m, err := money(s.ask.Amount)
	if err != nil || m == nil {
		return 0, refuse(422, "money.unreadable", "the amount can't be read")
	}
	if currency != "" && m.Currency != currency {
		return 0, refuse(409, "credit.currency", "it is in %s", currency)
	}
	return m.Minor, nil
}

func minor(m *canon.Money) int64 {
	if m == nil {
		return 0
	}
	return m.Minor
}

func (f *fold) paymentStep(s *documentStep) (*canon.Outcome, error) {
	if s.ask.ID == "" {
		kind := strings.TrimSpace(s.ask.Kind)
		if kind == "" || s.ask.Amount == nil {
			return refuse(422, "payment.incomplete", "say by what it is paid, and how much"), nil
		}
		m, err := money(s.ask.Amount)
		if err != nil || m == nil {
			return refuse(422, "money.unreadable", "the amount can't be read"), nil
		}
		if s.order.Currency != "" && m.Currency != s.order.Currency {
			return refuse(409, "credit.currency", "the order is in %s", s.order.Currency), nil
		}
		s.facts.Amount = m.Minor
		to, no := s.move(&lifecycle.PaymentMachine, "")
		if no != nil {
			return no, nil
		}
		if no := s.room(len(s.papers.Payments)); no != nil {
			return no, nil
		}
		at := f.f.at
		s.papers.Payments = append(s.papers.Payments, canon.Payment{
			ID: s.cmd.ID, House: true, Status: to, Kind: kind, Amount: m, Reference: s.ask.Reference, By: f.f.head.Actor, CreatedAt: &at,
		})
		return nil, nil
	}
	i := s.payment(s.ask.ID)
	if i < 0 {
		return s.unknownDocument(), nil
	}
	return s.movePayment(i)
}

// payment gives the place of a payment that the house made; -1 where there is none. What is there may be changed then.
func (s *documentStep) payment(id string) int {
	i := slices.IndexFunc(s.papers.Payments, func(d canon.Payment) bool { return d.ID == id })
	if i >= 0 {
		s.papers.Payments = slices.Clone(s.papers.Payments)
	}
	return i
}

// movePayment takes a step of a payment of the house.
func (s *documentStep) movePayment(i int) (*canon.Outcome, error) {
	d := &s.papers.Payments[i]
	s.facts.Total, s.facts.Captured, s.facts.Refunded = minor(d.Amount), minor(d.Captured), minor(d.Refunded)
	rest := s.facts.Total - s.facts.Captured
	if s.ask.Event == "refund" {
		rest = s.facts.Captured - s.facts.Refunded
	}
	var no *canon.Outcome
	if s.facts.Amount, no = s.amount(d.Amount.Currency, rest); no != nil {
		return no, nil
	}
	to, no := s.move(&lifecycle.PaymentMachine, d.Status)
	if no != nil {
		return no, nil
	}
	d.Status, d.Reference = to, orElse(s.ask.Reference, d.Reference)
	step := &canon.Money{Minor: s.facts.Amount, Currency: d.Amount.Currency}
	switch s.ask.Event {
	case "capture":
		d.Captured = sum(d.Captured, step)
	case "refund":
		d.Refunded = sum(d.Refunded, step)
	}
	return nil, nil
}
