package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// FILL IN 1 of 3: what the connector is, which keys configure it, and how its calls use the client.
// Keep what your platform can do and delete the rest: the hub sees by the methods what a connector can.

// streamItems is the one list that is polled.
const streamItems = "items"

// overlap is how far behind the last row a poll begins again, for rows that the platform commits late.
const overlap = 2 * time.Minute

// settings is the connection's `config`.
type settings struct {
	URL      string `json:"url"`
	Currency string `json:"currency"`
}

// connector serves one connection. It is opened once; what Open sets does not change after it.
type connector struct {
	settings settings
	client   *client
	hooks    string // the secret that signs webhooks
}

func newConnector() sdk.Connector { return &connector{} }

// Describe tells what the connector is and can do.
func (c *connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: "acme", Version: "0.1.0", Summary: "Items and stock of Acme ERP.", TranslationVersion: 1,
		Kinds: []canon.Kind{canon.KindListing, canon.KindLevel},
		Config: []sdk.ConfigField{
			{Key: "url", Type: "url", Required: true, Description: "address of Acme ERP, such as https://erp.example.com"},
			{Key: "currency", Type: "string", Default: "EUR", Pattern: "^[A-Z]{3}$", Description: "ISO 4217 currency of its prices"},
			{Key: "api_key", Type: "string", Required: true, Secret: true, Description: "key of a user who may read items and write stock"},
			{Key: "webhook_secret", Type: "string", Secret: true, Description: "signs webhooks; without it none is accepted"},
		},
		Streams:      []sdk.Stream{{Name: streamItems, IntervalMillis: 60_000}},
		Implied:      sdk.Implied{CompareAndSet: true},
		RateLimit:    sdk.RateLimit{PerSecond: 50, Burst: 50, MaxBatch: 50},
		SettleMillis: 0,
	}, nil
}

// Validate checks a configuration without asking the platform. It never repeats a secret.
func (c *connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, found := readSettings(req.Config, req.Secrets)
	return &sdk.ValidateResponse{Diagnostics: found}, nil
}

func readSettings(config json.RawMessage, secrets map[string]string) (settings, []sdk.Diagnostic) {
	var s settings
	var found []sdk.Diagnostic
	fail := func(path, summary, do string) {
		found = append(found, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "acme.config", Path: path, Summary: summary, Do: do})
	}
	if err := json.Unmarshal(config, &s); err != nil {
		fail("config", "the configuration can't be read", "compare it with the connector's list of keys")
		return s, found
	}
	if u, err := url.Parse(s.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		fail("config.url", "no address of Acme ERP", "set url to its address, such as https://erp.example.com")
	}
	if s.Currency == "" {
		s.Currency = "EUR"
	}
	if secrets["api_key"] == "" {
		fail("secrets.api_key", "no key", "make a key in Acme ERP under Users, API keys")
	}
	return s, found
}

// Open takes configuration and secrets. It does not ask the platform: the hub is up with every platform down.
func (c *connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	s, found := readSettings(req.Config, req.Secrets)
	if len(found) > 0 {
		return &sdk.OpenResponse{Diagnostics: found}, nil
	}
	c.settings, c.hooks, c.client = s, req.Secrets["webhook_secret"], newClient(s.URL, req.Secrets["api_key"])
	return &sdk.OpenResponse{}, nil
}

// Close ends what Open began.
func (c *connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	if c.client != nil {
		c.client.close()
	}
	return &sdk.CloseResponse{}, nil
}

// Check asks the platform for as little as shows that the connection works, and changes nothing.
func (c *connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	info, err := c.client.info(ctx)
	var failed *sdk.Error
	switch {
	case errors.As(err, &failed):
		return &sdk.CheckResponse{Diagnostics: []sdk.Diagnostic{{
			Severity: sdk.SeverityError, Code: failed.Code, Summary: failed.Message, Do: failed.Do,
		}}}, nil
	case err != nil:
		return nil, err
	}
	return &sdk.CheckResponse{Account: info.Name}, nil
}

// HandleWebhook verifies the raw body, then translates it. It does no I/O.
func (c *connector) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	if !sdk.VerifyHMACHex(c.hooks, req.Body, req.Header("X-Acme-Signature")) {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "the signature does not fit the body"}, nil
	}
	var event struct {
		ID   string `json:"id"`
		Item item   `json:"item"`
	}
	if err := json.Unmarshal(req.Body, &event); err != nil || event.Item.ID == "" {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictMalformed, Reason: "the body is no item event"}, nil
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, DeliveryID: event.ID, Observations: c.observe(&event.Item)}, nil
}

