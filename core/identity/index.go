package identity

import (
	"cmp"
	"slices"
)

// Index finds, for one record, those among many that may be the same person. It is not safe for concurrent changes;
// Candidates and Match may run side by side with their own Seen.
type Index struct {
	weights  *Weights
	limit    int
	profiles []*Profile
	blocks   map[uint64][]int32
}

// NewIndex makes an empty index. A key that more than limit records share is too common to lead anywhere and is left
// out; the records share others.
func NewIndex(w *Weights, limit int) *Index {
	return &Index{weights: w, limit: limit, blocks: make(map[uint64][]int32)}
}

// Add adds a record.
func (x *Index) Add(p *Profile) {
	n := int32(len(x.profiles))
	x.profiles = append(x.profiles, p)
	for _, k := range Keys(p) {
		x.blocks[k] = append(x.blocks[k], n)
	}
}

// Len is how many records the index has.
func (x *Index) Len() int { return len(x.profiles) }

// Profile gives the record of a number, in the order of Add.
func (x *Index) Profile(n int32) *Profile { return x.profiles[n] }

// Seen is the scratch space of one reader of an index.
type Seen struct {
	mark  []uint32
	round uint32
	found []int32
}

// Candidates gives the numbers of the records below limit that share a key with p, in no special order. The result is
// valid until the next call with the same Seen.
func (x *Index) Candidates(s *Seen, p *Profile, below int32) []int32 {
	if len(s.mark) < len(x.profiles) {
		s.mark = append(s.mark, make([]uint32, len(x.profiles)-len(s.mark))...)
	}
	s.round++
	s.found = s.found[:0]
	for _, k := range Keys(p) {
		block := x.blocks[k]
		if len(block) > x.limit {
			continue
		}
		for _, n := range block {
			if n >= below {
				break // numbers rise
			}
			if s.mark[n] != s.round {
				s.mark[n] = s.round
				s.found = append(s.found, n)
			}
		}
	}
	return s.found
}

// Hit is a record that may be the same person.
type Hit struct {
	Node  string
	Score int32
}

// Match gives the records that may be the same person as p, the best first; those in the band Reject are left out.
func (x *Index) Match(s *Seen, p *Profile) []Hit {
	var out []Hit
	for _, n := range x.Candidates(s, p, int32(len(x.profiles))) {
		if score := x.weights.Score(p, x.profiles[n]); score >= x.weights.Review {
			out = append(out, Hit{x.profiles[n].Node, score})
		}
	}
	slices.SortFunc(out, func(a, b Hit) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Node, b.Node)) })
	return out
}
