package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// serve puts the house behind a real listener and gives its address.
func (h *house) serve() string {
	h.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(h.t, err)
	ended := make(chan error, 1)
	go func() { ended <- h.api.Serve(ln) }()
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		require.NoError(h.t, h.api.Close(ctx))
		require.NoError(h.t, <-ended)
	})
	return "http://" + ln.Addr().String()
}

func TestBadInputIsRefusedAndTheProcessGoesOn(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	deep := strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000)
	reserve := "/v1/items/" + h.ring() + "/reservations"
	for name, c := range map[string]struct {
		path, body string
		header     []string
		status     int
		code       string
		field      string
	}{
		"not JSON":               {reserve, `{"seconds":`, nil, 400, "body.not_json", ""},
		"two values":             {reserve, `{"seconds":1}{}`, nil, 400, "body.not_json", ""},
		"invalid UTF-8":          {reserve, "{\"for_whom\":\"\xff\"}", nil, 400, "body.not_utf8", ""},
		"control bytes":          {reserve, "{\"for_whom\":\"a\x00b\"}", nil, 400, "body.control_bytes", ""},
		"escaped control bytes":  {reserve, `{"for_whom":"a\u0007b"}`, nil, 400, "body.control_bytes", ""},
		"10,000 levels":          {reserve, deep, nil, 400, "body.too_deep", ""},
		"10,000 levels of lists": {"/v1/events", strings.Repeat("[", 10_000), nil, 400, "body.too_deep", ""},
		"unknown field":          {reserve, `{"seconds":1,"actor":"root"}`, nil, 422, "body.invalid", "body.actor"},
		"missing field":          {reserve, `{}`, nil, 422, "body.invalid", "body"},
		"wrong type":             {reserve, `{"seconds":"many"}`, nil, 422, "body.invalid", "body.seconds"},
		"a list":                 {reserve, `[]`, nil, 422, "body.invalid", "body"},
		"null":                   {reserve, `null`, nil, 422, "body.invalid", "body"},
		"out of range":           {reserve, `{"seconds":0}`, nil, 422, "body.invalid", "body.seconds"},
		"beyond int64":           {reserve, `{"seconds":1e30}`, nil, 422, "body.invalid", "body.seconds"},
		"a fraction":             {reserve, `{"seconds":1.5}`, nil, 422, "body.invalid", "body.seconds"},
		"unknown currency":       {"/v1/items/" + h.ring() + "/sell", `{"price":{"amount":"1","currency":"XXQ"}}`, nil, 422, "body.invalid", "body.price"},
		"negative price":         {"/v1/items/" + h.ring() + "/sell", `{"price":{"amount":"-1.00","currency":"EUR"}}`, nil, 422, "body.invalid", "body.price"},
		"a form":                 {reserve, `seconds=1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "body.media_type", ""},
		"compressed":             {reserve, "x", []string{"Content-Encoding", "gzip"}, 415, "body.media_type", ""},
		"a key with spaces":      {reserve, `{"seconds":1}`, []string{"Idempotency-Key", "a b"}, 400, "parameter.invalid", "header.Idempotency-Key"},
		"over the limit":         {reserve, `{"for_whom":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "body.too_large", ""},
		"parked nowhere":         {"/v1/parked/abc/replay", "", nil, 400, "parameter.invalid", "path.position"},
		"parked at zero":         {"/v1/parked/0.0/discard", "", nil, 400, "parameter.invalid", "path.position"},
		"no such item":           {"/v1/items/none/sell", `{}`, nil, 404, "item.unknown", ""},
		"an id of control bytes": {"/v1/items/%00/sell", `{}`, nil, 404, "item.unknown", ""},
	} {
		t.Run(name, func(t *testing.T) {
			res := h.ask(access.RoleAdmin, "POST", c.path, c.body, c.header...)
			require.Equal(t, c.status, res.status, res.body)
			require.Equal(t, c.code, res.json(t, "code"))
			require.NotEmpty(t, res.json(t, "do"))
			require.Less(t, len(res.body), 4096, "an answer stays small")
			if c.field != "" {
				require.Equal(t, c.field, res.json(t, "errors", "path"), res.body)
			}
		})
	}
	for name, c := range map[string]struct {
		method, path string
		status       int
		code         string
	}{
		"limit":          {"GET", "/v1/items?limit=0", 400, "parameter.invalid"},
		"a large limit":  {"GET", "/v1/items?limit=501", 400, "parameter.invalid"},
		"cursor":         {"GET", "/v1/items?cursor=%21%21", 400, "cursor.invalid"},
		"state":          {"GET", "/v1/cases?state=odd", 400, "parameter.invalid"},
		"format":         {"GET", "/v1/connections/web-eu/matches?format=xls", 400, "parameter.invalid"},
		"live":           {"GET", "/v1/live?limit=51", 400, "parameter.invalid"},
		"stream":         {"GET", "/v1/stream?after=yesterday", 400, "parameter.invalid"},
		"method":         {"PUT", "/v1/items", 405, "route.method"},
		"route":          {"GET", "/v2/items", 404, "route.unknown"},
		"no hook's name": {"POST", "/hooks/", 404, "route.unknown"},
	} {
		res := h.ask(access.RoleAdmin, c.method, c.path, "")
		require.Equal(t, c.status, res.status, "%s: %s", name, res.body)
		require.Equal(t, c.code, res.json(t, "code"), name)
	}
	require.Equal(t, 200, h.ask("", "GET", "/healthz", "").status)
}

