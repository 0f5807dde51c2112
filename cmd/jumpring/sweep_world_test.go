package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/connectors/shopify"
	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/connectors/woocommerce"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// town has two shops and a hub in one process, joined without a network, so that all of them live by one virtual clock.
// Journal, fold, connectors, intake, writer and sweep are the real ones; only the processes around them are missing.
type town struct {
	t     *testing.T
	lines switchboard
	web   *shopifytwin.Server
	woo   *wootwin.Server
	place string // web's location, which is paris
	data  string
	every time.Duration // between two sweeps; 0 is none
	bulk  int           // rows from which web is read by bulk operations; every other day it is all that there is

	hub atomic.Pointer[townHub]

	mu     sync.Mutex
	pages  map[string][]string // that were asked for since watch, by connection
	onPage func(n int64)
}

// watch begins to note the pages that are asked for; onPage, which may be nil, is called before the n-th.
func (w *town) watch(onPage func(n int64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages, w.onPage = map[string][]string{}, onPage
}

func (w *town) asked() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pages
}

func (w *town) note(connection, page string) {
	w.mu.Lock()
	if w.pages == nil {
		w.mu.Unlock()
		return
	}
	w.pages[connection] = append(w.pages[connection], page)
	n := int64(0)
	for _, list := range w.pages {
		n += int64(len(list))
	}
	onPage := w.onPage
	w.mu.Unlock()
	if onPage != nil {
		onPage(n)
	}
}

// The addresses of the town, and what the shops let through.
const (
	webHost, wooHost, hubHost = "127.0.0.1:1001", "127.0.0.1:1002", "hub.test"
	perSecond                 = 2
)

// switchboard takes requests to the handlers of their hosts.
type switchboard map[string]http.Handler

func (s switchboard) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	h := s[r.URL.Host]
	if h == nil {
		return nil, fmt.Errorf("nobody listens at %s", r.URL.Host)
	}
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("the connection was cut: %v", caught)
		}
	}()
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, in)
	res = rec.Result()
	res.Request = r
	return res, nil
}

// newTown opens the shops: they lose 5 %, send twice 10 % and send late 20 % of their webhooks, and refuse more than two
// requests a second.
func newTown(t *testing.T, seed uint64, every time.Duration) *town {
	t.Helper()
	w := &town{t: t, lines: switchboard{}, data: filepath.Join(t.TempDir(), "journal"), every: every, bulk: 1000}
	if (seed+seed/100)%2 == 1 {
		w.bulk = 1
	}
	hooks := &http.Client{Transport: w.lines, Timeout: 5 * time.Second}
	w.web = shopifytwin.New(shopifytwin.Options{
		Shop: shopDomain, Currency: "EUR", ClientSecret: shopSecret, AccessToken: "shpat_1", WebhookClient: hooks, RequestsPerSecond: perSecond,
		Drop: 0.05, Duplicate: 0.10, Reorder: 0.20, Shuffle: 2 * time.Minute, Seed: seed,
	})
	w.woo = wootwin.New(wootwin.Options{
		HomeURL: "http://" + wooHost, Keys: []wootwin.Key{{ConsumerKey: "ck_1", ConsumerSecret: "cs_1"}}, CronInterval: 30 * time.Second, WebhookClient: hooks,
		RequestsPerSecond: perSecond, Drop: 0.05, Duplicate: 0.10, Reorder: 0.20, Seed: seed,
	})
	t.Cleanup(func() { w.woo.Close(); require.NoError(t, w.web.Close()) })
	w.place = w.web.AddLocation("Paris", "FR")
	w.lines[webHost], w.lines[wooHost], w.lines[hubHost] = w.web, w.woo, http.HandlerFunc(w.hook)
	return w
}

// hook takes a delivery to the hub that runs.
func (w *town) hook(rw http.ResponseWriter, r *http.Request) {
	h := w.hub.Load()
	if h == nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	c := h.lines[filepath.Base(r.URL.Path)]
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = c.deliver(r.Context(), &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Query: r.URL.RawQuery, Body: body, ReceivedAt: time.Now()})
	}
	if err != nil {
		rw.WriteHeader(http.StatusServiceUnavailable)
	}
}

