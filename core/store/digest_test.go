package store_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/store/storetest"
)

type part struct {
	Name  string `json:"name,omitempty"`
	Noise int    `json:"noise" golden:"-"`
}

type inner struct {
	Amount int64 `json:"amount"`
}

type thing struct {
	inner
	B     string              `json:"b,omitempty"`
	A     *part               `json:"a,omitempty"`
	Parts []part              `json:"parts"`
	ByKey map[string]part     `json:"by_key,omitempty"`
	Ports map[uint16]bool     `json:"ports,omitempty"`
	At    time.Time           `json:"at,omitzero"`
	Raw   json.RawMessage     `json:"raw,omitempty"`
	Bytes []byte              `json:"bytes,omitempty"`
	Seen  canon.Position      `json:"seen" golden:"-"`
	Any   any                 `json:"any,omitempty"`
	Two   [2]int8             `json:"two"`
	Deep  map[string][]*inner `json:"deep"`
	Ok    bool
}

func TestCanonicalJSON(t *testing.T) {
	full := &thing{
		inner: inner{5}, B: "a\"\\\n\x01<é", A: &part{"x", 1}, Parts: []part{{Noise: 2}},
		ByKey: map[string]part{"z": {}, "b": {Name: "n"}}, Ports: map[uint16]bool{9: true, 10: false},
		At:  time.Date(2026, 1, 2, 3, 4, 5, 60, time.FixedZone("", 7200)),
		Raw: json.RawMessage(` {"b": 1.50, "a":[null, 12345678901234567890]} `), Bytes: []byte{1, 2},
		Seen: canon.Position{Offset: 3, Index: 4}, Any: map[string]any{"k": json.Number("1e3")}, Two: [2]int8{-1, 2},
		Deep: map[string][]*inner{"d": {nil, {7}}}, Ok: true,
	}
	for _, c := range []struct {
		name  string
		value any
		scope store.Scope
		want  string
	}{
		{"empty", &thing{}, store.ScopeState, `{"Ok":false,"a":null,"amount":0,"any":null,"at":"0001-01-01T00:00:00Z","b":"",` +
			`"by_key":{},"bytes":"","deep":{},"parts":[],"ports":{},"raw":null,"seen":"0.0","two":[0,0]}`},
		{"state", full, store.ScopeState, `{"Ok":true,"a":{"name":"x","noise":1},"amount":5,"any":{"k":1e3},` +
			`"at":"2026-01-02T03:04:05.00000006+02:00","b":"a\"\\\u000a\u0001<é",` +
			`"by_key":{"b":{"name":"n","noise":0},"z":{"name":"","noise":0}},"bytes":"AQI=","deep":{"d":[null,{"amount":7}]},` +
			`"parts":[{"name":"","noise":2}],"ports":{"10":false,"9":true},"raw":{"a":[null,12345678901234567890],"b":1.50},` +
			`"seen":"3.4","two":[-1,2]}`},
		{
			"golden", &thing{A: &part{"x", 1}, Parts: []part{{Noise: 2}}, ByKey: map[string]part{"z": {}}}, store.ScopeGolden,
			`{"Ok":false,"a":{"name":"x"},"amount":0,"any":null,"at":"0001-01-01T00:00:00Z","b":"","by_key":{"z":{"name":""}},` +
				`"bytes":"","deep":{},"parts":[{"name":""}],"ports":{},"raw":null,"two":[0,0]}`,
		},
	} {
		got, err := store.AppendCanonical(nil, c.value, c.scope)
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.name, got, err, c.want)
		}
	}
}

func TestCanonicalJSONRefuses(t *testing.T) {
	number := reflect.TypeFor[int]()
	twice := reflect.Zero(reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: number, Tag: `json:"x"`}, {Name: "B", Type: number, Tag: `json:"x"`},
	})).Interface()
	for name, v := range map[string]any{
		"float":        struct{ F float64 }{},
		"float inside": map[string]any{"x": []any{1.5}},
		"unstored": struct {
			F int `json:"-"`
		}{},
		"unexported":      struct{ f int }{},
		"the same twice":  twice,
		"embeds pointer":  struct{ *inner }{},
		"broken raw":      json.RawMessage(`{"a":`),
		"raw with a tail": json.RawMessage(`1 2`),
		"function":        struct{ F func() }{},
		"odd map key":     map[[1]int]int{{1}: 1},
	} {
		if got, err := store.AppendCanonical(nil, v, store.ScopeState); err == nil {
			t.Errorf("%s: became %s", name, got)
		}
	}
}

// ticket stays out of the golden digest once it is closed.
type ticket struct {
	Closed bool   `json:"closed"`
	Text   string `json:"text"`
}

func (t *ticket) InGolden() bool { return !t.Closed }

func thingType() store.RecordType {
	return store.RecordType{Prefix: "thing/", New: func() any { return new(thing) }, Golden: true}
}

func ticketType() store.RecordType {
	return store.RecordType{Prefix: "ticket/", New: func() any { return new(ticket) }, Golden: true}
}

func digest(t testing.TB, r store.Reader, scope store.Scope, types ...store.RecordType) store.Report {
	t.Helper()
	report, err := store.Digest(t.Context(), r, types, scope)
	check(t, err)
	return report
}

