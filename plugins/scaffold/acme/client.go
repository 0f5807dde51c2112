package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// FILL IN 2 of 3: how the platform is asked. One method for each request of its API, and nothing that knows the hub.

// client speaks Acme's API.
type client struct {
	base string
	http *sdk.HTTPClient
}

func newClient(base, key string) *client {
	return &client{base: strings.TrimRight(base, "/"), http: sdk.NewHTTPClient(sdk.HTTPConfig{
		PerSecond: 50, Burst: 50, Secrets: []string{key},
		Sign: func(r *http.Request) error { r.Header.Set("Authorization", "Bearer "+key); return nil },
	})}
}

func (c *client) close() { c.http.CloseIdle() }

// account is what the platform says of itself.
type account struct {
	Name string    `json:"name"`
	Now  time.Time `json:"now"`
}

// item is one row of Acme's item list.
type item struct {
	ID       string    `json:"id"`
	SKU      string    `json:"sku"`
	Serial   string    `json:"serial"`
	Title    string    `json:"title"`
	Metal    string    `json:"metal"`
	Weight   string    `json:"weight"`
	Price    string    `json:"price"`
	Stock    int64     `json:"stock"`
	Modified time.Time `json:"modified"`
}

var errNotFound = errors.New("no such record at Acme")

func (c *client) info(ctx context.Context) (*account, error) {
	out := &account{}
	return out, c.get(ctx, "/api/account", nil, out)
}

// changed gives a page of the items modified at or after from, oldest first.
func (c *client) changed(ctx context.Context, from time.Time, page, limit int) ([]item, error) {
	var out []item
	return out, c.get(ctx, "/api/items", url.Values{
		"modified_from": {from.UTC().Format(time.RFC3339Nano)}, "page": {strconv.Itoa(page)}, "limit": {strconv.Itoa(limit)},
	}, &out)
}

// after gives the items whose ids follow an id, in the order of their ids.
func (c *client) after(ctx context.Context, id string, limit int) ([]item, error) {
	var out []item
	return out, c.get(ctx, "/api/items", url.Values{"after": {id}, "limit": {strconv.Itoa(limit)}}, &out)
}

func (c *client) item(ctx context.Context, id string) (*item, error) {
	out := &item{}
	return out, c.get(ctx, "/api/items/"+url.PathEscape(id), nil, out)
}

// written tells whether the platform knows a write by its key.
func (c *client) written(ctx context.Context, key string) (bool, error) {
	err := c.get(ctx, "/api/writes/"+url.PathEscape(key), nil, &struct{}{})
	if errors.Is(err, errNotFound) {
		return false, nil
	}
	return err == nil, err
}

// setStock sends one write. A response of any status is no error.
func (c *client) setStock(ctx context.Context, id, key string, want, expect int64) (*sdk.HTTPResponse, error) {
	body, err := json.Marshal(map[string]int64{"want": want, "expect": expect})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.base+"/api/items/"+url.PathEscape(id)+"/stock", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	return c.http.Do(req)
}

func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &sdk.Error{Code: "acme.unreachable", Message: "Acme could not be asked", Do: "see whether its address answers", Err: err}
	}
	if err := failed(resp); err != nil {
		return err
	}
	if err := json.Unmarshal(resp.Body, into); err != nil {
		return &sdk.Error{Code: "acme.unreadable", Message: fmt.Sprintf("the answer to %s can't be read", path)}
	}
	return nil
}

// failed turns a status into an error with a code. It does not quote the body, which may repeat what was sent.
func failed(resp *sdk.HTTPResponse) error {
	switch {
	case resp.Status == http.StatusOK:
		return nil
	case resp.Status == http.StatusNotFound:
		return errNotFound
	case resp.Status == http.StatusUnauthorized || resp.Status == http.StatusForbidden:
		return &sdk.Error{Code: "acme.unauthorized", Message: "Acme refuses the key", Do: "make a new key in Acme ERP and set it as api_key"}
	case resp.Status == http.StatusTooManyRequests:
		return &sdk.Error{Code: "acme.throttled", Message: "Acme asks for a pause", RetryAfter: max(resp.RetryAfter, time.Second)}
	}
	return &sdk.Error{Code: "acme.failed", Message: fmt.Sprintf("Acme answers with status %d", resp.Status), RetryAfter: resp.RetryAfter}
}
