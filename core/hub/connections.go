package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/outbox"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// connection is what runs for one configured connection, from its launch until it is closed. A reload that changes it puts
// another one in its place.
type connection struct {
	hub      *Hub
	spec     *Connection
	launched chan struct{} // closed when there is a plugin to ask
	told     chan struct{} // closed when the connector has told what it is
	gone     chan struct{} // closed when another one takes its place, or none does
	closed   chan struct{} // closed when its process has ended

	mu        sync.Mutex
	plugin    *host.Connection
	about     *sdk.DescribeResponse
	intake    *intake.Connection
	writer    *reconcile.Writer
	activator *reconcile.Activator
	drifter   *reconcile.Drifter
	sender    *outbox.Sender
	retired   bool
	outward   sync.WaitGroup // its outward side; nothing is added once it is retired

	secretsMu sync.Mutex
	secrets   map[string]string // that its process has; nil before it was launched
}

func newConnection(h *Hub, spec *Connection) *connection {
	return &connection{
		hub: h, spec: spec, launched: make(chan struct{}), told: make(chan struct{}), gone: make(chan struct{}), closed: make(chan struct{}),
	}
}

// parts gives what runs; any of it may be nil while the connector is starting.
func (c *connection) parts() (*host.Connection, *sdk.DescribeResponse, *intake.Connection, *reconcile.Writer, *reconcile.Activator) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plugin, c.about, c.intake, c.writer, c.activator
}

// starting tells whether the connection is on its way to work and nothing has failed yet. One whose connector fails to
// start does not hold the hub up.
func (c *connection) starting() bool {
	p, _, in, _, _ := c.parts()
	if p == nil {
		return true
	}
	return in == nil && c.hub.leading.Load() && p.Status().LastError == ""
}

// connection gives what runs for a connection; nil where none of that name is configured.
func (h *Hub) connection(name string) *connection {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.connections[name]
}

// each gives what runs, in the order of the configuration, and a channel that is closed when that changes.
func (h *Hub) each() ([]*connection, <-chan struct{}) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	out := make([]*connection, 0, len(h.o.Connections))
	for i := range h.o.Connections {
		out = append(out, h.connections[h.o.Connections[i].Name])
	}
	return out, h.changed
}

// settings gives the configured settings, without what connectors describe of themselves.
func (h *Hub) settings() canon.Settings {
	h.mu.RLock()
	defer h.mu.RUnlock()
	s := h.o.Settings
	s.Connections = slices.Clone(s.Connections)
	return s
}

// runConnections launches every connector and journals the settings when they have told what they are. A connector that
// does not start holds up nothing but its own connection.
func (h *Hub) runConnections(ctx context.Context, g *errgroup.Group) error {
	all, _ := h.each()
	for _, c := range all {
		if err := h.begin(ctx, g, c); err != nil {
			return err
		}
	}
	return h.settleWhenTold(ctx, all)
}

// settleWhenTold journals the settings when some connectors have told what they are, or have taken too long for it.
func (h *Hub) settleWhenTold(ctx context.Context, some []*connection) error {
	timeout := time.NewTimer(describeWait)
	defer timeout.Stop()
	for _, c := range some {
		select {
		case <-c.told:
		case <-c.gone:
		case <-timeout.C:
			return h.settle(ctx)
		case <-ctx.Done():
			return nil
		}
	}
	return h.settle(ctx)
}

// begin launches a connection. It ends with ctx, or when it is retired; calls under way come to their end first.
func (h *Hub) begin(ctx context.Context, g *errgroup.Group, c *connection) error {
	if err := c.launch(ctx); err != nil {
		close(c.closed)
		return fmt.Errorf("hub: connection %s: %w", c.spec.Name, err)
	}
	living, cancel := context.WithCancel(ctx)
	g.Go(func() error {
		defer cancel()
		select {
		case <-c.gone:
		case <-ctx.Done():
		}
		return nil
	})
	g.Go(func() error {
		defer close(c.closed)
		defer c.shut()
		if err := c.describe(living); err == nil {
			close(c.told)
		}
		select {
		case <-c.gone:
			c.outward.Wait()
		case <-h.outwardOver: // which ends with ctx
		}
		return nil
	})
	g.Go(func() error { return c.runDeliveries(living) })
	if d := h.deliveriesOf(c.spec.Name); d.kept != nil && d.running.CompareAndSwap(false, true) {
		g.Go(func() error {
			defer d.running.Store(false)
			h.runCopies(ctx, c.spec.Name, d)
			return nil
		})
	}
	return nil
}

