package ingress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// shared is the tests' broker. The HTTP server's clock is a goroutine that never ends.
var shared = rabbittest.Shared{Leaks: []goleak.Option{goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1")}}

func TestMain(m *testing.M) { shared.Main(m) }

// patience is how long something may take that has to happen.
const patience = 60 * time.Second

// book is a DeliveryJournal in memory. refuse, if set, may refuse a report.
type book struct {
	mu     sync.Mutex
	facts  []Fact
	parked []Unreadable
	refuse func([]Fact) error
}

func (b *book) Report(_ context.Context, facts []Fact) ([]canon.Position, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		if err := b.refuse(facts); err != nil {
			return nil, err
		}
	}
	b.facts = append(b.facts, facts...)
	return make([]canon.Position, len(facts)), nil
}

func (b *book) Park(_ context.Context, u Unreadable) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		if err := b.refuse(nil); err != nil {
			return err
		}
	}
	b.parked = append(b.parked, u)
	return nil
}

func (b *book) set(refuse func([]Fact) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = refuse
}

// ids gives the ids of the events whose facts are journaled, in order; those of one actor, or of all for "".
func (b *book) ids(actor string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, f := range b.facts {
		if actor == "" || f.Head.Actor == actor {
			out = append(out, f.Head.Delivery)
		}
	}
	return out
}

func (b *book) unreadable() []Unreadable {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Unreadable(nil), b.parked...)
}

// shop is a door on a virtual host of its own.
type shop struct {
	t     *testing.T
	node  *rabbittest.Node
	vhost string
	book  *book
	door  *Devices
	hub   *rabbit.Connection
}

var staff = map[string]access.Principal{
	"till-1": {Name: "till-1", Role: access.RoleTill, Location: "paris"},
	"till-2": {Name: "till-2", Role: access.RoleTill},
}

const devicePassword = "right"

func quick(url string) rabbit.Config {
	return rabbit.Config{
		URLs: []string{url}, PublishTimeout: patience, Heartbeat: 5 * time.Second, Backoff: rabbit.Backoff{Min: 20 * time.Millisecond, Max: time.Second},
	}
}

