// Package router folds the journal into canonical records. It reads durable batches in order, decodes them beside the
// fold, applies each entry to an overlay of the view, and commits what a group of batches wrote together with the
// journal position. Whoever appended can wait until the fold has passed its entry.
package router

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Options configure a Router.
type Options struct {
	Journal bus.Journal
	Store   store.Store
	Logger  hclog.Logger
	// Sides gets the sealed values that a commit changed, before anybody is told that the fold has passed it: who waits for
	// an entry that revokes a token finds it revoked. It is called beside the fold, in order, and must not wait for it. Nil
	// is for nobody.
	Sides func([]Side)
	// GroupBytes bounds the journal payload that one commit folds; 0 means 512 KiB.
	GroupBytes int
}

// Router folds one journal into one store. It is safe for concurrent use; Run folds.
type Router struct {
	journal bus.Journal
	store   store.Store
	log     hclog.Logger
	group   int
	sides   func([]Side)

	mu      sync.Mutex
	mark    store.Mark
	folded  chan struct{} // closed and replaced at each commit
	stopped error         // why Run ended
	subs    map[*subscription]bool
	entries uint64
}

// New prepares a Router on a store whose mark the journal has confirmed.
func New(o Options) (*Router, error) {
	v, err := o.Store.View()
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.GroupBytes == 0 {
		o.GroupBytes = 512 << 10
	}
	return &Router{
		journal: o.Journal, store: o.Store, log: o.Logger, group: o.GroupBytes, sides: o.Sides, mark: mark,
		folded: make(chan struct{}), subs: make(map[*subscription]bool),
	}, nil
}

// Mark tells how far the fold is.
func (r *Router) Mark() store.Mark {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mark
}

// Folded is how many entries were folded since the start.
func (r *Router) Folded() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries
}

// Lag is how many durable batches the fold has not passed.
func (r *Router) Lag() uint64 {
	end, at := r.journal.End(), r.Mark().Position.Offset
	if end < at {
		return 0
	}
	return end - at
}

// Begin announces the fold's version in an empty journal.
func (r *Router) Begin(ctx context.Context) error {
	if r.journal.End() > 0 {
		return nil
	}
	e, err := NewEntry(canon.EntryFoldVersion, canon.Head{Actor: "hub"}, canon.FoldVersion{Version: Version})
	if err != nil {
		return err
	}
	_, err = r.journal.Append(ctx, bus.ClassCommand, []bus.Entry{e})
	return err
}

// Append puts entries into the journal as one batch and returns when it is durable. Invariant 1.
func (r *Router) Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	return r.journal.Append(ctx, class, entries)
}

// End is the offset of the newest durable batch: the read stamp of a request that starts now.
func (r *Router) End() uint64 { return r.journal.End() }

