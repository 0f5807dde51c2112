package normalize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Phone gives a number in E.164 ("+12125550142"). A number without a country code is read as dialled in the default
// region, an ISO 3166-1 alpha-2 code; "" means that there is none. Ranges are opened faster than libraries learn of
// them, so a number of full length (9 national digits or more) need only be possible; a shorter one must be of a range
// that the numbering plan has. It is not ok for placeholders (one digit repeated, 123456789) and for numbers with an
// extension: E.164 can't say it, and without it everyone behind a switchboard would be the same person. The raw number
// is the caller's to keep.
func Phone(raw, defaultRegion string) (e164 string, ok bool) {
	if len(raw) > 64 {
		return "", false
	}
	s := strings.TrimSpace(norm.NFKC.String(raw))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "tel:"), "Tel:")
	if international, found := strings.CutPrefix(s, "00"); found && defaultRegion == "" {
		s = "+" + international
	}
	n, err := phonenumbers.Parse(s, strings.ToUpper(defaultRegion))
	if err != nil || n.GetExtension() != "" {
		return "", false
	}
	national := phonenumbers.GetNationalSignificantNumber(n)
	possible := len(national) >= 9 && phonenumbers.IsPossibleNumberWithReason(n) == phonenumbers.IS_POSSIBLE
	if !possible && !phonenumbers.IsValidNumber(n) || placeholder(national) {
		return "", false
	}
	return phonenumbers.Format(n, phonenumbers.E164), true
}

func placeholder(digits string) bool {
	return strings.Trim(digits, digits[:1]) == "" || strings.Contains("01234567890123456789", digits)
}

// Email gives the form in which addresses compare: no outer spaces and "mailto:", Unicode NFC, lower case, the domain
// in its ASCII form ("müller.example" is "xn--mller-kva.example"). The local part keeps its dots and tags, because only
// the mailbox's own provider knows what they mean. It is not ok for what can't be an address with a public domain.
func Email(raw string) (normalized string, ok bool) {
	s := strings.TrimSpace(raw)
	if len(s) > 320 || !utf8.ValidString(s) {
		return "", false
	}
	if open := strings.LastIndexByte(s, '<'); open >= 0 && strings.HasSuffix(s, ">") { // "Ana <ana@example.com>"
		s = s[open+1 : len(s)-1]
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s = s[7:]
	}
	at := strings.LastIndexByte(s, '@')
	if at < 1 {
		return "", false
	}
	local := norm.NFC.String(strings.ToLower(norm.NFC.String(s[:at])))
	if len(local) > 64 || strings.ContainsFunc(local, func(r rune) bool {
		return r == '@' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.Is(unicode.C, r) || strings.ContainsRune(`,;:<>()[]"\`, r)
	}) || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return "", false
	}
	domain, err := idna.Lookup.ToASCII(strings.TrimSuffix(s[at+1:], "."))
	if err != nil || !strings.Contains(domain, ".") || strings.HasPrefix(domain, ".") || strings.Contains(domain, "..") || len(domain) > 253 || strings.ContainsAny(domain, " _[]") {
		return "", false
	}
	return local + "@" + domain, true
}
