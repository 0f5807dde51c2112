package identity

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var order = []string{"certificate", "epc", "huid", "serial", "sku"}

// show writes what a join found: clusters with how each node was bound, then what stays unbound and why.
func show(j Joined) string {
	var out []string
	for _, c := range j.Clusters {
		var nodes []string
		for _, n := range c.Nodes {
			nodes = append(nodes, n+":"+c.JoinedBy[n])
		}
		out = append(out, strings.Join(nodes, "+"))
	}
	for _, u := range j.Unbound {
		out = append(out, "!"+u.Node+":"+u.Reason+"("+strings.Join(u.Candidates, ",")+")")
	}
	return strings.Join(out, " ")
}

func piece(node, connection string, change ...func(*Piece)) Piece {
	p := Piece{Node: node, Connection: connection}
	for _, c := range change {
		c(&p)
	}
	return p
}

func sku(v string) func(*Piece)      { return func(p *Piece) { p.SKU = v } }
func serial(v string) func(*Piece)   { return func(p *Piece) { p.Serial = v } }
func huid(v string) func(*Piece)     { return func(p *Piece) { p.HUID = v } }
func brand(v string) func(*Piece)    { return func(p *Piece) { p.Brand = v } }
func epc(v string) func(*Piece)      { return func(p *Piece) { p.EPC = v } }
func certs(v ...string) func(*Piece) { return func(p *Piece) { p.Certificates = v } }
func decided(v string) func(*Piece)  { return func(p *Piece) { p.Decision = v } }
func deleted(p *Piece)               { p.Deleted = true }
func crowded(p *Piece)               { p.CrowdedSKU = true }

