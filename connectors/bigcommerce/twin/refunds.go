package twin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

type refund struct {
	id, order int64
	created   time.Time
	reason    string
	total     money
	items     []refundItem
	payments  []refundPayment
}

type refundItem struct {
	Type     string       `json:"item_type"`
	ID       *int64       `json:"item_id"`
	Quantity *int64       `json:"quantity"`
	Amount   *json.Number `json:"amount"`
	Reason   string       `json:"reason"`
	worth    money
}

type refundPayment struct {
	Provider string       `json:"provider_id"`
	Amount   *json.Number `json:"amount"`
	Offline  bool         `json:"offline"`
	declined bool
	id       int64
}

var refundTypes = []string{"PRODUCT", "GIFT_WRAPPING", "SHIPPING", "HANDLING", "ORDER", "FEE", "TAX"}

// worth prices the items of a refund and refuses what was refunded before.
func (s *Server) worth(r *request, o *order, items []refundItem) (money, *response) {
	bad := func(i int, what string) *response {
		return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{fmt.Sprintf("items[%d]", i): what})
	}
	if len(items) == 0 {
		return 0, r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{"items": "error.path.missing"})
	}
	if o.status == statusIncomplete || o.status == statusDeclined || len(s.captured(o)) == 0 {
		return 0, r.problem(http.StatusUnprocessableEntity, "Order is not eligible for refund: no payment was captured.", nil)
	}
	var sum money
	for i := range items {
		it := &items[i]
		if !slices.Contains(refundTypes, it.Type) || it.ID == nil {
			return 0, bad(i, "error.path.missing")
		}
		switch it.Type {
		case "PRODUCT":
			var line *orderLine
			for _, l := range o.lines {
				if l.id == *it.ID {
					line = l
				}
			}
			switch {
			case line == nil:
				return 0, bad(i, "The order has no such product")
			case it.Quantity == nil || *it.Quantity < 1:
				return 0, bad(i, "error.path.missing")
			case *it.Quantity > line.quantity-line.refunded:
				return 0, r.problem(http.StatusUnprocessableEntity, "Refund quantity exceeds the quantity that is left.", nil)
			}
			net := line.price*money(*it.Quantity) - line.discount*money(*it.Quantity)/money(line.quantity)
			it.worth = net + s.tax(net)
		case "SHIPPING":
			if it.Amount == nil || *it.ID != o.addressID {
				return 0, bad(i, "error.path.missing")
			}
			it.worth = parseMoney(it.Amount.String())
			if o.shippingBack+it.worth > o.shipping+s.tax(o.shipping) {
				return 0, r.problem(http.StatusUnprocessableEntity, "Refund amount exceeds what was paid for shipping.", nil)
			}
		default:
			if it.Amount == nil {
				return 0, bad(i, "error.path.missing")
			}
			it.worth = parseMoney(it.Amount.String())
		}
		sum += it.worth
	}
	return sum, nil
}

// captured are the payments that money can go back to.
func (s *Server) captured(o *order) []*transaction {
	var out []*transaction
	for _, t := range o.transactions {
		if (t.event == "purchase" || t.event == "capture") && t.status == "ok" {
			out = append(out, t)
		}
	}
	return out
}

// methods are the ways in which an amount can go back.
func (s *Server) methods(o *order, sum money) [][]row {
	var out [][]row
	for _, t := range s.captured(o) {
		if t.method != "offline" && t.method != "gift_certificate" && t.method != "store_credit" && t.amount >= sum {
			out = append(out, []row{{"provider_id": t.gateway, "provider_description": t.gateway, "amount": sum.number(), "offline": false, "offline_provider": false, "offline_reason": ""}})
		}
	}
	if o.customer > 0 {
		out = append(out, []row{{"provider_id": "storecredit", "provider_description": "Store credit", "amount": sum.number(), "offline": false, "offline_provider": false, "offline_reason": ""}})
	}
	return append(out, []row{{"provider_id": "custom", "provider_description": "Custom", "amount": sum.number(), "offline": true, "offline_provider": true, "offline_reason": "PROVIDER_OFFLINE"}})
}

func (s *Server) quoteRefund(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	var in struct {
		Items []refundItem `json:"items"`
	}
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	sum, refused := s.worth(r, o, in.Items)
	if refused != nil {
		return refused
	}
	return answer(http.StatusCreated, row{"data": row{
		"order_id": o.id, "total_refund_amount": sum.number(), "total_refund_tax_amount": money(0).number(), "order_level_refund_amount": 0, "rounding": 0, "adjustment": 0,
		"tax_inclusive": false, "refund_methods": s.methods(o, sum),
	}, "meta": row{}})
}

