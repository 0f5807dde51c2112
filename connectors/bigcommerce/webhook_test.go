package bigcommerce

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// door is where the hub takes webhooks: it hands each to the connector and answers as the hub does.
type door struct {
	*httptest.Server
	ts *testShop

	mu     sync.Mutex
	closed bool
	got    []*sdk.WebhookResponse
}

func newDoor(ts *testShop) *door {
	d := &door{ts: ts}
	d.Server = httptest.NewServer(d)
	ts.t.Cleanup(d.Close)
	return d
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	resp, err := d.ts.conn.HandleWebhook(r.Context(), &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Body: body, ReceivedAt: d.ts.clock.now()})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	d.got = append(d.got, resp)
	if resp.Verdict == sdk.VerdictBadSignature {
		w.WriteHeader(http.StatusUnauthorized)
	}
}

func (d *door) shut(closed bool) {
	d.mu.Lock()
	d.closed = closed
	d.mu.Unlock()
}

func (d *door) take() []*sdk.WebhookResponse {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.got
	d.got = nil
	return out
}

func (ts *testShop) register(url string) *sdk.RegisterResponse {
	ts.t.Helper()
	resp, err := ts.conn.Register(ts.t.Context(), &sdk.RegisterRequest{URL: url})
	require.NoError(ts.t, err)
	return resp
}

func withHook(_ *twin.Options, _ map[string]any, secrets map[string]string) {
	secrets[secretHook] = testHook
}

// A sale is told at once: what the store delivers is genuine, and names what has to be read.
func TestWebhooksOfASale(t *testing.T) {
	ts := newShop(t, withHook)
	d := newDoor(ts)
	require.Len(t, ts.register(d.URL).Created, len(scopes))
	require.Empty(t, ts.register(d.URL).Created, "once is enough")
	product, ring := ts.piece("R1", 1)
	ts.twin.RunWebhooks(t.Context())
	d.take()
	order := ts.buy(ring)
	ts.twin.RepeatWebhooks()
	ts.twin.RunWebhooks(t.Context())
	touched, deliveries := map[canon.Ref]bool{}, map[string]int{}
	for _, r := range d.take() {
		require.Equal(t, sdk.VerdictAccepted, r.Verdict, r.Reason)
		require.Empty(t, r.Observations)
		deliveries[r.DeliveryID]++
		for _, ref := range r.Touched {
			touched[ref] = true
		}
	}
	require.Equal(t, map[canon.Ref]bool{ref(canon.KindOrder, order): true, ref(canon.KindProduct, product): true}, touched)
	for id, n := range deliveries {
		require.Equal(t, 2, n, "the same delivery has the same id: %s", id)
	}
	obs := ts.read(ref(canon.KindOrder, order), ref(canon.KindProduct, product)).Observations
	require.Equal(t, canon.OrderOpen, find(obs, canon.KindOrder, idText(order)).Order.Status)
	require.Zero(t, *find(obs, canon.KindLevel, canon.LevelID(ofProduct(product), "1")).Level.Available)
}

// A hub that is away for two days: the store gives its webhooks up. They are switched on again, and what nobody told is found
// by the polls from their cursors.
func TestDeactivatedWebhooks(t *testing.T) {
	ts := newShop(t)
	d := newDoor(ts)
	ts.register(d.URL)
	_, ring := ts.piece("R1", 2)
	ts.twin.RunWebhooks(t.Context())
	_, _, cursor := ts.round(streamOrders, nil, 0, nil)
	d.shut(true)
	first := ts.buy(ring)
	for range 60 {
		ts.twin.RunWebhooks(t.Context())
		ts.clock.advance(time.Hour)
	}
	require.NotEmpty(t, ts.twin.Ledger().Deactivated)
	require.NotContains(t, ts.twin.ActiveHooks(), "store/order/created")
	d.shut(false)
	second := ts.buy(ring)
	ts.twin.RunWebhooks(t.Context())
	for _, r := range d.take() {
		require.NotContains(t, r.Touched, ref(canon.KindOrder, second), "no hook tells of it")
	}
	again := ts.register(d.URL)
	require.Empty(t, again.Created)
	require.Contains(t, again.Reactivated, "store/order/created")
	require.Len(t, ts.twin.ActiveHooks(), len(scopes))
	obs, _, _ := ts.round(streamOrders, cursor, 0, nil)
	require.Equal(t, []string{idText(first), idText(second)}, ids(obs, canon.KindOrder))
	ts.clock.advance(time.Minute)
	require.NoError(t, ts.twin.Ship(second, "", false))
	ts.twin.RunWebhooks(t.Context())
	require.NotEmpty(t, d.take(), "and it tells again")
	removed, err := ts.conn.Unregister(t.Context(), &sdk.UnregisterRequest{URL: d.URL})
	require.NoError(t, err)
	require.Len(t, removed.Removed, len(scopes))
	require.Empty(t, ts.twin.ActiveHooks())
}

