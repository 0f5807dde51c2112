package queue

import (
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

// Failure is one delivery of a message that failed.
type Failure struct {
	At    time.Time `json:"at"`
	Error string    `json:"error,omitempty"` // what the consumer said; see Fail
}

// The bounds of a message's history: the newest failures, and of each error's text so many bytes.
const (
	maxFailures = 10
	maxError    = 500
)

// item is a message that a group has not decided.
type item struct {
	pos      canon.Position
	head     head
	raw      []byte // of head
	payload  []byte
	broken   error // why it can't be read
	key      string
	keyed    bool
	tries    int // failed deliveries
	failures []Failure
	due      time.Time // not before; zero is at once
	replayed bool
}

func itemOf(pos canon.Position, e *bus.Entry) *item {
	it := &item{pos: pos, raw: e.Head, payload: e.Data}
	if e.Type != entryMessage {
		it.broken = fmt.Errorf("an entry of type %q is no message", e.Type)
		return it
	}
	if err := json.Unmarshal(e.Head, &it.head); err != nil {
		it.broken = fmt.Errorf("the head of the message does not read: %w", err)
		return it
	}
	key, keyed := it.head.Metadata[MetadataKey]
	it.key, it.keyed = string(key), keyed
	return it
}

func (it *item) size() int { return len(it.raw) + len(it.payload) + 256 }

// group is a consumer group with subscriptions. Its lanes keep the order of messages with one key: the first of a lane is
// in hand, ready or waits for its time; the others wait for it.
type group struct {
	topic         *topic
	name          string
	ctx           context.Context
	cancel        context.CancelCauseFunc
	ended         chan struct{}
	subscriptions int // topic.mu

	flushing sync.Mutex // one at a time
	mu       sync.Mutex
	next     uint64 // batch to load
	lanes    map[string][]*item
	order    map[canon.Position]*item // all undecided ones
	ready    []*item                  // firsts of their lanes that are due, oldest first
	waiting  delayed                  // firsts of their lanes that are not
	bytes    int
	dirty    bool
	changed  chan struct{} // closed and replaced when something is ready or there is room
}

// start loads a group's place and begins to load what comes after it.
func (t *topic) start(to Group) (*group, error) {
	if err := t.o.FS.MkdirAll(t.groupsDir()); err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	s, err := readState(t.o.FS, t.groupsDir(), to.Name)
	if err != nil {
		return nil, err
	}
	if s == nil {
		s = &state{Group: to.Name, Next: 1}
		if to.FromEnd {
			s.Next = t.log.End() + 1
		}
		if err := s.write(t.o.FS, t.groupsDir()); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	g := &group{
		topic: t, name: to.Name, ctx: ctx, cancel: cancel, ended: make(chan struct{}), subscriptions: 1,
		next: s.Next, lanes: make(map[string][]*item), order: make(map[canon.Position]*item), changed: make(chan struct{}),
	}
	if err := g.restore(s); err != nil {
		cancel(err)
		return nil, err
	}
	go g.run()
	return g, nil
}

// restore takes up what was undecided.
func (g *group) restore(s *state) error {
	now := time.Now()
	for i := range s.Undecided {
		u := &s.Undecided[i]
		var it *item
		if u.Replayed != nil {
			it = itemOf(u.Position, &bus.Entry{Type: entryMessage, Head: u.Replayed.Head, Data: u.Replayed.Payload})
			it.replayed = true
		} else {
			batches, err := g.topic.log.ReadFrom(g.ctx, u.Position.Offset, 1)
			if err != nil {
				return err
			}
			if len(batches) == 0 || int(u.Position.Index) >= len(batches[0].Entries) {
				return fmt.Errorf("queue: the topic %s does not have message %s, which group %s has not decided", g.topic.name, u.Position, g.name)
			}
			it = itemOf(u.Position, &batches[0].Entries[u.Position.Index])
		}
		it.tries, it.failures = u.Tries, u.Failures
		if !u.Due.IsZero() {
			// A clock that was set back meanwhile must not keep a message for ever.
			it.due = now.Add(min(max(u.Due.Sub(now), 0), g.topic.o.Retry.Most))
		}
		g.add(it)
	}
	return nil
}

// run loads messages and keeps the group's place until the group ends.
func (g *group) run() {
	defer close(g.ended)
	var flusher sync.WaitGroup
	flusher.Go(g.keepPlace)
	err := g.load()
	g.cancel(err)
	flusher.Wait()
}

// load reads the topic as far as there is room.
func (g *group) load() error {
	const chunk = 64 << 10
	for {
		g.mu.Lock()
		from, room, changed := g.next, g.room(), g.changed
		g.mu.Unlock()
		if !room {
			select {
			case <-changed:
				continue
			case <-g.ctx.Done():
				return g.ctx.Err()
			}
		}
		if err := g.topic.log.Wait(g.ctx, from); err != nil {
			return err
		}
		items, next, err := g.topic.read(g.ctx, from, chunk)
		if err != nil {
			return err
		}
		g.mu.Lock()
		for _, it := range items {
			g.add(it)
		}
		g.next, g.dirty = next, true
		g.wake()
		g.mu.Unlock()
	}
}

// lookAhead is how many messages a group has at hand when nothing holds it up.
const lookAhead = 256

// room tells whether to load more: a few in any case, and as many as the window takes while what is at hand waits for its
// time. g.mu is held.
func (g *group) room() bool {
	n := len(g.order)
	if g.bytes >= g.topic.o.WindowBytes || n >= g.topic.o.Window {
		return false
	}
	return n < lookAhead || len(g.ready) == 0 && len(g.waiting) > 0
}

// keepPlace makes the group's place durable from time to time.
func (g *group) keepPlace() {
	tick := time.NewTicker(g.topic.o.FlushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := g.flush(); err != nil {
				g.cancel(err)
				return
			}
		case <-g.ctx.Done():
			return
		}
	}
}

// flush makes the group's place durable.
func (g *group) flush() error {
	g.flushing.Lock()
	defer g.flushing.Unlock()
	g.mu.Lock()
	if !g.dirty {
		g.mu.Unlock()
		return nil
	}
	s := &state{Group: g.name, Next: g.next, Undecided: make([]undecided, 0, len(g.order))}
	for _, it := range g.order {
		u := undecided{Position: it.pos, Failures: slices.Clone(it.failures), Tries: it.tries, Due: it.due}
		if it.replayed {
			u.Replayed = &content{Head: it.raw, Payload: it.payload}
		}
		s.Undecided = append(s.Undecided, u)
	}
	g.dirty = false
	g.mu.Unlock()
	slices.SortFunc(s.Undecided, func(a, b undecided) int { return a.Position.Compare(b.Position) })
	err := s.write(g.topic.o.FS, g.topic.groupsDir())
	if err != nil {
		g.mu.Lock()
		g.dirty = true
		g.mu.Unlock()
	}
	return err
}

// lane gives the lane of a message: that of its key, or one of its own.
func (g *group) lane(it *item) string {
	if !it.keyed && g.topic.o.Unordered {
		return "/" + it.pos.String()
	}
	return "=" + it.key
}

// add puts a message behind those of its lane. g.mu is held, or nobody else has the group yet.
func (g *group) add(it *item) {
	if g.order[it.pos] != nil {
		return
	}
	g.order[it.pos] = it
	g.bytes += it.size()
	lane := g.lane(it)
	g.lanes[lane] = append(g.lanes[lane], it)
	if len(g.lanes[lane]) == 1 {
		g.offer(it)
	}
}

// offer makes the first of a lane ready now or later. g.mu is held.
func (g *group) offer(it *item) {
	if it.due.After(time.Now()) {
		heap.Push(&g.waiting, it)
		return
	}
	g.ready = append(g.ready, it)
}

func (g *group) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// take waits for a message that may be delivered.
func (g *group) take(ctx context.Context) (*item, error) {
	for {
		g.mu.Lock()
		for len(g.waiting) > 0 && !g.waiting[0].due.After(time.Now()) {
			g.ready = append(g.ready, heap.Pop(&g.waiting).(*item))
		}
		if len(g.ready) > 0 {
			it := g.ready[0]
			g.ready[0] = nil
			g.ready = g.ready[1:]
			if len(g.ready) == 0 && len(g.waiting) > 0 {
				g.wake() // there may be room
			}
			g.mu.Unlock()
			return it, nil
		}
		wait := time.Hour
		if len(g.waiting) > 0 {
			wait = time.Until(g.waiting[0].due)
		}
		changed := g.changed
		g.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-g.ctx.Done():
			timer.Stop()
			return nil, context.Cause(g.ctx)
		}
		timer.Stop()
	}
}

