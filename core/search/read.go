package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// The readers of filters' values. What words mean is core/normalize's alone; here is only which range or which group of
// grades a person may write with them.

func one(word string) value { return value{words: []string{word}} }

func number(n int64) value { return value{bounds: Range{&n, &n}} }

func upper(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }

func wanted(what, raw, example string) error {
	return fmt.Errorf("%.48q is not %s; write %s", raw, what, example)
}

func readStatus(raw string) (value, error) {
	return one(strings.ReplaceAll(fold(raw), " ", "_")), nil
}

func readLab(raw string) (value, error) { return one(normalize.Lab(raw)), nil }

func readMetal(raw string) (value, error) {
	m, err := normalize.Metal(raw)
	if err != nil || m.Kind == "" {
		return value{}, wanted("a metal", raw, "gold, silver, platinum …")
	}
	return one(string(m.Kind)), nil
}

func readFineness(raw string) (value, error) {
	if n, err := strconv.ParseInt(strings.TrimSpace(raw), 10, 64); err == nil && n >= 100 && n <= 999 {
		return one(strconv.FormatInt(n, 10)), nil
	}
	m, err := normalize.Metal(raw)
	if err != nil || m.Fineness == 0 {
		return value{}, wanted("a fineness", raw, "750 or 18k")
	}
	return one(strconv.FormatInt(m.Fineness, 10)), nil
}

func readMetalColour(raw string) (value, error) {
	m, err := normalize.Metal(raw + " gold")
	if err != nil || m.Colour == "" {
		return value{}, wanted("an alloy's colour", raw, "yellow, white, rose …")
	}
	return one(string(m.Colour)), nil
}

// stoneOf reads one field of a stone.
func stoneOf(stated canon.StatedStone) (canon.Stone, bool) {
	s, err := normalize.Stone("", stated)
	return s, err == nil
}

func readStone(raw string) (value, error) {
	s, ok := stoneOf(canon.StatedStone{Kind: raw})
	if !ok || s.Kind == "" {
		return value{}, wanted("a kind of stone", raw, "diamond, sapphire …")
	}
	return one(s.Kind), nil
}

func readOrigin(raw string) (value, error) {
	s, ok := stoneOf(canon.StatedStone{Origin: raw})
	if !ok || s.Origin == "" {
		return value{}, wanted("an origin", raw, "natural or lab_grown")
	}
	return one(s.Origin), nil
}

func readShape(raw string) (value, error) {
	s, ok := normalize.Shape("", raw)
	if !ok {
		return value{}, wanted("a shape", raw, "round, princess, emerald …")
	}
	return one(s), nil
}

func readFluorescence(raw string) (value, error) {
	f, _, ok := normalize.Fluorescence("", raw)
	if !ok {
		return value{}, wanted("a fluorescence", raw, "none, faint, medium, strong or very strong")
	}
	return one(f), nil
}

func readGrade(raw string) (value, error) {
	g, ok := normalize.Grade("", raw)
	if !ok {
		return value{}, wanted("a grade", raw, "excellent, very good, good …")
	}
	return one(g), nil
}

// readColour takes the colours of coloured stones, which have no scale, as they are.
func readColour(raw string) (value, error) {
	if g, ok := normalize.DiamondColour(raw); ok {
		return one(g), nil
	}
	return one(upper(normalize.Name(raw))), nil
}

// readClarity reads a grade, or a group of grades: VS is VS1 and VS2.
func readClarity(raw string) (value, error) {
	if g, ok := normalize.Clarity(raw); ok {
		return one(g), nil
	}
	if group := clarityGroup(raw); group != nil {
		return value{words: group}, nil
	}
	return value{}, wanted("a clarity", raw, "VVS1, VS, SI1 …")
}

// clarityGroup gives the grades that a group stands for: those of its letters with a number.
func clarityGroup(raw string) []string {
	letters := upper(raw)
	var out []string
	for _, g := range clarityScale {
		if rest, ok := strings.CutPrefix(g, letters); ok && letters != "" && len(rest) == 1 && rest[0] >= '1' && rest[0] <= '3' {
			out = append(out, g)
		}
	}
	return out
}

func readCountry(raw string) (value, error) {
	c, ok := normalize.Country(raw)
	if !ok {
		return one(upper(raw)), nil
	}
	return one(c), nil
}

func readCurrency(raw string) (value, error) {
	code := upper(raw)
	if _, ok := canon.CurrencyExponent(code); !ok {
		return value{}, wanted("a currency", raw, "its ISO 4217 code, such as EUR")
	}
	return one(code), nil
}