// The header of the hub's own is put right where it differs.
func TestHookSecretIsAsserted(t *testing.T) {
	ts := newShop(t)
	d := newDoor(ts)
	ts.register(d.URL)
	secrets := testSecrets()
	secrets[secretHook] = testHook
	ts.conn = ts.open(map[string]any{}, secrets)
	ts.piece("R0", 1)
	ts.twin.RunWebhooks(t.Context())
	for _, r := range d.take() {
		require.Equal(t, sdk.VerdictBadSignature, r.Verdict)
	}
	ts.register(d.URL)
	ts.clock.advance(time.Hour)
	ts.twin.RunWebhooks(t.Context())
	ts.piece("R1", 1)
	ts.twin.RunWebhooks(t.Context())
	got := d.take()
	require.NotEmpty(t, got)
	for _, r := range got {
		require.Equal(t, sdk.VerdictAccepted, r.Verdict, r.Reason)
	}
}

// Some accounts' webhooks are not signed. With legacy_hooks the header's secret does; without, nothing unsigned is taken.
func TestLegacyWebhooks(t *testing.T) {
	for legacy, want := range map[bool]sdk.Verdict{true: sdk.VerdictAccepted, false: sdk.VerdictBadSignature} {
		t.Run(fmt.Sprint(legacy), func(t *testing.T) {
			ts := newShop(t, withHook, func(o *twin.Options, cfg map[string]any, _ map[string]string) {
				o.Unsigned, cfg["legacy_hooks"] = true, legacy
			})
			d := newDoor(ts)
			ts.register(d.URL)
			ts.piece("R1", 1)
			ts.twin.RunWebhooks(t.Context())
			got := d.take()
			require.NotEmpty(t, got)
			for _, r := range got {
				require.Equal(t, want, r.Verdict, r.Reason)
			}
		})
	}
}

