package search

import (
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/jumpring/jumpring/core/search/searchtest"
)

// FuzzParse types anything: it is read without a panic, everything is accounted for, what is shown can be asked for
// again with the same meaning, and the search answers.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"princess 1-1.5 ct F-G VS platinum under 9,000 EUR in Paris", "carat:1..1.5 -status:sold", `brand:"Maison Lumière" attr.collection:luna`, "\"", "a:b:c \x00 \xff", "€9k-12k", "not not not",
		"GIA 2141438171", "US 7 size", "1 - 2 - 3 ct", "between and", "price:..", "size:52..54", "or or or", "attr.:x", "attr.\"a b\":\"c\\\"d\"", "-", "::", "..", "0 ct", "VS1-VS", "999999999999999999999 EUR",
	} {
		f.Add(s)
	}
	x := indexOf(searchtest.Pieces(1, 60))
	people := clientsOf(clients(1, 30))
	f.Fuzz(func(t *testing.T, s string) {
		for _, side := range []struct {
			x     *Index
			rules []rule
		}{{x, pieceRules}, {people, clientRules}} {
			r := Request{Text: s, Limit: 5}
			p, err := side.x.plan(&r, side.rules, side.x.usual())
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			for _, u := range p.understood {
				if !utf8.ValidString(u.Text) || u.As == "" || u.Means == "" {
					t.Fatalf("%q: reading %+v", s, u)
				}
			}
			for _, want := range p.query.Filters {
				back, _, err := side.x.ParseFilter(side.x.String(want))
				if err != nil || !reflect.DeepEqual(sorted(want), sorted(back)) {
					t.Fatalf("%q: %s is read back as %+v, not %+v: %v", s, side.x.String(want), back, want, err)
				}
			}
			res, err := side.x.Search(p.query)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			if c, err := p.next(side.x, res); err != nil {
				t.Fatal(err)
			} else if c != "" {
				r.Cursor = c
				if _, err := side.x.plan(&r, side.rules, nil); err != nil {
					t.Fatalf("%q: its cursor: %v", s, err)
				}
			}
		}
	})
}

// FuzzFilter reads any filter: what is taken is written and read back as the same.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"carat:1..1.5", "colour:G..", "price:..9000 EUR", "price:1.234 KWD", `attr.a:"b,c"`, "-brand:x", "size:US 7", "weight:1g..2g", "clarity:VS..SI1", "serial:A*", "fineness:18k,750"} {
		f.Add(s)
	}
	x := indexOf(searchtest.Pieces(1, 20))
	f.Fuzz(func(t *testing.T, s string) {
		got, w, err := x.ParseFilter(s)
		if err != nil || w != nil {
			return
		}
		written := x.String(got)
		if len(written) > maxFilter {
			return // as it was typed it was shorter
		}
		back, _, err := x.ParseFilter(written)
		if err != nil || !reflect.DeepEqual(sorted(got), sorted(back)) {
			t.Fatalf("%q is written %q and read back as %+v, not %+v: %v", s, written, back, got, err)
		}
	})
}
