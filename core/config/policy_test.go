package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/policy/example"
)

func findingsOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	var out []string
	for _, f := range invalid.Findings {
		out = append(out, f.String())
	}
	return strings.Join(out, "\n")
}

func TestAPolicyIsReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ yaml, want string }{
		"empty":      {"", ""},
		"rule":       {"item:\n  title: {policy: authority, authority: [erp, web], others: ignore, losing: case, direction: in}\n", ""},
		"by default": {"item: {title: {authority: [erp]}}\n", ""},
		"key":        {"items: {title: {policy: first}}\n", "line 1, column 1: items: is not a key of a policy; did you mean item?"},
		"rule's key": {"item:\n  title: {police: first}\n", "line 2, column 11: item.title.police: is not a key of a policy; did you mean policy?"},
		"group":      {"item:\n  colour: {policy: first}\n", "line 2, column 11: item.colour: is no field group; the groups are title, brand, style, category, product, sku, serial, epc, gtin, huid, certificates, metal, metals, weight, ring_size, stones, components, ownership, edition, sets, provenance, appraisals, price, cost, attributes"},
		"connection": {"item:\n  title:\n    authority: [erp, shop]\n", "line 3, column 22: item.title.authority[1]: is no connection; write erp or web"},
		"publish":    {"publish:\n  web: {create: some}\n", "line 2, column 17: publish.web.create: can't be some; write all, none, or what it selects"},
		"selection":  {"publish:\n  web: {create: {}}\n", "line 2, column 17: publish.web.create: selects nothing; write all for everything, or name categories, metals, brands, statuses, locations, price or attributes"},
		"range":      {"publish:\n  web: {create: {price: {currency: EUR, min: \"20\", max: \"10\"}}}\n", "line 2, column 25: publish.web.create.price: is no range; write min and max as amounts such as 500.00, or leave one out"},
		"hide":       {"publish:\n  web: {unpublish: all, hide: [lost]}\n", "line 2, column 32: publish.web.hide[0]: is no reason to take a piece down; write memo, repair, sold, withdrawn or reserved"},
		"direction":  {"item:\n  stones: {direction: both}\n", "line 2, column 23: item.stones.direction: can't be both: the hub does not write it; write in; written are item.title, item.brand, item.style, item.category, item.sku, item.serial, item.epc, item.gtin, item.huid, item.certificates, item.metal, item.weight, item.ring_size, item.price, item.attributes, product.description"},
		"approvals":  {"approvals: {commands: [order.refund], within: 24h}\n", ""},
		"write back": {"item:\n  price: {policy: authority, losing: write_back}\n", "line 2, column 38: item.price.losing: can't be write_back where values only come in; add direction: both (or out), or write keep or case"},
		"type":       {"item: [title]\n", "line 1, column 7: item: is a list; write keys and values"},
		"no YAML":    {"item: {title\n", "line 1, column 8: the file is not YAML: could not find flow map content; mind the indentation, and quote values with : or #"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePolicy([]byte(c.yaml), "policy.yaml", closet(), []string{"erp", "web"})
			require.Equal(t, c.want, findingsOf(t, err))
		})
	}
	p, err := ParsePolicy([]byte("item: {title: {authority: [web]}, brand: {policy: authority}}\npublish: {web: {create: none}}\n"), "p.yaml", closet(), []string{"erp", "web"})
	require.NoError(t, err)
	require.Equal(t, &canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}}}}, p)
}

func TestAPublishRuleSaysWhatItSelects(t *testing.T) {
	p, err := ParsePolicy([]byte(`publish:
  web:
    create: {category: [Rings], metal: [gold], status: [in_stock], location: [paris], price: {currency: EUR, min: "500.00"}, attribute: {line: [bridal]}}
    update: all
    unpublish: all
    hide: [withdrawn, sold, repair, memo]
    deleted: case
`), "p.yaml", closet(), []string{"erp", "web"})
	require.NoError(t, err)
	require.Equal(t, []canon.PublishRule{{
		Connection: "web", Create: canon.PublishSelected, Update: canon.PublishAll, Unpublish: canon.PublishAll,
		CreateOf: &canon.Selection{
			Categories: []string{"Rings"}, Metals: []string{"gold"}, Statuses: []canon.ItemStatus{canon.ItemInStock}, Locations: []string{"paris"},
			Price: &canon.PriceRange{Currency: "EUR", Min: 50000}, Attributes: []canon.AttributeIs{{Code: "line", Values: []string{"bridal"}}},
		},
	}}, p.Publish, "what says the default is left out")
}

