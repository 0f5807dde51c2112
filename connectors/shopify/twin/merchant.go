package twin

import (
	"fmt"
)

// RefundLine is the part of a refund that concerns one order line.
type RefundLine struct {
	LineID   string `json:"line_id"`
	Quantity int64  `json:"quantity"`
	Restock  string `json:"restock"` // return, cancel, no_restock
}

// Refund gives money back on an order and, where a line says so, puts the goods back into stock where they came from.
func (s *Server) Refund(orderID string, lines []RefundLine, note string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.order(orderID)
	if err != nil {
		return "", err
	}
	r, err := s.refund(o, lines, note, nil)
	if err != nil {
		return "", err
	}
	s.publish("REFUNDS_CREATE", s.restRefund(r))
	s.publish("ORDERS_UPDATED", s.restOrder(o))
	return gid("Refund", r.id), nil
}

func (s *Server) order(id string) (*order, error) {
	_, n, _ := parseGID(id)
	if o := s.state.orders[n]; o != nil {
		return o, nil
	}
	return nil, fmt.Errorf("%w: order %s", ErrNotFound, id)
}

// refund books one. money is what goes back; nil is the price of the lines, where the order is paid.
func (s *Server) refund(o *order, lines []RefundLine, note string, money *cents) (*refund, error) {
	now := s.now()
	r := &refund{order: o, createdAt: now, note: note}
	for _, rl := range lines {
		var l *line
		for _, candidate := range o.lines {
			if gid("LineItem", candidate.id) == rl.LineID {
				l = candidate
			}
		}
		switch {
		case l == nil:
			return nil, fmt.Errorf("%w: line %s", ErrNotFound, rl.LineID)
		case rl.Quantity < 1 || rl.Quantity > l.current:
			return nil, fmt.Errorf("%w: %d of line %s can't be refunded", ErrInvalid, rl.Quantity, rl.LineID)
		case rl.Restock != "return" && rl.Restock != "cancel" && rl.Restock != "no_restock":
			return nil, fmt.Errorf("%w: restock %q", ErrInvalid, rl.Restock)
		}
		subtotal := l.price*cents(rl.Quantity) - l.discount*cents(rl.Quantity)/cents(l.quantity)
		part := &refundLine{line: l, quantity: rl.Quantity, restock: rl.Restock, subtotal: subtotal}
		if rl.Restock != "no_restock" {
			part.location = l.from
		}
		r.amount += subtotal
		r.lines = append(r.lines, part)
	}
	if money != nil {
		r.amount = *money
	}
	r.id = s.state.id()
	if r.amount > 0 && o.financial != "pending" {
		r.transactionID = s.state.id()
	}
	s.state.refunds[r.id] = r
	o.refunds = append(o.refunds, r)
	o.updatedAt = now
	whole := true
	for _, part := range r.lines {
		part.id = s.state.id()
		part.line.current -= part.quantity
		s.restock(o, part)
	}
	for _, l := range o.lines {
		whole = whole && l.current == 0
	}
	if o.financial != "pending" && (money == nil || r.amount > 0) {
		o.financial = "partially_refunded"
		if whole || o.refundable() == 0 {
			o.financial = "refunded"
		}
	}
	entry := RefundEntry{At: s.opts.Clock(), ID: gid("Refund", r.id), OrderID: gid("Order", o.id), Amount: cents(0).String()}
	if r.transactionID != 0 {
		entry.Amount = r.amount.String()
	}
	s.ledger.Refunds = append(s.ledger.Refunds, entry)
	return r, nil
}

// restock puts goods back into stock; goods that come back from a client were not committed any more.
func (s *Server) restock(o *order, part *refundLine) {
	if part.line.variant == nil || part.line.from == nil {
		return
	}
	l := part.line.variant.item.at(part.line.from.id)
	if l == nil {
		return
	}
	if o.fulfilment != "fulfilled" {
		l.committed -= part.quantity
	}
	if part.restock == "no_restock" {
		return
	}
	for i := range s.ledger.Orders {
		if s.ledger.Orders[i].ID != gid("Order", o.id) {
			continue
		}
		for j := range s.ledger.Orders[i].Lines {
			if s.ledger.Orders[i].Lines[j].VariantID == gid("ProductVariant", part.line.variantID) {
				s.ledger.Orders[i].Lines[j].Restocked += part.quantity
			}
		}
	}
	s.ledger.Changes = append(s.ledger.Changes, s.change(l, l.available, l.available+part.quantity, "shopper", gid("Order", o.id)))
	s.setLevel(l, l.available+part.quantity)
}

