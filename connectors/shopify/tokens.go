package shopify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// The secrets that the connector rotates.
const (
	secretAccessToken  = "access_token"
	secretRefreshToken = "refresh_token"
	secretTokenExpiry  = "access_token_expires_at" // RFC 3339
)

// refreshBefore is how long before its expiry an access token is renewed.
const refreshBefore = 2 * time.Minute

// tokens keeps the access token. An app whose tokens expire renews them with a refresh token that rotates at each use,
// or with client credentials; the mutex makes this process the only refresher, and the hub runs one process per
// connection.
type tokens struct {
	mu       sync.Mutex
	settings *settings
	http     *http.Client
	host     sdk.Host

	access  string
	refresh string
	expires time.Time // zero: does not expire, as far as known
	// pending is a pair that the platform gave but the hub's vault did not take yet.
	pending *tokenPair
}

type tokenPair struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"` // seconds
	expires      time.Time
}

func newTokens(s *settings, h *http.Client, host sdk.Host, expiresAt string) *tokens {
	t := &tokens{settings: s, http: h, host: host, access: s.accessToken, refresh: s.refreshToken}
	if t.renewable() {
		t.expires = moment(expiresAt)
	}
	return t
}

// renewable tells that the app can get a new access token by itself.
func (t *tokens) renewable() bool { return t.settings.clientID != "" }

func (t *tokens) expiry() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.expires
}

// get gives a valid access token. rejected is a token that the platform just refused, "" when none was.
func (t *tokens) get(ctx context.Context, rejected string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := t.expires.IsZero() || time.Until(t.expires) > refreshBefore
	if t.access != "" && t.access != rejected && (fresh || !t.renewable()) {
		return t.access, nil
	}
	if !t.renewable() {
		return "", &apiError{kind: failAuth, code: "shopify.unauthorized", reason: "the access token was refused"}
	}
	if t.pending == nil {
		pair, err := t.request(ctx)
		if err != nil {
			return "", err
		}
		t.pending = pair
	}
	// The refresh token that led here is spent: the new one is made durable before anything uses the new pair.
	if err := t.persist(t.pending); err != nil {
		return "", &apiError{kind: failTransient, code: "shopify.token_not_sealed", reason: "the hub's vault did not take the renewed token", cause: err}
	}
	t.access, t.expires = t.pending.AccessToken, t.pending.expires
	if t.pending.RefreshToken != "" {
		t.refresh = t.pending.RefreshToken
	}
	t.pending = nil
	return t.access, nil
}

func (t *tokens) persist(p *tokenPair) error {
	if t.host == nil {
		return nil
	}
	for _, s := range []struct{ key, value string }{
		{secretRefreshToken, p.RefreshToken},
		{secretAccessToken, p.AccessToken},
		{secretTokenExpiry, p.expires.UTC().Format(time.RFC3339)},
	} {
		if s.value == "" {
			continue
		}
		if err := t.host.RotateSecret(s.key, s.value); err != nil {
			return fmt.Errorf("seal %s: %w", s.key, err)
		}
	}
	return nil
}

// request asks the platform for a new pair. Its answer and the request carry secrets, so no error repeats them.
func (t *tokens) request(ctx context.Context) (*tokenPair, error) {
	form := map[string]string{"client_id": t.settings.clientID, "client_secret": t.settings.clientSecret, "grant_type": "client_credentials"}
	if t.refresh != "" {
		form["grant_type"], form["refresh_token"] = "refresh_token", t.refresh
	}
	body, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("shopify: token request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.settings.endpoint+"/admin/oauth/access_token", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("shopify: token request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	asked := time.Now()
	res, err := t.http.Do(req)
	if err != nil {
		return nil, &apiError{kind: failTransient, code: "shopify.unreachable", reason: "the token endpoint could not be reached", cause: err}
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		kind := failTransient
		if res.StatusCode == http.StatusBadRequest || res.StatusCode == http.StatusUnauthorized {
			kind = failAuth
		}
		return nil, &apiError{kind: kind, code: "shopify.token_refused", reason: fmt.Sprintf("the token endpoint answered %d; install the app again if this stays", res.StatusCode)}
	}
	pair := &tokenPair{}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(pair); err != nil || pair.AccessToken == "" {
		return nil, &apiError{kind: failTransient, code: "shopify.token_unreadable", reason: "the token endpoint's answer could not be read"}
	}
	if pair.ExpiresIn > 0 {
		pair.expires = asked.Add(time.Duration(pair.ExpiresIn) * time.Second)
	}
	return pair, nil
}
