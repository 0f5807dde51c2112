package intake

import (
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
)

// Urgency orders reads.
type Urgency uint8

// The urgencies.
const (
	Soon     Urgency = iota // somebody waits: a thin notice, a write to verify
	Whenever                // after everything that is due soon: confirming deletions
)

// The back-off of reads. An outage ends with one small request every two seconds, so that what waits for a platform
// goes out at once when it is back; an entity that it does not answer for is asked ever more seldom.
const (
	laneRetryFirst   = 100 * time.Millisecond
	laneRetryMax     = 2 * time.Second
	entityRetryFirst = 500 * time.Millisecond
	entityRetryMax   = 5 * time.Minute
)

// waiter is one request for a read of an entity.
type waiter struct {
	after   time.Time
	cause   canon.Position
	urgency Urgency
	done    func() // may be nil
	// moot tells that the read is not needed when the level was seen to show something since the cause.
	moot bool
}

// entity is what the lane knows of an entity that has to be read. It is in one of the heaps unless it is being read.
type entity struct {
	ref     canon.Ref
	due     time.Time
	seq     uint64
	index   int
	urgency Urgency
	tries   int
	reading bool
	waiters []waiter
	asked   int // how many of the waiters asked before the request began that is under way
}

// queue holds the reads that wait, one entry for each entity. It is safe for concurrent use.
type queue struct {
	mu       sync.Mutex
	entities map[canon.Ref]*entity
	heaps    [2]entityHeap // by urgency
	seq      uint64
	hold     time.Time // nothing is read before: the platform throttles or is down
	wake     chan struct{}
	room     chan struct{} // tells that the queue became shorter
}

func newQueue() *queue {
	return &queue{entities: make(map[canon.Ref]*entity), wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// add asks for a read that starts at w.after or later. Requests for one entity share a read.
func (q *queue) add(ref canon.Ref, w waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	e := q.entities[ref]
	if e == nil {
		e = &entity{ref: ref}
		q.entities[ref] = e
	}
	e.waiters, e.tries = append(e.waiters, w), 0
	// A read that is under way began before this request and can't answer it; when it ends the entity is queued again.
	if !e.reading {
		q.place(e)
	}
	signal(q.wake)
}

// place puts an entity where its waiters want it.
func (q *queue) place(e *entity) {
	if e.index > 0 {
		heap.Remove(&q.heaps[e.urgency], e.index-1)
	}
	e.due, e.urgency = e.waiters[0].after, e.waiters[0].urgency
	for _, w := range e.waiters[1:] {
		if w.after.Before(e.due) {
			e.due = w.after
		}
		e.urgency = min(e.urgency, w.urgency)
	}
	if e.tries > 0 {
		if retry := time.Now().Add(entityRetry(e.tries)); retry.After(e.due) {
			e.due = retry
		}
	}
	q.seq++
	e.seq = q.seq
	heap.Push(&q.heaps[e.urgency], e)
}

func entityRetry(tries int) time.Duration {
	d := entityRetryFirst
	for i := 1; i < tries && d < entityRetryMax; i++ {
		d *= 2
	}
	return min(d, entityRetryMax)
}

// take gives up to limit entities that are due, with the moment of the next one when there is none.
func (q *queue) take(now time.Time, limit int) (batch []*entity, next time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Before(q.hold) {
		return nil, q.hold
	}
	for i := range q.heaps {
		h := &q.heaps[i]
		for len(*h) > 0 && len(batch) < limit && !(*h)[0].due.After(now) {
			e := heap.Pop(h).(*entity)
			e.reading = true
			batch = append(batch, e)
		}
		if len(*h) > 0 && (next.IsZero() || (*h)[0].due.Before(next)) {
			next = (*h)[0].due
		}
	}
	return batch, next
}

// begin notes that the request for a batch begins now: who asks later is not answered by it.
func (q *queue) begin(batch []*entity) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range batch {
		e.asked = len(e.waiters)
	}
	return time.Now()
}

// finish ends a read that began at the given moment. It gives what is to be called for the waiters that it answered.
func (q *queue) finish(e *entity, began time.Time, answered bool) []func() {
	q.mu.Lock()
	defer q.mu.Unlock()
	e.reading = false
	var done []func()
	if answered {
		e.tries = 0
		rest := e.waiters[:0]
		for i, w := range e.waiters {
			if i >= e.asked || w.after.After(began) {
				rest = append(rest, w)
			} else if w.done != nil {
				done = append(done, w.done)
			}
		}
		e.waiters = rest
	} else {
		e.tries++
	}
	if len(e.waiters) == 0 {
		delete(q.entities, e.ref)
		signal(q.room)
	} else {
		q.place(e)
	}
	signal(q.wake)
	return done
}

// cause gives the newest entry that asked for an entity.
func (q *queue) cause(e *entity) (newest canon.Position) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range e.waiters {
		if w.cause.Compare(newest) > 0 {
			newest = w.cause
		}
	}
	return newest
}

// moot reports whether nobody needs the read of an entity that was seen since it was asked for.
func (q *queue) moot(e *entity) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return !slices.ContainsFunc(e.waiters, func(w waiter) bool { return !w.moot })
}

// giveBack returns entities that were taken and not read, for no fault of theirs.
func (q *queue) giveBack(batch []*entity) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range batch {
		e.reading = false
		q.place(e)
	}
	signal(q.wake)
}

// holdFor keeps the whole lane still for a while.
func (q *queue) holdFor(d time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if until := time.Now().Add(d); until.After(q.hold) {
		q.hold = until
	}
}

// counts gives how many entities wait and how many of them the platform gave no answer for.
func (q *queue) counts() (waiting, unanswered int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.entities {
		if e.tries > 0 {
			unanswered++
		}
	}
	return len(q.entities), unanswered
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

type entityHeap []*entity

func (h entityHeap) Len() int { return len(h) }
func (h entityHeap) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].seq < h[j].seq
}

// index is the place plus one, so that zero means not in the heap.
func (h entityHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *entityHeap) Push(x any) {
	e := x.(*entity)
	*h = append(*h, e)
	e.index = len(*h)
}

func (h *entityHeap) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	e.index = 0
	return e
}

func newBackOff(first, most time.Duration) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = first, most, 2
	b.Reset()
	return b
}

// RequestRead asks for a read of an entity. done, which may be nil, is called when what the platform showed, at a
// request that began after this call and not before read.After, is folded; it must not block. It is not called when the
// connection ends first. A platform that does not answer is asked again with back-off, without end.
func (c *Connection) RequestRead(read router.Read, urgency Urgency, done func()) {
	c.queue.add(read.Ref, waiter{after: read.After, cause: read.Cause, urgency: urgency, done: done})
}

// runLane reads what is due until ctx ends.
func (c *Connection) runLane(ctx context.Context) error {
	retry := newBackOff(laneRetryFirst, laneRetryMax)
	for {
		if err := c.gate.wait(ctx); err != nil {
			return err
		}
		batch, next := c.queue.take(time.Now(), c.maxBatch)
		if len(batch) == 0 {
			if err := waitUntil(ctx, c.queue.wake, next); err != nil {
				return err
			}
			continue
		}
		// Another worker may find more.
		signal(c.queue.wake)
		if err := c.readBatch(ctx, batch, retry); err != nil {
			return err
		}
	}
}

// waitUntil waits for a wake-up, for a moment (zero means never), or for the end of ctx.
func waitUntil(ctx context.Context, wake <-chan struct{}, at time.Time) error {
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wake:
	case <-timer:
	}
	return nil
}
