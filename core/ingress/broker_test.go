package ingress

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// TestAKilledBrokerLosesNothingThatItConfirmed kills and restarts the broker while two devices publish. Each event that was
// confirmed to its device is journaled; without repeats they are what the devices sent, in each device's order.
func TestAKilledBrokerLosesNothingThatItConfirmed(t *testing.T) {
	if os.Getenv("JUMPRING_CLUSTER") == "" {
		t.Skip("NO BROKER IS KILLED UNDER DEVICES: it takes a quiet machine; run make test-cluster")
	}
	b := rabbittest.StartFor(t, rabbittest.Options{Config: []string{"max_message_size = 2097152"}}) // as configs/rabbit has it
	vhost, err := b.NewVhost(t.Context())
	require.NoError(t, err)
	s := open(t, b, vhost, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	var mu sync.Mutex
	confirmed := map[string][]string{}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(confirmed["till-1"]) + len(confirmed["till-2"])
	}
	stop := make(chan struct{})
	var devices sync.WaitGroup
	for _, till := range []string{"till-1", "till-2"} {
		pub := sender(t, s.url(till))
		devices.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("%s-%05d", till, i)
				msg := rabbit.Message{Exchange: "jumpring.in", Key: "sale", Publishing: amqp.Publishing{
					UserId: till, MessageId: id, DeliveryMode: amqp.Persistent, ContentType: MediaEvent, Body: sale(id, id),
				}}
				for { // as a device does: until it is confirmed
					err := pub.Publish(ctx, msg)
					if err == nil {
						break
					}
					if ctx.Err() != nil {
						t.Errorf("%s was never confirmed: %v", id, err)
						return
					}
				}
				mu.Lock()
				confirmed[till] = append(confirmed[till], id)
				mu.Unlock()
			}
		})
	}
	flowing := func() {
		t.Helper()
		before, journaled := count(), len(s.book.ids(""))
		require.Eventually(t, func() bool { return count() > before+100 && len(s.book.ids("")) > journaled+100 }, patience, 20*time.Millisecond)
	}
	flowing()
	// In order first: a new quorum queue of RabbitMQ 3.10.8 seems to be written down late; one that is killed within seconds of
	// its declaration comes back without a leader.
	require.NoError(t, b.Node(0).Restart(ctx))
	flowing()
	require.NoError(t, b.Node(0).Kill())
	require.Eventually(t, func() bool { return s.hub.State().Host == "" }, patience, 10*time.Millisecond)
	require.NoError(t, b.Node(0).Start(ctx))
	flowing()
	require.NoError(t, b.Node(0).CloseConnections(ctx))
	flowing()
	close(stop)
	devices.Wait()
	// A message that the broker held for the consumer that died is neither in hand nor counted as waiting until the broker
	// gives it out again: wait for the events themselves.
	missing := func() (out []string) {
		for _, till := range []string{"till-1", "till-2"} {
			there := map[string]bool{}
			for _, id := range s.book.ids(till) {
				there[id] = true
			}
			out = append(out, slices.DeleteFunc(slices.Clone(confirmed[till]), func(id string) bool { return there[id] })...)
		}
		return out
	}
	s.settled()
	if late := missing(); len(late) > 0 {
		t.Logf("%v were confirmed and are not journaled yet", late)
		queues, err := b.Node(0).Ctl(ctx, "list_queues", "-p", vhost, "name", "messages_ready", "messages_unacknowledged", "consumers")
		t.Logf("%s %v", queues, err)
	}
	for until := time.Now().Add(patience); len(missing()) > 0 && time.Now().Before(until); {
		s.settled()
	}
	require.Empty(t, missing(), "confirmed and lost")
	s.settled()
	for _, till := range []string{"till-1", "till-2"} {
		journaled := s.book.ids(till)
		once := unique(journaled)
		require.Equal(t, confirmed[till], once, "%s: what was confirmed is journaled, in order", till)
		t.Logf("%s: %d events confirmed, %d of them journaled more than once", till, len(once), len(journaled)-len(once))
	}
	require.Empty(t, s.book.unreadable())
}

// unique leaves out repeats.
func unique(ids []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		was := seen[id]
		seen[id] = true
		return was
	})
}
