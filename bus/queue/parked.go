package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
)

// Parked is a message that a group could not deal with. Nothing is silent (invariant 6): it stays until a person
// replays or discards it.
type Parked struct {
	// Position is the message's place in the topic, by which it is named.
	Position canon.Position    `json:"position"`
	UUID     string            `json:"uuid"`
	Metadata map[string][]byte `json:"metadata,omitempty"`
	Payload  []byte            `json:"payload"`
	// Tries is how often it was delivered, Failures the newest of them.
	Tries    int       `json:"tries"`
	Failures []Failure `json:"failures"`
	At       time.Time `json:"at"`
	// Head is the message's head as it was published, where it does not read.
	Head json.RawMessage `json:"head"`
}

// ErrNotParked is returned for a position where no message is parked.
var ErrNotParked = errors.New("queue: no message is parked there")

// The entries of a group's log of parked messages.
const (
	entryParked    = "parked"    // Parked
	entryReplayed  = "replayed"  // canon.Position
	entryDiscarded = "discarded" // canon.Position
)

// park keeps a message with its history and takes it out of the group. It is durable among the parked ones before it is
// decided: a crash in between parks it twice, under the same position.
func (g *group) park(it *item) error {
	g.mu.Lock()
	p := Parked{
		Position: it.pos, UUID: it.head.UUID, Metadata: it.head.Metadata, Payload: it.payload, Tries: it.tries,
		Failures: slices.Clone(it.failures), At: time.Now().UTC(),
	}
	g.mu.Unlock()
	if json.Valid(it.raw) {
		p.Head = it.raw
	}
	if err := g.topic.note(g.ctx, g.name, entryParked, p); err != nil {
		g.again(it)
		return err
	}
	g.decided(it)
	return nil
}

// withParked opens a group's log of parked messages for one use.
func (t *topic) withParked(group string, use func(*embedded.Journal) error) (err error) {
	name, err := fileName(group)
	if err != nil {
		return err
	}
	t.parking.Lock()
	defer t.parking.Unlock()
	log, err := openLog(t.o, filepath.Join(t.dir, "parked", name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return use(log)
}

func (t *topic) note(ctx context.Context, group, typ string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return t.withParked(group, func(log *embedded.Journal) error {
		_, err := log.Append(ctx, bus.ClassDevice, []bus.Entry{{Type: typ, Data: raw}})
		return err
	})
}

// Parked lists what is parked of a topic's group, by position, at most limit of them from a position on.
func (q *Queue) Parked(ctx context.Context, name, group string, from canon.Position, limit int) ([]Parked, error) {
	t, err := q.topic(name)
	if err != nil {
		return nil, err
	}
	found := map[canon.Position]Parked{}
	err = t.withParked(group, func(log *embedded.Journal) error {
		for next := uint64(1); ; {
			batches, err := log.ReadFrom(ctx, next, 256<<10)
			if err != nil || len(batches) == 0 {
				return err
			}
			for i := range batches {
				next = batches[i].Offset + 1
				if err := foldParked(found, &batches[i].Entries[0], from); err != nil {
					return err
				}
			}
			// Only the first ones are asked for: memory stays flat however many there are.
			if over := len(found) - 2*limit; over > 0 && limit > 0 {
				for _, p := range sortedParked(found)[limit:] {
					delete(found, p.Position)
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	list := sortedParked(found)
	if limit > 0 && len(list) > limit {
		list = list[:limit]
	}
	return list, nil
}

func sortedParked(found map[canon.Position]Parked) []Parked {
	return slices.SortedFunc(maps.Values(found), func(a, b Parked) int { return a.Position.Compare(b.Position) })
}

func foldParked(found map[canon.Position]Parked, e *bus.Entry, from canon.Position) error {
	if e.Type == entryParked {
		var p Parked
		if err := json.Unmarshal(e.Data, &p); err != nil {
			return fmt.Errorf("queue: a parked message does not read: %w", err)
		}
		if p.Position.Compare(from) >= 0 {
			found[p.Position] = p
		}
		return nil
	}
	var pos canon.Position
	if err := json.Unmarshal(e.Data, &pos); err != nil {
		return fmt.Errorf("queue: an entry of type %s does not read: %w", e.Type, err)
	}
	delete(found, pos)
	return nil
}

func (q *Queue) parkedAt(ctx context.Context, name, group string, pos canon.Position) (*Parked, *topic, error) {
	list, err := q.Parked(ctx, name, group, pos, 1)
	if err != nil {
		return nil, nil, err
	}
	if len(list) == 0 || list[0].Position != pos {
		return nil, nil, fmt.Errorf("%w: %s of topic %s, group %s", ErrNotParked, pos, name, group)
	}
	t, err := q.topic(name)
	return &list[0], t, err
}

// Replay gives a parked message back to its group as if it were new, behind what waits with its key. When it returns that
// is durable.
func (q *Queue) Replay(ctx context.Context, name, group string, pos canon.Position) error {
	p, t, err := q.parkedAt(ctx, name, group, pos)
	if err != nil {
		return err
	}
	if len(p.Head) == 0 {
		return fmt.Errorf("queue: %s does not read as a message: it can only be discarded", pos)
	}
	g, err := t.join(Group{Name: group})
	if err != nil {
		return err
	}
	it := itemOf(pos, &bus.Entry{Type: entryMessage, Head: p.Head, Data: p.Payload})
	it.replayed = true
	g.mu.Lock()
	g.add(it)
	g.dirty = true
	g.wake()
	g.mu.Unlock()
	if err := errors.Join(g.flush(), t.leave(g)); err != nil {
		return err
	}
	return t.note(ctx, group, entryReplayed, pos)
}

// Discard ends a parked message without a delivery. Its history stays in the log.
func (q *Queue) Discard(ctx context.Context, name, group string, pos canon.Position) error {
	_, t, err := q.parkedAt(ctx, name, group, pos)
	if err != nil {
		return err
	}
	return t.note(ctx, group, entryDiscarded, pos)
}
