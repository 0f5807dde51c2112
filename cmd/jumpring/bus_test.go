package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/changes"
	"github.com/jumpring/jumpring/core/hub"
)

// brokerPassword is that of every user of the tests' broker.
const brokerPassword = "hush-broker"

// exchangeHouse is a private broker with a hub's, a device's and a reader's user.
type exchangeHouse struct {
	t     *testing.T
	node  *rabbittest.Node
	vhost string
}

func newExchangeHouse(t *testing.T) *exchangeHouse {
	t.Helper()
	if testing.Short() {
		t.Skip("SHORT: NO WHOLE PROCESS IS TESTED; run make test")
	}
	b := rabbittest.StartFor(t, rabbittest.Options{})
	vhost, err := b.NewVhost(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.Node(0).AddUsers(t.Context(), vhost, brokerPassword, "hub", "till-1", "reader"))
	return &exchangeHouse{t: t, node: b.Node(0), vhost: vhost}
}

func (x *exchangeHouse) config(user string) rabbit.Config {
	return rabbit.Config{
		URLs: []string{x.node.UserURL(user, brokerPassword, x.vhost)}, PublishTimeout: time.Minute, Heartbeat: 5 * time.Second,
		Backoff: rabbit.Backoff{Min: 20 * time.Millisecond, Max: time.Second},
	}
}

func (x *exchangeHouse) connect(user string) *rabbit.Connection {
	x.t.Helper()
	conn, err := rabbit.Connect(x.config(user), nil)
	require.NoError(x.t, err)
	x.t.Cleanup(func() { require.NoError(x.t, conn.Close()) })
	return conn
}

// till publishes events as the user till-1.
func (x *exchangeHouse) till() func(id, body string) {
	pub := rabbit.NewPublisher(x.connect("till-1"))
	x.t.Cleanup(func() { require.NoError(x.t, pub.Close()) })
	return func(id, body string) {
		x.t.Helper()
		require.NoError(x.t, pub.Publish(x.t.Context(), rabbit.Message{Exchange: "jumpring.in", Key: "any", Publishing: amqp.Publishing{
			UserId: "till-1", MessageId: id, DeliveryMode: amqp.Persistent, ContentType: "application/cloudevents+json", Body: []byte(body),
		}}))
	}
}

func registered(sku string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"reg-%[1]s","source":"counter","type":"jumpring.item.registered.v1",
		"data":{"id":%[1]q,"title":"Ring %[1]s","sku":%[1]q,"serial":"SN-%[1]s","serialized":true,"cost":{"amount":"77.77","currency":"EUR"},
		"prices":[{"amount":"100.00","currency":"EUR"}],"location":"paris","quantity":1}}`, sku)
}

// audience is a reader of every change.
type audience struct {
	mu    sync.Mutex
	got   map[string]changes.Event // by id
	raw   map[string]string
	keys  map[string]string
	order []string
	twice []string
}

// listen binds a queue to the changes and reads it.
func (x *exchangeHouse) listen() *audience {
	x.t.Helper()
	a := &audience{got: map[string]changes.Event{}, raw: map[string]string{}, keys: map[string]string{}}
	conn := x.connect("reader")
	queue := rabbit.Queue{Name: "reader.all", Exchange: "jumpring.changes", ExchangeType: amqp.ExchangeTopic, BindingKey: "#"}
	require.NoError(x.t, rabbit.Declare(x.t.Context(), conn, queue.Declare))
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		err := rabbit.Consume(ctx, conn, rabbit.Consumption{Queue: queue.Name}, func(_ context.Context, d *rabbit.Delivery) error {
			var e changes.Event
			if err := json.Unmarshal(d.Body, &e); err != nil {
				return err
			}
			a.mu.Lock()
			if was, known := a.raw[e.ID]; known && !d.Redelivered {
				a.twice = append(a.twice, e.ID)
				if was != string(d.Body) {
					x.t.Errorf("%s came again as %s, was %s", e.ID, d.Body, was)
				}
			} else if !known {
				a.order = append(a.order, e.ID)
			}
			a.got[e.ID], a.raw[e.ID], a.keys[e.ID] = e, string(d.Body), d.RoutingKey
			a.mu.Unlock()
			return d.Ack()
		})
		if err != nil {
			x.t.Errorf("the reader ended: %v", err)
		}
	})
	x.t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
	return a
}

// about waits for a change whose data names something, and gives its routing key.
func (a *audience) about(t *testing.T, subject string) string {
	t.Helper()
	key := ""
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for id, e := range a.got {
			if e.Subject == subject && strings.HasPrefix(a.keys[id], "item.") {
				key = a.keys[id]
				return true
			}
		}
		return false
	}, time.Minute, 20*time.Millisecond, "a change of %s is published", subject)
	return key
}

func (a *audience) repeats() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.twice...)
}

func TestDevicesAndReadersOfChangesOverABroker(t *testing.T) {
	x := newExchangeHouse(t)
	o, _ := newOperator(t)
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	secret := filepath.Join(filepath.Dir(o.config), "rabbit.password")
	require.NoError(t, os.WriteFile(secret, []byte(brokerPassword+"\n"), 0o600))
	raw = append(raw, fmt.Sprintf(`bus:
  kind: rabbit
  urls: ["amqp://%s/%s"]
  user: hub
  password: "${file:./rabbit.password}"
  devices: {till-1: {role: till, location: paris}}
