package stream

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/core/canon"
)

// onChannel does something to a broker that no hub does.
func onChannel(t *testing.T, url string, do func(*amqp.Channel) error) {
	t.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	require.NoError(t, err)
	require.NoError(t, do(ch))
}

func publishRaw(ch *amqp.Channel, name string, body []byte) error {
	if err := ch.Confirm(false); err != nil {
		return err
	}
	confirm, err := ch.PublishWithDeferredConfirm("", name, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: body})
	if err == nil && !confirm.Wait() {
		err = fmt.Errorf("not confirmed")
	}
	return err
}

func appendN(t *testing.T, j *Journal, n int) {
	t.Helper()
	for i := range n {
		_, err := j.Append(t.Context(), bus.ClassDevice, entry(fmt.Sprint(i)))
		require.NoError(t, err)
	}
}

func TestAStreamThatIsNotTheKnownOneIsRefused(t *testing.T) {
	url := shared.Vhost(t)
	o := testOptions(rabbittest.Name(t, "j"), url)
	o.Patience = 3 * time.Second
	j := opened(t, o)
	appendN(t, j, 3)
	known := o
	known.Known = j.ID()

	onChannel(t, url, func(ch *amqp.Channel) error { _, err := ch.QueueDelete(o.Name, false, false, false); return err })
	var foreign *Foreign
	_, err := Open(t.Context(), known)
	require.ErrorAs(t, err, &foreign, "it is gone")
	require.Contains(t, err.Error(), "no stream of this name")
	require.Contains(t, err.Error(), "Bring the brokers back with the data", "the error says what to do")

	other := opened(t, o)
	require.NotEqual(t, j.ID(), other.ID())
	_, err = Open(t.Context(), known)
	require.ErrorAs(t, err, &foreign, "it was made anew")
	require.Contains(t, err.Error(), "made anew")

	// The journal that was open all the while does not go on over the other one either.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.ErrorIs(t, j.Wait(ctx, 1000), bus.ErrFailed)
	_, err = j.Append(ctx, bus.ClassCommand, entry("x"))
	require.ErrorIs(t, err, bus.ErrFailed)
	require.ErrorAs(t, err, &foreign)
}

func TestAStreamThatForgetsIsRefused(t *testing.T) {
	url := shared.Vhost(t)
	name := rabbittest.Name(t, "j")
	onChannel(t, url, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": "stream", "x-max-age": "7D"})
		return err
	})
	_, err := Open(t.Context(), testOptions(name, url))
	require.ErrorContains(t, err, "without x-max-age")
}

func TestAQueueThatIsNoJournalIsRefused(t *testing.T) {
	url := shared.Vhost(t)
	name := rabbittest.Name(t, "j")
	onChannel(t, url, func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare(name, true, false, false, false, amqp.Table{"x-queue-type": "stream"})
		if err == nil {
			err = publishRaw(ch, name, []byte("hello"))
		}
		return err
	})
	_, err := Open(t.Context(), testOptions(name, url))
	require.ErrorContains(t, err, "is no journal")
}

