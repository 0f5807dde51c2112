package hub

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit/stream"
)

// lateRetry is when to ask again for what a node without its brokers can't do.
const lateRetry = 2 * time.Second

// late is a shared journal whose brokers may be away when the node starts. Until it is attached it has the id that the
// node knows and ends where the view ends, and takes nothing.
type late struct {
	id       string
	end      uint64        // of the view at the start
	attached chan struct{} // closed when journal is set

	mu      sync.Mutex
	journal *stream.Journal
	folded  func() uint64
}

func newLate(id string, end uint64) *late {
	return &late{id: id, end: end, attached: make(chan struct{})}
}

// attach puts the journal in its place.
func (l *late) attach(j *stream.Journal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.journal = j
	if l.folded != nil {
		j.SetFold(l.folded)
	}
	close(l.attached)
}

// there gives the journal; nil before it is attached.
func (l *late) there() *stream.Journal {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.journal
}

// ID implements bus.Journal.
func (l *late) ID() string { return l.id }

// End implements bus.Journal.
func (l *late) End() uint64 {
	if j := l.there(); j != nil {
		return j.End()
	}
	return l.end
}

// SetFold implements journal.
func (l *late) SetFold(folded func() uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.folded = folded
	if l.journal != nil {
		l.journal.SetFold(folded)
	}
}

// ClockSkew implements journal.
func (l *late) ClockSkew() time.Duration {
	if j := l.there(); j != nil {
		return j.ClockSkew()
	}
	return 0
}

// Append implements bus.Journal. Invariant 1: without brokers nothing is durable, and so nothing is taken.
func (l *late) Append(ctx context.Context, class bus.Class, entries []bus.Entry) (bus.Receipt, error) {
	if j := l.there(); j != nil {
		return j.Append(ctx, class, entries)
	}
	return bus.Receipt{}, &bus.Refused{Class: class, Reason: "the journal's brokers were not reached yet", RetryAfter: lateRetry}
}

// ReadFrom implements bus.Journal.
func (l *late) ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]bus.Batch, error) {
	if j := l.there(); j != nil {
		return j.ReadFrom(ctx, from, maxBytes)
	}
	if from <= l.end {
		return nil, fmt.Errorf("hub: read batch %d: the journal's brokers were not reached yet", from)
	}
	return nil, nil
}

// Wait implements bus.Journal.
func (l *late) Wait(ctx context.Context, offset uint64) error {
	select {
	case <-l.attached:
		return l.there().Wait(ctx, offset)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Tail implements bus.Journal.
func (l *late) Tail(ctx context.Context, from uint64) iter.Seq2[bus.Batch, error] {
	return func(yield func(bus.Batch, error) bool) {
		select {
		case <-l.attached:
			l.there().Tail(ctx, from)(yield)
		case <-ctx.Done():
		}
	}
}

// Close implements bus.Journal.
func (l *late) Close() error {
	if j := l.there(); j != nil {
		return j.Close()
	}
	return nil
}

// Interface guard.
var _ journal = (*late)(nil)
