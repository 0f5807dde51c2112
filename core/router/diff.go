package router

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
)

// diff lists the fields in which two records of one type differ, as JSON. Fields that are bookkeeping (`golden:"-"`)
// do not count, except that of a nil record before everything is new.
func diff[T any](before, after *T) ([]canon.Change, error) {
	var zero T
	if before == nil {
		before = &zero
	}
	b, a := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	var changes []canon.Change
	for _, fd := range fieldsOf(a.Type()) {
		bv, av := b.Field(fd.index), a.Field(fd.index)
		// By pointers: an interface with the value itself would be a copy of it.
		if reflect.DeepEqual(bv.Addr().Interface(), av.Addr().Interface()) || (empty(bv) && empty(av)) {
			continue
		}
		c := canon.Change{Field: fd.name}
		var err error
		if !bv.IsZero() {
			if c.Before, err = json.Marshal(bv.Interface()); err != nil {
				return nil, err
			}
		}
		if !av.IsZero() {
			if c.After, err = json.Marshal(av.Interface()); err != nil {
				return nil, err
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// empty takes a nil slice and one without elements for the same: JSON does not tell them apart after omitempty.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

type field struct {
	index int
	name  string
}

// fieldCache keeps the compared fields of each type. It is a cache of facts of the program, not state.
var fieldCache sync.Map

func fieldsOf(t reflect.Type) []field {
	if fs, ok := fieldCache.Load(t); ok {
		return fs.([]field)
	}
	var fs []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if (sf.Tag.Get("golden") == "-" && name != "holder") || name == "" || name == "-" {
			continue
		}
		fs = append(fs, field{i, name})
	}
	fieldCache.Store(t, fs)
	return fs
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	if len(m) == 0 {
		return nil
	}
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
