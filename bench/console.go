package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/console"
	"github.com/jumpring/jumpring/core/search/searchtest"
	"github.com/jumpring/jumpring/core/store"
)

// The limits of the console.
const (
	mostPage     = 100 // ms, 99th percentile of each page
	mostLivePart = 20  // percent of one core
)

const (
	consoleAsked  = 200 // of each page, one at a time
	liveViewers   = 200
	livePerSecond = 100
	liveLength    = 15 * time.Second
	benchPerson   = "bench"
	benchPhrase   = "four words that nobody uses"
)

// consoles measures the pages of the console among many pieces and clients, and what it costs that many people look on.
func (b *bench) consoles() error {
	note("console: pages of a view with %d pieces and as many clients", searchPieces)
	child, err := b.start(role{Name: "console", Dir: filepath.Join(b.dir, "console"), Pieces: searchPieces})
	if err != nil {
		return err
	}
	note("  %s", child.Note)
	v, err := newVisitor(child.Address)
	if err != nil {
		return err
	}
	worst := row{what: "console, the slowest page, p99", unit: " ms", limit: mostPage}
	for _, p := range consolePages() {
		before, err := child.usage()
		if err != nil {
			return err
		}
		took, err := v.latencies(p.paths)
		if err != nil {
			return err
		}
		after, err := child.usage()
		if err != nil {
			return err
		}
		each := float64((after.own - before.own).Microseconds()) / 1000 / float64(len(took)+len(took)/20)
		p99 := took[len(took)*99/100]
		note("  %-22s p50 %6.1f ms, p99 %6.1f ms, most %6.1f ms, CPU %5.1f ms each", p.name, took[len(took)/2], p99, took[len(took)-1], each)
		if p99 > worst.value {
			worst.value, worst.hub, worst.note = p99, p99, fmt.Sprintf("%s; p50 %.1f ms, CPU %.1f ms each, %d one at a time", p.name, took[len(took)/2], each, len(took))
		}
	}
	b.rows = append(b.rows, worst)
	if err := b.end(); err != nil {
		return err
	}
	return b.live()
}

// pageSeries is one page of the console, asked for many times with other records or questions.
type pageSeries struct {
	name  string
	paths []string
}

// consolePages are the pages that are measured.
func consolePages() []pageSeries {
	r := searchtest.Rand(searchSeed + 2)
	many := func(name string, path func(*rand.Rand) string) pageSeries {
		s := pageSeries{name: name, paths: make([]string, consoleAsked)}
		for i := range s.paths {
			s.paths[i] = path(r)
		}
		return s
	}
	same := func(name, path string) pageSeries { return many(name, func(*rand.Rand) string { return path }) }
	return []pageSeries{
		same("overview", "/console"),
		many("search, by attributes", func(r *rand.Rand) string { return "/console/search?" + attributeQuery(r).Encode() }),
		many("search, by words", func(r *rand.Rand) string {
			return "/console/search?" + url.Values{"q": {freeQuery(r)}}.Encode()
		}),
		many("a piece", func(r *rand.Rand) string { return "/console/items/" + searchtest.ID(r.IntN(searchPieces)) }),
		many("clients", func(r *rand.Rand) string {
			return "/console/clients?" + url.Values{"q": {fmt.Sprintf("client%06d@example.com", r.IntN(searchPieces))}}.Encode()
		}),
		many("a client", func(r *rand.Rand) string { return "/console/clients/" + benchClient(r.IntN(searchPieces)) }),
		same("cases", "/console/cases"), same("matches", "/console/matches"), same("parked", "/console/parked"), same("connections", "/console/connections"),
		same("policy", "/console/policy"), same("report, sales", "/console/reports/sales"), same("report, inventory", "/console/reports/inventory"),
		same("report, clients", "/console/reports/clients"), same("staff", "/console/staff"),
	}
}

func benchClient(n int) string { return fmt.Sprintf("cli_%016x%06d", uint64(n)*0x9E3779B97F4A7C15, n) }

// visitor is somebody who is signed in at a console.
type visitor struct {
	at     string
	client *http.Client
}

var formToken = regexp.MustCompile(`name="form" value="([^"]+)"`)

