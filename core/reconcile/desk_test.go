package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// memoryJournal is a journal that is durable as long as the test.
type memoryJournal struct {
	mu      sync.Mutex
	batches []bus.Batch
	grown   chan struct{}
}

func newMemoryJournal() *memoryJournal { return &memoryJournal{grown: make(chan struct{})} }

func (j *memoryJournal) ID() string { return "memory" }

func (j *memoryJournal) Append(_ context.Context, class bus.Class, entries []bus.Entry) (bus.Receipt, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := bus.Batch{Offset: uint64(len(j.batches)) + 1, Time: time.Now().UnixNano(), Class: class, Entries: entries}
	j.batches = append(j.batches, b)
	close(j.grown)
	j.grown = make(chan struct{})
	return bus.Receipt{Offset: b.Offset, Time: b.Time}, nil
}

func (j *memoryJournal) ReadFrom(_ context.Context, from uint64, maxBytes int) ([]bus.Batch, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []bus.Batch
	for size := 0; from <= uint64(len(j.batches)) && size <= maxBytes; from++ {
		b := j.batches[from-1]
		out = append(out, b)
		for _, e := range b.Entries {
			size += len(e.Data) + len(e.Head)
		}
	}
	return out, nil
}

func (j *memoryJournal) Wait(ctx context.Context, offset uint64) error {
	for {
		j.mu.Lock()
		n, grown := uint64(len(j.batches)), j.grown
		j.mu.Unlock()
		if n >= offset {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (j *memoryJournal) Tail(ctx context.Context, from uint64) iter.Seq2[bus.Batch, error] {
	return func(yield func(bus.Batch, error) bool) {
		for ; ; from++ {
			if err := j.Wait(ctx, from); err != nil {
				return
			}
			b, err := j.ReadFrom(ctx, from, 0)
			if err != nil || !yield(b[0], nil) {
				return
			}
		}
	}
}

func (j *memoryJournal) End() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return uint64(len(j.batches))
}

func (j *memoryJournal) Close() error { return nil }

// desk is a platform's order desk. It does whatever it is asked, as often as it is asked: what is sent twice is refunded
// twice. That it was asked for something it remembers by the key.
type desk struct {
	mu     sync.Mutex
	orders map[string]*deskOrder
	faults []deskFault
	asked  int // Apply calls for actions
	looked int
	shown  func(o *deskOrder) // called when an order has changed, with mu held
}

type deskOrder struct {
	id        string
	listing   string
	placed    time.Time
	version   int64
	cancelled bool
	keys      []string // of the refunds
	running   string   // key of a request that is being worked on
}

// deskFault is what goes wrong with the next action.
type deskFault string

const (
	lostBefore deskFault = "lost before" // no answer, nothing done
	lostAfter  deskFault = "lost after"  // no answer, done
	slow       deskFault = "slow"        // done a while after whoever asked was gone
	notSent    deskFault = "not sent"
	busy       deskFault = "busy"
	refuses    deskFault = "refuses"
)

func (d *desk) place(id, listing string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	o := &deskOrder{id: id, listing: listing, placed: time.Now(), version: time.Now().UnixMicro()}
	d.orders[id] = o
	d.shown(o)
}

func (o *deskOrder) observation() canon.Observation {
	st := &canon.OrderState{
		Status: canon.OrderOpen, PlacedAt: o.placed, Currency: "EUR", Total: canon.StatedMoney{Amount: "900.00", Currency: "EUR"},
		Lines: []canon.OrderLine{{ID: "1", ListingID: o.listing, Quantity: 1, Price: canon.StatedMoney{Amount: "900.00", Currency: "EUR"}}},
	}
	if o.cancelled {
		st.Status = canon.OrderCancelled
	}
	return canon.Observation{Kind: canon.KindOrder, ExternalID: o.id, Aspect: canon.AspectMain, SourceVersion: o.version, Order: st}
}

// cancel gives back the money, whatever was done before.
func (d *desk) cancel(key string, o *deskOrder) {
	o.cancelled, o.version, o.running = true, o.version+1, ""
	o.keys = append(o.keys, key)
	d.shown(o)
}

func (d *desk) Apply(ctx context.Context, req *sdk.ApplyRequest) (*ApplyResult, error) {
	out := &ApplyResult{}
	for i := range req.Writes {
		w := &req.Writes[i]
		if w.Action == nil { // stock is always taken
			out.Results = append(out.Results, WriteResult{Key: w.Key, Status: sdk.StatusApplied})
			continue
		}
		r, err := d.act(ctx, w)
		if err != nil {
			return nil, err
		}
		r.Key = w.Key
		out.Results = append(out.Results, r)
	}
	return out, nil
}

// sent gives how often it was asked for an action.
func (d *desk) sent() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func (d *desk) act(ctx context.Context, w *sdk.Write) (WriteResult, error) {
	d.mu.Lock()
	d.asked++
	fault := deskFault("")
	if len(d.faults) > 0 {
		fault, d.faults = d.faults[0], d.faults[1:]
	}
	o := d.orders[w.Ref.ExternalID]
	switch fault {
	case notSent:
		d.mu.Unlock()
		return WriteResult{}, fmt.Errorf("%w: the process is gone", ErrNotSent)
	case lostBefore:
		d.mu.Unlock()
		return WriteResult{}, errors.New("connection reset")
	case busy:
		d.mu.Unlock()
		return WriteResult{Status: sdk.StatusRetry, RetryAfterMillis: 700}, nil
	case refuses:
		d.mu.Unlock()
		return WriteResult{Status: sdk.StatusRejected, Code: "desk.closed", Reason: "the desk is closed"}, nil
	}
	// The platform is at it for a while, and does not stop when whoever asked is killed.
	o.running = w.Key
	took := 50 * time.Millisecond
	if fault == slow {
		took = time.Minute
	}
	done := make(chan struct{})
	time.AfterFunc(took, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.cancel(w.Key, o)
		close(done)
	})
	d.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done():
		return WriteResult{}, ctx.Err()
	}
	if fault == lostAfter {
		return WriteResult{}, errors.New("connection reset")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told(o, sdk.StatusApplied), nil
}

func (d *desk) told(o *deskOrder, status sdk.Status) WriteResult {
	data, err := json.Marshal(o.observation())
	if err != nil {
		panic(err)
	}
	return WriteResult{
		Status: status, Shows: &intake.Fact{Kind: canon.KindOrder, ExternalID: o.id, Data: data}, Amount: &canon.StatedMoney{Amount: "900.00", Currency: "EUR"},
	}
}

func (d *desk) Lookup(_ context.Context, req *sdk.LookupRequest) (*ApplyResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked++
	w := &req.Writes[0]
	o := d.orders[w.Ref.ExternalID]
	r := WriteResult{Status: sdk.StatusRejected, Code: "desk.not_done"}
	for _, k := range o.keys {
		if k == w.Key {
			r = d.told(o, sdk.StatusApplied)
		}
	}
	if o.running != "" {
		r = WriteResult{Status: sdk.StatusUnknown, RetryAfterMillis: 2000}
	}
	r.Key = w.Key
	return &ApplyResult{Results: []WriteResult{r}}, nil
}

func (d *desk) fail(f ...deskFault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f...)
}

