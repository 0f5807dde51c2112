package webhookout

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/conformance"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	keyNew = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	keyOld = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

// The test binary is also the connector's process, which the conformance kit launches.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "connector" {
		sdk.Serve(New)
		return
	}
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	t.Parallel() // it waits more than it works
	self, err := os.Executable()
	require.NoError(t, err)
	conformance.Run(t, conformance.Options{
		Command: []string{self, "connector"},
		Config:  []byte(`{"url":"https://erp.example.com/hooks"}`),
		Secrets: map[string]string{secretSigning: keyNew},
	})
}

func open(t *testing.T, config map[string]any, secrets map[string]string) *connector {
	t.Helper()
	c := New().(*connector)
	raw, err := json.Marshal(config)
	require.NoError(t, err)
	resp, err := c.Open(t.Context(), &sdk.OpenRequest{Config: raw, Secrets: secrets})
	require.NoError(t, err)
	require.Empty(t, resp.Diagnostics)
	t.Cleanup(func() { _, _ = c.Close(context.Background(), nil) })
	return c
}

func local(url string) map[string]any {
	return map[string]any{"url": url, "allow_http": true, "allow_private": []string{"127.0.0.1/32"}, "timeout": "5s"}
}

var change = sdk.Change{ID: "1042.3.0", Key: "itm_1", Event: json.RawMessage(`{"id":"1042.3.0","data":{"note":"été"}}`)}

func deliver(t *testing.T, c *connector) (sdk.Result, string) {
	t.Helper()
	resp, err := c.Deliver(t.Context(), &sdk.DeliverRequest{Changes: []sdk.Change{change}})
	require.NoError(t, err)
	require.Len(t, resp.Results, 1)
	require.Equal(t, change.ID, resp.Results[0].Key)
	return resp.Results[0], resp.Stop
}

func TestBothSecretsSignAroundARotation(t *testing.T) {
	var got *sdk.WebhookRequest
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			got = &sdk.WebhookRequest{Headers: r.Header, Body: body, ReceivedAt: time.Now()}
		}
	}))
	defer server.Close()
	c := open(t, local(server.URL), map[string]string{secretSigning: keyNew, secretPrevious: keyOld, secretBearer: "tok_canary"})
	r, stop := deliver(t, c)
	require.Equal(t, sdk.StatusApplied, r.Status)
	require.Empty(t, stop)
	require.NoError(t, sdk.VerifyStandardWebhook(got, keyNew))
	require.NoError(t, sdk.VerifyStandardWebhook(got, keyOld))
	require.Equal(t, "jr_1042_3_0", got.Header(sdk.StandardWebhookID))
	require.Equal(t, "Bearer tok_canary", got.Header("Authorization"))
	require.Equal(t, string(change.Event), string(got.Body))
	got.Body = append(got.Body, ' ')
	require.ErrorIs(t, sdk.VerifyStandardWebhook(got, keyNew), sdk.ErrWebhookSignature)
}

// TestTheReferenceVerifierAgrees has the package of the specification's authors verify what is sent, and refuse what was
// altered.
func TestTheReferenceVerifierAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: npm installs a package; run without -short")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("SKIPPED: npm is not installed, so that the verifier in JavaScript is not asked")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "verify.js"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "verify", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: the package standardwebhooks can't be had, so that the verifier in JavaScript is not asked: %v\n%s", err, out)
	}
	type asked struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
		Secret  string            `json:"secret"`
	}
	var got asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = asked{Headers: map[string]string{}, Body: string(body)}
		for _, k := range []string{sdk.StandardWebhookID, sdk.StandardWebhookTimestamp, sdk.StandardWebhookSignature} {
			got.Headers[strings.ToLower(k)] = r.Header.Get(k)
		}
	}))
	defer server.Close()
	c := open(t, local(server.URL), map[string]string{secretSigning: keyNew, secretPrevious: keyOld})
	r, _ := deliver(t, c)
	require.Equal(t, sdk.StatusApplied, r.Status)
	genuine, old, foreign, altered, later := got, got, got, got, got
	genuine.Secret, old.Secret, altered.Secret, later.Secret = keyNew, keyOld, keyNew, keyNew
	foreign.Secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	altered.Body = strings.Replace(got.Body, "1042", "1043", 1)
	later.Headers = map[string]string{}
	for k, v := range got.Headers {
		later.Headers[k] = v
	}
	later.Headers["webhook-timestamp"] = "1700000000"
	raw, err := json.Marshal([]asked{genuine, old, foreign, altered, later})
	require.NoError(t, err)
	verify := exec.CommandContext(t.Context(), "node", "verify.js")
	verify.Dir, verify.Stdin = dir, strings.NewReader(string(raw))
	out, err := verify.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "ok ok refused refused refused", strings.TrimSpace(string(out)))
}

