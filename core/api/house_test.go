package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/ingress"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/search"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// house is a hub of a real journal, the real fold and a store in memory behind the API; only the platforms are made up.
type house struct {
	t       testing.TB
	store   *store.Memory
	journal *embedded.Journal
	fold    *router.Router
	api     *API
	tokens  *access.Keeper
	text    map[access.Role]string
	log     *bytes.Buffer

	// What tests make of the platforms.
	broken   error // of Do
	panics   bool  // of Connections
	gate     chan struct{}
	missing  []Missing
	bus      BusStatus
	hookBody []byte
}

// drawer is access.Storage in memory.
type drawer struct {
	mu sync.Mutex
	m  map[string][]byte
}

func (d *drawer) Put(_, k string, v []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.m[k] = v
	return nil
}

func (d *drawer) Get(_, k string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.m[k], nil
}

func (d *drawer) Delete(_, k string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m, k)
	return nil
}

func (d *drawer) List(string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for k := range d.m {
		out = append(out, k)
	}
	return out, nil
}

func settings() canon.Settings {
	conn := func(name, connector string, at map[string]string) canon.ConnectionSettings {
		return canon.ConnectionSettings{
			Name: name, Connector: connector, Mode: canon.ModeLive, Baseline: "2020-01-01T00:00:00Z",
			SellsFrom: []string{"paris"}, Locations: at, OrderLowersLevel: true,
		}
	}
	till := conn("till-file", "csv", nil)
	till.OpeningStock, till.OrderLowersLevel = true, false
	return canon.Settings{
		MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Region: "FR",
		Locations:   []string{"lyon", "paris"},
		Connections: []canon.ConnectionSettings{till, conn("web-eu", "shopify", map[string]string{"L1": "paris"}), conn("shop", "woocommerce", nil)},
	}
}

func newHouse(t testing.TB, change ...func(*Options)) *house {
	h := &house{t: t, store: store.NewMemory(), text: map[access.Role]string{}, log: &bytes.Buffer{}}
	var err error
	h.journal, err = embedded.Open(embedded.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	h.fold, err = router.New(router.Options{Journal: h.journal, Store: h.store})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, h.fold.Begin(ctx))
	ended := make(chan error, 1)
	go func() { ended <- h.fold.Run(ctx) }()

	h.tokens, err = access.NewKeeper(&drawer{m: map[string][]byte{}}, time.Now)
	require.NoError(t, err)
	for _, role := range access.Roles() {
		h.text[role], _, err = h.tokens.Create(string(role)+"-1", role, "", time.Time{})
		require.NoError(t, err)
	}
	ready := make(chan struct{})
	close(ready)
	finder := search.NewLive(search.Options{Store: h.store, Subscribe: h.fold.Subscribe, Ready: ready, Region: "FR"})
	finding := make(chan error, 1)
	go func() { finding <- finder.Run(ctx) }()
	metrics := prometheus.NewRegistry()
	hooks, err := ingress.NewHooks(h, 2<<20, time.Now, metrics)
	require.NoError(t, err)
	events, err := ingress.NewEvents(h, metrics)
	require.NoError(t, err)
	o := Options{
		Hub: h, Tokens: h.tokens, Keys: views.Keys{Region: "FR"}, Search: finder, Hooks: hooks.Handle, Events: events.Handle, Metrics: metrics,
		Log: hclog.New(&hclog.LoggerOptions{Output: &syncWriter{w: h.log}}), Version: "1.2.3", PageOnLoopback: true,
	}
	for _, c := range change {
		c(&o)
	}
	h.api, err = New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		closing, done := context.WithTimeout(context.Background(), 30*time.Second)
		defer done()
		require.NoError(t, h.api.Close(closing))
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, <-finding)
		require.NoError(t, h.journal.Close())
	})
	return h
}

type syncWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *syncWriter) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// entry journals one entry and waits until it is folded.
func (h *house) entry(typ canon.EntryType, head canon.Head, data any) canon.Position {
	h.t.Helper()
	e, err := router.NewEntry(typ, head, data)
	require.NoError(h.t, err)
	return h.append(e)
}

func (h *house) append(e ...bus.Entry) canon.Position {
	h.t.Helper()
	rec, err := h.journal.Append(context.Background(), bus.ClassCommand, e)
	require.NoError(h.t, err)
	require.NoError(h.t, h.fold.WaitFolded(context.Background(), rec.Offset))
	return rec.Position(0)
}

func observed(head canon.Head, o canon.Observation) (bus.Entry, error) {
	p := o.DetachPersonal()
	data, err := json.Marshal(o)
	if err != nil {
		return bus.Entry{}, err
	}
	var personal []byte
	if p != nil {
		if personal, err = json.Marshal(p); err != nil {
			return bus.Entry{}, err
		}
	}
	return router.ObservationEntry(head, data, personal)
}

