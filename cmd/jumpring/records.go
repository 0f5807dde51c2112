package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

// listed prints a list of the hub.
func (c *console) listed(cmd *cobra.Command, path string, query url.Values, limit int, columns []column) error {
	hub, err := c.remote()
	if err != nil {
		return err
	}
	items, err := hub.list(cmd.Context(), path, query, limit)
	if err != nil {
		return err
	}
	return c.table(columns, items, items)
}

// shown prints one record of the hub.
func (c *console) shown(cmd *cobra.Command, path string, columns []column) error {
	hub, err := c.remote()
	if err != nil {
		return err
	}
	v, err := hub.get(cmd.Context(), path)
	if err != nil {
		return err
	}
	return c.record(columns, v)
}

var rowColumns = []column{
	{"at", "at"}, {"event", "event"}, {"actor", "actor"}, {"channel", "channel"}, {"position", "position"}, {"changed", "changes.field"},
}

// newTimeline shows what happened to a record.
func newTimeline(con *console, kind string) *cobra.Command {
	return &cobra.Command{Use: "timeline ID", Short: "Show what happened to it, the newest last", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.listed(c, "/v1/"+kind+"/"+url.PathEscape(args[0])+"/timeline", nil, 0, rowColumns)
	}}
}

// filters are flags that become parameters of a query.
func filters(cmd *cobra.Command, names map[string]string) func() url.Values {
	values := map[string]*string{}
	for name, what := range names {
		values[name] = cmd.Flags().String(name, "", what)
	}
	return func() url.Values {
		q := url.Values{}
		for name, v := range values {
			if *v != "" {
				q.Set(name, *v)
			}
		}
		return q
	}
}
