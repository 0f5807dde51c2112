package normalize

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Money reads an amount as stated: surrounding spaces and the case of the currency do not matter, all else is
// canon.ParseMoney's rule.
func Money(stated canon.StatedMoney) (canon.Money, error) {
	return canon.ParseMoney(strings.TrimSpace(stated.Amount), strings.ToUpper(strings.TrimSpace(stated.Currency)))
}

// maxCarat is a bound above every stone ever weighed (the largest rough diamond has 3,106 carats); more is a slip.
const maxCarat = 10_000_000 // thousandths

// Carat reads a weight in metric carats into thousandths: "0.51 carat", "0,51 ct", "51 pts", "0.51". A number alone is
// in carats. Laboratories weigh to up to four decimals; the fourth is rounded half up. Fractions ("1/2 ct") are trade
// sizes that stand for a range of weights, so they are not read.
func Carat(raw string) (thousandths int64, err error) {
	if strings.ContainsAny(raw, "/½¼¾⅓⅔⅛⅜⅝⅞") {
		return 0, fmt.Errorf("%w: %.32q is a trade size, not a weight; write the weight in carats, such as 0.51", ErrUnread, raw)
	}
	d, unit, err := parseDecimal(fold(raw))
	if err != nil {
		return 0, fmt.Errorf("carat: %w", err)
	}
	switch strings.TrimSuffix(unit, ".") {
	case "", "c", "ct", "cts", "carat", "carats", "karat", "karats", "crt", "quilates", "carati", "ctw", "cttw", "tcw", "ct tw", "ct. tw", "ct t.w", "ct. t.w", "carat tw", "carat total weight", "ct total weight":
		thousandths = d.times(1000, 1)
	case "pt", "pts", "point", "points", "pnt", "punkte":
		thousandths = d.times(10, 1)
	default:
		return 0, fmt.Errorf("%w: %.32q is not a unit of carats; write ct or pt", ErrUnread, unit)
	}
	if thousandths <= 0 || thousandths > maxCarat {
		return 0, fmt.Errorf("%w: %.32q is no stone's weight", ErrUnread, raw)
	}
	return thousandths, nil
}

// maxMilligrams bounds a piece's weight at 1,000 kg.
const maxMilligrams = 1_000_000_000

// weightUnits are the masses of the trade's units in 10 ng (1e-5 mg), which all of them are whole numbers of: metric
// carat 0.2 g, pennyweight 1.55517384 g, troy ounce 31.1034768 g, grain 64.79891 mg (International Yard and Pound
// agreement, 1959), tola 180 grains, momme 3.75 g.
var weightUnits = map[string]int64{
	"mg": 1e5, "milligram": 1e5, "milligrams": 1e5, "milligramme": 1e5, "milligrammes": 1e5,
	"g": 1e8, "gm": 1e8, "gms": 1e8, "gram": 1e8, "grams": 1e8, "gramme": 1e8, "grammes": 1e8, "gramm": 1e8, "grammi": 1e8, "gramos": 1e8,
	"kg": 1e11, "kilogram": 1e11, "kilograms": 1e11,
	"ct": 2e7, "cts": 2e7, "carat": 2e7, "carats": 2e7,
	"dwt": 155517384, "pennyweight": 155517384, "pennyweights": 155517384,
	"ozt": 3110347680, "oz t": 3110347680, "oz. t": 3110347680, "troy oz": 3110347680, "oz troy": 3110347680, "troy ounce": 3110347680, "troy ounces": 3110347680, "t oz": 3110347680, "toz": 3110347680,
	"grain": 6479891, "grains": 6479891, "tola": 1166380380, "tolas": 1166380380, "momme": 3.75e8,
}

// Weight reads a mass with its unit into milligrams, rounded half up: "4.2 g", "2,7 dwt", "1 oz t". Two units of the
// trade mean different things and are not read: "gr" (gram in French and Italian catalogues, grain in English ones)
// and "oz" (troy or avoirdupois). A number without a unit is not read either.
func Weight(raw string) (milligrams int64, err error) {
	d, unit, err := parseDecimal(fold(raw))
	if err != nil {
		return 0, fmt.Errorf("weight: %w", err)
	}
	unit = strings.TrimSuffix(unit, ".")
	scale, known := weightUnits[unit]
	switch {
	case unit == "":
		return 0, fmt.Errorf("%w: weight %.32q has no unit; write g, mg, dwt or oz t", ErrUnread, raw)
	case unit == "gr" || unit == "grs":
		return 0, fmt.Errorf("%w: the unit of %.32q may be gram or grain; write g or grain", ErrUnread, raw)
	case unit == "oz" || unit == "ounce" || unit == "ounces":
		return 0, fmt.Errorf("%w: the ounce of %.32q may be troy or not; write oz t or g", ErrUnread, raw)
	case !known:
		return 0, fmt.Errorf("%w: %.32q is not a unit of weight; write g, mg, dwt or oz t", ErrUnread, unit)
	}
	if len(d.digits.String())-d.scale > 9 {
		return 0, fmt.Errorf("%w: %.32q is no piece's weight", ErrUnread, raw)
	}
	milligrams = d.times(scale, 1e5)
	if milligrams <= 0 || milligrams > maxMilligrams {
		return 0, fmt.Errorf("%w: %.32q is no piece's weight", ErrUnread, raw)
	}
	return milligrams, nil
}