func (d *desk) refunds(order string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.orders[order].keys...)
}

// house is a hub with the real fold, a writer for each of two shops, and their desks. It is killed and started again as often
// as a test likes.
type house struct {
	t       *testing.T
	journal *memoryJournal
	store   *store.Memory
	desks   map[string]*desk
	blind   bool // the connectors can't look anything up

	fold *router.Router
	run  *mortal
	stop func()

	mu      sync.Mutex
	pending []shown // what platforms have shown and no webhook has brought yet
	n       int
}

type shown struct {
	connection string
	obs        canon.Observation
}

// mortal is the journal of one process: what it appends after its death is not written.
type mortal struct {
	*router.Router
	mu    sync.Mutex
	dead  bool
	until func(entries []bus.Entry) bool // dies before it writes entries for which this is true; nil for none
}

var errDead = errors.New("the process is dead")

func (m *mortal) Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	m.mu.Lock()
	if !m.dead && m.until != nil && m.until(entries) {
		m.dead = true
	}
	dead := m.dead
	m.mu.Unlock()
	if dead {
		return bus.Receipt{}, errDead
	}
	return m.Router.Append(ctx, class, entries...)
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, journal: newMemoryJournal(), store: store.NewMemory(), desks: make(map[string]*desk)}
	for _, name := range []string{"web", "shop"} {
		h.desks[name] = &desk{orders: make(map[string]*deskOrder), shown: func(o *deskOrder) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.pending = append(h.pending, shown{name, o.observation()})
		}}
	}
	h.start()
	h.tell(canon.EntryFoldVersion, canon.Head{Actor: "hub"}, canon.FoldVersion{Version: router.Version})
	both := []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines}
	conn := func(name string) canon.ConnectionSettings {
		return canon.ConnectionSettings{
			Name: name, Connector: name, Mode: canon.ModeLive, SellsFrom: []string{"paris"}, Baseline: "1999-01-01T00:00:00Z", OrderLowersLevel: true, Actions: both,
		}
	}
	h.tell(canon.EntrySettings, canon.Head{Actor: "hub"}, canon.Settings{
		MatchItem: []string{"serial", "sku"}, Serialized: "always", StockAuthority: "hub", Locations: []string{"paris"},
		Connections: []canon.ConnectionSettings{conn("web"), conn("shop")},
	})
	one := int64(1)
	for _, name := range []string{"web", "shop"} {
		h.see(name, canon.Observation{Kind: canon.KindListing, ExternalID: "ring", Listing: &canon.ListingState{StockID: "ring", SKU: "R-1", Serial: "SN-1", Status: "active"}})
		h.see(name, canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID("ring", ""), Level: &canon.LevelState{StockID: "ring", Available: &one}})
		h.mode(name, canon.ModeLive)
	}
	return h
}

