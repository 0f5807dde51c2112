package reconcile

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
		"look again with `jumpring connection plan %s`", e.Connection, e.Seen, e.Current.Calls(), e.Current.Digest, named(e.Connection, e.Current.Scope))
}

// ErrNotImported is returned for a connection whose initial snapshot is not complete: its plan would not be either.
var ErrNotImported = errors.New("the initial import of the connection is not complete")

// ProposeLive makes the command that takes a connection live, for a person who has seen the plan with this digest. A
// plan that is another one now gives a *StalePlanError. The fold compares both digests once more. The zero scope is what
// has no mode of its own. Invariant 9.
func ProposeLive(v store.View, connection string, scope canon.Scope, seen string) (*canon.SetMode, error) {
	conn, err := loadConnection(v, connection)
	if err != nil {
		return nil, err
	}
	if conn.Snapshot != nil && !conn.Snapshot.Complete {
		return nil, fmt.Errorf("%w: %s has %d rows so far", ErrNotImported, connection, conn.Snapshot.Rows)
	}
	plan, err := MakePlan(v, connection, scope)
	if err != nil {
		return nil, err
	}
	if plan.Digest != seen {
		return nil, &StalePlanError{Connection: connection, Seen: seen, Current: plan}
	}
	set := &canon.SetMode{Connection: connection, Mode: canon.ModeLive, PlanDigest: seen, Plan: plan.Digest}
	if !scope.IsZero() {
		set.Scope = &scope
	}
	return set, nil
}

// named gives a connection and a part of it as the command line takes them.
func named(connection string, s canon.Scope) string {
	switch {
	case s.Location != "":
		return connection + " --location " + s.Location
	case s.Entity != "":
		return connection + " --entity " + string(s.Entity)
	}
	return connection
}

// step is what the Activator does about a connection next.
type step struct {
	scope  canon.Scope // the part that it is about
	mode   canon.Mode  // to set; empty when nothing is to be done
	waits  string      // for a person: why it is not in the mode that was asked for; empty when it is
	digest string      // of the plan, for live
}

// nextStep decides how far a connection may go by itself towards the modes that the configuration asks for, one part at
// a time. It never lowers a mode, and never raises one that a person lowered: that is a person's or the fold's decision.
// Going live needs a complete initial snapshot where the connector has one, and a plan that is empty or that a person
// has accepted. Invariant 9 holds for each part.
func nextStep(conn *canon.Connection, hasSnapshot bool, plan func(canon.Scope) (*Plan, error)) (step, error) {
	parts := append([]canon.ScopedMode{{Mode: conn.Mode, Asked: conn.Asked, Lowered: conn.Lowered, PlanDigest: conn.PlanDigest}}, conn.Scopes...)
	var waiting []string
	for i := range parts {
		s, err := nextOf(conn, &parts[i], hasSnapshot, plan)
		if err != nil || s.mode != "" {
			return s, err
		}
		if s.waits != "" {
			waiting = append(waiting, s.waits)
		}
	}
	return step{waits: strings.Join(waiting, "; ")}, nil
}

func nextOf(conn *canon.Connection, part *canon.ScopedMode, hasSnapshot bool, plan func(canon.Scope) (*Plan, error)) (step, error) {
	name, is := named(conn.Name, part.Scope), string(part.Mode)
	if !part.Scope.IsZero() {
		is = part.Scope.String() + " is in " + is
	}
	switch {
	case !part.Mode.Less(part.Asked):
		return step{}, nil
	case part.Lowered:
		return step{waits: fmt.Sprintf("%s: a person took it there; look at `jumpring connection plan %s`, go on with `jumpring connection live %s`", is, name, name)}, nil
	case part.Mode != canon.ModeShadow && part.Asked == canon.ModeShadow:
		return step{scope: part.Scope, mode: canon.ModeShadow}, nil
	case part.Mode != canon.ModeShadow:
		return step{scope: part.Scope, mode: canon.ModeShadow, waits: "shadow: the plan is made first"}, nil
	case conn.Paused:
		return step{waits: fmt.Sprintf("%s: paused; `jumpring connection resume %s`", is, conn.Name)}, nil
	case hasSnapshot && (conn.Snapshot == nil || !conn.Snapshot.Complete):
		return step{waits: is + ": waits for the initial import"}, nil
	}
	p, err := plan(part.Scope)
	if err != nil {
		return step{}, err
	}
	if p.Calls() == 0 || p.Digest == part.PlanDigest {
		return step{scope: part.Scope, mode: canon.ModeLive, digest: p.Digest}, nil
	}
	return step{waits: fmt.Sprintf("%s: the plan has %d rows and waits for a person; look at it with `jumpring connection plan %s`, accept it with `jumpring connection live %s --plan %s`",
		is, p.Calls(), name, name, p.Digest)}, nil
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
	// The zero scope is the rest alone: what the hub does of itself never lowers a part.
	set := &canon.SetMode{Connection: a.Name, Mode: s.mode, Scope: &s.scope, PlanDigest: s.digest, Plan: s.digest}
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
	if conn.ModeOf(s.scope) != s.mode {
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
	return nextStep(conn, a.HasSnapshot, func(s canon.Scope) (*Plan, error) { return MakePlan(v, a.Name, s) })
}
