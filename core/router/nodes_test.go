package router

import (
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// batches folds batches of a journal that may hold one twice.
type batches struct {
	t  *testing.T
	to folder
	at uint64
	on time.Time
}

func newBatches(t *testing.T) *batches {
	b := &batches{t: t, to: folder{store: store.NewMemory(), journal: "shared"}, on: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	t.Cleanup(func() { require.NoError(t, b.to.close()) })
	b.fold([16]byte{}, b.entry(canon.EntryFoldVersion, canon.Head{}, canon.FoldVersion{Version: Version}))
	return b
}

func (b *batches) entry(typ canon.EntryType, head canon.Head, data any) bus.Entry {
	e, err := NewEntry(typ, head, data)
	require.NoError(b.t, err)
	return e
}

// fold folds one batch and gives its position.
func (b *batches) fold(id [16]byte, entries ...bus.Entry) canon.Position {
	b.at++
	batch := bus.Batch{Offset: b.at, Time: b.on.UnixNano(), Class: bus.ClassCommand, ID: id, Entries: entries}
	facts := decodeBatch(&batch)
	batch.Entries = nil
	_, err := b.to.fold(group{facts: facts, batches: []bus.Batch{batch}})
	require.NoError(b.t, err)
	return canon.Position{Offset: b.at}
}

func (b *batches) lease() *canon.Lease {
	v, err := b.to.store.View()
	require.NoError(b.t, err)
	defer v.Close()
	l, err := HeldLease(v, "outward")
	require.NoError(b.t, err)
	return l
}

func (b *batches) count(prefix string) int {
	v, err := b.to.store.View()
	require.NoError(b.t, err)
	defer v.Close()
	n := 0
	require.NoError(b.t, v.Scan(prefix, "", func(string, []byte) (bool, error) { n++; return true, nil }))
	return n
}

func batchID(appender byte, n uint64) [16]byte {
	id := [16]byte{appender}
	binary.BigEndian.PutUint64(id[8:], n)
	return id
}

func TestABatchThatComesTwiceIsFoldedOnce(t *testing.T) {
	b := newBatches(t)
	broken := bus.Entry{Type: string(canon.EntryCommand), Head: []byte(`{"actor":"x"}`), Data: []byte(`{}`)} // each one folded is parked
	for range 3 {
		b.fold(batchID(1, 1), broken)
	}
	require.Equal(t, 1, b.count(store.PrefixParked))
	b.fold(batchID(1, 2), broken)
	b.fold(batchID(2, 1), broken)
	require.Equal(t, 3, b.count(store.PrefixParked), "other counts and other appenders are other batches")
	b.fold(batchID(1, 1), broken)
	require.Equal(t, 3, b.count(store.PrefixParked))

	// A week after its last batch the appender is forgotten.
	require.Equal(t, 2, b.count(prefixAppender))
	b.on = b.on.Add(keepAppender + 2*outcomePage)
	b.fold([16]byte{}, b.entry(canon.EntryTick, canon.Head{}, canon.Tick{}))
	require.Zero(t, b.count(prefixAppender))
}

func TestAppendersAreToldApartInAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var a appender
		seen := map[uint64]bool{}
		for range 300 {
			n := rng.Uint64N(120) + 1
			require.Equal(t, !seen[n], a.note(n), "%d in %v", n, a.Seen)
			seen[n] = true
		}
		for i, s := range a.Seen {
			require.LessOrEqual(t, s[0], s[1])
			if i > 0 {
				require.Greater(t, s[0], a.Seen[i-1][1]+1, "spans are apart: %v", a.Seen)
			}
		}
	}
	var a appender
	for n := uint64(1); n < 10*maxSpans; n += 2 {
		require.True(t, a.note(n))
	}
	require.Len(t, a.Seen, maxSpans, "what is kept of gaps is bounded")
	require.False(t, a.note(2), "an old gap counts as seen")
	require.True(t, a.note(10*maxSpans-2), "a young one does not")
}

func TestOfSeveralWhoAskForALeaseTheFirstGetsIt(t *testing.T) {
	b := newBatches(t)
	ask := func(node, run string, seen canon.Position, release bool) canon.Position {
		return b.fold([16]byte{}, b.entry(canon.EntryLease, canon.Head{Actor: "hub"}, canon.LeaseAsked{Name: "outward", Node: node, Run: run, Seen: seen, Release: release}))
	}
	first := ask("a", "1", canon.Position{}, false)
	ask("b", "1", canon.Position{}, false)
	require.Equal(t, canon.Lease{Name: "outward", Node: "a", Run: "1", Term: first, Position: first}, *b.lease())

	renewed := ask("a", "1", first, false)
	require.Equal(t, canon.Lease{Name: "outward", Node: "a", Run: "1", Term: first, Position: renewed}, *b.lease())
	ask("b", "1", first, false)
	require.Equal(t, "a", b.lease().Node, "who saw an older renewal is too early")

	taken := ask("b", "1", renewed, false)
	require.Equal(t, canon.Lease{Name: "outward", Node: "b", Run: "1", Term: taken, Position: taken}, *b.lease())
	ask("a", "1", renewed, false)
	require.Equal(t, "b", b.lease().Node, "who lost it can't renew it")

	again := ask("b", "2", taken, false)
	require.Equal(t, again, b.lease().Term, "another process of the node begins another term")
	ask("b", "2", again, true)
	require.Empty(t, b.lease().Node)
}

func TestWhatALeaseHolderAppendsTooLateDoesNotCount(t *testing.T) {
	b := newBatches(t)
	ask := func(node string, seen canon.Position) canon.Position {
		return b.fold([16]byte{}, b.entry(canon.EntryLease, canon.Head{Actor: "hub"}, canon.LeaseAsked{Name: "outward", Node: node, Run: "1", Seen: seen}))
	}
	term := ask("a", canon.Position{})
	guarded := func(term canon.Position) bus.Entry {
		head, err := json.Marshal(canon.Head{Actor: "hub", Lease: &canon.LeaseGuard{Name: "outward", Term: term}})
		require.NoError(t, err)
		return bus.Entry{Type: string(canon.EntryCommand), Head: head, Data: []byte(`{}`)} // parked when it counts
	}
	b.fold([16]byte{}, guarded(term))
	require.Equal(t, 1, b.count(store.PrefixParked))
	next := ask("b", term)
	b.fold([16]byte{}, guarded(term), guarded(next))
	require.Equal(t, 2, b.count(store.PrefixParked), "the former holder's does not count, the new one's does")
}
