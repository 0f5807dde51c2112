package shopify

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
)

// What an order's documents are in the hub's words: its fulfilments, which a webhook carries like a read, and its payments
// and returns, which only reads have and which are aspects of their own.

// fulfilmentState maps the platform's words: what the fulfilment is, and where its parcel is.
func fulfilmentState(status, shipment string) string {
	switch status {
	case "cancelled", "error", "failure":
		return "cancelled"
	case "pending", "open":
		return "created"
	}
	switch shipment {
	case "delivered", "picked_up":
		return "delivered"
	case "failure", "not_delivered":
		return "failed"
	case "label_printed", "label_purchased", "confirmed", "submitted", "ready_for_pickup":
		return "packed"
	}
	return "shipped"
}

func (f *restFulfilment) state() canon.StatedFulfilment {
	out := canon.StatedFulfilment{
		ID: gid("Fulfillment", f.ID), Status: fulfilmentState(f.Status, f.ShipmentStatus), Location: gid("Location", f.LocationID),
		Carrier: f.TrackingCompany, Tracking: f.TrackingNumber, At: momentPtr(f.CreatedAt),
	}
	for _, l := range f.LineItems {
		out.Lines = append(out.Lines, canon.DocumentLine{ID: gid("LineItem", l.ID), Quantity: l.Quantity})
	}
	return out
}

func (f *graphFulfilment) state() canon.StatedFulfilment {
	out := canon.StatedFulfilment{
		ID: f.ID, Status: fulfilmentState(word(f.Status), word(f.DisplayStatus)), Location: f.Location.id(), At: momentPtr(f.CreatedAt),
	}
	if len(f.TrackingInfo) > 0 {
		out.Carrier, out.Tracking = f.TrackingInfo[0].Company, f.TrackingInfo[0].Number
	}
	for _, l := range f.Lines.Nodes {
		out.Lines = append(out.Lines, canon.DocumentLine{ID: l.LineItem.ID, Quantity: l.Quantity})
	}
	return out
}

// sortFulfilments puts fulfilments and their lines into one order: webhooks and reads each have their own. What left with the
// client at a till needs no parcel.
func sortFulfilments(state *canon.OrderState) {
	all := state.Fulfilments
	for i := range all {
		if state.HandedOver && all[i].Status == "shipped" {
			all[i].Status = "delivered"
		}
		slices.SortFunc(all[i].Lines, func(a, b canon.DocumentLine) int { return cmp.Compare(a.ID, b.ID) })
	}
	slices.SortFunc(all, func(a, b canon.StatedFulfilment) int { return cmp.Compare(a.ID, b.ID) })
}

// graphPayments states an order's payments: a sale or an authorization each, with what was captured, given back or voided of
// it.
func graphPayments(o *graphOrder) canon.Observation {
	byID := make(map[string]*graphTransaction, len(o.Transactions))
	for i := range o.Transactions {
		byID[o.Transactions[i].ID] = &o.Transactions[i]
	}
	// root is the transaction that a further one is of; some are of a capture that is of an authorization.
	root := func(t *graphTransaction) string {
		for range len(o.Transactions) {
			up := byID[t.ParentTransaction.id()]
			if up == nil {
				break
			}
			t = up
		}
		return t.ID
	}
	type sums struct {
		captured, refunded []string
		voided             bool
	}
	of := make(map[string]*sums)
	for i := range o.Transactions {
		t := &o.Transactions[i]
		id := root(t)
		if of[id] == nil {
			of[id] = &sums{}
		}
		if t.Status != "SUCCESS" {
			continue
		}
		amount := t.AmountSet.ShopMoney.amount()
		switch t.Kind {
		case "SALE", "CAPTURE":
			of[id].captured = append(of[id].captured, amount)
		case "REFUND":
			of[id].refunded = append(of[id].refunded, amount)
		case "VOID":
			of[id].voided = true
		}
	}
	state := &canon.OrderState{}
	for i := range o.Transactions {
		t := &o.Transactions[i]
		if t.Kind != "SALE" && t.Kind != "AUTHORIZATION" && t.Kind != "EMV_AUTHORIZATION" || root(t) != t.ID {
			continue
		}
		currency := t.AmountSet.ShopMoney.CurrencyCode
		p := canon.StatedPayment{
			ID: t.ID, Kind: tenderKind(t.Gateway), Amount: canon.StatedMoney{Amount: t.AmountSet.ShopMoney.amount(), Currency: currency},
			Captured: sumMoney(of[t.ID].captured, currency), Refunded: sumMoney(of[t.ID].refunded, currency), At: momentPtr(t.ProcessedAt),
		}
		switch {
		case t.Status == "FAILURE" || t.Status == "ERROR":
			p.Status = "declined"
		case t.Status != "SUCCESS":
			p.Status = "created"
		case p.Refunded != nil && covers(p.Refunded, p.Captured):
			p.Status = "refunded"
		case p.Refunded != nil:
			p.Status = "part_refunded"
		case p.Captured != nil:
			p.Status = "captured"
		case of[t.ID].voided:
			p.Status = "voided"
		default:
			p.Status = "authorized"
		}
		state.Payments = append(state.Payments, p)
	}
	slices.SortFunc(state.Payments, func(a, b canon.StatedPayment) int { return cmp.Compare(a.ID, b.ID) })
	return canon.Observation{Kind: canon.KindOrder, ExternalID: o.ID, Aspect: canon.AspectPayment, SourceVersion: version(o.UpdatedAt), Order: state}
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

// returnState maps the platform's words.
func returnState(status string) string {
	switch status {
	case "REQUESTED":
		return "requested"
	case "DECLINED":
		return "rejected"
	case "CANCELED":
		return "cancelled"
	case "CLOSED":
		return "closed"
	}
	return "authorized"
}

// graphReturnsObservation states an order's returns. What the client takes in exchange is said by lines of the order; the refunds
// of a return are net of it already.
func graphReturnsObservation(o *graphReturns) canon.Observation {
	state := &canon.OrderState{}
	for i := range o.Returns.Nodes {
		n := &o.Returns.Nodes[i]
		r := canon.StatedReturn{ID: n.ID, Status: returnState(n.Status), Number: n.Name, At: momentPtr(n.CreatedAt)}
		for _, l := range n.Lines.Nodes {
			if l.FulfillmentLineItem.LineItem.ID != "" { // goods that the platform did not sell have none
				r.Lines = append(r.Lines, canon.DocumentLine{ID: l.FulfillmentLineItem.LineItem.ID, Quantity: l.Quantity})
			}
		}
		for _, x := range n.Exchange.Nodes {
			for _, l := range x.LineItems {
				r.Exchange = append(r.Exchange, canon.DocumentLine{ID: l.ID, Quantity: x.Quantity})
			}
		}
		for _, f := range n.Refunds.Nodes {
			r.Refunds = append(r.Refunds, f.ID)
		}
		state.Returns = append(state.Returns, r)
	}
	return canon.Observation{Kind: canon.KindOrder, ExternalID: o.ID, Aspect: canon.AspectReturn, SourceVersion: version(o.UpdatedAt), Order: state}
}
