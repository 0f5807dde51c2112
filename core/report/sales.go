package report

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// sales adds up what was sold and what was given back. A sale is an order's line at the time when the order was placed; a
// refund is an event of its own, at its own time, whenever its order was placed.
func sales(r store.Reader, a Ask, to *sums) error {
	goods := newGoods(r)
	err := each(r, store.TypeOrder, func(o *canon.Order) error {
		if !asked(o, &a) {
			return nil
		}
		if a.within(o.PlacedAt) {
			if err := sold(o, &a, goods, to); err != nil {
				return err
			}
		}
		for i := range o.Returns {
			ret := &o.Returns[i]
			if !ret.House || ret.Refunded == nil || len(ret.Refunds) > 0 || ret.CreatedAt == nil || !a.within(*ret.CreatedAt) {
				continue // what a platform refunded is there as a refund
			}
			lines := make([]canon.RefundLine, len(ret.Lines))
			for k, l := range ret.Lines {
				lines[k] = canon.RefundLine{OrderLineID: l.ID, Quantity: l.Quantity}
			}
			if err := refunded(o, lines, *ret.Refunded, *ret.CreatedAt, &a, goods, to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(r, store.TypeRefund, func(f *canon.Refund) error {
		if !a.within(f.CreatedAt) {
			return nil
		}
		o, err := store.Load[canon.Order](r, store.RecordKey(store.TypeOrder, f.OrderID))
		if err != nil {
			return err
		}
		if o == nil || !asked(o, &a) {
			return nil
		}
		amount := canon.Money{Currency: o.Currency}
		if f.Total != nil {
			amount = *f.Total
		} else {
			for i := range f.Lines {
				if l := lineOf(o, f.Lines[i].OrderLineID); l != nil && l.Price != nil && l.Price.Currency == amount.Currency {
					amount.Minor = to.plus(amount.Minor, to.times(l.Price.Minor, f.Lines[i].Quantity))
				}
			}
		}
		return refunded(o, f.Lines, amount, f.CreatedAt, &a, goods, to)
	})
}

// asked reports whether an order is one of those that are asked for.
func asked(o *canon.Order, a *Ask) bool {
	return o.Status != canon.OrderCancelled && (a.Location == "" || o.Location == a.Location)
}

// sold adds the lines of an order.
func sold(o *canon.Order, a *Ask, goods *goods, to *sums) error {
	gross := make([]int64, len(o.Lines))
	inOwn := int64(0)
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.Price == nil {
			continue
		}
		gross[i] = to.times(l.Price.Minor, l.Quantity)
		if l.Price.Currency == o.Currency {
			inOwn = to.plus(inOwn, gross[i])
		}
	}
	discounts := make([]int64, len(o.Lines))
	if o.LinesTotal != nil && o.LinesTotal.Currency == o.Currency {
		weights := make([]int64, len(o.Lines))
		for i := range o.Lines {
			if p := o.Lines[i].Price; p != nil && p.Currency == o.Currency {
				weights[i] = gross[i]
			}
		}
		discounts = spread(inOwn-o.LinesTotal.Minor, weights)
	}
	seen := make(map[cellKey]bool)
	for i := range o.Lines {
		l := &o.Lines[i]
		key, err := keyOfLine(o, l, a.By, o.PlacedAt, goods)
		if err != nil {
			return err
		}
		row := Line{Key: key, Currency: o.Currency, Pieces: l.Quantity, Discount: discounts[i]}
		if l.Price != nil {
			row.Currency, row.Gross = l.Price.Currency, gross[i]
		} else {
			row.Unpriced = l.Quantity
		}
		if k := (cellKey{row.Key, row.Currency}); !seen[k] {
			seen[k], row.Documents = true, 1
		}
		to.add(row)
	}
	counted := make(map[string]bool)
	for k := range seen {
		if !counted[k.currency] {
			counted[k.currency] = true
			to.documents[k.currency]++
		}
	}
	return nil
}

// refunded spreads what was given back over the lines that it is for, or over all where it names none.
func refunded(o *canon.Order, lines []canon.RefundLine, amount canon.Money, at time.Time, a *Ask, goods *goods, to *sums) error {
	pieces := lines
	if len(lines) == 0 {
		for i := range o.Lines {
			lines = append(lines, canon.RefundLine{OrderLineID: o.Lines[i].ID, Quantity: o.Lines[i].Quantity})
		}
	}
	weights := make([]int64, max(len(lines), 1))
	for i := range lines {
		if l := lineOf(o, lines[i].OrderLineID); l != nil && l.Price != nil {
			weights[i] = max(to.times(l.Price.Minor, lines[i].Quantity), 0)
		}
	}
	parts := spread(amount.Minor, weights)
	if len(lines) == 0 {
		key, err := keyOfLine(o, nil, a.By, at, goods)
		to.add(Line{Key: key, Currency: amount.Currency, Refunded: amount.Minor})
		return err
	}
	for i := range lines {
		key, err := keyOfLine(o, lineOf(o, lines[i].OrderLineID), a.By, at, goods)
		if err != nil {
			return err
		}
		row := Line{Key: key, Currency: amount.Currency, Refunded: parts[i]}
		if len(pieces) > 0 {
			row.Back = lines[i].Quantity
		}
		to.add(row)
	}
	return nil
}

// spread parts an amount by weights so that the parts add up to it: each gets its share rounded down, and what is left goes
// to the largest remainders, the first of equals first. Without weights all parts weigh the same.
func spread(amount int64, weights []int64) []int64 {
	parts := make([]int64, len(weights))
	if len(weights) == 0 || amount == 0 {
		return parts
	}
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, big.NewInt(max(w, 0)))
	}
	if sum.Sign() == 0 {
		weights = slices.Repeat([]int64{1}, len(weights))
		sum.SetInt64(int64(len(weights)))
	}
	left := amount
	rest := make([]*big.Int, len(weights))
	order := make([]int, len(weights))
	for i, w := range weights {
		share := new(big.Int).Mul(big.NewInt(amount), big.NewInt(max(w, 0)))
		q, m := new(big.Int).DivMod(share, sum, new(big.Int)) // m is never below zero
		parts[i], rest[i], order[i] = q.Int64(), m, i
		left -= parts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return rest[b].Cmp(rest[a]) })
	for _, i := range order[:min(int(left), len(order))] {
		parts[i]++
	}
	return parts
}

