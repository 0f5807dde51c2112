package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Breaks lists what a change of a published schema takes away from its readers: a field that is gone or renamed, is of
// another type or class, or is no longer always there. A new field breaks nothing.
func Breaks(published, now *Schema) []string {
	var out []string
	breaks(published.Title, published, now, &out)
	for _, name := range slices.Sorted(maps.Keys(published.Defs)) {
		def, ok := now.Defs[name]
		if !ok {
			out = append(out, fmt.Sprintf("%s: the type %s is gone", published.Title, name))
			continue
		}
		breaks(name, published.Defs[name], def, &out)
	}
	return out
}

func breaks(at string, published, now *Schema, out *[]string) {
	if was, is := kind(published), kind(now); was != is {
		*out = append(*out, fmt.Sprintf("%s was %s and is %s", at, was, is))
		return
	}
	if published.Class != now.Class {
		*out = append(*out, fmt.Sprintf("%s was of class %s and is of class %s", at, published.Class, now.Class))
	}
	for _, name := range slices.Sorted(maps.Keys(published.Properties)) {
		field, ok := now.Properties[name]
		if !ok {
			*out = append(*out, fmt.Sprintf("%s.%s is gone", at, name))
			continue
		}
		breaks(at+"."+name, published.Properties[name], field, out)
	}
	for _, name := range published.Required {
		if !slices.Contains(now.Required, name) && now.Properties[name] != nil {
			*out = append(*out, fmt.Sprintf("%s.%s was always there and may now be absent", at, name))
		}
	}
	if published.Items != nil && now.Items != nil {
		breaks(at+"[]", published.Items, now.Items, out)
	}
	if published.Additional != nil && now.Additional != nil {
		breaks(at+"{}", published.Additional, now.Additional, out)
	}
	for _, word := range published.Known {
		if !slices.Contains(now.Known, word) {
			*out = append(*out, fmt.Sprintf("%s no longer knows %q", at, word))
		}
	}
}

func kind(s *Schema) string {
	switch {
	case s.Ref != "":
		return s.Ref
	case len(s.AnyOf) > 0:
		return kind(s.AnyOf[0]) + " or null"
	case len(s.Type) == 0:
		return "anything"
	case s.Format != "":
		return strings.Join(s.Type, " or ") + " " + s.Format
	}
	return strings.Join(s.Type, " or ")
}
