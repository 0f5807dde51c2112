package router

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// SettingsPlan is what other settings would change, before they are in force.
type SettingsPlan struct {
	// Position is the journal position that the plan stands for.
	Position canon.Position `json:"position"`
	// Digest names the plan; a policy is applied by it.
	Digest string `json:"digest,omitempty"`
	// Same tells that the settings are those in force: nothing was computed.
	Same    bool             `json:"same,omitempty"`
	Records []PlannedRecords `json:"records"`
	// CasesOpened and CasesClosed are the cases about fields.
	CasesOpened int `json:"cases_opened"`
	CasesClosed int `json:"cases_closed"`
	// Calls are the writes that the change would cause, by connection.
	Calls []PlannedCalls `json:"calls"`
	// Examples are the first records that would change, at most maxExamples of each type.
	Examples []PlannedChange `json:"examples"`
}

// PlannedRecords says how many records of a type would change.
type PlannedRecords struct {
	Type    string         `json:"type"` // item, product or client
	All     int            `json:"all"`
	Changed int            `json:"changed"`
	Fields  []PlannedField `json:"fields"` // sorted by name
}

// PlannedField says in how many records a field would change.
type PlannedField struct {
	Field   string `json:"field"`
	Records int    `json:"records"`
}

// PlannedCalls says how many writes a connection would get.
type PlannedCalls struct {
	Connection string     `json:"connection"`
	Mode       canon.Mode `json:"mode"` // only a live connection is written to
	Calls      int        `json:"calls"`
	// Listings are those of the calls that make, change, take down or put up listings.
	Listings int `json:"listings,omitempty"`
}

// PlannedChange is a record that would change, without its values.
type PlannedChange struct {
	Type   string   `json:"type"`
	ID     string   `json:"id"`
	Fields []string `json:"fields"`
}

const (
	dryPage     = 25 // records that are computed at once
	maxExamples = 10
)

// PlanSettings computes every record of a view under other settings, with the very fold that would do it, and counts what
// differs. Nothing is written: each page is taken back before the next, so that what one record's change would mean for
// another's (a piece whose stone is blocked) is counted within a page alone.
func PlanSettings(ctx context.Context, v store.View, s *canon.Settings) (*SettingsPlan, error) {
	mark, err := v.Mark()
	if err != nil {
		return nil, fmt.Errorf("router: plan settings: %w", err)
	}
	d := &dryRun{view: v, mark: mark, opened: make(map[string]bool), closed: make(map[string]bool), plan: &SettingsPlan{Position: mark.Position, Records: []PlannedRecords{}, Calls: []PlannedCalls{}, Examples: []PlannedChange{}}}
	if d.f, err = newFold(store.NewTx(v), nil); err != nil {
		return nil, err
	}
	if d.f.version == 0 {
		return d.plan, nil // nothing has been folded
	}
	if d.plan.Same, err = equalJSON(d.f.settings, s); err != nil {
		return nil, err
	}
	if err := d.f.save(store.KeySettings, s); err != nil {
		return nil, err
	}
	if err := d.f.reload(); err != nil {
		return nil, err
	}
	calls := make(map[string]map[string]bool)
	for _, typ := range policy.Entities() {
		if err := d.each(ctx, typ, calls); err != nil {
			return nil, err
		}
	}
	for _, name := range sortedKeys(calls) {
		c, err := store.Load[canon.Connection](v, store.PrefixConn+name)
		if err != nil {
			return nil, err
		}
		planned := PlannedCalls{Connection: name, Mode: canon.ModeObserve, Calls: len(calls[name])}
		for what := range calls[name] {
			if strings.HasPrefix(what, listingCall) {
				planned.Listings++
			}
		}
		if c != nil {
			if planned.Mode = c.Mode; c.Live() {
				planned.Mode = canon.ModeLive // of the parts that are
			}
		}
		d.plan.Calls = append(d.plan.Calls, planned)
	}
	return d.plan, nil
}

type dryRun struct {
	view store.View
	mark store.Mark
	f    *fold
	plan *SettingsPlan

	opened, closed map[string]bool // cases that were counted
}

