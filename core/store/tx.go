package store

import (
	"fmt"
	"strings"

	"github.com/tidwall/btree"
)

// Tx is the fold's overlay over one committed state: it reads its own writes first, then the base. Nothing reaches
// the store until the caller commits what Writes gives. A Tx belongs to one goroutine.
//
// Savepoints nest: Begin opens one, Keep makes its writes part of the one around it, Rollback discards them exactly.
// The fold opens one for each journal entry, so that an entry that fails leaves nothing behind in its batch.
type Tx struct {
	base    Reader
	pending map[string][]byte // nil means deleted
	order   btree.Set[string] // the keys of pending
	cache   *readCache        // what base has
	decoded *decodedCache     // records that were made of what pending and base have
	size    int               // what pending counts towards MaxCommitBytes
	changes uint64            // grows with each change of pending
	undo    []undo            // what pending was, oldest first, since the outermost savepoint
	saves   []int             // where in undo each open savepoint begins
	settled bool              // an overlay lies over it: nothing is written any more
}

type undo struct {
	key     string
	value   []byte
	present bool
}

// NewTx gives an overlay without writes over r, which must show one state for as long as the Tx is used.
func NewTx(r Reader) *Tx {
	return &Tx{base: r, pending: make(map[string][]byte), cache: newReadCache(), decoded: newDecodedCache()}
}

// Next gives an overlay without writes over r, which must show exactly what t's base does with t's writes committed.
// It goes on with what t has read and written in memory, so that a fold does not ask the store for the same records
// batch after batch. t must not be used any more.
func (t *Tx) Next(r Reader) *Tx {
	for key, value := range t.pending {
		t.cache.put(key, value)
	}
	return &Tx{base: r, pending: make(map[string][]byte, len(t.pending)), cache: t.cache, decoded: t.decoded}
}

// Ahead is Next before t's writes are committed: an overlay without writes over t itself. Nothing may be written to t
// any more; its Writes may be committed meanwhile. When they are, Rebase takes t out from under the overlay.
func (t *Tx) Ahead() *Tx {
	t.settled = true
	return t.Next(t)
}

// Rebase goes on over r, which must show exactly what t's base does.
func (t *Tx) Rebase(r Reader) { t.base = r }

// Get implements Reader.
func (t *Tx) Get(key string) ([]byte, bool, error) {
	b, ok, err := t.borrow(key)
	if !ok || err != nil {
		return nil, false, err
	}
	return append([]byte{}, b...), true, nil
}

// borrow is Get without the copy; the value must not be changed.
func (t *Tx) borrow(key string) ([]byte, bool, error) {
	if v, ok := t.pending[key]; ok {
		return v, v != nil, nil
	}
	if !t.settled { // else the overlay above has looked
		if v, ok := t.cache.get(key); ok {
			return v, v != nil, nil
		}
	}
	get := t.base.Get
	if b, ok := t.base.(borrower); ok {
		get = b.borrow
	}
	v, ok, err := get(key)
	if err != nil {
		return nil, false, err
	}
	if !ok {
		v = nil
	} else if v == nil {
		v = []byte{}
	}
	if !t.settled {
		t.cache.put(key, v)
	}
	return v, ok, nil
}

// Put sets a key. The value must not be changed afterwards.
func (t *Tx) Put(key string, value []byte) {
	if value == nil {
		value = []byte{}
	}
	t.write(key, value)
}

// Delete removes a key.
func (t *Tx) Delete(key string) { t.write(key, nil) }

func (t *Tx) write(key string, value []byte) {
	old, present := t.pending[key]
	if len(t.saves) > 0 {
		t.undo = append(t.undo, undo{key: key, value: old, present: present})
	}
	t.set(key, value, old, present)
}

func (t *Tx) set(key string, value, old []byte, present bool) {
	if present {
		t.size -= len(key) + len(old) + entryOverhead
	} else {
		t.order.Insert(key)
	}
	t.pending[key] = value
	t.size += len(key) + len(value) + entryOverhead
	t.changes++
}

// Scan implements Reader: pending writes and the base in one order. fn may write to the Tx; what it writes ahead of
// the key that it was called for is met, what it writes behind is not.
func (t *Tx) Scan(prefix, from string, fn func(key string, value []byte) (bool, error)) error {
	s := txScan{tx: t, prefix: prefix, at: scanStart(prefix, from), fn: fn}
	s.seek()
	err := t.base.Scan(prefix, from, func(key string, value []byte) (bool, error) {
		if more, err := s.pendingBefore(key); !more || err != nil {
			return false, err
		}
		if _, ok := t.pending[key]; ok {
			// The pending value stands in for the base's; it is the next one in order.
			return s.pendingAt(key)
		}
		return s.emit(key, value)
	})
	if err != nil || s.stopped {
		return err
	}
	_, err = s.pendingBefore("")
	return err
}