func TestEachAnswerMeansWhatItSays(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		header http.Header
		want   sdk.Result
		stop   bool
	}{
		"taken":       {status: 202, want: sdk.Result{Status: sdk.StatusApplied}},
		"failed":      {status: 500, want: sdk.Result{Status: sdk.StatusRetry, Code: "webhook-out.status_500", Reason: "the receiver answered 500"}},
		"not allowed": {status: 401, want: sdk.Result{Status: sdk.StatusRetry, Code: "webhook-out.status_401", Reason: "the receiver answered 401"}},
		"moved":       {status: 307, header: http.Header{"Location": {"http://169.254.169.254/"}}, want: sdk.Result{Status: sdk.StatusRetry, Code: "webhook-out.status_307", Reason: "the receiver answered 307"}},
		"throttled": {status: 429, header: http.Header{"Retry-After": {"7"}}, want: sdk.Result{
			Status: sdk.StatusRetry, Code: "webhook-out.status_429", Reason: "the receiver answered 429", RetryAfterMillis: 7000,
		}},
		"gone": {status: 410, stop: true, want: sdk.Result{Status: sdk.StatusRetry, Code: "webhook-out.gone", Reason: "the receiver answered 410"}},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				calls.Add(1)
				for k, v := range c.header {
					w.Header()[k] = v
				}
				w.WriteHeader(c.status)
			}))
			defer server.Close()
			got, stop := deliver(t, open(t, local(server.URL), map[string]string{secretSigning: keyNew}))
			c.want.Key = change.ID
			require.Equal(t, c.want, got)
			require.Equal(t, c.stop, stop != "")
			require.EqualValues(t, 1, calls.Load(), "the hub repeats, not the connector, and nobody follows")
		})
	}
}

func TestAReceiverThatHangsUpMayHaveTakenIt(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	c := open(t, local(server.URL), map[string]string{secretSigning: keyNew, secretBearer: "tok_canary"})
	r, _ := deliver(t, c)
	require.Equal(t, sdk.StatusUnknown, r.Status)
	require.NotContains(t, r.Reason, "canary")
	h, err := c.Health(t.Context(), nil)
	require.NoError(t, err)
	require.False(t, h.OK)
	server.Close()
	r, _ = deliver(t, c)
	require.Equal(t, sdk.StatusRetry, r.Status, "nobody listens: nothing was sent")
}

func TestPrivateAddressesAreNotReached(t *testing.T) {
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::1]"} {
		c := open(t, map[string]any{"url": "http://" + host + ":" + port, "allow_http": true}, map[string]string{secretSigning: keyNew})
		r, _ := deliver(t, c)
		require.Equal(t, sdk.StatusRetry, r.Status, host)
		require.NotEqual(t, "", r.Reason)
		checked, err := c.Check(t.Context(), nil)
		require.NoError(t, err)
		require.NotEmpty(t, checked.Diagnostics, host)
	}
	require.Zero(t, calls.Load())
	g := guard{allowed: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	for a, ok := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true, "10.1.2.3": true, "::ffff:10.1.2.3": true,
		"10.2.0.1": false, "192.168.1.1": false, "172.16.0.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "::": false,
		"::1": false, "fe80::1": false, "fd00::1": false, "ff02::1": false, "224.0.0.1": false, "255.255.255.255": false, "64:ff9b::a00:1": false,
		"2002:a00:1::": false, "::ffff:169.254.169.254": false,
	} {
		require.Equal(t, ok, g.check(netip.MustParseAddr(a)) == nil, a)
	}
}

func TestABadConfigurationIsExplained(t *testing.T) {
	for name, c := range map[string]struct {
		config  string
		secrets map[string]string
		code    string
	}{
		"no url":          {`{}`, map[string]string{secretSigning: keyNew}, "webhook-out.url_missing"},
		"plain http":      {`{"url":"http://erp.example.com"}`, map[string]string{secretSigning: keyNew}, "webhook-out.plain_http"},
		"credentials":     {`{"url":"https://me:canary@erp.example.com"}`, map[string]string{secretSigning: keyNew}, "webhook-out.url_invalid"},
		"no secret":       {`{"url":"https://erp.example.com"}`, nil, "webhook-out.secret_missing"},
		"a weak secret":   {`{"url":"https://erp.example.com"}`, map[string]string{secretSigning: "whsec_Y2FuYXJ5"}, "webhook-out.secret_weak"},
		"a bad network":   {`{"url":"https://erp.example.com","allow_private":["10.1"]}`, map[string]string{secretSigning: keyNew}, "webhook-out.network_invalid"},
		"a long time":     {`{"url":"https://erp.example.com","timeout":"2m"}`, map[string]string{secretSigning: keyNew}, "webhook-out.timeout_invalid"},
		"an unknown word": {`{"url":"https://erp.example.com","secret":"x"}`, map[string]string{secretSigning: keyNew}, "webhook-out.config_unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := New().(*connector).Validate(t.Context(), &sdk.ValidateRequest{Config: json.RawMessage(c.config), Secrets: c.secrets})
			require.NoError(t, err)
			require.Len(t, resp.Diagnostics, 1)
			require.Equal(t, c.code, resp.Diagnostics[0].Code)
			require.NotEmpty(t, resp.Diagnostics[0].Do)
			require.NotContains(t, resp.Diagnostics[0].Summary+resp.Diagnostics[0].Do, "canary")
		})
	}
}
