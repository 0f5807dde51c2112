package search

import (
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// Reading is how a part of what was typed was understood, so that a person sees it and can put it right.
type Reading struct {
	Text string `json:"text" class:"public"` // as it was typed
	// As is what it was taken for: a field's name, text, identifier, or ignored.
	As    string `json:"as" class:"public"`
	Means string `json:"means" class:"public"` // in words
	// Filters are the conditions that it makes, as the parameter filter takes them.
	Filters []string `json:"filters,omitempty" class:"public"`
	// Instead are other ways to read it, as filters or as "text".
	Instead []string `json:"instead,omitempty" class:"public"`
}

// Parsed is what was typed, understood.
type Parsed struct {
	Filters    []Filter
	Words      []Word
	Understood []Reading
}

// meaning is one way to read some tokens.
type meaning struct {
	tokens  int
	as      string
	means   string // made of the filters where empty
	filters []Filter
	words   []Word
	instead []string
	// diamond tells that who writes it speaks of a diamond, so that a letter near it is a colour.
	diamond bool
}

// rule reads the tokens at a place; nil when it can't.
type rule func(p *reader, at int) *meaning

// reader reads the words of one query.
type reader struct {
	x       *Index
	tokens  []token
	diamond bool // the words speak of a diamond
}

// pieceRules are tried at each word. The longest reading counts, of equally long ones the first.
var pieceRules = []rule{
	ruleFilter, ruleKey, ruleCertificate, ruleEPC, ruleRing, ruleQuantity, ruleGradePair, ruleColour, ruleClarity, ruleMetal, ruleShape,
	ruleGrade, ruleFluorescence, ruleOrigin, ruleStatus, rulePlace, ruleNamed, ruleStone, ruleLab, ruleNoise,
}

// clientRules are those of a search for clients.
var clientRules = []rule{ruleFilter, ruleEmail, rulePhone, ruleCity, ruleNoise}

// parse reads a text by rules. It reads twice: what is a letter in itself is a colour next to a diamond's other words.
func (x *Index) parse(text string, rules []rule) Parsed {
	if len(text) > MaxText {
		text = strings.ToValidUTF8(text[:MaxText], "")
	}
	p := &reader{x: x, tokens: tokens(text)}
	list := p.read(rules)
	if !p.diamond && slices.ContainsFunc(list, func(m *meaning) bool { return m.diamond }) {
		p.diamond = true
		list = p.read(rules)
	}
	return p.gather(list)
}

// read takes the longest reading at each place.
func (p *reader) read(rules []rule) []*meaning {
	var out []*meaning
	for at := 0; at < len(p.tokens); {
		var best *meaning
		if !p.tokens[at].quoted {
			best = p.negated(rules, at)
			for _, r := range rules {
				if m := r(p, at); m != nil && (best == nil || m.tokens > best.tokens) {
					best = m
				}
			}
		}
		if best == nil {
			best = p.text(at)
		}
		out = append(out, best)
		at += best.tokens
	}
	return out
}

// negations turn what follows around.
var negations = map[string]bool{"not": true, "without": true, "except": true, "no": true, "ohne": true, "nicht": true, "sans": true, "senza": true, "sin": true}

func (p *reader) negated(rules []rule, at int) *meaning {
	if !negations[p.tokens[at].lower] || at+1 == len(p.tokens) || p.tokens[at+1].quoted {
		return nil
	}
	for _, r := range rules {
		m := r(p, at+1)
		if m == nil || len(m.filters) != 1 || len(m.filters[0].Words) == 0 || m.filters[0].Not {
			continue
		}
		m.tokens++
		m.filters[0].Not = true
		m.instead, m.means = nil, ""
		return m
	}
	return nil
}

// text reads one token as a word that a record's texts, or its identifiers, have.
func (p *reader) text(at int) *meaning {
	t := p.tokens[at]
	m := &meaning{tokens: 1, as: "text"}
	for _, w := range strings.Fields(fold(t.text)) {
		m.words = append(m.words, Word{Text: w, Whole: t.quoted})
	}
	if _, ok := normalize.DiamondColour(t.text); ok && len(t.text) == 1 && p.x.fields["colour"] != nil && !t.quoted {
		m.instead = []string{p.x.String(words("colour", upper(t.text)))}
	}
	if strings.Contains(t.text, " ") {
		return m
	}
	if key := normalize.SKU(t.text); len(t.text) >= 3 && strings.ContainsAny(t.text, "0123456789") && key != "" && !strings.Contains(key, separator) {
		// One word, though its parts be several: "RG-0042" is an identifier, or a text that has it.
		m.words = []Word{{Text: t.text, Key: key, Whole: t.quoted}}
	}
	if len(m.words) == 0 {
		return &meaning{tokens: 1, as: "ignored", means: "says nothing"}
	}
	return m
}

// gather puts the readings together.
func (p *reader) gather(list []*meaning) Parsed {
	var out Parsed
	leaveOpen(list)
	at := 0
	for _, m := range list {
		r := Reading{Text: p.phrase(at, m.tokens), As: m.as, Means: m.means, Instead: m.instead}
		at += m.tokens
		for _, f := range m.filters {
			r.Filters = append(r.Filters, p.x.String(f))
			out.Filters = merge(out.Filters, f)
		}
		if r.Means == "" {
			r.Means = p.words(m)
		}
		for _, w := range m.words {
			if len(out.Words) < maxWords {
				out.Words = append(out.Words, w)
			}
		}
		out.Understood = append(out.Understood, r)
	}
	return out
}

// leaveOpen drops what only some of several metals state: of "platinum or white gold" the colour, which platinum does
// not have.
func leaveOpen(list []*meaning) {
	metals := 0
	stated := map[string]int{}
	for _, m := range list {
		if m.as == "metal" && !m.filters[0].Not {
			metals++
			for _, f := range m.filters {
				stated[f.Field]++
			}
		}
	}
	for _, m := range list {
		if m.as == "metal" && !m.filters[0].Not {
			m.filters = slices.DeleteFunc(m.filters, func(f Filter) bool { return stated[f.Field] < metals })
		}
	}
}

func (p *reader) words(m *meaning) string {
	var parts []string
	for _, f := range m.filters {
		name, v, _ := strings.Cut(p.x.String(f), ":")
		name, not := strings.CutPrefix(name, "-")
		name = strings.ReplaceAll(name, "_", " ") + " "
		if not {
			name += "not "
		}
		switch {
		case strings.HasPrefix(v, ".."):
			v = "up to " + v[2:]
		case strings.HasSuffix(v, ".."):
			v = "from " + v[:len(v)-2]
		case strings.Contains(v, ".. "):
			v = "from " + strings.Replace(v, ".. ", " ", 1)
		default:
			v = strings.ReplaceAll(v, "..", " to ")
		}
		parts = append(parts, name+strings.ReplaceAll(v, ",", " or "))
	}
	for _, w := range m.words {
		if w.Kind != 0 {
			parts = append(parts, "identifier "+w.Text)
		} else {
			parts = append(parts, "the word "+w.Text)
		}
	}
	return strings.Join(parts, ", ")
}

func (p *reader) phrase(at, n int) string {
	var parts []string
	for _, t := range p.tokens[at : at+n] {
		parts = append(parts, t.text)
	}
	return strings.Join(parts, " ")
}

// lowers joins tokens in the form in which they compare.
func (p *reader) lowers(at, n int) string {
	var parts []string
	for _, t := range p.tokens[at : at+n] {
		parts = append(parts, t.lower)
	}
	return strings.Join(parts, " ")
}

// longest tries windows of tokens from the longest to one; fn gives nil for what it can't read.
func (p *reader) longest(at, most int, fn func(phrase string, n int) *meaning) *meaning {
	for n := min(most, len(p.tokens)-at); n > 0; n-- {
		if slices.ContainsFunc(p.tokens[at:at+n], func(t token) bool { return t.quoted }) {
			continue
		}
		if m := fn(p.phrase(at, n), n); m != nil {
			return m
		}
	}
	return nil
}

func (p *reader) lower(at int) string {
	if at < 0 || at >= len(p.tokens) || p.tokens[at].quoted {
		return ""
	}
	return p.tokens[at].lower
}

// merge adds a filter to others: words and ranges of one field are alternatives ("round princess" is either), but what
// bounds a number on both sides ("over 1 ct under 2 ct") is one range.
func merge(list []Filter, f Filter) []Filter {
	i := slices.IndexFunc(list, func(o Filter) bool {
		return o.Field == f.Field && o.Not == f.Not && o.Code == f.Code
	})
	if i < 0 {
		return append(list, f)
	}
	o := &list[i]
	for _, w := range f.Words {
		if !slices.Contains(o.Words, w) {
			o.Words = append(o.Words[:len(o.Words):len(o.Words)], w)
		}
	}
	for _, r := range f.Ranges {
		if n := len(o.Ranges); n == 1 && (o.Ranges[0].Least == nil) != (r.Least == nil) && (o.Ranges[0].Most == nil) != (r.Most == nil) {
			both := o.Ranges[0]
			if r.Least != nil {
				both.Least = r.Least
			} else {
				both.Most = r.Most
			}
			if *both.Least <= *both.Most {
				o.Ranges = []Range{both}
				continue
			}
		}
		o.Ranges = append(o.Ranges[:len(o.Ranges):len(o.Ranges)], r)
	}
	return list
}

// known gives the words of a field that records have and that read as a phrase.
func (x *Index) known(field, folded string) []string {
	f := x.fields[field]
	if f == nil || f.number() || folded == "" {
		return nil
	}
	d := x.tables[f.table].words[f.column].dict
	var out []string
	for code := range d.words {
		if strings.Contains(d.folded[code], folded) {
			d.parts(uint32(code), func(word, own string) {
				if own == folded && !slices.Contains(out, word) {
					out = append(out, word)
				}
			})
		}
	}
	slices.Sort(out)
	return out
}

// having gives the words of a field that have all the words of a phrase: "paris" is in "boutique-paris".
func (x *Index) having(field, folded string) []string {
	f := x.fields[field]
	want := strings.Fields(folded)
	if f == nil || len(want) == 0 {
		return nil
	}
	d := x.tables[f.table].words[f.column].dict
	var out []string
	for code := range d.words {
		d.parts(uint32(code), func(word, own string) {
			has := strings.Fields(own)
			for _, w := range want {
				if !slices.Contains(has, w) {
					return
				}
			}
			if !slices.Contains(out, word) {
				out = append(out, word)
			}
		})
	}
	slices.Sort(out)
	return out
}

// hasTerm tells whether a word is in any record's text.
func (x *Index) hasTerm(word string) bool { return x.terms.codes[word] != 0 }
