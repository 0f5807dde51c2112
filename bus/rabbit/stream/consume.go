package stream

import (
	"context"
	"errors"
	"fmt"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jumpring/jumpring/bus/rabbit"
)

// prefetch bounds the messages of one reader that are on their way. A stream's reader takes part in flow control by
// acknowledging; it does not change the stream.
const prefetch = 512

// feed is one reader of the stream on one session. It skips what the broker hands over from before the asked offset.
type feed struct {
	j          *Journal
	session    *rabbit.Session
	ch         *amqp.Channel
	deliveries <-chan amqp.Delivery
	closed     <-chan *amqp.Error
	cancelled  <-chan string
	next       uint64 // the offset that has to come
	unacked    int
	limit      int
}

// noStream says that the broker has no such stream.
type noStream struct{ err error }

func (n *noStream) Error() string { return n.err.Error() }
func (n *noStream) Unwrap() error { return n.err }

// openFeed begins to read at an offset; from is also what the broker is asked for: an int64, "first" or "last".
func (j *Journal) openFeed(ctx context.Context, from any, limit int) (*feed, error) {
	session, err := j.reads.Session(ctx)
	if err != nil {
		return nil, err
	}
	ch, err := session.Channel()
	if err != nil {
		return nil, err
	}
	f := &feed{
		j: j, session: session, ch: ch, limit: limit,
		closed: ch.NotifyClose(make(chan *amqp.Error, 1)), cancelled: ch.NotifyCancel(make(chan string, 1)),
	}
	if offset, ok := from.(int64); ok {
		f.next = uint64(offset)
	}
	err = ch.Qos(limit, 0, false)
	if err == nil {
		f.deliveries, err = ch.Consume(j.opts.Name, "feed", false, false, false, false, amqp.Table{"x-stream-offset": from})
	}
	if err != nil {
		f.close()
		return nil, reading(err)
	}
	return f, nil
}

// reading tells a stream that is not there from other errors.
func reading(err error) error {
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.NotFound {
		err = &noStream{err}
	}
	return fmt.Errorf("stream: read: %w", err)
}

func (f *feed) close() { f.j.endChannel(f.ch) }

// receive gives the next message, in order and without a gap. It waits for it until ctx ends.
func (f *feed) receive(ctx context.Context) (body []byte, offset uint64, err error) {
	for {
		select {
		case d, ok := <-f.deliveries:
			if !ok {
				return nil, 0, f.reason()
			}
			body, offset, skip, err := f.take(&d)
			if err != nil || !skip {
				return body, offset, err
			}
		case <-f.cancelled:
			return nil, 0, errors.New("stream: read: the broker ended it")
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (f *feed) take(d *amqp.Delivery) (body []byte, offset uint64, skip bool, err error) {
	if f.unacked++; f.unacked >= max(f.limit/4, 1) {
		f.unacked = 0
		if err := d.Ack(true); err != nil {
			return nil, 0, false, fmt.Errorf("stream: read: %w", err)
		}
	}
	at, ok := d.Headers["x-stream-offset"].(int64)
	if !ok || at < 0 {
		return nil, 0, false, f.foreign("its messages have no offsets: it is no stream")
	}
	offset = uint64(at)
	switch {
	case offset < f.next:
		return nil, 0, true, nil
	case offset > f.next && f.next > 0:
		return nil, 0, false, f.foreign(fmt.Sprintf("message %d follows where %d has to", offset, f.next))
	}
	f.next = offset + 1
	return d.Body, offset, false, nil
}

func (f *feed) foreign(reason string) error { return &Foreign{Stream: f.j.opts.Name, Reason: reason} }

// reason is why the deliveries ended.
func (f *feed) reason() error {
	select {
	case err := <-f.closed:
		if err != nil {
			return reading(err)
		}
	case <-f.j.ctx.Done():
	}
	return errors.New("stream: read: the channel closed")
}
