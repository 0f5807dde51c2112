package normalize

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// lengthUnits are units of length in micrometres, for attributes that name one.
var lengthUnits = map[string]int64{"mm": 1000, "cm": 10_000, "m": 1_000_000, "µm": 1, "um": 1, "in": 25_400, "inch": 25_400, "inches": 25_400}

// Attribute reads a custom attribute's words by its definition. Without one the words stay as they are. Words that do not
// fit come back marked as unread, with an error that wraps ErrUnread.
func Attribute(def *canon.AttributeDef, code, raw string) (canon.Attribute, error) {
	if def == nil {
		return canon.Attribute{Code: code, Value: raw}, nil
	}
	a := canon.Attribute{Code: def.Code}
	words := strings.Join(strings.Fields(raw), " ")
	var err error
	switch def.Type {
	case canon.AttributeInteger, canon.AttributeDecimal:
		err = numberAttribute(def, words, &a)
	case canon.AttributeBoolean:
		a.Value, err = booleanWord(words)
	case canon.AttributeEnum:
		a.Value, err = enumWord(def, words)
	case canon.AttributeDate:
		a.Value, err = Date(words)
	default:
		a.Value = words
	}
	if err != nil {
		return canon.Attribute{Code: def.Code, Value: raw, Unread: true}, fmt.Errorf("attribute %s: %w", def.Code, err)
	}
	if a.Value != raw {
		a.Raw = raw
	}
	return a, nil
}

// numberAttribute reads a number with or without a unit into thousandths of the definition's unit. A value in another
// unit of the same measure is converted where the result is exact to a thousandth.
func numberAttribute(def *canon.AttributeDef, raw string, a *canon.Attribute) error {
	text, negative := strings.CutPrefix(raw, "-")
	d, unit, err := parseDecimal(strings.ToLower(text))
	if err != nil {
		return err
	}
	from, to := int64(1), int64(1)
	if unit = strings.TrimSuffix(unit, "."); unit != "" && unit != strings.ToLower(def.Unit) {
		if from, to = unitScale(unit), unitScale(strings.ToLower(def.Unit)); from == 0 || to == 0 || !sameMeasure(unit, strings.ToLower(def.Unit)) {
			return fmt.Errorf("%w: %.32q is not in %.16q, nor in a unit that converts to it", ErrUnread, raw, def.Unit)
		}
	}
	n := d.times(1000*from, to)
	back := decimal{digits: d.digits, scale: d.scale}.times(1_000_000*from, to)
	switch {
	case len(d.digits.String())-d.scale > 12:
		return fmt.Errorf("%w: %.32q is beyond what an attribute can be", ErrUnread, raw)
	case back != n*1000:
		return fmt.Errorf("%w: %.32q has more than three digits after the point in %.16q", ErrUnread, raw, def.Unit)
	case def.Type == canon.AttributeInteger && n%1000 != 0:
		return fmt.Errorf("%w: %.32q is no whole number", ErrUnread, raw)
	}
	sign := ""
	if negative && n != 0 {
		sign, n = "-", -n
	}
	whole, fraction := abs(n)/1000, abs(n)%1000
	a.Value = fmt.Sprintf("%s%d", sign, whole)
	if fraction != 0 {
		a.Value += strings.TrimRight(fmt.Sprintf(".%03d", fraction), "0")
	}
	a.Number, a.Unit = &n, def.Unit
	return nil
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// unitScale gives a unit in the smallest part of its measure; 0 when it is not known.
func unitScale(unit string) int64 {
	if n := lengthUnits[unit]; n != 0 {
		return n
	}
	return weightUnits[unit] // in 10 ng
}

func sameMeasure(a, b string) bool { return (lengthUnits[a] != 0) == (lengthUnits[b] != 0) }

var booleanWords = map[string]string{
	"true": "true", "yes": "true", "y": "true", "1": "true", "oui": "true", "ja": "true", "si": "true",
	"false": "false", "no": "false", "n": "false", "0": "false", "non": "false", "nein": "false", "nee": "false",
}

func booleanWord(raw string) (string, error) {
	if v, ok := booleanWords[Name(raw)]; ok {
		return v, nil
	}
	return "", fmt.Errorf("%w: %.32q is neither yes nor no", ErrUnread, raw)
}

func enumWord(def *canon.AttributeDef, raw string) (string, error) {
	key := Name(raw)
	for _, v := range def.Enum {
		if Name(v.Value) == key {
			return v.Value, nil
		}
		for _, w := range v.Words {
			if Name(w) == key {
				return v.Value, nil
			}
		}
	}
	return "", fmt.Errorf("%w: %.48q is none of its values", ErrUnread, raw)
}
