package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/canon"
)

var connectionColumns = []column{
	{"name", "name"},
	{"connector", "connector"},
	{"mode", "mode"},
	{"parts", "parts"},
	{"state", "state"},
	{"paused", "paused"},
	{"fuse", "fused"},
	{"last fact", "last_fact"},
	{"lag s", "lag_seconds"},
	{"differing", "differing"},
	{"last error", "last_error"},
}

func newConnection(con *console) *cobra.Command {
	change := func(verb, short string) *cobra.Command {
		return &cobra.Command{Use: verb + " NAME", Short: short, Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
			return con.changeConnection(c, args[0], verb, nil)
		}}
	}
	lower := func(verb, short string) *cobra.Command {
		var p part
		cmd := &cobra.Command{Use: verb + " NAME", Short: short, Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
			return con.changeConnection(c, args[0], verb, p.body())
		}}
		p.flags(cmd)
		return cmd
	}
	return group("connection", "Look after the connected systems",
		&cobra.Command{Use: "list", Short: "List the connections with mode, state, freshness, lag and last error", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			items, err := hub.list(c.Context(), "/v1/connections", nil, 0)
			if err != nil {
				return err
			}
			return con.table(connectionColumns, withParts(items...), items)
		}},
		&cobra.Command{Use: "show NAME", Short: "Show a connection", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			v, err := hub.get(c.Context(), "/v1/connections/"+url.PathEscape(args[0]))
			if err != nil {
				return err
			}
			if con.format == "json" {
				return con.json(v)
			}
			return con.record(append(connectionColumns, column{"unmapped", "unmapped"}, column{"baseline", "baseline"}, column{"restarts", "restarts"},
				column{"version", "process.version"}, column{"waiting deliveries", "deliveries.waiting"}, column{"do", "do"}), withParts(v)[0])
		}},
		newConnectionCheck(con), newConnectionDiscover(con), newConnectionImport(con), newConnectionPlan(con), newConnectionLive(con),
		lower("shadow", "Compute what would be written, write nothing"), lower("observe", "Read only"),
		change("pause", "Stop all calls to a connection"), change("resume", "Go on with a connection; also resets its fuse"),
		change("restart", "End a connector's process in order and start it again"),
	)
}

// part is the part of a connection that a command means.
type part struct{ entity, location string }

func (p *part) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.location, "location", "", "only the stock of this location of the hub")
	cmd.Flags().StringVar(&p.entity, "entity", "", "only this: stock, order, listing or price")
}

func (p *part) body() map[string]string {
	b := map[string]string{}
	if p.entity != "" {
		b["entity"] = p.entity
	}
	if p.location != "" {
		b["location"] = p.location
	}
	return b
}

// path gives where the plan of the part is.
func (p *part) path(name string) string {
	q := url.Values{}
	for k, v := range p.body() {
		q.Set(k, v)
	}
	at := "/v1/connections/" + url.PathEscape(name) + "/plan"
	if len(q) > 0 {
		at += "?" + q.Encode()
	}
	return at
}

// words gives the part as flags.
func (p *part) words() string {
	words := ""
	if p.location != "" {
		words += " --location " + p.location
	}
	if p.entity != "" {
		words += " --entity " + p.entity
	}
	return words
}

func (c *console) changeConnection(cmd *cobra.Command, name, verb string, body any) error {
	hub, err := c.remote()
	if err != nil {
		return err
	}
	v, err := hub.post(cmd.Context(), "/v1/connections/"+url.PathEscape(name)+"/"+verb, body)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.json(v)
	}
	return c.record(connectionColumns, withParts(v)[0])
}

// withParts gives connections with their parts' modes as words: "stock@boutique-paris live".
func withParts(connections ...any) []any {
	out := make([]any, len(connections))
	for i, v := range connections {
		was, _ := v.(map[string]any)
		shown := maps.Clone(was)
		parts, _ := lookup(v, "scopes").([]any)
		words := make([]string, len(parts))
		for j, p := range parts {
			s := canon.Scope{Entity: canon.ScopeEntity(cell(lookup(p, "entity"))), Location: cell(lookup(p, "location"))}
			words[j] = s.String() + " " + cell(lookup(p, "mode"))
		}
		if len(words) > 0 {
			shown["parts"] = strings.Join(words, ", ")
		}
		out[i] = shown
	}
	return out
}

func newConnectionCheck(con *console) *cobra.Command {
	return &cobra.Command{Use: "check NAME", Short: "Test a connection live; changes nothing", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.post(c.Context(), "/v1/connections/"+url.PathEscape(args[0])+"/check", nil)
		if err != nil {
			return err
		}
		found, _ := lookup(v, "diagnostics").([]any)
		if err := con.table([]column{{"severity", "severity"}, {"code", "code"}, {"where", "path"}, {"what", "summary"}, {"do", "do"}}, found, v); err != nil {
			return err
		}
		for _, d := range found {
			if lookup(d, "severity") == "error" {
				return coded(exitFailed, fmt.Errorf("%s has errors", args[0]))
			}
		}
		if account, _ := lookup(v, "account").(string); account != "" {
			con.say("%s: %s, no errors", args[0], printable(account))
		}
		return nil
	}}
}

