package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// money reads a stated amount; nil when none was stated. An amount that can't be read parks the entry.
func money(st *canon.StatedMoney) (*canon.Money, error) {
	if st == nil || st.Amount == "" {
		return nil, nil
	}
	m, err := normalize.Money(*st)
	if err != nil {
		return nil, faultf("money.unreadable", "%v", err)
	}
	return &m, nil
}

// totals keeps the stated total and computes the lines' beside it (invariant 5: never a rewrite). TotalsDiffer is set
// when the stated amounts add up neither with tax on top nor with tax included.
func totals(order *canon.Order, st *canon.OrderState) error {
	var err error
	if order.Total, err = money(&st.Total); err != nil {
		return err
	}
	sum := int64(0)
	known := true
	for i := range st.Lines {
		l := &st.Lines[i]
		price, err := money(&l.Price)
		if err != nil {
			return err
		}
		if price == nil || price.Currency != order.Currency {
			known = false
			continue
		}
		sum += price.Minor * l.Quantity
		discount, err := money(l.Discount)
		if err != nil {
			return err
		}
		if discount != nil {
			sum -= discount.Minor
		}
	}
	if !known || len(st.Lines) == 0 {
		return nil
	}
	order.LinesTotal = &canon.Money{Minor: sum, Currency: order.Currency}
	var extra [3]int64 // tax, shipping, discount of the whole order
	for i, m := range []*canon.StatedMoney{st.Tax, st.Shipping, st.Discount} {
		v, err := money(m)
		if err != nil {
			return err
		}
		if v != nil {
			extra[i] = v.Minor
		}
	}
	if order.Total == nil {
		return nil
	}
	tax, shipping, discount := extra[0], extra[1], extra[2]
	fits := false
	for _, base := range []int64{sum + shipping, sum + shipping - discount} {
		fits = fits || order.Total.Minor == base || order.Total.Minor == base+tax
	}
	order.TotalsDiffer = !fits
	return nil
}
