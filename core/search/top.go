package search

import (
	"container/heap"
	"encoding/binary"
	"slices"
	"strings"
)

// candidate is a record that was found.
type candidate struct {
	record uint32
	score  int
	key    int64
}

// top keeps the first records of an order.
type top struct {
	limit int
	found worstFirst
	more  bool // there are others behind them
}

func newTop(x *Index, limit int) *top { return &top{limit: limit, found: worstFirst{x: x}} }

func (t *top) add(c candidate) {
	if len(t.found.list) < t.limit {
		heap.Push(&t.found, c)
		return
	}
	t.more = true
	if t.limit > 0 && t.found.compare(&c, &t.found.list[0]) < 0 {
		t.found.list[0] = c
		heap.Fix(&t.found, 0)
	}
}

func (t *top) sorted() []Hit {
	slices.SortFunc(t.found.list, func(a, b candidate) int { return t.found.compare(&a, &b) })
	out := make([]Hit, len(t.found.list))
	for i, c := range t.found.list {
		out[i] = Hit{ID: t.found.x.ids[c.record], Score: c.score, key: c.key}
	}
	return out
}

// worstFirst is a heap with the last record of the order at its root.
type worstFirst struct {
	x    *Index
	list []candidate
}

// compare orders by the sort key, then by id. Most ids are told apart by how they begin.
func (w *worstFirst) compare(a, b *candidate) int {
	switch {
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	}
	p, q := &w.x.starts[a.record], &w.x.starts[b.record]
	for i := range p {
		switch {
		case p[i] < q[i]:
			return -1
		case p[i] > q[i]:
			return 1
		}
	}
	return strings.Compare(w.x.ids[a.record], w.x.ids[b.record])
}

// startOf gives the first 16 bytes of an id as numbers that compare as they do.
func startOf(id string) [2]uint64 {
	var b [16]byte
	copy(b[:], id)
	return [2]uint64{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (w *worstFirst) Len() int           { return len(w.list) }
func (w *worstFirst) Less(i, j int) bool { return w.compare(&w.list[i], &w.list[j]) > 0 }
func (w *worstFirst) Swap(i, j int)      { w.list[i], w.list[j] = w.list[j], w.list[i] }
func (w *worstFirst) Push(c any)         { w.list = append(w.list, c.(candidate)) }
func (w *worstFirst) Pop() any {
	n := len(w.list) - 1
	c := w.list[n]
	w.list = w.list[:n]
	return c
}
