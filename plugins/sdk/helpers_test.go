package sdk

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestStandardWebhookVector has the example of the specification's reference libraries.
func TestStandardWebhookVector(t *testing.T) {
	const secret, id, stamp = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
	signature, err := SignStandardWebhook(secret, id, time.Unix(stamp, 0), []byte(`{"test": 2432232314}`))
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signature)
}

func TestStandardWebhooks(t *testing.T) {
	const secret = "bytes-of-the-client-secret"
	at := time.Unix(1614265330, 0)
	body := []byte(`{"scope":"store/order/updated"}`)
	signature, err := SignStandardWebhook(secret, "msg_1", at, body)
	require.NoError(t, err)
	delivery := func(change func(*WebhookRequest)) *WebhookRequest {
		r := &WebhookRequest{Body: body, ReceivedAt: at.Add(time.Minute), Headers: map[string][]string{
			StandardWebhookID: {"msg_1"}, StandardWebhookTimestamp: {strconv.FormatInt(at.Unix(), 10)}, StandardWebhookSignature: {"v1a,xx " + signature},
		}}
		change(r)
		return r
	}
	for name, c := range map[string]struct {
		change  func(*WebhookRequest)
		secrets []string
		want    error
	}{
		"genuine":                  {func(*WebhookRequest) {}, []string{secret}, nil},
		"signed with the old one":  {func(*WebhookRequest) {}, []string{"new", secret}, nil},
		"other secret":             {func(*WebhookRequest) {}, []string{"new"}, ErrWebhookSignature},
		"no secret":                {func(*WebhookRequest) {}, []string{""}, ErrWebhookSignature},
		"altered body":             {func(r *WebhookRequest) { r.Body = []byte(`{}`) }, []string{secret}, ErrWebhookSignature},
		"altered id":               {func(r *WebhookRequest) { r.Headers[StandardWebhookID] = []string{"msg_2"} }, []string{secret}, ErrWebhookSignature},
		"altered time":             {func(r *WebhookRequest) { r.Headers[StandardWebhookTimestamp] = []string{"1614265331"} }, []string{secret}, ErrWebhookSignature},
		"replayed too late":        {func(r *WebhookRequest) { r.ReceivedAt = at.Add(6 * time.Minute) }, []string{secret}, ErrWebhookTime},
		"from the future":          {func(r *WebhookRequest) { r.ReceivedAt = at.Add(-6 * time.Minute) }, []string{secret}, ErrWebhookTime},
		"no headers":               {func(r *WebhookRequest) { r.Headers = nil }, []string{secret}, ErrWebhookHeaders},
		"a time that is no number": {func(r *WebhookRequest) { r.Headers[StandardWebhookTimestamp] = []string{"now"} }, []string{secret}, ErrWebhookHeaders},
		"other version only":       {func(r *WebhookRequest) { r.Headers[StandardWebhookSignature] = []string{"v2" + signature[2:]} }, []string{secret}, ErrWebhookSignature},
	} {
		t.Run(name, func(t *testing.T) {
			err := VerifyStandardWebhook(delivery(c.change), c.secrets...)
			if c.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
	_, err = SignStandardWebhook("whsec_"+base64.StdEncoding.EncodeToString([]byte("x"))[:1], "", at, nil)
	require.Error(t, err)
}

func TestLimits(t *testing.T) {
	h := func(pairs ...string) http.Header {
		out := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			out.Set(pairs[i], pairs[i+1])
		}
		return out
	}
	for name, c := range map[string]struct {
		limits Limits
		status int
		header http.Header
		want   time.Duration
	}{
		"well":                               {RetryAfterLimits, 200, h("Retry-After", "9"), 0},
		"429 with seconds":                   {RetryAfterLimits, 429, h("Retry-After", "1.5"), 1500 * time.Millisecond},
		"429 alone":                          {RetryAfterLimits, 429, h(), time.Second},
		"503 alone is no throttling":         {RetryAfterLimits, 503, h(), 0},
		"503 with seconds":                   {RetryAfterLimits, 503, h("Retry-After", "3"), 3 * time.Second},
		"BigCommerce, window used up":        {BigCommerceLimits, 200, h("X-Rate-Limit-Requests-Left", "0", "X-Rate-Limit-Time-Reset-Ms", "2500"), 2500 * time.Millisecond},
		"BigCommerce, something left":        {BigCommerceLimits, 200, h("X-Rate-Limit-Requests-Left", "12", "X-Rate-Limit-Time-Reset-Ms", "2500"), 0},
		"BigCommerce, 429":                   {BigCommerceLimits, 429, h("X-Rate-Limit-Requests-Left", "3", "X-Rate-Limit-Time-Reset-Ms", "400"), 400 * time.Millisecond},
		"BigCommerce, overloaded":            {BigCommerceLimits, 429, h(), time.Second},
		"Shopify REST, room":                 {ShopifyRESTLimits, 200, h("X-Shopify-Shop-Api-Call-Limit", "10/40"), 0},
		"Shopify REST, nearly full":          {ShopifyRESTLimits, 200, h("X-Shopify-Shop-Api-Call-Limit", "39/40"), 500 * time.Millisecond},
		"Shopify REST, 429":                  {ShopifyRESTLimits, 429, h("X-Shopify-Shop-Api-Call-Limit", "40/40", "Retry-After", "2.0"), 2 * time.Second},
		"standard, used up":                  {StandardLimits, 200, h("RateLimit-Remaining", "0", "RateLimit-Reset", "7"), 7 * time.Second},
		"standard with X-, used up":          {StandardLimits, 200, h("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "7"), 7 * time.Second},
		"standard, a moment instead of time": {StandardLimits, 200, h("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1760000000"), 0},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, c.limits(c.status, c.header)) })
	}
}

func TestAPauseHoldsBackEveryRequest(t *testing.T) {
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Retry-After", "0.3")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer srv.Close()
	c := NewHTTPClient(HTTPConfig{Concurrent: 2})
	resp, err := c.Do(get(t, srv.URL))
	require.NoError(t, err)
	require.Equal(t, http.StatusTooManyRequests, resp.Status)
	began := time.Now()
	resp, err = c.Do(post(t, srv.URL))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.Status)
	require.GreaterOrEqual(t, time.Since(began), 250*time.Millisecond)
}

