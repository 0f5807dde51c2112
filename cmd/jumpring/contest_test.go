package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	wootwin "github.com/jumpring/jumpring/connectors/woocommerce/twin"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/store"
)

// What is asked about the contested piece, and what was answered.
type (
	contestAsked struct {
		what string // "ask": a till's command; "tell": what a platform or a device reports; "look": a read
		// claim begins the key of the claim that a report makes.
		claim string
	}
	contestAnswer struct {
		done   bool   // of a command
		holder string // the claim that the answer names: the command's own, the one that a refusal or a read shows
	}
)

// contest says what may become of one piece that nobody gives back: it is free, and from the first claim on it is that
// claim's. A command is carried out while it is free, and refused by the holder's name ever after; a report is always
// taken, and holds the piece if it came first; a read shows the holder. winner is who holds it in the end: since nobody
// gives it back nobody else can have come first, which spares the checker the order of all the others.
func contest(winner string) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			holder, in, out := state.(string), input.(contestAsked), output.(contestAnswer)
			switch {
			case in.what == "look":
				return holder == out.holder, holder
			case in.what == "ask" && out.done:
				return holder == "" && out.holder == winner, out.holder
			case in.what == "ask":
				return holder != "" && holder == out.holder, holder
			case holder == "":
				return strings.HasPrefix(winner, in.claim), winner
			}
			return true, holder
		},
		Equal:             func(a, b any) bool { return a == b },
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v %+v", in, out) },
	}
}

// explained decides the same by looking at each act once, where too many overlap for the checker to search. The piece
// changes hands once: an order exists if and only if there is a moment within the winner's act that no act which found the
// piece free was wholly after, and no act which found it taken was wholly before.
func explained(history []porcupine.Operation, winner string) bool {
	first, last, won := int64(math.MinInt64), int64(math.MaxInt64), 0
	for _, o := range history {
		in, out := o.Input.(contestAsked), o.Output.(contestAnswer)
		switch {
		case in.what == "ask" && out.done, in.what == "tell" && strings.HasPrefix(winner, in.claim):
			won++
			first, last = max(first, o.Call), min(last, o.Return)
			if in.what == "ask" && out.holder != winner {
				return false
			}
		case in.what == "look" && out.holder == "":
			first = max(first, o.Call)
		case in.what == "tell" || out.holder == winner:
			last = min(last, o.Return)
		default:
			return false // it names somebody else, or refuses for nobody
		}
	}
	return won == 1 && first <= last
}

func TestTheContestIsDecidedAsTheCheckerDoes(t *testing.T) {
	const winner = "till/1"
	rng := rand.New(rand.NewPCG(1, 2))
	said := map[porcupine.CheckResult]int{}
	for range 5000 {
		moment := func(after int64) int64 { return after + rng.Int64N(12) }
		call := moment(0)
		history := []porcupine.Operation{{Input: contestAsked{what: "ask"}, Output: contestAnswer{done: true, holder: winner}, Call: call, Return: moment(call)}}
		if rng.IntN(2) == 0 {
			history[0].Input, history[0].Output = contestAsked{what: "tell", claim: winner}, contestAnswer{}
		}
		for i := range rng.IntN(5) {
			call := moment(0)
			o := porcupine.Operation{ClientId: i + 1, Call: call, Return: moment(call)}
			switch rng.IntN(4) {
			case 0:
				o.Input, o.Output = contestAsked{what: "look"}, contestAnswer{}
			case 1:
				o.Input, o.Output = contestAsked{what: "look"}, contestAnswer{holder: winner}
			case 2:
				o.Input, o.Output = contestAsked{what: "ask"}, contestAnswer{holder: []string{winner, winner, winner, "woo/2"}[rng.IntN(4)]}
			default:
				o.Input, o.Output = contestAsked{what: "tell", claim: "web/3"}, contestAnswer{}
			}
			history = append(history, o)
		}
		result := porcupine.CheckOperationsTimeout(contest(winner), history, time.Minute)
		require.Equal(t, result == porcupine.Ok, explained(history, winner), "%+v", history)
		said[result]++
	}
	require.Greater(t, said[porcupine.Ok], 500)
	require.Greater(t, said[porcupine.Illegal], 500)
}

// contenders are many at once who want one piece, and the history of it.
type contenders struct {
	s        *sandbox
	item     string
	piece    pair
	answered atomic.Int64
	hubs     atomic.Pointer[string] // address of the hub that runs
	began    time.Time
	mu       sync.Mutex
	history  []porcupine.Operation
	next     int
}

func (c *contenders) now() int64 { return int64(time.Since(c.began)) }

// note keeps an operation. One that is known to have ended gets when; a report counts when it was folded, which the
// end of the contest alone proves: its end is set then.
func (c *contenders) note(in contestAsked, out contestAnswer, call, back int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	c.history = append(c.history, porcupine.Operation{ClientId: c.next, Input: in, Output: out, Call: call, Return: back})
}

