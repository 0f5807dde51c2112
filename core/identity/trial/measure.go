package trial

import (
	"fmt"
	"slices"
	"strings"
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
	for i := range records {
		at[records[i].Node] = &records[i]
	}
	s := Score{TruePairs: truePairs(records)}
	for _, c := range clusters {
		for i, a := range c {
			for _, b := range c[i+1:] {
				s.count(at[a], at[b])
			}
		}
	}
	s.rate()
	return s
}

// ExactKeys is the control: records are one person where they state the same e-mail address, phone or number of a
// person, or the same name and birthday, letter for letter. It counts pairs that share a key, not chains of them.
func ExactKeys(records []Record) Score {
	groups := make(map[string][]int)
	for i := range records {
		f := &records[i].Facts
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
		if !f.Birthday.Zero() {
			add("born", f.Given, f.Family, fmt.Sprint(f.Birthday))
		}
	}
	s := Score{TruePairs: truePairs(records)}
	seen := make(map[[2]int]bool)
	for _, g := range groups {
		for i, a := range g {
			for _, b := range g[i+1:] {
				if p := [2]int{a, b}; !seen[p] {
					seen[p] = true
					s.count(&records[a], &records[b])
				}
			}
		}
	}
	s.rate()
	return s
}

func truePairs(records []Record) int64 {
	sizes := make(map[string]int64)
	for i := range records {
		sizes[records[i].Person]++
	}
	var pairs int64
	for _, n := range sizes {
		pairs += n * (n - 1) / 2
	}
	return pairs
}

func (s *Score) count(a, b *Record) {
	s.Pairs++
	switch {
	case a.Person == b.Person:
		s.Hits++
	case a.Partner != "" && a.Partner == b.Person:
		s.Couples++
	}
}

func (s *Score) rate() {
	if s.Pairs > 0 {
		s.Precision = float64(s.Hits) / float64(s.Pairs)
	}
	if s.TruePairs > 0 {
		s.Recall = float64(s.Hits) / float64(s.TruePairs)
	}
	if s.Hits > 0 {
		s.F1 = 2 * s.Precision * s.Recall / (s.Precision + s.Recall)
	}
}
