package stream

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit"
)

// Journal is a bus.Journal on a stream.
type Journal struct {
	opts  Options
	log   hclog.Logger
	id    string
	first state // before the first batch
	node  [8]byte

	writes, reads *rabbit.Connection // apart: a broker that is short of memory stops reading from one that publishes
	publisher     *rabbit.Publisher
	stamper       *embedded.Stamper
	out           *outbox
	seq           uint64 // of the newest request; the sender's alone

	ctx     context.Context // ends with Close and with a failure
	cancel  context.CancelFunc
	tasks   sync.WaitGroup
	closing sync.Once
	closed  error

	mu      sync.Mutex
	at      state // the newest message that was read
	before  state // the one before it
	cache   cache
	waiting map[uint64]*request
	err     error         // why nothing more will come: failed or closed
	changed chan struct{} // closed and replaced when at moves or err is set
	waited  bool          // somebody has the channel
	roused  time.Time     // when a broker was left for another one because a batch was on its way for too long
	over    bool          // no goroutine may be started any more
	cursors []*cursor     // idle ones
}

// Open attaches to the stream, or makes it when it is not there and o.Known is empty. It returns when it has read up to
// what the broker shows as the newest message. A stream that is not the known one gives a *Foreign.
//
// A broker that was away may show less than the cluster has: who has to know the end exactly appends and waits for that.
func Open(ctx context.Context, o Options) (*Journal, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	j := &Journal{
		opts: o, log: o.Logger, out: newOutbox(&o), waiting: make(map[uint64]*request), changed: make(chan struct{}),
		cache: cache{limit: o.CacheBytes},
	}
	_, _ = rand.Read(j.node[:]) // never fails, says its documentation
	j.ctx, j.cancel = context.WithCancel(context.Background())
	named := func(what string) rabbit.Config {
		c := o.Rabbit
		c.Name += " journal " + what
		return c
	}
	if j.writes, err = rabbit.Connect(named("appends"), j.log); err != nil {
		return nil, err
	}
	if j.reads, err = rabbit.Connect(named("reads"), j.log); err != nil {
		return nil, errors.Join(err, j.writes.Close())
	}
	j.publisher = rabbit.NewPublisher(j.writes)
	if err := j.attach(ctx); err != nil {
		return nil, errors.Join(err, j.shut())
	}
	if len(o.Rabbit.URLs) < replicas {
		j.log.Warn("the journal's stream has fewer than three brokers: what they acknowledged is lost with them", "brokers", len(o.Rabbit.URLs))
	}
	return j, nil
}

// ID implements bus.Journal.
func (j *Journal) ID() string { return j.id }

// Name is the stream's.
func (j *Journal) Name() string { return j.opts.Name }

// End implements bus.Journal.
func (j *Journal) End() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.at.offset
}

// SetFold tells the journal how to learn the offset of the newest batch that the fold has passed. While it is more than
// Options.LagLimit behind, bulk batches are refused. folded must be quick and safe for concurrent use.
func (j *Journal) SetFold(folded func() uint64) {
	j.out.mu.Lock()
	defer j.out.mu.Unlock()
	j.out.behind = func() uint64 {
		end := j.End()
		return end - min(end, folded())
	}
}

// ClockSkew is by how much this node's wall clock is ahead of its steady time since it was opened.
func (j *Journal) ClockSkew() time.Duration { return j.stamper.Skew() }

// State tells how the connections to the brokers are: that of appends, and that of reads.
func (j *Journal) State() (appends, reads rabbit.State) { return j.writes.State(), j.reads.State() }

