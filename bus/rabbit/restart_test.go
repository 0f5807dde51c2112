package rabbit_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// TestRestarts publishes from many goroutines while the broker is restarted, killed and has its connections dropped.
// Every publish succeeds in the end, every message arrives, and nothing arrives that was not published.
func TestRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("restarts of a broker take their time")
	}
	const publishers = 20
	b := rabbittest.StartFor(t, rabbittest.Options{})
	url := b.Node(0).URL("/")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	from := ourSubscribe(t, ctx, url, ours(16))
	pub := ourPublisher(t, url)

	var mu sync.Mutex
	published := map[string]bool{}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%d-%d", p, i)
				mu.Lock()
				published[id] = true
				mu.Unlock()
				if err := pub.Publish("work", message.NewMessage(id, []byte(id))); err != nil {
					t.Errorf("publish %s: %v", id, err)
					return
				}
			}
		})
	}
	received := map[string]int{}
	var readers sync.WaitGroup
	done := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case m, ok := <-from:
				if !ok {
					return
				}
				mu.Lock()
				if !published[m.UUID] || string(m.Payload) != m.UUID {
					t.Errorf("got %q with id %q, which nobody published", m.Payload, m.UUID)
				}
				received[m.UUID]++
				mu.Unlock()
				m.Ack()
			case <-done:
				return
			}
		}
	})
	arrived := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(received)
	}
	flowing := func() {
		t.Helper()
		before := arrived()
		require.Eventually(t, func() bool { return arrived() > before+100 }, patience, 20*time.Millisecond)
	}
	flowing()
	require.NoError(t, b.Node(0).Restart(ctx))
	flowing()
	require.NoError(t, b.Node(0).CloseConnections(ctx))
	flowing()
	require.NoError(t, b.Node(0).Kill())
	require.NoError(t, b.Node(0).Start(ctx))
	flowing()
	close(stop)
	wg.Wait()
	mu.Lock()
	total := len(published)
	mu.Unlock()
	require.Eventually(t, func() bool { return arrived() == total }, patience, 20*time.Millisecond)
	close(done)
	readers.Wait()
	twice := 0
	for _, n := range received {
		twice += n - 1
	}
	t.Logf("%d messages, %d arrivals more", total, twice)
}
