package bigcommerce

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/bigcommerce/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// check gives the codes of what Check found, and all of it.
func (ts *testShop) check() ([]string, *sdk.CheckResponse) {
	ts.t.Helper()
	resp, err := ts.conn.Check(ts.t.Context(), &sdk.CheckRequest{})
	require.NoError(ts.t, err)
	var codes []string
	for _, d := range resp.Diagnostics {
		codes = append(codes, d.Code)
		require.NotEmpty(ts.t, d.Do, d.Code)
		require.NotContains(ts.t, d.Summary+d.Do, testToken)
	}
	return codes, resp
}

func TestCheck(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	ts.buy(ring)
	codes, resp := ts.check()
	require.Empty(t, codes)
	require.Equal(t, "stores/"+testHash, resp.Account)
	require.Equal(t, []string{"EUR", "BigCommerce Pro", "1 Paris, 2 Lyon"}, []string{resp.Facts["currency"], resp.Facts["plan"], resp.Facts["locations"]})
	require.Empty(t, ts.twin.Ledger().Cancels)
	require.Zero(t, ts.twin.Counts().Adjustments, "a check changes nothing")
	require.Zero(t, ts.level(ofProduct(product), 1))
}

// Each scope that the token lacks is named.
func TestMissingScopes(t *testing.T) {
	all := []string{"store_v2_products", "store_v2_orders", "store_v2_transactions", "store_v2_customers", "store_inventory", "store_v2_information"}
	for _, without := range all {
		t.Run(without, func(t *testing.T) {
			ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) {
				for _, s := range all {
					if s != without {
						o.Scopes = append(o.Scopes, s)
					}
				}
			})
			codes, resp := ts.check()
			require.Contains(t, codes, "bigcommerce.scope_missing")
			for _, d := range resp.Diagnostics {
				require.Contains(t, d.Do, without)
			}
		})
	}
	ts := newShop(t, func(o *twin.Options, _ map[string]any, _ map[string]string) {
		o.Scopes = []string{"store_v2_products_read_only", "store_v2_orders_read_only", "store_v2_transactions_read_only", "store_v2_customers_read_only", "store_inventory_read_only", "store_v2_information_read_only"}
	})
	_, resp := ts.check()
	var what string
	for _, d := range resp.Diagnostics {
		what += d.Summary
	}
	for _, w := range []string{"change orders", "make refunds", "write inventory"} {
		require.Contains(t, what, w, "reading alone is not enough")
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		option shopOption
		code   string
	}{
		"token":   {func(o *twin.Options, _ map[string]any, _ map[string]string) { o.Token = "another" }, "bigcommerce.not_allowed"},
		"store":   {func(o *twin.Options, _ map[string]any, _ map[string]string) { o.StoreHash = "another" }, "bigcommerce.store_unknown"},
		"channel": {func(_ *twin.Options, cfg map[string]any, _ map[string]string) { cfg["channel_id"] = 9 }, "bigcommerce.channel_unknown"},
		"locations": {func(o *twin.Options, _ map[string]any, _ map[string]string) {
			o.Locations = []twin.Location{{ID: 1, Disabled: true}}
		}, "bigcommerce.no_location"},
	} {
		t.Run(name, func(t *testing.T) {
			ts := newShop(t, c.option)
			codes, _ := ts.check()
			require.Equal(t, []string{c.code}, codes)
		})
	}
	ts := newShop(t)
	ts.clock.advance(-time.Hour)
	codes, _ := ts.check()
	require.Equal(t, []string{"bigcommerce.clock_skew"}, codes)
	ts.clock.advance(time.Hour)
	ts.twin.Inject(twin.Fault{Kind: twin.FaultUnavailable, Count: 99})
	codes, _ = ts.check()
	require.Equal(t, []string{"bigcommerce.throttled"}, codes)
}

func TestConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		config  string
		secrets map[string]string
		codes   []string
	}{
		"good":              {`{"store_hash":"abc123"}`, testSecrets(), nil},
		"no hash":           {`{}`, testSecrets(), []string{"bigcommerce.store_hash_invalid"}},
		"an address for it": {`{"store_hash":"store-abc.mybigcommerce.com"}`, testSecrets(), []string{"bigcommerce.store_hash_invalid"}},
		"no secrets":        {`{"store_hash":"abc123"}`, nil, []string{"bigcommerce.secret_missing", "bigcommerce.secret_missing"}},
		"unknown key":       {`{"store_hash":"abc123","colour":"red"}`, testSecrets(), []string{"bigcommerce.config_unreadable"}},
		"page":              {`{"store_hash":"abc123","page_size":500}`, testSecrets(), []string{"bigcommerce.page_size_invalid"}},
		"duration":          {`{"store_hash":"abc123","inventory_lag":"soon"}`, testSecrets(), []string{"bigcommerce.inventory_lag_invalid"}},
		"time":              {`{"store_hash":"abc123","orders_since":"yesterday"}`, testSecrets(), []string{"bigcommerce.orders_since_invalid"}},
		"legacy":            {`{"store_hash":"abc123","legacy_hooks":true}`, testSecrets(), []string{"bigcommerce.secret_missing"}},
		"address":           {`{"store_hash":"abc123","api_url":"ftp://x"}`, testSecrets(), []string{"bigcommerce.api_url_invalid"}},
		"plain":             {`{"store_hash":"abc123","api_url":"http://x"}`, testSecrets(), []string{"bigcommerce.plain_http"}},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := New().(*Connector).Validate(t.Context(), &sdk.ValidateRequest{Config: json.RawMessage(c.config), Secrets: c.secrets})
			require.NoError(t, err)
			var codes []string
			for _, d := range resp.Diagnostics {
				codes = append(codes, d.Code)
			}
			require.Equal(t, c.codes, codes)
		})
	}
	_, err := New().(*Connector).Poll(t.Context(), &sdk.PollRequest{Stream: streamOrders})
	require.ErrorIs(t, err, errNotOpen)
}