func (h *house) see(conn string, o canon.Observation) {
	h.t.Helper()
	o.Aspect = canon.AspectMain
	e, err := observed(canon.Head{Connection: conn, Actor: "connection:" + conn, ReadStamp: canon.Position{Offset: h.journal.End()}}, o)
	require.NoError(h.t, err)
	h.append(e)
}

func (h *house) level(conn, stock, at string, n int64) {
	h.t.Helper()
	h.see(conn, canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(stock, at), Level: &canon.LevelState{StockID: stock, Location: at, Available: &n}})
}

// furnish gives the house a ring, a chain and a client: enough for most routes.
func (h *house) furnish() {
	h.t.Helper()
	h.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, settings())
	h.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t1", Listing: &canon.ListingState{
		Title: "Solitaire ring", SKU: "SOL-1", Serial: "SN-1", Home: "paris", Metal: "18k yellow gold", Cost: &canon.StatedMoney{Amount: "900.00", Currency: "EUR"},
		Certificates: []canon.StatedCert{{Lab: "GIA", Number: "2141438171"}}, Prices: []canon.StatedMoney{{Amount: "2400.00", Currency: "EUR"}},
	}})
	h.level("till-file", "t1", "paris", 1)
	h.see("web-eu", canon.Observation{Kind: canon.KindListing, ExternalID: "w1", Listing: &canon.ListingState{Title: "Solitaire", SKU: "sol-1", Status: "active"}})
	h.level("web-eu", "w1", "L1", 1)
	off := false
	h.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t2", Listing: &canon.ListingState{Title: "Chain", SKU: "CHAIN-45", Home: "paris", Serialized: &off}})
	h.level("till-file", "t2", "paris", 7)
	h.see("web-eu", canon.Observation{Kind: canon.KindListing, ExternalID: "w9", Listing: &canon.ListingState{Title: "=HYPERLINK(1)"}})
	h.see("web-eu", canon.Observation{Kind: canon.KindCustomer, ExternalID: "c1", Customer: &canon.CustomerState{Person: &canon.PersonState{
		GivenName: "Amélie", FamilyName: "Martin", Emails: []string{"amelie@example.com"}, Phones: []string{"06 12 34 56 78"},
	}}})
	for _, conn := range []string{"till-file", "web-eu", "shop"} {
		h.entry(canon.EntryCommand, canon.Head{Actor: "setup"}, canon.Command{
			Key: "live-" + conn, ID: "live-" + conn,
			SetMode: &canon.SetMode{Connection: conn, Mode: canon.ModeLive, PlanDigest: "d", Plan: "d"},
		})
	}
	h.entry(canon.EntryAdopt, canon.Head{Actor: "hub"}, canon.Adopt{Items: []string{h.ring(), h.chain()}})
}

func (h *house) ring() string  { return h.golden("till-file", "t1") }
func (h *house) chain() string { return h.golden("till-file", "t2") }

func (h *house) golden(conn, listing string) string {
	h.t.Helper()
	v, err := h.store.View()
	require.NoError(h.t, err)
	defer v.Close()
	id, err := views.Resolve(v, store.TypeItem, canon.NodeID("itm", conn, canon.KindListing, listing))
	require.NoError(h.t, err)
	return id
}

// reply is what came back of a request.
type reply struct {
	status int
	header http.Header
	body   string
}

func (a reply) json(t testing.TB, path ...string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			require.NotEmpty(t, x, "%s of %s", p, a.body)
			v = x[0].(map[string]any)[p]
		default:
			require.Fail(t, "no "+p+" in "+a.body)
		}
	}
	return v
}

// ask sends a request with the token of a role; header pairs follow the body.
func (h *house) ask(role access.Role, method, path, body string, header ...string) reply {
	h.t.Helper()
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+h.text[role])
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := h.api.App().Test(req, 10_000)
	require.NoError(h.t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	return reply{res.StatusCode, res.Header, string(b)}
}

// The house as the hub.

func (h *house) View() (store.View, error) { return h.store.View() }

func (h *house) Do(ctx context.Context, actor string, cmd canon.Command) (canon.Outcome, error) {
	if h.broken != nil {
		return canon.Outcome{}, h.broken
	}
	if m := cmd.SetMode; m != nil && m.Mode == canon.ModeLive {
		v, err := h.store.View()
		if err != nil {
			return canon.Outcome{}, err
		}
		defer v.Close()
		if cmd.SetMode, err = reconcile.ProposeLive(v, m.Connection, scopeIn(m), m.PlanDigest); err != nil {
			return canon.Outcome{}, err
		}
	}
	return h.fold.Do(ctx, canon.Head{Actor: actor}, cmd)
}

func scopeIn(m *canon.SetMode) canon.Scope {
	if m.Scope == nil {
		return canon.Scope{}
	}
	return *m.Scope
}

func (h *house) Replay(ctx context.Context, actor string, r canon.Replay) (canon.Position, error) {
	e, err := router.NewEntry(canon.EntryReplay, canon.Head{Actor: actor}, r)
	if err != nil {
		return canon.Position{}, err
	}
	rec, err := h.journal.Append(ctx, bus.ClassCommand, []bus.Entry{e})
	if err != nil {
		return canon.Position{}, err
	}
	return rec.Position(0), h.fold.WaitFolded(ctx, rec.Offset)
}

