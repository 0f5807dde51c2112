package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
)

var connections = []string{"erp", "web", "till"}

func TestCheckSaysWhatIsWrongAndWhatToDo(t *testing.T) {
	rule := func(group string, r canon.PolicyRule) canon.Policy {
		r.Entity, r.Group, _ = strings.Cut(group, ".")
		return canon.Policy{Rules: []canon.PolicyRule{r}}
	}
	for name, c := range map[string]struct {
		policy canon.Policy
		want   string
	}{
		"authority":        {rule("item.title", canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"erp"}, Losing: canon.LosingCase, Direction: canon.DirectionIn}), ""},
		"first of some":    {rule("item.title", canon.PolicyRule{Policy: canon.PolicyFirst, Authority: []string{"erp", "web"}, Others: canon.OthersIgnore}), ""},
		"nothing":          {rule("item.title", canon.PolicyRule{}), "item.title.policy: can't be left out; write authority, first or ignore"},
		"entity":           {rule("ring.title", canon.PolicyRule{}), "ring.title: has no field groups; write rules under item, product or client"},
		"group":            {rule("product.price", canon.PolicyRule{}), "product.price: is no field group; the groups are title, description, brand, style, category, attributes"},
		"stock":            {rule("item.stock", canon.PolicyRule{Policy: canon.PolicyAuthority}), "item.stock: is not a matter of policy; stock goes by stock.authority of the configuration and by claims: the first live claim in the journal holds a piece"},
		"policy":           {rule("item.weight", canon.PolicyRule{Policy: "newest"}), "item.weight.policy: can't be newest; write authority, first or ignore"},
		"ignored key":      {rule("item.serial", canon.PolicyRule{Policy: canon.PolicyIgnore}), "item.serial.policy: can't be ignore; write authority or first: listings are joined by it, so it can't be ignored"},
		"half ignored key": {rule("item.serial", canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"erp"}, Others: canon.OthersIgnore}), "item.serial.others: can't be ignore; write after: listings are joined by it, so it can't be ignored"},
		"components":       {rule("item.components", canon.PolicyRule{Policy: canon.PolicyAuthority}), "item.components.policy: can't be authority; write additive: what any source says is in a piece blocks it while something of it is held, so every source counts"},
		"connection":       {rule("item.title", canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"erp", "shop", "erp"}}), "item.title.authority[1]: is no connection; write erp, web or till\nitem.title.authority[2]: is there twice; leave one"},
		"order of ignored": {rule("item.title", canon.PolicyRule{Policy: canon.PolicyIgnore, Authority: []string{"erp"}}), "item.title.authority: goes with a policy that takes values; leave it out"},
		"order of first":   {rule("item.title", canon.PolicyRule{Policy: canon.PolicyFirst, Authority: []string{"erp"}}), "item.title.authority: does not order sources under first, it can only say who takes part; add others: ignore, or leave it out"},
		"others of none":   {rule("item.title", canon.PolicyRule{Policy: canon.PolicyAuthority, Others: canon.OthersIgnore}), "item.title.others: goes with authority; list the connections whose word counts"},
		"others":           {rule("item.title", canon.PolicyRule{Policy: canon.PolicyAuthority, Others: "later"}), "item.title.others: is not one of what it can be; write after or ignore"},
		"case of many":     {rule("item.price", canon.PolicyRule{Policy: canon.PolicyAdditive, Losing: canon.LosingCase}), "item.price.losing: goes with a policy under which one value counts and others lose; write policy: authority or first, or losing: keep"},
		"write back":       {rule("item.price", canon.PolicyRule{Policy: canon.PolicyAuthority, Losing: canon.LosingWriteBack}), "item.price.losing: can't be write_back where values only come in; add direction: both (or out), or write keep or case"},
		"losing":           {rule("item.price", canon.PolicyRule{Policy: canon.PolicyAuthority, Losing: "drop"}), "item.price.losing: is not one of what it can be; write keep, case or write_back"},
		"out":              {rule("item.price", canon.PolicyRule{Policy: canon.PolicyAuthority, Direction: canon.DirectionBoth}), ""},
		"direction":        {rule("item.price", canon.PolicyRule{Policy: canon.PolicyAuthority, Direction: "up"}), "item.price.direction: is not one of what it can be; write in, both or out"},
		"twice":            {canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "title", Policy: canon.PolicyFirst}, {Entity: "item", Group: "title", Policy: canon.PolicyFirst}}}, "item.title: is there twice; leave one"},
		"publish none":     {canon.Policy{Publish: []canon.PublishRule{{Connection: "web", Create: canon.PublishNone, Update: "none"}}}, ""},
		"publish": {
			canon.Policy{Publish: []canon.PublishRule{{Connection: "web", Create: "all", Unpublish: "sold"}, {Connection: "shop"}, {Connection: "shop"}}},
			"publish.web.unpublish: can't be sold; write all, none, or what it selects\n" +
				"publish.shop: is no connection; write erp, web or till\npublish.shop: is there twice; leave one",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Check(&c.policy, connections) {
				got = append(got, f.String())
			}
			require.Equal(t, c.want, strings.Join(got, "\n"))
		})
	}
	require.Empty(t, Check(nil, nil))
}

