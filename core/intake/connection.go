package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Options of a Connection. Those without a default are required.
type Options struct {
	Name     string
	Describe *sdk.DescribeResponse
	Platform Platform
	Journal  Journal
	Store    store.Store
	// Commits are what the fold commits, in order, from before Ready is closed. The Connection keeps up with them.
	Commits <-chan router.Commit
	// Ready is closed when the fold has passed the journal's end as it was at the hub's start.
	Ready <-chan struct{}
	// Hook is the address that webhooks are delivered to, such as https://hub.example.com/hooks/web-eu; empty means that
	// there is none, and the connection only polls.
	Hook string
	// RegisterEvery is how often webhook subscriptions are asserted again; default 10 minutes.
	RegisterEvery time.Duration
	// Budget paces calls, those of the outbound side too; default is one of its own by what the connector hints.
	Budget *Budget
	// Readers is how many reads may be under way at once; default 2.
	Readers int
	// PageLimit is how many rows a poll or a page of a snapshot asks for; default 250.
	PageLimit int
	// CallTimeout ends a call that the platform does not answer; default 2 minutes.
	CallTimeout time.Duration
	Log         hclog.Logger
}

// Connection runs the inbound side of one connection. Make it with New and give it a goroutine with Run.
type Connection struct {
	o        Options
	can      map[sdk.Capability]bool
	maxBatch int
	log      hclog.Logger
	queue    *queue
	gate     *gate
	register chan struct{}            // asks for registration now
	missed   chan struct{}            // tells of deliveries that were refused
	hurry    map[string]chan struct{} // asks for a poll of a stream now
	full     *fullReads
	status   status
}

// New prepares a connection.
func New(o Options) (*Connection, error) {
	switch {
	case o.Name == "", o.Describe == nil, o.Platform == nil, o.Journal == nil, o.Store == nil, o.Commits == nil, o.Ready == nil:
		return nil, errors.New("intake: Name, Describe, Platform, Journal, Store, Commits and Ready are required")
	}
	if o.RegisterEvery <= 0 {
		o.RegisterEvery = 10 * time.Minute
	}
	if o.Readers <= 0 {
		o.Readers = 2
	}
	if o.PageLimit <= 0 {
		o.PageLimit = 250
	}
	if o.CallTimeout <= 0 {
		o.CallTimeout = 2 * time.Minute
	}
	if o.Budget == nil {
		o.Budget = NewBudget(o.Describe.RateLimit)
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	c := &Connection{
		o: o, can: make(map[sdk.Capability]bool), maxBatch: MaxBatch(o.Describe.RateLimit),
		log: o.Log.With("connection", o.Name), queue: newQueue(), gate: newGate(),
		register: make(chan struct{}, 1), missed: make(chan struct{}, 1), hurry: make(map[string]chan struct{}), full: newFullReads(),
	}
	for _, s := range o.Describe.Streams {
		c.hurry[s.Name] = make(chan struct{}, 1)
	}
	for _, capability := range o.Describe.Capabilities {
		c.can[capability] = true
	}
	c.status.init(o.Describe.Streams)
	return c, nil
}

// MaxBatch is how many entities one Apply or Read may name.
func MaxBatch(hint sdk.RateLimit) int {
	if hint.MaxBatch <= 0 {
		return 50
	}
	return hint.MaxBatch
}

// Run fetches until ctx ends, then returns nil when every goroutine has ended. Errors of the platform are retried and
// shown in State; what it returns is an error of the journal or the store, after which the hub can't go on.
func (c *Connection) Run(ctx context.Context) error {
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error { return c.follow(working) })
	g.Go(func() error { return c.begin(working, g) })
	err := g.Wait()
	c.full.end()
	var j *journalError
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil && !errors.As(err, &j) {
		return nil // what a platform answers while the hub stops is no failure of the hub
	}
	return err
}

// begin starts the calls once the view is complete.
func (c *Connection) begin(ctx context.Context, g *errgroup.Group) error {
	select {
	case <-c.o.Ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	// The fold learns of a connection by the settings' entry; until then nothing is known of it, its mode included.
	if err := c.gate.wait(ctx); err != nil {
		return err
	}
	if c.can[sdk.CanRead] {
		for range c.o.Readers {
			g.Go(func() error { return c.runLane(ctx) })
		}
		g.Go(func() error { return c.recoverReads(ctx) })
	}
	if c.can[sdk.CanSnapshot] {
		g.Go(func() error { return c.runFullReads(ctx) })
	}
	if c.can[sdk.CanPoll] {
		for _, s := range c.o.Describe.Streams {
			g.Go(func() error { return c.runPoll(ctx, s) })
		}
	}
	g.Go(func() error { return c.runMissed(ctx) })
	if c.can[sdk.CanRegister] && c.o.Hook != "" {
		g.Go(func() error { return c.runRegister(ctx) })
	}
	return nil
}

// follow takes the reads that the fold asks for and notices pauses.
func (c *Connection) follow(ctx context.Context) error {
	if err := c.observePause(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case commit, ok := <-c.o.Commits:
			if !ok {
				return nil
			}
			if c.can[sdk.CanRead] {
				for _, r := range commit.Reads {
					if r.Connection == c.o.Name {
						c.queue.add(r.Ref, waiter{after: r.After, cause: r.Cause, moot: !r.After.IsZero()})
					}
				}
			}
			if err := c.observePause(); err != nil {
				return err
			}
		}
	}
}

// observePause opens the gate for a connection that is known and not paused.
func (c *Connection) observePause() error {
	conn, err := c.load()
	if err != nil {
		return err
	}
	if c.gate.set(conn != nil && !conn.Paused) {
		c.status.reopened()
	}
	return nil
}

// load reads what the fold knows of the connection; nil when it does not know it yet.
func (c *Connection) load() (*canon.Connection, error) {
	v, err := c.o.Store.View()
	if err != nil {
		return nil, fmt.Errorf("intake: %s: %w", c.o.Name, err)
	}
	defer v.Close()
	return store.Load[canon.Connection](v, store.PrefixConn+c.o.Name)
}

// head is the head of entries that the hub makes from what it fetched.
func (c *Connection) head(stamp, cause canon.Position) canon.Head {
	return canon.Head{Connection: c.o.Name, Actor: "connection:" + c.o.Name, ReadStamp: stamp, Cause: cause}
}

// gate is open while the connection may make calls.
type gate struct {
	mu   sync.Mutex
	open bool
	ch   chan struct{} // closed while open
}

func newGate() *gate { return &gate{ch: make(chan struct{})} }

// set opens or closes the gate and reports whether it was opened by this call.
func (g *gate) set(open bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if open == g.open {
		return false
	}
	g.open = open
	if open {
		close(g.ch)
	} else {
		g.ch = make(chan struct{})
	}
	return open
}

// wait blocks until the gate is open or ctx ends.
func (g *gate) wait(ctx context.Context) error {
	g.mu.Lock()
	ch := g.ch
	g.mu.Unlock()
	select {
	case <-ch:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
