package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

func newPublication(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list NAME", Short: "List what the hub means to show at a connection, and how far that is", Args: exactly(1)}
	state := list.Flags().String("state", "", "only these: same, wanted, written, refused or gone")
	list.RunE = func(c *cobra.Command, args []string) error {
		q := url.Values{}
		if *state != "" {
			q.Set("state", *state)
		}
		return con.listed(c, "/v1/connections/"+url.PathEscape(args[0])+"/publications", q, 0, []column{
			{"item", "item"}, {"listing", "listing_id"}, {"state", "state"}, {"made", "made"}, {"down", "down"}, {"left", "left"}, {"why", "why"},
		})
	}
	word := func(does, short string) *cobra.Command {
		return &cobra.Command{Use: does + " NAME ITEM", Short: short, Args: exactly(2), RunE: func(c *cobra.Command, args []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			v, err := hub.post(c.Context(), "/v1/connections/"+url.PathEscape(args[0])+"/publications", map[string]string{"item": args[1], "does": does})
			if err != nil {
				return err
			}
			return con.record([]column{{"item", "item"}, {"connection", "connection"}, {"does", "does"}}, v)
		}}
	}
	return group("publication", "See what is published to a connection", list,
		word("again", "Make a listing again that somebody deleted there"), word("retry", "Write once more what was refused, or is shown otherwise"))
}
