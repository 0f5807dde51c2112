package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/outbox"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const outSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// outEvent is a change as the receiver reads it.
type outEvent struct {
	ID      string    `json:"id"`
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	Data    canon.Row `json:"data"`
}

// receiver takes webhooks and keeps those that it answered with 2xx.
type receiver struct {
	t      *testing.T
	server *httptest.Server

	mu     sync.Mutex
	answer func(e *outEvent) (status int, header http.Header) // 0 hangs up without an answer
	got    []outEvent
	bodies map[string]string // by webhook-id: it is the same each time
	forged int
	calls  int
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, bodies: map[string]string{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) answering(f func(e *outEvent) (int, http.Header)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	signed := &sdk.WebhookRequest{Headers: req.Header, Body: body, ReceivedAt: time.Now()}
	if sdk.VerifyStandardWebhook(signed, outSecret) != nil {
		r.forged++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var e outEvent
	if err := json.Unmarshal(body, &e); err != nil {
		r.forged++
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	id := req.Header.Get(sdk.StandardWebhookID)
	if was, known := r.bodies[id]; known && was != string(body) {
		r.forged++ // one id stands for one change
	}
	r.bodies[id] = string(body)
	status, header := http.StatusNoContent, http.Header(nil)
	if r.answer != nil {
		status, header = r.answer(&e)
	}
	if status == 0 {
		panic(http.ErrAbortHandler)
	}
	for k, v := range header {
		w.Header()[k] = v
	}
	if status < 300 {
		r.got = append(r.got, e)
	}
	w.WriteHeader(status)
}

func (r *receiver) received() []outEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) called() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}

// withWebhooks adds a connection that posts what happens to items and orders.
func (s *sandbox) withWebhooks(t *testing.T, to string, f outbox.Filter) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]any{"url": to, "allow_http": true, "allow_private": []string{"127.0.0.1/32"}, "timeout": "5s"})
	require.NoError(t, err)
	s.spec.Settings.Connections = append(s.spec.Settings.Connections,
		canon.ConnectionSettings{Name: "hooks", Connector: "webhook-out", Mode: canon.ModeLive, SellsFrom: []string{paris}})
	s.spec.Connections = append(s.spec.Connections, hub.Connection{
		Name: "hooks", Command: []string{self, "connector", "webhook-out"}, Checksum: sum, Config: raw, Secrets: map[string]string{"signing_secret": outSecret},
		Deliver: hub.Deliver{
			Filter: f, Who: access.Principal{Role: access.RoleRead},
			Pace: outbox.Pace{First: 20 * time.Millisecond, Most: 500 * time.Millisecond, SetAside: 2, Park: 4},
		},
	})
}

// delivering waits until the connection has begun to deliver.
func (s *sandbox) delivering(t *testing.T) {
	t.Helper()
	s.inMode(canon.ModeLive)
	eventually(t, time.Minute, "changes are delivered from here on", func() bool {
		o := s.status(t, "hooks").Outgoing
		return o != nil && !o.Through.IsZero()
	})
}

// ordered checks that the changes of each record came in their order, each at least once, and gives them without repeats.
func ordered(t *testing.T, got []outEvent) map[string][]outEvent {
	t.Helper()
	seen, by := map[string]bool{}, map[string][]outEvent{}
	for _, e := range got {
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		if list := by[e.Subject]; len(list) > 0 {
			last, err := canon.ParseRowPlace(list[len(list)-1].ID)
			require.NoError(t, err)
			now, err := canon.ParseRowPlace(e.ID)
			require.NoError(t, err)
			require.Positive(t, now.Compare(last), "%s came behind %s of the same record", e.ID, list[len(list)-1].ID)
		}
		by[e.Subject] = append(by[e.Subject], e)
	}
	return by
}

// timeline gives what happened to an item behind a position.
func (s *sandbox) timeline(t *testing.T, item string, after canon.Position) []canon.Row {
	t.Helper()
	var out []canon.Row
	for _, r := range list[canon.Row](t, s.door, "/v1/items/"+item+"/timeline", nil) {
		if r.Position.Compare(after) > 0 && r.Type == "item" {
			out = append(out, r)
		}
	}
	return out
}

