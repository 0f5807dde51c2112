// Package identity decides which listings are one piece and which customers are one person. It is pure: the same set
// of nodes, policy and decisions gives the same clusters in any order (invariant 3).
package identity

import (
	"cmp"
	"slices"
	"strings"
)

// Crowd is how many nodes may share one key before the key stops to identify anything: a placeholder SKU on a
// thousand listings, the shop's own e-mail address on every order.
const Crowd = 48

// Piece is a listing's node as the join sees it. All keys are normalized; an empty one is not stated.
type Piece struct {
	Node         string
	Connection   string
	Certificates []string // canon.Certificate keys
	EPC          string
	HUID         string
	Serial       string
	Brand        string // who made it, letters and digits alone: a serial number is one maker's
	SKU          string
	// CrowdedSKU tells that more than Crowd nodes have this SKU; they are not among the nodes of the join.
	CrowdedSKU bool
	// Deleted tells that the platform has the listing no longer. It stays with the piece that it was, but its SKU does
	// not stand in the way of the one that took its place.
	Deleted bool
	// Decision is a person's: "" none, "new" an item of its own, "none" unbound, else the node id of a listing that it
	// is the same piece as.
	Decision string
}

// strong reports whether the node states a key that names one piece.
func (p *Piece) strong() bool {
	return len(p.Certificates) > 0 || p.EPC != "" || p.HUID != "" || p.Serial != ""
}

// The reasons why a listing stays unbound.
const (
	ReasonBlank      = "keys.blank"      // it states no key
	ReasonDuplicate  = "sku.duplicate"   // its SKU is on several listings of one connection
	ReasonContradict = "keys.contradict" // its keys say different things
	ReasonPerson     = "person"          // a person decided so
)

// Decisions that are not a node id.
const (
	DecisionNew  = "new"
	DecisionNone = "none"
)

// Cluster is one piece.
type Cluster struct {
	// Nodes are sorted; the first is the golden id.
	Nodes []string
	// JoinedBy says for each node which key bound it: certificate, epc, huid, serial, sku, person; own where it is alone.
	JoinedBy map[string]string
}

// Unbound is a listing that could not be joined.
type Unbound struct {
	Node       string
	Reason     string
	Candidates []string // nodes that it might be the same as
}

// Joined is what Join found.
type Joined struct {
	Clusters []Cluster
	Unbound  []Unbound
}

// Join puts listings together that are one piece. The set of nodes must be closed: every node that shares an
// uncrowded key with one of them, or that a decision names, is among them.
//
// Keys count in the given order (certificate, epc, huid, serial, sku); all but the last name a piece and join everywhere, a
// serial number within one brand: where a connection has it under two brands these are two pieces, and where two
// connections state different brands and not one SKU nobody knows. A SKU names a style or a stock line: it joins only where
// each connection has it once, and never joins listings whose serials or certificates differ.
func Join(nodes []Piece, order []string) Joined {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Piece) int { return cmp.Compare(a.Node, b.Node) })
	j := joiner{nodes: nodes, parent: make([]int, len(nodes)), by: make([]string, len(nodes)), out: make([]string, len(nodes)), candidates: make([][]string, len(nodes))}
	at := make(map[string]int, len(nodes))
	for i := range nodes {
		j.parent[i] = i
		at[nodes[i].Node] = i
	}
	for i := range nodes {
		switch d := nodes[i].Decision; d {
		case "", DecisionNew:
		case DecisionNone:
			j.out[i] = ReasonPerson
		default:
			if k, ok := at[d]; ok && nodes[k].Decision != DecisionNone {
				j.union(i, k, "person")
			}
		}
	}
	for _, key := range order {
		if key == "sku" {
			j.joinSKU()
			j.followSKU()
			continue
		}
		j.joinStrong(key)
	}
	for i := range nodes {
		p := &nodes[i]
		if j.out[i] == "" && !p.strong() && p.SKU == "" && p.Decision == "" && j.by[i] == "" {
			j.out[i] = ReasonBlank
		}
	}
	return j.result()
}

type joiner struct {
	nodes      []Piece
	parent     []int
	by         []string // which key bound the node
	out        []string // why the node stays unbound
	candidates [][]string
}

func (j *joiner) find(i int) int {
	for j.parent[i] != i {
		j.parent[i] = j.parent[j.parent[i]]
		i = j.parent[i]
	}
	return i
}

func (j *joiner) union(a, b int, by string) {
	for _, i := range []int{a, b} {
		if j.by[i] == "" {
			j.by[i] = by
		}
	}
	ra, rb := j.find(a), j.find(b)
	if ra != rb {
		j.parent[max(ra, rb)] = min(ra, rb)
	}
}

