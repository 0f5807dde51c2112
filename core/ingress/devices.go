package ingress

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Unreadable is a delivery that can't be translated, as it is kept for a person to look at.
type Unreadable struct {
	Head   canon.Head
	Reason string
	Size   int    // bytes of the body as it came
	Body   string // bounded and without secrets
}

// DeliveryJournal takes what devices sent over the bus.
type DeliveryJournal interface {
	Journal
	// Park keeps an unreadable delivery and returns when that is durable.
	Park(ctx context.Context, u Unreadable) error
}

// DevicesOptions configure Devices. In, Back, Events, Journal and Exchange are needed.
type DevicesOptions struct {
	// In consumes, Back publishes what has to wait; never on one connection, see package rabbit.
	In   *rabbit.Connection
	Back *rabbit.Publisher
	// Exchange is where devices publish to; the queue behind it has the same name.
	Exchange string
	Events   *Events
	Journal  DeliveryJournal
	Senders  Senders
	// MaxBytes is the largest body; default 1 MiB.
	MaxBytes int
	// Prefetch bounds the deliveries in hand; default 256.
	Prefetch int
	// Hold is how long deliveries that the journal refuses stay in hand, in order, before they go on the ladder;
	// default 30 s. It is to stay well under the broker's consumer_timeout.
	Hold   time.Duration
	Ladder rabbit.Ladder
	Log    hclog.Logger
}

// Devices is the door of devices and third parties on the bus: CloudEvents published to an exchange, in structured,
// binary or batch mode. A delivery is acknowledged when what it says is durable (invariant 1): as facts, or as parked
// where it can't be read. So it is never lost and never loops. Deliveries of one user are journaled in the order of the
// queue; only what the journal refuses for longer than Hold comes back later, and may be overtaken.
type Devices struct {
	o       DevicesOptions
	queue   rabbit.Queue
	counter *prometheus.CounterVec
	work    sync.WaitGroup

	mu     sync.Mutex
	lanes  map[string]*lane // by user
	seen   journaled
	inHand int
	state  DevicesState
}

// DevicesState is how the door stands.
type DevicesState struct {
	InHand int // deliveries that are not acknowledged yet
	// Parked is how many messages the broker itself parked, as last looked at; -1 when that was not possible yet.
	Parked      int
	LastError   string
	LastErrorAt time.Time
}

// lane is what waits of one user, in order.
type lane struct{ waiting []*rabbit.Delivery }

// NewDevices gives the door; it registers its metrics.
func NewDevices(o DevicesOptions, metrics prometheus.Registerer) (*Devices, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	if o.Prefetch == 0 {
		o.Prefetch = 256
	}
	if o.Hold == 0 {
		o.Hold = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	d := &Devices{
		o: o, lanes: make(map[string]*lane), state: DevicesState{Parked: -1},
		queue: rabbit.Queue{Name: o.Exchange, Exchange: o.Exchange, ExchangeType: amqp.ExchangeTopic, BindingKey: "#"},
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jumpring_bus_deliveries_total", Help: "Deliveries of devices by verdict: journaled, parked, repeated, delayed, rejected.",
		}, []string{"verdict"}),
	}
	for _, c := range []prometheus.Collector{
		d.counter,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jumpring_bus_in_hand", Help: "Deliveries of devices that are not acknowledged yet."},
			func() float64 { return float64(d.State().InHand) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jumpring_bus_parked_messages", Help: "Messages that the broker parked; -1 while unknown."},
			func() float64 { return float64(d.State().Parked) }),
	} {
		if err := metrics.Register(c); err != nil {
			return nil, fmt.Errorf("ingress: metrics: %w", err)
		}
	}
	return d, nil
}

// Queue is the queue that the door consumes.
func (d *Devices) Queue() rabbit.Queue { return d.queue }

// State tells how the door stands.
func (d *Devices) State() DevicesState {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	s.InHand = d.inHand
	return s
}

// parkedEvery is how often the broker's parking queue is looked at.
const parkedEvery = 30 * time.Second

// Run takes deliveries until ctx ends, over any trouble of the broker.
func (d *Devices) Run(ctx context.Context) error {
	var watch sync.WaitGroup
	watch.Go(func() { d.watchParked(ctx) })
	err := rabbit.Consume(ctx, d.o.In, rabbit.Consumption{
		Queue: d.queue.Name, Prefetch: d.o.Prefetch, Release: d.work.Wait,
		Attach: func(ch *amqp.Channel) error {
			if err := d.o.Ladder.Declare(ch); err != nil {
				return err
			}
			return d.queue.Declare(ch)
		},
		Trouble: func(err error) { d.trouble("no deliveries from the broker", err) },
	}, d.take)
	d.work.Wait()
	watch.Wait()
	return err
}