// allThere waits until the changes of every item arrived, and compares them with the item's timeline.
func (s *sandbox) allThere(t *testing.T, r *receiver, pieces []pair, after canon.Position) {
	t.Helper()
	for _, p := range pieces {
		item := s.door.bySKU(t, p.sku)
		what := func(rows []canon.Row) (out []string) {
			for i := range rows {
				out = append(out, rows[i].Position.String()+" "+rows[i].Event)
			}
			return out
		}
		var want, got []string
		eventually(t, 2*time.Minute, "what happened to "+p.sku+" arrived", func() bool {
			got = nil
			want = what(s.timeline(t, item.ID, after))
			var rows []canon.Row
			for _, e := range ordered(t, r.received())[item.ID] {
				if e.Data.Position.Compare(after) > 0 { // it began to deliver before the test looked
					rows = append(rows, e.Data)
				}
			}
			got = what(rows)
			return len(want) > 0 && len(got) >= len(want)
		})
		require.Equal(t, want, got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Zero(t, r.forged, "each request is signed, and an id stands for one change")
}

// TestEveryChangeArrivesInOrderWhateverTheReceiverAndTheHubGoThrough: the receiver is away, fails, throttles, hangs up after
// it took a change; the hub is killed twice while it delivers.
func TestEveryChangeArrivesInOrderWhateverTheReceiverAndTheHubGoThrough(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	r := newReceiver(t)
	s.withWebhooks(t, r.server.URL, outbox.Filter{Entities: []string{"item", "order"}})
	pieces := s.pieces(8)
	s.start()
	s.ready()
	s.delivering(t)
	start := s.status(t, "hooks").Outgoing.Through
	sell := func(p pair) {
		_, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: p.variant, Quantity: 1}}})
		require.NoError(t, err)
	}
	tried := func(times int) {
		base := r.called()
		eventually(t, time.Minute, "the receiver was tried", func() bool { return r.called() >= base+times })
	}
	sell(pieces[0])
	sell(pieces[1])
	r.answering(func(*outEvent) (int, http.Header) { return http.StatusInternalServerError, nil })
	sell(pieces[2])
	tried(8)
	r.answering(func(*outEvent) (int, http.Header) {
		return http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}}
	})
	sell(pieces[3])
	tried(1)
	s.hub.sigkill()
	s.hub.wait()
	s.start()
	s.ready()
	n := 0
	r.answering(func(*outEvent) (int, http.Header) { // every third is taken, and nobody hears of it
		if n++; n%3 == 0 {
			return 0, nil
		}
		return http.StatusOK, nil
	})
	sell(pieces[4])
	sell(pieces[5])
	tried(4)
	s.hub.sigkill()
	s.hub.wait()
	r.answering(nil)
	s.start()
	s.ready()
	sell(pieces[6])
	sell(pieces[7])
	eventually(t, 2*time.Minute, "the orders are known", func() bool {
		return len(list[canon.Order](t, s.door, "/v1/orders", nil)) == len(pieces)
	})
	s.allThere(t, r, pieces, start)
	for _, e := range r.received() {
		require.Contains(t, []string{"item", "order"}, e.Data.Type)
	}
	s.hub.stop()
	known := map[string]bool{}
	for _, e := range r.received() {
		known[e.ID] = true
	}
	before := len(r.received())
	s.start()
	s.ready()
	s.delivering(t)
	require.Empty(t, list[canon.Undelivered](t, s.door, "/v1/undelivered", nil))
	again := 0
	for _, e := range r.received()[before:] {
		if known[e.ID] {
			again++
		}
	}
	require.LessOrEqual(t, again, 8, "of what was delivered before a stop in order no more comes again than was under way")
}