func TestJoin(t *testing.T) {
	for _, tc := range []struct {
		name  string
		nodes []Piece
		want  string
	}{
		{"one listing is its own piece", []Piece{piece("a", "web", sku("S"))}, "a:own"},
		{"no key at all", []Piece{piece("a", "web")}, "!a:keys.blank()"},
		{"the same serial", []Piece{piece("a", "web", serial("N")), piece("b", "shop", serial("N"))}, "a:serial+b:serial"},
		{"the certificate counts first", []Piece{piece("a", "web", serial("N"), certs("GIA/1")), piece("b", "shop", serial("N"), certs("GIA/1"))}, "a:certificate+b:certificate"},
		{"the same SKU on two sides", []Piece{piece("a", "web", sku("S")), piece("b", "shop", sku("S"))}, "a:sku+b:sku"},
		{
			"the same SKU twice on one side",
			[]Piece{piece("a", "web", sku("S")), piece("b", "shop", sku("S")), piece("c", "shop", sku("S"))},
			"!a:sku.duplicate(b,c) !b:sku.duplicate(a,c) !c:sku.duplicate(a,b)",
		},
		{"a crowded SKU", []Piece{piece("a", "web", sku("S"), crowded)}, "!a:sku.duplicate()"},
		{"a SKU never joins two serials", []Piece{piece("a", "web", sku("S"), serial("1")), piece("b", "shop", sku("S"), serial("2"))}, "a:own b:own"},
		{
			"nor a third listing to one of them",
			[]Piece{piece("a", "web", sku("S"), serial("1")), piece("b", "shop", sku("S"), serial("2")), piece("c", "till", sku("S"))},
			"a:own b:own !c:keys.contradict(a,b)",
		},
		{"a weak listing joins a strong one by SKU", []Piece{piece("a", "web", sku("S"), serial("1")), piece("b", "shop", sku("S"))}, "a:sku+b:sku"},
		{
			"one serial, two EPCs",
			[]Piece{piece("a", "web", serial("N"), epc("E1")), piece("b", "shop", serial("N"), epc("E2"))},
			"!a:keys.contradict(b) !b:keys.contradict(a)",
		},
		{
			"one certificate, two serials",
			[]Piece{piece("a", "web", certs("GIA/1"), serial("1")), piece("b", "shop", certs("GIA/1"), serial("2"))},
			"!a:keys.contradict(b) !b:keys.contradict(a)",
		},
		{
			"two stones, each side states one",
			[]Piece{piece("a", "web", certs("GIA/1")), piece("b", "till", certs("GIA/1", "GIA/2")), piece("c", "shop", certs("GIA/2"))},
			"a:certificate+b:certificate+c:certificate",
		},
		{
			"the same, with the middle one last",
			[]Piece{piece("a", "web", certs("GIA/1")), piece("b", "shop", certs("GIA/2")), piece("c", "till", certs("GIA/1", "GIA/2"))},
			"a:certificate+b:certificate+c:certificate",
		},
		{
			"a deleted listing does not stand in the way of the recreated one",
			[]Piece{piece("a", "web", sku("S")), piece("b", "shop", sku("S"), deleted), piece("c", "shop", sku("S"))},
			"a:sku+b:sku+c:sku",
		},
		{"a deleted listing stays with its serial", []Piece{piece("a", "web", serial("N")), piece("b", "shop", serial("N"), deleted)}, "a:serial+b:serial"},
		{"a deleted listing alone", []Piece{piece("a", "web", sku("S"), deleted)}, "a:own"},
		{"a person says new", []Piece{piece("a", "web", sku("S"), decided(DecisionNew)), piece("b", "shop", sku("S"))}, "a:own b:own"},
		{"a person says none", []Piece{piece("a", "web", sku("S"), decided(DecisionNone)), piece("b", "shop", sku("S"))}, "b:own !a:person()"},
		{"a person says which", []Piece{piece("a", "web"), piece("b", "shop", decided("a"))}, "a:person+b:person"},
		{
			"a person outranks a contradiction",
			[]Piece{piece("a", "web", serial("1")), piece("b", "shop", serial("1"), epc("E1"), decided("a")), piece("c", "till", serial("1"), epc("E2"))},
			"a:person+b:person !c:keys.contradict(a,b)",
		},
		{"the same HUID", []Piece{piece("a", "web", huid("AB12CD"), sku("S")), piece("b", "till", huid("AB12CD"))}, "a:huid+b:huid"},
		{
			"one serial, two HUIDs",
			[]Piece{piece("a", "web", serial("N"), huid("AB12CD")), piece("b", "till", serial("N"), huid("XY98ZW"))},
			"!a:keys.contradict(b) !b:keys.contradict(a)",
		},
		{"one serial and brand", []Piece{piece("a", "web", serial("7"), brand("AURUM")), piece("b", "till", serial("7"), brand("AURUM PARIS"))}, "a:serial+b:serial"},
		{
			"one serial under two brands, which nobody tells apart",
			[]Piece{piece("a", "web", serial("7"), brand("AURUM")), piece("b", "till", serial("7"), brand("SOLIS"))},
			"!a:keys.contradict(b) !b:keys.contradict(a)",
		},
		{
			"one serial under two brands, one of which is the shop's own name: the SKU is the same",
			[]Piece{piece("a", "web", serial("7"), brand("HOUSE"), sku("R-7")), piece("b", "till", serial("7"), brand("SOLIS"), sku("R-7"))},
			"a:serial+b:serial",
		},
		{
			"one serial and SKU under two brands, which the till tells apart",
			[]Piece{piece("a", "till", serial("7"), brand("AURUM"), sku("R")), piece("b", "till", serial("7"), brand("SOLIS"), sku("R")), piece("c", "web", serial("7"), brand("SOLIS"), sku("R"))},
			"a:own b:serial+c:serial",
		},
		{
			"one serial under two brands, which the till tells apart",
			[]Piece{piece("a", "till", serial("7"), brand("AURUM")), piece("b", "till", serial("7"), brand("SOLIS")), piece("c", "web", serial("7"), brand("SOLIS")), piece("d", "shop", serial("7"))},
			"a:own b:serial+c:serial !d:keys.contradict(a,b,c)",
		},
		{
			"two spellings of a brand on one report",
			[]Piece{piece("a", "web", serial("7"), brand("AURUM"), certs("GIA/1")), piece("b", "till", serial("7"), brand("MAISON AURUM"), certs("GIA/1"))},
			"a:certificate+b:certificate",
		},
		{"a decision for a listing that is set apart falls away", []Piece{piece("a", "web", sku("S"), decided(DecisionNone)), piece("b", "shop", decided("a"))}, "b:own !a:person()"},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, show(Join(tc.nodes, order))) })
	}
}

