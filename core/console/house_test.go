package console

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
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
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/search"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// boutique is a hub of a real journal, the real fold, the real API and the console; only the platforms are made up.
type boutique struct {
	api.Plugins // no page asks for them

	t       testing.TB
	store   *store.Memory
	journal *embedded.Journal
	fold    *router.Router
	api     *api.API
	tokens  *access.Keeper
	staff   *access.Staff
	box     *drawer
	log     *logged
	clock   *clock
}

// drawer is access.Storage in memory.
type drawer struct {
	mu sync.Mutex
	m  map[string]map[string][]byte
}

func (d *drawer) Put(ns, k string, v []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m[ns] == nil {
		d.m[ns] = map[string][]byte{}
	}
	d.m[ns][k] = v
	return nil
}

func (d *drawer) Get(ns, k string) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.m[ns][k], nil
}

func (d *drawer) Delete(ns, k string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.m[ns], k)
	return nil
}

func (d *drawer) List(ns string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for k := range d.m[ns] {
		out = append(out, k)
	}
	return out, nil
}

// clock is the console's clock: it stands still until a test moves it on, however slow the machine is.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
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

func newBoutique(t testing.TB, change ...func(*Options)) *boutique {
	t.Helper()
	b := &boutique{t: t, store: store.NewMemory(), log: &logged{}, clock: &clock{at: time.Now()}}
	var err error
	b.journal, err = embedded.Open(embedded.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	b.fold, err = router.New(router.Options{Journal: b.journal, Store: b.store})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, b.fold.Begin(ctx))
	ended := make(chan error, 1)
	go func() { ended <- b.fold.Run(ctx) }()
	box := &drawer{m: map[string]map[string][]byte{}}
	b.box = box
	b.tokens, err = access.NewKeeper(box, b.clock.now)
	require.NoError(t, err)
	b.staff, err = access.NewStaff(box, b.clock.now, b.tokens.Roles())
	require.NoError(t, err)
	ready := make(chan struct{})
	close(ready)
	finder := search.NewLive(search.Options{Store: b.store, Subscribe: b.fold.Subscribe, Ready: ready, Region: "FR"})
	finding := make(chan error, 1)
	go func() { finding <- finder.Run(ctx) }()
	b.api, err = api.New(api.Options{
		Hub: b, Tokens: b.tokens, Staff: b.staff, Pages: true, Keys: views.Keys{Region: "FR"}, Search: finder, Metrics: prometheus.NewRegistry(), Audit: newRecorder(t, b.journal),
		Log: hclog.New(&hclog.LoggerOptions{Output: b.log}), Version: "1.2.3",
	})
	require.NoError(t, err)
	o := Options{API: b.api, Staff: b.staff, Kept: box, ReportWait: time.Minute, Log: hclog.New(&hclog.LoggerOptions{Output: b.log}), Version: "1.2.3", Now: b.clock.now}
	for _, c := range change {
		c(&o)
	}
	_, err = Mount(b.api.App(), o)
	require.NoError(t, err)
	t.Cleanup(func() {
		closing, done := context.WithTimeout(context.Background(), 60*time.Second)
		defer done()
		require.NoError(t, b.api.Close(closing))
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, <-finding)
		require.NoError(t, b.journal.Close())
	})
	return b
}

func (b *boutique) entry(typ canon.EntryType, head canon.Head, data any) canon.Position {
	b.t.Helper()
	e, err := router.NewEntry(typ, head, data)
	require.NoError(b.t, err)
	return b.append(e)
}

func (b *boutique) append(e ...bus.Entry) canon.Position {
	b.t.Helper()
	rec, err := b.journal.Append(context.Background(), bus.ClassCommand, e)
	require.NoError(b.t, err)
	require.NoError(b.t, b.fold.WaitFolded(context.Background(), rec.Offset))
	return rec.Position(0)
}

func (b *boutique) see(conn string, o canon.Observation) {
	b.t.Helper()
	o.Aspect = canon.AspectMain
	personal := o.DetachPersonal()
	data, err := json.Marshal(o)
	require.NoError(b.t, err)
	var own []byte
	if personal != nil {
		own, err = json.Marshal(personal)
		require.NoError(b.t, err)
	}
	e, err := router.ObservationEntry(canon.Head{Connection: conn, Actor: "connection:" + conn, ReadStamp: canon.Position{Offset: b.journal.End()}}, data, own)
	require.NoError(b.t, err)
	b.append(e)
}

