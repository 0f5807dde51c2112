package identity

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Person is a customer's node as the join sees it. Names are in matching form (normalize.Name), e-mails and phones
// normalized.
type Person struct {
	Node   string
	Given  string
	Family string
	Emails []string
	Phones []string
}

// JoinPersons puts nodes together that are one person: they share an e-mail address or a phone number and their names
// do not speak against it. Names must agree throughout a cluster, so that no chain of spellings joins two partners who
// share an address. The set must be closed under uncrowded e-mails and phones, and crowded ones left out. Each cluster
// is sorted; its first node is the golden id.
func JoinPersons(nodes []Person) [][]string {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Person) int { return cmp.Compare(a.Node, b.Node) })
	j := personJoiner{nodes: nodes, cluster: make([]int, len(nodes)), members: make([][]int, len(nodes))}
	for i := range nodes {
		j.cluster[i], j.members[i] = i, []int{i}
	}
	// Equal names first, then one slip of the pen; a vague name (none, or an initial) agrees with many, so it joins
	// last, and only where it can mean one person.
	j.join(func(a, b *Person) bool { return !a.vague() && !b.vague() && firstName(a.Given) == firstName(b.Given) })
	j.join(func(a, b *Person) bool { return !a.vague() && !b.vague() })
	j.join(func(a, b *Person) bool { return a.vague() && a.Given == b.Given })
	for _, initial := range []bool{true, false} {
		j.placeVague(initial)
	}
	return j.result()
}

type personJoiner struct {
	nodes   []Person
	cluster []int   // by node: the smallest node of its cluster
	members [][]int // by that node
}

// join puts the clusters together of each pair that may be one person.
func (j *personJoiner) join(considered func(a, b *Person) bool) {
	for i := range j.nodes {
		for k := i + 1; k < len(j.nodes); k++ {
			a, b := &j.nodes[i], &j.nodes[k]
			if j.cluster[i] != j.cluster[k] && considered(a, b) && SamePerson(a, b) && j.agree(j.cluster[i], j.cluster[k]) {
				j.union(j.cluster[i], j.cluster[k])
			}
		}
	}
}

// agree reports whether no name in one cluster speaks against one in the other.
func (j *personJoiner) agree(a, b int) bool {
	for _, i := range j.members[a] {
		for _, k := range j.members[b] {
			if !sameNames(&j.nodes[i], &j.nodes[k]) {
				return false
			}
		}
	}
	return true
}

func (j *personJoiner) union(a, b int) {
	to, from := min(a, b), max(a, b)
	if to == from {
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
			if c := j.cluster[k]; c != j.cluster[i] && SamePerson(a, b) && !slices.Contains(meant[j.cluster[i]], c) {
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

// SamePerson reports whether two nodes are one person. A shared e-mail address or phone alone is not enough: couples
// share both, so a differing given name speaks against it.
func SamePerson(a, b *Person) bool {
	if !overlap(a.Emails, b.Emails) && !overlap(a.Phones, b.Phones) {
		return false
	}
	return sameNames(a, b)
}

func sameNames(a, b *Person) bool {
	return namesAgree(a.Given, b.Given) && familiesAgree(a.Family, b.Family)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// namesAgree accepts an unknown name, an initial, a first name of several, and one slip of the pen.
func namesAgree(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	ra, rb := []rune(firstName(a)), []rune(firstName(b))
	if slices.Equal(ra, rb) {
		return true
	}
	if len(ra) == 1 || len(rb) == 1 {
		return ra[0] == rb[0]
	}
	return slip(ra, rb)
}

// familiesAgree accepts an unknown name and one slip of the pen.
func familiesAgree(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	a, b = strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", "")
	return a == b || slip([]rune(a), []rune(b))
}

// slip reports whether two names of four letters or more differ by one slip of the pen inside. The last letter often
// tells a man's name from a woman's (Mario and Maria, Paul and Paula), so a difference there is none.
func slip(a, b []rune) bool {
	return min(len(a), len(b)) >= 4 && a[len(a)-1] == b[len(b)-1] && editDistanceAtMostOne(a, b)
}

// editDistanceAtMostOne reports whether one insertion, deletion, substitution or swap of neighbours makes a into b.
func editDistanceAtMostOne(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		if i == len(a) || slices.Equal(a[i+1:], b[i+1:]) {
			return true
		}
		return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && slices.Equal(a[i+2:], b[i+2:])
	}
	return slices.Equal(a[i:], b[i+1:])
}
