package identity

import (
	"cmp"
	"slices"
)

// Edge says that two nodes may be one person, by the score of their records.
type Edge struct {
	A, B  string
	Score int32
	// Rank is that of Weights.Rank where edges are to be joined by it, else 0.
	Rank int32
	// Unclear says that nothing agrees that is one person's own (the function Unclear).
	Unclear bool
}

// Decision is a person's word about two nodes. It outranks every score.
type Decision struct {
	A, B string
	Same bool // one person; otherwise two, never to be merged
}

// pair is two nodes, the smaller first.
type pair struct{ a, b string }

func pairOf(a, b string) pair { return pair{min(a, b), max(a, b)} }

// Clusters puts nodes together that are one person. It is a pure function of its sets: the order of nodes, edges and
// decisions does not count, nor how often one of them is given (invariant 3).
//
// What a person said to be one comes first. Then edges of at least least count, by rank, the best first, ties by node id:
// one joins the clusters of its ends, unless the cluster would hold a pair that a person said to be two, or that scores
// Never, or the records of the two sides speak against each other on the whole (against gives what a pair of nodes
// without an edge scores; nil means that nothing speaks against). An edge that is unclear joins nothing where one side also
// has an edge to somebody who can't be the other side. Where decisions contradict, two stay two. Each cluster is sorted; its
// first node is the golden id.
func Clusters(nodes []string, edges []Edge, decisions []Decision, least int32, against func(a, b string) int32) [][]string {
	nodes = slices.Compact(slices.Sorted(slices.Values(nodes)))
	c := clusterer{at: make(map[string]int, len(nodes)), root: make([]int, len(nodes)), members: make([][]string, len(nodes)), never: make(map[int][]int), near: make([][]neighbour, len(nodes)), scores: make(map[pair]int32, len(edges)), against: against}
	for i, n := range nodes {
		c.at[n], c.root[i], c.members[i] = i, i, []string{n}
	}
	var same []pair
	for _, d := range decisions {
		p := pairOf(d.A, d.B)
		i, known := c.at[p.a]
		k, both := c.at[p.b]
		if !known || !both || i == k {
			continue
		}
		if d.Same {
			same = append(same, p)
			continue
		}
		c.never[i], c.never[k] = append(c.never[i], k), append(c.never[k], i)
	}
	slices.SortFunc(same, func(x, y pair) int { return cmp.Or(cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b)) })
	for _, p := range same {
		c.join(p, true)
	}
	ranked := make([]Edge, 0, len(edges))
	for _, e := range edges {
		p := pairOf(e.A, e.B)
		if _, known := c.at[p.a]; !known || e.A == e.B {
			continue
		}
		if _, known := c.at[p.b]; !known {
			continue
		}
		if s, twice := c.scores[p]; !twice || e.Score > s {
			c.scores[p] = e.Score
		}
		if e.Score >= least {
			ranked = append(ranked, Edge{A: p.a, B: p.b, Score: e.Score, Rank: e.Rank, Unclear: e.Unclear})
			a, b, named := c.at[p.a], c.at[p.b], e.Rank >= agreed/2
			c.near[a], c.near[b] = append(c.near[a], neighbour{b, named}), append(c.near[b], neighbour{a, named})
		}
	}
	slices.SortFunc(ranked, func(x, y Edge) int {
		return cmp.Or(cmp.Compare(y.Rank, x.Rank), cmp.Compare(y.Score, x.Score), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	for _, e := range ranked {
		if p := (pair{e.A, e.B}); !e.Unclear || !c.contested(p, e.Rank >= agreed/2) {
			c.join(p, false)
		}
	}
	var out [][]string
	for _, m := range c.members {
		if len(m) > 0 {
			slices.Sort(m)
			out = append(out, m)
		}
	}
	return out
}

type clusterer struct {
	at      map[string]int
	root    []int      // by node: the smallest node of its cluster
	members [][]string // by that node
	never   map[int][]int
	near    [][]neighbour // by node: those that it has an edge to
	scores  map[pair]int32
	against func(a, b string) int32
}

// join puts two clusters together, if nothing forbids it.
func (c *clusterer) join(p pair, decided bool) {
	a, b := c.root[c.at[p.a]], c.root[c.at[p.b]]
	if a == b || c.forbidden(a, b) || (!decided && c.opposed(a, b)) {
		return
	}
	to, from := min(a, b), max(a, b)
	for _, n := range c.members[from] {
		c.root[c.at[n]] = to
	}
	c.members[to], c.members[from] = append(c.members[to], c.members[from]...), nil
}

// neighbour is the other end of an edge; named tells that the edge's names agree (Weights.Rank).
type neighbour struct {
	node  int
	named bool
}

// contested reports whether somebody beside one end of a pair can't be the other end: then the pair does not say who is
// meant. Where the names of the pair agree (named), somebody whose name is only alike does not count.
func (c *clusterer) contested(p pair, named bool) bool {
	a, b := c.root[c.at[p.a]], c.root[c.at[p.b]]
	for _, ends := range [2][2]int{{a, b}, {b, a}} {
		for _, n := range c.members[ends[0]] {
			for _, k := range c.near[c.at[n]] {
				if other := c.root[k.node]; (k.named || !named) && other != a && other != b && (c.forbidden(other, ends[1]) || c.apart(other, ends[1])) {
					return true
				}
			}
		}
	}
	return false
}

// apart reports whether a pair of two clusters scores Never.
func (c *clusterer) apart(a, b int) bool {
	return c.against != nil && slices.ContainsFunc(c.members[a], func(x string) bool {
		return slices.ContainsFunc(c.members[b], func(y string) bool { return c.against(x, y) == Never })
	})
}

// forbidden reports whether a person said of a node here and one there that they are two.
func (c *clusterer) forbidden(a, b int) bool {
	if len(c.never) == 0 {
		return false
	}
	for _, n := range c.members[a] {
		for _, k := range c.never[c.at[n]] {
			if c.root[k] == b {
				return true
			}
		}
	}
	return false
}

// bound is how much one pair can count when clusters are weighed against each other, in centibits, so that no single
// pair decides for many.
const bound = 1000

// opposed reports whether two clusters speak against each other: a pair scores Never, or the mean of their pairs, each
// within bound, is below zero.
func (c *clusterer) opposed(a, b int) bool {
	if c.against == nil || len(c.members[a])*len(c.members[b]) == 1 {
		return false
	}
	sum := 0
	for _, x := range c.members[a] {
		for _, y := range c.members[b] {
			s, known := c.scores[pairOf(x, y)]
			if !known {
				s = c.against(x, y)
			}
			if s == Never {
				return true
			}
			sum += int(min(max(s, -bound), bound))
		}
	}
	return sum < 0
}
