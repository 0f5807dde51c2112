package main

import "github.com/spf13/cobra"

var busColumns = []column{
	{"kind", "kind"},
	{"journal", "journal"},
	{"state", "state"},
	{"host", "host"},
	{"blocked", "blocked"},
	{"standby", "standby"},
	{"in hand", "in.in_hand"},
	{"parked at broker", "in.parked_at_broker"},
	{"published through", "changes.through"},
	{"behind", "changes.behind"},
	{"last error", "last_error"},
}

func newBus(con *console) *cobra.Command {
	return &cobra.Command{Use: "bus", Short: "Show how the bus to devices and third parties stands", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		return con.shown(c, "/v1/bus", busColumns)
	}}
}
