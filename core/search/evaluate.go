package search

import (
	"fmt"
	"math"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
)

// group are conditions about one table that one and the same row has to meet.
type group struct {
	table *table
	not   bool // no row meets them
	code  string
	conds []condition
	// counted tells that a facet leaves out a condition of this group, so that records that fail it alone count there.
	counted bool
}

// condition is one condition on a column.
type condition struct {
	field   *Field
	cells   []uint32
	allowed []bool // by number of the word
	numbers []int64
	ranges  []Range
	// Of prices in any currency: the minor units of a major one, by the currency's number, and the currencies. The
	// ranges are in hundredths then.
	scales     []int64
	currencies []uint32
}

func (c *condition) met(row uint32) bool {
	if c.allowed != nil {
		return c.allowed[c.cells[row]]
	}
	n := c.numbers[row]
	if c.scales != nil {
		n = hundredths(n, c.scales[c.currencies[row]])
	}
	for _, r := range c.ranges {
		if r.has(n) {
			return true
		}
	}
	return false
}

// failing gives a bit for each condition that a row does not meet.
func (g *group) failing(row uint32) uint32 {
	var mask uint32
	for i := range g.conds {
		if !g.conds[i].met(row) {
			mask |= 1 << i
		}
	}
	return mask
}

func (g *group) met(record uint32) bool {
	s := g.table.spans[record]
	for row := s.start; row < s.start+s.rows; row++ {
		all := true
		for i := range g.conds {
			if !g.conds[i].met(row) {
				all = false
				break
			}
		}
		if all {
			return !g.not
		}
	}
	return g.not
}

// compile turns filters into groups.
func (x *Index) compile(filters []Filter) ([]group, error) {
	var groups []group
	conditions := 0
	for _, f := range filters {
		field := x.fields[f.Field]
		if field == nil {
			return nil, &FilterError{f.Field, "there is no such field"}
		}
		t := x.tables[field.table]
		i := slices.IndexFunc(groups, func(g group) bool { return g.table == t && !g.not && !f.Not && g.code == f.Code })
		if i < 0 {
			groups = append(groups, group{table: t, not: f.Not, code: f.Code})
			i = len(groups) - 1
			if f.Code != "" {
				d := t.words[field.code].dict
				groups[i].conds = append(groups[i].conds, condition{field: field, cells: t.words[field.code].cells, allowed: d.allowed([]string{f.Code})})
				conditions++
			}
		}
		c := condition{field: field}
		switch {
		case field.number():
			c.numbers, c.ranges = t.numbers[field.column], f.Ranges
			if field.coded && f.Code == "" {
				c.scales, c.currencies = scalesOf(t.words[field.code].dict), t.words[field.code].cells
			}
			if len(f.Ranges) == 0 {
				return nil, &FilterError{f.Field, "it needs a number or a range"}
			}
		default:
			col := t.words[field.column]
			c.cells, c.allowed = col.cells, col.dict.allowed(f.Words)
		}
		groups[i].conds = append(groups[i].conds, c)
		if conditions++; conditions > maxConditions {
			return nil, &FilterError{f.Field, fmt.Sprintf("at most %d conditions are taken at once", maxConditions)}
		}
	}
	return groups, nil
}

// scalesOf gives how many minor units a major one has, by the number of the currency.
func scalesOf(currencies *dict) []int64 {
	out := make([]int64, len(currencies.words))
	for i, currency := range currencies.words {
		out[i] = 1
		digits, _ := canon.CurrencyExponent(currency)
		for range digits {
			out[i] *= 10
		}
	}
	return out
}

// hundredths gives an amount in hundredths of the major unit, so that currencies compare by their plain numbers.
func hundredths(minor, scale int64) int64 {
	if scale > 100 {
		return minor / (scale / 100)
	}
	if factor := 100 / scale; minor < math.MaxInt64/factor && minor > math.MinInt64/factor {
		return minor * factor
	}
	return minor
}

// allowed tells for each word whether it is one of those asked for.
func (d *dict) allowed(words []string) []bool {
	want := make(map[string]bool, len(words))
	for _, w := range words {
		want[fold(w)] = true
	}
	out := make([]bool, len(d.words))
	for code := range d.words {
		d.parts(uint32(code), func(_, folded string) { out[code] = out[code] || want[folded] })
	}
	return out
}

// Hit is a record that was found.
type Hit struct {
	ID    string
	Score int
	key   int64
}

// Place is where a page ends: the next one goes on behind it. It names a record and its sort key, not a number of
// records, so that what comes and goes neither repeats nor hides others.
type Place struct {
	Key int64  `json:"k"`
	ID  string `json:"i"`
	// Since is when the first page was made: records whose sort key changed after it keep the key that they had then
	// (see moves).
	Since Moment `json:"m"`
}

// Result is what a query found.
type Result struct {
	Hits  []Hit
	Total int
	// Next is where the next page begins; nil at the end.
	Next     *Place
	Facets   []Facet
	Currency string // of the sort by price
	// Read is how each word was met where it was not met as it stands.
	Read map[string]string
	// Position is what the answer stands for: every change up to it is in it.
	Position canon.Position
}

