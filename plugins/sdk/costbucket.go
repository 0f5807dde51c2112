package sdk

import (
	"context"
	"sync"
	"time"
)

// Lane says who waits first where a platform's rate is short.
type Lane int

// The lanes.
const (
	LaneInteractive Lane = iota // writes, look-ups, reads that somebody waits for
	LaneBackground              // polls and snapshots
)

// interactiveShare is the part of the bucket that background calls leave for interactive ones, as a divisor.
const interactiveShare = 4

// CostStatus is what a platform says of its bucket, in points; Shopify's GraphQL API calls it throttleStatus.
type CostStatus struct {
	MaximumAvailable   float64 `json:"maximumAvailable"`
	CurrentlyAvailable float64 `json:"currentlyAvailable"`
	RestoreRate        float64 `json:"restoreRate"` // points per second
}

// CostBucket mirrors a platform's cost bucket: each answer tells its size, what is left and how fast it fills. Calls
// wait here instead of being throttled there, and background calls leave a part of it to interactive ones.
type CostBucket struct {
	mu       sync.Mutex
	limit    float64
	rate     float64 // points per second
	left     float64
	at       time.Time
	inFlight float64 // points reserved by calls without an answer yet
	calls    int     // calls without an answer yet
	overlap  bool    // calls overlapped since there was none
	waiting  int     // interactive calls
	known    bool
}

// NewCostBucket starts with the smallest bucket that the platform gives, full: limit in points, rate in points per
// second. The first answer corrects it.
func NewCostBucket(limit, rate float64, now time.Time) *CostBucket {
	return &CostBucket{limit: limit, rate: rate, left: limit, at: now}
}

func (b *CostBucket) refill(now time.Time) {
	if d := now.Sub(b.at).Seconds(); d > 0 {
		b.left = min(b.limit, b.left+d*b.rate)
		b.at = now
	}
}

// take tries to reserve points; otherwise it tells how long to wait before the next try.
func (b *CostBucket) take(cost float64, l Lane, now time.Time) (wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	need := min(cost, b.limit)
	if l == LaneBackground {
		need = min(cost+b.limit/interactiveShare, b.limit)
		if b.waiting > 0 {
			return 10 * time.Millisecond
		}
	}
	if b.left >= need {
		b.left -= cost
		b.inFlight += cost
		b.calls++
		b.overlap = b.overlap || b.calls > 1
		return 0
	}
	return max(time.Duration((need-b.left)/b.rate*float64(time.Second)), time.Millisecond)
}

// Acquire reserves points for one call, and waits until they are there or ctx ends. Settle has to follow.
func (b *CostBucket) Acquire(ctx context.Context, cost float64, l Lane) error {
	if l == LaneInteractive {
		b.mu.Lock()
		b.waiting++
		b.mu.Unlock()
		defer func() {
			b.mu.Lock()
			b.waiting--
			b.mu.Unlock()
		}()
	}
	for {
		wait := b.take(cost, l, time.Now())
		if wait == 0 {
			return nil
		}
		if err := pauseFor(ctx, wait); err != nil {
			return err
		}
	}
}

// Settle takes over what the platform said after a call that had reserved cost points and was charged actual ones;
// status is nil when it said nothing. Answers of calls that overlapped come in any order, so that a newer one may tell
// an older state: of those the lower figure counts.
func (b *CostBucket) Settle(cost, actual float64, status *CostStatus, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refill(now)
	overlapped := b.overlap
	b.inFlight -= cost
	if b.calls--; b.calls == 0 {
		b.overlap = false
	}
	if status == nil {
		return
	}
	b.known = true
	if status.MaximumAvailable > 0 {
		b.limit = status.MaximumAvailable
	}
	if status.RestoreRate > 0 {
		b.rate = status.RestoreRate
	}
	told := min(status.CurrentlyAvailable-b.inFlight, b.limit)
	if own := b.left + cost - actual; overlapped && own < told {
		told = own
	}
	b.left = told
}

// State gives what is left and the limit; zeros before the platform said anything.
func (b *CostBucket) State(now time.Time) (left, limit float64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known {
		return 0, 0
	}
	b.refill(now)
	return max(b.left, 0), b.limit
}

// pauseFor returns after d, or when ctx ends.
func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
