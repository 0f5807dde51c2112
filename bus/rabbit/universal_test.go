package rabbit_test

import (
	"os"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
)

// features are what Watermill's suite may ask of us: order is that of one subscriber that acknowledges as it reads.
var features = tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrderWithSingleSubscriber: true}

// pubSub makes the suite's constructor for a broker.
func pubSub(url string) func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	return func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		topics := rabbit.Topics{
			Group:  group,
			Ladder: rabbit.Ladder{Rungs: []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond}},
			// The suite closes subscribers again and again with messages in hand.
			DeliveryLimit: 1000,
		}
		pub, err := rabbit.NewTopicPublisher(config(url), topics, nil)
		require.NoError(t, err)
		sub, err := rabbit.NewTopicSubscriber(config(url), topics, nil)
		require.NoError(t, err)
		return pub, sub
	}
}

func TestUniversalSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("Watermill's suite takes its time")
	}
	make := pubSub(shared.Vhost(t))
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return make(t, "main") }, make)
}

// TestUniversalStress runs the suite many times at once: STRESS_TEST_COUNT, of Watermill, says how often.
func TestUniversalStress(t *testing.T) {
	if os.Getenv("STRESS_TEST_COUNT") == "" {
		t.Skip("only with STRESS_TEST_COUNT, as make test-chaos sets it")
	}
	make := pubSub(shared.Vhost(t))
	tests.TestPubSubStressTest(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return make(t, "main") }, make)
}
