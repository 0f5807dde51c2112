package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/bus/rabbit/stream"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// nodesKey is what JUMPRING_KEY holds at each node.
const nodesKey = "a key that all nodes have"

// nodes are hubs that share one sandbox and one stream.
type nodes struct {
	*sandbox
	stream stream.Options
	specs  map[string]hubSpec
	from   string // address of a node that new ones take a snapshot from

	tillToken string // of the till, at each node

	mu    sync.Mutex
	procs map[string]*hubProcess
	doors map[string]*door // of a till on each node
}

func newNodes(t *testing.T, s *sandbox, urls []string) *nodes {
	return &nodes{
		sandbox: s, specs: map[string]hubSpec{}, procs: map[string]*hubProcess{}, doors: map[string]*door{},
		stream: stream.Options{Rabbit: rabbit.Config{
			URLs: urls, Heartbeat: 2 * time.Second, DialTimeout: 3 * time.Second, PublishTimeout: 10 * time.Second,
			Backoff: rabbit.Backoff{Min: 50 * time.Millisecond, Max: 500 * time.Millisecond},
		}},
	}
}

// up starts a node, with what data it has, and waits until it is ready.
func (n *nodes) up(t *testing.T, name string) {
	t.Helper()
	spec, known := n.specs[name]
	if !known {
		spec = n.spec
		spec.Node, spec.Stream, spec.Address, spec.VaultKey = name, &n.stream, n.front(t, name), nodesKey
		spec.Data = filepath.Join(t.TempDir(), name, "data")
		require.NoError(t, os.MkdirAll(filepath.Dir(spec.Data), 0o700))
		if n.from != "" {
			spec.Join = &hub.Join{URL: "http://" + n.from, Token: adminToken}
		}
		n.specs[name] = spec
	}
	n.spec = spec
	p := n.start()
	n.ready()
	if n.tillToken == "" {
		n.tillToken = n.token(t, n.door, "till-1", "till").Token
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.procs[name] = p
	n.doors[name] = newDoor("http://"+p.address, n.tillToken)
	n.doors[name].http.Timeout = 8 * time.Second
	// A request on a connection that was used before would be sent again by the client itself, and a refused connection
	// would not mean that nobody was asked.
	n.doors[name].http.Transport = &http.Transport{DisableKeepAlives: true}
}

// token makes a token of a role at a node.
func (n *nodes) token(t *testing.T, at *door, name, role string) (token api.TokenMade) {
	t.Helper()
	made := at.must(t, http.MethodPost, "/v1/tokens", api.TokenAsked{Name: name, Role: role, Location: paris})
	require.Equal(t, http.StatusCreated, made.status, "%s", made.body)
	require.NoError(t, json.Unmarshal(made.body, &token))
	return token
}

// front gives the address at which other nodes reach a node, whatever process it is.
func (n *nodes) front(t *testing.T, name string) string {
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			if d := n.till(name); d != nil {
				r.SetURL(&url.URL{Scheme: "http", Host: strings.TrimPrefix(d.url, "http://")})
			}
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(server.Close)
	return server.URL
}

// passesOn asks a node that does not lead for what only the leader can do, until it is answered with one of the wanted.
func (n *nodes) passesOn(t *testing.T, name, method, path string, wanted ...int) (a *answer) {
	t.Helper()
	eventually(t, 2*time.Minute, method+" "+path+" is passed on by "+name, func() bool {
		var err error
		a, err = n.admin(name).send(method, path, nil)
		return err == nil && slices.Contains(wanted, a.status)
	})
	return a
}

// admin is the door of an admin at a node.
func (n *nodes) admin(name string) *door { return newDoor(n.till(name).url, adminToken) }

func (n *nodes) till(name string) *door {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.doors[name]
}

// leader is the node that polls and writes, as a node's view shows it.
func (n *nodes) leader(t *testing.T) string {
	t.Helper()
	for name, p := range n.procs {
		if p.alive() {
			n.mu.Lock()
			address := n.doors[name].url
			n.mu.Unlock()
			if newDoor(address, adminToken).metric(t, "jumpring_leading") == 1 {
				return name
			}
		}
	}
	return ""
}

// What is asked about one piece, and how it was answered.
type (
	claimAsked struct {
		piece string
		what  string // reserve, release, sell
		who   int
	}
	claimAnswer struct{ done, unknown bool }
)

// claims says what may become of one piece: somebody holds it, or it is sold, or neither. Invariant 4.
var claims = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		by := map[string][]porcupine.Operation{}
		for _, o := range history {
			piece := o.Input.(claimAsked).piece
			by[piece] = append(by[piece], o)
		}
		out := make([][]porcupine.Operation, 0, len(by))
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return -1 }, // free; else who reserved it; 1000 when sold
	Step: func(state, input, output any) (bool, any) {
		holder, in, out := state.(int), input.(claimAsked), output.(claimAnswer)
		can, next := false, holder
		switch in.what {
		case "reserve":
			can, next = holder == -1, in.who
		case "release":
			can, next = holder == in.who, -1
		case "sell":
			can, next = holder == -1, 1000
		}
		switch {
		case out.unknown && can:
			return true, next // an act whose answer is not known is put where it fits, at the end if need be
		case out.unknown:
			return true, holder
		case out.done:
			return can, next
		}
		return !can, holder
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v %+v", in, out) },
}

