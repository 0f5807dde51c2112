package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// unwritten are the codes of levels that nothing is wrong with, though the hub writes none of them.
var unwritten = []string{"connection.counts_stock", "listing.unbound", "listing.deleted", "stock.untracked"}

// comparison makes a report from a view that holds everything that was read.
type comparison struct {
	v      store.View
	reach  *reach
	run    *canon.DriftRun
	policy DriftPolicy
	report *canon.DriftReport
	// found are the levels that the sweep showed otherwise than known, by external id.
	found map[string]*canon.DriftRow
	// parked are the newest facts of each entity that the fold could not take in.
	parked map[canon.Ref]*canon.Parked
	rows   map[canon.BindingKey]bool // bindings with a row
	open   []canon.BindingKey        // those that may still settle
	prices *parity
}

// compare makes the report of the newest view. unseen is what the sweep should have shown and did not. open are the
// bindings that may still become what they should be by themselves.
func (d *Drifter) compare(unseen []canon.Ref) (report *canon.DriftReport, open []canon.BindingKey, err error) {
	v, err := d.o.Store.View()
	if err != nil {
		return nil, nil, err
	}
	defer v.Close()
	c, err := newComparison(v, d.o.Name, d.o.Policy)
	if err != nil {
		return nil, nil, err
	}
	if err := c.bindings(); err != nil {
		return nil, nil, err
	}
	if err := c.repaired(unseen); err != nil {
		return nil, nil, err
	}
	return c.report, c.open, nil
}

func newComparison(v store.View, connection string, policy DriftPolicy) (*comparison, error) {
	mark, err := v.Mark()
	if err != nil {
		return nil, err
	}
	run, err := store.Load[canon.DriftRun](v, store.PrefixSweep+connection)
	if err != nil {
		return nil, err
	}
	if run == nil {
		return nil, fmt.Errorf("reconcile: the sweep of %s is gone from the view", connection)
	}
	c := &comparison{v: v, run: run, policy: policy, found: make(map[string]*canon.DriftRow), rows: make(map[canon.BindingKey]bool)}
	if c.reach, err = loadReach(v, connection); err != nil {
		return nil, err
	}
	if c.parked, err = parkedFacts(v, connection); err != nil {
		return nil, err
	}
	if policy.Parity {
		if c.prices, err = newParity(v, connection); err != nil {
			return nil, err
		}
	}
	for i := range run.Found {
		if row := &run.Found[i]; row.Kind == canon.KindLevel {
			c.found[row.ExternalID] = row
		}
	}
	c.report = &canon.DriftReport{
		ID: run.Run, Connection: connection, StartedAt: run.StartedAt, At: time.Unix(0, mark.Time).UTC(), Position: mark.Position,
		Journal: mark.JournalID, Compared: make(map[string]int64), Counts: make(map[canon.DriftCause]int64), Rows: []canon.DriftRow{},
		Unwritten: make(map[string]int64),
	}
	return c, nil
}

// bindings compares every binding of the connection and sums up their state.
func (c *comparison) bindings() error {
	sum := sha256.New()
	err := eachBinding(c.v, c.reach.conn.Name, func(b *canon.Binding) error {
		fmt.Fprintf(sum, "%d:%s %s %t\n", len(b.BindingKey.String()), b.BindingKey, b.Hash, b.Deleted) // a hash takes every write
		return c.binding(b)
	})
	c.report.State = hex.EncodeToString(sum.Sum(nil))
	return err
}

func (c *comparison) binding(b *canon.Binding) error {
	ref := canon.Ref{Kind: b.Kind, ExternalID: b.ExternalID}
	seen := b.Known.Compare(c.run.Began) > 0
	if p := c.parked[ref]; p != nil && p.Position.Compare(b.Known) > 0 {
		return c.add(b, canon.DriftRow{Field: "state", Drift: canon.DriftParked, Reason: p.Code})
	}
	if b.Deleted {
		return nil
	}
	if !seen && covered(c.reach.conn, b.Kind) {
		return c.add(b, canon.DriftRow{Field: "state", Drift: canon.DriftUnread, Reason: "the platform did not show it and gave no answer for it"})
	}
	if seen {
		c.report.Compared[string(b.Kind)]++
	} else {
		c.report.Unread++
	}
	waits, err := unread(c.v, b)
	if err != nil {
		return err
	}
	if waits {
		c.open = append(c.open, b.BindingKey)
		return c.add(b, canon.DriftRow{Field: "state", Drift: canon.DriftPending, Reason: "it changed and has not been read yet"})
	}
	switch {
	case b.Kind == canon.KindLevel:
		return c.level(b)
	case b.Kind == canon.KindListing && b.Aspect == canon.AspectMain:
		row, err := c.listing(b)
		if err != nil {
			return err
		}
		if row == nil && c.prices != nil {
			if row, err = c.prices.compare(b); err != nil {
				return err
			}
		}
		if row != nil {
			return c.add(b, *row)
		}
	}
	return nil
}