// groups gives the nodes that share a value, sorted by value. Nodes that a person set apart take no part.
func (j *joiner) groups(values func(p *Piece) []string) [][]int {
	m := make(map[string][]int)
	for i := range j.nodes {
		p := &j.nodes[i]
		if p.Decision == DecisionNew || p.Decision == DecisionNone {
			continue
		}
		for _, v := range values(p) {
			if v != "" {
				m[v] = append(m[v], i)
			}
		}
	}
	keys := make([]string, 0, len(m))
	for v := range m {
		keys = append(keys, v)
	}
	slices.Sort(keys)
	out := make([][]int, 0, len(keys))
	for _, v := range keys {
		out = append(out, m[v])
	}
	return out
}

// contradicts reports whether the clusters of these nodes, put together, would be a piece with two serials, two EPCs, two
// HUIDs or certificates that share nothing.
func (j *joiner) contradicts(group []int) bool {
	roots := make(map[int]bool)
	for _, i := range group {
		roots[j.find(i)] = true
	}
	var serial, epc, huid string
	var certs [][]string
	for i := range j.nodes {
		if !roots[j.find(i)] {
			continue
		}
		p := &j.nodes[i]
		if p.Serial != "" {
			if serial != "" && serial != p.Serial {
				return true
			}
			serial = p.Serial
		}
		if p.EPC != "" {
			if epc != "" && epc != p.EPC {
				return true
			}
			epc = p.EPC
		}
		if p.HUID != "" {
			if huid != "" && huid != p.HUID {
				return true
			}
			huid = p.HUID
		}
		if len(p.Certificates) > 0 {
			certs = append(certs, p.Certificates)
		}
	}
	return !linked(certs)
}

