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

	view store.View
	f    *fold
	mark store.Mark // of the view
}

func (w *folder) close() {
	if w.view != nil {
		w.view.Close()
	}
	w.view, w.f = nil, nil
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
				if err := w.commit(b, last, true); err != nil {
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
		if i == len(g.batches)-1 || w.full() {
			if err := w.commit(b, last, false); err != nil {
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

// commit writes what was folded up to a position of a batch, and goes on over the state that this makes.
func (w *folder) commit(b *bus.Batch, last canon.Position, partial bool) error {
	out := w.f.out
	out.Time = time.Unix(0, b.Time).UTC()
	out.Mark = store.Mark{
		JournalID: w.journal, Position: last, Partial: partial, Hash: hex.EncodeToString(b.Hash[:]), Time: b.Time,
		FoldVersion: w.f.version,
	}
	tx := w.f.tx
	writes := tx.Writes()
	if err := w.store.Commit(writes, out.Mark); err != nil {
		return fmt.Errorf("router: commit at %s: %w", last, err)
	}
	out.Records = writes.Below(store.PrefixRecord, out.Records)
	view, err := w.store.View()
	if err != nil {
		return fmt.Errorf("router: %w", err)
	}
	w.view.Close()
	w.view, w.mark, w.f.tx = view, out.Mark, tx.Next(view)
	return nil
}
