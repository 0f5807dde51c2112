package csv

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// FuzzFile reads any content as each kind of file, in pages of several sizes: nothing panics, every observation is well
// formed, and the pages give the same whatever their size.
func FuzzFile(f *testing.F) {
	f.Add("serial,sku,price_eur,quantity,modified\nA,B,1.00,1,2026-11-22T10:00:00Z\n")
	f.Add("id;email;created\nC1;ana@example.com;2026-11-22\n")
	f.Add(salesHeader + saleRow(1, 1, "A") + saleRow(2, 1, "B") + saleRow(1, 2, "C"))
	f.Add("till,receipt,time,original_receipt,original_line\nT1,9,2026-11-22 12:00,1,1\n")
	f.Add("till,line,time,serial,location\nT1,1,2026-11-22 12:00,A,paris\n")
	dir := f.TempDir()
	cfg, found := parseConfig([]byte(`{"folder":"x","timezone":"Europe/Paris","till":"T","location":"L","currency":"EUR"}`))
	if len(found) > 0 {
		f.Fatal(found)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, kind := range contents {
			path := filepath.Join(dir, string(kind)+".csv")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
			in, err := inspect(&cfg, path, kind)
			if err != nil {
				t.Fatal(err)
			}
			c := &connector{cfg: cfg}
			var whole []string
			for _, limit := range []int{1000, 1, 2} {
				var got []string
				for at := (cursor{File: filepath.Base(path), Sum: in.sum}); !at.End; {
					p, err := c.read(in, at, limit)
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range p.observations {
						if err := o.Check(); err != nil {
							t.Fatalf("%s: %v", kind, err)
						}
					}
					got = append(got, ids(p.observations)...)
					for _, b := range p.bad {
						got = append(got, b.Place+" "+b.Code)
					}
					if !p.next.End && p.next.Offset <= at.Offset {
						t.Fatalf("%s: reading stands still at byte %d", kind, at.Offset)
					}
					at = p.next
				}
				if whole == nil {
					whole = got
				}
				if a, b := sortedText(whole), sortedText(got); !bytes.Equal(a, b) {
					t.Fatalf("%s: pages of %d give\n%s\none page gives\n%s", kind, limit, b, a)
				}
			}
		}
	})
}

// sortedText joins lines in order, since a page gives its observations and its refused rows apart.
func sortedText(lines []string) []byte {
	lines = slices.Sorted(slices.Values(lines))
	return []byte(strings.Join(lines, "\n"))
}