// TestEveryGroupTakesItsDefault holds that each group can be written out as it is, and says the same then.
func TestEveryGroupTakesItsDefault(t *testing.T) {
	names := map[string]bool{}
	for _, g := range Groups() {
		require.False(t, names[g.Full()], "%s is there twice", g.Full())
		names[g.Full()] = true
		require.NotEmpty(t, g.Fields, g.Full())
		if len(g.Allowed) == 0 {
			require.NotEmpty(t, g.Elsewhere, g.Full())
			continue
		}
		p := &canon.Policy{Rules: []canon.PolicyRule{{Entity: g.Entity, Group: g.Name, Policy: g.Default(), Others: canon.OthersAfter, Losing: canon.LosingKeep, Direction: canon.DirectionIn}}}
		require.Empty(t, Check(p, connections), g.Full())
		require.Nil(t, Normal(p), "%s by default is no rule", g.Full())
		for _, kind := range g.Allowed {
			p.Rules[0].Policy = kind
			require.Empty(t, Check(p, connections), "%s by %s", g.Full(), kind)
		}
	}
}

func TestNormalGivesEqualPoliciesEqualBytes(t *testing.T) {
	a := &canon.Policy{
		Rules: []canon.PolicyRule{
			{Entity: "item", Group: "title", Policy: canon.PolicyFirst, Losing: canon.LosingKeep},
			{Entity: "client", Group: "name", Policy: canon.PolicyAuthority, Authority: []string{"erp"}, Others: canon.OthersAfter},
			{Entity: "item", Group: "brand", Policy: canon.PolicyAuthority, Direction: canon.DirectionIn},
		},
		Publish: []canon.PublishRule{{Connection: "web", Create: canon.PublishNone}},
	}
	raw, err := json.Marshal(Normal(a))
	require.NoError(t, err)
	require.JSONEq(t, `{"rules":[{"entity":"client","group":"name","policy":"authority","authority":["erp"]},{"entity":"item","group":"title","policy":"first"}]}`, string(raw))
	slices.Reverse(a.Rules)
	again, err := json.Marshal(Normal(a))
	require.NoError(t, err)
	require.Equal(t, string(raw), string(again))
}

func TestNothingIsPublishedWithoutARule(t *testing.T) {
	none := canon.PublishRule{Connection: "web", Create: "none", Update: "none", Unpublish: "none"}
	require.Equal(t, none, Compile(nil).Publishes("web"))
	require.Equal(t, none, Compile(&canon.Policy{Publish: []canon.PublishRule{{Connection: "web"}}}).Publishes("web"))
	var zero *Set
	require.Equal(t, none, zero.Publishes("web"))
}

