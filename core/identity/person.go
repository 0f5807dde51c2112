package identity

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Person is a customer's node as the join sees it. E-mails and phones are normalized, crowded ones left out.
type Person struct {
	Node     string
	Given    string
	Family   string
	Emails   []string
	Phones   []string
	Birthday Date
	Places   []Where
	Numbers  []string // that one person has: of a loyalty programme, an account
	// Like are further keys that records of one person share. Only records that share a key, of whatever kind, are
	// compared at all: what is one person never depends on who else was looked at.
	Like    []string
	profile *Profile
}

// Persons is what JoinPersons found.
type Persons struct {
	// Clusters are sorted; the first node of each is the golden id.
	Clusters [][]string
	// Reviews are pairs of nodes of different clusters that a person should look at.
	Reviews []Edge
}

// JoinPersons puts nodes together that are one person: they share an e-mail address or a phone number, or their
// records score in the band auto, and their names do not speak against it. Names must agree throughout what is joined
// so, so that no chain of spellings joins two partners who share an address. A person's decisions outrank that: two who
// were said to be two are never in one cluster, and clusters that were said to be one are put together whatever their
// names; where decisions contradict, two stay two. The set must be closed under shared keys and decisions; the result
// is a pure function of it (invariant 3).
func JoinPersons(nodes []Person, decisions []Decision, w *Weights) Persons {
	if len(nodes) == 1 {
		return Persons{Clusters: [][]string{{nodes[0].Node}}}
	}
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Person) int { return cmp.Compare(a.Node, b.Node) })
	j := personJoiner{nodes: nodes, weights: w, cluster: make([]int, len(nodes)), members: make([][]int, len(nodes))}
	for i := range nodes {
		p := &nodes[i]
		p.profile = p.prepared(w)
		j.cluster[i], j.members[i] = i, []int{i}
	}
	j.findOdds()
	same := j.decided(decisions)
	// Equal names first, then one slip of the pen, then other forms of a name; a vague name (none, or an initial) agrees
	// with many, so it joins last, and only where it can mean one person.
	j.join(func(a, b *Person) bool { return !a.vague() && !b.vague() && firstName(a.Given) == firstName(b.Given) })
	j.join(func(a, b *Person) bool { return !a.vague() && !b.vague() && slipped(a, b) })
	j.joinForms()
	j.join(func(a, b *Person) bool { return a.vague() && a.Given == b.Given })
	for _, initial := range []bool{true, false} {
		j.placeVague(initial)
	}
	for _, p := range same {
		j.union(j.cluster[p[0]], j.cluster[p[1]])
	}
	return Persons{Clusters: j.result(), Reviews: j.reviews()}
}

type personJoiner struct {
	nodes   []Person
	weights *Weights
	cluster []int   // by node: the smallest node of its cluster
	members [][]int // by that node
	never   [][2]int
	odds    [][2]int // a parent and a child, by what they state
}

// decided notes who a person said to be two, and gives who was said to be one, in order.
func (j *personJoiner) decided(decisions []Decision) (same [][2]int) {
	at := make(map[string]int, len(j.nodes))
	for i := range j.nodes {
		at[j.nodes[i].Node] = i
	}
	for _, d := range decisions {
		a, known := at[d.A]
		b, both := at[d.B]
		switch {
		case !known || !both || a == b:
		case d.Same:
			same = append(same, [2]int{min(a, b), max(a, b)})
		default:
			j.never = append(j.never, [2]int{a, b})
		}
	}
	slices.SortFunc(same, func(x, y [2]int) int { return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1])) })
	return same
}

