package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// withTwoCatalogues gives an operator of two folders that state one piece in other words.
func withTwoCatalogues(t *testing.T) *operator {
	o, inbox := newOperator(t)
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(raw), "connections:")
	second := filepath.Join(filepath.Dir(o.config), "second")
	require.NoError(t, os.Mkdir(second, 0o700))
	config := head + "connections:\n"
	for name, folder := range map[string]string{"erp": inbox, "shop": second} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, "catalogue.csv"), fmt.Appendf(nil, "sku,serial,title,price,currency,location,quantity,cost\nSOL-1,SN-1,Ring of %s,2400.00,EUR,paris,1,900.00\n", name), 0o600))
	}
	for _, c := range [][2]string{{"erp", inbox}, {"shop", second}} {
		config += fmt.Sprintf("  - {name: %s, connector: csv, sells_from: [paris], config: {folder: %q, settle: 100ms, timezone: Europe/Paris, currency: EUR, location: paris}}\n", c[0], c[1])
	}
	require.NoError(t, os.WriteFile(o.config, []byte(config), 0o600))
	return o
}

// beside writes a file beside the configuration.
func (o *operator) beside(name, text string) string {
	o.t.Helper()
	path := filepath.Join(filepath.Dir(o.config), name)
	require.NoError(o.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// shows waits until a command line's output has all of some words.
func (o *operator) shows(words []string, args ...string) string {
	o.t.Helper()
	var last ended
	has := func() bool {
		last = o.run(args...)
		for _, w := range words {
			if !strings.Contains(last.out, w) {
				return false
			}
		}
		return last.code == exitOK
	}
	defer func() {
		if o.t.Failed() {
			o.t.Logf("jumpring %s said: %s%s", strings.Join(args, " "), last.out, last.err)
		}
	}()
	require.Eventually(o.t, has, 2*time.Minute, 50*time.Millisecond, "%s shows %v", args, words)
	return last.out
}

func TestAPolicyIsPlannedPutIntoForceAndExplained(t *testing.T) {
	o := withTwoCatalogues(t)
	rules := o.beside("rules.yaml", "item:\n  title: {authority: [shop], losing: case}\n")
	stop := o.serve()
	listed := o.shows([]string{"Ring of erp"}, "item", "list", "--serial", "SN-1", "-o", "csv")
	id := strings.SplitN(strings.Split(listed, "\n")[1], ",", 2)[0]
	o.shows([]string{`"shop"`, `"erp"`, "Ring of erp"}, "item", "get", id, "-o", "json")

	require.Contains(t, o.ok("policy", "show"), "item.price")
	said := o.shows([]string{"differs"}, "policy", "explain", "item.title", "--item", id)
	for _, want := range []string{
		"The policy has no rule for item.title: the default is in force.", "order: erp shop", `value: Ring of erp`,
		"counts   it is the first in the order that states a value", "differs  it states something else than erp, which comes before it",
	} {
		require.Contains(t, said, want)
	}
	require.Equal(t, exitUsage, o.run("policy", "explain", "item.title", "--client", id).code)
	unknown := o.run("policy", "explain", "item.colour")
	require.Equal(t, exitRefused, unknown.code)
	require.Contains(t, unknown.err, "item.metal")

	plan := o.ok("policy", "plan", rules)
	require.Contains(t, plan, "cases: 1 would open, 0 would close\ncalls: none\n")
	require.Contains(t, plan, "item     1    1             disputed title  1 1")
	require.Contains(t, o.ok("item", "get", id), "Ring of erp", "a plan changes nothing")
	refused := o.run("policy", "plan", o.beside("bad.yaml", "item:\n  title: {direction: sideways}\npublish:\n  shop: {create: sold}\n"))
	require.Equal(t, exitUsage, refused.code)
	require.Contains(t, refused.err, "line 2, column 22: item.title.direction: is not one of what it can be; write in, both or out")
	require.Contains(t, refused.err, "publish.shop.create: can't be sold; write all, none, or what it selects")
	require.Equal(t, exitOK, stop().code)

	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	o.beside("jumpring.yaml", "policy: rules.yaml\n"+string(raw))
	stop = o.serve()
	o.shows([]string{"Ring of shop"}, "item", "get", id)
	cases := o.shows([]string{"item.title: erp says otherwise than shop"}, "case", "list", "--kind", "field", "-o", "json")
	var open []struct{ ID, Subject string }
	require.NoError(t, json.Unmarshal([]byte(cases), &open))
	require.Len(t, open, 1)
	require.Equal(t, id, open[0].Subject)
	require.Contains(t, o.ok("policy", "explain", "item.title", "--item", id), "open case: "+open[0].ID)
	require.Equal(t, "These rules are in force: nothing would change.\n", o.ok("policy", "plan", rules))
	require.Equal(t, exitOK, stop().code)
	require.Contains(t, o.ok("verify"), "ok", "a rebuild gives the same bytes under the policy")

	o.beside("rules.yaml", "item:\n  titel: {policy: first}\n")
	broken := o.run("serve")
	require.Equal(t, exitUsage, broken.code)
	require.Contains(t, broken.err, "rules.yaml has a problem:\n  line 2, column 10: item.titel: is no field group")
}

func TestPolicyExamplesAreTriedWithoutAHub(t *testing.T) {
	o := withTwoCatalogues(t)
	o.beside("rules.yaml", "item:\n  title: {authority: [shop], losing: case}\n")
	sources := `
    sources:
      - connection: erp
        states: {title: Ring of erp, serial: SN-1}
      - connection: shop
        states: {title: Ring of shop, serial: SN-1}
`
	holds := "  - name: the shop's title counts" + sources + "    expect: {title: Ring of shop, serial: SN-1}\n    cases: [item.title]\n"
	fails := "  - name: the ERP's title counts" + sources + "    expect: {title: Ring of erp}\n"
	require.Contains(t, o.ok("policy", "test", o.beside("good.yaml", "policy: rules.yaml\nexamples:\n"+holds)), "true")
	both := o.run("policy", "test", o.beside("both.yaml", "policy: rules.yaml\nexamples:\n"+holds+fails))
	require.Equal(t, exitFailed, both.code)
	require.Contains(t, both.out, `title is "Ring of shop", not "Ring of erp" a case is open about item.title`)
	require.Contains(t, o.ok("policy", "test", o.beside("default.yaml", "examples:\n"+fails)), "true", "without rules the first connection counts")
	bad := o.run("policy", "test", o.beside("bad.yaml", "examples:\n  - {name: x, sources: [{connection: nobody}]}\n"))
	require.Equal(t, exitUsage, bad.code)
	require.Contains(t, bad.err, "is no connection; write one of erp, shop")
}
