package ingress

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// notes is a Journal that keeps what was reported.
type notes struct {
	facts []Fact
	err   error
}

func (n *notes) Report(_ context.Context, facts []Fact) ([]canon.Position, error) {
	if n.err != nil {
		return nil, n.err
	}
	var out []canon.Position
	for i := range facts {
		out = append(out, canon.Position{Offset: 7, Index: uint32(len(n.facts) + i)})
	}
	n.facts = append(n.facts, facts...)
	return out, nil
}

func newEvents(t testing.TB) (*Events, *notes) {
	n := &notes{}
	d, err := NewEvents(n, prometheus.NewRegistry())
	require.NoError(t, err)
	return d, n
}

var till = access.Principal{Name: "till", Role: access.RoleTill}

func noHeader(string) string { return "" }

func post(d *Events, who access.Principal, contentType, body string) (*Answer, error) {
	return d.Take(context.Background(), who, contentType, noHeader, []byte(body))
}

func TestEveryExampleOfTheDocumentIsTaken(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)
	shown := map[string]bool{}
	for i, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(page, -1) {
		d, n := newEvents(t)
		media := MediaEvent
		if bytes.HasPrefix(m[1], []byte("[")) {
			media = MediaBatch
		} else {
			var e struct{ Type string }
			require.NoError(t, json.Unmarshal(m[1], &e))
			shown[e.Type] = true
		}
		answer, err := post(d, till, media, string(m[1]))
		require.NoError(t, err, "example %d of docs/events.md", i+1)
		require.Zero(t, answer.Refused, "%+v", answer)
		require.NotEmpty(t, n.facts)
	}
	for _, typ := range Types() {
		require.True(t, shown[typ], "docs/events.md has no example of %s", typ)
	}
	binary := regexp.MustCompile("(?s)```http\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, binary)
	head, body, _ := strings.Cut(string(binary[1]), "\n\n")
	req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n")))
	require.NoError(t, err)
	d, n := newEvents(t)
	answer, err := d.Take(context.Background(), till, req.Header.Get("Content-Type"), req.Header.Get, []byte(body))
	require.NoError(t, err)
	require.Equal(t, 1, answer.Accepted)
	require.EqualValues(t, 12, n.facts[0].Observation.SourceVersion)
}

