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
	return group("client", "Look at clients", get, find, newTimeline(con, "clients"))
}
