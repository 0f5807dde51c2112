package changes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// Journal takes the publish cursor.
type Journal interface {
	Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error)
}

// Options configure a Pump. All but Log are needed.
type Options struct {
	Exchange string
	// JournalID names the journal in the events' source.
	JournalID string
	// Role is whose eyes the events are redacted for.
	Role access.Role
	View func() (store.View, error)
	// Ready is closed when the fold has passed the journal's end as it was at the start: what was published is known then.
	Ready <-chan struct{}
	Conn  *rabbit.Connection
	Pub   *rabbit.Publisher
	Log   hclog.Logger
}

// Pump publishes rows of the timeline in order, each until the broker has it. A page of them is in memory at a time,
// however many wait. Its cursor is journaled while it publishes and when it stops: after a stop nothing is published
// twice; after a crash, what was published since the cursor was last journaled comes again, with the same ids. A rebuild
// finds the cursor in the journal and publishes nothing.
type Pump struct {
	o         Options
	topic     string
	published prometheus.Counter
	unrouted  prometheus.Counter

	mu    sync.Mutex
	state State
	to    Journal        // of the run under way
	saved canon.Position // the journaled cursor
	dirty int            // rows taken since
	since time.Time      // of the first of them
}

// State is how the way out stands.
type State struct {
	// Through is the newest entry all of whose rows were taken; Reached how far the view was looked through.
	Through, Reached canon.Position
	LastError        string
	LastErrorAt      time.Time
}

// New gives a pump; it registers its metrics.
func New(o Options, metrics prometheus.Registerer) (*Pump, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	p := &Pump{
		o: o, topic: "amqp:" + o.Exchange,
		published: prometheus.NewCounter(prometheus.CounterOpts{Name: "jumpring_bus_changes_total", Help: "Changes that the broker confirmed."}),
		unrouted: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "jumpring_bus_changes_unrouted_total", Help: "Confirmed changes that no queue was bound for.",
		}),
	}
	for _, c := range []prometheus.Collector{p.published, p.unrouted} {
		if err := metrics.Register(c); err != nil {
			return nil, fmt.Errorf("changes: metrics: %w", err)
		}
	}
	return p, nil
}

// State tells how far the pump is.
func (p *Pump) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

const (
	// page is how many rows are read and sent at once.
	page = 256
	// saveRows and saveEvery bound what comes again after a crash.
	saveRows  = page
	saveEvery = time.Second
	// saveIdle is how long after the last row the cursor is journaled.
	saveIdle = time.Second
	// stopGrace is how long a stop waits for confirms that are under way.
	stopGrace = 5 * time.Second
)

// Run publishes until ctx ends, and journals its cursor to j. Commits only wake it: what they hold is read from the view.
// What goes wrong with the broker is tried again for ever; an error is the hub's own, or j's. Of the nodes that share a
// journal one at a time runs; it may run again later, and goes on where the cursor in the view stands then.
func (p *Pump) Run(ctx context.Context, j Journal, commits <-chan router.Commit) error {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	p.to = j
	p.mu.Unlock()
	wake := make(chan struct{}, 1)
	var follower sync.WaitGroup
	follower.Go(func() { follow(ctx, commits, wake) })
	defer follower.Wait()
	defer cancel()
	select {
	case <-p.o.Ready:
	case <-ctx.Done():
		return nil
	}
	if err := p.begin(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	err := p.work(ctx, wake)
	return errors.Join(err, p.stop())
}

// follow keeps up with the commits, so that none waits for the pump.
func follow(ctx context.Context, commits <-chan router.Commit, wake chan<- struct{}) {
	for {
		select {
		case _, ok := <-commits:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// begin finds the cursor. A topic that is new begins with what changes from now on.
func (p *Pump) begin(ctx context.Context) error {
	v, err := p.o.View()
	if err != nil {
		return fmt.Errorf("changes: %w", err)
	}
	through, known, err := router.PublishedThrough(v, p.topic)
	mark, markErr := v.Mark()
	v.Close()
	if err = errors.Join(err, markErr); err != nil {
		return fmt.Errorf("changes: the publish cursor: %w", err)
	}
	p.mu.Lock()
	p.state.Through, p.state.Reached, p.saved, p.dirty = through, through, through, 0
	if !known {
		p.state.Through, p.state.Reached = mark.Position, mark.Position
	}
	p.mu.Unlock()
	return p.saveDue(ctx, true)
}

// work publishes page by page until ctx ends or the hub itself fails.
func (p *Pump) work(ctx context.Context, wake <-chan struct{}) error {
	idle := time.NewTimer(saveIdle)
	defer idle.Stop()
	declared := false
	wait := 100 * time.Millisecond
	for ctx.Err() == nil {
		err := p.declare(ctx, &declared)
		more := false
		if err == nil {
			more, err = p.page(ctx)
		}
		var own *ownError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &own):
			return own.err
		case err != nil:
			declared = false // the exchange may be gone
			p.trouble(err)
			sleep(ctx, wait)
			wait = min(2*wait, 10*time.Second)
			continue
		}
		wait = 100 * time.Millisecond
		if err := p.saveDue(ctx, false); err != nil {
			return err
		}
		if more {
			continue
		}
		idle.Reset(saveIdle)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-idle.C:
			if err := p.saveDue(ctx, true); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
			case <-wake:
			}
		}
	}
	return nil
}

