package rabbit

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Consumption says what to consume. The zero value of each field but Queue is a default.
type Consumption struct {
	// Queue or stream.
	Queue string
	// Prefetch bounds the deliveries that are not acknowledged yet; default 64. Streams need one.
	Prefetch int
	// Exclusive asks to be the queue's only consumer.
	Exclusive bool
	// Arguments are computed anew at each attach, so that a stream's reader can name the offset at which it goes on.
	// They may be nil.
	Arguments func() amqp.Table
	// Attach, if set, declares what is needed on each new session, before it consumes.
	Attach func(*amqp.Channel) error
	// Release, if set, is called when ctx has ended, before the channel closes: the last moment to acknowledge. It is to
	// return soon.
	Release func()
	// Trouble, if set, hears why there are no deliveries now; Consume goes on trying. It must not block.
	Trouble func(error)
}

// Delivery is one delivered message. Acknowledge it once, from any goroutine.
type Delivery struct {
	amqp.Delivery
	// Lost is closed when the delivery's channel is gone: it can't be acknowledged any more and comes again.
	Lost <-chan struct{}
}

// Ack tells the broker that the message is dealt with. ErrStale means that it comes again.
func (d *Delivery) Ack() error { return d.answer(d.Delivery.Ack(false)) }

// AckThrough acknowledges this delivery and all before it on the same channel.
func (d *Delivery) AckThrough() error { return d.answer(d.Delivery.Ack(true)) }

// Requeue gives the message back to the broker, which delivers it again at once.
func (d *Delivery) Requeue() error { return d.answer(d.Delivery.Nack(false, true)) }

// Reject hands the message to the queue's dead-letter exchange.
func (d *Delivery) Reject() error { return d.answer(d.Delivery.Nack(false, false)) }

func (d *Delivery) answer(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrStale, err)
}

// Consume hands each delivery to handle, in the queue's order, one at a time, over any number of reconnects, until ctx
// ends or handle returns an error, which Consume returns; at the end of ctx it returns nil. handle may keep a delivery
// and acknowledge it later, from elsewhere; what is not acknowledged when the connection is lost, or when Consume
// returns, comes again. A channel that closes delivers nothing: there are no phantom messages.
func Consume(ctx context.Context, conn *Connection, what Consumption, handle func(context.Context, *Delivery) error) error {
	if what.Prefetch == 0 {
		what.Prefetch = 64
	}
	wait := conn.cfg.Backoff.Min
	for {
		session, err := conn.Session(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		began := time.Now()
		err = consumeSession(ctx, conn, session, what, handle)
		if ctx.Err() != nil {
			return nil
		}
		var stopped *handlerError
		if errors.As(err, &stopped) {
			return stopped.err
		}
		if what.Trouble != nil {
			what.Trouble(err)
		}
		if time.Since(began) > conn.cfg.Backoff.Max {
			wait = conn.cfg.Backoff.Min
		}
		sleep(ctx, jitter(wait))
		wait = min(2*wait, conn.cfg.Backoff.Max)
	}
}

// handlerError tells a handler's error from the connection's.
type handlerError struct{ err error }

func (h *handlerError) Error() string { return h.err.Error() }

func consumeSession(ctx context.Context, conn *Connection, session *Session, what Consumption, handle func(context.Context, *Delivery) error) error {
	ch, err := session.Channel()
	if err != nil {
		return err
	}
	defer conn.endChannel(ch)
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	cancelled := ch.NotifyCancel(make(chan string, 1)) // the queue was deleted, or its leader moved
	if what.Attach != nil {
		if err := what.Attach(ch); err != nil {
			return fmt.Errorf("rabbit: attach to %s: %w", what.Queue, err)
		}
	}
	if err := ch.Qos(what.Prefetch, 0, false); err != nil {
		return fmt.Errorf("rabbit: prefetch on %s: %w", what.Queue, err)
	}
	var args amqp.Table
	if what.Arguments != nil {
		args = what.Arguments()
	}
	deliveries, err := ch.Consume(what.Queue, "", false, what.Exclusive, false, false, args)
	if err != nil {
		return fmt.Errorf("rabbit: consume %s: %w", what.Queue, err)
	}
	lost := make(chan struct{})
	defer close(lost)
	for {
		select {
		case d, ok := <-deliveries:
			if !ok { // the channel closed; a zero delivery is no message
				return closeReason(what.Queue, closed)
			}
			if err := handle(ctx, &Delivery{Delivery: d, Lost: lost}); err != nil {
				return &handlerError{err}
			}
		case <-cancelled:
			return fmt.Errorf("rabbit: consume %s: the broker ended it", what.Queue)
		case <-ctx.Done():
			if what.Release != nil {
				what.Release()
			}
			return ctx.Err()
		}
	}
}

func closeReason(queue string, closed <-chan *amqp.Error) error {
	if err := <-closed; err != nil {
		return fmt.Errorf("rabbit: consume %s: %w", queue, err)
	}
	return fmt.Errorf("rabbit: consume %s: the channel closed", queue)
}
