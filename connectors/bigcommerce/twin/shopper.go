package twin

import (
	"cmp"
	"fmt"
)

// CustomerSpec is a registered customer.
type CustomerSpec struct {
	Email, First, Last, Company, Phone string
	Group                              string // its name; made where it is not there
	Marketing                          bool
	StoreCredit                        string
	Addresses                          []Address
}

// CreateCustomer registers a customer.
func (s *Server) CreateCustomer(spec CustomerSpec) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	c := &customer{id: s.id(), spec: spec, created: now, modified: now, storeCredit: parseMoney(cmp.Or(spec.StoreCredit, "0"))}
	if spec.Group != "" {
		c.group = s.group(spec.Group)
	}
	for range spec.Addresses {
		c.addresses = append(c.addresses, s.id())
	}
	s.customers[c.id] = c
	s.fire("store/customer/created", row{"type": "customer", "id": c.id})
	return c.id
}

func (s *Server) group(name string) int64 {
	for id, n := range s.groups {
		if n == name {
			return id
		}
	}
	id := s.id()
	s.groups[id] = name
	return id
}

// CustomerGroup gives the id of a group, made where it is not there.
func (s *Server) CustomerGroup(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.group(name)
}

// EditCustomer changes a customer.
func (s *Server) EditCustomer(id int64, edit func(*CustomerSpec)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.customers[id]
	if c == nil {
		return ErrNotFound
	}
	edit(&c.spec)
	c.modified = s.now()
	s.fire("store/customer/updated", row{"type": "customer", "id": c.id})
	return nil
}

// DeleteCustomer removes a customer.
func (s *Server) DeleteCustomer(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.customers[id] == nil {
		return ErrNotFound
	}
	delete(s.customers, id)
	s.fire("store/customer/deleted", row{"type": "customer", "id": id})
	return nil
}

// Purchase is what a shopper buys.
type Purchase struct {
	Lines    []PurchaseLine
	Customer int64 // 0 is a guest
	Billing  Address
	Channel  int64 // 0 is the first
	// Pickup is the location that the buyer collects at; 0 has it shipped.
	Pickup int64
	// Pay is card (captured), authorize (card, not captured), bank (not paid yet) or gift (by gift certificate).
	Pay string
	// Incomplete is a checkout that was left; no goods are taken.
	Incomplete bool
	Shipping   string
	Discount   string
	Currency   string // that is paid in; empty is the store's
}

// PurchaseLine is what is bought of a variant.
type PurchaseLine struct {
	Variant  int64
	Quantity int64 // 0 means 1
	Discount string
}

// PlaceOrder buys: all of it or nothing.
func (s *Server) PlaceOrder(buy Purchase) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	o := &order{
		id: s.id(), channel: cmp.Or(buy.Channel, s.opts.Channels[0].ID), customer: buy.Customer, created: now, modified: now, billing: buy.Billing, pickup: buy.Pickup,
		currency: cmp.Or(buy.Currency, s.opts.Currency), display: cmp.Or(buy.Currency, s.opts.Currency), shipping: parseMoney(cmp.Or(buy.Shipping, "0")), discount: parseMoney(cmp.Or(buy.Discount, "0")),
	}
	o.addressID = s.id()
	from := cmp.Or(buy.Pickup, s.opts.Locations[0].ID)
	taken := map[stockKey]int64{}
	for _, want := range buy.Lines {
		v := s.variants[want.Variant]
		if v == nil {
			return 0, fmt.Errorf("variant %d: %w", want.Variant, ErrNotFound)
		}
		p := s.products[v.product]
		l := &orderLine{
			id: s.id(), product: p.id, variant: v.id, sku: v.sku, name: p.name, kind: p.kind, quantity: max(1, want.Quantity), price: cmp.Or(v.sale, v.price, p.sale, p.price),
			discount: parseMoney(cmp.Or(want.Discount, "0")), option: v.option, value: v.optionOption,
		}
		if k, counted := s.keyOf(v, from); counted {
			l.from, l.counted = k, true
			taken[k] += l.quantity
			if h := s.stock[k]; h == nil || h.available() < taken[k] {
				return 0, fmt.Errorf("variant %d: %w", want.Variant, ErrOutOfStock)
			}
		}
		o.lines = append(o.lines, l)
	}
	s.orders[o.id] = o
	s.fire("store/order/created", row{"type": "order", "id": o.id})
	if buy.Incomplete {
		o.status = statusIncomplete
		return o.id, nil
	}
	s.complete(o, buy.Pay)
	return o.id, nil
}

