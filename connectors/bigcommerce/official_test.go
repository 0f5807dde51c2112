package bigcommerce

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// caught is a webhook as it came in.
type caught struct {
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// TestReferenceLibrary has the npm library of Standard Webhooks verify what the twin delivers, and the connector verify what
// the library signs. It needs Node and the package.
func TestReferenceLibrary(t *testing.T) {
	t.Parallel()
	const unchecked = "THE WEBHOOKS WERE NOT CHECKED WITH THE REFERENCE LIBRARY: "
	if testing.Short() {
		t.Skip(unchecked + "it is left out by -short")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skipf(unchecked+"there is no Node: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "check.js"} {
		raw, err := os.ReadFile(filepath.Join("testdata", "node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf(unchecked+"the package can't be had: %v\n%s", err, out)
	}

	var mu sync.Mutex
	var deliveries []caught
	inbox := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c := caught{Headers: map[string]string{}, Body: string(body)}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			c.Headers[name] = r.Header.Get(name)
		}
		mu.Lock()
		deliveries = append(deliveries, c)
		mu.Unlock()
	}))
	t.Cleanup(inbox.Close)
	// The library goes by the machine's clock.
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.Now = time.Now })
	ts.register(inbox.URL)
	_, ring := ts.piece("À-1", 1)
	ts.buy(ring)
	ts.twin.RunWebhooks(ctx)

	mu.Lock()
	raw, err := json.Marshal(deliveries)
	mu.Unlock()
	require.NoError(t, err)
	file := filepath.Join(dir, "deliveries.json")
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	cmd := exec.CommandContext(ctx, node, "check.js")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CLIENT_SECRET="+testClient, "STORE_HASH="+testHash, "DELIVERIES="+file)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the reference library found a difference: %v\n%s", err, out)
	}
	var made struct {
		ID        string `json:"id"`
		Timestamp int64  `json:"timestamp"`
		Signature string `json:"signature"`
		Body      string `json:"body"`
	}
	require.NoError(t, json.Unmarshal(out, &made))
	resp, err := ts.conn.HandleWebhook(ctx, &sdk.WebhookRequest{
		Method: http.MethodPost, Body: []byte(made.Body), ReceivedAt: time.Unix(made.Timestamp, 0), Headers: map[string][]string{
			sdk.StandardWebhookID: {made.ID}, sdk.StandardWebhookTimestamp: {strconv.FormatInt(made.Timestamp, 10)}, sdk.StandardWebhookSignature: {made.Signature},
		},
	})
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictAccepted, resp.Verdict, resp.Reason)
	require.Equal(t, []canon.Ref{ref(canon.KindOrder, 272)}, resp.Touched)
}
