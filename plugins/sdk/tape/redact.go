package tape

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// redaction takes secrets and personal data out of what is recorded. Invariant 7: no secret leaves. Each value gets a mark
// of its own, the same wherever it stands, so that a recorded answer still fits together; a mark says nothing about its
// value to who does not have the key, and the key is kept nowhere.
type redaction struct {
	key []byte

	mu      sync.RWMutex
	forms   []form
	secrets map[string]bool
}

// form is one way to write a secret, and the mark in its place.
type form struct{ text, mark string }

// leastSecret is the shortest secret that is looked for in texts: a shorter one would take apart ordinary words.
const leastSecret = 4

func newRedaction(key string) *redaction {
	return &redaction{key: []byte(key), secrets: map[string]bool{}}
}

// add has secrets taken out from now on, wherever they stand and as they look in a URL, in JSON and in base64.
func (r *redaction) add(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range secrets {
		if len(s) < leastSecret || r.secrets[s] || anyMark.MatchString(s) {
			continue
		}
		r.secrets[s] = true
		inJSON, _ := json.Marshal(s) // a string always has a JSON form
		for _, text := range []string{
			s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(inJSON), `"`),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)),
			base64.RawStdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
		} {
			r.forms = append(r.forms, form{text, r.mark(s)})
		}
	}
	// Longer forms first, so that none is left half redacted because another one is a part of it.
	slices.SortFunc(r.forms, func(a, b form) int {
		if len(a.text) != len(b.text) {
			return len(b.text) - len(a.text)
		}
		return strings.Compare(a.text, b.text)
	})
}

func (r *redaction) sum(value string) string {
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil))
}

// mark stands for a secret, or for what is said of a person.
func (r *redaction) mark(value string) string { return "redacted-" + r.sum(value)[:12] }

// anyMark finds every mark of any recording, so that two of them compare as equal.
var anyMark = regexp.MustCompile(`redacted-[0-9a-f]{12}|person-[0-9a-f]{12}@example\.com|\+999\d{9}`)

var (
	email  = regexp.MustCompile(`[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	bearer = regexp.MustCompile(`(?i)\b(bearer|basic|oauth) +[A-Za-z0-9._~+/=-]{8,}`)
	// element is an XML element whose name is that of a secret or of something personal.
	element   = regexp.MustCompile(`<([A-Za-z_][\w:.-]*)((?:\s[^<>]*)?)>([^<>]+)</`)
	dateShape = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}`)
)

// plain takes known secrets and every e-mail address out of a text.
func (r *redaction) plain(s string) string {
	r.mu.RLock()
	for _, f := range r.forms {
		if strings.Contains(s, f.text) {
			s = strings.ReplaceAll(s, f.text, f.mark)
		}
	}
	r.mu.RUnlock()
	if !strings.Contains(s, "@") && !strings.Contains(s, "%40") {
		return s
	}
	return email.ReplaceAllStringFunc(s, func(address string) string {
		if anyMark.MatchString(address) {
			return address
		}
		return r.person("email", strings.ReplaceAll(address, "%40", "@"))
	})
}

// text does the same for a text that is neither JSON nor a form.
func (r *redaction) text(s string) string {
	s = bearer.ReplaceAllString(s, "$1 redacted")
	s = element.ReplaceAllStringFunc(s, func(whole string) string {
		m := element.FindStringSubmatch(whole)
		_, local, ok := strings.Cut(m[1], ":")
		if !ok {
			local = m[1]
		}
		switch word := wordOf(local); {
		case isSecret(word):
			return "<" + m[1] + m[2] + ">" + r.mark(m[3]) + "</"
		case personal[word]:
			return "<" + m[1] + m[2] + ">" + r.person(word, m[3]) + "</"
		}
		return whole
	})
	return r.plain(s)
}

func (r *redaction) bytes(raw []byte) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := string(raw)
	for _, f := range r.forms {
		s = strings.ReplaceAll(s, f.text, f.mark)
	}
	return []byte(s)
}

// value redacts a decoded JSON value.
func (r *redaction) value(v any) any { return r.walk(v, "", false) }

// walk redacts v, which stands under key; person tells that it is within what describes a person.
func (r *redaction) walk(v any, key string, person bool) any {
	word := wordOf(key)
	switch v := v.(type) {
	case map[string]any:
		inside := person || people[word]
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[r.plain(k)] = r.walk(x, k, inside)
		}
		r.named(v, out)
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = r.walk(x, key, person)
		}
		return out
	case string:
		switch {
		case v == "":
			return v
		case isSecret(word):
			r.add(v) // a later answer may repeat it elsewhere
			return r.keepMark(v)
		case personal[word], person && personalWithin[word]:
			return r.person(word, v)
		}
		return r.plain(v)
	case json.Number:
		if personal[word] {
			return json.Number("9" + digits(r.sum(v.String()), len(v.String())-1))
		}
	}
	return v
}

