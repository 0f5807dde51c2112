package normalize

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// unaccented maps the Latin letters that Unicode does not decompose to the letters that people type instead.
var unaccented = strings.NewReplacer("ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "æ", "ae", "œ", "oe", "ı", "i", "ħ", "h", "ŋ", "n", "ŧ", "t", "ß", "ss")

// fold gives the form in which words compare: case folded, compatibility forms resolved (full-width letters, ligatures),
// accents of Latin, Greek and Cyrillic letters dropped.
func fold(s string) string {
	s = norm.NFKD.String(strings.ToValidUTF8(s, " "))
	// To upper and back, so that letters with several lower forms (the two sigmas) become one.
	s = norm.NFKD.String(strings.ToLower(strings.ToUpper(s)))
	s = strings.Map(func(r rune) rune {
		if r >= 0x0300 && r <= 0x036F { // combining diacritical marks
			return -1
		}
		return r
	}, s)
	return norm.NFC.String(unaccented.Replace(s))
}

// words splits a folded text at everything that is neither letter, mark nor digit. Letters and digits are parted too:
// "au750" is two words.
func words(folded string) []string {
	var out []string
	start, last := -1, 0 // last is the class of the running word: 1 letters, 2 digits
	flush := func(end int) {
		if start >= 0 {
			out = append(out, folded[start:end])
		}
		start = -1
	}
	for i, r := range folded {
		class := 0
		switch {
		case unicode.IsLetter(r) || unicode.IsMark(r):
			class = 1
		case r >= '0' && r <= '9':
			class = 2
		}
		if class != last || class == 0 {
			flush(i)
		}
		if class != 0 && start < 0 {
			start = i
		}
		last = class
	}
	flush(len(folded))
	return out
}

// Name gives the form in which names of persons and places compare: folded, apostrophes dropped, other punctuation as
// one space. "O’Brien-Müller" and "obrien muller" are the same. German transliteration ("Mueller") stays different,
// since "ue" is also a sequence of letters of its own.
func Name(raw string) string {
	var b strings.Builder
	gap := false
	for _, r := range fold(raw) {
		switch {
		case r == '\'' || r == '’' || r == '‘' || r == 'ʼ' || r == '`' || r == '´' || unicode.Is(unicode.Cf, r):
		case unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r):
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return b.String()
}

// code gives the form in which identifiers compare: compatibility forms resolved, format and control characters
// dropped, outer space trimmed and inner space as one blank, upper case. It is "" for what only says that there is
// none: "n/a", "none", "null", or no letter and digit at all.
func code(raw string) string {
	s := norm.NFKC.String(strings.ToValidUTF8(raw, " "))
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		}
		return r
	}, s)
	s = norm.NFKC.String(strings.ToUpper(strings.Join(strings.Fields(s), " ")))
	switch s {
	case "N/A", "NA", "NONE", "NULL", "NIL", "UNKNOWN":
		return ""
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
		return ""
	}
	return s
}

// Serial gives the form in which serial numbers compare: without outer spaces and case. Inner punctuation and leading
// zeros tell pieces apart and stay. "" means that there is none.
func Serial(raw string) string { return code(raw) }

// SKU gives the form in which SKUs compare, with the rule of Serial. Platforms search SKUs without case; two SKUs of
// one shop that differ in case alone become duplicates here, which join nothing.
func SKU(raw string) string { return code(raw) }
