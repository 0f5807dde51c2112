package shopify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	testShop   = "aurum.myshopify.com"
	testSecret = "shpss_current"
	oldSecret  = "shpss_previous"
)

// open opens a connector against an endpoint; extra is merged into the configuration.
func open(t testing.TB, endpoint string, extra map[string]any, secrets map[string]string) *connector {
	t.Helper()
	cfg := map[string]any{"shop": testShop, "currency": "EUR"}
	if endpoint != "" {
		cfg["endpoint"] = endpoint
	}
	for k, v := range extra {
		cfg[k] = v
	}
	raw, err := json.Marshal(cfg)
	require.NoError(t, err)
	all := map[string]string{"client_secret": testSecret, "client_secret_previous": oldSecret, "access_token": "shpat_test"}
	for k, v := range secrets {
		all[k] = v
	}
	c := New().(*connector)
	res, err := c.Open(context.Background(), &sdk.OpenRequest{Connection: "web-eu", Config: raw, Secrets: all})
	require.NoError(t, err)
	require.Empty(t, res.Diagnostics)
	t.Cleanup(func() { _, _ = c.Close(context.Background(), &sdk.CloseRequest{}) })
	return c
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func delivery(topic, shop, signature string, body []byte) *sdk.WebhookRequest {
	return &sdk.WebhookRequest{Method: "POST", Body: body, ReceivedAt: time.Unix(0, 0), Headers: map[string][]string{
		headerTopic: {topic}, headerShop: {shop}, headerHMAC: {signature}, headerWebhook: {"b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"},
	}}
}

// goldenCase is one file of testdata/webhooks: adding a case is adding a file and running the test with -update.
type goldenCase struct {
	Topic string          `json:"topic"`
	Body  json.RawMessage `json:"body"`
}

func webhookCases(t testing.TB) map[string]goldenCase {
	t.Helper()
	files, err := filepath.Glob("testdata/webhooks/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	cases := map[string]goldenCase{}
	for _, f := range files {
		if strings.HasSuffix(f, ".golden.json") {
			continue
		}
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		var c goldenCase
		require.NoError(t, json.Unmarshal(raw, &c), f)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, c.Body))
		c.Body = compact.Bytes()
		cases[strings.TrimSuffix(filepath.Base(f), ".json")] = c
	}
	return cases
}

func TestWebhookTranslation(t *testing.T) {
	for name, tc := range webhookCases(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t, "", nil, nil)
			res, err := c.HandleWebhook(context.Background(), delivery(tc.Topic, testShop, sign(testSecret, tc.Body), tc.Body))
			require.NoError(t, err)
			for i := range res.Observations {
				require.NoError(t, res.Observations[i].Check())
			}
			got, err := json.MarshalIndent(res, "", "  ")
			require.NoError(t, err)
			golden := filepath.Join("testdata/webhooks", name+".golden.json")
			if *update {
				require.NoError(t, os.WriteFile(golden, append(got, '\n'), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err, "run go test -update")
			if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
				t.Errorf("%s translates differently (-want +got):\n%s", name, diff)
			}
		})
	}
}

// The vendor's own check accepts this vector; the body has its backslashes.
func TestSignatureVector(t *testing.T) {
	body := []byte(`{"id":820982911946154508,"admin_graphql_api_id":"gid:\/\/shopify\/Order\/820982911946154508","name":"#9999","total_price":"12500.00","currency":"USD"}`)
	c := open(t, "", nil, map[string]string{"client_secret": "hush-shopify-client-secret"})
	res, err := c.HandleWebhook(context.Background(), delivery("orders/create", testShop, "PiXSK7NA3DxJN5HPepg2TMEhMCDKQ5cmmlOcN8EPJ2c=", body))
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictAccepted, res.Verdict)
	require.Equal(t, "gid://shopify/Order/820982911946154508", res.Observations[0].ExternalID)
	require.Equal(t, canon.StatedMoney{Amount: "12500.00", Currency: "USD"}, res.Observations[0].Order.Total)
}

func TestWebhookVerification(t *testing.T) {
	body := []byte(webhookCases(t)["orders_create"].Body)
	flipped := append([]byte(nil), body...)
	flipped[len(flipped)/2] ^= 1
	good := sign(testSecret, body)
	tests := []struct {
		name string
		req  *sdk.WebhookRequest
		want sdk.Verdict
	}{
		{"genuine", delivery("orders/create", testShop, good, body), sdk.VerdictAccepted},
		{"genuine, shop in capitals", delivery("orders/create", "Aurum.MyShopify.com", good, body), sdk.VerdictAccepted},
		{"signed with the secret before the rotation", delivery("orders/create", testShop, sign(oldSecret, body), body), sdk.VerdictAccepted},
		{"signed with another secret", delivery("orders/create", testShop, sign("guess", body), body), sdk.VerdictBadSignature},
		{"signed with the empty secret", delivery("orders/create", testShop, sign("", body), body), sdk.VerdictBadSignature},
		{"one bit flipped", delivery("orders/create", testShop, good, flipped), sdk.VerdictBadSignature},
		{"body cut short", delivery("orders/create", testShop, good, body[:len(body)-1]), sdk.VerdictBadSignature},
		{"no signature", delivery("orders/create", testShop, "", body), sdk.VerdictBadSignature},
		{"signature is not base64", delivery("orders/create", testShop, "%%%", body), sdk.VerdictBadSignature},
		{"signature is too short", delivery("orders/create", testShop, good[:20], body), sdk.VerdictBadSignature},
		{"another shop of the same app", delivery("orders/create", "other.myshopify.com", good, body), sdk.VerdictBadSignature},
		{"no shop", delivery("orders/create", "", good, body), sdk.VerdictBadSignature},
		{"signed, not JSON", delivery("orders/create", testShop, sign(testSecret, []byte("<x/>")), []byte("<x/>")), sdk.VerdictMalformed},
		{"signed, empty", delivery("orders/create", testShop, sign(testSecret, nil), nil), sdk.VerdictMalformed},
		{"signed, no id", delivery("orders/create", testShop, sign(testSecret, []byte("{}")), []byte("{}")), sdk.VerdictMalformed},
		{"signed, not UTF-8", delivery("orders/create", testShop, sign(testSecret, []byte("{\"id\":1,\"name\":\"\xff\"}")), []byte("{\"id\":1,\"name\":\"\xff\"}")), sdk.VerdictMalformed},
		{"signed, no topic", delivery("", testShop, good, body), sdk.VerdictMalformed},
	}
	c := open(t, "", nil, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := c.HandleWebhook(context.Background(), tt.req)
			require.NoError(t, err)
			require.Equal(t, tt.want, res.Verdict, res.Reason)
			if tt.want != sdk.VerdictAccepted {
				require.Empty(t, res.Observations)
				require.Empty(t, res.Touched)
				require.NotContains(t, res.Reason, "moreau", "invariant 7: no personal data in a reason")
			}
		})
	}
}

