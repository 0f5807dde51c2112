package intake

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/jumpring/jumpring/core/canon"
)

const (
	// sweepReserve is the part of the connection's budget, as a divisor of its burst, that a sweep leaves for reads and
	// writes that somebody waits for.
	sweepReserve = 4
	// sweepYield is how long a sweep stands back at a time while reads are due.
	sweepYield = 50 * time.Millisecond
	// sweepPatience is how long a page waits at the most: a platform that is read without end would never be swept.
	sweepPatience = 2 * time.Second
	// sweepStale is after how long a sweep that was cut off begins anew: what it was shown is too old to be a proof, and
	// platforms forget where a page began.
	sweepStale = 24 * time.Hour
)

// resumable gives the full read that was cut off and goes on; nil when one begins anew.
func resumable(conn *canon.Connection, sweep bool) *canon.SnapshotMark {
	old := conn.Snapshot
	if sweep {
		old = conn.Sweep
	}
	if old == nil || old.Complete || len(old.Page) == 0 || sweep && time.Since(old.StartedAt) > sweepStale {
		return nil
	}
	return old
}

// giveWay waits until nothing that somebody waits for is due and the budget has room above what is left for it, but not
// without end, then takes a page's part of the budget.
func (c *Connection) giveWay(ctx context.Context) error {
	l, began := c.o.Limiter, time.Now()
	for time.Since(began) < sweepPatience {
		wait := time.Duration(0)
		switch {
		case c.queue.dueSoon(time.Now()):
			wait = sweepYield
		case l.Limit() != rate.Inf && l.Burst() > 1:
			if lack := 1 + float64(l.Burst())/sweepReserve - l.Tokens(); lack > 0 {
				wait = max(time.Duration(lack/float64(l.Limit())*float64(time.Second)), time.Millisecond)
			}
		}
		if wait == 0 {
			break
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	if err := l.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("intake: pace of the sweep: %w", err)
	}
	return nil
}

// dueSoon reports whether a read that somebody waits for could begin now.
func (q *queue) dueSoon(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	h := q.heaps[Soon]
	return !now.Before(q.hold) && len(h) > 0 && !h[0].due.After(now)
}