// tills reserve, release and sell pieces on all nodes until stop is closed, and keep the history.
type tills struct {
	n       *nodes
	items   map[string]string // piece → id
	pieces  []string
	names   []string
	began   time.Time
	acked   atomic.Int64
	next    atomic.Int64
	mu      sync.Mutex
	history []porcupine.Operation
	gap     time.Duration // between two acts of a till
	longest atomic.Int64  // ns without any answer
	last    atomic.Int64
}

func (l *tills) run(workers int, seed uint64, stop <-chan struct{}) {
	l.began = time.Now()
	l.last.Store(int64(0))
	var work sync.WaitGroup
	for w := range workers {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			held := map[string]string{} // piece → reservation
			for {
				select {
				case <-stop:
					return
				case <-time.After(l.gap):
				}
				l.act(rng, w, held)
			}
		})
	}
	work.Wait()
}

func (l *tills) act(rng *rand.Rand, who int, held map[string]string) {
	piece := l.pieces[rng.IntN(len(l.pieces))]
	name := l.names[rng.IntN(len(l.names))]
	in := claimAsked{piece: piece, what: "reserve", who: who}
	path, body := "/v1/items/"+l.items[piece]+"/reservations", `{"seconds":86400}`
	if reservation := held[piece]; reservation != "" {
		in.what, path, body = "release", path+"/"+reservation+"/release", `{}`
	} else if rng.IntN(40) == 0 {
		in.what, path, body = "sell", "/v1/items/"+l.items[piece]+"/sell", fmt.Sprintf(`{"receipt":"R%d"}`, l.next.Add(1))
	}
	key := fmt.Sprintf("k%d-%d", who, l.next.Add(1))
	call := time.Since(l.began)
	a, err := l.n.till(name).send(http.MethodPost, path, []byte(body), "Idempotency-Key", key)
	back := time.Since(l.began)
	out := claimAnswer{}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return // nobody was asked
	case err != nil || a.status == http.StatusAccepted || a.status >= 500:
		out.unknown = true
		back = 1 << 60
	case a.status < 300:
		out.done = true
	}
	delete(held, piece)
	if out.done && in.what == "reserve" {
		var made struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(a.body, &made) == nil {
			held[piece] = made.ID
		}
	}
	if !out.unknown {
		l.acked.Add(1)
		if gap := int64(back) - l.last.Swap(int64(back)); gap > l.longest.Load() {
			l.longest.Store(gap)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.history = append(l.history, porcupine.Operation{ClientId: who, Input: in, Output: out, Call: int64(call), Return: int64(back)})
}

// check has the history judged: one order of all acts must explain every answer.
func (l *tills) check(t *testing.T) {
	t.Helper()
	unknown, released := 0, 0
	for _, o := range l.history {
		if o.Input.(claimAsked).what == "release" && o.Output.(claimAnswer).done {
			released++
		}
		if o.Output.(claimAnswer).unknown {
			unknown++
		}
	}
	result := porcupine.CheckOperationsTimeout(claims, l.history, 2*time.Minute)
	t.Logf("%d acts, %d answered, %d with unknown outcome, longest without an answer %s: %s",
		len(l.history), l.acked.Load(), unknown, time.Duration(l.longest.Load()).Round(time.Millisecond), result)
	require.Positive(t, released, "pieces are given back")
	require.Equal(t, porcupine.Ok, result, "no order of the acts explains the answers")
}

// sameState ends the nodes and folds what each has not folded yet: the same stream gives the same state.
func (n *nodes) sameState(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		n.procs[name].stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	o := n.stream
	j, err := stream.Open(ctx, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	end := j.End()
	var states []string
	for _, name := range names {
		st, err := store.Open(store.Options{Dir: filepath.Join(n.specs[name].Data, "view")})
		require.NoError(t, err)
		require.NoError(t, router.Replay(ctx, j, st, end, nil))
		d, _, err := digestsOf(ctx, st)
		require.NoError(t, err)
		require.NoError(t, st.Close())
		states = append(states, d.State)
	}
	fresh := store.NewMemory()
	require.NoError(t, router.Replay(ctx, j, fresh, end, nil))
	d, counts, err := digestsOf(ctx, fresh)
	require.NoError(t, err)
	for i, name := range names {
		require.Equal(t, d.State, states[i], "node %s holds another state than the stream gives", name)
	}
	t.Logf("%d batches, the same state on %v and folded anew; %d records of %v", end, names, total(counts), counts)
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// fallsTo0 waits until WooCommerce shows 0 of a piece and gives how long that took.
func (n *nodes) fallsTo0(t *testing.T, p pair) time.Duration {
	t.Helper()
	began := time.Now()
	eventually(t, time.Minute, p.sku+" is shown as 0", func() bool {
		q, _ := n.woo.Stock(p.woo)
		return q == 0
	})
	return time.Since(began)
}

func (n *nodes) sell(t *testing.T, name string, p pair, id string) {
	t.Helper()
	a, err := n.till(name).send(http.MethodPost, "/v1/items/"+id+"/sell", []byte(`{"receipt":"X`+p.sku+`"}`), "Idempotency-Key", "x"+p.sku)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, a.status, "%s", a.body)
}

func snapshotsOf(t *testing.T, data string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, "snapshots", "*.snapshot"))
	require.NoError(t, err)
	return found
}