func (b *boutique) level(conn, stock, at string, n int64) {
	b.t.Helper()
	b.see(conn, canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(stock, at), Level: &canon.LevelState{StockID: stock, Location: at, Available: &n}})
}

// The report number of the boutique's ring, and a name that somebody tried to do harm with.
const (
	reportNumber = "2141438171"
	evilName     = `<script>document.title='pwned'</script><img src=x onerror=alert(1)>`
)

// furnish gives the boutique what every page needs: a ring that was sold twice, a chain, a listing without a key, clients
// of whom two are one, an entry that could not be applied.
func (b *boutique) furnish() {
	b.t.Helper()
	s := settings()
	for i := range s.Connections {
		if s.Connections[i].Connector != "csv" {
			s.Connections[i].Actions = []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines}
		}
	}
	b.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	b.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t1", Listing: &canon.ListingState{
		Title: "Solitaire ring", SKU: "SOL-1", Serial: "SN-1", Home: "paris", Metal: "18k yellow gold", Brand: "Aurum", Cost: &canon.StatedMoney{Amount: "1234.56", Currency: "EUR"},
		Certificates: []canon.StatedCert{{Lab: "GIA", Number: reportNumber}}, Prices: []canon.StatedMoney{{Amount: "2400.00", Currency: "EUR"}},
	}})
	b.level("till-file", "t1", "paris", 1)
	b.see("web-eu", canon.Observation{Kind: canon.KindListing, ExternalID: "w1", Listing: &canon.ListingState{Title: "Solitaire", SKU: "sol-1", Status: "active"}})
	b.level("web-eu", "w1", "L1", 1)
	b.see("shop", canon.Observation{Kind: canon.KindListing, ExternalID: "p1", Listing: &canon.ListingState{Title: "Solitaire", SKU: "SOL-1", Status: "active"}})
	off := false
	b.see("till-file", canon.Observation{Kind: canon.KindListing, ExternalID: "t2", Listing: &canon.ListingState{
		Title: "Chain", SKU: "CHAIN-45", Home: "paris", Serialized: &off, Prices: []canon.StatedMoney{{Amount: "180.00", Currency: "EUR"}},
	}})
	b.level("till-file", "t2", "paris", 7)
	b.see("web-eu", canon.Observation{Kind: canon.KindListing, ExternalID: "w9", Listing: &canon.ListingState{Title: "Ring without a number", Status: "active"}})
	customer := func(conn, id, given, family, email string) {
		b.see(conn, canon.Observation{Kind: canon.KindCustomer, ExternalID: id, Customer: &canon.CustomerState{Person: &canon.PersonState{
			GivenName: given, FamilyName: family, Emails: []string{email}, Phones: []string{"06 12 34 56 78"},
		}}})
	}
	customer("web-eu", "c1", "Amélie", "Martin", "amelie@example.com")
	customer("shop", "c7", "Amélie", "Martin", "amelie@example.com")
	b.see("web-eu", canon.Observation{Kind: canon.KindCustomer, ExternalID: "c2", Customer: &canon.CustomerState{Person: &canon.PersonState{
		GivenName: evilName, FamilyName: "Weber", Emails: []string{"weber@example.com"},
	}}})
	for _, conn := range []string{"till-file", "web-eu", "shop"} {
		b.entry(canon.EntryCommand, canon.Head{Actor: "setup"}, canon.Command{
			Key: "live-" + conn, ID: "live-" + conn, SetMode: &canon.SetMode{Connection: conn, Mode: canon.ModeLive, PlanDigest: "d", Plan: "d"},
		})
	}
	b.entry(canon.EntryAdopt, canon.Head{Actor: "hub"}, canon.Adopt{Items: []string{b.golden("t1"), b.golden("t2")}})
	for conn, listing := range map[string]string{"web-eu": "w1", "shop": "p1"} {
		b.see(conn, canon.Observation{Kind: canon.KindOrder, ExternalID: "o1", Order: &canon.OrderState{
			Number: "1001", Status: canon.OrderOpen, PlacedAt: time.Now().UTC().Truncate(time.Second), Currency: "EUR", CustomerID: map[string]string{"web-eu": "c1", "shop": "c7"}[conn],
			Total: canon.StatedMoney{Amount: "2400.00", Currency: "EUR"},
			Lines: []canon.OrderLine{{ID: "1", ListingID: listing, Title: "Solitaire", Quantity: 1, Price: canon.StatedMoney{Amount: "2400.00", Currency: "EUR"}}},
		}})
	}
	b.entry(canon.EntryObservation, canon.Head{Connection: "web-eu"}, map[string]any{"kind": "listing", "external_id": "bad", "listing": "no object"})
}

