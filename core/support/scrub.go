// Package support makes a bundle for whoever helps an operator: a zip archive of what a hub says about itself. Nothing in it
// is a secret or tells of a person (invariant 7). It is built from what is known to be harmless; free text, such as a log or
// a platform's error, is kept word by word, and only words that the program's own messages are made of.
package support

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"unicode/utf8"
)

//go:generate go run ./generate -source ../.. -out words.txt

// words are those of the program's own messages, one a line, with their capitals: "Will" is a name, "will" is not.
//
//go:embed words.txt
var words string

// vocabulary is words, what the system says of failed calls, and the texts of HTTP.
var vocabulary = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	add := func(text string) {
		for _, w := range wordRule.FindAllString(text, -1) {
			out[w] = true
		}
	}
	for n := syscall.Errno(1); n < 134; n++ {
		add(n.Error())
	}
	for status := 100; status < 600; status++ {
		add(http.StatusText(status))
	}
	add("dial tcp udp lookup read write open connect i/o timeout EOF unexpected no such host x509 certificate signed by unknown authority expired valid TLS handshake " +
		"context deadline exceeded canceled rpc error code desc Unavailable Unknown Internal HTTP HTTPS GET POST PUT DELETE INFO WARN ERROR DEBUG TRACE " +
		"info warn error debug trace level message module timestamp caller true false null")
	return out
})

var wordRule = regexp.MustCompile(`[A-Za-z]{2,}`)

// Mark stands where something was taken out.
const Mark = "[*]"

// Scrubber takes secrets and personal data out of text.
type Scrubber struct {
	house  map[string]bool
	hidden []string // every secret in every form, the longest first
}

// leastSecret is the length from which on a secret is looked for by its value: shorter ones occur by chance.
const leastSecret = 4

// NewScrubber makes a scrubber that knows the house's own names (of connections and locations), and secrets that may stand
// nowhere, in whatever form.
func NewScrubber(names, secrets []string) *Scrubber {
	s := &Scrubber{house: map[string]bool{}}
	for _, n := range names {
		s.house[n] = true
	}
	for _, secret := range secrets {
		if len(secret) >= leastSecret && !s.house[secret] {
			s.hidden = append(s.hidden, forms(secret)...)
		}
	}
	slices.SortFunc(s.hidden, func(a, b string) int { return len(b) - len(a) })
	s.hidden = slices.Compact(s.hidden)
	return s
}

// forms are the ways in which a value may be written: as it is, escaped for JSON (in JSON too) and for addresses, in base64
// wherever it begins there, and in hexadecimal.
func forms(v string) []string {
	out := []string{v, url.QueryEscape(v), url.PathEscape(v), hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v)))}
	for _, once := range escaped(v) {
		out = append(append(out, once), escaped(once)...)
	}
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			whole := e.EncodeToString(append(make([]byte, before), v...))
			from := (before*8 + 5) / 6
			to := (before + len(v)) * 8 / 6 // the last letter may hold bits of what follows
			if to-from >= leastSecret {
				out = append(out, whole[from:to])
			}
		}
	}
	return slices.DeleteFunc(out, func(f string) bool { return len(f) < leastSecret })
}

// escaped gives a text as it stands in JSON, with and without the escapes for HTML.
func escaped(text string) (out []string) {
	for _, html := range []bool{true, false} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(html)
		if e.Encode(text) == nil { // a string always can be
			quoted := strings.TrimSuffix(b.String(), "\n")
			out = append(out, quoted[1:len(quoted)-1])
		}
	}
	return out
}

// shapes are secrets and personal data that are known by their look.
var shapes = regexp.MustCompile(strings.Join([]string{
	`(?s)-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----`,
	`\bjr_[A-Za-z0-9_-]{8,}`, // tokens of the hub
	`\bwhsec_[A-Za-z0-9+/=_-]{8,}`,
	`\bshp[a-z]{2}_[A-Za-z0-9]{6,}`, `\bc[ks]_[0-9a-f]{16,}`, // of platforms
	`(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}`,
	`://[^/\s"@]+@`, // a password in an address
	`[\pL0-9._%+-]+(?:@|%40|\\u0040)[\pL0-9-]+\.[\pL]+`, // e-mail
	`\+\d[\d ().-]{7,}\d`,                               // telephone
}, "|"))

// Plain takes out secrets by their value and what looks like a secret or a person, and leaves the rest as it is. It is for
// what has no free text in it.
func (s *Scrubber) Plain(text string) string {
	for _, h := range s.hidden {
		text = strings.ReplaceAll(text, h, Mark)
	}
	return shapes.ReplaceAllString(text, Mark)
}

var (
	// pieces of free text: times, numbers of the hub's own, and what stands between delimiters.
	pieces = regexp.MustCompile(`20[2-9]\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)` +
		`|\b(?:request|position|offset|batch|bytes|segments|restarts|pid|took|port|entries|status|term)=[0-9A-Z.]+\b` +
		`|[^\s@:,;=()\[\]{}"'<>|!?*]+`)
	ownNumber = regexp.MustCompile(`^[a-z]+=(?:\d+(?:\.\d+)?|[0-9A-HJKMNP-TV-Z]{26})$`)
	moment    = regexp.MustCompile(`^20[2-9]\d-\d\d-\d\dT`)
	// number has no more digits than a status or a count: not an amount, a year, a telephone or the end of a card.
	number = regexp.MustCompile(`^(?:\d{1,3}|(?:\d{1,5}(?:\.\d+)?(?:ns|µs|ms|s|m|h|MiB|KiB))+)$`)
	marks  = regexp.MustCompile(`\[\*\](?:[\s.,:;'"]*\[\*\])+`)
)

// Text keeps of free text what the program's own messages are made of; anything else becomes Mark.
func (s *Scrubber) Text(text string) string {
	text = strings.ToValidUTF8(s.Plain(text), "?")
	text = pieces.ReplaceAllStringFunc(text, func(p string) string {
		if moment.MatchString(p) && len(p) >= len("2026-01-02T15:04:05Z") || ownNumber.MatchString(p) || s.known(p) {
			return p
		}
		return Mark
	})
	return marks.ReplaceAllString(text, Mark)
}

// Lines is Text for a log: line by line, so that what was taken out of one does not swallow the next.
func (s *Scrubber) Lines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = s.Text(lines[i])
	}
	return strings.Join(lines, "\n")
}

// known reports whether a piece is a word, a short number, a name of the house, or made of those.
func (s *Scrubber) known(piece string) bool {
	if s.house[piece] || vocabulary()[piece] || number.MatchString(piece) || utf8.RuneCountInString(piece) == 1 {
		return true
	}
	word := false
	for _, outer := range strings.FieldsFunc(piece, func(r rune) bool { return r == '.' || r == '/' }) {
		if s.house[outer] {
			word = true
			continue
		}
		for _, part := range strings.FieldsFunc(outer, func(r rune) bool { return r == '_' || r == '-' }) {
			switch {
			case s.house[part], vocabulary()[part]:
				word = true
			case !number.MatchString(part):
				return false
			}
		}
	}
	return word || strings.Trim(piece, "./_-") == ""
}