func TestDiscover(t *testing.T) {
	ts := newShop(t)
	product, ring := ts.piece("R1", 1)
	require.NoError(t, ts.twin.SetMetafield(product, "jumpring", "epc", "x"))
	list := ts.twin.CreatePriceList(twin.PriceListSpec{Name: "Friends", Prices: map[int64]string{ring: "1"}})
	got, err := ts.conn.Discover(t.Context(), &sdk.DiscoverRequest{})
	require.NoError(t, err)
	require.Equal(t, []sdk.Discovered{{ID: "1", Name: "Paris"}, {ID: "2", Name: "Lyon"}}, got.Locations)
	require.Equal(t, []sdk.Discovered{{ID: idText(list), Name: "Friends"}}, got.PriceLists)
	require.Equal(t, []sdk.Discovered{{ID: "Serial number", Name: "Serial number"}, {ID: "jumpring.epc", Name: "jumpring.epc"}}, got.Fields)
}

// Imports and slow polls leave a part of the quota, which all programs share; orders and writes may use it.
func TestQuotaIsLeftToWhatIsUrgent(t *testing.T) {
	ts := newShop(t, func(o *twin.Options, cfg map[string]any, _ map[string]string) {
		o.Quota, cfg["reserve_percent"] = 100, 50
	})
	product, _ := ts.piece("R1", 1)
	var token []byte
	var held *sdk.Error
	for range 200 {
		resp, err := ts.conn.Snapshot(t.Context(), &sdk.SnapshotRequest{Page: token, Limit: 2})
		if errors.As(err, &held) {
			break
		}
		require.NoError(t, err)
		token = resp.Next
	}
	require.NotNil(t, held)
	require.Equal(t, "bigcommerce.quota_reserved", held.Code)
	require.Positive(t, held.RetryAfter)
	require.LessOrEqual(t, held.RetryAfter, 30*time.Second)
	_, err := ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: streamStock})
	require.ErrorAs(t, err, &held)
	_, err = ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: streamOrders})
	require.NoError(t, err)
	require.Equal(t, sdk.StatusApplied, ts.apply(stockTo(ofProduct(product), 1, 0, 1))[0].Status)
	require.Zero(t, ts.twin.Counts().Throttled)
	health, err := ts.conn.Health(t.Context(), &sdk.HealthRequest{})
	require.NoError(t, err)
	require.True(t, health.OK, health.Reason)
	require.EqualValues(t, 100, health.QuotaLimit)
	require.Less(t, health.QuotaLeft, 51.0)
}

// The platform's own headers say when to come back, in calls as in writes.
func TestThrottling(t *testing.T) {
	for kind, least := range map[twin.FaultKind]time.Duration{twin.FaultThrottle: 200 * time.Millisecond, twin.FaultOverload: time.Second} {
		t.Run(string(kind), func(t *testing.T) {
			ts := newShop(t)
			ts.twin.Inject(twin.Fault{Kind: kind, Delay: 200 * time.Millisecond})
			_, err := ts.conn.Poll(t.Context(), &sdk.PollRequest{Stream: streamProducts, Since: ts.clock.now()})
			var e *sdk.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "bigcommerce.throttled", e.Code)
			require.GreaterOrEqual(t, e.RetryAfter, least)
			health, err := ts.conn.Health(t.Context(), &sdk.HealthRequest{})
			require.NoError(t, err)
			require.False(t, health.OK)
		})
	}
	ts := newShop(t)
	ts.twin.Inject(twin.Fault{Kind: twin.FaultThrottle, Delay: 200 * time.Millisecond})
	got := ts.read(ref(canon.KindProduct, 1))
	require.Empty(t, got.Observations)
	require.GreaterOrEqual(t, got.RetryAfterMillis, int64(200))
}

// What the platform answers is put into words, whatever shape its error has, and no secret is repeated.
func TestErrorsInWords(t *testing.T) {
	ts := newShop(t)
	for body, want := range map[string]string{
		`{"status":422,"title":"JSON data is missing or invalid","errors":{"name":"error.expected","a":"b"}}`: "the platform answered 422: JSON data is missing or invalid; a: b; name: error.expected",
		`[{"status":422,"message":"The field 'x' is invalid."}]`:                                              "the platform answered 422: The field 'x' is invalid.",
		`{"data":[{"status":422,"title":"Unable to provide store credit for a guest customer."}]}`:            "the platform answered 422: Unable to provide store credit for a guest customer.",
		`{"status":422,"title":"token ` + testToken + ` is bad"}`:                                             "the platform answered 422: token [redacted] is bad",
		`<html>`: "the platform answered 422 without an error of its own",
	} {
		err := ts.conn.store.client.errorOf(&sdk.HTTPResponse{Status: http.StatusUnprocessableEntity, Header: http.Header{}, Body: []byte(body)})
		require.Equal(t, want, fmt.Sprint(err), body)
	}
}
