package normalize

import (
	"fmt"
	"strings"
)

// GTIN gives a barcode of 8, 12, 13 or 14 digits as GTIN-14, after its check digit was verified (GS1 General
// Specifications, section 7.9: weights 3 and 1 from the right). Spaces and dashes do not matter.
func GTIN(raw string) (gtin14 string, err error) {
	s := strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(raw))
	switch len(s) {
	case 8, 12, 13, 14:
	default:
		return "", fmt.Errorf("%w: barcode %.32q has not 8, 12, 13 or 14 digits", ErrUnread, raw)
	}
	if strings.Trim(s, "0123456789") != "" || strings.Trim(s, "0") == "" {
		return "", fmt.Errorf("%w: barcode %.32q is not a number", ErrUnread, raw)
	}
	if want := checkDigit(s[:len(s)-1]); s[len(s)-1] != want {
		return "", fmt.Errorf("%w: barcode %.32q has check digit %c, the other digits give %c", ErrUnread, raw, s[len(s)-1], want)
	}
	return strings.Repeat("0", 14-len(s)) + s, nil
}

func checkDigit(digits string) byte {
	sum := 0
	for i := 0; i < len(digits); i++ {
		weight := 1
		if (len(digits)-i)%2 == 1 {
			weight = 3
		}
		sum += weight * int(digits[i]-'0')
	}
	return byte('0' + (10-sum%10)%10)
}
