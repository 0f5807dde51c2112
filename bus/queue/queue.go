// Package queue is the queue layer beside the journal: topics with consumer groups, for the feed of changes, for work
// and for devices. It speaks Watermill's Publisher and Subscriber.
//
// A topic is a log of its own in the journal's format: Publish returns when its messages are durable. A consumer group has
// a durable place in it. A message that is not acknowledged comes back after a delay, which holds up no message with
// another key, and after so many tries it is parked with its history, where a person can look at it, replay it or
// discard it. Delivery is at least once: after a crash the newest acknowledgements may be forgotten.
package queue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus/embedded"
)

// MetadataKey is the metadata that orders messages: those with the same value are delivered one after the other.
const MetadataKey = "key"

// ErrClosed is returned by what was closed.
var ErrClosed = errors.New("queue: closed")

// Options configure a Queue. The zero value of each field but Dir is a default.
type Options struct {
	// Dir is the folder of all topics. It belongs to one process at a time.
	Dir string
	// Retry says when a message that was not acknowledged comes back.
	Retry Retry
	// Unordered lets messages without a key go their own ways. Otherwise all of them are one after the other, as if they
	// had the same key.
	Unordered bool
	// Window is how many messages of a group may be undecided at once, those that wait for a redelivery included; default
	// 4096. A group with that many gets no further ones until some are acknowledged or parked.
	Window int
	// WindowBytes bounds the same in bytes; default 16 MiB.
	WindowBytes int
	// FlushEvery is how often the place of a group is made durable; default 50 ms. A crash repeats what was acknowledged
	// since.
	FlushEvery time.Duration
	// FS is the file layer; default the operating system's.
	FS embedded.FS
	// Logger gets what ends a subscription; default none.
	Logger hclog.Logger
}

// Retry is the ladder of redeliveries. The zero value is a default: 1 s, then twice the delay before, up to 5 min, and
// parking at the tenth failure.
type Retry struct {
	First, Most time.Duration
	// Tries is how often a message is delivered before it is parked.
	Tries int
}

// delay gives the time until the delivery after the n-th failure.
func (r Retry) delay(n int) time.Duration {
	d := r.First
	for ; n > 1 && d < r.Most; n-- {
		d *= 2
	}
	return min(d, r.Most)
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("queue: Dir is empty")
	}
	if o.Retry.First <= 0 {
		o.Retry.First = time.Second
	}
	if o.Retry.Most <= 0 {
		o.Retry.Most = 5 * time.Minute
	}
	o.Retry.Most = max(o.Retry.Most, o.Retry.First)
	if o.Retry.Tries <= 0 {
		o.Retry.Tries = 10
	}
	if o.Window <= 0 {
		o.Window = 4096
	}
	if o.WindowBytes <= 0 {
		o.WindowBytes = 16 << 20
	}
	if o.FlushEvery <= 0 {
		o.FlushEvery = 50 * time.Millisecond
	}
	if o.FS == nil {
		o.FS = embedded.OS{}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, nil
}

// Queue is the topics of one folder. It is safe for concurrent use.
type Queue struct {
	o Options

	mu     sync.Mutex
	closed bool
	topics map[string]*topic
}

// Open prepares the topics of a folder. Each is opened when it is used first.
func Open(o Options) (*Queue, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Queue{o: o, topics: make(map[string]*topic)}, nil
}

// Close ends every subscription, makes the places of all groups durable and closes the topics.
func (q *Queue) Close() error {
	q.mu.Lock()
	q.closed = true
	topics := q.topics
	q.topics = nil
	q.mu.Unlock()
	var errs []error
	for _, t := range topics {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

// topic opens a topic at its first use.
func (q *Queue) topic(name string) (*topic, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, ErrClosed
	}
	if t := q.topics[name]; t != nil {
		return t, nil
	}
	dir, err := fileName(name)
	if err != nil {
		return nil, err
	}
	t, err := openTopic(&q.o, name, filepath.Join(q.o.Dir, dir))
	if err != nil {
		return nil, err
	}
	q.topics[name] = t
	return t, nil
}

const maxName = 180

// fileName makes a file's name of the name of a topic or group.
func fileName(name string) (string, error) {
	s := "t-" + url.QueryEscape(name) // never "." nor ".."
	if name == "" || len(s) > maxName {
		return "", fmt.Errorf("queue: the name %.40q is empty or too long", name)
	}
	return s, nil
}

// Publisher gives a handle for publishing. Publish returns when the messages are durable, all those of one call that fit a
// batch or none of them; it ends with the first message's context.
func (q *Queue) Publisher() message.Publisher { return &publisher{q: q} }

type publisher struct {
	q      *Queue
	mu     sync.RWMutex
	closed bool
}

// Publish implements message.Publisher.
func (p *publisher) Publish(topic string, messages ...*message.Message) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.closed {
		return ErrClosed
	}
	t, err := p.q.topic(topic)
	if err != nil || len(messages) == 0 {
		return err
	}
	return t.publish(messages[0].Context(), messages)
}

// Close implements message.Publisher. It waits for what is under way.
func (p *publisher) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// Group says who subscribes.
type Group struct {
	// Name of the consumer group; its subscriptions share the messages among them.
	Name string
	// FromEnd lets a group that is new begin with what is published from now on; otherwise it begins with the oldest.
	FromEnd bool
}

// Subscriber gives a handle for subscribing. Each subscription has one message in hand at a time.
func (q *Queue) Subscriber(g Group) message.Subscriber {
	ctx, cancel := context.WithCancel(context.Background())
	return &subscriber{q: q, group: g, ctx: ctx, cancel: cancel}
}

type subscriber struct {
	q      *Queue
	group  Group
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex
	closed bool
	open   sync.WaitGroup
}

// Subscribe implements message.Subscriber.
func (s *subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	t, err := s.q.topic(topic)
	if err != nil {
		return nil, err
	}
	g, err := t.join(s.group)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	s.open.Go(func() {
		defer close(out)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.ctx, cancel)()
		if err := errors.Join(g.deliver(ctx, out), t.leave(g)); err != nil {
			s.q.o.Logger.Error("a subscription ended", "topic", topic, "group", s.group.Name, "error", err)
		}
	})
	return out, nil
}

// Close implements message.Subscriber: it ends the subscriptions of this handle and waits for them.
func (s *subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.open.Wait()
	return nil
}

// Interface guards.
var (
	_ message.Publisher  = (*publisher)(nil)
	_ message.Subscriber = (*subscriber)(nil)
)
