package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// door is a client of the hub's API with one token.
type door struct {
	url, token string
	http       *http.Client
}

func newDoor(address, token string) *door {
	return &door{url: address, token: token, http: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// problem reads the answer of a refusal.
func (a *answer) problem(t *testing.T) *problem.Problem {
	t.Helper()
	var p problem.Problem
	require.NoError(t, json.Unmarshal(a.body, &p), "a refusal is a problem: %d %s", a.status, a.body)
	return &p
}

// send makes one request. Headers are pairs.
func (d *door) send(method, path string, body []byte, headers ...string) (*answer, error) {
	req, err := http.NewRequest(method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if d.token != "" {
		req.Header.Set("Authorization", "Bearer "+d.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := d.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return &answer{status: res.StatusCode, header: res.Header, body: b}, nil
}

// must makes a request that has to be answered, whatever the status.
func (d *door) must(t *testing.T, method, path string, body any, headers ...string) *answer {
	t.Helper()
	var raw []byte
	if body != nil {
		var err error
		raw, err = json.Marshal(body)
		require.NoError(t, err)
	}
	a, err := d.send(method, path, raw, headers...)
	require.NoError(t, err)
	return a
}

// fetch reads a path that has to answer 200.
func fetch[T any](t *testing.T, d *door, path string) T {
	t.Helper()
	a := d.must(t, http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, a.status, "GET %s: %s", path, a.body)
	var v T
	require.NoError(t, json.Unmarshal(a.body, &v), "GET %s", path)
	return v
}

// list reads all pages of a list.
func list[T any](t *testing.T, d *door, path string, query url.Values) []T {
	t.Helper()
	var all []T
	q := url.Values{"limit": {"500"}}
	for k, v := range query {
		q[k] = v
	}
	for {
		page := fetch[struct {
			Items []T    `json:"items"`
			Next  string `json:"next_cursor"`
		}](t, d, path+"?"+q.Encode())
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		q.Set("cursor", page.Next)
	}
}

// bySKU gives the one item of a SKU.
func (d *door) bySKU(t *testing.T, sku string) canon.Item {
	t.Helper()
	found := list[canon.Item](t, d, "/v1/items", url.Values{"sku": {sku}})
	require.Len(t, found, 1, "one record for SKU %s", sku)
	return found[0]
}

// metric reads one sample, named as Prometheus writes it.
func (d *door) metric(t *testing.T, name string) float64 {
	t.Helper()
	a := d.must(t, http.MethodGet, "/metrics", nil)
	require.Equal(t, http.StatusOK, a.status)
	for line := range strings.Lines(string(a.body)) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			require.NoError(t, err)
			return f
		}
	}
	return 0
}

// eventually waits for a condition and says what broke when it does not come. It looks ever less often, up to ten
// times a second, so that looking does not become the load.
func eventually(t *testing.T, within time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	wait := 2 * time.Millisecond
	look := time.NewTimer(wait)
	defer look.Stop()
	for !cond() {
		wait = min(wait*5/4+1, 100*time.Millisecond)
		look.Reset(wait)
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// ready waits until the hub is ready.
func (s *sandbox) ready() {
	s.t.Helper()
	last := ""
	defer func() {
		if s.t.Failed() {
			s.t.Log("readyz said", last)
		}
	}()
	eventually(s.t, 2*time.Minute, "the hub is ready", func() bool {
		a, err := s.door.send(http.MethodGet, "/readyz", nil)
		if err != nil {
			last = err.Error()
			return !s.hub.alive()
		}
		last = string(a.body)
		return a.status == http.StatusOK
	})
	require.True(s.t, s.hub.alive(), "the hub ended: %s", s.hub.log)
}

// inMode waits until every connection is in a mode.
func (s *sandbox) inMode(mode canon.Mode) {
	s.t.Helper()
	var last []api.ConnectionStatus
	defer func() {
		if s.t.Failed() {
			s.t.Logf("connections: %+v", last)
		}
	}()
	eventually(s.t, 2*time.Minute, fmt.Sprintf("every connection is in mode %s", mode), func() bool {
		last = list[api.ConnectionStatus](s.t, s.door, "/v1/connections", nil)
		for _, c := range last {
			if c.Mode != mode {
				return false
			}
		}
		return true
	})
}

// folded waits until the fold has passed the journal's end.
func (s *sandbox) folded() {
	s.t.Helper()
	eventually(s.t, 2*time.Minute, "the fold has passed the journal's end", func() bool {
		return s.door.metric(s.t, "jumpring_fold_lag_batches") == 0
	})
}

func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// shopifyHeaders are those of a genuine delivery of Shopify.
func shopifyHeaders(topic, delivery string, body []byte) []string {
	return []string{
		"Content-Type", "application/json", "X-Shopify-Topic", topic, "X-Shopify-Hmac-Sha256", signature(shopSecret, body),
		"X-Shopify-Shop-Domain", shopDomain, "X-Shopify-API-Version", "2026-10", "X-Shopify-Webhook-Id", delivery,
	}
}

// wooHeaders are those of a genuine delivery of WooCommerce.
func (s *sandbox) wooHeaders(topic, delivery string, body []byte) []string {
	return []string{
		"Content-Type", "application/json", "X-Wc-Webhook-Source", s.wooURL + "/", "X-Wc-Webhook-Topic", topic,
		"X-Wc-Webhook-Signature", signature(wooSecret, body), "X-Wc-Webhook-Delivery-Id", delivery,
	}
}

// settled waits until nothing differs that may be written, and the fold has passed everything.
func (s *sandbox) settled(t *testing.T) {
	t.Helper()
	var last []api.ConnectionStatus
	defer func() {
		if t.Failed() {
			t.Logf("connections: %+v", last)
		}
	}()
	eventually(t, 2*time.Minute, "no connection shows anything else than it should", func() bool {
		last = list[api.ConnectionStatus](t, s.door, "/v1/connections", nil)
		for _, c := range last {
			if c.Differing > 0 {
				return false
			}
		}
		return s.door.metric(t, "jumpring_fold_lag_batches") == 0
	})
}

// follow reads the stream of changes behind a batch of the journal, as one does who has seen everything up to there.
// What it gives lists the changes so far and ends the reading.
func (s *sandbox) follow(t *testing.T, after uint64) (changes func() []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.door.url+"/v1/stream", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+s.door.token)
	req.Header.Set("Last-Event-ID", canon.Position{Offset: after, Index: math.MaxUint32}.String())
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	var found []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
				found = append(found, strings.TrimSpace(data))
			}
		}
		_ = res.Body.Close()
	}()
	return func() []string {
		cancel()
		<-done
		return found
	}
}
