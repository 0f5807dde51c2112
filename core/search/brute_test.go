package search

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/search/searchtest"
)

// The naive search: it looks at whole records, one condition after the other, and knows nothing of columns.

// naiveRow is what a record has in one of its parts.
type naiveRow struct {
	words   map[string][]string
	numbers map[string]int64
}

func naiveRows(it *canon.Item, field string) []naiveRow {
	switch field {
	case "shape", "colour", "clarity", "carat", "stone", "cut", "origin":
		var out []naiveRow
		for _, s := range it.Stones {
			out = append(out, naiveRow{map[string][]string{
				"shape": {s.Shape}, "colour": {s.Colour}, "clarity": {s.Clarity}, "stone": {s.Kind}, "cut": {s.Cut}, "origin": {s.Origin},
			}, map[string]int64{"carat": s.CaratThousandths}})
		}
		return out
	case "metal", "fineness", "metal_colour":
		if it.Metal == nil {
			return nil
		}
		return []naiveRow{{map[string][]string{"metal": {string(it.Metal.Kind)}, "fineness": {strconv.FormatInt(it.Metal.Fineness, 10)}, "metal_colour": {string(it.Metal.Colour)}}, nil}}
	case "price":
		var out []naiveRow
		for _, p := range it.Prices {
			out = append(out, naiveRow{map[string][]string{"currency": {p.Currency}}, map[string]int64{"price": p.Minor}})
		}
		return out
	case "attr":
		var out []naiveRow
		for _, a := range it.Attributes {
			out = append(out, naiveRow{map[string][]string{"attr": {a.Value}, "code": {a.Code}}, nil})
		}
		return out
	}
	places := []string{it.Location}
	if it.Location == "" {
		places = nil
		for _, s := range it.Stock {
			if s.OnHand > 0 {
				places = append(places, s.Location)
			}
		}
	}
	var labs []string
	for _, c := range it.Certificates {
		labs = append(labs, c.Lab)
	}
	return []naiveRow{{map[string][]string{"status": {string(it.Status)}, "brand": {it.Brand}, "category": {it.Category}, "location": places, "lab": labs, "flag": it.Flags}, nil}}
}

func exponentOf(currency string) int {
	n, _ := canon.CurrencyExponent(currency)
	return n
}

func (r *naiveRow) meets(f *Filter) bool {
	if f.Field == "attr" && !strings.EqualFold(r.words["code"][0], f.Code) {
		return false
	}
	if f.Field == "price" {
		n := r.numbers["price"]
		if f.Code != "" && r.words["currency"][0] != f.Code {
			return false
		}
		if f.Code == "" {
			for range 2 - exponentOf(r.words["currency"][0]) {
				n *= 10
			}
		}
		return slices.ContainsFunc(f.Ranges, func(g Range) bool { return (g.Least == nil || *g.Least <= n) && (g.Most == nil || n <= *g.Most) })
	}
	if n, ok := r.numbers[f.Field]; ok {
		return slices.ContainsFunc(f.Ranges, func(g Range) bool { return (g.Least == nil || *g.Least <= n) && (g.Most == nil || n <= *g.Most) })
	}
	for _, have := range r.words[f.Field] {
		for _, w := range f.Words {
			if have != "" && fold(have) == fold(w) {
				return true
			}
		}
	}
	return false
}

// part names which filters speak of one row.
func part(f *Filter) string {
	switch f.Field {
	case "shape", "colour", "clarity", "carat", "stone", "cut", "origin":
		return "stone"
	case "metal", "fineness", "metal_colour":
		return "metal"
	case "price", "attr":
		return f.Field + "." + f.Code
	}
	return "item"
}

func naiveMeets(it *canon.Item, filters []Filter) bool {
	parts := map[string][]Filter{}
	for _, f := range filters {
		if f.Not {
			for _, r := range naiveRows(it, f.Field) {
				if r.meets(&f) {
					return false
				}
			}
			continue
		}
		parts[part(&f)] = append(parts[part(&f)], f)
	}
	for _, list := range parts {
		if !slices.ContainsFunc(naiveRows(it, list[0].Field), func(r naiveRow) bool {
			for i := range list {
				if !r.meets(&list[i]) {
					return false
				}
			}
			return true
		}) {
			return false
		}
	}
	return true
}

