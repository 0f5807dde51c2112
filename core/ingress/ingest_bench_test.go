package ingress

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v2/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/canon"
)

// ingestSenders is how many devices publish at once, each its next event when the one before is confirmed.
const ingestSenders = 64

// durable is a DeliveryJournal on a synced journal of its own.
type durable struct {
	j  *embedded.Journal
	in atomic.Int64
}

func (d *durable) Report(ctx context.Context, facts []Fact) ([]canon.Position, error) {
	entries := make([]bus.Entry, len(facts))
	for i, f := range facts {
		raw, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		entries[i] = bus.Entry{Type: "observation", Head: []byte("{}"), Data: raw}
	}
	if _, err := d.j.Append(ctx, bus.ClassDevice, entries); err != nil {
		return nil, err
	}
	d.in.Add(int64(len(facts)))
	return make([]canon.Position, len(facts)), nil
}

func (d *durable) Park(context.Context, Unreadable) error {
	return fmt.Errorf("nothing is to be parked")
}

// publishAll publishes n events from all senders.
func publishAll(b *testing.B, n int, publish func(id string) error) {
	b.Helper()
	var next atomic.Int64
	var work sync.WaitGroup
	for range ingestSenders {
		work.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				if err := publish(fmt.Sprintf("e-%06d", i)); err != nil {
					b.Errorf("publish: %v", err)
					return
				}
			}
		})
	}
	work.Wait()
}

func until(b *testing.B, what string, done func() bool) {
	b.Helper()
	require.Eventually(b, done, 2*time.Minute, time.Millisecond, what)
}

// libraryRate has the library publish with confirms and subscribe, and acknowledge each message at once: nothing is
// journaled. tune changes its own configuration.
func libraryRate(b *testing.B, url, topic string, n int, tune func(*wamqp.Config)) float64 {
	b.Helper()
	cfg := wamqp.NewDurablePubSubConfig(url, wamqp.GenerateQueueNameTopicNameWithSuffix("bench"))
	cfg.Queue.Arguments = amqp.Table{"x-queue-type": "quorum"}
	cfg.Publish.ConfirmDelivery = true
	tune(&cfg)
	sub, err := wamqp.NewSubscriber(cfg, watermill.NopLogger{})
	require.NoError(b, err)
	messages, err := sub.Subscribe(b.Context(), topic)
	require.NoError(b, err)
	pub, err := wamqp.NewPublisher(cfg, watermill.NopLogger{})
	require.NoError(b, err)
	var taken atomic.Int64
	var reading sync.WaitGroup
	reading.Go(func() {
		for m := range messages {
			m.Ack()
			taken.Add(1)
		}
	})
	began := time.Now()
	publishAll(b, n, func(id string) error { return pub.Publish(topic, message.NewMessage(id, sale(id, id))) })
	until(b, "the library's subscriber", func() bool { return taken.Load() >= int64(n) })
	rate := float64(n) / time.Since(began).Seconds()
	require.NoError(b, pub.Close())
	require.NoError(b, sub.Close())
	reading.Wait()
	return rate
}

// BenchmarkIngest compares the way of a device's event into the journal, each fsynced before it is acknowledged, with what
// watermill-amqp reaches with its own publisher, with confirms, and subscriber on a queue of the same kind.
func BenchmarkIngest(b *testing.B) {
	broker, vhost := shared.Broker(b)
	node := broker.Node(0)
	require.NoError(b, node.AddUsers(b.Context(), vhost, devicePassword, "hub", "till-1"))
	url := func(user string) string { return node.UserURL(user, devicePassword, vhost) }
	j, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, j.Close()) })
	connect := func(user string) *rabbit.Connection {
		conn, err := rabbit.Connect(rabbit.Config{URLs: []string{url(user)}}, nil)
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, conn.Close()) })
		return conn
	}
	publisher := func(user string) *rabbit.Publisher {
		pub := rabbit.NewPublisher(connect(user))
		b.Cleanup(func() { require.NoError(b, pub.Close()) })
		return pub
	}
	events, _ := newEvents(b)
	in, book := connect("hub"), &durable{j: j}
	door, err := NewDevices(DevicesOptions{
		In: in, Back: publisher("hub"), Exchange: "jumpring.in", Events: events, Journal: book, Senders: Senders{Users: staff, Own: "hub"},
	}, prometheus.NewRegistry())
	require.NoError(b, err)
	require.NoError(b, rabbit.Declare(b.Context(), in, door.Queue().Declare))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := door.Run(ctx); err != nil {
			b.Errorf("the door ended: %v", err)
		}
	})
	b.Cleanup(func() {
		cancel()
		running.Wait()
	})
	till := publisher("till-1")
	const rounds = 3
	round := 0
	ingest := func(n int) float64 {
		round++
		before := book.in.Load()
		began := time.Now()
		publishAll(b, n, func(id string) error {
			id = fmt.Sprintf("%d-%s", round, id)
			return till.Publish(ctx, rabbit.Message{Exchange: "jumpring.in", Key: "sale", Publishing: amqp.Publishing{
				UserId: "till-1", MessageId: id, DeliveryMode: amqp.Persistent, ContentType: MediaEvent, Body: sale(id, id),
			}})
		})
		until(b, "the door", func() bool { return book.in.Load()-before >= int64(n) && door.State().InHand == 0 })
		return float64(n) / time.Since(began).Seconds()
	}
	for b.Loop() {
		var own, plain, pooled float64
		for i := range rounds {
			own += ingest(6000)
			plain += libraryRate(b, url("hub"), fmt.Sprintf("plain-%d-%d", round, i), 1500, func(*wamqp.Config) {})
			pooled += libraryRate(b, url("hub"), fmt.Sprintf("pooled-%d-%d", round, i), 6000, func(c *wamqp.Config) {
				c.Publish.ChannelPoolSize, c.Consume.Qos.PrefetchCount = ingestSenders, 256
			})
		}
		b.ReportMetric(own/rounds, "events/s")
		b.ReportMetric(plain/rounds, "library/s")
		b.ReportMetric(pooled/rounds, "library-tuned/s")
		b.ReportMetric(own/plain, "ratio")
		b.ReportMetric(own/pooled, "ratio-tuned")
	}
}
