package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/ingress"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Doors are what the hub's doors speak to: it implements api.Hub, ingress.Webhooks and ingress.Journal.
type Doors struct{ *Hub }

var (
	_ api.Hub          = Doors{}
	_ api.Healths      = Doors{}
	_ api.Led          = Doors{}
	_ ingress.Webhooks = Doors{}
	_ ingress.Journal  = Doors{}
)

// View opens the newest committed state. While the view is made again from the journal it has no answer: half a list
// would look like a whole one. The view of a node that comes back to a shared journal was whole where it stopped, and is
// answered from as far as it goes.
func (d Doors) View() (store.View, error) {
	if d.late != nil {
		return d.store.View()
	}
	select {
	case <-d.ready:
		return d.store.View()
	default:
		return nil, problem.New(problem.HubBusy, "the records are being made again from the journal").Retry(2 * time.Second)
	}
}

// Subscribe gives each commit after the view holds it.
func (d Doors) Subscribe(ctx context.Context) <-chan router.Commit { return d.router.Subscribe(ctx) }

// Do appends a command of an actor and answers with the fold's outcome. To go live is checked against the plan of now
// (invariant 9).
func (d Doors) Do(ctx context.Context, actor string, cmd canon.Command) (canon.Outcome, error) {
	if m := cmd.SetMode; m != nil && m.Mode != canon.ModeObserve && d.onlyReads(m.Connection) {
		return canon.Outcome{}, problem.New(problem.ConnectionCan, onlyReads)
	}
	if m := cmd.SetMode; m != nil && m.Mode == canon.ModeLive {
		set, err := d.proposeLive(m)
		if err != nil {
			return canon.Outcome{}, err
		}
		cmd.SetMode = set
	}
	return d.router.Do(ctx, canon.Head{Actor: actor}, cmd)
}

// onlyReads is what is said of a connection that asks for more than its connector can do.
const onlyReads = "its connector only reads: there is nothing to write, so that its mode is observe"

// onlyReads reports whether a connector is known to be unable to write.
func (d Doors) onlyReads(name string) bool {
	c := d.connection(name)
	if c == nil {
		return false
	}
	_, about, _, _, _ := c.parts()
	return about != nil && !writes(about)
}

func (d Doors) proposeLive(m *canon.SetMode) (*canon.SetMode, error) {
	if d.connection(m.Connection) == nil {
		return nil, api.ErrUnknownConnection
	}
	v, err := d.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	var scope canon.Scope
	if m.Scope != nil {
		scope = *m.Scope
	}
	return reconcile.ProposeLive(v, m.Connection, scope, m.PlanDigest)
}

// Replay appends a replay of a parked entry and returns its position once it is folded.
func (d Doors) Replay(ctx context.Context, actor string, r canon.Replay) (canon.Position, error) {
	e, err := router.NewEntry(canon.EntryReplay, canon.Head{Actor: actor, Cause: r.Parked}, r)
	if err != nil {
		return canon.Position{}, err
	}
	rec, err := d.router.Append(ctx, bus.ClassCommand, e)
	if err != nil {
		return canon.Position{}, err
	}
	return rec.Position(0), d.router.WaitFolded(ctx, rec.Offset)
}

