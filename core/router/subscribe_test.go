package router

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// A subscriber that takes nothing for a long time gets everything that changed in the end, and what waits for it
// grows with the things there are, not with how often they changed.
func TestASlowSubscriberGetsEverythingOnceInBoundedSpace(t *testing.T) {
	const commits, things = 20_000, 300
	r := &Router{subs: map[*subscription]bool{}, folded: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	out := r.Subscribe(ctx)
	var waiting *subscription
	for s := range r.subs {
		waiting = s
	}
	later := time.Unix(1, 0)
	shared := make([]string, 0, 8) // as the fold's slices are: with room behind them, and read by every subscriber
	for i := range commits {
		name := fmt.Sprint(i % things)
		ref := canon.Ref{Kind: canon.KindListing, ExternalID: name}
		c := Commit{
			Mark: store.Mark{Position: canon.Position{Offset: uint64(i + 1)}}, Entries: 1, Rows: 1, Records: append(shared, "itm/"+name),
			Levels: []canon.BindingKey{{Connection: "web", ExternalID: name}}, Adopt: []string{name},
			Reads: []Read{{Connection: "web", Ref: ref, Cause: canon.Position{Offset: uint64(i + 1)}}},
		}
		if i%1000 == 0 {
			c.Reads = append(c.Reads, Read{Connection: "web", Ref: ref, After: later})
			c.Settings = i == 7000
		}
		r.passed(c)
	}
	waiting.mu.Lock()
	last := waiting.pending[len(waiting.pending)-1]
	waiting.mu.Unlock()
	for what, n := range map[string]int{"records": len(last.Records), "levels": len(last.Levels), "adopt": len(last.Adopt), "reads": len(last.Reads)} {
		require.LessOrEqual(t, n, things+2*maxPending+commits/1000, what)
	}
	var got Commit
	newest := map[string]canon.Position{}
	delayed := 0
	for got.Entries < commits {
		c := <-out
		got.join(c)
		for _, read := range c.Reads {
			if read.After.IsZero() {
				newest[read.Ref.ExternalID] = read.Cause
			} else {
				delayed++
			}
		}
	}
	require.Equal(t, uint64(commits), got.Mark.Position.Offset)
	require.Equal(t, commits, got.Rows)
	require.True(t, got.Settings)
	got.compact()
	require.Len(t, got.Records, things)
	require.Len(t, got.Levels, things)
	require.Len(t, got.Adopt, things)
	require.Len(t, newest, things)
	for i := commits - things; i < commits; i++ {
		require.Equal(t, uint64(i+1), newest[fmt.Sprint(i%things)].Offset, "the newest cause of each read")
	}
	require.Equal(t, commits/1000, delayed, "a read that has its own time is kept apart")
	cancel()
	for range out { // ends when the subscription has
	}
}
