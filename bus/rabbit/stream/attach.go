package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit"
)

// attach finds the stream or makes it, reads its first message and what the broker shows as its newest, and starts the
// journal's goroutines.
func (j *Journal) attach(ctx context.Context) error {
	made, err := j.declare(ctx)
	if err != nil {
		return err
	}
	if err := j.readFirst(ctx, made); err != nil {
		return err
	}
	end, err := j.newest(ctx)
	if err != nil {
		return err
	}
	if j.at, err = j.stateBefore(ctx, end+1); err != nil {
		return err
	}
	j.before = j.at
	j.stamper = embedded.NewStamper(j.opts.Clock, j.at.time, j.log)
	j.tasks.Go(j.send)
	j.tasks.Go(func() { j.follow(j.ctx) })
	ctx, cancel := context.WithTimeout(ctx, 2*j.opts.Patience)
	defer cancel()
	return j.Wait(ctx, end)
}

// declare makes the stream if it is not there and may be made, and tells whether it was not there. A queue of the name that is no stream, or one whose
// beginning the broker is to delete some day, is refused.
func (j *Journal) declare(ctx context.Context) (made bool, err error) {
	args := amqp.Table{"x-queue-type": "stream"}
	var since time.Time // when a stream that has to be there was missed first
	for {
		session, err := j.writes.Session(ctx)
		if err != nil {
			return false, fmt.Errorf("stream: attach to %s: %w", j.opts.Name, err)
		}
		err = j.onChannel(session, func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(j.opts.Name, true, false, false, false, nil)
			return err
		})
		var e *amqp.Error
		missing := errors.As(err, &e) && e.Code == amqp.NotFound
		if !missing {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		}
		switch {
		case missing && j.opts.Known != "" && time.Since(since) < j.opts.Patience: // one that has just started may not know it yet
		case missing && j.opts.Known != "":
			return false, &Foreign{Stream: j.opts.Name, Reason: "the brokers have no stream of this name: they lost it, or are other ones"}
		case err == nil || missing:
			// Declaring what is there compares it: it must have no limit of age or length.
			err = j.onChannel(session, func(ch *amqp.Channel) error {
				_, err := ch.QueueDeclare(j.opts.Name, true, false, false, false, args)
				return err
			})
			if errors.As(err, &e) && e.Code == amqp.PreconditionFailed {
				return false, fmt.Errorf("stream: %s can't be a journal: it must be a durable stream without x-max-age and x-max-length-bytes, because the journal is kept for ever: %w", j.opts.Name, err)
			}
			if err == nil {
				return missing, nil
			}
		}
		if errors.As(err, &e) && e.Recover && e.Server && !missing {
			return false, fmt.Errorf("stream: declare %s: %w", j.opts.Name, err)
		}
		j.log.Warn("the stream can't be attached to yet", "error", err)
		if err := pause(ctx, time.Second); err != nil {
			return false, fmt.Errorf("stream: attach to %s: %w", j.opts.Name, err)
		}
	}
}

func (j *Journal) onChannel(session *rabbit.Session, do func(*amqp.Channel) error) error {
	ch, err := session.Channel()
	if err != nil {
		return err
	}
	defer j.endChannel(ch)
	return do(ch)
}

// firstWait is how long an attaching node waits for the first message before it looks whether it has to write it.
const firstWait = time.Second

