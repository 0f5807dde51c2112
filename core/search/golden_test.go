package search

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/search/searchtest"
)

// indexOf makes an index of pieces.
func indexOf(items []canon.Item) *Index {
	x := newIndex(pieces, pieceKinds, "FR")
	var docs []document
	for i := range items {
		docs = append(docs, pieces.document(items[i].ID, items[i].Version, &Piece{Item: items[i]}))
	}
	x.change(docs, nil)
	return x
}

func clientsOf(list []canon.Client) *Index {
	x := newIndex(people, clientKinds, "FR")
	var docs []document
	for i := range list {
		docs = append(docs, people.document(list[i].ID, list[i].Version, &list[i]))
	}
	x.change(docs, nil)
	return x
}

func clients(seed uint64, n int) []canon.Client {
	r := searchtest.Rand(seed)
	out := make([]canon.Client, n)
	for i := range out {
		out[i] = searchtest.Client(r, i)
	}
	return out
}

// written gives a parsed query in one line: its filters, its identifiers, its words.
func written(x *Index, p Parsed) string {
	var out []string
	for _, f := range p.Filters {
		out = append(out, x.String(f))
	}
	for _, w := range p.Words {
		switch {
		case w.Kind != 0:
			out = append(out, "<"+string(w.Kind)+":"+w.Key+">")
		case w.Key != "":
			out = append(out, "["+w.Text+"]")
		default:
			out = append(out, `"`+w.Text+`"`)
		}
	}
	return strings.Join(out, "  ")
}

// TestGoldenQueries reads what people type. Adding a case is adding a line: what is typed, "=>", how it is read. Filters
// stand as they are written, words in quotation marks, <kind:VALUE> is an identifier, [x] a word or an identifier.
func TestGoldenQueries(t *testing.T) {
	for file, side := range map[string]struct {
		x     *Index
		rules []rule
	}{
		"pieces":  {indexOf(searchtest.Pieces(1, 300)), pieceRules},
		"clients": {clientsOf(clients(1, 200)), clientRules},
	} {
		t.Run(file, func(t *testing.T) {
			f, err := os.Open("testdata/" + file + ".txt")
			require.NoError(t, err)
			defer f.Close()
			cases := 0
			for s, n := bufio.NewScanner(f), 1; s.Scan(); n++ {
				typed, want, ok := strings.Cut(s.Text(), "=>")
				if !ok || strings.HasPrefix(typed, "#") {
					continue
				}
				cases++
				p := side.x.parse(strings.TrimSpace(typed), side.rules)
				if got := written(side.x, p); got != strings.TrimSpace(want) {
					t.Errorf("%s.txt:%d: %s\n got %s\nwant %s", file, n, strings.TrimSpace(typed), got, strings.TrimSpace(want))
				}
				// Everything that was typed is accounted for, in order.
				var said []string
				for _, r := range p.Understood {
					said = append(said, r.Text)
					require.NotEmpty(t, r.As, r.Text)
					require.NotEmpty(t, r.Means, r.Text)
				}
				var all []string
				for _, tok := range tokens(strings.TrimSpace(typed)) {
					all = append(all, tok.text)
				}
				require.Equal(t, strings.Join(all, " "), strings.Join(said, " "))
				// What a person is shown is read back as the same.
				for _, want := range p.Filters {
					back, _, err := side.x.ParseFilter(side.x.String(want))
					require.NoError(t, err, side.x.String(want))
					require.Equal(t, sorted(want), sorted(back), side.x.String(want))
				}
			}
			require.Greater(t, cases, 10)
		})
	}
}

func sorted(f Filter) Filter {
	f.Words = slices.Sorted(slices.Values(f.Words))
	return f
}
