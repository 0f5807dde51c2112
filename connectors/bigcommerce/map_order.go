package bigcommerce

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// The states of an order, by the platform's numbers.
const (
	statusIncomplete = 0
	statusShipped    = 2
	statusRefunded   = 4
	statusCancelled  = 5
	statusDeclined   = 6
	statusPickup     = 8
	statusCompleted  = 10
)

// orderStatus maps the platform's numbers.
//
//   - 1 pending, 7 awaiting payment: placed and not paid; the goods are taken off.
//   - 3 partially shipped, 8 awaiting pickup, 9 awaiting shipment, 11 awaiting fulfillment, 12 manual verification, 13 disputed:
//     the order stands.
//   - 2 shipped, 10 completed: handed over.
//   - 4 refunded, 14 partially refunded: the sale stood; what came back is said by its refunds.
//   - 5 cancelled, 6 declined: it does not stand. 0 incomplete: a checkout that was left; see isDraft.
func orderStatus(o *order) (canon.OrderStatus, error) {
	switch o.StatusID {
	case 1, 7:
		return canon.OrderPending, nil
	case 3, statusPickup, 9, 11, 12, 13:
		return canon.OrderOpen, nil
	case statusShipped, statusCompleted:
		return canon.OrderFulfilled, nil
	case statusRefunded, 14:
		if pieces(o.ItemsShipped) > 0 {
			return canon.OrderFulfilled, nil
		}
		return canon.OrderOpen, nil
	case statusIncomplete, statusCancelled, statusDeclined:
		return canon.OrderCancelled, nil
	}
	return "", fmt.Errorf("order %d has the status %d, which is not known", o.ID, o.StatusID)
}

// isDraft tells that nobody placed the order yet: a checkout that was begun and left. It takes no goods. A person may also set
// a placed order to it, which ends it.
func (o *order) isDraft() bool { return o.StatusID == statusIncomplete }

// currency is what the buyer paid in: amounts are in it, whatever currency the shop window showed.
func (o *order) currency() string {
	if c := strings.ToUpper(clean(o.PaidCode)); c != "" {
		return c
	}
	return strings.ToUpper(clean(o.DisplayCode))
}

// inline gives the lines that came with the order; false where they have to be asked for.
func (o *order) inline() ([]orderLine, bool) {
	c := &o.Consignments
	if c.URL != "" {
		return nil, false
	}
	var out []orderLine
	for _, p := range c.Pickups {
		for _, l := range p.Lines {
			l.location = p.Location.ID
			out = append(out, l)
		}
	}
	for _, s := range c.Shipping {
		out = append(out, s.Lines...)
	}
	for _, d := range c.Downloads {
		out = append(out, d.Lines...)
	}
	for _, g := range c.Email.Gifts {
		out = append(out, g.Lines...)
	}
	for i := range out {
		if out[i].ID <= 0 { // only named, not stated
			return nil, false
		}
	}
	return out, len(out) > 0
}

// observeOrder translates an order with its lines.
func (s *store) observeOrder(o *order, f *facts, p *papers) (canon.Observation, error) {
	if o.ID <= 0 {
		return canon.Observation{}, fmt.Errorf("the order has no id")
	}
	status, err := orderStatus(o)
	if err != nil {
		return canon.Observation{}, err
	}
	placed, ok := moment(o.Created)
	if !ok {
		return canon.Observation{}, fmt.Errorf("order %d has no date_created", o.ID)
	}
	cur := o.currency()
	st := &canon.OrderState{
		Number: idText(o.ID), Status: status, FinancialStatus: clean(o.PaymentStatus), PlacedAt: placed, Currency: cur,
		Total: canon.StatedMoney{Amount: amount(o.Total), Currency: cur}, Subtotal: money(o.Subtotal, cur), Tax: money(o.Tax, cur), Shipping: money(o.Shipping, cur),
		Lines: []canon.OrderLine{}, Channel: clean(o.Source), Buyer: o.buyer(),
	}
	if d, ok := sum(o.Discount, o.CouponDiscount); ok {
		st.Discount = &canon.StatedMoney{Amount: d, Currency: cur}
	}
	if st.Channel == "" {
		st.Channel = "web"
	}
	if o.CustomerID > 0 {
		st.CustomerID = idText(o.CustomerID)
	}
	if o.isDraft() {
		st.Buyer = nil // who left a checkout has bought nothing, and is no client
	}
	// What a till sold left with its buyer.
	st.HandedOver = f.channels[o.ChannelID] == "pos" && status == canon.OrderFulfilled
	for i := range p.lines {
		line, err := s.observeLine(&p.lines[i], f, cur)
		if err != nil {
			return canon.Observation{}, fmt.Errorf("order %d: %w", o.ID, err)
		}
		st.Lines = append(st.Lines, line)
	}
	st.Fulfilments = fulfilments(o, p)
	out := canon.Observation{Kind: canon.KindOrder, ExternalID: idText(o.ID), SourceVersion: version(o.Modified), Order: st}
	if p.hidden {
		out.Hidden = []string{"tenders"}
	} else {
		st.Tenders = tenders(p.transactions)
	}
	return out, nil
}