// start runs the fold and the writers.
func (h *house) start() {
	fold, err := router.New(router.Options{Journal: h.journal, Store: h.store})
	require.NoError(h.t, err)
	h.fold, h.run = fold, &mortal{Router: fold}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = fold.Run(ctx) })
	ready := make(chan struct{})
	close(ready)
	for name, d := range h.desks {
		o := Options{
			Name: name, Describe: &sdk.DescribeResponse{SettleMillis: 1000}, Applier: d, Looker: d, Journal: h.run, Store: h.store, Inbound: everCaughtUp{},
			Commits: fold.Subscribe(ctx), Ready: ready,
		}
		if h.blind {
			o.Looker = nil
		}
		w, err := NewWriter(o)
		require.NoError(h.t, err)
		wg.Go(func() {
			if err := w.Run(ctx); err != nil && !errors.Is(err, errDead) {
				h.t.Errorf("the writer of %s: %v", name, err)
			}
		})
	}
	h.stop = func() {
		cancel()
		wg.Wait()
	}
	synctest.Wait()
}

type everCaughtUp struct{}

func (everCaughtUp) CaughtUp(string) bool              { return true }
func (everCaughtUp) AskedSince(string, time.Time) bool { return true }

// killHub ends the process without another entry and starts the next.
func (h *house) killHub() {
	h.run.mu.Lock()
	h.run.dead = true
	h.run.mu.Unlock()
	h.stop()
	h.start()
}

// diesBefore kills the process at the moment at which it would write an entry of a type.
func (h *house) diesBefore(typ canon.EntryType) {
	h.run.mu.Lock()
	defer h.run.mu.Unlock()
	h.run.until = func(entries []bus.Entry) bool { return entries[0].Type == string(typ) }
}

func (h *house) tell(typ canon.EntryType, head canon.Head, data any) {
	h.t.Helper()
	e, err := router.NewEntry(typ, head, data)
	require.NoError(h.t, err)
	h.append(e)
}

