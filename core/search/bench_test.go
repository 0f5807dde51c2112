package search

import (
	"testing"

	"github.com/jumpring/jumpring/core/search/searchtest"
)

func BenchmarkSearch(b *testing.B) {
	x := indexOf(searchtest.Pieces(1, 100_000))
	for name, r := range map[string]Request{
		"everything": {}, "one filter": {Filters: []string{"shape:round"}}, "five filters": {Filters: []string{"shape:round", "carat:1..1.5", "colour:F..G", "metal:platinum", "price:..9000 EUR"}},
		"text": {Text: "halo ring white"}, "slip": {Text: "vintge"}, "identifier": {Text: "RG-000042"}, "by price": {Filters: []string{"status:in_stock"}, Sort: "price:EUR"}, "newest": {Filters: []string{"brand:Stella"}, Sort: "newest"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := x.plan(&r, pieceRules, x.usual())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := x.Search(p.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
