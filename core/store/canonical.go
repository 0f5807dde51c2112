package store

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// AppendCanonical appends the canonical JSON of v: object keys sorted, no white space, every field that encoding/json
// could write even when it is zero (omitempty and omitzero count for nothing), nil slices and maps as empty ones, nil
// pointers as null, times as RFC 3339 with their offset, bytes as base64. Raw JSON is sorted too, with its numbers as
// they are written. A float is an error: canonical types have none. In ScopeGolden fields tagged `golden:"-"` are
// left out at any depth.
func AppendCanonical(dst []byte, v any, scope Scope) ([]byte, error) {
	return newCanonizer(scope).value(dst, reflect.ValueOf(v))
}

// canonizer writes canonical JSON. It remembers the fields of the types that it met.
type canonizer struct {
	scope  Scope
	fields map[reflect.Type][]field
}

func newCanonizer(scope Scope) *canonizer {
	return &canonizer{scope: scope, fields: make(map[reflect.Type][]field)}
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	rawType    = reflect.TypeFor[json.RawMessage]()
	numberType = reflect.TypeFor[json.Number]()
	textType   = reflect.TypeFor[encoding.TextMarshaler]()
)

func (c *canonizer) value(dst []byte, v reflect.Value) ([]byte, error) {
	if !v.IsValid() {
		return append(dst, "null"...), nil
	}
	t := v.Type()
	switch {
	case t == timeType:
		return appendString(dst, v.Interface().(time.Time).Format(time.RFC3339Nano)), nil
	case t == rawType:
		return c.raw(dst, v.Bytes())
	case t == numberType:
		return appendNumber(dst, json.Number(v.String())), nil
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && t.Implements(textType):
		text, err := v.Interface().(encoding.TextMarshaler).MarshalText()
		if err != nil {
			return dst, fmt.Errorf("store: canonical JSON of %s: %w", t, err)
		}
		return appendString(dst, string(text)), nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return append(dst, "null"...), nil
		}
		return c.value(dst, v.Elem())
	case reflect.Struct:
		return c.object(dst, v)
	case reflect.Map:
		return c.dict(dst, v)
	case reflect.Slice, reflect.Array:
		if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
			return appendBytes(dst, v.Bytes()), nil
		}
		return c.list(dst, v)
	case reflect.String:
		return appendString(dst, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	}
	return dst, fmt.Errorf("store: canonical JSON: a record may not hold a %s", t)
}

func (c *canonizer) object(dst []byte, v reflect.Value) ([]byte, error) {
	fields, err := c.fieldsOf(v.Type())
	if err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	first := true
	for _, f := range fields {
		if f.notGolden && c.scope == ScopeGolden {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendString(dst, f.name), ':')
		if dst, err = c.value(dst, v.FieldByIndex(f.index)); err != nil {
			return dst, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return append(dst, '}'), nil
}

func (c *canonizer) list(dst []byte, v reflect.Value) ([]byte, error) {
	var err error
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = c.value(dst, v.Index(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (c *canonizer) dict(dst []byte, v reflect.Value) ([]byte, error) {
	type entry struct {
		key   string
		value reflect.Value
	}
	entries := make([]entry, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		key, err := mapKey(it.Key())
		if err != nil {
			return dst, err
		}
		entries = append(entries, entry{key, it.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	var err error
	dst = append(dst, '{')
	for i, e := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, e.key), ':')
		if dst, err = c.value(dst, e.value); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func mapKey(k reflect.Value) (string, error) {
	switch {
	case k.Kind() == reflect.String:
		return k.String(), nil
	case k.Type().Implements(textType):
		text, err := k.Interface().(encoding.TextMarshaler).MarshalText()
		return string(text), err
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10), nil
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10), nil
	}
	return "", fmt.Errorf("store: canonical JSON: a map may not have %s as its key", k.Type())
}

// raw brings JSON that nobody has typed into the same order. Numbers keep their digits: here, and here alone,
// they may have a fraction, because they are a source's own words.
func (c *canonizer) raw(dst, raw []byte) ([]byte, error) {
	if len(raw) == 0 {
		return append(dst, "null"...), nil
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		return dst, fmt.Errorf("%w: raw JSON does not read", ErrCorrupt)
	}
	if _, err := dec.Token(); err != io.EOF {
		return dst, fmt.Errorf("%w: something follows the raw JSON", ErrCorrupt)
	}
	return c.value(dst, reflect.ValueOf(v))
}

func appendNumber(dst []byte, n json.Number) []byte {
	if n == "" {
		n = "0"
	}
	return append(dst, n...)
}

func appendBytes(dst, b []byte) []byte {
	return append(base64.StdEncoding.AppendEncode(append(dst, '"'), b), '"')
}

// appendString appends a JSON string in which only what has to be is escaped.
func appendString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 { // not UTF-8, which only a key may be: kept apart from all that is
				dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
			} else {
				dst = append(dst, s[i:i+n]...)
			}
			i += n
			continue
		}
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
		i++
	}
	return append(dst, '"')
}

// field is a struct's field as JSON sees it; those of embedded structs stand beside the struct's own.
type field struct {
	name      string
	index     []int
	notGolden bool
}

// fieldsOf lists what encoding/json would write of a struct, sorted by name.
func (c *canonizer) fieldsOf(t reflect.Type) ([]field, error) {
	if known, ok := c.fields[t]; ok {
		return known, nil
	}
	fields, err := collectFields(nil, t, nil, false)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(fields); i++ {
		if fields[i].name == fields[i-1].name {
			return nil, fmt.Errorf("store: canonical JSON: %s has two fields named %q", t, fields[i].name)
		}
	}
	c.fields[t] = fields
	return fields, nil
}

func collectFields(fields []field, t reflect.Type, at []int, notGolden bool) ([]field, error) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		index := append(slices.Clone(at), i)
		out := notGolden || f.Tag.Get("golden") == "-"
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct && !f.Type.Implements(textType):
			var err error
			if fields, err = collectFields(fields, f.Type, index, out); err != nil {
				return nil, err
			}
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Pointer:
			return nil, fmt.Errorf("store: canonical JSON: %s embeds a pointer, %s", t, f.Name)
		case !f.IsExported() || f.Tag.Get("json") == "-":
			return nil, fmt.Errorf("store: canonical JSON: field %s of %s is not stored: a record may hold nothing else", f.Name, t)
		case name == "":
			name = f.Name
		}
		fields = append(fields, field{name: name, index: index, notGolden: out})
	}
	return fields, nil
}