`, x.node.Address(), x.vhost)...)
	require.NoError(t, os.WriteFile(o.config, []byte(strings.Replace(string(raw), "level: error", "level: info", 1)), 0o600))

	// The hub is up with its broker down, and says so.
	require.NoError(t, x.node.Stop(t.Context()))
	stop := o.serve()
	status := func() api.BusStatus {
		t.Helper()
		var s api.BusStatus
		require.NoError(t, json.Unmarshal([]byte(o.ok("bus", "-o", "json")), &s))
		return s
	}
	require.Eventually(t, func() bool { return status().State == "disconnected" }, time.Minute, 20*time.Millisecond)
	asking := newConsole(nil, nil, nil)
	asking.configPath, asking.env = o.config, func(string) string { return "" }
	cfg, err := asking.configuration()
	require.NoError(t, err)
	ready := func() (out api.Ready, code int) {
		res, err := http.Get("http://" + cfg.Listen + "/readyz")
		require.NoError(t, err)
		defer func() { require.NoError(t, res.Body.Close()) }()
		require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
		return out, res.StatusCode
	}
	require.Eventually(t, func() bool { _, code := ready(); return code == http.StatusOK }, time.Minute, 20*time.Millisecond, "a broker that is away makes no hub unready")
	shown, _ := ready()
	require.Equal(t, "bus", shown.Degraded[0].What)
	require.NotContains(t, fmt.Sprint(shown), brokerPassword)

	require.NoError(t, x.node.Start(t.Context()))
	require.Eventually(t, func() bool { return status().State == "connected" }, time.Minute, 20*time.Millisecond)
	readers := x.listen()
	report := x.till()
	inDoor := rabbit.Queue{Name: "jumpring.in", Exchange: "jumpring.in", ExchangeType: amqp.ExchangeTopic, BindingKey: "#"}
	require.NoError(t, rabbit.Declare(t.Context(), x.connect("hub"), inDoor.Declare)) // the hub is about to
	found := func(sku string) string {
		t.Helper()
		var items []canon.Item
		require.Eventually(t, func() bool {
			e := o.run("item", "list", "--sku", sku, "-o", "json")
			return e.code == exitOK && json.Unmarshal([]byte(e.out), &items) == nil && len(items) == 1
		}, time.Minute, 50*time.Millisecond, "%s is a record", sku)
		return items[0].ID
	}

	report("m-1", registered("A-1"))
	report("m-2", `{"specversion":"1.0","id":"x","card":"4111111111111111"`)
	first := found("A-1")
	require.Regexp(t, `^item\.[a-z_]+\.(paris|-)$`, readers.about(t, first))
	require.Eventually(t, func() bool { return strings.Contains(o.ok("parked", "list"), "delivery.malformed") }, time.Minute, 50*time.Millisecond)
	parked := o.ok("parked", "list", "-o", "json")
	require.Contains(t, parked, "body.not_json")
	require.Contains(t, parked, "till-1")
	require.NotContains(t, parked, "4111111111111111")
	readers.mu.Lock()
	for id, e := range readers.got {
		require.Equal(t, "1.0", e.SpecVersion)
		require.NotEmpty(t, e.Source)
		require.True(t, strings.HasPrefix(id, e.Position+"."), id)
		require.NotContains(t, readers.raw[id], "7777", "the reading role sees no cost")
	}
	readers.mu.Unlock()

	// While the broker takes no messages, changes wait, and the hub says why.
	require.NoError(t, x.node.Block(t.Context()))
	token, err := os.ReadFile(filepath.Join(filepath.Dir(o.config), "data", adminTokenFile))
	require.NoError(t, err)
	door := newDoor("http://"+cfg.Listen, strings.TrimSpace(string(token)))
	a := door.must(t, http.MethodPost, "/v1/events", json.RawMessage(registered("B-1")))
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Eventually(t, func() bool { return status().State == "blocked" }, time.Minute, 20*time.Millisecond)
	require.NoError(t, x.node.Unblock(t.Context()))
	readers.about(t, found("B-1"))
	require.Positive(t, door.metric(t, "jumpring_bus_changes_total"))
	require.InDelta(t, 1, door.metric(t, `jumpring_bus_deliveries_total{verdict="parked"}`), 0)
	require.Eventually(t, func() bool { return status().State == "connected" && status().Changes.Behind == 0 }, time.Minute, 20*time.Millisecond)

	// A stop, a rebuild and a start publish nothing twice.
	served := stop()
	require.Equal(t, exitOK, served.code, served.err)
	require.NotContains(t, served.out+served.err, brokerPassword)
	stop = o.serve()
	report("m-3", registered("A-2"))
	readers.about(t, found("A-2"))
	require.Equal(t, exitOK, stop().code)
	o.ok("rebuild")
	stop = o.serve()
	report("m-4", registered("A-3"))
	readers.about(t, found("A-3"))
	require.Equal(t, exitOK, stop().code)
	require.Empty(t, readers.repeats(), "nothing is published twice by stops and a rebuild")
}

// TestAKilledHubPublishesEveryChange kills the hub while a device reports. Every change is published at least once, what
// comes twice comes under its own id with the same content, and every confirmed report is a record.
func TestAKilledHubPublishesEveryChange(t *testing.T) {
	x := newExchangeHouse(t)
	s := &sandbox{t: t, spec: hubSpec{
		Data: filepath.Join(t.TempDir(), "data"), AdminToken: adminToken,
		Settings: canon.Settings{
			MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{paris},
		},
		Bus: &hub.Bus{
			Rabbit: x.config("hub"), ExchangeIn: "jumpring.in", ExchangeChanges: "jumpring.changes", ChangesRole: access.RoleRead,
			Devices: map[string]access.Principal{"till-1": {Name: "till-1", Role: access.RoleTill, Location: paris}},
		},
	}}
	readers := x.listen()
	p := s.start()
	inDoor := rabbit.Queue{Name: "jumpring.in", Exchange: "jumpring.in", ExchangeType: amqp.ExchangeTopic, BindingKey: "#"}
	require.NoError(t, rabbit.Declare(t.Context(), x.connect("hub"), inDoor.Declare))
	report := x.till()
	const total = 240
	for i := range total {
		report(fmt.Sprint(i), registered(fmt.Sprintf("K-%03d", i)))
		if i%60 == 59 {
			require.Eventually(t, func() bool { readers.mu.Lock(); defer readers.mu.Unlock(); return len(readers.got) > i/2 }, time.Minute, 10*time.Millisecond)
			p.sigkill()
			p.wait()
			p = s.start()
		}
	}
	for i := range total {
		sku := fmt.Sprintf("K-%03d", i)
		require.Eventually(t, func() bool {
			a, err := s.door.send(http.MethodGet, "/v1/items?sku="+sku, nil)
			return err == nil && a.status == http.StatusOK && strings.Contains(string(a.body), sku)
		}, time.Minute, 20*time.Millisecond, "%s is a record", sku)
		readers.about(t, s.door.bySKU(t, sku).ID)
	}
	p.stop()
	t.Logf("%d changes, %d of them published again by %d kills", len(readers.got), len(readers.repeats()), total/60)
}
