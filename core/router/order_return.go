package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// has reports whether the house made a document.
func has(p *canon.OrderDocuments, of canon.OrderDocument, id string) bool {
	switch of {
	case canon.DocumentFulfilment:
		return slices.ContainsFunc(p.Fulfilments, func(d canon.Fulfilment) bool { return d.ID == id })
	case canon.DocumentPayment:
		return slices.ContainsFunc(p.Payments, func(d canon.Payment) bool { return d.ID == id })
	case canon.DocumentReturn:
		return slices.ContainsFunc(p.Returns, func(d canon.OrderReturn) bool { return d.ID == id })
	}
	return false
}

func (f *fold) returnStep(s *documentStep) (*canon.Outcome, error) {
	if s.ask.ID == "" {
		return f.requestReturn(s)
	}
	i := slices.IndexFunc(s.papers.Returns, func(d canon.OrderReturn) bool { return d.ID == s.ask.ID })
	if i < 0 {
		return s.unknownDocument(), nil
	}
	s.papers.Returns = slices.Clone(s.papers.Returns)
	d := &s.papers.Returns[i]
	switch s.ask.Event {
	case "receive":
		return f.receiveReturn(s, d)
	case "refund":
		return f.refundReturn(s, d)
	case "exchange":
		return f.exchangeReturn(s, d)
	case "accept":
		if err := f.certified(s, d.Lines); err != nil {
			return nil, err
		}
	}
	to, no := s.move(&lifecycle.ReturnMachine, d.Status)
	if no != nil {
		return no, nil
	}
	d.Status, d.Reason = to, orElse(s.ask.Reason, d.Reason)
	return nil, nil
}

// requestReturn makes a return of lines that were sold and have not come back.
func (f *fold) requestReturn(s *documentStep) (*canon.Outcome, error) {
	open := make(map[string]int64, len(s.order.Lines))
	for _, l := range s.order.Lines {
		open[l.ID] = l.Quantity - max(l.Refunded, l.Returned)
	}
	for _, d := range s.papers.Returns {
		if d.Status != "cancelled" && d.Status != "rejected" {
			taken(open, d.Lines)
		}
	}
	for id := range open {
		open[id] = max(open[id], 0)
	}
	lines, no := s.asked(open)
	if no != nil {
		return no, nil
	}
	to, no := s.move(&lifecycle.ReturnMachine, "")
	if no != nil {
		return no, nil
	}
	if no := s.room(len(s.papers.Returns)); no != nil {
		return no, nil
	}
	at := f.f.at
	s.papers.Returns = append(s.papers.Returns, canon.OrderReturn{
		ID: s.cmd.ID, House: true, Status: to, Reason: s.ask.Reason, Lines: lines, Value: valueOf(s.order, lines), By: f.f.head.Actor, CreatedAt: &at,
	})
	return nil, nil
}

// receiveReturn takes the goods of one line in, by what was read from them. They are back from then on, and not for sale
// before somebody looked at them.
func (f *fold) receiveReturn(s *documentStep, d *canon.OrderReturn) (*canon.Outcome, error) {
	line, item, err := f.scannedLine(s, d.Lines)
	if err != nil {
		return nil, err
	}
	to, no := s.move(&lifecycle.ReturnMachine, d.Status)
	if no != nil {
		return no, nil
	}
	if no, err := f.takeLineBack(s, d.Lines[line], item); err != nil || no != nil {
		return no, err
	}
	d.Lines = slices.Clone(d.Lines)
	d.Lines[line].Done = true
	d.Status = to
	return nil, nil
}