// complete takes the goods and the money.
func (s *Server) complete(o *order, pay string) {
	done := LedgerOrder{At: s.now(), ID: o.id}
	for _, l := range o.lines {
		if l.counted {
			s.move(l.from, s.stock[l.from].count()-l.quantity, ByShopper)
		}
		done.Lines = append(done.Lines, LedgerLine{Variant: l.variant, Quantity: l.quantity})
	}
	s.ledger.Orders = append(s.ledger.Orders, done)
	status := statusToFulfil
	if o.pickup > 0 {
		status = statusPickup
	}
	t := &transaction{id: s.id(), event: "purchase", method: "credit_card", gateway: "stripe", status: "ok", amount: s.totalOf(o), created: s.now(), gatewayID: "pi_" + itoa(o.id), cardType: "visa", cardLast4: "4242"}
	switch pay {
	case "bank":
		o.method, o.payment, status = "Bank Deposit", "", statusUnpaid
	case "authorize":
		o.method, o.payment, t.event = "Credit Card", "authorized", "authorization"
		o.transactions = append(o.transactions, t)
	case "gift":
		o.method, o.payment, o.gift = "Gift Certificate", "captured", t.amount
		t.method, t.gateway, t.gatewayID, t.cardLast4, t.giftCode = "gift_certificate", "giftcertificate", "", "", "GIFT-"+itoa(o.id)
		o.transactions = append(o.transactions, t)
	default:
		o.method, o.payment = "Credit Card", "captured"
		o.transactions = append(o.transactions, t)
	}
	s.setStatus(o, status, ByShopper)
	if len(o.transactions) > 0 {
		s.fire("store/order/transaction/created", s.transactionEvent(o, t))
	}
}

// withOrder runs a person's step of an order.
func (s *Server) withOrder(id int64, do func(*order) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	if o == nil {
		return fmt.Errorf("order %d: %w", id, ErrNotFound)
	}
	return do(o)
}

// Complete has the shopper of an incomplete order come back and buy.
func (s *Server) Complete(id int64) error {
	return s.withOrder(id, func(o *order) error {
		s.complete(o, "card")
		return nil
	})
}

// Pay notes that the money of an order came, or captures what was authorized.
func (s *Server) Pay(id int64) error {
	return s.withOrder(id, func(o *order) error {
		t := &transaction{id: s.id(), event: "capture", method: "offline", gateway: "bankdeposit", status: "ok", amount: s.totalOf(o), created: s.now(), displayName: "Bank Deposit"}
		if len(o.transactions) > 0 {
			first := o.transactions[0]
			t.method, t.gateway, t.reference, t.gatewayID, t.displayName = first.method, first.gateway, first.id, first.gatewayID, ""
		}
		o.transactions = append(o.transactions, t)
		o.payment = "captured"
		s.fire("store/order/transaction/created", s.transactionEvent(o, t))
		s.touch(o)
		if o.status == statusUnpaid {
			s.setStatus(o, statusToFulfil, ByPerson)
		}
		return nil
	})
}

// Ship hands goods of an order to a carrier: all that is left, or one piece of each line where part is set.
func (s *Server) Ship(id int64, tracking string, part bool) error {
	return s.withOrder(id, func(o *order) error {
		h := &shipment{id: s.id(), created: s.now(), tracking: tracking, carrier: "ups"}
		whole := true
		for _, l := range o.lines {
			n := l.quantity - l.shipped
			if part {
				n = min(n, 1)
			}
			if n > 0 {
				h.items = append(h.items, row{"order_product_id": l.id, "product_id": l.product, "quantity": n})
				l.shipped += n
			}
			whole = whole && l.shipped >= l.quantity
		}
		o.shipments = append(o.shipments, h)
		s.fire("store/shipment/created", row{"type": "shipment", "id": h.id, "orderId": o.id})
		status := statusPartly
		if whole {
			status = statusShipped
		}
		s.setStatus(o, status, ByPerson)
		return nil
	})
}

// SetStatus has a person set an order's state by its number.
func (s *Server) SetStatus(id int64, status int) error {
	return s.withOrder(id, func(o *order) error {
		if status < 0 || status >= len(statusNames) {
			return fmt.Errorf("there is no status %d", status)
		}
		if status == statusCancelled {
			s.ledger.Cancels = append(s.ledger.Cancels, LedgerCancel{At: s.now(), Order: o.id, By: ByPerson})
		}
		s.setStatus(o, status, ByPerson)
		return nil
	})
}

// Archive hides an order from lists. It stays readable by its id, and nothing of it changes.
func (s *Server) Archive(id int64) error {
	return s.withOrder(id, func(o *order) error {
		o.deleted = true
		o.modified = s.now()
		s.fire("store/order/archived", row{"type": "order", "id": o.id})
		return nil
	})
}

// Total is what an order costs, as the store writes it.
func (s *Server) Total(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[id]; o != nil {
		return s.totalOf(o).text()
	}
	return ""
}

// StatusOf gives the name of an order's state.
func (s *Server) StatusOf(id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.orders[id]; o != nil {
		return statusNames[o.status]
	}
	return ""
}

// LinesOf gives the ids of an order's lines in order.
func (s *Server) LinesOf(id int64) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []int64
	if o := s.orders[id]; o != nil {
		for _, l := range o.lines {
			out = append(out, l.id)
		}
	}
	return out
}
