package magento

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// requestTimeout allows for the first request after a deployment, which takes the shop several seconds, and for a page of
// products on a busy one.
const requestTimeout = 60 * time.Second

// client speaks REST with one shop.
type client struct {
	cfg    *config
	http   *sdk.HTTPClient
	oauth  *sdk.OAuth1 // of auth oauth1
	redact *sdk.Redactor

	login sync.Mutex // one sign-in at a time

	mu     sync.Mutex
	token  string // a person's, of auth admin
	locked time.Time
	state  callState
}

// callState is what the last calls showed, for Health.
type callState struct {
	at      time.Time
	err     error
	quotaAt time.Time // until when the shop asked to wait
}

func newClient(cfg *config, transport http.RoundTripper) *client {
	var secrets []string
	for _, v := range cfg.secrets {
		secrets = append(secrets, v)
	}
	c := &client{cfg: cfg, redact: sdk.NewRedactor(secrets...)}
	if cfg.Auth == authOAuth1 {
		c.oauth = &sdk.OAuth1{
			ConsumerKey: cfg.secrets[secretConsumerKey], ConsumerSecret: cfg.secrets[secretConsumerSecret],
			Token: cfg.secrets[secretToken], TokenSecret: cfg.secrets[secretTokenSecret],
		}
	}
	c.http = sdk.NewHTTPClient(sdk.HTTPConfig{
		PerSecond: float64(cfg.RequestsPerSecond), Burst: int(cfg.RequestsPerSecond), Concurrent: int(cfg.Concurrent), Timeout: requestTimeout,
		MaxBody: 64 << 20, UserAgent: "Jumpring-Magento/" + Version, Sign: c.sign, SignedOnce: true, Secrets: secrets, Transport: transport,
	})
	return c
}

func (c *client) close() { c.http.CloseIdle() }

