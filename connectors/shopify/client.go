package shopify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	callTimeout     = 20 * time.Second
	maxResponse     = 32 << 20 // bytes
	maxBackground   = 6        // tries of a background call
	firstGuess      = 60       // points that a document is taken to cost before the platform said so
	authRetryDelay  = time.Minute
	plainRetryDelay = 2 * time.Second
)

// failure is what an unsuccessful call means for what it wanted to do.
type failure int

const (
	failTransient failure = iota // not done; try again later
	failThrottled                // not done; try again after the wait
	failAuth                     // not done; a person has to renew something
	failRefused                  // refused for good
	failUnknown                  // sent, but nobody knows what came of it
)

// apiError is an unsuccessful call. Its text has no body, no token and no personal data.
type apiError struct {
	kind   failure
	code   string // "shopify.throttled"
	reason string
	wait   time.Duration
	cause  error
}

func (e *apiError) Error() string {
	if e.cause != nil {
		return e.code + ": " + e.reason + ": " + e.cause.Error()
	}
	return e.code + ": " + e.reason
}

func (e *apiError) Unwrap() error { return e.cause }

// As lets the hub see the code and the wait.
func (e *apiError) As(target any) bool {
	t, ok := target.(**sdk.Error)
	if ok {
		*t = &sdk.Error{Code: e.code, Message: e.reason, RetryAfter: e.wait, Err: e.cause}
	}
	return ok
}

// client calls the Admin GraphQL API of one shop, paced by its cost bucket.
type client struct {
	url    string
	http   *http.Client
	bucket *sdk.CostBucket
	tokens *tokens

	mu    sync.Mutex
	costs map[string]float64 // by document name: what the platform last asked for

	lastFailure atomic.Pointer[string]
	// served is the API version that the last answer was made by.
	served atomic.Pointer[string]
}

