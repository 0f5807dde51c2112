package rabbit

import (
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wamqp "github.com/ThreeDotsLabs/watermill-amqp/v2/pkg/amqp"
	amqp "github.com/rabbitmq/amqp091-go"
)

// DefaultDeliveryLimit is how often a quorum queue hands out a message whose consumer dies or gives it back before it
// parks it. RabbitMQ 3.10 has no limit of its own: a poison message would loop for ever.
const DefaultDeliveryLimit = 20

// Queue is a durable quorum queue with a parking queue beside it. The broker moves a message there when it was rejected
// or was delivered DeliveryLimit times in vain; nothing takes it out but a person.
type Queue struct {
	// Name of the queue; its parking queue is "<Name>.parked".
	Name string
	// Exchange to bind it to, made if need be; empty for none.
	Exchange string
	// ExchangeType is fanout, topic or direct; default fanout.
	ExchangeType string
	// BindingKey of the binding.
	BindingKey string
	// DeliveryLimit, default DefaultDeliveryLimit.
	DeliveryLimit int
	// MaxLength bounds the messages that wait; past it publishes are refused (ErrNotTaken). 0: no bound.
	MaxLength int
	// SingleActive lets one consumer at a time have deliveries, for order across consumers.
	SingleActive bool
}

// Parked is the name of the parking queue.
func (q Queue) Parked() string { return q.Name + ".parked" }

func (q Queue) arguments() amqp.Table {
	limit := q.DeliveryLimit
	if limit == 0 {
		limit = DefaultDeliveryLimit
	}
	args := amqp.Table{
		"x-queue-type":              "quorum",
		"x-delivery-limit":          int64(limit),
		"x-dead-letter-exchange":    "", // the default exchange: straight to the parking queue
		"x-dead-letter-routing-key": q.Parked(),
		// A message leaves the queue only when the parking queue has it. This needs reject-publish.
		"x-dead-letter-strategy": "at-least-once",
		"x-overflow":             "reject-publish",
	}
	if q.MaxLength > 0 {
		args["x-max-length"] = int64(q.MaxLength)
	}
	if q.SingleActive {
		args["x-single-active-consumer"] = true
	}
	return args
}

// Declare makes the queue, its parking queue, its exchange and binding, if they are not there.
func (q Queue) Declare(ch *amqp.Channel) error {
	if _, err := ch.QueueDeclare(q.Parked(), true, false, false, false, amqp.Table{"x-queue-type": "quorum"}); err != nil {
		return fmt.Errorf("rabbit: declare %s: %w", q.Parked(), err)
	}
	kind := q.ExchangeType
	if kind == "" {
		kind = amqp.ExchangeFanout
	}
	var builder wamqp.DefaultTopologyBuilder
	err := builder.BuildTopology(ch, q.Name, q.Exchange, wamqp.Config{
		Exchange:  wamqp.ExchangeConfig{Type: kind, Durable: true},
		Queue:     wamqp.QueueConfig{Durable: true, Arguments: q.arguments()},
		QueueBind: wamqp.QueueBindConfig{GenerateRoutingKey: func(string) string { return q.BindingKey }},
	}, watermill.NopLogger{})
	if err != nil {
		return fmt.Errorf("rabbit: declare %s: %w", q.Name, err)
	}
	return nil
}

// DeclareExchange makes a durable exchange if it is not there.
func DeclareExchange(ch *amqp.Channel, name, kind string) error {
	var builder wamqp.DefaultTopologyBuilder
	err := builder.ExchangeDeclare(ch, name, wamqp.Config{Exchange: wamqp.ExchangeConfig{Type: kind, Durable: true}})
	if err != nil {
		return fmt.Errorf("rabbit: declare exchange %s: %w", name, err)
	}
	return nil
}

// Ladder delays messages: one queue for each of its rungs, from which the broker hands a message back when the rung's
// time is over. All queues of a virtual host share it, and other messages overtake the ones that wait.
type Ladder struct {
	// Prefix of its names; default "jumpring".
	Prefix string
	// Rungs are the delays after the first failure, the second …; default 1 s, 10 s, 1 min, 10 min. A message that
	// failed once more is parked.
	Rungs []time.Duration
	// Endless keeps a message on the last rung instead of parking it: for failures that are the reader's own, which
	// pass, and not the message's.
	Endless bool
}

