package router

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// group is what is folded at once: whole batches of the journal.
type group struct {
	facts   []fact
	batches []bus.Batch // without entries
	err     error
}

// nextBatch is the first batch that a state does not hold, or not all of.
func nextBatch(m store.Mark) uint64 {
	if m.Partial {
		return m.Position.Offset
	}
	return m.Position.Offset + 1
}

// A commit holds what waits for it, up to the first bounds, and one entry more, up to the second. The second are part
// of the rules: an entry that exceeds them is parked, however entries are grouped (invariant 3).
const (
	maxUncommitted     = store.MaxCommitBytes / 4
	maxUncommittedKeys = store.MaxCommitKeys / 4
	maxEntryBytes      = store.MaxCommitBytes - maxUncommitted
	maxEntryKeys       = store.MaxCommitKeys - maxUncommittedKeys
)

// folder folds groups into one store, one after the other. It keeps what it has read and written in memory between
// commits, since the next group is often about the same pieces.
type folder struct {
	store   store.Store
	journal string // its id
	tune    func(f *fold)
	yield   func() // called after each entry; nil means nothing is
	// passed makes commits run beside the fold of what follows, one at a time, in order; it is called after the last
	// one of each group. Without it, fold returns after the commit.
	passed func(Commit)

	view store.View
	f    *fold
	mark store.Mark // of the state that f goes on from

	sent chan error // gets the outcome of the commit under way; nil when there is none
}

// close waits for the commit under way.
func (w *folder) close() error {
	err := w.await()
	if w.view != nil {
		w.view.Close()
	}
	w.view, w.f = nil, nil
	return err
}

// await waits for the commit under way.
func (w *folder) await() error {
	if w.sent == nil {
		return nil
	}
	err := <-w.sent
	w.sent = nil
	return err
}

// fold applies a group to the newest state and commits it with its position. The view is not synced: the journal is
// the truth (invariant 2). A group whose writes are too many for one commit is committed in parts, if need be within
// a batch; entries that an earlier part of a batch holds already are passed over.
func (w *folder) fold(g group) (Commit, error) {
	var out Commit
	if err := w.begin(); err != nil {
		return out, err
	}
	w.f.out = &out
	at := 0 // of g.facts
	for i := range g.batches {
		b := &g.batches[i]
		last := canon.Position{Offset: b.Offset}
		if again, err := w.again(b); err != nil {
			return out, err
		} else if again {
			for at < len(g.facts) && g.facts[at].pos.Offset == b.Offset {
				at++
			}
		}
		for begun := false; at < len(g.facts) && g.facts[at].pos.Offset == b.Offset; at++ {
			ft := &g.facts[at]
			if w.mark.Partial && ft.pos.Compare(w.mark.Position) <= 0 {
				last, begun = ft.pos, true
				continue
			}
			if begun && w.full() {
				if err := w.commit(b, store.Mark{Position: last, Partial: true}, false); err != nil {
					return out, err
				}
			}
			if err := w.f.apply(ft); err != nil {
				return out, err
			}
			last, begun = ft.pos, true
			if w.yield != nil {
				w.yield()
			}
		}
		if end := i == len(g.batches)-1; end || w.full() {
			if err := w.commit(b, store.Mark{Position: last}, end); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// again tells whether a batch was folded before: a journal on several brokers may hold it twice. A batch of which a part
// was committed is not folded again, but on.
func (w *folder) again(b *bus.Batch) (bool, error) {
	if b.ID == [16]byte{} || w.mark.Partial && w.mark.Position.Offset == b.Offset {
		return false, nil
	}
	first, err := w.f.first(b)
	return !first, err
}

func (w *folder) full() bool {
	return w.f.tx.Bytes() > maxUncommitted || w.f.tx.Len() > maxUncommittedKeys
}

// begin opens an overlay over the newest state.
func (w *folder) begin() error {
	if w.f != nil {
		return nil
	}
	view, err := w.store.View()
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	w.view = view
	if w.mark, err = view.Mark(); err != nil {
		return fmt.Errorf("router: %w", err)
	}
	if w.f, err = newFold(store.NewTx(view), nil); err != nil {
		return err
	}
	if w.tune != nil {
		w.tune(w.f)
	}
	return nil
}

// commit writes what was folded up to a position of a batch, and goes on over the state that this makes. end tells that
// the group ends with it.
func (w *folder) commit(b *bus.Batch, mark store.Mark, end bool) error {
	mark.JournalID, mark.Hash, mark.Time, mark.FoldVersion = w.journal, hex.EncodeToString(b.Hash[:]), b.Time, w.f.version
	out, tx := w.f.out, w.f.tx
	out.Time, out.Mark = time.Unix(0, b.Time).UTC(), mark
	if w.passed == nil {
		writes := tx.Writes()
		out.Records = writes.Below(store.PrefixRecord, out.Records)
		if err := w.write(writes, mark); err != nil {
			return err
		}
		w.mark = mark
		view, err := w.renew()
		if err != nil {
			return err
		}
		w.f.tx = tx.Next(view)
		return nil
	}
	if err := w.await(); err != nil {
		return err
	}
	view, err := w.renew()
	if err != nil {
		return err
	}
	tx.Rebase(view) // it holds what tx lay over, whose commit is done
	writes, next := tx.Ahead()
	out.Records = writes.Below(store.PrefixRecord, out.Records)
	sent := make(chan error, 1)
	var done Commit
	if end {
		done = *out
	}
	go func() { // ends with the commit, which await and close wait for
		err := w.write(writes, mark)
		if err == nil && end {
			w.passed(done)
		}
		sent <- err
	}()
	w.sent, w.mark, w.f.tx = sent, mark, next
	return nil
}

func (w *folder) write(writes *store.Writes, mark store.Mark) error {
	if err := w.store.Commit(writes, mark); err != nil {
		return fmt.Errorf("router: commit at %s: %w", mark.Position, err)
	}
	return nil
}

// renew opens a view on the newest state in place of the one before.
func (w *folder) renew() (store.View, error) {
	view, err := w.store.View()
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	w.view.Close()
	w.view = view
	return view, nil
}
