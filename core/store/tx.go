package store

import (
	"fmt"
	"slices"
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
	cells   *cells                   // what is known of keys, those with a pending write among them
	pending btree.Map[string, *cell] // the cells with a pending write, by key
	number  uint64                   // marks them
	size    int                      // what pending counts towards MaxCommitBytes
	changes uint64                   // grows with each change of pending
	undo    []undo                   // what cells were, oldest first, since the outermost savepoint
	saves   []int                    // where in undo each open savepoint begins
}

// undo is what a cell was before a write.
type undo struct {
	cell    *cell
	value   []byte
	record  any
	known   bool // there was a cell
	pending bool
}

// NewTx gives an overlay without writes over r, which must show one state for as long as the Tx is used.
func NewTx(r Reader) *Tx { return &Tx{base: r, cells: newCells(), number: 1} }

// Next gives an overlay without writes over r, which must show exactly what t's base does with t's writes committed.
// It goes on with what t has read and written in memory, so that a fold does not ask the store for the same records
// batch after batch. t must not be used any more.
func (t *Tx) Next(r Reader) *Tx { return &Tx{base: r, cells: t.cells, number: t.number + 1} }

// Ahead gives t's writes, and an overlay without writes that shows t's state before they are committed. When they are,
// Rebase puts the overlay on a base that has them. t must not be used any more.
func (t *Tx) Ahead() (*Writes, *Tx) {
	w := t.Writes()
	return w, t.Next(&sent{writes: w.list, base: t.base})
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
	c, err := t.cell(key)
	if err != nil {
		return nil, false, err
	}
	return c.value, c.value != nil, nil
}

// cell gives what a key has, read from the base where it is not known.
func (t *Tx) cell(key string) (*cell, error) {
	if c := t.cells.get(key); c != nil {
		return c, nil
	}
	get := t.base.Get
	if b, ok := t.base.(borrower); ok {
		get = b.borrow
	}
	v, ok, err := get(key)
	if err != nil {
		return nil, err
	}
	if !ok {
		v = nil
	} else if v == nil {
		v = []byte{}
	}
	t.room()
	return t.cells.add(key, v), nil
}

// room forgets what was not asked for lately, where there is too much.
func (t *Tx) room() { t.cells.bound(func(c *cell) bool { return c.written == t.number }) }

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
	c := t.cells.get(key)
	known := c != nil
	if !known {
		t.room()
		c = t.cells.add(key, nil)
	}
	pending := c.written == t.number
	if len(t.saves) > 0 {
		t.undo = append(t.undo, undo{cell: c, value: c.value, record: c.record, known: known, pending: pending})
	}
	if pending {
		t.size -= len(key) + len(c.value) + entryOverhead
	} else {
		c.written = t.number
		t.pending.Set(c.key, c)
	}
	t.cells.set(c, value, nil)
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
		if c := t.cells.known[key]; c != nil && c.written == t.number {
			// The pending value stands in for the base's; it is the next one in order.
			return s.pendingAt()
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
	value   []byte // of head
	has     bool   // there is a head
	changes uint64 // the Tx's changes when head was looked up
	stopped bool
}

// seek looks up head.
func (s *txScan) seek() {
	s.has, s.changes = false, s.tx.changes
	s.tx.pending.Ascend(s.at, func(key string, c *cell) bool {
		if s.past && key == s.at {
			return true
		}
		if strings.HasPrefix(key, s.prefix) {
			s.head, s.value, s.has = key, c.value, true
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
		if more, err := s.pendingAt(); !more || err != nil {
			return false, err
		}
	}
}

// pendingAt emits the pending key that is the head, unless it is a removal.
func (s *txScan) pendingAt() (bool, error) {
	key, value := s.head, s.value
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
		u := &t.undo[i]
		c := u.cell
		t.size -= len(c.key) + len(c.value) + entryOverhead
		t.cells.set(c, u.value, u.record)
		if u.pending {
			t.size += len(c.key) + len(c.value) + entryOverhead
		} else {
			c.written = 0
			t.pending.Delete(c.key)
		}
		if !u.known {
			t.cells.drop(c) // what the base has was never looked up
		}
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
		c := undo[i].cell
		if err := checkKey(c.key); err != nil {
			return err
		}
		size += len(c.key) + len(c.value) + entryOverhead
	}
	if size <= maxBytes && len(undo) <= maxKeys {
		return nil // as much even if no key was written twice
	}
	written := make(map[*cell]bool)
	size = 0
	for i := range undo {
		if c := undo[i].cell; !written[c] {
			written[c] = true
			size += len(c.key) + len(c.value) + entryOverhead
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
func (t *Tx) Len() int { return t.pending.Len() }

// Writes gives the pending writes for a Commit, in the order of their keys.
func (t *Tx) Writes() *Writes {
	list := make([]write, 0, t.pending.Len())
	t.pending.Scan(func(key string, c *cell) bool {
		list = append(list, write{key, c.value})
		return true
	})
	return &Writes{list: list}
}

// sent is a Reader of writes that are being committed and of what they lie over.
type sent struct {
	writes []write // in the order of their keys
	base   Reader
}

func (s *sent) from(key string) int {
	at, _ := slices.BinarySearchFunc(s.writes, key, func(w write, key string) int { return strings.Compare(w.key, key) })
	return at
}

// Get implements Reader.
func (s *sent) Get(key string) ([]byte, bool, error) {
	if at := s.from(key); at < len(s.writes) && s.writes[at].key == key {
		v := s.writes[at].value
		return append([]byte{}, v...), v != nil, nil
	}
	return s.base.Get(key)
}

// Scan implements Reader.
func (s *sent) Scan(prefix, from string, fn func(key string, value []byte) (bool, error)) error {
	at := s.from(scanStart(prefix, from))
	stopped := false
	before := func(limit string) (err error) { // emits the writes before a key, all for ""
		for ; !stopped && at < len(s.writes) && strings.HasPrefix(s.writes[at].key, prefix); at++ {
			w := &s.writes[at]
			if limit != "" && w.key >= limit {
				return nil
			}
			if w.value == nil {
				continue
			}
			more, err := fn(w.key, w.value)
			if stopped = !more || err != nil; err != nil {
				return err
			}
		}
		return nil
	}
	err := s.base.Scan(prefix, from, func(key string, value []byte) (bool, error) {
		if err := before(key); err != nil || stopped {
			return false, err
		}
		if at < len(s.writes) && s.writes[at].key == key {
			return true, nil // it is emitted in its place, before the next key
		}
		more, err := fn(key, value)
		stopped = !more || err != nil
		return more, err
	})
	if err != nil || stopped {
		return err
	}
	return before("")
}

var (
	_ Reader = (*Tx)(nil)
	_ Reader = (*sent)(nil)
)
