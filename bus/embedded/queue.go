package embedded

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jumpring/jumpring/bus"
)

const (
	stateQueued int32 = iota
	stateTaken
	stateCancelled
)

// request is one batch on its way to the disk.
type request struct {
	class bus.Class
	size  int64 // of the frame as it is stored
	room  Limit // its entries, and its bytes before it was packed
	state atomic.Int32
	next  *request
	done  chan struct{} // one token when receipt and err are set

	frame      frameHeader // what the caller can fill in
	openDigest [32]byte
	payload    []byte

	receipt bus.Receipt
	err     error
}

// maxPooled keeps a few huge batches from holding memory for ever.
const maxPooled = 256 << 10

// request gives an empty request; release takes it back.
func (q *queue) request(class bus.Class, room Limit) *request {
	r, ok := q.pool.Get().(*request)
	if !ok {
		r = &request{done: make(chan struct{}, 1)}
	}
	r.class, r.size, r.room, r.next, r.err, r.receipt = class, room.Bytes, room, nil, nil, bus.Receipt{}
	r.state.Store(stateQueued)
	return r
}

// release gives the request back; only its appender may call it, after it took the token from done.
func (q *queue) release(r *request) {
	if cap(r.payload) > maxPooled {
		r.payload = nil
	}
	q.pool.Put(r)
}

// encode does on the caller's goroutine all that does not depend on the batch's place. A nil packer packs nothing.
func (r *request) encode(entries []bus.Entry, openLen int, p *packer) {
	r.payload = encodeSections(r.payload[:0], entries, randomBytes)
	open, personal := r.payload[:openLen], r.payload[openLen:]
	r.openDigest = sha256.Sum256(open)
	codec := uint8(codecNone)
	if packed, n, ok := p.pack(open, personal); ok {
		codec, r.payload = codecZstd, packed
		open, personal = packed[:n], packed[n:]
	}
	r.size = frameHeaderSize + int64(len(r.payload))
	r.frame = frameHeader{
		codec: codec, class: r.class, entries: uint32(len(entries)),
		openLen: uint32(len(open)), personalLen: uint32(len(personal)),
		openCRC: checksum(open), personalCRC: checksum(personal),
	}
	randomBytes(r.frame.id[:])
}

// randomBytes fills b; crypto/rand never fails, it ends the process.
func randomBytes(b []byte) { _, _ = rand.Read(b) }

func (r *request) finish(receipt bus.Receipt, err error) {
	r.receipt, r.err = receipt, err
	r.done <- struct{}{}
}

// queue holds what waits for the committer, by class. Its memory is bounded by the classes' limits.
type queue struct {
	pool     sync.Pool // of *request
	mu       sync.Mutex
	filled   sync.Cond
	classes  [bus.ClassBulk + 1]classQueue
	ahead    ahead
	end      func() uint64 // the durable mark; set with ahead.folded
	admitted int           // all classes
	closing  bool
	failed   error
	rate     float64 // bytes per second, smoothed
}

type classQueue struct {
	limit      Limit
	used       Limit // admitted and not yet finished
	head, tail *request
}

func newQueue(o *Options) *queue {
	q := &queue{ahead: ahead{lagLimit: o.LagLimit, limit: o.BulkAhead}}
	q.filled.L = &q.mu
	for class, l := range o.Limits {
		q.classes[class].limit = l
	}
	return q
}

// admit reserves room for a batch of so many entries and bytes before anything is copied for it, or refuses it.
func (q *queue) admit(class bus.Class, room Limit) error {
	if class < bus.ClassCommand || class > bus.ClassBulk {
		return fmt.Errorf("journal: unknown append class %d", uint8(class))
	}
	var at fold
	if class == bus.ClassBulk {
		at = q.fold()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.failed != nil:
		return q.failed
	case q.closing:
		return bus.ErrClosed
	}
	if class == bus.ClassBulk {
		if refused := q.ahead.refuse(at, room); refused != nil {
			return refused
		}
	}
	if urgent := q.pressed(class); urgent != 0 {
		return &bus.Refused{Class: class, Reason: fmt.Sprintf("it yields to the %s queue, which fills up", urgent), RetryAfter: q.drainTime(class)}
	}
	c := &q.classes[class]
	if c.used.Count > 0 && (c.used.Count >= c.limit.Count || c.used.Bytes+room.Bytes > c.limit.Bytes) {
		return &bus.Refused{Class: class, Reason: "its queue is full", RetryAfter: q.drainTime(class)}
	}
	c.used.Count++
	c.used.Bytes += room.Bytes
	q.admitted++
	if class == bus.ClassBulk {
		q.ahead.waiting.add(room, 1)
	}
	return nil
}