// level compares what a bound level shows with what it should show.
func (c *comparison) level(b *canon.Binding) error {
	w := b.Wants
	if w == nil {
		return nil
	}
	if w.Quantity == nil && slices.Contains(unwritten, w.Blocked) {
		c.report.Unwritten[w.Blocked]++
		return nil
	}
	c.report.Levels++
	found := c.found[b.ExternalID]
	if found != nil {
		c.report.Changed++
	}
	held, err := router.Held(c.v, b)
	if err != nil {
		return err
	}
	held = held && c.policy.Report
	cause, reason := driftOf(w, found != nil, c.run.Began)
	if cause == "" {
		return nil
	}
	if !held && settling(c.reach, b.ExternalID, w) {
		c.open = append(c.open, b.BindingKey)
	}
	row := canon.DriftRow{Field: "available", Shows: &w.Shows, Should: w.Quantity, Cause: w.Cause, ByClaim: w.ByClaim, Drift: cause, Reason: reason, Held: held}
	switch {
	case held:
		row.Reason = "left as it is: the connection's policy is to report"
	case cause == canon.DriftPending && reason == "" && !c.reach.writesLevel(b.ExternalID):
		row.Reason = c.reach.notWriting(b.ExternalID)
	}
	if found != nil {
		row.Read, row.Known = found.Read, found.Known
	}
	return c.add(b, row)
}

// notWriting says why a level is not written.
func (r *reach) notWriting(levelID string) string {
	switch {
	case r.conn.Paused:
		return "the connection is paused"
	case r.conn.Fused != "":
		return "the fuse stopped its writes"
	case len(r.conn.Scopes) > 0:
		return r.why(levelID)
	}
	return "the connection's mode is " + string(r.conn.Mode)
}

// driftOf says why a level does not show what it should; "" when it does. changed tells that the sweep was shown
// something else than was known.
func driftOf(w *canon.Want, changed bool, began canon.Position) (canon.DriftCause, string) {
	switch {
	case w.Quantity == nil && w.Blocked == "location.unmapped":
		return canon.DriftNotMapped, w.Blocked
	case w.Quantity == nil:
		return canon.DriftBlocked, w.Blocked
	case *w.Quantity == w.Shows && w.Write != canon.WriteNone && w.Write != canon.WriteRejected && w.Write != canon.WriteNotRepresentable:
		return canon.DriftPending, "written, and not read back yet"
	case *w.Quantity == w.Shows && w.Expected:
		return canon.DriftPending, "an effect that the platform applies by itself has not been shown yet"
	case *w.Quantity == w.Shows:
		return "", ""
	case w.Write == canon.WriteNotRepresentable:
		return canon.DriftNotRepresentable, w.Reason
	case changed && w.Cause.Compare(began) > 0:
		return canon.DriftMissed, ""
	case changed:
		return canon.DriftManual, ""
	case w.Write != canon.WriteNone:
		return canon.DriftWrite, w.Reason
	}
	return canon.DriftPending, ""
}

// settling reports whether a level may become what it should be by itself.
func settling(r *reach, levelID string, w *canon.Want) bool {
	if w == nil || w.Quantity == nil || w.Write == canon.WriteRejected || w.Write == canon.WriteNotRepresentable {
		return false
	}
	return w.Expected || w.Write != canon.WriteNone || w.Differs() && r.writesLevel(levelID)
}

// unsettled reports whether a binding may still become what it should be by itself.
func unsettled(v store.View, r *reach, b *canon.Binding) (bool, error) {
	if b == nil || b.Deleted {
		return false, nil
	}
	if waits, err := unread(v, b); err != nil || waits {
		return waits, err
	}
	if b.Kind == canon.KindListing {
		return listingUnsettled(v, r, b)
	}
	held, err := router.Held(v, b)
	return !held && settling(r, b.ExternalID, b.Wants), err
}

// unread reports whether a binding changed in a way that only a read can tell, and has not been read.
func unread(v store.View, b *canon.Binding) (bool, error) {
	if b.Uncertain {
		return true, nil
	}
	_, hinted, err := v.Get(store.HintKey(b.Connection, canon.Ref{Kind: b.Kind, ExternalID: b.ExternalID}))
	return hinted, err
}

// add puts a row about a binding into the report.
func (c *comparison) add(b *canon.Binding, row canon.DriftRow) error {
	c.rows[b.BindingKey] = true
	c.report.Counts[row.Drift]++
	if len(c.report.Rows) == canon.MaxDriftRows {
		c.report.More++
		return nil
	}
	row.Connection, row.Kind, row.ExternalID = b.Connection, b.Kind, b.ExternalID
	if b.Aspect != canon.AspectMain {
		row.Aspect = b.Aspect
	}
	if err := c.name(&row); err != nil {
		return err
	}
	c.report.Rows = append(c.report.Rows, row)
	return nil
}

