package identity

import (
	"cmp"
	"slices"
	"strings"
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
// do not speak against it. The set must be closed under uncrowded e-mails and phones, and crowded ones left out.
// Each cluster is sorted; its first node is the golden id.
func JoinPersons(nodes []Person) [][]string {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Person) int { return cmp.Compare(a.Node, b.Node) })
	parent := make([]int, len(nodes))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	union := func(i, k int) {
		ri, rk := find(i), find(k)
		parent[max(ri, rk)] = min(ri, rk)
	}
	for i := range nodes {
		for k := i + 1; k < len(nodes); k++ {
			if (nodes[i].Given == "") == (nodes[k].Given == "") && SamePerson(&nodes[i], &nodes[k]) {
				union(i, k)
			}
		}
	}
	// A node without a given name agrees with everybody: it joins where it can mean one person only, so that it never
	// makes a bridge between two partners.
	for i := range nodes {
		if nodes[i].Given != "" {
			continue
		}
		meant := -1
		for k := range nodes {
			if nodes[k].Given == "" || !SamePerson(&nodes[i], &nodes[k]) {
				continue
			}
			switch r := find(k); {
			case meant == -1:
				meant = r
			case meant != r:
				meant = -2
			}
			if meant == -2 {
				break
			}
		}
		if meant >= 0 && !bridges(nodes, find, i, meant) {
			union(i, meant)
		}
	}
	clusters := make(map[int][]string)
	for i := range nodes {
		clusters[find(i)] = append(clusters[find(i)], nodes[i].Node)
	}
	var out [][]string
	for i := range nodes {
		if c := clusters[i]; len(c) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// SamePerson reports whether two nodes are one person. A shared e-mail address or phone alone is not enough: couples
// share both, so a differing given name speaks against it.
func SamePerson(a, b *Person) bool {
	if !overlap(a.Emails, b.Emails) && !overlap(a.Phones, b.Phones) {
		return false
	}
	return namesAgree(a.Given, b.Given) && familiesAgree(a.Family, b.Family)
}

// bridges reports whether the cluster of unnamed node i already holds a named one other than that of root.
func bridges(nodes []Person, find func(int) int, i, root int) bool {
	for k := range nodes {
		if nodes[k].Given != "" && find(k) == find(i) && find(k) != root {
			return true
		}
	}
	return false
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// namesAgree accepts an unknown name, an initial, a first name of several, and one slip of the pen in a name of four
// letters or more.
func namesAgree(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	fa, fb := strings.Fields(a)[0], strings.Fields(b)[0]
	if fa == fb {
		return true
	}
	if len(fa) == 1 || len(fb) == 1 {
		return fa[0] == fb[0]
	}
	return min(len(fa), len(fb)) >= 4 && editDistanceAtMostOne(fa, fb)
}

// familiesAgree accepts an unknown name and, in a name of four letters or more, one slip of the pen.
func familiesAgree(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	a, b = strings.ReplaceAll(a, " ", ""), strings.ReplaceAll(b, " ", "")
	return a == b || (min(len(a), len(b)) >= 4 && editDistanceAtMostOne(a, b))
}

// editDistanceAtMostOne reports whether one insertion, deletion, substitution or swap of neighbours makes a into b.
func editDistanceAtMostOne(a, b string) bool {
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
		if i == len(a) || a[i+1:] == b[i+1:] {
			return true
		}
		return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	}
	return a[i:] == b[i+1:]
}