// Headers that a message carries on and after the ladder.
const (
	// HeaderAttempt counts failures.
	HeaderAttempt = "x-jumpring-attempt"
	// HeaderReason is why the last attempt failed, if the handler said so.
	HeaderReason = "x-jumpring-reason"
	// HeaderExchange and HeaderKey are where the message was published first.
	HeaderExchange = "x-jumpring-exchange"
	HeaderKey      = "x-jumpring-key"
)

func (l Ladder) rungs() []time.Duration {
	if len(l.Rungs) == 0 {
		return []time.Duration{time.Second, 10 * time.Second, time.Minute, 10 * time.Minute}
	}
	return l.Rungs
}

func (l Ladder) exchange(rung time.Duration) string {
	prefix := l.Prefix
	if prefix == "" {
		prefix = "jumpring"
	}
	return fmt.Sprintf("%s.retry.%dms", prefix, rung.Milliseconds())
}

// Declare makes the ladder if it is not there.
func (l Ladder) Declare(ch *amqp.Channel) error {
	for _, rung := range l.rungs() {
		name := l.exchange(rung)
		var builder wamqp.DefaultTopologyBuilder
		// The routing key names the queue to come back to: dead letters keep it, and the default exchange goes by it.
		err := builder.BuildTopology(ch, name, name, wamqp.Config{
			Exchange: wamqp.ExchangeConfig{Type: amqp.ExchangeFanout, Durable: true},
			Queue: wamqp.QueueConfig{Durable: true, Arguments: amqp.Table{
				"x-queue-type":           "quorum",
				"x-message-ttl":          rung.Milliseconds(),
				"x-dead-letter-exchange": "",
				"x-dead-letter-strategy": "at-least-once",
				"x-overflow":             "reject-publish",
			}},
			QueueBind: wamqp.QueueBindConfig{GenerateRoutingKey: func(string) string { return "" }},
		}, watermill.NopLogger{})
		if err != nil {
			return fmt.Errorf("rabbit: declare %s: %w", name, err)
		}
	}
	return nil
}

// Later is the message to publish so that a delivery comes back to its queue after the delay that is its turn, or lies
// in the queue's parking queue when it had them all. Publish it, and acknowledge the delivery when that is confirmed.
func (l Ladder) Later(d *Delivery, queue Queue, reason string) Message {
	headers := foreignHeaders(d.Headers)
	attempt := attempts(d.Headers) + 1
	headers[HeaderAttempt] = int64(attempt)
	if reason != "" {
		headers[HeaderReason] = reason
	}
	if _, ok := headers[HeaderExchange]; !ok {
		headers[HeaderExchange], headers[HeaderKey] = d.Exchange, d.RoutingKey
	}
	msg := Message{Publishing: amqp.Publishing{
		Headers: headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding, DeliveryMode: amqp.Persistent,
		Priority: d.Priority, CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo, MessageId: d.MessageId,
		Timestamp: d.Timestamp, Type: d.Type, AppId: d.AppId, Body: d.Body,
	}}
	rungs := l.rungs()
	if l.Endless {
		attempt = min(attempt, len(rungs))
	}
	if attempt > len(rungs) {
		msg.Key = queue.Parked()
		return msg
	}
	msg.Exchange, msg.Key = l.exchange(rungs[attempt-1]), queue.Name
	return msg
}

// attempts reads how often a message failed; 0 when the header is not there or is no count.
func attempts(headers amqp.Table) int {
	const most = 1 << 20 // senders can write anything
	n, _ := headerNumber(headers[HeaderAttempt])
	return int(min(max(0, n), most))
}

// foreignHeaders copies headers without those that the broker keeps itself.
func foreignHeaders(headers amqp.Table) amqp.Table {
	out := make(amqp.Table, len(headers)+4)
	for name, value := range headers {
		if name == "x-death" || name == "x-delivery-count" || strings.HasPrefix(name, "x-first-death-") {
			continue
		}
		out[name] = value
	}
	return out
}
