package twin

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// money is an amount in ten thousandths.
type money int64

// parseMoney reads a decimal with at most four places; what is none is nothing.
func parseMoney(s string) money {
	sign := money(1)
	if rest, minus := strings.CutPrefix(s, "-"); minus {
		s, sign = rest, -1
	}
	whole, frac, _ := strings.Cut(s, ".")
	w, err := strconv.ParseInt(whole, 10, 64)
	f, errF := strconv.ParseInt((frac + "0000")[:4], 10, 64)
	if err != nil || errF != nil {
		return 0
	}
	return sign * money(w*10_000+f)
}

// text is an amount as v2 writes it.
func (m money) text() string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	return fmt.Sprintf("%s%d.%04d", sign, m/10_000, m%10_000)
}

// number is an amount as v3 writes it: a number without needless zeros.
func (m money) number() json.Number {
	return json.Number(strings.TrimRight(strings.TrimRight(m.text(), "0"), "."))
}

func (s *Server) tax(m money) money { return m * money(s.opts.TaxPercent) / 100 }