// readFirst reads the message at offset 0, which names the journal, and writes it into an empty stream. made tells that
// the stream was not there a moment ago.
func (j *Journal) readFirst(ctx context.Context, made bool) error {
	for {
		wait := firstWait
		if made {
			wait, made = 0, false
		}
		short, cancel := context.WithTimeout(ctx, wait)
		body, offset, err := j.readOne(short, "first")
		cancel()
		switch {
		case err == nil && offset > 0:
			return &Foreign{Stream: j.opts.Name, Reason: fmt.Sprintf("its beginning was deleted, it begins with message %d; take every limit of age and length off it, policies too", offset)}
		case err == nil:
			if j.id, j.first, err = readGenesis(body); err != nil {
				return fmt.Errorf("stream: %s is no journal: %w; name another stream", j.opts.Name, err)
			}
			if j.opts.Known != "" && j.opts.Known != j.id {
				return &Foreign{Stream: j.opts.Name, Reason: fmt.Sprintf("it was made anew: it is journal %s, this node has folded journal %s", j.id, j.opts.Known)}
			}
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("stream: attach to %s: %w", j.opts.Name, errors.Join(ctx.Err(), err))
		case !errors.Is(err, context.DeadlineExceeded):
			j.log.Warn("the stream can't be read yet", "error", err)
			if err := pause(ctx, firstWait); err != nil {
				return fmt.Errorf("stream: attach to %s: %w", j.opts.Name, err)
			}
			continue
		}
		if j.opts.Known == "" {
			if err := j.writeFirst(ctx); err != nil {
				return err
			}
		}
	}
}

func (j *Journal) readOne(ctx context.Context, from any) ([]byte, uint64, error) {
	f, err := j.openFeed(ctx, from, prefetch)
	if err != nil {
		return nil, 0, err
	}
	defer f.close()
	return f.receive(ctx)
}

// writeFirst writes the first message. Of several nodes that make a stream at once one holds the lock; that there may be
// a second first message all the same does no harm: the first one counts.
func (j *Journal) writeFirst(ctx context.Context) error {
	session, err := j.writes.Session(ctx)
	if err != nil {
		return fmt.Errorf("stream: attach to %s: %w", j.opts.Name, err)
	}
	lock := j.opts.Name + ".first"
	err = j.onChannel(session, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(lock, false, true, true, false, nil) // an exclusive queue is one connection's
		return err
	})
	var e *amqp.Error
	if errors.As(err, &e) && e.Code == amqp.ResourceLocked {
		return nil // another node is at it
	}
	if err != nil {
		return nil // the session ended; the caller looks again
	}
	defer func() {
		_ = j.onChannel(session, func(ch *amqp.Channel) error { // or the session ended, and the lock with it
			_, err := ch.QueueDelete(lock, false, false, false)
			return err
		})
	}()
	short, cancel := context.WithTimeout(ctx, firstWait/4)
	defer cancel()
	if _, _, err := j.readOne(short, "first"); err == nil {
		return nil
	}
	err = j.publisher.Publish(ctx, rabbit.Message{Key: j.opts.Name, Publishing: amqp.Publishing{DeliveryMode: amqp.Persistent, Body: newGenesis()}})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("stream: attach to %s: %w", j.opts.Name, err)
	}
	return nil
}

// newestBatch is how many messages the newest chunk of a stream has at most.
const newestBatch = 8192

// newest gives the offset of the newest message that the broker shows now. A broker hands out the newest chunk when it is
// asked for it; what comes before the cancellation is answered is what it had.
func (j *Journal) newest(ctx context.Context) (uint64, error) {
	for {
		ctx, cancel := context.WithTimeout(ctx, j.opts.Patience)
		defer cancel()
		f, err := j.openFeed(ctx, "last", newestBatch)
		if err != nil {
			if pause(ctx, firstWait) != nil {
				return 0, err
			}
			continue
		}
		_, end, err := f.receive(ctx)
		if err == nil {
			_, err = f.ch.QueueDeclarePassive(j.opts.Name, true, false, false, false, nil) // one round trip behind it
		}
		if err == nil {
			err = f.ch.Cancel("feed", false)
		}
		for err == nil {
			d, ok := <-f.deliveries
			if !ok {
				break
			}
			_, end, _, err = f.take(&d)
		}
		f.close()
		if err == nil {
			return end, nil
		}
		if pause(ctx, firstWait) != nil {
			return 0, fmt.Errorf("stream: find the end of %s: %w", j.opts.Name, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