func newConnectionDiscover(con *console) *cobra.Command {
	return &cobra.Command{Use: "discover NAME", Short: "List what there is to map: locations, price lists, custom fields", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.post(c.Context(), "/v1/connections/"+url.PathEscape(args[0])+"/discover", nil)
		if err != nil {
			return err
		}
		var all []any
		for _, kind := range []string{"locations", "price_lists", "fields"} {
			some, _ := lookup(v, kind).([]any)
			for _, d := range some {
				all = append(all, map[string]any{"kind": kind, "id": lookup(d, "id"), "name": lookup(d, "name")})
			}
		}
		return con.table([]column{{"kind", "kind"}, {"id", "id"}, {"name", "name"}}, all, v)
	}}
}

var planColumns = []column{
	{"call", "call"},
	{"listing", "external_id"},
	{"item", "item_id"},
	{"sku", "sku"},
	{"title", "title"},
	{"field", "field"},
	{"location", "location"},
	{"shows", "shows"},
	{"should", "should"},
	{"cause", "cause"},
	{"reason", "reason"},
	{"order", "order"},
	{"does", "kind"},
	{"fields", "fields"},
	{"refund", "refund"},
}

// planRows gives the calls of a plan and what is blocked as one list.
func planRows(plan any) []any {
	var all []any
	for _, kind := range []struct{ name, word string }{{"rows", "write"}, {"actions", "action"}, {"held", "held back"}, {"held_actions", "held back"}, {"blocked", "blocked"}} {
		rows, _ := lookup(plan, kind.name).([]any)
		for _, r := range rows {
			if m, ok := r.(map[string]any); ok {
				m["call"] = kind.word
				all = append(all, m)
			}
		}
	}
	return all
}

func newConnectionPlan(con *console) *cobra.Command {
	var p part
	cmd := &cobra.Command{Use: "plan NAME", Short: "List each call that would be made if the connection, or the part that is named, were live", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.get(c.Context(), p.path(args[0]))
		if err != nil {
			return err
		}
		if con.format == "json" {
			return con.json(v)
		}
		if err := con.table(planColumns, planRows(v), v); err != nil {
			return err
		}
		calls, _ := lookup(v, "rows").([]any)
		actions, _ := lookup(v, "actions").([]any)
		if held, _ := lookup(v, "held").([]any); len(held) > 0 {
			con.say("%d more are held back by the mode of another part.", len(held))
		}
		if n := cell(lookup(v, "underway")); n != "" {
			con.say("%s more belong to parts that are live: they are being made.", n)
		}
		con.say("%d calls. To accept this plan: jumpring connection live %s%s --plan %s", len(calls)+len(actions), args[0], p.words(), cell(lookup(v, "digest")))
		return nil
	}}
	p.flags(cmd)
	return cmd
}

func newConnectionLive(con *console) *cobra.Command {
	var digest string
	var p part
	cmd := &cobra.Command{Use: "live NAME", Short: "Let the hub write to a connection, or the part that is named, after its plan was looked at", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		if digest == "" {
			var err error
			if digest, err = con.acceptPlan(c, args[0], p); err != nil {
				return err
			}
		}
		body := p.body()
		body["plan_digest"] = digest
		return con.changeConnection(c, args[0], "live", body)
	}}
	p.flags(cmd)
	cmd.Flags().StringVar(&digest, "plan", "", "digest of the plan that was looked at; asked for at a terminal")
	return cmd
}

// acceptPlan shows the plan to a person and asks.
func (c *console) acceptPlan(cmd *cobra.Command, name string, p part) (string, error) {
	if !c.answers {
		return "", coded(exitUsage, errors.New("--plan is missing: look at `jumpring connection plan "+name+p.words()+"` and pass its digest"))
	}
	hub, err := c.remote()
	if err != nil {
		return "", err
	}
	v, err := hub.get(cmd.Context(), p.path(name))
	if err != nil {
		return "", err
	}
	calls := planRows(v)
	shown := *c
	shown.out, shown.format = c.err, "table"
	if err := shown.table(planColumns, calls, v); err != nil {
		return "", err
	}
	writes, _ := lookup(v, "rows").([]any)
	fmt.Fprintf(c.err, "Make these %d writes at %s? Type yes: ", len(writes), name)
	answer, err := bufio.NewReader(c.in).ReadString('\n')
	if err != nil || strings.TrimSpace(answer) != "yes" {
		return "", coded(exitUsage, errors.New("not accepted; nothing was changed"))
	}
	return cell(lookup(v, "digest")), nil
}
