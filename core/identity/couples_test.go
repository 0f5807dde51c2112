package identity

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two people of one house who are easily taken for one: family name, address and phone are the same.
var households = []struct {
	name    string
	records []Person
	// apart are pairs of records, by their place, that must not come into one cluster; together are those that must.
	apart, together [][2]int
}{
	{
		name:    "who is meant by Sam is not said",
		records: []Person{{Given: "samuel"}, {Given: "samantha"}, {Given: "sam"}},
		apart:   [][2]int{{0, 1}, {0, 2}, {1, 2}},
	},
	{
		name:    "a Sam of another mailbox is not Samuel",
		records: []Person{{Given: "samuel", Emails: []string{"samuel.elpole@example.org"}}, {Given: "sam", Emails: []string{"elpole69@example.net"}}},
		apart:   [][2]int{{0, 1}},
	},
	{
		name:     "Sam with Samuel's mailbox is Samuel",
		records:  []Person{{Given: "samuel", Emails: []string{"samuel.elpole@example.org"}}, {Given: "sam", Emails: []string{"samuel.elpole@example.org"}}},
		together: [][2]int{{0, 1}},
	},
	{
		name:     "a short form of one name alone",
		records:  []Person{{Given: "timothy", Emails: []string{"tim@example.org"}}, {Given: "tim", Emails: []string{"elpole@example.net"}}},
		together: [][2]int{{0, 1}},
	},
	{
		name:    "a couple with one initial",
		records: []Person{{Given: "james"}, {Given: "janet"}, {Given: "j"}},
		apart:   [][2]int{{0, 1}, {0, 2}, {1, 2}},
	},
	{
		name:    "father and son by what follows the name",
		records: []Person{{Given: "john", Family: "elpole sr"}, {Given: "john", Family: "elpole jr"}, {Given: "john jr"}},
		apart:   [][2]int{{0, 1}, {0, 2}}, together: [][2]int{{1, 2}},
	},
	{
		name:    "a John of whom it is not said",
		records: []Person{{Given: "john", Family: "elpole sr"}, {Given: "john", Family: "elpole jr"}, {Given: "john"}},
		apart:   [][2]int{{0, 1}, {0, 2}, {1, 2}},
	},
	{
		name:    "mother and daughter of one name by their birthdays",
		records: []Person{{Given: "maria", Birthday: Date{1951, 3, 14}}, {Given: "maria", Birthday: Date{1978, 11, 26}}, {Given: "maria"}},
		apart:   [][2]int{{0, 1}, {0, 2}, {1, 2}},
	},
	{
		name:     "the mother's own mailbox says which Maria",
		records:  []Person{{Given: "maria", Birthday: Date{1951, 3, 14}, Emails: []string{"me51@example.org"}}, {Given: "maria", Birthday: Date{1978, 11, 26}}, {Given: "maria", Emails: []string{"me51@example.org"}}},
		apart:    [][2]int{{0, 1}, {1, 2}},
		together: [][2]int{{0, 2}},
	},
	{
		name:    "twins",
		records: []Person{{Given: "anna", Birthday: Date{1990, 5, 6}}, {Given: "lena", Birthday: Date{1990, 5, 6}}},
		apart:   [][2]int{{0, 1}},
	},
	{
		name:    "twins whose names look alike",
		records: []Person{{Given: "mario", Birthday: Date{1990, 5, 6}}, {Given: "maria", Birthday: Date{1990, 5, 6}}},
		apart:   [][2]int{{0, 1}},
	},
	{
		name:    "twins of names that nobody knows",
		records: []Person{{Given: "zoltana", Birthday: Date{1990, 5, 6}}, {Given: "xaviera", Birthday: Date{1990, 5, 6}}},
		apart:   [][2]int{{0, 1}},
	},
}

// TestTwoOfOneHouseAreNotOne joins each household in the fold's way and in the batch's, in many orders of arrival.
func TestTwoOfOneHouseAreNotOne(t *testing.T) {
	w := Default(1000)
	for _, tc := range households {
		t.Run(tc.name, func(t *testing.T) {
			ways := map[string]func([]Person) [][]string{
				"fold":  func(nodes []Person) [][]string { return JoinPersons(nodes, nil, w).Clusters },
				"batch": func(nodes []Person) [][]string { return batch(nodes, w) },
			}
			for way, join := range ways {
				for seed := range uint64(24) {
					// Which record has the smaller id depends on the seed, and so does the order in which they come.
					rng := rand.New(rand.NewPCG(seed, 3))
					ids := rng.Perm(len(tc.records))
					nodes := make([]Person, len(tc.records))
					for i, r := range tc.records {
						r.Node, r.Phones = string(rune('a'+ids[i])), []string{"+441703775149"}
						r.Places = []Where{{Line: "54 Green Lane", City: "Chester", PostalCode: "28292"}}
						if r.Family == "" {
							r.Family = "elpole"
						}
						nodes[i] = r
					}
					at := make(map[string]int)
					shuffled := slices.Clone(nodes)
					rng.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
					found := join(shuffled)
					for i, c := range found {
						for _, n := range c {
							at[n] = i
						}
					}
					show := func() string {
						var out []string
						for _, c := range found {
							out = append(out, strings.Join(c, "+"))
						}
						return strings.Join(out, " ")
					}
					for _, p := range tc.apart {
						require.NotEqual(t, at[nodes[p[0]].Node], at[nodes[p[1]].Node], "%s, seed %d: records %v of %s are put together", way, seed, p, show())
					}
					for _, p := range tc.together {
						require.Equal(t, at[nodes[p[0]].Node], at[nodes[p[1]].Node], "%s, seed %d: records %v of %s are not put together", way, seed, p, show())
					}
				}
			}
		})
	}
}

// batch puts nodes together as a job over all records does.
func batch(nodes []Person, w *Weights) [][]string {
	at, ids := make(map[string]*Profile), []string{}
	for i := range nodes {
		at[nodes[i].Node] = nodes[i].prepared(w)
		ids = append(ids, nodes[i].Node)
	}
	var edges []Edge
	for i, a := range ids {
		for _, b := range ids[i+1:] {
			l := Compare(at[a], at[b])
			if !Apart(&l, at[a], at[b]) {
				edges = append(edges, Edge{A: a, B: b, Score: w.ScoreLevels(&l, at[a], at[b]), Rank: w.Rank(&l, at[a], at[b]), Unclear: Unclear(&l)})
			}
		}
	}
	return Clusters(ids, edges, nil, w.Auto, func(x, y string) int32 {
		l := Compare(at[x], at[y])
		if Apart(&l, at[x], at[y]) {
			return Never
		}
		return w.ScoreLevels(&l, at[x], at[y])
	})
}
