package router

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/store"
)

// say takes a person's word on two client nodes.
func (w *workbench) say(a, b, word string) canon.Outcome {
	w.t.Helper()
	key := fmt.Sprint("say-", w.offset)
	return w.do("anna", canon.Command{Key: key, ID: key, Client: &canon.SameClient{A: a, B: b, Word: word}})
}

// clientNode is the node of a customer of a connection.
func clientNode(conn, id string) string {
	return canon.NodeID("cli", conn, canon.KindCustomer, id)
}

func (w *workbench) client(node string) *canon.Client {
	w.t.Helper()
	n := load[personNode](w, prefixPerson+node)
	require.NotNil(w.t, n)
	return load[canon.Client](w, store.RecordKey(store.TypeClient, n.Client))
}

func (w *workbench) knows(conn, id string, p canon.PersonState) string {
	w.pushed(conn, canon.Observation{Kind: canon.KindCustomer, ExternalID: id, SourceVersion: 1, Customer: &canon.CustomerState{Person: &p}})
	return clientNode(conn, id)
}

func TestAPersonsWordOnClients(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, testSettings())
	anna := w.knows("web", "1", canon.PersonState{GivenName: "Anna", FamilyName: "Berg", Emails: []string{"m@example.org"}, Phones: []string{"0612345678"}})
	shop := w.knows("shop", "7", canon.PersonState{GivenName: "Anna", FamilyName: "Berg", Emails: []string{"m@example.org"}})
	rossi := w.knows("till", "3", canon.PersonState{GivenName: "Anna", FamilyName: "Rossi", Emails: []string{"r@example.org"}})
	require.Len(t, w.client(anna).Nodes, 2, "one address and one name")
	before := w.digest(store.ScopeGolden)

	o := w.say(rossi, anna, canon.ClientSame)
	require.True(t, o.OK, o.Reason)
	require.Len(t, w.client(rossi).Nodes, 3, "married, and said to be one")
	require.Equal(t, []string{"m@example.org", "r@example.org"}, w.client(rossi).Emails)
	require.True(t, w.say(anna, rossi, canon.ClientUnmerge).OK)
	require.Equal(t, before, w.digest(store.ScopeGolden), "unmerge restores every value and link")

	require.True(t, w.say(anna, shop, canon.ClientUnmerge).OK)
	require.Len(t, w.client(anna).Nodes, 1, "said to be two, whatever their keys say")
	w.knows("shop", "7", canon.PersonState{GivenName: "Anna", FamilyName: "Berg", Emails: []string{"m@example.org"}, Phones: []string{"0612345678"}})
	require.Len(t, w.client(anna).Nodes, 1, "nor does a new word of the platform put them together")
	require.True(t, w.say(anna, shop, canon.ClientUndo).OK)
	require.Equal(t, before, w.digest(store.ScopeGolden))

	club := []canon.ExternalAccount{{System: "club", ID: "M-4711", Kind: "loyalty"}}
	one := w.knows("web", "8", canon.PersonState{GivenName: "Bob", FamilyName: "Stein", Emails: []string{"bob@example.org"}, External: club})
	two := w.knows("till", "9", canon.PersonState{GivenName: "Robert", FamilyName: "Stein", External: club})
	require.Equal(t, w.client(one).ID, w.client(two).ID, "a loyalty number and a nickname")

	for _, tc := range []struct{ a, b, word, code string }{
		{anna, shop, canon.ClientUndo, "client.undecided"},
		{anna, anna, canon.ClientSame, "client.one_record"},
		{anna, "cli_none", canon.ClientSame, "client.unknown"},
		{anna, shop, "perhaps", "client.word"},
	} {
		require.Equal(t, tc.code, w.say(tc.a, tc.b, tc.word).Code)
	}
}

func TestRecordsThatMayBeOnePersonAreAskedAbout(t *testing.T) {
	t.Parallel()
	home := []canon.AddressState{{Line1: "12 Rue de la Paix", PostalCode: "75002", City: "Paris"}}
	w := newWorkbench(t, testSettings())
	a := w.knows("web", "1", canon.PersonState{GivenName: "Ilario", FamilyName: "Moretti", Addresses: home})
	b := w.knows("shop", "2", canon.PersonState{GivenName: "I.", FamilyName: "Moretti", Addresses: home})
	paul := w.knows("shop", "3", canon.PersonState{GivenName: "Inge", FamilyName: "Moretti", Addresses: home})
	cases := w.openCases()
	require.NotEmpty(t, cases)
	for _, c := range cases {
		require.Equal(t, canon.CaseClient, c.Kind)
		require.NotEmpty(t, c.Compared, "it says how they agree")
		require.False(t, c.Evidence[0].Text == paul && c.Evidence[1].Text == a || c.Evidence[0].Text == a && c.Evidence[1].Text == paul, "nobody is asked about a couple")
	}
	var asked *canon.Case
	for i, c := range cases {
		if slices.Contains([]string{c.Evidence[0].Text, c.Evidence[1].Text}, a) {
			asked = &cases[i]
		}
	}
	require.NotNil(t, asked)
	before := w.digest(store.ScopeGolden)
	require.True(t, w.do("anna", canon.Command{Key: fmt.Sprint("r-", w.offset), ID: fmt.Sprint("r-", w.offset), Resolve: &canon.Resolve{Case: asked.ID, Proposal: "client:same"}}).OK)
	require.Equal(t, w.client(a).ID, w.client(b).ID)
	require.True(t, w.say(a, b, canon.ClientUndo).OK)
	require.Equal(t, before, w.digest(store.ScopeGolden), "the question is open again")
	require.True(t, w.do("anna", canon.Command{Key: fmt.Sprint("r-", w.offset), ID: fmt.Sprint("r-", w.offset), Resolve: &canon.Resolve{Case: asked.ID, Proposal: "client:different"}}).OK)
	require.Less(t, len(w.openCases()), len(cases), "and not asked again")
}

