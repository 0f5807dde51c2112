package normalize

import (
	"fmt"
	"math/big"
	"net/url"
	"strings"
)

// EPC gives the identity of a tag in one form, whichever of these a reader or a system writes: SGTIN-96, SGTIN-198 or
// GIAI-96 in hexadecimal, the URN of the identity or of the tag, or a GS1 Digital Link. The form is the canonical Digital
// Link, "https://id.gs1.org/01/09521141123454/21/400" of a trade item, "https://id.gs1.org/8004/0614141abc" of an asset:
// of the three it is the only one that each of the others leads to, since a Digital Link does not tell how long the
// company prefix is, which a URN needs.
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
	tag := newTagBits(s)
	read := func() (string, bool) { return "", false }
	switch {
	case s[:2] == "30" && len(s) == 24:
		read = func() (string, bool) { return tag.sgtin(38) }
	case s[:2] == "36" && len(s) == 52:
		read = func() (string, bool) { return tag.sgtin(140) }
	case s[:2] == "34" && len(s) == 24:
		read = tag.giai96
	}
	if link, ok := read(); ok {
		return link, nil
	}
	return s, nil
}

// tagBits is the memory of a tag, read by bit from the most significant one.
type tagBits struct {
	value *big.Int
	total int
}

func newTagBits(hex string) tagBits {
	v, _ := new(big.Int).SetString(hex, 16)
	return tagBits{v, len(hex) * 4}
}

func (t tagBits) field(from, bits int) *big.Int {
	v := new(big.Int).Rsh(t.value, uint(t.total-from-bits))
	return v.And(v, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1)))
}

// partition reads the partition value, which is behind header and filter in both schemes, and the company prefix.
func (t tagBits) partition() (p int, company string, ok bool) {
	if p = int(t.field(11, 3).Int64()); p > 6 {
		return 0, "", false
	}
	size := sgtinPartitions[p]
	company = t.field(14, size.companyBits).String()
	if len(company) > size.companyDigits {
		return 0, "", false
	}
	return p, strings.Repeat("0", size.companyDigits-len(company)) + company, true
}

func (t tagBits) sgtin(serialBits int) (link string, ok bool) {
	n, company, ok := t.partition()
	if !ok {
		return "", false
	}
	p := sgtinPartitions[n]
	item := t.field(14+p.companyBits, p.itemBits).String()
	if strings.Trim(company+item, "0") == "" || len(item) > p.itemDigits {
		return "", false
	}
	item = strings.Repeat("0", p.itemDigits-len(item)) + item
	serial := t.field(58, serialBits).String()
	if serialBits == 140 {
		serial = ""
		for i := range 20 {
			c := byte(t.field(58+7*i, 7).Int64())
			if c == 0 {
				break
			}
			serial += string(rune(c))
		}
	}
	if !serialAlphabet(serial) {
		return "", false
	}
	return sgtinLink(company, item, serial), true
}

// giai96: the asset reference has the 82 bits that the company prefix leaves, and at most 25 digits less the prefix's
// (GS1 EPC Tag Data Standard 2.0, table 14-16).
func (t tagBits) giai96() (link string, ok bool) {
	n, company, ok := t.partition()
	if !ok || strings.Trim(company, "0") == "" {
		return "", false
	}
	p := sgtinPartitions[n]
	asset := t.field(14+p.companyBits, 82-p.companyBits).String()
	if len(asset) > 25-p.companyDigits {
		return "", false
	}
	return assetLink(company + asset)
}

// assetLink builds the canonical link of a GS1 individual asset: 1 to 30 characters that begin with the company prefix.
func assetLink(giai string) (link string, ok bool) {
	if len(giai) < 7 || len(giai) > 30 || strings.Trim(giai[:6], "0123456789") != "" || !gs1Alphabet(giai) {
		return "", false
	}
	return "https://id.gs1.org/8004/" + url.PathEscape(giai), true
}

// serialAlphabet tells whether a serial has only characters of GS1 AI (21): 1 to 20 of GS1's alphabet 82.
func serialAlphabet(serial string) bool {
	return serial != "" && len(serial) <= 20 && gs1Alphabet(serial)
}

func gs1Alphabet(s string) bool {
	const alphabet = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	return strings.Trim(s, alphabet) == ""
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
	if kind == "id" && scheme == "giai" || kind == "tag" && (scheme == "giai-96" || scheme == "giai-202") {
		return assetFromURN(raw, kind, rest)
	}
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

func assetFromURN(raw, kind, rest string) (string, error) {
	if kind == "tag" {
		_, rest, _ = strings.Cut(rest, ".")
	}
	company, asset, found := strings.Cut(rest, ".")
	asset, err := url.PathUnescape(asset)
	if !found || err != nil || asset == "" || len(company) < 6 || len(company) > 12 || strings.Trim(company, "0123456789") != "" || strings.Trim(company, "0") == "" {
		return "", fmt.Errorf("%w: EPC %.64q needs a company prefix of 6 to 12 digits and an asset reference", ErrUnread, raw)
	}
	link, ok := assetLink(company + asset)
	if !ok {
		return "", fmt.Errorf("%w: EPC %.64q has an asset reference that GS1 does not allow", ErrUnread, raw)
	}
	return link, nil
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
		case "8004", "giai":
			if gtin != "" {
				continue
			}
			giai, err := url.PathUnescape(segments[i+1])
			link, ok := assetLink(giai)
			if err != nil || !ok {
				return "", fmt.Errorf("%w: EPC %.64q has an asset that GS1 does not allow", ErrUnread, raw)
			}
			return link, nil
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
