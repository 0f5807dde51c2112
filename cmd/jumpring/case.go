package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

var caseColumns = []column{
	{"id", "id"}, {"kind", "kind"}, {"open", "open"}, {"subject", "subject"}, {"summary", "summary"}, {"proposals", "proposals.id"}, {"opened", "opened_at"},
}

func newCase(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List open cases", Args: exactly(0)}
	query := filters(list, map[string]string{"kind": "double_claim, component_claim, oversold, identity, client, field or fuse", "state": "open (default) or closed"})
	list.RunE = func(c *cobra.Command, _ []string) error { return con.listed(c, "/v1/cases", query(), 0, caseColumns) }
	show := &cobra.Command{Use: "show ID", Short: "Show a case with its evidence", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/cases/"+url.PathEscape(args[0]), append(caseColumns, column{"evidence", "evidence.text"}, column{"means", "proposals.text"}, column{"resolution", "resolution"}, column{"note", "note"}))
	}}
	resolve := &cobra.Command{Use: "resolve ID PROPOSAL", Short: "End a case by one of its proposals", Args: exactly(2)}
	note := resolve.Flags().String("note", "", "why, for whoever reads the case later")
	resolve.RunE = func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.post(c.Context(), "/v1/cases/"+url.PathEscape(args[0])+"/resolve", map[string]string{"proposal": args[1], "note": *note})
		if err != nil {
			return err
		}
		return con.record(append(caseColumns, column{"resolution", "resolution"}), v)
	}
	return group("case", "Look at conflicts and decide them", list, show, resolve)
}
