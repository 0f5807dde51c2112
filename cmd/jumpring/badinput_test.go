package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// pour sends a body without minding whether the server reads it to its end, and gives the answer.
func pour(t *testing.T, d *door, path string, body []byte, headers ...string) *answer {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	var head strings.Builder
	fmt.Fprintf(&head, "POST %s HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, d.token, len(body))
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&head, "%s: %s\r\n", headers[i], headers[i+1])
	}
	head.WriteString("\r\n")
	_, err = io.WriteString(conn, head.String())
	require.NoError(t, err)
	go func() { _, _ = conn.Write(body) }() // a server that has seen enough closes the connection
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, "a body that is too large is answered")
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return &answer{status: res.StatusCode, header: res.Header, body: b}
}

func event(typ, data string) string {
	return `{"specversion":"1.0","id":"e1","source":"desk","type":"jumpring.` + typ + `.v1","data":` + data + `}`
}

func saleEvent(receipt, currency, sku string) string {
	return event("sale.reported", `{"receipt":"`+receipt+`","sold_at":"2026-03-01T17:45:00+01:00","currency":"`+currency+`","location":"paris","total":{"amount":"10.00"},`+
		`"lines":[{"id":"1","sku":"`+sku+`","quantity":1,"price":{"amount":"10.00"}}]}`)
}

// TestBadInput sends what no sender should to every door: each gets a problem with a code and what to do, or its
// delivery is parked with a reason, and the hub goes on in bounded memory.
func TestBadInput(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	p := s.pieces(1)[0]
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	item := s.door.bySKU(t, p.sku).ID
	before := usageOf(t, s.hub.cmd.Process.Pid)
	deep := strings.Repeat(`{"a":[`, 5000) + strings.Repeat(`]}`, 5000)
	huge := bytes.Repeat([]byte("a"), 20<<20)

	sell, reserve := "/v1/items/"+item+"/sell", "/v1/items/"+item+"/reservations"
	problems := []struct {
		name, path, body string
		code             problem.Code
	}{
		{"not JSON", "/v1/events", "hello", "body.not_json"},
		{"not JSON", sell, "{", "body.not_json"},
		{"not JSON", reserve, `{"seconds":1}}`, "body.not_json"},
		{"not JSON", "/v1/tokens", "<xml/>", "body.not_json"},
		{"a wrong type", "/v1/events", `[]`, "event.invalid"},
		{"a wrong type", "/v1/events", event("sale.reported", `{"receipt":5,"lines":{}}`), "event.invalid"},
		{"a wrong type", sell, `{"quantity":"one"}`, "body.invalid"},
		{"a wrong type", reserve, `{"seconds":"ten"}`, "body.invalid"},
		{"an unknown field", reserve, `{"seconds":60,"minutes":1}`, "body.invalid"},
		{"a number out of range", reserve, `{"seconds":99999999999999999999}`, "body.invalid"},
		{"an unknown currency", "/v1/events", saleEvent("X2", "ZZZ", "a"), "event.invalid"},
		{"an unknown currency", sell, `{"price":{"amount":"1.00","currency":"ZZZ"}}`, "body.invalid"},
		{"negative carat", "/v1/events", event("item.registered", `{"id":"I1","title":"Ring","stones":[{"kind":"diamond","carat":"-0.51"}]}`), "event.invalid"},
		{"a negative amount", sell, `{"price":{"amount":"-1.00","currency":"EUR"}}`, "body.invalid"},
		{"control bytes", "/v1/events", saleEvent("X3", "EUR", `a\u0000b`), "body.control_bytes"},
		{"control bytes", sell, `{"receipt":"a\u0007b"}`, "body.control_bytes"},
		{"10,000 levels", "/v1/events", deep, "body.too_deep"},
		{"10,000 levels", sell, deep, "body.too_deep"},
		{"invalid UTF-8", "/v1/events", saleEvent("X4\xff\xfe", "EUR", "a"), "body.not_utf8"},
		{"invalid UTF-8", sell, "{\"receipt\":\"\xc3\x28\"}", "body.not_utf8"},
	}
	for _, tc := range problems {
		t.Run(tc.name+" to "+strings.ReplaceAll(tc.path, item, "{id}"), func(t *testing.T) {
			a, err := s.door.send(http.MethodPost, tc.path, []byte(tc.body))
			require.NoError(t, err)
			got := a.problem(t)
			require.Equal(t, 4, a.status/100, "%s", a.body)
			require.Equal(t, tc.code, got.Code, "%s", a.body)
			require.NotEmpty(t, got.Do, "it says what to do")
			require.Less(t, len(a.body), 10<<10, "the answer does not repeat the body")
		})
	}
	for _, path := range []string{"/v1/events", sell, "/hooks/web", "/hooks/woo"} {
		t.Run("20 MB to "+strings.ReplaceAll(path, item, "{id}"), func(t *testing.T) {
			for range 5 {
				a := pour(t, s.door, path, huge)
				require.Equal(t, http.StatusRequestEntityTooLarge, a.status, "%s", a.body)
				require.EqualValues(t, "body.too_large", a.problem(t).Code)
			}
		})
	}

	order := string(marshal(t, shopifyOrder(t, 77, p.variant, p.sku, time.Now(), time.Now())))
	parked := []struct{ name, topic, body string }{
		{"not JSON", "orders/create", "hello"},
		{"a wrong type", "orders/create", strings.Replace(order, `"line_items":[`, `"line_items":"none","was":[`, 1)},
		{"an unknown currency", "orders/create", strings.ReplaceAll(order, `"USD"`, `"ZZZ"`)},
		{"10,000 levels", "orders/create", strings.Replace(order, `"note":null`, `"line_items":`+deep, 1)},
		{"invalid UTF-8", "orders/create", strings.Replace(order, "John", "J\xffhn", 1)},
	}
	for i, tc := range parked {
		t.Run("a genuine webhook with "+tc.name, func(t *testing.T) {
			require.NotEqual(t, order, tc.body)
			body := []byte(tc.body)
			a, err := newDoor(s.door.url, "").send(http.MethodPost, "/hooks/web", body, shopifyHeaders(tc.topic, fmt.Sprintf("bad-%d", i), body)...)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, a.status, "the platform must not send it again for ever: %s", a.body)
			eventually(t, time.Minute, "it is parked", func() bool { return len(list[canon.Parked](t, s.door, "/v1/parked", nil)) == i+1 })
			for _, p := range list[canon.Parked](t, s.door, "/v1/parked", nil) {
				require.NotEmpty(t, p.Code)
				require.NotEmpty(t, p.Reason)
			}
		})
	}
	after := usageOf(t, s.hub.cmd.Process.Pid)
	t.Logf("resident memory of the hub: %d MB before, %d MB after", before.rss>>20, after.rss>>20)
	limit := int64(100)
	if raced {
		limit = 400
	}
	require.Less(t, (after.rss-before.rss)>>20, limit, "MB more than before")
	require.Equal(t, canon.ItemInStock, s.door.bySKU(t, p.sku).Status, "nothing of it counted")
	s.poison(t, p)
}

