package canon

import (
	"errors"
	"math"
	"testing"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		amount, currency string
		minor            int64
		decimal          string // empty when it is refused
	}{
		{"1250.00", "EUR", 125000, "1250.00"},
		{"1250", "EUR", 125000, "1250.00"},
		{"1250.5", "USD", 125050, "1250.50"},
		{"0.07", "USD", 7, "0.07"},
		{"-0.07", "USD", -7, "-0.07"},
		{"-12.3400", "GBP", -1234, "-12.34"},
		{"1250.00", "JPY", 1250, "1250"},
		{"1.234", "KWD", 1234, "1.234"},
		{"1.2", "KWD", 1200, "1.200"},
		{"0", "EUR", 0, "0.00"},
		{"007.10", "EUR", 710, "7.10"},
		{"92233720368547758.07", "USD", math.MaxInt64, "92233720368547758.07"},
		{"-92233720368547758.08", "USD", math.MinInt64, "-92233720368547758.08"},
		{"92233720368547758.08", "USD", 0, ""},
		{"12.345", "EUR", 0, ""},
		{"12.5", "JPY", 0, ""},
		{"1,250.00", "EUR", 0, ""},
		{"1 250.00", "EUR", 0, ""},
		{"12,50", "EUR", 0, ""},
		{".50", "EUR", 0, ""},
		{"5.", "EUR", 0, ""},
		{"+5", "EUR", 0, ""},
		{"--5", "EUR", 0, ""},
		{"1e3", "EUR", 0, ""},
		{"", "EUR", 0, ""},
		{"٣", "EUR", 0, ""},
		{"NaN", "EUR", 0, ""},
		{"1", "XAU", 0, ""},
		{"1", "XXX", 0, ""},
		{"1", "eur", 0, ""},
		{"1", "", 0, ""},
		{"1", "R U", 0, ""},
	} {
		got, err := ParseMoney(c.amount, c.currency)
		if c.decimal == "" {
			if !errors.Is(err, ErrMoney) {
				t.Errorf("%q %q is %v, %v; want it refused", c.amount, c.currency, got, err)
			}
			continue
		}
		if err != nil || got != (Money{c.minor, c.currency}) || got.Decimal() != c.decimal {
			t.Errorf("%q %q is %d %s (%q), %v; want %d %q", c.amount, c.currency, got.Minor, got.Currency, got.Decimal(), err, c.minor, c.decimal)
		}
	}
}

func TestMoneyDecimalIsReadBack(t *testing.T) {
	for _, currency := range []string{"EUR", "JPY", "KWD", "CLF"} {
		for _, minor := range []int64{0, 1, -1, 9, 10, 99, 100, -100, 12345678, math.MaxInt64, math.MinInt64} {
			m := Money{minor, currency}
			if back, err := ParseMoney(m.Decimal(), currency); err != nil || back != m {
				t.Errorf("%v read back is %v, %v", m, back, err)
			}
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	f.Add("1250.00", "EUR")
	f.Add("-1.234", "KWD")
	f.Fuzz(func(t *testing.T, amount, currency string) {
		m, err := ParseMoney(amount, currency)
		if err != nil {
			return
		}
		if back, err := ParseMoney(m.Decimal(), m.Currency); err != nil || back != m {
			t.Fatalf("%q %q is %v, read back %v, %v", amount, currency, m, back, err)
		}
	})
}
