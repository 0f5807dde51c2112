// Command generate writes docs/plugins/reference.md.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/jumpring/jumpring/plugins/sdk/reference"
)

func main() {
	proto := flag.String("proto", "", "connector.proto")
	sdk := flag.String("sdk", "", "folder of the SDK")
	out := flag.String("out", "", "the page")
	flag.Parse()
	page, err := reference.Page(*proto, *sdk)
	if err == nil {
		err = os.WriteFile(*out, []byte(page), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