// named redacts the value of a pair that says in two members what others say in one: {"name": "api_key", "value": "…"}.
func (r *redaction) named(in, out map[string]any) {
	value, ok := in["value"].(string)
	if !ok || value == "" {
		return
	}
	for _, key := range []string{"key", "name", "code", "attribute_code"} {
		name, ok := in[key].(string)
		if !ok {
			continue
		}
		switch word := wordOf(name); {
		case isSecret(word):
			out["value"] = r.keepMark(value)
		case personal[word]:
			out["value"] = r.person(word, value)
		}
	}
}

// keepMark is mark for what may be a mark already.
func (r *redaction) keepMark(value string) string {
	if anyMark.FindString(value) == value {
		return value
	}
	return r.mark(value)
}

// person gives what stands for a personal value: of the same shape, so that it is translated in the same way.
func (r *redaction) person(word, value string) string {
	sum := r.sum(value)
	switch {
	case anyMark.FindString(value) == value:
		return value
	case strings.Contains(word, "email"), email.FindString(value) == value:
		return "person-" + sum[:12] + "@example.com"
	case strings.Contains(word, "phone"), strings.Contains(word, "mobile"), word == "fax":
		return "+999" + digits(sum, 9)
	case dateShape.MatchString(value):
		return "1970-01-01" + value[10:]
	}
	return "redacted-" + sum[:12]
}

// digits makes n decimal digits of a sum.
func digits(sum string, n int) string {
	var b strings.Builder
	for i := range max(n, 0) {
		b.WriteByte('0' + sum[i%len(sum)]%10)
	}
	return b.String()
}

// query redacts a query string or a form. What is no such thing is redacted as a text.
func (r *redaction) query(raw string) string {
	parts := strings.Split(raw, "&")
	for i, part := range parts {
		escaped, value, has := strings.Cut(part, "=")
		name, err := url.QueryUnescape(escaped)
		text, errValue := url.QueryUnescape(value)
		if err != nil || errValue != nil {
			parts[i] = r.text(part)
			continue
		}
		// "line_items[0][email]" and "filter.email" end in the word.
		word := wordOf(lastWord(name))
		switch {
		case text == "":
		case isSecret(word) || secretInQuery[word]:
			text = r.keepMark(text)
		case personal[word]:
			text = r.person(word, text)
		default:
			text = r.plain(text)
		}
		parts[i] = url.QueryEscape(r.plain(name))
		if has {
			parts[i] += "=" + url.QueryEscape(text)
		}
	}
	return strings.Join(parts, "&")
}

func lastWord(name string) string {
	name = strings.TrimRight(name, "[]")
	return name[strings.LastIndexAny(name, "[].")+1:]
}

// path redacts an escaped path.
func (r *redaction) path(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i, s := range segments {
		text, err := url.PathUnescape(s)
		if err != nil {
			segments[i] = r.plain(s)
			continue
		}
		if clean := r.plain(text); clean != text {
			segments[i] = url.PathEscape(clean)
		}
	}
	return strings.Join(segments, "/")
}

// plainHeaders are the headers of a request that are recorded with their values. Of all others the name alone is: keys and
// signatures have a header of their own at every platform.
var plainHeaders = map[string]bool{
	"Accept": true, "Accept-Language": true, "Content-Type": true, "Idempotency-Key": true, "If-Match": true, "If-None-Match": true,
	"If-Modified-Since": true, "Prefer": true, "Range": true, "User-Agent": true,
}

func (r *redaction) requestHeaders(h http.Header) map[string]string {
	out := map[string]string{}
	for k, v := range h {
		out[k] = "redacted"
		if plainHeaders[k] {
			out[k] = r.text(strings.Join(v, ", "))
		}
	}
	return out
}

func (r *redaction) answerHeaders(h http.Header) map[string][]string {
	out := map[string][]string{}
	for k, values := range h {
		word := wordOf(k)
		if k == "Content-Length" || k == "Content-Encoding" || k == "Transfer-Encoding" {
			continue // the body is recorded decoded
		}
		for _, v := range values {
			switch {
			case k == "Set-Cookie" || isSecret(word) || personal[word]:
				v = r.mark(v)
			case strings.Contains(v, "?"): // a Link or a Location
				v = r.links(v)
			default:
				v = r.text(v)
			}
			out[k] = append(out[k], v)
		}
	}
	return out
}

var queryInText = regexp.MustCompile(`\?[^\s<>"',;]+`)

// links redacts the queries of addresses within a text.
func (r *redaction) links(s string) string {
	return r.plain(queryInText.ReplaceAllStringFunc(s, func(q string) string { return "?" + r.query(q[1:]) }))
}

// wordOf makes a name comparable: "Access_Token", "accessToken" and "access-token" are one word.
func wordOf(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '_' || c == '-' || c == ' ' || c == '.':
			return -1
		case 'A' <= c && c <= 'Z':
			return c + 'a' - 'A'
		}
		return c
	}, name)
}

// String hides the key from whoever prints r.
func (r *redaction) String() string { return fmt.Sprintf("redaction of %d secrets", len(r.secrets)) }
