package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/policy/example"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func newPolicy(con *console) *cobra.Command {
	return group("policy", "See and try whose word counts for which field", policyShow(con), policyExplain(con), policyTest(con), policyPlan(con), policyApply(con))
}

var policyColumns = []column{
	{"group", "group"}, {"policy", "rule.policy"}, {"authority", "rule.authority"}, {"others", "rule.others"}, {"losing", "rule.losing"}, {"own rule", "own"},
}

func policyShow(con *console) *cobra.Command {
	return &cobra.Command{Use: "show", Short: "Show the rule of every field group that is in force", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.get(c.Context(), "/v1/policy")
		if err != nil {
			return err
		}
		rules, _ := lookup(v, "rules").([]any)
		return con.table(policyColumns, rules, v)
	}}
}

func policyExplain(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use: "explain GROUP", Short: "Say which rule a field goes by and why, and what each source states of it", Args: exactly(1),
		Example: "  jumpring policy explain item.price\n  jumpring policy explain item.price --item itm_4d5x…\n  jumpring policy explain publish.web-eu --item itm_4d5x…",
	}
	ids := map[string]*string{
		policy.Item:    cmd.Flags().String("item", "", "any id of an item"),
		policy.Product: cmd.Flags().String("product", "", "any id of a product"),
		policy.Client:  cmd.Flags().String("client", "", "any id of a client"),
	}
	cmd.RunE = func(c *cobra.Command, args []string) error {
		entity, _, _ := strings.Cut(args[0], ".")
		query := url.Values{"group": {args[0]}}
		for of, id := range ids {
			if *id == "" {
				continue
			}
			if of != entity && !(of == policy.Item && entity+"." == policy.PublishGroup) {
				return coded(exitUsage, fmt.Errorf("--%s goes with a group of %s, and %s is none", of, of, args[0]))
			}
			query.Set("id", *id)
		}
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.get(c.Context(), "/v1/policy/explain?"+query.Encode())
		if err != nil {
			return err
		}
		return con.explained(v)
	}
	return cmd
}

// explained prints an explanation: the rule and why, then the record's value and what each source states.
func (c *console) explained(v any) error {
	if c.format == "json" {
		return c.json(v)
	}
	sources, _ := lookup(v, "sources").([]any)
	if c.format == "table" {
		why, _ := lookup(v, "why").([]any)
		for _, s := range why {
			fmt.Fprintln(c.out, printable(cell(s)))
		}
		about := [][2]string{
			{"order", "order"}, {"record", "record"}, {"value", "value"}, {"open case", "case"},
		}
		for _, a := range about {
			if s := cell(lookup(v, a[1])); s != "" {
				fmt.Fprintf(c.out, "%s: %s\n", a[0], printable(s))
			}
		}
		if len(sources) == 0 {
			return nil
		}
	}
	return c.table([]column{
		{"connection", "connection"}, {"external id", "external_id"}, {"states", "value"}, {"it", "role"}, {"because", "why"},
	}, sources, v)
}

func policyTest(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "test FILE", Short: "Try examples: what sources show, and what the golden record should be", Args: exactly(1),
		Long: `Try examples: what sources show, and what the golden record should be. Each is folded in an empty hub in memory; no
running hub is asked. configs/policy-examples.yaml shows how a file is written. The rules are those of the configuration,
or of the file that the examples name.`,
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			results, err := tryExamples(c.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			return con.tried(results)
		},
	}
}

// tryExamples runs a file of examples under a configuration.
func tryExamples(ctx context.Context, cfg *config.Config, path string) ([]example.Result, error) {
	examples, rules, err := config.LoadExamples(path, config.System(), cfg.Names())
	if err != nil {
		return nil, coded(exitUsage, err)
	}
	s := cfg.Settings()
	if rules != "" {
		if s.Policy, err = config.LoadPolicy(rules, config.System(), cfg.Names()); err != nil {
			return nil, coded(exitUsage, err)
		}
	}
	for i := range s.Connections {
		if err := describe(ctx, &s.Connections[i]); err != nil {
			return nil, err
		}
	}
	results := make([]example.Result, 0, len(examples))
	for i := range examples {
		r, err := example.Run(&s, &examples[i])
		if err != nil {
			return nil, err
		}
		results = append(results, *r)
	}
	return results, nil
}

// describe fills in what a built-in connector says of itself, as the hub does: whether it counts stock decides about the
// order of authority.
func describe(ctx context.Context, c *canon.ConnectionSettings) error {
	connector := builtIn()[c.Connector]
	if connector == nil {
		return nil
	}
	d, err := connector().Describe(ctx, &sdk.DescribeRequest{})
	if err != nil {
		return fmt.Errorf("connector %s does not describe itself: %w", c.Connector, err)
	}
	c.OpeningStock = d.OpeningStock
	return nil
}