// sign proves who asks. A signature is made for the shop's own address, which a proxy in front of it may have changed.
func (c *client) sign(req *http.Request) error {
	switch {
	case req.Header.Get("Authorization") != "" || strings.HasSuffix(req.URL.Path, "/integration/admin/token"):
		return nil
	case c.oauth == nil:
		token := c.cfg.secrets[secretToken]
		if c.cfg.Auth == authAdmin {
			c.mu.Lock()
			token = c.token
			c.mu.Unlock()
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	own := *req.URL
	own.Scheme, own.Host = c.cfg.home.Scheme, c.cfg.home.Host
	own.Path = c.cfg.home.Path + strings.TrimPrefix(req.URL.Path, c.cfg.root.Path)
	own.RawPath = c.cfg.home.EscapedPath() + strings.TrimPrefix(req.URL.EscapedPath(), c.cfg.root.EscapedPath())
	signed := &http.Request{Method: req.Method, URL: &own, Header: http.Header{}}
	if err := c.oauth.SignHeader(signed); err != nil {
		return err
	}
	req.Header.Set("Authorization", signed.Header.Get("Authorization"))
	return nil
}

// apiError is what the shop answers when it does not do what it was asked for.
type apiError struct {
	status     int
	message    string // with its parameters filled in; "" when the answer was not Magento's
	resource   string // that the caller may not use
	retryAfter time.Duration
}

func (e *apiError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("the shop answered %d without a Magento error", e.status)
	}
	return fmt.Sprintf("the shop answered %d: %s", e.status, e.message)
}

// throttled tells that the shop did nothing and asks to come back later. Magento in maintenance mode answers 503 without
// Retry-After before it runs anything; so may a proxy for a shop that has done the work, which only a write has to care for.
func (e *apiError) throttled() bool {
	return e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable
}

// forbidden tells that the credentials, or their rights, do not do.
func (e *apiError) forbidden() bool {
	return e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// errUnreadable is wrapped where the shop answered with success and something that can't be translated.
var errUnreadable = errors.New("the shop's answer is not what was expected")

// paced gives the hub the pause that a throttling shop asks for.
func paced(err error) error {
	var api *apiError
	if errors.As(err, &api) && api.throttled() {
		return &sdk.Error{Code: "magento.throttled", Message: "the shop asks to come back later", RetryAfter: api.wait(), Err: err}
	}
	return err
}

func (e *apiError) wait() time.Duration { return max(e.retryAfter, time.Second) }

func (c *client) get(ctx context.Context, path string, q url.Values, into any) (time.Time, error) {
	return c.do(ctx, http.MethodGet, path, q, nil, into)
}

// do makes one call and gives the shop's own clock (Date header, zero when not stated). Path begins with "V1/" or "async/";
// into may be nil. An expired token of a person is replaced once: the shop has done nothing for the old one.
func (c *client) do(ctx context.Context, method, path string, q url.Values, body, into any) (time.Time, error) {
	if c.cfg.Auth == authAdmin {
		if err := c.signIn(ctx, ""); err != nil {
			return time.Time{}, c.remember(err)
		}
	}
	c.mu.Lock()
	used := c.token
	c.mu.Unlock()
	at, err := c.call(ctx, method, path, q, body, into)
	var api *apiError
	if c.cfg.Auth == authAdmin && errors.As(err, &api) && api.status == http.StatusUnauthorized {
		if err := c.signIn(ctx, used); err != nil {
			return at, c.remember(err)
		}
		at, err = c.call(ctx, method, path, q, body, into)
	}
	return at, c.remember(err)
}

// signInPause is how long a refused sign-in is not tried again: the vendor locks accounts after some failures.
const signInPause = time.Minute

// signIn gets a person's token, unless there is another one than the one that was refused.
func (c *client) signIn(ctx context.Context, refused string) error {
	c.login.Lock()
	defer c.login.Unlock()
	c.mu.Lock()
	token, locked := c.token, c.locked
	c.mu.Unlock()
	if token != "" && token != refused {
		return nil
	}
	if utcNow().Before(locked) {
		return &apiError{status: http.StatusUnauthorized, message: "the sign-in was refused a moment ago"}
	}
	var got string
	in := map[string]string{"username": c.cfg.secrets[secretUser], "password": c.cfg.secrets[secretPassword]}
	_, err := c.call(ctx, http.MethodPost, "V1/integration/admin/token", nil, in, &got)
	var api *apiError
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.As(err, &api) && api.forbidden():
		c.token, c.locked = "", utcNow().Add(signInPause)
	case err == nil && got != "":
		c.token = got
	case err == nil:
		return fmt.Errorf("sign in: %w", errUnreadable)
	}
	return err
}

func (c *client) call(ctx context.Context, method, path string, q url.Values, body, into any) (time.Time, error) {
	target := c.cfg.root.String() + "/rest/" + c.cfg.StoreCode + "/" + path
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
	req.Header.Set("Accept", "application/json")
	if body != nil {
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
	if resp.Status < 200 || resp.Status > 299 {
		return at, c.errorOf(resp)
	}
	if into == nil {
		return at, nil
	}
	if err := json.Unmarshal(resp.Body, into); err != nil {
		// Caches and firewalls answer 200 with an HTML page.
		return at, fmt.Errorf("%s %s: status %d: %w: %w", method, path, resp.Status, errUnreadable, jsonError(err))
	}
	return at, nil
}

// errorOf reads the vendor's error: a message with %1 or %name in it, and parameters as a list or by name.
func (c *client) errorOf(resp *sdk.HTTPResponse) error {
	e := &apiError{status: resp.Status, retryAfter: resp.RetryAfter}
	var body struct {
		Message    string          `json:"message"`
		Parameters json.RawMessage `json:"parameters"`
		Errors     []struct {
			Message    string          `json:"message"`
			Parameters json.RawMessage `json:"parameters"`
		} `json:"errors"`
	}
	if json.Unmarshal(resp.Body, &body) != nil {
		return e
	}
	e.message = fill(body.Message, body.Parameters)
	for _, sub := range body.Errors {
		e.message += "; " + fill(sub.Message, sub.Parameters)
	}
	var named struct {
		Resources string `json:"resources"`
	}
	if json.Unmarshal(body.Parameters, &named) == nil {
		e.resource = named.Resources
	}
	e.message = shorten(c.redact.String(e.message), 300)
	return e
}

func fill(message string, parameters json.RawMessage) string {
	var list []text
	var named map[string]text
	switch {
	case json.Unmarshal(parameters, &list) == nil:
		for i := len(list) - 1; i >= 0; i-- {
			message = strings.ReplaceAll(message, fmt.Sprintf("%%%d", i+1), string(list[i]))
		}
	case json.Unmarshal(parameters, &named) == nil:
		for k, v := range named {
			message = strings.ReplaceAll(message, "%"+k, string(v))
		}
	}
	return message
}

func (c *client) remember(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state.at, c.state.err = utcNow(), err
	var api *apiError
	if errors.As(err, &api) && api.throttled() {
		c.state.quotaAt = utcNow().Add(api.wait())
	}
	return err
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