// yields is how full, in eighths, the queue of a more urgent class may be before a class has to yield to it. Each class
// has a queue of its own, so webhooks and commands are refused for nothing but their own: webhooks last but for
// commands, whose headroom nobody can take.
var yields = [bus.ClassBulk + 1]int64{bus.ClassDevice: 6, bus.ClassPoll: 4, bus.ClassBulk: 2}

// pressed gives the class that another one has to yield to, 0 for none. q.mu is held.
func (q *queue) pressed(class bus.Class) bus.Class {
	eighths := yields[class]
	if eighths == 0 {
		return 0
	}
	for urgent := bus.ClassCommand; urgent < class; urgent++ {
		c := &q.classes[urgent]
		if c.used.Bytes*8 > c.limit.Bytes*eighths || int64(c.used.Count)*8 > int64(c.limit.Count)*eighths {
			return urgent
		}
	}
	return 0
}

// drainTime estimates how long the committer needs for a class and the more urgent ones. q.mu is held.
func (q *queue) drainTime(class bus.Class) time.Duration {
	const shortest, longest = 20 * time.Millisecond, 5 * time.Second
	var ahead int64
	for c := bus.ClassCommand; c <= class; c++ {
		ahead += q.classes[c].used.Bytes
	}
	if q.rate <= 0 {
		return time.Second
	}
	d := time.Duration(float64(ahead) / q.rate * float64(time.Second))
	return min(max(d, shortest), longest)
}

// push hands an admitted request to the committer.
func (q *queue) push(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed != nil {
		q.free(r)
		return q.failed
	}
	c := &q.classes[r.class]
	if c.tail == nil {
		c.head = r
	} else {
		c.tail.next = r
	}
	c.tail = r
	q.filled.Signal()
	return nil
}

// take waits for requests and appends to group those that fit in limit bytes, the most urgent class first. It
// returns an empty group when the journal is closing and nothing is under way, or has failed.
func (q *queue) take(group []*request, limit int64) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if q.failed != nil {
			return group
		}
		group = q.collect(group, limit)
		if len(group) > 0 || q.closing && q.admitted == 0 {
			return group
		}
		q.filled.Wait()
	}
}

// patientShare bounds what polls and full reads take of one commit group, in bytes: a command that comes while the group
// is written waits for all of it.
const patientShare = 256 << 10

func (q *queue) collect(group []*request, limit int64) []*request {
	patient := int64(0)
	for class := bus.ClassCommand; class <= bus.ClassBulk; class++ {
		c := &q.classes[class]
		for c.head != nil {
			r := c.head
			if r.size > limit {
				// Nothing of a lesser class overtakes it.
				return group
			}
			if class >= bus.ClassPoll && patient > 0 && patient+r.size > patientShare {
				return group
			}
			q.unlink(c)
			if !r.state.CompareAndSwap(stateQueued, stateTaken) {
				q.free(r)
				continue
			}
			limit -= r.size
			if class >= bus.ClassPoll {
				patient += r.size
			}
			group = append(group, r)
		}
	}
	return group
}

func (q *queue) unlink(c *classQueue) {
	r := c.head
	c.head, r.next = r.next, nil
	if c.head == nil {
		c.tail = nil
	}
}

// free takes a request out of its class's account. q.mu is held.
func (q *queue) free(r *request) {
	c := &q.classes[r.class]
	c.used.Count--
	c.used.Bytes -= r.room.Bytes
	q.admitted--
	if r.class == bus.ClassBulk {
		q.ahead.waiting.add(r.room, -1)
	}
	if q.closing && q.admitted == 0 {
		q.filled.Broadcast()
	}
}

// finished takes a group out of the account and learns how fast the disk is.
func (q *queue) finished(group []*request, bytes int64, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range group {
		q.free(r)
		if r.class == bus.ClassBulk && bytes > 0 {
			q.ahead.committed(r.frame.offset, r.room)
		}
	}
	if took > 0 && bytes > 0 {
		now := float64(bytes) / took.Seconds()
		if q.rate == 0 {
			q.rate = now
		}
		q.rate += (now - q.rate) / 8
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	q.filled.Broadcast()
}

// fail ends the queue for ever: what waits and what comes gets err.
func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.failed = err
	for i := range q.classes {
		c := &q.classes[i]
		for c.head != nil {
			r := c.head
			q.unlink(c)
			q.free(r)
			if r.state.CompareAndSwap(stateQueued, stateTaken) {
				r.finish(bus.Receipt{}, err)
			}
		}
	}
	q.filled.Broadcast()
}

func (q *queue) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed
}

func (q *queue) waiting() map[bus.Class]Limit {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := make(map[bus.Class]Limit, bus.ClassBulk)
	for class := bus.ClassCommand; class <= bus.ClassBulk; class++ {
		m[class] = q.classes[class].used
	}
	return m
}
