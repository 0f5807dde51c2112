package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Range is a range of numbers in the unit of a field; the bounds belong to it. A missing bound is open.
type Range struct {
	Least, Most *int64
}

func (r Range) has(n int64) bool {
	return (r.Least == nil || n >= *r.Least) && (r.Most == nil || n <= *r.Most)
}

// Filter is one condition: a field has one of the words, or its number is in one of the ranges.
type Filter struct {
	Field  string
	Not    bool
	Code   string // of a coded field: the currency of a price, the code of a custom attribute
	Words  []string
	Ranges []Range
}

// Word is a word of free text that a record must have, in any of its texts or as one of its identifiers.
type Word struct {
	Text string
	// Key is what the word is as an identifier, in its normal form; empty where it is none.
	Key string
	// Kind says which kind of identifier alone is meant; 0 any, and the texts too.
	Kind byte
	// Whole takes neither beginnings nor slips of the pen.
	Whole bool
}

// Sort is an order of results.
type Sort string

// The orders. A price needs a currency: "price:EUR"; without one it is the query's, else the most frequent one.
const (
	ByRelevance Sort = "relevance" // the best match first
	ByPrice     Sort = "price"     // the cheapest first
	ByPriceDown Sort = "-price"    // the dearest first
	ByCarat     Sort = "carat"     // the smallest largest stone first
	ByCaratDown Sort = "-carat"    // the largest stone first
	ByNewest    Sort = "newest"    // what the hub knows for the shortest time first
)

// Sorts lists the orders.
func Sorts() []Sort { return []Sort{ByRelevance, ByPrice, ByPriceDown, ByCarat, ByCaratDown, ByNewest} }

// Query is what to find. Every filter and every word must be met.
type Query struct {
	Filters []Filter
	Words   []Word
	Sort    Sort
	// Currency is that of the sort by price; empty to choose.
	Currency string
	// Facets are the fields whose values are counted; nil for none.
	Facets []string
	Limit  int
	// After is where the page before ended; nil for the first page.
	After *Place
}

// maxConditions bounds the conditions of one query; each is looked at for each record.
const maxConditions = 30

// String writes a filter as it is read: "colour:F..G", "-status:sold", "price:..9000 EUR".
func (x *Index) String(f Filter) string {
	field := x.fields[f.Field]
	var b strings.Builder
	if f.Not {
		b.WriteByte('-')
	}
	b.WriteString(f.Field)
	if f.Code != "" && field.codeFirst {
		b.WriteString("." + quoted(f.Code))
	}
	b.WriteByte(':')
	sep := ""
	for _, w := range collapse(field.scale, f.Words) {
		b.WriteString(sep + w)
		sep = ","
	}
	for _, r := range f.Ranges {
		b.WriteString(sep)
		sep = ","
		switch {
		case r.Least != nil && r.Most != nil && *r.Least == *r.Most:
			b.WriteString(field.shown(*r.Least, f.Code))
			continue
		case r.Least != nil:
			b.WriteString(field.shown(*r.Least, f.Code))
		}
		b.WriteString("..")
		if r.Most != nil {
			b.WriteString(field.shown(*r.Most, f.Code))
		}
	}
	if f.Code != "" && !field.codeFirst {
		b.WriteString(" " + f.Code)
	}
	return b.String()
}

// shown writes a number without the code that follows the whole filter.
func (f *Field) shown(n int64, code string) string {
	if f.coded && f.number() {
		return moneyShown(n, code)
	}
	return f.show(n)
}

// collapse writes neighbours on a scale as ranges: VS1,VS2 is "VS1..VS2". Other words are quoted where they must be.
func collapse(scale, words []string) []string {
	var out []string
	var steps []int
	for _, w := range words {
		if i := slices.Index(scale, w); i >= 0 {
			steps = append(steps, i)
		} else {
			out = append(out, quoted(w))
		}
	}
	slices.Sort(steps)
	steps = slices.Compact(steps)
	var ranges []string
	for i := 0; i < len(steps); {
		k := i
		for k+1 < len(steps) && steps[k+1] == steps[k]+1 {
			k++
		}
		if k == i {
			ranges = append(ranges, quoted(scale[steps[i]]))
		} else {
			ranges = append(ranges, scale[steps[i]]+".."+scale[steps[k]])
		}
		i = k + 1
	}
	return append(ranges, out...)
}

// quoted puts quotation marks around a word that would not be read as one.
func quoted(w string) string {
	if w == "" || strings.ContainsAny(w, " ,:\"\\&\t\n.") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
	}
	return w
}

// unquoted takes quotation marks off.
func unquoted(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	if len(s) < 2 || !strings.HasSuffix(s, `"`) {
		return "", errors.New("a quotation mark is missing")
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s[1 : len(s)-1]), nil
}

// FilterError tells what of a filter could not be read, and what to write.
type FilterError struct {
	Filter, Why string
}

func (e *FilterError) Error() string { return fmt.Sprintf("filter %q: %s", e.Filter, e.Why) }
