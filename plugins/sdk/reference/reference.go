// Package reference writes docs/plugins/reference.md: every call and message of the protocol, with what the SDK's doc
// comments say of them. Authors in other languages read the contract there.
package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

//go:generate go run ./generate -proto ../../proto/connector.proto -sdk .. -out ../../../docs/plugins/reference.md

type field struct{ kind, name, number, comment string }

type message struct {
	name, comment string
	fields        []field
}

type call struct{ name, request, response, comment string }

// protocol is what a .proto file has, in its order.
type protocol struct {
	comment  string
	calls    []call
	messages []*message
}

var (
	rpcLine     = regexp.MustCompile(`^rpc (\w+)\((stream )?(\w+)\) returns \((stream )?(\w+)\);`)
	messageLine = regexp.MustCompile(`^message (\w+) \{(\})?`)
	fieldLine   = regexp.MustCompile(`^((?:repeated |optional )?(?:map<\w+, \w+>|\w+)) (\w+) = (\d+);(?:\s*//\s*(.*))?$`)
)

// parseProtocol reads the small part of the language that connector.proto uses.
func parseProtocol(text string) *protocol {
	p := &protocol{}
	var comment []string
	var in *message
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if c, ok := strings.CutPrefix(line, "//"); ok {
			comment = append(comment, strings.TrimSpace(c))
			continue
		}
		said := strings.Join(comment, " ")
		comment = nil
		if m := rpcLine.FindStringSubmatch(line); m != nil {
			p.calls = append(p.calls, call{name: m[1], request: m[2] + m[3], response: m[4] + m[5], comment: said})
		} else if m := messageLine.FindStringSubmatch(line); m != nil {
			in = &message{name: m[1], comment: said}
			p.messages = append(p.messages, in)
		} else if m := fieldLine.FindStringSubmatch(line); m != nil && in != nil {
			in.fields = append(in.fields, field{m[1], m[2], m[3], strings.TrimSpace(said + " " + m[4])})
		} else if strings.HasPrefix(line, "syntax") {
			p.comment = said
		}
	}
	return p
}

// contract is what the SDK's doc comments say: of types, of fields as "Type.json_name", of methods by name.
type contract struct {
	types, fields, methods map[string]string
	words                  map[string][][2]string // of a type: each word and its meaning
}

func readContract(dir string) (*contract, error) {
	c := &contract{types: map[string]string{}, fields: map[string]string{}, methods: map[string]string{}, words: map[string][][2]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					c.take(s, firstOf(s.Doc, g.Doc))
				case *ast.ValueSpec:
					c.takeWord(s)
				}
			}
		}
	}
	return c, nil
}

func (c *contract) take(t *ast.TypeSpec, doc string) {
	c.types[t.Name.Name] = doc
	switch of := t.Type.(type) {
	case *ast.InterfaceType:
		for _, m := range of.Methods.List {
			for _, n := range m.Names {
				said := firstOf(m.Doc)
				if said == "" {
					said = doc
				}
				c.methods[n.Name] = said
			}
		}
	case *ast.StructType:
		for _, f := range of.Fields.List {
			if f.Tag == nil {
				continue
			}
			name, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
			c.fields[t.Name.Name+"."+name] = firstOf(f.Doc, f.Comment)
		}
	}
}

// takeWord takes a constant of a type that has words.
func (c *contract) takeWord(s *ast.ValueSpec) {
	of, ok := s.Type.(*ast.Ident)
	if !ok || len(s.Values) != 1 {
		return
	}
	if value, ok := s.Values[0].(*ast.BasicLit); ok && value.Kind == token.STRING {
		_, meaning, hasName := strings.Cut(firstOf(s.Doc, s.Comment), ": ")
		if !hasName || s.Comment != nil {
			meaning = firstOf(s.Doc, s.Comment)
		}
		c.words[of.Name] = append(c.words[of.Name], [2]string{strings.Trim(value.Value, `"`), meaning})
	}
}

func firstOf(groups ...*ast.CommentGroup) string {
	for _, g := range groups {
		if g != nil {
			return strings.Join(strings.Fields(g.Text()), " ")
		}
	}
	return ""
}