// ownError is one of the hub itself, not of the broker.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }

func (p *Pump) declare(ctx context.Context, declared *bool) error {
	if *declared {
		return nil
	}
	err := rabbit.Declare(ctx, p.o.Conn, func(ch *amqp.Channel) error {
		return rabbit.DeclareExchange(ch, p.o.Exchange, amqp.ExchangeTopic)
	})
	*declared = err == nil
	return err
}

// page publishes the next rows; more tells that there may be others behind them.
func (p *Pump) page(ctx context.Context) (more bool, err error) {
	after := p.State().Through
	rows, mark, err := p.read(after)
	if err != nil {
		return false, &ownError{err}
	}
	if len(rows) == 0 {
		p.mu.Lock()
		p.state.Reached = mark
		p.mu.Unlock()
		return false, nil
	}
	sent, err := p.send(ctx, rows)
	return len(rows) >= page, errors.Join(err, p.confirmed(ctx, rows, sent))
}

func (p *Pump) read(after canon.Position) ([]canon.Row, canon.Position, error) {
	v, err := p.o.View()
	if err != nil {
		return nil, after, fmt.Errorf("changes: %w", err)
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return nil, after, fmt.Errorf("changes: %w", err)
	}
	rows, err := views.Rows(v, after, page)
	if err != nil {
		return nil, after, fmt.Errorf("changes: %w", err)
	}
	return rows, mark.Position, nil
}

// send hands rows to the publisher; nil stands for a row that the role does not see.
func (p *Pump) send(ctx context.Context, rows []canon.Row) ([]*rabbit.Pending, error) {
	sent := make([]*rabbit.Pending, 0, len(rows))
	n := 0
	for i := range rows {
		if i > 0 && rows[i].Position == rows[i-1].Position {
			n++
		} else {
			n = 0
		}
		msg, seen, err := Encode(p.o.Exchange, p.o.JournalID, p.o.Role, rows[i], n)
		if err != nil {
			return sent, &ownError{err}
		}
		var pending *rabbit.Pending
		if seen {
			if pending, err = p.o.Pub.Send(ctx, msg); err != nil {
				return sent, err
			}
		}
		sent = append(sent, pending)
	}
	return sent, nil
}

// confirmed waits for the rows that were sent and moves the cursor behind each entry all of whose rows the broker has.
// A stop does not cut it short at once: what was sent is confirmed soon, and would be published twice.
func (p *Pump) confirmed(ctx context.Context, rows []canon.Row, sent []*rabbit.Pending) error {
	ctx, cancel := graceful(ctx)
	defer cancel()
	for i, pending := range sent {
		if pending != nil {
			err := pending.Wait(ctx)
			switch {
			case errors.Is(err, rabbit.ErrUnroutable): // nobody listens, which is a topic's good right
				p.unrouted.Inc()
			case err != nil:
				return err
			}
			p.published.Inc()
		}
		p.took(rows, i)
	}
	return nil
}

func (p *Pump) took(rows []canon.Row, i int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dirty == 0 {
		p.since = time.Now()
	}
	p.dirty++
	if i+1 == len(rows) || rows[i+1].Position != rows[i].Position {
		p.state.Through, p.state.Reached = rows[i].Position, rows[i].Position
	}
}

// graceful is a context that outlives another by stopGrace.
func graceful(ctx context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var timer *time.Timer
	var mu sync.Mutex
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		timer = time.AfterFunc(stopGrace, cancel)
	})
	return out, func() {
		stop()
		mu.Lock()
		defer mu.Unlock()
		if timer != nil {
			timer.Stop()
		}
		cancel()
	}
}

// saveDue journals the cursor where enough was published since, or in any case.
func (p *Pump) saveDue(ctx context.Context, anyway bool) error {
	p.mu.Lock()
	through := p.state.Through
	due := through != p.saved && (anyway || p.dirty >= saveRows || time.Since(p.since) >= saveEvery)
	p.mu.Unlock()
	if !due {
		return nil
	}
	return p.save(ctx, through)
}

// stop journals the cursor for the last time.
func (p *Pump) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return p.saveDue(ctx, true)
}

// save journals the cursor. A refusal is no error: it is journaled later.
func (p *Pump) save(ctx context.Context, through canon.Position) error {
	e, err := router.NewEntry(canon.EntryPublished, canon.Head{Actor: "hub"}, canon.Published{Topic: p.topic, Through: through})
	if err != nil {
		return err
	}
	_, err = p.to.Append(ctx, bus.ClassCommand, e)
	var refused *bus.Refused
	switch {
	case errors.As(err, &refused), errors.Is(err, context.DeadlineExceeded):
		p.o.Log.Warn("the publish cursor is not journaled yet", "error", err)
		return nil
	case err != nil:
		return fmt.Errorf("changes: journal the publish cursor: %w", err)
	}
	p.mu.Lock()
	p.saved, p.dirty = through, 0
	p.mu.Unlock()
	return nil
}

func (p *Pump) trouble(err error) {
	p.mu.Lock()
	p.state.LastError, p.state.LastErrorAt = err.Error(), time.Now()
	p.mu.Unlock()
	p.o.Log.Warn("changes are not published now", "exchange", p.o.Exchange, "error", err)
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