// naiveText tells whether a record has a word, or one that begins with it, or an identifier.
func naiveText(it *canon.Item, w *Word) bool {
	var b strings.Builder
	for _, s := range []string{it.Title, it.Brand, it.StyleNo, it.Category, it.Metal.Raw, string(it.Metal.Kind), string(it.Metal.Colour)} {
		b.WriteString(s + " ")
	}
	for _, s := range it.Stones {
		b.WriteString(s.Kind + " " + s.Shape + " " + s.Raw + " ")
	}
	for _, a := range it.Attributes {
		b.WriteString(a.Value + " ")
	}
	return slices.ContainsFunc(strings.Fields(fold(b.String())), func(t string) bool { return strings.HasPrefix(t, w.Text) })
}

func naiveKey(it *canon.Item, by Sort, currency string) int64 {
	switch by {
	case ByCarat, ByCaratDown:
		var most int64
		for _, s := range it.Stones {
			most = max(most, s.CaratThousandths)
		}
		if by == ByCaratDown {
			most = -most
		}
		return most
	case ByPrice, ByPriceDown:
		least, ok := int64(0), false
		for _, p := range it.Prices {
			if p.Currency == currency && (!ok || p.Minor < least) {
				least, ok = p.Minor, true
			}
		}
		switch {
		case !ok:
			return last
		case by == ByPriceDown:
			return -least
		}
		return least
	}
	return 0
}

var naiveFacets = []string{"shape", "colour", "clarity", "stone", "metal", "fineness", "metal_colour", "status", "location", "brand", "category", "lab"}

func naiveFacet(items map[string]canon.Item, q *Query, field string) map[string]int {
	out := map[string]int{}
	var others []Filter
	for _, f := range q.Filters {
		if f.Field != field || f.Not {
			others = append(others, f)
		}
	}
	for _, it := range items {
		if !naiveMeets(&it, others) || slices.ContainsFunc(q.Words, func(w Word) bool { return !naiveText(&it, &w) }) {
			continue
		}
		seen := map[string]bool{}
		for _, r := range naiveRows(&it, field) {
			all := true
			for _, f := range others {
				if !f.Not && part(&f) == part(&Filter{Field: field}) && !r.meets(&f) {
					all = false
				}
			}
			for _, v := range r.words[field] {
				if all && v != "" && !seen[v] {
					seen[v] = true
					out[v]++
				}
			}
		}
	}
	return out
}

func randomFilters(r *rand.Rand, x *Index) []Filter {
	choices := []string{
		"shape:round", "shape:princess,oval", "colour:F..H", "colour:D..Z", "clarity:VS", "clarity:..VS2", "carat:0.5..1.5", "carat:1..", "stone:sapphire", "stone:diamond", "metal:gold",
		"metal:platinum,silver", "metal_colour:white", "fineness:18k", "status:in_stock", "-status:sold", "status:in_stock,reserved", "location:boutique-paris", "location:geneva", "brand:aurum",
		"-brand:Stella,lotus", "category:rings", "lab:GIA", "price:..9000 EUR", "price:1000..20000 USD", "price:..5000", "price:..900000 JPY", "attr.collection:luna", "attr.season:ss26", "-shape:round", "-clarity:SI", "cut:excellent",
		"flag:stock.conflict", "origin:natural",
	}
	var out []Filter
	for range r.IntN(5) {
		f, _, err := x.ParseFilter(choices[r.IntN(len(choices))])
		if err != nil {
			panic(err)
		}
		if !slices.ContainsFunc(out, func(o Filter) bool { return o.Field == f.Field && o.Not == f.Not && o.Code == f.Code }) {
			out = append(out, f)
		}
	}
	return out
}

func seeds(t *testing.T, short int) int {
	if s := os.Getenv("JUMPRING_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		return n
	}
	return short
}

