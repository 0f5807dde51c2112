package rabbit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
)

func declare(t *testing.T, conn *rabbit.Connection, do func(*amqp.Channel) error) {
	t.Helper()
	session, err := conn.Session(limited(t))
	require.NoError(t, err)
	ch, err := session.Channel()
	require.NoError(t, err)
	require.NoError(t, do(ch))
	require.NoError(t, ch.Close())
}

// TestEachCallerLearnsTheFateOfItsOwnMessage mixes messages that are taken, unroutable, refused by a full queue and not
// allowed, from many goroutines over one publisher.
func TestEachCallerLearnsTheFateOfItsOwnMessage(t *testing.T) {
	url := shared.Vhost(t)
	pub, conn := publisher(t, config(url))
	good, full := rabbit.Queue{Name: rabbittest.Name(t, "good")}, rabbit.Queue{Name: rabbittest.Name(t, "full"), MaxLength: 1}
	declare(t, conn, good.Declare)
	declare(t, conn, full.Declare)
	require.Eventually(t, func() bool { // a quorum queue notices that it is full a little late
		return errors.Is(pub.Publish(limited(t), rabbit.Message{Key: full.Name}), rabbit.ErrNotTaken)
	}, patience, 10*time.Millisecond)

	cases := []struct {
		name, exchange, key string
		right               func(error) bool
	}{
		{"taken", "", good.Name, func(err error) bool { return err == nil }},
		{"unroutable", "", "nowhere", func(err error) bool { return errors.Is(err, rabbit.ErrUnroutable) }},
		{"full", "", full.Name, func(err error) bool { return errors.Is(err, rabbit.ErrNotTaken) }},
		{"no exchange", "missing", "x", func(err error) bool {
			var e *amqp.Error
			return errors.As(err, &e) && e.Code == amqp.NotFound
		}},
	}
	var wg sync.WaitGroup
	for i := range 40 {
		c := cases[i%3]
		if i%13 == 0 {
			c = cases[3]
		}
		wg.Go(func() {
			err := pub.Publish(limited(t), rabbit.Message{Exchange: c.exchange, Key: c.key, Publishing: amqp.Publishing{Body: []byte(fmt.Sprint(i))}})
			if !c.right(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		})
	}
	wg.Wait()
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: good.Name}), "the publisher goes on")
}

func TestMessagesOfOneCallerArriveInOrder(t *testing.T) {
	url := shared.Vhost(t)
	pub, conn := publisher(t, config(url))
	q := rabbit.Queue{Name: rabbittest.Name(t, "q")}
	declare(t, conn, q.Declare)
	const n = 500
	var sent []*rabbit.Pending
	for i := range n {
		p, err := pub.Send(limited(t), rabbit.Message{Key: q.Name, Publishing: amqp.Publishing{Body: []byte(fmt.Sprint(i))}})
		require.NoError(t, err)
		sent = append(sent, p)
	}
	for _, p := range sent {
		require.NoError(t, p.Wait(limited(t)))
	}
	ctx, stop := context.WithCancel(limited(t))
	defer stop()
	next := 0
	require.NoError(t, rabbit.Consume(ctx, connect(t, config(url)), rabbit.Consumption{Queue: q.Name}, func(_ context.Context, d *rabbit.Delivery) error {
		if want := fmt.Sprint(next); string(d.Body) != want {
			return fmt.Errorf("got %s, not %s", d.Body, want)
		}
		next++
		if next == n {
			defer stop()
		}
		if next%10 == 0 {
			return d.AckThrough()
		}
		return nil
	}))
	require.Equal(t, n, next)
}

func TestPoisonMessagesAreParkedByTheBroker(t *testing.T) {
	url := shared.Vhost(t)
	pub, conn := publisher(t, config(url))
	q := rabbit.Queue{Name: rabbittest.Name(t, "q"), DeliveryLimit: 3}
	declare(t, conn, q.Declare)
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: q.Name, Publishing: amqp.Publishing{Body: []byte("poison")}}))
	ctx, stop := context.WithCancel(limited(t))
	var seen int
	ended := make(chan error, 1)
	go func() {
		ended <- rabbit.Consume(ctx, conn, rabbit.Consumption{Queue: q.Name}, func(_ context.Context, d *rabbit.Delivery) error {
			seen++
			return d.Requeue()
		})
	}()
	require.Eventually(t, func() bool { return depth(t, url, q.Parked()) == 1 }, patience, 20*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
	require.Equal(t, 4, seen)
}

