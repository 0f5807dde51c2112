package identity

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClusters(t *testing.T) {
	nodes := []string{"a", "b", "c", "d"}
	for _, tc := range []struct {
		name      string
		edges     []Edge
		decisions []Decision
		want      string
	}{
		{"nothing in common", nil, nil, "a b c d"},
		{"a chain", []Edge{{A: "a", B: "b", Score: 900}, {A: "b", B: "c", Score: 900}}, nil, "a+b+c d"},
		{"below the threshold", []Edge{{A: "a", B: "b", Score: 600}}, nil, "a b c d"},
		{"the better edge first", []Edge{{A: "a", B: "b", Score: 700}, {A: "b", B: "c", Score: 900}}, []Decision{{A: "a", B: "c"}}, "a b+c d"},
		{"said to be one", nil, []Decision{{A: "d", B: "a", Same: true}}, "a+d b c"},
		{"two stay two where decisions contradict", nil, []Decision{{A: "a", B: "b", Same: true}, {A: "b", B: "c", Same: true}, {A: "a", B: "c"}}, "a+b c d"},
		{"against a whole cluster one edge is not enough", []Edge{{A: "a", B: "b", Score: 900}, {A: "c", B: "d", Score: 900}, {A: "b", B: "c", Score: 700}, {A: "a", B: "c", Score: -900}, {A: "a", B: "d", Score: -900}, {A: "b", B: "d", Score: -900}}, nil, "a+b c+d"},
		{"two who score Never stay two", []Edge{{A: "a", B: "b", Score: 900}, {A: "b", B: "d", Score: 890}}, nil, "a+b c d"},
		{"by rank before score", []Edge{{A: "a", B: "b", Score: 900}, {A: "b", B: "d", Score: 700, Rank: 1}}, nil, "a b+d c"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Clusters(nodes, tc.edges, tc.decisions, 650, func(a, b string) int32 {
				if min(a, b) == "a" && max(a, b) == "d" {
					return Never
				}
				return 0
			})
			require.Equal(t, tc.want, showPersons(got))
		})
	}
}

// TestClustersDoNotDependOnOrder shuffles and repeats random edges and decisions: the clusters are the same, they hold
// every node once, never two that a person said to be two, and without the decisions they are as they were.
func TestClustersDoNotDependOnOrder(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 6))
		var nodes []string
		for i := range 3 + rng.IntN(20) {
			nodes = append(nodes, fmt.Sprintf("n%02d", i))
		}
		pick := func() string { return nodes[rng.IntN(len(nodes))] }
		var edges []Edge
		for range rng.IntN(40) {
			edges = append(edges, Edge{A: pick(), B: pick(), Score: int32(rng.IntN(1200)), Rank: int32(rng.IntN(2))})
		}
		var decisions []Decision
		for range rng.IntN(8) {
			decisions = append(decisions, Decision{A: pick(), B: pick(), Same: rng.IntN(2) == 0})
		}
		against := func(a, b string) int32 { return int32(strings.Compare(a, b)) * int32(len(a)+int(a[2])-int(b[2])) * 20 }
		symmetric := func(a, b string) int32 { return against(min(a, b), max(a, b)) }
		without := Clusters(nodes, edges, nil, 650, symmetric)
		want := Clusters(nodes, edges, decisions, 650, symmetric)
		seen := 0
		for _, c := range want {
			seen += len(c)
			require.True(t, slices.IsSorted(c))
			for _, d := range decisions {
				require.False(t, !d.Same && d.A != d.B && slices.Contains(c, d.A) && slices.Contains(c, d.B), "seed %d: %+v", seed, d)
			}
		}
		require.Equal(t, len(nodes), seen)
		for range 4 {
			edges = append(edges, edges[:len(edges)/3]...)
			rng.Shuffle(len(nodes), func(i, k int) { nodes[i], nodes[k] = nodes[k], nodes[i] })
			rng.Shuffle(len(edges), func(i, k int) { edges[i], edges[k] = edges[k], edges[i] })
			rng.Shuffle(len(decisions), func(i, k int) { decisions[i], decisions[k] = decisions[k], decisions[i] })
			require.Equal(t, want, Clusters(nodes, edges, decisions, 650, symmetric), "seed %d", seed)
		}
		require.Equal(t, without, Clusters(nodes, edges, nil, 650, symmetric), "taken back, nothing is left of a decision")
	}
}

func TestCompareIsSymmetricAndScoresWeighIt(t *testing.T) {
	w := Default(10_000)
	profiles := make([]*Profile, 0, 40)
	rng := rand.New(rand.NewPCG(1, 1))
	pick := func(s string) string { f := strings.Fields(s); return f[rng.IntN(len(f))] }
	for i := range 40 {
		profiles = append(profiles, NewProfile(fmt.Sprint(i), &Facts{
			Given: pick("anna ana hannah robert bob rob r mario maria"), Family: pick("berg berger bergman rossi anna"), Birthday: Date{1970, 1 + rng.IntN(2), 1 + rng.IntN(3)},
			Emails: []string{pick("a@example.org anna.berg@example.org anna.berg@example.net bob99@x.org")}, Phones: []string{pick("+33612345678 0612345678 +33612345679")},
			Addresses: []Where{{Line: pick("12 13") + " Main Street", City: pick("Paris Lyon"), PostalCode: pick("75001 75002")}, {City: pick("Paris Lyon")}},
		}, w))
	}
	for _, a := range profiles {
		for _, b := range profiles {
			require.Equal(t, Compare(a, b), Compare(b, a))
			require.Equal(t, w.Score(a, b), w.Score(b, a))
		}
	}
}

