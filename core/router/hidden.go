package router

import (
	"bytes"
	"reflect"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// unhide copies the fields that obs hides from an older state of the same entity that showed them.
func unhide(obs, full *canon.Observation) {
	var dst, src reflect.Value
	switch {
	case obs.Listing != nil && full.Listing != nil:
		dst, src = reflect.ValueOf(obs.Listing).Elem(), reflect.ValueOf(full.Listing).Elem()
	case obs.Product != nil && full.Product != nil:
		dst, src = reflect.ValueOf(obs.Product).Elem(), reflect.ValueOf(full.Product).Elem()
	case obs.Order != nil && full.Order != nil:
		dst, src = reflect.ValueOf(obs.Order).Elem(), reflect.ValueOf(full.Order).Elem()
	case obs.Customer != nil && full.Customer != nil:
		dst, src = reflect.ValueOf(obs.Customer).Elem(), reflect.ValueOf(full.Customer).Elem()
	default:
		return
	}
	t := dst.Type()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if contains(obs.Hidden, name) {
			dst.Field(i).Set(src.Field(i))
		}
	}
}

// firstFrame names the place of a panic: the first frame of this module below the runtime's.
func firstFrame(stack []byte) string {
	lines := bytes.Split(stack, []byte("\n"))
	panicked := false
	for _, l := range lines {
		s := strings.TrimSpace(string(l))
		if strings.HasPrefix(s, "panic(") {
			panicked = true
			continue
		}
		if panicked && strings.Contains(s, ".go:") {
			if i := strings.LastIndex(s, "/"); i >= 0 && !strings.Contains(s, "/runtime/") {
				place, _, _ := strings.Cut(s[i+1:], " ")
				return place
			}
		}
	}
	return "an unknown place"
}
