package search

import (
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// ruleFilter reads a condition as the parameter filter takes it: "carat:1..1.5", "-status:sold".
func ruleFilter(p *reader, at int) *meaning {
	t := p.tokens[at].text
	if _, _, ok := cutName(strings.TrimPrefix(t, "-")); !ok || strings.Contains(t, "://") || strings.HasPrefix(strings.ToLower(t), "urn:") {
		return nil
	}
	n := 1
	f, w, err := p.x.ParseFilter(t)
	if err == nil && w == nil && f.Code == "" && p.x.fields[f.Field].coded && at+1 < len(p.tokens) {
		if code, ok := currencyOf(p.tokens[at+1].text); ok {
			if priced, _, wrong := p.x.ParseFilter(t + " " + code); wrong == nil {
				f, n = priced, 2
			}
		}
	}
	if err != nil {
		name, _, _ := cutName(strings.TrimPrefix(t, "-"))
		if base, _, _ := strings.Cut(strings.ToLower(name), "."); p.x.fields[base] == nil && keyKinds[base] == 0 {
			return nil // a word with a colon in it
		}
		m := p.text(at)
		m.means = "not read as a filter: " + err.Error()
		return m
	}
	if w != nil {
		return &meaning{tokens: 1, as: "identifier", words: []Word{*w}}
	}
	return &meaning{tokens: n, as: f.Field, filters: []Filter{f}}
}

// keyNames come before an identifier.
var keyNames = map[string]string{
	"serial": "serial", "s/n": "serial", "sn": "serial", "sku": "sku", "epc": "epc", "rfid": "epc", "gtin": "gtin", "ean": "gtin", "upc": "gtin", "barcode": "gtin", "huid": "huid",
	"report": "certificate", "cert": "certificate", "certificate": "certificate", "zertifikat": "certificate", "certificat": "certificate",
}

// ruleKey reads an identifier that is named: "serial A-17", "cert no 2141438171".
func ruleKey(p *reader, at int) *meaning {
	name := keyNames[p.tokens[at].lower]
	if name == "" {
		name = keyNames[strings.ToLower(p.tokens[at].text)]
	}
	if name == "" {
		return nil
	}
	i := at + 1
	for i < len(p.tokens) && slices.Contains([]string{"no", "nr", "number", "#", "num"}, p.lower(i)) {
		i++
	}
	if i >= len(p.tokens) || !strings.ContainsAny(p.tokens[i].text, "0123456789") {
		return nil
	}
	w, err := p.x.keyWord(name, keyKinds[name], strings.TrimPrefix(p.tokens[i].text, "#"))
	if err != nil {
		return nil
	}
	w.Whole = false // a person may know the beginning or the end alone
	return &meaning{tokens: i + 1 - at, as: name, words: []Word{*w}}
}

// ruleCertificate reads a laboratory and a number behind it.
func ruleCertificate(p *reader, at int) *meaning {
	return p.longest(at, 8, func(phrase string, n int) *meaning {
		lastWord := p.tokens[at+n-1].text
		if !strings.ContainsAny(lastWord, "0123456789") || strings.ContainsAny(lastWord, ".,") {
			return nil
		}
		c, err := normalize.Certificate(canon.StatedCert{Number: phrase})
		if err != nil || c.Lab == "" || digits(c.Number) < 5 {
			return nil
		}
		w := Word{Text: c.Lab + " " + c.Number, Key: c.Key(), Kind: keyCertificate}
		return &meaning{tokens: n, as: "certificate", words: []Word{w}}
	})
}

func digits(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			n++
		}
	}
	return n
}

// ruleLab reads a laboratory alone.
func ruleLab(p *reader, at int) *meaning {
	return p.longest(at, 5, func(phrase string, n int) *meaning {
		c, err := normalize.Certificate(canon.StatedCert{Number: phrase + " 1000000"})
		if err != nil || c.Lab == "" || c.Number != "1000000" {
			return nil
		}
		if n == 1 && phrase != strings.ToUpper(phrase) && p.x.known("lab", fold(c.Lab)) == nil {
			return nil
		}
		m := &meaning{tokens: n, as: "lab", diamond: true, filters: []Filter{words("lab", c.Lab)}, instead: []string{"text"}}
		if slices.Contains([]string{"certified", "certificate", "cert", "report", "graded"}, p.lower(at+n)) {
			m.tokens, m.instead = m.tokens+1, nil
		}
		return m
	})
}

