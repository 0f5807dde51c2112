package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// hubAPI speaks to the hub's public API with one token.
type hubAPI struct {
	base, token string
	client      *http.Client
}

// problemError is a refusal of the API.
type problemError struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (e *problemError) Error() string {
	return fmt.Sprintf("%d %s: %s %s", e.Status, e.Code, e.Title, e.Detail)
}

// call asks once. An answer of 4xx or 5xx is a *problemError.
func (a *hubAPI) call(ctx context.Context, method, path, idempotency string, in, out any) (status int, err error) {
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if idempotency != "" {
		req.Header.Set("Idempotency-Key", idempotency)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	if res.StatusCode >= 400 {
		p := &problemError{}
		_ = json.Unmarshal(raw, p) // an answer that is no problem shows its status alone
		p.Status = res.StatusCode
		return res.StatusCode, p
	}
	if out != nil && len(raw) > 0 {
		if err := json.Unmarshal(raw, out); err != nil {
			return res.StatusCode, fmt.Errorf("%s %s: the answer does not decode: %w", method, path, err)
		}
	}
	return res.StatusCode, nil
}

// askAgain is how long a client waits before it asks a hub again that did not answer.
const askAgain = 20 * time.Millisecond

// insist asks until the hub answers, as a till does: with the same key, so that it is carried out once.
func (a *hubAPI) insist(ctx context.Context, method, path, idempotency string, in, out any) (int, error) {
	for {
		status, err := a.call(ctx, method, path, idempotency, in, out)
		var p *problemError
		refused := errors.As(err, &p) && p.Status < 500 && p.Status != http.StatusTooManyRequests
		if refused || err == nil && status != http.StatusAccepted || ctx.Err() != nil {
			return status, err
		}
		select {
		case <-time.After(askAgain):
		case <-ctx.Done():
			return status, errors.Join(err, ctx.Err())
		}
	}
}

// list gives all pages of a list.
func list[T any](ctx context.Context, a *hubAPI, path string, query url.Values) ([]T, error) {
	var all []T
	q := url.Values{"limit": {"500"}}
	for k, v := range query {
		q[k] = v
	}
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next_cursor"`
		}
		if _, err := a.call(ctx, http.MethodGet, path+"?"+q.Encode(), "", nil, &page); err != nil {
			return nil, fmt.Errorf("list %s: %w", path, err)
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		q.Set("cursor", page.Next)
	}
}

// await asks a question again and again until the answer is yes, ctx ends, or it takes too long.
func await(ctx context.Context, what string, limit time.Duration, yes func() (bool, error)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	var last error
	for {
		ok, err := yes()
		if ok && err == nil {
			return nil
		}
		if err != nil {
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			if last != nil {
				return fmt.Errorf("demo: waited %s in vain until %s: %w", limit, what, last)
			}
			return fmt.Errorf("demo: waited %s in vain until %s", limit, what)
		}
	}
}