// joinForms joins clusters whose names are forms of one name. "Alex" may be Alexander or Alexandra: where not everyone
// who is linked so agrees with everyone else, nobody is joined.
func (j *personJoiner) joinForms() {
	linked := make(map[int][]int)
	for i := range j.nodes {
		for k := i + 1; k < len(j.nodes); k++ {
			a, b := &j.nodes[i], &j.nodes[k]
			if x, y := j.cluster[i], j.cluster[k]; x != y && !a.vague() && !b.vague() && j.samePerson(i, k) && j.clear(i, k) {
				linked[x], linked[y] = append(linked[x], y), append(linked[y], x)
			}
		}
	}
	done := make(map[int]bool)
	for start := range j.nodes {
		if done[start] || len(linked[start]) == 0 {
			continue
		}
		group := []int{start}
		done[start] = true
		for at := 0; at < len(group); at++ {
			for _, c := range linked[group[at]] {
				if !done[c] {
					done[c] = true
					group = append(group, c)
				}
			}
		}
		slices.Sort(group)
		agreed := true
		for i, a := range group {
			for _, b := range group[i+1:] {
				agreed = agreed && j.agree(a, b) && !j.forbidden(a, b)
			}
		}
		for _, c := range group[1:] {
			if agreed {
				j.union(group[0], c)
			}
		}
	}
}

// reviews gives the pairs across clusters whose records score in the band review or above, without those that a person
// has decided.
func (j *personJoiner) reviews() []Edge {
	var out []Edge
	for i := range j.nodes {
		for k := i + 1; k < len(j.nodes); k++ {
			a, b := &j.nodes[i], &j.nodes[k]
			if j.cluster[i] == j.cluster[k] || j.forbidden(j.cluster[i], j.cluster[k]) {
				continue
			}
			if !overlap(a.Emails, b.Emails) && !overlap(a.Phones, b.Phones) && !overlap(a.Like, b.Like) {
				continue
			}
			if score := j.weights.Score(a.profile, b.profile); score >= j.weights.Review {
				out = append(out, Edge{A: j.nodes[i].Node, B: j.nodes[k].Node, Score: score})
			}
		}
	}
	return out
}

// forbidden reports whether a person said of somebody in one cluster and somebody in the other that they are two.
func (j *personJoiner) forbidden(a, b int) bool {
	return slices.ContainsFunc(j.never, func(p [2]int) bool {
		x, y := j.cluster[p[0]], j.cluster[p[1]]
		return x == a && y == b || x == b && y == a
	})
}

// join puts the clusters together of each pair that may be one person.
func (j *personJoiner) join(considered func(a, b *Person) bool) {
	for i := range j.nodes {
		for k := i + 1; k < len(j.nodes); k++ {
			a, b := &j.nodes[i], &j.nodes[k]
			if j.cluster[i] != j.cluster[k] && considered(a, b) && j.samePerson(i, k) && j.clear(i, k) && j.agree(j.cluster[i], j.cluster[k]) {
				j.union(j.cluster[i], j.cluster[k])
			}
		}
	}
}

// agree reports whether no name and no generation in one cluster speaks against one in the other.
func (j *personJoiner) agree(a, b int) bool {
	for _, i := range j.members[a] {
		for _, k := range j.members[b] {
			if !sameNames(&j.nodes[i], &j.nodes[k]) || parentAndChild(&j.nodes[i], &j.nodes[k]) {
				return false
			}
		}
	}
	return true
}

func (j *personJoiner) union(a, b int) {
	to, from := min(a, b), max(a, b)
	if to == from || j.forbidden(a, b) {
		return
	}
	for _, i := range j.members[from] {
		j.cluster[i] = to
	}
	j.members[to], j.members[from] = append(j.members[to], j.members[from]...), nil
}

// placeVague joins the clusters of vague names to the one person that they can mean. All are judged before any is
// joined, so that the order of their ids does not count.
func (j *personJoiner) placeVague(initial bool) {
	meant := make(map[int][]int) // by vague cluster
	for i := range j.nodes {
		a := &j.nodes[i]
		if !a.vague() || (a.Given != "") != initial || j.named(j.cluster[i], initial) {
			continue
		}
		for k := range j.nodes {
			b := &j.nodes[k]
			if b.vague() && (initial || b.Given == "") {
				continue
			}
			if c := j.cluster[k]; c != j.cluster[i] && j.samePerson(i, k) && j.clear(i, k) && !slices.Contains(meant[j.cluster[i]], c) {
				meant[j.cluster[i]] = append(meant[j.cluster[i]], c)
			}
		}
	}
	for c := range j.nodes { // a cluster goes by its smallest node, which says where it is now
		if m := meant[c]; len(m) == 1 && j.agree(j.cluster[c], j.cluster[m[0]]) {
			j.union(j.cluster[c], j.cluster[m[0]])
		}
	}
}

