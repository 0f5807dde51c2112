// Package schema makes JSON Schemas of the canonical model, for authors of connectors in other languages and for
// whoever reads the records, and tells whether a change of the model breaks what was published.
//
// The schemas are in docs/schemas, one file for each root. They are made of the Go types and their doc comments;
// `make generate` makes them anew, and refuses to where a published field would be gone or of another type.
package schema

//go:generate go run ./generate -source .. -out ../../../docs/schemas

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// Roots are the published types by the name of their file.
func Roots() map[string]reflect.Type {
	return map[string]reflect.Type{
		"observation": reflect.TypeFor[canon.Observation](),
		"item":        reflect.TypeFor[canon.Item](),
		"product":     reflect.TypeFor[canon.Product](),
		"client":      reflect.TypeFor[canon.Client](),
		"order":       reflect.TypeFor[canon.Order](),
		"refund":      reflect.TypeFor[canon.Refund](),
		"location":    reflect.TypeFor[canon.Location](),
		"memo":        reflect.TypeFor[canon.Memo](),
		"transfer":    reflect.TypeFor[canon.Transfer](),
		"offer":       reflect.TypeFor[canon.Offer](),
		"list_price":  reflect.TypeFor[canon.ListPrice](),
		"price":       reflect.TypeFor[canon.PriceExplained](),
		"credit":      reflect.TypeFor[canon.CreditAccount](),
		"credit_line": reflect.TypeFor[canon.CreditEntry](),
		"count":       reflect.TypeFor[canon.CountSession](),
		"count_line":  reflect.TypeFor[canon.CountLine](),
		"case":        reflect.TypeFor[canon.Case](),
		"reservation": reflect.TypeFor[canon.Reservation](),
		"settings":    reflect.TypeFor[canon.Settings](),
		"timeline":    reflect.TypeFor[canon.Row](),
	}
}

// Schema is a JSON Schema (draft 2020-12) as far as the model needs one.
type Schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        Types              `json:"type,omitempty"`
	AnyOf       []*Schema          `json:"anyOf,omitempty"`
	Format      string             `json:"format,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Class       string             `json:"x-class,omitempty"` // public, internal, cost, payment, personal
	Known       []string           `json:"x-known-values,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	Additional  *Schema            `json:"additionalProperties,omitempty"` // of maps
	Required    []string           `json:"required,omitempty"`
	Defs        map[string]*Schema `json:"$defs,omitempty"`
}

// Types are the JSON types that a value may have; a file has a single one as a string.
type Types []string

// MarshalJSON writes a single type as a string.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// UnmarshalJSON reads a string or a list.
func (t *Types) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		*t = make(Types, 1)
		return json.Unmarshal(raw, &(*t)[0])
	}
	return json.Unmarshal(raw, (*[]string)(t))
}

// Of makes the schema of a type. Further members may occur in a record: the model only ever grows.
func Of(name string, t reflect.Type, docs Docs) (*Schema, error) {
	b := builder{docs: docs, defs: map[string]*Schema{}}
	root, err := b.object(t)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	root.Schema, root.ID, root.Title = "https://json-schema.org/draft/2020-12/schema", "urn:jumpring:schema:"+name, name
	if len(b.defs) > 0 {
		root.Defs = b.defs
	}
	return root, nil
}

// Marshal gives a schema's file.
func Marshal(s *Schema) ([]byte, error) {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(raw, '\n'), nil
}

type builder struct {
	docs Docs
	defs map[string]*Schema
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	positionType = reflect.TypeFor[canon.Position]()
)

func (b *builder) value(t reflect.Type) (*Schema, error) {
	switch t {
	case timeType:
		return &Schema{Type: Types{"string"}, Format: "date-time"}, nil
	case rawType:
		return &Schema{}, nil
	case positionType:
		return &Schema{Type: Types{"string"}, Pattern: `^([0-9]+\.[0-9]+)?$`}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.value(t.Elem())
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return &Schema{Type: Types{"string"}, Format: "byte"}, nil
		}
		items, err := b.value(t.Elem())
		return &Schema{Type: Types{"array"}, Items: items}, err
	case reflect.Map:
		of, err := b.value(t.Elem())
		return &Schema{Type: Types{"object"}, Additional: of}, err
	case reflect.Struct:
		return b.ref(t)
	case reflect.String:
		s := &Schema{Type: Types{"string"}}
		if t.Name() != "string" {
			s.Known = b.docs.Values[t.Name()]
		}
		return s, nil
	case reflect.Bool:
		return &Schema{Type: Types{"boolean"}}, nil
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return &Schema{Type: Types{"integer"}}, nil
	}
	// Quantities are integers, so a float is a mistake of the model.
	return nil, fmt.Errorf("%s has no place in the model", t)
}

func (b *builder) ref(t reflect.Type) (*Schema, error) {
	name := t.Name()
	if _, known := b.defs[name]; !known {
		b.defs[name] = &Schema{} // so that a type that contains itself ends
		def, err := b.object(t)
		if err != nil {
			return nil, err
		}
		b.defs[name] = def
	}
	return &Schema{Ref: "#/$defs/" + name}, nil
}

func (b *builder) object(t reflect.Type) (*Schema, error) {
	s := &Schema{Type: Types{"object"}, Description: b.docs.Types[t.Name()], Properties: map[string]*Schema{}}
	if err := b.fields(t, s); err != nil {
		return nil, err
	}
	slices.Sort(s.Required)
	return s, nil
}

func (b *builder) fields(t reflect.Type, into *Schema) error {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if f.Anonymous && tag == "" {
			if err := b.fields(f.Type, into); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		v, err := b.value(f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name(), f.Name, err)
		}
		v.Description = b.docs.Fields[b.docs.owner(t.Name())+"."+f.Name]
		if v.Class = f.Tag.Get("class"); v.Class == "" {
			v.Class = "internal"
		}
		into.Properties[name] = v
		if !strings.Contains(options, "omit") {
			into.Required = append(into.Required, name)
			if k := f.Type.Kind(); k == reflect.Pointer || k == reflect.Slice || k == reflect.Map {
				nullable(v)
			}
		}
	}
	return nil
}

// nullable lets a value be null: one that is always there and may be none.
func nullable(s *Schema) {
	if s.Ref != "" {
		s.AnyOf, s.Ref = []*Schema{{Ref: s.Ref}, {Type: Types{"null"}}}, ""
	} else if len(s.Type) > 0 {
		s.Type = append(s.Type, "null")
	}
}
