// Package router folds the journal into canonical records. It reads durable batches in order, decodes them beside the
// fold, applies each entry to an overlay of the view, and commits what a group of batches wrote together with the
// journal position. Whoever appended can wait until the fold has passed its entry.
package router

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
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
	// GroupBytes bounds the journal payload that one commit folds; 0 means 512 KiB.
	GroupBytes int
}

// Router folds one journal into one store. It is safe for concurrent use; Run folds.
type Router struct {
	journal bus.Journal
	store   store.Store
	log     hclog.Logger
	group   int

	mu      sync.Mutex
	mark    store.Mark
	done    uint64        // offset of the newest batch that is folded to its end
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
		journal: o.Journal, store: o.Store, log: o.Logger, group: o.GroupBytes, mark: mark, done: max(mark.Position.Offset, 1) - 1,
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
	r.mu.Lock()
	at := r.done
	r.mu.Unlock()
	end := r.journal.End()
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
		at, ch, stopped := r.done, r.folded, r.stopped
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
			s.pending = nil
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
	if n := len(s.pending); n >= maxPending {
		s.pending[n-1].join(c)
	} else {
		s.pending = append(s.pending, c)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (c *Commit) join(d Commit) {
	c.Mark, c.Time, c.Entries, c.Deadlines = d.Mark, d.Time, c.Entries+d.Entries, c.Deadlines || d.Deadlines
	c.Rows = append(c.Rows[:len(c.Rows):len(c.Rows)], d.Rows...)
	c.Levels = append(c.Levels[:len(c.Levels):len(c.Levels)], d.Levels...)
	c.Reads = append(c.Reads[:len(c.Reads):len(c.Reads)], d.Reads...)
	c.Adopt = append(c.Adopt[:len(c.Adopt):len(c.Adopt)], d.Adopt...)
}

// group is what one commit folds: entries in order, up to and including one of batch last.
type group struct {
	facts []fact
	// batches are the headers of the batches that the facts are from, in order; last is the newest of them.
	batches []bus.Batch
	last    bus.Batch
	// partial tells that last has further entries, which the next group begins with.
	partial bool
	err     error
}

// maxGroup is how many entries one commit folds at most, so that what it writes stays within what a store takes.
const maxGroup = 200

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
	if errors.Is(err, context.Canceled) {
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
	next := r.resumeAt()
	send := func(g group) bool {
		select {
		case out <- g:
			return g.err == nil
		case <-ctx.Done():
			return false
		}
	}
	for {
		groups, n, err := r.readGroups(ctx, next)
		if err == nil && n == 0 {
			err = r.journal.Wait(ctx, next)
		}
		if err != nil {
			send(group{err: err})
			return
		}
		for _, g := range groups {
			if !send(g) {
				return
			}
		}
		next += uint64(n)
	}
}

// resumeAt is the offset to read on from: a commit may have ended inside a batch, so that of the mark is read again.
func (r *Router) resumeAt() uint64 { return max(r.Mark().Position.Offset, 1) }

// readGroups reads the batches from an offset on, decodes them and cuts them into groups. Entries that the view holds
// already are left out.
func (r *Router) readGroups(ctx context.Context, from uint64) (groups []group, n int, err error) {
	batches, err := r.journal.ReadFrom(ctx, from, r.group)
	if err != nil {
		return nil, 0, fmt.Errorf("router: read the journal from %d: %w", from, err)
	}
	folded := r.Mark().Position
	var g group
	for i := range batches {
		b := &batches[i]
		if want := from + uint64(i); b.Offset != want {
			return nil, 0, fmt.Errorf("router: the journal gave batch %d where %d follows", b.Offset, want)
		}
		facts := decodeBatch(b)
		b.Entries = nil
		for len(facts) > 0 && facts[0].pos.Compare(folded) <= 0 {
			facts = facts[1:]
		}
		for first := true; first || len(facts) > 0; first = false {
			room := min(maxGroup-len(g.facts), len(facts))
			g.facts = append(g.facts, facts[:room]...)
			facts = facts[room:]
			g.batches, g.last, g.partial = append(g.batches, *b), *b, len(facts) > 0
			if len(g.facts) >= maxGroup {
				groups = append(groups, g)
				g = group{}
			}
		}
	}
	if len(g.batches) > 0 {
		groups = append(groups, g)
	}
	return groups, len(batches), nil
}

func (r *Router) foldGroups(ctx context.Context, groups <-chan group) error {
	for {
		select {
		case g, ok := <-groups:
			if !ok {
				return ctx.Err()
			}
			if g.err != nil {
				return g.err
			}
			if err := foldAll(r.store, r.journal.ID(), g, r.passed); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// foldAll folds a group in as few commits as the store takes. done gets each with the offset of the newest batch
// that is folded to its end.
func foldAll(st store.Store, journal string, g group, done func(c Commit, offset uint64)) error {
	commit, err := foldGroup(st, journal, g)
	switch {
	case err == nil:
		whole := g.last.Offset
		if g.partial {
			whole--
		}
		done(commit, whole)
		return nil
	case !errors.Is(err, store.ErrTooBig):
		return err
	case len(g.facts) < 2:
		for i := range g.facts {
			g.facts[i].fault = faultf("entry.too_big", "what this entry changes is more than one commit takes")
		}
		commit, err = foldGroup(st, journal, g)
		if err != nil {
			return err
		}
		done(commit, g.last.Offset)
		return nil
	}
	first, second := g.split()
	if err := foldAll(st, journal, first, done); err != nil {
		return err
	}
	return foldAll(st, journal, second, done)
}

// split cuts a group of two facts or more in two.
func (g group) split() (first, second group) {
	mid := len(g.facts) / 2
	first, second = group{facts: g.facts[:mid]}, group{facts: g.facts[mid:], last: g.last, partial: g.partial}
	at := g.facts[mid-1].pos.Offset
	for _, b := range g.batches {
		if b.Offset <= at {
			first.batches, first.last = append(first.batches, b), b
		}
		if b.Offset >= g.facts[mid].pos.Offset {
			second.batches = append(second.batches, b)
		}
	}
	first.partial = g.facts[mid].pos.Offset == at
	return first, second
}

// foldGroup applies a group to the newest state and commits it with its position. The view is not synced: the
// journal is the truth (invariant 2).
func foldGroup(st store.Store, journal string, g group) (Commit, error) {
	v, err := st.View()
	if err != nil {
		return Commit{}, fmt.Errorf("router: %w", err)
	}
	defer v.Close()
	if len(g.facts) == 0 { // the view holds all of it already
		mark, err := v.Mark()
		return Commit{Mark: mark, Time: time.Unix(0, mark.Time).UTC()}, err
	}
	tx := store.NewTx(v)
	var out Commit
	f, err := newFold(tx, &out)
	if err != nil {
		return Commit{}, err
	}
	for i := range g.facts {
		if err := f.apply(&g.facts[i]); err != nil {
			return Commit{}, err
		}
	}
	out.Time = time.Unix(0, g.last.Time).UTC()
	last := g.facts[len(g.facts)-1].pos
	out.Mark = store.Mark{
		JournalID: journal, Position: last, Hash: hex.EncodeToString(g.last.Hash[:]), Time: g.last.Time, FoldVersion: f.version,
	}
	if err := st.Commit(tx.Writes(), out.Mark); err != nil {
		return Commit{}, fmt.Errorf("router: commit at %s: %w", last, err)
	}
	return out, nil
}

func (r *Router) passed(c Commit, offset uint64) {
	r.mu.Lock()
	r.mark, r.done = c.Mark, offset
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
func Replay(ctx context.Context, j bus.Journal, st store.Store, to uint64, progress func(at uint64)) error {
	r, err := New(Options{Journal: j, Store: st, GroupBytes: 2 << 20})
	if err != nil {
		return err
	}
	next := r.resumeAt()
	for next <= to {
		groups, n, err := r.readGroups(ctx, next)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("router: the journal ends at %d, before %d", next-1, to)
		}
		for _, g := range groups {
			if g = g.until(to); len(g.batches) == 0 {
				break
			}
			if err := foldAll(st, j.ID(), g, func(Commit, uint64) {}); err != nil {
				return err
			}
		}
		next += uint64(n)
		if progress != nil {
			progress(min(next-1, to))
		}
	}
	return nil
}

// until leaves out what is behind an offset.
func (g group) until(to uint64) group {
	if g.last.Offset <= to {
		return g
	}
	out := group{}
	for _, f := range g.facts {
		if f.pos.Offset <= to {
			out.facts = append(out.facts, f)
		}
	}
	for _, b := range g.batches {
		if b.Offset <= to {
			out.batches, out.last = append(out.batches, b), b
		}
	}
	return out
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
