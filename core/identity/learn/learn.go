// Package learn estimates from a hub's own records, without labels, what each level of agreement says about two of
// them, and links whole sets of records. It computes with floats and at random from a seed, so it runs as a job beside
// the fold: what it finds becomes whole numbers (identity.Weights) that are journaled before anything uses them.
package learn

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/normalize"
)

// Options say how records are linked.
type Options struct {
	// Seed is of the random pairs.
	Seed uint64
	// Block is how many records may share a blocking key before it leads nowhere; 0 means the constant Block.
	Block int
	// Weights are used instead of learned ones.
	Weights *identity.Weights
}

// Block is how many records may usually share a blocking key before it leads nowhere.
const Block = 60

// Set is records made ready to be linked.
type Set struct {
	Profiles []*identity.Profile
	Weights  *identity.Weights
	// Candidates is how many pairs were compared.
	Candidates int64
	pairs      []compared
}

// Link prepares records, learns weights from them and compares all candidates. Nodes name the records.
func Link(nodes []string, facts []identity.Facts, o Options) *Set {
	w := o.Weights
	if w == nil {
		w = identity.Default(len(facts))
		w.Shared = sharedValues(facts)
	}
	s := &Set{Profiles: make([]*identity.Profile, len(facts)), Weights: w}
	parallel(len(facts), 1024, func(_, from, to int) {
		for i := from; i < to; i++ {
			s.Profiles[i] = identity.NewProfile(nodes[i], &facts[i], w)
		}
	})
	if o.Weights == nil {
		commonValues(s.Profiles, w)
		for _, p := range s.Profiles {
			p.Weigh(w)
		}
	}
	counts, pairs, total := candidates(s.Profiles, cmp.Or(o.Block, Block))
	s.pairs, s.Candidates = pairs, total
	if o.Weights == nil && len(facts) > 1 {
		n := float64(len(facts))
		population := n * (n - 1) / 2
		random := counts
		if float64(total) < population {
			random, _ = strangers(s.Profiles, 400_000, o.Seed)
		}
		mix := estimate(merge(counts, random), population, n)
		adopt(w, &mix)
	}
	return s
}

func merge(candidates, random map[pattern]int64) []observed {
	all := make(map[pattern]*observed, len(candidates))
	at := func(p pattern) *observed {
		if all[p] == nil {
			all[p] = &observed{pattern: p}
		}
		return all[p]
	}
	for p, n := range candidates {
		at(p).candidates = float64(n)
	}
	for p, n := range random {
		at(p).random = float64(n)
	}
	out := make([]observed, 0, len(all))
	for _, p := range slices.Sorted(maps.Keys(all)) { // in one order, so that the sums round alike
		out = append(out, *all[p])
	}
	return out
}

// The limits of what one level may count, in centibits.
const (
	mostFor     = 2000
	mostAgainst = -1500
	// givenDiffers is the most that a different given name may count for one person: it always speaks against. One that
	// only looks alike may count givenSimilar: it never tells Mario from Maria of the same house.
	givenDiffers = -600
	givenSimilar = 220
	// The odds between one person and two of a household, before anything is compared, stay within these.
	leastHousehold, mostHousehold = 450, 600
)

// adopt turns a mixture into whole numbers.
func adopt(w *identity.Weights, m *mixture) {
	bits := func(a, b float64) int32 { return int32(math.Round(100 * math.Log2(a/b))) }
	for f := range identity.Fields {
		for l := 1; l < identity.LevelCount(f); l++ {
			w.Levels[f][l] = max(min(bits(m.of[same][f][l], m.of[stranger][f][l]), mostFor), mostAgainst)
		}
	}
	given := &w.Levels[identity.Given]
	given[identity.GivenDiffer] = min(given[identity.GivenDiffer], givenDiffers)
	given[identity.GivenSimilar] = min(given[identity.GivenSimilar], givenSimilar)
	w.Levels[identity.Email][identity.EmailNamed] = 0
	w.PriorStranger = bits(m.prior[same], m.prior[stranger])
	w.PriorHousehold = max(min(bits(m.prior[same], m.prior[household]), mostHousehold), leastHousehold)
}

