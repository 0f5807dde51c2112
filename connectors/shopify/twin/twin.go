// Package twin is a sandbox that speaks Shopify's Admin API as strictly as the vendor: tokens, scopes, versions, query
// validation, cost throttling, idempotency keys, compare-and-set, signed webhooks with retries. It keeps a ledger of
// its own, from which an auditor judges what an integration did to the shop.
//
// It is made for tests and demonstrations on one machine. The doors under /_twin/ play the shopper and the merchant and
// ask for no token, so it must not listen on a public address.
package twin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options configure a Server. The zero value of each field is a shop on the smallest plan.
type Options struct {
	Shop     string // aurum.myshopify.com
	Name     string
	Currency string // ISO 4217

	ClientID     string
	ClientSecret string // signs webhooks
	AccessToken  string // accepted until revoked; empty: only tokens from the token endpoint
	RefreshToken string // accepted once by the token endpoint; its answer has the next one
	TokenTTL     time.Duration
	Scopes       []string // granted; nil grants all that the sandbox knows
	HidePersonal bool     // the app has no approval for protected customer data

	BucketSize  float64 // points; 2000
	RestoreRate float64 // points per second; 100
	// MaxCursorDepth is how many rows one cursor can be followed; 25,000.
	MaxCursorDepth int
	Latency        time.Duration // of every API answer

	// AllowHTTP accepts webhook addresses without TLS, which the vendor never does.
	AllowHTTP bool
	// RetryUnit is the wait before the first of eight retries; each further one doubles it. 56 s spreads them over four hours.
	RetryUnit time.Duration
	// WebhookTimeout is how long an answer is waited for; 5 s.
	WebhookTimeout time.Duration
	// RequestsPerSecond refuses API requests beyond this with 429, whatever the bucket holds; 0 does not.
	RequestsPerSecond float64
	// WebhookClient sends webhooks; nil is a client with WebhookTimeout.
	WebhookClient *http.Client
	// Shuffle delays each delivery by a random time up to this, so that they overtake each other; Reorder is the share of
	// deliveries that it delays, 0 to 1, where 0 is all.
	Shuffle time.Duration
	Reorder float64
	// Duplicate and Drop are the shares of deliveries sent twice and not at all, 0 to 1.
	Duplicate, Drop float64
	Seed            uint64

	// BulkAtOnce is how many bulk queries may run at once; 5. One is what versions before 2026-01 allow.
	BulkAtOnce int
	// BulkTime is how long a bulk operation takes, and BulkPerObject how much longer for each of its rows; 50 ms and 100 µs.
	BulkTime, BulkPerObject time.Duration

	// CancelAfter is how long an order's cancellation takes after the mutation was answered; 20 ms.
	CancelAfter time.Duration

	// Clock replaces time.Now for the times that the shop states.
	Clock func() time.Time
}

// AllScopes are the access scopes that the sandbox knows.
var AllScopes = []string{"read_customers", "read_inventory", "read_locations", "read_orders", "read_products", "read_returns", "write_inventory", "write_orders", "write_products", "write_publications"}

func (o *Options) defaults() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&o.Shop, "aurum.myshopify.com")
	set(&o.Name, "Aurum")
	set(&o.Currency, "EUR")
	set(&o.ClientID, "twin-client")
	set(&o.ClientSecret, "twin-secret")
	if o.Scopes == nil {
		o.Scopes = AllScopes
	}
	if o.BucketSize == 0 {
		o.BucketSize = 2000
	}
	if o.RestoreRate == 0 {
		o.RestoreRate = 100
	}
	if o.MaxCursorDepth == 0 {
		o.MaxCursorDepth = cursorDeep
	}
	if o.RetryUnit == 0 {
		o.RetryUnit = 56 * time.Second
	}
	if o.WebhookTimeout == 0 {
		o.WebhookTimeout = 5 * time.Second
	}
	if o.BulkAtOnce == 0 {
		o.BulkAtOnce = 5
	}
	if o.BulkTime == 0 {
		o.BulkTime = 50 * time.Millisecond
	}
	if o.BulkPerObject == 0 {
		o.BulkPerObject = 100 * time.Microsecond
	}
	if o.CancelAfter == 0 {
		o.CancelAfter = 20 * time.Millisecond
	}
	if o.TokenTTL == 0 {
		o.TokenTTL = time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
}

