package host

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The test binary is also the connector: started with "connector" it serves testConnector, and with "hub" it is a hub
// that a test can kill.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "connector":
			sdk.Serve(func() sdk.Connector { return &testConnector{} })
			return
		case "crasher":
			os.Stderr.WriteString("panic: nothing works\n")
			os.Exit(3)
		case "speaks-this":
			serveVersions(sdk.ProtocolVersion, sdk.ProtocolVersion)
			return
		case "speaks-both":
			serveVersions(sdk.ProtocolVersion, sdk.ProtocolVersion+1)
			return
		case "speaks-next":
			serveVersions(sdk.ProtocolVersion+1, sdk.ProtocolVersion+1)
			return
		case "hub":
			runHub(os.Args[2])
			return
		}
	}
	goleak.VerifyTestMain(m)
}

const (
	testSecret = "s3cr3t-canary-0815"
	jsonConfig = `{"shop":"aurum.example"}`
)

// testConnector does what a test's request says.
type testConnector struct {
	host     sdk.Host
	services sdk.Services
	log      hclog.Logger
	config   map[string]string
	secrets  map[string]string
	workDir  string
}

func (c *testConnector) Describe(context.Context, *sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{
		Name: "test", Version: "1.2.3", Summary: "A connector for tests.", TranslationVersion: 7,
		Kinds:   []canon.Kind{canon.KindOrder, canon.KindLevel},
		Config:  []sdk.ConfigField{{Key: "shop", Type: "string", Required: true, Pattern: "^[a-z.]+$", OneOf: []string{"a", "b"}, Default: "a", Description: "the shop"}, {Key: "token", Secret: true, Type: "string"}},
		Streams: []sdk.Stream{{Name: "orders", IntervalMillis: 30000, Personal: true}},
		Implied: sdk.Implied{OrderLowersLevel: true, RefundRaisesLevel: true, CancelRaisesLevel: true, CompareAndSet: true},
		Scopes:  []string{"read_orders"}, RateLimit: sdk.RateLimit{PerSecond: 2.5, Burst: 40, MaxBatch: 20},
		SettleMillis: 300, WebhookDeadlineMillis: 5000, OpeningStock: true, Actions: []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines},
	}, nil
}

func (c *testConnector) Open(_ context.Context, req *sdk.OpenRequest) (*sdk.OpenResponse, error) {
	c.host, c.services, c.log, c.secrets, c.workDir = req.Host, req.Services, req.Log, req.Secrets, req.WorkDir
	if err := json.Unmarshal(req.Config, &c.config); err != nil {
		return nil, err
	}
	if c.config["shop"] == "" {
		return &sdk.OpenResponse{Diagnostics: []sdk.Diagnostic{{
			Severity: sdk.SeverityError, Code: "test.shop_missing", Path: "config.shop", Summary: "no shop", Do: "name the shop",
		}}}, nil
	}
	return &sdk.OpenResponse{Diagnostics: []sdk.Diagnostic{{Severity: sdk.SeverityWarning, Code: "test.note", Summary: "opened"}}}, nil
}

func (c *testConnector) Close(context.Context, *sdk.CloseRequest) (*sdk.CloseResponse, error) {
	return &sdk.CloseResponse{}, os.WriteFile(filepath.Join(c.workDir, "closed"), nil, 0o600)
}

func (c *testConnector) Validate(_ context.Context, req *sdk.ValidateRequest) (*sdk.ValidateResponse, error) {
	if bytes.Contains(req.Config, []byte("shop")) {
		return &sdk.ValidateResponse{}, nil
	}
	return &sdk.ValidateResponse{Diagnostics: []sdk.Diagnostic{{Severity: sdk.SeverityError, Code: "test.shop_missing", Path: "config.shop", Summary: "no shop", Do: "name the shop"}}}, nil
}

// Check answers with what the process sees of the world around it.
func (c *testConnector) Check(context.Context, *sdk.CheckRequest) (*sdk.CheckResponse, error) {
	return &sdk.CheckResponse{Account: "aurum", Facts: map[string]string{"environment": strings.Join(os.Environ(), "\n")}}, nil
}

func (c *testConnector) Register(_ context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error) {
	return &sdk.RegisterResponse{Created: []string{req.URL}, Reactivated: []string{"orders/create"}}, nil
}

func (c *testConnector) Unregister(_ context.Context, req *sdk.UnregisterRequest) (*sdk.UnregisterResponse, error) {
	return &sdk.UnregisterResponse{Removed: []string{req.URL}}, nil
}

func (c *testConnector) Discover(context.Context, *sdk.DiscoverRequest) (*sdk.DiscoverResponse, error) {
	return &sdk.DiscoverResponse{Locations: []sdk.Discovered{{ID: "1", Name: "Paris"}}, PriceLists: []sdk.Discovered{{ID: "2", Name: "EUR"}}}, nil
}

