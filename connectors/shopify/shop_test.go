package shopify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// shop is a connector against its twin over HTTP, with an endpoint that takes the webhooks as the hub does.
type shop struct {
	*connector
	twin *twin.Server
	url  string

	mu       sync.Mutex
	down     bool
	received []delivered
	hook     *httptest.Server
}

type delivered struct {
	topic string
	req   *sdk.WebhookRequest
	res   *sdk.WebhookResponse
}

func newShop(t testing.TB, opts twin.Options, extra map[string]any, secrets map[string]string) *shop {
	t.Helper()
	opts.Shop, opts.ClientSecret, opts.AllowHTTP = testShop, testSecret, true
	if opts.AccessToken == "" {
		opts.AccessToken = "shpat_test"
	}
	if opts.BucketSize == 0 {
		opts.BucketSize, opts.RestoreRate = 20_000, 2_000
	}
	s := &shop{twin: twin.New(opts)}
	api := httptest.NewServer(s.twin)
	s.url = api.URL
	s.hook = httptest.NewServer(http.HandlerFunc(s.receive))
	s.connector = open(t, api.URL, extra, secrets)
	t.Cleanup(func() {
		require.NoError(t, s.twin.Close())
		s.hook.Close()
		_, _ = s.connector.Close(context.Background(), &sdk.CloseRequest{})
		api.Close()
	})
	return s
}

func (s *shop) receive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	req := &sdk.WebhookRequest{Method: r.Method, Headers: r.Header, Body: body, ReceivedAt: time.Now()}
	res, err := s.HandleWebhook(r.Context(), req)
	if err != nil || res.Verdict == sdk.VerdictBadSignature {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.received = append(s.received, delivered{r.Header.Get(headerTopic), req, res})
}

func (s *shop) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// deliveries gives what came in so far for a topic; "" for all.
func (s *shop) deliveries(topic string) []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []delivered
	for _, d := range s.received {
		if topic == "" || d.topic == topic {
			out = append(out, d)
		}
	}
	return out
}

func (s *shop) settled(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return s.twin.PendingWebhooks() == 0 }, 60*time.Second, 2*time.Millisecond, "webhooks are still under way")
}

func (s *shop) subscribe(t testing.TB) {
	t.Helper()
	res, err := s.Register(context.Background(), &sdk.RegisterRequest{URL: s.hook.URL})
	require.NoError(t, err)
	require.Empty(t, res.Diagnostics)
}

// piece creates a one-of-a-kind ring.
func (s *shop) piece(t testing.TB, n int) twin.Created {
	t.Helper()
	created, err := s.twin.CreateProduct(twin.NewProduct{
		Title: fmt.Sprintf("Ring %d", n), Description: "<p>one of a kind</p>", Vendor: "Aurum", Type: "Ring", Tags: []string{"unique", "gold"},
		Variants: []twin.NewVariant{{
			SKU: fmt.Sprintf("RG-%04d", n), Barcode: "4006381333931", Price: "1250.50", Cost: "600.00", Stock: map[string]int64{location1: 1},
			Metafields: []twin.Metafield{
				{Namespace: "jewelry", Key: "serial", Value: fmt.Sprintf("AU-%04d", n)},
				{Namespace: "jewelry", Key: "certificate", Value: fmt.Sprintf("22%05d", n)},
				{Namespace: "jewelry", Key: "certificate_lab", Value: "GIA"},
				{Namespace: "jewelry", Key: "metal", Value: "18 Karat yellow gold"},
				{Namespace: "jewelry", Key: "weight", Value: `{"value":4.2,"unit":"GRAMS"}`},
				{Namespace: "jewelry", Key: "stones", Value: `[{"kind":"diamond","carat":"0.51 carat","count":1}]`},
				{Namespace: "custom", Key: "designer", Value: "L. Moreau"},
			},
		}},
	})
	require.NoError(t, err)
	return created
}

const location1 = "gid://shopify/Location/1"

var clara = twin.NewCustomer{
	FirstName: "Clara", LastName: "Moreau", Email: "clara.moreau@example.fr", Phone: "+33612345678", Consent: "subscribed", Tags: []string{"vip"},
	Addresses: []twin.Address{{FirstName: "Clara", LastName: "Moreau", Address1: "14 rue des Archives", City: "Paris", Zip: "75004", Country: "France", CountryCode: "FR"}},
}

func stockWrite(key string, c twin.Created, want, expect int64) sdk.Write {
	return sdk.Write{
		Key: key, Ref: canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(c.Items[0], location1)},
		Stock: &sdk.StockWrite{StockID: c.Items[0], Location: location1, ListingID: c.Variants[0], ProductID: c.ID, Want: want, Expect: expect},
	}
}

func (s *shop) apply(t testing.TB, writes ...sdk.Write) []sdk.Result {
	t.Helper()
	res, err := s.Apply(context.Background(), &sdk.ApplyRequest{Writes: writes})
	require.NoError(t, err)
	require.Len(t, res.Results, len(writes))
	for i := range writes {
		require.Equal(t, writes[i].Key, res.Results[i].Key)
	}
	return res.Results
}

func (s *shop) read(t testing.TB, refs ...canon.Ref) map[canon.Ref]canon.Observation {
	t.Helper()
	res, err := s.Read(context.Background(), &sdk.ReadRequest{Refs: refs})
	require.NoError(t, err)
	require.Zero(t, res.RetryAfterMillis)
	return byRef(t, res.Observations)
}

func byRef(t testing.TB, observations []canon.Observation) map[canon.Ref]canon.Observation {
	t.Helper()
	out := map[canon.Ref]canon.Observation{}
	for _, o := range observations {
		require.NoError(t, o.Check())
		if o.Aspect != canon.AspectMain && o.Aspect != "" {
			continue // what an order's payments and returns are is tested apart
		}
		_, twice := out[o.Ref()]
		require.False(t, twice, "%v is there twice", o.Ref())
		out[o.Ref()] = o
	}
	return out
}

func available(t testing.TB, o *canon.Observation) int64 {
	t.Helper()
	require.NotNil(t, o)
	require.NotNil(t, o.Level)
	require.NotNil(t, o.Level.Available)
	return *o.Level.Available
}

func (s *shop) shows(t testing.TB, c twin.Created) int64 {
	t.Helper()
	for _, l := range s.twin.Levels() {
		if l.ItemID == c.Items[0] && l.LocationID == location1 {
			return l.Available
		}
	}
	t.Fatal("the level is not there")
	return 0
}
