package store

import (
	"fmt"
	"strings"
	"sync"

	"github.com/tidwall/btree"
)

// Memory is a Store that lives in memory alone, for replays, properties and tests. Opening a View is cheap: it shares
// a copy-on-write tree with every other View of the same commit.
type Memory struct {
	mu     sync.Mutex
	tree   *btree.Map[string, []byte]
	mark   Mark
	shared *btree.Map[string, []byte] // the copy that views of this commit read; nil until one is opened
	closed bool
}

// NewMemory gives an empty store.
func NewMemory() *Memory { return &Memory{tree: newTree()} }

func newTree() *btree.Map[string, []byte] { return btree.NewMap[string, []byte](64) }

// View implements Store. The state stays as it is for as long as the view is held.
func (m *Memory) View() (View, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if m.shared == nil {
		m.shared = m.tree.Copy()
	}
	return &memoryView{tree: m.shared, mark: m.mark}, nil
}

// Commit implements Store.
func (m *Memory) Commit(w *Writes, mark Mark) error {
	if err := checkWrites(w); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	err := w.Each(func(key string, value []byte, deleted bool) error {
		if deleted {
			m.tree.Delete(key)
		} else {
			m.tree.Set(key, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	m.mark, m.shared = mark, nil
	return nil
}

// Wipe implements Store. Views that are open keep what they show.
func (m *Memory) Wipe() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.tree, m.shared, m.mark = newTree(), nil, Mark{}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.tree, m.shared = true, nil, nil
	return nil
}

type memoryView struct {
	tree *btree.Map[string, []byte]
	mark Mark
}

func (v *memoryView) Get(key string) ([]byte, bool, error) {
	b, ok := v.tree.Get(key)
	if !ok {
		return nil, false, nil
	}
	return append([]byte{}, b...), true, nil
}

// borrow is Get without the copy; the value must not be changed.
func (v *memoryView) borrow(key string) ([]byte, bool, error) {
	b, ok := v.tree.Get(key)
	return b, ok, nil
}

func (v *memoryView) Scan(prefix, from string, fn func(key string, value []byte) (bool, error)) error {
	var failed error
	v.tree.Ascend(scanStart(prefix, from), func(key string, value []byte) bool {
		if !strings.HasPrefix(key, prefix) {
			return false
		}
		more, err := fn(key, value)
		if err != nil {
			failed = fmt.Errorf("scan %q: %w", prefix, err)
		}
		return more && err == nil
	})
	return failed
}

func (v *memoryView) Mark() (Mark, error) { return v.mark, nil }

func (v *memoryView) Close() {}

var (
	_ Store = (*Memory)(nil)
	_ View  = (*memoryView)(nil)
)
