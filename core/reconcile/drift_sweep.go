package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

const (
	// driftRounds is how often a sweep waits for what may still settle and compares again.
	driftRounds = 5
	// driftTick is how often it looks whether that has settled.
	driftTick = 200 * time.Millisecond
)

// sweep reads everything, asks for what was not shown, waits for what may still settle, compares, and journals the
// report. What it found until the hub was killed is in the view: it goes on from there.
func (d *Drifter) sweep(ctx context.Context, progress func(intake.Progress)) (*canon.DriftReport, error) {
	began, read, err := d.start()
	if err != nil {
		return nil, err
	}
	if !read {
		_, err := d.o.Sweeper.Sweep(ctx, func(p *intake.Page) ([]bus.Entry, error) { return d.page(p, &began) }, progress)
		if errors.Is(err, intake.ErrNoSnapshot) {
			err = d.readLevels(ctx, began)
		}
		if err != nil {
			return nil, fmt.Errorf("sweep of %s: %w", d.o.Name, err)
		}
	}
	unseen, err := d.confirm(ctx, began)
	if err != nil {
		return nil, fmt.Errorf("sweep of %s: %w", d.o.Name, err)
	}
	calm := patience{quiet: d.o.Quiet, least: -1}
	for range driftRounds {
		_, open, err := d.compare(unseen)
		if err != nil {
			return nil, err
		}
		if len(open) == 0 {
			break
		}
		quiet, err := d.settle(ctx, &calm, open)
		if err != nil {
			return nil, err
		}
		if quiet {
			break // nothing moves any more
		}
	}
	report, _, err := d.compare(unseen)
	if err != nil {
		return nil, err
	}
	return report, d.journal(ctx, report)
}

// start gives the view's position now, or where everything is read already, that before the read.
func (d *Drifter) start() (began canon.Position, read bool, err error) {
	v, err := d.o.Store.View()
	if err != nil {
		return began, false, err
	}
	defer v.Close()
	run, err := store.Load[canon.DriftRun](v, store.PrefixSweep+d.o.Name)
	if err != nil {
		return began, false, err
	}
	conn, err := loadConnection(v, d.o.Name)
	if err != nil {
		return began, false, err
	}
	if run != nil && conn.Sweep != nil && conn.Sweep.ID == run.Run && conn.Sweep.Complete {
		return run.Began, true, nil
	}
	mark, err := v.Mark()
	return mark.Position, false, err
}

// page compares a page before it is journaled. began becomes the position before the read where one that was cut off
// goes on.
func (d *Drifter) page(p *intake.Page, began *canon.Position) ([]bus.Entry, error) {
	v, err := d.o.Store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	if p.First {
		run, err := store.Load[canon.DriftRun](v, store.PrefixSweep+d.o.Name)
		if err != nil {
			return nil, err
		}
		if run != nil && run.Run == p.Run {
			*began = run.Began
		}
	}
	found, holds, err := comparePage(v, d.o.Name, p.Facts, d.o.Policy.Report)
	if err != nil || !p.First && len(found) == 0 {
		return nil, err
	}
	e, err := d.entry(canon.EntryDriftPage, canon.DriftPage{Run: p.Run, StartedAt: p.StartedAt, Began: *began, Found: found, Holds: holds})
	return []bus.Entry{e}, err
}

func (d *Drifter) entry(typ canon.EntryType, data any) (bus.Entry, error) {
	return router.NewEntry(typ, canon.Head{Connection: d.o.Name, Actor: "connection:" + d.o.Name}, data)
}

// journal appends the report and waits until the view keeps it.
func (d *Drifter) journal(ctx context.Context, report *canon.DriftReport) error {
	if d.o.Key != nil && len(report.Rows) == 0 && report.More == 0 {
		key, err := d.o.Key()
		if err == nil {
			err = Seal(report, key)
		}
		if err != nil {
			return fmt.Errorf("sign the drift report of %s: %w", d.o.Name, err)
		}
	}
	e, err := d.entry(canon.EntryDriftReport, report)
	if err != nil {
		return err
	}
	return d.append(ctx, e)
}

func (d *Drifter) append(ctx context.Context, entries ...bus.Entry) error {
	receipt, err := intake.Append(ctx, d.o.Journal, bus.ClassPoll, entries...)
	if err != nil {
		return err
	}
	return d.o.Journal.WaitFolded(ctx, receipt.Offset)
}

// readLevels reads each known level of a connection that can't show everything at once.
func (d *Drifter) readLevels(ctx context.Context, began canon.Position) error {
	known := make(map[string]*int64)
	var refs []canon.Ref
	v, err := d.o.Store.View()
	if err != nil {
		return err
	}
	err = eachLevel(v, d.o.Name, func(b *canon.Binding) error {
		if b.Deleted || b.Current() == nil {
			return nil
		}
		n, err := knownStock(b)
		known[b.ExternalID] = n
		refs = append(refs, canon.Ref{Kind: canon.KindLevel, ExternalID: b.ExternalID})
		return err
	})
	v.Close()
	if err != nil {
		return err
	}
	page := canon.DriftPage{Run: ulid.Make().String(), StartedAt: time.Now().UTC(), Began: began}
	e, err := d.entry(canon.EntryDriftPage, page)
	if err == nil {
		err = d.append(ctx, e)
	}
	if err != nil {
		return err
	}
	if err := d.ask(ctx, refs); err != nil {
		return err
	}
	if page.Found, err = d.changedLevels(refs, known); err != nil || len(page.Found) == 0 {
		return err
	}
	if e, err = d.entry(canon.EntryDriftPage, page); err != nil {
		return err
	}
	return d.append(ctx, e)
}

// changedLevels gives the levels that show another stock than was known.
func (d *Drifter) changedLevels(refs []canon.Ref, known map[string]*int64) (found []canon.DriftRow, err error) {
	v, err := d.o.Store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	for _, ref := range refs {
		b, err := loadLevel(v, d.o.Name, ref.ExternalID)
		if err != nil || b == nil || b.Current() == nil {
			return nil, err
		}
		read, err := knownStock(b)
		if err != nil {
			return nil, err
		}
		if was := known[ref.ExternalID]; !equalStock(was, read) {
			_, place := canon.SplitLevelID(ref.ExternalID)
			found = append(found, canon.DriftRow{
				Connection: d.o.Name, Kind: canon.KindLevel, ExternalID: ref.ExternalID, Field: "available", Location: place,
				Read: read, Known: was, Drift: canon.DriftMissed,
			})
		}
	}
	return found, nil
}

// confirm asks the platform for everything that the sweep should have shown and did not, and gives what that was: a
// deletion counts only when a read confirms it.
func (d *Drifter) confirm(ctx context.Context, began canon.Position) ([]canon.Ref, error) {
	v, err := d.o.Store.View()
	if err != nil {
		return nil, err
	}
	conn, err := loadConnection(v, d.o.Name)
	var refs []canon.Ref
	if err == nil {
		seen := make(map[canon.Ref]bool)
		err = eachBinding(v, d.o.Name, func(b *canon.Binding) error {
			ref := canon.Ref{Kind: b.Kind, ExternalID: b.ExternalID}
			if !b.Deleted && covered(conn, b.Kind) && b.Known.Compare(began) <= 0 && !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
			return nil
		})
	}
	v.Close()
	if err != nil || !d.o.Reads {
		return refs, err
	}
	return refs, d.ask(ctx, refs)
}

// ask reads entities after everything that somebody waits for. What gets no answer for long is given up.
func (d *Drifter) ask(ctx context.Context, refs []canon.Ref) error {
	var answered atomic.Int64
	for _, ref := range refs {
		d.o.Sweeper.RequestRead(router.Read{Connection: d.o.Name, Ref: ref}, intake.Whenever, func() { answered.Add(1) })
	}
	calm := patience{quiet: d.o.Quiet, least: -1}
	_, err := calm.wait(ctx, func() (int, error) { return len(refs) - int(answered.Load()), nil })
	return err
}

// settle waits for bindings that may still become what they should be: reads, writes and their confirmation.
func (d *Drifter) settle(ctx context.Context, calm *patience, open []canon.BindingKey) (quiet bool, err error) {
	return calm.wait(ctx, func() (int, error) {
		v, err := d.o.Store.View()
		if err != nil {
			return 0, err
		}
		defer v.Close()
		now, err := loadReach(v, d.o.Name)
		if err != nil {
			return 0, err
		}
		left := 0
		for _, key := range open {
			b, err := store.Load[canon.Binding](v, store.BindingKey(key))
			if err != nil {
				return 0, err
			}
			still, err := unsettled(v, now, b)
			if err != nil {
				return 0, err
			}
			if still {
				left++
			}
		}
		return left, nil
	})
}

// patience waits for something to be done, as long as less is left than ever before. What goes back and forth, such as a
// write that a platform takes and does not show, is no progress.
type patience struct {
	quiet time.Duration
	least int // that was ever left; -1 before the first look
	since time.Time
}

// wait looks again and again until nothing is left; quiet tells that it gave up, because nothing got less for long.
func (p *patience) wait(ctx context.Context, left func() (int, error)) (quiet bool, err error) {
	tick := time.NewTicker(driftTick)
	defer tick.Stop()
	for {
		n, err := left()
		if err != nil {
			return false, err
		}
		if p.least < 0 || n < p.least {
			p.least, p.since = n, time.Now()
		}
		if n == 0 {
			return false, nil
		}
		if time.Since(p.since) >= p.quiet {
			return true, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
