package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// Outline gives the configuration by its keys, to show it to somebody who may not know its secrets: secrets become
// [redacted], and of a connector's own configuration, whose keys only the connector knows, stays which keys there are and
// of what kind their values are. Invariant 7.
func (c *Config) Outline() any { return outline(reflect.ValueOf(c).Elem()) }

func outline(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case Secret:
		if x.value == "" {
			return ""
		}
		return redacted
	case Document:
		var own any
		if err := json.Unmarshal(x.JSON(), &own); err != nil {
			return redacted
		}
		return kinds(own)
	case time.Time:
		return x
	}
	switch v.Kind() {
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
				out[name] = outline(v.Field(i))
			}
		}
		return out
	case reflect.Slice:
		out := []any{}
		for i := range v.Len() {
			out = append(out, outline(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := map[string]any{}
		for _, k := range v.MapKeys() {
			out[k.String()] = outline(v.MapIndex(k))
		}
		return out
	}
	return v.Interface()
}

// kinds puts the kind of a value in its place.
func kinds(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, inner := range x {
			out[k] = kinds(inner)
		}
		return out
	case []any:
		return fmt.Sprintf("a list of %d", len(x))
	case string:
		return "text"
	case bool:
		return x
	case nil:
		return nil
	}
	return "a number"
}

// Secrets gives those of the alarms, so that a change of them is noticed.
func (a *Alarms) Secrets() []string {
	var out []string
	secretsIn(reflect.ValueOf(a).Elem(), &out)
	return out
}

// SecretValues gives every secret of the configuration, to look for them where they must not be.
func (c *Config) SecretValues() []string {
	var out []string
	secretsIn(reflect.ValueOf(c).Elem(), &out)
	return out
}

func secretsIn(v reflect.Value, out *[]string) {
	if v.Type() == typeSecret {
		if s, ok := v.Interface().(Secret); ok && s.value != "" {
			*out = append(*out, s.value)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("yaml") != "" {
				secretsIn(v.Field(i), out)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			secretsIn(v.Index(i), out)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			secretsIn(v.MapIndex(k), out)
		}
	}
}
