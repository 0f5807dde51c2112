package config

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/jumpring/jumpring/core/canon"
)

// place is where something stands in the file.
type place struct{ line, column int }

// maxNesting is how deep a configuration may be nested.
const maxNesting = 32

// decoder fills a struct from YAML and notes everything that does not fit.
type decoder struct {
	src      Source
	folder   string
	what     string // what the file is: "the configuration"
	compare  string // a file that shows how it is written
	findings []Finding
	at       map[string]place // where each path stands, for what validation finds
	bad      map[string]bool  // paths that have a finding
	broken   bool             // it is no YAML: nothing more can be said
}

func newDecoder(src Source, folder, what, compare string) *decoder {
	return &decoder{src: src, folder: folder, what: what, compare: compare, at: map[string]place{}, bad: map[string]bool{}}
}

// result gives the findings in the order of the file as an error; nil where there are none.
func (d *decoder) result(file string) error {
	if len(d.findings) == 0 {
		return nil
	}
	slices.SortStableFunc(d.findings, func(a, b Finding) int { return a.Line - b.Line })
	return &InvalidError{file, d.findings}
}

func (d *decoder) note(p place, path, what, do string) {
	d.bad[path] = true
	d.findings = append(d.findings, Finding{Line: p.line, Column: p.column, Path: path, What: what, Do: do})
}

// found notes what validation finds about a path; a path that is not in the file gets the place of the nearest one
// above it. What could not be decoded is not looked at again.
func (d *decoder) found(path, what, do string) {
	if d.bad[path] {
		return
	}
	for at := path; ; {
		if p, ok := d.at[at]; ok {
			d.note(p, path, what, do)
			return
		}
		i := strings.LastIndexAny(at, ".[")
		if i < 0 {
			d.note(place{}, path, what, do)
			return
		}
		at = at[:i]
	}
}

func placeOf(n ast.Node) place {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return place{}
	}
	p := n.GetToken().Position
	return place{p.Line, p.Column}
}

// document reads the one document of a file. The parser panics on some broken input; that is a finding too.
func (d *decoder) document(raw []byte, into any) {
	defer func() {
		if caught := recover(); caught != nil {
			d.broken = true
			d.note(place{}, "", "the file is not YAML that can be read", "compare it with "+d.compare)
		}
	}()
	if deep(raw) {
		d.broken = true
		d.note(place{}, "", fmt.Sprintf("the file is nested deeper than %d levels", maxNesting), "")
		return
	}
	file, err := parser.ParseBytes(raw, 0)
	if err != nil {
		d.broken = true
		what, p := syntax(err)
		d.note(p, "", "the file is not YAML: "+what, "mind the indentation, and quote values with : or #")
		return
	}
	docs := slices.DeleteFunc(file.Docs, func(doc *ast.DocumentNode) bool { return doc == nil || doc.Body == nil })
	switch {
	case len(docs) > 1:
		d.note(placeOf(docs[1].Body), "", "the file has more than one document", "leave one, without --- between")
	case len(docs) == 1:
		d.value(docs[0].Body, reflect.ValueOf(into).Elem(), "")
	}
}

// deep tells whether brackets, or dashes in a row, nest further than any configuration does. It looks before the parser,
// which recurses.
func deep(raw []byte) bool {
	depth, row := 0, 0
	for _, b := range raw {
		switch b {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(depth-1, 0)
		}
		switch b {
		case '-', '?', ':', '!', '&', '*':
			row++
		case ' ', '\t':
		default:
			row = 0
		}
		if depth > maxNesting || row > maxNesting*4 && b != '-' {
			return true
		}
	}
	return false
}

// syntax takes the plain message and the place out of a parser's error, whose text quotes the file.
func syntax(err error) (string, place) {
	var p place
	if e, ok := err.(interface{ GetToken() *token.Token }); ok && e.GetToken() != nil && e.GetToken().Position != nil {
		p = place{e.GetToken().Position.Line, e.GetToken().Position.Column}
	}
	what := err.Error()
	if e, ok := err.(interface{ GetMessage() string }); ok {
		what = e.GetMessage()
	}
	what, _, _ = strings.Cut(what, "\n")
	return what, p
}

var (
	typeSecret   = reflect.TypeFor[Secret]()
	typeDocument = reflect.TypeFor[Document]()
	typeTime     = reflect.TypeFor[time.Time]()
	typePercent  = reflect.TypeFor[Percent]()
	typeMode     = reflect.TypeFor[canon.Mode]()
)