// HandleWebhook verifies the body's HMAC and translates it into one order.
func (c *testConnector) HandleWebhook(ctx context.Context, req *sdk.WebhookRequest) (*sdk.WebhookResponse, error) {
	switch req.Path {
	case "/panic":
		panic("ring of " + testSecret)
	case "/hang":
		<-ctx.Done()
		return nil, ctx.Err()
	case "/facts-of-a-forgery":
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Touched: []canon.Ref{{Kind: canon.KindOrder, ExternalID: "1"}}}, nil
	case "/malformed-observation":
		return &sdk.WebhookResponse{Verdict: sdk.VerdictAccepted, Observations: []canon.Observation{{Kind: canon.KindOrder}}}, nil
	case "/challenge":
		return &sdk.WebhookResponse{Verdict: sdk.VerdictChallenge, Status: 200, ContentType: "text/plain", Body: []byte(req.Query)}, nil
	}
	mac := hmac.New(sha256.New, []byte(c.secrets["client_secret"]))
	mac.Write(req.Body)
	if !hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(req.Header("X-Signature"))) {
		return &sdk.WebhookResponse{Verdict: sdk.VerdictBadSignature, Reason: "signature differs"}, nil
	}
	return &sdk.WebhookResponse{
		Verdict: sdk.VerdictAccepted, DeliveryID: req.Header("X-Delivery"),
		Observations: []canon.Observation{order(req.Header("X-Delivery"))},
		Touched:      []canon.Ref{{Kind: canon.KindLevel, ExternalID: "44@1"}},
	}, nil
}

func order(id string) canon.Observation {
	return canon.Observation{Kind: canon.KindOrder, ExternalID: id, SourceVersion: 3, Order: &canon.OrderState{
		Status: canon.OrderOpen, Currency: "EUR", Total: canon.StatedMoney{Amount: "1250.00", Currency: "EUR"},
		PlacedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC),
		Buyer:    &canon.PersonState{GivenName: "Zoé", Emails: []string{"zoe@example.com"}},
	}}
}

func (c *testConnector) Poll(ctx context.Context, req *sdk.PollRequest) (*sdk.PollResponse, error) {
	switch req.Stream {
	case "hang":
		<-ctx.Done()
		select {} // a connector that does not honour its context
	case "panic":
		panic(errors.New("no such stream"))
	case "fail":
		return nil, &sdk.Error{Code: "test.throttled", Message: "token " + testSecret + " is throttled", Do: "wait", RetryAfter: 3 * time.Second}
	case "plain-failure":
		return nil, errors.New("no route with " + testSecret)
	case "nothing":
		return nil, nil
	case "endless":
		return &sdk.PollResponse{Cursor: req.Cursor, More: true}, nil
	case "exit":
		os.Exit(7)
	case "memory":
		for hoard := [][]byte{}; ; {
			hoard = append(hoard, bytes.Repeat([]byte{1}, 16<<20))
			if len(hoard) > 1<<20 {
				return nil, errors.New("never reached")
			}
		}
	case "log":
		c.log.Warn("the token "+testSecret+" is used", "token", testSecret, "url", "https://x.example/?t="+testSecret)
		os.Stdout.WriteString("printed " + testSecret + "\n")
	case "flood":
		for range 5000 {
			c.log.Info("water", "payload", strings.Repeat("x", 100))
		}
	case "fork":
		child := exec.Command("/bin/sleep", "600")
		child.Stderr = os.Stderr
		if err := child.Start(); err != nil {
			return nil, err
		}
		return &sdk.PollResponse{Cursor: []byte(strconv.Itoa(child.Process.Pid))}, nil
	case "slow":
		if err := os.WriteFile(filepath.Join(c.workDir, "slow-began"), nil, 0o600); err != nil {
			return nil, err
		}
		for {
			if _, err := os.Stat(filepath.Join(c.workDir, "slow-ends")); err == nil {
				return &sdk.PollResponse{Cursor: []byte("done")}, nil
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(5 * time.Millisecond):
			}
		}
	case "rotate":
		if err := c.host.RotateSecret("access_token", string(req.Cursor)); err != nil {
			return nil, err
		}
		return &sdk.PollResponse{Cursor: req.Cursor}, nil
	case "services":
		return c.useServices(req)
	case "secrets":
		return &sdk.PollResponse{Cursor: []byte(c.secrets["access_token"])}, nil
	}
	return &sdk.PollResponse{
		Observations: []canon.Observation{order("1")}, Touched: []canon.Ref{{Kind: canon.KindOrder, ExternalID: "9"}},
		Cursor: append([]byte(req.Since.Format(time.RFC3339Nano)+"/"), req.Cursor...), More: true,
	}, nil
}