func (c *console) tried(results []example.Result) error {
	v, err := decodedOf(results)
	if err != nil {
		return err
	}
	rows, _ := v.([]any)
	if err := c.table([]column{{"example", "name"}, {"ok", "ok"}, {"failures", "failures"}}, rows, v); err != nil {
		return err
	}
	for i := range results {
		if !results[i].OK {
			return &exitError{exitFailed}
		}
	}
	return nil
}

func policyPlan(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "plan FILE", Short: "Show what the rules of a file would change, before they are in force", Args: exactly(1),
		Long: `Show what the rules of a file would change in the running hub: how many records, in which fields, how many cases open and
close, and how many calls each connection would get. The hub computes every record under the new rules and writes nothing.
To put them into force, apply the plan by its digest (` + "`jumpring policy apply`" + `), or name the file in the configuration and restart the hub.`,
		RunE: func(c *cobra.Command, args []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			names, err := connectionNames(c, hub)
			if err != nil {
				return err
			}
			p, err := config.LoadPolicy(args[0], config.System(), names)
			if err != nil {
				return coded(exitUsage, err)
			}
			if p == nil {
				p = &canon.Policy{}
			}
			v, err := hub.post(c.Context(), "/v1/policy/plan", p)
			if err != nil {
				return err
			}
			return con.planned(v)
		},
	}
}

func connectionNames(c *cobra.Command, hub *remote) ([]string, error) {
	all, err := hub.list(c.Context(), "/v1/connections", nil, 0)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, one := range all {
		names = append(names, cell(lookup(one, "name")))
	}
	if len(names) == 0 {
		return nil, coded(exitUsage, errors.New("the hub has no connections: a policy has nothing to decide"))
	}
	return names, nil
}

// planned prints a plan: records by type, then the sums.
func (c *console) planned(v any) error {
	records, _ := lookup(v, "records").([]any)
	if c.format == "table" {
		if lookup(v, "same") == true {
			fmt.Fprintln(c.out, "These rules are in force: nothing would change.")
			return nil
		}
		fmt.Fprintf(c.out, "digest: %s\n", cell(lookup(v, "digest")))
		fmt.Fprintf(c.out, "cases: %s would open, %s would close\n", cell(lookup(v, "cases_opened")), cell(lookup(v, "cases_closed")))
		calls, _ := lookup(v, "calls").([]any)
		for _, k := range calls {
			fmt.Fprintf(c.out, "calls: %s to %s, which is %s\n", cell(lookup(k, "calls")), printable(cell(lookup(k, "connection"))), cell(lookup(k, "mode")))
		}
		if len(calls) == 0 {
			fmt.Fprintln(c.out, "calls: none")
		}
	}
	return c.table([]column{{"records", "type"}, {"all", "all"}, {"would change", "changed"}, {"fields", "fields.field"}, {"in how many", "fields.records"}}, records, v)
}

// policyApply puts the rules of a file into force whose plan was looked at.
func policyApply(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use: "apply FILE --digest DIGEST", Short: "Put the rules of a file into force; takes the digest of their plan", Args: exactly(1),
		Long: "Put the rules of a file into force in the running hub, as they were planned: the digest is what `jumpring policy plan FILE` printed.\n" +
			"The change is journaled. The next start reads the file that the configuration names: name the same one there.",
	}
	digest := cmd.Flags().String("digest", "", "of the plan that was looked at")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if *digest == "" {
			return coded(exitUsage, errors.New("give the digest that `jumpring policy plan` printed, by --digest"))
		}
		hub, err := con.remote()
		if err != nil {
			return err
		}
		names, err := connectionNames(c, hub)
		if err != nil {
			return err
		}
		p, err := config.LoadPolicy(args[0], config.System(), names)
		if err != nil {
			return coded(exitUsage, err)
		}
		body := map[string]any{"digest": *digest}
		if p != nil {
			if len(p.Rules) > 0 {
				body["rules"] = p.Rules
			}
			if len(p.Publish) > 0 {
				body["publish"] = p.Publish
			}
			if p.Approvals != nil {
				body["approvals"] = p.Approvals
			}
		}
		v, err := hub.post(c.Context(), "/v1/policy/apply", body)
		if err != nil {
			return err
		}
		return con.record([]column{{"applied", "applied"}}, v)
	}
	return cmd
}
