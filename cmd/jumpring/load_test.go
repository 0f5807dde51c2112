package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
)

// act is one thing that a shop, a till or a device tells the hub, and what it was answered.
type act struct {
	path    string
	body    []byte
	headers []string
	token   string
	// key is the idempotency key of a command; empty for facts.
	key, piece string
	// connection and order name the order that a fact makes.
	connection, order string

	status int // of the answer; 0 while there is none
}

// answered tells that the hub has taken or refused it, and not only failed.
func (a *act) answered() bool { return a.status >= 200 && a.status < 500 }

// load makes acts at a steady rate and keeps what became of each.
type load struct {
	s     *sandbox
	rng   *rand.Rand
	order string // the body of a Shopify order with the words that are replaced
	next  int64
	tills []string // tokens
	items map[string]string
	acts  []*act
	acked atomic.Int64
}

func newLoad(s *sandbox, seed uint64) *load {
	l := &load{s: s, rng: rand.New(rand.NewPCG(seed, 7)), next: 5_000_000_000, items: map[string]string{}}
	at := time.Now().Add(time.Second).Truncate(time.Second)
	l.order = string(marshal(s.t, shopifyOrder(s.t, 1112223334445, "gid://shopify/ProductVariant/5556667778889", "SKU-OF-THE-LINE", at, at)))
	for i := range 2 {
		made := s.door.must(s.t, http.MethodPost, "/v1/tokens", api.TokenAsked{Name: tillName(i), Role: "till", Location: paris})
		require.Equal(s.t, http.StatusCreated, made.status, "%s", made.body)
		var token api.TokenMade
		require.NoError(s.t, json.Unmarshal(made.body, &token))
		l.tills = append(l.tills, token.Token)
	}
	for _, it := range list[canon.Item](s.t, s.door, "/v1/items", nil) {
		l.items[strings.ToUpper(it.SKU)] = it.ID
	}
	return l
}

func tillName(i int) string { return fmt.Sprintf("till-%d", i+1) }

// make gives the next act, about one of the pieces.
func (l *load) make(pieces []pair) *act {
	l.next++
	id := strconv.FormatInt(l.next, 10)
	p := pieces[l.rng.IntN(len(pieces))]
	till := l.rng.IntN(len(l.tills))
	switch n := l.rng.IntN(100); {
	case n < 35:
		body := []byte(strings.NewReplacer("1112223334445", id, "5556667778889", p.variant[strings.LastIndexByte(p.variant, '/')+1:], "SKU-OF-THE-LINE", p.sku).Replace(l.order))
		return &act{path: "/hooks/web", body: body, headers: shopifyHeaders("orders/create", "d"+id, body), piece: p.sku, connection: "web", order: "gid://shopify/Order/" + id}
	case n < 65:
		now := time.Now().UTC().Add(time.Second).Format("2006-01-02T15:04:05")
		body := fmt.Appendf(nil, `{"id":%s,"number":"%s","status":"processing","currency":"EUR","date_created_gmt":"%s","date_modified_gmt":"%s","total":"1250.00","total_tax":"0.00",`+
			`"discount_total":"0.00","shipping_total":"0.00","customer_id":0,"billing":{"first_name":"Ana","last_name":"Buyer","email":"b%d@example.com"},"shipping":[],`+
			`"line_items":[{"id":1,"name":"Ring","product_id":%d,"variation_id":0,"quantity":1,"subtotal":"1250.00","total":"1250.00","total_tax":"0.00","sku":"%s","price":1250,"meta_data":[]}],"refunds":[],"meta_data":[]}`,
			id, id, now, now, l.rng.IntN(50), p.woo, strings.ToLower(p.sku))
		return &act{path: "/hooks/woo", body: body, headers: l.s.wooHeaders("order.created", "d"+id, body), piece: p.sku, connection: "woo", order: id}
	case n < 80:
		return &act{path: "/v1/items/" + l.items[p.sku] + "/sell", body: []byte(`{"receipt":"R` + id + `"}`), headers: []string{"Idempotency-Key", "k" + id}, token: l.tills[till], key: "k" + id, piece: p.sku}
	case n < 90:
		return &act{path: "/v1/items/" + l.items[p.sku] + "/reservations", body: []byte(`{"seconds":3600}`), headers: []string{"Idempotency-Key", "k" + id}, token: l.tills[till], key: "k" + id, piece: p.sku}
	}
	receipt := "E" + id
	body := fmt.Appendf(nil, `{"specversion":"1.0","id":"%s","source":"desk","type":"jumpring.sale.reported.v1","data":{"receipt":"%s","sold_at":"%s","currency":"EUR","location":"paris",`+
		`"total":{"amount":"1250.00"},"lines":[{"id":"1","sku":"%s","quantity":1,"price":{"amount":"1250.00"}}]}}`, id, receipt, time.Now().Format(time.RFC3339), p.sku)
	return &act{path: "/v1/events", body: body, headers: []string{"Content-Type", "application/cloudevents+json"}, token: l.tills[till], piece: p.sku, connection: tillName(till) + ":desk", order: receipt}
}