// Poll gives what changed since a cursor. sdk.TimeCursor copes with ties and late rows.
func (c *connector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	cursor, err := sdk.ParseTimeCursor(req.Cursor, req.Since, overlap)
	if err != nil {
		return nil, err
	}
	items, err := c.client.changed(ctx, cursor.From(), cursor.Page(), req.Limit)
	if err != nil {
		return nil, err
	}
	out := &sdk.PollResponse{}
	for i := range items {
		if cursor.Fresh(items[i].ID, items[i].Modified) {
			out.Observations = append(out.Observations, c.observe(&items[i])...)
		}
	}
	out.More = cursor.EndPage(len(items) == req.Limit)
	out.Cursor = cursor.Bytes()
	return out, nil
}

// Snapshot gives everything, page by page. The page token is the last id, so that changes shift nothing. The cursor
// from which Poll goes on is taken before the first row is read.
func (c *connector) Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	out := &sdk.SnapshotResponse{Kinds: []canon.Kind{canon.KindListing, canon.KindLevel}}
	if len(req.Page) == 0 {
		info, err := c.client.info(ctx) // by the platform's clock, not by ours
		if err != nil {
			return nil, err
		}
		cursor, err := sdk.ParseTimeCursor(nil, info.Now.Add(-overlap), overlap)
		if err != nil {
			return nil, err
		}
		out.Cursors = map[string][]byte{streamItems: cursor.Bytes()}
	}
	items, err := c.client.after(ctx, string(req.Page), req.Limit)
	if err != nil {
		return nil, err
	}
	for i := range items {
		out.Observations = append(out.Observations, c.observe(&items[i])...)
	}
	if out.Complete = len(items) < req.Limit; !out.Complete {
		out.Next = []byte(items[len(items)-1].ID)
	}
	return out, nil
}

// Read gives the present state of single items. What is gone is a deletion.
func (c *connector) Read(ctx context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	out := &sdk.ReadResponse{}
	for _, ref := range req.Refs {
		id := ref.ExternalID
		if ref.Kind == canon.KindLevel {
			id, _ = canon.SplitLevelID(id)
		}
		it, err := c.client.item(ctx, id)
		switch {
		case errors.Is(err, errNotFound):
			out.Observations = append(out.Observations, canon.Observation{Kind: ref.Kind, ExternalID: ref.ExternalID, Deleted: true})
		case err != nil:
			return nil, err
		default:
			out.Observations = append(out.Observations, c.observe(it)...)
		}
	}
	return out, nil
}

// Apply writes stock. Each result says what is so, never what is likely: "retry" means that nothing was done, and a
// write that may have been done is "unknown".
func (c *connector) Apply(ctx context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	out := &sdk.ApplyResponse{Results: make([]sdk.Result, len(req.Writes))}
	var wait time.Duration // the platform throttles: what is left of the batch is not sent
	for i, w := range req.Writes {
		switch {
		case wait > 0:
			out.Results[i] = sdk.Result{Status: sdk.StatusRetry, Code: "acme.throttled", RetryAfterMillis: wait.Milliseconds()}
		case w.Stock == nil:
			out.Results[i] = sdk.Result{Status: sdk.StatusNotRepresentable, Code: "acme.stock_only", Reason: "only stock can be written"}
		default:
			out.Results[i], wait = c.writeStock(ctx, &w)
		}
		out.Results[i].Key = w.Key
	}
	return out, nil
}

// Lookup finds a write by its key, which the platform keeps.
func (c *connector) Lookup(ctx context.Context, req *sdk.LookupRequest) (*sdk.LookupResponse, error) {
	out := &sdk.LookupResponse{Results: make([]sdk.Result, len(req.Writes))}
	for i, w := range req.Writes {
		done, err := c.client.written(ctx, w.Key)
		status := sdk.StatusRejected
		switch {
		case err != nil:
			status = sdk.StatusUnknown
		case done:
			status = sdk.StatusApplied
		}
		out.Results[i] = sdk.Result{Key: w.Key, Status: status}
	}
	return out, nil
}

var (
	_ sdk.Validator      = (*connector)(nil)
	_ sdk.Checker        = (*connector)(nil)
	_ sdk.WebhookHandler = (*connector)(nil)
	_ sdk.Poller         = (*connector)(nil)
	_ sdk.Snapshotter    = (*connector)(nil)
	_ sdk.Reader         = (*connector)(nil)
	_ sdk.Applier        = (*connector)(nil)
	_ sdk.Lookuper       = (*connector)(nil)
)
