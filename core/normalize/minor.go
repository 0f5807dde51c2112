package normalize

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// minorExponents are the currencies of which a platform counts its smallest unit in another way than ISO 4217, by
// platform: how many of the amount's last digits are behind the point. Stripe has no decimals for MGA, and writes ISK
// and UGX with two decimals that have to be zero (Stripe, "Supported currencies": zero-decimal and special cases); Adyen keeps older
// exponents of CLP, CVE, IDR and ISK (Adyen, "Currency codes and minor units").
var minorExponents = map[string]map[string]int{
	"stripe": {"MGA": 0, "ISK": 2, "UGX": 2},
	"adyen":  {"CLP": 2, "CVE": 0, "IDR": 0, "ISK": 2},
}

// MinorUnits reads an amount that a platform states as a whole number of its smallest unit: 125000 EUR is 1250.00 EUR,
// 500 ISK at Stripe is 5 ISK. It refuses an amount that the currency can't have (1.50 ISK) instead of rounding it.
func MinorUnits(platform string, amount int64, currency string) (canon.Money, error) {
	code := strings.ToUpper(strings.TrimSpace(currency))
	exponent, ok := canon.CurrencyExponent(code)
	if !ok {
		return canon.Money{}, fmt.Errorf("%w: %.8q is not a currency; write its ISO 4217 code", canon.ErrMoney, currency)
	}
	theirs, special := minorExponents[platform][code]
	if !special {
		theirs = exponent
	}
	minor := amount
	for ; theirs > exponent; theirs-- {
		if minor%10 != 0 {
			return canon.Money{}, fmt.Errorf("%w: %d is no whole minor unit of %s at %s", canon.ErrMoney, amount, code, platform)
		}
		minor /= 10
	}
	for ; theirs < exponent; theirs++ {
		if minor > 1<<59 || minor < -1<<59 {
			return canon.Money{}, fmt.Errorf("%w: %d is beyond what an amount can be", canon.ErrMoney, amount)
		}
		minor *= 10
	}
	return canon.Money{Minor: minor, Currency: code}, nil
}
