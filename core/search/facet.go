package search

import (
	"cmp"
	"slices"
	"strings"
)

// Facet counts the values that a field has among what was found. A filter on the field itself is left out of its own
// count, so that the other values that could be chosen show.
type Facet struct {
	Field  string       `json:"field" class:"public"`
	What   string       `json:"what" class:"public"`
	Values []FacetValue `json:"values" class:"public"`
	// More is how many other values there are behind those listed.
	More int `json:"more,omitempty" class:"public"`
}

// FacetValue is one value, or band, of a facet.
type FacetValue struct {
	Value string `json:"value" class:"public"`
	Count int    `json:"count" class:"public"`
	// Filter asks for this value.
	Filter string `json:"filter" class:"public"`
}

// maxValues is how many values of a facet are listed.
const maxValues = 30

// counter counts one facet.
type counter struct {
	field *Field
	code  string // of a facet of one code ("attr.collection")
	group int    // whose conditions it partly leaves out; -1 for none
	own   uint32 // the conditions left out
	table *table

	only   []bool // the code's numbers; nil for any
	counts []uint32
	seen   []uint32  // the record that counted last, so that none counts twice
	scales []int64   // of prices: minor units of a major one, by the currency's number
	bounds [][]int64 // of prices: the bands in minor units, by the currency's number
}

// counters prepares the facets asked for.
func (x *Index) counters(names []string, groups []group) ([]counter, error) {
	out := make([]counter, 0, len(names))
	for _, name := range names {
		base, code, _ := strings.Cut(name, ".")
		field := x.fields[name]
		if field == nil {
			if field = x.fields[base]; field == nil || !field.codeFirst || code == "" {
				return nil, &FilterError{name, "there is no such field to count"}
			}
			if plain, err := unquoted(code); err == nil {
				code = plain
			}
		} else if code = ""; field.codeFirst || field.number() && field.Bands == nil {
			return nil, &FilterError{name, "its values can't be counted"}
		}
		t := x.tables[field.table]
		c := counter{field: field, code: code, group: -1, table: t}
		for i := range groups {
			g := &groups[i]
			if g.table != t || g.not || field.codeFirst && fold(g.code) != fold(code) || !field.coded && g.code != "" {
				continue
			}
			if c.group >= 0 { // of two currencies the first is left out
				continue
			}
			c.group = i
			for k := range g.conds {
				if g.conds[k].field == field && !(field.codeFirst && k == 0) {
					c.own |= 1 << k
				}
			}
			g.counted = g.counted || c.own != 0
		}
		size := 0
		switch {
		case field.number() && field.coded:
			d := t.words[field.code].dict
			c.scales = scalesOf(d)
			for _, scale := range c.scales {
				bounds := make([]int64, len(field.Bands))
				for i := range bounds {
					bounds[i] = field.Bands[i] * scale
				}
				c.bounds = append(c.bounds, bounds)
			}
			size = len(d.words) * (len(field.Bands) + 1)
		case field.number():
			size = len(field.Bands) + 1
		default:
			size = len(t.words[field.column].dict.words)
		}
		if field.codeFirst {
			c.only = t.words[field.code].dict.allowed([]string{code})
		}
		c.counts, c.seen = make([]uint32, size), make([]uint32, size)
		out = append(out, c)
	}
	return out, nil
}

// count adds records, of which the rows count that meet the other conditions of their table.
func (c *counter) count(records []uint32, groups []group) {
	spans := c.table.spans
	if !c.field.number() && c.group < 0 && c.only == nil {
		// The usual case, without what the others need: each word of a row counts.
		cells := c.table.words[c.field.column].cells
		for _, record := range records {
			if s := spans[record]; s.rows == 1 {
				c.counts[cells[s.start]]++
			} else if s.rows > 1 {
				c.rows(record, s, groups)
			}
		}
		return
	}
	for _, record := range records {
		c.rows(record, spans[record], groups)
	}
}

