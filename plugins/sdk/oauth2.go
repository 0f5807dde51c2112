package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Errors of Tokens, for errors.Is.
var (
	// ErrTokenRefused: the platform gives no token for these credentials; a person has to act.
	ErrTokenRefused = errors.New("the platform refuses the credentials")
	// ErrTokenUnavailable: the token endpoint could not be asked, or answered what can't be read; later it may.
	ErrTokenUnavailable = errors.New("no token can be had now")
	// ErrTokenNotSealed: a new token is there, but the hub's vault did not take it, so that it is not used yet.
	ErrTokenNotSealed = errors.New("the new token could not be made durable")
)

// TokenConfig says how an access token is got (RFC 6749). With a RefreshToken it is renewed by that, which may rotate at
// each use; else by client credentials (4.4). Without ClientID and RefreshToken the AccessToken is all there is.
type TokenConfig struct {
	URL          string // of the token endpoint
	ClientID     string
	ClientSecret string
	Scopes       []string
	// AccessToken, RefreshToken and Expires are what the last process had; see Keys.
	AccessToken, RefreshToken string
	Expires                   time.Time // zero: not known, the token is used until it is refused
	// Keys are the names under which changed values are given to the hub, and come back among OpenRequest.Secrets. An
	// empty name is not kept.
	Keys TokenKeys
	// JSON sends the request as JSON, which some platforms want; else it is a form.
	JSON bool
	// BasicAuth sends client id and secret in the header (2.3.1) instead of the body.
	BasicAuth bool
	// Assertion makes a client assertion for each request (RFC 7523, private_key_jwt); it replaces ClientSecret.
	Assertion func() (string, error)
	// Early is how long before its expiry a token is renewed [2 min].
	Early time.Duration
	// Timeout of one request to the token endpoint [30 s].
	Timeout time.Duration
	// Host seals changed values; nil, in a unit test, keeps them in memory alone.
	Host Host
	// Transport is for tests [an own one].
	Transport http.RoundTripper
}

// TokenKeys name the secrets of TokenConfig. Expiry is kept as RFC 3339.
type TokenKeys struct{ Access, Refresh, Expiry string }

// Tokens keeps the access token of one connection. It is the only refresher of its process, and the hub runs one
// process for each connection, so that a refresh token that is valid once is used once. A new token is sealed in the
// hub's vault before anything uses it: a crash can't leave the hub with a spent one.
type Tokens struct {
	config TokenConfig
	http   *http.Client
	turn   chan struct{} // held by who renews; a channel, so that waiting ends with the context

	mu      sync.Mutex // guards what follows
	access  string
	refresh string
	expires time.Time
	pending *tokenAnswer // given by the platform, not taken by the vault yet
}

type tokenAnswer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	expires      time.Time
}

// NewTokens makes the keeper of one connection's token.
func NewTokens(config TokenConfig) *Tokens {
	if config.Early == 0 {
		config.Early = 2 * time.Minute
	}
	if config.Timeout == 0 {
		config.Timeout = 30 * time.Second
	}
	if config.Transport == nil {
		config.Transport = http.DefaultTransport
	}
	config.Transport = RecordedTransport(config.Transport, config.ClientSecret, config.AccessToken, config.RefreshToken)
	return &Tokens{
		config: config, http: &http.Client{Transport: config.Transport, Timeout: config.Timeout, CheckRedirect: checkRedirect},
		turn: make(chan struct{}, 1), access: config.AccessToken, refresh: config.RefreshToken, expires: config.Expires,
	}
}

// Renewable tells whether a new token can be got without a person.
func (t *Tokens) Renewable() bool { return t.config.ClientID != "" || t.config.RefreshToken != "" }

// Expires tells when the token expires; zero when that is not known. For HealthResponse.CredentialExpiry.
func (t *Tokens) Expires() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expires
}

// Get gives a valid access token. rejected is a token that the platform has just refused, "" when none was. Callers that
// come while a token is renewed wait for it.
func (t *Tokens) Get(ctx context.Context, rejected string) (string, error) {
	if token, ok := t.valid(rejected); ok {
		return token, nil
	}
	if !t.Renewable() {
		return "", fmt.Errorf("%w: the access token was refused and can't be renewed", ErrTokenRefused)
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrTokenUnavailable, ctx.Err())
	}
	defer func() { <-t.turn }()
	if token, ok := t.valid(rejected); ok { // somebody else renewed it meanwhile
		return token, nil
	}
	if t.pending == nil {
		// What was asked must not be lost with the caller: the platform may have spent the refresh token.
		answer, err := t.ask(context.WithoutCancel(ctx))
		if err != nil {
			return "", err
		}
		t.pending = answer
	}
	if err := t.seal(t.pending); err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.access, t.expires = t.pending.AccessToken, t.pending.expires
	if t.pending.RefreshToken != "" {
		t.refresh = t.pending.RefreshToken
	}
	t.pending = nil
	return t.access, nil
}

