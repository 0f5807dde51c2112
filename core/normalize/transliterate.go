package normalize

import "strings"

// letters gives the Latin letters that people write for those of other alphabets: the common passport spellings
// (ICAO Doc 9303, simplified) for Cyrillic, ISO 843 type 2 for Greek, and the consonants of Hebrew and Arabic. Two
// people may write one name in several ways; Latin gives one of them, Skeleton what the ways have in common.
var letters = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'ґ': "g", 'д': "d", 'е': "e", 'ё': "e", 'є': "ie", 'ж': "zh", 'з': "z", 'и': "i", 'і': "i", 'ї': "i", 'й': "i",
	'к': "k", 'л': "l", 'м': "m", 'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ў': "u", 'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch",
	'ш': "sh", 'щ': "shch", 'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "iu", 'я': "ia", 'ђ': "dj", 'ј': "j", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'џ': "dz", 'ѓ': "gj", 'ќ': "kj",
	'α': "a", 'β': "v", 'γ': "g", 'δ': "d", 'ε': "e", 'ζ': "z", 'η': "i", 'θ': "th", 'ι': "i", 'κ': "k", 'λ': "l", 'μ': "m", 'ν': "n", 'ξ': "x", 'ο': "o",
	'π': "p", 'ρ': "r", 'σ': "s", 'ς': "s", 'τ': "t", 'υ': "y", 'φ': "f", 'χ': "ch", 'ψ': "ps", 'ω': "o",
	'א': "a", 'ב': "b", 'ג': "g", 'ד': "d", 'ה': "h", 'ו': "v", 'ז': "z", 'ח': "h", 'ט': "t", 'י': "y", 'כ': "k", 'ך': "k", 'ל': "l", 'מ': "m", 'ם': "m",
	'נ': "n", 'ן': "n", 'ס': "s", 'ע': "a", 'פ': "p", 'ף': "f", 'צ': "ts", 'ץ': "ts", 'ק': "k", 'ר': "r", 'ש': "sh", 'ת': "t",
	'ا': "a", 'أ': "a", 'إ': "i", 'آ': "a", 'ب': "b", 'ت': "t", 'ث': "th", 'ج': "j", 'ح': "h", 'خ': "kh", 'د': "d", 'ذ': "dh", 'ر': "r", 'ز': "z",
	'س': "s", 'ش': "sh", 'ص': "s", 'ض': "d", 'ط': "t", 'ظ': "z", 'ع': "a", 'غ': "gh", 'ف': "f", 'ق': "q", 'ك': "k", 'ل': "l", 'م': "m", 'ن': "n",
	'ه': "h", 'ة': "a", 'و': "w", 'ي': "y", 'ى': "a", 'ء': "",
}

// Latin gives a name's matching form (Name) in Latin letters. Letters of alphabets that it doesn't know stay.
func Latin(raw string) string {
	s := Name(raw)
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < 0x80
	}
	if ascii {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if latin, known := letters[r]; known {
			b.WriteString(latin)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// sounds are the spellings that change from one clerk or alphabet to the next, longest first.
var sounds = strings.NewReplacer(
	"shch", "s", "sch", "s", "tch", "c", "tsch", "c", "sh", "s", "ch", "c", "kh", "h", "zh", "s", "ph", "f", "th", "t", "gh", "g", "dh", "d", "ck", "k", "cz", "c",
	"ae", "a", "oe", "o", "ue", "u", "ee", "i", "ey", "i", "ie", "i", "ai", "a", "ay", "a", "ei", "i", "ou", "u", "oo", "u", "eau", "o", "au", "o",
	"ts", "s", "tz", "s", "x", "ks", "q", "k", "w", "v", "y", "i", "j", "i", "z", "s", "c", "k",
)

// Skeleton gives what the usual spellings of one name have in common: "Mueller", "Müller" and "Muller" are "muler",
// "Chernov" and "Tschernow" agree, and doubled letters count once. It never tells names apart that Latin doesn't.
func Skeleton(latin string) string {
	s := sounds.Replace(strings.ReplaceAll(latin, " ", ""))
	var b strings.Builder
	var last rune
	for _, r := range s {
		if r != last {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}