// Edges gives the pairs that score at least least.
func (s *Set) Edges(least int32) []identity.Edge {
	var out []identity.Edge
	for _, p := range s.pairs {
		a, b := s.Profiles[p.a], s.Profiles[p.b]
		l := p.pattern.levels()
		if score := s.Weights.ScoreLevels(&l, a, b); score >= least {
			out = append(out, identity.Edge{A: a.Node, B: b.Node, Score: score})
		}
	}
	return out
}

// Clusters puts together what scores at least least and is not apart (identity.Apart).
func (s *Set) Clusters(least int32, decisions []identity.Decision) [][]string {
	at := make(map[string]*identity.Profile, len(s.Profiles))
	nodes := make([]string, len(s.Profiles))
	for i, p := range s.Profiles {
		at[p.Node], nodes[i] = p, p.Node
	}
	var edges []identity.Edge
	for _, p := range s.pairs {
		a, b := s.Profiles[p.a], s.Profiles[p.b]
		l := p.pattern.levels()
		if score := s.Weights.ScoreLevels(&l, a, b); score >= least && !identity.Apart(&l, a, b) {
			edges = append(edges, identity.Edge{A: a.Node, B: b.Node, Score: score, Rank: s.Weights.Rank(&l, a, b), Unclear: identity.Unclear(&l)})
		}
	}
	return identity.Clusters(nodes, edges, decisions, least, func(x, y string) int32 {
		a, b := at[x], at[y]
		l := identity.Compare(a, b)
		if identity.Apart(&l, a, b) {
			return identity.Never
		}
		return s.Weights.ScoreLevels(&l, a, b)
	})
}

// manyPeople is on how many different people's records a value may be before it says nothing: a family shares a phone,
// a shop's own number is on everybody's. People count as different by the initials of their names.
const manyPeople = 6

// sharedValues finds the e-mail addresses, phones and ids that are on too many different people's records.
func sharedValues(facts []identity.Facts) map[string]bool {
	who := make(map[string]map[string]int)
	note := func(f identity.Field, value, person string) {
		v := identity.SharedKey(f, value)
		if len(v) < 4 {
			return
		}
		m := who[v]
		if m == nil {
			m = make(map[string]int, 1)
			who[v] = m
		}
		m[person]++
	}
	for i := range facts {
		f := &facts[i]
		person := first(normalize.Latin(f.Given)) + first(normalize.Latin(f.Family)) + first(normalize.Latin(f.Name))
		for _, v := range f.Emails {
			note(identity.Email, v, person)
		}
		for _, v := range f.Phones {
			note(identity.Phone, v, person)
		}
		for _, v := range f.PersonIDs {
			note(identity.PersonID, v, person)
		}
	}
	shared := make(map[string]bool)
	for v, m := range who {
		if len(m) > manyPeople {
			shared[v] = true
		}
	}
	return shared
}

func first(s string) string { return s[:min(1, len(s))] }

// commonValues finds the values that many records have, and what it is worth more or less to share one of them: to
// agree on a name that one in a hundred has says less than to agree on one that one in a hundred thousand has.
func commonValues(profiles []*identity.Profile, w *identity.Weights) {
	counts := make(map[string]int)
	stated, squares := make(map[string]int), make(map[string]int)
	for _, p := range profiles {
		for _, v := range p.CommonValues() {
			counts[v]++
			stated[fieldOf(v)]++
		}
	}
	for v, n := range counts {
		squares[fieldOf(v)] += n * n
	}
	least := max(5, len(profiles)/4000)
	w.Common = make(map[string]int32)
	worth := func(field string, n float64) int32 {
		usual := float64(squares[field]) / float64(stated[field]) // how many have the value of a record, on average
		return int32(math.Round(100 * max(min(math.Log2(usual/n), 3), -4)))
	}
	for v, n := range counts {
		if n >= least {
			w.Common[v] = worth(fieldOf(v), float64(n))
		}
	}
	for _, f := range []identity.Field{identity.Given, identity.Family, identity.Birthday, identity.Place} {
		if stated[f.String()] > 0 {
			w.Rare[f] = max(worth(f.String(), float64(least)/2), 0)
		}
	}
}

func fieldOf(key string) string {
	for i := range len(key) {
		if key[i] == ':' {
			return key[:i]
		}
	}
	return key
}