func (s *Server) createRefund(r *request) *response {
	o := s.orders[r.id()]
	if o == nil {
		return r.missing()
	}
	var in struct {
		Items    []refundItem    `json:"items"`
		Payments []refundPayment `json:"payments"`
	}
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	sum, refused := s.worth(r, o, in.Items)
	if refused != nil {
		return refused
	}
	var paid money
	for i := range in.Payments {
		p := &in.Payments[i]
		if p.Amount == nil || p.Provider == "" {
			return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{"payments": "error.path.missing"})
		}
		offered := slices.ContainsFunc(s.methods(o, sum), func(m []row) bool { return m[0]["provider_id"] == p.Provider && m[0]["offline"] == p.Offline })
		if !offered {
			return answer(http.StatusUnprocessableEntity, row{"data": []row{{"status": 422, "title": "Provider " + p.Provider + " can't refund this order.", "type": statusCodes, "errors": row{}}}})
		}
		paid += parseMoney(p.Amount.String())
		p.id = s.id()
		p.declined = s.opts.GatewayDeclines && !p.Offline
	}
	if paid != sum {
		return r.problem(http.StatusUnprocessableEntity, "The payments do not add up to the refund.", nil)
	}
	f := &refund{id: s.id(), order: o.id, created: s.now(), total: sum, items: in.Items, payments: in.Payments}
	s.refunds[f.id] = f
	online := false
	for _, p := range f.payments {
		online = online || !p.Offline
	}
	if f.declined() {
		return answer(http.StatusCreated, row{"data": s.refundRow(f), "meta": row{}})
	}
	whole := true
	for _, it := range f.items {
		switch it.Type {
		case "PRODUCT":
			for _, l := range o.lines {
				if l.id == *it.ID {
					l.refunded += *it.Quantity
				}
			}
		case "SHIPPING":
			o.shippingBack += it.worth
		}
	}
	for _, l := range o.lines {
		whole = whole && l.refunded >= l.quantity
	}
	s.ledger.Refunds = append(s.ledger.Refunds, LedgerRefund{At: f.created, ID: f.id, Order: o.id, Amount: sum.text(), Online: online})
	o.payment = "partially refunded"
	status := statusPartRefund
	if whole {
		o.payment, status = "refunded", statusRefunded
	}
	for _, p := range f.payments {
		o.transactions = append(o.transactions, &transaction{
			id: s.id(), event: "refund", method: "credit_card", gateway: p.Provider, status: "ok", amount: parseMoney(p.Amount.String()), reference: s.captured(o)[0].id, created: f.created,
		})
	}
	s.fire("store/order/refund/created", row{"type": "order", "id": o.id, "refund": row{"refund_id": f.id}})
	s.setStatus(o, status, ByRefund)
	s.touch(o)
	return answer(http.StatusCreated, row{"data": s.refundRow(f), "meta": row{}})
}

// declined reports whether no money went back at all.
func (f *refund) declined() bool {
	return len(f.payments) > 0 && !slices.ContainsFunc(f.payments, func(p refundPayment) bool { return !p.declined })
}

func (s *Server) refundRow(f *refund) row {
	items, payments := []row{}, []row{}
	for _, it := range f.items {
		x := row{"item_type": it.Type, "item_id": *it.ID, "reason": it.Reason, "requested_amount": it.worth.number()}
		if it.Quantity != nil {
			x["quantity"] = *it.Quantity
		}
		items = append(items, x)
	}
	for _, p := range f.payments {
		message := ""
		if p.declined {
			message = "The gateway declined the refund."
		}
		payments = append(payments, row{"id": p.id, "provider_id": p.Provider, "amount": p.Amount, "offline": p.Offline, "is_declined": p.declined, "declined_message": message, "transaction_id": itoa(p.id)})
	}
	return row{
		"id": f.id, "order_id": f.order, "user_id": 1, "created": isoTime(f.created), "reason": f.reason, "total_amount": f.total.number(), "total_tax": 0,
		"uses_merchant_override_values": false, "items": items, "payments": payments,
	}
}

func (s *Server) listOrderRefunds(r *request) *response {
	if s.orders[r.id()] == nil {
		return r.missing()
	}
	out := []row{}
	for _, f := range sorted(s.refunds) {
		if f.order == r.id() {
			out = append(out, s.refundRow(f))
		}
	}
	return data(out)
}

func (s *Server) listRefunds(r *request) *response {
	var rows []*refund
	for _, f := range sorted(s.refunds) {
		if r.in("order_id:in", f.order) && r.in("id:in", f.id) && s.since(r, "created:min", f.created) && r.until("created:max", f.created) {
			rows = append(rows, f)
		}
	}
	return v3List(r, rows, maxPage, func(f *refund) any { return s.refundRow(f) })
}

func (s *Server) voidPayment(r *request) *response {
	o := s.orders[r.id()]
	switch {
	case o == nil:
		return r.missing()
	case o.payment != "authorized":
		return r.problem(http.StatusUnprocessableEntity, "The payment can't be voided: it is not authorized.", nil)
	}
	o.payment = "void"
	first := o.transactions[0]
	o.transactions = append(o.transactions, &transaction{id: s.id(), event: "void", method: first.method, gateway: first.gateway, status: "ok", amount: first.amount, reference: first.id, created: s.now()})
	s.ledger.Voids++
	s.fire("store/order/transaction/created", s.transactionEvent(o, o.transactions[len(o.transactions)-1]))
	s.touch(o)
	return answer(http.StatusCreated, row{})
}

func (s *Server) transactionEvent(o *order, t *transaction) row {
	return row{"type": "transaction", "order_id": itoa(o.id), "transaction_id": itoa(t.id), "transaction_status": "complete", "transaction_type": t.event}
}
