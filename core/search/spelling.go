package search

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// hiddenMark begins the words that nobody types: what spellings of one name have in common.
const hiddenMark = "\x01"

// leastSkeleton is the fewest letters of a skeleton that two names may agree in: shorter ones agree by chance.
const leastSkeleton = 3

// spellings gives what the spellings of a name have in common, for the name in the form of fold: its form in Latin
// letters, its skeleton ("Mueller", "Müller", "Muller"), and the given names that it stands for ("Bob", "Robert").
func spellings(name string) []string {
	latin := normalize.Latin(name)
	var out []string
	add := func(kind, form string) {
		if w := hiddenMark + kind + form; len(w) <= maxWord && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	if latin != name {
		add("l", latin)
	}
	if s := normalize.Skeleton(latin); len(s) >= leastSkeleton {
		add("s", s)
	}
	for _, word := range strings.Fields(latin) {
		for _, root := range normalize.GivenRoots(word) {
			add("g", strconv.Itoa(int(root)))
		}
	}
	return out
}
