package stream

import (
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

// outstanding bounds the messages that wait for their confirm, on both sides; an appender waits longer, until its batch came
// back, so that there are more appenders.
const (
	outstanding = 64
	appenders   = 256
)

// bareRate publishes n messages with 64 unconfirmed ones at most, with the client library alone.
func bareRate(b *testing.B, url, name string, size, n int) float64 {
	b.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close()) }()
	ch, err := conn.Channel()
	require.NoError(b, err)
	require.NoError(b, ch.Confirm(false))
	body := []byte(strings.Repeat("x", size))
	pending := make(chan *amqp.DeferredConfirmation, outstanding)
	done := make(chan int)
	go func() {
		acked := 0
		for c := range pending {
			if c.Wait() {
				acked++
			}
		}
		done <- acked
	}()
	began := time.Now()
	for range n {
		c, err := ch.PublishWithDeferredConfirm("", name, true, false, amqp.Publishing{DeliveryMode: amqp.Persistent, Body: body})
		require.NoError(b, err)
		pending <- c
	}
	close(pending)
	require.Equal(b, n, <-done)
	return float64(n) / time.Since(began).Seconds()
}

// appendRate appends n batches from all appenders: each waits until its batch came back.
func appendRate(b *testing.B, j *Journal, size, n int) float64 {
	b.Helper()
	entries := []bus.Entry{{Type: "observation", Head: []byte(`{"actor":"bench"}`), Data: []byte(strings.Repeat("x", size))}}
	var work sync.WaitGroup
	began := time.Now()
	for range appenders {
		work.Go(func() {
			for range n / appenders {
				if _, err := j.Append(b.Context(), bus.ClassDevice, entries); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	return float64(n/appenders*appenders) / time.Since(began).Seconds()
}

// BenchmarkAppend compares appending with the client library alone, on one stream and in turns. The journal reads all back
// meanwhile, of both.
func BenchmarkAppend(b *testing.B) {
	const size, n, rounds = 1500, 6400, 3
	url := shared.Vhost(b)
	name := rabbittest.Name(b, "j")
	o := testOptions(name, url)
	o.Rabbit.Outstanding = outstanding
	j := opened(b, o)
	for b.Loop() {
		var bare, own float64
		for range rounds {
			bare += bareRate(b, url, name, size, n)
			own += appendRate(b, j, size, n)
		}
		b.ReportMetric(bare/rounds, "bare/s")
		b.ReportMetric(own/rounds, "appends/s")
		b.ReportMetric(own/bare, "ratio")
	}
}