// newVisitor takes somebody in, by the API, and signs them in as a browser does.
func newVisitor(address string) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &visitor{"http://" + address, &http.Client{Jar: jar, Timeout: time.Minute}}
	raw, err := json.Marshal(api.PersonAsked{Name: benchPerson, Role: string(access.RoleAdmin), Password: benchPhrase})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, v.at+"/v1/staff", bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	req.Header.Set("Content-Type", "application/json")
	res, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("nobody was taken in: status %d: %w", res.StatusCode, err)
	}
	form, err := v.get("/console/sign-in")
	if err != nil {
		return nil, err
	}
	token := formToken.FindSubmatch(form)
	if token == nil {
		return nil, fmt.Errorf("the sign-in page has no form")
	}
	res, err = v.client.PostForm(v.at+"/console/sign-in", url.Values{"form": {string(token[1])}, "name": {benchPerson}, "password": {benchPhrase}})
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK || res.Request.URL.Path != "/console" {
		return nil, fmt.Errorf("the sign-in led to %s with status %d: %w", res.Request.URL.Path, res.StatusCode, err)
	}
	return v, nil
}

func (v *visitor) get(path string) ([]byte, error) {
	res, err := v.client.Get(v.at + path)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it was read to its end
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.300s", path, res.StatusCode, raw)
	}
	return raw, err
}

// latencies opens pages one after the other, after a few to warm up, and gives the times in milliseconds, sorted.
func (v *visitor) latencies(paths []string) ([]float64, error) {
	for _, path := range paths[:len(paths)/20] {
		if _, err := v.get(path); err != nil {
			return nil, err
		}
	}
	return timed(len(paths), func(i int) error { _, err := v.get(paths[i]); return err })
}

// follow opens the live page's stream and counts the messages in it until stop is closed.
func (v *visitor) follow(stop <-chan struct{}, told *atomic.Int64) error {
	at, err := url.Parse(v.at)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", at.Host)
	if err != nil {
		return err
	}
	cookies := ""
	for _, c := range v.client.Jar.Cookies(at) {
		cookies += c.Name + "=" + c.Value + "; "
	}
	if _, err := fmt.Fprintf(conn, "GET /console/live HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\nAccept: text/event-stream\r\n\r\n", at.Host, cookies); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewReader(conn)
		for {
			line, err := lines.ReadSlice('\n')
			if err != nil && err != bufio.ErrBufferFull {
				return
			}
			if bytes.HasPrefix(line, []byte("event: happened")) {
				told.Add(1)
			}
		}
	}()
	<-stop
	err = conn.Close()
	<-done
	return err
}

// live measures what a hub at a steady rate of facts uses with nobody and with many looking on.
func (b *bench) live() error {
	const skus = 50
	perPhase := int(liveLength.Seconds()) * livePerSecond
	note("live: a hub that takes %d webhooks a second, with nobody and with %d people on the live page", livePerSecond, liveViewers)
	dir := filepath.Join(b.dir, "live")
	platform, err := b.start(role{Name: "platform", Dir: dir, Pieces: 2*perPhase + 50, SKUs: skus})
	if err != nil {
		return err
	}
	served, err := b.start(role{Name: "hub", Dir: dir, Shop: platform.Shop, Console: true})
	if err != nil {
		return err
	}
	p := probe(served.Address)
	if err := p.imported(2*perPhase + 50 + skus); err != nil {
		return err
	}
	var c catalogue
	if err := readJSON(filepath.Join(dir, "catalogue.json"), &c); err != nil {
		return err
	}
	l, source := newLoader(served.Address, adminToken), &orders{of: &c, buyers: max(b.buyers, 1)}
	v, err := newVisitor(served.Address)
	if err != nil {
		return err
	}
	phase := func() (float64, error) {
		list, err := source.take(perPhase)
		if err != nil {
			return 0, err
		}
		before, err := served.usage()
		if err != nil {
			return 0, err
		}
		start := time.Now()
		if _, err := open(len(list), livePerSecond, func(x *exchange, i int) error { return l.post(x, &list[i]) }); err != nil {
			return 0, err
		}
		took := time.Since(start)
		after, err := served.usage()
		return 100 * (after.own - before.own).Seconds() / took.Seconds(), err
	}
	alone, err := phase()
	if err != nil {
		return err
	}
	if err := p.quiet(time.Second, time.Minute); err != nil {
		return err
	}
	var told atomic.Int64
	var failed firstError
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range liveViewers {
		wg.Go(func() { failed.set(v.follow(stop, &told)) })
	}
	watched, err := phase()
	messages := told.Load()
	close(stop)
	wg.Wait()
	if err == nil {
		err = failed.get()
	}
	if err != nil {
		return err
	}
	if least := int64(liveViewers) * int64(liveLength.Seconds()/2); messages < least {
		return fmt.Errorf("%d messages were told to %d people in %s, %d at least were expected", messages, liveViewers, liveLength, least)
	}
	b.rows = append(b.rows, row{
		what: fmt.Sprintf("live page, %d viewers at %d facts/s, CPU", liveViewers, livePerSecond), unit: " %", hub: watched - alone, value: watched - alone, limit: mostLivePart,
		note: fmt.Sprintf("of one core; the hub's %.1f %% with nobody, %.1f %% with them, %d messages", alone, watched, messages),
	})
	return nil
}

