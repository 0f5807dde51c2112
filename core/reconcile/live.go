package reconcile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// StalePlanError tells that the plan changed after a person looked at it. Nothing goes live.
type StalePlanError struct {
	Connection string
	Seen       string // digest
	Current    *Plan
}

func (e *StalePlanError) Error() string {
	return fmt.Sprintf("the plan of %s is no longer the one that was looked at (%.12s): it has %d rows now (%.12s); "+
		"look again with `jumpring connection plan %s`", e.Connection, e.Seen, e.Current.Calls(), e.Current.Digest, e.Connection)
}

// ErrNotImported is returned for a connection whose initial snapshot is not complete: its plan would not be either.
var ErrNotImported = errors.New("the initial import of the connection is not complete")

// ProposeLive makes the command that takes a connection live, for a person who has seen the plan with this digest. A
// plan that is another one now gives a *StalePlanError. The fold compares both digests once more. Invariant 9.
func ProposeLive(v store.View, connection, seen string) (*canon.SetMode, error) {
	conn, err := loadConnection(v, connection)
	if err != nil {
		return nil, err
	}
	if conn.Snapshot != nil && !conn.Snapshot.Complete {
		return nil, fmt.Errorf("%w: %s has %d rows so far", ErrNotImported, connection, conn.Snapshot.Rows)
	}
	plan, err := MakePlan(v, connection)
	if err != nil {
		return nil, err
	}
	if plan.Digest != seen {
		return nil, &StalePlanError{Connection: connection, Seen: seen, Current: plan}
	}
	return &canon.SetMode{Connection: connection, Mode: canon.ModeLive, PlanDigest: seen, Plan: plan.Digest}, nil
}

// step is what the Activator does about a connection next.
type step struct {
	mode   canon.Mode // to set; empty when nothing is to be done
	waits  string     // for a person: why it is not in the mode that was asked for; empty when it is
	digest string     // of the plan, for live
}

// nextStep decides how far a connection may go by itself towards the mode that the configuration asks for. It never
// lowers a mode: that is a person's or the fold's decision. Going live needs a complete initial snapshot where the
// connector has one, and a plan that is empty or that a person has accepted.
func nextStep(conn *canon.Connection, hasSnapshot bool, plan func() (*Plan, error)) (step, error) {
	rank := map[canon.Mode]int{canon.ModeObserve: 0, canon.ModeShadow: 1, canon.ModeLive: 2}
	switch {
	case rank[conn.Asked] <= rank[conn.Mode]:
		return step{}, nil
	case conn.Mode != canon.ModeShadow && conn.Asked == canon.ModeShadow:
		return step{mode: canon.ModeShadow}, nil
	case conn.Mode != canon.ModeShadow:
		return step{mode: canon.ModeShadow, waits: "shadow: the plan is made first"}, nil
	case conn.Paused:
		return step{waits: fmt.Sprintf("shadow: paused; `jumpring connection resume %s`", conn.Name)}, nil
	case hasSnapshot && (conn.Snapshot == nil || !conn.Snapshot.Complete):
		return step{waits: "shadow: waits for the initial import"}, nil
	}
	p, err := plan()
	if err != nil {
		return step{}, err
	}
	if p.Calls() == 0 || p.Digest == conn.PlanDigest {
		return step{mode: canon.ModeLive, digest: p.Digest}, nil
	}
	return step{waits: fmt.Sprintf("shadow: the plan has %d rows and waits for a person; look at it with `jumpring connection plan %s`, accept it with `jumpring connection live %s --plan %s`",
		p.Calls(), conn.Name, conn.Name, p.Digest)}, nil
}

// The pace of the Activator.
const (
	activateRest  = 250 * time.Millisecond // between two looks, whatever is committed
	activateRetry = 10 * time.Second       // after a mode that the fold did not set
	activateEvery = time.Minute            // without commits
)

// Activator takes a connection to the mode that its configuration asks for, as far as that is safe without a person.
type Activator struct {
	Name string
	// HasSnapshot tells that the connector can read everything, so that the initial import has to be complete.
	HasSnapshot bool
	Journal     Journal
	Store       store.Store
	// Commits are what the fold commits, in order. They only wake the Activator.
	Commits <-chan router.Commit
	// Ready is closed when the fold has passed the journal's end as it was at the hub's start.
	Ready <-chan struct{}
	Log   hclog.Logger

	mu    sync.Mutex
	waits string
}

// Waits says why the connection is not in the mode that the configuration asks for, and what to do; "" when it is.
func (a *Activator) Waits() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waits
}

// Run looks after the connection until ctx ends, then returns nil. What it returns is an error of the journal or store.
func (a *Activator) Run(ctx context.Context) error {
	ready, wait := a.Ready, activateRest
	timer := time.NewTimer(wait)
	defer timer.Stop()
	woken := true
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ready:
			ready = nil
			continue
		case _, ok := <-a.Commits:
			if !ok {
				return nil
			}
			if !woken && wait == activateEvery {
				timer.Reset(activateRest)
			}
			woken = true
			continue
		case <-timer.C:
		}
		woken, wait = false, activateRest
		if ready == nil {
			var err error
			if wait, err = a.look(ctx); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
		}
		timer.Reset(wait)
	}
}

// look takes one step and gives when to look again.
func (a *Activator) look(ctx context.Context) (time.Duration, error) {
	s, err := a.decide()
	if err != nil {
		return 0, err
	}
	a.mu.Lock()
	changed := a.waits != s.waits
	a.waits = s.waits
	a.mu.Unlock()
	if changed && s.waits != "" && a.Log != nil {
		a.Log.Info("connection is not in the mode that was asked for", "connection", a.Name, "why", s.waits)
	}
	if s.mode == "" {
		return activateEvery, nil
	}
	id := ulid.Make().String()
	set := &canon.SetMode{Connection: a.Name, Mode: s.mode, PlanDigest: s.digest, Plan: s.digest}
	e, err := router.NewEntry(canon.EntryCommand, canon.Head{Connection: a.Name, Actor: "hub"}, canon.Command{Key: id, ID: id, SetMode: set})
	if err != nil {
		return 0, err
	}
	receipt, err := intake.Append(ctx, a.Journal, bus.ClassCommand, e)
	if err != nil {
		return 0, err
	}
	if err := a.Journal.WaitFolded(ctx, receipt.Offset); err != nil {
		return 0, err
	}
	conn, err := a.load()
	if err != nil {
		return 0, err
	}
	if conn.Mode != s.mode {
		return activateRetry, nil
	}
	return activateRest, nil
}

func (a *Activator) load() (*canon.Connection, error) {
	v, err := a.Store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return loadConnection(v, a.Name)
}

func (a *Activator) decide() (step, error) {
	v, err := a.Store.View()
	if err != nil {
		return step{}, fmt.Errorf("reconcile: %s: %w", a.Name, err)
	}
	defer v.Close()
	conn, err := loadConnection(v, a.Name)
	if err != nil {
		return step{}, err
	}
	return nextStep(conn, a.HasSnapshot, func() (*Plan, error) { return MakePlan(v, a.Name) })
}