func TestAConfigurationNamesItsPolicy(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	path := write("j.yaml", "policy: rules.yaml\nconnections: [{name: web, connector: csv}]\n")
	_, err := Load(path, System())
	require.ErrorIs(t, err, os.ErrNotExist)
	write("rules.yaml", "item: {title: {policy: first}}\n")
	c, err := Load(path, System())
	require.NoError(t, err)
	s := c.Settings()
	require.Equal(t, canon.PolicyFirst, s.Policy.Rules[0].Policy)
	write("rules.yaml", "item: {title: {authority: [shop]}}\n")
	_, err = Load(path, System())
	var invalid *InvalidError
	require.True(t, errors.As(err, &invalid))
	require.Equal(t, filepath.Join(dir, "rules.yaml"), invalid.File)
}

// TestTheShippedPolicyIsTheDefault holds that configs/policy.yaml says of every group what is in force without it.
func TestTheShippedPolicyIsTheDefault(t *testing.T) {
	c, err := Load("../../configs/jumpring.yaml", closet())
	require.NoError(t, err)
	p, err := LoadPolicy("../../configs/policy.yaml", closet(), c.Names())
	require.NoError(t, err)
	require.Nil(t, p)
	raw, err := os.ReadFile("../../configs/policy.yaml")
	require.NoError(t, err)
	d := newDecoder(closet(), ".", "a policy", "configs/policy.yaml")
	var f policyFile
	d.document(raw, &f)
	written := map[string]bool{}
	for _, r := range f.policy().Rules {
		written[r.Entity+"."+r.Group] = true
	}
	for _, g := range policy.Groups() {
		require.Equal(t, len(g.Allowed) > 0, written[g.Full()], g.Full())
	}
}

func TestTheShippedExamplesHold(t *testing.T) {
	c, err := Load("../../configs/jumpring.yaml", closet())
	require.NoError(t, err)
	examples, path, err := LoadExamples("../../configs/policy-examples.yaml", closet(), c.Names())
	require.NoError(t, err)
	require.Empty(t, path)
	s := c.Settings()
	for i := range examples {
		r, err := example.Run(&s, &examples[i])
		require.NoError(t, err)
		require.Empty(t, r.Failures, r.Name)
	}
	require.Len(t, examples, 2)
}

func TestExamplesAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ yaml, want string }{
		"none":       {"policy: x.yaml\n", "examples: has none; write at least one"},
		"empty":      {"examples: [{}]\n", "line 1, column 12: examples[0].name: is empty; say in a few words what is expected\nline 1, column 12: examples[0].sources: has none; write what at least one connection shows"},
		"entity":     {"examples:\n  - {name: x, entity: ring, sources: [{connection: erp}]}\n", "line 2, column 23: examples[0].entity: is not one of what it can be; write item, product or client"},
		"connection": {"examples:\n  - {name: x, sources: [{connection: shop}]}\n", "line 2, column 38: examples[0].sources[0].connection: is no connection; write one of erp, web"},
		"field":      {"examples:\n  - name: x\n    sources: [{connection: erp, states: {titel: Ring}}]\n", "line 3, column 41: examples[0].sources[0].states: does not fit: unknown field \"titel\"; docs/schemas has the fields and their types"},
		"expected":   {"examples:\n  - name: x\n    sources: [{connection: erp}]\n    expect: {title: 5}\n", "line 4, column 13: examples[0].expect: does not fit: title is a number, not a text; docs/schemas has the fields and their types"},
		"case":       {"examples:\n  - {name: x, sources: [{connection: erp}], cases: [client.name]}\n", "line 2, column 53: examples[0].cases[0]: is no field group of item; write one such as item.title"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.yaml")
			require.NoError(t, os.WriteFile(path, []byte(c.yaml), 0o600))
			_, _, err := LoadExamples(path, closet(), []string{"erp", "web"})
			require.Equal(t, c.want, findingsOf(t, err))
		})
	}
}

func FuzzParsePolicy(f *testing.F) {
	if raw, err := os.ReadFile("../../configs/policy.yaml"); err == nil {
		f.Add(raw)
	}
	f.Add([]byte("item: {title: {policy: first, authority: [web-eu], others: ignore}}\npublish: {web-eu: {create: all}}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := ParsePolicy(raw, "p.yaml", closet(), []string{"web-eu"})
		if err == nil && len(policy.Check(p, []string{"web-eu"})) > 0 {
			t.Fatal("a policy that can't be used was taken")
		}
	})
}
