package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/connectors/bigcommerce"
	"github.com/jumpring/jumpring/connectors/csv"
	"github.com/jumpring/jumpring/connectors/edgefiles"
	"github.com/jumpring/jumpring/connectors/magento"
	"github.com/jumpring/jumpring/connectors/shopify"
	"github.com/jumpring/jumpring/connectors/webhookout"
	"github.com/jumpring/jumpring/connectors/woocommerce"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// builtIn lists the connectors in this binary. Each runs as a process of its own: the binary starts itself.
func builtIn() map[string]func() sdk.Connector {
	return map[string]func() sdk.Connector{
		"bigcommerce": func() sdk.Connector { return bigcommerce.New() },
		"csv":         func() sdk.Connector { return csv.New() },
		"edge-files":  func() sdk.Connector { return edgefiles.New() },
		"magento":     func() sdk.Connector { return magento.New() },
		"shopify":     func() sdk.Connector { return shopify.New() },
		"woocommerce": func() sdk.Connector { return woocommerce.New() },
		"webhook-out": func() sdk.Connector { return webhookout.New() },
	}
}

func newConnector() *cobra.Command {
	return &cobra.Command{
		Use: "connector NAME", Short: "Run a built-in connector (the hub does this)", Hidden: true, Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			known := builtIn()
			if len(args) == 0 {
				for _, name := range slices.Sorted(maps.Keys(known)) {
					fmt.Fprintln(c.OutOrStdout(), name)
				}
				return nil
			}
			make, ok := known[args[0]]
			if !ok {
				return coded(exitUsage, fmt.Errorf("no connector %q is built in; there are %s", args[0], strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			}
			sdk.Serve(make)
			return nil
		},
	}
}