// decided takes a message out for good; the next of its lane is ready.
func (g *group) decided(it *item) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.order, it.pos)
	g.bytes -= it.size()
	g.dirty = true
	lane := g.lane(it)
	rest := g.lanes[lane][1:]
	if len(rest) == 0 {
		delete(g.lanes, lane)
	} else {
		g.lanes[lane] = rest
		g.offer(rest[0])
	}
	g.wake()
}

// again offers a message that is still the first of its lane, after its failure was noted or when nobody took it.
func (g *group) again(it *item) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.offer(it)
	g.wake()
}

// failed notes a failed delivery and says whether it was the last one.
func (g *group) failed(it *item, text string) (last bool) {
	if len(text) > maxError {
		text = text[:maxError]
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	it.tries++
	it.failures = append(it.failures, Failure{At: now.UTC(), Error: text})
	if over := len(it.failures) - maxFailures; over > 0 {
		it.failures = slices.Clone(it.failures[over:])
	}
	it.due = now.Add(g.topic.o.Retry.delay(it.tries))
	g.dirty = true
	return it.tries >= g.topic.o.Retry.Tries
}

// metadataError carries a consumer's error from Fail to the queue. It is never stored in a message.
const metadataError = "jumpring_error"

// Fail is Nack with the reason, which is kept in the message's history.
func Fail(m *message.Message, err error) bool {
	m.Metadata.Set(metadataError, err.Error())
	return m.Nack()
}

type triesKey struct{}

// Tries tells how often the delivery of the message that a context belongs to failed before.
func Tries(ctx context.Context) int {
	n, _ := ctx.Value(triesKey{}).(int)
	return n
}

// deliver hands messages to a subscription until ctx or the group ends.
func (g *group) deliver(ctx context.Context, out chan<- *message.Message) error {
	for {
		it, err := g.take(ctx)
		if err == nil {
			err = g.hand(ctx, it, out)
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, ErrClosed) || errors.Is(err, bus.ErrClosed) {
				return nil
			}
			return err
		}
	}
}

