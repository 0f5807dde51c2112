package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// ruled gives the settings of the tests with rules, which must be ones that a configuration lets through.
func ruled(t testing.TB, rules ...canon.PolicyRule) canon.Settings {
	t.Helper()
	s := testSettings()
	s.Policy = &canon.Policy{Rules: rules}
	var names []string
	for i := range s.Connections {
		names = append(names, s.Connections[i].Name)
	}
	require.Empty(t, policy.Check(s.Policy, names))
	s.Policy = policy.Normal(s.Policy)
	return s
}

// refreshed puts settings into force and computes everything again, as the hub does.
func (w *workbench) refreshed(s canon.Settings) {
	w.t.Helper()
	w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	ids := func(typ string) []string { return w.keys(store.PrefixRecord + typ + "/") }
	w.entry(canon.EntryRefresh, canon.Head{Actor: "hub"}, canon.Refresh{
		Items: ids(store.TypeItem), Products: ids(store.TypeProduct), Clients: ids(store.TypeClient), Done: true,
	})
}

// atThree shows one piece on the till, the web and the shop, each with words of its own.
func atThree(w *workbench) {
	w.fetched("till", listing("t1", "SKU-1", "SN-1", func(l *canon.ListingState) {
		l.Title, l.Metal, l.Prices = "Till ring", "18k yellow gold", []canon.StatedMoney{{Amount: "1000", Currency: "EUR"}}
		l.Ownership = &canon.StatedOwnership{Kind: "owned"}
	}))
	w.fetched("web", listing("w1", "SKU-1", "SN-1", func(l *canon.ListingState) {
		l.Title, l.Metal, l.Prices = "Web ring", "750 yellow gold", []canon.StatedMoney{{Amount: "1100", Currency: "EUR"}, {Amount: "1200", Currency: "USD"}}
		made := dayOne.AddDate(-2, 0, 0)
		l.CreatedAt = &made
	}))
	w.fetched("shop", listing("p1", "SKU-1", "SN-1", func(l *canon.ListingState) {
		l.Title, l.Metal, l.Prices = "WEB  ring", "Pt950", []canon.StatedMoney{{Amount: "1200", Currency: "USD"}}
		l.Ownership = &canon.StatedOwnership{Kind: "consignment"}
		made := dayOne.AddDate(-1, 0, 0)
		l.CreatedAt = &made
	}))
}

