package queue_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/bus/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestWatermillsUniversalSuite runs what every Pub/Sub of Watermill passes, on one folder that all of its tests share.
func TestWatermillsUniversalSuite(t *testing.T) {
	for name, unordered := range map[string]bool{"in order": false, "without an order": true} {
		t.Run(name, func(t *testing.T) {
			q, err := queue.Open(queue.Options{
				Dir: t.TempDir(), Unordered: unordered, Retry: queue.Retry{First: time.Millisecond, Most: 10 * time.Millisecond, Tries: 1000},
			})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, q.Close()) })
			of := func(group string) (message.Publisher, message.Subscriber) {
				return q.Publisher(), q.Subscriber(queue.Group{Name: group})
			}
			tests.TestPubSub(t, tests.Features{
				ConsumerGroups: true, Persistent: true, GuaranteedOrder: !unordered, ForceShort: testing.Short() || raced,
			}, func(*testing.T) (message.Publisher, message.Subscriber) { return of("default") },
				func(_ *testing.T, group string) (message.Publisher, message.Subscriber) { return of(group) })
		})
	}
}
