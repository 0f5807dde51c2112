package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/changes"
	"github.com/jumpring/jumpring/core/ingress"
	"github.com/jumpring/jumpring/core/router"
)

// Bus is RabbitMQ as the hub's way to devices and third parties.
type Bus struct {
	Rabbit rabbit.Config
	// ExchangeIn is where devices publish to, ExchangeChanges where the hub does.
	ExchangeIn, ExchangeChanges string
	// ChangesRole is whose eyes the changes are redacted for.
	ChangesRole access.Role
	// Devices are the senders by their user at the broker.
	Devices map[string]access.Principal
	// Anonymous is who a message without a user is from; nil means that such messages are parked.
	Anonymous *access.Principal
	// Prefetch bounds the deliveries in hand; 0 is the door's default.
	Prefetch int
}

func (b *Bus) check() error {
	if b == nil {
		return nil
	}
	if err := b.Rabbit.Validate(); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	if b.ExchangeIn == "" || b.ExchangeChanges == "" || b.ExchangeIn == b.ExchangeChanges {
		return errors.New("hub: the bus needs two exchanges")
	}
	if _, err := access.ParseRole(string(b.ChangesRole)); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	return nil
}

// link is the hub's hold on RabbitMQ: one connection to consume on, one to publish on.
type link struct {
	spec    *Bus
	log     hclog.Logger
	in, out *rabbit.Connection
	pub     *rabbit.Publisher
	devices *ingress.Devices
	changes *changes.Pump
	ready   <-chan struct{}
	leading *atomic.Bool // whether this node is the one that takes devices and publishes changes
}

// openLink begins to connect and returns at once: the hub is up with its broker unreachable.
func (h *Hub) openLink(events *ingress.Events, metrics prometheus.Registerer) (*link, error) {
	b := h.o.Bus
	l := &link{spec: b, log: h.log.Named("bus"), ready: h.ready, leading: &h.leading}
	named := func(what string) rabbit.Config {
		c := b.Rabbit
		c.Name = "jumpring " + h.journal.ID() + " " + what
		return c
	}
	var err error
	if l.in, err = rabbit.Connect(named("in"), l.log); err != nil {
		return nil, err
	}
	if l.out, err = rabbit.Connect(named("out"), l.log); err != nil {
		return nil, errors.Join(err, l.in.Close())
	}
	l.pub = rabbit.NewPublisher(l.out)
	l.devices, err = ingress.NewDevices(ingress.DevicesOptions{
		In: l.in, Back: l.pub, Exchange: b.ExchangeIn, Events: events, Journal: Doors{h}, Prefetch: b.Prefetch, Log: l.log,
		Senders: ingress.Senders{Users: b.Devices, Anonymous: b.Anonymous, Own: b.Rabbit.User()},
	}, metrics)
	if err == nil {
		l.changes, err = changes.New(changes.Options{
			Exchange: b.ExchangeChanges, JournalID: h.journal.ID(), Role: b.ChangesRole, View: h.store.View,
			Ready: h.ready, Conn: l.out, Pub: l.pub, Log: l.log,
		}, metrics)
	}
	if err == nil {
		err = l.register(metrics, h.router)
	}
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *link) register(metrics prometheus.Registerer, fold *router.Router) error {
	one := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	for side, conn := range map[string]*rabbit.Connection{"in": l.in, "out": l.out} {
		labels := prometheus.Labels{"side": side}
		for _, c := range []prometheus.Collector{
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jumpring_bus_connected", Help: "1 while there is a connection to the broker.", ConstLabels: labels},
				func() float64 { return one(conn.State().Host != "") }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jumpring_bus_blocked", Help: "1 while the broker takes no messages.", ConstLabels: labels},
				func() float64 { return one(conn.State().Blocked != "") }),
		} {
			if err := metrics.Register(c); err != nil {
				return fmt.Errorf("hub: metrics: %w", err)
			}
		}
	}
	err := metrics.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "jumpring_bus_changes_behind", Help: "Batches of the journal that are folded and not published yet.",
	}, func() float64 { return float64(l.behind(fold)) }))
	if err != nil {
		return fmt.Errorf("hub: metrics: %w", err)
	}
	return nil
}

// behind is how many batches the publisher has not looked through; 0 where another node publishes.
func (l *link) behind(fold *router.Router) uint64 {
	if !l.leading.Load() {
		return 0
	}
	folded, reached := fold.Mark().Position.Offset, l.changes.State().Reached.Offset
	return max(folded, reached) - reached
}

// run works both directions until ctx ends. Devices are taken when the view is ready, so that a fold that has a journal to
// catch up with is not given more. Of several nodes one does this at a time: each change is published by one of them, and
// the events of a device are journaled in the order in which it sent them.
func (l *link) run(ctx context.Context, fold *router.Router, j changes.Journal) error {
	g, ctx := errgroup.WithContext(ctx)
	commits := fold.Subscribe(ctx)
	g.Go(func() error { return l.changes.Run(ctx, j, commits) })
	g.Go(func() error {
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil
		}
		return l.devices.Run(ctx)
	})
	return g.Wait()
}

func (l *link) close() error {
	return errors.Join(l.pub.Close(), l.out.Close(), l.in.Close())
}

// status is what an operator sees of the bus.
func (l *link) status(fold *router.Router, journal string) api.BusStatus {
	in, out := l.in.State(), l.out.State()
	s := api.BusStatus{Kind: "rabbit", Journal: journal, State: "connected", Host: in.Host, Blocked: out.Blocked}
	for _, side := range []rabbit.State{in, out} {
		if side.Host != "" {
			continue
		}
		s.State = "connecting"
		if side.Err != nil {
			s.State, s.LastError = "disconnected", side.Err.Error()
		}
	}
	if s.State == "connected" && s.Blocked != "" {
		s.State = "blocked"
	}
	if !l.leading.Load() {
		s.Standby = true
		return s
	}
	d, c := l.devices.State(), l.changes.State()
	s.In = &api.BusIn{
		Exchange: l.spec.ExchangeIn, Queue: l.devices.Queue().Name, InHand: int64(d.InHand), ParkedAtBroker: int64(d.Parked),
		LastError: d.LastError, LastErrorAt: d.LastErrorAt,
	}
	s.Changes = &api.BusChanges{
		Exchange: l.spec.ExchangeChanges, Through: c.Through, Behind: int64(l.behind(fold)), LastError: c.LastError, LastErrorAt: c.LastErrorAt,
	}
	return s
}

// BusStatus tells how the bus stands.
func (d Doors) BusStatus() api.BusStatus {
	journal := "local"
	if d.local == nil {
		journal = "stream"
	}
	if d.link == nil {
		return api.BusStatus{Kind: "embedded", Journal: journal, State: "local"}
	}
	return d.link.status(d.router, journal)
}

// Park keeps an unreadable delivery of a device, so that a person can look at it. Invariants 1 and 6.
func (d Doors) Park(ctx context.Context, u ingress.Unreadable) error {
	return d.park(ctx, bus.ClassDevice, u.Head, canon.Malformed{Reason: u.Reason, Size: u.Size}, u.Body)
}

// park journals something that can't be read. Its body may hold personal data and goes into the personal section.
func (h *Hub) park(ctx context.Context, class bus.Class, head canon.Head, m canon.Malformed, body string) error {
	e, err := router.NewEntry(canon.EntryMalformed, head, m)
	if err != nil {
		return err
	}
	if e.Personal, err = json.Marshal(body); err != nil {
		return err
	}
	_, err = h.router.Append(ctx, class, e)
	return err
}