func TestTheJoinOrderIsConfigured(t *testing.T) {
	nodes := []Piece{piece("a", "web", sku("S"), serial("N")), piece("b", "shop", sku("S"), serial("N"))}
	require.Equal(t, "a:sku+b:sku", show(Join(nodes, []string{"sku", "serial"})))
	require.Equal(t, "a:own b:own", show(Join(nodes, nil)))
}

// TestJoinDoesNotDependOnTheOrderOfNodes shuffles random crowds of listings, and checks what must hold of any result.
func TestJoinDoesNotDependOnTheOrderOfNodes(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var nodes []Piece
		for i := range 3 + rng.IntN(12) {
			p := Piece{Node: fmt.Sprintf("n%02d", i), Connection: []string{"till", "web", "shop"}[rng.IntN(3)], Deleted: rng.IntN(8) == 0}
			if rng.IntN(3) > 0 {
				p.SKU = fmt.Sprint("S", rng.IntN(4))
			}
			if rng.IntN(3) == 0 {
				p.Serial = fmt.Sprint("N", rng.IntN(4))
			}
			if rng.IntN(5) == 0 {
				p.EPC = fmt.Sprint("E", rng.IntN(3))
			}
			for range rng.IntN(3) {
				p.Certificates = append(p.Certificates, fmt.Sprint("GIA/", rng.IntN(5)))
			}
			switch rng.IntN(12) {
			case 0:
				p.Decision = []string{DecisionNew, DecisionNone}[rng.IntN(2)]
			case 1:
				if i > 0 {
					p.Decision = fmt.Sprintf("n%02d", rng.IntN(i))
				}
			}
			nodes = append(nodes, p)
		}
		want := Join(nodes, order)
		for range 5 {
			shuffled := slices.Clone(nodes)
			rng.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
			require.Equal(t, want, Join(shuffled, order), "seed %d", seed)
		}
		at := make(map[string]*Piece)
		for i := range nodes {
			at[nodes[i].Node] = &nodes[i]
		}
		found := 0
		for _, c := range want.Clusters {
			found += len(c.Nodes)
			require.True(t, slices.IsSorted(c.Nodes))
			serials := make(map[string]bool)
			byPerson := false
			for _, n := range c.Nodes {
				if s := at[n].Serial; s != "" {
					serials[s] = true
				}
				byPerson = byPerson || c.JoinedBy[n] == "person"
			}
			require.True(t, byPerson || len(serials) < 2, "seed %d: a piece with two serials: %s", seed, show(want))
		}
		require.Equal(t, len(nodes), found+len(want.Unbound), "every listing is a piece's or on the list")
	}
}

func person(node, given, family string, contacts ...string) Person {
	p := Person{Node: node, Given: given, Family: family}
	for _, c := range contacts {
		if strings.Contains(c, "@") {
			p.Emails = append(p.Emails, c)
		} else {
			p.Phones = append(p.Phones, c)
		}
	}
	return p
}

