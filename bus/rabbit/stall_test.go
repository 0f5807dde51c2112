package rabbit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// TestAMessageThatDiedWithItsQueuesLeaderIsSentAgain lets the process of a queue die with messages in its mailbox. The
// broker starts it anew and never answers for them; the connection lives on.
func TestAMessageThatDiedWithItsQueuesLeaderIsSentAgain(t *testing.T) {
	b, vhost := shared.Broker(t)
	cfg := config(b.Node(0).URL(vhost))
	cfg.ConfirmTimeout = 500 * time.Millisecond
	pub, conn := publisher(t, cfg)
	queue := rabbit.Queue{Name: rabbittest.Name(t, "mortal")}
	declare(t, conn, queue.Declare)
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: queue.Name}))
	process := fmt.Sprintf("whereis('%s_%s')", vhost, queue.Name)
	_, err := b.Node(0).Eval(limited(t), "sys:suspend("+process+").")
	require.NoError(t, err)
	var sent []*rabbit.Pending
	for range 20 {
		m, err := pub.Send(limited(t), rabbit.Message{Key: queue.Name})
		require.NoError(t, err)
		sent = append(sent, m)
	}
	require.Never(t, func() bool { // they are in the mailbox when it dies
		select {
		case <-sent[0].Done():
			return true
		default:
			return false
		}
	}, 200*time.Millisecond, 10*time.Millisecond)
	_, err = b.Node(0).Eval(limited(t), "exit("+process+", kill).")
	require.NoError(t, err)
	for _, m := range sent {
		require.NoError(t, m.Wait(limited(t)))
	}
	depth, err := rabbit.Depth(limited(t), conn, queue.Name)
	require.NoError(t, err)
	require.GreaterOrEqual(t, depth, 21)
}