// txScan walks the pending keys beside a scan of the base.
type txScan struct {
	tx      *Tx
	prefix  string
	fn      func(key string, value []byte) (bool, error)
	at      string // the scan's place: the key emitted last, or where it begins
	past    bool   // at itself is done
	head    string // the first pending key from the place on
	has     bool   // there is a head
	changes uint64 // the Tx's changes when head was looked up
	stopped bool
}

// seek looks up head.
func (s *txScan) seek() {
	s.has, s.changes = false, s.tx.changes
	s.tx.order.Ascend(s.at, func(key string) bool {
		if s.past && key == s.at {
			return true
		}
		if strings.HasPrefix(key, s.prefix) {
			s.head, s.has = key, true
		}
		return false
	})
}

// pendingBefore emits the pending keys less than limit; "" means all that are left.
func (s *txScan) pendingBefore(limit string) (bool, error) {
	for {
		if s.changes != s.tx.changes { // fn has written meanwhile
			s.seek()
		}
		if !s.has || (limit != "" && s.head >= limit) {
			return true, nil
		}
		if more, err := s.pendingAt(s.head); !more || err != nil {
			return false, err
		}
	}
}

// pendingAt emits the pending key unless it is a removal.
func (s *txScan) pendingAt(key string) (bool, error) {
	value := s.tx.pending[key]
	s.at, s.past = key, true
	s.seek()
	if value == nil {
		return true, nil
	}
	return s.emit(key, value)
}

func (s *txScan) emit(key string, value []byte) (bool, error) {
	s.at, s.past = key, true
	more, err := s.fn(key, value)
	s.stopped = !more || err != nil
	return more, err
}

// Begin opens a savepoint.
func (t *Tx) Begin() { t.saves = append(t.saves, len(t.undo)) }

// Keep closes the innermost savepoint and keeps its writes. It panics when none is open.
func (t *Tx) Keep() {
	t.pop()
	if len(t.saves) == 0 {
		clear(t.undo)
		t.undo = t.undo[:0]
	}
}

// Rollback closes the innermost savepoint and discards its writes, so that the Tx is exactly as it was at its Begin.
// It panics when none is open.
func (t *Tx) Rollback() {
	at := t.pop()
	for i := len(t.undo) - 1; i >= at; i-- {
		u := t.undo[i]
		old := t.pending[u.key]
		if u.present {
			t.set(u.key, u.value, old, true)
			continue
		}
		delete(t.pending, u.key)
		t.order.Delete(u.key)
		t.size -= len(u.key) + len(old) + entryOverhead
		t.changes++
	}
	clear(t.undo[at:])
	t.undo = t.undo[:at]
}

func (t *Tx) pop() int {
	last := len(t.saves) - 1
	if last < 0 {
		panic("store: no savepoint is open")
	}
	at := t.saves[last]
	t.saves = t.saves[:last]
	return at
}

// Check tells whether a commit could take what was written since the innermost savepoint: ErrTooBig when that alone
// exceeds what one commit may hold, another error for a key that no store takes. The fold asks before Keep, so that
// an entry that can never be committed is parked (invariant 6) instead of stopping the batch. It panics when no
// savepoint is open.
func (t *Tx) Check() error { return t.CheckWithin(MaxCommitBytes, MaxCommitKeys) }

// CheckWithin is Check with bounds of the caller's own, of which neither is above those of a commit.
func (t *Tx) CheckWithin(maxBytes, maxKeys int) error {
	undo := t.undo[t.saves[len(t.saves)-1]:]
	size := 0
	for i := range undo {
		if err := checkKey(undo[i].key); err != nil {
			return err
		}
		size += len(undo[i].key) + len(t.pending[undo[i].key]) + entryOverhead
	}
	if size <= maxBytes && len(undo) <= maxKeys {
		return nil // as much even if no key was written twice
	}
	written := make(map[string][]byte)
	size = 0
	for i := range undo {
		key := undo[i].key
		if _, known := written[key]; !known {
			written[key] = t.pending[key]
			size += len(key) + len(t.pending[key]) + entryOverhead
		}
	}
	if size > maxBytes || len(written) > maxKeys {
		return fmt.Errorf("%w: %d bytes under %d keys, limits %d and %d", ErrTooBig, size, len(written), maxBytes, maxKeys)
	}
	return nil
}

// Bytes is what the pending writes count towards MaxCommitBytes.
func (t *Tx) Bytes() int { return t.size }

// Len is the number of keys that change; it counts towards MaxCommitKeys.
func (t *Tx) Len() int { return len(t.pending) }

// Writes gives the pending writes for a Commit. They share the Tx's memory: the Tx must not be used any more once it
// was called.
func (t *Tx) Writes() *Writes { return &Writes{put: t.pending} }

var _ Reader = (*Tx)(nil)
