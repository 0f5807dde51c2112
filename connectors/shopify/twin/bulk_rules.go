package twin

import (
	"fmt"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// What a bulk query may have at most. Nesting counts every connection on the way, the outermost included.
const (
	bulkConnections = 5
	bulkNesting     = 2
)

// prepareBulk parses a bulk query and holds it against the rules that no other query has; problem says which it breaks.
func prepareBulk(query string) (op *ast.OperationDefinition, problem string) {
	doc, errs := gqlparser.LoadQueryWithRules(schema, query, rules.NewDefaultRules())
	switch {
	case len(errs) > 0:
		return nil, "Invalid bulk query: " + errs[0].Message
	case len(doc.Operations) != 1 || doc.Operations[0].Operation != ast.Query:
		return nil, "Bulk queries must be one query."
	case len(doc.Operations[0].VariableDefinitions) > 0:
		return nil, "Bulk queries can't have variables."
	}
	op = doc.Operations[0]
	r := bulkRules{}
	r.fields(op.SelectionSet, schema.Query, 0, false)
	switch {
	case r.problem != "":
		return nil, r.problem
	case len(op.SelectionSet) != 1:
		return nil, "Bulk queries must have one top-level field."
	case r.connections == 0:
		return nil, "Bulk queries must contain at least one connection."
	case r.connections > bulkConnections:
		return nil, fmt.Sprintf("Bulk queries cannot contain more than %d connections.", bulkConnections)
	}
	return op, ""
}

type bulkRules struct {
	connections int
	problem     string
}

func (r *bulkRules) found(format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf(format, args...)
	}
}

// fields looks through a selection. depth is how many connections it is within.
func (r *bulkRules) fields(set ast.SelectionSet, parent *ast.Definition, depth int, inList bool) {
	for _, sel := range set {
		switch s := sel.(type) {
		case *ast.InlineFragment:
			r.fields(s.SelectionSet, parent, depth, inList)
		case *ast.FragmentSpread:
			r.fields(s.Definition.SelectionSet, parent, depth, inList)
		case *ast.Field:
			fd := parent.Fields.ForName(s.Name)
			if fd == nil {
				continue
			}
			inner := schema.Types[fd.Type.Name()]
			switch {
			case parent == schema.Query && (s.Name == "node" || s.Name == "nodes"):
				r.found("Bulk queries cannot use the top-level field %s.", s.Name)
			case strings.HasSuffix(inner.Name, "Connection"):
				r.connection(s, inner, depth, inList)
			default:
				r.fields(s.SelectionSet, inner, depth, inList || fd.Type.Elem != nil)
			}
		}
	}
}

// connection checks one: its rows come as lines of their own, each with its id.
func (r *bulkRules) connection(f *ast.Field, def *ast.Definition, depth int, inList bool) {
	r.connections++
	if inList {
		r.found("Queries that contain a connection field within a list field are not supported: %s.", f.Name)
	}
	if depth+1 > bulkNesting {
		r.found("Bulk queries cannot nest connections more than %d levels deep: %s.", bulkNesting, f.Name)
	}
	edges := only(f.SelectionSet, "edges")
	if edges == nil {
		r.found("Connections of a bulk query are written with edges and node: %s.", f.Name)
		return
	}
	at := only(edges.SelectionSet, "node")
	if at == nil {
		r.found("Connections of a bulk query are written with edges and node: %s.", f.Name)
		return
	}
	of := schema.Types[schema.Types[def.Fields.ForName("edges").Type.Name()].Fields.ForName("node").Type.Name()]
	if !hasField(at.SelectionSet, "id") {
		r.found("The parent 'node' field for a nested connection must select the 'id' field: %s.", f.Name)
	}
	r.fields(at.SelectionSet, of, depth+1, false)
}

// only gives a field that is alone in a selection.
func only(set ast.SelectionSet, name string) *ast.Field {
	if len(set) != 1 {
		return nil
	}
	if f, ok := set[0].(*ast.Field); ok && f.Name == name {
		return f
	}
	return nil
}

func hasField(set ast.SelectionSet, name string) bool {
	for _, sel := range set {
		switch s := sel.(type) {
		case *ast.Field:
			if s.Name == name {
				return true
			}
		case *ast.FragmentSpread:
			if hasField(s.Definition.SelectionSet, name) {
				return true
			}
		}
	}
	return false
}