func TestAPauseBeyondTheDeadlineIsNotSent(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer srv.Close()
	c := NewHTTPClient(HTTPConfig{})
	_, err := c.Do(get(t, srv.URL))
	require.NoError(t, err)
	_, err = c.Do(post(t, srv.URL).WithContext(withDeadline(t, time.Minute)))
	require.ErrorIs(t, err, ErrNotSent)
}

func withDeadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestPageTokens(t *testing.T) {
	p, err := ParsePageToken(nil)
	require.NoError(t, err)
	next, more := PageToken{Phase: "orders", After: "a"}.NextKey("b", 10, 10)
	require.True(t, more)
	back, err := ParsePageToken(next.Bytes())
	require.NoError(t, err)
	require.Equal(t, PageToken{Phase: "orders", After: "b"}, back)
	_, more = p.NextNumber(9, 10)
	require.False(t, more)
	next, more = PageToken{Offset: 20}.NextOffset(10, 10)
	require.True(t, more)
	require.Equal(t, 30, next.Offset)
	_, more = PageToken{Cursor: "x"}.NextCursor("x")
	require.False(t, more, "a cursor that stays would be read for ever")
	_, more = p.NextOffset(0, 0)
	require.False(t, more)
	_, err = ParsePageToken([]byte("no"))
	require.Error(t, err)
}

func TestNextLink(t *testing.T) {
	base, err := url.Parse("https://shop.example.com/orders?page=1")
	require.NoError(t, err)
	for header, want := range map[string]string{
		`<https://shop.example.com/orders?page=2>; rel="next"`:                                   "https://shop.example.com/orders?page=2",
		`<https://shop.example.com/orders?a=1,2&page=0>; rel="prev", </orders?page=2>; rel=next`: "https://shop.example.com/orders?page=2",
		`<https://shop.example.com/orders?page=0>; rel="prev"`:                                   "",
		`<https://shop.example.com/orders?page=9>; rel="last next"; title="a"`:                   "https://shop.example.com/orders?page=9",
		``: "",
	} {
		u, err := NextLink(http.Header{"Link": {header}}, base)
		require.NoError(t, err)
		if want == "" {
			require.Nil(t, u, header)
		} else {
			require.Equal(t, want, u.String())
		}
	}
	for _, header := range []string{`<https://evil.example.com/>; rel="next"`, `<http://shop.example.com/>; rel=next`} {
		_, err := NextLink(http.Header{"Link": {header}}, base)
		require.ErrorIs(t, err, ErrForeignLink)
	}
}

func TestStatedMoney(t *testing.T) {
	for _, c := range []struct {
		minor    int64
		currency string
		want     string
	}{{125000, "EUR", "1250.00"}, {5, "EUR", "0.05"}, {-5, "EUR", "-0.05"}, {1250, "JPY", "1250"}, {1, "BHD", "0.001"}, {-9223372036854775808, "EUR", "-92233720368547758.08"}} {
		m, err := MoneyFromMinor(c.minor, c.currency)
		require.NoError(t, err)
		require.Equal(t, c.want, m.Amount)
	}
	_, err := MoneyFromMinor(1, "XXX")
	require.Error(t, err)
	m, err := MoneyFromNumber(json.Number("1250.10"), "EUR")
	require.NoError(t, err)
	require.Equal(t, "1250.10", m.Amount)
	for _, bad := range []json.Number{"1e3", "1.005", "x"} {
		_, err := MoneyFromNumber(bad, "EUR")
		require.Error(t, err, bad)
	}
}

func TestJoinedIDsAreTakenApartAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringOf(rapid.RuneFrom([]rune("ab/%@2F45"))), 1, 4).Draw(t, "parts")
		id := JoinID(parts...)
		require.Equal(t, parts, SplitID(id))
		require.NotContains(t, id, "@")
	})
}