// Append implements bus.Journal. It returns when the batch came back through the reader: when a majority of the stream's
// replicas has it (invariant 1), and its place is known. While the brokers are away or take nothing, it waits for
// Options.Rabbit.PublishTimeout and then gives a *bus.Refused when it was not sent, else the publisher's error.
func (j *Journal) Append(ctx context.Context, class bus.Class, entries []bus.Entry) (bus.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return bus.Receipt{}, err
	}
	size := headSize + embedded.MessageSize(entries)
	if size > j.opts.MaxBatchBytes {
		return bus.Receipt{}, fmt.Errorf("%w: %d bytes, at most %d", bus.ErrTooLarge, size, j.opts.MaxBatchBytes)
	}
	body, err := encode(entries)
	if err != nil {
		return bus.Receipt{}, err
	}
	if err := j.out.admit(class, int64(size)); err != nil {
		return bus.Receipt{}, err
	}
	r := &request{class: class, size: int64(size), body: body, taken: make(chan struct{}), done: make(chan struct{})}
	defer j.out.release(r)
	j.out.push(r)
	receipt, err := j.await(ctx, r)
	if err != nil {
		j.out.leave(r)
		j.mu.Lock()
		delete(j.waiting, r.seq)
		j.mu.Unlock()
	}
	return receipt, err
}

func (j *Journal) await(ctx context.Context, r *request) (bus.Receipt, error) {
	select {
	case <-r.taken:
	case <-ctx.Done():
		return bus.Receipt{}, ctx.Err()
	case <-j.ctx.Done():
		return bus.Receipt{}, j.failure()
	}
	if r.err != nil {
		return bus.Receipt{}, r.err
	}
	stalled := time.AfterFunc(stall, func() { j.rouse(r) })
	defer stalled.Stop()
	if err := r.pending.Wait(ctx); err != nil {
		select {
		case <-r.done: // it was sent before, and is there
			return r.receipt, nil
		case <-j.ctx.Done():
			return bus.Receipt{}, j.failure()
		default:
		}
		return bus.Receipt{}, fmt.Errorf("stream: append: %w", err)
	}
	timer := time.NewTimer(j.opts.Rabbit.PublishTimeout)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.receipt, nil
	case <-ctx.Done():
		return bus.Receipt{}, ctx.Err()
	case <-j.ctx.Done():
		return bus.Receipt{}, j.failure()
	case <-timer.C:
		return bus.Receipt{}, fmt.Errorf("stream: append: the batch is durable, but was not read back within %s", j.opts.Rabbit.PublishTimeout)
	}
}

// stall is how long a batch may be on its way before the broker that has it is left for another one.
const stall = 6 * time.Second

// rouse leaves the broker that keeps a batch waiting: one whose stream's leader was cut off or died may go on waiting for
// that leader, for confirms and for messages to hand out. What is sent again with the next one has the same id.
func (j *Journal) rouse(r *request) {
	conn := j.writes
	select {
	case <-r.pending.Done():
		conn = j.reads
	default:
	}
	if conn.State().Blocked != "" || j.ctx.Err() != nil {
		return
	}
	j.mu.Lock()
	early := time.Since(j.roused) < stall
	if !early {
		j.roused = time.Now()
	}
	j.mu.Unlock()
	if early {
		return
	}
	now, cancel := context.WithTimeout(j.ctx, time.Millisecond)
	defer cancel()
	if session, err := conn.Session(now); err == nil {
		j.log.Warn("a batch is on its way for too long; the next broker is asked")
		session.Drop()
	}
}

// send hands requests to the publisher, the most urgent first, until the journal ends.
func (j *Journal) send() {
	for {
		r := j.out.take(func(r *request) {
			j.seq++
			r.seq = j.seq
		})
		if r == nil {
			return
		}
		r.err = j.sendOne(r)
		close(r.taken)
	}
}