// append writes as another process would, which lives.
func (h *house) append(e bus.Entry) {
	h.t.Helper()
	rec, err := h.journal.Append(h.t.Context(), bus.ClassCommand, []bus.Entry{e})
	require.NoError(h.t, err)
	require.NoError(h.t, h.fold.WaitFolded(h.t.Context(), rec.Offset))
}

func (h *house) see(conn string, obs canon.Observation) {
	h.t.Helper()
	obs.Aspect = canon.AspectMain
	data, err := json.Marshal(obs)
	require.NoError(h.t, err)
	e, err := router.ObservationEntry(canon.Head{Connection: conn, Actor: "connection:" + conn}, data, nil)
	require.NoError(h.t, err)
	h.append(e)
}

// deliver brings what platforms have shown, all of it or the piece at a place.
func (h *house) deliver() {
	for {
		h.mu.Lock()
		if len(h.pending) == 0 {
			h.mu.Unlock()
			return
		}
		next := h.pending[0]
		h.pending = h.pending[1:]
		h.mu.Unlock()
		h.see(next.connection, next.obs)
	}
}

func (h *house) do(cmd canon.Command) canon.Outcome {
	h.t.Helper()
	h.n++
	cmd.Key, cmd.ID = fmt.Sprint("k", h.n), fmt.Sprint("c", h.n)
	h.tell(canon.EntryCommand, canon.Head{Actor: "anna"}, cmd)
	out, known, err := h.fold.Outcome("anna", cmd.Key)
	require.NoError(h.t, err)
	require.True(h.t, known)
	return out
}

func (h *house) mode(conn string, m canon.Mode) {
	h.t.Helper()
	out := h.do(canon.Command{SetMode: &canon.SetMode{Connection: conn, Mode: m, PlanDigest: "p", Plan: "p"}})
	require.True(h.t, out.OK, out.Reason)
}

// openCase gives the open case; nil for none.
func (h *house) openCase() *canon.Case {
	h.t.Helper()
	v, err := h.store.View()
	require.NoError(h.t, err)
	defer v.Close()
	var open *canon.Case
	require.NoError(h.t, v.Scan(store.PrefixCase, "", func(key string, _ []byte) (bool, error) {
		c, err := store.Load[canon.Case](v, key)
		if err == nil && c.Open {
			open = c
		}
		return true, err
	}))
	return open
}

func (h *house) resolve(proposal string, again bool) canon.Outcome {
	h.t.Helper()
	return h.do(canon.Command{Resolve: &canon.Resolve{Case: h.openCase().ID, Proposal: proposal, Again: again}})
}

func (h *house) piece() *canon.Item {
	h.t.Helper()
	v, err := h.store.View()
	require.NoError(h.t, err)
	defer v.Close()
	n, err := store.Load[store.Node](v, store.PrefixNode+canon.NodeID("itm", "web", canon.KindListing, "ring"))
	require.NoError(h.t, err)
	it, err := store.Load[canon.Item](v, store.RecordKey(store.TypeItem, n.Golden))
	require.NoError(h.t, err)
	return it
}

// digest is that of all that the journal makes.
func (h *house) digest(s store.Store) string {
	h.t.Helper()
	v, err := s.View()
	require.NoError(h.t, err)
	defer v.Close()
	rep, err := store.Digest(context.Background(), v, router.RecordTypes(), store.ScopeState)
	require.NoError(h.t, err)
	return rep.Digest
}

// replayed folds the journal into an empty view and gives its digest.
func (h *house) replayed() string {
	h.t.Helper()
	st := store.NewMemory()
	fold, err := router.New(router.Options{Journal: h.journal, Store: st})
	require.NoError(h.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = fold.Run(ctx)
	}()
	require.NoError(h.t, fold.WaitFolded(ctx, h.journal.End()))
	cancel()
	<-done
	return h.digest(st)
}

// asked is how often the platforms were asked to do something.
func (h *house) asked() int {
	n := 0
	for _, d := range h.desks {
		n += d.sent()
	}
	return n
}
