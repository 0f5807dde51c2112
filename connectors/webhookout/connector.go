package webhookout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// Version is the connector's semantic version.
const Version = "0.1.0"

// maxAnswer is how much of an answer is read, in bytes. Nothing of it is used.
const maxAnswer = 64 << 10

// connector posts to one address.
type connector struct {
	now func() time.Time

	mu     sync.Mutex
	cfg    *config // nil until Open
	client *sdk.HTTPClient
	last   string // what was wrong with the newest request; empty when nothing was
}

// New makes the connector.
func New() sdk.Connector { return &connector{now: time.Now} }

// Describe tells what the connector is and can do.
func (c *connector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: "webhook-out", Version: Version, Summary: "Changes as signed CloudEvents to any web address.",
		TranslationVersion: 1, Config: slices.Clone(configFields),
	}, nil
}

// Validate checks a configuration without I/O.
func (c *connector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	_, found := parseConfig(req.Config, req.Secrets)
	return &sdk.ValidateResponse{Diagnostics: found}, nil
}

// Open takes the configuration. Nothing is connected yet.
func (c *connector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	cfg, found := parseConfig(req.Config, req.Secrets)
	if len(found) > 0 {
		return &sdk.OpenResponse{Diagnostics: found}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cfg, c.last = cfg, ""
	c.client = sdk.NewHTTPClient(sdk.HTTPConfig{
		Timeout: cfg.timeout, MaxBody: maxAnswer, Retries: -1, UserAgent: "Jumpring-Webhook/" + Version,
		Limits:    func(int, http.Header) time.Duration { return 0 }, // the hub heeds Retry-After, change by change
		Secrets:   append(slices.Clone(cfg.signing), cfg.bearer),
		Transport: cfg.guard.transport(),
	})
	return &sdk.OpenResponse{}, nil
}

// Close ends idle connections.
func (c *connector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.CloseIdle()
	}
	c.cfg, c.client = nil, nil
	return &sdk.CloseResponse{}, nil
}

var errNotOpen = errors.New("the webhook-out connector is not open")

func (c *connector) opened() (*config, *sdk.HTTPClient, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cfg == nil {
		return nil, nil, errNotOpen
	}
	return c.cfg, c.client, nil
}

// Check looks the receiver's name up and connects to it. It posts nothing: that would be a change that did not happen.
func (c *connector) Check(ctx context.Context, _ *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	cfg, _, err := c.opened()
	if err != nil {
		return nil, err
	}
	host, port := cfg.target.Hostname(), cfg.target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[cfg.target.Scheme]
	}
	resp := &sdk.CheckResponse{Account: cfg.target.Host}
	bad := func(code, summary, do string) (*sdk.CheckResponse, error) {
		resp.Diagnostics = append(resp.Diagnostics, sdk.Diagnostic{
			Severity: sdk.SeverityError, Code: "webhook-out." + code, Path: "config.url", Summary: summary, Do: do,
		})
		return resp, nil
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addresses) == 0 {
		return bad("name_unknown", "the name "+host+" has no address", "correct url, or the name service")
	}
	if !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return cfg.guard.check(a) == nil }) {
		return bad("private_address", host+" is in the house's own network", errPrivate.Error())
	}
	conn, err := (&net.Dialer{Timeout: cfg.timeout, ControlContext: cfg.guard.control}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return bad("unreachable", "nobody answers at "+cfg.target.Host, "start the receiver, or correct url")
	}
	return resp, conn.Close()
}

// Health tells what was wrong with the newest request.
func (c *connector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &sdk.HealthResponse{OK: c.last == "", Reason: c.last}, nil
}

// Deliver posts each change.
func (c *connector) Deliver(ctx context.Context, req *sdk.DeliverRequest) (*sdk.DeliverResponse, error) {
	cfg, client, err := c.opened()
	if err != nil {
		return nil, err
	}
	resp := &sdk.DeliverResponse{Results: make([]sdk.Result, len(req.Changes))}
	stops := make([]string, len(req.Changes))
	var posts sync.WaitGroup
	for i := range req.Changes {
		posts.Go(func() { resp.Results[i], stops[i] = c.post(ctx, cfg, client, &req.Changes[i]) })
	}
	posts.Wait()
	for _, s := range stops {
		if s != "" {
			resp.Stop = s
		}
	}
	return resp, nil
}

func (c *connector) post(ctx context.Context, cfg *config, client *sdk.HTTPClient, change *sdk.Change) (r sdk.Result, stop string) {
	r.Key = change.ID
	out, err := c.request(ctx, cfg, change)
	if err != nil {
		r.Status, r.Code, r.Reason = sdk.StatusRejected, "webhook-out.unsignable", err.Error()
		return r, ""
	}
	answer, err := client.Do(out)
	switch {
	case errors.Is(err, errPrivate):
		r.Status, r.Code, r.Reason = sdk.StatusRetry, "webhook-out.private_address", errPrivate.Error()
	case err != nil:
		r.Status, r.Code, r.Reason = sdk.StatusUnknown, "webhook-out.unreachable", err.Error()
		if errors.Is(err, sdk.ErrNotSent) {
			r.Status = sdk.StatusRetry
		}
	case answer.Status >= 200 && answer.Status <= 299:
		r.Status = sdk.StatusApplied
	case answer.Status == http.StatusGone:
		r.Status, r.Code, r.Reason = sdk.StatusRetry, "webhook-out.gone", "the receiver answered 410"
		stop = cfg.target.Host + " answered 410: it wants no more webhooks; resume the connection when that is settled"
	default:
		r.Status, r.Code = sdk.StatusRetry, fmt.Sprintf("webhook-out.status_%d", answer.Status)
		r.Reason = fmt.Sprintf("the receiver answered %d", answer.Status)
		r.RetryAfterMillis = answer.RetryAfter.Milliseconds()
	}
	c.mu.Lock()
	c.last = r.Reason
	c.mu.Unlock()
	return r, stop
}

// request makes one attempt: the time is that of the attempt, the id that of the change.
func (c *connector) request(ctx context.Context, cfg *config, change *sdk.Change) (*http.Request, error) {
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, cfg.target.String(), bytes.NewReader(change.Event))
	if err != nil {
		return nil, errors.New("the request can't be made")
	}
	id, now := messageID(change.ID), c.now()
	signatures := make([]string, 0, len(cfg.signing))
	for _, secret := range cfg.signing {
		s, err := sdk.SignStandardWebhook(secret, id, now, change.Event)
		if err != nil {
			return nil, err
		}
		signatures = append(signatures, s)
	}
	out.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	out.Header.Set(sdk.StandardWebhookID, id)
	out.Header.Set(sdk.StandardWebhookTimestamp, fmt.Sprint(now.Unix()))
	out.Header.Set(sdk.StandardWebhookSignature, strings.Join(signatures, " "))
	if cfg.bearer != "" {
		out.Header.Set("Authorization", "Bearer "+cfg.bearer)
	}
	return out, nil
}

// messageID is a change's id without full stops, which part the signed text.
func messageID(id string) string { return "jr_" + strings.ReplaceAll(id, ".", "_") }

var (
	_ sdk.Validator      = (*connector)(nil)
	_ sdk.Checker        = (*connector)(nil)
	_ sdk.Deliverer      = (*connector)(nil)
	_ sdk.HealthReporter = (*connector)(nil)
)
