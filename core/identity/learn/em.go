package learn

import (
	"math"
	"slices"

	"github.com/jumpring/jumpring/core/identity"
)

// The three explanations of how two records agree.
const (
	same = iota
	stranger
	household
	classes
)

// shares has for each field how often each of its levels is met, among pairs where both sides state it.
type shares [identity.Fields][identity.MaxLevels]float64

// mixture is what EM estimates: how many of all pairs are of each class, and the shares of the levels among records of
// one person and among strangers. Two of one household agree in what is personal as strangers do, and in all else as
// one person does.
type mixture struct {
	prior [classes]float64
	of    [2]shares
}

// observed is how often a pattern was met among candidates and among random pairs.
type observed struct {
	pattern
	candidates, random float64
}

// estimate fits the mixture by expectation maximization (Dempster, Laird and Rubin 1977), without labels. All pairs of
// the data are the population; matches and households are looked for among the candidates, where nearly all of them
// are, strangers among random pairs, because candidates are no fair sample of them. Each share is held towards what is
// usual for its field by some pseudo-counts, so that few matches, or a field that says nothing, lead nowhere strange.
func estimate(seen []observed, population, records float64) mixture {
	mix := startingMixture(population, records)
	random := 0.0
	for i := range seen {
		random += seen[i].random
	}
	for range rounds {
		var sums [2]shares
		var total [classes]float64
		for i := range seen {
			o := &seen[i]
			p := mix.posterior(o.pattern)
			if p[same] < sure {
				p[same] = 0
			}
			weight := [classes]float64{same: o.candidates * p[same], household: o.candidates * p[household], stranger: o.random * p[stranger]}
			for c := range classes {
				total[c] += weight[c]
			}
			for f := range identity.Fields {
				l := o.level(f)
				if l == identity.Missing {
					continue
				}
				sums[same][f][l] += weight[same]
				sums[stranger][f][l] += weight[stranger]
				if f.Personal() {
					sums[stranger][f][l] += weight[household]
				} else {
					sums[same][f][l] += weight[household]
				}
			}
		}
		next := mix
		next.prior[same] = max(total[same], 1) / population
		next.prior[household] = max(total[household], total[same]*leastHouseholds) / population
		next.prior[stranger] = 1 - next.prior[same] - next.prior[household]
		for f := range identity.Fields {
			next.shares(f, &sums, &total)
		}
		moved := next.distance(&mix)
		mix = next
		if moved < 1e-4 {
			break
		}
	}
	return mix
}

const (
	rounds = 100
	sure   = 0.9
	// leastHouseholds is the least number of household pairs for each pair of one person that is reckoned with, even
	// where none show.
	leastHouseholds = 0.05
)

// shares takes the new shares of a field from the sums.
func (m *mixture) shares(f identity.Field, sums *[2]shares, total *[classes]float64) {
	usualSame, usualStranger := identity.Usual(f)
	hold := func(c int, usual []int64, strength float64) {
		all := strength
		for l := 1; l < identity.LevelCount(f); l++ {
			all += sums[c][f][l]
		}
		for l := 1; l < identity.LevelCount(f); l++ {
			m.of[c][f][l] = (sums[c][f][l] + strength*float64(usual[l-1])/1e6) / all
		}
	}
	hold(same, usualSame, 10+total[same]*0.02)
	hold(stranger, usualStranger, 5)
}

// startingMixture is what is usual, with a match for every fourth record.
func startingMixture(population, records float64) mixture {
	var m mixture
	m.prior[same] = min(records/4/population, 0.2)
	m.prior[household] = m.prior[same] / 4
	m.prior[stranger] = 1 - m.prior[same] - m.prior[household]
	for f := range identity.Fields {
		s, u := identity.Usual(f)
		for l := 1; l < identity.LevelCount(f); l++ {
			m.of[same][f][l], m.of[stranger][f][l] = float64(s[l-1])/1e6, float64(u[l-1])/1e6
		}
	}
	return m
}

// posterior gives how likely each class is for a pattern.
func (m *mixture) posterior(p pattern) [classes]float64 {
	var logs [classes]float64
	for c := range classes {
		logs[c] = math.Log(m.prior[c])
	}
	for f := range identity.Fields {
		l := p.level(f)
		if l == identity.Missing {
			continue
		}
		s, u := math.Log(m.of[same][f][l]), math.Log(m.of[stranger][f][l])
		logs[same] += s
		logs[stranger] += u
		if f.Personal() {
			logs[household] += u
		} else {
			logs[household] += s
		}
	}
	for i, f := range weighed { // strangers share a rare value more rarely, a common one more often
		rarer := math.Ln2 * float64(p.worth(i))
		logs[stranger] -= rarer
		if f.Personal() {
			logs[household] -= rarer
		}
	}
	top := slices.Max(logs[:])
	sum := 0.0
	for c := range classes {
		logs[c] = math.Exp(logs[c] - top)
		sum += logs[c]
	}
	for c := range classes {
		logs[c] /= sum
	}
	return logs
}

// distance is the greatest change of a share of the class same.
func (m *mixture) distance(other *mixture) float64 {
	d := math.Abs(m.prior[same]-other.prior[same]) / other.prior[same]
	for f := range identity.Fields {
		for l := range identity.MaxLevels {
			d = max(d, math.Abs(m.of[same][f][l]-other.of[same][f][l]))
		}
	}
	return d
}