// ruleEPC reads what a reader or a scanner types.
func ruleEPC(p *reader, at int) *meaning {
	text := p.tokens[at].text
	if strings.HasPrefix(strings.ToLower(text), "urn:") || strings.Contains(text, "://") || len(text) >= 24 {
		if v := keyForm(keyEPC, text, ""); v != "" {
			return &meaning{tokens: 1, as: "epc", words: []Word{{Text: text, Key: v, Kind: keyEPC, Whole: true}}}
		}
	}
	return nil
}

func metalFilters(m canon.Metal) []Filter {
	out := []Filter{words("metal", string(m.Kind))}
	if m.Fineness != 0 {
		out = append(out, words("fineness", finenessOf(&canon.MetalComponent{Metal: m})))
	}
	if m.Colour != "" {
		out = append(out, words("metal_colour", string(m.Colour)))
	}
	return out
}

func ruleMetal(p *reader, at int) *meaning {
	if m := p.eitherColour(at); m != nil {
		return m
	}
	return p.longest(at, 6, func(phrase string, n int) *meaning {
		if edge := p.lower(at + n - 1); n > 1 && (p.lower(at) == "or" && p.lower(at+1) == "or" || edge == "or" || edge == "with" || edge == "in") {
			return nil
		}
		switch p.lower(at) {
		case "or":
			if n == 1 {
				return nil // the conjunction
			}
		case "in", "of", "with", "and", "a", "de", "et", "und", "metal", "e", "en":
			return nil
		}
		m, err := normalize.Metal(phrase)
		if err != nil || m.Kind == "" || n == 1 && len(phrase) <= 2 && phrase[0] >= 'a' {
			return nil
		}
		if n > 1 { // a word that adds nothing belongs to what follows it
			if fewer, err := normalize.Metal(p.phrase(at, n-1)); err == nil && fewer.Kind == m.Kind && fewer.Fineness == m.Fineness && fewer.Colour == m.Colour && p.lower(at+n-1) != "gold" {
				return nil
			}
		}
		out := &meaning{tokens: n, as: "metal", filters: metalFilters(m)}
		if n == 1 && digits(phrase) == len(phrase) {
			out.instead = []string{"text"}
		}
		return out
	})
}

// eitherColour reads "white or rose gold".
func (p *reader) eitherColour(at int) *meaning {
	if joins := p.lower(at + 1); at+2 >= len(p.tokens) || joins != "or" && joins != "and" && joins != "oder" && joins != "ou" {
		return nil
	}
	return p.longest(at+2, 4, func(phrase string, n int) *meaning {
		second, err := normalize.Metal(phrase)
		if err != nil || second.Kind == "" || second.Colour == "" {
			return nil
		}
		first, err := normalize.Metal(p.tokens[at].text + " " + string(second.Kind))
		if alone, _ := normalize.Metal(p.tokens[at].text); err != nil || first.Colour == "" || alone.Kind != "" {
			return nil
		}
		filters := metalFilters(second)
		filters[len(filters)-1].Words = []string{string(first.Colour), string(second.Colour)}
		return &meaning{tokens: n + 2, as: "metal", filters: filters}
	})
}

// statusWords are what people say for a status.
var statusWords = map[string]string{"on memo": string(canon.ItemOnMemo), "available": string(canon.ItemInStock), "on hand": string(canon.ItemInStock), "verfugbar": string(canon.ItemInStock), "disponible": string(canon.ItemInStock)}

func ruleStatus(p *reader, at int) *meaning {
	return p.longest(at, 3, func(_ string, n int) *meaning {
		phrase := p.lowers(at, n)
		status := statusWords[phrase]
		if status == "" {
			status = strings.ReplaceAll(phrase, " ", "_")
			switch canon.ItemStatus(status) {
			case canon.ItemInStock, canon.ItemReserved, canon.ItemBlocked, canon.ItemOnMemo, canon.ItemSold, canon.ItemUnavailable, canon.ItemRetired:
			default:
				if status == string(canon.ItemUnknown) || p.x.known("status", fold(status)) == nil {
					return nil
				}
			}
		}
		return &meaning{tokens: n, as: "status", filters: []Filter{words("status", status)}}
	})
}

// placeWords come before a place.
var placeWords = map[string]bool{"in": true, "at": true, "@": true, "chez": true, "a": true, "bei": true, "auf": true, "im": true, "presso": true, "en": true, "dans": true}

