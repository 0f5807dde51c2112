package woocommerce

import (
	"math/big"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// The shop keeps neither fulfilments nor payments of their own: the order's state, its times and what its refunds add up to
// say how far both are.

// createdAt reads a moment, such as when the shop made a record; nil where it does not say.
func createdAt(t text) *time.Time {
	at, ok := gmtTime(t)
	if !ok || at.Unix() <= 0 {
		return nil
	}
	at = at.UTC()
	return &at
}

// fulfilments gives the one delivery that a completed order stands for.
func fulfilments(o *order, st *canon.OrderState) []canon.StatedFulfilment {
	at, done := gmtTime(o.DateCompletedGMT)
	if st.Status != canon.OrderFulfilled {
		return nil
	}
	f := canon.StatedFulfilment{ID: idText(o.ID), Status: "shipped"}
	if done {
		f.At = &at
	}
	for _, l := range st.Lines {
		if l.Quantity > 0 {
			f.Lines = append(f.Lines, canon.DocumentLine{ID: l.ID, Quantity: l.Quantity})
		}
	}
	return []canon.StatedFulfilment{f}
}

// payments gives the one payment of an order; none where the shop does not say by what.
func payments(o *order, currency string) []canon.StatedPayment {
	kind := clean(o.PaymentMethod)
	at, paid := gmtTime(o.DatePaidGMT)
	if kind == "" || o.isDraft() {
		return nil
	}
	p := canon.StatedPayment{
		ID: idText(o.ID), Status: "created", Kind: kind, Amount: canon.StatedMoney{Amount: clean(o.Total), Currency: currency}, Reference: clean(o.TransactionID),
	}
	if !paid {
		switch o.Status {
		case "failed":
			p.Status = "declined"
		case "cancelled", "trash":
			p.Status = "expired"
		}
		return []canon.StatedPayment{p}
	}
	captured := p.Amount
	p.Status, p.At, p.Captured = "captured", &at, &captured
	total, ok := decimal(clean(o.Total))
	back, digits := new(big.Rat), 2
	for _, r := range o.Refunds {
		amount, readable := decimal(unsigned(r.Total))
		if !readable {
			ok = false
			break
		}
		back.Add(back, amount)
	}
	if !ok || back.Sign() == 0 {
		return []canon.StatedPayment{p}
	}
	if n, known := canon.CurrencyExponent(currency); known {
		digits = n
	}
	p.Refunded = &canon.StatedMoney{Amount: back.FloatString(digits), Currency: currency}
	if p.Status = "part_refunded"; back.Cmp(total) >= 0 {
		p.Status = "refunded"
	}
	return []canon.StatedPayment{p}
}
