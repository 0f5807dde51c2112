package main

import (
	"maps"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func newVersion(con *console) *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Show the versions of the program, its rules and its protocol", Args: exactly(0), RunE: func(*cobra.Command, []string) error {
		v := map[string]any{"version": version, "fold_version": router.Version, "connector_protocol": sdk.ProtocolVersion, "go": runtime.Version(), "connectors": slices.Sorted(maps.Keys(builtIn()))}
		raw, err := decodedOf(v)
		if err != nil {
			return err
		}
		return con.record([]column{{"version", "version"}, {"fold version", "fold_version"}, {"connector protocol", "connector_protocol"}, {"connectors", "connectors"}, {"go", "go"}}, raw)
	}}
}
