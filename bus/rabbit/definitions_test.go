package rabbit_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
)

// TestDefinitionsForProduction loads configs/rabbit/definitions.json into a broker and tries what each user may do.
func TestDefinitionsForProduction(t *testing.T) {
	b, _ := shared.Broker(t)
	node := b.Node(0)
	ctx := limited(t)
	file, err := filepath.Abs("../../configs/rabbit/definitions.json")
	require.NoError(t, err)
	_, err = node.Ctl(ctx, "import_definitions", file)
	require.NoError(t, err)
	url := func(user string) string { return node.UserURL(user, "right", "jumpring") }
	for _, user := range []string{"jumpring-hub", "jumpring-reader", "till-1"} {
		_, err := amqp.Dial(node.UserURL(user, "", "jumpring"))
		require.Error(t, err, "%s comes without a password and must not get in", user)
		_, err = node.Ctl(ctx, "change_password", user, "right")
		require.NoError(t, err)
	}

	hub := connect(t, config(url("jumpring-hub")))
	session, err := hub.Session(ctx)
	require.NoError(t, err)
	ch, err := session.Channel()
	require.NoError(t, err)
	in := rabbit.Queue{Name: "jumpring.in", Exchange: "jumpring.in", ExchangeType: "topic", BindingKey: "#"}
	require.NoError(t, in.Declare(ch), "the hub declares what the file made")
	require.NoError(t, rabbit.DeclareExchange(ch, "jumpring.changes", "topic"))
	require.NoError(t, (rabbit.Ladder{}).Declare(ch))

	till, _ := publisher(t, config(url("till-1")))
	require.NoError(t, till.Publish(ctx, rabbit.Message{Exchange: "jumpring.in", Key: "sale", Publishing: amqp.Publishing{Body: []byte("{}")}}))
	for _, exchange := range []string{"jumpring.changes", "", "amq.topic"} {
		var refused *amqp.Error
		err := till.Publish(ctx, rabbit.Message{Exchange: exchange, Key: "jumpring.in", Publishing: amqp.Publishing{}})
		require.ErrorAs(t, err, &refused, "a till publishes to %q", exchange)
		require.Equal(t, amqp.AccessRefused, refused.Code)
	}
	refused := rawRefusal(t, url("till-1"), func(ch *amqp.Channel) error {
		_, err := ch.Consume("jumpring.in", "", false, false, false, false, nil)
		return err
	})
	require.Equal(t, amqp.AccessRefused, refused, "a till reads")
	refused = rawRefusal(t, url("till-1"), func(ch *amqp.Channel) error {
		_, err := ch.QueueDeclare("mine", true, false, false, false, nil)
		return err
	})
	require.Equal(t, amqp.AccessRefused, refused, "a till declares")
	refused = rawRefusal(t, url("jumpring-reader"), func(ch *amqp.Channel) error {
		if _, err := ch.QueueDeclare("reader.one", true, false, false, false, nil); err != nil {
			return err
		}
		if err := ch.QueueBind("reader.one", "item.#", "jumpring.changes", false, nil); err != nil {
			return err
		}
		return ch.QueueBind("reader.one", "#", "jumpring.in", false, nil)
	})
	require.Equal(t, amqp.AccessRefused, refused, "a reader of changes reads what devices send")

	got := make(chan string, 1)
	consume, stop := context.WithCancel(ctx)
	defer stop()
	require.NoError(t, rabbit.Consume(consume, hub, rabbit.Consumption{Queue: "jumpring.in"}, func(_ context.Context, d *rabbit.Delivery) error {
		got <- string(d.Body)
		stop()
		return d.Ack()
	}))
	require.Equal(t, "{}", <-got)
}

// rawRefusal gives the code with which the broker refuses something.
func rawRefusal(t *testing.T, url string, do func(*amqp.Channel) error) int {
	t.Helper()
	conn, err := amqp.Dial(url)
	require.NoError(t, err)
	defer func() {
		if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}()
	ch, err := conn.Channel()
	require.NoError(t, err)
	var refused *amqp.Error
	require.ErrorAs(t, do(ch), &refused)
	return refused.Code
}