func TestSeveralNodesThatMakeTheStreamAgreeOnIt(t *testing.T) {
	url := shared.Vhost(t)
	o := testOptions(rabbittest.Name(t, "j"), url)
	journals := make([]*Journal, 4)
	var work sync.WaitGroup
	for i := range journals {
		work.Go(func() {
			var err error
			if journals[i], err = Open(t.Context(), o); err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		})
	}
	work.Wait()
	for _, j := range journals {
		if j != nil {
			t.Cleanup(func() { require.NoError(t, j.Close()) })
		}
	}
	require.False(t, t.Failed())
	for i, j := range journals {
		require.Equal(t, journals[0].ID(), j.ID())
		_, err := j.Append(t.Context(), bus.ClassCommand, entry(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	end := journals[3].End()
	var first []bus.Batch
	for i, j := range journals {
		require.NoError(t, j.Wait(t.Context(), end))
		got, err := j.ReadFrom(t.Context(), 1, 1<<20)
		require.NoError(t, err)
		if i == 0 {
			first = got
		}
		require.Equal(t, first[:min(end, uint64(len(first)))], got[:min(end, uint64(len(got)))], "every node computes the same chain and times")
	}
}

func TestWhatNoHubWroteIsHandedOnToBeParked(t *testing.T) {
	url := shared.Vhost(t)
	o := testOptions(rabbittest.Name(t, "j"), url)
	j := opened(t, o)
	appendN(t, j, 1)
	onChannel(t, url, func(ch *amqp.Channel) error { return publishRaw(ch, o.Name, []byte("spam")) })
	appendN(t, j, 1)
	got, err := j.ReadFrom(t.Context(), 1, 1<<20)
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.Equal(t, string(canon.EntryMalformed), got[1].Entries[0].Type)
	require.NotContains(t, string(got[1].Entries[0].Data), "spam")
	require.Equal(t, uint64(3), got[2].Offset)
}

func TestABatchThatArrivesTwiceKeepsItsID(t *testing.T) {
	url := shared.Vhost(t)
	o := testOptions(rabbittest.Name(t, "j"), url)
	j := opened(t, o)
	appendN(t, j, 2)
	j.mu.Lock()
	body := append([]byte(nil), j.cache.held[len(j.cache.held)-1].msg.body...)
	j.mu.Unlock()
	onChannel(t, url, func(ch *amqp.Channel) error { return publishRaw(ch, o.Name, body) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, j.Wait(ctx, 3))
	got, err := j.ReadFrom(ctx, 1, 1<<20)
	require.NoError(t, err)
	require.Equal(t, got[1].ID, got[2].ID)
	require.NotEqual(t, got[0].ID, got[1].ID)
	require.NotEqual(t, got[1].Hash, got[2].Hash)
}

func TestABlockedBrokerEndsAnAppendAtItsDeadline(t *testing.T) {
	b, vhost := shared.Broker(t)
	o := testOptions(rabbittest.Name(t, "j"), b.Node(0).URL(vhost))
	o.Rabbit.PublishTimeout = 2 * time.Second
	j := opened(t, o)
	appendN(t, j, 1)
	require.NoError(t, b.Node(0).Block(t.Context()))
	unblocked := false
	defer func() {
		if !unblocked {
			require.NoError(t, b.Node(0).Unblock(t.Context()))
		}
	}()
	var err error
	require.Eventually(t, func() bool { // the first one tells the broker that this connection publishes
		_, err = j.Append(t.Context(), bus.ClassWebhook, entry("x"))
		return err != nil
	}, patience, 10*time.Millisecond)
	var blocked *rabbit.Blocked
	var unconfirmed *rabbit.Unconfirmed
	require.True(t, asAny(err, &blocked, &unconfirmed), "%v", err)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = j.Append(short, bus.ClassWebhook, entry("y"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = j.ReadFrom(t.Context(), 1, 1<<20)
	require.NoError(t, err, "reads go on")
	require.NoError(t, b.Node(0).Unblock(t.Context()))
	unblocked = true
	require.Eventually(t, func() bool {
		_, err = j.Append(t.Context(), bus.ClassWebhook, entry("z"))
		return err == nil
	}, patience, 100*time.Millisecond, "%v", err)
}

func TestAnAcknowledgedBatchSurvivesTheLossOfEveryConnection(t *testing.T) {
	b, vhost := shared.Broker(t)
	o := testOptions(rabbittest.Name(t, "j"), b.Node(0).URL(vhost))
	o.Rabbit.PublishTimeout = patience
	j := opened(t, o)
	acked := make([][]uint64, 8)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var work sync.WaitGroup
	for w := range acked {
		work.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				r, err := j.Append(t.Context(), bus.ClassPoll, entry(fmt.Sprintf("%d/%d", w, i)))
				if err != nil {
					t.Errorf("append: %v", err)
					return
				}
				acked[w] = append(acked[w], r.Offset)
			}
		})
	}
	for range 3 {
		at := j.End()
		require.Eventually(t, func() bool { return j.End() > at+100 }, patience, 10*time.Millisecond)
		require.NoError(t, b.Node(0).CloseConnections(t.Context()))
	}
	cancel()
	work.Wait()
	texts := map[string]int{}
	ids := map[[16]byte]bool{}
	twice := 0
	at := map[uint64]string{}
	for next := uint64(1); next <= j.End(); {
		batches, err := j.ReadFrom(t.Context(), next, 1<<20)
		require.NoError(t, err)
		for _, x := range batches {
			at[x.Offset] = string(x.Entries[0].Data)
			if ids[x.ID] {
				twice++
			} else {
				ids[x.ID] = true
				texts[at[x.Offset]]++
			}
			next = x.Offset + 1
		}
	}
	n := 0
	for w, offsets := range acked {
		for i, offset := range offsets {
			require.Equal(t, fmt.Sprintf("%d/%d", w, i), at[offset])
			require.Equal(t, 1, texts[fmt.Sprintf("%d/%d", w, i)], "under one id")
			n++
		}
	}
	t.Logf("%d batches acknowledged through 3 losses of all connections, %d came twice", n, twice)
}
