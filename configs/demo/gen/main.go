// Command gen writes the demo's catalogue and clients. The same seed gives the same bytes everywhere:
//
//	go run ./configs/demo/gen -seed 1 -out configs/demo
//
// All persons are invented. Their addresses are at example.com and example.org (RFC 2606), their phone numbers are of
// the ranges that numbering authorities keep for fiction.
package main

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	seed := flag.Uint64("seed", 1, "what the pieces and persons derive from")
	out := flag.String("out", "configs/demo", "folder to write catalogue.csv and clients.csv to")
	flag.Parse()
	for name, content := range generate(*seed) {
		if err := os.WriteFile(filepath.Join(*out, name), content, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// generate gives the files by name.
func generate(seed uint64) map[string][]byte {
	return map[string][]byte{
		"catalogue.csv": table(catalogueHeader, catalogue(&dice{state: seed})),
		"clients.csv":   table(clientsHeader, clients(&dice{state: seed ^ 0x636c69656e7473})),
	}
}

func table(header []string, rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(append([][]string{header}, rows...)); err != nil {
		panic(err) // a buffer takes every write
	}
	return b.Bytes()
}

// dice is the SplitMix64 generator, written out so that no release of a library can change the demo.
type dice struct{ state uint64 }

// n gives a number from 0 to below.
func (d *dice) n(below int) int {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(below))
}

// between gives a number from low to high.
func (d *dice) between(low, high int) int { return low + d.n(high-low+1) }

// pick gives one of several.
func pick[T any](d *dice, of ...T) T { return of[d.n(len(of))] }
