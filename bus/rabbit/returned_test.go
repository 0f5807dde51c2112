package rabbit_test

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// returned hands a message to its subscriber when the Publish of it has returned.
//
// Watermill's TestReconnect compares what was received with a list that its publishers add to after Publish has returned,
// and looks at the list as soon as the last message is received. A broker delivers a message before or after it confirms
// it, as it likes: where the confirm comes later, by a busy machine or because a restart took the first one, the suite
// counts a message too many ("received: 10000, sent: 9996"). Any Pub/Sub whose Publish takes 20 ms longer than its delivery
// fails it, one in memory too. At least once is what the test is about, and that stays as it is.
type returned struct {
	all int // messages that the suite publishes

	mu   sync.Mutex
	seen map[string]chan struct{} // by UUID; closed when Publish has returned
}

// added is how long the suite may take to add a message to its list when Publish has returned. There is no sign of it.
const added = 2 * time.Second

func newReturned(all int) *returned { return &returned{all: all, seen: map[string]chan struct{}{}} }

func (r *returned) of(uuid string) chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[uuid] == nil {
		r.seen[uuid] = make(chan struct{})
	}
	return r.seen[uuid]
}

func (r *returned) wrap(pub message.Publisher, sub message.Subscriber) (message.Publisher, message.Subscriber) {
	return returningPublisher{pub, r}, returnedSubscriber{sub, r}
}

type returningPublisher struct {
	message.Publisher
	r *returned
}

// Publish implements message.Publisher. The suite publishes a message until that succeeds, and then no more.
func (p returningPublisher) Publish(topic string, messages ...*message.Message) error {
	if err := p.Publisher.Publish(topic, messages...); err != nil {
		return err
	}
	for _, m := range messages {
		close(p.r.of(m.UUID))
	}
	return nil
}

type returnedSubscriber struct {
	message.Subscriber
	r *returned
}

// SubscribeInitialize implements message.SubscribeInitializer.
func (s returnedSubscriber) SubscribeInitialize(topic string) error {
	if i, ok := s.Subscriber.(message.SubscribeInitializer); ok {
		return i.SubscribeInitialize(topic)
	}
	return nil
}

// Subscribe implements message.Subscriber.
func (s returnedSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := s.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	go func() { // ends with the subscription, or when the broker takes the message that it waits with away
		defer close(out)
		handed := map[string]bool{}
		for m := range in {
			select {
			case <-s.r.of(m.UUID):
			case <-m.Context().Done():
				continue
			}
			if handed[m.UUID] = true; len(handed) == s.r.all {
				time.Sleep(added)
			}
			select {
			case out <- m:
			case <-m.Context().Done():
			}
		}
	}()
	return out, nil
}
