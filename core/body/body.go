// Package body reads the JSON bodies that come in through the doors: strictly, with bounded depth, and naming every
// field that does not fit. What is wrong comes back as a *problem.Problem.
package body

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/jumpring/jumpring/core/problem"
)

// MaxDepth is how deep a body may be nested.
const MaxDepth = 64

// maxFindings is how many findings one answer lists.
const maxFindings = 50

// Check reports whether b is one JSON value in UTF-8, nested no deeper than MaxDepth and without control characters
// in its strings. It never recurses, so that hostile nesting costs nothing.
func Check(b []byte) error {
	if !utf8.Valid(b) {
		return problem.New(problem.BodyNotUTF8, "")
	}
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		c := b[i]
		if inString {
			switch {
			case c == '"':
				inString = false
			case c == '\\':
				if isControlEscape(b[i:]) {
					return problem.New(problem.BodyControlBytes, fmt.Sprintf("byte %d", i))
				}
				i++
			case c < 0x20 || c == 0x7f:
				return problem.New(problem.BodyControlBytes, fmt.Sprintf("byte %d", i))
			}
			continue
		}
		switch c {
		case '"':
			inString = true
		case '{', '[':
			if depth++; depth > MaxDepth {
				return problem.New(problem.BodyTooDeep, "")
			}
		case '}', ']':
			depth--
		}
	}
	if !json.Valid(b) {
		return notJSON(b)
	}
	return nil
}

// isControlEscape tells whether b begins with an escape of a control character other than tab, LF and CR.
func isControlEscape(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	switch b[1] {
	case 'b', 'f':
		return true
	case 'u':
	default:
		return false
	}
	if len(b) < 6 || b[2] != '0' || b[3] != '0' {
		return false
	}
	switch low := b[5] | 0x20; {
	case b[4] == '7':
		return low == 'f'
	case b[4] == '0':
		return b[5] != '9' && low != 'a' && low != 'd'
	default:
		return b[4] == '1'
	}
}

func notJSON(b []byte) error {
	var into json.RawMessage
	err := json.Unmarshal(b, &into)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return problem.New(problem.BodyNotJSON, fmt.Sprintf("at byte %d", syntax.Offset))
	}
	return problem.New(problem.BodyNotJSON, "")
}

// Schemas validates values against the Go types of the doors' bodies and hands the same schemas to the OpenAPI
// document. The zero value is not usable; NewSchemas makes one.
type Schemas struct {
	mu       sync.Mutex
	registry huma.Registry
}

// NewSchemas gives an empty set.
func NewSchemas() *Schemas {
	return &Schemas{registry: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)}
}

// Registry is the set as the OpenAPI document has it.
func (s *Schemas) Registry() huma.Registry { return s.registry }

// Of gives the schema of a type.
func (s *Schemas) Of(t reflect.Type) *huma.Schema {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registry.Schema(t, true, t.Name())
}

// Decode reads b into a pointer to a struct. Unknown fields, missing ones, wrong types and values out of range are
// named all at once, each with its path below at (such as "body").
func (s *Schemas) Decode(b []byte, into any, at string) error {
	if err := Check(b); err != nil {
		return err
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return notJSON(b)
	}
	schema := s.Of(reflect.TypeOf(into).Elem())
	path := huma.NewPathBuffer(make([]byte, 0, 128), 0)
	path.Push(at)
	var res huma.ValidateResult
	huma.Validate(s.registry, schema, path, huma.ModeWriteToServer, v, &res)
	if len(res.Errors) > 0 {
		return problem.New(problem.BodyInvalid, "").With(findings(res.Errors)...)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return problem.New(problem.BodyInvalid, "").With(fieldOf(err, at))
	}
	return nil
}

// findings turns the validator's errors into fields. The values that were sent are left out.
func findings(errs []error) []problem.Field {
	var out []problem.Field
	for _, err := range errs {
		if len(out) == maxFindings {
			return append(out, problem.Field{Message: fmt.Sprintf("and %d more", len(errs)-maxFindings)})
		}
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			out = append(out, problem.Field{Path: clip(d.Location), Message: clip(d.Message)})
		}
	}
	return out
}

// fieldOf names the field of a decoding error.
func fieldOf(err error, at string) problem.Field {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return problem.Field{Path: clip(strings.TrimSuffix(at+"."+wrong.Field, ".")), Message: "expected " + wrong.Type.String()}
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return problem.Field{Path: clip(at + "." + strings.Trim(name, `"`)), Message: "unexpected property"}
	}
	return problem.Field{Path: at, Message: "a value is out of its range or not in its format"}
}

// clip keeps what a caller chose (a field's name) from making an answer large.
func clip(s string) string {
	if len(s) <= 200 {
		return s
	}
	return strings.ToValidUTF8(s[:200], "") + "…"
}

// CheckText reports whether b is text in UTF-8 without control characters other than tab, LF and CR.
func CheckText(b []byte) error {
	if !utf8.Valid(b) {
		return problem.New(problem.BodyNotUTF8, "")
	}
	for i, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return problem.New(problem.BodyControlBytes, fmt.Sprintf("byte %d", i))
		}
	}
	return nil
}
