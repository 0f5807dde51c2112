package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
)

// The sizes of a topic's log.
const (
	topicSegment = 4 << 20
	topicBatch   = 2 << 20 // largest message, about
	batchCount   = 256     // messages of one batch
)

const entryMessage = "message"

// topic is an open topic.
type topic struct {
	o    *Options
	name string
	dir  string
	log  *embedded.Journal

	mu     sync.Mutex
	closed bool
	groups map[string]*group // those with subscriptions

	open    sync.WaitGroup // subscriptions
	parking sync.Mutex     // held while a log of parked messages is open
}

// openLog opens a log of the journal's format with the sizes of topics.
func openLog(o *Options, dir string) (*embedded.Journal, error) {
	j, err := embedded.Open(embedded.Options{
		Dir: dir, SegmentBytes: topicSegment, MaxBatchBytes: topicBatch, FS: o.FS, Logger: o.Logger,
		Limits: map[bus.Class]embedded.Limit{bus.ClassDevice: {Bytes: 16 << 20, Count: 16384}},
	})
	if err != nil {
		return nil, fmt.Errorf("queue: %w", err)
	}
	return j, nil
}

func openTopic(o *Options, name, dir string) (*topic, error) {
	log, err := openLog(o, filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	return &topic{o: o, name: name, dir: dir, log: log, groups: make(map[string]*group)}, nil
}

// close ends the groups and the log.
func (t *topic) close() error {
	t.mu.Lock()
	t.closed = true
	var groups []*group
	for _, g := range t.groups {
		groups = append(groups, g)
	}
	t.mu.Unlock()
	var errs []error
	for _, g := range groups {
		g.cancel(ErrClosed)
		<-g.ended
		errs = append(errs, g.flush())
	}
	t.open.Wait()
	return errors.Join(append(errs, t.log.Close())...)
}

// head is what a message is besides its payload.
type head struct {
	UUID     string            `json:"uuid"`
	Metadata map[string][]byte `json:"metadata,omitempty"` // any bytes, also those that are no text
}

// publish appends messages in order.
func (t *topic) publish(ctx context.Context, messages []*message.Message) error {
	var batch []bus.Entry
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := t.append(ctx, batch)
		batch, size = nil, 0
		return err
	}
	for _, m := range messages {
		e, err := entryOf(m)
		if err != nil {
			return err
		}
		n := len(e.Head) + len(e.Data) + 64
		if len(batch) > 0 && (size+n > topicBatch/2 || len(batch) == batchCount) {
			if err := flush(); err != nil {
				return err
			}
		}
		batch, size = append(batch, e), size+n
	}
	return flush()
}

func entryOf(m *message.Message) (bus.Entry, error) {
	h := head{UUID: m.UUID}
	if len(m.Metadata) > 0 {
		h.Metadata = make(map[string][]byte, len(m.Metadata))
		for k, v := range m.Metadata {
			h.Metadata[k] = []byte(v)
		}
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return bus.Entry{}, fmt.Errorf("queue: message %s: %w", m.UUID, err)
	}
	return bus.Entry{Type: entryMessage, Head: raw, Data: m.Payload}, nil
}

// append waits out a log whose queue is full, until ctx ends: that is the publisher's back-pressure.
func (t *topic) append(ctx context.Context, entries []bus.Entry) error {
	for {
		_, err := t.log.Append(ctx, bus.ClassDevice, entries)
		var refused *bus.Refused
		if !errors.As(err, &refused) {
			return err
		}
		select {
		case <-time.After(refused.RetryAfter):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// read gives the messages of the next batches.
func (t *topic) read(ctx context.Context, from uint64, maxBytes int) (items []*item, next uint64, err error) {
	batches, err := t.log.ReadFrom(ctx, from, maxBytes)
	if err != nil {
		return nil, from, err
	}
	next = from
	for i := range batches {
		b := &batches[i]
		for k := range b.Entries {
			items = append(items, itemOf(canon.Position{Offset: b.Offset, Index: uint32(k)}, &b.Entries[k]))
		}
		next = b.Offset + 1
	}
	return items, next, nil
}

// Trim removes the part of a topic's log that every group has passed, in whole segments; groups are those that ever
// subscribed and were not forgotten. A topic without any group keeps everything. Parked messages are kept apart.
func (q *Queue) Trim(ctx context.Context, name string) error {
	t, err := q.topic(name)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	states, err := readStates(t.o.FS, t.groupsDir())
	if err != nil || len(states) == 0 {
		return err
	}
	below := t.log.End() + 1
	for _, s := range states { // as they are on the disk, which is what a crash goes back to
		below = min(below, s.oldest())
	}
	_, err = t.log.Drop(ctx, below)
	return err
}

// Forget removes the place of a group that has no subscription. Should it subscribe again, it is a new one.
func (q *Queue) Forget(name, groupName string) error {
	t, err := q.topic(name)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[groupName] != nil {
		return fmt.Errorf("queue: group %s of topic %s has subscriptions", groupName, name)
	}
	return removeState(t.o.FS, t.groupsDir(), groupName)
}

func (t *topic) groupsDir() string { return filepath.Join(t.dir, "groups") }

// join adds a subscription to a group and starts the group with the first one.
func (t *topic) join(to Group) (*group, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, ErrClosed
	}
	if g := t.groups[to.Name]; g != nil {
		t.open.Add(1)
		g.subscriptions++
		return g, nil
	}
	g, err := t.start(to)
	if err != nil {
		return nil, err
	}
	t.open.Add(1)
	t.groups[to.Name] = g
	return g, nil
}

// leave takes a subscription from its group; the last one ends it.
func (t *topic) leave(g *group) error {
	defer t.open.Done()
	t.mu.Lock()
	defer t.mu.Unlock()
	if g.subscriptions--; g.subscriptions > 0 {
		return nil
	}
	g.cancel(ErrClosed)
	<-g.ended
	delete(t.groups, g.name)
	return g.flush()
}
