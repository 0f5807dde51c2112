package canon

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Money is an amount in the minor units of its currency: 1250.00 EUR is {125000, "EUR"}, 1250 JPY is {1250, "JPY"}.
// It may be negative. The zero Money, without a currency, means that no amount is known.
type Money struct {
	Minor    int64  `json:"minor" class:"public"`    // minor units of Currency
	Currency string `json:"currency" class:"public"` // ISO 4217 alphabetic code, upper case
}

// ErrMoney is wrapped by every error of ParseMoney. The error's text says what to write instead.
var ErrMoney = errors.New("amount is not readable")

// exceptionalExponents are the currencies of ISO 4217 whose minor unit is not a hundredth (ISO 4217:2015 list one as
// kept by its maintenance agency).
var exceptionalExponents = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0, "RWF": 0, "UGX": 0,
	"UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// currencies are the currencies and funds of ISO 4217 that have a minor unit, and the ones withdrawn since 2020 that
// older sales name (ANG, BGN, CUC, HRK, SLL, ZWL). Metals (XAU …), test codes and drawing rights have none and are absent.
const currencies = " AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN" +
	" BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL" +
	" GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD" +
	" KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD" +
	" OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP" +
	" SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF" +
	" YER ZAR ZMW ZWG ZWL "

// CurrencyExponent gives how many decimal digits a currency's minor unit has, and whether the code names a currency
// that amounts can be stated in.
func CurrencyExponent(code string) (digits int, ok bool) {
	if len(code) != 3 || strings.ContainsRune(code, ' ') || !strings.Contains(currencies, " "+code+" ") {
		return 0, false
	}
	if n, special := exceptionalExponents[code]; special {
		return n, true
	}
	return 2, true
}

// ParseMoney reads a decimal string such as "1250.00" or "-3.5" exactly. It refuses what would need a guess or a
// rounding: thousands separators, a decimal comma, an exponent, more fraction digits than the currency has (unless
// they are zeros), an amount beyond int64, and codes that are not currencies.
func ParseMoney(amount, currency string) (Money, error) {
	exponent, ok := CurrencyExponent(currency)
	if !ok {
		return Money{}, fmt.Errorf("%w: %.8q is not a currency; write its ISO 4217 code in capitals, such as EUR", ErrMoney, currency)
	}
	digits, negative := strings.CutPrefix(amount, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(fraction) {
		return Money{}, fmt.Errorf("%w: %.32q; write digits with a point before the fraction and no separators, such as 1250.00", ErrMoney, amount)
	}
	if kept := strings.TrimRight(fraction, "0"); len(kept) > exponent {
		return Money{}, fmt.Errorf("%w: %.32q has %d fraction digits, %s has %d", ErrMoney, amount, len(kept), currency, exponent)
	} else {
		fraction = kept + strings.Repeat("0", exponent-len(kept))
	}
	sign := ""
	if negative {
		sign = "-"
	}
	minor, err := strconv.ParseInt(sign+whole+fraction, 10, 64)
	if err != nil {
		return Money{}, fmt.Errorf("%w: %.32q is beyond what an amount can be", ErrMoney, amount)
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Decimal gives the amount without its currency, with as many fraction digits as the currency has: "1250.00".
func (m Money) Decimal() string {
	exponent, _ := CurrencyExponent(m.Currency)
	s := strconv.FormatInt(m.Minor, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if exponent == 0 {
		return sign + s
	}
	if len(s) <= exponent {
		s = strings.Repeat("0", exponent+1-len(s)) + s
	}
	return sign + s[:len(s)-exponent] + "." + s[len(s)-exponent:]
}

// String gives the amount and its currency: "1250.00 EUR".
func (m Money) String() string { return m.Decimal() + " " + m.Currency }