// townClock has the journal stamp by the virtual clock too.
type townClock struct{ start time.Time }

func (c townClock) Now() (wall time.Time, monotonic time.Duration) {
	return time.Now(), time.Since(c.start)
}

// townHub is one run of the hub.
type townHub struct {
	town    *town
	journal *embedded.Journal
	store   *store.Memory
	router  *router.Router
	lines   map[string]*townLine
	killed  atomic.Bool
	cancel  context.CancelFunc
	done    chan error
}

// townLine is one connection of it.
type townLine struct {
	hub     *townHub
	name    string
	about   *sdk.DescribeResponse
	plugin  sdk.Connector
	intake  *intake.Connection
	drifter *reconcile.Drifter
}

// Append implements the journal of intake and reconcile. What a killed hub appends is not written.
func (h *townHub) Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	if h.killed.Load() {
		return bus.Receipt{}, errors.New("the hub was killed")
	}
	return h.router.Append(ctx, class, entries...)
}

func (h *townHub) WaitFolded(ctx context.Context, offset uint64) error {
	return h.router.WaitFolded(ctx, offset)
}
func (h *townHub) End() uint64                     { return h.router.End() }
func (h *townHub) CaughtUp(connection string) bool { return h.lines[connection].intake.CaughtUp() }

func (h *townHub) AskedSince(connection string, since time.Time) bool {
	return h.lines[connection].intake.AskedSince(since)
}

// start begins a run of the hub: the view is made anew from the journal.
func (w *town) start() *townHub {
	w.t.Helper()
	require := require.New(w.t)
	h := &townHub{town: w, store: store.NewMemory(), lines: map[string]*townLine{}, done: make(chan error, 1)}
	var err error
	h.journal, err = embedded.Open(embedded.Options{Dir: w.data, Clock: townClock{time.Now()}})
	require.NoError(err)
	h.router, err = router.New(router.Options{Journal: h.journal, Store: h.store})
	require.NoError(err)
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	w.t.Cleanup(cancel)
	require.NoError(h.router.Begin(ctx))
	end := h.journal.End()
	ready := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.router.Run(ctx) })

	web := &townLine{hub: h, name: "web", plugin: shopify.Over(w.lines)}
	woo := &townLine{hub: h, name: "woo", plugin: woocommerce.Over(w.lines)}
	h.lines["web"], h.lines["woo"] = web, woo
	web.open(ready, map[string]any{"shop": shopDomain, "endpoint": "http://" + webHost, "currency": "EUR", "bulk_from": h.town.bulk},
		map[string]string{"client_secret": shopSecret, "access_token": "shpat_1"})
	woo.open(ready, map[string]any{"url": "http://" + wooHost, "currency": "EUR", "requests_per_second": perSecond},
		map[string]string{"consumer_key": "ck_1", "consumer_secret": "cs_1", "webhook_secret": wooSecret})
	for _, l := range h.lines {
		l.run(ctx, g, ready)
	}
	adopter := &reconcile.Adopter{Journal: h, Commits: h.router.Subscribe(ctx), Ready: ready}
	g.Go(func() error { return adopter.Run(ctx) })
	g.Go(func() error {
		if err := h.router.WaitFolded(ctx, end); err != nil {
			return nil
		}
		if end <= 1 {
			if err := h.settle(ctx); err != nil {
				return err
			}
		}
		close(ready)
		return nil
	})
	go func() { h.done <- g.Wait() }()
	w.hub.Store(h)
	return h
}

