package search

import (
	"container/heap"
	"slices"
	"strings"
)

// top keeps the first hits of an order.
type top struct {
	limit int
	hits  worstFirst
	more  bool // there are others behind them
}

func newTop(limit int) *top { return &top{limit: limit} }

func compareHits(a, b *Hit) int {
	switch {
	case a.key < b.key:
		return -1
	case a.key > b.key:
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

func (t *top) add(h Hit) {
	if len(t.hits) < t.limit {
		heap.Push(&t.hits, h)
		return
	}
	t.more = true
	if t.limit > 0 && compareHits(&h, &t.hits[0]) < 0 {
		t.hits[0] = h
		heap.Fix(&t.hits, 0)
	}
}

func (t *top) sorted() []Hit {
	slices.SortFunc(t.hits, func(a, b Hit) int { return compareHits(&a, &b) })
	return t.hits
}

// worstFirst is a heap with the last hit of the order at its root.
type worstFirst []Hit

func (w worstFirst) Len() int           { return len(w) }
func (w worstFirst) Less(i, j int) bool { return compareHits(&w[i], &w[j]) > 0 }
func (w worstFirst) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *worstFirst) Push(h any)        { *w = append(*w, h.(Hit)) }
func (w *worstFirst) Pop() any {
	old := *w
	h := old[len(old)-1]
	*w = old[:len(old)-1]
	return h
}