func newClient(s *settings, host sdk.Host, tokenExpiry string, transport http.RoundTripper) *client {
	if transport == nil {
		transport = &http.Transport{
			MaxIdleConnsPerHost: 16, MaxConnsPerHost: 16, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
			Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second,
		}
	}
	transport = sdk.RecordedTransport(transport)
	// A redirect would carry the token elsewhere.
	h := &http.Client{Transport: transport, Timeout: callTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &client{
		url: s.endpoint + "/admin/api/" + s.version + "/graphql.json", http: h, bucket: sdk.NewCostBucket(bucketLimit, bucketRate, time.Now()),
		tokens: newTokens(s, transport, host, tokenExpiry), costs: map[string]float64{},
	}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// failure gives what the last call ended with, "" when it went well.
func (c *client) failure() string {
	if f := c.lastFailure.Load(); f != nil {
		return *f
	}
	return ""
}

// What the SDK keeps for every platform that counts in points.
type (
	lane           = sdk.Lane
	throttleStatus = sdk.CostStatus
)

const (
	laneInteractive = sdk.LaneInteractive
	laneBackground  = sdk.LaneBackground
)

// The smallest bucket that the platform gives, in points and points per second.
const bucketLimit, bucketRate = 2000, 100

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type graphError struct {
	Message    string `json:"message"`
	Path       []any  `json:"path"`
	Extensions struct {
		Code string `json:"code"`
	} `json:"extensions"`
}

// answer is what a call gave beside its data.
type answer struct {
	at     time.Time // the platform's clock when it answered; the local one where it states none
	denied bool      // some fields are null because the app may not see them
}

// document is one GraphQL request with a name of its own.
type document struct {
	name string
	text string
}

// writes tells that a document changes something, so that it must not be sent again while its outcome is unknown.
func (d document) writes() bool { return strings.HasPrefix(d.text, "mutation") }

// call runs a document and decodes its data. A background call bears throttling and single faults by itself; an
// interactive one tells its caller at once, and so does every call when the shop can't be reached: the hub backs off.
func (c *client) call(ctx context.Context, l lane, doc document, variables map[string]any, data any) (answer, error) {
	for try := 1; ; try++ {
		ans, err := c.once(ctx, l, doc, variables, data)
		var ae *apiError
		switch {
		case err == nil:
			c.lastFailure.Store(nil)
			return ans, nil
		case !errors.As(err, &ae):
			return ans, err
		}
		reason := ae.code + ": " + ae.reason
		if ae.kind != failThrottled {
			c.lastFailure.Store(&reason)
		}
		again := ae.kind == failThrottled || ae.kind == failUnknown && !doc.writes()
		if l != laneBackground || !again || try == maxBackground {
			return ans, err
		}
		wait := ae.wait
		if wait == 0 {
			wait = time.Duration(try) * 250 * time.Millisecond
		}
		if err := sleep(ctx, wait); err != nil {
			return ans, fmt.Errorf("shopify: %s: %w", doc.name, err)
		}
	}
}

func (c *client) once(ctx context.Context, l lane, doc document, variables map[string]any, data any) (answer, error) {
	body, err := json.Marshal(map[string]any{"query": doc.text, "variables": variables})
	if err != nil {
		return answer{}, fmt.Errorf("shopify: %s: %w", doc.name, err)
	}
	token, err := c.tokens.get(ctx, "")
	if err != nil {
		return answer{}, err
	}
	ans, err := c.post(ctx, l, doc, body, token, data)
	var ae *apiError
	if errors.As(err, &ae) && ae.kind == failAuth && c.tokens.Renewable() {
		if token, err = c.tokens.get(ctx, token); err != nil { // a refused call did nothing: once more with a new token
			return ans, err
		}
		return c.post(ctx, l, doc, body, token, data)
	}
	return ans, err
}

// post sends one request. What fails before the request is written was not done; what fails after it is unknown.
func (c *client) post(ctx context.Context, l lane, doc document, body []byte, token string, data any) (ans answer, err error) {
	cost := c.cost(doc.name)
	if err := c.bucket.Acquire(ctx, cost, l); err != nil {
		return ans, &apiError{kind: failTransient, code: "shopify.paced", reason: "no points left in time", cause: err}
	}
	var status *throttleStatus
	var actual float64
	defer func() { c.bucket.Settle(cost, actual, status, time.Now()) }()

	var written atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { written.Store(true) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return ans, fmt.Errorf("shopify: %s: %w", doc.name, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "jumpring-shopify/"+Version)
	req.Header.Set("X-Shopify-Access-Token", token)
	res, err := c.http.Do(req)
	if err != nil {
		if written.Load() {
			return ans, &apiError{kind: failUnknown, code: "shopify.no_answer", reason: "the request was sent and no answer came", cause: err}
		}
		return ans, &apiError{kind: failTransient, code: "shopify.unreachable", reason: "the shop could not be reached", wait: plainRetryDelay, cause: err}
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxResponse))
	if err != nil {
		return ans, &apiError{kind: failUnknown, code: "shopify.no_answer", reason: "the answer broke off", cause: err}
	}
	if v := res.Header.Get("X-Shopify-Api-Version"); v != "" {
		c.served.Store(&v)
	}
	ans.at = time.Now()
	if t, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		ans.at = t
	}
	if res.StatusCode != http.StatusOK {
		return ans, statusError(res)
	}

	var envelope struct {
		Data       json.RawMessage `json:"data"`
		Errors     json.RawMessage `json:"errors"` // a list, or a plain string from the gateway
		Extensions struct {
			Cost struct {
				RequestedQueryCost float64         `json:"requestedQueryCost"`
				ActualQueryCost    float64         `json:"actualQueryCost"` // null when throttled
				ThrottleStatus     *throttleStatus `json:"throttleStatus"`
			} `json:"cost"`
		} `json:"extensions"`
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return ans, &apiError{kind: failUnknown, code: "shopify.unreadable", reason: "the answer is not JSON"}
	}
	status, actual = envelope.Extensions.Cost.ThrottleStatus, envelope.Extensions.Cost.ActualQueryCost
	requested := envelope.Extensions.Cost.RequestedQueryCost
	if requested > 0 {
		c.mu.Lock()
		c.costs[doc.name] = requested
		c.mu.Unlock()
	}
	hasData := len(envelope.Data) > 0 && string(envelope.Data) != "null"
	if len(envelope.Errors) > 0 && string(envelope.Errors) != "null" {
		denied, err := graphFailure(envelope.Errors, hasData, requested, status)
		if err != nil {
			return ans, err
		}
		ans.denied = denied
	}
	if !hasData {
		return ans, &apiError{kind: failUnknown, code: "shopify.unreadable", reason: "the answer has neither data nor errors"}
	}
	if err := json.Unmarshal(envelope.Data, data); err != nil {
		return ans, &apiError{kind: failUnknown, code: "shopify.unreadable", reason: "the answer's data has another shape than asked for in " + doc.name}
	}
	return ans, nil
}

func (c *client) cost(name string) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cost, ok := c.costs[name]; ok {
		return cost
	}
	return firstGuess
}

