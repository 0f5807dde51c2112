package woocommerce

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	requestTimeout = 60 * time.Second // a shop on shared hosting may need tens of seconds for a page of 100 products
	maxConcurrent  = 3                // requests at once: a small shop has four PHP workers, one stays for its buyers
	maxAnswer      = 64 << 20         // bytes of one answer
)

// client speaks REST with one shop. It never retries: whether a call may be repeated depends on what it did.
type client struct {
	base  string // "https://shop.example.com/wp-json/wc/v3/" or the shop's root with plain permalinks
	sign  string // the same address as the shop sees itself, for signatures
	api   string // "wc/v3"
	plain bool   // plain permalinks: the route goes into ?rest_route=
	key   string
	sec   string
	oauth *sdk.OAuth1 // over plain http, where WooCommerce ignores Basic credentials; nil over https
	http  *http.Client
	slots chan struct{}
	pace  *rate.Limiter // nil where the host knows no limit

	mu    sync.Mutex
	state callState
}

// callState is what the last calls showed, for Health.
type callState struct {
	at      time.Time
	err     error
	quotaAt time.Time // until when the shop asked to wait
}

func newClient(cfg *config, key, secret string, transport http.RoundTripper) *client {
	c := &client{api: cfg.API, plain: cfg.PlainPermalinks, key: key, sec: secret, slots: make(chan struct{}, maxConcurrent)}
	c.base, c.sign = apiBase(cfg.root, cfg), apiBase(cfg.home, cfg)
	if n := cfg.RequestsPerSecond; n > 0 {
		c.pace = rate.NewLimiter(rate.Limit(n), int(n))
	}
	// WooCommerce decides by the connection's own encryption: signatures over http, Basic over https.
	if cfg.root.Scheme == "http" {
		c.oauth = &sdk.OAuth1{ConsumerKey: key, ConsumerSecret: secret}
	}
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			TLSClientConfig:       &tls.Config{RootCAs: cfg.cas, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:     true,
			ResponseHeaderTimeout: requestTimeout,
			MaxIdleConnsPerHost:   maxConcurrent,
			IdleConnTimeout:       30 * time.Second,
		}
	}
	c.http = &http.Client{
		Transport: sdk.RecordedTransport(transport, key, secret),
		// A redirect would take the credentials along and turn a PUT into a GET.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

func apiBase(root *url.URL, cfg *config) string {
	if cfg.PlainPermalinks {
		return root.String() + "/"
	}
	return root.String() + "/wp-json/" + cfg.API + "/"
}

func (c *client) close() { c.http.CloseIdleConnections() }

// apiError is what WooCommerce answers when it does not do what it was asked for.
type apiError struct {
	status     int
	code       string // "woocommerce_rest_cannot_view"; "" when the answer was not WooCommerce's
	message    string
	retryAfter time.Duration // asked by the shop; 0 when it did not say
}

func (e *apiError) Error() string {
	if e.code == "" {
		return fmt.Sprintf("the shop answered %d without a WooCommerce error", e.status)
	}
	return fmt.Sprintf("the shop answered %d %s: %s", e.status, e.code, e.message)
}

// throttled tells that the shop did nothing and asks to come back later.
func (e *apiError) throttled() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}

// paced gives the hub the pause that a throttling shop asks for.
func paced(err error) error {
	var api *apiError
	if errors.As(err, &api) && api.throttled() {
		return &sdk.Error{Code: "woocommerce.throttled", Message: "the shop asks to come back later", RetryAfter: max(api.retryAfter, time.Second), Err: err}
	}
	return err
}

// errNotSent is wrapped by failures that happened before a byte of the request could reach the shop.
var errNotSent = errors.New("the shop could not be reached")

// errUnreadable is wrapped where the shop answered with success and something that can't be translated.
var errUnreadable = errors.New("the shop's answer is not what was expected")

// page tells about a list answer.
type page struct {
	total int64     // X-WP-Total; 0 when not stated
	pages int64     // X-WP-TotalPages
	date  time.Time // the shop's own clock (Date header, one second); zero when not stated
}

func (c *client) get(ctx context.Context, path string, q url.Values, into any) (page, error) {
	return c.do(ctx, http.MethodGet, path, q, nil, into)
}

