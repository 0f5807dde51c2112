package intake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// Lane orders what shares a connection's budget of calls: a lane is served before those after it.
type Lane uint8

// The lanes.
const (
	Urgent Lane = iota // what somebody waits for: a sale shown elsewhere, a person's action
	Usual              // the rest of writing, and reads that a write waits for
	Bulk               // sweeps, and confirming what nobody waits for
	lanes
)

const (
	// bulkReserve is the part of the budget, as a divisor of its burst, that the lane Bulk leaves for the others.
	bulkReserve = 4
	// bulkPatience is how long a call of the lane Bulk waits at the most before it counts as Usual: a platform that is asked
	// without end would never be swept.
	bulkPatience = 2 * time.Second
	// wantGrace is how long a lane's want stands beyond the moment at which it can be served.
	wantGrace = 250 * time.Millisecond
)

// Budget is how many calls a platform takes of one connection, reads and writes together. It is safe for concurrent use.
type Budget struct {
	limit *rate.Limiter

	mu     sync.Mutex
	wanted [lanes]time.Time // until when a lane wants a call that it did not get
}

// NewBudget gives the budget that a connector hints for its platform.
func NewBudget(hint sdk.RateLimit) *Budget {
	if hint.PerSecond <= 0 {
		return &Budget{limit: rate.NewLimiter(rate.Inf, 0)}
	}
	return &Budget{limit: rate.NewLimiter(rate.Limit(hint.PerSecond), max(hint.Burst, 1))}
}

// Token is a call that may be made.
type Token struct {
	of *rate.Reservation
	at time.Time
}

// Return gives back a token that was not used.
func (t *Token) Return() { t.of.CancelAt(t.at) }

// Take takes a call for a lane, or tells how long to wait before it is asked for again. What lanes before it want is left
// for them.
func (b *Budget) Take(lane Lane, now time.Time) (t *Token, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit.Limit() == rate.Inf {
		return &Token{of: b.limit.ReserveN(now, 1), at: now}, 0
	}
	need := 1.0
	for l := Urgent; l < lane; l++ {
		if b.wanted[l].After(now) {
			need++
		}
	}
	burst := float64(b.limit.Burst())
	if lane == Bulk {
		need += burst / bulkReserve
	}
	need = min(need, burst)
	if lack := need - b.limit.TokensAt(now); lack > 0 {
		wait = max(time.Duration(lack/float64(b.limit.Limit())*float64(time.Second)), time.Millisecond)
		b.wanted[lane] = now.Add(wait + wantGrace)
		return nil, wait
	}
	// With room for one call alone, lanes before this one go first whatever there is.
	for l := Urgent; l < lane; l++ {
		if burst < 2 && b.wanted[l].After(now) {
			wait = max(time.Duration(float64(time.Second)/float64(b.limit.Limit())), time.Millisecond)
			return nil, wait
		}
	}
	b.wanted[lane] = time.Time{}
	return &Token{of: b.limit.ReserveN(now, 1), at: now}, 0
}

// Wait waits for a call of a lane, until ctx ends.
func (b *Budget) Wait(ctx context.Context, lane Lane) error {
	began := time.Now()
	for {
		now := time.Now()
		if lane == Bulk && now.Sub(began) > bulkPatience {
			lane = Usual
		}
		token, wait := b.Take(lane, now)
		if token != nil {
			return nil
		}
		if lane == Bulk {
			wait = min(wait, bulkPatience)
		}
		if err := sleep(ctx, wait); err != nil {
			return fmt.Errorf("intake: pace of calls: %w", err)
		}
	}
}

// Free reports whether n calls could be made at once.
func (b *Budget) Free(n int) bool {
	return b.limit.Limit() == rate.Inf || b.limit.Tokens() >= float64(n)
}
