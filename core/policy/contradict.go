package policy

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// wording are the members of the model that keep a source's words beside what was read from them, or say who states a
// value. Two sources that mean the same in other words do not contradict each other.
var wording = []string{"raw", "stated", "label", "connection"}

// Contradict reports whether two values of one field group can't both be right. Values are compared as what was read
// from the words, never as the words: case, spaces and spelling out do not count. What one of them does not state is no
// contradiction: of objects, the members that both have are compared. A list states everything in it, in any order.
func Contradict(a, b any) bool {
	x, y := meaning(a), meaning(b)
	return x != nil && y != nil && differ(x, y)
}

func differ(a, b any) bool {
	x, isObject := a.(map[string]any)
	y, bothAre := b.(map[string]any)
	if !isObject || !bothAre {
		return !reflect.DeepEqual(a, b)
	}
	for name, v := range x {
		if w, has := y[name]; has && differ(v, w) {
			return true
		}
	}
	return false
}

// meaning gives a value as plain JSON values without the source's words and without what is empty; nil where nothing is
// left.
func meaning(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil // the model's types always marshal
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil
	}
	return bare(plain)
}

func bare(v any) any {
	switch x := v.(type) {
	case string:
		if s := strings.Join(strings.Fields(strings.ToLower(x)), " "); s != "" {
			return s
		}
		return nil
	case json.Number:
		if x.String() == "0" {
			return nil
		}
		return x.String()
	case bool:
		if !x {
			return nil
		}
	case map[string]any:
		out := make(map[string]any, len(x))
		for name, member := range x {
			if slices.Contains(wording, name) {
				continue
			}
			if b := bare(member); b != nil {
				out[name] = b
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		return bareList(x)
	}
	return v
}

// bareList gives the elements in an order of their own, each once.
func bareList(list []any) any {
	out := make(map[string]any)
	for _, e := range list {
		if b := bare(e); b != nil {
			text, err := json.Marshal(b)
			if err != nil {
				return nil
			}
			out[string(text)] = b
		}
	}
	if len(out) == 0 {
		return nil
	}
	texts := make([]string, 0, len(out))
	for t := range out {
		texts = append(texts, t)
	}
	slices.Sort(texts)
	return texts
}
