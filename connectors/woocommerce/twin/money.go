package twin

import (
	"fmt"
	"strconv"
	"strings"
)

// cents reads a decimal string with up to two decimals that count; more are cut off. "" is 0.
func cents(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, true
	}
	sign := int64(1)
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		sign, s = -1, rest
	}
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > 2 {
		frac = frac[:2]
	}
	n, err := strconv.ParseInt(whole+(frac + "00")[:2], 10, 64)
	return sign * n, err == nil && whole != ""
}

// decimal writes cents as WooCommerce states money: "1250.00".
func decimal(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}
