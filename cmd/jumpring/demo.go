package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/cmd/jumpring/demo"
)

func newDemo(con *console) *cobra.Command {
	var o demo.Options
	c := &cobra.Command{
		Use: "demo", Short: "Play a trading day of two shops and a till, and judge it", Args: exactly(0),
		Long: `Starts the hub with a Shopify store, a WooCommerce shop and a till, plays a trading day in which everything goes
wrong that can, and lets an auditor judge it from the channels' own ledgers and the public API. Exit 0 when nothing was
sold twice and nothing was lost.

--sabotage breaks the hub on purpose, to see that the auditor notices: drop-write reports writes as done that were never
sent; skip-fsync acknowledges facts that a power failure takes; ignore-hold sells what somebody else has reserved; echo
writes what is shown already. The exit code is then 1.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.Output != "text" && o.Output != "json" {
				return coded(exitUsage, fmt.Errorf("--output %q is not known; use text or json", o.Output))
			}
			if o.Sabotage != "" && !slices.Contains(demo.Sabotages, o.Sabotage) {
				return coded(exitUsage, fmt.Errorf("--sabotage %q is not known; use one of %s", o.Sabotage, strings.Join(demo.Sabotages, ", ")))
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			o.Hub, o.Out = []string{self, "serve"}, con.out
			if o.Output == "json" {
				o.Story = con.err
			}
			figures, err := demo.Run(c.Context(), o)
			if c.Context().Err() != nil {
				return nil // Ctrl-C
			}
			if err != nil {
				return err
			}
			if len(figures.Failed) > 0 {
				return &exitError{exitFailed}
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Once, "once", false, "end after one day")
	f.Uint64Var(&o.Seed, "seed", 1, "what the day derives from")
	f.StringVar(&o.Output, "output", "text", "text, or json: the figures on standard output, the story on standard error")
	f.StringVar(&o.Sabotage, "sabotage", "", "break the hub on purpose: "+strings.Join(demo.Sabotages, ", "))
	f.StringVar(&o.Data, "data", "", "folder to work in and to keep; a temporary one where it is left out")
	f.IntVar(&o.Sales, "sales", 0, "about how many sales the day has")
	if err := f.MarkHidden("sales"); err != nil {
		panic(err) // the flag is the one above
	}
	return c
}