// poison puts entries into the journal that no door would let in, with a good one behind each, and starts the hub: it
// parks them, folds the others, and goes on.
func (s *sandbox) poison(t *testing.T, p pair) {
	t.Helper()
	had := len(list[canon.Parked](t, s.door, "/v1/parked", nil))
	s.hub.stop()
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(s.spec.Data, "journal")})
	require.NoError(t, err)
	bad := []bus.Entry{
		{Type: "observation", Head: []byte(`{"connection":"web"}`), Data: []byte(`{"kind":"order"`)},
		{Type: "observation", Head: []byte(`{"connection":"web"}`), Data: []byte(`null`)},
		{Type: "observation", Head: []byte(`{"connection":"web"}`), Data: []byte(`{"kind":"level","external_id":"a@b","level":null}`)},
		{Type: "observation", Head: []byte(`{"connection":`), Data: []byte(`{}`)},
		{Type: "command", Head: []byte(`{"actor":"admin"}`), Data: []byte(`{"key":"p1","id":"p1","sell":{"item":7}}`)},
		{Type: "no.such.type", Head: []byte(`{}`), Data: []byte(`{}`)},
		{Type: "write.settled", Head: []byte(`{"connection":"woo"}`), Data: []byte(`{"writes":{"key":1}}`)},
		{Type: "parked.replayed", Head: []byte(`{}`), Data: []byte(`[` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `]`)},
	}
	for i, e := range bad {
		good := canon.Observation{Kind: canon.KindOrder, ExternalID: fmt.Sprintf("after-%d", i), SourceVersion: 1, Order: &canon.OrderState{
			Status: canon.OrderFulfilled, PlacedAt: time.Now().UTC(), Currency: "EUR", Total: canon.StatedMoney{Amount: "1.00", Currency: "EUR"},
			Lines: []canon.OrderLine{{ID: "1", SKU: p.sku, Quantity: 1, Price: canon.StatedMoney{Amount: "1.00", Currency: "EUR"}}},
		}}
		data, err := json.Marshal(good)
		require.NoError(t, err)
		_, err = j.Append(t.Context(), bus.ClassCommand, []bus.Entry{e, {Type: "observation", Head: []byte(`{"connection":"till:desk","actor":"till"}`), Data: data}})
		require.NoError(t, err)
	}
	require.NoError(t, j.Close())
	s.start()
	s.ready()
	orders := list[canon.Order](t, s.door, "/v1/orders", url.Values{"connection": {"till:desk"}})
	require.Len(t, orders, len(bad), "what comes behind a bad entry flows on")
	now := list[canon.Parked](t, s.door, "/v1/parked", nil)
	require.Len(t, now, had+len(bad), "each is parked")
	for _, p := range now {
		require.NotEmpty(t, p.Reason)
		t.Logf("parked %s: %s: %s", p.Position, p.Code, p.Reason)
	}
	a := s.door.must(t, http.MethodPost, "/v1/parked/"+now[len(now)-1].Position.String()+"/discard", nil)
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	require.Len(t, list[canon.Parked](t, s.door, "/v1/parked", nil), had+len(bad)-1)
	s.hub.stop()
	audit(t, s.spec.Data)
}
