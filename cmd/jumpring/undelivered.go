package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

var undeliveredColumns = []column{
	{"connection", "connection"},
	{"key", "key"},
	{"event", "event"},
	{"what", "event_type"},
	{"parked", "parked"},
	{"attempts", "attempts"},
	{"code", "code"},
	{"reason", "reason"},
	{"since", "since"},
}

func newUndelivered(con *console) *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "List the records whose changes could not be delivered and wait", Args: exactly(0)}
	query := filters(list, map[string]string{"connection": "those of one connection"})
	list.RunE = func(c *cobra.Command, _ []string) error {
		return con.listed(c, "/v1/undelivered", query(), 0, undeliveredColumns)
	}
	at := func(args []string) string {
		return "/v1/undelivered/" + url.PathEscape(args[0]) + "/" + url.PathEscape(args[1])
	}
	show := &cobra.Command{Use: "show CONNECTION KEY", Short: "Show what waits of a record", Args: exactly(2), RunE: func(c *cobra.Command, args []string) error {
		return con.shown(c, at(args), undeliveredColumns)
	}}
	end := func(verb, short string) *cobra.Command {
		cmd := &cobra.Command{Use: verb + " CONNECTION KEY", Short: short, Args: exactly(2)}
		event := cmd.Flags().String("event", "", "the change that you saw waiting first: another one by now is refused")
		cmd.RunE = func(c *cobra.Command, args []string) error {
			hub, err := con.remote()
			if err != nil {
				return err
			}
			body := map[string]any{}
			if *event != "" {
				body["event"] = *event
			}
			v, err := hub.post(c.Context(), at(args)+"/"+verb, body)
			if err != nil {
				return err
			}
			return con.record(undeliveredColumns, v)
		}
		return cmd
	}
	return group("undelivered", "Look at changes that could not be delivered", list, show,
		end("replay", "Deliver what waits of a record again"),
		end("discard", "Leave the first change that waits undelivered, and go on with those behind it"))
}
