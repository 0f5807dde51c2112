package sdk

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func post(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"stock":0}`))
	require.NoError(t, err)
	return req
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return req
}

// dropping is a platform that takes the first n requests and hangs up without an answer.
func dropping(t *testing.T, n int64) (url string, seen *atomic.Int64) {
	seen = new(atomic.Int64)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if seen.Add(1) <= n {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte("ok"))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, seen
}

func TestWriteOfUnknownOutcomeIsNeverRepeated(t *testing.T) {
	url, seen := dropping(t, 1)
	c := NewHTTPClient(HTTPConfig{})
	req := post(t, url)
	req.Header.Set("Idempotency-Key", "k") // the standard transport would take it as leave to repeat
	_, err := c.Do(req)
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.NotErrorIs(t, err, ErrNotSent)
	require.EqualValues(t, 1, seen.Load())
}

// A connection that the platform closed while idle must not turn into a repeated write either.
func TestWriteOnAConnectionThatBreaksIsSentOnce(t *testing.T) {
	var writes atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			writes.Add(1)
			panic(http.ErrAbortHandler)
		}
	}))
	defer srv.Close()
	c := NewHTTPClient(HTTPConfig{})
	_, err := c.Do(get(t, srv.URL))
	require.NoError(t, err)
	_, err = c.Do(post(t, srv.URL))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.EqualValues(t, 1, writes.Load())
}

func TestReadIsRepeated(t *testing.T) {
	url, seen := dropping(t, 2)
	resp, err := NewHTTPClient(HTTPConfig{}).Do(get(t, url))
	require.NoError(t, err)
	require.Equal(t, "ok", string(resp.Body))
	require.EqualValues(t, 3, seen.Load())
}

func TestUnreachablePlatformIsNotSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	signed := 0
	c := NewHTTPClient(HTTPConfig{Secrets: []string{"cs_topsecret"}, Sign: func(r *http.Request) error {
		signed++
		require.Equal(t, "Jumpring", r.Header.Get("User-Agent"))
		return nil
	}})
	_, err = c.Do(post(t, "http://"+addr+"/orders?consumer_secret=cs_topsecret"))
	require.ErrorIs(t, err, ErrNotSent)
	require.Equal(t, 3, signed, "what was not sent is repeated, signed anew")
	require.NotContains(t, err.Error(), "consumer_secret")
	require.NotContains(t, err.Error(), "cs_topsecret")
}

func TestSlowAnswerIsUnknown(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	_, err := NewHTTPClient(HTTPConfig{Timeout: 50 * time.Millisecond}).Do(post(t, srv.URL))
	require.ErrorIs(t, err, ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestResponseIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 2000))
	}))
	defer srv.Close()
	_, err := NewHTTPClient(HTTPConfig{MaxBody: 1999}).Do(get(t, srv.URL))
	require.ErrorIs(t, err, ErrResponseTooLarge)
	resp, err := NewHTTPClient(HTTPConfig{MaxBody: 2000}).Do(get(t, srv.URL))
	require.NoError(t, err)
	require.Len(t, resp.Body, 2000)
}

func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("another host must not be asked")
	}))
	defer other.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		default:
			_, _ = w.Write([]byte(r.Method + r.URL.Path))
		}
	}))
	defer srv.Close()
	c := NewHTTPClient(HTTPConfig{Retries: -1})
	resp, err := c.Do(get(t, srv.URL+"/here"))
	require.NoError(t, err)
	require.Equal(t, "GET/there", string(resp.Body))
	resp, err = c.Do(post(t, srv.URL+"/here"))
	require.NoError(t, err)
	require.Equal(t, http.StatusTemporaryRedirect, resp.Status, "a write's redirect is the answer")
	_, err = c.Do(get(t, srv.URL+"/away"))
	require.ErrorContains(t, err, "another host")
	_, err = c.Do(get(t, srv.URL+"/loop"))
	require.ErrorContains(t, err, "more than 5 redirects")
}

func TestRequestsArePaced(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	c := NewHTTPClient(HTTPConfig{PerSecond: 50, Burst: 1})
	began := time.Now()
	for range 6 {
		_, err := c.Do(get(t, srv.URL))
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, time.Since(began), 95*time.Millisecond)

	slow := NewHTTPClient(HTTPConfig{PerSecond: 0.001, Burst: 1})
	_, err := slow.Do(get(t, srv.URL))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = slow.Do(post(t, srv.URL).WithContext(ctx))
	require.ErrorIs(t, err, ErrNotSent, "a turn after the deadline is not waited for")
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"2":                             2 * time.Second,
		"2.0":                           2 * time.Second,
		" 0.5 ":                         500 * time.Millisecond,
		"-3":                            0,
		"NaN":                           0,
		"1e300":                         24 * time.Hour,
		"soon":                          0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
		"Sun, 01 Mar 2026 11:00:30 GMT": 0,
	} {
		require.Equal(t, want, ParseRetryAfter(value, now), "%q", value)
	}
}

// The platform takes each signature once, and breaks a kept connection after it has seen a request.
func TestASignatureIsSentOnce(t *testing.T) {
	for once, want := range map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized} {
		var mu sync.Mutex
		seen := map[string]bool{}
		requests := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			nonce := r.Header.Get("Nonce")
			requests++
			switch {
			case seen[nonce]:
				w.WriteHeader(http.StatusUnauthorized)
			case requests == 2:
				conn, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					_ = conn.Close()
				}
			}
			seen[nonce] = true
		}))
		defer server.Close()
		n := 0
		c := NewHTTPClient(HTTPConfig{SignedOnce: once, Sign: func(r *http.Request) error {
			n++
			r.Header.Set("Nonce", strconv.Itoa(n))
			return nil
		}})
		status := 0
		for range 2 {
			req, err := http.NewRequest(http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			resp, err := c.Do(req)
			require.NoError(t, err)
			status = resp.Status
		}
		require.Equal(t, want, status, "signed once: %v; without it Go's transport repeats what was signed", once)
	}
}
