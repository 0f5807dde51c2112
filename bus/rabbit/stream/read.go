package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/jumpring/jumpring/bus"
)

// ReadFrom implements bus.Journal.
func (j *Journal) ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]bus.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	from = max(from, 1)
	j.mu.Lock()
	if j.err != nil {
		defer j.mu.Unlock()
		return nil, j.err
	}
	end, first := j.at.offset, j.cache.first()
	var held []held
	if from <= end && first > 0 && from >= first {
		held = j.cache.held[from-first:]
		n, size := 0, 0
		for n < len(held) && (n == 0 || size+len(held[n].msg.body) <= maxBytes) {
			size += len(held[n].msg.body)
			n++
		}
		held = append(held[:0:0], held[:n]...)
	}
	j.mu.Unlock()
	if from > end {
		return nil, nil
	}
	if len(held) > 0 {
		return j.decode(held)
	}
	return j.readBehind(ctx, from, end, maxBytes)
}

// decode gives batches that share no memory with the cache.
func (j *Journal) decode(held []held) ([]bus.Batch, error) {
	batches := make([]bus.Batch, 0, len(held))
	for _, h := range held {
		msg, err := parse(j.id, append([]byte(nil), h.msg.body...))
		if err != nil {
			return nil, &damaged{h.at.offset, err}
		}
		b, err := msg.batch(h.at)
		if err != nil {
			return nil, &damaged{h.at.offset, err}
		}
		batches = append(batches, b)
	}
	return batches, nil
}

// cursor reads what the cache does not hold any more, in order.
type cursor struct {
	feed *feed
	at   state
	// ahead is a message that was read and did not fit.
	ahead *held
}

// maxCursors is how many idle cursors are kept: one for the fold, one for who verifies.
const maxCursors = 2

// readBehind reads from a cursor that stands there, or a new one. A broken cursor is tried anew.
func (j *Journal) readBehind(ctx context.Context, from, end uint64, maxBytes int) ([]bus.Batch, error) {
	for {
		c, err := j.cursorAt(ctx, from)
		var batches []bus.Batch
		if err == nil {
			batches, err = j.advance(ctx, c, end, maxBytes)
		}
		if err == nil {
			j.keep(c)
			return batches, nil
		}
		if c != nil {
			c.feed.close()
		}
		var foreign *Foreign
		var bad *damaged
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case j.ctx.Err() != nil:
			return nil, j.failure()
		case errors.As(err, &foreign), errors.As(err, &bad):
			return nil, err
		}
		j.log.Warn("reading older batches broke off; it goes on", "error", err)
		if err := pause(ctx, firstWait); err != nil {
			return nil, err
		}
	}
}

// advance reads until maxBytes are full or what was the end is reached.
func (j *Journal) advance(ctx context.Context, c *cursor, end uint64, maxBytes int) ([]bus.Batch, error) {
	var batches []bus.Batch
	size := 0
	for {
		h := c.ahead
		c.ahead = nil
		if h == nil {
			if c.at.offset >= end {
				return batches, nil
			}
			var err error
			if h, err = j.next(ctx, c); err != nil {
				return nil, err
			}
		}
		if len(batches) > 0 && size+len(h.msg.body) > maxBytes {
			c.ahead = h
			return batches, nil
		}
		size += len(h.msg.body)
		b, err := h.msg.batch(h.at)
		if err != nil {
			return nil, &damaged{h.at.offset, err}
		}
		batches = append(batches, b)
	}
}

// next reads one message. It waits for it: the journal has seen it.
func (j *Journal) next(ctx context.Context, c *cursor) (*held, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.opts.Patience, errors.New("stream: the broker does not show what it has shown before"))
	defer cancel()
	body, offset, err := c.feed.receive(ctx)
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	msg, err := parse(j.id, body)
	if err != nil {
		return nil, &damaged{offset, err}
	}
	c.at = msg.after(c.at)
	return &held{msg, c.at}, nil
}

// cursorAt gives an idle cursor whose next message is at an offset, or a new one.
func (j *Journal) cursorAt(ctx context.Context, from uint64) (*cursor, error) {
	j.mu.Lock()
	for i, c := range j.cursors {
		next := c.at.offset + 1
		if c.ahead != nil {
			next = c.ahead.at.offset
		}
		if next == from {
			j.cursors = append(j.cursors[:i], j.cursors[i+1:]...)
			j.mu.Unlock()
			return c, nil
		}
	}
	at, known := j.cache.state(from - 1)
	j.mu.Unlock()
	if !known {
		var err error
		if at, err = j.stateBefore(ctx, from); err != nil {
			return nil, err
		}
	}
	return j.openCursor(ctx, at, from)
}

// openCursor reads on from a known state to an offset.
func (j *Journal) openCursor(ctx context.Context, at state, from uint64) (*cursor, error) {
	f, err := j.openFeed(ctx, int64(at.offset+1), prefetch)
	if err != nil {
		return nil, err
	}
	c := &cursor{feed: f, at: at}
	for c.at.offset+1 < from {
		if _, err := j.next(ctx, c); err != nil {
			f.close()
			return nil, err
		}
	}
	return c, nil
}

// keep holds a cursor for whoever reads on there.
func (j *Journal) keep(c *cursor) {
	var idle *cursor
	j.mu.Lock()
	j.cursors = append(j.cursors, c)
	if len(j.cursors) > maxCursors {
		idle, j.cursors = j.cursors[0], j.cursors[1:]
	}
	j.mu.Unlock()
	if idle != nil {
		idle.feed.close()
	}
}

// stateBefore finds a state from which the message at an offset can be read: that of a batch before it, as a message of
// about there links to it.
func (j *Journal) stateBefore(ctx context.Context, from uint64) (state, error) {
	for back := uint64(256); ; back *= 8 {
		if from <= back+1 {
			return j.first, nil
		}
		s, ok, err := j.linkNear(ctx, from-back, from)
		if err != nil {
			return state{}, fmt.Errorf("stream: look for a beginning before message %d: %w", from, err)
		}
		if ok {
			return s, nil
		}
	}
}

// linkNear gives the first link behind an offset that leads to before another one.
func (j *Journal) linkNear(ctx context.Context, at, before uint64) (state, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, j.opts.Patience)
	defer cancel()
	f, err := j.openFeed(ctx, int64(at), prefetch)
	if err != nil {
		return state{}, false, err
	}
	defer f.close()
	for {
		body, offset, err := f.receive(ctx)
		if err != nil {
			return state{}, false, err
		}
		msg, err := parse(j.id, body)
		if err != nil {
			return state{}, false, &damaged{offset, err}
		}
		if msg.kind == isBatch && msg.link.offset < before && msg.link.offset < offset {
			if msg.link.offset == 0 {
				return j.first, true, nil
			}
			return msg.link, true, nil
		}
		if offset+1 >= before {
			return state{}, false, nil
		}
	}
}
