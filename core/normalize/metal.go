package normalize

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Metal reads the words of a metal, its fineness and its colour, however a source spreads them over fields: "18k",
// "750", "18 Karat yellow gold", "Au750" and "or jaune 18 carats" are all gold of 750.
//
//   - A karat is gold, since karats are defined for gold alone. A fineness stated alone is of the one metal that it is
//     a legal standard of; 950 and 999 are standards of several and stay without a metal.
//   - A colour that is not stated stays empty and agrees with every colour (canon.Metal.Agrees).
//   - Plated, filled and gold-coloured goods, two metals in one text, contradictions (18k and 585) and unknown words
//     come back with an error that wraps ErrUnread. A coating leaves only the raw words, so that plated silver is
//     never taken for gold; rhodium plating says nothing and is passed over.
//
// No words at all give the zero Metal and no error.
func Metal(stated ...string) (canon.Metal, error) {
	raw := joinStated(stated)
	if raw == "" {
		return canon.Metal{}, nil
	}
	r := metalReading{metal: canon.Metal{Raw: raw}}
	r.read(metalTokens(raw))
	if !r.void {
		r.conclude()
	}
	if r.doubt != "" {
		if r.void {
			r.metal = canon.Metal{Raw: raw}
		}
		return r.metal, fmt.Errorf("%w: metal %.64q: %s", ErrUnread, raw, r.doubt)
	}
	return r.metal, nil
}

