// Package tape records the HTTP exchanges of a connector into a folder, one readable file each and without secrets, and
// answers requests from such a folder without a network. docs/plugins/recordings.md describes the format for authors in
// other languages.
package tape

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What became of an exchange that has no whole answer.
const (
	// FailedNotSent: the platform never saw the whole request.
	FailedNotSent = "not_sent"
	// FailedNoAnswer: the request went out, and nothing came back.
	FailedNoAnswer = "no_answer"
	// FailedBrokeOff: the answer ended before its end.
	FailedBrokeOff = "broke_off"
)

// Exchange is one request and its answer, as one file has them.
type Exchange struct {
	Request Request `json:"request"`
	Answer  *Answer `json:"answer,omitempty"` // absent where none came
	// Failed is one of the constants above; empty where the answer is whole.
	Failed string    `json:"failed,omitempty"`
	At     time.Time `json:"at"` // when the request was sent
	Millis int64     `json:"millis"`

	file string
}

// Request is what was asked, without scheme and host, which differ from run to run.
type Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"` // as it was escaped
	Query   string            `json:"query,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // for a reader: requests are not matched by them
	Body
}

// Answer is what came back.
type Answer struct {
	Status  int                 `json:"status"`
	Headers map[string][]string `json:"headers,omitempty"`
	Body
}

// Body is a body in the most readable of four forms; none is set where it is empty.
type Body struct {
	JSON   json.RawMessage   `json:"json,omitempty"`   // its keys are in order
	Lines  []json.RawMessage `json:"lines,omitempty"`  // JSON lines
	Text   string            `json:"text,omitempty"`   // UTF-8
	Base64 string            `json:"base64,omitempty"` // anything else
}

// bytes gives the body as it goes over the wire.
func (b *Body) bytes() ([]byte, error) {
	switch {
	case len(b.JSON) > 0:
		return compact(b.JSON)
	case len(b.Lines) > 0:
		var out bytes.Buffer
		for _, line := range b.Lines {
			one, err := compact(line)
			if err != nil {
				return nil, err
			}
			out.Write(append(one, '\n'))
		}
		return out.Bytes(), nil
	case b.Base64 != "":
		return base64.StdEncoding.DecodeString(b.Base64)
	}
	return []byte(b.Text), nil
}

func compact(raw json.RawMessage) ([]byte, error) {
	var out bytes.Buffer
	err := json.Compact(&out, raw)
	return out.Bytes(), err
}

// encodeBody gives a body its form and takes out what a recording must not have.
func encodeBody(raw []byte, contentType string, r *redaction) Body {
	switch {
	case len(raw) == 0:
		return Body{}
	case isForm(contentType):
		return Body{Text: r.query(string(raw))}
	}
	if v, err := decodeJSON(raw); err == nil {
		return Body{JSON: encodeJSON(r.value(v))}
	}
	if lines := jsonLines(raw); lines != nil {
		var b Body
		for _, v := range lines {
			b.Lines = append(b.Lines, encodeJSON(r.value(v)))
		}
		return b
	}
	if utf8.Valid(raw) {
		return Body{Text: r.text(string(raw))}
	}
	return Body{Base64: base64.StdEncoding.EncodeToString(r.bytes(raw))}
}

func isForm(contentType string) bool {
	return strings.HasPrefix(contentType, "application/x-www-form-urlencoded")
}

// decodeJSON reads one value and keeps numbers as they are written.
func decodeJSON(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

func jsonLines(raw []byte) (out []any) {
	for line := range bytes.Lines(raw) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := decodeJSON(line)
		if err != nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

// encodeJSON writes a decoded value with its keys in order.
func encodeJSON(v any) json.RawMessage {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // what was decoded from JSON can be encoded
	return bytes.TrimSpace(out.Bytes())
}

// fileName is "0012-GET-api-items.json": the number is that of the exchange.
func fileName(n int, method, path string) string {
	slug := strings.Trim(unreadable.ReplaceAllString(path, "-"), "-")
	if len(slug) > 60 {
		slug = slug[:60]
	}
	return fmt.Sprintf("%04d-%s-%s.json", n, method, slug)
}

var unreadable = regexp.MustCompile(`[^A-Za-z0-9._]+`)

var exchangeFile = regexp.MustCompile(`^(\d{4,})-.*\.json$`)

// files lists the exchanges of a folder in their order, and the highest number.
func files(dir string) (names []string, last int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	number := map[string]int{}
	for _, e := range entries {
		m := exchangeFile.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", e.Name(), err)
		}
		names, number[e.Name()], last = append(names, e.Name()), n, max(last, n)
	}
	slices.SortFunc(names, func(a, b string) int { return number[a] - number[b] })
	return names, last, nil
}

func (x *Exchange) write(path string) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(x); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

func readExchange(dir, name string) (*Exchange, error) {
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	x := &Exchange{file: name}
	if err := json.Unmarshal(raw, x); err != nil {
		return nil, fmt.Errorf("%s is no recorded exchange: %w", name, err)
	}
	if x.Answer == nil && x.Failed == "" {
		return nil, fmt.Errorf("%s has neither an answer nor what failed", name)
	}
	return x, nil
}

// escapedPath gives a request's path as it is sent.
func escapedPath(r *http.Request) string {
	if p := r.URL.EscapedPath(); p != "" {
		return p
	}
	return "/"
}