func dial(t *testing.T, url string) *rabbit.Connection {
	t.Helper()
	conn, err := rabbit.Connect(quick(url), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func sender(t *testing.T, url string) *rabbit.Publisher {
	t.Helper()
	pub := rabbit.NewPublisher(dial(t, url))
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return pub
}

// open opens a door to which devices can publish.
func open(t *testing.T, b *rabbittest.Broker, vhost string, tune func(*DevicesOptions)) *shop {
	t.Helper()
	s := &shop{t: t, node: b.Node(0), vhost: vhost, book: &book{}}
	users := []string{"hub", "till-1", "till-2", "stranger"}
	require.NoError(t, s.node.AddUsers(t.Context(), vhost, devicePassword, users...))
	events, _ := newEvents(t)
	s.hub = dial(t, s.url("hub"))
	o := DevicesOptions{
		In: s.hub, Back: sender(t, s.url("hub")), Exchange: "jumpring.in", Events: events, Journal: s.book,
		Senders: Senders{Users: staff, Own: "hub"}, Ladder: rabbit.Ladder{Rungs: []time.Duration{50 * time.Millisecond, 100 * time.Millisecond}},
	}
	if tune != nil {
		tune(&o)
	}
	var err error
	s.door, err = NewDevices(o, prometheus.NewRegistry())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.door.Run(ctx); err != nil {
			t.Errorf("the door ended: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	require.NoError(t, rabbit.Declare(t.Context(), s.hub, s.door.Queue().Declare))
	return s
}

func (s *shop) url(user string) string { return s.node.UserURL(user, devicePassword, s.vhost) }

func (s *shop) depth(queue string) int {
	s.t.Helper()
	n, err := rabbit.Depth(s.t.Context(), s.hub, queue)
	require.NoError(s.t, err)
	return n
}

// settled waits until nothing has been in hand and nothing has waited for a second: between the broker and the door's
// hand a message is in neither.
func (s *shop) settled() {
	s.t.Helper()
	quiet := time.Now()
	require.Eventually(s.t, func() bool {
		if s.door.State().InHand != 0 || s.depth("jumpring.in") != 0 {
			quiet = time.Now()
		}
		return time.Since(quiet) > time.Second
	}, patience, 20*time.Millisecond)
}

func sale(id, receipt string, extra ...string) []byte {
	return []byte(fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"counter","type":%q,"data":{"receipt":%q,"sold_at":"2026-03-01T17:45:00+01:00",
		"currency":"EUR","total":{"amount":"10.00"},"lines":[{"serial":%q,"quantity":1,"price":{"amount":"10.00"}}]}%s}`,
		id, TypeSale, receipt, "SN-"+receipt, strings.Join(extra, "")))
}

func TestWhatDevicesPublishIsJournaledOrParkedAndNothingLoops(t *testing.T) {
	b, vhost := shared.Broker(t)
	s := open(t, b, vhost, func(o *DevicesOptions) { o.MaxBytes = 100_000 })
	till := sender(t, s.url("till-1"))
	publish := func(p *rabbit.Publisher, m amqp.Publishing) {
		t.Helper()
		m.DeliveryMode = amqp.Persistent
		require.NoError(t, p.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Key: "sale", Publishing: m}))
	}
	data := func(receipt string) []byte {
		var e struct{ Data json.RawMessage }
		require.NoError(t, json.Unmarshal(sale("x", receipt), &e))
		return e.Data
	}
	binary := func(prefix, id string) amqp.Table {
		return amqp.Table{
			prefix + "specversion": "1.0", prefix + "id": id, prefix + "source": "counter", prefix + "type": TypeSale,
			prefix + "time": time.Now(), prefix + "sourceversion": int32(7), "x-retries": int16(2), "x-list": []any{"a", int64(1)},
		}
	}
	mine := func(m amqp.Publishing) amqp.Publishing { m.UserId = "till-1"; return m }
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, Body: sale("structured", "R1")}))
	publish(till, mine(amqp.Publishing{Body: sale("plain", "R2")}))
	publish(till, mine(amqp.Publishing{ContentType: "application/json", Headers: binary("cloudEvents:", "amqp-50%25"), Body: data("R3")}))
	publish(till, mine(amqp.Publishing{ContentType: "application/json", Headers: binary("ce-", "http"), Body: data("R4")}))
	publish(till, mine(amqp.Publishing{ContentType: MediaBatch, Body: []byte("[" + string(sale("b1", "R5")) + `,{"specversion":"1.0"},` + string(sale("b2", "R6")) + "]")}))
	// Who it is from is the broker's word, not the body's.
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, Headers: amqp.Table{rabbit.HeaderSender: "till-2"}, Body: sale("spoof", "R7", `,"actor":"till-2"`)}))
	require.Eventually(t, func() bool { return len(s.book.ids("till-1")) >= 7 }, patience, 20*time.Millisecond)
	s.settled()
	require.Equal(t, []string{"structured", "plain", "amqp-50%25", "http", "b1", "b2", "spoof"}, s.book.ids("till-1"))
	require.Len(t, s.book.ids(""), 7)
	for _, f := range s.book.facts {
		require.Equal(t, "till-1:counter", f.Head.Connection)
		require.Equal(t, "paris", f.Observation.Order.Lines[0].Location, "the location is the device's own")
	}
	require.EqualValues(t, 7, s.book.facts[2].Observation.SourceVersion, "an attribute may be of any type")
	require.Len(t, s.book.unreadable(), 1)
	require.Contains(t, s.book.unreadable()[0].Reason, "1 of the batch's 3 events could not be read")

	// The same message again, as after a confirm that was lost, is not journaled again.
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, Body: sale("structured", "R1")}))
	s.settled()
	require.Len(t, s.book.ids(""), 7)

	s.book.parked = nil
	card := `{"specversion":"1.0","id":"c","card":"4111 1111 1111 1111","password":"hush","auth":"Bearer abcdefgh12345"`
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, MessageId: "m-1", Body: []byte(card)}))
	publish(till, mine(amqp.Publishing{ContentType: "text/plain", Body: []byte("hello")}))
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, ContentEncoding: "gzip", Body: []byte{0x1f, 0x8b}}))
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, Body: sale("big", strings.Repeat("x", 200_000))}))
	publish(till, mine(amqp.Publishing{ContentType: MediaEvent, Body: []byte(strings.Replace(string(sale("far", "R9")), `"currency"`, `"location":"lyon","currency"`, 1))}))
	publish(till, amqp.Publishing{ContentType: MediaEvent, Body: sale("nobody", "R10")})
	publish(sender(t, s.url("stranger")), amqp.Publishing{UserId: "stranger", ContentType: MediaEvent, Body: sale("stranger", "R11")})
	publish(till, mine(amqp.Publishing{}))
	s.settled()
	require.Len(t, s.book.ids(""), 7, "none of these is a fact")
	codes := map[string]Unreadable{}
	for _, u := range s.book.unreadable() {
		code, _, _ := strings.Cut(u.Reason, ":")
		codes[code+"/"+u.Head.Actor] = u
		require.LessOrEqual(t, len(u.Body), maxKept)
		for _, secret := range []string{"4111", "hush", "abcdefgh"} {
			require.NotContains(t, u.Body+u.Reason, secret)
		}
	}
	for _, want := range []string{
		"body.not_json/till-1", "body.media_type/till-1", "delivery.encoded/till-1", "body.too_large/till-1", "location.forbidden/till-1",
		"sender.missing/unidentified", "sender.unknown/stranger",
	} {
		require.Contains(t, codes, want)
	}
	require.Len(t, s.book.unreadable(), 8)
	require.Equal(t, "m-1", s.book.unreadable()[0].Head.Delivery)
	require.Zero(t, s.depth("jumpring.in.parked"), "what can't be read is parked by the hub, where a person sees it")

	// The broker itself refuses a message under another's name.
	err := till.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Publishing: amqp.Publishing{UserId: "till-2", Body: sale("forged", "R12")}})
	var refused *amqp.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, amqp.PreconditionFailed, refused.Code)
}

func TestARefusingJournalHoldsDeliveriesInTheOrderOfTheirDevice(t *testing.T) {
	b, vhost := shared.Broker(t)
	s := open(t, b, vhost, nil)
	one, two := sender(t, s.url("till-1")), sender(t, s.url("till-2"))
	tries := 0
	s.book.set(func(facts []Fact) error {
		if len(facts) > 0 && facts[0].Head.Actor == "till-1" {
			tries++
			return &bus.Refused{Class: bus.ClassDevice, Reason: "full", RetryAfter: 5 * time.Millisecond}
		}
		return nil
	})
	var want []string
	for i := range 150 {
		id := fmt.Sprintf("e%03d", i)
		want = append(want, id)
		require.NoError(t, one.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Publishing: amqp.Publishing{UserId: "till-1", Body: sale(id, id)}}))
	}
	require.NoError(t, two.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Publishing: amqp.Publishing{UserId: "till-2", Body: sale("other", "R")}}))
	require.Eventually(t, func() bool { return len(s.book.ids("till-2")) == 1 }, patience, 10*time.Millisecond, "one device's trouble is not another's")
	require.Eventually(t, func() bool { s.book.mu.Lock(); defer s.book.mu.Unlock(); return tries > 2 }, patience, 10*time.Millisecond)
	require.Empty(t, s.book.ids("till-1"))
	require.NotEmpty(t, s.door.State().LastError)
	s.book.set(nil)
	s.settled()
	require.Equal(t, want, s.book.ids("till-1"))
}

func TestWhatTheJournalRefusesForLongWaitsOnTheLadderAndKeepsItsSender(t *testing.T) {
	b, vhost := shared.Broker(t)
	s := open(t, b, vhost, func(o *DevicesOptions) { o.Hold = 10 * time.Millisecond })
	s.book.set(func([]Fact) error {
		return &bus.Refused{Class: bus.ClassDevice, Reason: "disk full", RetryAfter: 5 * time.Millisecond}
	})
	till := sender(t, s.url("till-1"))
	for i := range 20 {
		id := fmt.Sprintf("e%d", i)
		require.NoError(t, till.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Publishing: amqp.Publishing{
			UserId: "till-1", MessageId: id, ContentType: MediaEvent, Headers: amqp.Table{"x-jumpring-attempt": "1"}, Body: sale(id, id),
		}}))
	}
	require.NoError(t, till.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Publishing: amqp.Publishing{UserId: "till-1", Body: []byte("not json")}}))
	delayed := func() float64 { return counted(t, s.door, "delayed") }
	require.Eventually(t, func() bool { return delayed() > 100 }, patience, 10*time.Millisecond, "each goes round more often than there are rungs")
	s.book.set(nil)
	require.Eventually(t, func() bool { return len(s.book.ids("till-1")) == 20 && len(s.book.unreadable()) == 1 }, patience, 10*time.Millisecond)
	s.settled()
	require.Zero(t, s.depth("jumpring.in.parked"), "the hub's own trouble parks nothing")
	require.Equal(t, "till-1", s.book.unreadable()[0].Head.Actor)

	// Nobody gets on the ladder under another's name: what does not come from the hub counts for its own user.
	require.NoError(t, till.Publish(t.Context(), rabbit.Message{Key: "jumpring.in", Publishing: amqp.Publishing{
		UserId: "till-1", Headers: amqp.Table{rabbit.HeaderSender: "till-2"}, Body: sale("direct", "R"),
	}}))
	s.settled()
	require.Contains(t, s.book.ids("till-1"), "direct")
	require.Empty(t, s.book.ids("till-2"))
}

func TestADeliveryThatTheHubFailsOnEndsInTheBrokersParkingQueue(t *testing.T) {
	b, vhost := shared.Broker(t)
	s := open(t, b, vhost, nil)
	s.book.set(func(facts []Fact) error {
		for _, f := range facts {
			if f.Head.Delivery == "poison" {
				return errors.New("no such thing was thought of")
			}
		}
		return nil
	})
	till := sender(t, s.url("till-1"))
	for _, id := range []string{"a", "poison", "b"} {
		require.NoError(t, till.Publish(t.Context(), rabbit.Message{Exchange: "jumpring.in", Key: "k", Publishing: amqp.Publishing{UserId: "till-1", Body: sale(id, id)}}))
	}
	require.Eventually(t, func() bool { return s.depth("jumpring.in.parked") == 1 }, patience, 20*time.Millisecond)
	s.settled()
	require.Equal(t, []string{"a", "b"}, s.book.ids("till-1"))
	require.InDelta(t, 3, counted(t, s.door, "delayed"), 0, "two rungs, and the way to the parking queue")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.NoError(t, rabbit.Consume(ctx, s.hub, rabbit.Consumption{Queue: "jumpring.in.parked"}, func(_ context.Context, d *rabbit.Delivery) error {
		require.JSONEq(t, string(sale("poison", "poison")), string(d.Body), "it is whole")
		require.Equal(t, "till-1", d.Text(rabbit.HeaderSender))
		require.Equal(t, "hub.failed", d.Text(rabbit.HeaderReason))
		require.Equal(t, "jumpring.in", d.Text(rabbit.HeaderExchange))
		cancel()
		return d.Ack()
	}))
}

func counted(t *testing.T, d *Devices, verdict string) float64 {
	t.Helper()
	return testutil.ToFloat64(d.counter.WithLabelValues(verdict))
}
