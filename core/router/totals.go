package router

import (
	"math"

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
		discount, err := money(l.Discount)
		if err != nil {
			return err
		}
		amount, ok := times(price.Minor, l.Quantity)
		if sum, ok = plus(sum, amount, ok); discount != nil {
			sum, ok = plus(sum, -discount.Minor, ok && discount.Minor != math.MinInt64)
		}
		if !ok {
			return errOverflow
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
	for _, parts := range [][]int64{{sum, shipping}, {sum, shipping, tax}, {sum, shipping, -discount}, {sum, shipping, -discount, tax}} {
		total, ok := int64(0), discount != math.MinInt64
		for _, part := range parts {
			total, ok = plus(total, part, ok)
		}
		if !ok {
			return errOverflow
		}
		fits = fits || order.Total.Minor == total
	}
	order.TotalsDiffer = !fits
	return nil
}

var errOverflow = faultf("money.overflow", "the amounts add up to more than an amount can be; edit the entry, then replay it")

// plus adds two amounts; ok is false once a sum was beyond int64.
func plus(a, b int64, ok bool) (int64, bool) {
	sum := a + b
	return sum, ok && (sum > a) == (b > 0)
}

// times multiplies an amount with a quantity; ok is false when the product is beyond int64.
func times(amount, quantity int64) (product int64, ok bool) {
	product = amount * quantity
	return product, amount == 0 || quantity == 0 || (product/quantity == amount && !(quantity == -1 && amount == math.MinInt64))
}
