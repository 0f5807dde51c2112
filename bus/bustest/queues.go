package bustest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// Queues are the topics of a bus as the suite uses them.
type Queues interface {
	Publisher() message.Publisher
	Subscriber(group string) message.Subscriber
	// Fail nacks a message with the error that its history is to have.
	Fail(m *message.Message, err error)
	// Parked lists what is parked of a topic's group, in the topic's order.
	Parked(ctx context.Context, topic, group string) ([]ParkedMessage, error)
	// Replay gives a parked message back to its group.
	Replay(ctx context.Context, topic, group string, m ParkedMessage) error
	// Close ends everything, cleanly.
	Close() error
}

// ParkedMessage is what the suite wants to know of a parked message.
type ParkedMessage struct {
	ID      string // by which the bus finds it
	UUID    string
	Payload string
	Tries   int
	Errors  []string
}

// QueuePlace is where a bus of its own for one test lives.
type QueuePlace struct {
	// Open opens the bus; the suite calls it again after Close or Kill. Messages are ordered by the metadata "key".
	Open func(t *testing.T) Queues
	// Kill ends the bus that Open gave last as a crash does; nil where that can't be done.
	Kill func()
	// Tries is how often a message is delivered before it is parked, at least 3.
	Tries int
	// InMemory tells that the bus keeps its messages on this process's heap, as one on a simulated disk does.
	InMemory bool
	// Foreign puts something into a topic that no publisher of ours made; nil where nobody else can.
	Foreign func(t *testing.T, topic string)
}

// RunQueues checks what Watermill's universal suite does not ask of a Pub/Sub. place makes room for a new, empty bus whose
// first redelivery comes within a second.
func RunQueues(t *testing.T, place func(t *testing.T) QueuePlace) {
	t.Helper()
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, p QueuePlace)
	}{
		{"no message comes that was not sent, however a subscription ends", testNoPhantom},
		{"a message that always fails does not spin and holds up no other key", testNoHotLoop},
		{"messages of one key keep their order under redelivery", testOrderPerKey},
		{"metadata of any bytes and empty payloads come through", testForeignMetadata},
		{"what is no message is parked and not looped", testForeignMessage},
		{"a subscription whose consumer does not read ends with its context", testCancelWhileBlocked},
		{"a message of 1 MB comes through, among small ones", testLargeMessage},
		{"a group goes on where it was after a restart, and groups do not know each other", testDurablePlace},
		{"a crash loses nothing that was not acknowledged", testCrash},
		{"a message is parked with its history, and replayed", testParking},
		{"many messages wait at little cost", testManyWaiting},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, place(t)) })
	}
}

func opening(t *testing.T, p QueuePlace) Queues {
	t.Helper()
	q := p.Open(t)
	t.Cleanup(func() { require.NoError(t, q.Close()) })
	return q
}

func text(uuid, key string) *message.Message {
	m := message.NewMessage(uuid, []byte("payload of "+uuid))
	if key != "" {
		m.Metadata.Set("key", key)
	}
	return m
}

func publish(t *testing.T, q Queues, topic string, ms ...*message.Message) {
	t.Helper()
	p := q.Publisher()
	require.NoError(t, p.Publish(topic, ms...))
	require.NoError(t, p.Close())
}

// next waits for a message.
func next(t *testing.T, from <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case m, ok := <-from:
		require.True(t, ok, "the subscription ended")
		return m
	case <-time.After(patience):
		t.Fatal("no message comes")
		return nil
	}
}

func subscribe(t *testing.T, q Queues, group, topic string) (<-chan *message.Message, func()) {
	t.Helper()
	s := q.Subscriber(group)
	out, err := s.Subscribe(t.Context(), topic)
	require.NoError(t, err)
	stop := sync.OnceFunc(func() { require.NoError(t, s.Close()) })
	t.Cleanup(stop)
	return out, stop
}

func testNoPhantom(t *testing.T, p QueuePlace) {
	q := opening(t, p)
	for i := range 20 {
		out, stop := subscribe(t, q, "g", "topic")
		if i%2 == 0 {
			id := fmt.Sprint("m", i)
			publish(t, q, "topic", text(id, ""))
			m := next(t, out)
			require.Equal(t, id, m.UUID)
			m.Ack()
		}
		stop()
		m, ok := <-out
		require.False(t, ok, "a closed subscription gave %v", m)
	}
	list, err := q.Parked(t.Context(), "topic", "g")
	require.NoError(t, err)
	require.Empty(t, list)
}

