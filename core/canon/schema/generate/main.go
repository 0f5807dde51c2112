// Command generate writes the JSON Schemas of the canonical model. It refuses to where a published field would be gone or
// of another type; with -break it writes nonetheless, for a new major version of the model.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon/schema"
)

func main() {
	source := flag.String("source", "core/canon", "folder of the model's source")
	out := flag.String("out", "docs/schemas", "folder of the schemas")
	force := flag.Bool("break", false, "write although published fields change")
	flag.Parse()
	if err := write(*source, *out, *force); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(source, out string, force bool) error {
	docs, err := schema.ReadDocs(source)
	if err != nil {
		return err
	}
	roots := schema.Roots()
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		s, err := schema.Of(name, roots[name], docs)
		if err != nil {
			return err
		}
		raw, err := schema.Marshal(s)
		if err != nil {
			return err
		}
		path := filepath.Join(out, name+".json")
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err == nil && !force {
			published := new(schema.Schema)
			if err := json.Unmarshal(old, published); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if broken := schema.Breaks(published, s); len(broken) > 0 {
				return fmt.Errorf("%s is published and would break:\n  %s", path, strings.Join(broken, "\n  "))
			}
		}
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			return err
		}
	}
	return nil
}
