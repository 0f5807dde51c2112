package ingress

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/problem"
)

// appendDeadline bounds one append of a round. An append goes on when the hub stops, so that what was written is
// acknowledged too.
const appendDeadline = 30 * time.Second

// settle journals pieces as one batch and acknowledges them. While the journal refuses, they stay in hand, and what is
// behind them in their lane stays behind them; after Hold they go on the ladder, on which they stay until the journal
// takes them. Any other failure puts a piece on the ladder alone, whose end is the broker's parking queue.
func (d *Devices) settle(ctx context.Context, user string, pieces []*piece) {
	began := time.Now()
	for {
		pieces = present(pieces)
		if len(pieces) == 0 || ctx.Err() != nil {
			return
		}
		err := d.journal(ctx, pieces)
		switch {
		case err == nil:
			d.done(pieces)
			return
		case !passes(err) && len(pieces) > 1: // one of them is at fault
			for _, p := range pieces {
				d.settle(ctx, user, []*piece{p})
			}
			return
		case errors.Is(err, bus.ErrTooLarge) && pieces[0].unreadable == nil:
			p := pieces[0]
			why := problem.New(problem.BodyTooLarge, "what it says is larger than the journal takes at once")
			p.facts, p.unreadable = nil, &Unreadable{
				Head: p.facts[0].Head, Reason: why.Error(), Size: len(p.m.Body), Body: kept(p.m.Body),
			}
			continue
		case !passes(err):
			d.giveUp(ctx, user, pieces[0].m, err)
			return
		}
		d.trouble("the journal takes no deliveries now", err)
		if time.Since(began) >= d.o.Hold && d.o.Senders.Own != "" {
			endless := d.o.Ladder
			endless.Endless = true // the fault is the hub's: a message is not parked for it
			for len(pieces) > 0 && d.later(ctx, user, pieces[0].m, endless, err) {
				pieces = pieces[1:]
			}
			if len(pieces) == 0 {
				return
			}
		}
		pause(ctx, pieces[0].m.Lost, retryAfter(err))
	}
}

// journal appends what is not durable yet. Invariant 1.
func (d *Devices) journal(ctx context.Context, pieces []*piece) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendDeadline)
	defer cancel()
	var facts []Fact
	for _, p := range pieces {
		facts = append(facts, p.facts...)
	}
	if len(facts) > 0 {
		if _, err := d.o.Journal.Report(ctx, facts); err != nil {
			return fmt.Errorf("report events: %w", err)
		}
		for _, p := range pieces {
			p.facts = nil
		}
	}
	for _, p := range pieces {
		if p.unreadable == nil {
			continue
		}
		if err := d.o.Journal.Park(ctx, *p.unreadable); err != nil {
			return fmt.Errorf("park a delivery: %w", err)
		}
		p.unreadable, p.parked = nil, true
	}
	return nil
}

func (d *Devices) done(pieces []*piece) {
	d.mu.Lock()
	for _, p := range pieces {
		d.seen.add(p.print)
	}
	d.mu.Unlock()
	for _, p := range pieces {
		verdict := "journaled"
		if p.parked {
			verdict = "parked"
		}
		d.counter.WithLabelValues(verdict).Inc()
		d.ack(p.m)
	}
}

// giveUp puts a delivery that the hub fails on onto the ladder, whose end is the broker's parking queue. Without a user of
// its own the hub could not prove, when the message comes back, whom it was from: then the broker parks it at once.
func (d *Devices) giveUp(ctx context.Context, user string, m *rabbit.Delivery, why error) {
	d.trouble("a delivery has to wait", why)
	if d.o.Senders.Own == "" {
		d.counter.WithLabelValues("rejected").Inc()
		d.settled(m.Reject())
		return
	}
	for ctx.Err() == nil && !lost(m) && !d.later(ctx, user, m, d.o.Ladder, why) {
		pause(ctx, m.Lost, time.Second)
	}
}

// later puts a delivery on the ladder and acknowledges it when the broker has it there. False: it stays in hand, because
// given back to the broker it would come again at once.
func (d *Devices) later(ctx context.Context, user string, m *rabbit.Delivery, ladder rabbit.Ladder, why error) bool {
	msg := ladder.Later(m, d.queue, string(problem.Of(why).Code))
	msg.Publishing.UserId = d.o.Senders.Own
	msg.Publishing.Headers[rabbit.HeaderSender] = user
	if err := d.o.Back.Publish(ctx, msg); err != nil {
		d.trouble("a delivery can't be put off", err)
		return false
	}
	d.counter.WithLabelValues("delayed").Inc()
	d.ack(m)
	return true
}

func (d *Devices) ack(m *rabbit.Delivery) { d.settled(m.Ack()) }

// settled forgives an acknowledgement that came too late: the message comes again, and what it says is known.
func (d *Devices) settled(err error) {
	if err != nil {
		d.o.Log.Debug("a delivery will come again", "queue", d.queue.Name, "error", err)
	}
}

// present leaves out the deliveries whose channel is gone: they come again.
func present(pieces []*piece) []*piece {
	out := pieces[:0]
	for _, p := range pieces {
		if !lost(p.m) {
			out = append(out, p)
		}
	}
	return out
}

func lost(m *rabbit.Delivery) bool {
	select {
	case <-m.Lost:
		return true
	default:
		return false
	}
}

// passes tells whether an append failed for a reason that is not the batch's.
func passes(err error) bool {
	var refused *bus.Refused
	return errors.As(err, &refused) || errors.Is(err, bus.ErrFailed) || errors.Is(err, bus.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// retryAfter is how long to wait before an append is tried again.
func retryAfter(err error) time.Duration {
	var refused *bus.Refused
	if errors.As(err, &refused) {
		return min(max(refused.RetryAfter, 20*time.Millisecond), 5*time.Second)
	}
	return time.Second
}

// pause waits, but not past the end of ctx or of the delivery.
func pause(ctx context.Context, lost <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-lost:
	case <-ctx.Done():
	}
}