// Server is a shop. It is an http.Handler; Start listens by itself.
type Server struct {
	opts   Options
	outbox *outbox
	faults faults
	http   *http.Server
	pace   *rate.Limiter // nil for none

	mu     sync.Mutex
	state  *state
	ledger Ledger
	tokens map[string]time.Time // access token → expiry; zero never expires
	renew  string               // the refresh token that is valid now
	points float64
	at     time.Time
}

// New makes a shop with one location.
func New(opts Options) *Server {
	opts.defaults()
	s := &Server{opts: opts, state: newState(), tokens: map[string]time.Time{}, renew: opts.RefreshToken, points: opts.BucketSize, at: time.Now()}
	if opts.AccessToken != "" {
		s.tokens[opts.AccessToken] = time.Time{}
	}
	if r := opts.RequestsPerSecond; r > 0 {
		s.pace = rate.NewLimiter(rate.Limit(r), max(1, int(r)))
	}
	s.outbox = newOutbox(s)
	s.AddLocation("Boutique", "FR")
	return s
}

// Start listens on an address of this machine alone, such as "127.0.0.1:0", and gives the base URL. Close ends it.
func (s *Server) Start(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("twin: %q is not a loopback address", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("twin: listen: %w", err)
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.http.Serve(l) }() // ends with Close, which makes Serve return
	return "http://" + l.Addr().String(), nil
}

// Close stops listening and delivering.
func (s *Server) Close() error {
	s.outbox.close()
	if s.http == nil {
		return nil
	}
	if err := s.http.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("twin: close: %w", err)
	}
	return nil
}

// Handler paths.
var (
	apiPath        = regexp.MustCompile(`^/admin/api/([^/]+)/graphql\.json$`)
	versionPattern = regexp.MustCompile(`^\d{4}-\d{2}$`)
	// supported versions, oldest first: an older one falls forward to the first.
	supported = []string{"2026-01", "2026-04", "2026-07", "2026-10"}
)

// ServeHTTP answers the Admin API, the token endpoint and the doors under /_twin/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, "/_twin/"):
		s.control(w, r)
	case strings.HasPrefix(r.URL.Path, "/bulk/"):
		s.bulkDownload(w, r)
	case r.URL.Path == "/admin/oauth/access_token" && r.Method == http.MethodPost:
		s.token(w, r)
	default:
		m := apiPath.FindStringSubmatch(r.URL.Path)
		if m == nil || r.Method != http.MethodPost {
			reply(w, http.StatusNotFound, map[string]any{"errors": "Not Found"})
			return
		}
		version := served(m[1])
		if version == "" {
			reply(w, http.StatusNotFound, map[string]any{"errors": "Not Found"})
			return
		}
		w.Header().Set("X-Shopify-API-Version", version)
		s.graphQL(w, r)
	}
}

// served gives the version that answers for an asked one; "" when it is none.
func served(asked string) string {
	switch {
	case asked == "unstable" || slices.Contains(supported, asked):
		return asked
	case versionPattern.MatchString(asked) && asked < supported[0]:
		return supported[0]
	}
	return ""
}

func (s *Server) now() time.Time { return s.opts.Clock().UTC().Truncate(time.Second) }

func (s *Server) granted(scope string) bool {
	if slices.Contains(s.opts.Scopes, scope) {
		return true
	}
	rest, read := strings.CutPrefix(scope, "read_")
	return read && slices.Contains(s.opts.Scopes, "write_"+rest)
}

func (s *Server) authorized(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	expires, ok := s.tokens[token]
	return ok && token != "" && (expires.IsZero() || time.Now().Before(expires))
}

// RevokeTokens makes every access token invalid, as an expiry or an uninstall does.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.tokens)
}

