// Hostile serves one of the connectors that behave as badly as one can, or the good one, for the bench.
package main

import (
	"os"

	"github.com/jumpring/jumpring/plugins/host/hosttest"
)

func main() {
	if len(os.Args) > 1 {
		hosttest.Serve(os.Args[1])
	}
}
