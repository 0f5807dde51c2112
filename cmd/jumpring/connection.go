package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

var connectionColumns = []column{
	{"name", "name"},
	{"connector", "connector"},
	{"mode", "mode"},
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
	return group("connection", "Look after the connected systems",
		&cobra.Command{Use: "list", Short: "List the connections with mode, state, freshness, lag and last error", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
			return con.listed(c, "/v1/connections", nil, 0, connectionColumns)
		}},
		&cobra.Command{Use: "show NAME", Short: "Show a connection", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
			return con.shown(c, "/v1/connections/"+url.PathEscape(args[0]), append(connectionColumns, column{"unmapped", "unmapped"}, column{"baseline", "baseline"}, column{"restarts", "restarts"}, column{"version", "process.version"},
				column{"waiting deliveries", "deliveries.waiting"}, column{"do", "do"}))
		}},
		newConnectionCheck(con), newConnectionDiscover(con), newConnectionImport(con), newConnectionPlan(con), newConnectionLive(con),
		change("shadow", "Compute what would be written, write nothing"), change("observe", "Read only"),
		change("pause", "Stop all calls to a connection"), change("resume", "Go on with a connection; also resets its fuse"),
		change("restart", "End a connector's process in order and start it again"),
	)
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
	return c.record(connectionColumns, v)
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
	{"refund", "refund"},
}

// planRows gives the calls of a plan and what is blocked as one list.
func planRows(plan any) []any {
	var all []any
	for _, kind := range []struct{ name, word string }{{"rows", "write"}, {"actions", "action"}, {"blocked", "blocked"}} {
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
	return &cobra.Command{Use: "plan NAME", Short: "List each call that would be made if the connection were live", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.get(c.Context(), "/v1/connections/"+url.PathEscape(args[0])+"/plan")
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
		con.say("%d calls. To accept this plan: jumpring connection live %s --plan %s", len(calls)+len(actions), args[0], cell(lookup(v, "digest")))
		return nil
	}}
}

func newConnectionLive(con *console) *cobra.Command {
	var digest string
	cmd := &cobra.Command{Use: "live NAME", Short: "Let the hub write to a connection, after its plan was looked at", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		if digest == "" {
			var err error
			if digest, err = con.acceptPlan(c, args[0]); err != nil {
				return err
			}
		}
		return con.changeConnection(c, args[0], "live", map[string]string{"plan_digest": digest})
	}}
	cmd.Flags().StringVar(&digest, "plan", "", "digest of the plan that was looked at; asked for at a terminal")
	return cmd
}

// acceptPlan shows the plan to a person and asks.
func (c *console) acceptPlan(cmd *cobra.Command, name string) (string, error) {
	if !c.answers {
		return "", coded(exitUsage, errors.New("--plan is missing: look at `jumpring connection plan "+name+"` and pass its digest"))
	}
	hub, err := c.remote()
	if err != nil {
		return "", err
	}
	v, err := hub.get(cmd.Context(), "/v1/connections/"+url.PathEscape(name)+"/plan")
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