// insist sends a request under one idempotency key until it is answered, whatever hub runs.
func (c *contenders) insist(token, path, body string, header ...string) *answer {
	for {
		d := newDoor("http://"+*c.hubs.Load(), token)
		d.http.Timeout = 20 * time.Second
		a, err := d.send(http.MethodPost, path, []byte(body), header...)
		d.http.CloseIdleConnections()
		if err == nil && a.status != http.StatusAccepted && a.status < 500 {
			c.answered.Add(1)
			return a
		}
		select {
		case <-c.s.t.Context().Done():
			return &answer{}
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ask has a till reserve or sell the piece.
func (c *contenders) ask(token, key string, sells bool) error {
	path, body := "/reservations", `{"seconds":86400}`
	if sells {
		path, body = "/sell", `{"receipt":"`+key+`"}`
	}
	call := c.now()
	a := c.insist(token, "/v1/items/"+c.item+path, body, "Idempotency-Key", key)
	out := contestAnswer{done: a.status == http.StatusCreated}
	var made struct {
		ID         string `json:"id"`
		ExternalID string `json:"external_id"`
	}
	var p problem.Problem
	switch {
	case out.done && json.Unmarshal(a.body, &made) == nil:
		if out.holder = made.ID; sells {
			out.holder = made.ExternalID
		}
	case a.status == http.StatusConflict && json.Unmarshal(a.body, &p) == nil && p.Holder != nil:
		out.holder = p.Holder.Claim
	default:
		return fmt.Errorf("command %s was answered %d: %s", key, a.status, a.body)
	}
	c.note(contestAsked{what: "ask"}, out, call, c.now())
	return nil
}

// tell has a device report that the piece was sold over its counter.
func (c *contenders) tell(token, receipt string) error {
	event := fmt.Sprintf(`{"specversion":"1.0","id":"%s","source":"desk","type":"jumpring.sale.reported.v1","data":{"receipt":"%s","sold_at":"%s","currency":"EUR","location":"paris",`+
		`"total":{"amount":"1250.00"},"lines":[{"id":"1","sku":"%s","quantity":1,"price":{"amount":"1250.00"}}]}}`, receipt, receipt, time.Now().Format(time.RFC3339), c.piece.sku)
	call := c.now()
	a := c.insist(token, "/v1/events", event, "Content-Type", "application/cloudevents+json")
	if a.status != http.StatusOK {
		return fmt.Errorf("report %s was answered %d: %s", receipt, a.status, a.body)
	}
	c.note(contestAsked{what: "tell", claim: "scanner:desk/" + store.Part(receipt) + "/"}, contestAnswer{}, call, -1)
	return nil
}

// look reads the piece's record until stop is closed.
func (c *contenders) look(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(15 * time.Millisecond):
		}
		call := c.now()
		a, err := newDoor("http://"+*c.hubs.Load(), adminToken).send(http.MethodGet, "/v1/items/"+c.item, nil)
		var it canon.Item
		if err != nil || a.status != http.StatusOK || json.Unmarshal(a.body, &it) != nil {
			continue
		}
		c.note(contestAsked{what: "look"}, contestAnswer{holder: holderOf(&it)}, call, c.now())
	}
}

func holderOf(it *canon.Item) string {
	if it.Holder == nil {
		return ""
	}
	return it.Holder.Claim
}

// TestAThousandWantOnePiece has five channels reserve and sell one piece at once: two shops through their own webhooks,
// two tills by command, one device by event. The hub is killed when it has just decided and told nobody, and once more
// when half of them know. Whoever was not answered asks again under the same key. One wins; every till that lost is told
// who holds the piece; what the shops and the device sold all the same is one open case.
func TestAThousandWantOnePiece(t *testing.T) {
	usual := 1000
	if raced {
		usual = 200
	}
	all := fromEnv(t, "JUMPRING_CONTENDERS", usual)
	seed := uint64(fromEnv(t, "JUMPRING_SEED", int(time.Now().UnixNano()&0xffff)))
	t.Logf("JUMPRING_SEED=%d", seed)
	each := all / 5
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	s.spec.KillFile = filepath.Join(t.TempDir(), "kill")
	created, err := s.shop.CreateProduct(shopifytwin.NewProduct{Title: "Ring", Variants: []shopifytwin.NewVariant{
		{SKU: "RING-1", Price: "1250.00", Policy: "CONTINUE", Stock: map[string]int64{s.place: 1}},
	}})
	require.NoError(t, err)
	one := int64(1)
	woo, _, err := s.woo.CreateProduct(wootwin.ProductSpec{Name: "Ring", SKU: "ring-1", Price: "1250.00", Stock: &one})
	require.NoError(t, err)
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	c := &contenders{s: s, piece: pair{sku: "RING-1", variant: created.Variants[0], woo: woo}, item: s.door.bySKU(t, "RING-1").ID, began: time.Now()}
	c.hubs.Store(&s.hub.address)
	tokens := map[string]string{}
	for name, role := range map[string]string{"till-1": "till", "till-2": "till", "scanner": "device"} {
		made := s.door.must(t, http.MethodPost, "/v1/tokens", api.TokenAsked{Name: name, Role: role, Location: paris})
		require.Equal(t, http.StatusCreated, made.status, "%s", made.body)
		var token api.TokenMade
		require.NoError(t, json.Unmarshal(made.body, &token))
		tokens[name] = token.Token
	}

	// Every request is under way from the beginning; rng says in which order they set out.
	var acts []func() error
	for i := range each {
		n := strconv.Itoa(i)
		acts = append(acts,
			func() error { return c.ask(tokens["till-1"], "a"+n, i%2 == 0) },
			func() error { return c.ask(tokens["till-2"], "b"+n, i%2 == 0) },
			func() error { return c.tell(tokens["scanner"], "D"+n) },
			func() error {
				call := c.now()
				placed, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: c.piece.variant, Quantity: 1}}})
				if err == nil {
					c.note(contestAsked{what: "tell", claim: "web/" + store.Part(placed.ID) + "/"}, contestAnswer{}, call, -1)
				}
				return err
			},
			func() error {
				call := c.now()
				id, err := s.woo.PlaceOrderREST(wootwin.Purchase{ID: c.piece.woo, Quantity: 1})
				if err == nil {
					c.note(contestAsked{what: "tell", claim: "woo/" + strconv.FormatInt(id, 10) + "/"}, contestAnswer{}, call, -1)
				}
				return err
			})
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	rng.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })

	s.arm(killPoint{Has: []string{c.item}, Synced: true}) // the first till's command is durable, and nobody was told
	failed := make(chan error, len(acts))
	var work, readers sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		readers.Go(func() { c.look(stop) })
	}
	queue := make(chan func() error)
	for range 64 {
		work.Go(func() {
			for act := range queue {
				if err := act(); err != nil {
					failed <- err
				}
			}
		})
	}
	work.Go(func() {
		defer close(queue)
		for _, act := range acts {
			queue <- act
		}
	})
	again := func() {
		s.hub.wait()
		s.start()
		c.hubs.Store(&s.hub.address)
	}
	again()
	first := c.answered.Load()
	half := int64(len(acts)) * 3 / 5 / 2 // shops deliver their orders by themselves
	eventually(t, 2*time.Minute, "half of them are answered", func() bool { return c.answered.Load() >= half })
	s.hub.sigkill()
	second := c.answered.Load()
	again()
	s.ready()
	work.Wait()
	close(stop)
	readers.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	require.False(t, t.Failed(), "every till and device is answered")
	t.Logf("%d acts, %d answered when the hub was back from its first kill, %d at its second; all answered after %s",
		len(acts), first, second, time.Since(c.began).Round(time.Millisecond))

	orders := 0
	eventually(t, 2*time.Minute, "every order of the shops and the device is known", func() bool {
		orders = 0
		for _, connection := range []string{"web", "woo", "scanner:desk"} {
			orders += len(list[canon.Order](t, s.door, "/v1/orders", url.Values{"connection": {connection}}))
		}
		return orders == 3*each
	})
	s.folded()
	it := s.door.bySKU(t, "RING-1")
	require.NotNil(t, it.Holder, "somebody has it")
	winner := it.Holder.Claim
	c.note(contestAsked{what: "look"}, contestAnswer{holder: winner}, c.now(), c.now()+1)

	won, refused, looks, told := 0, 0, 0, 0
	for i, o := range c.history {
		in, out := o.Input.(contestAsked), o.Output.(contestAnswer)
		switch {
		case in.what == "look":
			looks++
		case in.what == "tell":
			c.history[i].Return = c.history[len(c.history)-1].Call - 1
			if told++; strings.HasPrefix(winner, in.claim) {
				won++
			}
		case out.done:
			won++
			require.Equal(t, winner, out.holder, "the till that was told it has the piece has it")
		default:
			refused++
			require.Equal(t, winner, out.holder, "a refusal names who holds the piece")
		}
	}
	require.Equal(t, 1, won, "one winner")
	result := porcupine.CheckOperationsTimeout(contest(winner), c.history, time.Minute)
	require.NotEqual(t, porcupine.Illegal, result, "no order of the acts explains the answers")
	require.True(t, explained(c.history, winner), "no order of the acts explains the answers; the checker said %s", result)
	t.Logf("the piece is %s's; %d refused, %d reports, %d reads: %s", it.Holder.Channel, refused, told, looks, result)

	cases := list[canon.Case](t, s.door, "/v1/cases", url.Values{"kind": {string(canon.CaseDoubleClaim)}})
	require.Len(t, cases, 1, "what was sold all the same is one open case")
	holds, claims := 0, map[string]bool{}
	for _, e := range cases[0].Evidence {
		claims[e.Claim] = true
		if e.Holds {
			holds++
			require.Equal(t, winner, e.Claim)
		}
	}
	require.Equal(t, 1, holds)
	stands := len(claims)
	if cases[0].Claims > 0 { // so many that it names the first, the last and who holds the piece
		require.Less(t, stands, int(cases[0].Claims))
		stands = int(cases[0].Claims)
	}
	require.Equal(t, 3*each+min(1, len(c.history)-refused-told-looks), stands, "every sale that stands is evidence, once")
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil))
	s.settled(t)
	s.soldOut(t, []pair{c.piece})
	s.hub.stop()
	audit(t, s.spec.Data)
}
