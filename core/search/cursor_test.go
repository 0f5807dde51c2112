package search

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/search/searchtest"
)

// TestPagesHaveEachRecordOnceWhileRecordsChange turns pages while other records come, go and change what they are
// sorted by. Every record that is there from the first page to the last is seen once.
func TestPagesHaveEachRecordOnceWhileRecordsChange(t *testing.T) {
	for _, sort := range []string{"", "price:EUR", "-price:EUR", "carat", "-carat", "newest"} {
		t.Run("by "+sort, func(t *testing.T) {
			for seed := range uint64(seeds(t, 3)) {
				r := searchtest.Rand(seed)
				items := searchtest.Pieces(seed, 300)
				x := indexOf(items)
				stays := map[string]bool{}
				for i := range items[:200] {
					stays[items[i].ID] = true
				}
				seen := map[string]int{}
				req := Request{Sort: sort, Limit: 7, Text: "ring or necklace or -status:none"}
				req.Text = ""
				for pages := 0; ; pages++ {
					require.Less(t, pages, 1000)
					p, err := x.plan(&req, pieceRules, nil)
					require.NoError(t, err)
					res, err := x.Search(p.query)
					require.NoError(t, err)
					for _, h := range res.Hits {
						seen[h.ID]++
					}
					req.Cursor, err = p.next(x, res)
					require.NoError(t, err)
					if req.Cursor == "" {
						break
					}
					var put []document
					var gone []string
					for range 10 {
						it := items[r.IntN(len(items))]
						if !stays[it.ID] && r.IntN(2) == 0 {
							gone = append(gone, it.ID)
							continue
						}
						it.Prices = []canon.Price{{Connection: "web-eu", Money: canon.Money{Minor: r.Int64N(5_000_000), Currency: "EUR"}}}
						it.Stones = []canon.Stone{{Kind: "diamond", CaratThousandths: r.Int64N(3000), Count: 1}}
						put = append(put, pieces.document(it.ID, it.Version, &Piece{Item: it}))
					}
					x.change(put, gone)
				}
				for id := range stays {
					require.Equal(t, 1, seen[id], "seed %d: %s", seed, id)
				}
				for id, n := range seen {
					require.LessOrEqual(t, n, 1, "seed %d: %s", seed, id)
				}
			}
		})
	}
}

func TestACursorBelongsToItsSearch(t *testing.T) {
	x := indexOf(searchtest.Pieces(1, 100))
	first := Request{Text: "rings in paris", Limit: 3}
	p, err := x.plan(&first, pieceRules, nil)
	require.NoError(t, err)
	res, err := x.Search(p.query)
	require.NoError(t, err)
	cursor, err := p.next(x, res)
	require.NoError(t, err)
	require.NotEmpty(t, cursor)
	for name, r := range map[string]Request{
		"other words": {Text: "rings in geneva", Cursor: cursor}, "other order": {Text: "rings in paris", Sort: "carat", Cursor: cursor},
		"another filter": {Text: "rings in paris", Filters: []string{"status:sold"}, Cursor: cursor}, "nonsense": {Text: "rings in paris", Cursor: "x"}, "cut off": {Text: "rings in paris", Cursor: cursor[:20]},
	} {
		_, err := x.plan(&r, pieceRules, nil)
		require.ErrorIs(t, err, ErrCursor, name)
	}
	// A place that comes into being between two pages does not change what they are pages of.
	it := searchtest.Pieces(9, 1)[0]
	it.ID, it.Location = "itm_zz", "paris-airport"
	x.change([]document{pieces.document(it.ID, it.Version, &Piece{Item: it})}, nil)
	second := Request{Text: "rings in paris", Cursor: cursor}
	q, err := x.plan(&second, pieceRules, nil)
	require.NoError(t, err)
	require.Equal(t, p.query.Filters, q.query.Filters)
}
