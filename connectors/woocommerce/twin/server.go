// Package twin is a sandbox that speaks WooCommerce's REST API wc/v3 and sends its webhooks, as strictly as a running
// shop of version 10.0: what it refuses, forgets, delays and gets wrong is part of it. Tests, the demo and the
// acceptance kit run the connector against it.
//
// Known differences from the real shop: no taxes, coupons, shipping or sessions; prices have two decimals; and what
// a shop keeps beside products, orders, refunds, customers and webhooks does not exist.
package twin

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Key is a REST API key of the shop.
type Key struct {
	ConsumerKey    string
	ConsumerSecret string
	Permissions    string // read, write or read_write; empty means read_write
}

// Options set up a shop.
type Options struct {
	// HomeURL is the shop's own address ("http://127.0.0.1:8492"): it is in X-WC-Webhook-Source, and signatures are checked
	// against it. Empty takes it from the first request.
	HomeURL string
	Keys    []Key
	// Currency is an ISO 4217 code with two decimals; empty means EUR.
	Currency string
	// Gateways are the shop's payment methods and whether each returns money by itself; nil is bacs, cod and cheque, which
	// don't, and sandboxpay, which does.
	Gateways map[string]bool
	// Zone is the shop's time zone, in which it states the dates without _gmt; nil is UTC.
	Zone *time.Location
	// Now is the shop's clock; nil is the machine's.
	Now func() time.Time
	// CronInterval is how often wp-cron runs and sends what webhooks are queued; 0 means only at RunCron.
	CronInterval time.Duration
	// Latency is how long a request keeps its worker busy.
	Latency time.Duration
	// Workers is how many requests are worked on at once; 0 means 4.
	Workers int
	// RequestsPerSecond refuses requests beyond this with 429 and Retry-After, as a host's firewall does; 0 does not.
	RequestsPerSecond float64
	// Drop and Duplicate are the shares of webhook deliveries that are lost and sent twice, Reorder of those that are sent
	// one cron run later, after newer ones, as they were; 0 to 1. Seed chooses them.
	Drop, Duplicate, Reorder float64
	Seed                     uint64
	// WebhookClient sends webhooks; nil is a client with the shop's timeout of 60 s that follows no redirects.
	WebhookClient *http.Client
}

// Server is a shop. It is an http.Handler: over TLS it takes Basic or query credentials, over plain http only signatures.
type Server struct {
	opts    Options
	workers chan struct{}
	client  *http.Client
	stop    context.CancelFunc
	done    chan struct{}

	mu        sync.Mutex
	home      string
	nextID    int64
	products  map[int64]*product // and variations
	orders    map[int64]*order
	customers map[int64]*customer
	webhooks  map[int64]*webhook
	queue     []job
	nonces    map[string]time.Time
	ledger    Ledger
	counts    Counts
	faults    []*Fault
	drops     int // webhook deliveries still to lose
	doubles   int // webhook deliveries still to send twice
	rand      *rand.Rand
	pace      *rate.Limiter // nil for none

	cron sync.Mutex  // one cron run at a time
	late []*delivery // of the run before; under cron
}

// New opens a shop. Close ends it.
func New(opts Options) *Server {
	if opts.Currency == "" {
		opts.Currency = "EUR"
	}
	if opts.Gateways == nil {
		opts.Gateways = map[string]bool{"bacs": false, "cod": false, "cheque": false, "sandboxpay": true}
	}
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Workers <= 0 {
		opts.Workers = 4
	}
	s := &Server{
		opts: opts, workers: make(chan struct{}, opts.Workers), client: opts.WebhookClient, home: strings.TrimRight(opts.HomeURL, "/"), nextID: 9,
		products: map[int64]*product{}, orders: map[int64]*order{}, customers: map[int64]*customer{}, webhooks: map[int64]*webhook{},
		nonces: map[string]time.Time{}, done: make(chan struct{}), rand: rand.New(rand.NewPCG(opts.Seed, 1)),
	}
	if r := opts.RequestsPerSecond; r > 0 {
		s.pace = rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	if s.client == nil {
		s.client = &http.Client{
			Timeout:       60 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport:     &http.Transport{DisableKeepAlives: true}, // "Connection: close"
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go s.runCronTimer(ctx)
	return s
}

// Close stops the cron and waits for it.
func (s *Server) Close() {
	s.stop()
	<-s.done
}

func (s *Server) runCronTimer(ctx context.Context) {
	defer close(s.done)
	if s.opts.CronInterval <= 0 {
		<-ctx.Done()
		return
	}
	t := time.NewTicker(s.opts.CronInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.RunCron(ctx)
		}
	}
}

// now is the shop's clock, of one second.
func (s *Server) now() time.Time { return s.opts.Now().UTC().Truncate(time.Second) }

func (s *Server) id() int64 {
	s.nextID++
	return s.nextID
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.noteHome(r)
	if strings.HasPrefix(r.URL.Path, "/_twin/") {
		s.control(w, r)
		return
	}
	if s.pace != nil && !s.pace.Allow() {
		s.mu.Lock()
		s.counts.Throttled++
		s.mu.Unlock()
		w.Header().Set("Retry-After", "1")
		htmlPage(http.StatusTooManyRequests, "Too Many Requests").write(w)
		return
	}
	select {
	case s.workers <- struct{}{}:
		defer func() { <-s.workers }()
	case <-r.Context().Done():
		return
	}
	if s.opts.Latency > 0 {
		select {
		case <-time.After(s.opts.Latency):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Date", s.opts.Now().UTC().Format(http.TimeFormat))
	fault := s.takeFault(r)
	if fault != nil && fault.before(w, r) {
		return
	}
	resp := s.rest(r)
	if fault != nil && fault.after(w, resp) {
		return
	}
	resp.write(w)
}

func (s *Server) noteHome(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.home == "" {
		s.home = "http://" + r.Host
		if r.TLS != nil {
			s.home = "https://" + r.Host
		}
	}
}

// Home is the shop's own address.
func (s *Server) Home() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.home
}

// rest answers a request in WordPress's order: credentials, route, the key's permission, parameters, the user's rights.
func (s *Server) rest(r *http.Request) *response {
	path, query, ok := restRoute(r)
	if !ok {
		return htmlPage(http.StatusNotFound, "Page not found")
	}
	s.mu.Lock()
	s.counts.Requests++
	key, failed := s.authenticate(r)
	s.mu.Unlock()
	if failed != nil {
		return failed.response()
	}
	if key != nil && !key.mayDo(r.Method) {
		what := "write"
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			what = "read"
		}
		return (&apiError{401, "woocommerce_rest_authentication_error", "The API key provided does not have " + what + " permissions.", nil}).response()
	}
	return s.dispatch(&request{http: r, method: r.Method, path: path, query: query, key: key})
}

// restRoute gives the route after /wp-json, or after rest_route= with plain permalinks.
func restRoute(r *http.Request) (string, url.Values, bool) {
	query := phpQuery(r)
	if route := query.Get("rest_route"); route != "" {
		return strings.Trim(route, "/"), query, true
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/wp-json")
	return strings.Trim(path, "/"), query, ok
}
