package sdk

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"sort"
	"strings"
)

// redactedMark stands where a secret was.
const redactedMark = "[redacted]"

// minSecret is the shortest text that is redacted: shorter ones would take apart ordinary words.
const minSecret = 4

// Redactor takes secrets out of texts: as they are, and as they look in a URL, in JSON and in base64.
type Redactor struct {
	replace *strings.Replacer
}

// NewRedactor makes a Redactor that puts "[redacted]" where a secret was. Secrets shorter than four bytes are not
// redacted.
func NewRedactor(secrets ...string) *Redactor { return NewRedactorWithMark(redactedMark, secrets...) }

// NewRedactorWithMark is NewRedactor with another text where a secret was.
func NewRedactorWithMark(mark string, secrets ...string) *Redactor {
	forms := map[string]bool{}
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		inJSON, _ := json.Marshal(s) // a string always has a JSON form
		for _, form := range []string{
			s, url.QueryEscape(s), url.PathEscape(s), strings.Trim(string(inJSON), `"`),
			base64.StdEncoding.EncodeToString([]byte(s)), base64.URLEncoding.EncodeToString([]byte(s)),
			base64.RawStdEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
		} {
			forms[form] = true
		}
	}
	sorted := make([]string, 0, len(forms))
	for form := range forms {
		sorted = append(sorted, form)
	}
	// Longer forms first, so that none is left half redacted because another one is a part of it.
	sort.Slice(sorted, func(i, j int) bool {
		if len(sorted[i]) != len(sorted[j]) {
			return len(sorted[i]) > len(sorted[j])
		}
		return sorted[i] < sorted[j]
	})
	pairs := make([]string, 0, 2*len(sorted))
	for _, form := range sorted {
		pairs = append(pairs, form, mark)
	}
	return &Redactor{replace: strings.NewReplacer(pairs...)}
}

// String gives s without secrets.
func (r *Redactor) String(s string) string { return r.replace.Replace(s) }

// Redact gives err without secrets in its text. errors.Is and errors.As see through it, so that nobody should print
// what they find; nil stays nil.
func Redact(err error, secrets ...string) error {
	if err == nil {
		return nil
	}
	return &redactedError{text: NewRedactor(secrets...).String(err.Error()), err: err}
}

type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }
