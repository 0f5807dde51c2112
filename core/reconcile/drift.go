package reconcile

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// DriftPolicy says what a connection's drift leads to.
type DriftPolicy struct {
	// Every is how often everything is read and compared by itself; 0 means only when a person asks.
	Every time.Duration
	// Report leaves stock that was changed at the platform as it is and lists it, where the hub would write it back. What
	// is sold out is written in any case: nothing sold is offered again for the sake of a report.
	Report bool
	// Parity lists prices that differ from those that other connections ask for the same piece.
	Parity bool
}

// Sweeper reads everything of one connection; intake.Connection is one.
type Sweeper interface {
	// Sweep reads everything and journals it, and returns when it is folded. before gets each page before it is journaled;
	// what it gives is journaled ahead of the page. intake.ErrNoSnapshot tells that the connector can't.
	Sweep(ctx context.Context, before func(p *intake.Page) ([]bus.Entry, error), progress func(intake.Progress)) (*intake.Report, error)
	RequestRead(read router.Read, urgency intake.Urgency, done func())
}

// DrifterOptions of a Drifter. Those without a default are required.
type DrifterOptions struct {
	Name    string
	Journal Journal
	Store   store.Store
	Sweeper Sweeper
	// Ready is closed when the fold has passed the journal's end as it was at the hub's start.
	Ready  <-chan struct{}
	Policy DriftPolicy
	// Reads tells that the connector can read single entities, so that what a sweep does not show can be asked for.
	Reads bool
	// Key gives the key that reports without rows are signed with; nil signs none.
	Key func() (ed25519.PrivateKey, error)
	// Quiet is how long what may still settle (reads, writes that are to be confirmed) is waited for without any progress
	// before it is reported as it is; default 10 seconds.
	Quiet time.Duration
	Log   hclog.Logger
}

// Drifter sweeps one connection: it reads everything that the platform shows and compares. Make it with NewDrifter and
// give it a goroutine with Run.
type Drifter struct {
	o     DrifterOptions
	log   hclog.Logger
	asked chan struct{}

	mu      sync.Mutex
	running *driftCheck
	ended   bool
}

// driftCheck is one sweep with those who wait for it.
type driftCheck struct {
	listeners []func(intake.Progress)
	progress  intake.Progress
	report    *canon.DriftReport
	err       error
	done      chan struct{}
}

// The pace of sweeps that failed, and how often it is looked whether one is due.
const (
	driftRetryFirst = time.Minute
	driftRetryMax   = time.Hour
	driftLook       = time.Minute
)

// NewDrifter prepares a drifter.
func NewDrifter(o DrifterOptions) (*Drifter, error) {
	if o.Name == "" || o.Journal == nil || o.Store == nil || o.Sweeper == nil || o.Ready == nil {
		return nil, errors.New("reconcile: Name, Journal, Store, Sweeper and Ready are required")
	}
	if o.Quiet <= 0 {
		o.Quiet = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	return &Drifter{o: o, log: o.Log.With("connection", o.Name), asked: make(chan struct{}, 1)}, nil
}

// Check sweeps now, or waits for the sweep that is under way, and gives its report once that is folded. progress, which
// may be nil, must not block. When ctx ends the sweep goes on without the caller.
func (d *Drifter) Check(ctx context.Context, progress func(intake.Progress)) (*canon.DriftReport, error) {
	d.mu.Lock()
	if d.ended {
		d.mu.Unlock()
		return nil, intake.ErrStopped
	}
	c := d.running
	if c == nil {
		c = &driftCheck{done: make(chan struct{})}
		d.running = c
		d.asked <- struct{}{}
	}
	if progress != nil {
		progress(c.progress)
		c.listeners = append(c.listeners, progress)
	}
	d.mu.Unlock()
	select {
	case <-c.done:
		return c.report, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("reconcile: the sweep of %s goes on: %w", d.o.Name, ctx.Err())
	}
}

// Run sweeps when it is due or asked for until ctx ends, then returns nil. A sweep that fails is tried again later; one
// that was cut off by the end of the hub goes on at once.
func (d *Drifter) Run(ctx context.Context) error {
	defer d.end()
	select {
	case <-d.o.Ready:
	case <-ctx.Done():
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	retry := driftRetryFirst
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.asked:
		case <-timer.C:
			due, err := d.due()
			if err != nil {
				return err
			}
			if wait := time.Until(due); due.IsZero() || wait > 0 {
				timer.Reset(driftLook)
				if !due.IsZero() && wait < driftLook {
					timer.Reset(wait)
				}
				continue
			}
			d.begin()
		}
		if err := d.check(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("sweep failed", "error", err, "retry_after", retry)
			timer.Reset(retry)
			retry = min(2*retry, driftRetryMax)
			continue
		}
		retry = driftRetryFirst
		timer.Reset(driftLook)
	}
}

// begin notes a sweep that nobody asked for.
func (d *Drifter) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running == nil {
		d.running = &driftCheck{done: make(chan struct{})}
		return
	}
	<-d.asked // somebody asked meanwhile: it is this one
}

// check runs the sweep that is noted.
func (d *Drifter) check(ctx context.Context) error {
	d.mu.Lock()
	c := d.running
	d.mu.Unlock()
	report, err := d.sweep(ctx, func(p intake.Progress) {
		d.mu.Lock()
		defer d.mu.Unlock()
		c.progress = p
		for _, fn := range c.listeners {
			fn(p)
		}
	})
	if err != nil && ctx.Err() != nil {
		err = intake.ErrStopped
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c.report, c.err, d.running = report, err, nil
	close(c.done)
	return err
}

// end tells whoever waits that the connection has stopped.
func (d *Drifter) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if c := d.running; c != nil {
		c.err, d.running = intake.ErrStopped, nil
		close(c.done)
	}
}

// due gives when the next sweep is: at once for one that was cut off; else a while after the newest report, or after
// the first import, which read everything too. Zero when none is due by itself.
func (d *Drifter) due() (time.Time, error) {
	v, err := d.o.Store.View()
	if err != nil {
		return time.Time{}, err
	}
	defer v.Close()
	run, err := store.Load[canon.DriftRun](v, store.PrefixSweep+d.o.Name)
	if err != nil {
		return time.Time{}, err
	}
	if run != nil {
		return time.Unix(0, 1), nil
	}
	if d.o.Policy.Every <= 0 {
		return time.Time{}, nil
	}
	reports, err := Reports(v, d.o.Name)
	if err != nil {
		return time.Time{}, err
	}
	if len(reports) > 0 {
		return reports[0].At.Add(d.o.Policy.Every), nil
	}
	conn, err := loadConnection(v, d.o.Name)
	switch {
	case err != nil:
		return time.Time{}, err
	case conn.Snapshot == nil && conn.FirstSeen.IsZero(), conn.Snapshot != nil && !conn.Snapshot.Complete:
		return time.Time{}, nil
	case conn.Snapshot != nil:
		return conn.Snapshot.StartedAt.Add(d.o.Policy.Every), nil
	}
	return conn.FirstSeen.Add(d.o.Policy.Every), nil
}

// Reports gives the kept reports of a connection, or of all for "", the newest of each connection first.
func Reports(r store.Reader, connection string) ([]canon.DriftReport, error) {
	prefix := store.PrefixReport
	if connection != "" {
		prefix += connection + "/"
	}
	out := []canon.DriftReport{}
	err := r.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		report, err := store.Load[canon.DriftReport](r, key)
		if err != nil || report == nil {
			return false, err
		}
		out = append(out, *report)
		return true, nil
	})
	// Keys sort by connection, then position: turned around within each connection, the newest comes first.
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && out[j].Connection == out[i].Connection {
			j++
		}
		for a, b := i, j-1; a < b; a, b = a+1, b-1 {
			out[a], out[b] = out[b], out[a]
		}
		i = j
	}
	return out, err
}
