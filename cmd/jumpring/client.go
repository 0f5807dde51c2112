package main

import (
	"errors"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
)

var clientColumns = []column{
	{"id", "id"}, {"given name", "given_name"}, {"family name", "family_name"}, {"emails", "emails"}, {"phones", "phones"}, {"known to", "accounts.connection"},
}

func newClient(con *console) *cobra.Command {
	find := &cobra.Command{Use: "find [WORD …]", Short: "Find clients by words of the name, e-mail or phone"}
	query := filters(find, map[string]string{"email": "e-mail", "phone": "phone number in any usual spelling"})
	limit := find.Flags().Int("limit", 100, "how many at most; 0 for all")
	find.RunE = func(c *cobra.Command, args []string) error {
		q := query()
		if len(args) > 0 {
			q.Set("q", strings.Join(args, " "))
		}
		if len(q) == 0 {
			return coded(exitUsage, errors.New("say whom to find: words of the name, --email or --phone"))
		}
		return con.listed(c, "/v1/clients", q, *limit, clientColumns)
	}
	get := &cobra.Command{Use: "get ID", Short: "Show a client, by any id that resolves to it", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, "/v1/clients/"+url.PathEscape(args[0]), clientColumns)
	}}
	review := &cobra.Command{Use: "review", Short: "List records that may be one person; `jumpring case show ID` shows how they agree", Args: exactly(0)}
	review.RunE = func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/cases", url.Values{"kind": {"client"}}, 0, reviewColumns)
	}
	return group(
		"client", "Look at clients, and say who is who", get, find, newTimeline(con, "clients"), review,
		newSameClient(con, "merge", "same", "Say that two records are one person"),
		newSameClient(con, "unmerge", "unmerge", "Say that two records are two people, or take a merge back"),
		newSameClient(con, "undo", "undo", "Take back what was said of two records"),
	)
}

var reviewColumns = []column{{"case", "id"}, {"records", "evidence.text"}, {"connections", "evidence.connection"}, {"summary", "summary"}}

// newSameClient takes a person's word on two records.
func newSameClient(con *console, verb, word, short string) *cobra.Command {
	return &cobra.Command{Use: verb + " ID ID", Short: short, Args: exactly(2), RunE: func(c *cobra.Command, args []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		v, err := hub.post(c.Context(), "/v1/clients/"+url.PathEscape(args[0])+"/same", map[string]string{"other": args[1], "word": word})
		if err != nil {
			return err
		}
		clients, _ := lookup(v, "clients").([]any)
		return con.table(clientColumns, clients, v)
	}}
}