// settle journals the settings.
func (h *townHub) settle(ctx context.Context) error {
	s := canon.Settings{
		MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{paris},
		Connections: []canon.ConnectionSettings{
			{Name: "web", Connector: "shopify", Mode: canon.ModeLive, SellsFrom: []string{paris}, Locations: map[string]string{h.town.place: paris}},
			{Name: "woo", Connector: "woocommerce", Mode: canon.ModeLive, SellsFrom: []string{paris}},
		},
	}
	for i := range s.Connections {
		about := h.lines[s.Connections[i].Name].about
		s.Connections[i].OrderLowersLevel, s.Connections[i].RefundRaisesLevel = about.Implied.OrderLowersLevel, about.Implied.RefundRaisesLevel
		s.Connections[i].CancelRaisesLevel = about.Implied.CancelRaisesLevel
	}
	e, err := router.NewEntry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	if err != nil {
		return err
	}
	receipt, err := h.Append(ctx, bus.ClassCommand, e)
	if err != nil {
		return err
	}
	return h.WaitFolded(ctx, receipt.Offset)
}

// stop ends a run; one that was killed has written nothing since.
func (h *townHub) stop() {
	h.town.t.Helper()
	h.town.hub.Store(nil)
	h.cancel()
	if err := <-h.done; err != nil && !h.killed.Load() {
		require.NoError(h.town.t, err)
	}
	for _, l := range h.lines {
		_, _ = l.plugin.Close(context.Background(), &sdk.CloseRequest{})
	}
	require.NoError(h.town.t, h.journal.Close())
}

// open opens a connector and makes what runs for it.
func (l *townLine) open(ready <-chan struct{}, config map[string]any, secrets map[string]string) {
	require := require.New(l.hub.town.t)
	raw, err := json.Marshal(config)
	require.NoError(err)
	res, err := l.plugin.Open(context.Background(), &sdk.OpenRequest{Connection: l.name, Config: raw, Secrets: secrets})
	require.NoError(err)
	for _, d := range res.Diagnostics {
		require.NotEqual(sdk.SeverityError, d.Severity, d.Summary)
	}
	l.about, err = l.plugin.Describe(context.Background(), &sdk.DescribeRequest{})
	require.NoError(err)
	l.about.RateLimit = sdk.RateLimit{PerSecond: perSecond, Burst: perSecond, MaxBatch: 50}
	l.about.Capabilities = []sdk.Capability{sdk.CanWebhook, sdk.CanPoll, sdk.CanSnapshot, sdk.CanRead, sdk.CanApply, sdk.CanRegister}
	for i := range l.about.Streams {
		l.about.Streams[i].IntervalMillis = (30 * 24 * time.Hour).Milliseconds() // webhooks and sweeps alone
	}
}

// run works the connection's sides.
func (l *townLine) run(ctx context.Context, g *errgroup.Group, ready <-chan struct{}) {
	require := require.New(l.hub.town.t)
	h := l.hub
	var err error
	l.intake, err = intake.New(intake.Options{
		Name: l.name, Describe: l.about, Platform: l, Journal: h, Store: h.store, Commits: h.router.Subscribe(ctx), Ready: ready,
		Hook: "https://" + hubHost + "/hooks/" + l.name, RegisterEvery: 24 * time.Hour, PageLimit: 20,
	})
	require.NoError(err)
	writer, err := reconcile.NewWriter(reconcile.Options{
		Name: l.name, Describe: l.about, Applier: l, Journal: h, Store: h.store, Lane: l.intake, Inbound: h, Commits: h.router.Subscribe(ctx),
		Ready: ready, Limits: reconcile.Limits{ChangesPerHour: 100_000, ToZeroShare: 1},
	})
	require.NoError(err)
	activator := &reconcile.Activator{Name: l.name, HasSnapshot: true, Journal: h, Store: h.store, Commits: h.router.Subscribe(ctx), Ready: ready}
	l.drifter, err = reconcile.NewDrifter(reconcile.DrifterOptions{
		Name: l.name, Journal: h, Store: h.store, Sweeper: l.intake, Ready: ready, Reads: true, Quiet: 10 * time.Minute,
		Policy: reconcile.DriftPolicy{Every: h.town.every}, Key: townKey,
	})
	require.NoError(err)
	for _, fn := range []func(context.Context) error{l.intake.Run, writer.Run, activator.Run, l.drifter.Run} {
		g.Go(func() error { return fn(ctx) })
	}
}