func TestAFieldGoesByItsRule(t *testing.T) {
	t.Parallel()
	rule := func(group string, p canon.PolicyKind, change ...func(r *canon.PolicyRule)) canon.PolicyRule {
		r := canon.PolicyRule{Entity: "item", Group: group, Policy: p}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	of := func(names ...string) func(r *canon.PolicyRule) {
		return func(r *canon.PolicyRule) { r.Authority = names }
	}
	only := func(r *canon.PolicyRule) { r.Others = canon.OthersIgnore }
	prices := func(it *canon.Item) any {
		out := []string{}
		for _, p := range it.Prices {
			out = append(out, p.Connection+" "+p.Stated+" "+p.Currency)
		}
		return out
	}
	for name, c := range map[string]struct {
		rule  canon.PolicyRule
		value func(it *canon.Item) any
		none  any // without the rule
		want  any
	}{
		"authority": {
			rule("title", canon.PolicyAuthority, of("shop")), func(it *canon.Item) any { return it.Title }, "Till ring", "WEB  ring",
		},
		"who is not named comes after": {
			rule("ownership", canon.PolicyAuthority, of("web")), func(it *canon.Item) any { return it.Ownership.Kind }, canon.Owned, canon.Owned,
		},
		"who is not named does not count": {
			rule("ownership", canon.PolicyAuthority, of("web"), only), func(it *canon.Item) any { return it.Ownership != nil }, true, false,
		},
		"first by the source's own time": {
			rule("title", canon.PolicyFirst), func(it *canon.Item) any { return it.Title }, "Till ring", "Web ring",
		},
		"first of those that are named": {
			rule("title", canon.PolicyFirst, of("shop", "till"), only), func(it *canon.Item) any { return it.Title }, "Till ring", "WEB  ring",
		},
		"most restrictive": {
			rule("ownership", canon.PolicyRestrictive), func(it *canon.Item) any { return it.Ownership.Kind }, canon.Owned, canon.Consigned,
		},
		"ignore": {
			rule("metal", canon.PolicyIgnore), func(it *canon.Item) any { return it.Metal != nil }, true, false,
		},
		"one voice in a group of many": {
			rule("price", canon.PolicyAuthority, of("web")), prices,
			[]string{"shop 1200 USD", "till 1000 EUR", "web 1100 EUR", "web 1200 USD"},
			[]string{"web 1100 EUR", "web 1200 USD"},
		},
		"many voices, not all": {
			rule("price", canon.PolicyAdditive, of("till", "shop"), only), prices,
			[]string{"shop 1200 USD", "till 1000 EUR", "web 1100 EUR", "web 1200 USD"},
			[]string{"shop 1200 USD", "till 1000 EUR"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain := newWorkbench(t, testSettings())
			atThree(plain)
			require.Equal(t, c.none, c.value(plain.item("web", "w1")), "without the rule")
			before := plain.digest(store.ScopeGolden)

			w := newWorkbench(t, ruled(t, c.rule))
			atThree(w)
			require.Equal(t, c.want, c.value(w.item("web", "w1")))
			require.Empty(t, w.openCases())
			require.Empty(t, w.parked())

			plain.refreshed(ruled(t, c.rule))
			require.Equal(t, w.digest(store.ScopeGolden), plain.digest(store.ScopeGolden), "a rule that comes later gives what it would have given from the start")
			plain.refreshed(testSettings())
			require.Equal(t, before, plain.digest(store.ScopeGolden), "a rule that is taken away destroyed nothing")
		})
	}
}

func TestALosingValueIsACaseForAsLongAsItDiffers(t *testing.T) {
	t.Parallel()
	s := ruled(
		t, canon.PolicyRule{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "metal", Policy: canon.PolicyAuthority, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "price", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
	)
	w := newWorkbench(t, s)
	atThree(w)
	it := w.item("web", "w1")
	require.Equal(t, []string{"metal", "price", "title"}, it.Disputed)
	cases := map[string]canon.Case{}
	for _, c := range w.openCases() {
		require.Equal(t, canon.CaseField, c.Kind)
		require.Equal(t, it.ID, c.Subject)
		cases[c.Summary[:len("item.xxxxx")]] = c
	}
	require.Len(t, cases, 3)
	title := cases["item.title"]
	require.Equal(t, "item.title: till says otherwise than web, whose word counts; correct it there, or change the policy", title.Summary, "the shop writes the same in other letters")
	require.Equal(t, []string{"web", "till"}, []string{title.Evidence[0].Connection, title.Evidence[1].Connection})
	require.Contains(t, title.Evidence[1].Text, `"Till ring"`)
	require.Contains(t, cases["item.metal"].Summary, "shop says otherwise than till", "750 is 18k in other words")
	require.Contains(t, cases["item.price"].Summary, "till says otherwise than web", "the shop asks the same in the one currency that it has")

	w.fetched("till", listing("t1", "SKU-1", "SN-1", func(l *canon.ListingState) {
		l.Title, l.Metal = "web ring", "18k yellow gold"
	}))
	require.Equal(t, []string{"metal"}, w.item("web", "w1").Disputed, "the till agrees, and asks no price any longer")
	require.Len(t, w.openCases(), 1)

	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Equal(t, []string{"metal"}, w.item("web", "w1").Disputed, "a sale changes nothing about what sources state")
	require.Len(t, w.openCases(), 1)

	w.refreshed(testSettings())
	require.Empty(t, w.openCases(), "the policy asks nobody any longer")
	require.Empty(t, w.item("web", "w1").Disputed)

	w.refreshed(s)
	require.Len(t, w.openCases(), 1)
	w.fetched("shop", canon.Observation{Kind: canon.KindListing, ExternalID: "p1", Deleted: true})
	require.Empty(t, w.openCases(), "what the platform has no longer states nothing")
}

func TestTheCaseOfARecordThatIsJoinedToAnotherIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, ruled(t, canon.PolicyRule{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Losing: canon.LosingCase}))
	atThree(w)
	require.Len(t, w.openCases(), 1)
	before := w.openCases()[0]
	w.do("anna", canon.Command{Key: "k1", ID: "c1", Match: &canon.Match{Connection: "till", ListingID: "t1", Item: "new"}})
	require.Empty(t, w.openCases(), "the two that are left agree")
	w.do("anna", canon.Command{Key: "k2", ID: "c2", Match: &canon.Match{Connection: "till", ListingID: "t1", Item: ""}})
	require.Len(t, w.openCases(), 1)
	require.Equal(t, before.ID, w.openCases()[0].ID, "one cause has one case")
}