func TestJoinPersons(t *testing.T) {
	for _, tc := range []struct {
		name  string
		nodes []Person
		want  string
	}{
		{"two spellings, one address", []Person{person("a", "catherine", "martin", "h@x"), person("b", "catharine", "martin", "h@x")}, "a+b"},
		{"the same name without a contact in common", []Person{person("a", "helene", "martin", "h@x"), person("b", "helene", "martin", "h@y")}, "a b"},
		{"a couple behind one address", []Person{person("a", "helene", "martin", "m@x", "+33"), person("b", "paul", "martin", "m@x", "+33")}, "a b"},
		{"a couple whose names differ in the last letter", []Person{person("a", "mario", "rossi", "r@x"), person("b", "maria", "rossi", "r@x")}, "a b"},
		{"a couple whose names differ by a letter more", []Person{person("a", "paul", "martin", "m@x"), person("b", "paula", "martin", "m@x")}, "a b"},
		{"another family", []Person{person("a", "anna", "berg", "m@x"), person("b", "anna", "stein", "m@x")}, "a b"},
		{"a slip in the family name", []Person{person("a", "anna", "bergmann", "m@x"), person("b", "anna", "bregmann", "m@x")}, "a+b"},
		{"a second first name", []Person{person("a", "anna maria", "berg", "m@x"), person("b", "anna", "berg", "m@x")}, "a+b"},
		{"no name at all joins one", []Person{person("a", "anna", "berg", "m@x"), person("b", "", "", "m@x")}, "a+b"},
		{"no name at all never joins two", []Person{person("a", "anna", "berg", "m@x"), person("b", "", "", "m@x"), person("c", "paul", "berg", "m@x")}, "a b c"},
		{"two without a name lead to two persons", []Person{person("a", "anna", "berg", "a@x"), person("b", "", "", "a@x", "+33"), person("c", "", "", "+33", "p@x"), person("d", "paul", "berg", "p@x")}, "a b+c d"},
		{"an initial joins one", []Person{person("a", "helene", "martin", "m@x"), person("b", "h", "martin", "m@x")}, "a+b"},
		{"an initial never joins two", []Person{person("a", "helene", "martin", "m@x"), person("b", "h", "martin", "m@x"), person("c", "hugo", "martin", "m@x")}, "a b c"},
		{"an initial in another script", []Person{person("a", "елена", "иванова", "m@x"), person("b", "е", "иванова", "m@x")}, "a+b"},
		{"a chain of slips does not join its ends", []Person{person("a", "karsten", "berg", "m@x"), person("b", "kersten", "berg", "m@x"), person("c", "kerstimn", "berg", "m@x")}, "a+b c"},
		{"a chain of contacts joins", []Person{person("a", "anna", "berg", "1@x"), person("b", "anna", "berg", "1@x", "+33"), person("c", "anna", "berg", "+33")}, "a+b+c"},
		{"a nickname", []Person{person("a", "robert", "berg", "m@x"), person("b", "bob", "berg", "m@x"), person("c", "rob", "berg", "m@x")}, "a+b+c"},
		{"a nickname that may be either of a couple", []Person{person("a", "alexander", "berg", "m@x"), person("b", "alex", "berg", "m@x"), person("c", "alexandra", "berg", "m@x")}, "a b c"},
		{"another script", []Person{person("a", "Наталья", "Чернова", "m@x"), person("b", "natalya", "chernova", "m@x")}, "a+b"},
		{"a whole address and a birthday without a contact in common", []Person{living("a", "anna", "bergmann", "1970-4-3"), living("b", "anna", "bergmann", "1970-4-3")}, "a+b"},
		{"a couple of one address", []Person{living("a", "anna", "bergmann", "1970-4-3"), living("b", "paul", "bergmann", "1971-9-1")}, "a b"},
		{"nobody", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, showPersons(JoinPersons(tc.nodes, nil, Default(1_000_000)).Clusters))
		})
	}
}

func living(node, given, family, born string) Person {
	p := person(node, given, family)
	fmt.Sscanf(born, "%d-%d-%d", &p.Birthday.Year, &p.Birthday.Month, &p.Birthday.Day)
	p.Like = []string{"75002:" + family}
	p.Places = []Where{{Line: "12 Rue de la Paix", City: "Paris", PostalCode: "75002"}}
	return p
}