// linked reports whether sets of certificates hang together: a piece with several stones has several, and a listing
// may state some of them.
func linked(certs [][]string) bool {
	if len(certs) == 0 {
		return true
	}
	known, rest := slices.Clone(certs[0]), slices.Clone(certs[1:])
	for len(rest) > 0 {
		i := slices.IndexFunc(rest, func(set []string) bool { return overlap(set, known) })
		if i < 0 {
			return false
		}
		known = append(known, rest[i]...)
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

// refuse leaves a group's nodes unbound, but for those that a person has joined: a decision outranks every key.
func (j *joiner) refuse(group []int, reason string) {
	for _, i := range group {
		if j.by[i] == "person" {
			continue
		}
		if j.out[i] == "" {
			j.out[i] = reason
		}
		for _, k := range group {
			if k != i {
				j.candidates[i] = append(j.candidates[i], j.nodes[k].Node)
			}
		}
	}
}

func (j *joiner) joinStrong(key string) {
	groups := j.groups(func(p *Piece) []string {
		switch key {
		case "certificate":
			return p.Certificates
		case "epc":
			return []string{p.EPC}
		case "huid":
			return []string{p.HUID}
		case "serial":
			return []string{p.Serial}
		}
		return nil
	})
	for _, g := range groups {
		brands := [][]int{g}
		if key == "serial" {
			brands = j.byBrand(g)
		}
		for _, g := range brands {
			if len(g) < 2 {
				continue
			}
			if j.contradicts(g) {
				j.refuse(g, ReasonContradict)
				continue
			}
			for _, i := range g[1:] {
				j.union(g[0], i, key)
			}
		}
	}
}

// byBrand splits nodes of one serial number by brand, where a connection has the number under two brands and so says that
// these are two pieces. One that states no brand is then of no known piece. Where no connection tells them apart, different
// brands are a contradiction, unless the nodes are one piece by another key or all state one SKU. Of two spellings of which
// one begins with the other the brand is the same.
func (j *joiner) byBrand(g []int) [][]int {
	var names []string
	for _, i := range g {
		if b := j.nodes[i].Brand; b != "" {
			names = append(names, b)
		}
	}
	slices.Sort(names)
	var brands []string // the shortest spelling of each
	for _, b := range names {
		if len(brands) == 0 || !strings.HasPrefix(b, brands[len(brands)-1]) {
			brands = append(brands, b)
		}
	}
	if len(brands) < 2 || j.joined(g) {
		return [][]int{g}
	}
	of := func(b string) int {
		return slices.IndexFunc(brands, func(s string) bool { return strings.HasPrefix(b, s) })
	}
	split, without := make([][]int, len(brands)), []int(nil)
	told := false
	seen := make(map[string]int)
	for _, i := range g {
		p := &j.nodes[i]
		if p.Brand == "" {
			without = append(without, i)
			continue
		}
		k := of(p.Brand)
		split[k] = append(split[k], i)
		if was, other := seen[p.Connection]; other && was != k {
			told = true
		}
		seen[p.Connection] = k
	}
	switch {
	case told:
	case j.oneSKU(g): // what one of them calls the brand is the shop's own name, or the supplier's
		return [][]int{g}
	default:
		j.refuse(g, ReasonContradict)
		return nil
	}
	for _, i := range without {
		if j.by[i] != "" || j.out[i] != "" {
			continue // another key says which of them it is
		}
		j.out[i] = ReasonContradict
		for _, k := range g {
			if k != i {
				j.candidates[i] = append(j.candidates[i], j.nodes[k].Node)
			}
		}
	}
	return split
}

// oneSKU tells whether nodes all state one SKU that is no other listing's.
func (j *joiner) oneSKU(g []int) bool {
	sku := j.nodes[g[0]].SKU
	return sku != "" && !slices.ContainsFunc(g, func(i int) bool { return j.nodes[i].CrowdedSKU || j.nodes[i].SKU != sku })
}

func (j *joiner) joinSKU() {
	for i := range j.nodes {
		p := &j.nodes[i]
		if p.CrowdedSKU && !p.strong() && p.Decision == "" && j.by[i] == "" && j.out[i] == "" {
			j.out[i] = ReasonDuplicate
		}
	}
	for _, g := range j.groups(func(p *Piece) []string {
		if p.CrowdedSKU || p.Deleted {
			return nil
		}
		return []string{p.SKU}
	}) {
		if len(g) < 2 {
			continue
		}
		// Weak members have nothing but this SKU to go by.
		var weak []int
		for _, i := range g {
			if !j.nodes[i].strong() && j.by[i] == "" {
				weak = append(weak, i)
			}
		}
		if len(weak) == 0 && j.joined(g) {
			continue
		}
		reason := ""
		switch {
		case !j.uniquePerConnection(g):
			reason = ReasonDuplicate
		case j.contradicts(g):
			reason = ReasonContradict
		}
		if reason == "" {
			for _, i := range g[1:] {
				j.union(g[0], i, "sku")
			}
			continue
		}
		for _, i := range weak {
			if j.out[i] == "" {
				j.out[i] = reason
			}
			for _, k := range g {
				if k != i {
					j.candidates[i] = append(j.candidates[i], j.nodes[k].Node)
				}
			}
		}
	}
}

// followSKU leaves a deleted listing, which has nothing but its SKU to go by, with the one piece that has that SKU now.
func (j *joiner) followSKU() {
	for i := range j.nodes {
		p := &j.nodes[i]
		if !p.Deleted || p.SKU == "" || p.CrowdedSKU || p.strong() || p.Decision != "" || j.by[i] != "" || j.out[i] != "" {
			continue
		}
		var live []int
		for k := range j.nodes {
			if q := &j.nodes[k]; !q.Deleted && q.SKU == p.SKU && j.out[k] == "" && q.Decision != DecisionNew {
				live = append(live, k)
			}
		}
		if len(live) > 0 && j.joined(live) {
			j.union(live[0], i, "sku")
		}
	}
}

func (j *joiner) joined(g []int) bool {
	for _, i := range g[1:] {
		if j.find(i) != j.find(g[0]) {
			return false
		}
	}
	return true
}

// uniquePerConnection reports whether each connection has this SKU for one piece only.
func (j *joiner) uniquePerConnection(g []int) bool {
	root := make(map[string]int)
	for _, i := range g {
		c := j.nodes[i].Connection
		if r, seen := root[c]; seen && r != j.find(i) {
			return false
		}
		root[c] = j.find(i)
	}
	return true
}

func (j *joiner) result() Joined {
	var res Joined
	members := make(map[int][]int)
	for i := range j.nodes {
		if j.out[i] != "" {
			c := slices.Clone(j.candidates[i])
			slices.Sort(c)
			res.Unbound = append(res.Unbound, Unbound{Node: j.nodes[i].Node, Reason: j.out[i], Candidates: slices.Compact(c)})
			continue
		}
		r := j.find(i)
		members[r] = append(members[r], i)
	}
	for i := range j.nodes {
		m := members[i]
		if len(m) == 0 {
			continue
		}
		c := Cluster{JoinedBy: make(map[string]string, len(m))}
		for _, k := range m {
			n := j.nodes[k].Node
			c.Nodes = append(c.Nodes, n)
			by := j.by[k]
			if len(m) == 1 {
				by = "own"
			}
			c.JoinedBy[n] = by
		}
		res.Clusters = append(res.Clusters, c)
	}
	return res
}