func lineOf(o *canon.Order, id string) *canon.OrderItem {
	for i := range o.Lines {
		if o.Lines[i].ID == id {
			return &o.Lines[i]
		}
	}
	return nil
}

// keyOfLine gives the row that a line of an order goes into.
func keyOfLine(o *canon.Order, l *canon.OrderItem, by string, at time.Time, goods *goods) (string, error) {
	switch by {
	case ByLocation:
		return orNone(o.Location), nil
	case ByChannel:
		if o.Channel == "" {
			return orNone(o.Connection), nil
		}
		return o.Channel, nil
	case BySalesperson:
		return orNone(o.Salesperson), nil
	case ByDay:
		return at.UTC().Format(time.DateOnly), nil
	case ByMonth:
		return at.UTC().Format("2006-01"), nil
	}
	if l == nil || l.Node == "" {
		return None, nil
	}
	item, err := goods.of(l.Node)
	if err != nil {
		return "", err
	}
	if by == ByMetal {
		return item.metal, nil
	}
	return item.category, nil
}

// traits are what reports ask of an item.
type traits struct{ metal, category string }

// goods looks items up by the nodes that lines name.
type goods struct {
	r     store.Reader
	known map[string]traits
}

func newGoods(r store.Reader) *goods { return &goods{r: r, known: make(map[string]traits)} }

func (g *goods) of(node string) (traits, error) {
	if t, ok := g.known[node]; ok {
		return t, nil
	}
	golden := node
	n, err := store.Load[store.Node](g.r, store.PrefixNode+node)
	if err == nil && n != nil {
		golden = n.Golden
	}
	var item *canon.Item
	if err == nil {
		item, err = store.Load[canon.Item](g.r, store.RecordKey(store.TypeItem, golden))
	}
	if err != nil {
		return traits{}, fmt.Errorf("report: the goods of a line: %w", err)
	}
	t := traits{None, None}
	if item != nil {
		t = traitsOf(item)
	}
	g.known[node] = t
	return t, nil
}

func traitsOf(item *canon.Item) traits {
	t := traits{None, orNone(item.Category)}
	if m := item.Metal; m != nil && m.Kind != "" {
		t.metal = string(m.Kind)
		if m.Fineness > 0 {
			t.metal = fmt.Sprintf("%s %d", m.Kind, m.Fineness)
		}
	}
	return t
}
