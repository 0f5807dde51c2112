package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Class is how delicate a field is. It stands in the field's class tag; a field without one is internal.
type Class string

// The classes.
const (
	Public   Class = "public"
	Internal Class = "internal"
	Cost     Class = "cost"
	Payment  Class = "payment"
	Personal Class = "personal"
)

// Sight is which classes of fields somebody sees.
type Sight uint8

var sightBits = map[Class]Sight{Public: 1, Internal: 2, Cost: 4, Payment: 8, Personal: 16}

// seesAll is the sight that nothing is hidden from.
const seesAll Sight = 31

// SightOf gives the sight of some classes.
func SightOf(classes ...Class) (s Sight) {
	for _, c := range classes {
		s |= sightBits[c]
	}
	return s
}

// Sees reports whether the fields of a class are seen. A class that is not known is seen by those alone that see all.
func (s Sight) Sees(c Class) bool {
	if b, known := sightBits[c]; known {
		return s&b != 0
	}
	return s == seesAll
}

func (s Sight) classes() []Class {
	return slices.DeleteFunc([]Class{Public, Internal, Cost, Payment, Personal}, func(c Class) bool { return !s.Sees(c) })
}

// JSON gives a record's stored bytes as the role may see them. Where no field that is hidden from the role occurs in
// the bytes, they come back as they are, so that the usual read costs no copy. Otherwise hidden fields are left out while
// the bytes are copied, without decoding them. What can't be looked into (raw JSON without a class) and members that the
// type does not have are hidden from every role that misses any class: a door fails closed.
func JSON[T any](r Sight, raw []byte) ([]byte, error) {
	p := planOf(r, reflect.TypeFor[T]())
	if p == nil || !slices.ContainsFunc(p.names, func(name []byte) bool { return bytes.Contains(raw, name) }) {
		return raw, nil
	}
	c := cutter{src: raw, dst: make([]byte, 0, len(raw))}
	if err := c.value(p); err != nil {
		return nil, fmt.Errorf("access: a stored %s: %w", reflect.TypeFor[T]().Name(), err)
	}
	return c.dst, nil
}

// FieldHidden reports whether a field of the type, named by its JSON name, is hidden from a role, whole or in part. An
// unknown name is hidden from every role that misses a class.
func FieldHidden[T any](r Sight, name string) bool {
	if r == seesAll {
		return false
	}
	p := planOf(r, reflect.TypeFor[T]())
	if p == nil {
		p = membersOf(r, reflect.TypeFor[T](), map[reflect.Type]bool{})
	}
	m, known := p.members[name]
	return !known || m.hide || m.inner != nil
}

// plan says what to hide inside a type; nil means nothing.
type plan struct {
	members map[string]member // of structs, by JSON name
	elem    *plan             // of slices, arrays and maps
	names   [][]byte          // `"name"` of every hidden field at any depth
}

type member struct {
	hide  bool
	inner *plan // where to look into; nil to take it as it is
}

type planKey struct {
	sight Sight
	typ   reflect.Type
}

var plans sync.Map // planKey -> *plan (nil for nothing)

func planOf(r Sight, t reflect.Type) *plan {
	if p, ok := plans.Load(planKey{r, t}); ok {
		return p.(*plan)
	}
	p, _ := build(r, t, map[reflect.Type]bool{})
	plans.Store(planKey{r, t}, p)
	return p
}

var rawType = reflect.TypeFor[json.RawMessage]()

// build makes the plan of a type; opaque tells that it can't be looked into.
func build(r Sight, t reflect.Type, open map[reflect.Type]bool) (p *plan, opaque bool) {
	if t == rawType {
		return nil, true
	}
	switch t.Kind() {
	case reflect.Interface:
		return nil, true
	case reflect.Pointer:
		return build(r, t.Elem(), open)
	case reflect.Slice, reflect.Array, reflect.Map:
		inner, opaque := build(r, t.Elem(), open)
		if inner == nil {
			return nil, opaque
		}
		return &plan{elem: inner, names: inner.names}, false
	case reflect.Struct:
	default:
		return nil, false
	}
	if open[t] {
		panic(fmt.Sprintf("access: the model's type %s contains itself", t))
	}
	open[t] = true
	defer delete(open, t)
	if p := membersOf(r, t, open); len(p.names) > 0 {
		return p, false
	}
	return nil, false
}

// membersOf goes through the fields of a struct, those of embedded structs included.
func membersOf(r Sight, t reflect.Type, open map[reflect.Type]bool) *plan {
	p := &plan{members: map[string]member{}}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() && !f.Anonymous || f.Tag.Get("json") == "-" {
			continue
		}
		if f.Anonymous && f.Tag.Get("json") == "" && f.Type.Kind() == reflect.Struct {
			inner := membersOf(r, f.Type, open)
			for name, m := range inner.members {
				p.members[name] = m
			}
			p.names = append(p.names, inner.names...)
			continue
		}
		name := jsonName(f)
		inner, opaque := build(r, f.Type, open)
		// Raw JSON with a class of its own is all of that class.
		if !r.Sees(classOf(f)) || opaque && f.Tag.Get("class") == "" && r != seesAll {
			p.members[name] = member{hide: true}
			p.names = append(p.names, []byte(`"`+name+`"`))
			continue
		}
		p.members[name] = member{inner: inner}
		if inner != nil {
			p.names = append(p.names, inner.names...)
		}
	}
	return p
}

func classOf(f reflect.StructField) Class {
	if c := f.Tag.Get("class"); c != "" {
		return Class(c)
	}
	return Internal
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}