// hall is a view of the records alone, with the connections that pages show.
type hall struct{ shelf }

func (h hall) Connections(context.Context) ([]api.ConnectionStatus, error) {
	var out []api.ConnectionStatus
	for _, name := range []string{"till", "web-eu", "web-fr"} {
		out = append(out, api.ConnectionStatus{Name: name, Connector: "shopify", Mode: canon.ModeLive, Asked: canon.ModeLive, State: "stopped", LastFact: time.Now()})
	}
	return out, nil
}

func (h hall) BusStatus() api.BusStatus { return api.BusStatus{Kind: "embedded", State: "local"} }

// consoleHub runs API and console over a view that has pieces and clients.
func (r *role) consoleHub(ctx context.Context) error {
	st, err := store.Open(store.Options{Dir: filepath.Join(r.Dir, "view")})
	if err != nil {
		return err
	}
	defer func() { _ = st.Close() }() // its folder is removed
	if err := stockShelf(st, r.Pieces); err != nil {
		return err
	}
	if err := seatClients(st, r.Pieces); err != nil {
		return err
	}
	finder, took := loadedIndex(ctx, st)
	logFile, err := os.Create(filepath.Join(r.Dir, "console.log"))
	if err != nil {
		return err
	}
	defer logFile.Close()
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: logFile})
	box := &drawers{m: map[string]*drawer{}}
	tokens, err := access.NewKeeper(box, time.Now)
	if err != nil {
		return err
	}
	if _, err := tokens.Adopt(adminToken, "admin", access.RoleAdmin, "", time.Time{}); err != nil {
		return err
	}
	staff, err := access.NewStaff(box, time.Now, tokens.Roles())
	if err != nil {
		return err
	}
	doors, err := api.New(api.Options{
		Hub: hall{shelf{store: st}}, Tokens: tokens, Staff: staff, Pages: true, Search: finder, Metrics: prometheus.NewRegistry(), Log: log,
	})
	if err != nil {
		return err
	}
	if _, err := console.Mount(doors.App(), console.Options{API: doors, Staff: staff, Kept: box, Log: log, Version: "bench"}); err != nil {
		return err
	}
	return serveWith(ctx, doors.App(), fmt.Sprintf("the index of %d pieces and as many clients was read in %.1f s", r.Pieces, took.Seconds()))
}

// seatClients writes clients, each with the first row of its timeline.
func seatClients(st store.Store, n int) error {
	r := searchtest.Rand(searchSeed + 3)
	for i := 0; i < n; {
		var w store.Writes
		for range 500 {
			c := searchtest.Client(r, i)
			c.Version = canon.Position{Offset: uint64(n + i + 1)} // behind the pieces
			raw, err := json.Marshal(c)
			if err != nil {
				return err
			}
			w.Put(store.RecordKey(store.TypeClient, c.ID), raw)
			if err := firstRow(&w, store.TypeClient, c.ID, c.Version); err != nil {
				return err
			}
			if i++; i == n {
				break
			}
		}
		if err := st.Commit(&w, store.Mark{Position: canon.Position{Offset: uint64(n + i)}}); err != nil {
			return err
		}
	}
	return nil
}

// drawers keep what is in memory by namespace.
type drawers struct {
	mu sync.Mutex
	m  map[string]*drawer
}

func (d *drawers) of(namespace string) *drawer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m[namespace] == nil {
		d.m[namespace] = &drawer{m: map[string][]byte{}}
	}
	return d.m[namespace]
}

func (d *drawers) Put(ns, k string, v []byte) error { return d.of(ns).Put(ns, k, v) }
func (d *drawers) Get(ns, k string) ([]byte, error) { return d.of(ns).Get(ns, k) }
func (d *drawers) Delete(ns, k string) error        { return d.of(ns).Delete(ns, k) }
func (d *drawers) List(ns string) ([]string, error) { return d.of(ns).List(ns) }
