package twin

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

//go:embed schema.graphql
var schemaText string

var schema = gqlparser.MustLoadSchema(&ast.Source{Name: "schema.graphql", Input: schemaText})

// maxQueryCost is what one request may cost at most.
const maxQueryCost = 1000

// graphError is a top-level error of a GraphQL answer.
type graphError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

func fail(code, format string, args ...any) *graphError {
	e := &graphError{Message: fmt.Sprintf(format, args...)}
	if code != "" {
		e.Extensions = map[string]any{"code": code}
	}
	return e
}

// node is an object of the graph. field gives a scalar, a node, a list of them, a *page, nil for null, or a *graphError.
type node interface {
	typeName() string
	field(x *execution, name string, args map[string]any) any
}

// object is a node without a state of its own.
type object struct {
	typ    string
	values map[string]any
}

func (o object) typeName() string                                      { return o.typ }
func (o object) field(_ *execution, name string, _ map[string]any) any { return o.values[name] }

// execution runs one operation.
type execution struct {
	srv       *Server
	op        *ast.OperationDefinition
	variables map[string]any
	errors    []*graphError
	cost      float64     // of what was really answered
	userError string      // an injected one
	host      string      // that the API was asked under
	bulk      *bulkWriter // of a bulk operation; nil otherwise
}

// prepare parses and validates a request as strictly as the vendor.
func prepare(query, operation string, raw map[string]any) (*ast.OperationDefinition, map[string]any, []*graphError) {
	doc, list := gqlparser.LoadQueryWithRules(schema, query, rules.NewDefaultRules())
	if len(list) > 0 {
		var errs []*graphError
		for _, e := range list {
			errs = append(errs, &graphError{Message: e.Message, Extensions: map[string]any{"code": ruleCode(e)}})
		}
		return nil, nil, errs
	}
	op := doc.Operations.ForName(operation)
	if op == nil {
		return nil, nil, []*graphError{fail("operationNotFound", "No operation named %q", operation)}
	}
	vars, err := validator.VariableValues(schema, op, raw)
	if err != nil {
		return nil, nil, []*graphError{fail("INVALID_VARIABLE", "%s", err.Error())}
	}
	return op, vars, nil
}

// ruleCode gives the code that the vendor uses for the commonest violations.
func ruleCode(e *gqlerror.Error) string {
	switch e.Rule {
	case "FieldsOnCorrectType":
		return "undefinedField"
	case "KnownArgumentNames":
		return "argumentNotAccepted"
	case "":
		return "parseError"
	}
	return e.Rule
}

// run executes the operation; the server's mutex is held.
func (x *execution) run() json.RawMessage {
	root, typ := node(queryRoot{}), schema.Query
	if x.op.Operation == ast.Mutation {
		root, typ = mutationRoot{}, schema.Mutation
	}
	out, ok := x.selection(root, typ, x.op.SelectionSet, nil)
	if !ok {
		return json.RawMessage("null")
	}
	return out
}

type collected struct {
	field *ast.Field
	more  ast.SelectionSet
}

// collect flattens fragments that apply to a type, merging fields with the same key.
func (x *execution) collect(set ast.SelectionSet, typeName string, into *[]*collected) {
	for _, sel := range set {
		switch s := sel.(type) {
		case *ast.Field:
			if !x.included(s.Directives) {
				continue
			}
			merged := false
			for _, c := range *into {
				if c.field.Alias == s.Alias {
					c.more, merged = append(c.more, s.SelectionSet...), true
				}
			}
			if !merged {
				*into = append(*into, &collected{s, append(ast.SelectionSet(nil), s.SelectionSet...)})
			}
		case *ast.InlineFragment:
			if x.included(s.Directives) && (s.TypeCondition == "" || x.applies(s.TypeCondition, typeName)) {
				x.collect(s.SelectionSet, typeName, into)
			}
		case *ast.FragmentSpread:
			if x.included(s.Directives) && x.applies(s.Definition.TypeCondition, typeName) {
				x.collect(s.Definition.SelectionSet, typeName, into)
			}
		}
	}
}

func (x *execution) applies(condition, typeName string) bool {
	if condition == typeName {
		return true
	}
	for _, t := range schema.PossibleTypes[condition] {
		if t.Name == typeName {
			return true
		}
	}
	return false
}

func (x *execution) included(list ast.DirectiveList) bool {
	if d := list.ForName("skip"); d != nil && d.ArgumentMap(x.variables)["if"] == true {
		return false
	}
	if d := list.ForName("include"); d != nil && d.ArgumentMap(x.variables)["if"] == false {
		return false
	}
	return true
}

