package trial

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/identity"
)

// Score is how well clusters hit the truth, counted in pairs of records. Precision, Recall and F1 are between 0 and 1.
type Score struct {
	Pairs     int64   `json:"pairs"`      // put together
	TruePairs int64   `json:"true_pairs"` // that are one person
	Hits      int64   `json:"hits"`       // both
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
	// Couples is how many pairs of records of two partners were put together.
	Couples int64 `json:"couples_merged"`
}

// Measure compares clusters of nodes with the truth.
func Measure(records []Record, clusters [][]string) Score {
	at := make(map[string]*Record, len(records))
	sizes := make(map[string]int64)
	for i := range records {
		at[records[i].Node] = &records[i]
		sizes[records[i].Person]++
	}
	var s Score
	for _, n := range sizes {
		s.TruePairs += n * (n - 1) / 2
	}
	for _, c := range clusters {
		for i, a := range c {
			for _, b := range c[i+1:] {
				s.Pairs++
				x, y := at[a], at[b]
				switch {
				case x.Person == y.Person:
					s.Hits++
				case x.Partner != "" && x.Partner == y.Person:
					s.Couples++
				}
			}
		}
	}
	if s.Pairs > 0 {
		s.Precision = float64(s.Hits) / float64(s.Pairs)
	}
	if s.TruePairs > 0 {
		s.Recall = float64(s.Hits) / float64(s.TruePairs)
	}
	if s.Hits > 0 {
		s.F1 = 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
	}
	return s
}

// ExactKeys is the control: records are one person where they state the same e-mail address, phone or number of a
// person, or the same whole name with the same postal code, letter for letter. It counts pairs that share a key, not
// chains of them.
func ExactKeys(records []Record) Score {
	var nodes []string
	groups := make(map[string][]int)
	for i := range records {
		f := &records[i].Facts
		nodes = append(nodes, records[i].Node)
		add := func(kind string, parts ...string) {
			if !slices.Contains(parts, "") {
				k := kind + "\x00" + strings.ToLower(strings.Join(parts, "\x00"))
				groups[k] = append(groups[k], i)
			}
		}
		for _, e := range f.Emails {
			add("email", e)
		}
		for _, p := range f.Phones {
			add("phone", p)
		}
		for _, p := range f.PersonIDs {
			add("id", p)
		}
		for _, a := range f.Addresses {
			add("name", f.Given, f.Family, a.PostalCode)
		}
		if !f.Birthday.Zero() {
			add("born", f.Given, f.Family, fmt.Sprint(f.Birthday))
		}
	}
	var s Score
	sizes := make(map[string]int64)
	for i := range records {
		sizes[records[i].Person]++
	}
	for _, n := range sizes {
		s.TruePairs += n * (n - 1) / 2
	}
	seen := make(map[[2]int]bool)
	for _, g := range groups {
		for i, a := range g {
			for _, b := range g[i+1:] {
				if p := [2]int{a, b}; !seen[p] {
					seen[p] = true
					s.Pairs++
					if records[a].Person == records[b].Person {
						s.Hits++
					}
				}
			}
		}
	}
	if s.Pairs > 0 {
		s.Precision = float64(s.Hits) / float64(s.Pairs)
	}
	if s.TruePairs > 0 {
		s.Recall = float64(s.Hits) / float64(s.TruePairs)
	}
	if s.Hits > 0 {
		s.F1 = 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
	}
	_ = nodes
	return s
}

var _ = identity.Auto
