package normalize

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// ringSystems maps the ways to name a size system to the system: us (also Canada, Mexico), uk (also Ireland, Australia,
// New Zealand, South Africa), iso (ISO 8653: the circumference in millimetres; France, Germany, Austria, Belgium, the
// Nordic countries), ch (circumference less 40; Switzerland, Italy, Spain, the Netherlands), jp (also China) and in.
var ringSystems = map[string]string{
	"us": "us", "usa": "us", "ca": "us", "mx": "us",
	"uk": "uk", "gb": "uk", "ie": "uk", "au": "uk", "nz": "uk", "za": "uk",
	"eu": "iso", "eur": "iso", "iso": "iso", "fr": "iso", "de": "iso", "at": "iso", "be": "iso", "dk": "iso", "se": "iso", "fi": "iso", "no": "iso",
	"ch": "ch", "it": "ch", "es": "ch", "nl": "ch",
	"jp": "jp", "jpn": "jp", "cn": "jp", "in": "in", "ind": "in",
	"american": "us", "british": "uk", "english": "uk", "european": "iso", "french": "iso", "german": "iso", "swiss": "ch", "italian": "ch", "spanish": "ch", "japanese": "jp", "chinese": "jp", "indian": "in",
	"america": "us", "britain": "uk", "europe": "iso", "france": "iso", "germany": "iso", "switzerland": "ch", "italy": "ch", "spain": "ch", "japan": "jp", "china": "jp", "india": "in",
}

// Rings outside of these inner circumferences, in tenths of a millimetre, are not sold.
const minCircumference, maxCircumference = 330, 860

// RingSize reads a ring size's label: "US 7", "N 1/2", "EU 54", "CH 14", "JP 14", "54 mm". A label without a system is
// read in defaultSystem ("us", "uk", "eu", "ch", "jp", "in"; "" for none); without one, only letters (British) and numbers
// from 40 up (circumferences) have a single meaning. The label is kept as entered, the circumference is 0 when it
// could not be read.
func RingSize(label, defaultSystem string) (canon.RingSize, error) {
	size := canon.RingSize{Label: strings.Join(strings.Fields(label), " ")}
	system, value := splitRing(size.Label)
	if system == "" {
		system = ringSystems[strings.ToLower(defaultSystem)]
	}
	letter := len(value) > 0 && value[0] >= 'a' && value[0] <= 'z'
	d, ok := ringNumber(value)
	switch {
	case system == "" && letter:
		system = "uk"
	case system == "" && ok && d.times(10, 1) >= 400:
		system = "iso"
	}
	tenths := int64(0)
	switch {
	case system == "uk" && letter:
		tenths = ukTenths(value)
	case !ok || system == "uk":
	case system == "us" && d.times(10, 1) <= 200:
		tenths = usTenths(d)
	case system == "iso":
		tenths = d.times(10, 1)
	case system == "ch" && d.times(10, 1) <= 400:
		tenths = 400 + d.times(10, 1)
	case system == "jp" && d.times(10, 1) <= 400:
		tenths = jpTenths(d)
	case system == "in" && d.scale == 0 && d.times(1, 1) >= 1 && d.times(1, 1) <= 30:
		tenths = inTenths(d)
	}
	if tenths < minCircumference || tenths > maxCircumference {
		return size, fmt.Errorf("%w: ring size %.32q; write the system before the size, such as US 7, UK N 1/2 or EU 54", ErrUnread, label)
	}
	size.CircumferenceTenths = tenths
	return size, nil
}

// splitRing parts the system's name from the size, whichever comes first; the size comes back folded, without spaces
// and with halves and quarters as decimals.
func splitRing(label string) (system, value string) {
	// Fractions are written out first, because folding would run them into the number before them.
	s := strings.NewReplacer("½", " 1/2", "¼", " 1/4", "¾", " 3/4").Replace(label)
	s = strings.NewReplacer(" 1/2", ".5", " 1/4", ".25", " 3/4", ".75", "-1/2", ".5").Replace(strings.Join(strings.Fields(fold(s)), " "))
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(s, "size "), "ring size "))
	if mm, found := strings.CutSuffix(s, "mm"); found {
		return "iso", strings.TrimSpace(mm)
	}
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ':' || r == '-' })
	if len(fields) == 2 {
		if system, ok := ringSystems[fields[0]]; ok {
			return system, fields[1]
		}
		if system, ok := ringSystems[fields[1]]; ok {
			return system, fields[0]
		}
	}
	if len(fields) == 1 {
		number := strings.TrimLeft(fields[0], "abcdefghijklmnopqrstuvwxyz") // "us7"
		if system, ok := ringSystems[fields[0][:len(fields[0])-len(number)]]; ok && number != "" {
			return system, number
		}
		return "", fields[0]
	}
	return "", s
}

func ringNumber(value string) (decimal, bool) {
	d, rest, err := parseDecimal(value)
	return d, err == nil && rest == ""
}

// usTenths: the diameter is 0.458 + 0.032 × size inches, so the circumference is 36.55 + 2.5535 × size millimetres.
func usTenths(d decimal) int64 {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.scale)), nil)
	n := new(big.Int).Mul(d.digits, big.NewInt(25535))
	n.Add(n, new(big.Int).Mul(scale, big.NewInt(365500)))
	return decimal{digits: n, scale: d.scale}.times(1, 1000)
}

// ukTenths: A is 37.8 mm, each letter 1.25 mm more, a half 0.625 mm.
func ukTenths(value string) int64 {
	half := int64(0)
	letter, fraction, found := strings.Cut(value, ".")
	if found && fraction != "5" || len(letter) != 1 {
		return 0
	}
	if found {
		half = 1
	}
	return (37800 + 1250*int64(letter[0]-'a') + 625*half + 50) / 100
}

// jpTenths: the diameter is 13 + (size − 1) / 3 millimetres (JIS S 4700).
func jpTenths(d decimal) int64 {
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.scale)), nil)
	n := new(big.Int).Add(d.digits, scale.Mul(scale, big.NewInt(38)))
	return decimal{digits: n, scale: d.scale}.times(314159265, 30_000_000)
}

// inTenths: the chart of India steps evenly from 13.1 mm of diameter at size 1 to 22.3 mm at size 30. Whole sizes only.
func inTenths(d decimal) int64 {
	// π × (13.1 + (size − 1) × 9.2 / 29) millimetres
	n := new(big.Int).Mul(d.digits, big.NewInt(92))
	n.Add(n, big.NewInt(131*29-92))
	return decimal{digits: n}.times(314159265, 29*100_000_000)
}