func (j *Journal) sendOne(r *request) error {
	var id [16]byte
	copy(id[:], j.node[:])
	binary.BigEndian.PutUint64(id[8:], r.seq)
	j.mu.Lock()
	known := j.at
	j.waiting[r.seq] = r
	j.mu.Unlock()
	err := seal(r.body, j.id, r.class, id, j.stamper.Stamp(known.time), known)
	if err == nil {
		r.pending, err = j.publisher.Send(j.ctx, rabbit.Message{Key: j.opts.Name, Publishing: amqp.Publishing{
			DeliveryMode: amqp.Persistent, ContentType: "application/vnd.jumpring.batch", Body: r.body,
		}})
	}
	if err == nil {
		return nil
	}
	j.mu.Lock()
	delete(j.waiting, r.seq)
	j.mu.Unlock()
	if j.ctx.Err() != nil {
		return j.failure()
	}
	// Nothing was sent.
	return fmt.Errorf("%w: %w", &bus.Refused{Class: r.class, Reason: "the brokers take no messages", RetryAfter: time.Second}, err)
}

// Wait implements bus.Journal.
func (j *Journal) Wait(ctx context.Context, offset uint64) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		j.mu.Lock()
		at, err, changed := j.at.offset, j.err, j.changed
		j.waited = true
		j.mu.Unlock()
		if at >= offset && !errors.Is(err, bus.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tailBytes is how much Tail reads at once.
const tailBytes = 256 << 10

// Tail implements bus.Journal.
func (j *Journal) Tail(ctx context.Context, from uint64) iter.Seq2[bus.Batch, error] {
	return func(yield func(bus.Batch, error) bool) {
		next := max(from, 1)
		for ctx.Err() == nil {
			batches, err := j.ReadFrom(ctx, next, tailBytes)
			if err == nil && len(batches) == 0 {
				err = j.Wait(ctx, next)
			}
			if err != nil {
				if ctx.Err() == nil {
					yield(bus.Batch{}, err)
				}
				return
			}
			for _, b := range batches {
				if ctx.Err() != nil || !yield(b, nil) {
					return
				}
				next = b.Offset + 1
			}
		}
	}
}

// failure is why the journal ended.
func (j *Journal) failure() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		return bus.ErrClosed
	}
	return j.err
}

// fail ends the journal: what it holds must be looked at before it goes on.
func (j *Journal) fail(cause error) {
	j.log.Error("the journal stops", "error", cause)
	j.stop(fmt.Errorf("%w: %w", bus.ErrFailed, cause))
}

// stop wakes everybody with an error.
func (j *Journal) stop(err error) {
	j.mu.Lock()
	if j.err == nil || errors.Is(err, bus.ErrClosed) {
		j.err = err
	}
	err = j.err
	j.wake()
	j.mu.Unlock()
	j.out.fail(err)
	j.cancel()
}

// wake tells who waits. j.mu is held.
func (j *Journal) wake() {
	if j.waited {
		close(j.changed)
		j.changed, j.waited = make(chan struct{}), false
	}
}

// Close implements bus.Journal.
func (j *Journal) Close() error {
	j.closing.Do(func() {
		j.out.close()
		select {
		case <-j.out.empty:
		case <-j.ctx.Done():
		case <-time.After(j.opts.Rabbit.PublishTimeout): // who waits longer gets ErrClosed
		}
		j.closed = j.shut()
	})
	return j.closed
}

// shut ends the journal's goroutines and connections.
func (j *Journal) shut() error {
	j.stop(bus.ErrClosed)
	err := errors.Join(j.publisher.Close(), j.writes.Close(), j.reads.Close())
	j.mu.Lock()
	j.over = true
	j.mu.Unlock()
	j.tasks.Wait()
	return err
}

// endChannel closes a channel without waiting for the broker's answer, which may never come: then the channel ends with
// its connection.
func (j *Journal) endChannel(ch *amqp.Channel) {
	j.mu.Lock()
	over := j.over
	if !over {
		j.tasks.Add(1)
	}
	j.mu.Unlock()
	if over { // its connection has ended, and so has it
		return
	}
	go func() {
		defer j.tasks.Done()
		_ = ch.Close() // or its connection ended, which ends it too
	}()
}

// Interface guard.
var _ bus.Journal = (*Journal)(nil)