// watchParked counts what the broker parked, so that it is not silent. Invariant 6.
func (d *Devices) watchParked(ctx context.Context) {
	wait := time.Second // the queue may be declared only now
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		look, cancel := context.WithTimeout(ctx, 10*time.Second)
		n, err := rabbit.Depth(look, d.o.In, d.queue.Parked())
		cancel()
		if err != nil {
			continue // the connection's own state says why
		}
		wait = parkedEvery
		d.mu.Lock()
		more := n > d.state.Parked && n > 0
		d.state.Parked = n
		d.mu.Unlock()
		if more {
			d.o.Log.Warn("the broker has parked messages of devices", "queue", d.queue.Parked(), "messages", n)
		}
	}
}

func (d *Devices) trouble(what string, err error) {
	d.mu.Lock()
	d.state.LastError, d.state.LastErrorAt = what+": "+err.Error(), time.Now()
	d.mu.Unlock()
	d.o.Log.Warn(what, "queue", d.queue.Name, "error", err)
}

// take puts a delivery into its user's lane.
func (d *Devices) take(ctx context.Context, m *rabbit.Delivery) error {
	user := d.o.Senders.user(m)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inHand++
	l := d.lanes[user]
	if l == nil {
		l = &lane{}
		d.lanes[user] = l
		d.work.Go(func() { d.runLane(ctx, user, l) })
	}
	l.waiting = append(l.waiting, m)
	return nil
}

// One round of a lane journals at most this much as one batch.
const (
	roundMessages = 64
	roundBytes    = 1 << 20
)

// runLane works a lane until it is empty or ctx ends. What is left then comes again.
func (d *Devices) runLane(ctx context.Context, user string, l *lane) {
	for {
		d.mu.Lock()
		n, size := 0, 0
		for n < len(l.waiting) && n < roundMessages && size < roundBytes && ctx.Err() == nil {
			size += len(l.waiting[n].Body)
			n++
		}
		if n == 0 {
			d.inHand -= len(l.waiting)
			delete(d.lanes, user)
			d.mu.Unlock()
			return
		}
		round := l.waiting[:n:n]
		l.waiting = l.waiting[n:]
		d.mu.Unlock()
		d.round(ctx, user, round)
		d.mu.Lock()
		d.inHand -= n
		d.mu.Unlock()
	}
}

// piece is a delivery and what it says.
type piece struct {
	m          *rabbit.Delivery
	facts      []Fact      // nil once they are journaled
	unreadable *Unreadable // nil once it is parked
	parked     bool
	print      [sha256.Size]byte
}

// round journals deliveries of one user.
func (d *Devices) round(ctx context.Context, user string, round []*rabbit.Delivery) {
	pieces := make([]*piece, 0, len(round))
	for _, m := range round {
		p, err := d.open(user, m)
		switch {
		case err != nil:
			d.giveUp(ctx, user, m, err)
		case p == nil:
			d.counter.WithLabelValues("repeated").Inc()
			d.ack(m)
		default:
			pieces = append(pieces, p)
		}
	}
	d.settle(ctx, user, pieces)
}

// open reads a delivery; nil for one that was journaled before. The error is the hub's own failure, a panic of a
// translation included: such a message must not come back for ever.
func (d *Devices) open(user string, m *rabbit.Delivery) (p *piece, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("the translation failed: %v", r)
		}
	}()
	attributes := attributesOf(m)
	p = &piece{m: m, print: fingerprint(user, m, attributes)}
	d.mu.Lock()
	repeated := d.seen.has(p.print)
	d.mu.Unlock()
	if repeated {
		return nil, nil
	}
	who, no := d.o.Senders.identify(m)
	head := canon.Head{Connection: who.Name, Actor: who.Name, Delivery: shortened(m.MessageId)}
	unreadable := func(why *problem.Problem) (*piece, error) {
		reason := kept([]byte(why.Error() + "; what to do: " + why.Do))
		if n := m.Returns(); n > 0 {
			reason += fmt.Sprintf(" (handed out %d times before)", n)
		}
		p.unreadable = &Unreadable{Head: head, Reason: reason[:min(len(reason), 2000)], Size: len(m.Body), Body: kept(m.Body)}
		return p, nil
	}
	switch {
	case no != nil:
		if head.Actor == "" {
			head.Actor = "unidentified"
		}
		return unreadable(no)
	case m.ContentEncoding != "" && m.ContentEncoding != "identity" && m.ContentEncoding != "utf-8" && m.ContentEncoding != "UTF-8":
		return unreadable(problem.New(problem.DeliveryEncoded, ""))
	case len(m.Body) > d.o.MaxBytes:
		return unreadable(problem.New(problem.BodyTooLarge, fmt.Sprintf("it has %d bytes, at most %d are taken", len(m.Body), d.o.MaxBytes)))
	}
	contentType := m.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	r, err := d.o.Events.read(who, contentType, func(name string) string { return attributes[name] }, m.Body)
	if err != nil {
		why := problem.Of(err)
		if why.Code == problem.HubFailed {
			return nil, err
		}
		return unreadable(why)
	}
	p.facts = r.facts
	if r.answer.Refused > 0 {
		return unreadable(refusals(r.answer))
	}
	return p, nil
}

// shortened bounds a text that a sender chose.
func shortened(s string) string { return s[:min(len(s), maxAttribute)] }