// TestARecordThatFailsHoldsUpNoOtherAndWaitsForAPerson: the receiver takes all but one piece.
func TestARecordThatFailsHoldsUpNoOtherAndWaitsForAPerson(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	r := newReceiver(t)
	s.withWebhooks(t, r.server.URL, outbox.Filter{Events: []string{"item.*"}})
	pieces := s.pieces(4)
	bands := s.stock("BAND-00001", 500, 500)
	s.start()
	s.ready()
	s.delivering(t)
	start := s.status(t, "hooks").Outgoing.Through
	bad := s.door.bySKU(t, pieces[0].sku).ID
	r.answering(func(e *outEvent) (int, http.Header) {
		if e.Subject == bad {
			return http.StatusUnprocessableEntity, nil
		}
		return http.StatusOK, nil
	})
	for _, p := range pieces {
		_, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: p.variant, Quantity: 1}}})
		require.NoError(t, err)
	}
	s.allThere(t, r, pieces[1:], start)
	var waits []canon.Undelivered
	i := 0
	eventually(t, 2*time.Minute, "the failing record waits for a person", func() bool {
		// Others go on: their success tells the failing record from a receiver that is away.
		if i++; i%10 == 0 {
			_, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: bands.variant, Quantity: 1}}})
			require.NoError(t, err)
		}
		waits = list[canon.Undelivered](t, s.door, "/v1/undelivered", nil)
		return len(waits) == 1 && waits[0].Parked
	})
	require.Equal(t, bad, waits[0].Key)
	require.Equal(t, "webhook-out.status_422", waits[0].Code)

	s.hub.sigkill() // what waits is journaled
	s.hub.wait()
	s.start()
	s.ready()
	o := &operator{t: t, env: map[string]string{"JUMPRING_TOKEN": adminToken, "JUMPRING_HUB": "http://" + s.hub.address}}
	require.Contains(t, o.ok("undelivered", "list"), bad)
	require.Contains(t, o.ok("undelivered", "show", "hooks", bad), "status_422")
	denied := o.run("undelivered", "discard", "hooks", bad, "--event", "1.1.1")
	require.NotZero(t, denied.code, "another change waits than the one that was looked at")
	first := waits[0].Event
	o.ok("undelivered", "discard", "hooks", bad, "--event", first)
	r.answering(nil)
	if out := o.run("undelivered", "replay", "hooks", bad); out.code != 0 {
		require.Contains(t, out.err, "undelivered.unknown", "the next change of the record was delivered by itself meanwhile")
	}
	eventually(t, 2*time.Minute, "what waited was delivered", func() bool {
		return len(list[canon.Undelivered](t, s.door, "/v1/undelivered", nil)) == 0
	})
	rows := s.timeline(t, bad, start)
	var got []canon.Row
	for _, e := range ordered(t, r.received())[bad] {
		require.NotEqual(t, first, e.ID, "a discarded change is not delivered")
		if e.Data.Position.Compare(start) > 0 {
			got = append(got, e.Data)
		}
	}
	require.Len(t, got, len(rows)-1, "all behind the discarded one came")
	rows = list[canon.Row](t, s.door, "/v1/items/"+bad+"/timeline", nil)
	for i := range rows {
		require.False(t, strings.HasPrefix(rows[i].Event, "delivery."), "deliveries are no change of the piece")
	}
}

// TestAReceiverThatIsGoneStopsTheConnection: 410 is a person's matter, and nothing is lost meanwhile.
func TestAReceiverThatIsGoneStopsTheConnection(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	r := newReceiver(t)
	s.withWebhooks(t, r.server.URL, outbox.Filter{Entities: []string{"item"}})
	pieces := s.pieces(2)
	s.start()
	s.ready()
	s.delivering(t)
	start := s.status(t, "hooks").Outgoing.Through
	r.answering(func(*outEvent) (int, http.Header) { return http.StatusGone, nil })
	for _, p := range pieces {
		_, err := s.shop.PlaceOrder(shopifytwin.NewOrder{Lines: []shopifytwin.NewLine{{VariantID: p.variant, Quantity: 1}}})
		require.NoError(t, err)
	}
	eventually(t, time.Minute, "the connection is stopped and says why", func() bool {
		return strings.Contains(s.status(t, "hooks").Fused, "410")
	})
	cases := list[canon.Case](t, s.door, "/v1/cases", nil)
	require.True(t, slices.ContainsFunc(cases, func(c canon.Case) bool { return c.Kind == canon.CaseFuse && c.Subject == "hooks" }))
	for _, e := range r.received() {
		require.LessOrEqual(t, e.Data.Position.Compare(start), 0, "nothing of it was taken")
	}
	r.answering(nil)
	o := &operator{t: t, env: map[string]string{"JUMPRING_TOKEN": adminToken, "JUMPRING_HUB": "http://" + s.hub.address}}
	o.ok("connection", "resume", "hooks")
	s.allThere(t, r, pieces, start)
}