func rulePlace(p *reader, at int) *meaning {
	start := at
	preposed := placeWords[p.lower(at)]
	if preposed {
		start++
		if p.lower(start) == "the" {
			start++
		}
	}
	if start >= len(p.tokens) {
		return nil
	}
	return p.longest(start, 4, func(_ string, n int) *meaning {
		phrase := fold(p.lowers(start, n))
		places := p.x.known("location", phrase)
		if places == nil {
			places = p.x.having("location", phrase)
		}
		if places == nil || !preposed && n == 1 && p.x.hasTerm(phrase) {
			return nil
		}
		m := &meaning{tokens: n + start - at, as: "location", filters: []Filter{words("location", places...)}}
		if !preposed {
			m.instead = []string{"text"}
		}
		return m
	})
}

// ruleRing reads a ring size: "size 52", "US 7", "ring size N 1/2".
func ruleRing(p *reader, at int) *meaning {
	start := at
	named := false
	switch {
	case p.lower(at) == "ring" && p.lower(at+1) == "size":
		start, named = at+2, true
	case p.lower(at) == "size", p.lower(at) == "ringsize", p.lower(at) == "taille", p.lower(at) == "grosse", p.lower(at) == "misura":
		start, named = at+1, true
	}
	if start >= len(p.tokens) {
		return nil
	}
	return p.longest(start, 3, func(phrase string, n int) *meaning {
		if !named && (n < 2 || p.tokens[start].text != strings.ToUpper(p.tokens[start].text) || len(p.tokens[start].text) > 3 || digits(p.tokens[start].text) > 0) {
			return nil
		}
		from, to, ranged := strings.Cut(phrase, "-")
		a, err := readRing(from)
		if err != nil || !strings.ContainsAny(phrase, "0123456789") && n == 1 && !named {
			return nil
		}
		r := a.bounds
		if ranged {
			b, err := readRing(to)
			if err != nil || *b.bounds.Most < *r.Least {
				return nil
			}
			r.Most = b.bounds.Most
		}
		return &meaning{tokens: n + start - at, as: "size", filters: []Filter{{Field: "size", Ranges: []Range{r}}}}
	})
}

// namedFields are open vocabularies: their words are those that records have.
var namedFields = []string{"brand", "category", "edition", "set"}

func ruleNamed(p *reader, at int) *meaning {
	return p.longest(at, 5, func(_ string, n int) *meaning {
		phrase := fold(p.lowers(at, n))
		if english, ok := categoryWords[strings.TrimSuffix(phrase, "s")]; ok && p.x.known("category", phrase) == nil {
			phrase = english
		}
		for _, field := range namedFields {
			known := p.x.known(field, phrase)
			if known == nil && field == "category" { // a ring is among the rings
				known = p.x.known(field, phrase+"s")
				if single, ok := strings.CutSuffix(phrase, "s"); known == nil && ok {
					known = p.x.known(field, single)
				}
			}
			if known != nil {
				return &meaning{tokens: n, as: field, filters: []Filter{words(field, known...)}, instead: []string{"text"}}
			}
		}
		return nil
	})
}

// categoryWords are what jewelry is called elsewhere, in the singular, where records name categories in English.
var categoryWords = map[string]string{
	"bague": "ring", "collier": "necklace", "pendentif": "pendant", "bracelet": "bracelet", "boucle d oreille": "earring", "boucles d oreille": "earring",
	"boucle doreille": "earring", "boucles doreille": "earring", "montre": "watch",
	"halskette": "necklace", "anhanger": "pendant", "armband": "bracelet", "ohrring": "earring", "anello": "ring", "collana": "necklace", "anillo": "ring",
}

// noise are words that say nothing by themselves.
var noise = map[string]bool{
	"a": true, "an": true, "the": true, "with": true, "and": true, "or": true, "of": true, "for": true, "in": true, "at": true, "from": true, "mit": true, "und": true, "oder": true, "in the": true,
	"avec": true, "et": true, "ou": true, "de": true, "con": true, "e": true, "o": true, "set": true, "any": true, "all": true, "some": true, "show": true, "find": true, "me": true, "&": true, "+": true, "-": true, "/": true, "if": true, "it": true, "is": true, "that": true, "which": true, "please": true, "ein": true, "eine": true, "un": true, "une": true, "le": true, "la": true, "les": true, "der": true, "die": true, "das": true,
}

func ruleNoise(p *reader, at int) *meaning {
	if p.lower(at) == "taille" && at+1 < len(p.tokens) { // "taille princesse" is a princess cut
		if shape, ok := normalize.Shape("", p.tokens[at+1].text); ok && shape != "OTHER" {
			return &meaning{tokens: 1, as: "ignored", means: "says nothing by itself"}
		}
	}
	if t := p.tokens[at]; !noise[t.lower] && !noise[t.text] {
		return nil
	}
	return &meaning{tokens: 1, as: "ignored", means: "says nothing by itself"}
}