func testNoHotLoop(t *testing.T, p QueuePlace) {
	const good = 200
	q := opening(t, p)
	publish(t, q, "topic", text("poison", "bad"))
	for i := range good {
		publish(t, q, "topic", text(fmt.Sprint(i), fmt.Sprint("key", i%10)))
	}
	out, _ := subscribe(t, q, "g", "topic")
	poisoned, seen := 0, 0
	for seen < good {
		m := next(t, out)
		if m.UUID == "poison" {
			poisoned++
			q.Fail(m, errors.New("it does not fit"))
			continue
		}
		seen++
		m.Ack()
	}
	require.Positive(t, poisoned)
	require.LessOrEqual(t, poisoned, p.Tries, "redeliveries of one message while %d others came through", good)
}

func testOrderPerKey(t *testing.T, p QueuePlace) {
	const keys, each = 5, 30
	q := opening(t, p)
	for i := range each {
		for k := range keys {
			publish(t, q, "topic", text(fmt.Sprintf("%d/%d", k, i), fmt.Sprint("key", k)))
		}
	}
	var mu sync.Mutex
	done := map[string][]string{} // acknowledged, by key
	failed := map[string]int{}
	total := 0
	finished := make(chan struct{})
	var workers sync.WaitGroup
	for range 3 {
		out, stop := subscribe(t, q, "g", "topic")
		workers.Go(func() {
			for m := range out {
				mu.Lock()
				// Those with a number of two digits fail once before they are taken.
				if k, i, _ := strings.Cut(m.UUID, "/"); len(i)%2 == 0 && failed[m.UUID] == 0 && k != "0" {
					failed[m.UUID]++
					mu.Unlock()
					q.Fail(m, errors.New("not now"))
					continue
				}
				key := m.Metadata.Get("key")
				if list := done[key]; len(list) == 0 || list[len(list)-1] != m.UUID {
					done[key] = append(list, m.UUID)
					total++
				}
				all := total == keys*each
				mu.Unlock()
				m.Ack()
				if all {
					close(finished)
				}
			}
		})
		t.Cleanup(stop)
	}
	select {
	case <-finished:
	case <-time.After(2 * patience):
		t.Error("not all messages came")
	}
	mu.Lock()
	defer mu.Unlock()
	for k := range keys {
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("%d/%d", k, i))
		}
		require.Equal(t, want, done[fmt.Sprint("key", k)])
	}
}

func testForeignMetadata(t *testing.T, p QueuePlace) {
	q := opening(t, p)
	m := message.NewMessage("", nil)
	for k, v := range map[string]string{"x-death": `[{"count":3}]`, "": "no name", "bytes": "\x00\xff\xfe", "number": "42", "long": strings.Repeat("é", 5000)} {
		m.Metadata.Set(k, v)
	}
	publish(t, q, "topic", m)
	out, _ := subscribe(t, q, "g", "topic")
	for range 2 {
		got := next(t, out)
		require.Empty(t, got.Payload)
		for k, v := range m.Metadata {
			require.Equal(t, v, got.Metadata.Get(k), "%q", k)
		}
		if got.Metadata.Get("again") == "" {
			got.Metadata.Set("again", "yes") // what a consumer writes into a message does not come back with it
			got.Nack()
		}
	}
}

func testForeignMessage(t *testing.T, p QueuePlace) {
	if p.Foreign == nil {
		t.Log("nobody else can publish on this bus")
		return
	}
	q := p.Open(t)
	publish(t, q, "topic", text("before", ""))
	require.NoError(t, q.Close())
	p.Foreign(t, "topic")
	q = opening(t, p)
	publish(t, q, "topic", text("after", ""))
	out, _ := subscribe(t, q, "g", "topic")
	for _, want := range []string{"before", "after"} {
		m := next(t, out)
		require.Equal(t, want, m.UUID)
		m.Ack()
	}
	list, err := q.Parked(t.Context(), "topic", "g")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NotEmpty(t, list[0].Errors)
}

func testCancelWhileBlocked(t *testing.T, p QueuePlace) {
	q := opening(t, p)
	publish(t, q, "topic", text("1", ""), text("2", ""))
	s := q.Subscriber("g")
	ctx, cancel := context.WithCancel(t.Context())
	out, err := s.Subscribe(ctx, "topic")
	require.NoError(t, err)
	cancel() // nobody has read from out
	deadline := time.After(patience)
	for open := true; open; {
		select {
		case _, open = <-out:
		case <-deadline:
			t.Fatal("the subscription does not end")
		}
	}
	require.NoError(t, s.Close())
	held, stop := subscribe(t, q, "g", "topic")
	m := next(t, held)
	stop() // neither acknowledged nor refused
	<-m.Context().Done()
	again, _ := subscribe(t, q, "g", "topic")
	require.Equal(t, "1", next(t, again).UUID, "it comes again for the next one")
}

