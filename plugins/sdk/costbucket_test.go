package sdk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInteractiveCallsGoBeforeBackgroundOnes(t *testing.T) {
	now := time.Now()
	b := NewCostBucket(2000, 100, now)
	require.Zero(t, b.take(10, LaneInteractive, now))
	b.Settle(10, 10, &CostStatus{MaximumAvailable: 1000, CurrentlyAvailable: 240, RestoreRate: 100}, now)
	require.Positive(t, b.take(50, LaneBackground, now), "a background call leaves a quarter of the bucket")
	require.Zero(t, b.take(50, LaneInteractive, now))
	wait := b.take(290, LaneInteractive, now)
	require.InDelta(t, time.Second, wait, float64(10*time.Millisecond), "(290-190)/100 points per second")
}