// Search answers a query by one pass over the records.
//
// A record that meets everything is a hit and counts in every facet. A record that fails the conditions of one field
// alone counts in that field's facet, which so shows what else could be chosen there.
func (x *Index) Search(q Query) (*Result, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	groups, err := x.compile(q.Filters)
	if err != nil {
		return nil, err
	}
	counters, err := x.counters(q.Facets, groups)
	if err != nil {
		return nil, err
	}
	res := &Result{Position: x.position, Currency: q.Currency}
	words := x.match(q.Words)
	res.Read = words.read(x)
	order, err := x.order(&q)
	if err != nil {
		return nil, err
	}
	res.Currency = order.currency
	top := newTop(x, q.Limit)
	hits := make([]uint32, 0, len(x.at))
	near := make([][]uint32, len(groups)) // what fails one group alone, by group
	for record := range uint32(len(x.ids)) {
		if x.ids[record] == "" {
			continue
		}
		failed := -1
		out := false
		for i := range groups {
			if groups[i].met(record) {
				continue
			}
			if failed >= 0 || !groups[i].counted {
				out = true
				break
			}
			failed = i
		}
		if out {
			continue
		}
		score := 0
		if len(words.list) > 0 {
			if score = words.score(x, record); score == 0 {
				continue
			}
		}
		if failed >= 0 {
			near[failed] = append(near[failed], record)
			continue
		}
		hits = append(hits, record)
		c := candidate{record: record, score: score, key: order.key(record, score)}
		if !order.passed(&c) {
			top.add(c)
		}
	}
	res.Total = len(hits)
	for i := range counters {
		c := &counters[i]
		c.count(hits, groups)
		if c.group >= 0 {
			c.count(near[c.group], groups)
		}
	}
	res.Hits = top.sorted()
	if top.more && len(res.Hits) > 0 {
		last := res.Hits[len(res.Hits)-1]
		res.Next = &Place{Key: last.key, ID: last.ID, Since: order.since}
	}
	for i := range counters {
		res.Facets = append(res.Facets, counters[i].facet(x, groups))
	}
	return res, nil
}

// order is a sort order with what it needs.
type order struct {
	x        *Index
	by       Sort
	currency string
	code     uint32 // of the currency
	after    *Place
	since    Moment
	moved    map[string]*sortKeys
}

// last is the key of records that have nothing to sort by: they come at the end either way.
const last = math.MaxInt64

func (x *Index) order(q *Query) (*order, error) {
	o := &order{x: x, by: q.Sort, after: q.After, since: x.moves.now}
	if o.by == "" {
		o.by = ByRelevance
	}
	if !slices.Contains(Sorts(), o.by) {
		return nil, &FilterError{string(q.Sort), "there is no such order"}
	}
	if o.by == ByPrice || o.by == ByPriceDown {
		if x.price == nil {
			return nil, &FilterError{string(q.Sort), "these records have no price"}
		}
		o.currency = x.currencyOf(q)
		d := x.tables[x.price.table].words[x.price.code].dict
		o.code = d.codes[o.currency]
	}
	if (o.by == ByCarat || o.by == ByCaratDown) && x.carat == nil {
		return nil, &FilterError{string(q.Sort), "these records have no weight in carats"}
	}
	if q.After != nil {
		o.since = q.After.Since
		o.moved = x.moves.since(o.since)
	}
	return o, nil
}

// currencyOf chooses the currency to sort by: the one asked for, that of a filter, or the most frequent one.
func (x *Index) currencyOf(q *Query) string {
	if q.Currency != "" {
		return q.Currency
	}
	for _, f := range q.Filters {
		if f.Field == x.price.Name && f.Code != "" {
			return f.Code
		}
	}
	d := x.tables[x.price.table].words[x.price.code].dict
	best := 0
	for code := range d.words {
		if code > 0 && d.words[code] != "" && (best == 0 || d.refs[code] > d.refs[best] || d.refs[code] == d.refs[best] && d.words[code] < d.words[best]) {
			best = code
		}
	}
	return d.words[best]
}

func (o *order) key(record uint32, score int) int64 {
	switch o.by {
	case ByRelevance:
		return -int64(score)
	case ByNewest:
		p := o.x.created[record]
		return -(int64(p.Offset)<<20 | int64(min(p.Index, 1<<20-1)))
	}
	var n int64
	var ok bool
	if was := o.moved[o.x.ids[record]]; was != nil {
		n, ok = was.of(o.by, o.currency)
	} else if o.by == ByPrice || o.by == ByPriceDown {
		n, ok = o.x.priceOf(record, o.code)
	} else {
		n, ok = o.x.caratOf(record)
	}
	switch {
	case !ok:
		return last
	case o.by == ByPriceDown || o.by == ByCaratDown:
		return -n
	}
	return n
}

// passed tells whether a hit belongs to the pages before.
func (o *order) passed(c *candidate) bool {
	return o.after != nil && (c.key < o.after.Key || c.key == o.after.Key && o.x.ids[c.record] <= o.after.ID)
}

// priceOf gives the least price of a record in a currency.
func (x *Index) priceOf(record, currency uint32) (least int64, ok bool) {
	if currency == 0 {
		return 0, false
	}
	t := x.tables[x.price.table]
	s := t.spans[record]
	for row := s.start; row < s.start+s.rows; row++ {
		if t.words[x.price.code].cells[row] != currency {
			continue
		}
		if n := t.numbers[x.price.column][row]; !ok || n < least {
			least, ok = n, true
		}
	}
	return least, ok
}

// caratOf gives the weight of a record's largest stone.
func (x *Index) caratOf(record uint32) (most int64, ok bool) {
	t := x.tables[x.carat.table]
	s := t.spans[record]
	for row := s.start; row < s.start+s.rows; row++ {
		most = max(most, t.numbers[x.carat.column][row])
	}
	return most, most > 0
}