func TestALargeBodyIsRefusedUnread(t *testing.T) {
	h := newHouse(t)
	at := h.serve()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, path := range []string{"/hooks/web-eu", "/v1/events"} {
		host := strings.TrimPrefix(at, "http://")
		conn, err := net.Dial("tcp", host)
		require.NoError(t, err)
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
			path, host, h.text[access.RoleTill], 20<<20)
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(30*time.Second)))
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.Equal(t, 413, res.StatusCode, "the answer comes before the body was sent")
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "body.too_large")
		require.NoError(t, conn.Close())
	}
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(10<<20))
	require.Nil(t, h.hookBody)
	res, err := http.Post(at+"/hooks/web-eu", "application/json", bytes.NewReader([]byte(`{"a":1}`)))
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.NoError(t, res.Body.Close())
	require.Equal(t, `{"a":1}`, string(h.hookBody))
}

func TestThePageIsServedToThisMachineAndNotThroughAProxy(t *testing.T) {
	h := newHouse(t)
	at := h.serve()
	get := func(change func(*http.Request)) int {
		req, err := http.NewRequest("GET", at+"/", nil)
		require.NoError(t, err)
		change(req)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, 200, get(func(*http.Request) {}))
	require.Equal(t, 200, get(func(r *http.Request) { r.Host = "localhost:8480" }))
	require.Equal(t, 401, get(func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") }))
	require.Equal(t, 401, get(func(r *http.Request) { r.Host = "rebound.example.com" }))
	h.api.PageOnLoopback = false
	require.Equal(t, 401, get(func(*http.Request) {}))
}

// sse reads server-sent events.
type sse struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
}

type sent struct{ id, event, data string }

func (h *house) follow(t *testing.T, at string, role access.Role, query, last string) *sse {
	t.Helper()
	return h.followAt(t, at+"/v1/stream"+query, role, last)
}

func (h *house) followAt(t *testing.T, target string, role access.Role, last string) *sse {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", target, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+h.text[role])
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	return &sse{t: t, res: res, lines: bufio.NewScanner(res.Body)}
}

// next gives the next event that has an id or data.
func (s *sse) next() sent {
	s.t.Helper()
	var e sent
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			e.data = value
		case "":
			if e != (sent{}) {
				return e
			}
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return e
}

func (s *sse) close() { _ = s.res.Body.Close() }

func TestTheStreamResumesWithoutAGap(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	at := h.serve()
	live := h.follow(t, at, access.RoleAdmin, "", "")
	sell := func(receipt string) {
		res := h.ask(access.RoleTill, "POST", "/v1/items/"+h.chain()+"/sell", `{"receipt":"`+receipt+`"}`)
		require.Equal(t, 201, res.status, res.body)
	}
	// Rows until n entries are whole: an id marks the last row of an entry.
	take := func(s *sse, n int) (rows []string, last string) {
		for n > 0 {
			e := s.next()
			if e.data != "" {
				rows = append(rows, e.data)
			}
			if e.id != "" {
				last = e.id
				n--
			}
		}
		return rows, last
	}
	sell("R1")
	first, last := take(live, 1)
	require.NotEmpty(t, first)
	live.close()
	sell("R2")
	sell("R3")
	resumed := h.follow(t, at, access.RoleAdmin, "", last)
	rest, _ := take(resumed, 2)
	resumed.close()
	again := h.follow(t, at, access.RoleAdmin, "?after="+last, "")
	same, _ := take(again, 2)
	again.close()
	require.Equal(t, rest, same)
	require.Regexp(t, regexp.MustCompile(`"type":"(item|order|claim)"`), strings.Join(rest, "\n"))
	for _, row := range first {
		require.NotContains(t, rest, row)
	}
}

func TestAStopDoesNotWaitForAConnectionWithoutARequest(t *testing.T) {
	h := newHouse(t)
	at := h.serve()
	silent, err := net.Dial("tcp", strings.TrimPrefix(at, "http://"))
	require.NoError(t, err)
	defer silent.Close()
	res, err := http.Get(at + "/healthz") // by its answer the other one is accepted too
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, h.api.Close(ctx))
}