// value decodes a node into a settable value.
func (d *decoder) value(n ast.Node, into reflect.Value, path string) {
	p := placeOf(n)
	if path != "" {
		d.at[path] = p
	}
	switch x := n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		d.note(p, path, "anchors, aliases and merges are not taken", "write the value out")
		return
	case *ast.TagNode:
		d.note(p, path, "tags are not taken", "leave "+x.Start.Value+" out")
		return
	case *ast.NullNode:
		return // a key without a value keeps its default
	}
	switch into.Type() {
	case typeSecret:
		if s, _, ok := d.text(n, path); ok {
			into.Set(reflect.ValueOf(Secret{s}))
		}
		return
	case typeDocument:
		d.raw(n, into, path)
		return
	case typeTime:
		d.instant(n, into, path)
		return
	case typePercent:
		d.percent(n, into, path)
		return
	case typeVerb:
		d.verb(n, into, path)
		return
	case typeMode:
		if s, _, ok := d.text(n, path); ok {
			into.SetString(s)
		}
		return
	}
	switch into.Kind() {
	case reflect.String:
		if s, _, ok := d.text(n, path); ok {
			into.SetString(s)
		}
	case reflect.Int64:
		if v, ok := integer(n); ok {
			into.SetInt(v)
			return
		}
		d.note(p, path, "is "+kindOf(n), "write a whole number")
	case reflect.Bool:
		if b, ok := n.(*ast.BoolNode); ok {
			into.SetBool(b.Value)
			return
		}
		d.note(p, path, "is "+kindOf(n), "write true or false")
	case reflect.Pointer:
		v := reflect.New(into.Type().Elem())
		d.value(n, v.Elem(), path)
		into.Set(v)
	case reflect.Slice:
		d.list(n, into, path)
	case reflect.Map:
		d.dictionary(n, into, path)
	case reflect.Struct:
		d.object(n, into, path)
	default:
		panic("config: no decoding of " + into.Type().String())
	}
}

func integer(n ast.Node) (int64, bool) {
	i, ok := n.(*ast.IntegerNode)
	if !ok {
		return 0, false
	}
	switch v := i.Value.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64
	}
	return 0, false
}

// text reads a string and puts its references in. A number or a word that YAML takes for something else is no string:
// a token "0123" or "1e5" would silently change.
func (d *decoder) text(n ast.Node, path string) (value string, referred, ok bool) {
	var s string
	switch x := n.(type) {
	case *ast.StringNode:
		s = x.Value
	case *ast.LiteralNode:
		s = x.Value.Value
	default:
		do := "write text"
		if _, scalar := n.(ast.ScalarNode); scalar {
			do = "put it in quotes"
		}
		d.note(placeOf(n), path, "is "+kindOf(n), do)
		return "", false, false
	}
	v, referred, err := d.src.expand(s, d.folder)
	if err != nil {
		d.note(placeOf(n), path, err.Error(), "")
		return "", referred, false
	}
	return v, referred, true
}

func (d *decoder) instant(n ast.Node, into reflect.Value, path string) {
	s, _, ok := d.text(n, path)
	if !ok {
		return
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		d.note(placeOf(n), path, "is no time", "write it with its offset, such as 2026-01-01T00:00:00Z")
		return
	}
	into.Set(reflect.ValueOf(t))
}

func (d *decoder) percent(n ast.Node, into reflect.Value, path string) {
	s, _, ok := d.text(n, path)
	if !ok {
		return
	}
	digits, sign := strings.CutSuffix(strings.TrimSpace(s), "%")
	whole, fraction, _ := strings.Cut(strings.TrimSpace(digits), ".")
	fraction = (fraction + "00")[:2]
	v, err := strconv.ParseUint(whole+fraction, 10, 32)
	if err != nil || !sign || v > 10_000 {
		d.note(placeOf(n), path, "is no share", `write a percentage from 0% to 100%, such as "25%"`)
		return
	}
	into.SetInt(int64(v))
}

func (d *decoder) list(n ast.Node, into reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.note(placeOf(n), path, "is "+kindOf(n), "write a list: [a, b], or one line with a dash for each")
		return
	}
	out := reflect.MakeSlice(into.Type(), len(s.Values), len(s.Values))
	for i, v := range s.Values {
		d.value(v, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	into.Set(out)
}

// members gives the keys and values of a mapping; false when it is none.
func (d *decoder) members(n ast.Node, path string) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	d.note(placeOf(n), path, "is "+kindOf(n), "write keys and values")
	return nil, false
}