func TestTestOrdersCanBeIgnored(t *testing.T) {
	tc := webhookCases(t)["orders_create_test_pending"]
	c := open(t, "", map[string]any{"test_orders": "ignore"}, nil)
	res, err := c.HandleWebhook(context.Background(), delivery(tc.Topic, testShop, sign(testSecret, tc.Body), tc.Body))
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictIgnored, res.Verdict)
}

// The platform delivers products/update for every change of stock. Only what a body can't show is worth a read.
func TestProductUpdateIsReadOnlyWhenMoreThanStockChanged(t *testing.T) {
	body := webhookCases(t)["products_create"].Body
	c := open(t, "", nil, nil)
	deliver := func(topic string, change func(p, variant map[string]any)) []canon.Ref {
		var p map[string]any
		require.NoError(t, json.Unmarshal(body, &p))
		change(p, p["variants"].([]any)[0].(map[string]any))
		raw, err := json.Marshal(p)
		require.NoError(t, err)
		res, err := c.HandleWebhook(context.Background(), delivery(topic, testShop, sign(testSecret, raw), raw))
		require.NoError(t, err)
		require.Equal(t, sdk.VerdictAccepted, res.Verdict)
		require.Len(t, res.Observations, 2)
		return res.Touched
	}
	listing := []canon.Ref{{Kind: canon.KindListing, ExternalID: "gid://shopify/ProductVariant/45500000000001"}}
	require.Equal(t, listing, deliver("products/create", func(_, _ map[string]any) {}), "a new variant is read for its metafields")
	require.Empty(t, deliver("products/update", func(p, v map[string]any) {
		v["inventory_quantity"], v["updated_at"], p["updated_at"] = 0, "2026-11-20T15:10:00+01:00", "2026-11-20T15:10:00+01:00"
	}), "the stock explains the delivery")
	require.Equal(t, listing, deliver("products/update", func(p, v map[string]any) {
		v["inventory_quantity"], p["updated_at"] = 0, "2026-11-20T15:11:00+01:00"
	}), "nothing visible changed: a metafield may have")
	require.Equal(t, listing, deliver("products/update", func(p, v map[string]any) {
		v["inventory_quantity"], v["price"] = 1, "3300.00"
	}), "the price changed beside the stock")
}

func FuzzHandleWebhook(f *testing.F) {
	for _, tc := range webhookCases(f) {
		f.Add(tc.Topic, []byte(tc.Body))
	}
	f.Add("orders/create", []byte(strings.Repeat(`{"line_items":[`, 10_000)))
	f.Add("orders/create", []byte(`{"id":-1,"line_items":[{"id":1e400}]}`))
	f.Add("products/update", []byte("\x00\x01"))
	c := open(f, "", nil, nil)
	f.Fuzz(func(t *testing.T, topic string, body []byte) {
		res, err := c.HandleWebhook(context.Background(), delivery(topic, testShop, sign(testSecret, body), body))
		require.NoError(t, err)
		switch res.Verdict {
		case sdk.VerdictAccepted:
			require.NotZero(t, len(res.Observations)+len(res.Touched), "accepted, but nothing came out")
			for i := range res.Observations {
				require.NoError(t, res.Observations[i].Check())
			}
			for _, ref := range res.Touched {
				require.NotEmpty(t, ref.ExternalID)
			}
		case sdk.VerdictIgnored, sdk.VerdictMalformed:
			require.NotEmpty(t, res.Reason)
		default:
			t.Fatalf("a signed body got verdict %q", res.Verdict)
		}
	})
}

func BenchmarkHandleWebhook(b *testing.B) {
	body := []byte(webhookCases(b)["orders_create"].Body)
	c := open(b, "", nil, nil)
	req := delivery("orders/create", testShop, sign(testSecret, body), body)
	b.ReportMetric(float64(len(body)), "body-bytes")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		res, err := c.HandleWebhook(context.Background(), req)
		if err != nil || res.Verdict != sdk.VerdictAccepted {
			b.Fatal(err, res)
		}
	}
}