// Report appends facts of tills and devices as one batch and returns when it is durable. Invariant 1.
func (d Doors) Report(ctx context.Context, facts []ingress.Fact) ([]canon.Position, error) {
	entries := make([]bus.Entry, len(facts))
	for i := range facts {
		e, err := router.EncodeObservation(facts[i].Head, facts[i].Observation)
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	rec, err := d.router.Append(ctx, bus.ClassDevice, entries...)
	if err != nil {
		return nil, err
	}
	positions := make([]canon.Position, len(facts))
	for i := range positions {
		positions[i] = rec.Position(i)
	}
	return positions, nil
}

// HandleWebhook takes one delivery.
func (d Doors) HandleWebhook(ctx context.Context, connection string, req *sdk.WebhookRequest) (int, string, []byte, error) {
	status, contentType, body, err := d.Hub.HandleWebhook(ctx, connection, req)
	switch {
	case errors.Is(err, ErrUnknownConnection):
		err = ingress.ErrUnknownConnection
	case errors.Is(err, ErrUnavailable):
		err = &ingress.UnavailableError{Reason: err.Error()}
	}
	return status, contentType, body, err
}

// plugin gives a connection's process, for calls that a person asks for.
func (d Doors) plugin(name string) (*connection, *host.Connection, error) {
	c := d.connection(name)
	if c == nil {
		return nil, nil, api.ErrUnknownConnection
	}
	p, _, _, _, _ := c.parts()
	if p == nil {
		return nil, nil, api.ErrUnavailable
	}
	return c, p, nil
}

func unavailable(err error) error {
	if errors.Is(err, host.ErrUnavailable) || errors.Is(err, host.ErrUnsupported) {
		return fmt.Errorf("%w: %w", api.ErrUnavailable, err)
	}
	return err
}

// Check tests a connection live.
func (d Doors) Check(ctx context.Context, name string) (*sdk.CheckResponse, error) {
	_, p, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	r, err := p.Check(ctx, &sdk.CheckRequest{})
	return r, unavailable(err)
}

// Health asks a connector how it is.
func (d Doors) Health(ctx context.Context, name string) (*sdk.HealthResponse, error) {
	_, p, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	r, err := p.Health(ctx, &sdk.HealthRequest{})
	return r, unavailable(err)
}

// Discover lists what a connection has to map.
func (d Doors) Discover(ctx context.Context, name string) (*sdk.DiscoverResponse, error) {
	_, p, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	r, err := p.Discover(ctx, &sdk.DiscoverRequest{})
	return r, unavailable(err)
}

// Plan lists the calls that would be made if a part of the connection were live; the zero scope is the rest.
func (d Doors) Plan(_ context.Context, name string, scope canon.Scope) (*reconcile.Plan, error) {
	if d.connection(name) == nil {
		return nil, api.ErrUnknownConnection
	}
	v, err := d.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return reconcile.MakePlan(v, name, scope)
}

func (d Doors) intakeOf(name string) (*intake.Connection, error) {
	c, _, err := d.plugin(name)
	if err != nil {
		return nil, err
	}
	_, _, in, _, _ := c.parts()
	if in == nil {
		return nil, api.ErrUnavailable
	}
	return in, nil
}

// Import reads everything that a connection has.
func (d Doors) Import(ctx context.Context, name string, progress func(intake.Progress)) (*intake.Report, error) {
	in, err := d.intakeOf(name)
	if err != nil {
		return nil, err
	}
	r, err := in.Import(ctx, progress)
	return r, unavailable(err)
}

// Missing says what the hub waits for before it is ready.
func (d Doors) Missing(context.Context) []api.Missing {
	var out []api.Missing
	select {
	case <-d.ready:
	default:
		if d.late != nil && d.late.there() == nil {
			return []api.Missing{{
				What: "journal",
				Why:  fmt.Sprintf("its brokers were not reached yet; reads are answered as of position %s, commands are refused", d.router.Mark().Position),
				Do:   "bring the brokers back, or see bus.urls of the configuration; the node attaches by itself",
			}}
		}
		out = append(out, api.Missing{
			What: "view", Why: fmt.Sprintf("%d batches of the journal are not folded yet", d.router.Lag()), Do: "wait",
		})
	}
	all, _ := d.each()
	for _, c := range all {
		if c.starting() {
			out = append(out, api.Missing{What: "connection " + c.spec.Name, Why: "its connector is starting", Do: "wait"})
		}
	}
	if skew := d.journal.ClockSkew(); skew > time.Second || skew < -time.Second {
		out = append(out, api.Missing{What: "clock", Why: fmt.Sprintf("the wall clock jumped by %s", skew), Do: "set the clock, then restart the hub"})
	}
	return out
}

// staleAfter is how long a connection may be silent or behind before it is shown as stale.
const staleAfter = 15 * time.Minute

// Connections gives the state of every configured connection.
func (d Doors) Connections(ctx context.Context) ([]api.ConnectionStatus, error) {
	v, err := d.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	settings := d.settings().Connections
	out := make([]api.ConnectionStatus, 0, len(settings))
	for i := range settings {
		s, err := d.connectionStatus(v, &settings[i])
		if err != nil {
			return nil, err
		}
		out = append(out, *s)
	}
	return out, ctx.Err()
}

func (d Doors) connectionStatus(v store.View, cs *canon.ConnectionSettings) (*api.ConnectionStatus, error) {
	s := &api.ConnectionStatus{Name: cs.Name, Connector: cs.Connector, Mode: canon.ModeObserve, Asked: cs.Mode, State: "starting"}
	known, err := store.Load[canon.Connection](v, store.PrefixConn+cs.Name)
	if err != nil {
		return nil, err
	}
	if known != nil {
		s.Mode, s.Paused, s.Fused, s.LastFact = known.Mode, known.Paused, known.Fused, known.LastFact
		s.Baseline, s.PlanDigest, s.Scopes = known.Baseline, known.PlanDigest, known.Scopes
	}
	prefix := store.PrefixDiff + cs.Name + "/"
	if err := v.Scan(prefix, "", func(string, []byte) (bool, error) { s.Differing++; return true, nil }); err != nil {
		return nil, err
	}
	if s.Unmapped, err = unmapped(v, cs); err != nil {
		return nil, err
	}
	s.Deliveries = d.deliveryStatus(cs.Name)
	c := d.connection(cs.Name)
	if c == nil { // a reload took it out just now
		return s, nil
	}
	p, about, in, w, a := c.parts()
	if p == nil {
		return s, nil
	}
	st := p.Status()
	s.State, s.Restarts, s.LastError, s.LastErrorAt, s.Do = stateWord(st.State), int64(st.Restarts), st.LastError, st.Since, st.LastDo
	s.Process = api.ProcessStatus{Memory: st.Memory, Slowed: st.Slowed, LinesDropped: st.LinesDropped, Redacted: st.Redacted}
	if about != nil {
		s.Process.Version = about.Version
	}
	if st.LastError == "" {
		s.LastErrorAt = time.Time{}
	}
	newer := func(text string, at time.Time) {
		if text != "" && at.After(s.LastErrorAt) {
			s.LastError, s.LastErrorAt = text, at
		}
	}
	if in != nil {
		is := in.State()
		s.LagSeconds = is.LagMillis / 1000
		for _, stream := range is.Streams {
			newer(stream.Name+": "+stream.LastError, errorTime(stream.CallState))
		}
		newer("read: "+is.ReadError.LastError, errorTime(is.ReadError))
		s.Webhooks = api.WebhookStatus{AssertedAt: is.Register.LastSuccess, Failures: is.Register.Failures}
		newer("register: "+is.Register.LastError, errorTime(is.Register))
		newer("snapshot: "+is.Snapshot.LastError, errorTime(is.Snapshot.CallState))
	}
	if s.Outgoing = c.outgoing(); s.Outgoing != nil {
		newer("deliver: "+s.Outgoing.LastError, s.Outgoing.LastErrorAt)
	}
	if w != nil {
		ws := w.State()
		newer("write: "+ws.LastError, ws.ErrorAt)
	}
	if a != nil {
		if why := a.Waits(); why != "" && s.LastError == "" {
			s.LastError = why
		}
	}
	if asksToWrite(cs) && s.LastError == "" && d.onlyReads(cs.Name) {
		s.LastError = onlyReads
	}
	if len(s.Unmapped) > 0 && s.LastError == "" {
		s.LastError = "locations are not mapped, their stock is not written: " + strings.Join(s.Unmapped, ", ")
	}
	s.Stale = s.LagSeconds > int64(staleAfter/time.Second) || (st.State != host.StateRunning && time.Since(st.Since) > staleAfter)
	return s, nil
}

func errorTime(c intake.CallState) time.Time {
	if c.LastError == "" {
		return time.Time{}
	}
	return c.ErrorAt
}

func stateWord(s host.State) string {
	switch s {
	case host.StateBackoff:
		return "backing_off"
	case host.StateBroken:
		return "failed"
	}
	return string(s)
}

// unmapped lists a platform's locations that no location of the hub is mapped to.
func unmapped(v store.View, cs *canon.ConnectionSettings) ([]string, error) {
	var out []string
	prefix := store.BindingKey(canon.BindingKey{Connection: cs.Name, Kind: canon.KindLocation, Aspect: canon.AspectMain})
	err := v.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		id := key[len(prefix):]
		if _, ok := cs.Locations[id]; !ok {
			out = append(out, id)
		}
		return true, nil
	})
	return out, err
}