func (t *Tokens) valid(rejected string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := t.expires.IsZero() || time.Until(t.expires) > t.config.Early
	return t.access, t.access != "" && t.access != rejected && (fresh || !t.Renewable())
}

// Do sends a request with the token as its bearer. Where the platform answers 401 it is sent once more with a new
// token: what was refused was not done.
func (t *Tokens) Do(client *HTTPClient, req *http.Request) (*HTTPResponse, error) {
	token, err := t.Get(req.Context(), "")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	for first := true; ; first = false {
		attempt := req.Clone(req.Context())
		attempt.Header.Set("Authorization", "Bearer "+token)
		if !first && req.GetBody != nil {
			if attempt.Body, err = req.GetBody(); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
			}
		}
		resp, err := client.Do(attempt)
		if err != nil || resp.Status != http.StatusUnauthorized || !first || !repeatable(req) {
			return resp, err
		}
		if token, err = t.Get(req.Context(), token); err != nil {
			if errors.Is(err, ErrTokenRefused) {
				return resp, nil
			}
			return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
		}
	}
}

// seal makes an answer durable. The refresh token comes first: with it alone the others can be got again.
func (t *Tokens) seal(a *tokenAnswer) error {
	if t.config.Host == nil {
		return nil
	}
	expiry := ""
	if !a.expires.IsZero() {
		expiry = a.expires.UTC().Format(time.RFC3339)
	}
	for _, s := range []struct{ key, value string }{
		{t.config.Keys.Refresh, a.RefreshToken}, {t.config.Keys.Access, a.AccessToken}, {t.config.Keys.Expiry, expiry},
	} {
		if s.key == "" || s.value == "" {
			continue
		}
		if err := t.config.Host.RotateSecret(s.key, s.value); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrTokenNotSealed, s.key, err)
		}
	}
	return nil
}

// ask requests a token. Request and answer carry secrets, so no error repeats them.
func (t *Tokens) ask(ctx context.Context) (*tokenAnswer, error) {
	req, err := t.request(ctx)
	if err != nil {
		return nil, err
	}
	asked := time.Now()
	resp, err := t.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: the token endpoint could not be asked", ErrTokenUnavailable)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: the token endpoint's answer broke off", ErrTokenUnavailable)
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("%w: the token endpoint answers %d", ErrTokenRefused, resp.StatusCode)
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("%w: the token endpoint answers %d", ErrTokenUnavailable, resp.StatusCode)
	}
	a := &tokenAnswer{}
	if json.Unmarshal(body, a) != nil || a.AccessToken == "" {
		return nil, fmt.Errorf("%w: the token endpoint's answer can't be read", ErrTokenUnavailable)
	}
	if a.ExpiresIn > 0 {
		a.expires = asked.Add(time.Duration(a.ExpiresIn) * time.Second)
	}
	return a, nil
}

func (t *Tokens) request(ctx context.Context) (*http.Request, error) {
	form := map[string]string{"grant_type": "client_credentials"}
	if t.refresh != "" {
		form["grant_type"], form["refresh_token"] = "refresh_token", t.refresh
	}
	if len(t.config.Scopes) > 0 {
		form["scope"] = strings.Join(t.config.Scopes, " ")
	}
	switch {
	case t.config.Assertion != nil:
		assertion, err := t.config.Assertion()
		if err != nil {
			return nil, fmt.Errorf("%w: client assertion: %w", ErrTokenRefused, err)
		}
		form["client_assertion_type"], form["client_assertion"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", assertion
	case !t.config.BasicAuth && t.config.ClientID != "":
		form["client_id"], form["client_secret"] = t.config.ClientID, t.config.ClientSecret
	}
	body, contentType, err := encodeForm(form, t.config.JSON)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.config.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the token endpoint's address is none", ErrTokenRefused)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Accept", "application/json")
	if t.config.BasicAuth {
		req.SetBasicAuth(url.QueryEscape(t.config.ClientID), url.QueryEscape(t.config.ClientSecret))
	}
	return req, nil
}

func encodeForm(form map[string]string, asJSON bool) (body []byte, contentType string, err error) {
	if asJSON {
		body, err = json.Marshal(form)
		return body, "application/json", err
	}
	values := url.Values{}
	for k, v := range form {
		values.Set(k, v)
	}
	return []byte(values.Encode()), "application/x-www-form-urlencoded", nil
}
