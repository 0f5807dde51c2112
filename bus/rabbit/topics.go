package rabbit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/hashicorp/go-hclog"
	amqp "github.com/rabbitmq/amqp091-go"
)

// Topics maps Watermill's topics to exchanges and queues: topic "work" is the fanout exchange "<Prefix>.work", and a
// consumer group of it the quorum queue "<Prefix>.work.<Group>". The zero value has defaults.
type Topics struct {
	// Prefix of exchanges and queues; default "jumpring".
	Prefix string
	// Group is the consumer group of a subscriber; default "main". Subscribers of one group share the messages, each
	// group has all of them.
	Group string
	// Prefetch is how many messages of a subscription may be in hand at once; default 16. With 1, a message is delivered
	// when the one before it was acknowledged, in order.
	Prefetch int
	// Optional lets a publisher publish to topics to which nobody has subscribed yet: such messages are gone. Without
	// it that is ErrUnroutable.
	Optional bool
	// DeliveryLimit of the queues; default DefaultDeliveryLimit.
	DeliveryLimit int
	// Ladder has the delays after which a nacked message comes back.
	Ladder Ladder
}

func (t Topics) withDefaults() Topics {
	if t.Prefix == "" {
		t.Prefix = "jumpring"
	}
	if t.Group == "" {
		t.Group = "main"
	}
	if t.Prefetch == 0 {
		t.Prefetch = 16
	}
	if t.Ladder.Prefix == "" {
		t.Ladder.Prefix = t.Prefix
	}
	return t
}

func (t Topics) exchange(topic string) string { return t.Prefix + "." + topic }

func (t Topics) queue(topic string) Queue {
	exchange := t.exchange(topic)
	return Queue{Name: exchange + "." + t.Group, Exchange: exchange, DeliveryLimit: t.DeliveryLimit}
}

// TopicPublisher is Watermill's Publisher over quorum queues. Publish returns when the broker has all of the messages; it
// heeds each message's context.
type TopicPublisher struct {
	topics Topics
	conn   *Connection
	pub    *Publisher

	mu       sync.Mutex
	declared map[string]bool
}

// NewTopicPublisher makes a publisher with a connection of its own.
func NewTopicPublisher(cfg Config, topics Topics, log hclog.Logger) (*TopicPublisher, error) {
	conn, err := Connect(cfg, log)
	if err != nil {
		return nil, err
	}
	return &TopicPublisher{topics: topics.withDefaults(), conn: conn, pub: NewPublisher(conn), declared: map[string]bool{}}, nil
}

// Publish sends messages to a topic, all at once, in order. After an error some of them may have been published.
func (p *TopicPublisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	if err := p.declare(messages[0].Context(), topic); err != nil {
		return err
	}
	pending := make([]*Pending, 0, len(messages))
	var errs []error
	for _, m := range messages {
		publishing, err := Marshaler{}.Marshal(m)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		sent, err := p.pub.Send(m.Context(), Message{Exchange: p.topics.exchange(topic), Optional: p.topics.Optional, Publishing: publishing})
		if err != nil {
			errs = append(errs, err)
			break
		}
		pending = append(pending, sent)
	}
	for i, sent := range pending {
		if err := sent.Wait(messages[i].Context()); err != nil {
			errs = append(errs, fmt.Errorf("message %s: %w", messages[i].UUID, err))
		}
	}
	return errors.Join(errs...)
}

// declare makes a topic's exchange, once.
func (p *TopicPublisher) declare(ctx context.Context, topic string) error {
	p.mu.Lock()
	known := p.declared[topic]
	p.mu.Unlock()
	if known {
		return nil
	}
	err := p.conn.with(ctx, func(ch *amqp.Channel) error {
		return DeclareExchange(ch, p.topics.exchange(topic), amqp.ExchangeFanout)
	})
	if err == nil {
		p.mu.Lock()
		p.declared[topic] = true
		p.mu.Unlock()
	}
	return err
}

// Close ends publisher and connection. Calling it again does nothing.
func (p *TopicPublisher) Close() error {
	return errors.Join(p.pub.Close(), p.conn.Close())
}

// TopicSubscriber is Watermill's Subscriber over quorum queues. Up to Topics.Prefetch messages of a subscription are in
// hand at once. A nacked message comes back after a delay, without holding up others, and is parked in the end.
type TopicSubscriber struct {
	topics Topics
	log    hclog.Logger
	conn   *Connection // consumes
	back   *Connection // publishes to the ladder
	pub    *Publisher
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu            sync.Mutex
	subscriptions sync.WaitGroup
}