// TestMergeThenUnmergeRestores walks at random over merges, separations and their undoing; when all is taken back, every
// golden value and link is as before. In between no client ever holds two records that a person said to be two.
func TestMergeThenUnmergeRestores(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 3)) {
		w := newWorkbench(t, testSettings())
		w.foldAll(newWorld(t, 300+seed, 500).entries, 7)
		before := w.digest(store.ScopeGolden)
		nodes := w.keys(prefixPerson)
		slices.Sort(nodes)
		rng := rand.New(rand.NewPCG(seed, 4))
		said := make(map[[2]string]string)
		for range 40 {
			a, b := nodes[rng.IntN(len(nodes))], nodes[rng.IntN(len(nodes))]
			if a == b {
				continue
			}
			p := [2]string{min(a, b), max(a, b)}
			word := []string{canon.ClientSame, canon.ClientSame, canon.ClientDifferent, canon.ClientUndo}[rng.IntN(4)]
			o := w.say(a, b, word)
			switch {
			case word == canon.ClientUndo && said[p] == "":
				require.Equal(t, "client.undecided", o.Code)
			case word == canon.ClientUndo:
				delete(said, p)
			default:
				require.True(t, o.OK)
				said[p] = word
			}
			for p, word := range said {
				if word == canon.ClientDifferent {
					require.NotEqual(t, w.client(p[0]).ID, w.client(p[1]).ID, "seed %d: two that are two are one client", seed)
				}
			}
		}
		coherent(t, w.store)
		for p := range said {
			require.True(t, w.say(p[0], p[1], canon.ClientUndo).OK)
		}
		require.Equal(t, before, w.digest(store.ScopeGolden), "seed %d", seed)
	}
}

// TestObservationsCommuteAroundDecisions folds two sets with a person's words between them, each in any order.
func TestObservationsCommuteAroundDecisions(t *testing.T) {
	t.Parallel()
	for set := range uint64(seeds(t, 1)) {
		before, after := newWorld(t, 401+set, 400), newWorld(t, 501+set, 400)
		fold := func(order uint64) *workbench {
			w := newWorkbench(t, testSettings())
			w.foldAll(before.shuffled(order), 9)
			nodes := w.keys(prefixPerson)
			slices.Sort(nodes)
			rng := rand.New(rand.NewPCG(set, 5))
			for range 20 {
				a, b := nodes[rng.IntN(len(nodes))], nodes[rng.IntN(len(nodes))]
				if a != b {
					require.True(t, w.say(a, b, []string{canon.ClientSame, canon.ClientDifferent}[rng.IntN(2)]).OK)
				}
			}
			w.foldAll(after.shuffled(order), 9)
			coherent(t, w.store)
			return w
		}
		want := goldenOf(t, fold(0).store)
		for order := range uint64(2) {
			if d := difference(want, goldenOf(t, fold(order+1).store)); d != "" {
				t.Fatalf("set %d in order %d is another state:\n%s", set, order+1, d)
			}
		}
	}
}

// TestAChangeOfWeightsIsAFact joins two records under one set of weights and not under another: what the settings say at the
// time counts, in a replay too.
func TestAChangeOfWeightsIsAFact(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, testSettings())
	home := canon.AddressState{Line1: "12 rue de la Paix", City: "Paris", PostalCode: "75002", Country: "FR"}
	one := w.knows("web", "1", canon.PersonState{GivenName: "Apollonia", FamilyName: "Steinhauser", Birthday: "1980-05-04", Addresses: []canon.AddressState{home}})
	two := w.knows("shop", "7", canon.PersonState{GivenName: "Apollonia", FamilyName: "Steinhauser", Birthday: "1980-05-04", Addresses: []canon.AddressState{home}})
	require.Equal(t, w.client(one).ID, w.client(two).ID)
	before := w.digest(store.ScopeGolden)
	in := func(auto int32) {
		weights := identity.Default(1_000_000)
		weights.Auto = auto
		raw, err := json.Marshal(weights)
		require.NoError(t, err)
		s := testSettings()
		s.ClientWeights = raw
		w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
		page := canon.Refresh{Items: []string{}, Done: true}
		page.Clients = append(page.Clients, w.keys(store.PrefixRecord+store.TypeClient+"/")...)
		w.entry(canon.EntryRefresh, canon.Head{Actor: "hub"}, page)
	}
	in(1 << 20)
	require.NotEqual(t, w.client(one).ID, w.client(two).ID, "nothing is certain enough")
	require.Equal(t, canon.CaseClient, w.openCases()[0].Kind, "a person is asked")
	in(identity.Default(1_000_000).Auto)
	require.Equal(t, w.client(one).ID, w.client(two).ID)
	require.Equal(t, before, w.digest(store.ScopeGolden))

	s := testSettings()
	s.ClientWeights = []byte(`{"levels":{"shoe size":{"equal":1}}}`)
	w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	require.Equal(t, "settings.client_weights", w.parked()[0].Code)
	require.Equal(t, w.client(one).ID, w.client(two).ID)
}
