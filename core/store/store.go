// Package store keeps the view: what the fold made of the journal, as key-value pairs committed together with the
// journal position that they stand for. The view is not the truth (invariant 2): it is not synced to disk at each
// commit, and can always be made again from a snapshot and the journal after it.
//
// Everything above speaks to the interfaces of this file; Open gives the implementation on Badger, NewMemory one in
// memory for properties and replays.
package store

import (
	"errors"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Reader reads a consistent state. Values that it hands out belong to the caller.
type Reader interface {
	// Get gives the value of a key; false when there is none.
	Get(key string) ([]byte, bool, error)
	// Scan calls fn for each key that has the prefix and is not less than from, in ascending order, until fn returns
	// false or an error. from may be empty. The value is valid inside fn alone.
	Scan(prefix, from string, fn func(key string, value []byte) (bool, error)) error
}

// View is a Reader on one committed state. It must be closed.
type View interface {
	Reader
	// Mark tells which journal position the state stands for.
	Mark() (Mark, error)
	Close()
}

// Store holds the view. One goroutine commits, any number read.
type Store interface {
	// View opens the newest committed state.
	View() (View, error)
	// Commit applies all writes and the mark in one transaction, without waiting for the disk.
	Commit(w *Writes, mark Mark) error
	// Wipe removes everything, the mark included.
	Wipe() error
	Close() error
}

// Mark says which part of which journal a state stands for. A store whose mark the journal does not confirm (another
// journal, a position ahead of it, another hash) is discarded and rebuilt.
type Mark struct {
	JournalID string `json:"journal_id"`
	// Position is the last entry that is folded in. The zero value means none.
	Position canon.Position `json:"position"`
	// Partial tells that entries of the batch of Position are left: its writes are too many for one commit.
	Partial bool `json:"partial,omitempty"`
	// Hash is the journal's hash chain at the batch of Position, in hexadecimal.
	Hash string `json:"hash"`
	// Time is the fold time at Position, Unix nanoseconds.
	Time int64 `json:"time"`
	// FoldVersion is the version of the rules that made this state.
	FoldVersion int `json:"fold_version"`
}

// Writes is a set of changes; the last one for a key counts.
type Writes struct {
	list []write           // of a Tx, in the order of their keys
	put  map[string][]byte // a nil value means delete
}

// write is the change of one key; a nil value means delete.
type write struct {
	key   string
	value []byte
}

// Put sets a key. The value must not be changed afterwards.
func (w *Writes) Put(key string, value []byte) {
	if w.put == nil {
		w.put = make(map[string][]byte)
	}
	if value == nil {
		value = []byte{}
	}
	w.put[key] = value
}

// Delete removes a key.
func (w *Writes) Delete(key string) {
	if w.put == nil {
		w.put = make(map[string][]byte)
	}
	w.put[key] = nil
}

// Len is the number of keys that change.
func (w *Writes) Len() int { return len(w.list) + len(w.put) }

// Below adds the keys that change below a prefix to a list, in no particular order.
func (w *Writes) Below(prefix string, list []string) []string {
	_ = w.Each(func(key string, _ []byte, _ bool) error {
		if strings.HasPrefix(key, prefix) {
			list = append(list, key)
		}
		return nil
	})
	return list
}

// Each calls fn for every change in no particular order; deleted tells a removal.
func (w *Writes) Each(fn func(key string, value []byte, deleted bool) error) error {
	for i := range w.list {
		if err := fn(w.list[i].key, w.list[i].value, w.list[i].value == nil); err != nil {
			return err
		}
	}
	for k, v := range w.put {
		if err := fn(k, v, v == nil); err != nil {
			return err
		}
	}
	return nil
}

// ErrCorrupt is wrapped by errors about a snapshot or store that does not check out.
var ErrCorrupt = errors.New("store: corrupt")