var (
	_ message.Publisher            = (*TopicPublisher)(nil)
	_ message.Subscriber           = (*TopicSubscriber)(nil)
	_ message.SubscribeInitializer = (*TopicSubscriber)(nil)
)

// NewTopicSubscriber makes a subscriber with connections of its own.
func NewTopicSubscriber(cfg Config, topics Topics, log hclog.Logger) (*TopicSubscriber, error) {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	conn, err := Connect(cfg, log)
	if err != nil {
		return nil, err
	}
	back, err := Connect(cfg, log)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &TopicSubscriber{topics: topics.withDefaults(), log: log, conn: conn, back: back, pub: NewPublisher(back), ctx: ctx, cancel: cancel}, nil
}

// SubscribeInitialize makes a topic's exchange and the group's queue, so that messages are kept from now on.
func (s *TopicSubscriber) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.conn.cfg.PublishTimeout)
	defer cancel()
	return s.conn.with(ctx, func(ch *amqp.Channel) error { return s.attach(ch, topic) })
}

func (s *TopicSubscriber) attach(ch *amqp.Channel, topic string) error {
	if err := s.topics.Ladder.Declare(ch); err != nil {
		return err
	}
	return s.topics.queue(topic).Declare(ch)
}

// Subscribe delivers a topic's messages until ctx ends or the subscriber is closed; then the channel is closed, and
// messages that are not acknowledged by then are delivered again to whoever subscribes next.
func (s *TopicSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, ErrClosed
	}
	if err := s.SubscribeInitialize(topic); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	out := make(chan *message.Message)
	s.subscriptions.Go(func() {
		defer close(out)
		defer stop()
		defer cancel()
		sub := subscription{s: s, queue: s.topics.queue(topic), out: out}
		// The handler returns no error, and the connection lives as long as the subscriber.
		_ = Consume(ctx, s.conn, Consumption{
			Queue: sub.queue.Name, Prefetch: s.topics.Prefetch,
			Attach:  func(ch *amqp.Channel) error { return s.attach(ch, topic) },
			Release: sub.inHand.Wait,
			Trouble: func(err error) { s.log.Warn("no deliveries from RabbitMQ", "queue", sub.queue.Name, "error", err) },
		}, sub.deliver)
		cancel()
		sub.inHand.Wait()
	})
	return out, nil
}

// Close ends all subscriptions and the connections. Calling it again does nothing.
func (s *TopicSubscriber) Close() error {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.subscriptions.Wait()
	return errors.Join(s.pub.Close(), s.back.Close(), s.conn.Close())
}

// subscription is one Subscribe.
type subscription struct {
	s      *TopicSubscriber
	queue  Queue
	out    chan<- *message.Message
	inHand sync.WaitGroup
}

// deliver hands a message out, unless the subscription ends first, and lets a goroutine wait for its ack.
func (b *subscription) deliver(ctx context.Context, d *Delivery) error {
	msg, err := Marshaler{}.Unmarshal(d.Delivery)
	if err != nil {
		return err
	}
	msgCtx, cancel := context.WithCancel(ctx)
	msg.SetContext(msgCtx)
	select {
	case b.out <- msg:
	case <-ctx.Done():
		cancel()
		return b.settled(d.Requeue())
	case <-d.Lost:
		cancel()
		return nil
	}
	b.inHand.Go(func() {
		defer cancel()
		select {
		case <-msg.Acked():
			_ = b.settled(d.Ack())
		case <-msg.Nacked():
			b.later(ctx, d)
		case <-d.Lost: // it comes again
		case <-ctx.Done():
			select {
			case <-msg.Acked():
				_ = b.settled(d.Ack())
			default:
				_ = b.settled(d.Requeue())
			}
		}
	})
	return nil
}

// settled forgives an acknowledgement that came too late: the message is delivered again.
func (b *subscription) settled(err error) error {
	if errors.Is(err, ErrStale) {
		b.s.log.Debug("a message will come again", "queue", b.queue.Name, "error", err)
		return nil
	}
	return err
}

// later puts a nacked message on the ladder. While that can't be done the message stays in hand: given back to the
// broker it would come again at once.
func (b *subscription) later(ctx context.Context, d *Delivery) {
	for {
		err := b.s.pub.Publish(ctx, b.s.topics.Ladder.Later(d, b.queue, ""))
		if err == nil {
			_ = b.settled(d.Ack())
			return
		}
		b.s.log.Warn("a nacked message waits for its way back", "queue", b.queue.Name, "error", err)
		select {
		case <-ctx.Done():
			_ = b.settled(d.Requeue())
			return
		case <-d.Lost:
			return
		case <-time.After(b.s.back.cfg.Backoff.Min):
		}
	}
}
