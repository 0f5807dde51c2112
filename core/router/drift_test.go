package router

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func driftRow(id string) canon.DriftRow {
	return canon.DriftRow{Connection: "web", Kind: canon.KindLevel, ExternalID: id, Field: "available", Drift: canon.DriftMissed}
}

// sweeping is a fold that knows a connection.
func sweeping(t *testing.T) *batches {
	b := newBatches(t)
	b.fold(batchID(1, 1), b.entry(canon.EntrySettings, canon.Head{}, canon.Settings{Connections: []canon.ConnectionSettings{{Name: "web", Connector: "shopify"}}}))
	return b
}

func (b *batches) page(n uint64, p canon.DriftPage) {
	b.fold(batchID(1, n), b.entry(canon.EntryDriftPage, canon.Head{Connection: "web"}, p))
}

func kept[T any](b *batches, key string) *T {
	v, err := b.to.store.View()
	require.NoError(b.t, err)
	defer v.Close()
	record, err := store.Load[T](v, key)
	require.NoError(b.t, err)
	return record
}

func TestWhatASweepFoundIsKeptUntilItsReport(t *testing.T) {
	b := sweeping(t)
	first, second := canon.Position{Offset: 2}, canon.Position{Offset: 9}
	b.page(2, canon.DriftPage{Run: "one", Began: first, StartedAt: b.on, Found: []canon.DriftRow{driftRow("a@1")}})
	b.page(3, canon.DriftPage{Run: "one", Began: first, StartedAt: b.on, Found: []canon.DriftRow{driftRow("b@1")}})
	run := kept[canon.DriftRun](b, store.PrefixSweep+"web")
	require.Equal(t, []canon.DriftRow{driftRow("a@1"), driftRow("b@1")}, run.Found)
	require.Equal(t, first, run.Began)

	// The hub was killed and the platform knows the page no more: another full read takes over.
	b.page(4, canon.DriftPage{Run: "two", Began: second, StartedAt: b.on.Add(time.Hour), Found: []canon.DriftRow{driftRow("c@1")}})
	run = kept[canon.DriftRun](b, store.PrefixSweep+"web")
	require.Len(t, run.Found, 3, "what was found before is known by now and would not be found again")
	require.Equal(t, second, run.Began, "what was shown counts from the new read")

	many := make([]canon.DriftRow, canon.MaxDriftRows)
	for i := range many {
		many[i] = driftRow("m@1")
	}
	b.page(5, canon.DriftPage{Run: "two", Found: many})
	run = kept[canon.DriftRun](b, store.PrefixSweep+"web")
	require.Len(t, run.Found, canon.MaxDriftRows)
	require.Equal(t, int64(3), run.More)
}

func TestTheNewestReportsAreKept(t *testing.T) {
	b := sweeping(t)
	for i := range keptReports + 5 {
		n := uint64(10 + i)
		b.page(2*n, canon.DriftPage{Run: "r"})
		b.fold(batchID(1, 2*n+1), b.entry(canon.EntryDriftReport, canon.Head{Connection: "web"}, canon.DriftReport{
			Connection: "web", Position: canon.Position{Offset: n}, Rows: []canon.DriftRow{driftRow("a@1")},
		}))
	}
	require.Equal(t, keptReports, b.count(store.PrefixReport))
	require.Nil(t, kept[canon.DriftReport](b, store.ReportKey("web", canon.Position{Offset: 14})), "the oldest went")
	require.NotNil(t, kept[canon.DriftReport](b, store.ReportKey("web", canon.Position{Offset: 15})))
	require.Nil(t, kept[canon.DriftRun](b, store.PrefixSweep+"web"), "the sweep is over")
	require.Zero(t, b.count(store.PrefixParked))
	require.Equal(t, keptReports+5, b.count(store.PrefixEntity+"connection:web/"), "each is on the connection's timeline")

	b.fold(batchID(1, 900), b.entry(canon.EntryDriftReport, canon.Head{Connection: "other"}, canon.DriftReport{Connection: "web", Position: canon.Position{Offset: 99}}))
	require.Equal(t, 1, b.count(store.PrefixParked), "nobody reports for another connection")
	b.fold(batchID(1, 901), b.entry(canon.EntryDriftPage, canon.Head{Connection: "nobody"}, canon.DriftPage{Run: "x"}))
	require.Equal(t, 2, b.count(store.PrefixParked))
}

func TestAHoldStandsForExactlyWhatWasReportedAndEndsWithTheDifference(t *testing.T) {
	b := sweeping(t)
	should := int64(3)
	level := &canon.Binding{
		BindingKey: canon.BindingKey{Connection: "web", Kind: canon.KindLevel, ExternalID: "a@1", Aspect: canon.AspectMain},
		Wants:      &canon.Want{Quantity: &should, Shows: 7},
	}
	put := func() {
		v, err := b.to.store.View()
		require.NoError(t, err)
		defer v.Close()
		tx := store.NewTx(v)
		require.NoError(t, store.Save(tx, store.BindingKey(level.BindingKey), level))
		mark, err := v.Mark()
		require.NoError(t, err)
		require.NoError(t, b.to.store.Commit(tx.Writes(), mark))
		require.NoError(t, b.to.close())
		b.to = folder{store: b.to.store, journal: "shared"} // one that remembers nothing of before
	}
	held := func() bool {
		v, err := b.to.store.View()
		require.NoError(t, err)
		defer v.Close()
		is, err := Held(v, level)
		require.NoError(t, err)
		return is
	}
	put()
	require.False(t, held())
	b.page(2, canon.DriftPage{Run: "r", Holds: []canon.DriftHold{{ExternalID: "a@1", Shows: 7, Should: 3}}})
	require.True(t, held())
	level.Wants.Shows = 8
	require.False(t, held(), "somebody changed it again")
	level.Wants.Shows, should = 7, 2
	require.False(t, held(), "a piece was sold")
	should = 3
	report := func(n uint64) {
		b.fold(batchID(1, n), b.entry(canon.EntryDriftReport, canon.Head{Connection: "web"}, canon.DriftReport{Connection: "web", Position: canon.Position{Offset: n}}))
	}
	report(3)
	require.True(t, held(), "it differs still")
	level.Wants.Shows = 3
	put()
	report(4)
	require.Zero(t, b.count(store.PrefixHold))
}