func TestCompareLevels(t *testing.T) {
	w := Default(10_000)
	for _, tc := range []struct {
		field Field
		a, b  Facts
		want  string
	}{
		{Given, Facts{Given: "Robert"}, Facts{Given: "Bob"}, "variant"},
		{Given, Facts{Given: "Наталья"}, Facts{Given: "Natalya"}, "variant"},
		{Given, Facts{Given: "Anna Maria"}, Facts{Given: "Maria"}, "variant"},
		{Given, Facts{Given: "Jürgen"}, Facts{Given: "Juergen"}, "variant"},
		{Given, Facts{Given: "Xanthippe"}, Facts{Given: "Xantippe"}, "variant"},
		{Given, Facts{Given: "Wilhelmina"}, Facts{Given: "Wilhemlina"}, "slip"},
		{Given, Facts{Given: "H."}, Facts{Given: "Hélène"}, "initial"},
		{Given, Facts{Given: "Mario"}, Facts{Given: "Maria"}, "differ"},
		{Given, Facts{Given: "Paul"}, Facts{Given: "Paula"}, "differ"},
		{Given, Facts{Given: "Anna"}, Facts{}, "missing"},
		{Given, Facts{Given: "Ruiz", Family: "Ana"}, Facts{Given: "Ana", Family: "Ruiz"}, "swapped"},
		{Family, Facts{Family: "O’Brien-Müller"}, Facts{Family: "Mueller"}, "variant"},
		{Family, Facts{Family: "Chernov"}, Facts{Family: "Tschernow"}, "variant"},
		{Family, Facts{Family: "Hoffmann"}, Facts{Family: "Hoffmamn"}, "slip"},
		{Birthday, Facts{Birthday: Date{1970, 4, 3}}, Facts{Birthday: Date{1970, 3, 4}}, "day_month_swapped"},
		{Birthday, Facts{Birthday: Date{1970, 4, 3}}, Facts{Birthday: Date{1971, 4, 3}}, "slip"},
		{Birthday, Facts{Birthday: Date{1970, 4, 3}}, Facts{Birthday: Date{Month: 4, Day: 3}}, "part"},
		{Email, Facts{Emails: []string{"oakwald72@web.de"}}, Facts{Emails: []string{"oakwald72@gmail.com"}}, "mailbox"},
		{Email, Facts{Given: "Anna", Family: "Smith", Emails: []string{"anna.smith@web.de"}}, Facts{Given: "Anna", Family: "Smith", Emails: []string{"anna.smith@gmail.com"}}, "namesake"},
		{Email, Facts{Emails: []string{"oakwald@gmial.com"}}, Facts{Emails: []string{"oakwald@gmail.com"}}, "slip"},
		{Phone, Facts{Phones: []string{"+33612345678"}}, Facts{Phones: []string{"06 12 34 56 78"}}, "equal"},
		{Phone, Facts{Phones: []string{"310/246-1501"}}, Facts{Phones: []string{"310-246-1510"}}, "slip"},
		{PersonID, Facts{PersonIDs: []string{"L-0012345"}}, Facts{PersonIDs: []string{"l0012354"}}, "slip"},
		{Street, Facts{Addresses: []Where{{Line: "12 Main Street"}}}, Facts{Addresses: []Where{{Line: "Main St. 12"}}}, "equal"},
		{Street, Facts{Addresses: []Where{{Line: "Hauptstraße 7"}}}, Facts{Addresses: []Where{{Line: "Hauptstr. 9"}}}, "other_number"},
		{Place, Facts{Addresses: []Where{{City: "Zürich", PostalCode: "8001"}}}, Facts{Addresses: []Where{{City: "Zuerich", PostalCode: "08001"}}}, "equal"},
		{Name, Facts{Name: "The Golden Dragon"}, Facts{Name: "Golden Dragon Restaurant"}, "much"},
	} {
		l := Compare(NewProfile("a", &tc.a, w), NewProfile("b", &tc.b, w))
		require.Equal(t, tc.want, LevelName(tc.field, l[tc.field]), "%s: %+v and %+v", tc.field, tc.a, tc.b)
	}
}

func TestWeightsAreJournaledByName(t *testing.T) {
	w := Default(100_000)
	w.Common, w.Shared, w.Rare[Family] = map[string]int32{"family:smith": -250}, map[string]bool{"info@example.org": true}, 120
	raw, err := json.Marshal(w)
	require.NoError(t, err)
	var back Weights
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, *w, back)
	require.Error(t, json.Unmarshal([]byte(`{"levels":{"given":{"perhaps":1}}}`), &back))
	require.Error(t, json.Unmarshal([]byte(`{"levels":{"shoe":{"equal":1}}}`), &back))
}

func TestLog2InWholeNumbers(t *testing.T) {
	for n, want := range map[int64]int32{1: 0, 2: 100, 3: 158, 1000: 996, 1_000_000: 1993, 1 << 40: 4000} {
		require.Equal(t, want, log2(n), n)
	}
}