// goNames are the SDK's names of messages that are called otherwise there.
var goNames = map[string]string{"Delivery": "WebhookRequest", "HandledDelivery": "WebhookResponse"}

// notes are of messages whose shape says less than it should.
var notes = map[string]string{
	"Observation": "`data` is JSON of `canon.Observation` (`kind`, `external_id`, `source_version`, and one of `listing`, `product`, " +
		"`level`, `order`, `refund`, `customer`, `location`, `count`): see [the schema](../schemas/observation.json). A person's data " +
		"(`customer.person`, `order.buyer`) is left out of it and stands in `personal`, which is sealed apart.",
	"ErrorDetail": "Attach it to the status (code `UNKNOWN`) in the trailer `grpc-status-details-bin`, as `google.rpc.Status` does.",
}

// Page writes the page from the protocol's file and the SDK's folder.
func Page(protoFile, sdkDir string) (string, error) {
	raw, err := os.ReadFile(protoFile)
	if err != nil {
		return "", err
	}
	said, err := readContract(sdkDir)
	if err != nil {
		return "", err
	}
	p := parseProtocol(string(raw))
	byName := map[string]*message{}
	for _, m := range p.messages {
		byName[m.name] = m
	}
	var b strings.Builder
	b.WriteString("# Reference of the connector protocol\n\n")
	b.WriteString("Made from `plugins/proto/connector.proto` and the doc comments of `plugins/sdk` by `make generate`; don't edit.\n\n")
	b.WriteString(p.comment + "\n\n## Calls\n")
	done := map[string]bool{}
	for _, c := range p.calls {
		fmt.Fprintf(&b, "\n### %s\n\n", c.name)
		for _, text := range []string{said.methods[c.name], c.comment} {
			if text != "" {
				b.WriteString(text + "\n\n")
			}
		}
		for _, side := range []string{c.request, c.response} {
			name := strings.TrimPrefix(side, "stream ")
			done[name] = true
			fmt.Fprintf(&b, "`%s`\n", side)
			writeFields(&b, byName[name], said)
			b.WriteString("\n")
		}
	}
	b.WriteString("## Messages within them\n")
	for _, m := range p.messages {
		if done[m.name] {
			continue
		}
		fmt.Fprintf(&b, "\n### %s\n\n", m.name)
		for _, text := range []string{said.types[goName(m.name)], m.comment, notes[m.name]} {
			if text != "" {
				b.WriteString(text + "\n\n")
			}
		}
		writeFields(&b, m, said)
	}
	writeWords(&b, said)
	return strings.TrimRight(b.String(), "\n") + "\n", nil
}

func goName(name string) string {
	if other, ok := goNames[name]; ok {
		return other
	}
	return name
}

func writeFields(b *strings.Builder, m *message, said *contract) {
	if m == nil || len(m.fields) == 0 {
		return
	}
	b.WriteString("\n| no. | field | type | meaning |\n|---|---|---|---|\n")
	for _, f := range m.fields {
		meaning := said.fields[goName(m.name)+"."+f.name]
		if meaning == "" || f.comment != "" && !strings.Contains(meaning, f.comment) {
			meaning = strings.TrimSpace(meaning + " " + f.comment)
		}
		fmt.Fprintf(b, "| %s | `%s` | %s | %s |\n", f.number, f.name, strings.ReplaceAll(f.kind, "<", "&lt;"), strings.ReplaceAll(meaning, "|", "\\|"))
	}
}

// writeWords adds what the fields severity, verdict and status may be.
func writeWords(b *strings.Builder, said *contract) {
	b.WriteString("\n## Words\n")
	for _, name := range []string{"Verdict", "Status", "Severity", "Capability"} {
		fmt.Fprintf(b, "\n### %s\n\n%s\n\n| word | meaning |\n|---|---|\n", strings.ToLower(name), said.types[name])
		for _, w := range said.words[name] {
			fmt.Fprintf(b, "| `%s` | %s |\n", w[0], w[1])
		}
	}
}
