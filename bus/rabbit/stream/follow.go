package stream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
)

// goneAfter is how long brokers may say that there is no such stream before that is believed: one that has just started
// may not know it yet.
const goneAfter = 5 * time.Second

// follow reads the stream over any number of connections until ctx ends or it is not the stream that it was.
func (j *Journal) follow(ctx context.Context) {
	var missing time.Time
	quiet := 0 // brokers in a row that did not show what was read before
	for ctx.Err() == nil {
		err := j.followOnce(ctx, func() { quiet = 0 })
		if ctx.Err() != nil {
			return
		}
		var silence *silent
		if errors.As(err, &silence) {
			// One that was away may be behind the others: the next one is asked.
			if quiet++; quiet >= len(j.opts.Rabbit.URLs) {
				err = &Foreign{Stream: j.opts.Name, Reason: silence.Error()}
			} else {
				silence.session.Drop()
			}
		}
		var foreign *Foreign
		var none *noStream
		var bad *damaged
		switch {
		case errors.As(err, &foreign), errors.As(err, &bad):
			j.fail(err)
			return
		case errors.As(err, &none):
			if missing.IsZero() {
				missing = time.Now()
			}
			if time.Since(missing) > goneAfter {
				j.fail(&Foreign{Stream: j.opts.Name, Reason: "the brokers have no stream of this name any more: it was deleted, or they lost their data"})
				return
			}
		default:
			missing = time.Time{}
		}
		j.log.Warn("reading the journal's stream broke off; it goes on", "error", err)
		if pause(ctx, 200*time.Millisecond) != nil {
			return
		}
	}
}

// damaged says that a message of a hub does not read.
type damaged struct {
	offset uint64
	err    error
}

func (d *damaged) Error() string {
	return fmt.Sprintf("stream: message %d is damaged: %v; run `jumpring verify` against each broker", d.offset, d.err)
}
func (d *damaged) Unwrap() error { return d.err }

// silent says that a broker does not show a message that was read before.
type silent struct {
	session *rabbit.Session
	offset  uint64
}

func (s *silent) Error() string {
	return fmt.Sprintf("it was cut short: message %d, which was read before, is not there any more", s.offset)
}

// followOnce reads over one connection. It begins with the message that it read last: that has to be there still, and be
// the same; it calls confirmed then.
func (j *Journal) followOnce(ctx context.Context, confirmed func()) error {
	j.mu.Lock()
	at, before := j.at, j.before
	j.mu.Unlock()
	f, err := j.openFeed(ctx, int64(at.offset), prefetch)
	if err != nil {
		return err
	}
	defer f.close()
	patience, cancel := context.WithTimeout(ctx, j.opts.Patience)
	body, _, err := f.receive(patience)
	cancel()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return &silent{f.session, at.offset}
	case err != nil:
		return err
	}
	if err := j.confirm(body, at, before); err != nil {
		return err
	}
	confirmed()
	for {
		body, offset, err := f.receive(ctx)
		if err != nil {
			return err
		}
		if err := j.take(body, offset); err != nil {
			return err
		}
	}
}

// confirm compares a message that is read once more with what was read before.
func (j *Journal) confirm(body []byte, at, before state) error {
	other := &Foreign{Stream: j.opts.Name, Reason: fmt.Sprintf("message %d is another one than before", at.offset)}
	if at.offset == 0 {
		if id, _, err := readGenesis(body); err != nil || id != j.id {
			return other
		}
		return nil
	}
	if before.offset+1 != at.offset { // the one that reading began with: who began there knows what it is
		return nil
	}
	msg, err := parse(j.id, body)
	if err != nil || msg.after(before) != at {
		return other
	}
	return nil
}

// take takes one message in and shows it to readers.
func (j *Journal) take(body []byte, offset uint64) error {
	msg, err := parse(j.id, body)
	if err != nil {
		return &damaged{offset, err}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if msg.kind == isBatch && msg.link.offset < offset {
		if known, ok := j.cache.state(msg.link.offset); ok && known.chain != msg.link.chain {
			return &Foreign{Stream: j.opts.Name, Reason: fmt.Sprintf("message %d was sent by a node that knows another message %d", offset, msg.link.offset)}
		}
	}
	j.before, j.at = j.at, msg.after(j.at)
	j.cache.add(msg, j.at)
	if msg.kind == isForeign {
		j.log.Error("a message in the journal's stream is of no hub of this journal; it is parked", "offset", offset)
	}
	if msg.kind == isBatch && [8]byte(msg.m.ID[:8]) == j.node {
		seq := binary.BigEndian.Uint64(msg.m.ID[8:])
		if r := j.waiting[seq]; r != nil {
			delete(j.waiting, seq)
			r.receipt = bus.Receipt{Offset: j.at.offset, Time: j.at.time}
			close(r.done)
		}
	}
	j.wake()
	return nil
}