// named reports whether a cluster has a name that says more: a whole one, or an initial beside none.
func (j *personJoiner) named(c int, initial bool) bool {
	return slices.ContainsFunc(j.members[c], func(i int) bool {
		p := &j.nodes[i]
		return !p.vague() || (!initial && p.Given != "")
	})
}

func (j *personJoiner) result() [][]string {
	var out [][]string
	for _, members := range j.members {
		if len(members) == 0 {
			continue
		}
		slices.Sort(members)
		c := make([]string, len(members))
		for i, k := range members {
			c[i] = j.nodes[k].Node
		}
		out = append(out, c)
	}
	return out
}

// vague reports whether the given name is none, or an initial.
func (p *Person) vague() bool { return utf8.RuneCountInString(firstName(p.Given)) < 2 }

func firstName(given string) string {
	first, _, _ := strings.Cut(given, " ")
	return first
}

// samePerson reports whether two nodes are one person. A shared e-mail address or phone alone is not enough: couples
// share both, so a differing given name speaks against it, a phone does not say whose "Sam" it is, and a parent and a
// child may share the name as well.
func (j *personJoiner) samePerson(i, k int) bool {
	a, b := &j.nodes[i], &j.nodes[k]
	switch {
	case !sameNames(a, b) || parentAndChild(a, b):
		return false
	case overlap(a.Emails, b.Emails):
		return true
	case overlap(a.Phones, b.Phones):
		l := Compare(a.profile, b.profile)
		return !undecided(&l, a.profile, b.profile)
	}
	return overlap(a.Like, b.Like) && j.weights.Score(a.profile, b.profile) >= j.weights.Auto
}

// parentAndChild reports whether two nodes state that they are two generations, and no number that is one person's.
func parentAndChild(a, b *Person) bool {
	return twoGenerations(a.profile, b.profile) && !overlap(a.Numbers, b.Numbers)
}

// findOdds notes the pairs that are a parent and a child of one name.
func (j *personJoiner) findOdds() {
	for i := range j.nodes {
		for k := i + 1; k < len(j.nodes); k++ {
			if a, b := &j.nodes[i], &j.nodes[k]; parentAndChild(a, b) && sameNames(a, b) {
				j.odds = append(j.odds, [2]int{i, k})
			}
		}
	}
}

// clear reports whether it is clear of two nodes who is meant. It is not where one of them may as well be the other's parent
// or child, unless something of the person's own says which.
func (j *personJoiner) clear(i, k int) bool {
	for _, ends := range [2][2]int{{i, k}, {k, i}} {
		for _, p := range j.odds {
			other := p[0]
			switch ends[1] {
			case p[0]:
				other = p[1]
			case p[1]:
			default:
				continue
			}
			if other != ends[0] && j.samePerson(ends[0], other) && (!j.own(i, k) || j.own(ends[0], other)) {
				return false
			}
		}
	}
	return true
}

// own reports whether two nodes share what is one person's own: a mailbox, a number or a birthday.
func (j *personJoiner) own(i, k int) bool {
	a, b := &j.nodes[i], &j.nodes[k]
	return overlap(a.Emails, b.Emails) || overlap(a.Numbers, b.Numbers) || !a.Birthday.Zero() && a.Birthday == b.Birthday
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// sameNames accepts an unknown name, an initial, another form of a name and one slip of the pen.
func sameNames(a, b *Person) bool {
	switch compareGiven(a.profile, b.profile) {
	case Missing, GivenEqual, GivenVariant, GivenSlip, GivenInitial:
	default:
		return false
	}
	switch compareFamily(a.profile, b.profile) {
	case Missing, FamilyEqual, FamilyVariant, FamilySlip:
		return true
	}
	return false
}

// slipped reports whether two given names are one but for a slip of the pen.
func slipped(a, b *Person) bool {
	l := compareGiven(a.profile, b.profile)
	return l == GivenEqual || l == GivenSlip
}
