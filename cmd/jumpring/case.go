package main

import (
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

var caseColumns = []column{
	{"id", "id"}, {"kind", "kind"}, {"open", "open"}, {"subject", "subject"}, {"summary", "summary"}, {"proposals", "proposals.id"}, {"opened", "opened_at"},
}

// decidedColumns are what a case shows of its decision and how far that is.
var decidedColumns = []column{
	{"decided", "decision.proposal"},
	{"by", "decision.by"},
	{"note", "note"},
	{"does", "actions.kind"},
	{"at", "actions.connection"},
	{"order", "actions.order"},
	{"state", "actions.state"},
	{"back", "actions.amount.amount"},
	{"by hand", "actions.by_hand"},
	{"words", "actions.detail"},
	{"resolution", "resolution"},
}

func newCase(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List open cases", Args: exactly(0)}
	query := filters(list, map[string]string{"kind": "double_claim, component_claim, oversold, identity, client, field or fuse", "state": "open (default) or closed"})
	list.RunE = func(c *cobra.Command, _ []string) error { return con.listed(c, "/v1/cases", query(), 0, caseColumns) }
	show := &cobra.Command{Use: "show ID", Short: "Show a case with its evidence", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		columns := append(slices.Clone(caseColumns), column{"evidence", "evidence.text"}, column{"means", "proposals.text"}, column{"advised", "proposals.advised"})
		return con.shown(c, "/v1/cases/"+url.PathEscape(args[0]), append(columns, decidedColumns...))
	}}
	return group("case", "Look at conflicts and decide them", list, show, newCaseResolve(con))
}

// newCaseResolve decides a case. The hub carries it out at the platforms; with --wait the command stays until that is over.
func newCaseResolve(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use: "resolve ID PROPOSAL", Short: "Decide a case by one of its proposals, and have it carried out at the platforms", Args: exactly(2),
	}
	body := map[string]any{}
	note := cmd.Flags().String("note", "", "why, for whoever reads the case later and for the platform's staff")
	refund := cmd.Flags().String("refund", "", "how money goes back: auto (default), original, by_hand, none")
	reason := cmd.Flags().String("reason", "", "what the platform is told: inventory (default), customer, fraud, other")
	notify := cmd.Flags().Bool("notify", false, "have the platform write to the buyer, where it can be told")
	again := cmd.Flags().Bool("again", false, "what was sent before did not happen: you looked at the platform")
	wait := cmd.Flags().Duration("wait", 0, "how long to wait until it is carried out; 0 to answer at once")
	cmd.RunE = func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		body["proposal"], body["note"], body["notify"], body["again"] = args[1], *note, *notify, *again
		for name, v := range map[string]string{"refund": *refund, "reason": *reason} {
			if v != "" {
				body[name] = v
			}
		}
		at := "/v1/cases/" + url.PathEscape(args[0])
		v, err := hub.post(c.Context(), at+"/resolve", body)
		if err != nil {
			return err
		}
		for end := time.Now().Add(*wait); underWay(v) && time.Now().Before(end); {
			select {
			case <-c.Context().Done():
				return c.Context().Err()
			case <-time.After(500 * time.Millisecond):
			}
			if v, err = hub.get(c.Context(), at); err != nil {
				return err
			}
		}
		return con.record(append(slices.Clone(caseColumns), decidedColumns...), v)
	}
	return cmd
}

// underWay tells whether a case is open and something of its decision is still to come.
func underWay(v any) bool {
	actions, _ := lookup(v, "actions").([]any)
	for _, a := range actions {
		switch lookup(a, "state") {
		case "failed", "parked":
			return false
		}
	}
	return lookup(v, "open") == true && len(actions) > 0
}
