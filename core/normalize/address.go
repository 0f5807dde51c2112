package normalize

import "strings"

// streetWords gives the words that address lines abbreviate, each by one form. "st" is a street's, not a saint's: both
// sides of a comparison read it alike, so that only their agreement counts.
var streetWords = map[string]string{
	"street": "st", "str": "st", "strasse": "st", "saint": "st", "sankt": "st", "road": "rd", "avenue": "ave", "av": "ave", "boulevard": "blvd", "bld": "blvd", "boul": "blvd",
	"drive": "dr", "lane": "ln", "court": "ct", "crt": "ct", "place": "pl", "platz": "pl", "square": "sq", "terrace": "tce", "terr": "tce", "ter": "tce", "parade": "pde",
	"crescent": "cres", "cr": "cres", "circuit": "cct", "close": "cl", "highway": "hwy", "parkway": "pkwy", "pky": "pkwy", "way": "wy", "grove": "gr", "gardens": "gdns",
	"north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw",
	"apartment": "apt", "flat": "apt", "unit": "apt", "suite": "apt", "ste": "apt", "floor": "fl", "building": "bldg", "mount": "mt", "fort": "ft",
	"rue": "r", "via": "v", "calle": "c", "chemin": "ch", "allee": "al", "weg": "wg", "gasse": "g",
	"between": "", "near": "", "off": "", "at": "", "no": "", "nr": "", "number": "", "the": "", "de": "", "la": "", "le": "", "du": "", "des": "", "del": "", "della": "",
	"first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7", "eighth": "8", "ninth": "9", "tenth": "10",
	"1st": "1", "2nd": "2", "3rd": "3", "th": "", "nd": "", "rd.": "rd",
}

// Street reads an address line, with or without its house number, into what compares: the numbers in it, in order, and
// its words in Latin letters with the usual abbreviations as one form ("12 Main Street" is ["12"], ["main" "st"];
// "Hauptstraße 12a" is ["12" ], ["haupt" "st" "a"]).
func Street(raw string) (numbers, names []string) {
	for _, w := range words(Latin(raw)) {
		if w[0] >= '0' && w[0] <= '9' {
			if w = strings.TrimLeft(w, "0"); w != "" {
				numbers = append(numbers, w)
			}
			continue
		}
		if rest, cut := strings.CutSuffix(w, "strasse"); cut && rest != "" {
			names = append(names, rest, "st")
			continue
		}
		if rest, cut := strings.CutSuffix(w, "str"); cut && len(rest) > 2 {
			names = append(names, rest, "st")
			continue
		}
		if short, known := streetWords[w]; known {
			w = short
		}
		if w != "" {
			names = append(names, w)
		}
	}
	return numbers, names
}

// PostalCode gives the form in which postal codes compare: upper case without spaces and punctuation, a ZIP+4 by its
// first five digits, without leading zeros, which spreadsheets lose.
func PostalCode(raw string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'A' && r <= 'Z', r == '-':
			return r
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		}
		return -1
	}, strings.TrimSpace(raw))
	if len(s) == 10 && s[5] == '-' {
		s = s[:5]
	}
	return strings.TrimLeft(strings.ReplaceAll(s, "-", ""), "0")
}