func TestDecideSaysWhoCounts(t *testing.T) {
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	says := func(connection, node string, created time.Time, value any) Statement {
		return Statement{Source: Source{Connection: connection, Node: node, Created: created}, Value: value}
	}
	stated := []Statement{ // in the default order
		says("erp", "n3", at(2024), nil), says("web", "n2", time.Time{}, "Ring"), says("till", "n1", at(2022), "Band"), says("web", "n0", at(2023), "ring "),
	}
	second := slices.Clone(stated)
	second[1].Second = true
	strict := slices.Clone(stated)
	strict[3].Restricts = 2
	for name, c := range map[string]struct {
		rule   canon.PolicyRule
		stated []Statement
		counts []int
		roles  string
	}{
		"authority":           {canon.PolicyRule{Policy: canon.PolicyAuthority}, stated, []int{1}, "states none, counts, differs, agrees"},
		"authority by name":   {canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"till"}}, stated, []int{2}, "states none, differs, counts, differs"},
		"who states none":     {canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"erp"}}, stated, []int{1}, "states none, counts, differs, agrees"},
		"only who is named":   {canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"erp"}, Others: canon.OthersIgnore}, stated, nil, "states none, left out, left out, left out"},
		"first":               {canon.PolicyRule{Policy: canon.PolicyFirst}, stated, []int{2}, "states none, differs, counts, differs"},
		"first without times": {canon.PolicyRule{Policy: canon.PolicyFirst}, []Statement{says("web", "n2", time.Time{}, "a"), says("till", "n1", time.Time{}, "a")}, []int{1}, "agrees, counts"},
		"first of the named":  {canon.PolicyRule{Policy: canon.PolicyFirst, Authority: []string{"web"}, Others: canon.OthersIgnore}, stated, []int{3}, "left out, agrees, left out, counts"},
		"additive":            {canon.PolicyRule{Policy: canon.PolicyAdditive, Authority: []string{"till"}}, stated, []int{2, 1, 3}, "states none, counts, counts, counts"},
		"most restrictive":    {canon.PolicyRule{Policy: canon.PolicyRestrictive}, strict, []int{3, 1, 2}, "states none, counts, counts, counts"},
		"ignore":              {canon.PolicyRule{Policy: canon.PolicyIgnore}, stated, nil, "left out, left out, left out, left out"},
		"a buyer":             {canon.PolicyRule{Policy: canon.PolicyAuthority, Authority: []string{"web"}}, second, []int{3}, "states none, agrees, differs, counts"},
		"nobody":              {canon.PolicyRule{Policy: canon.PolicyAuthority}, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Decide(&c.rule, c.stated)
			require.Equal(t, c.counts, d.Counts)
			var roles []string
			for _, r := range d.Roles {
				roles = append(roles, string(r))
			}
			require.Equal(t, c.roles, strings.Join(roles, ", "))
		})
	}
}

func TestContradictComparesWhatIsMeant(t *testing.T) {
	metal := func(raw string, fineness int64) *canon.Metal {
		return &canon.Metal{Kind: canon.Gold, Fineness: fineness, Raw: raw}
	}
	for name, c := range map[string]struct {
		a, b any
		want bool
	}{
		"letters and spaces":   {"Ring  Or", "ring or", false},
		"other words":          {"Ring", "Band", true},
		"raw words":            {metal("18k", 750), metal("750/1000", 750), false},
		"other fineness":       {metal("18k", 750), metal("14k", 585), true},
		"unread":               {metal("18k", 750), &canon.Metal{Raw: "shiny"}, false},
		"not stated":           {&canon.Metal{Kind: canon.Gold, Colour: canon.Yellow}, &canon.Metal{Kind: canon.Gold}, false},
		"nothing":              {"", "Ring", false},
		"currencies":           {map[string][]int64{"EUR": {100}}, map[string][]int64{"USD": {120}}, false},
		"amounts":              {map[string][]int64{"EUR": {100}, "USD": {120}}, map[string][]int64{"EUR": {101}}, true},
		"order":                {[]string{"a", "b"}, []string{"b", "a", "a"}, false},
		"more":                 {[]string{"a", "b"}, []string{"a"}, true},
		"stones":               {[]canon.Stone{{Kind: "diamond", Colour: "F"}}, []canon.Stone{{Kind: "diamond", Colour: "G"}}, true},
		"the same in its JSON": {json.RawMessage(`{"number":12,"size":100}`), &canon.Edition{Number: 12, Size: 100, Raw: "12/100"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Contradict(c.a, c.b))
			require.Equal(t, c.want, Contradict(c.b, c.a))
		})
	}
}

