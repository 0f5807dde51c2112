package ingress

import (
	"regexp"
	"strings"
)

// maxKept bounds what is kept of a delivery that can't be read, in bytes.
const maxKept = 64 << 10

// hidden stands for what is taken out of a text.
const hidden = "[redacted]"

var (
	// secretMember is a member or a variable whose name says that its value is a secret, in JSON, forms and most else.
	secretMember = regexp.MustCompile(`(?i)("?[\w.-]*(?:passw|secret|token|authorization|api[_-]?key|private[_-]?key|credential|cvv|cvc|card[_-]?number)[\w.-]*"?\s*[:=]\s*)("(?:[^"\\]|\\.)*"?|[^\s,;&}\]]+)`)
	// secretWord is a secret that shows by its form: bearer tokens, the hub's own tokens, passwords in addresses.
	bearer       = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`)
	ownToken     = regexp.MustCompile(`\bjr_[A-Za-z0-9_-]{16,}`)
	userInfo     = regexp.MustCompile(`://[^/\s"@]+@`)
	digitsInARow = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){12,}`)
)

// kept is what may be kept of a body that could not be read: valid UTF-8, without card numbers and without what looks like
// a secret, bounded. Invariant 7.
func kept(body []byte) string {
	if len(body) > 2*maxKept {
		body = body[:2*maxKept]
	}
	text := strings.ToValidUTF8(string(body), "\uFFFD")
	text = bearer.ReplaceAllString(text, "${1} "+hidden)
	text = secretMember.ReplaceAllString(text, `${1}"`+hidden+`"`)
	text = ownToken.ReplaceAllString(text, hidden)
	text = userInfo.ReplaceAllString(text, "://"+hidden+"@")
	text = digitsInARow.ReplaceAllStringFunc(text, withoutCards)
	if len(text) > maxKept {
		text = strings.ToValidUTF8(text[:maxKept], "")
	}
	return text
}

// withoutCards hides a row of digits and separators that has a card number in it. All of it: where in a long row a number
// begins can't be told, since one in ten passes the check by chance.
func withoutCards(row string) string {
	for i := range len(row) {
		if isCardAt(row[i:]) {
			return hidden
		}
	}
	return row
}

// isCardAt tells whether a row of digits and separators begins with a card number.
func isCardAt(row string) bool {
	digits := 0
	for i := range len(row) {
		if row[i] < '0' || row[i] > '9' {
			continue
		}
		if digits++; digits > 19 {
			return false
		}
		if digits >= 13 && cardNumber(row[:i+1]) {
			return true
		}
	}
	return false
}
