package intake

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

func TestOneBudgetServesItsLanesInTheirOrder(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBudget(sdk.RateLimit{PerSecond: 1, Burst: 4})
	taken := func(lane Lane) bool {
		token, wait := b.Take(lane, now)
		require.Equal(t, token == nil, wait > 0, "no call means a time to ask again")
		return token != nil
	}
	for range 3 {
		require.True(t, taken(Bulk), "bulk may use what nobody wants")
	}
	require.False(t, taken(Bulk), "but for the part that is left for others")
	require.True(t, taken(Usual))
	require.False(t, taken(Usual), "reads and writes share one budget")
	require.False(t, taken(Urgent))

	now = now.Add(1100 * time.Millisecond) // room for one call, which both want
	require.False(t, taken(Usual), "what somebody waits for goes before the rest")
	require.True(t, taken(Urgent))
	require.False(t, taken(Urgent), "there is no more")

	now = now.Add(10 * time.Second) // a want that nobody came for is forgotten
	require.True(t, taken(Bulk))
	require.True(t, taken(Usual))
}

func TestABudgetOfOneCallLeavesItToTheUrgent(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b := NewBudget(sdk.RateLimit{PerSecond: 2, Burst: 1})
	token, _ := b.Take(Usual, now)
	require.NotNil(t, token)
	token, wait := b.Take(Urgent, now)
	require.Nil(t, token)
	require.Equal(t, 500*time.Millisecond, wait)
	now = now.Add(wait)
	token, _ = b.Take(Bulk, now)
	require.Nil(t, token)
	token, _ = b.Take(Usual, now)
	require.Nil(t, token)
	token, _ = b.Take(Urgent, now)
	require.NotNil(t, token)
	token.Return()
	token, _ = b.Take(Usual, now)
	require.NotNil(t, token, "what was given back is there for the next")
}

func TestBulkIsNotKeptWaitingWithoutEnd(t *testing.T) {
	b := NewBudget(sdk.RateLimit{PerSecond: 50, Burst: 8})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	busy, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for b.Wait(busy, Usual) == nil {
		}
	}()
	for range 3 {
		require.NoError(t, b.Wait(ctx, Bulk))
	}
	stop()
	<-ended
	free := NewBudget(sdk.RateLimit{})
	for range 1000 {
		token, _ := free.Take(Bulk, time.Now())
		require.NotNil(t, token, "no hint, no pace")
	}
	require.True(t, free.Free(100))
}