func (s *store) observeLine(l *orderLine, f *facts, cur string) (canon.OrderLine, error) {
	qty, ok := whole(l.Quantity)
	if !ok {
		return canon.OrderLine{}, fmt.Errorf("line %d has the quantity %q", l.ID, shorten(string(l.Quantity), 20))
	}
	line := canon.OrderLine{
		ID: idText(l.ID), SKU: strings.TrimSpace(l.SKU), Title: clean(l.Name), Quantity: qty, Price: canon.StatedMoney{Amount: amount(l.Price), Currency: cur}, Tax: money(l.Tax, cur),
	}
	if l.VariantID > 0 { // a product that was deleted since may have none
		line.ListingID = idText(l.VariantID)
	}
	from := l.location
	if from == 0 {
		from = f.only()
	}
	if from > 0 && l.Type == "physical" {
		line.Location = idText(from)
	}
	var own []word
	for _, o := range l.Options {
		own = append(own, word{clean(o.Name), clean(o.Value)})
	}
	line.Serial, line.EPC = first(own, s.cfg.Serial), first(own, s.cfg.EPC)
	var off []text
	for _, d := range l.Discounts {
		if d.Target != "order" { // those of the order are in its own discount
			off = append(off, d.Amount)
		}
	}
	if d, ok := sum(off...); ok && !isZero(text(d)) {
		line.Discount = &canon.StatedMoney{Amount: d, Currency: cur}
	}
	return line, nil
}

func money(t text, cur string) *canon.StatedMoney {
	if s := amount(t); s != "" {
		return &canon.StatedMoney{Amount: s, Currency: cur}
	}
	return nil
}

// declined reports whether none of a refund's money went back.
func (r *refund) declined() bool {
	for _, p := range r.Payments {
		if !p.Declined {
			return false
		}
	}
	return len(r.Payments) > 0
}

// note is what was written to a refund, or to its first item that has something.
func (r *refund) note() string {
	if n := clean(r.Reason); n != "" {
		return n
	}
	for _, it := range r.Items {
		if n := clean(it.Reason); n != "" {
			return n
		}
	}
	return ""
}

// observeRefund translates a refund, in the currency of its order. It does not say whether goods were put back: that shows in
// the level. Only for one that the hub made itself the mark in its reason does. One whose gateway declined gave nothing back
// and is none.
func observeRefund(r *refund, cur string) (canon.Observation, error) {
	created, ok := moment(r.Created)
	if !ok || r.ID <= 0 || r.OrderID <= 0 {
		return canon.Observation{}, fmt.Errorf("refund %d lacks its order or its time", r.ID)
	}
	o := canon.Observation{Kind: canon.KindRefund, ExternalID: idText(r.ID)}
	if r.declined() {
		o.Deleted = true
		return o, nil
	}
	st := &canon.RefundState{OrderID: idText(r.OrderID), CreatedAt: created, Total: money(r.Total, cur), Note: r.note()}
	restocked := false
	for _, it := range r.Items {
		restocked = restocked || strings.Contains(string(it.Reason), markRestock)
	}
	for _, it := range r.Items {
		if it.Type != "PRODUCT" {
			continue
		}
		qty, ok := whole(it.Quantity)
		if !ok {
			return canon.Observation{}, fmt.Errorf("refund %d: the item of line %d has the quantity %q", r.ID, it.ID, shorten(string(it.Quantity), 20))
		}
		st.Lines = append(st.Lines, canon.RefundLine{OrderLineID: idText(it.ID), Quantity: qty, Restocked: restocked, Amount: money(it.Amount, cur)})
	}
	for _, p := range r.Payments {
		if !p.Declined {
			st.Tenders = append(st.Tenders, canon.Tender{Kind: clean(p.Provider), Amount: canon.StatedMoney{Amount: amount(p.Amount), Currency: cur}})
		}
	}
	o.Refund = st
	return o, nil
}
