package rabbit

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"
)

// HeaderSender is who published a message first, as the broker vouched for it. It counts only in a message that the
// reader itself published: senders can write anything.
const HeaderSender = "x-jumpring-sender"

// Returns is how often the message was handed out before and given back, as a quorum queue counts it; 0 where the broker
// says nothing.
func (d *Delivery) Returns() int {
	n, _ := headerNumber(d.Headers["x-delivery-count"])
	return int(min(max(0, n), math.MaxInt32))
}

// Text gives a header as text; empty when it is not there.
func (d *Delivery) Text(name string) string { return headerText(d.Headers[name]) }

// headerNumber reads a whole number from whatever type a broker or a client wrote it as.
func headerNumber(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case int32:
		return int64(v), true
	case int16:
		return int64(v), true
	case int8:
		return int64(v), true
	case int:
		return int64(v), true
	case uint64:
		return int64(min(v, math.MaxInt64)), true
	case uint32:
		return int64(v), true
	case uint16:
		return int64(v), true
	case uint8:
		return int64(v), true
	case float64:
		return floatNumber(v)
	case float32:
		return floatNumber(float64(v))
	case amqp.Decimal:
		return floatNumber(float64(v.Value) / math.Pow10(int(v.Scale)))
	case string, []byte:
		n, err := strconv.ParseInt(strings.TrimSpace(headerText(v)), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func floatNumber(v float64) (int64, bool) {
	if math.IsNaN(v) || math.Abs(v) > 1<<53 {
		return 0, false
	}
	return int64(v), true
}

// User is the name that the connection logs in with; empty where a certificate says it.
func (c Config) User() string {
	for _, raw := range c.URLs {
		if u, err := url.Parse(raw); err == nil && u.User != nil {
			return u.User.Username()
		}
	}
	return ""
}

// Depth is how many messages wait in a queue.
func Depth(ctx context.Context, conn *Connection, queue string) (int, error) {
	var n int
	err := conn.with(ctx, func(ch *amqp.Channel) error {
		q, err := ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil {
			return fmt.Errorf("rabbit: look at %s: %w", queue, err)
		}
		n = q.Messages
		return nil
	})
	return n, err
}

// Declare waits for a session and declares things on it.
func Declare(ctx context.Context, conn *Connection, do func(*amqp.Channel) error) error {
	return conn.with(ctx, do)
}
