package bigcommerce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// requestTimeout allows for a page of products on a busy platform.
const requestTimeout = 60 * time.Second

// client speaks REST with one store.
type client struct {
	cfg    *config
	http   *sdk.HTTPClient
	redact *sdk.Redactor

	mu    sync.Mutex
	quota quota
	state callState
}

// quota is what the platform's headers said last of the requests of the present window, which all programs share.
type quota struct {
	limit, left int64
	reset       time.Time // when the window ends
}

// callState is what the last call showed, for Health.
type callState struct {
	at     time.Time
	err    error
	waitAt time.Time // until when the platform asked to wait
}

func newClient(cfg *config, transport http.RoundTripper) *client {
	var secrets []string
	for _, v := range cfg.secrets {
		secrets = append(secrets, v)
	}
	c := &client{cfg: cfg, redact: sdk.NewRedactor(secrets...)}
	c.http = sdk.NewHTTPClient(sdk.HTTPConfig{
		Concurrent: int(cfg.Concurrent), Timeout: requestTimeout, MaxBody: 64 << 20, UserAgent: "Jumpring-BigCommerce/" + Version, Limits: c.limits, Sign: c.sign,
		Secrets: secrets, Transport: transport,
	})
	return c
}

func (c *client) close() { c.http.CloseIdle() }

func (c *client) sign(req *http.Request) error {
	req.Header.Set("X-Auth-Token", c.cfg.secrets[secretToken])
	return nil
}

// limits notes what is left of the quota, and says how long to wait where nothing is.
func (c *client) limits(status int, h http.Header) time.Duration {
	limit, errL := strconv.ParseInt(h.Get("X-Rate-Limit-Requests-Quota"), 10, 64)
	left, errQ := strconv.ParseInt(h.Get("X-Rate-Limit-Requests-Left"), 10, 64)
	reset, errR := strconv.ParseInt(h.Get("X-Rate-Limit-Time-Reset-Ms"), 10, 64)
	if errL == nil && errQ == nil && errR == nil {
		c.mu.Lock()
		c.quota = quota{limit: limit, left: left, reset: utcNow().Add(time.Duration(reset) * time.Millisecond)}
		c.mu.Unlock()
	}
	return sdk.BigCommerceLimits(status, h)
}

// spare is nil where enough of the quota is left for what is not urgent; else the error says when there will be.
func (c *client) spare() error {
	c.mu.Lock()
	q := c.quota
	c.mu.Unlock()
	wait := q.reset.Sub(utcNow())
	if q.limit == 0 || wait <= 0 || q.left*100 > q.limit*c.cfg.Reserve {
		return nil
	}
	return &sdk.Error{Code: "bigcommerce.quota_reserved", Message: "the rest of the platform's quota is kept for orders and writes", RetryAfter: wait}
}

// apiError is what the platform answers when it does not do what it was asked for.
type apiError struct {
	status     int
	title      string // "" when the answer was not the platform's own
	retryAfter time.Duration
}

func (e *apiError) Error() string {
	if e.title == "" {
		return fmt.Sprintf("the platform answered %d without an error of its own", e.status)
	}
	return fmt.Sprintf("the platform answered %d: %s", e.status, e.title)
}

// throttled tells that the platform did nothing and asks to come back later.
func (e *apiError) throttled() bool { return e.status == http.StatusTooManyRequests }

// away tells that the platform can't serve at all for the moment. A write may have been done before its gateway said so.
func (e *apiError) away() bool { return e.throttled() || e.status == http.StatusServiceUnavailable }

// forbidden tells that the credentials, or their scopes, do not do.
func (e *apiError) forbidden() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

func (e *apiError) wait() time.Duration { return max(e.retryAfter, time.Second) }

// errUnreadable is wrapped where the platform answered with success and something that can't be translated.
var errUnreadable = errors.New("the platform's answer is not what was expected")

// paced gives the hub the pause that a throttling platform asks for.
func paced(err error) error {
	var api *apiError
	if errors.As(err, &api) && api.away() {
		return &sdk.Error{Code: "bigcommerce.throttled", Message: "the platform asks to come back later", RetryAfter: api.wait(), Err: err}
	}
	return err
}

func isGone(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.status == http.StatusNotFound && api.title != ""
}

func isForbidden(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.forbidden()
}

func (c *client) get(ctx context.Context, path string, q url.Values, into any) (time.Time, error) {
	return c.do(ctx, http.MethodGet, path, q, nil, into)
}

// do makes one call and gives the platform's own clock (Date header, zero when not stated). Path begins with "v2/" or "v3/";
// into may be nil. An answer without a body (204: an empty list of v2) leaves into as it is.
func (c *client) do(ctx context.Context, method, path string, q url.Values, body, into any) (time.Time, error) {
	at, err := c.call(ctx, method, path, q, body, into)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.at, c.state.err = utcNow(), err
	var api *apiError
	if errors.As(err, &api) && api.away() {
		c.state.waitAt = utcNow().Add(api.wait())
	}
	return at, err
}

func (c *client) call(ctx context.Context, method, path string, q url.Values, body, into any) (time.Time, error) {
	target := c.cfg.root.String() + "/" + path
	if len(q) > 0 {
		target += "?" + sdk.EncodeQuery(q)
	}
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return time.Time{}, fmt.Errorf("%w: encode the request: %w", sdk.ErrNotSent, err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(raw))
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %s %s: the address can't be used", sdk.ErrNotSent, method, path)
	}
	req.Header.Set("Accept", "application/json") // v2 answers in XML without it
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return time.Time{}, err
	}
	var at time.Time
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		at = t.UTC()
	}
	switch {
	case resp.Status < 200 || resp.Status > 299:
		return at, c.errorOf(resp)
	case resp.Status == http.StatusNoContent || into == nil:
		return at, nil
	}
	if err := json.Unmarshal(resp.Body, into); err != nil {
		// Firewalls answer 200 with an HTML page.
		return at, fmt.Errorf("%s %s: status %d: %w: %w", method, path, resp.Status, errUnreadable, jsonError(err))
	}
	return at, nil
}

// errorOf reads the platform's errors: a problem of v3, its fields with it; a list of messages of v2; the payment API wraps
// problems into a list of data.
func (c *client) errorOf(resp *sdk.HTTPResponse) error {
	e := &apiError{status: resp.Status, retryAfter: max(resp.RetryAfter, sdk.BigCommerceLimits(resp.Status, resp.Header))}
	type one struct {
		Title   text            `json:"title"`
		Message text            `json:"message"`
		Detail  text            `json:"detail"`
		Error   text            `json:"error"`
		Errors  json.RawMessage `json:"errors"`
	}
	var found []one
	var whole struct {
		one
		Data []one `json:"data"`
	}
	if json.Unmarshal(resp.Body, &found) != nil && json.Unmarshal(resp.Body, &whole) == nil {
		found = append([]one{whole.one}, whole.Data...)
	}
	var words []string
	for _, o := range found {
		for _, w := range []text{o.Title, o.Message, o.Detail, o.Error} {
			if w != "" {
				words = append(words, string(w))
			}
		}
		var fields map[string]text
		if json.Unmarshal(o.Errors, &fields) == nil {
			for k, v := range fields {
				words = append(words, k+": "+string(v))
			}
			slices.Sort(words[len(words)-len(fields):])
		}
	}
	e.title = shorten(c.redact.String(strings.Join(words, "; ")), 300)
	return e
}

func (c *client) last() (callState, quota) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.quota
}

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