func TestClosingAPublisherFailsWhatWaits(t *testing.T) {
	// Nobody listens there: the message can never be confirmed.
	conn := connect(t, config("amqp://user:secret@127.0.0.1:1/"))
	pub := rabbit.NewPublisher(conn)
	sent, err := pub.Send(limited(t), rabbit.Message{Key: "q"})
	require.NoError(t, err)
	require.NoError(t, pub.Close())
	require.NoError(t, pub.Close())
	require.ErrorIs(t, sent.Wait(limited(t)), rabbit.ErrClosed)
	_, err = pub.Send(limited(t), rabbit.Message{Key: "q"})
	require.ErrorIs(t, err, rabbit.ErrClosed)
	_, err = conn.Session(func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), short)
		t.Cleanup(cancel)
		return ctx
	}())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotContains(t, err.Error(), "secret", "Invariant 7")
	require.Contains(t, err.Error(), "127.0.0.1:1")
}

func TestAnUnconfirmedMessageNamesWhatStandsInTheWay(t *testing.T) {
	cfg := config("amqp://user:secret@127.0.0.1:1/")
	cfg.PublishTimeout = short
	pub, _ := publisher(t, cfg)
	var late *rabbit.Unconfirmed
	err := pub.Publish(t.Context(), rabbit.Message{Key: "q"})
	require.ErrorAs(t, err, &late)
	require.Contains(t, err.Error(), "no connection")
	require.NotContains(t, err.Error(), "secret")
}

func TestTheNextURLIsTriedWhenOneIsDown(t *testing.T) {
	url := shared.Vhost(t)
	for range 4 { // the first one is chosen at random
		conn := connect(t, config("amqp://127.0.0.1:1/", url, "amqp://127.0.0.1:2/"))
		_, err := conn.Session(limited(t))
		require.NoError(t, err)
		require.NotEmpty(t, conn.State().Host)
	}
}

func TestAFrozenBrokerIsGivenUp(t *testing.T) {
	if testing.Short() {
		t.Skip("a broker of its own takes its time")
	}
	b := rabbittest.StartFor(t, rabbittest.Options{})
	cfg := config(b.Node(0).URL("/"))
	cfg.Heartbeat = time.Second
	pub, conn := publisher(t, cfg)
	q := rabbit.Queue{Name: "q"}
	declare(t, conn, q.Declare)
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: q.Name}))
	session, err := conn.Session(limited(t))
	require.NoError(t, err)
	require.NoError(t, b.Node(0).Freeze())
	ctx, cancel := context.WithTimeout(t.Context(), short)
	defer cancel()
	require.ErrorIs(t, pub.Publish(ctx, rabbit.Message{Key: q.Name}), context.DeadlineExceeded)
	select {
	case <-session.Done():
	case <-time.After(patience):
		t.Fatal("the silent broker is not given up")
	}
	require.NoError(t, b.Node(0).Thaw())
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: q.Name}))
}

func TestWhatCannotBeEncodedIsRefusedAlone(t *testing.T) {
	url := shared.Vhost(t)
	pub, conn := publisher(t, config(url))
	q := rabbit.Queue{Name: rabbittest.Name(t, "q")}
	declare(t, conn, q.Declare)
	long := string(make([]byte, 256))
	for name, m := range map[string]rabbit.Message{
		"key":          {Key: long},
		"message id":   {Key: q.Name, Publishing: amqp.Publishing{MessageId: long}},
		"header name":  {Key: q.Name, Publishing: amqp.Publishing{Headers: amqp.Table{long: "x"}}},
		"header value": {Key: q.Name, Publishing: amqp.Publishing{Headers: amqp.Table{"x": struct{}{}}}},
	} {
		require.Error(t, pub.Publish(limited(t), m), name)
	}
	body := make([]byte, 1<<20)
	require.NoError(t, pub.Publish(limited(t), rabbit.Message{Key: q.Name, Publishing: amqp.Publishing{Body: body}}))
}

func TestConfigNamesWhatIsWrongWithoutSecrets(t *testing.T) {
	require.NoError(t, rabbit.Config{URLs: []string{"amqps://u:p@h/v"}}.Validate())
	err := rabbit.Config{
		URLs:      []string{"http://u:secret@h", "amqp://u:secret@", "::secret"},
		Heartbeat: time.Millisecond, TLS: rabbit.TLS{Cert: "c.pem"}, Outstanding: -1,
		Backoff: rabbit.Backoff{Min: -1},
	}.Validate()
	require.Error(t, err)
	for _, want := range []string{"urls[0]", "urls[1]", "urls[2]", "heartbeat", "tls.cert", "outstanding", "backoff.min"} {
		require.Contains(t, err.Error(), want)
	}
	require.NotContains(t, err.Error(), "secret")
	require.Error(t, rabbit.Config{}.Validate())
}