// TestTwoNodes runs two hubs on one broker, kills the one that writes to the shops, and lets it come back.
func TestTwoNodes(t *testing.T) {
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	broker := rabbittest.StartFor(t, rabbittest.Options{})
	n := newNodes(t, s, broker.URLs("/"))
	x := &exchangeHouse{t: t, node: broker.Node(0), vhost: "/"}
	require.NoError(t, x.node.AddUsers(t.Context(), x.vhost, brokerPassword, "hub", "till-1", "reader"))
	s.spec.Bus = &hub.Bus{
		Rabbit: x.config("hub"), ExchangeIn: "jumpring.in", ExchangeChanges: "jumpring.changes", ChangesRole: access.RoleRead,
		Devices: map[string]access.Principal{"till-1": {Name: "till-1", Role: access.RoleTill, Location: paris}},
	}
	require.NoError(t, rabbit.Declare(t.Context(), x.connect("hub"), rabbit.Queue{
		Name: "jumpring.in", Exchange: "jumpring.in", ExchangeType: amqp.ExchangeTopic, BindingKey: "#",
	}.Declare))
	readers, report := x.listen(), x.till()
	pieces := s.pieces(24)
	n.up(t, "a")
	n.inMode(canon.ModeLive)
	ids := map[string]string{}
	for _, p := range pieces {
		ids[p.sku] = n.door.bySKU(t, p.sku).ID
	}
	n.from = n.procs["a"].address
	n.up(t, "b")
	require.NotEmpty(t, snapshotsOf(t, n.specs["b"].Data), "the second node began with the first one's snapshot")
	n.inMode(canon.ModeLive)
	require.Equal(t, "a", n.leader(t), "who came first writes")

	// What only the leader can do is asked at the other node.
	n.passesOn(t, "b", http.MethodPost, "/v1/connections/web/check", http.StatusOK)
	started := n.passesOn(t, "b", http.MethodPost, "/v1/connections/web/import", http.StatusAccepted, http.StatusConflict)
	job := started.header.Get("Location")
	eventually(t, importTime, "the import ends, as the other node shows", func() bool {
		var read api.Job
		shown := n.passesOn(t, "b", http.MethodGet, job, http.StatusOK)
		return json.Unmarshal(shown.body, &read) == nil && read.State == "done"
	})
	require.Equal(t, http.StatusOK, n.admin("a").must(t, http.MethodGet, job, nil).status, "the import ran at the leader")
	again := n.admin("b").must(t, http.MethodPost, "/v1/connections/web/check", nil, api.HeaderPassedOn, "1")
	require.Equal(t, http.StatusServiceUnavailable, again.status, "it is not passed on twice")
	require.Equal(t, problem.HubNotLeader, again.problem(t).Code)

	// A read on the other node is no older than a command's answer.
	n.sell(t, "a", pieces[0], ids[pieces[0].sku])
	at := n.till("a").must(t, http.MethodGet, "/v1/items/"+ids[pieces[0].sku], nil).header.Get(api.HeaderPosition)
	require.NotEmpty(t, at)
	item := fetch[canon.Item](t, n.till("b"), "/v1/items/"+ids[pieces[0].sku]+"?after="+at)
	require.Equal(t, canon.ItemSold, item.Status)
	n.fallsTo0(t, pieces[0])

	// One node takes what devices publish and publishes what changed; both show it.
	onBoth := func(sku string) {
		t.Helper()
		for _, node := range []string{"a", "b"} {
			eventually(t, 2*time.Minute, sku+" is a record of "+node, func() bool {
				a, err := n.till(node).send(http.MethodGet, "/v1/items?sku="+sku, nil)
				return err == nil && a.status == http.StatusOK && strings.Contains(string(a.body), sku)
			})
		}
		readers.about(t, n.till("b").bySKU(t, sku).ID)
	}
	report("before", registered("DEV-1"))
	onBoth("DEV-1")
	require.Empty(t, readers.repeats(), "one node publishes")

	contested := map[string]string{}
	for _, p := range pieces[4:12] {
		contested[p.sku] = ids[p.sku]
	}
	l := &tills{n: n, items: contested, names: []string{"a", "b"}, gap: 20 * time.Millisecond}
	for _, p := range pieces[4:12] {
		l.pieces = append(l.pieces, p.sku)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); l.run(8, 1, stop) }()
	eventually(t, time.Minute, "tills work on both nodes", func() bool { return l.acked.Load() > 200 })

	n.procs["a"].sigkill()
	n.procs["a"].wait()
	n.sell(t, "b", pieces[1], ids[pieces[1].sku])
	resumed := n.fallsTo0(t, pieces[1])
	t.Logf("the other node writes %s after the kill", resumed.Round(time.Millisecond))
	require.Less(t, resumed, 30*time.Second, "outbound calls are to resume within 10 s; the rest is slack for busy machines")
	require.Equal(t, "b", n.leader(t))
	n.up(t, "a")
	report("after the kill", registered("DEV-2"))
	onBoth("DEV-2")
	before := l.acked.Load()
	eventually(t, time.Minute, "tills go on on both nodes", func() bool { return l.acked.Load() > before+200 })
	require.Equal(t, "b", n.leader(t), "who comes back does not take over")
	n.passesOn(t, "a", http.MethodPost, "/v1/connections/woo/check", http.StatusOK)

	// While the broker is away nobody writes to the shops; nodes live on, and go on when it is back.
	require.NoError(t, broker.Node(0).Kill())
	eventually(t, time.Minute, "nobody holds the lease without a broker", func() bool { return n.leader(t) == "" })
	require.NoError(t, broker.Node(0).Start(t.Context()))
	before = l.acked.Load()
	eventually(t, 2*time.Minute, "tills go on after the broker's return", func() bool { return l.acked.Load() > before+200 })
	n.sell(t, "a", pieces[2], ids[pieces[2].sku])
	n.fallsTo0(t, pieces[2])
	report("after the broker's return", registered("DEV-3"))
	onBoth("DEV-3")
	require.True(t, n.procs["a"].alive() && n.procs["b"].alive())
	close(stop)
	<-done
	l.check(t)
	n.settled(t)
	for _, p := range pieces[:3] {
		require.Equal(t, 1, n.wooWrites(p.woo)[0], "%s was written once", p.sku)
	}
	n.sameState(t, "a", "b")
	t.Logf("%d changes were published, %d of them again", len(readers.order), len(readers.repeats()))
}
