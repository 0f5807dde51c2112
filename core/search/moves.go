package search

import "slices"

// moves remembers the sort keys that records had before they changed. A person who turns pages while prices change
// goes on in the order of their first page: a piece whose price falls from a page that is still to come to one that is
// past is not missed, and one that rises is not seen twice.
type moves struct {
	now  Moment
	list []move // the oldest first
}

// Moment is a state of an index: Start tells one start of the process from another, Step counts its changes.
type Moment struct {
	Start int64  `json:"s"`
	Step  uint64 `json:"n"`
}

// maxMoves bounds what is remembered. Behind more moves than that since the first page, the order of the pages that
// are left is that of now.
const maxMoves = 8192

type move struct {
	step uint64 // the change that moved it
	id   string
	keys sortKeys
}

// sortKeys are the sort keys of a record that can change.
type sortKeys struct {
	carat  int64
	prices []pricedAt // the least of each currency
}

type pricedAt struct {
	currency string
	minor    int64
}

func (k *sortKeys) of(by Sort, currency string) (int64, bool) {
	if by == ByCarat || by == ByCaratDown {
		return k.carat, k.carat > 0
	}
	for _, p := range k.prices {
		if p.currency == currency {
			return p.minor, true
		}
	}
	return 0, false
}

// sortKeysOf reads the keys of a record as it is in the index.
func (x *Index) sortKeysOf(record uint32) sortKeys {
	var k sortKeys
	if x.carat != nil {
		k.carat, _ = x.caratOf(record)
	}
	if x.price == nil {
		return k
	}
	t := x.tables[x.price.table]
	s := t.spans[record]
	col := t.words[x.price.code]
	for row := s.start; row < s.start+s.rows; row++ {
		currency := col.dict.words[col.cells[row]]
		if !slices.ContainsFunc(k.prices, func(p pricedAt) bool { return p.currency == currency }) {
			minor, _ := x.priceOf(record, col.cells[row])
			k.prices = append(k.prices, pricedAt{currency, minor})
		}
	}
	return k
}

func (k *sortKeys) equal(o *sortKeys) bool {
	return k.carat == o.carat && slices.Equal(k.prices, o.prices)
}

// note remembers the keys that a record had until the change that is being made.
func (m *moves) note(id string, was sortKeys) {
	if len(m.list) == 2*maxMoves {
		m.list = append(m.list[:0], m.list[maxMoves:]...)
	}
	m.list = append(m.list, move{m.now.Step, id, was})
}

// since gives the keys that records had at a moment, of those that changed after it. Of a moment before the process
// began nothing is known.
func (m *moves) since(at Moment) map[string]*sortKeys {
	out := map[string]*sortKeys{}
	if at.Start != m.now.Start {
		return out
	}
	for i := len(m.list) - 1; i >= 0 && m.list[i].step > at.Step; i-- {
		out[m.list[i].id] = &m.list[i].keys // an earlier one comes later and stays
	}
	return out
}
