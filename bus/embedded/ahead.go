package embedded

import (
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
)

// ahead keeps full reads from standing before what is urgent: commands wait for all that the fold has before them, so
// only a little bulk may be durable and not folded. The queue's lock guards it.
type ahead struct {
	folded   func() uint64 // offset of the newest folded batch; nil where nothing folds
	lagLimit uint64        // batches of any class
	limit    Limit         // of bulk; Count is of entries
	waiting  Limit         // admitted and not durable
	durable  Limit         // durable and, as far as is known, not folded
	batches  []bulkBatch   // those that are durable, oldest first
}

type bulkBatch struct {
	offset uint64
	size   Limit
}

func (l *Limit) add(m Limit, sign int64) {
	l.Bytes += sign * m.Bytes
	l.Count += int(sign) * m.Count
}

// fold is where the fold stands, with the journal's end as it was just before.
type fold struct {
	known       bool
	at, durable uint64
}

// yieldRetry is what bulk is told to wait for a fold that is a few rows behind.
const yieldRetry = 5 * time.Millisecond

// committed notes a bulk batch that is durable.
func (a *ahead) committed(offset uint64, size Limit) {
	if a.folded == nil {
		return
	}
	a.batches = append(a.batches, bulkBatch{offset, size})
	a.durable.add(size, 1)
}

// refuse says why bulk has to yield to a fold that stands at a place. A batch that is larger than the limit goes alone.
func (a *ahead) refuse(at fold, size Limit) error {
	if !at.known {
		return nil
	}
	passed := 0
	for passed < len(a.batches) && a.batches[passed].offset <= at.at {
		a.durable.add(a.batches[passed].size, -1)
		passed++
	}
	a.batches = append(a.batches[:0], a.batches[passed:]...)
	if at.durable > at.at && at.durable-at.at > a.lagLimit {
		return &bus.Refused{Class: bus.ClassBulk, Reason: fmt.Sprintf("the fold is %d batches behind", at.durable-at.at), RetryAfter: time.Second}
	}
	before := a.durable
	before.add(a.waiting, 1)
	if before.Count > 0 && (before.Count+size.Count > a.limit.Count || before.Bytes+size.Bytes > a.limit.Bytes) {
		return &bus.Refused{Class: bus.ClassBulk, Reason: fmt.Sprintf("the fold has %d entries of it to do first", before.Count), RetryAfter: yieldRetry}
	}
	return nil
}

// SetFold tells the journal how to learn the offset of the newest batch that the fold has passed. Bulk batches are then
// refused while the fold is more than Options.LagLimit batches behind, or has more than Options.BulkAhead of
// bulk before it. folded must be quick and safe for concurrent use.
func (j *Journal) SetFold(folded func() uint64) {
	j.queue.mu.Lock()
	defer j.queue.mu.Unlock()
	j.queue.end, j.queue.ahead.folded = j.End, folded
}

// fold asks where the fold is, without holding the lock.
func (q *queue) fold() fold {
	q.mu.Lock()
	end, folded := q.end, q.ahead.folded
	q.mu.Unlock()
	if folded == nil {
		return fold{}
	}
	durable := end()
	return fold{known: true, at: folded(), durable: durable}
}