// each computes the records of a type page by page.
func (d *dryRun) each(ctx context.Context, typ string, calls map[string]map[string]bool) error {
	prefix := store.PrefixRecord + typ + "/"
	seen := PlannedRecords{Type: typ, Fields: []PlannedField{}}
	fields := make(map[string]int)
	if d.plan.Same {
		d.plan.Records = append(d.plan.Records, seen)
		return nil
	}
	changed := make(map[string]bool)
	for from := ""; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var page []string
		err := d.view.Scan(prefix, from, func(key string, _ []byte) (bool, error) {
			page = append(page, key[len(prefix):])
			return len(page) < dryPage, nil
		})
		if err != nil {
			return fmt.Errorf("router: plan settings: %w", err)
		}
		seen.All += len(page)
		rows, err := d.page(typ, page, calls)
		if err != nil {
			return err
		}
		for i := range rows {
			d.count(&rows[i], typ, changed, fields)
		}
		if len(page) < dryPage {
			break
		}
		from = prefix + page[len(page)-1] + "\x00"
	}
	seen.Changed = len(changed)
	for _, name := range sortedKeys(fields) {
		seen.Fields = append(seen.Fields, PlannedField{name, fields[name]})
	}
	d.plan.Records = append(d.plan.Records, seen)
	return nil
}

// count takes a timeline row that the change would write.
func (d *dryRun) count(r *canon.Row, typ string, changed map[string]bool, fields map[string]int) {
	switch {
	case r.Type == "case" && r.Event == "case.opened" && !d.opened[r.Entity]: // a page may meet it that another one met
		d.opened[r.Entity] = true
		d.plan.CasesOpened++
	case r.Type == "case" && r.Event == "case.closed" && !d.closed[r.Entity]:
		d.closed[r.Entity] = true
		d.plan.CasesClosed++
	case r.Type == typ && len(r.Changes) > 0 && !changed[r.Entity]:
		changed[r.Entity] = true
		change := PlannedChange{Type: typ, ID: r.Entity, Fields: []string{}}
		for _, c := range r.Changes {
			fields[c.Field]++
			change.Fields = append(change.Fields, c.Field)
		}
		if len(changed) <= maxExamples {
			d.plan.Examples = append(d.plan.Examples, change)
		}
	}
}

// page computes a page of records and takes it back.
func (d *dryRun) page(typ string, ids []string, calls map[string]map[string]bool) ([]canon.Row, error) {
	refresh := canon.Refresh{Items: []string{}}
	switch typ {
	case policy.Item:
		refresh.Items = ids
	case policy.Product:
		refresh.Products = ids
	case policy.Client:
		refresh.Clients = ids
	}
	e, err := NewEntry(canon.EntryRefresh, canon.Head{Actor: "hub"}, refresh)
	if err != nil {
		return nil, err
	}
	ft := fact{pos: canon.Position{Offset: d.mark.Position.Offset + 1}, at: time.Unix(0, d.mark.Time).UTC()}
	ft.decode(&e)
	d.f.out = &Commit{}
	d.f.tx.Begin()
	defer d.f.tx.Rollback()
	if err := d.f.apply(&ft); err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(d.f.rows, func(r canon.Row) bool { return r.Type == "parked" }); i >= 0 {
		return nil, fmt.Errorf("router: plan settings: %d records of type %s could not be computed under them", len(ids), typ)
	}
	for _, key := range d.f.out.Levels {
		causes, err := d.causesCall(key)
		if err != nil {
			return nil, err
		}
		if !causes {
			continue
		}
		if calls[key.Connection] == nil {
			calls[key.Connection] = make(map[string]bool)
		}
		calls[key.Connection][key.ExternalID] = true
	}
	return d.f.rows, d.listingCalls(calls)
}

// listingCall begins what a call on a listing is counted under.
const listingCall = "listing\x00"

// listingCalls counts the actions on listings that the page would make, or make otherwise than is wanted now.
func (d *dryRun) listingCalls(calls map[string]map[string]bool) error {
	for _, name := range d.f.out.Actions {
		prefix := store.PrefixToDo + name + "/"
		err := d.f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
			after, err := store.Load[canon.Action](d.f.tx, store.ActionKey(name, key[len(prefix):]))
			if err != nil || after == nil || after.Listing == nil {
				return err == nil, err
			}
			before, err := store.Load[canon.Action](d.view, store.ActionKey(name, after.Key))
			if err != nil || before != nil && before.Listing.Hash() == after.Listing.Hash() {
				return err == nil, err
			}
			if calls[name] == nil {
				calls[name] = make(map[string]bool)
			}
			calls[name][listingCall+after.Listing.Node+string(after.Kind)] = true
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// causesCall reports whether a level would be written that would not be now, or written otherwise.
func (d *dryRun) causesCall(key canon.BindingKey) (bool, error) {
	before, err := store.Load[canon.Binding](d.view, store.BindingKey(key))
	if err != nil {
		return false, err
	}
	after, err := store.Load[canon.Binding](d.f.tx, store.BindingKey(key))
	if err != nil || after == nil || !after.Wants.Differs() {
		return false, err
	}
	return before == nil || !before.Wants.Differs() || *before.Wants.Quantity != *after.Wants.Quantity, nil
}

func equalJSON(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return bytes.Equal(x, y), err
}
