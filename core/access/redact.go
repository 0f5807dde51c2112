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

// Sees reports whether a role gets the fields of a class:
//
//	           admin  manager  till  device  read
//	public     yes    yes      yes   yes     yes
//	internal   yes    yes      yes   yes     yes
//	cost       yes    yes      no    no      no
//	payment    yes    yes      yes   no      no
//	personal   yes    yes      yes   no      no
//
// A class that is not in the table is seen by nobody but admin.
func (r Role) Sees(c Class) bool {
	switch c {
	case Public, Internal:
		return slices.Contains(Roles(), r)
	case Cost:
		return r == RoleAdmin || r == RoleManager
	case Payment, Personal:
		return r == RoleAdmin || r == RoleManager || r == RoleTill
	}
	return r == RoleAdmin
}

// Redact takes every field that the role does not see out of v, which must be a pointer to a struct or a slice of
// structs of the model. What can't be looked into (raw JSON without a class) is hidden from every role that misses
// any class.
func Redact(r Role, v any) {
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() {
		panic(fmt.Sprintf("access: Redact needs a pointer, not %T", v))
	}
	apply(planOf(r, rv.Type().Elem()), rv.Elem())
}

// JSON gives a record's stored bytes as the role may see them. Where the role sees every class of the type, or no
// hidden field occurs in the bytes, they come back as they are, so that the usual read costs no decoding.
func JSON[T any](r Role, raw []byte) ([]byte, error) {
	p := planOf(r, reflect.TypeFor[T]())
	if p == nil || !slices.ContainsFunc(p.names, func(name []byte) bool { return bytes.Contains(raw, name) }) {
		return raw, nil
	}
	v := new(T)
	if err := json.Unmarshal(raw, v); err != nil {
		return nil, fmt.Errorf("access: a stored %T does not decode: %w", *v, err)
	}
	apply(p, reflect.ValueOf(v).Elem())
	return json.Marshal(v)
}

// FieldHidden reports whether a field of the type, named by its JSON name, is hidden from a role. An unknown name is
// hidden from every role that misses a class: a door fails closed.
func FieldHidden[T any](r Role, name string) bool {
	t := reflect.TypeFor[T]()
	for i := range t.NumField() {
		f := t.Field(i)
		if jsonName(f) == name {
			if !r.Sees(classOf(f)) {
				return true
			}
			return planOf(r, f.Type) != nil
		}
	}
	return !seesAll(r)
}

// plan says what to hide inside a type; nil means nothing.
type plan struct {
	hide  []int         // fields to set to zero
	inner map[int]*plan // fields to look into
	elem  *plan         // of slices, arrays, pointers and maps
	raw   bool          // raw JSON: drop
	names [][]byte      // `"name"` of every hidden field at any depth
}

type planKey struct {
	role Role
	typ  reflect.Type
}

var plans sync.Map // planKey -> *plan (nil for nothing)

func planOf(r Role, t reflect.Type) *plan {
	if p, ok := plans.Load(planKey{r, t}); ok {
		return p.(*plan)
	}
	p := build(r, t, map[reflect.Type]bool{})
	plans.Store(planKey{r, t}, p)
	return p
}

var rawType = reflect.TypeFor[json.RawMessage]()

func build(r Role, t reflect.Type, open map[reflect.Type]bool) *plan {
	if t == rawType {
		if seesAll(r) {
			return nil
		}
		return &plan{raw: true}
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		inner := build(r, t.Elem(), open)
		if inner == nil {
			return nil
		}
		return &plan{elem: inner, names: inner.names}
	case reflect.Interface:
		if seesAll(r) {
			return nil
		}
		return &plan{raw: true}
	case reflect.Struct:
	default:
		return nil
	}
	if open[t] {
		panic(fmt.Sprintf("access: the model's type %s contains itself", t))
	}
	open[t] = true
	defer delete(open, t)
	p := &plan{inner: map[int]*plan{}}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if !r.Sees(classOf(f)) {
			p.hide = append(p.hide, i)
			p.names = append(p.names, quoted(f))
			continue
		}
		if inner := build(r, f.Type, open); inner != nil {
			if inner.raw {
				if f.Tag.Get("class") != "" { // raw JSON with a class of its own is all of that class
					continue
				}
				p.hide = append(p.hide, i)
				p.names = append(p.names, quoted(f))
				continue
			}
			p.inner[i] = inner
			p.names = append(p.names, inner.names...)
		}
	}
	if len(p.hide) == 0 && len(p.inner) == 0 {
		return nil
	}
	return p
}

func apply(p *plan, v reflect.Value) {
	if p == nil {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			apply(p.elem, v.Elem())
		}
	case reflect.Slice, reflect.Array:
		if p.raw || p.elem != nil && p.elem.raw {
			v.SetZero()
			return
		}
		for i := range v.Len() {
			apply(p.elem, v.Index(i))
		}
	case reflect.Map, reflect.Interface: // values in maps can't be set in place
		v.SetZero()
	case reflect.Struct:
		for _, i := range p.hide {
			v.Field(i).SetZero()
		}
		for i, inner := range p.inner {
			apply(inner, v.Field(i))
		}
	}
}

func classOf(f reflect.StructField) Class {
	if c := f.Tag.Get("class"); c != "" {
		return Class(c)
	}
	return Internal
}

func seesAll(r Role) bool {
	return r.Sees(Public) && r.Sees(Internal) && r.Sees(Cost) && r.Sees(Payment) && r.Sees(Personal)
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		return f.Name
	}
	return name
}

// quoted is how a field shows in JSON bytes.
func quoted(f reflect.StructField) []byte { return []byte(`"` + jsonName(f) + `"`) }
