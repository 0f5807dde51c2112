package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// What became of a request that got no response, for errors.Is.
var (
	// ErrNotSent: the platform never saw the whole request; sending it again is safe.
	ErrNotSent = errors.New("request was not sent")
	// ErrOutcomeUnknown: the request went out and no whole response came back. A write is StatusUnknown then.
	ErrOutcomeUnknown = errors.New("request was sent, its outcome is not known")
	// ErrResponseTooLarge: the response has more than HTTPConfig.MaxBody bytes. It comes with ErrOutcomeUnknown.
	ErrResponseTooLarge = errors.New("response is too large")
)

// HTTPConfig sizes an HTTPClient. Zero fields take the default in brackets.
type HTTPConfig struct {
	PerSecond float64 // requests per second [no limit]
	Burst     int     // requests at once after a pause [1]
	// Concurrent is how many requests are under way at once, for platforms that count those (NetSuite: 5 to 20 for an
	// account, Magento: what its workers bear) [no limit].
	Concurrent int
	// Limits reads from each answer how long the next request waits [RetryAfterLimits].
	Limits    Limits
	Timeout   time.Duration // of one attempt, response body included; the context may end it sooner [30 s]
	MaxBody   int64         // of a response after decompression, in bytes [16 MiB]
	Retries   int           // further attempts, see Do [2]; negative for none
	UserAgent string        // ["Jumpring"]
	// Sign prepares each attempt: a signature with a nonce has to be made anew.
	Sign func(*http.Request) error
	// SignedOnce tells that what Sign makes is good for one request (a nonce): Go's transport then does not repeat a safe one
	// by itself when a kept connection breaks, with a signature that the platform has seen. Do repeats it, signed anew. Such a
	// request follows no redirect that keeps the method (307, 308).
	SignedOnce bool
	// Secrets are redacted in every error.
	Secrets []string
	// Transport is for tests [an own one].
	Transport http.RoundTripper
}

// HTTPClient talks to one platform. It paces requests, bounds responses, follows redirects of safe requests on the
// same host alone, and tells a request that was not sent from one whose outcome is unknown.
type HTTPClient struct {
	config HTTPConfig
	slots  chan struct{} // nil without a limit
	pause  pause
	pace   *rate.Limiter
	http   *http.Client
	redact *Redactor
}

// HTTPResponse is a whole response, of any status.
type HTTPResponse struct {
	Status int
	Header http.Header
	Body   []byte
	// RetryAfter is what the header of that name asks for; 0 when it is absent or in the past.
	RetryAfter time.Duration
}

// NewHTTPClient makes a client.
func NewHTTPClient(config HTTPConfig) *HTTPClient {
	if config.Timeout == 0 {
		config.Timeout = 30 * time.Second
	}
	if config.MaxBody == 0 {
		config.MaxBody = 16 << 20
	}
	if config.Retries == 0 {
		config.Retries = 2
	}
	if config.UserAgent == "" {
		config.UserAgent = "Jumpring"
	}
	if config.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 8
		config.Transport = t
	}
	config.Transport = RecordedTransport(config.Transport, config.Secrets...)
	if config.Limits == nil {
		config.Limits = RetryAfterLimits
	}
	var slots chan struct{}
	if config.Concurrent > 0 {
		slots = make(chan struct{}, config.Concurrent)
	}
	limit := rate.Inf
	if config.PerSecond > 0 {
		limit = rate.Limit(config.PerSecond)
	}
	return &HTTPClient{
		config: config, slots: slots, pace: rate.NewLimiter(limit, max(1, config.Burst)), redact: NewRedactor(config.Secrets...),
		http: &http.Client{Transport: config.Transport, CheckRedirect: checkRedirect},
	}
}

// checkRedirect lets a safe request follow within its host. The credentials of a request must not reach another host,
// and a write must not be repeated elsewhere: its redirect is given to the caller as the response.
func checkRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case !isSafe(first.Method):
		return http.ErrUseLastResponse
	case len(via) >= 5:
		return errors.New("more than 5 redirects")
	case next.URL.Host != first.URL.Host:
		return fmt.Errorf("redirect to another host %q is not followed: configure that address if it is the right one", next.URL.Host)
	case first.URL.Scheme == "https" && next.URL.Scheme != "https":
		return errors.New("redirect from https to http is not followed")
	}
	return nil
}

func isSafe(method string) bool {
	return method == "" || method == http.MethodGet || method == http.MethodHead
}

