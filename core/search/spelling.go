package search

import "strings"

// hiddenMark begins the words that nobody types: what spellings of one name have in common.
const hiddenMark = "\x01"

// umlauts are the letters that German writes in two ways. The folded form of "Müller" is "muller".
var umlauts = strings.NewReplacer("ue", "u", "oe", "o", "ae", "a")

// spellings gives what the spellings of a name have in common, for the name in the form of fold.
func spellings(name string) []string {
	if len(name) < 3 {
		return nil
	}
	return []string{hiddenMark + umlauts.Replace(name)}
}