func (b *boutique) golden(listing string) string {
	b.t.Helper()
	v, err := b.store.View()
	require.NoError(b.t, err)
	defer v.Close()
	id, err := views.Resolve(v, store.TypeItem, canon.NodeID("itm", "till-file", canon.KindListing, listing))
	require.NoError(b.t, err)
	return id
}

// password is everybody's in these tests.
const password = "three calm words"

func (b *boutique) hire(name string, role access.Role, location string) {
	b.t.Helper()
	_, err := b.staff.Add(access.Person{Name: name, Role: role, Location: location, Shown: strings.ToUpper(name[:1]) + name[1:]}, password)
	require.NoError(b.t, err)
}

// browser is a person's browser: it keeps cookies and sends forms.
type browser struct {
	b       *boutique
	cookies map[string]string
	header  map[string]string
	csrf    map[string]string // of the forms, by session
}

func (b *boutique) browser() *browser {
	return &browser{b: b, cookies: map[string]string{}, header: map[string]string{}, csrf: map[string]string{}}
}

// seen is an answer.
type seen struct {
	status int
	body   string
	header http.Header
	at     string // where a redirect leads
}

func (w *browser) send(method, path string, form url.Values) seen {
	w.b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req := httptest.NewRequest(method, path, body)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range w.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for name, value := range w.header {
		req.Header.Set(name, value)
	}
	res, err := w.b.api.App().Test(req, 60_000)
	require.NoError(w.b.t, err)
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 || c.Value == "" {
			delete(w.cookies, c.Name)
		} else {
			w.cookies[c.Name] = c.Value
		}
	}
	raw, err := io.ReadAll(res.Body)
	require.NoError(w.b.t, err)
	return seen{res.StatusCode, string(raw), res.Header, res.Header.Get("Location")}
}

func (w *browser) get(path string) seen { w.b.t.Helper(); return w.send("GET", path, nil) }

var hiddenField = regexp.MustCompile(`<input type="hidden" name="(csrf|form)" value="([^"]+)">`)

// token gives the token of the forms of a page.
func (s seen) token(t testing.TB, name string) string {
	t.Helper()
	for _, m := range hiddenField.FindAllStringSubmatch(s.body, -1) {
		if m[1] == name {
			return m[2]
		}
	}
	require.Fail(t, "the page has no "+name, s.body)
	return ""
}