func testLargeMessage(t *testing.T, p QueuePlace) {
	q := opening(t, p)
	big := message.NewMessage("big", []byte(strings.Repeat("0123456789abcdef", 1<<16)))
	require.Len(t, big.Payload, 1<<20)
	publish(t, q, "topic", text("1", ""), big, text("2", ""))
	out, _ := subscribe(t, q, "g", "topic")
	for _, want := range []string{"1", "big", "2"} {
		m := next(t, out)
		require.Equal(t, want, m.UUID)
		if want == "big" {
			require.True(t, slices.Equal(big.Payload, m.Payload))
		}
		m.Ack()
	}
}

func testDurablePlace(t *testing.T, p QueuePlace) {
	q := p.Open(t)
	for i := range 10 {
		publish(t, q, "topic", text(fmt.Sprint(i), ""))
	}
	out, stop := subscribe(t, q, "g", "topic")
	for i := range 5 {
		m := next(t, out)
		require.Equal(t, fmt.Sprint(i), m.UUID)
		m.Ack()
	}
	held := next(t, out) // in hand at the end
	require.Equal(t, "5", held.UUID)
	stop()
	require.NoError(t, q.Close())

	q = opening(t, p)
	out, _ = subscribe(t, q, "g", "topic")
	for i := 5; i < 10; i++ {
		m := next(t, out)
		require.Equal(t, fmt.Sprint(i), m.UUID)
		m.Ack()
	}
	other, _ := subscribe(t, q, "other", "topic")
	require.Equal(t, "0", next(t, other).UUID)
}

func testCrash(t *testing.T, p QueuePlace) {
	if p.Kill == nil {
		t.Log("this bus can't be killed from here")
		return
	}
	const n = 60
	acked := map[string]bool{}
	published := 0
	for life := range 6 {
		q := p.Open(t)
		for range n / 6 {
			publish(t, q, "topic", text(fmt.Sprint(published), ""))
			published++
		}
		s := q.Subscriber("g")
		out, err := s.Subscribe(t.Context(), "topic")
		require.NoError(t, err)
		for range 1 + life {
			m := next(t, out)
			m.Ack()
			acked[m.UUID] = true
		}
		p.Kill()
		require.NoError(t, s.Close())
		_ = q.Close() // what it finds is a dead disk
	}
	q := opening(t, p)
	out, _ := subscribe(t, q, "g", "topic")
	for len(acked) < published {
		m := next(t, out)
		acked[m.UUID] = true
		m.Ack()
	}
}

func testParking(t *testing.T, p QueuePlace) {
	q := p.Open(t)
	publish(t, q, "topic", text("bad", "k"), text("good", "k"))
	out, stop := subscribe(t, q, "g", "topic")
	for i := range p.Tries {
		m := next(t, out)
		require.Equal(t, "bad", m.UUID)
		q.Fail(m, fmt.Errorf("failure %d", i+1))
	}
	m := next(t, out)
	require.Equal(t, "good", m.UUID, "what waited with the same key goes on when the first is parked")
	m.Ack()
	stop()
	require.NoError(t, q.Close())

	q = opening(t, p)
	list, err := q.Parked(t.Context(), "topic", "g")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "bad", list[0].UUID)
	require.Equal(t, "payload of bad", list[0].Payload)
	require.Equal(t, p.Tries, list[0].Tries)
	require.Contains(t, list[0].Errors, fmt.Sprintf("failure %d", p.Tries))
	require.NoError(t, q.Replay(t.Context(), "topic", "g", list[0]))
	list, err = q.Parked(t.Context(), "topic", "g")
	require.NoError(t, err)
	require.Empty(t, list)
	out, _ = subscribe(t, q, "g", "topic")
	m = next(t, out)
	require.Equal(t, "bad", m.UUID)
	m.Ack()
}

func testManyWaiting(t *testing.T, p QueuePlace) {
	const n, size = 20_000, 1000
	q := opening(t, p)
	pub := q.Publisher()
	before := heapBytes()
	for i := 0; i < n; i += 200 {
		var ms []*message.Message
		for k := range 200 {
			m := message.NewMessage(fmt.Sprint(i+k), []byte(strings.Repeat("x", size)))
			m.Metadata.Set("key", fmt.Sprint(k))
			ms = append(ms, m)
		}
		require.NoError(t, pub.Publish("topic", ms...))
	}
	require.NoError(t, pub.Close())
	out, _ := subscribe(t, q, "g", "topic")
	m := next(t, out)
	if grown := heapBytes() - before; !p.InMemory {
		require.Less(t, grown, int64(n*size/2), "bytes that %d waiting messages of %d bytes keep on the heap", n, size)
	}
	m.Ack()
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
