package search

import (
	"regexp"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// The rules of stones. A letter is a colour, and a short code a shape, only next to other words of a diamond.

func words(field string, w ...string) Filter { return Filter{Field: field, Words: w} }

// orBetter tells whether "or better" or a plus sign follows, and how many tokens that takes.
func (p *reader) orBetter(at int) int {
	if at+1 < len(p.tokens) && slices.Contains([]string{"or better", "and better", "oder besser", "ou mieux", "and up"}, p.lowers(at, 2)) {
		return 2
	}
	return 0
}

var letterRange = regexp.MustCompile(`^([D-Zd-z])(?:-|/|\.\.)([D-Zd-z])$`)

// isGrade tells whether a token is one letter that can be a colour here.
func (p *reader) colourLetter(text string) (string, bool) {
	text, plus := strings.CutSuffix(text, "+")
	if len(text) != 1 || text[0]|0x20 < 'd' || text[0]|0x20 > 'z' {
		return "", false
	}
	if !p.diamond && !plus {
		return "", false
	}
	g, ok := normalize.DiamondColour(text)
	return g, ok
}

func isColourWord(s string) bool {
	return s == "colour" || s == "color" || s == "farbe" || s == "couleur" || s == "colore"
}

func ruleColour(p *reader, at int) *meaning {
	start := at
	named := isColourWord(p.lower(at))
	if named {
		start++
	}
	if start >= len(p.tokens) || p.tokens[start].quoted {
		return nil
	}
	text := p.tokens[start].text
	done := func(n int, grades []string) *meaning {
		n += start - at
		if isColourWord(p.lower(at + n)) {
			n++
		}
		return &meaning{tokens: n, as: "colour", diamond: true, filters: []Filter{words("colour", grades...)}}
	}
	if part := letterRange.FindStringSubmatch(text); part != nil {
		if grades := steps(p.x.fields["colour"].scale, upper(part[1]), upper(part[2])); grades != nil {
			return done(1, grades)
		}
	}
	behind := isColourWord(p.lower(start + 1))
	var g string
	var ok bool
	if named || behind {
		one := strings.TrimSuffix(text, "+")
		if g, ok = normalize.DiamondColour(one); !ok || len(one) != 1 {
			ok = false
		}
	} else {
		g, ok = p.colourLetter(text)
		// "D to F" is a range wherever it stands.
		if !ok && start+2 < len(p.tokens) && to(p.lower(start+1)) && len(text) == 1 && len(p.tokens[start+2].text) == 1 {
			g, ok = normalize.DiamondColour(text)
		}
	}
	if ok {
		scale := p.x.fields["colour"].scale
		if start+2 < len(p.tokens) && (to(p.lower(start+1)) || p.tokens[start+1].text == "-") && len(p.tokens[start+2].text) == 1 {
			if to, found := normalize.DiamondColour(p.tokens[start+2].text); found {
				return done(3, steps(scale, g, to))
			}
		}
		if n := p.orBetter(start + 1); n > 0 || strings.HasSuffix(text, "+") {
			return done(1+n, steps(scale, scale[0], g))
		}
		m := done(1, []string{g})
		if !named && !behind {
			m.instead = []string{"text"}
		}
		return m
	}
	return p.longest(start, 5, func(phrase string, n int) *meaning {
		g, ok := normalize.DiamondColour(phrase)
		if !ok || n < 2 || normalize.Fancy(g) == nil || p.lower(start) != "fancy" && !p.diamond && !named {
			return nil
		}
		return done(n, []string{g})
	})
}

// gradePair is colour and clarity in one word: "G/VS2", "F-G/VS", "H-SI1".
var gradePair = regexp.MustCompile(`^([D-Zd-z](?:-[D-Zd-z])?)[/-]([A-Za-z]{2,3}[123]?(?:-[A-Za-z]{2,3}[123]?)?)$`)

func ruleGradePair(p *reader, at int) *meaning {
	part := gradePair.FindStringSubmatch(p.tokens[at].text)
	if part == nil {
		return nil
	}
	from, to, ranged := strings.Cut(part[1], "-")
	if !ranged {
		to = from
	}
	clarity := p.clarities(part[2], true)
	colours := steps(p.x.fields["colour"].scale, upper(from), upper(to))
	if clarity == nil || colours == nil {
		return nil
	}
	return &meaning{tokens: 1, as: "colour and clarity", diamond: true, filters: []Filter{words("colour", colours...), words("clarity", clarity...)}}
}

// clarities reads a grade, a group of grades, or a range of either. In capitals, or next to a diamond's words, letters
// alone are grades too: "if" is a word.
func (p *reader) clarities(text string, sure bool) []string {
	one := func(s string) []string {
		if g, ok := normalize.Clarity(s); ok && slices.Contains(clarityScale, g) {
			if sure || strings.ContainsAny(s, "123") || s == strings.ToUpper(s) || len(s) > 4 {
				return []string{g}
			}
			return nil
		}
		if group := clarityGroup(s); len(s) >= 2 && group != nil && (sure || s == strings.ToUpper(s)) {
			return group
		}
		return nil
	}
	if from, to, ok := strings.Cut(strings.Replace(text, "/", "-", 1), "-"); ok { // "VS1/VS2" is a range too
		a, b := one(from), one(to)
		if a == nil && b != nil && len(to) == 1 { // "VS1-2"
			return nil
		}
		if b == nil && a != nil && len(to) == 1 && len(from) > 1 {
			b = one(from[:len(from)-1] + to)
		}
		return between(clarityScale, a, b)
	}
	return one(text)
}

func ruleClarity(p *reader, at int) *meaning {
	start := at
	named := func(s string) bool {
		return s == "clarity" || s == "reinheit" || s == "purete" || s == "purity" || s == "purezza"
	}
	if named(p.lower(at)) {
		start++
	}
	if start >= len(p.tokens) || p.tokens[start].quoted {
		return nil
	}
	sure := p.diamond || start > at || named(p.lower(start+1))
	done := func(n int, grades []string) *meaning {
		n += start - at
		if named(p.lower(at + n)) {
			n++
		}
		return &meaning{tokens: n, as: "clarity", diamond: true, filters: []Filter{words("clarity", grades...)}}
	}
	text, plus := strings.CutSuffix(p.tokens[start].text, "+")
	if text == "if" && start == at && !named(p.lower(start+1)) {
		return nil // the conjunction
	}
	grades := p.clarities(text, sure)
	n := 1
	if grades == nil && start+1 < len(p.tokens) && !p.tokens[start+1].quoted {
		if grades = p.clarities(p.phrase(start, 2), sure); len(grades) != 1 { // "internally flawless", "loupe clean"
			return nil
		}
		n = 2
	}
	if grades == nil {
		return nil
	}
	if start+n+1 < len(p.tokens) && (to(p.lower(start+n)) || p.tokens[start+n].text == "-") {
		if up := p.clarities(p.tokens[start+n+1].text, true); up != nil {
			return done(n+2, between(clarityScale, grades, up))
		}
	}
	if b := p.orBetter(start + n); b > 0 || plus {
		return done(n+b, between(clarityScale, clarityScale[:1], grades))
	}
	return done(n, grades)
}

func ruleShape(p *reader, at int) *meaning {
	return p.longest(at, 3, func(phrase string, n int) *meaning {
		shape, ok := normalize.Shape("", phrase)
		if !ok || shape == "OTHER" {
			return nil
		}
		code := n == 1 && len(phrase) <= 3
		if code && (len(phrase) < 2 || phrase != strings.ToUpper(phrase) && !(p.diamond && len(phrase) == 3)) {
			return nil
		}
		if n > 1 && p.lower(at+n-1) == "or" {
			return nil
		}
		m := &meaning{tokens: n, as: "shape", diamond: n > 1 || !code, filters: []Filter{words("shape", shape)}}
		if kind, ok := stoneOf(canon.StatedStone{Kind: phrase}); ok && n == 1 && p.x.known("stone", fold(kind.Kind)) != nil {
			// An emerald is a stone and a shape: next to a diamond's words it is the shape.
			stone := words("stone", kind.Kind)
			if !p.diamond {
				return &meaning{tokens: n, as: "stone", filters: []Filter{stone}, instead: []string{p.x.String(m.filters[0])}}
			}
			m.instead, m.diamond = []string{p.x.String(stone)}, false
			return m
		}
		if p.lower(at+n) == "cut" || p.lower(at+n) == "shape" || p.lower(at+n) == "shaped" {
			m.tokens++
		} else if n == 1 {
			m.instead = []string{"text"}
		}
		return m
	})
}

// gradedFields are the fields of a cut's quality by the word for them.
var gradedFields = map[string]string{"cut": "cut", "make": "cut", "polish": "polish", "symmetry": "symmetry", "schliff": "cut", "politur": "polish", "symmetrie": "symmetry", "taille": "cut"}

func ruleGrade(p *reader, at int) *meaning {
	if n := min(2, len(p.tokens)-at); n > 0 {
		switch t := p.lowers(at, n); {
		case t == "triple ex", t == "triple excellent", t == "3 ex":
			return tripleExcellent(n)
		case p.lower(at) == "3ex", p.lower(at) == "xxx":
			return tripleExcellent(1)
		}
	}
	return p.longest(at, 3, func(_ string, n int) *meaning {
		if n < 2 {
			return nil
		}
		grade, name := p.phrase(at, n-1), p.lower(at+n-1)
		if gradedFields[name] == "" {
			grade, name = p.phrase(at+1, n-1), p.lower(at)
		}
		g, ok := normalize.Grade("", grade)
		if field := gradedFields[name]; ok && field != "" {
			return &meaning{tokens: n, as: field, diamond: true, filters: []Filter{words(field, g)}}
		}
		return nil
	})
}

func tripleExcellent(n int) *meaning {
	return &meaning{tokens: n, as: "cut, polish and symmetry", diamond: true, filters: []Filter{
		words("cut", "EXCELLENT"), words("polish", "EXCELLENT"), words("symmetry", "EXCELLENT"),
	}}
}

func ruleFluorescence(p *reader, at int) *meaning {
	return p.longest(at, 4, func(_ string, n int) *meaning {
		if last := p.lower(at + n - 1); n < 2 || !strings.HasPrefix(last, "fluor") {
			return nil
		}
		f, _, ok := normalize.Fluorescence("", p.phrase(at, n-1))
		if !ok {
			return nil
		}
		return &meaning{tokens: n, as: "fluorescence", diamond: true, filters: []Filter{words("fluorescence", f)}}
	})
}

func ruleOrigin(p *reader, at int) *meaning {
	return p.longest(at, 2, func(phrase string, n int) *meaning {
		if n == 1 && len(phrase) <= 3 && phrase != strings.ToUpper(phrase) {
			return nil
		}
		s, ok := stoneOf(canon.StatedStone{Origin: phrase})
		if !ok || s.Origin == "" {
			return nil
		}
		m := &meaning{tokens: n, as: "origin", filters: []Filter{words("origin", s.Origin)}}
		if s.Growth != "" {
			m.filters = append(m.filters, words("growth", s.Growth))
		}
		return m
	})
}

// ruleStone reads the kinds and varieties of stones that there are.
func ruleStone(p *reader, at int) *meaning {
	return p.longest(at, 3, func(phrase string, n int) *meaning {
		s, ok := stoneOf(canon.StatedStone{Kind: phrase})
		if !ok || s.Kind == "" {
			return nil
		}
		if s.Kind == "diamond" && s.Variety == "" {
			return &meaning{tokens: n, as: "stone", diamond: true, filters: []Filter{words("stone", s.Kind)}}
		}
		if s.Variety != "" && p.x.known("variety", fold(s.Variety)) != nil {
			return &meaning{tokens: n, as: "stone", filters: []Filter{words("stone", s.Kind), words("variety", s.Variety)}, instead: []string{"text"}}
		}
		if s.Variety == "" && p.x.known("stone", fold(s.Kind)) != nil {
			return &meaning{tokens: n, as: "stone", filters: []Filter{words("stone", s.Kind)}, instead: []string{"text"}}
		}
		return nil
	})
}

// to reports whether a word stands between the ends of a range of grades.
func to(lower string) bool { return lower == "to" || lower == "a" || lower == "bis" }
