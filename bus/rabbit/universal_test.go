package rabbit_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// features are what Watermill's suite may ask of us: order is that of one subscriber that acknowledges as it reads.
var features = tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrderWithSingleSubscriber: true}

// pubSub makes the suite's constructor for a broker.
func pubSub(url string, prefetch int) func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	return func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		topics := rabbit.Topics{
			Group: group,
			// The suite nacks 300 times at random among 50 messages, and closes subscribers with messages in hand.
			Ladder:        rabbit.Ladder{Rungs: slices.Repeat([]time.Duration{50 * time.Millisecond}, 40)},
			DeliveryLimit: 1000,
			Prefetch:      prefetch,
		}
		pub, err := rabbit.NewTopicPublisher(config(url), topics, nil)
		require.NoError(t, err)
		sub, err := rabbit.NewTopicSubscriber(config(url), topics, nil)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, sub.Close()) }) // the suite's test of order forgets one
		return pub, sub
	}
}

func TestUniversalSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("Watermill's suite takes its time")
	}
	make := pubSub(shared.Vhost(t), 16)
	tests.TestPubSub(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return make(t, "main") }, make)
}

// TestUniversalSuiteInOrder asks for order too, which costs having one message in hand at a time.
func TestUniversalSuiteInOrder(t *testing.T) {
	ordered := features
	ordered.GuaranteedOrder = true
	ordered.ForceShort = true
	make := pubSub(shared.Vhost(t), 1)
	plain := func(t *testing.T) (message.Publisher, message.Subscriber) { return make(t, "main") }
	// The parts of the suite that only a bus with order can pass.
	tests.TestPublishSubscribeInOrder(t, tests.TestContext{TestID: tests.NewTestID(), Features: ordered}, plain)
	tests.TestNoAck(t, tests.TestContext{TestID: tests.NewTestID(), Features: ordered}, plain)
}

// TestUniversalReconnect runs the suite's 10,000 messages of 100 publishers through two restarts of the broker.
func TestUniversalReconnect(t *testing.T) {
	if testing.Short() {
		t.Skip("restarts of a broker take their time")
	}
	if raceDetector {
		t.Skip("the suite's own list of published messages is a data race: TestRestarts asks the same with the detector on")
	}
	b := rabbittest.StartFor(t, rabbittest.Options{})
	restarting := features
	restarting.RestartServiceCommand = restartCommand(t, b.Node(0))
	make := pubSub(b.Node(0).URL("/"), 16)
	tests.TestReconnect(t, tests.TestContext{TestID: tests.NewTestID(), Features: restarting},
		func(t *testing.T) (message.Publisher, message.Subscriber) {
			pub, sub := make(t, "main")
			return newReturned(10_000).wrap(pub, sub)
		})
}

// restartCommand is a command that has this process restart a node, and returns when it takes connections again: it
// leaves a file and waits until that is gone.
func restartCommand(t *testing.T, node *rabbittest.Node) []string {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			requests, err := filepath.Glob(filepath.Join(dir, "restart.*"))
			if err != nil || len(requests) == 0 {
				continue
			}
			if err := node.Restart(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			if err := os.Remove(requests[0]); err != nil {
				t.Error(err)
			}
		}
	}()
	return []string{"sh", "-c", `f=$(mktemp "$0/restart.XXXXXX") && while [ -e "$f" ]; do sleep 0.1; done`, dir}
}

// TestUniversalStress runs the suite many times at once: STRESS_TEST_COUNT, of Watermill, says how often.
func TestUniversalStress(t *testing.T) {
	if os.Getenv("STRESS_TEST_COUNT") == "" {
		t.Skip("only with STRESS_TEST_COUNT, as make test-chaos sets it")
	}
	make := pubSub(shared.Vhost(t), 16)
	tests.TestPubSubStressTest(t, features, func(t *testing.T) (message.Publisher, message.Subscriber) { return make(t, "main") }, make)
}