func TestACaseAboutWhatNotEverybodySeesHasNoValues(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, ruled(
		t, canon.PolicyRule{Entity: "item", Group: "cost", Policy: canon.PolicyAuthority, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "client", Group: "name", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
	))
	cost := func(amount string) func(l *canon.ListingState) {
		return func(l *canon.ListingState) { l.Cost = &canon.StatedMoney{Amount: amount, Currency: "EUR"} }
	}
	w.fetched("till", listing("t1", "", "SN-1", cost("417.17")))
	w.fetched("web", listing("w1", "", "SN-1", cost("519.19")))
	w.fetched("till", customer("c1", "Anna", "Martin", "anna@example.org"))
	w.fetched("web", customer("9", "Anna", "Martin-Roux", "anna@example.org"))
	cases := w.openCases()
	var kinds []string
	for _, c := range cases {
		text := c.Summary
		for _, e := range c.Evidence {
			text += e.Text
		}
		for _, secret := range []string{"417", "519", "Anna", "Martin", "example"} {
			require.NotContains(t, text, secret)
		}
		kinds = append(kinds, string(c.Kind)+" "+c.Subject[:3])
	}
	require.ElementsMatch(t, []string{"field itm", "field cli"}, kinds)
}

func customer(id, given, family, mail string) canon.Observation {
	return canon.Observation{Kind: canon.KindCustomer, ExternalID: id, Customer: &canon.CustomerState{
		Person: &canon.PersonState{GivenName: given, FamilyName: family, Emails: []string{mail}},
	}}
}

func TestAClientGoesByItsRules(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, testSettings())
	at := func(o canon.Observation, years int, consent string, tags ...string) canon.Observation {
		made := dayOne.AddDate(-years, 0, 0)
		o.Customer.CreatedAt, o.Customer.MarketingEmail, o.Customer.Tags = &made, consent, tags
		return o
	}
	w.fetched("till", at(customer("c1", "Anna", "Martin", "anna@example.org"), 1, "unsubscribed", "VIP"))
	w.fetched("web", at(customer("9", "Anna", "Martin-Roux", "anna@example.org"), 3, "subscribed", "press"))
	client := func() *canon.Client {
		ids := w.keys(store.PrefixRecord + store.TypeClient + "/")
		require.Len(t, ids, 1)
		return load[canon.Client](w, store.RecordKey(store.TypeClient, ids[0]))
	}
	before := w.digest(store.ScopeGolden)
	require.Equal(t, []any{"Martin", "unsubscribed", []string{"VIP", "press"}, "web"}, []any{client().FamilyName, client().MarketingEmail, client().Tags, client().Acquired.Connection})
	rule := func(group string, p canon.PolicyKind, authority ...string) canon.PolicyRule {
		return canon.PolicyRule{Entity: "client", Group: group, Policy: p, Authority: authority}
	}
	w.refreshed(ruled(t, rule("name", canon.PolicyFirst), rule("consents", canon.PolicyAuthority, "web"), rule("tags", canon.PolicyIgnore), rule("acquired", canon.PolicyAuthority, "till")))
	require.Equal(t, []any{"Martin-Roux", "subscribed", []string(nil), "till"}, []any{client().FamilyName, client().MarketingEmail, client().Tags, client().Acquired.Connection})
	w.refreshed(testSettings())
	require.Equal(t, before, w.digest(store.ScopeGolden))
}

func TestWhatAMergeDisputedIsUndoneWithIt(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, everyRule(t))
	anna := w.knows("web", "1", canon.PersonState{GivenName: "Anna", FamilyName: "Berg", Emails: []string{"m@example.org"}})
	rossi := w.knows("till", "3", canon.PersonState{GivenName: "Anna", FamilyName: "Rossi", Emails: []string{"r@example.org"}})
	before := w.digest(store.ScopeGolden)
	require.True(t, w.say(rossi, anna, canon.ClientSame).OK)
	require.Equal(t, []string{"name"}, w.client(rossi).Disputed, "one of the two names counts, and a person is asked")
	require.Equal(t, []string{"r@example.org"}, w.client(rossi).Emails, "the till keeps the contacts")
	require.Len(t, w.openCases(), 1)
	require.True(t, w.say(anna, rossi, canon.ClientUnmerge).OK)
	require.Empty(t, w.openCases())
	require.Equal(t, before, w.digest(store.ScopeGolden))
}

func TestABuyersWordsComeAfterEveryAccounts(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, ruled(t, canon.PolicyRule{Entity: "client", Group: "name", Policy: canon.PolicyAuthority, Authority: []string{"shop"}}))
	w.fetched("till", customer("c1", "Anna", "Martin", "anna@example.org"))
	o := order("77", 10, line("a", "p1", 1))
	o.Order.Buyer = &canon.PersonState{GivenName: "Anna", FamilyName: "Martin-Roux", Emails: []string{"anna@example.org"}}
	w.fetched("shop", o)
	ids := w.keys(store.PrefixRecord + store.TypeClient + "/")
	require.Len(t, ids, 1)
	c := load[canon.Client](w, store.RecordKey(store.TypeClient, ids[0]))
	require.Len(t, c.Nodes, 2)
	require.Equal(t, "Martin", c.FamilyName, "the till has an account, the shop's order a buyer")
}

