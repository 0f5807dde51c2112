package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// DriftCause says why a level does not show what it should.
type DriftCause string

// The causes of drift.
const (
	// DriftMissed: something happened at the platform that the hub learned of only by this read, and that changed what
	// the level should show: a lost webhook.
	DriftMissed DriftCause = "missed_webhook"
	// DriftManual: the platform shows another value than it was known to, and nothing explains it.
	DriftManual DriftCause = "manual_edit"
	// DriftWrite: a write of the hub failed or has no known outcome.
	DriftWrite DriftCause = "failed_write"
	// DriftNotRepresentable: the platform can't show the wanted value.
	DriftNotRepresentable DriftCause = "not_representable"
	// DriftBlocked: the hub must not write it; Reason says why.
	DriftBlocked DriftCause = "blocked"
	// DriftPending: the hub has not written it, because of the connection's mode, a pause, the fuse or its turn.
	DriftPending DriftCause = "pending"
)

// DriftRow is a bound level that does not show what it should.
type DriftRow struct {
	PlanRow
	// Read is what the platform showed in this read; nil when it was not shown.
	Read   *int64     `json:"read"`
	Known  *int64     `json:"known"` // before this read
	Drift  DriftCause `json:"drift"`
	Reason string     `json:"reason,omitempty"`
}

// DriftReport is the result of reading everything and comparing. Without rows, every bound level showed what it should
// at Position.
type DriftReport struct {
	Connection string         `json:"connection"`
	Position   canon.Position `json:"position"`
	At         time.Time      `json:"at"`
	// Levels are the bound levels that were compared, Changed those of them that the platform showed otherwise than known.
	Levels  int64                `json:"levels"`
	Changed int64                `json:"changed"`
	Counts  map[DriftCause]int64 `json:"counts"`
	Rows    []DriftRow           `json:"rows"`
	// Unread are bound levels that the read did not show; they are compared as they were known.
	Unread int64 `json:"unread"`
	// Unwritten are levels that the hub does not mean to write, by why: a source that counts stock, a listing that is no
	// item's, stock that the platform does not track. They are no drift.
	Unwritten map[string]int64 `json:"unwritten,omitempty"`
}

// unwritten are the codes of levels that nothing is wrong with, though the hub writes none of them.
var unwritten = []string{"connection.counts_stock", "listing.unbound", "listing.deleted", "stock.untracked"}

// Sweeper reads everything of one connection; intake.Connection is one.
type Sweeper interface {
	// Sweep reads everything and journals it, and returns when it is folded. before gets each page's facts before they
	// are journaled. intake.ErrNoSnapshot tells that the connector can't.
	Sweep(ctx context.Context, before func(facts []intake.Fact) error, progress func(intake.Progress)) (*intake.Report, error)
	RequestRead(read router.Read, urgency intake.Urgency, done func())
}

// seenLevel is what a sweep showed of one level, beside what was known before.
type seenLevel struct {
	read, known *int64
}

func (s seenLevel) changed() bool {
	return (s.read == nil) != (s.known == nil) || s.read != nil && *s.read != *s.known
}

// Drift reads everything that a connection's platform has, journals it, and compares each bound level with what it
// should show. The read is the sweep: a missed fact is folded by it, and a live connection writes what differs.
func Drift(ctx context.Context, s store.Store, sweep Sweeper, connection string, progress func(intake.Progress)) (*DriftReport, error) {
	v, err := s.View()
	if err != nil {
		return nil, err
	}
	began, err := v.Mark()
	v.Close()
	if err != nil {
		return nil, err
	}
	seen := &sightings{store: s, connection: connection, levels: make(map[string]seenLevel)}
	_, err = sweep.Sweep(ctx, seen.page, progress)
	if errors.Is(err, intake.ErrNoSnapshot) {
		err = readLevels(ctx, s, sweep, seen)
	}
	if err != nil {
		return nil, fmt.Errorf("drift of %s: %w", connection, err)
	}
	v, err = s.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return compare(v, connection, began.Position, seen.take())
}

// sightings collect what a sweep shows.
type sightings struct {
	store      store.Store
	connection string
	mu         sync.Mutex
	levels     map[string]seenLevel
}

func (s *sightings) take() map[string]seenLevel {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.levels
}

