package learn

import (
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/jumpring/jumpring/core/identity"
)

// pattern is how a pair agrees: its levels, four bits a field, and above them what the four fields with common values
// are worth more or less, four bits each, in bits of information from -8 to 7.
type pattern uint64

// weighed are the fields that have common values.
var weighed = [...]identity.Field{identity.Given, identity.Family, identity.Birthday, identity.Place}

func pack(l *identity.Levels, a, b *identity.Profile) pattern {
	var p pattern
	for f, level := range l {
		p |= pattern(level) << (4 * f)
	}
	worth := identity.Worth(l, a, b)
	for i, f := range weighed {
		p |= pattern((worth[f]+850)/100) << (4 * (int(identity.Fields) + i))
	}
	return p
}

func (p pattern) level(f identity.Field) identity.Level { return identity.Level(p >> (4 * f) & 15) }

// worth gives what the i-th weighed field is worth more or less, in bits of information.
func (p pattern) worth(i int) int { return int(p>>(4*(int(identity.Fields)+i))&15) - 8 }

func (p pattern) levels() identity.Levels {
	var l identity.Levels
	for f := range identity.Fields {
		l[f] = p.level(f)
	}
	return l
}

// compared is a candidate pair, by the numbers of its profiles.
type compared struct {
	a, b    int32
	pattern pattern
}

// parallel calls work for every number below n, in chunks, on every processor. Each worker has its own number.
func parallel(n, chunk int, work func(worker, from, to int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for worker := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for from := range next {
				work(worker, from, min(from+chunk, n))
			}
		})
	}
	for from := 0; from < n; from += chunk {
		next <- from
	}
	close(next)
	wg.Wait()
}

// exhaustive is up to how many records every pair is compared: about a second's work.
const exhaustive = 1500

// candidates compares every pair that shares a blocking key (of few records: every pair). It gives how often each
// pattern is met, and the pairs that are worth a closer look: those that the usual weights don't reject far out.
func candidates(profiles []*identity.Profile, block int) (counts map[pattern]int64, pairs []compared, total int64) {
	usual := identity.Default(len(profiles))
	var x *identity.Index
	if len(profiles) > exhaustive {
		x = identity.NewIndex(usual, block)
		for _, p := range profiles {
			x.Add(p)
		}
	}
	workers := runtime.GOMAXPROCS(0)
	type part struct {
		counts map[pattern]int64
		seen   identity.Seen
		total  int64
	}
	parts := make([]part, workers)
	chunks := make([][]compared, (len(profiles)+255)/256)
	parallel(len(profiles), 256, func(worker, from, to int) {
		p := &parts[worker]
		if p.counts == nil {
			p.counts = make(map[pattern]int64)
		}
		var out []compared
		compare := func(i, n int32) {
			l := identity.Compare(profiles[i], profiles[n])
			k := pack(&l, profiles[i], profiles[n])
			p.counts[k]++
			p.total++
			if usual.ScoreLevels(&l, profiles[i], profiles[n]) > hopeless {
				out = append(out, compared{n, i, k})
			}
		}
		for i := int32(from); i < int32(to); i++ {
			if x == nil {
				for n := range i {
					compare(i, n)
				}
				continue
			}
			for _, n := range x.Candidates(&p.seen, profiles[i], i) {
				compare(i, n)
			}
		}
		chunks[from/256] = out
	})
	counts = make(map[pattern]int64)
	for i := range parts {
		for k, n := range parts[i].counts {
			counts[k] += n
		}
		total += parts[i].total
	}
	for _, c := range chunks {
		pairs = append(pairs, c...)
	}
	return counts, pairs, total
}

// hopeless is the score by usual weights below which no learned weights will make a match of a pair, in centibits.
const hopeless = -1800

// strangers compares random pairs: nearly all are two people who have nothing to do with each other. It gives how
// often each pattern is met, and of how many pairs.
func strangers(profiles []*identity.Profile, size int, seed uint64) (counts map[pattern]int64, total int64) {
	parts := make([]map[pattern]int64, (size+4095)/4096)
	parallel(size, 4096, func(_, from, to int) {
		rng := rand.New(rand.NewPCG(seed, uint64(from)))
		m := make(map[pattern]int64)
		for range to - from {
			a, b := rng.IntN(len(profiles)), rng.IntN(len(profiles)-1)
			if b >= a {
				b++
			}
			l := identity.Compare(profiles[a], profiles[b])
			m[pack(&l, profiles[a], profiles[b])]++
		}
		parts[from/4096] = m
	})
	counts = make(map[pattern]int64)
	for _, m := range parts {
		for k, n := range m {
			counts[k] += n
			total += n
		}
	}
	return counts, total
}