// do makes one call. into may be nil.
func (c *client) do(ctx context.Context, method, path string, q url.Values, body, into any) (page, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return page{}, fmt.Errorf("%w: %w", errNotSent, ctx.Err())
	}
	if c.pace != nil {
		if err := c.pace.Wait(ctx); err != nil {
			return page{}, fmt.Errorf("%w: %w", errNotSent, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	p, err := c.call(ctx, method, path, q, body, into)
	c.remember(err)
	return p, err
}

func (c *client) call(ctx context.Context, method, path string, q url.Values, body, into any) (page, error) {
	req, err := c.request(ctx, method, path, q, body)
	if err != nil {
		return page{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return page{}, sendError(method, path, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return page{}, fmt.Errorf("%s %s: the answer broke off: %w", method, path, cleanError(err))
	}
	if len(raw) > maxAnswer {
		return page{}, fmt.Errorf("%s %s: the answer is larger than %d bytes", method, path, maxAnswer)
	}
	p := pageOf(resp.Header)
	raw = trimToJSON(raw)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return p, errorOf(resp, raw)
	}
	if into == nil {
		return p, nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		// Hosts answer 200 with an HTML page when they are overloaded or in maintenance.
		return p, fmt.Errorf("%s %s: status %d: %w: %w", method, path, resp.StatusCode, errUnreadable, jsonError(err))
	}
	return p, nil
}

func (c *client) request(ctx context.Context, method, path string, q url.Values, body any) (*http.Request, error) {
	query := url.Values{}
	for k, v := range q {
		query[k] = v
	}
	target, signed := c.base+path, c.sign+path
	if c.plain {
		target, signed = c.base, c.sign
		query.Set("rest_route", strings.TrimRight("/"+c.api+"/"+path, "/"))
	}
	target, signed = strings.TrimRight(target, "/"), strings.TrimRight(signed, "/")
	if c.plain {
		target, signed = target+"/", signed+"/"
	}
	if c.oauth != nil {
		if err := c.oauth.SignQuery(method, signed, query); err != nil {
			return nil, fmt.Errorf("%w: %w", errNotSent, err)
		}
	}
	if len(query) > 0 {
		target += "?" + sdk.EncodeQuery(query)
	}
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("%w: encode the request: %w", errNotSent, err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s: the address can't be used", errNotSent, method, path)
	}
	if c.oauth != nil && body == nil {
		req.Body = sdk.Unrepeatable() // the shop takes a nonce once
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Jumpring-WooCommerce/"+Version)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.oauth == nil {
		req.SetBasicAuth(c.key, c.sec)
	}
	return req, nil
}

// sendError takes the address, which carries the signature, out of a transport error.
func sendError(method, path string, err error) error {
	clean := cleanError(err)
	var op *net.OpError
	var dns *net.DNSError
	if errors.As(err, &dns) || (errors.As(err, &op) && op.Op == "dial") {
		return fmt.Errorf("%s %s: %w: %w", method, path, errNotSent, clean)
	}
	return fmt.Errorf("%s %s: no answer: %w", method, path, clean)
}

func cleanError(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func errorOf(resp *http.Response, raw []byte) error {
	e := &apiError{status: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	var body struct {
		Code    json.RawMessage `json:"code"`
		Message string          `json:"message"`
	}
	if json.Unmarshal(raw, &body) == nil {
		_ = json.Unmarshal(body.Code, &e.code) // a code that is a number is not WooCommerce's
		e.message = shorten(body.Message, 200)
	}
	return e
}

func retryAfter(h string) time.Duration {
	if s, err := strconv.ParseFloat(strings.TrimSpace(h), 64); err == nil && s >= 0 && s < 1e6 {
		return time.Duration(s * float64(time.Second))
	}
	if t, err := http.ParseTime(h); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

func pageOf(h http.Header) page {
	var p page
	p.total, _ = strconv.ParseInt(h.Get("X-Wp-Total"), 10, 64)
	p.pages, _ = strconv.ParseInt(h.Get("X-Wp-Totalpages"), 10, 64)
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		p.date = t.UTC()
	}
	return p
}

// trimToJSON drops a byte order mark and PHP notices, which themes and plugins print before the JSON.
func trimToJSON(raw []byte) []byte {
	if json.Valid(raw) {
		return raw
	}
	for i, c := range raw {
		if (c == '{' || c == '[') && json.Valid(raw[i:]) {
			return raw[i:]
		}
		if i > 16<<10 {
			break
		}
	}
	return raw
}

func (c *client) remember(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.at, c.state.err = utcNow(), err
	var api *apiError
	if errors.As(err, &api) && api.throttled() {
		c.state.quotaAt = utcNow().Add(max(api.retryAfter, time.Second))
	}
}

func (c *client) last() callState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
