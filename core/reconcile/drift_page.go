package reconcile

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// shownValues are the fields of a state whose values a report may show. Everything else is named alone: costs, payments
// and what concerns persons stay where they are (invariant 7).
var shownValues = []string{"prices", "sku", "status", "title"}

// comparePage compares a page of a sweep with what is known, before it is journaled. What it finds would be lost with
// the page's fold: from then on it is known.
func comparePage(v store.View, connection string, facts []intake.Fact, report bool) (found []canon.DriftRow, holds []canon.DriftHold, err error) {
	for i := range facts {
		f := &facts[i]
		var obs canon.Observation
		if err := json.Unmarshal(f.Data, &obs); err != nil {
			continue // the fold parks it and says so
		}
		key := canon.BindingKey{Connection: connection, Kind: f.Kind, ExternalID: f.ExternalID, Aspect: obs.Aspect}
		if key.Aspect == "" {
			key.Aspect = canon.AspectMain
		}
		b, err := store.Load[canon.Binding](v, store.BindingKey(key))
		if err != nil {
			return nil, nil, err
		}
		row, err := compareFact(b, key, f, &obs)
		if err != nil {
			return nil, nil, err
		}
		if row == nil {
			continue
		}
		found = append(found, *row)
		if h := holdOf(b, row); report && h != nil {
			holds = append(holds, *h)
		}
	}
	return found, holds, nil
}

// compareFact gives what a fact shows otherwise than its binding; nil when nothing.
func compareFact(b *canon.Binding, key canon.BindingKey, f *intake.Fact, obs *canon.Observation) (*canon.DriftRow, error) {
	row := &canon.DriftRow{Connection: key.Connection, Kind: key.Kind, ExternalID: key.ExternalID, Field: "state", Drift: canon.DriftMissed}
	if key.Aspect != canon.AspectMain {
		row.Aspect = key.Aspect
	}
	if obs.Level != nil {
		row.Field, row.Location, row.Read = "available", obs.Level.Location, obs.Level.Available
	}
	switch {
	case obs.Deleted && (b == nil || b.Deleted):
		return nil, nil
	case obs.Deleted:
		row.Field = "deleted"
		return row, nil
	case b == nil || b.Current() == nil || b.Deleted:
		if obs.Level == nil {
			row.Field = "created"
		}
		return row, nil
	}
	if obs.SourceVersion != 0 && b.Versioned != nil && obs.SourceVersion < b.Versioned.SourceVersion {
		return nil, nil // the platform's bulk read lags behind what it told before
	}
	if obs.Level != nil {
		known, err := knownStock(b)
		if err != nil || equalStock(known, row.Read) {
			return nil, err
		}
		row.Known = known
		return row, nil
	}
	if b.Hash == router.ObservationHash(f.Data, f.Personal) {
		return nil, nil
	}
	changes, err := changedFields(b.Current(), f, obs)
	if err != nil || len(changes) == 0 {
		return nil, err
	}
	row.Changes = changes
	if key.Aspect == canon.AspectPrice || len(changes) == 1 && changes[0].Field == "prices" {
		row.Field = "price"
	}
	return row, nil
}

func equalStock(a, b *int64) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

// knownStock is the stock that a level is taken to show, in pieces, with the effects that its platform applies by
// itself; nil when it is not tracked.
func knownStock(b *canon.Binding) (*int64, error) {
	var obs canon.Observation
	if err := json.Unmarshal(b.Current().Observation, &obs); err != nil {
		return nil, fmt.Errorf("%w: the observation of %s does not decode", store.ErrCorrupt, b.BindingKey)
	}
	switch {
	case obs.Level == nil || obs.Level.Available == nil:
		return nil, nil
	case b.Wants != nil:
		return &b.Wants.Shows, nil
	}
	return obs.Level.Available, nil
}

// holdOf gives the hold of a level that showed what it should and shows something else now. What is sold out is never
// held: it would be offered again.
func holdOf(b *canon.Binding, row *canon.DriftRow) *canon.DriftHold {
	if b == nil || b.Wants == nil || row.Kind != canon.KindLevel || row.Read == nil {
		return nil
	}
	should := b.Wants.Quantity
	if should == nil || *should <= 0 || *should != b.Wants.Shows || *row.Read == *should {
		return nil
	}
	return &canon.DriftHold{ExternalID: b.ExternalID, Shows: *row.Read, Should: *should}
}

// changedFields lists the fields of a state that differ, without those that either side hides.
func changedFields(known *canon.Shown, f *intake.Fact, obs *canon.Observation) ([]canon.Change, error) {
	var was canon.Observation
	if err := json.Unmarshal(known.Observation, &was); err != nil {
		return nil, fmt.Errorf("%w: the observation of %s %s does not decode", store.ErrCorrupt, f.Kind, f.ExternalID)
	}
	before, err := fieldsOf(known.Observation, f.Kind)
	if err != nil {
		return nil, err
	}
	after, err := fieldsOf(f.Data, f.Kind)
	if err != nil {
		return nil, err
	}
	hidden := append(slices.Clone(was.Hidden), obs.Hidden...)
	names := make(map[string]stdjson.RawMessage, len(after))
	maps.Copy(names, before)
	maps.Copy(names, after)
	var changes []canon.Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if slices.Contains(hidden, name) || bytes.Equal(before[name], after[name]) {
			continue
		}
		c := canon.Change{Field: name}
		if slices.Contains(shownValues, name) {
			c.Before, c.After = before[name], after[name]
		}
		changes = append(changes, c)
	}
	if len(known.Personal) > 0 && len(f.Personal) > 0 && !bytes.Equal(known.Personal, f.Personal) && len(hidden) == 0 {
		changes = append(changes, canon.Change{Field: "person"})
	}
	return changes, nil
}

// fieldsOf splits the state in an observation into its fields.
func fieldsOf(observation []byte, kind canon.Kind) (map[string]stdjson.RawMessage, error) {
	var whole map[string]stdjson.RawMessage
	if err := stdjson.Unmarshal(observation, &whole); err != nil {
		return nil, fmt.Errorf("reconcile: the observation of a %s does not decode", kind)
	}
	var state map[string]stdjson.RawMessage
	if raw := whole[string(kind)]; len(raw) > 0 {
		if err := stdjson.Unmarshal(raw, &state); err != nil {
			return nil, fmt.Errorf("reconcile: the state of a %s does not decode", kind)
		}
	}
	return state, nil
}