func (h *house) Connections(context.Context) ([]ConnectionStatus, error) {
	if h.panics {
		panic("alice@example.com")
	}
	v, err := h.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	out := []ConnectionStatus{}
	for _, cs := range settings().Connections {
		c, err := store.Load[canon.Connection](v, store.PrefixConn+cs.Name)
		if err != nil {
			return nil, err
		}
		s := ConnectionStatus{Name: cs.Name, Connector: cs.Connector, State: "running", Asked: cs.Mode}
		if c != nil {
			s.Mode, s.Paused, s.Fused, s.LastFact, s.Scopes = c.Mode, c.Paused, c.Fused, c.LastFact, c.Scopes
		}
		out = append(out, s)
	}
	return out, nil
}

func (h *house) Check(context.Context, string) (*sdk.CheckResponse, error) {
	return &sdk.CheckResponse{Account: "Aurum"}, nil
}

func (h *house) Discover(_ context.Context, connection string) (*sdk.DiscoverResponse, error) {
	if connection == "shop" {
		return nil, errors.Join(ErrUnavailable, errors.New("restarting"))
	}
	return &sdk.DiscoverResponse{Locations: []sdk.Discovered{{ID: "L1", Name: "Paris"}}}, nil
}

func (h *house) Plan(_ context.Context, connection string, scope canon.Scope) (*reconcile.Plan, error) {
	v, err := h.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return reconcile.MakePlan(v, connection, scope)
}

func (h *house) RestartConnector(ctx context.Context, name string) (ConnectionStatus, error) {
	all, err := h.Connections(ctx)
	if err != nil || len(all) == 0 {
		return ConnectionStatus{}, ErrUnknownConnection
	}
	return all[0], nil
}

func (h *house) Reprocess(context.Context, string, time.Time, time.Time, func(intake.Progress)) (*ReprocessReport, error) {
	return &ReprocessReport{Deliveries: 2, Facts: 3}, nil
}

func (h *house) ReloadPlan(context.Context) (*ReloadPlan, error) {
	return &ReloadPlan{Digest: "d1", Changes: []ReloadChange{{Connection: "web", Does: "restart", Why: []string{"config"}}}}, nil
}

func (h *house) Reload(ctx context.Context, digest string) (*ReloadPlan, error) {
	if digest != "" && digest != "d1" {
		return nil, problem.New(problem.ReloadStale, "")
	}
	return h.ReloadPlan(ctx)
}

func (h *house) Import(ctx context.Context, _ string, progress func(intake.Progress)) (*intake.Report, error) {
	progress(intake.Progress{Rows: 3, Total: 4})
	if h.gate != nil {
		select {
		case <-h.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return &intake.Report{ID: "snap", Rows: 4}, nil
}

func (h *house) Drift(_ context.Context, connection string, _ func(intake.Progress)) (*canon.DriftReport, error) {
	if connection == "shop" {
		return nil, intake.ErrNoSnapshot
	}
	v, err := h.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return nil, err
	}
	report := &canon.DriftReport{Connection: connection, Position: mark.Position, Levels: 2, Rows: []canon.DriftRow{}}
	e, err := router.NewEntry(canon.EntryDriftReport, canon.Head{Connection: connection}, report)
	if err != nil {
		return nil, err
	}
	rec, err := h.journal.Append(context.Background(), bus.ClassPoll, []bus.Entry{e})
	if err != nil {
		return nil, err
	}
	return report, h.fold.WaitFolded(context.Background(), rec.Offset)
}

func (h *house) DriftKey(context.Context) (string, error) { return "a2V5", nil }

func (h *house) Subscribe(ctx context.Context) <-chan router.Commit { return h.fold.Subscribe(ctx) }
func (h *house) BusStatus() BusStatus                               { return h.bus }
func (h *house) Missing(context.Context) []Missing                  { return slices.Clone(h.missing) }

// The house as what is behind the doors of ingress.

func (h *house) HandleWebhook(_ context.Context, connection string, req *sdk.WebhookRequest) (int, string, []byte, error) {
	if connection != "web-eu" {
		return 0, "", nil, ingress.ErrUnknownConnection
	}
	h.hookBody = req.Body
	return 200, "text/plain", []byte("ok"), nil
}

func (h *house) Report(ctx context.Context, facts []ingress.Fact) ([]canon.Position, error) {
	entries := make([]bus.Entry, len(facts))
	for i := range facts {
		var err error
		if entries[i], err = observed(facts[i].Head, facts[i].Observation); err != nil {
			return nil, err
		}
	}
	rec, err := h.journal.Append(ctx, bus.ClassDevice, entries)
	if err != nil {
		return nil, err
	}
	out := make([]canon.Position, len(facts))
	for i := range out {
		out[i] = rec.Position(i)
	}
	return out, h.fold.WaitFolded(ctx, rec.Offset)
}
