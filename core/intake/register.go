package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The back-off of failed registrations, and the rest after one that went well, so that a flood of forged deliveries
// makes no flood of calls.
const (
	registerRetryFirst = time.Second
	registerRetryMax   = time.Minute
	registerRest       = time.Minute
)

// Reregister asks for the webhook subscriptions to be asserted soon, as after deliveries that were refused. Calls in
// close succession are one.
func (c *Connection) Reregister() { signal(c.register) }

// missedRest is the time between two rounds of polls after deliveries that were refused: a flood of them makes no flood
// of calls. The last refusal has a poll after it all the same.
const missedRest = 5 * time.Second

// Missed tells that deliveries could not be taken because the journal refused them. The platform may deliver them again,
// or give up and drop the subscription; so every stream is polled from its cursor, and the subscriptions are asserted.
func (c *Connection) Missed() { signal(c.missed) }

// runMissed answers Missed.
func (c *Connection) runMissed(ctx context.Context) error {
	for {
		select {
		case <-c.missed:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.Reregister()
		for _, ch := range c.hurry {
			signal(ch)
		}
		if err := sleep(ctx, missedRest); err != nil {
			return err
		}
	}
}

// runRegister asserts the webhook subscriptions at the start, on a timer and when it is asked to.
func (c *Connection) runRegister(ctx context.Context) error {
	retry := newBackOff(registerRetryFirst, min(registerRetryMax, c.o.RegisterEvery))
	for {
		if err := c.gate.wait(ctx); err != nil {
			return err
		}
		wait := jitter(c.o.RegisterEvery)
		err := c.registerOnce(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			wait = retry.NextBackOff()
			c.log.Warn("registration of webhooks failed", "error", err, "retry_after", wait)
			if err := sleep(ctx, wait); err != nil {
				return err
			}
			continue
		}
		retry.Reset()
		next := time.Now().Add(wait)
		if err := sleep(ctx, min(registerRest, wait)); err != nil {
			return err
		}
		if err := waitUntil(ctx, c.register, next); err != nil {
			return err
		}
	}
}

func (c *Connection) registerOnce(ctx context.Context) error {
	call, cancel := context.WithTimeout(ctx, c.o.CallTimeout)
	defer cancel()
	resp, err := c.o.Platform.Register(call, &sdk.RegisterRequest{URL: c.o.Hook})
	c.status.registered(resp, err)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if len(resp.Created)+len(resp.Reactivated) > 0 {
		c.log.Info("webhooks registered", "created", resp.Created, "reactivated", resp.Reactivated)
		c.PollSales() // nothing was delivered meanwhile
	}
	return nil
}