// hand gives one message to the consumer and waits for its decision. When nobody takes it, it is offered again, and that
// is no failure.
func (g *group) hand(ctx context.Context, it *item, out chan<- *message.Message) error {
	if it.broken != nil {
		g.failed(it, it.broken.Error())
		return g.park(it)
	}
	m := message.NewMessage(it.head.UUID, slices.Clone(it.payload))
	for k, v := range it.head.Metadata {
		m.Metadata.Set(k, string(v))
	}
	mctx, cancel := context.WithCancel(context.WithValue(ctx, triesKey{}, it.tries))
	defer cancel()
	m.SetContext(mctx)
	select {
	case out <- m:
	case <-ctx.Done():
		g.again(it)
		return ctx.Err()
	case <-g.ctx.Done():
		g.again(it)
		return context.Cause(g.ctx)
	}
	var ended error
	select {
	case <-m.Acked():
	case <-m.Nacked():
	case <-ctx.Done():
		ended = ctx.Err()
	case <-g.ctx.Done():
		ended = context.Cause(g.ctx)
	}
	// A decision that was made counts, whatever ended meanwhile.
	select {
	case <-m.Acked():
		g.decided(it)
		return nil
	case <-m.Nacked():
	default:
		g.again(it)
		return ended
	}
	if g.failed(it, m.Metadata.Get(metadataError)) {
		return g.park(it)
	}
	g.again(it)
	return nil
}

// delayed is a heap of messages by the time when they are due.
type delayed []*item

func (d delayed) Len() int           { return len(d) }
func (d delayed) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d delayed) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }

// Push implements heap.Interface.
func (d *delayed) Push(x any) { *d = append(*d, x.(*item)) }

// Pop implements heap.Interface.
func (d *delayed) Pop() any {
	old := *d
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*d = old[:len(old)-1]
	return it
}
