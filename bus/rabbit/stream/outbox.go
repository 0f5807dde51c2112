package stream

import (
	"fmt"
	"sync"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit"
)

// request is one batch on its way into the stream.
type request struct {
	class bus.Class
	size  int64
	body  []byte

	// taken is closed when the publisher has it, or err says why not.
	taken   chan struct{}
	pending *rabbit.Pending
	err     error

	// done is closed when it came back through the reader.
	done    chan struct{}
	receipt bus.Receipt

	// seq is its number; 0 before it was taken. left tells that its appender is gone. Both under outbox.mu.
	seq  uint64
	left bool
}

// outbox holds what waits to be sent, by class. Its memory is bounded by the classes' limits.
type outbox struct {
	limits   map[bus.Class]embedded.Limit
	lagLimit uint64

	mu      sync.Mutex
	filled  sync.Cond
	empty   chan struct{} // closed when it was closed and nothing is under way
	waits   [bus.ClassBulk + 1][]*request
	used    [bus.ClassBulk + 1]embedded.Limit
	under   int // admitted and not finished, all classes
	behind  func() uint64
	closing bool
	failed  error
}

func newOutbox(o *Options) *outbox {
	q := &outbox{limits: o.Limits, lagLimit: o.LagLimit, empty: make(chan struct{})}
	q.filled.L = &q.mu
	return q
}

func (q *outbox) lag() uint64 {
	q.mu.Lock()
	behind := q.behind
	q.mu.Unlock()
	if behind == nil {
		return 0
	}
	return behind()
}

// admit reserves room for a batch, or refuses it.
func (q *outbox) admit(class bus.Class, size int64) error {
	if class < bus.ClassCommand || class > bus.ClassBulk {
		return fmt.Errorf("stream: unknown append class %d", uint8(class))
	}
	var lag uint64
	if class == bus.ClassBulk {
		lag = q.lag()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch limit, used := q.limits[class], &q.used[class]; {
	case q.failed != nil:
		return q.failed
	case q.closing:
		return bus.ErrClosed
	case lag > q.lagLimit:
		return &bus.Refused{Class: class, Reason: fmt.Sprintf("the fold is %d batches behind", lag), RetryAfter: time.Second}
	case used.Count > 0 && (used.Count >= limit.Count || used.Bytes+size > limit.Bytes):
		return &bus.Refused{Class: class, Reason: "its queue is full", RetryAfter: time.Second}
	default:
		used.Count++
		used.Bytes += size
		q.under++
		return nil
	}
}

// release takes a request out of the account.
func (q *outbox) release(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used[r.class].Count--
	q.used[r.class].Bytes -= r.size
	q.under--
	q.drained()
}

// drained tells who closes that nothing is left. q.mu is held.
func (q *outbox) drained() {
	if q.closing && q.under == 0 {
		select {
		case <-q.empty:
		default:
			close(q.empty)
		}
	}
}

func (q *outbox) push(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits[r.class] = append(q.waits[r.class], r)
	q.filled.Signal()
}

// leave marks a request whose appender is gone: if it was not taken yet, it never is.
func (q *outbox) leave(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	r.left = true
}

// take waits for the most urgent request and numbers it; nil when the outbox has ended.
func (q *outbox) take(number func(*request)) *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.failed != nil {
			return nil
		}
		for class := bus.ClassCommand; class <= bus.ClassBulk; class++ {
			for len(q.waits[class]) > 0 {
				r := q.waits[class][0]
				q.waits[class][0] = nil
				q.waits[class] = q.waits[class][1:]
				if r.left {
					continue
				}
				number(r)
				return r
			}
		}
		q.filled.Wait()
	}
}

// close refuses what comes from now on. empty is closed when what was admitted has ended.
func (q *outbox) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	q.drained()
}

// fail ends the outbox for ever.
func (q *outbox) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed == nil {
		q.failed = err
	}
	q.filled.Broadcast()
}