func (c *counter) rows(record uint32, s span, groups []group) {
	for row := s.start; row < s.start+s.rows; row++ {
		if c.group >= 0 && groups[c.group].failing(row)&^c.own != 0 {
			continue
		}
		if c.only != nil && !c.only[c.table.words[c.field.code].cells[row]] {
			continue
		}
		v := c.valueOf(row)
		if v < 0 {
			continue
		}
		if s.rows > 1 {
			if c.seen[v] == record+1 {
				continue
			}
			c.seen[v] = record + 1
		}
		c.counts[v]++
	}
}

// valueOf is what a row counts as: the number of its word, or of its band; -1 where it has no such number.
func (c *counter) valueOf(row uint32) int {
	if !c.field.number() {
		return int(c.table.words[c.field.column].cells[row])
	}
	n := c.table.numbers[c.field.column][row]
	if !c.field.coded {
		if n == 0 {
			return -1
		}
		return band(c.field.Bands, n)
	}
	currency := c.table.words[c.field.code].cells[row]
	return int(currency)*(len(c.field.Bands)+1) + band(c.bounds[currency], n)
}

// band is the number of bounds at or below n.
func band(bounds []int64, n int64) int {
	low, high := 0, len(bounds)
	for low < high {
		if middle := (low + high) / 2; bounds[middle] > n {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return low
}

// facet writes the counts out.
func (c *counter) facet(x *Index, groups []group) Facet {
	f := Facet{Field: c.field.Name, What: c.field.What, Values: []FacetValue{}}
	if c.code != "" {
		f.Field += "." + quoted(c.code)
	}
	if c.field.number() {
		c.bands(x, &f)
		return f
	}
	d := c.table.words[c.field.column].dict
	byWord := map[string]int{}
	for code, n := range c.counts {
		if n > 0 {
			d.parts(uint32(code), func(word, _ string) { byWord[word] += int(n) })
		}
	}
	for word, n := range byWord {
		f.Values = append(f.Values, FacetValue{Value: word, Count: n, Filter: x.String(Filter{Field: c.field.Name, Code: c.code, Words: []string{word}})})
	}
	slices.SortFunc(f.Values, func(a, b FacetValue) int {
		if scale := c.field.scale; scale != nil {
			if o := cmp.Compare(uint(slices.Index(scale, a.Value)), uint(slices.Index(scale, b.Value))); o != 0 {
				return o
			}
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if n := len(f.Values) - maxValues; n > 0 {
		f.Values, f.More = f.Values[:maxValues], n
	}
	return f
}

// bands writes the counts of a number's bands, of prices currency by currency.
func (c *counter) bands(x *Index, f *Facet) {
	n := len(c.field.Bands) + 1
	for first := 0; first < len(c.counts); first += n {
		scale, currency := int64(1), ""
		if c.field.coded {
			code := first / n
			scale, currency = c.scales[code], c.table.words[c.field.code].dict.words[code]
		}
		for i, count := range c.counts[first : first+n] {
			if count == 0 || c.field.coded && currency == "" {
				continue
			}
			var r Range
			if i > 0 {
				least := c.field.Bands[i-1] * scale
				r.Least = &least
			}
			if i < len(c.field.Bands) {
				most := c.field.Bands[i]*scale - 1
				r.Most = &most
			}
			filter := x.String(Filter{Field: c.field.Name, Code: currency, Ranges: []Range{r}})
			_, value, _ := strings.Cut(filter, ":")
			f.Values = append(f.Values, FacetValue{Value: value, Count: int(count), Filter: filter})
		}
	}
	slices.SortStableFunc(f.Values, func(a, b FacetValue) int {
		return cmp.Compare(currencyOfBand(a.Value), currencyOfBand(b.Value))
	})
}

func currencyOfBand(v string) string {
	_, currency, _ := strings.Cut(v, " ")
	return currency
}