// keyOf gives a key as text. Keys of maps may be numbers (a platform's location id).
func keyOf(m *ast.MappingValueNode) (string, bool) {
	switch k := m.Key.(type) {
	case *ast.StringNode:
		return k.Value, true
	case *ast.MergeKeyNode:
		return "", false
	case ast.ScalarNode:
		return k.GetToken().Value, true
	}
	return "", false
}

func (d *decoder) dictionary(n ast.Node, into reflect.Value, path string) {
	members, ok := d.members(n, path)
	if !ok {
		return
	}
	out := reflect.MakeMap(into.Type())
	for _, m := range members {
		key, ok := keyOf(m)
		if !ok {
			d.note(placeOf(m), path, "has a key that is no text", "write a plain key")
			continue
		}
		v := reflect.New(into.Type().Elem()).Elem()
		d.value(m.Value, v, path+"."+key)
		k := reflect.ValueOf(key).Convert(into.Type().Key())
		if out.MapIndex(k).IsValid() {
			d.note(placeOf(m.Key), path+"."+key, "is there twice", "leave one")
		}
		out.SetMapIndex(k, v)
	}
	into.Set(out)
}

func (d *decoder) object(n ast.Node, into reflect.Value, path string) {
	members, ok := d.members(n, path)
	if !ok {
		return
	}
	fields := map[string]int{}
	var known []string
	for i := range into.NumField() {
		name := into.Type().Field(i).Tag.Get("yaml")
		if name == "" {
			continue // not from this file
		}
		fields[name] = i
		known = append(known, name)
	}
	seen := map[string]bool{}
	for _, m := range members {
		key, ok := keyOf(m)
		i, there := fields[key]
		at := strings.TrimPrefix(path+"."+key, ".")
		switch {
		case !ok:
			d.note(placeOf(m.Key), path, "has a key that is no text", "write a plain key; merges are not taken")
		case !there:
			d.note(placeOf(m.Key), at, "is not a key of "+d.what, suggestion(key, known))
		case seen[key]:
			d.note(placeOf(m.Key), at, "is there twice", "leave one")
		default:
			d.value(m.Value, into.Field(i), at)
		}
		seen[key] = true
	}
}

// raw turns a node into JSON: a connector's own configuration, whose schema the connector knows.
func (d *decoder) raw(n ast.Node, into reflect.Value, path string) {
	if _, ok := d.members(n, path); !ok {
		return
	}
	v, ok := d.any(n, path)
	if !ok {
		return
	}
	b, err := json.Marshal(v)
	if err != nil {
		d.note(placeOf(n), path, "can't be written as JSON", "use text, whole numbers, true, false, lists and keys")
		return
	}
	into.Set(reflect.ValueOf(Document{b}))
}

func (d *decoder) any(n ast.Node, path string) (any, bool) {
	d.at[path] = placeOf(n)
	switch x := n.(type) {
	case *ast.NullNode:
		return nil, true
	case *ast.BoolNode:
		return x.Value, true
	case *ast.IntegerNode:
		return x.Value, true
	case *ast.StringNode, *ast.LiteralNode:
		s, _, ok := d.text(n, path)
		return s, ok
	case *ast.SequenceNode:
		out := make([]any, len(x.Values))
		good := true
		for i, v := range x.Values {
			var ok bool
			out[i], ok = d.any(v, fmt.Sprintf("%s[%d]", path, i))
			good = good && ok
		}
		return out, good
	case *ast.MappingNode, *ast.MappingValueNode:
		members, _ := d.members(n, path)
		out := map[string]any{}
		good := true
		for _, m := range members {
			key, ok := keyOf(m)
			if !ok {
				d.note(placeOf(m.Key), path, "has a key that is no text", "write a plain key")
				good = false
				continue
			}
			v, ok := d.any(m.Value, path+"."+key)
			out[key] = v
			good = good && ok
		}
		return out, good
	}
	d.note(placeOf(n), path, "is "+kindOf(n), "put it in quotes, or write a whole number")
	return nil, false
}

// kindOf names what a node is, for a person.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode:
		return "a number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number with a fraction"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.NullNode:
		return "empty"
	}
	return "something else"
}

// suggestion names the known key that is nearest to a wrong one, or all of them.
func suggestion(key string, known []string) string {
	best, least := "", 4
	for _, k := range known {
		if n := distance(key, k); n < least && n < max(len(k), len(key)) {
			best, least = k, n
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// distance is how many letters have to be put in, taken out, changed or swapped to make a of b (optimal string
// alignment). Words of more than 64 letters are as far as they are long.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