// statusError explains an HTTP status other than 200. A server error may come after the work was done.
func statusError(res *http.Response) error {
	wait := retryAfter(res.Header.Get("Retry-After"))
	e := &apiError{kind: failTransient, wait: wait, reason: fmt.Sprintf("the shop answered HTTP %d", res.StatusCode)}
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized:
		e.kind, e.code, e.wait = failAuth, "shopify.unauthorized", authRetryDelay
		e.reason = "the access token was refused; renew it"
	case code == http.StatusForbidden:
		e.kind, e.code, e.wait = failAuth, "shopify.forbidden", authRetryDelay
		e.reason = "the app may not do this; its check names the missing scopes"
	case code == http.StatusPaymentRequired:
		e.kind, e.code, e.wait = failAuth, "shopify.shop_frozen", authRetryDelay
		e.reason = "the shop is frozen"
	case code == http.StatusNotFound:
		e.kind, e.code, e.wait = failAuth, "shopify.not_found", authRetryDelay
		e.reason = "there is no such shop or no such API version"
	case code == http.StatusTooManyRequests || code == 430:
		e.kind, e.code = failThrottled, "shopify.throttled"
		if e.wait == 0 {
			e.wait = plainRetryDelay
		}
	case code == http.StatusLocked:
		e.code = "shopify.locked"
		if e.wait == 0 {
			e.wait = plainRetryDelay
		}
	case code >= 500:
		e.kind, e.code = failUnknown, "shopify.server_error"
	default:
		e.kind, e.code = failRefused, "shopify.http_"+strconv.Itoa(code)
	}
	return e
}

// retryAfter reads seconds, which this platform writes with a fraction.
func retryAfter(value string) time.Duration {
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || seconds < 0 || seconds > 3600 {
		return 0
	}
	return time.Duration(seconds * float64(time.Second))
}

// graphFailure reads the top-level errors. Fields that the app may not see come as null beside data that is good.
func graphFailure(raw json.RawMessage, hasData bool, requested float64, status *throttleStatus) (denied bool, err error) {
	var list []graphError
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return false, &apiError{kind: failUnknown, code: "shopify.unreadable", reason: "the answer's errors could not be read"}
	}
	for _, e := range list {
		switch e.Extensions.Code {
		case "THROTTLED":
			wait := plainRetryDelay
			if status != nil && status.RestoreRate > 0 {
				wait = max(time.Duration((requested-status.CurrentlyAvailable)/status.RestoreRate*float64(time.Second)), 50*time.Millisecond)
			}
			return false, &apiError{kind: failThrottled, code: "shopify.throttled", reason: "the shop's query cost is used up", wait: wait}
		case "ACCESS_DENIED":
			if !hasData {
				return false, &apiError{kind: failAuth, code: "shopify.access_denied", reason: "the app may not do this; its check names the missing scopes", wait: authRetryDelay}
			}
			denied = true
		case "INTERNAL_SERVER_ERROR", "TIMEOUT":
			return false, &apiError{kind: failUnknown, code: "shopify.server_error", reason: "the shop could not complete the request"}
		default:
			// The message is about the document, which is the connector's own, or about an argument's form.
			return false, &apiError{kind: failRefused, code: "shopify.query_refused", reason: fmt.Sprintf("the API refused the request (%.40s): %.200s", e.Extensions.Code, e.Message)}
		}
	}
	return denied, nil
}
