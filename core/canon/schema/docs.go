package schema

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// Docs are the doc comments of the model.
type Docs struct {
	Types  map[string]string   // by type
	Fields map[string]string   // by "Type.Field"
	Values map[string][]string // the constants of a string type, in their order
	alias  map[string]string   // a type that is declared as another one's fields
}

func (d Docs) owner(typ string) string {
	if other, ok := d.alias[typ]; ok {
		return other
	}
	return typ
}

// ReadDocs reads the doc comments of a package's source in a folder.
func ReadDocs(folder string) (Docs, error) {
	d := Docs{Types: map[string]string{}, Fields: map[string]string{}, Values: map[string][]string{}, alias: map[string]string{}}
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil || len(paths) == 0 {
		return d, fmt.Errorf("schema: no source in the folder of the model: %w", err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return d, fmt.Errorf("schema: %w", err)
		}
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok {
				d.declared(g)
			}
		}
	}
	return d, nil
}

func (d Docs) declared(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			doc := s.Doc
			if doc == nil {
				doc = g.Doc
			}
			d.Types[s.Name.Name] = text(doc, nil)
			switch t := s.Type.(type) {
			case *ast.StructType:
				for _, f := range t.Fields.List {
					for _, name := range f.Names {
						d.Fields[s.Name.Name+"."+name.Name] = text(f.Doc, f.Comment)
					}
				}
			case *ast.Ident:
				d.alias[s.Name.Name] = t.Name
			}
		case *ast.ValueSpec:
			typ, ok := s.Type.(*ast.Ident)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, v := range s.Values {
				if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if word, err := strconv.Unquote(lit.Value); err == nil && word != "" {
						d.Values[typ.Name] = append(d.Values[typ.Name], word)
					}
				}
			}
		}
	}
}

func text(doc, line *ast.CommentGroup) string {
	return strings.Join(strings.Fields(doc.Text()+" "+line.Text()), " ")
}