func event(typ, data string, extra ...string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"e1","source":"paris-1","type":%q,"data":%s%s}`, typ, data, strings.Join(extra, ""))
}

const goodSale = `{"receipt":"R1","sold_at":"2026-03-01T17:45:00+01:00","currency":"EUR","location":"boutique-paris","total":{"amount":"10.00"},
 "lines":[{"serial":"SN-1","quantity":1,"price":{"amount":"10.00"}}],"client":{"emails":["a@example.com"]}}`

func TestASaleBecomesAnOrderThatWasHandedOver(t *testing.T) {
	d, n := newEvents(t)
	answer, err := post(d, till, MediaEvent, event(TypeSale, goodSale, `,"sourceversion":"41"`))
	require.NoError(t, err)
	require.Equal(t, "7.0", answer.Results[0].Position)
	require.Len(t, n.facts, 1)
	f := n.facts[0]
	require.Equal(t, canon.Head{Connection: "till:paris-1", Actor: "till", Delivery: "e1"}, f.Head)
	o := f.Observation
	require.NoError(t, o.Check())
	require.Equal(t, canon.KindOrder, o.Kind)
	require.Equal(t, "R1", o.ExternalID)
	require.EqualValues(t, 41, o.SourceVersion)
	require.True(t, o.Order.HandedOver)
	require.Equal(t, canon.OrderFulfilled, o.Order.Status)
	require.Equal(t, canon.StatedMoney{Amount: "10.00", Currency: "EUR"}, o.Order.Total)
	require.Equal(t, []canon.OrderLine{{
		ID: "1", Serial: "SN-1", Quantity: 1, Price: canon.StatedMoney{Amount: "10.00", Currency: "EUR"},
		Location: "boutique-paris",
	}}, o.Order.Lines)
	require.Equal(t, []string{"a@example.com"}, o.Order.Buyer.Emails)
}

func TestOtherReports(t *testing.T) {
	d, n := newEvents(t)
	_, err := post(d, till, MediaEvent, event(TypeItem, `{"id":"P1","serial":"S","quantity":2,"location":"paris","prices":[{"amount":"5","currency":"JPY"}]}`))
	require.NoError(t, err)
	require.Len(t, n.facts, 2)
	require.Equal(t, "P1", n.facts[0].Observation.ExternalID)
	require.Equal(t, "paris", n.facts[0].Observation.Listing.Home)
	require.Equal(t, canon.LevelID("P1", "paris"), n.facts[1].Observation.ExternalID)
	require.EqualValues(t, 2, *n.facts[1].Observation.Level.Available)

	n.facts = nil
	_, err = post(d, till, MediaEvent, event(TypeCount, `{"counted_at":"2026-03-01T20:15:00+01:00","location":"paris","lines":[{"sku":"A","quantity":3},{"epc":"30","serial":"S","quantity":0}]}`))
	require.NoError(t, err)
	require.Len(t, n.facts, 2)
	require.Equal(t, "paris/sku:A", n.facts[0].Observation.ExternalID)
	require.Equal(t, "paris/epc:30", n.facts[1].Observation.ExternalID)
	require.Equal(t, time.Date(2026, 3, 1, 19, 15, 0, 0, time.UTC).UnixMicro(), n.facts[0].Observation.SourceVersion)

	n.facts = nil
	_, err = post(d, till, MediaEvent, event(TypeReturn, `{"return_id":"X","receipt":"R1","returned_at":"2026-03-01T20:15:00Z","currency":"EUR","lines":[{"line":"1","quantity":1,"restocked":true}]}`))
	require.NoError(t, err)
	require.Equal(t, "R1", n.facts[0].Observation.Refund.OrderID)
	require.True(t, n.facts[0].Observation.Refund.Lines[0].Restocked)
}

func TestATokenSpeaksForItsLocationAlone(t *testing.T) {
	d, n := newEvents(t)
	lyon := access.Principal{Name: "lyon-1", Role: access.RoleTill, Location: "lyon"}
	_, err := post(d, lyon, MediaEvent, event(TypeSale, goodSale))
	p := problem.Of(err)
	require.Equal(t, problem.LocationForbidden, p.Code)
	require.Equal(t, "events[0].data.location", p.Errors[0].Path)
	require.Empty(t, n.facts)

	_, err = post(d, lyon, MediaEvent, event(TypeSale, strings.Replace(goodSale, `"location":"boutique-paris",`, "", 1)))
	require.NoError(t, err)
	require.Equal(t, "lyon", n.facts[0].Observation.Order.Location)
	require.Equal(t, "lyon-1:paris-1", n.facts[0].Head.Connection)
}

func TestBadEventsAreNamedByIndexAndField(t *testing.T) {
	sale := func(old, new string) string { return event(TypeSale, strings.Replace(goodSale, old, new, 1)) }
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for name, c := range map[string]struct {
		media, body string
		code        problem.Code
		status      int
		paths       []string
	}{
		"not JSON":               {MediaEvent, `{"specversion"`, problem.BodyNotJSON, 400, nil},
		"empty":                  {MediaEvent, ``, problem.BodyNotJSON, 400, nil},
		"invalid UTF-8":          {MediaEvent, "{\"id\":\"\xff\"}", problem.BodyNotUTF8, 400, nil},
		"deep nesting":           {MediaEvent, deep, problem.BodyTooDeep, 400, nil},
		"deep nesting in data":   {MediaEvent, event(TypeSale, deep), problem.BodyTooDeep, 400, nil},
		"control byte":           {MediaEvent, "{\"id\":\"a\x01\"}", problem.BodyControlBytes, 400, nil},
		"escaped control byte":   {MediaEvent, sale("SN-1", `\u0000`), problem.BodyControlBytes, 400, nil},
		"form":                   {"application/x-www-form-urlencoded", `a=b`, problem.BodyMediaType, 415, nil},
		"no media type":          {"", `{}`, problem.BodyMediaType, 415, nil},
		"other charset":          {MediaEvent + "; charset=latin1", `{}`, problem.BodyNotUTF8, 400, nil},
		"a list, not a batch":    {MediaEvent, `[]`, problem.EventInvalid, 422, []string{"events[0]"}},
		"null":                   {MediaEvent, `null`, problem.EventInvalid, 422, []string{"events[0]"}},
		"an empty batch":         {MediaBatch, `[]`, problem.EventBatch, 422, nil},
		"a batch that is none":   {MediaBatch, `{}`, problem.EventBatch, 422, nil},
		"a batch too long":       {MediaBatch, "[" + strings.Repeat("1,", MaxBatch) + "1]", problem.EventBatch, 422, nil},
		"no attributes":          {MediaEvent, `{}`, problem.EventInvalid, 422, []string{"events[0].data", "events[0].id", "events[0].source", "events[0].specversion", "events[0].type"}},
		"attributes of no type":  {MediaEvent, `{"specversion":1,"id":{},"source":"a","type":"t","data":1}`, problem.EventInvalid, 422, []string{"events[0].id", "events[0].specversion"}},
		"another version":        {MediaEvent, strings.Replace(sale("", ""), "1.0", "0.3", 1), problem.EventInvalid, 422, []string{"events[0].specversion"}},
		"negative version":       {MediaEvent, event(TypeSale, goodSale, `,"sourceversion":-1`), problem.EventInvalid, 422, []string{"events[0].sourceversion"}},
		"fraction as version":    {MediaEvent, event(TypeSale, goodSale, `,"sourceversion":1.5`), problem.EventInvalid, 422, []string{"events[0].sourceversion"}},
		"source with a space":    {MediaEvent, strings.Replace(sale("", ""), "paris-1", "paris 1", 1), problem.EventInvalid, 422, []string{"events[0].source"}},
		"unknown type":           {MediaEvent, event("jumpring.sale.imagined.v1", `{}`), problem.EventType, 422, []string{"events[0].type"}},
		"unknown field":          {MediaEvent, sale(`"receipt"`, `"surprise":1,"receipt"`), problem.EventInvalid, 422, []string{"events[0].data.surprise"}},
		"missing field":          {MediaEvent, sale(`"receipt":"R1",`, ""), problem.EventInvalid, 422, []string{"events[0].data"}},
		"wrong type":             {MediaEvent, sale(`"R1"`, "7"), problem.EventInvalid, 422, []string{"events[0].data.receipt"}},
		"unknown currency":       {MediaEvent, sale("EUR", "XXQ"), problem.EventInvalid, 422, []string{"events[0].data.currency", "events[0].data.total.currency", "events[0].data.lines[0].price.currency"}},
		"amount with a comma":    {MediaEvent, sale(`{"amount":"10.00"},`, `{"amount":"10,00"},`), problem.EventInvalid, 422, []string{"events[0].data.total.amount"}},
		"too precise an amount":  {MediaEvent, sale(`{"amount":"10.00"},`, `{"amount":"10.005"},`), problem.EventInvalid, 422, []string{"events[0].data.total.amount"}},
		"time without an offset": {MediaEvent, sale("+01:00", ""), problem.EventInvalid, 422, []string{"events[0].data.sold_at"}},
		"no goods":               {MediaEvent, sale(`"serial":"SN-1",`, ""), problem.EventInvalid, 422, []string{"events[0].data.lines[0]"}},
		"zero quantity":          {MediaEvent, sale(`"quantity":1`, `"quantity":0`), problem.EventInvalid, 422, []string{"events[0].data.lines[0].quantity"}},
		"huge quantity":          {MediaEvent, sale(`"quantity":1`, `"quantity":99999999999999999999`), problem.EventInvalid, 422, []string{"events[0].data.lines[0].quantity"}},
		"half a quantity":        {MediaEvent, sale(`"quantity":1`, `"quantity":0.5`), problem.EventInvalid, 422, nil},
		"card number":            {MediaEvent, sale(`"lines"`, `"tenders":[{"kind":"card","amount":{"amount":"1"},"reference":"4111 1111 1111 1111"}],"lines"`), problem.EventInvalid, 422, []string{"events[0].data.tenders[0].reference"}},
		"negative carat":         {MediaEvent, event(TypeItem, `{"id":"a","stones":[{"carat":"0.5"},{"carat":"-0.51"}]}`), problem.EventInvalid, 422, []string{"events[0].data.stones[1].carat"}},
		"negative stock":         {MediaEvent, event(TypeItem, `{"id":"a","quantity":-1}`), problem.EventInvalid, 422, []string{"events[0].data.quantity"}},
		"price without currency": {MediaEvent, event(TypeItem, `{"id":"a","prices":[{"amount":"1"}]}`), problem.EventInvalid, 422, []string{"events[0].data.prices[0].currency"}},
		"count without a place":  {MediaEvent, event(TypeCount, `{"counted_at":"2026-03-01T20:15:00Z","lines":[{"sku":"A","quantity":1}]}`), problem.EventInvalid, 422, []string{"events[0].data.location"}},
		"goods counted twice":    {MediaEvent, event(TypeCount, `{"counted_at":"2026-03-01T20:15:00Z","location":"p","lines":[{"sku":"A","quantity":1},{"sku":"A","quantity":2}]}`), problem.EventInvalid, 422, []string{"events[0].data.lines[1]"}},
		"birthday in words":      {MediaEvent, event(TypeClient, `{"id":"a","birthday":"in June"}`), problem.EventInvalid, 422, []string{"events[0].data.birthday"}},
		"an empty return":        {MediaEvent, event(TypeReturn, `{"return_id":"X","receipt":"R1","returned_at":"2026-03-01T20:15:00Z","currency":"EUR"}`), problem.EventInvalid, 422, []string{"events[0].data.lines"}},
		"a batch of bad ones":    {MediaBatch, "[" + sale("EUR", "eur") + ",7]", problem.EventInvalid, 422, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d, n := newEvents(t)
			_, err := post(d, till, c.media, c.body)
			require.Error(t, err)
			p := problem.Of(err)
			require.Equal(t, c.code, p.Code, p.Error())
			require.Equal(t, c.status, p.Status)
			require.NotEmpty(t, p.Do)
			var paths []string
			for _, f := range p.Errors {
				paths = append(paths, f.Path)
				require.NotEmpty(t, f.Message)
			}
			if c.paths != nil {
				require.ElementsMatch(t, c.paths, paths, p.Error())
			}
			require.NotContains(t, p.Error(), "4111")
			require.Empty(t, n.facts)
		})
	}
}

func TestOneBadEventDoesNotHoldUpTheOthers(t *testing.T) {
	d, n := newEvents(t)
	second := strings.Replace(event(TypeClient, `{"id":"C1"}`), `"e1"`, `"e3"`, 1)
	answer, err := post(d, till, MediaBatch, "["+event(TypeSale, goodSale)+","+event(TypeSale, `{}`)+","+second+"]")
	require.NoError(t, err)
	require.Equal(t, 2, answer.Accepted)
	require.Equal(t, 1, answer.Refused)
	require.Equal(t, []bool{true, false, true}, []bool{answer.Results[0].Accepted, answer.Results[1].Accepted, answer.Results[2].Accepted})
	require.Equal(t, "7.1", answer.Results[2].Position)
	require.Equal(t, problem.EventInvalid, answer.Results[1].Problem.Code)
	require.Len(t, n.facts, 2)
}

func TestNothingIsAcknowledgedThatIsNotDurable(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		code problem.Code
	}{
		"the bus refuses": {&bus.Refused{Class: bus.ClassDevice, Reason: "the disk is full", RetryAfter: time.Second}, problem.HubBusy},
		"it takes long":   {context.DeadlineExceeded, problem.HubBusy},
		"it fails":        {errors.New("boom"), problem.HubFailed},
	} {
		d, n := newEvents(t)
		n.err = c.err
		_, err := post(d, till, MediaEvent, event(TypeSale, goodSale))
		require.Error(t, err, name)
		require.Equal(t, c.code, problem.Of(err).Code, name)
	}
}

func FuzzEvents(f *testing.F) {
	f.Add(MediaEvent, event(TypeSale, goodSale))
	f.Add(MediaBatch, "["+event(TypeItem, `{"id":"a","stones":[{"carat":"-1"}],"quantity":1}`)+",null]")
	f.Add("application/json", event(TypeCount, `{"counted_at":"2026-03-01T20:15:00Z","location":"p","lines":[{"sku":"A","quantity":1}]}`))
	f.Add(MediaEvent, event(TypeReturn, `{"return_id":"X","receipt":"R1","returned_at":"2026-03-01T20:15:00Z","currency":"EUR","total":{"amount":"1"}}`))
	f.Add(MediaEvent, event(TypeClient, `{"id":"a","given_name":"\ud800","birthday":"06-02"}`))
	d, n := newEvents(f)
	f.Fuzz(func(t *testing.T, media, body string) {
		n.facts = nil
		answer, err := post(d, till, media, body)
		if err != nil {
			if p := problem.Of(err); p.Status >= 500 {
				t.Fatalf("a body made the door fail: %v", err)
			}
			return
		}
		if answer.Accepted == 0 || len(n.facts) < answer.Accepted {
			t.Fatalf("%d events gave %d facts", answer.Accepted, len(n.facts))
		}
		for _, fact := range n.facts {
			if err := fact.Observation.Check(); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(fact.Head.Connection, "/") || !strings.HasPrefix(fact.Head.Connection, "till:") {
				t.Fatalf("connection %q leaves the token's own", fact.Head.Connection)
			}
		}
		again := slices.Clone(n.facts)
		n.facts = nil
		if _, err := post(d, till, media, body); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(again)
		b, _ := json.Marshal(n.facts)
		if !bytes.Equal(a, b) {
			t.Fatal("the same events gave other facts")
		}
	})
}
