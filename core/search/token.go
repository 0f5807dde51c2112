package search

import (
	"slices"
	"strings"
	"unicode"

	"github.com/jumpring/jumpring/core/canon"
)

// token is a word as it was typed.
type token struct {
	text   string // without punctuation around it
	lower  string // in the form of fold where that leaves something, else in lower case
	quoted bool
}

// maxTokens bounds the words that are read.
const maxTokens = 48

// tokens parts a text at white space that is not inside quotation marks.
func tokens(s string) []token {
	s = strings.NewReplacer("–", "-", "—", "-", "‑", "-", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "\u00a0", " ", "\u202f", " ").Replace(strings.ToValidUTF8(s, " "))
	var out []token
	var b strings.Builder
	inside, quoted := false, false
	end := func() {
		text := b.String()
		b.Reset()
		if quoted {
			text, _ = unquoted(text)
		} else {
			text = strings.Trim(text, ",;()[]{}!?")
			text = strings.TrimRight(text, ".:")
		}
		if text = strings.TrimSpace(text); text != "" && len(out) < maxTokens {
			out = append(out, token{text: text, lower: lowerOf(text), quoted: quoted})
		}
		quoted = false
	}
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			escaped = false
			b.WriteRune(r)
		case inside && r == '\\':
			escaped = true
			b.WriteRune(r)
		case r == '"':
			if !inside && b.Len() == 0 {
				quoted = true
			}
			inside = !inside
			b.WriteRune(r)
			if !inside && quoted {
				end()
			}
		case unicode.IsSpace(r) && !inside, unicode.IsControl(r):
			end()
		default:
			b.WriteRune(r)
		}
	}
	if inside { // a lone quotation mark is none
		rest := strings.ReplaceAll(b.String(), `"`, " ")
		b.Reset()
		for _, w := range strings.Fields(rest) {
			quoted = false
			b.WriteString(w)
			end()
		}
		return out
	}
	end()
	return out
}

func lowerOf(s string) string {
	if f := fold(s); f != "" && !strings.Contains(f, " ") {
		return f
	}
	return strings.ToLower(s)
}

// currencySymbols are the signs that stand for one currency in a jeweler's price tags; a plain dollar is the United
// States'.
var currencySymbols = map[string]string{
	"€": "EUR", "$": "USD", "us$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "chf": "CHF", "fr.": "CHF", "sfr": "CHF", "a$": "AUD", "c$": "CAD", "hk$": "HKD", "s$": "SGD",
	"euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "pounds": "GBP", "francs": "CHF", "rupees": "INR", "yen": "JPY",
}

// currencyOf reads a currency: its code or its sign. Codes that are also words ("all", "top", "try") count in capitals
// alone.
func currencyOf(s string) (code string, ok bool) {
	if code, ok = currencySymbols[strings.ToLower(s)]; ok {
		return code, true
	}
	code = strings.ToUpper(s)
	if _, ok = canon.CurrencyExponent(code); !ok {
		return "", false
	}
	return code, s == code || slices.Contains([]string{"eur", "usd", "gbp", "jpy", "inr", "aed", "sgd", "hkd"}, s)
}