// retire ends a connection that another one takes the place of, or none: its outward side, then its process, whose calls
// come to their end.
func (c *connection) retire(ctx context.Context) {
	c.mu.Lock()
	if !c.retired {
		c.retired = true
		close(c.gone)
	}
	c.mu.Unlock()
	select {
	case <-c.closed:
	case <-ctx.Done():
	}
}

// runOutwards works the outward side of every connection, those that a reload adds too, until ctx ends.
func (h *Hub) runOutwards(ctx context.Context, g *errgroup.Group, j reconcile.Journal) error {
	begun := make(map[*connection]bool)
	for {
		all, changed := h.each()
		for _, c := range all {
			if begun[c] {
				continue
			}
			begun[c] = true
			g.Go(func() error { return c.runOutward(ctx, j) })
		}
		for c := range begun {
			if !slices.Contains(all, c) {
				delete(begun, c)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// runOutward works a connection's two sides from when its connector has told what it is until it is retired or ctx ends.
func (c *connection) runOutward(ctx context.Context, j reconcile.Journal) error {
	select {
	case <-c.told:
	case <-c.gone:
		return nil
	case <-ctx.Done():
		return nil
	}
	if !c.current() { // what another node did as it led was folded before this one got to lead
		c.hub.askRenewal()
		select {
		case <-c.gone:
		case <-ctx.Done():
		}
		return nil
	}
	c.mu.Lock()
	if c.retired {
		c.mu.Unlock()
		return nil
	}
	c.outward.Add(1)
	c.mu.Unlock()
	defer c.outward.Done()
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-c.gone:
			cancel()
		case <-ended:
		}
	}()
	return c.run(working, j)
}

// launch starts the connector's process and its supervisor.
func (c *connection) launch(ctx context.Context) error {
	secrets, err := c.hub.secrets(c.spec)
	if err != nil {
		return err
	}
	c.secretsMu.Lock()
	c.secrets = maps.Clone(secrets)
	c.secretsMu.Unlock()
	p, err := host.Launch(ctx, host.Spec{
		Connection: c.spec.Name, Command: c.spec.Command, Checksum: c.spec.Checksum, Config: c.spec.Config, Secrets: secrets,
		WorkDir: filepath.Join(c.hub.folder(workFolder), c.spec.Name), Deadlines: c.spec.Deadlines,
		MemoryLimit: c.spec.Memory, FileLimit: c.spec.Files, Hog: c.spec.Hog,
		Env: c.spec.Env, Verify: c.spec.Verify,
		Logger: c.hub.log.Named(c.spec.Name), Rotate: c.rotate, Values: c.hub.values(c.spec.Name),
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.plugin = p
	c.mu.Unlock()
	if d := c.hub.deliveriesOf(c.spec.Name); d != nil {
		d.clean.Store(p)
	}
	close(c.launched)
	return nil
}

// shut ends the connector's process.
func (c *connection) shut() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p, _, _, _, _ := c.parts()
	if err := p.Close(ctx); err != nil {
		c.hub.log.Warn("connector did not close", "connection", c.spec.Name, "error", err)
	}
}

// describe waits until the connector has told what it is.
func (c *connection) describe(ctx context.Context) error {
	p, _, _, _, _ := c.parts()
	for {
		about, err := p.Describe(ctx)
		if err == nil {
			c.mu.Lock()
			c.about = about
			c.mu.Unlock()
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// run works the connection's two sides until ctx ends.
func (c *connection) run(ctx context.Context, j reconcile.Journal) error {
	h := c.hub
	if err := h.settle(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	p, about, _, _, _ := c.parts()
	link := platform{p}
	can := func(k sdk.Capability) bool { return slices.Contains(about.Capabilities, k) }
	hook := ""
	if h.o.PublicURL != "" && can(sdk.CanWebhook) {
		hook = h.o.PublicURL + "/hooks/" + c.spec.Name
	}
	budget := intake.NewBudget(about.RateLimit) // reads and writes together
	in, err := intake.New(intake.Options{
		Name: c.spec.Name, Describe: about, Platform: link, Journal: j, Store: h.store, Commits: h.router.Subscribe(ctx),
		Ready: h.ready, Hook: hook, Budget: budget, Log: h.log.Named("intake"),
	})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return in.Run(ctx) })
	drifter, err := h.newDrifter(c.spec, j, in, can(sdk.CanRead))
	if err != nil {
		return err
	}
	g.Go(func() error { return drifter.Run(ctx) })
	c.mu.Lock()
	c.intake, c.drifter = in, drifter
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.intake, c.drifter, c.writer, c.activator, c.sender = nil, nil, nil, nil, nil
	}()
	settings := h.settings()
	if !writes(about) && asksToWrite(settings.Connection(c.spec.Name)) {
		h.log.Warn("connection asks for a mode that it can't have", "connection", c.spec.Name, "why", onlyReads)
	}
	if can(sdk.CanDeliver) {
		s := c.newSender(ctx, j, link, about)
		c.mu.Lock()
		c.sender = s
		c.mu.Unlock()
		g.Go(func() error { return s.Run(ctx) })
	}
	if writes(about) {
		if err := c.runOutbound(ctx, g, j, link, about, in, budget); err != nil {
			return err
		}
	}
	return g.Wait()
}

// asksToWrite reports whether a configuration asks for more than to read.
func asksToWrite(cs *canon.ConnectionSettings) bool {
	return cs != nil && (cs.Mode != canon.ModeObserve || len(cs.Modes) > 0)
}

func (c *connection) runOutbound(ctx context.Context, g *errgroup.Group, j reconcile.Journal, link platform, about *sdk.DescribeResponse, in *intake.Connection, budget *intake.Budget) error {
	h := c.hub
	a := &reconcile.Activator{
		Name: c.spec.Name, HasSnapshot: slices.Contains(about.Capabilities, sdk.CanSnapshot), Journal: j, Store: h.store,
		Commits: h.router.Subscribe(ctx), Ready: h.ready, Log: h.log.Named("reconcile"),
	}
	c.mu.Lock()
	c.activator = a
	c.mu.Unlock()
	g.Go(func() error { return a.Run(ctx) })
	if !slices.Contains(about.Capabilities, sdk.CanApply) {
		return nil
	}
	var lane reconcile.Lane
	if slices.Contains(about.Capabilities, sdk.CanRead) {
		lane = in
	}
	var looker reconcile.Looker
	if slices.Contains(about.Capabilities, sdk.CanLookup) {
		looker = link
	}
	w, err := reconcile.NewWriter(reconcile.Options{
		Name: c.spec.Name, Describe: about, Applier: h.applier(link), Looker: looker, Journal: j, Store: h.store, Lane: lane, Inbound: h, Budget: budget,
		Commits: h.router.Subscribe(ctx), Ready: h.ready, Limits: c.spec.Limits, HoldReported: c.spec.Drift.Report,
		Log: h.log.Named("reconcile"),
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.writer = w
	c.mu.Unlock()
	g.Go(func() error { return w.Run(ctx) })
	return nil
}

// CaughtUp implements reconcile.Inbound.
func (h *Hub) CaughtUp(name string) bool {
	c := h.connection(name)
	if c == nil {
		return true
	}
	_, _, in, _, _ := c.parts()
	return in != nil && in.CaughtUp()
}

// AskedSince implements reconcile.Inbound.
func (h *Hub) AskedSince(name string, since time.Time) bool {
	c := h.connection(name)
	if c == nil {
		return true
	}
	_, _, in, _, _ := c.parts()
	return in != nil && in.AskedSince(since)
}

// settle journals the settings when they are not those in force. What connectors have not told yet stays as it was.
func (h *Hub) settle(ctx context.Context) error {
	select {
	case <-h.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	v, err := h.store.View()
	if err != nil {
		return err
	}
	old, err := store.Load[canon.Settings](v, store.KeySettings)
	v.Close()
	if err != nil {
		return err
	}
	s := h.settings()
	for i := range s.Connections {
		cs := &s.Connections[i]
		var about *sdk.DescribeResponse
		if c := h.connection(cs.Name); c != nil {
			_, about, _, _, _ = c.parts()
		}
		if about != nil {
			cs.OpeningStock, cs.OrderLowersLevel = about.OpeningStock, about.Implied.OrderLowersLevel
			cs.RefundRaisesLevel, cs.CancelRaisesLevel = about.Implied.RefundRaisesLevel, about.Implied.CancelRaisesLevel
			cs.Actions = about.Actions
		} else if was := old.Connection(cs.Name); was != nil {
			cs.OpeningStock, cs.OrderLowersLevel = was.OpeningStock, was.OrderLowersLevel
			cs.RefundRaisesLevel, cs.CancelRaisesLevel = was.RefundRaisesLevel, was.CancelRaisesLevel
			cs.Actions = was.Actions
		}
	}
	same, err := equalJSON(old, &s)
	if err != nil || same {
		return err
	}
	e, err := router.NewEntry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	if err != nil {
		return err
	}
	return h.appendAndFold(ctx, bus.ClassCommand, e)
}

func equalJSON(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}

// platform joins a plugin's process to intake and reconcile.
type platform struct{ p *host.Connection }

func fact(f *host.Fact) intake.Fact {
	return intake.Fact{Kind: f.Kind, ExternalID: f.ExternalID, Data: f.Data, Personal: f.Personal}
}

func facts(list []host.Fact) []intake.Fact {
	out := make([]intake.Fact, len(list))
	for i := range list {
		out[i] = fact(&list[i])
	}
	return out
}

func (l platform) Poll(ctx context.Context, req *sdk.PollRequest) (*intake.PollResult, error) {
	r, err := l.p.Poll(ctx, req)
	if err != nil {
		return nil, err
	}
	return &intake.PollResult{Facts: facts(r.Facts), Touched: r.Touched, Cursor: r.Cursor, More: r.More}, nil
}

func (l platform) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*intake.SnapshotResult, error) {
	r, err := l.p.Snapshot(ctx, req)
	if err != nil {
		return nil, err
	}
	return &intake.SnapshotResult{
		Facts: facts(r.Facts), Next: r.Next, Complete: r.Complete, Total: r.Total, Cursors: r.Cursors, Kinds: r.Kinds, RowErrors: r.RowErrors,
	}, nil
}

func (l platform) Read(ctx context.Context, req *sdk.ReadRequest) (*intake.ReadResult, error) {
	r, err := l.p.Read(ctx, req)
	if err != nil {
		return nil, err
	}
	return &intake.ReadResult{Facts: facts(r.Facts), RetryAfter: r.RetryAfter}, nil
}

func (l platform) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	return l.p.Register(ctx, req)
}

func (l platform) Apply(ctx context.Context, req *sdk.ApplyRequest) (*reconcile.ApplyResult, error) {
	r, err := l.p.Apply(ctx, req)
	if err != nil {
		if host.NotSent(err) {
			return nil, errors.Join(reconcile.ErrNotSent, err)
		}
		return nil, err
	}
	return applied(r), nil
}

func (l platform) Lookup(ctx context.Context, req *sdk.LookupRequest) (*reconcile.ApplyResult, error) {
	r, err := l.p.Lookup(ctx, req)
	if err != nil {
		return nil, err
	}
	return applied(r), nil
}

func applied(r *host.ApplyResult) *reconcile.ApplyResult {
	out := &reconcile.ApplyResult{Results: make([]reconcile.WriteResult, len(r.Results))}
	for i := range r.Results {
		w := &r.Results[i]
		out.Results[i] = reconcile.WriteResult{
			Key: w.Key, Status: w.Status, Code: w.Code, Reason: w.Reason, RetryAfterMillis: w.RetryAfter.Milliseconds(),
		}
		if w.Shows != nil {
			f := fact(w.Shows)
			out.Results[i].Shows = &f
		}
		out.Results[i].Also, out.Results[i].Amount, out.Results[i].ByHand, out.Results[i].Made = facts(w.Also), w.Amount, w.ByHand, w.Made
	}
	return out
}