// takeLineBack ends what the sale of a line takes, and sets its goods aside as returned.
func (f *fold) takeLineBack(s *documentStep, line canon.DocumentLine, item *canon.Item) (*canon.Outcome, error) {
	var sale *canon.Claim
	for _, key := range []string{s.order.Connection + "/" + store.Part(s.order.ExternalID) + "/" + line.ID, s.order.ExternalID} {
		c, err := f.claim(key)
		if err != nil {
			return nil, err
		}
		if c != nil && c.Document == s.order.ID {
			sale = c
			break
		}
	}
	if sale == nil || !sale.Live() || sale.Net < line.Quantity {
		return refuse(409, "claim.none", "no live sale of line %.64q to take back", line.ID), nil
	}
	if item.Serialized && item.Contested {
		return refuse(409, "item.contested", "more than one claim is live on this piece: resolve its case first"), nil
	}
	before := *sale
	sale.Restocked, sale.RestockedAt = sale.Restocked+line.Quantity, f.f.at
	if sale.Net -= line.Quantity; sale.Net == 0 {
		sale.Ended = "returned"
	}
	if err := f.putClaim(&before, sale); err != nil {
		return nil, err
	}
	at := orElse(s.ask.Location, sale.Location)
	cmd := &canon.Command{ID: s.cmd.ID, Role: s.cmd.Role, MoveItem: &canon.MoveItem{Event: "return", Channel: s.ask.Channel}}
	return nil, f.setAside(cmd, item, nil, canon.ItemReturned, line.Quantity, at)
}

// refundReturn gives money back by a payment of the house. What a platform took goes back there, by an action.
func (f *fold) refundReturn(s *documentStep, d *canon.OrderReturn) (*canon.Outcome, error) {
	i := s.payment(s.ask.Payment)
	if i < 0 {
		return refuse(409, "return.payment", "name the payment of the house that it goes back by; what a platform took is refunded there: `jumpring order refund`"), nil
	}
	if d.Value == nil {
		return refuse(409, "return.value", "what its lines were sold for is not known"), nil
	}
	pay := &s.papers.Payments[i]
	amount, no := s.amount(d.Value.Currency, minor(d.Value)-minor(d.Refunded))
	if no != nil {
		return no, nil
	}
	if pay.Amount.Currency != d.Value.Currency {
		return refuse(409, "credit.currency", "the payment is in %s", pay.Amount.Currency), nil
	}
	s.facts.Captured, s.facts.Refunded, s.facts.Amount = minor(d.Value), minor(d.Refunded), amount
	to, no := s.move(&lifecycle.ReturnMachine, d.Status)
	if no != nil {
		return no, nil
	}
	s.ask.Amount = &canon.StatedMoney{Amount: canon.Money{Minor: amount, Currency: d.Value.Currency}.Decimal(), Currency: d.Value.Currency}
	if no, err := s.movePayment(i); err != nil || no != nil {
		return no, err
	}
	d.Status, d.Refunded = to, sum(d.Refunded, &canon.Money{Minor: amount, Currency: d.Value.Currency})
	return nil, nil
}

// exchangeReturn settles a return by what the client takes in its place: another sale of the house. The net amount is
// explicit; what the client pays has to be paid.
func (f *fold) exchangeReturn(s *documentStep, d *canon.OrderReturn) (*canon.Outcome, error) {
	other, err := store.Load[canon.Order](f.tx, store.RecordKey(store.TypeOrder, s.ask.Exchange))
	if err != nil {
		return nil, err
	}
	if other == nil || other.ID == s.order.ID || other.Status == canon.OrderCancelled {
		return refuse(409, "return.exchange", "name the sale of what the client takes in its place"), nil
	}
	if d.Value == nil || other.Total == nil || other.Total.Currency != d.Value.Currency {
		return refuse(409, "return.value", "what was returned and what is taken have no amounts in one currency"), nil
	}
	net := canon.Money{Minor: d.Value.Minor - other.Total.Minor, Currency: d.Value.Currency}
	s.facts.Total = max(-net.Minor, 0)
	for i := range other.Payments {
		if p := &other.Payments[i]; p.Captured != nil && p.Captured.Currency == net.Currency {
			s.facts.Paid += p.Captured.Minor - minor(p.Refunded)
		}
	}
	to, no := s.move(&lifecycle.ReturnMachine, d.Status)
	if no != nil {
		return no, nil
	}
	d.Status, d.ExchangeOrder, d.Net = to, other.ID, &net
	return nil, nil
}
