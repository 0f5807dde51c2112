// Package example tries a policy out: given what sources show, it says whether the golden record is what a person expects,
// as the hub's own fold computes it.
package example

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// Example is what sources show of one record, and what its golden record should be.
type Example struct {
	Name   string
	Entity string // item, product or client
	// Sources show the record, each as one observation of its own.
	Sources []Source
	// Expect has fields of the golden record by their JSON names; what it does not name may be anything. Nil expects
	// nothing.
	Expect json.RawMessage
	// Cases are the field groups about which a case is expected to be open, as full names, "item.title".
	Cases []string
	// Published are the connections whose publish rule is expected to have a listing made of the item, sorted; nil expects
	// nothing. What an example can't state (stock, and so status and place) selects nothing.
	Published []string
}

// Source is what one connection shows.
type Source struct {
	Connection  string
	Observation canon.Observation
}

// Result is how an example ended.
type Result struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Failures say what is not as expected, in sentences.
	Failures []string `json:"failures,omitempty"`
}

// KindOf gives what sources show of an entity.
func KindOf(entity string) canon.Kind {
	switch entity {
	case policy.Product:
		return canon.KindProduct
	case policy.Client:
		return canon.KindCustomer
	}
	return canon.KindListing
}

// NewRecord gives the type that the golden record of an entity has.
func NewRecord(entity string) any {
	switch entity {
	case policy.Product:
		return new(canon.Product)
	case policy.Client:
		return new(canon.Client)
	}
	return new(canon.Item)
}

// prefixes are those of node ids.
var prefixes = map[string]string{policy.Item: "itm", policy.Product: "prd", policy.Client: "cli"}

// Run folds an example's sources under settings, in an empty hub in memory, and compares.
func Run(s *canon.Settings, e *Example) (*Result, error) {
	r := &Result{Name: e.Name}
	trial, err := router.NewTrial(s)
	if err != nil {
		return nil, fmt.Errorf("example %q: %w", e.Name, err)
	}
	defer trial.Close()
	for i := range e.Sources {
		if err := trial.Observe(e.Sources[i].Connection, e.Sources[i].Observation); err != nil {
			r.fail("%s %s can't be applied: %v", e.Sources[i].Connection, e.Sources[i].Observation.ExternalID, err)
			return r, nil
		}
	}
	v, err := trial.View()
	if err != nil {
		return nil, fmt.Errorf("example %q: %w", e.Name, err)
	}
	defer v.Close()
	record, err := r.record(v, e)
	if err != nil {
		return nil, fmt.Errorf("example %q: %w", e.Name, err)
	}
	if record != nil {
		err = r.compare(e, record)
	}
	if record != nil && err == nil && e.Published != nil {
		err = r.published(v, s, e)
	}
	r.OK = len(r.Failures) == 0
	return r, err
}

// published notes where the rules would have other listings made than expected.
func (r *Result) published(v store.View, s *canon.Settings, e *Example) error {
	first := &e.Sources[0]
	id := canon.NodeID(prefixes[e.Entity], first.Connection, KindOf(e.Entity), first.Observation.ExternalID)
	for i := range s.Connections {
		name := s.Connections[i].Name
		x, err := router.Explain(v, policy.PublishGroup+name, id)
		if err != nil {
			return fmt.Errorf("example %q: %w", e.Name, err)
		}
		var shown struct {
			Selected bool `json:"selected"`
		}
		if err := json.Unmarshal(x.Value, &shown); err != nil {
			return fmt.Errorf("example %q: %w", e.Name, err)
		}
		switch expected := slices.Contains(e.Published, name); {
		case expected && !shown.Selected:
			r.fail("the rule of %s does not select it", name)
		case !expected && shown.Selected:
			r.fail("the rule of %s selects it", name)
		}
	}
	return nil
}

func (r *Result) fail(format string, args ...any) {
	r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
}

// record gives the one golden record of the sources.
func (r *Result) record(v store.View, e *Example) ([]byte, error) {
	var golden []string
	for i := range e.Sources {
		s := &e.Sources[i]
		n, err := store.Load[store.Node](v, store.PrefixNode+canon.NodeID(prefixes[e.Entity], s.Connection, KindOf(e.Entity), s.Observation.ExternalID))
		switch {
		case err != nil:
			return nil, err
		case n == nil:
			r.fail("%s %s became no %s: its keys are blank, or contradict another's", s.Connection, s.Observation.ExternalID, e.Entity)
		case !slices.Contains(golden, n.Golden):
			golden = append(golden, n.Golden)
		}
	}
	if len(golden) > 1 {
		r.fail("the sources are %d records: give them a key that they share", len(golden))
	}
	if len(r.Failures) > 0 {
		return nil, nil
	}
	raw, found, err := v.Get(store.RecordKey(e.Entity, golden[0]))
	if err == nil && !found {
		r.fail("there is no record")
		return nil, nil
	}
	return raw, err
}

// compare holds the record against what is expected.
func (r *Result) compare(e *Example, record []byte) error {
	got, err := plain(record)
	if err != nil {
		return err
	}
	if len(e.Expect) > 0 {
		want, err := plain(e.Expect)
		if err != nil {
			return err
		}
		r.within("", want, got)
	}
	var open []string
	if members, ok := got.(map[string]any); ok {
		names, _ := members["disputed"].([]any)
		for _, name := range names {
			open = append(open, e.Entity+"."+fmt.Sprint(name))
		}
	}
	for _, c := range e.Cases {
		if !slices.Contains(open, c) {
			r.fail("no case is open about %s", c)
		}
	}
	for _, c := range open {
		if !slices.Contains(e.Cases, c) {
			r.fail("a case is open about %s", c)
		}
	}
	return nil
}

// within notes where what is expected is not in what there is. Objects may have more members, lists may not.
func (r *Result) within(path string, want, got any) {
	if got == nil && empty(want) {
		return
	}
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			for _, name := range sorted(w) {
				r.within(strings.TrimPrefix(path+"."+name, "."), w[name], g[name])
			}
			return
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				r.within(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
			}
			return
		}
	}
	if !reflect.DeepEqual(want, got) {
		r.fail("%s is %s, not %s", path, written(got), written(want))
	}
}

// empty reports whether a value is left out of a record.
func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return x == ""
	case bool:
		return !x
	case json.Number:
		return x == "0"
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func written(v any) string {
	if v == nil {
		return "empty"
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return string(raw)
}

func plain(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	err := d.Decode(&v)
	return v, err
}