func readCarat(raw string) (value, error) {
	n, err := normalize.Carat(raw)
	if err != nil {
		return value{}, wanted("a weight in carats", raw, "1.5 or 50pt")
	}
	return number(n), nil
}

func readWeight(raw string) (value, error) {
	n, err := normalize.Weight(raw)
	if err != nil {
		return value{}, wanted("a weight", raw, "it with its unit, such as 4.2g")
	}
	return number(n), nil
}

// ringTolerance is by how much the tables of countries disagree, in tenths of a millimetre (canon.RingSize).
const ringTolerance = 6

func readRing(raw string) (value, error) {
	size, err := normalize.RingSize(raw, "")
	if whole, tenth, _ := strings.Cut(strings.TrimSpace(raw), "."); err != nil && len(whole) == 2 && len(tenth) <= 1 {
		// The end of a range may be a circumference that no ring has.
		if n, wrong := strconv.ParseInt(whole+(tenth + "0")[:1], 10, 64); wrong == nil && n >= 300 {
			size.CircumferenceTenths, err = n, nil
		}
	}
	if err != nil {
		return value{}, wanted("a ring size", raw, "US 7, UK N, EU 54 or 54.4")
	}
	least, most := size.CircumferenceTenths-ringTolerance, size.CircumferenceTenths+ringTolerance
	return value{bounds: Range{&least, &most}}, nil
}

func readNumber(raw string) (value, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(raw), 10, 64)
	if err != nil {
		return value{}, wanted("a whole number", raw, "digits")
	}
	return number(n), nil
}

func showNumber(n int64) string { return strconv.FormatInt(n, 10) }

// decimals writes n × 10^-digits without zeros at the end.
func decimals(n int64, digits int) string {
	sign := ""
	if n < 0 {
		sign = "-"
	}
	s := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	if len(s) <= digits {
		s = strings.Repeat("0", digits+1-len(s)) + s
	}
	whole, fraction := s[:len(s)-digits], strings.TrimRight(s[len(s)-digits:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	return sign + whole
}

func showCarat(n int64) string  { return decimals(n, 3) }
func showTenths(n int64) string { return decimals(n, 1) }
func showGrams(n int64) string  { return decimals(n, 3) + "g" }

// moneyShown writes an amount without its currency; without a currency it is in hundredths. Three digits behind a point
// would be read as thousands, so they get a fourth.
func moneyShown(n int64, currency string) string {
	digits, ok := canon.CurrencyExponent(currency)
	if !ok {
		digits = 2
	}
	s := decimals(n, digits)
	if i := strings.IndexByte(s, '.'); i >= 0 && len(s)-i-1 == 3 {
		s += "0"
	}
	return s
}

// amount reads what a person writes for an amount into minor units: "9000", "9,000", "9.000,50", "9'000", "9k". A
// single separator with three digits behind it parts thousands. Without a currency the result is in hundredths.
func amount(raw, currency string) (int64, bool) {
	digits, ok := canon.CurrencyExponent(currency)
	if !ok {
		digits = 2
	}
	s := strings.ToLower(strings.Map(func(r rune) rune {
		if r == '\'' || r == '’' || r == ' ' || r == '\u00a0' || r == '\u202f' || r == '_' {
			return -1
		}
		return r
	}, raw))
	thousands := 0
	if t, found := strings.CutSuffix(s, "k"); found {
		s, thousands = t, 3
	} else if t, found := strings.CutSuffix(s, "m"); found {
		s, thousands = t, 6
	}
	whole, fraction := s, ""
	if i := strings.LastIndexAny(s, ".,"); i >= 0 {
		mark := s[i : i+1]
		several := strings.Count(s, ".")+strings.Count(s, ",") > 1
		both := strings.Contains(s, ".") && strings.Contains(s, ",")
		switch behind := len(s) - i - 1; {
		case both && strings.Count(s, mark) == 1, !several && (behind != 3 || thousands > 0):
			whole, fraction = s[:i], s[i+1:]
		case behind != 3:
			return 0, false
		}
	}
	whole = strings.NewReplacer(".", "", ",", "").Replace(whole)
	fraction = strings.TrimRight(fraction, "0")
	shift := digits + thousands
	if len(fraction) > shift || whole == "" || len(whole)+shift > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", shift-len(fraction)), 10, 64)
	return n, err == nil && n >= 0
}

// steps gives the words of a scale from one to another, whichever comes first.
func steps(scale []string, from, to string) []string {
	a, b := slices.Index(scale, from), slices.Index(scale, to)
	if a < 0 || b < 0 {
		return nil
	}
	if a > b {
		a, b = b, a
	}
	return slices.Clone(scale[a : b+1])
}