func TestDigestScopes(t *testing.T) {
	index := store.RecordType{Prefix: "ix/"}
	types := []store.RecordType{ticketType(), index, thingType()}
	pairs := func(kv ...string) store.View {
		s := store.NewMemory()
		storetest.Put(t, s, storetest.At(1), kv...)
		v, err := s.View()
		check(t, err)
		return v
	}
	base := pairs("thing/1", `{"b":"x","seen":"1.0"}`, "ticket/1", `{"text":"open"}`, "ix/a", "", "other/1", "?")
	state, golden := digest(t, base, store.ScopeState, types...), digest(t, base, store.ScopeGolden, types...)
	wantState := map[string]int{"thing/": 1, "ticket/": 1, "ix/": 1}
	wantGolden := map[string]int{"thing/": 1, "ticket/": 1}
	if !reflect.DeepEqual(state.Counts, wantState) || !reflect.DeepEqual(golden.Counts, wantGolden) ||
		state.Unlisted != 1 || len(state.Digest) != 64 || state.Digest == golden.Digest {
		t.Errorf("state %+v, golden %+v", state, golden)
	}
	for _, c := range []struct {
		name          string
		view          store.View
		state, golden bool // another digest
	}{
		{"the same, written otherwise", pairs("thing/1", ` {"seen":"1.0", "parts":[], "b":"x"}`, "ticket/1", `{"text":"open","closed":false}`, "ix/a", ""), false, false},
		{"a version", pairs("thing/1", `{"b":"x","seen":"2.0"}`, "ticket/1", `{"text":"open"}`, "ix/a", ""), true, false},
		{"a value", pairs("thing/1", `{"b":"y","seen":"1.0"}`, "ticket/1", `{"text":"open"}`, "ix/a", ""), true, true},
		{"a key", pairs("thing/2", `{"b":"x","seen":"1.0"}`, "ticket/1", `{"text":"open"}`, "ix/a", ""), true, true},
		{"a closed record more", pairs("thing/1", `{"b":"x","seen":"1.0"}`, "ticket/1", `{"text":"open"}`, "ticket/2", `{"closed":true}`, "ix/a", ""), true, false},
		{"an index entry gone", pairs("thing/1", `{"b":"x","seen":"1.0"}`, "ticket/1", `{"text":"open"}`), true, false},
		{"an index value", pairs("thing/1", `{"b":"x","seen":"1.0"}`, "ticket/1", `{"text":"open"}`, "ix/a", "1"), true, false},
	} {
		s, g := digest(t, c.view, store.ScopeState, types...), digest(t, c.view, store.ScopeGolden, types...)
		if (s.Digest != state.Digest) != c.state || (g.Digest != golden.Digest) != c.golden {
			t.Errorf("%s: another state %v, another golden %v; want %v, %v", c.name,
				s.Digest != state.Digest, g.Digest != golden.Digest, c.state, c.golden)
		}
	}
}

func TestDigestRefuses(t *testing.T) {
	for name, value := range map[string]string{
		"not JSON":       `{"b":`,
		"a wrong type":   `{"b":7}`,
		"a secret field": `{"secret":"hunter2"}`,
		"a tail":         `{} {}`,
	} {
		s := store.NewMemory()
		storetest.Put(t, s, storetest.At(1), "thing/1", value)
		v, err := s.View()
		check(t, err)
		_, err = store.Digest(t.Context(), v, []store.RecordType{thingType()}, store.ScopeState)
		if !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), `"thing/1"`) {
			t.Errorf("%s: %v; want ErrCorrupt with the key", name, err)
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells content: %v", err)
		}
	}
	v, err := store.NewMemory().View()
	check(t, err)
	overlap := []store.RecordType{{Prefix: "a/"}, {Prefix: "a/b/"}}
	if _, err := store.Digest(t.Context(), v, overlap, store.ScopeState); err == nil {
		t.Error("a prefix inside another was taken")
	}
	if _, err := store.Digest(t.Context(), v, nil, "everything"); err == nil {
		t.Error("an unknown scope was taken")
	}
}

func record[T any](prefix string, golden bool) store.RecordType {
	return store.RecordType{Prefix: prefix, New: func() any { return new(T) }, Golden: golden}
}

func TestEveryFieldCounts(t *testing.T) {
	storetest.EveryFieldCounts(t, []store.RecordType{
		thingType(), ticketType(),
		{Prefix: "ix/"},
		record[canon.Item]("rec/item/", true),
		record[canon.Product]("rec/product/", true),
		record[canon.Client]("rec/client/", true),
		record[canon.Order]("rec/order/", true),
		record[canon.Refund]("rec/refund/", true),
		record[canon.Location]("rec/location/", true),
		record[canon.Binding]("bind/", true),
		record[canon.Claim]("claim/", true),
		record[canon.Case]("case/", true),
		record[canon.Row]("tl/", false),
		record[canon.Connection]("conn/", false),
		record[canon.Outcome]("outcome/", false),
		record[canon.Parked]("parked/", false),
		record[canon.MatchRow]("match/", false),
		record[canon.Match]("decision/", false),
		record[canon.Settings]("settings", false),
	})
}

// forgetful loses a field on the way to text, as a hand-written encoding might.
type forgetful struct{ Kept, Lost int }

func (f forgetful) MarshalText() ([]byte, error) { return []byte(strings.Repeat("i", f.Kept)), nil }

func (f *forgetful) UnmarshalText(b []byte) error { f.Kept = len(b); return nil }

func TestBlindFindsWhatADigestMisses(t *testing.T) {
	problems := strings.Join(storetest.Blind(t, record[struct{ F forgetful }]("f/", false)), "\n")
	if !strings.Contains(problems, "F.Lost") || strings.Contains(problems, "F.Kept") {
		t.Errorf("it found %q; want F.Lost alone", problems)
	}
}
