package magento

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/magento/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func (ts *testShop) check() (codes []string, resp *sdk.CheckResponse) {
	ts.t.Helper()
	resp, err := ts.conn.Check(ts.t.Context(), &sdk.CheckRequest{})
	require.NoError(ts.t, err)
	for _, d := range resp.Diagnostics {
		require.NotEmpty(ts.t, d.Do, d.Code)
		if d.Severity == sdk.SeverityError {
			codes = append(codes, d.Code)
		}
	}
	return codes, resp
}

func admin(o *twin.Options, cfg map[string]any, secrets map[string]string) {
	o.AdminUser, o.AdminPassword = testUser, testPassword
	cfg["auth"] = authAdmin
	clear(secrets)
	secrets[secretUser], secrets[secretPassword] = testUser, testPassword
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	every := New().(*Connector)
	about, err := every.Describe(t.Context(), &sdk.DescribeRequest{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		option shopOption
		codes  []string
		says   string
	}{
		"nothing":       {func(*twin.Options, map[string]any, map[string]string) {}, nil, ""},
		"wrong secret":  {func(_ *twin.Options, _ map[string]any, s map[string]string) { s[secretTokenSecret] = "wrongcanary" }, []string{"magento.not_allowed"}, "home_url"},
		"bearer is off": {func(_ *twin.Options, c map[string]any, _ map[string]string) { c["auth"] = authBearer }, nil, "enable_integration_as_bearer"},
		"wrong website": {func(_ *twin.Options, c map[string]any, _ map[string]string) { c["website"] = "moon" }, []string{"magento.website_unknown"}, "All Stores"},
		"no events":     {func(_ *twin.Options, c map[string]any, _ map[string]string) { c["events_client_id"] = "cid" }, []string{"magento.events_missing"}, "polled"},
		"second factor": {func(o *twin.Options, c map[string]any, s map[string]string) { admin(o, c, s); o.TwoFactor = true }, []string{"magento.not_allowed"}, "second factor"},
		"all sources off": {func(o *twin.Options, _ map[string]any, _ map[string]string) {
			for i := range o.Sources {
				o.Sources[i].Disabled = true
			}
		}, []string{"magento.no_source"}, "Stocks"},
	} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t, c.option)
			codes, resp := ts.check()
			if name != "bearer is off" { // there each resource is missing
				require.Equal(t, c.codes, codes)
			}
			said := ""
			for _, d := range resp.Diagnostics {
				said += d.Summary + " " + d.Do + "\n"
			}
			require.Contains(t, said, c.says)
		})
	}
	for _, missing := range about.Scopes {
		t.Run(missing, func(t *testing.T) {
			ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) {
				o.Resources = slices.DeleteFunc(slices.Clone(about.Scopes), func(r string) bool { return r == missing })
				o.Resources = append(o.Resources, "Magento_Backend::admin")
			})
			codes, resp := ts.check()
			require.NotEmpty(t, codes)
			named := false
			for _, d := range resp.Diagnostics {
				named = named || d.Code == "magento.resource_missing" && strings.Contains(d.Do, missing)
			}
			require.True(t, named, "%v", resp.Diagnostics)
		})
	}
	t.Run("these are enough", func(t *testing.T) {
		ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) { o.Resources = about.Scopes })
		codes, _ := ts.check()
		require.Empty(t, codes)
	})
}

func TestCheckChangesNothing(t *testing.T) {
	ts := newShop(t)
	ts.piece("R1", 1)
	ts.buy("R1")
	before := ts.twin.Ledger()
	codes, resp := ts.check()
	require.Empty(t, codes)
	require.Equal(t, map[string]string{"currency": "EUR", "stock_id": "1", "sources": "default, lyon"}, resp.Facts)
	require.Equal(t, before, ts.twin.Ledger())
}

// A person's token that has expired is replaced; one that can't be had is not asked for again and again.
func TestAdminToken(t *testing.T) {
	ts := newShop(t, admin)
	ts.piece("R1", 1)
	require.EqualValues(t, 1, ts.level("R1", "default"))
	ts.twin.ExpireTokens()
	r := ts.apply(stockTo("R1", "default", 0, 1))[0]
	require.Equal(t, sdk.StatusApplied, r.Status, "%s %s", r.Code, r.Reason)
	ts.log.take()
	c := ts.open(map[string]any{"url": ts.url, "auth": authAdmin}, map[string]string{secretUser: testUser, secretPassword: "wrong-canary"})
	for range 3 {
		_, err := c.Poll(t.Context(), &sdk.PollRequest{Stream: streamOrders, Since: ts.clock.now()})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "wrong-canary")
	}
	require.Equal(t, []string{"POST /rest/all/V1/integration/admin/token"}, ts.log.take(), "the vendor locks accounts after failures")
}

// Behind a proxy the shop sees another address than the hub; signatures are made for the shop's own.
func TestSignaturesBehindAProxy(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, cfg map[string]any, _ map[string]string) {
		o.HomeURL = "https://shop.example.com"
		cfg["home_url"] = "https://shop.example.com"
	})
	codes, _ := ts.check()
	require.Empty(t, codes)
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		paths  []string
	}{
		"empty":        {`{}`, []string{"config.url"}},
		"unknown key":  {`{"url":"https://a.example","shop":"x"}`, []string{"config"}},
		"bad address":  {`{"url":"shop.example.com"}`, []string{"config.url"}},
		"bad auth":     {`{"url":"https://a.example","auth":"magic"}`, []string{"config.auth"}},
		"bad duration": {`{"url":"https://a.example","index_lag":"soon"}`, []string{"config.index_lag"}},
		"bad number":   {`{"url":"https://a.example","page_size":0}`, []string{"config.page_size"}},
		"bad time":     {`{"url":"https://a.example","orders_since":"May"}`, []string{"config.orders_since"}},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := new(Connector).Validate(t.Context(), &sdk.ValidateRequest{Config: []byte(c.config), Secrets: testSecrets()})
			require.NoError(t, err)
			var paths []string
			for _, d := range resp.Diagnostics {
				paths = append(paths, d.Path)
			}
			require.Equal(t, c.paths, paths)
		})
	}
	resp, err := new(Connector).Validate(t.Context(), &sdk.ValidateRequest{Config: []byte(`{"url":"https://a.example"}`)})
	require.NoError(t, err)
	require.Len(t, resp.Diagnostics, 4, "each of the four keys is named")
}