// TestTheIndexAnswersAsALookAtEachRecordWould changes records at random and compares hits, order, totals and facets
// with those of the naive search.
func TestTheIndexAnswersAsALookAtEachRecordWould(t *testing.T) {
	for seed := range uint64(seeds(t, 4)) {
		r := searchtest.Rand(seed)
		x := indexOf(nil)
		items := map[string]canon.Item{}
		for round := range 6 {
			var put []document
			var gone []string
			for range 40 {
				n := r.IntN(250)
				it := searchtest.Piece(r, n)
				if _, known := items[it.ID]; known && r.IntN(3) == 0 {
					gone = append(gone, it.ID)
					delete(items, it.ID)
					put = slices.DeleteFunc(put, func(d document) bool { return d.id == it.ID })
					continue
				}
				gone = slices.DeleteFunc(gone, func(id string) bool { return id == it.ID })
				items[it.ID] = it
				put = slices.DeleteFunc(put, func(d document) bool { return d.id == it.ID })
				put = append(put, pieces.document(it.ID, it.Version, &Piece{Item: it}))
			}
			x.change(put, gone)
			require.Equal(t, len(items), x.Len())
			for range 8 {
				compareSearch(t, x, items, r, fmt.Sprintf("seed %d round %d", seed, round))
			}
		}
	}
}

func allWritten(x *Index, filters []Filter) string {
	var out []string
	for _, f := range filters {
		out = append(out, x.String(f))
	}
	return strings.Join(out, " ")
}

func compareSearch(t *testing.T, x *Index, items map[string]canon.Item, r *rand.Rand, where string) {
	t.Helper()
	q := Query{Filters: randomFilters(r, x), Limit: 1000, Facets: naiveFacets, Sort: Sorts()[r.IntN(5)], Currency: "EUR"}
	if r.IntN(3) == 0 {
		q.Words = []Word{{Text: []string{"halo", "ring", "plat", "white", "luna", "sol"}[r.IntN(6)]}}
		if !slices.ContainsFunc(x.terms.words, func(w string) bool { return strings.HasPrefix(w, q.Words[0].Text) }) {
			return // a word that nothing has is looked for with slips
		}
	}
	if len(items) > 0 && r.IntN(4) == 0 { // a word that few have, so that its number is given out again
		ids := slices.Sorted(maps.Keys(items))
		q.Words = []Word{{Text: items[ids[r.IntN(len(ids))]].StyleNo[3:]}}
	}
	what := fmt.Sprintf("%s: %s %v %s", where, allWritten(x, q.Filters), q.Words, q.Sort)
	got, err := x.Search(q)
	require.NoError(t, err, what)
	var want []string
	for id, it := range items {
		if naiveMeets(&it, q.Filters) && !slices.ContainsFunc(q.Words, func(w Word) bool { return !naiveText(&it, &w) }) {
			want = append(want, id)
		}
	}
	require.Equal(t, len(want), got.Total, what)
	if len(q.Words) == 0 || q.Sort != ByRelevance {
		slices.SortFunc(want, func(a, b string) int {
			ia, ib := items[a], items[b]
			return cmp.Or(cmp.Compare(naiveKey(&ia, q.Sort, "EUR"), naiveKey(&ib, q.Sort, "EUR")), cmp.Compare(a, b))
		})
	} else {
		slices.Sort(want)
	}
	var found []string
	for _, h := range got.Hits {
		found = append(found, h.ID)
	}
	if len(q.Words) > 0 && q.Sort == ByRelevance {
		slices.Sort(found)
	}
	require.Empty(t, gocmp.Diff(want, found, cmpopts.EquateEmpty()), what)
	for _, f := range got.Facets {
		counts := map[string]int{}
		for _, v := range f.Values {
			counts[v.Value] = v.Count
		}
		require.Zero(t, f.More)
		require.Empty(t, gocmp.Diff(naiveFacet(items, &q, f.Field), counts, cmpopts.EquateEmpty()), what+" facet "+f.Field)
	}
}
