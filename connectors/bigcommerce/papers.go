package bigcommerce

import (
	"context"
	"math/big"
	"net/url"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// papers are what belongs to an order and is stated apart from it: lines, transactions, shipments.
type papers struct {
	lines        []orderLine
	transactions []transaction
	shipments    []shipment
	hidden       bool // the caller may not see transactions, or the configuration does not ask for them
}

// readPapers reads what belongs to an order: one request for its transactions, and more only where there is something.
func (s *store) readPapers(ctx context.Context, o *order) (*papers, error) {
	p := &papers{hidden: !s.cfg.Payments}
	path := "orders/" + idText(o.ID)
	var err error
	lines, stated := o.inline()
	if !stated {
		if lines, err = all2[orderLine](ctx, s, path+"/products"); err != nil {
			return nil, err
		}
	}
	p.lines = lines
	if pieces(o.ItemsShipped) > 0 {
		if p.shipments, err = all2[shipment](ctx, s, path+"/shipments"); err != nil {
			return nil, err
		}
	}
	if p.hidden {
		return p, nil
	}
	var got struct {
		Data []transaction `json:"data"`
	}
	_, err = s.client.get(ctx, "v3/"+path+"/transactions", nil, &got) // 204 where there are none
	switch {
	case isForbidden(err):
		p.hidden = true
	case err != nil && !isGone(err):
		return nil, err
	}
	p.transactions = got.Data
	return p, nil
}

// fulfilments are an order's shipments, and what the buyer collects.
func fulfilments(o *order, p *papers) []canon.StatedFulfilment {
	var out []canon.StatedFulfilment
	for i := range p.shipments {
		h := &p.shipments[i]
		f := canon.StatedFulfilment{ID: idText(h.ID), Status: "shipped", Carrier: clean(h.Carrier), Tracking: clean(h.Tracking), At: momentPtr(h.Created)}
		if f.Carrier == "" {
			f.Carrier = clean(h.Provider)
		}
		for _, it := range h.Items {
			f.Lines = append(f.Lines, canon.DocumentLine{ID: idText(it.LineID), Quantity: pieces(it.Quantity)})
		}
		out = append(out, f)
	}
	for i := range o.Consignments.Pickups {
		c := &o.Consignments.Pickups[i]
		f := canon.StatedFulfilment{ID: "pickup-" + idText(c.ID), Status: "created", Location: idText(c.Location.ID)}
		switch o.StatusID {
		case statusPickup:
			f.Status = "packed"
		case statusCompleted, statusShipped:
			f.Status = "delivered"
		case statusCancelled, statusDeclined, statusIncomplete:
			f.Status = "cancelled"
		}
		for _, l := range c.Lines {
			f.Lines = append(f.Lines, canon.DocumentLine{ID: idText(l.ID), Quantity: pieces(l.Quantity)})
		}
		out = append(out, f)
	}
	return out
}

// tenderKinds are the hub's words for the platform's methods; others stay as they are.
var tenderKinds = map[text]string{
	"credit_card": "card", "token": "card", "bigpay_token": "card", "nonce": "card", "gift_certificate": "gift_card", "store_credit": "store_credit",
	"electronic_wallet": "wallet", "apple_pay_card": "wallet", "apple_pay_token": "wallet",
}

func (t *transaction) kind() string {
	if k := tenderKinds[t.Method]; k != "" {
		return k
	}
	return clean(t.Method)
}

func (t *transaction) money() canon.StatedMoney {
	return canon.StatedMoney{Amount: amount(t.Amount), Currency: clean(t.Currency)}
}

// tenders are what was taken for an order.
func tenders(all []transaction) []canon.Tender {
	var out []canon.Tender
	for i := range all {
		t := &all[i]
		if (t.Event == "purchase" || t.Event == "capture") && t.Status == "ok" {
			out = append(out, canon.Tender{Kind: t.kind(), Amount: t.money(), Reference: clean(t.GatewayID)})
		}
	}
	return out
}

// observePayments states an order's payments: each purchase, authorization or pending payment, with what later transactions
// captured, gave back or voided of it. They are an aspect of their own, since they are read apart from the order.
func observePayments(o *order, p *papers) (canon.Observation, bool) {
	if p.hidden {
		return canon.Observation{}, false
	}
	byID := map[int64]*transaction{}
	for i := range p.transactions {
		byID[p.transactions[i].ID] = &p.transactions[i]
	}
	root := func(t *transaction) *transaction {
		for range len(p.transactions) { // at most so many steps, whatever refers to what
			up := byID[t.Reference]
			if up == nil {
				break
			}
			t = up
		}
		return t
	}
	type sums struct {
		captured, refunded []text
		voided             bool
	}
	of := map[int64]*sums{}
	for i := range p.transactions {
		t := &p.transactions[i]
		id := root(t).ID
		if of[id] == nil {
			of[id] = &sums{}
		}
		if t.Status != "ok" {
			continue
		}
		switch t.Event {
		case "purchase", "capture", "settled":
			of[id].captured = append(of[id].captured, t.Amount)
		case "refund":
			of[id].refunded = append(of[id].refunded, t.Amount)
		case "void":
			of[id].voided = true
		}
	}
	st := &canon.OrderState{}
	for i := range p.transactions {
		t := &p.transactions[i]
		if root(t) != t || t.Event == "refund" || t.Event == "void" {
			continue
		}
		x := of[t.ID]
		pay := canon.StatedPayment{ID: idText(t.ID), Kind: t.kind(), Amount: t.money(), Captured: total(x.captured, t), Refunded: total(x.refunded, t), Reference: clean(t.GatewayID), At: momentPtr(t.Created)}
		switch {
		case t.Status != "ok":
			pay.Status = "declined"
		case pay.Refunded != nil && covers(pay.Refunded, pay.Captured):
			pay.Status = "refunded"
		case pay.Refunded != nil:
			pay.Status = "part_refunded"
		case pay.Captured != nil:
			pay.Status = "captured"
		case x.voided:
			pay.Status = "voided"
		case t.Event == "authorization":
			pay.Status = "authorized"
		default:
			pay.Status = "created"
		}
		st.Payments = append(st.Payments, pay)
	}
	return canon.Observation{Kind: canon.KindOrder, ExternalID: idText(o.ID), Aspect: canon.AspectPayment, SourceVersion: version(o.Modified), Order: st}, true
}

func total(all []text, t *transaction) *canon.StatedMoney {
	if s, ok := sum(all...); ok && len(all) > 0 {
		return &canon.StatedMoney{Amount: s, Currency: clean(t.Currency)}
	}
	return nil
}

// covers reports whether an amount is at least another one.
func covers(a, b *canon.StatedMoney) bool {
	if b == nil {
		return true
	}
	x, ok := new(big.Rat).SetString(a.Amount)
	y, also := new(big.Rat).SetString(b.Amount)
	return ok && also && x.Cmp(y) >= 0
}

// orderQuery asks for orders with their lines in one answer.
func orderQuery(pairs ...any) url.Values {
	return with(url.Values{"include": {"consignments.line_items"}, "consignment_structure": {"object"}}, pairs...)
}

// getOrder reads one order with its lines, and the platform's clock.
func (s *store) getOrder(ctx context.Context, id int64) (*order, time.Time, error) {
	var o order
	at, err := s.client.get(ctx, "v2/orders/"+idText(id), orderQuery(), &o)
	if err != nil {
		return nil, at, err
	}
	return &o, at, nil
}

// readRefunds reads the refunds of some orders, by order.
func (s *store) readRefunds(ctx context.Context, orders []int64) (map[int64][]refund, error) {
	out := map[int64][]refund{}
	for _, part := range chunks(unique(orders), maxPage) {
		for n := 1; ; n++ {
			got, _, err := list3[refund](ctx, s, "orders/payment_actions/refunds", url.Values{"order_id:in": {joined(part)}, "page": {idText(int64(n))}, "limit": {idText(maxPage)}})
			if err != nil {
				return nil, err
			}
			for i := range got.Data {
				if got.Data[i].err != nil {
					return nil, got.Data[i].err
				}
				r := got.Data[i].value
				out[r.OrderID] = append(out[r.OrderID], r)
			}
			if len(got.Data) < maxPage { // this list states no total
				break
			}
		}
	}
	return out, nil
}