// name says what a row's entity belongs to.
func (c *comparison) name(row *canon.DriftRow) error {
	switch row.Kind {
	case canon.KindLevel:
		about, err := describe(c.v, &canon.Binding{BindingKey: canon.BindingKey{Connection: row.Connection, ExternalID: row.ExternalID}})
		if err != nil {
			return err
		}
		row.ListingID, row.ItemID, row.Title, row.SKU, row.Location = about.ListingID, about.ItemID, about.Title, about.SKU, about.Location
	case canon.KindListing:
		row.ListingID = row.ExternalID
		item, err := itemOfListing(c.v, row.Connection, row.ExternalID)
		if err != nil {
			return err
		}
		if item != nil {
			row.ItemID, row.Title, row.SKU = item.ID, item.Title, item.SKU
		}
	}
	return nil
}

// repaired lists what the sweep found and what is no more.
func (c *comparison) repaired(unseen []canon.Ref) error {
	c.report.RepairedCounts = make(map[canon.DriftCause]int64)
	for _, row := range c.run.Found {
		key := canon.BindingKey{Connection: row.Connection, Kind: row.Kind, ExternalID: row.ExternalID, Aspect: row.Aspect}
		if key.Aspect == "" {
			key.Aspect = canon.AspectMain
		}
		if c.rows[key] {
			continue
		}
		if row.Kind == canon.KindLevel {
			if err := c.explain(&row); err != nil {
				return err
			}
		}
		if row.Kind == canon.KindListing {
			if err := c.explainListing(&row); err != nil {
				return err
			}
		}
		if err := c.addRepaired(row); err != nil {
			return err
		}
	}
	for _, ref := range unseen {
		b, err := store.Load[canon.Binding](c.v, store.BindingKey(canon.BindingKey{
			Connection: c.reach.conn.Name, Kind: ref.Kind, ExternalID: ref.ExternalID, Aspect: canon.AspectMain,
		}))
		if err != nil {
			return err
		}
		if b != nil && b.Deleted {
			err := c.addRepaired(canon.DriftRow{Connection: c.reach.conn.Name, Kind: ref.Kind, ExternalID: ref.ExternalID, Field: "deleted", Drift: canon.DriftMissed})
			if err != nil {
				return err
			}
		}
	}
	c.report.RepairedCounts[canon.DriftMissed] += c.run.More
	if c.report.RepairedCounts[canon.DriftMissed] == 0 {
		delete(c.report.RepairedCounts, canon.DriftMissed)
	}
	return nil
}

func (c *comparison) addRepaired(row canon.DriftRow) error {
	c.report.RepairedCounts[row.Drift]++
	if len(c.report.Repaired) == canon.MaxDriftRows {
		return nil
	}
	if err := c.name(&row); err != nil {
		return err
	}
	c.report.Repaired = append(c.report.Repaired, row)
	return nil
}

// explain says why a level that is what it should be again was not: the hub wrote it back, so somebody had changed it at
// the platform, or what changed it became known.
func (c *comparison) explain(row *canon.DriftRow) error {
	b, err := loadLevel(c.v, row.Connection, row.ExternalID)
	if err != nil || b == nil || b.Wants == nil {
		return err
	}
	w := b.Wants
	row.Shows, row.Should, row.Cause, row.ByClaim = &w.Shows, w.Quantity, w.Cause, w.ByClaim
	if w.Attempt.Compare(c.run.Began) > 0 && w.Cause.Compare(c.run.Began) <= 0 {
		row.Drift = canon.DriftManual
	}
	return nil
}

// covered reports whether a sweep shows every entity of a kind.
func covered(conn *canon.Connection, kind canon.Kind) bool {
	return conn.Sweep != nil && slices.Contains(conn.Sweep.Kinds, kind)
}

// parkedFacts gives the newest parked observation of each entity of a connection.
func parkedFacts(r store.Reader, connection string) (map[canon.Ref]*canon.Parked, error) {
	out := make(map[canon.Ref]*canon.Parked)
	err := r.Scan(store.PrefixParked, "", func(key string, value []byte) (bool, error) {
		p := new(canon.Parked)
		if err := json.Unmarshal(value, p); err != nil {
			return false, fmt.Errorf("%w: the record of key %q is not a parked entry", store.ErrCorrupt, key)
		}
		if p.Head.Connection != connection || p.Type != canon.EntryObservation {
			return true, nil
		}
		var ref canon.Ref
		if json.Unmarshal(p.Data, &ref) == nil && ref.ExternalID != "" {
			out[ref] = p // keys sort by position: the newest comes last
		}
		return true, nil
	})
	return out, err
}

// eachBinding calls fn for every binding of a connection, by kind, aspect and external id.
func eachBinding(r store.Reader, connection string, fn func(b *canon.Binding) error) error {
	return r.Scan(store.PrefixBinding+connection+"/", "", func(key string, value []byte) (bool, error) {
		var b canon.Binding
		if err := json.Unmarshal(value, &b); err != nil {
			return false, fmt.Errorf("%w: the record of key %q is not a binding", store.ErrCorrupt, key)
		}
		return true, fn(&b)
	})
}