// page compares a page's levels with what is known before the page is journaled.
func (s *sightings) page(facts []intake.Fact) error {
	v, err := s.store.View()
	if err != nil {
		return err
	}
	defer v.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range facts {
		f := &facts[i]
		if f.Kind != canon.KindLevel {
			continue
		}
		var obs canon.Observation
		if err := json.Unmarshal(f.Data, &obs); err != nil {
			return fmt.Errorf("level %s does not decode", f.ExternalID)
		}
		known, err := knownAvailable(v, s.connection, f.ExternalID)
		if err != nil {
			return err
		}
		var read *int64
		if obs.Level != nil {
			read = obs.Level.Available
		}
		s.levels[f.ExternalID] = seenLevel{read: read, known: known}
	}
	return nil
}

// knownAvailable is the stock that a level was last seen to show, in pieces; nil when none.
func knownAvailable(v store.View, connection, levelID string) (*int64, error) {
	b, err := loadLevel(v, connection, levelID)
	if err != nil || b == nil || b.Deleted || b.Current() == nil {
		return nil, err
	}
	var obs canon.Observation
	if err := json.Unmarshal(b.Current().Observation, &obs); err != nil {
		return nil, fmt.Errorf("%w: the observation of %s does not decode", store.ErrCorrupt, b.BindingKey)
	}
	if obs.Level == nil {
		return nil, nil
	}
	return obs.Level.Available, nil
}

// readLevels reads each known level of a connection that has no snapshot.
func readLevels(ctx context.Context, s store.Store, sweep Sweeper, seen *sightings) error {
	v, err := s.View()
	if err != nil {
		return err
	}
	var ids []string
	err = eachLevel(v, seen.connection, func(b *canon.Binding) error {
		if b.Deleted {
			return nil
		}
		ids = append(ids, b.ExternalID)
		known, err := knownAvailable(v, seen.connection, b.ExternalID)
		seen.levels[b.ExternalID] = seenLevel{known: known}
		return err
	})
	v.Close()
	if err != nil {
		return err
	}
	done := make(chan struct{}, len(ids))
	for _, id := range ids {
		sweep.RequestRead(router.Read{Connection: seen.connection, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: id}},
			intake.Whenever, func() { done <- struct{}{} })
	}
	for range ids {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	v, err = s.View()
	if err != nil {
		return err
	}
	defer v.Close()
	for _, id := range ids {
		read, err := knownAvailable(v, seen.connection, id)
		if err != nil {
			return err
		}
		seen.levels[id] = seenLevel{read: read, known: seen.levels[id].known}
	}
	return nil
}

// compare makes the report from a view that holds everything that was read. began is the view's position before it.
func compare(v store.View, connection string, began canon.Position, seen map[string]seenLevel) (*DriftReport, error) {
	mark, err := v.Mark()
	if err != nil {
		return nil, err
	}
	r := &DriftReport{
		Connection: connection, Position: mark.Position, At: time.Unix(0, mark.Time).UTC(),
		Counts: make(map[DriftCause]int64), Rows: []DriftRow{}, Unwritten: make(map[string]int64),
	}
	err = eachLevel(v, connection, func(b *canon.Binding) error {
		if b.Deleted || b.Wants == nil {
			return nil
		}
		if b.Wants.Quantity == nil && slices.Contains(unwritten, b.Wants.Blocked) {
			r.Unwritten[b.Wants.Blocked]++
			return nil
		}
		sighting, shown := seen[b.ExternalID]
		r.Levels++
		if !shown {
			r.Unread++
		} else if sighting.changed() {
			r.Changed++
		}
		cause, reason := driftOf(b.Wants, shown && sighting.changed(), began)
		if cause == "" {
			return nil
		}
		about, err := describe(v, b)
		if err != nil {
			return err
		}
		about.Shows, about.Cause, about.ByClaim = b.Wants.Shows, b.Wants.Cause, b.Wants.ByClaim
		if b.Wants.Quantity != nil {
			about.Should = *b.Wants.Quantity
		}
		r.Counts[cause]++
		r.Rows = append(r.Rows, DriftRow{PlanRow: *about, Read: sighting.read, Known: sighting.known, Drift: cause, Reason: reason})
		return nil
	})
	return r, err
}

// driftOf says why a level does not show what it should; "" when it does. changed tells that the read showed something
// else than was known.
func driftOf(w *canon.Want, changed bool, began canon.Position) (DriftCause, string) {
	switch {
	case w.Quantity == nil:
		return DriftBlocked, w.Blocked
	case *w.Quantity == w.Shows:
		return "", ""
	case w.Write == canon.WriteNotRepresentable:
		return DriftNotRepresentable, w.Reason
	case w.Cause.Compare(began) > 0:
		return DriftMissed, ""
	case changed:
		return DriftManual, ""
	case w.Write != canon.WriteNone:
		return DriftWrite, w.Reason
	}
	return DriftPending, ""
}