// selection writes one object. It is not ok when a field that must not be null is null.
func (x *execution) selection(n node, def *ast.Definition, set ast.SelectionSet, path []any) (json.RawMessage, bool) {
	var fields []*collected
	x.collect(set, def.Name, &fields)
	var out bytes.Buffer
	out.WriteByte('{')
	for _, c := range fields {
		if x.bulk != nil && strings.HasSuffix(connectionType(def, c.field.Name), "Connection") {
			x.bulk.found = append(x.bulk.found, below{n, c}) // its rows become lines
			continue
		}
		at := append(path[:len(path):len(path)], c.field.Alias)
		var raw json.RawMessage
		if c.field.Name == "__typename" {
			raw = scalar(def.Name)
		} else {
			fd := def.Fields.ForName(c.field.Name)
			value := n.field(x, c.field.Name, x.arguments(c.field))
			if def == schema.Mutation {
				value = x.mutate(c.field)
				x.cost += 10
			}
			var ok bool
			if raw, ok = x.complete(value, fd.Type, c.more, at); !ok {
				return nil, false
			}
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(scalar(c.field.Alias))
		out.WriteByte(':')
		out.Write(raw)
	}
	out.WriteByte('}')
	return out.Bytes(), true
}

// connectionType gives the type that a field is of; "" for none.
func connectionType(def *ast.Definition, field string) string {
	if fd := def.Fields.ForName(field); fd != nil {
		return fd.Type.Name()
	}
	return ""
}

func (x *execution) arguments(f *ast.Field) map[string]any { return f.ArgumentMap(x.variables) }

func scalar(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("twin: %T can't be marshalled: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

func (x *execution) complete(value any, typ *ast.Type, set ast.SelectionSet, path []any) (json.RawMessage, bool) {
	if e, bad := value.(*graphError); bad {
		if e.Path == nil {
			e.Path = path
		}
		x.errors = append(x.errors, e)
		value = nil
	}
	if value == nil {
		return json.RawMessage("null"), !typ.NonNull
	}
	if typ.Elem != nil {
		return x.list(value, typ, set, path)
	}
	def := schema.Types[typ.NamedType]
	switch def.Kind {
	case ast.Scalar, ast.Enum:
		return scalar(value), true
	}
	if p, isPage := value.(*page); isPage {
		x.cost += 2
		value = p.object(typ.NamedType)
	} else if typ.NamedType != "PageInfo" && !strings.HasSuffix(typ.NamedType, "Edge") {
		x.cost++
	}
	n := value.(node)
	if raw, ok := x.selection(n, schema.Types[n.typeName()], set, path); ok {
		return raw, true
	}
	return json.RawMessage("null"), !typ.NonNull
}

func (x *execution) list(value any, typ *ast.Type, set ast.SelectionSet, path []any) (json.RawMessage, bool) {
	var elements []any
	switch v := value.(type) {
	case []node:
		for _, n := range v {
			if n == nil {
				elements = append(elements, nil)
			} else {
				elements = append(elements, n)
			}
		}
	case []string:
		for _, s := range v {
			elements = append(elements, s)
		}
	case []any:
		elements = v
	}
	var out bytes.Buffer
	out.WriteByte('[')
	for i, e := range elements {
		raw, ok := x.complete(e, typ.Elem, set, append(path[:len(path):len(path)], i))
		if !ok {
			return json.RawMessage("null"), !typ.NonNull
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(raw)
	}
	out.WriteByte(']')
	return out.Bytes(), true
}

// requested computes what a selection may cost at most: an object is one point, a connection two and its page size
// times its nodes, a list with a page size likewise, a mutation ten; scalars are free.
func (x *execution) requested(set ast.SelectionSet, def *ast.Definition) float64 {
	var sum float64
	for _, sel := range set {
		switch s := sel.(type) {
		case *ast.InlineFragment:
			if x.included(s.Directives) {
				inner := def
				if s.TypeCondition != "" {
					inner = schema.Types[s.TypeCondition]
				}
				sum += x.requested(s.SelectionSet, inner)
			}
		case *ast.FragmentSpread:
			if x.included(s.Directives) {
				sum += x.requested(s.Definition.SelectionSet, schema.Types[s.Definition.TypeCondition])
			}
		case *ast.Field:
			fd := def.Fields.ForName(s.Name)
			if fd == nil || !x.included(s.Directives) {
				continue
			}
			sum += x.requestedField(s, fd, def)
		}
	}
	return sum
}

func (x *execution) requestedField(s *ast.Field, fd *ast.FieldDefinition, parent *ast.Definition) float64 {
	inner := schema.Types[fd.Type.Name()]
	if inner.Kind == ast.Scalar || inner.Kind == ast.Enum || inner.Name == "PageInfo" {
		return 0
	}
	children := x.requested(s.SelectionSet, inner)
	args := x.arguments(s)
	size := 1.0
	if n, ok := whole(args["first"]); ok {
		size = float64(n)
	} else if ids, ok := args["ids"].([]any); ok {
		size = float64(len(ids))
	}
	switch {
	case parent == schema.Mutation:
		return 10 + children
	case strings.HasSuffix(inner.Name, "Edge"):
		return children
	case strings.HasSuffix(inner.Name, "Connection"):
		return 2 + size*children
	}
	return size * (1 + children)
}

// whole reads an integer argument.
func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case float64:
		return int64(n), n == float64(int64(n))
	case json.Number:
		i, err := n.Int64()
		return i, err == nil
	}
	return 0, false
}