// TestDecideDependsOnWhatIsStatedAlone is invariant 3: in whatever order statements are found, once they are in the
// default order the same ones count.
func TestDecideDependsOnWhatIsStatedAlone(t *testing.T) {
	kinds := []canon.PolicyKind{canon.PolicyAuthority, canon.PolicyAdditive, canon.PolicyFirst, canon.PolicyRestrictive, canon.PolicyIgnore}
	rapid.Check(t, func(t *rapid.T) {
		r := canon.PolicyRule{
			Policy:    rapid.SampledFrom(kinds).Draw(t, "policy"),
			Authority: rapid.SliceOfNDistinct(rapid.SampledFrom(connections), 0, 3, rapid.ID).Draw(t, "authority"),
			Others:    rapid.SampledFrom([]canon.Others{"", canon.OthersIgnore}).Draw(t, "others"),
		}
		n := rapid.IntRange(0, 6).Draw(t, "n")
		stated := make([]Statement, n)
		for i := range stated {
			stated[i] = Statement{Source: Source{
				Connection: rapid.SampledFrom(connections).Draw(t, "connection"), Node: string(rune('a' + i)), Second: rapid.Bool().Draw(t, "second"),
				Created: rapid.SampledFrom([]time.Time{{}, time.Unix(1, 0), time.Unix(2, 0)}).Draw(t, "created"),
			}, Restricts: rapid.IntRange(0, 2).Draw(t, "restricts")}
			if v := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value"); v != "" {
				stated[i].Value = v
			}
		}
		byNode := func(a, b Statement) int { return strings.Compare(a.Node, b.Node) }
		winners := func(list []Statement) (out []string) {
			slices.SortFunc(list, byNode)
			d := Decide(&r, list)
			for _, i := range d.Counts {
				out = append(out, list[i].Node)
			}
			return out
		}
		want := winners(slices.Clone(stated))
		if got := winners(rapid.Permutation(stated).Draw(t, "found")); !slices.Equal(want, got) {
			t.Fatalf("%v counted, and %v in another order", want, got)
		}
	})
}

func TestExplainIsReadAsSentences(t *testing.T) {
	s := Compile(&canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "price", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase}}})
	for full, want := range map[string]string{
		"item.price": "The policy has a rule for item.price. The first connection in the order of authority that states a value counts. Connections that are not named come after those that are. " +
			"A value that does not count stays in its binding; a case is open for as long as it differs from the one that counts. The hub writes it to no platform.",
		"item.title": "The policy has no rule for item.title: the default is in force. The first connection in the order of authority that states a value counts. " +
			"A value that does not count stays in its binding. The hub writes it to no platform.",
		"client.consents": "The policy has no rule for client.consents: the default is in force. The value that allows least counts, whoever states it. The hub writes it to no platform.",
		"item.stock":      "Stock goes by stock.authority of the configuration and by claims: the first live claim in the journal holds a piece.",
	} {
		g, known := Find(full)
		require.True(t, known)
		require.Equal(t, want, strings.Join(s.Explain(g, connections).Why, " "))
	}
	g, _ := Find("item.price")
	require.Equal(t, []string{"web", "erp", "till"}, s.Explain(g, connections).Order)
	e := &Explanation{Group: "item.cost", Value: json.RawMessage(`{"minor":90000}`), Sources: []SourceShown{{Connection: "erp", Value: json.RawMessage(`{"minor":90000}`)}}}
	require.Equal(t, "cost", e.Class())
	e.Hide()
	raw, err := json.Marshal(e)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "90000")
	require.Contains(t, string(raw), `"hidden":true`)
}
