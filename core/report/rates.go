package report

import (
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// Rates is a table of exchange rates of one day from one source. A hub has no rates of its own: without a table, or without
// a rate in it, an amount stays in its currency.
type Rates struct {
	Source string // who publishes them, such as "ECB euro foreign exchange reference rates"
	Date   string // of the rates, YYYY-MM-DD
	Base   string // ISO 4217
	// PerBase says how much of each currency one unit of Base is, as a decimal: {"USD": "1.0891"}.
	PerBase map[string]string
}

// RatesUsed says which rates an answer was made with.
type RatesUsed struct {
	Source string            `json:"source"`
	Date   string            `json:"date" doc:"Of the rates, YYYY-MM-DD"`
	Base   string            `json:"base"`
	Used   map[string]string `json:"used" doc:"How much of each currency one unit of base is"`
}

var decimalRate = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,12})?$`)

// Check says what is wrong with a table; nil for nothing.
func (r *Rates) Check() error {
	if r.Source == "" {
		return fmt.Errorf("source is missing: who publishes the rates")
	}
	if _, err := time.Parse(time.DateOnly, r.Date); err != nil {
		return fmt.Errorf("date is no day; write YYYY-MM-DD")
	}
	if _, ok := canon.CurrencyExponent(r.Base); !ok {
		return fmt.Errorf("base is no currency; write its ISO 4217 code")
	}
	for _, code := range slices.Sorted(maps.Keys(r.PerBase)) {
		if _, ok := canon.CurrencyExponent(code); !ok {
			return fmt.Errorf("%.8q is no currency; write its ISO 4217 code", code)
		}
		if v, ok := new(big.Rat).SetString(r.PerBase[code]); !decimalRate.MatchString(r.PerBase[code]) || !ok || v.Sign() <= 0 {
			return fmt.Errorf("the rate of %s is no decimal above zero, such as 1.0891", code)
		}
	}
	return nil
}

// per gives how much of a currency one unit of the base is.
func (r *Rates) per(code string) (*big.Rat, bool) {
	if r == nil {
		return nil, false
	}
	if code == r.Base {
		return big.NewRat(1, 1), true
	}
	text, ok := r.PerBase[code]
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// convert turns an amount into another currency, rounded half to even to its minor units; false without a rate.
func (r *Rates) convert(minor int64, from, to string) (int64, bool) {
	a, okA := r.per(from)
	b, okB := r.per(to)
	ea, _ := canon.CurrencyExponent(from)
	eb, _ := canon.CurrencyExponent(to)
	if !okA || !okB {
		return 0, false
	}
	v := new(big.Rat).SetInt64(minor)
	v.Mul(v, b).Quo(v, a)
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(eb-ea, ea-eb))), nil)
	if eb >= ea {
		v.Mul(v, new(big.Rat).SetInt(scale))
	} else {
		v.Quo(v, new(big.Rat).SetInt(scale))
	}
	n := halfEven(v)
	return n.Int64(), n.IsInt64()
}

// halfEven rounds to an integer; what lies in the middle goes to the even one.
func halfEven(v *big.Rat) *big.Int {
	q, m := new(big.Int).DivMod(v.Num(), v.Denom(), new(big.Int)) // rounded down; m is never below zero
	twice := m.Lsh(m, 1)
	if c := twice.Cmp(v.Denom()); c > 0 || c == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(1))
	}
	return q
}

// convert puts the rows of a report into one currency, each amount of each row by itself, so that the totals are the sums
// of what is shown. A row whose currency has no rate stays as it is.
func (s *sums) convert(to string, rates *Rates, out *Answer) {
	converted := newSums()
	converted.err = s.err
	used := make(map[string]string)
	for _, row := range s.rows() {
		if row.Currency == "" || row.Currency == to {
			converted.add(row)
			continue
		}
		whole := true
		shown := row
		for _, f := range amounts(&shown) {
			v, ok := rates.convert(*f, row.Currency, to)
			whole = whole && ok
			*f = v
		}
		if !whole {
			if !slices.Contains(out.Unconverted, row.Currency) {
				out.Unconverted = append(out.Unconverted, row.Currency)
			}
			converted.add(row)
			continue
		}
		for _, code := range []string{row.Currency, to} {
			if code != rates.Base {
				used[code] = rates.PerBase[code]
			}
		}
		shown.Currency = to
		converted.add(shown)
	}
	slices.Sort(out.Unconverted)
	for currency, n := range s.documents {
		if _, ok := rates.convert(0, currency, to); ok {
			currency = to
		}
		converted.documents[currency] += n
	}
	if len(used) > 0 {
		out.Rates = &RatesUsed{Source: rates.Source, Date: rates.Date, Base: rates.Base, Used: used}
	}
	*s = *converted
}