// Do sends a request, whose context bounds the wait for its turn and all attempts. A response of any status is no
// error. Attempts that failed are repeated, with a growing jittered wait, where that is safe: those of a GET or HEAD,
// and those of other methods that were not sent. A body needs Request.GetBody, which http.NewRequest sets.
func (c *HTTPClient) Do(req *http.Request) (*HTTPResponse, error) {
	ctx := req.Context()
	for attempt := 0; ; attempt++ {
		resp, sent, err := c.attempt(ctx, req)
		if err == nil {
			return resp, nil
		}
		err = c.explain(req, sent, err)
		if attempt >= c.config.Retries || sent && !isSafe(req.Method) || !repeatable(req) || ctx.Err() != nil || errors.Is(err, errFinal) || errors.Is(err, ErrResponseTooLarge) {
			return nil, err
		}
		wait := time.Duration(float64(100*time.Millisecond) * float64(int(1)<<min(attempt, 6)) * (0.5 + rand.Float64()))
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
	}
}

// errFinal marks what another attempt would not change.
var errFinal = errors.New("not repeated")

func repeatable(req *http.Request) bool {
	return req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
}

// attempt sends the request once. sent tells whether the platform may have seen all of it.
func (c *HTTPClient) attempt(ctx context.Context, req *http.Request) (resp *HTTPResponse, sent bool, err error) {
	if c.slots != nil {
		select {
		case c.slots <- struct{}{}:
			defer func() { <-c.slots }()
		case <-ctx.Done():
			return nil, false, fmt.Errorf("%w: too many requests are under way: %w", errFinal, ctx.Err())
		}
	}
	if err := c.pause.wait(ctx); err != nil {
		return nil, false, err
	}
	if err := c.pace.Wait(ctx); err != nil {
		return nil, false, fmt.Errorf("%w: the turn would come after the deadline: %w", errFinal, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { wrote.Store(true) }})
	out := req.Clone(ctx)
	if req.GetBody != nil {
		if out.Body, err = req.GetBody(); err != nil {
			return nil, false, err
		}
	}
	if !isSafe(req.Method) {
		out.GetBody = nil // else the transport would by itself repeat a write whose connection broke
	}
	if c.config.SignedOnce {
		out.GetBody = nil
		if out.Body == nil || out.Body == http.NoBody {
			out.Body = Unrepeatable()
		}
	}
	if out.Header.Get("User-Agent") == "" {
		out.Header.Set("User-Agent", c.config.UserAgent)
	}
	if c.config.Sign != nil {
		if err := c.config.Sign(out); err != nil {
			return nil, false, fmt.Errorf("%w: sign: %w", errFinal, err)
		}
	}
	raw, err := c.http.Do(out)
	if err != nil {
		return nil, wrote.Load(), err
	}
	defer raw.Body.Close()
	c.pause.extend(c.config.Limits(raw.StatusCode, raw.Header))
	body, err := io.ReadAll(io.LimitReader(raw.Body, c.config.MaxBody+1))
	if err != nil {
		return nil, true, fmt.Errorf("read the response of status %d: %w", raw.StatusCode, err)
	}
	if int64(len(body)) > c.config.MaxBody {
		return nil, true, fmt.Errorf("%w: status %d, more than %d bytes", ErrResponseTooLarge, raw.StatusCode, c.config.MaxBody)
	}
	return &HTTPResponse{
		Status: raw.StatusCode, Header: raw.Header, Body: body, RetryAfter: ParseRetryAfter(raw.Header.Get("Retry-After"), time.Now()),
	}, true, nil
}

// Unrepeatable gives an empty body for a request that Go's transport must not send again by itself, as it does with safe
// requests without a body when a kept connection breaks. HTTPConfig.SignedOnce uses it; it is for connectors with an
// HTTP client of their own whose signatures are good for one request.
func Unrepeatable() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// explain says what failed without query, user and secrets.
func (c *HTTPClient) explain(req *http.Request, sent bool, err error) error {
	kind := ErrNotSent
	if sent {
		kind = ErrOutcomeUnknown
	}
	var u *url.Error
	if errors.As(err, &u) { // its text repeats the whole URL
		err = u.Err
	}
	return &redactedError{
		text: c.redact.String(fmt.Sprintf("%s %s%s: %v: %v", req.Method, req.URL.Host, req.URL.EscapedPath(), kind, err)),
		err:  errors.Join(kind, err),
	}
}

// CloseIdle closes the connections that wait for a next request. A connector calls it in Close.
func (c *HTTPClient) CloseIdle() { c.http.CloseIdleConnections() }

// ParseRetryAfter reads a Retry-After header, in seconds (with a fraction, as Shopify writes them) or as an HTTP date
// (RFC 9110, 10.2.3). It gives 0 for what it can't read and for the past, and at most a day.
func ParseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		wait = time.Duration(min(seconds, 86400) * float64(time.Second))
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, 24*time.Hour))
}