func joinStated(stated []string) string {
	var parts []string
	for _, s := range stated {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

var (
	perMille  = regexp.MustCompile(`(\d{3})\s*(?:/\s*(?:1?000\b|-)|‰)`) // 750/1000, 750/000, 750/-, 750‰
	decimal01 = regexp.MustCompile(`(^|[^\d])0?[.,](\d{3})($|[^\d])`)   // 0.750, .925
	decimal0  = regexp.MustCompile(`(\d{2,3})[.,](0+|9+)($|[^\d])`)     // 18.0, 999.9
)

// metalTokens splits the words; what stands for several words is taken apart, and per-mille notations become numbers.
func metalTokens(raw string) []string {
	s := fold(raw)
	s = perMille.ReplaceAllString(s, "$1 ")
	s = decimal01.ReplaceAllString(s, "$1$2$3")
	s = decimal0.ReplaceAllString(s, "$1$3")
	var tokens []string
	for _, w := range words(s) {
		if parts, ok := compoundWords[w]; ok {
			tokens = append(tokens, parts...)
		} else {
			tokens = append(tokens, w)
		}
	}
	return tokens
}

// metalReading gathers what the words say.
type metalReading struct {
	metal   canon.Metal
	kinds   []canon.MetalKind
	colours []canon.MetalColour
	karat   int64 // fineness of the karat, 0 when none
	doubt   string
	void    bool // the words can't be trusted at all
}

func (r *metalReading) flag(format string, args ...any) {
	if r.doubt == "" {
		r.doubt = fmt.Sprintf(format, args...)
	}
}

func (r *metalReading) reject(format string, args ...any) {
	r.flag(format, args...)
	r.void = true
}

func (r *metalReading) read(tokens []string) {
	french := frenchGold(tokens)
	for i := 0; i < len(tokens); i++ {
		word, next := tokens[i], ""
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		kind, isMetal := metalWords[word]
		colour, isColour := colourWords[word]
		switch {
		case (word == "rhodium" || word == "ruthenium") && coatings[next]:
			i++ // a finish on the metal, not the metal
		case word == "rhodie" || word == "rhodiniert" || word == "rodiato":
		case (word == "two" || word == "2" || word == "bi") && tonal(next):
			r.colours = append(r.colours, canon.TwoTone)
			i++
		case (word == "three" || word == "3" || word == "tri") && tonal(next):
			r.colours = append(r.colours, canon.TriTone)
			i++
		case coatings[word]:
			r.reject("%q may mean a coating or a look; state the base metal alone", word)
		case word == "or" && french:
			r.kinds = append(r.kinds, canon.Gold)
		case word == "or":
			r.reject("it names alternatives; state one metal")
		case isMetal:
			r.kinds = append(r.kinds, kind)
		case isColour:
			r.colours = append(r.colours, colour)
		case fineMarks[word] != 0:
			r.kinds = append(r.kinds, canon.Silver)
			r.fineness(fineMarks[word])
		case fillers[word]:
		case word == "k" && len(next) == 2 && next[0] >= '0' && next[0] <= '9': // Japan writes K18
			r.number(next, "k")
			i++
		case word[0] >= '0' && word[0] <= '9':
			if r.number(word, next) {
				i++
			}
		default:
			r.flag("the word %.24q is not known", word)
		}
	}
}

func tonal(word string) bool {
	switch word {
	case "tone", "toned", "colour", "color", "coloured", "colored", "couleurs", "colores":
		return true
	}
	return false
}

// frenchGold tells whether "or" is French for gold: no English or German word for the metal stands beside it.
func frenchGold(tokens []string) bool {
	return !slices.ContainsFunc(tokens, func(w string) bool {
		_, other := metalWords[w]
		return other || w == "yellow" || w == "white" || w == "sterling"
	})
}

// number reads a karat or a fineness and tells whether it used up the next word, the unit.
func (r *metalReading) number(word, next string) (unit bool) {
	n, err := strconv.ParseInt(word, 10, 32)
	switch {
	case err == nil && karatUnits[next] && len(word) <= 2:
		fineness, ok := canon.KaratFineness(n)
		if !ok {
			r.flag("%d is no karat in use", n)
			return true
		}
		if r.karat != 0 && r.karat != fineness {
			r.reject("it has two karats; state one")
		}
		r.karat = fineness
		return true
	case err == nil && len(word) == 3 && n >= 100 && !karatUnits[next]:
		r.fineness(n)
	default:
		r.flag("the number %.12s is neither a karat with its unit nor a fineness in parts per thousand", word)
	}
	return false
}

func (r *metalReading) fineness(n int64) {
	if same, ok := sameStandard[n]; ok {
		n = same
	}
	if r.metal.Fineness != 0 && r.metal.Fineness != n {
		r.reject("it has two finenesses; state one")
	}
	r.metal.Fineness = n
}

// conclude draws the metal from what was gathered.
func (r *metalReading) conclude() {
	slices.Sort(r.kinds)
	r.kinds = slices.Compact(r.kinds)
	if len(r.kinds) > 1 {
		r.reject("it names %d metals; state one", len(r.kinds))
		return
	}
	if len(r.kinds) == 1 {
		r.metal.Kind = r.kinds[0]
	}
	r.setColour()
	if r.karat != 0 {
		if r.metal.Kind != "" && r.metal.Kind != canon.Gold {
			r.reject("karats are of gold, not of %s", r.metal.Kind)
			return
		}
		if r.metal.Fineness != 0 && r.metal.Fineness != r.karat {
			r.reject("karat and fineness contradict each other")
			return
		}
		r.metal.Kind, r.metal.Fineness = canon.Gold, r.karat
	}
	if r.metal.Kind == "" {
		r.metal.Kind = legalMetals[r.metal.Fineness]
	}
	if r.metal.Kind == "" {
		r.flag("no metal is named; write gold, silver, platinum …")
	}
}

func (r *metalReading) setColour() {
	slices.Sort(r.colours)
	r.colours = slices.Compact(r.colours)
	tone := canon.MetalColour("")
	plain := 0
	for _, c := range r.colours {
		if c == canon.TwoTone || c == canon.TriTone {
			if tone != "" {
				r.reject("it is both two-tone and tri-tone")
			}
			tone = c
		} else {
			plain++
		}
	}
	switch {
	case tone != "":
		r.metal.Colour = tone
	case plain == 1:
		r.metal.Colour = r.colours[0]
	case plain == 2:
		r.metal.Colour = canon.TwoTone
	case plain == 3:
		r.metal.Colour = canon.TriTone
	case plain > 3:
		r.reject("it names %d colours", plain)
	}
}
