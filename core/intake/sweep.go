package intake

import (
	"context"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

const (
	// sweepYield is how long a sweep stands back at a time while reads are due.
	sweepYield = 50 * time.Millisecond
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

// giveWay waits until nothing that somebody waits for is due, but not without end, then takes a page's part of the budget.
func (c *Connection) giveWay(ctx context.Context) error {
	began := time.Now()
	for c.queue.dueSoon(time.Now()) && time.Since(began) < bulkPatience {
		if err := sleep(ctx, sweepYield); err != nil {
			return err
		}
	}
	if err := c.o.Budget.Wait(ctx, Bulk); err != nil {
		return ctx.Err()
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