func TestDiscover(t *testing.T) {
	ts := newShop(t)
	resp, err := ts.conn.Discover(t.Context(), &sdk.DiscoverRequest{})
	require.NoError(t, err)
	require.Equal(t, []sdk.Discovered{{ID: "default", Name: "Paris"}, {ID: "lyon", Name: "Lyon"}}, resp.Locations)
	require.Contains(t, resp.Fields, sdk.Discovered{ID: "engraving", Name: "Engraving"})
}

func TestHealth(t *testing.T) {
	ts := newShop(t)
	health := func() *sdk.HealthResponse {
		resp, err := ts.conn.Health(t.Context(), &sdk.HealthRequest{})
		require.NoError(t, err)
		return resp
	}
	require.True(t, health().OK)
	ts.twin.Inject(twin.Fault{Kind: twin.FaultThrottle})
	_, err := ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: streamOrders, Since: ts.clock.now()})
	require.Error(t, err)
	require.False(t, health().OK)
}

// What Adobe delivers is genuine only with one of its published keys and for this recipient. It is a hint to read.
func TestEvents(t *testing.T) {
	var ts *testShop
	type outcome struct {
		resp *sdk.WebhookResponse
		err  error
	}
	got := make(chan outcome, 64)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 0, 4096)
		buf := make([]byte, 4096)
		for {
			n, err := r.Body.Read(buf)
			body = append(body, buf[:n]...)
			if err != nil {
				break
			}
		}
		req := &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Body: body, ReceivedAt: time.Now()}
		resp, err := ts.conn.HandleWebhook(context.Background(), req)
		got <- outcome{resp, err}
		switch {
		case err != nil:
			w.WriteHeader(http.StatusServiceUnavailable)
		case resp.Verdict == sdk.VerdictBadSignature:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(hub.Close)
	ts = newShop(t, func(o *twin.Options, cfg map[string]any, _ map[string]string) {
		o.Events, o.EventsClientID = hub.URL, "cid"
		cfg["events_client_id"] = "cid"
	})
	ts.conn = ts.open(map[string]any{"url": ts.url, "events_client_id": "cid", "events_keys_url": ts.url}, testSecrets())
	reg, err := ts.conn.Register(t.Context(), &sdk.RegisterRequest{URL: hub.URL})
	require.NoError(t, err)
	require.Equal(t, eventNames, reg.Created)
	reg, err = ts.conn.Register(t.Context(), &sdk.RegisterRequest{URL: hub.URL})
	require.NoError(t, err)
	require.Empty(t, reg.Created)

	ring := ts.piece("R1", 1)
	order := ts.buy("R1")
	// The key is fetched beside the first deliveries, which fail and come again.
	var touched []canon.Ref
	require.Eventually(t, func() bool {
		ts.twin.RunCron(t.Context())
		ts.clock.advance(time.Minute)
		for len(got) > 0 {
			if o := <-got; o.err == nil {
				require.Equal(t, sdk.VerdictAccepted, o.resp.Verdict, o.resp.Reason)
				require.NotEmpty(t, o.resp.DeliveryID)
				touched = append(touched, o.resp.Touched...)
			}
		}
		return ts.twin.Queued() == 0
	}, time.Minute, 10*time.Millisecond)
	require.Contains(t, touched, canon.Ref{Kind: canon.KindProduct, ExternalID: ring})
	require.Contains(t, touched, canon.Ref{Kind: canon.KindOrder, ExternalID: idText(order)})

	forged, err := ts.conn.HandleWebhook(t.Context(), &sdk.WebhookRequest{Method: http.MethodPost, Body: []byte(`{"recipientclientid":"cid"}`)})
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictBadSignature, forged.Verdict)
	elsewhere, err := ts.conn.HandleWebhook(t.Context(), &sdk.WebhookRequest{Method: http.MethodPost, Body: []byte(`{}`), Headers: http.Header{
		"X-Adobe-Digital-Signature-1": {"AAAA"}, "X-Adobe-Public-Key1-Path": {"/../evil.pem"},
	}})
	require.NoError(t, err)
	require.Equal(t, sdk.VerdictBadSignature, elsewhere.Verdict, "no other path is asked for a key")

	// A key that signs for somebody else signs nothing for us.
	ts.conn = ts.open(map[string]any{"url": ts.url, "events_client_id": "other", "events_keys_url": ts.url}, testSecrets())
	ts.piece("R2", 1)
	require.Eventually(t, func() bool {
		ts.twin.RunCron(t.Context())
		ts.clock.advance(15 * time.Minute)
		for len(got) > 0 {
			if o := <-got; o.err == nil && o.resp.Verdict == sdk.VerdictBadSignature {
				return true
			}
		}
		return false
	}, time.Minute, 10*time.Millisecond)

	un, err := ts.conn.Unregister(t.Context(), &sdk.UnregisterRequest{URL: hub.URL})
	require.NoError(t, err)
	require.Equal(t, eventNames, un.Removed)
	require.Empty(t, ts.twin.Subscribed())
}