// WaitFolded waits until the fold has passed a batch.
func (r *Router) WaitFolded(ctx context.Context, offset uint64) error {
	for {
		r.mu.Lock()
		at, ch, stopped := r.mark.Position.Offset, r.folded, r.stopped
		r.mu.Unlock()
		if at >= offset {
			return nil
		}
		if stopped != nil {
			return fmt.Errorf("router: the fold has stopped: %w", stopped)
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrKeyReused is returned by Do for an idempotency key that came with another command before.
var ErrKeyReused = errors.New("router: the idempotency key was used for another command")

// ErrPending is returned by Do when the deadline passed before the fold decided: the command is durable, and its
// outcome can be asked for later.
var ErrPending = errors.New("router: the command is journaled but not decided yet")

// Do appends a command of an actor, waits until the fold has decided it, and gives the outcome. A command whose key is
// known gets the outcome of the first one.
func (r *Router) Do(ctx context.Context, head canon.Head, cmd canon.Command) (canon.Outcome, error) {
	if out, known, err := r.Outcome(head.Actor, cmd.Key); err != nil || known {
		if err == nil && out.Digest != CommandDigest(cmd) {
			err = ErrKeyReused
		}
		return out, err
	}
	e, err := NewEntry(canon.EntryCommand, head, cmd)
	if err != nil {
		return canon.Outcome{}, err
	}
	rec, err := r.journal.Append(ctx, bus.ClassCommand, []bus.Entry{e})
	if err != nil {
		return canon.Outcome{}, err
	}
	if err := r.WaitFolded(ctx, rec.Offset); err != nil {
		if ctx.Err() != nil {
			return canon.Outcome{}, ErrPending
		}
		return canon.Outcome{}, err
	}
	out, known, err := r.Outcome(head.Actor, cmd.Key)
	switch {
	case err != nil:
		return out, err
	case !known:
		return out, fmt.Errorf("router: the command at %s was parked: see /v1/parked", rec.Position(0))
	case out.Digest != CommandDigest(cmd):
		return out, ErrKeyReused
	}
	return out, nil
}

// Outcome gives what was decided about an actor's command; false when nothing was yet.
func (r *Router) Outcome(actor, key string) (canon.Outcome, bool, error) {
	v, err := r.store.View()
	if err != nil {
		return canon.Outcome{}, false, err
	}
	defer v.Close()
	out, err := store.Load[canon.Outcome](v, store.OutcomeKey(actor, key))
	if err != nil || out == nil {
		return canon.Outcome{}, false, err
	}
	return *out, true, nil
}

type subscription struct {
	mu      sync.Mutex
	pending []Commit
	joined  int // commits that were joined to the last one pending
	wake    chan struct{}
}

// Subscribe gives every commit from now on until ctx ends. The channel is closed then. A subscriber that is slow gets
// commits joined, never lost.
func (r *Router) Subscribe(ctx context.Context) <-chan Commit {
	s := &subscription{wake: make(chan struct{}, 1)}
	out := make(chan Commit)
	r.mu.Lock()
	r.subs[s] = true
	r.mu.Unlock()
	go func() {
		defer close(out)
		defer func() {
			r.mu.Lock()
			delete(r.subs, s)
			r.mu.Unlock()
		}()
		for {
			s.mu.Lock()
			batch := s.pending
			s.pending, s.joined = nil, 0
			s.mu.Unlock()
			for _, c := range batch {
				select {
				case out <- c:
				case <-ctx.Done():
					return
				}
			}
			if len(batch) > 0 {
				continue
			}
			select {
			case <-s.wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// maxPending is how many commits wait for a subscriber before they are joined to one.
const maxPending = 256

func (s *subscription) push(c Commit) {
	s.mu.Lock()
	if n := len(s.pending); n == maxPending {
		if s.joined == 0 { // its slices are other subscribers' too
			s.pending[n-1] = s.pending[n-1].clone()
		}
		s.pending[n-1].join(c)
		if s.joined++; s.joined%maxPending == 0 {
			s.pending[n-1].compact()
		}
	} else {
		s.pending = append(s.pending, c)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// join adds what a later commit changed.
func (c *Commit) join(d Commit) {
	c.Mark, c.Time, c.Entries, c.Rows = d.Mark, d.Time, c.Entries+d.Entries, c.Rows+d.Rows
	c.Settings, c.Deadlines = c.Settings || d.Settings, c.Deadlines || d.Deadlines
	c.Records = append(c.Records, d.Records...)
	c.Levels = append(c.Levels, d.Levels...)
	c.Reads = append(c.Reads, d.Reads...)
	c.Actions = append(c.Actions, d.Actions...)
	c.Adopt = append(c.Adopt, d.Adopt...)
	c.Side = append(c.Side, d.Side...)
}

// clone gives a commit that shares nothing.
func (c Commit) clone() Commit {
	c.Records, c.Levels = slices.Clone(c.Records), slices.Clone(c.Levels)
	c.Reads, c.Actions, c.Adopt, c.Side = slices.Clone(c.Reads), slices.Clone(c.Actions), slices.Clone(c.Adopt), slices.Clone(c.Side)
	return c
}

// compact names each thing once, so that what waits for a subscriber grows with the things there are and not with how
// often they changed. Of the reads of one entity that are due at once the newest stays.
func (c *Commit) compact() {
	c.Records, c.Levels, c.Adopt, c.Actions = distinct(c.Records), distinct(c.Levels), distinct(c.Adopt), distinct(c.Actions)
	c.Side = distinct(c.Side)
	type entity struct {
		connection string
		ref        canon.Ref
	}
	newest := make(map[entity]int, len(c.Reads))
	reads := c.Reads[:0]
	for _, r := range c.Reads {
		e := entity{r.Connection, r.Ref}
		at, known := newest[e]
		switch {
		case known && r.After.IsZero():
			reads[at] = r
			continue
		case r.After.IsZero():
			newest[e] = len(reads)
		}
		reads = append(reads, r)
	}
	c.Reads = reads
}

// distinct leaves out repeats, in place.
func distinct[T comparable](list []T) []T {
	seen := make(map[T]struct{}, len(list))
	return slices.DeleteFunc(list, func(v T) bool {
		_, known := seen[v]
		seen[v] = struct{}{}
		return known
	})
}

// Run folds until ctx ends or an error stops the node. It returns nil when ctx ended.
func (r *Router) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	groups := make(chan group, 1)
	var reader sync.WaitGroup
	reader.Add(1)
	go func() {
		defer reader.Done()
		defer close(groups)
		r.readAhead(ctx, groups)
	}()
	err := r.foldGroups(ctx, groups)
	cancel()
	reader.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = nil
	}
	r.mu.Lock()
	r.stopped = err
	if err == nil {
		r.stopped = context.Canceled
	}
	close(r.folded)
	r.folded = make(chan struct{})
	r.mu.Unlock()
	return err
}

// readAhead reads and decodes the next group while the fold works on the one before.
func (r *Router) readAhead(ctx context.Context, out chan<- group) {
	next := nextBatch(r.Mark())
	for {
		g, n := r.readGroup(ctx, next)
		if g.err == nil && n == 0 {
			if err := r.journal.Wait(ctx, next); err != nil {
				g.err = err
			} else {
				continue
			}
		}
		next += uint64(n)
		select {
		case out <- g:
		case <-ctx.Done():
			return
		}
		if g.err != nil {
			return
		}
	}
}

func (r *Router) readGroup(ctx context.Context, from uint64) (group, int) {
	batches, err := r.journal.ReadFrom(ctx, from, r.group)
	if err != nil {
		return group{err: fmt.Errorf("router: read the journal from %d: %w", from, err)}, 0
	}
	var g group
	for i := range batches {
		if want := from + uint64(i); batches[i].Offset != want {
			return group{err: fmt.Errorf("router: the journal gave batch %d where %d follows", batches[i].Offset, want)}, 0
		}
		g.facts = append(g.facts, decodeBatch(&batches[i])...)
		batches[i].Entries = nil
	}
	g.batches = batches
	return g, len(batches)
}

func (r *Router) foldGroups(ctx context.Context, groups <-chan group) (err error) {
	to := folder{store: r.store, journal: r.journal.ID(), yield: r.yield, passed: r.passed}
	defer func() {
		if failed := to.close(); failed != nil { // not hidden behind the end of ctx
			err = failed
		}
	}()
	idle := time.NewTimer(restAfter)
	defer idle.Stop()
	for {
		select {
		case g, ok := <-groups:
			if !ok {
				return ctx.Err()
			}
			if g.err != nil {
				return g.err
			}
			idle.Reset(restAfter)
			if _, err := to.fold(g); err != nil {
				return err
			}
		case err := <-to.sent: // nothing to fold: the commit is waited for, or its failure would go unseen
			to.sent = nil
			if err != nil {
				return err
			}
		case <-idle.C:
			if err := to.close(); err != nil { // what it remembers of the view is read again when something comes
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// restAfter is how long the fold remembers what it has read and written after the last entry.
const restAfter = 4 * time.Second

// keepUp is how many batches the fold may be behind before it no longer gives way.
const keepUp = 128

// yield lets who waits for a processor go first, so that answers do not wait for a slice of the fold. A fold that is
// behind keeps its own slice, or the lag would grow with the load.
func (r *Router) yield() {
	if r.Lag() < keepUp {
		runtime.Gosched()
	}
}

func (r *Router) passed(c Commit) {
	if r.sides != nil && len(c.Side) > 0 {
		r.sides(c.Side)
	}
	r.mu.Lock()
	r.mark = c.Mark
	r.entries += uint64(c.Entries)
	close(r.folded)
	r.folded = make(chan struct{})
	for s := range r.subs {
		s.push(c)
	}
	r.mu.Unlock()
}

// Replay folds a journal into a store from the store's mark to offset to, without subscribers or effects: for rebuild
// and verify. It reports each commit's position to progress, which may be nil.
func Replay(ctx context.Context, j bus.Journal, st store.Store, to uint64, progress func(at uint64)) (err error) {
	r, err := New(Options{Journal: j, Store: st, GroupBytes: 2 << 20})
	if err != nil {
		return err
	}
	into := folder{store: st, journal: j.ID(), passed: func(c Commit) {
		if progress != nil {
			progress(c.Mark.Position.Offset)
		}
	}}
	defer func() { err = errors.Join(err, into.close()) }()
	next := nextBatch(r.Mark())
	for next <= to {
		g, n := r.readGroup(ctx, next)
		if g.err != nil {
			return g.err
		}
		if n == 0 {
			return fmt.Errorf("router: the journal ends at %d, before %d", next-1, to)
		}
		if _, err := into.fold(g); err != nil {
			return err
		}
		next += uint64(n)
	}
	return nil
}

// RefreshPending reports whether items have to be computed again after the settings changed.
func RefreshPending(r store.Reader) (bool, error) {
	_, ok, err := r.Get(keyRefresh)
	return ok, err
}

// LastTick is the fold time of the newest tick: no deadline before it is left, unless there were too many for one.
func LastTick(r store.Reader) (time.Time, error) {
	t, err := store.Load[time.Time](r, keyTick)
	if err != nil || t == nil {
		return time.Unix(0, 0), err
	}
	return *t, nil
}