func TestAStyleGoesByItsRules(t *testing.T) {
	t.Parallel()
	product := func(id, title string, made *time.Time) canon.Observation {
		return canon.Observation{Kind: canon.KindProduct, ExternalID: id, Product: &canon.ProductState{Title: title, Brand: "Aurum", StyleNo: "ST-1", CreatedAt: made}}
	}
	w := newWorkbench(t, testSettings())
	early, late := dayOne.AddDate(-2, 0, 0), dayOne.AddDate(-1, 0, 0)
	w.fetched("web", product("p1", "Web style", &late))
	w.fetched("shop", product("p2", "Shop style", &early))
	style := func() *canon.Product {
		ids := w.keys(store.PrefixRecord + store.TypeProduct + "/")
		require.Len(t, ids, 1)
		return load[canon.Product](w, store.RecordKey(store.TypeProduct, ids[0]))
	}
	require.Equal(t, "Shop style", style().Title, "first by the sources' own times")
	w.refreshed(ruled(t, canon.PolicyRule{Entity: "product", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase}))
	require.Equal(t, "Web style", style().Title)
	require.Equal(t, []string{"title"}, style().Disputed)
	require.Len(t, w.openCases(), 1)
	w.fetched("shop", canon.Observation{Kind: canon.KindProduct, ExternalID: "p2", Deleted: true})
	require.Empty(t, w.openCases())
}

// everyRule has a rule of each kind for what worlds state, so that properties hold under them too.
func everyRule(t testing.TB) canon.Settings {
	return ruled(
		t,
		canon.PolicyRule{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"shop", "web"}, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "metal", Policy: canon.PolicyFirst, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "price", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "ownership", Policy: canon.PolicyRestrictive},
		canon.PolicyRule{Entity: "item", Group: "stones", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Others: canon.OthersIgnore, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "sets", Policy: canon.PolicyFirst},
		canon.PolicyRule{Entity: "item", Group: "appraisals", Policy: canon.PolicyIgnore},
		canon.PolicyRule{Entity: "item", Group: "attributes", Policy: canon.PolicyAdditive, Authority: []string{"web"}},
		canon.PolicyRule{Entity: "product", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "client", Group: "name", Policy: canon.PolicyFirst, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "client", Group: "consents", Policy: canon.PolicyAuthority, Authority: []string{"shop"}},
		canon.PolicyRule{Entity: "client", Group: "contacts", Policy: canon.PolicyAuthority, Authority: []string{"till"}},
	)
}

// TestObservationsCommuteUnderAPolicy is invariant 3 with a rule of each kind, cases among the golden values: and rules
// that come after the observations give what they would have given before them.
func TestObservationsCommuteUnderAPolicy(t *testing.T) {
	t.Parallel()
	for set := range uint64(seeds(t, 1)) {
		world := newWorld(t, 301+set, 450)
		reference := newWorkbench(t, everyRule(t))
		reference.foldAll(world.entries, 7)
		coherent(t, reference.store)
		want := goldenOf(t, reference.store)
		asked := 0
		for _, c := range reference.openCases() {
			if c.Kind == canon.CaseField {
				asked++
			}
		}
		require.Greater(t, asked, 10, "the world has sources that differ")
		w := newWorkbench(t, everyRule(t))
		w.foldAll(world.shuffled(set), 5)
		coherent(t, w.store)
		require.Empty(t, difference(want, goldenOf(t, w.store)), "set %d in another order", set)
		late := newWorkbench(t, testSettings())
		late.foldAll(world.shuffled(9), 11)
		plain := late.digest(store.ScopeGolden)
		late.refreshed(everyRule(t))
		require.Empty(t, difference(want, goldenOf(t, late.store)), "set %d with the policy after it", set)
		late.refreshed(testSettings())
		require.Equal(t, plain, late.digest(store.ScopeGolden), "set %d with the policy taken back", set)
	}
}

// TestARuleThatGoesByArrivalDoesNotCommute is the control: under a rule that believes who came last, the same property
// fails.
func TestARuleThatGoesByArrivalDoesNotCommute(t *testing.T) {
	t.Parallel()
	world := newWorld(t, 301, 200)
	fold := func(s uint64) string {
		w := newWorkbench(t, testSettings())
		entries := world.entries
		if s > 0 {
			entries = world.shuffled(s)
		}
		newest := ""
		w.tune = func(f *fold) {
			f.entered = func(ft *fact) {
				newest = ft.head.Connection
				f.policy = policy.Compile(&canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{newest}}}})
			}
		}
		w.foldAll(entries, 7)
		return w.digest(store.ScopeGolden)
	}
	require.NotEqual(t, fold(0), fold(1))
}
