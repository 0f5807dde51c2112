package sdk

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// MoneyFromNumber states a JSON number as an amount, digit for digit: decode with json.Number, since a float64 has
// forgotten what was written. A number with an exponent is refused.
func MoneyFromNumber(n json.Number, currency string) (canon.StatedMoney, error) {
	text := n.String()
	if strings.ContainsAny(text, "eE") {
		return canon.StatedMoney{}, fmt.Errorf("the amount %.32q has an exponent", text)
	}
	if _, err := canon.ParseMoney(text, currency); err != nil {
		return canon.StatedMoney{}, err
	}
	return canon.StatedMoney{Amount: text, Currency: currency}, nil
}

// MoneyFromMinor states an amount that a platform gives in minor units: 125000 EUR is "1250.00".
func MoneyFromMinor(minor int64, currency string) (canon.StatedMoney, error) {
	exponent, ok := canon.CurrencyExponent(currency)
	if !ok {
		return canon.StatedMoney{}, fmt.Errorf("%.8q is no currency of ISO 4217", currency)
	}
	digits, sign := strconv.FormatInt(minor, 10), ""
	if minor < 0 {
		digits, sign = digits[1:], "-"
	}
	if pad := exponent + 1 - len(digits); pad > 0 {
		digits = strings.Repeat("0", pad) + digits
	}
	amount := sign + digits
	if exponent > 0 {
		amount = sign + digits[:len(digits)-exponent] + "." + digits[len(digits)-exponent:]
	}
	return canon.StatedMoney{Amount: amount, Currency: currency}, nil
}

var (
	idEscapes   = strings.NewReplacer("%", "%25", "/", "%2F", "@", "%40")
	idUnescapes = strings.NewReplacer("%25", "%", "%2F", "/", "%40", "@")
)

// JoinID makes one external id of several parts (store, entity, line), such that no other parts give the same. It has no
// "@", which parts stock id and location in canon.LevelID.
func JoinID(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = idEscapes.Replace(p)
	}
	return strings.Join(escaped, "/")
}

// SplitID undoes JoinID.
func SplitID(id string) []string {
	parts := strings.Split(id, "/")
	for i, p := range parts {
		parts[i] = idUnescapes.Replace(p)
	}
	return parts
}
