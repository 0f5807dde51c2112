package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The pace of polls whose connector names none, and of polls that fail.
const (
	defaultInterval = time.Minute
	pollRetryFirst  = 500 * time.Millisecond
	pollRetryMax    = 30 * time.Second
)

func interval(s sdk.Stream) time.Duration {
	if s.IntervalMillis <= 0 {
		return defaultInterval
	}
	return time.Duration(s.IntervalMillis) * time.Millisecond
}

// jitter spreads polls over a tenth of their interval, so that connections do not poll in step.
func jitter(d time.Duration) time.Duration {
	return d - d/10 + time.Duration(rand.Int64N(int64(d/5)+1))
}

// runPoll polls one stream until ctx ends. The first poll waits for the initial snapshot's first page and goes on from
// the cursor that was taken before it.
func (c *Connection) runPoll(ctx context.Context, s sdk.Stream) error {
	if c.can[sdk.CanSnapshot] {
		if err := c.full.waitHandOff(ctx); err != nil {
			return err
		}
	}
	cursor, since, err := c.pollStart(s.Name)
	if err != nil {
		return err
	}
	retry := newBackOff(pollRetryFirst, min(pollRetryMax, max(interval(s), pollRetryFirst)))
	for {
		if err := c.gate.wait(ctx); err != nil {
			return err
		}
		epoch, began := c.status.now(), time.Now()
		next, more, err := c.poll(ctx, &sdk.PollRequest{Stream: s.Name, Cursor: cursor, Since: since, Limit: c.o.PageLimit})
		if fatal(ctx, err) {
			return err
		}
		c.status.polled(s.Name, err, began, epoch, more)
		wait := jitter(interval(s))
		switch {
		case err != nil:
			wait = retry.NextBackOff()
			c.log.Warn("poll failed", "stream", s.Name, "error", err, "retry_after", wait)
		case more:
			wait = 0
		}
		if err == nil {
			cursor = next
			retry.Reset()
		}
		if err != nil || more {
			err = sleep(ctx, wait)
		} else {
			err = waitUntil(ctx, c.hurry[s.Name], time.Now().Add(wait))
		}
		if err != nil {
			return err
		}
	}
}

// PollSales asks for a poll of what sales come by without waiting for its turn: one may have been missed. Polls that
// fail keep their back-off.
func (c *Connection) PollSales() {
	for name, ch := range c.hurry {
		if c.sales(name) {
			signal(ch)
		}
	}
}

// sales reports whether sales come by a stream.
func (c *Connection) sales(stream string) bool {
	_, named := c.hurry[sdk.StreamOrders]
	return !named || stream == sdk.StreamOrders
}

// pollStart gives where a stream goes on, and where it begins when it has no cursor.
func (c *Connection) pollStart(stream string) (cursor []byte, since time.Time, err error) {
	conn, err := c.load()
	if err != nil {
		return nil, time.Time{}, err
	}
	if conn == nil {
		return nil, time.Time{}, fmt.Errorf("intake: connection %s is gone from the view", c.o.Name)
	}
	since = conn.Baseline
	if since.IsZero() {
		since = conn.FirstSeen
	}
	return conn.Cursors[stream], since, nil
}

// poll asks once and journals the answer: observations, touched entities and the cursor are one append.
func (c *Connection) poll(ctx context.Context, req *sdk.PollRequest) (next []byte, more bool, err error) {
	stamp := ReadStamp(c.o.Journal)
	call, cancel := context.WithTimeout(ctx, c.o.CallTimeout)
	defer cancel()
	res, err := c.o.Platform.Poll(call, req)
	if err != nil {
		return nil, false, fmt.Errorf("poll %s: %w", req.Stream, err)
	}
	next = res.Cursor
	if len(next) == 0 {
		next = req.Cursor
	}
	moved := !bytes.Equal(next, req.Cursor)
	if res.More && !moved {
		return nil, false, fmt.Errorf("poll %s: the connector has more but gave no new cursor", req.Stream)
	}
	if !moved && len(res.Facts) == 0 && len(res.Touched) == 0 {
		return next, false, nil
	}
	head := c.head(stamp, canon.Position{})
	facts, err := encode(res.Facts, func(*Fact) canon.Head { return head })
	if err != nil {
		return nil, false, err
	}
	var closing []bus.Entry
	if len(res.Touched) > 0 {
		e, err := router.NewEntry(canon.EntryTouched, head, canon.Touched{Refs: res.Touched})
		if err != nil {
			return nil, false, err
		}
		closing = append(closing, e)
	}
	if moved {
		e, err := router.NewEntry(canon.EntryCursor, head, canon.Cursor{Stream: req.Stream, Cursor: next})
		if err != nil {
			return nil, false, err
		}
		closing = append(closing, e)
	}
	receipt, err := appendFacts(ctx, c.o.Journal, bus.ClassPoll, facts, closing)
	if err == nil {
		// Who waits for a poll decides on what the view makes of it.
		err = c.o.Journal.WaitFolded(ctx, receipt.Offset)
	}
	if err != nil {
		return nil, false, &journalError{err}
	}
	return next, res.More, nil
}

// journalError marks an error of the journal or the fold, as against one of the platform.
type journalError struct{ err error }

func (e *journalError) Error() string { return "intake: " + e.err.Error() }
func (e *journalError) Unwrap() error { return e.err }

// fatal reports whether an error ends the connection's goroutines: the end of ctx, or a journal that can't go on.
func fatal(ctx context.Context, err error) bool {
	var j *journalError
	return err != nil && (ctx.Err() != nil || errors.As(err, &j))
}