// submit sends a form with the token that the account's page has.
func (w *browser) submit(path string, fields ...string) seen {
	w.b.t.Helper()
	session := w.cookies["jumpring"]
	if w.csrf[session] == "" {
		w.csrf[session] = w.get("/console/account").token(w.b.t, "csrf")
	}
	form := url.Values{"csrf": {w.csrf[session]}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.send("POST", path, form)
}

func (w *browser) trySignIn(name, word string) seen {
	w.b.t.Helper()
	form := w.get("/console/sign-in").token(w.b.t, "form")
	return w.send("POST", "/console/sign-in", url.Values{"form": {form}, "name": {name}, "password": {word}})
}

func (b *boutique) signedIn(name string) *browser {
	b.t.Helper()
	w := b.browser()
	res := w.trySignIn(name, password)
	require.Equal(b.t, 303, res.status, res.body)
	return w
}

// The boutique as the hub.

func (b *boutique) View() (store.View, error) { return b.store.View() }

func (b *boutique) Do(ctx context.Context, actor string, cmd canon.Command) (canon.Outcome, error) {
	if m := cmd.SetMode; m != nil && m.Mode == canon.ModeLive {
		v, err := b.store.View()
		if err != nil {
			return canon.Outcome{}, err
		}
		defer v.Close()
		if cmd.SetMode, err = reconcile.ProposeLive(v, m.Connection, scopeIn(m), m.PlanDigest); err != nil {
			return canon.Outcome{}, err
		}
	}
	return b.fold.Do(ctx, canon.Head{Actor: actor}, cmd)
}

func scopeIn(m *canon.SetMode) canon.Scope {
	if m.Scope == nil {
		return canon.Scope{}
	}
	return *m.Scope
}

func (b *boutique) Replay(ctx context.Context, actor string, r canon.Replay) (canon.Position, error) {
	e, err := router.NewEntry(canon.EntryReplay, canon.Head{Actor: actor}, r)
	if err != nil {
		return canon.Position{}, err
	}
	rec, err := b.journal.Append(ctx, bus.ClassCommand, []bus.Entry{e})
	if err != nil {
		return canon.Position{}, err
	}
	return rec.Position(0), b.fold.WaitFolded(ctx, rec.Offset)
}

func (b *boutique) Connections(context.Context) ([]api.ConnectionStatus, error) {
	v, err := b.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	out := []api.ConnectionStatus{}
	for _, cs := range settings().Connections {
		c, err := store.Load[canon.Connection](v, store.PrefixConn+cs.Name)
		if err != nil {
			return nil, err
		}
		s := api.ConnectionStatus{Name: cs.Name, Connector: cs.Connector, State: "running", Asked: cs.Mode}
		if c != nil {
			s.Mode, s.Paused, s.Fused, s.LastFact = c.Mode, c.Paused, c.Fused, c.LastFact
		}
		if cs.Name == "shop" {
			s.Unmapped, s.LastError = []string{"warehouse-2"}, "locations are not mapped, their stock is not written: warehouse-2"
			s.LastErrorAt = time.Now()
		}
		out = append(out, s)
	}
	return out, nil
}

func (b *boutique) Health(_ context.Context, connection string) (*sdk.HealthResponse, error) {
	if connection == "till-file" {
		return nil, api.ErrUnavailable
	}
	return &sdk.HealthResponse{OK: true, QuotaLimit: 1000, QuotaLeft: 740}, nil
}

func (b *boutique) Check(context.Context, string) (*sdk.CheckResponse, error) {
	return &sdk.CheckResponse{Account: "Aurum", Facts: map[string]string{"plan": "plus"}}, nil
}

func (b *boutique) Discover(context.Context, string) (*sdk.DiscoverResponse, error) {
	return &sdk.DiscoverResponse{Locations: []sdk.Discovered{{ID: "L1", Name: "Paris"}, {ID: "warehouse-2", Name: "Second warehouse"}}}, nil
}

func (b *boutique) Plan(_ context.Context, connection string, at canon.Scope) (*reconcile.Plan, error) {
	v, err := b.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return reconcile.MakePlan(v, connection, at)
}

func (b *boutique) RestartConnector(ctx context.Context, name string) (api.ConnectionStatus, error) {
	all, err := b.Connections(ctx)
	if err != nil || len(all) == 0 {
		return api.ConnectionStatus{}, api.ErrUnknownConnection
	}
	return all[0], nil
}

func (b *boutique) Reprocess(context.Context, string, time.Time, time.Time, func(intake.Progress)) (*api.ReprocessReport, error) {
	return &api.ReprocessReport{}, nil
}

func (b *boutique) ReloadPlan(context.Context) (*api.ReloadPlan, error) {
	return &api.ReloadPlan{}, nil
}

func (b *boutique) Reload(ctx context.Context, _ string) (*api.ReloadPlan, error) {
	return b.ReloadPlan(ctx)
}

func (b *boutique) Import(_ context.Context, _ string, progress func(intake.Progress)) (*intake.Report, error) {
	progress(intake.Progress{Rows: 4, Total: 4})
	return &intake.Report{ID: "snap", Rows: 4}, nil
}

func (b *boutique) Drift(_ context.Context, connection string, _ func(intake.Progress)) (*canon.DriftReport, error) {
	shows, should := int64(1), int64(0)
	v, err := b.store.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return nil, err
	}
	report := &canon.DriftReport{Connection: connection, At: time.Now().UTC(), Position: mark.Position, Levels: 2, Rows: []canon.DriftRow{}}
	if connection == "web-eu" {
		report.Rows = append(report.Rows, canon.DriftRow{Connection: connection, ExternalID: "w1@L1", Title: "Solitaire", Field: "available", Shows: &shows, Should: &should, Drift: canon.DriftManual})
	}
	e, err := router.NewEntry(canon.EntryDriftReport, canon.Head{Connection: connection}, report)
	if err != nil {
		return nil, err
	}
	rec, err := b.journal.Append(context.Background(), bus.ClassPoll, []bus.Entry{e})
	if err != nil {
		return nil, err
	}
	return report, b.fold.WaitFolded(context.Background(), rec.Offset)
}

func (b *boutique) DriftKey(context.Context) (string, error)           { return "a2V5", nil }
func (b *boutique) Subscribe(ctx context.Context) <-chan router.Commit { return b.fold.Subscribe(ctx) }
func (b *boutique) BusStatus() api.BusStatus                           { return api.BusStatus{Kind: "embedded", State: "local"} }
func (b *boutique) Missing(context.Context) []api.Missing              { return nil }