// CancelOrder cancels. With restock the goods come back through a refund of type cancel, as at the vendor.
func (s *Server) CancelOrder(orderID string, restock bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.order(orderID)
	if err != nil {
		return err
	}
	if !o.cancelledAt.IsZero() || o.fulfilment == "fulfilled" {
		return fmt.Errorf("%w: order %s can't be cancelled", ErrInvalid, orderID)
	}
	return s.cancel(o, restock, nil, "")
}

// cancel ends an order. money is what goes back; nil is the price of its lines.
func (s *Server) cancel(o *order, restock bool, money *cents, staffNote string) error {
	var lines []RefundLine
	for _, l := range o.lines {
		if l.current > 0 {
			back := "no_restock"
			if restock {
				back = "cancel"
			}
			lines = append(lines, RefundLine{LineID: gid("LineItem", l.id), Quantity: l.current, Restock: back})
		}
	}
	now := s.now()
	o.cancelledAt, o.updatedAt, o.staffNote = now, now, staffNote
	if len(lines) > 0 {
		r, err := s.refund(o, lines, "", money)
		if err != nil {
			return err
		}
		s.publish("REFUNDS_CREATE", s.restRefund(r))
	}
	if o.financial == "pending" {
		o.financial = "voided"
	}
	at := s.opts.Clock()
	for i := range s.ledger.Orders {
		if s.ledger.Orders[i].ID == gid("Order", o.id) {
			s.ledger.Orders[i].CancelledAt = &at
		}
	}
	s.publish("ORDERS_CANCELLED", s.restOrder(o))
	s.publish("ORDERS_UPDATED", s.restOrder(o))
	return nil
}

// FulfilOrder hands the goods of an order over.
func (s *Server) FulfilOrder(orderID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.order(orderID)
	if err != nil {
		return err
	}
	if !o.cancelledAt.IsZero() || o.fulfilment != "" {
		return fmt.Errorf("%w: order %s can't be fulfilled", ErrInvalid, orderID)
	}
	for _, l := range o.lines {
		if l.variant == nil || l.from == nil {
			continue
		}
		if lv := l.variant.item.at(l.from.id); lv != nil {
			lv.committed -= l.current
		}
		o.fulfilments = append(o.fulfilments, &fulfilment{id: s.state.id(), createdAt: s.now(), location: l.from, line: l, quantity: l.current})
	}
	o.fulfilment, o.updatedAt = "fulfilled", s.now()
	s.publish("ORDERS_FULFILLED", s.restOrder(o))
	s.publish("ORDERS_UPDATED", s.restOrder(o))
	return nil
}

// Adjustment is a change of stock that a person makes in the shop's admin.
type Adjustment struct {
	VariantID  string `json:"variant_id"`
	SKU        string `json:"sku"` // where there is no variant id
	LocationID string `json:"location_id"`
	Available  int64  `json:"available"`
	// Unstock ends the stocking of the item at the location instead.
	Unstock bool `json:"unstock"`
}

// AdjustInventory sets available stock by hand.
func (s *Server) AdjustInventory(a Adjustment) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.variant(a.VariantID, a.SKU)
	if err != nil {
		return err
	}
	_, place, _ := parseGID(a.LocationID)
	l := v.item.at(place)
	if l == nil {
		return fmt.Errorf("%w: %s is not stocked at %s", ErrNotFound, v.sku, a.LocationID)
	}
	if a.Unstock {
		l.active = false
		s.publish("INVENTORY_LEVELS_DISCONNECT", fields{"inventory_item_id": v.item.id, "location_id": place})
		return nil
	}
	s.ledger.Changes = append(s.ledger.Changes, s.change(l, l.available, a.Available, "manual", ""))
	if l.available != a.Available {
		s.setLevel(l, a.Available)
	}
	return nil
}

// SetPrice changes a variant's price by hand.
func (s *Server) SetPrice(variantID, price string) error {
	amount, ok := parseCents(price)
	if !ok {
		return fmt.Errorf("%w: price %q", ErrInvalid, price)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.variant(variantID, "")
	if err != nil {
		return err
	}
	now := s.now()
	v.price, v.updatedAt, v.product.updatedAt = amount.String(), now, now
	s.publish("PRODUCTS_UPDATE", s.restProduct(v.product))
	return nil
}

// Prices gives every variant's price, by its global id.
func (s *Server) Prices() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.state.variants))
	for _, v := range s.state.variants {
		out[gid("ProductVariant", v.id)] = v.price
	}
	return out
}
