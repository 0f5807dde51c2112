package conformance

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connectors under test: "good", and one for each rule that it breaks.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "connector" {
		sdk.Serve(func() sdk.Connector { return &shop{fault: os.Args[2]} })
		return
	}
	os.Exit(m.Run())
}

const secret = "canary-c0ffee"

// shop is a small connector that keeps every rule but the one that fault names.
type shop struct {
	fault   string
	secrets map[string]string
	client  *sdk.HTTPClient
	config  struct {
		Endpoint string `json:"endpoint"`
	}
}

func (s *shop) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	d := &sdk.DescribeResponse{
		Name: "shop", Version: "1.0.0", Summary: "A shop for tests.", Kinds: []canon.Kind{canon.KindOrder},
		Config: []sdk.ConfigField{
			{Key: "endpoint", Type: "url", Description: "where the shop is", Required: true},
			{Key: "client_secret", Type: "string", Description: "signs webhooks", Required: true, Secret: true},
		},
		Streams: []sdk.Stream{{Name: "orders", IntervalMillis: 1000}},
	}
	if s.fault == "describe" {
		d.Version, d.Config[0].Type = "latest", "text"
	}
	return d, nil
}

func (s *shop) Open(ctx context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	s.secrets = req.Secrets
	if err := json.Unmarshal(req.Config, &s.config); err != nil {
		return nil, err
	}
	s.client = sdk.NewHTTPClient(sdk.HTTPConfig{Retries: -1, Timeout: time.Second})
	switch s.fault {
	case "open-needs-platform":
		if _, err := s.get(ctx); err != nil {
			return nil, err
		}
	case "log":
		req.Log.Info("opening", "secret", req.Secrets["client_secret"])
	}
	return &sdk.OpenResponse{}, nil
}

func (s *shop) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	s.client.CloseIdle()
	return &sdk.CloseResponse{}, nil
}

func (s *shop) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	out := &sdk.ValidateResponse{}
	var config map[string]any
	if err := json.Unmarshal(req.Config, &config); err != nil {
		return nil, err
	}
	if config["endpoint"] == nil {
		out.Diagnostics = append(out.Diagnostics, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "shop.endpoint", Path: "config.endpoint", Summary: "missing", Do: "set it"})
	}
	if req.Secrets["client_secret"] == "" && s.fault != "validate" {
		out.Diagnostics = append(out.Diagnostics, sdk.Diagnostic{Severity: sdk.SeverityError, Code: "shop.secret", Path: "secrets.client_secret", Summary: "missing", Do: "set it"})
	}
	return out, nil
}

func (s *shop) get(ctx context.Context) (*sdk.HTTPResponse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Endpoint, nil)
	if err != nil {
		return nil, err
	}
	return s.client.Do(req)
}

func (s *shop) Poll(ctx context.Context, _ *sdk.PollRequest) (*sdk.PollResponse, error) {
	switch s.fault {
	case "poll-invents":
		return &sdk.PollResponse{}, nil
	case "poll-panics":
		panic("no answer")
	case "poll-hangs":
		select {}
	case "poll-exits":
		os.Exit(1)
	}
	if _, err := s.get(ctx); err != nil {
		if s.fault == "error" {
			return nil, &sdk.Error{Code: "shop.failed", Message: "with secret " + s.secrets["client_secret"]}
		}
		return nil, err
	}
	return &sdk.PollResponse{}, nil
}

func (s *shop) HandleWebhook(_ context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	if s.fault != "webhook" && !sdk.VerifyHMACBase64(s.secrets["client_secret"], req.Body, req.Header("X-Signature")) {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature}, nil
	}
	return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, Touched: []canon.Ref{{Kind: canon.KindOrder, ExternalID: "1"}}}, nil
}

func options(t *testing.T, fault string) Options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	body := []byte(`{"order":1}`)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return Options{
		Command: []string{self, "connector", fault},
		Config:  json.RawMessage(`{"endpoint":"http://127.0.0.1:1"}`),
		Secrets: map[string]string{"client_secret": secret},
		Deliveries: []sdk.WebhookRequest{{
			Method: "POST", Body: body, Headers: map[string][]string{"X-Signature": {base64.StdEncoding.EncodeToString(mac.Sum(nil))}},
		}},
		Deadline: 10 * time.Second,
	}
}

func TestGoodConnectorPasses(t *testing.T) { Run(t, options(t, "good")) }

func TestEachFaultIsFound(t *testing.T) {
	for fault, rule := range map[string]string{
		"describe":            "describe",
		"validate":            "configuration",
		"open-needs-platform": "unreachable",
		"poll-invents":        "unreachable",
		"poll-panics":         "unreachable",
		"poll-hangs":          "unreachable",
		"poll-exits":          "unreachable",
		"webhook":             "webhook",
		"log":                 "secrets",
		"error":               "secrets",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			o := options(t, fault)
			if fault == "poll-hangs" {
				o.Deadline = 500 * time.Millisecond
			}
			findings, err := Check(t.Context(), t.TempDir(), o)
			require.NoError(t, err)
			require.NotEmpty(t, findings)
			for _, f := range findings {
				// A process that hangs or exits breaks the rule of shutdown too, and one that is given half a second
				// may miss any other deadline on a busy machine.
				if f.Rule != "shutdown" && fault != "poll-hangs" {
					require.Equal(t, rule, f.Rule, "%+v", findings)
				}
				require.NotContains(t, f.What, secret)
			}
			require.Contains(t, rulesOf(findings), rule)
		})
	}
}

func rulesOf(findings []Finding) (rules []string) {
	for _, f := range findings {
		rules = append(rules, f.Rule)
	}
	return rules
}

func TestProgramThatDoesNotStartIsAnError(t *testing.T) {
	o := options(t, "good")
	o.Command = []string{"/bin/true"}
	_, err := Check(t.Context(), t.TempDir(), o)
	require.ErrorContains(t, err, "does not start")
}
