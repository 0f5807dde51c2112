package main

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A hub that makes its records again from the journal is busy for some seconds. Who asks for a list then waits for it;
// what would be done twice if it were sent twice is not sent twice.
func TestABusyHubIsAskedAgainWhereThatDoesNothingTwice(t *testing.T) {
	var asked atomic.Int32
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"status":503,"title":"The hub can't take this now","code":"hub.busy"}`))
			return
		}
		_, _ = w.Write([]byte(`{"items":[]}`))
	}))
	defer hub.Close()
	r := &remote{base: hub.URL, token: "t", client: hub.Client()}
	for name, c := range map[string]struct {
		method string
		header []string
		answer string
		asked  int32
	}{
		"a list":                    {method: http.MethodGet, answer: `{"items":[]}`, asked: 2},
		"a command with a key":      {method: http.MethodPost, header: []string{"Idempotency-Key", "k"}, answer: `{"items":[]}`, asked: 2},
		"a command without a key":   {method: http.MethodPost, asked: 1},
		"what takes something away": {method: http.MethodDelete, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			raw, _, err := r.call(t.Context(), c.method, "/v1/items", nil, c.header...)
			require.Equal(t, c.asked, asked.Load())
			if c.answer == "" {
				require.ErrorContains(t, err, "hub.busy")
				return
			}
			require.NoError(t, err)
			require.JSONEq(t, c.answer, string(raw))
		})
	}
}
