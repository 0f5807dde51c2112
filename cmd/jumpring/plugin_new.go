package main

import (
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/plugins/scaffold"
)

// published tells a version that can be required from one of a build of one's own.
var published = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)

func newPluginNew(con *console) *cobra.Command {
	var sdk string
	c := &cobra.Command{
		Use: "new NAME", Short: "Write a new connector's project into a folder of its name", Args: exactly(1),
		Long: "Writes a Go project with a working connector for an invented system and a sandbox of that system.\n" +
			"Its three files connector.go, client.go and map.go say what to fill in.",
		Example: "  jumpring plugin new acme-erp\n  jumpring plugin new acme-erp --sdk ../jumpring",
		RunE: func(_ *cobra.Command, args []string) error {
			project := scaffold.Project{Name: filepath.Base(args[0]), Dir: args[0], SDK: sdk, Version: version}
			if sdk == "" && !published.MatchString(version) {
				return coded(exitUsage, fmt.Errorf("this build (%s) is not published as a module: name a checkout with --sdk PATH", version))
			}
			written, err := scaffold.Write(project)
			if err != nil {
				return coded(exitUsage, err)
			}
			if con.format == "json" {
				return con.json(map[string]any{"folder": args[0], "files": written})
			}
			fmt.Fprintf(con.out, "%s is there. Fill in connector.go, client.go and map.go; try it with\n\n", args[0])
			fmt.Fprintf(con.out, "  cd %s\n  go build -o bin/%s .\n  jumpring conformance .\n", args[0], project.Name)
			return nil
		},
	}
	c.Flags().StringVar(&sdk, "sdk", "", "a checkout of Jumpring to build against")
	return c
}
