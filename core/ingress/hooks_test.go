package ingress

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// desk is Webhooks that keeps what came and answers as told.
type desk struct {
	got    *sdk.WebhookRequest
	status int
	body   string
	err    error
}

func (d *desk) HandleWebhook(_ context.Context, connection string, req *sdk.WebhookRequest) (int, string, []byte, error) {
	if connection != "web-eu" {
		return 0, "", nil, fmt.Errorf("looking: %w", ErrUnknownConnection)
	}
	d.got = req
	return d.status, "text/plain", []byte(d.body), d.err
}

func door(t testing.TB, d Webhooks) (*fiber.App, *Hooks) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h, err := NewHooks(d, 2<<20, func() time.Time { return at }, prometheus.NewRegistry())
	require.NoError(t, err)
	app := fiber.New(fiber.Config{BodyLimit: 4 << 20, ErrorHandler: problem.Write})
	app.Post("/hooks/:connection", h.Handle)
	app.Post("/hooks/:connection/*", h.Handle)
	return app, h
}

func TestADeliveryComesThroughAsItWas(t *testing.T) {
	d := &desk{status: 200, body: "ok"}
	app, h := door(t, d)
	raw := "{\"a\": 1,\r\n \"b\": \"\xff\\u00e9\"}  "
	req := httptest.NewRequest("POST", "/hooks/web-eu/orders/create?x=1&y=%20", strings.NewReader(raw))
	req.Header.Set("x-shopify-hmac-sha256", "abc=")
	req.Header["X-Twice"] = []string{"1", "2"}
	req.Header.Set("Content-Encoding", "gzip") // kept raw: the signature is over what was sent
	res, err := app.Test(req)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	answer, _ := io.ReadAll(res.Body)
	require.Equal(t, "ok", string(answer))

	require.Equal(t, raw, string(d.got.Body))
	require.Equal(t, "/orders/create", d.got.Path)
	require.Equal(t, "x=1&y=%20", d.got.Query)
	require.Equal(t, "POST", d.got.Method)
	require.Equal(t, "abc=", d.got.Header("X-Shopify-Hmac-Sha256"))
	require.Equal(t, []string{"1", "2"}, d.got.Headers["X-Twice"])
	require.Equal(t, 2026, d.got.ReceivedAt.Year())
	require.EqualValues(t, 1, testutil.ToFloat64(h.deliveries.WithLabelValues("web-eu", "200")))
}

func TestWhatAPlatformIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		path   string
		desk   desk
		status int
		code   string
		retry  string
		label  string
	}{
		"unknown connection": {"/hooks/nobody", desk{}, 404, "connection.unknown", "", ""},
		"bad signature":      {"/hooks/web-eu", desk{status: 401}, 401, "signature.bad", "", "web-eu"},
		"the plugin is down": {"/hooks/web-eu", desk{err: &UnavailableError{Reason: "restarting"}}, 503, "connection.unavailable", "10", "web-eu"},
		"the bus refuses":    {"/hooks/web-eu", desk{err: &bus.Refused{Class: bus.ClassWebhook, RetryAfter: 3 * time.Second}}, 503, "hub.busy", "3", "web-eu"},
		"the journal failed": {"/hooks/web-eu", desk{err: bus.ErrFailed}, 503, "hub.busy", "5", "web-eu"},
		"out of time":        {"/hooks/web-eu", desk{err: context.DeadlineExceeded}, 503, "hub.busy", "5", "web-eu"},
		"something broke":    {"/hooks/web-eu", desk{err: io.ErrUnexpectedEOF}, 500, "hub.failed", "", "web-eu"},
	} {
		t.Run(name, func(t *testing.T) {
			app, h := door(t, &c.desk)
			res, err := app.Test(httptest.NewRequest("POST", c.path, strings.NewReader("{}")))
			require.NoError(t, err)
			require.Equal(t, c.status, res.StatusCode)
			body, _ := io.ReadAll(res.Body)
			require.Contains(t, string(body), `"code":"`+c.code+`"`)
			require.Equal(t, c.retry, res.Header.Get("Retry-After"))
			require.Equal(t, problem.MediaType, res.Header.Get("Content-Type"))
			require.EqualValues(t, 1, testutil.ToFloat64(h.deliveries.WithLabelValues(c.label, fmt.Sprint(c.status))))
		})
	}
}

func TestALargeDeliveryIsRefused(t *testing.T) {
	d := &desk{status: 200}
	app, _ := door(t, d)
	res, err := app.Test(httptest.NewRequest("POST", "/hooks/web-eu", bytes.NewReader(make([]byte, 2<<20+1))))
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
	require.Nil(t, d.got)
}

func FuzzHooks(f *testing.F) {
	f.Add("/orders", "x=1", []byte("{}"))
	f.Add("/%2e%2e/x", "", []byte{0xff, 0})
	d := &desk{status: 200}
	app, _ := door(f, d)
	f.Fuzz(func(t *testing.T, path, query string, body []byte) {
		req := httptest.NewRequest("POST", "/hooks/web-eu", bytes.NewReader(body))
		req.URL.Path, req.URL.RawQuery = "/hooks/web-eu/"+strings.TrimLeft(path, "/"), query
		if len(body) > 1<<20 || strings.ContainsAny(query, " \r\n\x00#") {
			return
		}
		d.got = nil
		res, err := app.Test(req, -1)
		if err != nil {
			return // the request could not be written
		}
		if d.got != nil && !bytes.Equal(d.got.Body, body) {
			t.Fatal("the body changed on its way")
		}
		if res.StatusCode >= 500 {
			t.Fatalf("status %d", res.StatusCode)
		}
	})
}

func BenchmarkHook(b *testing.B) {
	d := &desk{status: 200}
	app, _ := door(b, d)
	h := app.Handler()
	ctx := fakeDelivery()
	b.ReportAllocs()
	for b.Loop() {
		h(ctx)
	}
	if code := ctx.Response.StatusCode(); code != 200 {
		b.Fatalf("status %d: %s", code, ctx.Response.Body())
	}
}

func fakeDelivery() *fasthttp.RequestCtx {
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/hooks/web-eu")
	ctx.Request.Header.SetHost("hub.example.com")
	for _, k := range []string{
		"User-Agent", "Accept", "Content-Type", "X-Shopify-Topic", "X-Shopify-Hmac-Sha256", "X-Shopify-Shop-Domain",
		"X-Shopify-Api-Version", "X-Shopify-Webhook-Id", "X-Shopify-Triggered-At", "X-Shopify-Event-Id", "Accept-Encoding",
	} {
		ctx.Request.Header.Set(k, "some value of a usual length")
	}
	ctx.Request.SetBody(make([]byte, 6700))
	return ctx
}