func (l *townLine) deliver(ctx context.Context, req *sdk.WebhookRequest) error {
	res, err := l.plugin.(sdk.WebhookHandler).HandleWebhook(ctx, req)
	if err != nil || res.Verdict != sdk.VerdictAccepted {
		return err
	}
	head := canon.Head{Connection: l.name, Actor: "connection:" + l.name, Delivery: res.DeliveryID}
	var entries []bus.Entry
	for _, o := range res.Observations {
		e, err := router.EncodeObservation(head, o)
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if len(res.Touched) > 0 {
		e, err := router.NewEntry(canon.EntryTouched, head, canon.Touched{Refs: res.Touched})
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil
	}
	_, err = l.hub.Append(ctx, bus.ClassWebhook, entries...)
	return err
}

func townFacts(observations []canon.Observation) ([]intake.Fact, error) {
	out := make([]intake.Fact, 0, len(observations))
	for _, o := range observations {
		e, err := router.EncodeObservation(canon.Head{}, o)
		if err != nil {
			return nil, err
		}
		out = append(out, intake.Fact{Kind: o.Kind, ExternalID: o.ExternalID, Data: e.Data, Personal: e.Personal})
	}
	return out, nil
}

func (l *townLine) Poll(ctx context.Context, req *sdk.PollRequest) (*intake.PollResult, error) {
	r, err := l.plugin.(sdk.Poller).Poll(ctx, req)
	if err != nil {
		return nil, err
	}
	facts, err := townFacts(r.Observations)
	return &intake.PollResult{Facts: facts, Touched: r.Touched, Cursor: r.Cursor, More: r.More}, err
}

func (l *townLine) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*intake.SnapshotResult, error) {
	l.hub.town.note(l.name, string(req.Page))
	r, err := l.plugin.(sdk.Snapshotter).Snapshot(ctx, req)
	if err != nil {
		return nil, err
	}
	facts, err := townFacts(r.Observations)
	return &intake.SnapshotResult{
		Facts: facts, Next: r.Next, Complete: r.Complete, Total: r.Total, Cursors: r.Cursors, Kinds: r.Kinds, RowErrors: r.RowErrors,
	}, err
}

func (l *townLine) Read(ctx context.Context, req *sdk.ReadRequest) (*intake.ReadResult, error) {
	r, err := l.plugin.(sdk.Reader).Read(ctx, req)
	if err != nil {
		return nil, err
	}
	facts, err := townFacts(r.Observations)
	return &intake.ReadResult{Facts: facts, RetryAfter: time.Duration(r.RetryAfterMillis) * time.Millisecond}, err
}

func (l *townLine) Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	return l.plugin.(sdk.Registrar).Register(ctx, req)
}

func (l *townLine) Apply(ctx context.Context, req *sdk.ApplyRequest) (*reconcile.ApplyResult, error) {
	r, err := l.plugin.(sdk.Applier).Apply(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &reconcile.ApplyResult{}
	for _, res := range r.Results {
		w := reconcile.WriteResult{Key: res.Key, Status: res.Status, Code: res.Code, Reason: res.Reason, RetryAfterMillis: res.RetryAfterMillis}
		if res.Shows != nil {
			facts, err := townFacts([]canon.Observation{*res.Shows})
			if err != nil {
				return nil, err
			}
			w.Shows = &facts[0]
		}
		out.Results = append(out.Results, w)
	}
	return out, nil
}

// sweepAll sweeps both shops at once and gives the reports.
func (h *townHub) sweepAll() map[string]*canon.DriftReport {
	h.town.t.Helper()
	var mu sync.Mutex
	out := map[string]*canon.DriftReport{}
	var g errgroup.Group
	for name, l := range h.lines {
		g.Go(func() error {
			r, err := l.drifter.Check(context.Background(), nil)
			mu.Lock()
			defer mu.Unlock()
			out[name] = r
			return err
		})
	}
	require.NoError(h.town.t, g.Wait())
	return out
}

// pass lets virtual time pass.
func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }
