package search

import (
	"strings"

	"github.com/jumpring/jumpring/core/normalize"
)

// ruleEmail reads an e-mail address, or its beginning.
func ruleEmail(p *reader, at int) *meaning {
	text := p.tokens[at].text
	if !strings.Contains(text, "@") || len(text) < 3 {
		return nil
	}
	w := Word{Text: text, Key: upper(text), Kind: keyEmail}
	if v := keyForm(keyEmail, text, ""); v != "" {
		w.Key, w.Whole = v, true
	}
	return &meaning{tokens: 1, as: "email", words: []Word{w}}
}

// leastPhone is the fewest digits by which a number is looked for.
const leastPhone = 4

// rulePhone reads a phone number in any usual spelling, or its last digits.
func rulePhone(p *reader, at int) *meaning {
	if strings.Trim(p.tokens[at].text, "0123456789+-().#/ ") != "" {
		return nil
	}
	return p.longest(at, 8, func(phrase string, n int) *meaning {
		if strings.Trim(phrase, "0123456789+-().#/ ") != "" || digits(phrase) < leastPhone {
			return nil
		}
		if v, ok := normalize.Phone(phrase, p.x.region); ok {
			return &meaning{tokens: n, as: "phone", words: []Word{{Text: phrase, Key: v, Kind: keyPhone, Whole: true}}}
		}
		tail := strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, phrase)
		return &meaning{tokens: n, as: "phone", means: "a phone number that ends with " + tail, words: []Word{{Text: phrase, Key: tail, Kind: keyPhone}}, instead: []string{"text"}}
	})
}

// ruleCity reads a city behind "in" or "from".
func ruleCity(p *reader, at int) *meaning {
	if !placeWords[p.lower(at)] && p.lower(at) != "from" && p.lower(at) != "aus" && p.lower(at) != "of" {
		return nil
	}
	return p.longest(at+1, 4, func(_ string, n int) *meaning {
		cities := p.x.known("city", fold(p.lowers(at+1, n)))
		if cities == nil {
			return nil
		}
		return &meaning{tokens: n + 1, as: "city", filters: []Filter{words("city", cities...)}, instead: []string{"text"}}
	})
}
