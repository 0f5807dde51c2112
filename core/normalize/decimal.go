package normalize

import (
	"fmt"
	"math/big"
	"strings"
)

// decimal is an unsigned decimal number as written: digits × 10^-scale.
type decimal struct {
	digits *big.Int
	scale  int
}

// parseDecimal reads the decimal number at the start of s and gives the trimmed rest. Point and comma are both
// decimal separators; a comma with exactly three digits behind it and no leading zero ("1,250") could be either and is
// refused, and so is a number with two separators.
func parseDecimal(s string) (d decimal, rest string, err error) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' && r != ',' })
	if end < 0 {
		end = len(s)
	}
	number, rest := strings.TrimRight(s[:end], ".,"), strings.TrimSpace(s[end:])
	separator := strings.IndexAny(number, ".,")
	whole, fraction := number, ""
	if separator >= 0 {
		whole, fraction = number[:separator], number[separator+1:]
	}
	switch {
	case number == "" || len(number) > 18:
		return decimal{}, "", fmt.Errorf("%w: %.32q has no number to read", ErrUnread, s)
	case strings.ContainsAny(fraction, ".,"):
		return decimal{}, "", fmt.Errorf("%w: %.32q has two separators; write one point before the fraction", ErrUnread, s)
	case separator >= 0 && number[separator] == ',' && len(fraction) == 3 && strings.TrimLeft(whole, "0") != "":
		return decimal{}, "", fmt.Errorf("%w: the comma of %.32q may part thousands; write a point before the fraction", ErrUnread, s)
	}
	digits, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		return decimal{}, "", fmt.Errorf("%w: %.32q has no number to read", ErrUnread, s)
	}
	return decimal{digits: digits, scale: len(fraction)}, rest, nil
}

// times gives d × numerator / denominator, rounded half up to an integer.
func (d decimal) times(numerator, denominator int64) int64 {
	n := new(big.Int).Mul(d.digits, big.NewInt(2*numerator))
	q := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(d.scale)), nil)
	q.Mul(q, big.NewInt(denominator))
	n.Add(n, q)
	return n.Quo(n, q.Mul(q, big.NewInt(2))).Int64()
}
