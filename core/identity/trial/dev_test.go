package trial

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/identity/learn"
)

func TestDev(t *testing.T) {
	n, _ := strconv.Atoi(os.Getenv("N"))
	if n == 0 {
		n = 10000
	}
	recs := Generate(n, 1)
	t0 := time.Now()
	var nodes []string
	var facts []identity.Facts
	persons := map[string]bool{}
	couples := 0
	for _, r := range recs {
		nodes = append(nodes, r.Node)
		facts = append(facts, r.Facts)
		persons[r.Person] = true
		if r.Partner != "" {
			couples++
		}
	}
	fmt.Println("persons", len(persons), "couples recs", couples)
	set := learn.Link(nodes, facts, learn.Options{Seed: 1})
	fmt.Println("link", time.Since(t0), "cands", set.Candidates)
	var truth [identity.Fields][identity.MaxLevels]int
	groups := map[string][]int{}
	for i, r := range recs {
		groups[r.Person] = append(groups[r.Person], i)
	}
	for _, g := range groups {
		for i, a := range g {
			for _, b := range g[i+1:] {
				for f, l := range identity.Compare(set.Profiles[a], set.Profiles[b]) {
					truth[f][l]++
				}
			}
		}
	}
	for _, th := range []int32{set.Weights.Auto + 150, set.Weights.Auto, 400, 0} {
		fmt.Printf("%d %+v\n", th, Measure(recs, set.Clusters(th, nil)))
	}
	fmt.Println("total", time.Since(t0))
	fmt.Printf("exact %+v\n", ExactKeys(recs))
	w := set.Weights
	fmt.Println("prior", w.PriorStranger, w.PriorHousehold, "shared", len(w.Shared), "common", len(w.Common))
	for f := range identity.Fields {
		fmt.Print(f, ": ")
		for l := 1; l < identity.LevelCount(f); l++ {
			fmt.Print(identity.LevelName(f, identity.Level(l)), " ", w.Levels[f][l], "  ")
		}
		fmt.Print(" || ", truth[f])
		fmt.Println()
	}
	if os.Getenv("MISS") != "" {
		at := map[string]int{}
		for i, r := range recs {
			at[r.Node] = i
		}
		in := map[string]int{}
		for i, c := range set.Clusters(w.Auto, nil) {
			for _, n := range c {
				in[n] = i
			}
			for i, a := range c {
				for _, b := range c[i+1:] {
					if recs[at[a]].Person != recs[at[b]].Person {
						fmt.Printf("FALSE %v %d %+v\n      %+v\n", recs[at[a]].Partner == recs[at[b]].Person, w.Score(set.Profiles[at[a]], set.Profiles[at[b]]), recs[at[a]].Facts, recs[at[b]].Facts)
					}
				}
			}
		}
		by := map[string][]int{}
		for i, r := range recs {
			by[r.Person] = append(by[r.Person], i)
		}
		k := 0
		for _, g := range by {
			for i, a := range g {
				for _, b := range g[i+1:] {
					if in[recs[a].Node] != in[recs[b].Node] && rand.IntN(100) == 0 && k < 30 {
						k++
						fmt.Printf("MISS %d %v %+v\n      %+v\n", w.Score(set.Profiles[a], set.Profiles[b]), identity.Compare(set.Profiles[a], set.Profiles[b]), recs[a].Facts, recs[b].Facts)
					}
				}
			}
		}
	}
}
