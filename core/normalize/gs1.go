package normalize

import (
	"fmt"
	"math/big"
	"net/url"
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

// EPC gives the identity of a tag in one form, whichever of these a reader or a system writes: SGTIN-96 or SGTIN-198
// in hexadecimal, the URN of the identity or of the tag, or a GS1 Digital Link. The form is the canonical Digital Link
// "https://id.gs1.org/01/09521141123454/21/400": of the three it is the only one that each of the others leads to,
// since a Digital Link does not tell how long the company prefix is, which a URN needs.
//
// Hexadecimal of another scheme stays hexadecimal in upper case, a URN of another scheme stays as it is.
func EPC(raw string) (string, error) {
	s := strings.TrimSpace(raw)
	lower := strings.ToLower(s)
	switch {
	case len(s) > 512:
		return "", fmt.Errorf("%w: EPC is longer than 512 characters", ErrUnread)
	case strings.HasPrefix(lower, "urn:epc:"):
		return epcFromURN(s)
	case strings.HasPrefix(lower, "http://"), strings.HasPrefix(lower, "https://"):
		return epcFromLink(s)
	}
	return epcFromHex(s)
}

// sgtinPartitions gives the bits and digits of company prefix and item reference (with indicator) for each partition
// value (GS1 EPC Tag Data Standard 2.0, table 14-2).
var sgtinPartitions = [7]struct{ companyBits, companyDigits, itemBits, itemDigits int }{
	{40, 12, 4, 1}, {37, 11, 7, 2}, {34, 10, 10, 3}, {30, 9, 14, 4}, {27, 8, 17, 5}, {24, 7, 20, 6}, {20, 6, 24, 7},
}

func epcFromHex(raw string) (string, error) {
	s := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", ":", "").Replace(raw))
	s = strings.TrimPrefix(s, "0X")
	if len(s) < 8 || len(s)%4 != 0 || strings.Trim(s, "0123456789ABCDEF") != "" {
		return "", fmt.Errorf("%w: EPC %.64q is neither hexadecimal words, a URN nor a Digital Link", ErrUnread, raw)
	}
	if strings.Trim(s, "0") == "" {
		return "", fmt.Errorf("%w: EPC %.64q is a blank tag", ErrUnread, raw)
	}
	var serialBits int
	switch {
	case s[:2] == "30" && len(s) == 24:
		serialBits = 38
	case s[:2] == "36" && len(s) == 52:
		serialBits = 140
	default:
		return s, nil
	}
	tag, _ := new(big.Int).SetString(s, 16)
	total := len(s) * 4
	field := func(from, bits int) *big.Int {
		v := new(big.Int).Rsh(tag, uint(total-from-bits))
		return v.And(v, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
	}
	partition := field(11, 3).Int64()
	if partition > 6 {
		return s, nil
	}
	p := sgtinPartitions[partition]
	company := field(14, p.companyBits).String()
	item := field(14+p.companyBits, p.itemBits).String()
	if company == "0" && item == "0" || len(company) > p.companyDigits || len(item) > p.itemDigits {
		return s, nil
	}
	company = strings.Repeat("0", p.companyDigits-len(company)) + company
	item = strings.Repeat("0", p.itemDigits-len(item)) + item
	serial := field(58, serialBits).String()
	if serialBits == 140 {
		serial = ""
		for i := 0; i < 20; i++ {
			c := byte(field(58+7*i, 7).Int64())
			if c == 0 {
				break
			}
			serial += string(rune(c))
		}
		if !serialAlphabet(serial) {
			return s, nil
		}
	}
	return sgtinLink(company, item, serial), nil
}

// serialAlphabet tells whether a serial has only characters of GS1 AI (21): 1 to 20 of GS1's alphabet 82.
func serialAlphabet(serial string) bool {
	const alphabet = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	return serial != "" && len(serial) <= 20 && strings.Trim(serial, alphabet) == ""
}

// sgtinLink builds the canonical link. The item reference begins with the indicator digit, which leads the GTIN.
func sgtinLink(company, item, serial string) string {
	digits := item[:1] + company + item[1:]
	return canonicalLink(digits+string(checkDigit(digits)), serial)
}

func canonicalLink(gtin14, serial string) string {
	return "https://id.gs1.org/01/" + gtin14 + "/21/" + url.PathEscape(serial)
}

func epcFromURN(raw string) (string, error) {
	parts := strings.SplitN(raw, ":", 5) // urn epc id sgtin rest
	if len(parts) < 5 || parts[4] == "" {
		return "", fmt.Errorf("%w: EPC %.64q is an incomplete URN", ErrUnread, raw)
	}
	kind, scheme, rest := strings.ToLower(parts[2]), strings.ToLower(parts[3]), parts[4]
	tag := kind == "tag" && (scheme == "sgtin-96" || scheme == "sgtin-198")
	if !tag && (kind != "id" || scheme != "sgtin") {
		return "urn:epc:" + kind + ":" + scheme + ":" + rest, nil
	}
	if tag { // the filter value is of the tag, not of the identity
		_, rest, _ = strings.Cut(rest, ".")
	}
	fields := strings.SplitN(rest, ".", 3)
	if len(fields) != 3 || len(fields[0]) < 6 || len(fields[0]) > 12 || len(fields[0])+len(fields[1]) != 13 || strings.Trim(fields[0]+fields[1], "0123456789") != "" || strings.Trim(fields[0]+fields[1], "0") == "" {
		return "", fmt.Errorf("%w: EPC %.64q needs company prefix and item reference of 13 digits together", ErrUnread, raw)
	}
	serial, err := url.PathUnescape(fields[2])
	if err != nil || !serialAlphabet(serial) {
		return "", fmt.Errorf("%w: EPC %.64q has a serial that GS1 does not allow", ErrUnread, raw)
	}
	return sgtinLink(fields[0], fields[1], serial), nil
}

func epcFromLink(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", fmt.Errorf("%w: EPC %.64q is not an address", ErrUnread, raw)
	}
	segments := strings.Split(u.EscapedPath(), "/")
	var gtin, serial string
	for i := 0; i+1 < len(segments); i++ {
		switch segments[i] {
		case "01", "gtin":
			if gtin == "" {
				gtin = segments[i+1]
				i++
			}
		case "21", "ser":
			if gtin != "" && serial == "" {
				serial = segments[i+1]
				i++
			}
		}
	}
	gtin14, err := GTIN(gtin)
	if err != nil {
		return "", fmt.Errorf("the Digital Link's item: %w", err)
	}
	serial, err = url.PathUnescape(serial)
	if err != nil || !serialAlphabet(serial) {
		return "", fmt.Errorf("%w: EPC %.64q names no single piece; it needs /01/ and /21/", ErrUnread, raw)
	}
	return canonicalLink(gtin14, serial), nil
}