func TestADecisionOutranksNamesAndScores(t *testing.T) {
	anna, ann, rossi, paul := person("a", "anna", "berg", "m@x"), person("b", "anna", "berg", "m@x"), person("c", "anna", "rossi", "r@x"), person("d", "paul", "berg", "m@x")
	for _, tc := range []struct {
		name      string
		nodes     []Person
		decisions []Decision
		want      string
	}{
		{"two by a person's word", []Person{anna, ann}, []Decision{{A: "a", B: "b"}}, "a b"},
		{"one by a person's word, whatever the name", []Person{anna, ann, rossi}, []Decision{{A: "c", B: "b", Same: true}}, "a+b+c"},
		{"a third node goes with the first", []Person{anna, ann, person("e", "anna", "berg", "m@x")}, []Decision{{A: "a", B: "b"}}, "a+e b"},
		{"two stay two where decisions contradict", []Person{anna, rossi, paul}, []Decision{{A: "a", B: "c", Same: true}, {A: "c", B: "d", Same: true}, {A: "a", B: "d"}}, "a+c d"},
		{"somebody who is not there", []Person{anna, ann}, []Decision{{A: "a", B: "z"}}, "a+b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, showPersons(JoinPersons(tc.nodes, tc.decisions, Default(1_000_000)).Clusters))
		})
	}
}

func showPersons(clusters [][]string) string {
	var out []string
	for _, c := range clusters {
		out = append(out, strings.Join(c, "+"))
	}
	return strings.Join(out, " ")
}

// TestJoinPersonsDoesNotDependOnTheOrderOfNodes shuffles random families; nobody with a name is ever put together with
// somebody whose name speaks against it.
func TestJoinPersonsDoesNotDependOnTheOrderOfNodes(t *testing.T) {
	names := []string{"", "h", "helene", "helen", "hugo", "paul", "paula", "p"}
	weights := Default(1_000_000)
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var nodes []Person
		at := make(map[string]Person)
		for i := range 2 + rng.IntN(10) {
			p := person(fmt.Sprintf("n%02d", i), names[rng.IntN(len(names))], []string{"martin", "", "stein"}[rng.IntN(3)])
			for range rng.IntN(3) {
				p.Emails = append(p.Emails, fmt.Sprint(rng.IntN(3), "@x"))
			}
			if rng.IntN(2) == 0 {
				p.Phones = append(p.Phones, fmt.Sprint("+", rng.IntN(3)))
			}
			nodes = append(nodes, p)
			at[p.Node] = p
		}
		var decisions []Decision
		for range rng.IntN(4) {
			decisions = append(decisions, Decision{A: nodes[rng.IntN(len(nodes))].Node, B: nodes[rng.IntN(len(nodes))].Node, Same: rng.IntN(3) == 0})
		}
		want := JoinPersons(nodes, decisions, weights)
		for range 5 {
			shuffled := slices.Clone(nodes)
			rng.Shuffle(len(shuffled), func(i, k int) { shuffled[i], shuffled[k] = shuffled[k], shuffled[i] })
			rng.Shuffle(len(decisions), func(i, k int) { decisions[i], decisions[k] = decisions[k], decisions[i] })
			require.Equal(t, want, JoinPersons(shuffled, decisions, weights), "seed %d", seed)
		}
		n := 0
		for _, c := range want.Clusters {
			n += len(c)
			for _, d := range decisions {
				require.False(t, !d.Same && d.A != d.B && slices.Contains(c, d.A) && slices.Contains(c, d.B), "seed %d: %v are in one cluster", seed, d)
			}
			if slices.ContainsFunc(decisions, func(d Decision) bool { return d.Same }) {
				continue // a person may join any names
			}
			for _, a := range c {
				for _, b := range c {
					pa, pb := at[a], at[b]
					pa.profile, pb.profile = NewProfile(a, &Facts{Given: pa.Given, Family: pa.Family}, Default(1_000_000)), NewProfile(b, &Facts{Given: pb.Given, Family: pb.Family}, Default(1_000_000))
					require.True(t, sameNames(&pa, &pb), "seed %d: %+v and %+v are one person", seed, pa, pb)
				}
			}
		}
		require.Equal(t, len(nodes), n)
	}
}