func TestForgedWebhooks(t *testing.T) {
	ts := newShop(t, withHook, func(_ *twin.Options, cfg map[string]any, _ map[string]string) { cfg["legacy_hooks"] = true })
	body := `{"producer":"stores/` + testHash + `","hash":"h","scope":"store/order/updated","data":{"type":"order","id":272}}`
	for name, c := range map[string]struct {
		change func(r *sdk.WebhookRequest)
		body   string
		want   sdk.Verdict
	}{
		"genuine":             {func(*sdk.WebhookRequest) {}, body, sdk.VerdictAccepted},
		"altered":             {func(r *sdk.WebhookRequest) { r.Body = append(r.Body, ' ') }, body, sdk.VerdictBadSignature},
		"another id":          {func(r *sdk.WebhookRequest) { r.Headers[sdk.StandardWebhookID] = []string{"msg_x"} }, body, sdk.VerdictBadSignature},
		"old":                 {func(r *sdk.WebhookRequest) { r.ReceivedAt = r.ReceivedAt.Add(6 * time.Minute) }, body, sdk.VerdictBadSignature},
		"unsigned, no secret": {func(r *sdk.WebhookRequest) { r.Headers = map[string][]string{} }, body, sdk.VerdictBadSignature},
		"unsigned, wrong one": {func(r *sdk.WebhookRequest) { r.Headers = map[string][]string{hookHeader: {"guess"}} }, body, sdk.VerdictBadSignature},
		"signed, no secret":   {func(r *sdk.WebhookRequest) { delete(r.Headers, hookHeader) }, body, sdk.VerdictBadSignature},
		"secret, bad signed":  {func(r *sdk.WebhookRequest) { r.Headers[sdk.StandardWebhookSignature] = []string{"v1,AAAA"} }, body, sdk.VerdictBadSignature},
		"another store":       {func(*sdk.WebhookRequest) {}, `{"producer":"stores/other","scope":"store/order/updated","data":{"id":1}}`, sdk.VerdictBadSignature},
		"no JSON":             {func(*sdk.WebhookRequest) {}, `<xml/>`, sdk.VerdictMalformed},
		"names nothing":       {func(*sdk.WebhookRequest) {}, `{"producer":"stores/` + testHash + `","scope":"store/order/updated","data":{}}`, sdk.VerdictMalformed},
		"of no interest":      {func(*sdk.WebhookRequest) {}, `{"producer":"stores/` + testHash + `","scope":"store/cart/created","data":{"id":"x"}}`, sdk.VerdictIgnored},
		"a copy of the hub's": {func(r *sdk.WebhookRequest) { r.Headers, r.Verified = map[string][]string{}, true }, body, sdk.VerdictAccepted},
		"several at once":     {func(*sdk.WebhookRequest) {}, `{"producer":"stores/` + testHash + `","scope":"store/priceList/records/created","data":[{"variant_id":1},{"variant_id":2}]}`, sdk.VerdictAccepted},
		"two proofs, rotation": {func(r *sdk.WebhookRequest) {
			r.Headers[sdk.StandardWebhookSignature][0] = "v1,AAAA " + r.Headers[sdk.StandardWebhookSignature][0]
		}, body, sdk.VerdictAccepted},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, c.body, ts.clock.now())
			r.Headers[hookHeader] = []string{testHook}
			c.change(&r)
			resp, err := ts.conn.HandleWebhook(t.Context(), &r)
			require.NoError(t, err)
			require.Equal(t, c.want, resp.Verdict, resp.Reason)
			require.NotContains(t, resp.Reason, testHook)
		})
	}
}

// The vector that both reference libraries of Standard Webhooks agree on, keyed by the bytes of a client secret.
func TestStandardWebhookVector(t *testing.T) {
	body := []byte(`{"producer":"stores/abcde","hash":"0f1b5800def7b505369b08b4a3503a1db2c4b1a6","created_at":1688588419,"store_id":"1001197568","scope":"store/order/updated","data":{"type":"order","id":272}}`)
	at := time.Unix(1674087231, 0)
	req := &sdk.WebhookRequest{Method: http.MethodPost, Body: body, ReceivedAt: at, Headers: map[string][]string{
		sdk.StandardWebhookID: {"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"}, sdk.StandardWebhookTimestamp: {"1674087231"},
		sdk.StandardWebhookSignature: {"v1,exP2wCPK3A74XMW4ghTSyNLSzZTzvAVUhHQ2n1ARIwM="},
	}}
	ts := newShop(t)
	secrets := map[string]string{secretToken: testToken, secretClient: "bc-client-secret-0123456789abcdef"}
	conn := ts.open(map[string]any{"store_hash": "abcde"}, secrets)
	resp, err := conn.HandleWebhook(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictAccepted, resp.Verdict, resp.Reason)
	require.Equal(t, []canon.Ref{ref(canon.KindOrder, 272)}, resp.Touched)
	require.Equal(t, "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", resp.DeliveryID)
}

// The platform delivers to https on port 443 only: a hub elsewhere is told so, and polls.
func TestAnAddressThatGetsNoWebhooks(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.LocalHooks = false })
	resp, err := ts.conn.Register(t.Context(), &sdk.RegisterRequest{URL: "https://hub.example.com/hooks/web"})
	require.NoError(t, err)
	require.Len(t, resp.Created, len(scopes))
	require.Empty(t, resp.Diagnostics)
	ts.conn.store.cfg.root.Scheme = "https" // as it is at the platform itself
	resp, err = ts.conn.Register(t.Context(), &sdk.RegisterRequest{URL: "http://hub.example.com/hooks/web"})
	require.NoError(t, err)
	require.Equal(t, "bigcommerce.webhook_address", resp.Diagnostics[0].Code)
	require.Empty(t, resp.Created)
}