func (c *testConnector) Snapshot(_ context.Context, req *sdk.SnapshotRequest) (*sdk.SnapshotResponse, error) {
	if string(req.Page) == "stuck" {
		return &sdk.SnapshotResponse{Next: []byte("stuck")}, nil
	}
	if len(req.Page) == 0 {
		return &sdk.SnapshotResponse{Observations: []canon.Observation{order("1")}, Next: []byte("2"), Total: 2, Cursors: map[string][]byte{"orders": []byte("c0")}}, nil
	}
	return &sdk.SnapshotResponse{Complete: true, Kinds: []canon.Kind{canon.KindOrder}, RowErrors: []sdk.RowError{{Place: "a.csv:4", Code: "csv.bad", Reason: "no", Row: "4"}}}, nil
}

func (c *testConnector) Apply(_ context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	out := &sdk.ApplyResponse{}
	for _, w := range req.Writes {
		switch {
		case w.Key == "lose":
			continue
		case w.Key == "misname":
			out.Results = append(out.Results, sdk.Result{Key: "other", Status: sdk.StatusApplied})
			continue
		}
		if w.Action != nil { // says what it was asked for
			asked, err := json.Marshal(w.Action)
			if err != nil {
				return nil, err
			}
			done := order(w.Ref.ExternalID)
			out.Results = append(out.Results, sdk.Result{
				Key: w.Key, Status: sdk.StatusApplied, Reason: string(asked), Shows: &done,
				Also: []canon.Observation{{
					Kind: canon.KindRefund, ExternalID: "r1", Refund: &canon.RefundState{OrderID: w.Ref.ExternalID, CreatedAt: w.Action.AttemptedAt},
				}},
				Amount: &canon.StatedMoney{Amount: "12.50", Currency: "EUR"}, ByHand: true,
			})
			continue
		}
		shown := w.Stock.Want
		out.Results = append(out.Results, sdk.Result{Key: w.Key, Status: sdk.StatusApplied, RetryAfterMillis: 5, Shows: &canon.Observation{
			Kind: canon.KindLevel, ExternalID: w.Ref.ExternalID, Level: &canon.LevelState{StockID: w.Stock.StockID, Available: &shown},
		}})
	}
	return out, nil
}

func (c *testConnector) Lookup(_ context.Context, req *sdk.LookupRequest) (*sdk.LookupResponse, error) {
	out := &sdk.LookupResponse{}
	for _, w := range req.Writes {
		out.Results = append(out.Results, sdk.Result{Key: w.Key, Status: sdk.StatusUnknown, Code: "test.cannot_tell", Reason: "no idea"})
	}
	return out, nil
}

func (c *testConnector) Read(_ context.Context, req *sdk.ReadRequest) (*sdk.ReadResponse, error) {
	out := &sdk.ReadResponse{RetryAfterMillis: 250}
	for i, r := range req.Refs {
		out.Observations = append(out.Observations, canon.Observation{Kind: r.Kind, ExternalID: r.ExternalID + "/" + req.Hints[i].ProductID, Deleted: true})
	}
	return out, nil
}

func (c *testConnector) Health(context.Context, *sdk.HealthRequest) (*sdk.HealthResponse, error) {
	expiry := time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)
	return &sdk.HealthResponse{OK: true, Reason: "fine", QuotaLimit: 40, QuotaLeft: 39.5, CredentialExpiry: &expiry, LagMillis: 12}, nil
}

var (
	_ sdk.Validator      = (*testConnector)(nil)
	_ sdk.Checker        = (*testConnector)(nil)
	_ sdk.Registrar      = (*testConnector)(nil)
	_ sdk.Discoverer     = (*testConnector)(nil)
	_ sdk.WebhookHandler = (*testConnector)(nil)
	_ sdk.Poller         = (*testConnector)(nil)
	_ sdk.Snapshotter    = (*testConnector)(nil)
	_ sdk.Applier        = (*testConnector)(nil)
	_ sdk.Lookuper       = (*testConnector)(nil)
	_ sdk.Reader         = (*testConnector)(nil)
	_ sdk.HealthReporter = (*testConnector)(nil)
)

// self gives this test binary and its checksum.
var self = sync.OnceValues(func() (string, [32]byte) {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	sum, err := FileChecksum(path)
	if err != nil {
		panic(err)
	}
	return path, sum
})

func testSpec(t testing.TB) Spec {
	path, sum := self()
	return Spec{
		Connection: "web-eu", Command: []string{path, "connector"}, Checksum: sum, Config: json.RawMessage(jsonConfig),
		Secrets: map[string]string{"client_secret": testSecret, "access_token": "first-token"}, WorkDir: t.TempDir(),
		Restart: Restart{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond},
	}
}

// launch starts a connection that is closed at the test's end.
func launch(t testing.TB, spec Spec) *Connection {
	t.Helper()
	c, err := Launch(context.Background(), spec)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		require.NoError(t, c.Close(ctx))
	})
	return c
}

func ready(t testing.TB, c *Connection) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	require.NoError(t, c.Ready(ctx))
}

// sink collects a log.
type sink struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func sign(body []byte) string {
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
