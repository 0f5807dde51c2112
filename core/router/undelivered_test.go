package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// TestWhatCouldNotBeDeliveredWaitsUntilAPersonSaysWhat: what the sender found out before a person spoke does not count.
func TestWhatCouldNotBeDeliveredWaitsUntilAPersonSaysWhat(t *testing.T) {
	w := newWorkbench(t, testSettings())
	of := func() *canon.Undelivered { return load[canon.Undelivered](w, store.HeldKey("web", "itm_1")) }
	hold := func(h canon.Held) {
		h.Key = "itm_1"
		w.entry(canon.EntryHeld, canon.Head{Connection: "web", Actor: "hub"}, h)
	}
	redeliver := func(key string, r canon.Redeliver) canon.Outcome {
		r.Connection, r.Key = "web", "itm_1"
		return w.do("anna", canon.Command{Key: key, ID: "R" + key, Redeliver: &r})
	}
	require.Equal(t, "undelivered.unknown", redeliver("1", canon.Redeliver{}).Code)

	from := canon.RowPlace{Position: canon.Position{Offset: 7, Index: 2}, Row: 1}
	hold(canon.Held{From: from, Attempts: 3, Code: "full"})
	require.Equal(t, "7.2.1", of().Event)
	require.False(t, of().Parked)
	require.Empty(t, w.events("connection:web"), "trying again is no news")
	hold(canon.Held{From: from, Attempts: 12, Code: "full", Parked: true, Seen: of().Changed})
	require.True(t, of().Parked)
	require.Equal(t, "undelivered.moved", redeliver("2", canon.Redeliver{Event: "7.2.0"}).Code)
	stale := of().Changed

	out := redeliver("3", canon.Redeliver{Event: "7.2.1", Discard: true})
	require.True(t, out.OK, out.Reason)
	require.Equal(t, canon.RowPlace{Position: from.Position, Row: 2}, of().From)
	require.False(t, of().Parked)
	hold(canon.Held{From: from, Attempts: 13, Parked: true, Seen: stale})
	require.False(t, of().Parked, "the person has spoken since")
	hold(canon.Held{Done: true, Seen: stale})
	require.NotNil(t, of())
	hold(canon.Held{Done: true, Seen: of().Changed})
	require.Nil(t, of())
	require.Equal(t, []string{"delivery.parked:itm_1/7.2.1", "delivery.discarded:itm_1/7.2.1"}, w.events("connection:web"))
}
