// Command acme is a connector for Acme ERP. The hub starts it as a process of its own; `acme twin` starts the sandbox
// that tests run against instead of the real system.
package main

import (
	"fmt"
	"os"

	"github.com/jumpring/jumpring/plugins/scaffold/acme/twin"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "twin" {
		if err := twin.Main(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "acme twin:", err)
			os.Exit(1)
		}
		return
	}
	sdk.Serve(newConnector)
}