// sender does acts over connections that it keeps.
type sender struct{ doors map[string]*door }

func newSender(address string, tokens ...string) *sender {
	s := &sender{doors: map[string]*door{}}
	for _, token := range append(tokens, "") {
		s.doors[token] = newDoor(address, token)
		s.doors[token].http.Timeout = 10 * time.Second
	}
	return s
}

// do sends an act. Its status stays 0 when nothing was answered.
func (s *sender) do(a *act) {
	res, err := s.doors[a.token].send(http.MethodPost, a.path, a.body, a.headers...)
	if err != nil {
		a.status = 0
		return
	}
	a.status = res.status
}

// senders is how many acts are under way at once.
const senders = 32

// run makes acts at a rate per second until stop is closed, and gives how many per second were sent.
func (l *load) run(pieces []pair, rate int, stop <-chan struct{}) float64 {
	to := newSender(l.s.door.url, l.tills...)
	queue := make(chan *act, senders)
	var work sync.WaitGroup
	for range senders {
		work.Go(func() {
			for a := range queue {
				to.do(a)
				if a.answered() {
					l.acked.Add(1)
				}
			}
		})
	}
	began, sent := time.Now(), 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-stop:
			running = false
		case <-tick.C:
			for due := int(time.Since(began).Seconds() * float64(rate)); sent < due && running; sent++ {
				a := l.make(pieces)
				l.acts = append(l.acts, a)
				select {
				case queue <- a:
				case <-stop:
					running = false
				}
			}
		}
	}
	took := time.Since(began).Seconds()
	close(queue)
	work.Wait()
	return float64(sent) / took
}

// again sends what was not answered once more, as platforms and tills do, until everything is.
func (l *load) again(t *testing.T) (resent int) {
	t.Helper()
	to := newSender(l.s.door.url, l.tills...)
	pending := l.acts
	eventually(t, 60*time.Second, "every act is answered", func() bool {
		var left []*act
		for _, a := range pending {
			if !a.answered() {
				left = append(left, a)
			}
		}
		pending = left
		resent += len(left)
		queue := make(chan *act)
		var work sync.WaitGroup
		for range 8 {
			work.Go(func() {
				for a := range queue {
					to.do(a)
				}
			})
		}
		for _, a := range left {
			queue <- a
		}
		close(queue)
		work.Wait()
		return len(left) == 0
	})
	return resent
}

// check holds what the public API shows against what was answered.
func (l *load) check(t *testing.T) {
	t.Helper()
	orders := map[string]map[string]int{}
	for _, c := range []string{"web", "woo", "till-1:desk", "till-2:desk"} {
		orders[c] = map[string]int{}
		for _, o := range list[canon.Order](t, l.s.door, "/v1/orders", url.Values{"connection": {c}}) {
			orders[c][o.ExternalID]++
		}
	}
	given := map[string][]string{} // piece → commands that were carried out
	own := map[string]*door{}
	for _, token := range l.tills {
		own[token] = newDoor(l.s.door.url, token)
	}
	for _, a := range l.acts {
		if a.key == "" {
			if a.status != http.StatusOK {
				t.Errorf("%s of order %s was answered %d", a.path, a.order, a.status)
			}
			if n := orders[a.connection][a.order]; n != 1 {
				t.Errorf("order %s of %s was acknowledged and is there %d times", a.order, a.connection, n)
			}
			continue
		}
		c := fetch[api.Command](t, own[a.token], "/v1/commands/"+a.key)
		switch a.status {
		case http.StatusCreated:
			given[a.piece] = append(given[a.piece], a.key)
			require.Equal(t, "done", c.Status, "command %s was answered with 201", a.key)
		case http.StatusConflict:
			require.Equal(t, "refused", c.Status, "command %s was answered with 409", a.key)
		case http.StatusAccepted: // durable, and decided later
			require.Contains(t, []string{"done", "refused"}, c.Status, "command %s was answered with 202", a.key)
			if c.Status == "done" {
				given[a.piece] = append(given[a.piece], a.key)
			}
		default:
			t.Errorf("command %s was answered %d", a.key, a.status)
		}
	}
	for piece, keys := range given {
		if len(keys) > 1 {
			t.Errorf("piece %s was given to several: %v", piece, keys)
		}
	}
}
