package rabbit_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// shared is the broker of all tests but those that stop it. What the tests of watermill-amqp's faults leave behind in
// that library is forgiven.
var shared = rabbittest.Shared{Leaks: []goleak.Option{
	goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill-amqp/v2/pkg/amqp.(*pooledChannelProvider).Channel"),
	// The suite never ends the collector of its own messages.
	goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill/pubsub/tests.TestReconnect.func2"),
	goleak.IgnoreAnyFunction("github.com/ThreeDotsLabs/watermill-amqp/v2/pkg/amqp.(*ConnectionWrapper).handleConnectionClose"),
}}

func TestMain(m *testing.M) { shared.Main(m) }

// patience is how long something may take that has to happen.
const patience = 60 * time.Second

// config is one for tests: quick to reconnect, slow to give up.
func config(urls ...string) rabbit.Config {
	return rabbit.Config{
		URLs: urls, PublishTimeout: patience, Heartbeat: 5 * time.Second, WriteTimeout: 10 * time.Second,
		Backoff: rabbit.Backoff{Min: 20 * time.Millisecond, Max: time.Second},
	}
}

func connect(t *testing.T, cfg rabbit.Config) *rabbit.Connection {
	t.Helper()
	conn, err := rabbit.Connect(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func publisher(t *testing.T, cfg rabbit.Config) (*rabbit.Publisher, *rabbit.Connection) {
	t.Helper()
	conn := connect(t, cfg)
	pub := rabbit.NewPublisher(conn)
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return pub, conn
}

func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}
