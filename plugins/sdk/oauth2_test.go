package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tokenShop is a platform whose refresh tokens are good once.
type tokenShop struct {
	mu      sync.Mutex
	n       int
	refresh string
	valid   string
	asked   []string // grant types
	status  int      // instead of an answer
	url     string
}

func newTokenShop(t *testing.T) *tokenShop {
	s := &tokenShop{refresh: "refresh-0", valid: "access-0"}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *tokenShop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path != "/token" {
		if r.Header.Get("Authorization") != "Bearer "+s.valid {
			w.WriteHeader(http.StatusUnauthorized)
		}
		return
	}
	s.asked = append(s.asked, r.PostFormValue("grant_type"))
	switch {
	case s.status != 0:
		w.WriteHeader(s.status)
		return
	case r.PostFormValue("grant_type") == "refresh_token" && r.PostFormValue("refresh_token") != s.refresh:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.n++
	s.valid, s.refresh = fmt.Sprint("access-", s.n), fmt.Sprint("refresh-", s.n)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.valid, "refresh_token": s.refresh, "expires_in": 3600})
}

// memoryVault keeps what it is given, unless it is broken.
type memoryVault struct {
	mu     sync.Mutex
	broken bool
	kept   map[string]string
	order  []string
}

func (v *memoryVault) RotateSecret(key, value string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.broken {
		return errors.New("disk full")
	}
	if v.kept == nil {
		v.kept = map[string]string{}
	}
	v.kept[key], v.order = value, append(v.order, key)
	return nil
}

func (s *tokenShop) config(host Host) TokenConfig {
	return TokenConfig{
		URL: s.url + "/token", ClientID: "id", ClientSecret: "client-secret", AccessToken: "access-0", RefreshToken: "refresh-0",
		Keys: TokenKeys{Access: "access", Refresh: "refresh", Expiry: "expires"}, Host: host,
	}
}

func TestARefusedTokenIsRenewedOnceForAllCallers(t *testing.T) {
	shop, vault := newTokenShop(t), &memoryVault{}
	shop.valid = "" // expired
	tokens := NewTokens(shop.config(vault))
	client := NewHTTPClient(HTTPConfig{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, shop.url+"/api", strings.NewReader("{}"))
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := tokens.Do(client, req)
			if err != nil || resp.Status != http.StatusOK {
				t.Errorf("%v %+v", err, resp)
			}
		})
	}
	all.Wait()
	require.Equal(t, []string{"refresh_token"}, shop.asked)
	require.Equal(t, "refresh-1", vault.kept["refresh"])
	require.Equal(t, "access-1", vault.kept["access"])
	require.Equal(t, "refresh", vault.order[0], "the refresh token is kept first: with it the others can be got again")
	expires, err := time.Parse(time.RFC3339, vault.kept["expires"])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), expires, 10*time.Minute)
}

func TestATokenThatIsNotSealedIsNotUsedAndNotLost(t *testing.T) {
	shop, vault := newTokenShop(t), &memoryVault{broken: true}
	tokens := NewTokens(shop.config(vault))
	_, err := tokens.Get(t.Context(), "access-0")
	require.ErrorIs(t, err, ErrTokenNotSealed)
	require.NotContains(t, err.Error(), "refresh-1")
	vault.broken = false
	token, err := tokens.Get(t.Context(), "access-0")
	require.NoError(t, err)
	require.Equal(t, "access-1", token)
	require.Len(t, shop.asked, 1, "the refresh token is spent: the pair that it gave is kept")
}

func TestTokensAreRenewedBeforeTheyExpire(t *testing.T) {
	shop := newTokenShop(t)
	c := shop.config(nil)
	c.Expires = time.Now().Add(time.Minute)
	token, err := NewTokens(c).Get(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "access-1", token)
}

func TestClientCredentials(t *testing.T) {
	shop := newTokenShop(t)
	c := shop.config(nil)
	c.RefreshToken, c.AccessToken = "", ""
	tokens := NewTokens(c)
	token, err := tokens.Get(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, "access-1", token)
	require.Equal(t, []string{"client_credentials"}, shop.asked)
}

func TestWhyNoTokenCanBeHad(t *testing.T) {
	for status, want := range map[int]error{400: ErrTokenRefused, 401: ErrTokenRefused, 500: ErrTokenUnavailable, 429: ErrTokenUnavailable} {
		shop := newTokenShop(t)
		shop.status = status
		_, err := NewTokens(shop.config(nil)).Get(t.Context(), "access-0")
		require.ErrorIs(t, err, want, "status %d", status)
		require.NotContains(t, err.Error(), "client-secret")
	}
	_, err := NewTokens(TokenConfig{AccessToken: "fixed"}).Get(t.Context(), "fixed")
	require.ErrorIs(t, err, ErrTokenRefused)
}

func TestWaitingForATokenEndsWithTheContext(t *testing.T) {
	stuck := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stuck }))
	defer server.Close()
	defer close(stuck)
	tokens := NewTokens(TokenConfig{URL: server.URL, ClientID: "id"})
	go func() { _, _ = tokens.Get(context.Background(), "") }() // ends when the server does
	require.Eventually(t, func() bool { return len(tokens.turn) == 1 }, time.Minute, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tokens.Get(ctx, "")
	require.ErrorIs(t, err, context.Canceled)
}