// token is the OAuth endpoint: a refresh token is good once.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	var req struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
		RefreshToken string `json:"refresh_token"`
		GrantType    string `json:"grant_type"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&req); err != nil {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_request"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.Counts.TokenRequests++
	if req.ClientID != s.opts.ClientID || req.ClientSecret != s.opts.ClientSecret {
		reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	answer := map[string]any{"scope": strings.Join(s.opts.Scopes, ",")}
	switch req.GrantType {
	case "refresh_token":
		if s.renew == "" || req.RefreshToken != s.renew {
			reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
			return
		}
		s.renew = "shprt_" + random()
		answer["refresh_token"], answer["refresh_token_expires_in"] = s.renew, 90*24*3600
	case "client_credentials":
	default:
		reply(w, http.StatusBadRequest, map[string]any{"error": "unsupported_grant_type"})
		return
	}
	access := "shpat_" + random()
	s.tokens[access] = time.Now().Add(s.opts.TokenTTL)
	answer["access_token"], answer["expires_in"] = access, int(s.opts.TokenTTL.Seconds())
	reply(w, http.StatusOK, answer)
}

func random() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // crypto/rand never fails on a supported system
	}
	return hex.EncodeToString(b[:])
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(scalar(body), '\n')) // a reader that left needs no answer
}

// graphQL answers one API request.
func (s *Server) graphQL(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.ledger.Counts.Requests++
	refused := s.pace != nil && !s.pace.Allow()
	if refused {
		s.ledger.Counts.Throttled++
	}
	s.mu.Unlock()
	if refused {
		w.Header().Set("Retry-After", "1.0")
		reply(w, http.StatusTooManyRequests, map[string]any{"errors": "Exceeded call limit"})
		return
	}
	if !s.authorized(r.Header.Get("X-Shopify-Access-Token")) {
		reply(w, http.StatusUnauthorized, map[string]any{"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"})
		return
	}
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		reply(w, http.StatusUnsupportedMediaType, map[string]any{"errors": "Unsupported media type"})
		return
	}
	var req struct {
		Query         string         `json:"query"`
		Variables     map[string]any `json:"variables"`
		OperationName string         `json:"operationName"`
	}
	dec := json.NewDecoder(io.LimitReader(r.Body, 4<<20))
	dec.UseNumber()
	if err := dec.Decode(&req); err != nil || req.Query == "" {
		reply(w, http.StatusBadRequest, map[string]any{"errors": map[string]any{"query": "Required parameter missing or invalid"}})
		return
	}
	if err := pause(r.Context(), s.opts.Latency); err != nil {
		return
	}
	op, vars, errs := prepare(req.Query, req.OperationName, req.Variables)
	if len(errs) > 0 {
		reply(w, http.StatusOK, map[string]any{"errors": errs})
		return
	}
	x := &execution{srv: s, op: op, variables: vars, host: r.Host}
	fault := s.faults.take(string(op.Operation))
	if fault != nil && fault.before(r.Context(), w) {
		return
	}
	body := s.execute(x, fault)
	if fault != nil && fault.after(r.Context(), w) {
		return
	}
	reply(w, http.StatusOK, body)
}

type costReport struct {
	Requested float64        `json:"requestedQueryCost"`
	Actual    *float64       `json:"actualQueryCost"`
	Throttle  throttleStatus `json:"throttleStatus"`
}

type throttleStatus struct {
	Maximum   float64 `json:"maximumAvailable"`
	Available float64 `json:"currentlyAvailable"`
	Restore   float64 `json:"restoreRate"`
}

// execute runs an operation if the bucket has the points for it.
func (s *Server) execute(x *execution, f *Fault) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.points = min(s.opts.BucketSize, s.points+now.Sub(s.at).Seconds()*s.opts.RestoreRate)
	s.at = now
	root := schema.Query
	if x.op.Operation == "mutation" {
		root = schema.Mutation
	}
	cost := costReport{Requested: max(1, x.requested(x.op.SelectionSet, root))}
	status := func() map[string]any {
		cost.Throttle = throttleStatus{s.opts.BucketSize, math.Floor(s.points), s.opts.RestoreRate}
		return map[string]any{"cost": cost}
	}
	if cost.Requested > maxQueryCost {
		return map[string]any{"errors": []*graphError{fail("MAX_COST_EXCEEDED", "Query cost is %v, which exceeds the single query max cost limit (%d).", cost.Requested, maxQueryCost)}, "extensions": status()}
	}
	if cost.Requested > s.points || f != nil && f.Kind == FaultThrottle {
		if f != nil && f.Kind == FaultThrottle {
			s.points = 0
		}
		s.ledger.Counts.Throttled++
		return map[string]any{"errors": []*graphError{fail("THROTTLED", "Throttled")}, "extensions": status()}
	}
	x.userError = f.userError()
	data := x.run()
	actual := min(cost.Requested, x.cost)
	s.points -= actual
	cost.Actual = &actual
	body := map[string]any{"data": data, "extensions": status()}
	if len(x.errors) > 0 {
		body["errors"] = x.errors
	}
	return body
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
