package queue_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/bustest"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
	"github.com/jumpring/jumpring/bus/queue"
	"github.com/jumpring/jumpring/core/canon"
)

// quick is a ladder that a test waits for.
var quick = queue.Retry{First: 10 * time.Millisecond, Most: 40 * time.Millisecond, Tries: 4}

// suited gives the suite what it knows by other names.
type suited struct{ *queue.Queue }

func (s suited) Subscriber(group string) message.Subscriber {
	return s.Queue.Subscriber(queue.Group{Name: group})
}

func (s suited) Fail(m *message.Message, err error) { queue.Fail(m, err) }

func (s suited) Parked(ctx context.Context, topic, group string) ([]bustest.ParkedMessage, error) {
	list, err := s.Queue.Parked(ctx, topic, group, canon.Position{}, 100)
	out := make([]bustest.ParkedMessage, len(list))
	for i, p := range list {
		out[i] = bustest.ParkedMessage{ID: p.Position.String(), UUID: p.UUID, Payload: string(p.Payload), Tries: p.Tries}
		for _, f := range p.Failures {
			out[i].Errors = append(out[i].Errors, f.Error)
		}
	}
	return out, err
}

func (s suited) Replay(ctx context.Context, topic, group string, m bustest.ParkedMessage) error {
	list, err := s.Queue.Parked(ctx, topic, group, canon.Position{}, 100)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.Position.String() == m.ID {
			return s.Queue.Replay(ctx, topic, group, p.Position)
		}
	}
	return queue.ErrNotParked
}

// foreign appends an entry that no publisher made.
func foreign(t *testing.T, fs embedded.FS, dir, topic string) {
	t.Helper()
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(dir, "t-"+topic, "log"), FS: fs, SegmentBytes: 4 << 20, MaxBatchBytes: 2 << 20})
	require.NoError(t, err)
	_, err = j.Append(t.Context(), bus.ClassDevice, []bus.Entry{{Type: "something else", Data: []byte("\x00")}})
	require.NoError(t, err)
	require.NoError(t, j.Close())
}

func TestQueuesOnDisk(t *testing.T) {
	bustest.RunQueues(t, func(t *testing.T) bustest.QueuePlace {
		dir := t.TempDir()
		return bustest.QueuePlace{
			Open: func(t *testing.T) bustest.Queues {
				q, err := queue.Open(queue.Options{Dir: dir, Retry: quick})
				require.NoError(t, err)
				return suited{q}
			},
			Tries:   quick.Tries,
			Foreign: func(t *testing.T, topic string) { foreign(t, nil, dir, topic) },
		}
	})
}

// TestQueuesWithPowerFailures runs the same on a disk that forgets what was not synced.
func TestQueuesWithPowerFailures(t *testing.T) {
	bustest.RunQueues(t, func(t *testing.T) bustest.QueuePlace {
		fs, seed := faultfs.New(), rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 4))
		return bustest.QueuePlace{
			Open: func(t *testing.T) bustest.Queues {
				q, err := queue.Open(queue.Options{Dir: "queues", Retry: quick, FS: fs})
				require.NoError(t, err)
				return suited{q}
			},
			Kill:     func() { fs = fs.Crash(rng.Uint64()) },
			Tries:    quick.Tries,
			InMemory: true,
			Foreign:  func(t *testing.T, topic string) { foreign(t, fs, "queues", topic) },
		}
	})
}

func TestATopicIsTrimmedBehindItsSlowestGroup(t *testing.T) {
	q, err := queue.Open(queue.Options{Dir: t.TempDir(), Retry: quick})
	require.NoError(t, err)
	defer func() { require.NoError(t, q.Close()) }()
	big := make([]byte, 500<<10)
	pub := q.Publisher()
	for range 30 {
		require.NoError(t, pub.Publish("topic", message.NewMessage("m", big)))
	}
	read := func(group string, n int) {
		s := q.Subscriber(queue.Group{Name: group})
		out, err := s.Subscribe(t.Context(), "topic")
		require.NoError(t, err)
		for range n {
			(<-out).Ack()
		}
		require.NoError(t, s.Close())
	}
	read("fast", 30)
	read("slow", 3)
	require.NoError(t, q.Trim(t.Context(), "topic"))
	read("slow", 27)
	require.NoError(t, q.Trim(t.Context(), "topic"))
	s := q.Subscriber(queue.Group{Name: "fast"})
	out, err := s.Subscribe(t.Context(), "topic")
	require.NoError(t, err)
	require.NoError(t, pub.Publish("topic", message.NewMessage("new", nil)))
	require.Equal(t, "new", (<-out).UUID)
	require.NoError(t, s.Close())
	require.NoError(t, q.Forget("topic", "slow"))
	require.NoError(t, pub.Close())
}
