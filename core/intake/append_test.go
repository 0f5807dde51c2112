package intake

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

func TestSplitKeepsOrderAndBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 2000), rapid.IntRange(0, maxBatchBytes+10)), 0, 1200).Draw(t, "sizes")
		big := make([]byte, maxBatchBytes+10)
		var entries []bus.Entry
		for _, n := range sizes {
			entries = append(entries, bus.Entry{Data: big[:n]})
		}
		var again []bus.Entry
		for _, b := range split(entries, maxBatchEntries) {
			bytes := 0
			for _, e := range b {
				bytes += entryBytes(e)
			}
			if len(b) == 0 || len(b) > maxBatchEntries || (len(b) > 1 && bytes > maxBatchBytes) {
				t.Fatalf("a batch of %d entries and %d bytes", len(b), bytes)
			}
			again = append(again, b...)
		}
		if len(again) != len(entries) {
			t.Fatalf("%d entries became %d", len(entries), len(again))
		}
		for i := range again {
			if len(again[i].Data) != sizes[i] {
				t.Fatalf("entry %d moved", i)
			}
		}
	})
}

// limited is a journal that takes batches up to a size.
type limited struct {
	limit   int
	batches [][]bus.Entry
}

func (l *limited) Append(_ context.Context, _ bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	size := 0
	for _, e := range entries {
		size += entryBytes(e)
	}
	if size > l.limit {
		return bus.Receipt{}, bus.ErrTooLarge
	}
	l.batches = append(l.batches, entries)
	return bus.Receipt{Offset: uint64(len(l.batches))}, nil
}

func (l *limited) WaitFolded(context.Context, uint64) error { return nil }
func (l *limited) End() uint64                              { return uint64(len(l.batches)) }

func TestAFactThatIsTooLargeIsParkedAndHoldsUpNothing(t *testing.T) {
	j := &limited{limit: 4 << 20}
	entry := func(n int) bus.Entry {
		return bus.Entry{Type: "observation", Head: []byte(`{"connection":"web"}`), Data: make([]byte, n)}
	}
	closing := []bus.Entry{{Type: "cursor"}}
	_, err := appendFacts(t.Context(), j, bus.ClassPoll, []bus.Entry{entry(10), entry(5 << 20), entry(20)}, closing)
	require.NoError(t, err)
	var types []string
	for _, b := range j.batches {
		for _, e := range b {
			types = append(types, e.Type)
		}
	}
	require.Equal(t, []string{"observation", string(canon.EntryMalformed), "observation", "cursor"}, types)
	require.Equal(t, `{"connection":"web"}`, string(j.batches[1][0].Head))
}

func TestThePlaceOfASourceIsJournaledWithItsLastFact(t *testing.T) {
	j := &limited{limit: 4 << 20}
	facts := make([]bus.Entry, 2*maxBatchEntries+1)
	_, err := appendFacts(t.Context(), j, bus.ClassPoll, facts, []bus.Entry{{Type: "snapshot"}})
	require.NoError(t, err)
	require.Len(t, j.batches, 3)
	require.Len(t, j.batches[0], maxBatchEntries)
	require.Equal(t, "snapshot", j.batches[2][1].Type)

	j = &limited{limit: 4 << 20}
	_, err = appendFacts(t.Context(), j, bus.ClassBulk, nil, []bus.Entry{{Type: "snapshot"}})
	require.NoError(t, err)
	require.Len(t, j.batches, 1, "a page without facts moves on too")

	j = &limited{limit: 4 << 20}
	_, err = appendFacts(t.Context(), j, bus.ClassBulk, facts[:2*bulkBatchEntries+1], []bus.Entry{{Type: "snapshot"}})
	require.NoError(t, err)
	require.Len(t, j.batches, 3, "a full read goes in small batches, which commands get in between")
	require.Equal(t, "snapshot", j.batches[2][1].Type)
}
