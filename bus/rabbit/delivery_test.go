package rabbit

import (
	"math"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
)

func TestADeliveryCountIsReadFromAnyType(t *testing.T) {
	for _, c := range []struct {
		value any
		want  int
	}{
		{nil, 0},
		{int64(3), 3},
		{int32(3), 3},
		{int16(3), 3},
		{int8(3), 3},
		{3, 3},
		{uint8(3), 3},
		{uint16(3), 3},
		{uint32(3), 3},
		{uint64(3), 3},
		{float32(3), 3},
		{float64(3), 3},
		{"3", 3},
		{[]byte(" 3 "), 3},
		{amqp.Decimal{Scale: 1, Value: 30}, 3},
		{int64(-1), 0},
		{"three", 0},
		{true, 0},
		{amqp.Table{"n": int64(3)}, 0},
		{math.NaN(), 0},
		{math.Inf(1), 0},
		{int64(math.MaxInt64), math.MaxInt32},
		{uint64(math.MaxUint64), math.MaxInt32},
	} {
		d := Delivery{Delivery: amqp.Delivery{Headers: amqp.Table{"x-delivery-count": c.value}}}
		require.Equal(t, c.want, d.Returns(), "%T %v", c.value, c.value)
	}
}

func TestAnEndlessLadderNeverParks(t *testing.T) {
	l, q := Ladder{Endless: true}, Queue{Name: "in"}
	d := &Delivery{}
	var ways []string
	for range 7 {
		msg := l.Later(d, q, "busy")
		ways = append(ways, msg.Exchange)
		require.Equal(t, "in", msg.Key)
		d = &Delivery{Delivery: amqp.Delivery{Headers: msg.Publishing.Headers}}
	}
	last := "jumpring.retry.600000ms"
	require.Equal(t, []string{"jumpring.retry.1000ms", "jumpring.retry.10000ms", "jumpring.retry.60000ms", last, last, last, last}, ways)
	require.Equal(t, q.Parked(), Ladder{}.Later(d, q, "poison").Key)
}

func TestTheUserOfAConfiguration(t *testing.T) {
	require.Equal(t, "hub", Config{URLs: []string{"amqps://broker1/", "amqps://hub:hush@broker2/"}}.User())
	require.Empty(t, Config{URLs: []string{"amqps://broker1/", "::"}}.User())
}