func TestTheStreamHidesWhatARoleMayNotSee(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	at := h.serve()
	everything := func(role access.Role) (ids int, all string) {
		s := h.follow(t, at, role, "?after=0.0", "")
		defer s.close()
		want := h.journal.End()
		for {
			e := s.next()
			all += e.event + " " + e.data + "\n"
			if e.id == "" {
				continue
			}
			ids++
			p, err := canon.ParsePosition(e.id)
			require.NoError(t, err)
			if p.Offset >= want-1 { // the last entries may have no row
				return ids, all
			}
		}
	}
	n, admin := everything(access.RoleAdmin)
	require.Contains(t, admin, "Martin")
	require.Contains(t, admin, "90000")
	m, read := everything(access.RoleRead)
	require.Equal(t, n, m, "ids come to every role, so that each can resume")
	require.NotContains(t, read, "Martin")
	require.NotContains(t, read, "90000")
	require.NotContains(t, read, "client ")
}

func TestASilentStreamShowsThatItLivesAndEndsWithTheHub(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Heartbeat = 5 * time.Millisecond })
	at := h.serve()
	s := h.follow(t, at, access.RoleRead, "", "")
	require.True(t, s.lines.Scan())
	for s.lines.Text() != ": here" {
		require.True(t, s.lines.Scan(), "no heartbeat came")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, h.api.Close(ctx))
	for s.lines.Scan() { // until the end of the body
		require.Contains(t, []string{"", ": here"}, s.lines.Text())
	}
	s.close()
}

// BenchmarkItem compares the read of a piece through the API with a bare Fiber handler that returns the same bytes, over
// connections that are kept. It reports how many reads the API does for each of the bare one.
func BenchmarkItem(b *testing.B) {
	h := newHouse(b)
	h.furnish()
	ring := h.ring()
	for _, role := range []access.Role{access.RoleAdmin, access.RoleTill} {
		body := []byte(h.ask(role, "GET", "/v1/items/"+ring, "").body)
		bare := fiber.New(Config(2 << 20))
		bare.Get("/v1/items/:id", func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderContentType, "application/json")
			return c.Send(body)
		})
		plainAt, apiAt := listen(b, bare), listen(b, h.api.App())
		run := func(client *fasthttp.HostClient, n int) time.Duration {
			req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
			req.SetRequestURI("http://" + client.Addr + "/v1/items/" + ring)
			req.Header.Set("Authorization", "Bearer "+h.text[role])
			start := time.Now()
			for range n {
				if err := client.Do(req, res); err != nil || res.StatusCode() != 200 {
					b.Fatalf("%v, status %d: %s", err, res.StatusCode(), res.Body())
				}
			}
			return time.Since(start)
		}
		b.Run(string(role), func(b *testing.B) {
			var api, plain time.Duration
			for b.Loop() {
				plain += run(plainAt, 100)
				api += run(apiAt, 100)
			}
			b.ReportMetric(plain.Seconds()/api.Seconds(), "of-bare")
		})
	}
}

func listen(b *testing.B, app *fiber.App) *fasthttp.HostClient {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	srv := &fasthttp.Server{Handler: app.Handler()}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	b.Cleanup(func() {
		require.NoError(b, ln.Close())
		<-ended
	})
	return &fasthttp.HostClient{Addr: ln.Addr().String()}
}

func TestProblemsHaveTheirForm(t *testing.T) {
	h := newHouse(t)
	req := httptest.NewRequest("GET", "/v1/items", nil)
	res, err := h.api.App().Test(req)
	require.NoError(t, err)
	require.Equal(t, problem.MediaType, res.Header.Get("Content-Type"))
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"type":"urn:jumpring:problem:token.missing","title":"This route needs a token","status":401,"code":"token.missing",
		"do":"Send Authorization: Bearer with a token of `+"`jumpring token create`"+`."}`, string(b))
}
