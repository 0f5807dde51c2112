package router

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// workbench folds entries into a store in memory, one batch for each call, on a clock that the test moves.
type workbench struct {
	t        testing.TB
	store    store.Store
	offset   uint64
	now      time.Time
	last     Commit
	reads    []Read
	tune     func(f *fold)
	commands int // given so far by desks
}

var dayOne = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func testSettings() canon.Settings {
	conn := func(name, connector string, locations map[string]string) canon.ConnectionSettings {
		return canon.ConnectionSettings{
			Name: name, Connector: connector, Mode: canon.ModeLive, Baseline: "2026-01-01T00:00:00Z", SellsFrom: []string{"paris"},
			Locations: locations, OrderLowersLevel: true, RefundRaisesLevel: true, CancelRaisesLevel: true,
		}
	}
	till := conn("till", "csv", nil)
	till.OpeningStock, till.OrderLowersLevel, till.RefundRaisesLevel, till.CancelRaisesLevel = true, false, false, false
	return canon.Settings{
		MatchItem: []string{"certificate", "epc", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Region: "FR",
		Attributes: []canon.AttributeDef{
			{Code: "width", Type: canon.AttributeDecimal, Unit: "mm", Channels: map[string]string{"shop": "largeur"}},
			{Code: "occasion", Type: canon.AttributeEnum, Multi: true, Enum: []canon.AttributeValue{{Value: "wedding", Words: []string{"mariage"}}, {Value: "gift"}}},
		},
		Locations:   []string{"lyon", "paris"},
		Connections: []canon.ConnectionSettings{till, conn("web", "shopify", map[string]string{"L1": "paris"}), conn("shop", "woocommerce", nil)},
	}
}

func newWorkbench(t testing.TB, s canon.Settings) *workbench {
	return newWorkbenchOn(t, store.NewMemory(), s)
}

func newWorkbenchOn(t testing.TB, st store.Store, s canon.Settings) *workbench {
	w := &workbench{t: t, store: st, now: dayOne}
	w.entry(canon.EntryFoldVersion, canon.Head{Actor: "hub"}, canon.FoldVersion{Version: Version})
	w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	return w
}

func (w *workbench) fold(entries ...bus.Entry) Commit {
	w.t.Helper()
	w.offset++
	b := bus.Batch{Offset: w.offset, Time: w.now.UnixNano(), Entries: entries}
	to := folder{store: w.store, journal: "test", tune: w.tune}
	defer func() { _ = to.close() }() // nothing is under way
	c, err := to.fold(group{facts: decodeBatch(&b), batches: []bus.Batch{b}})
	require.NoError(w.t, err)
	w.last = c
	w.reads = append(w.reads, c.Reads...)
	return c
}

func (w *workbench) entry(typ canon.EntryType, head canon.Head, data any) Commit {
	w.t.Helper()
	e, err := NewEntry(typ, head, data)
	require.NoError(w.t, err)
	return w.fold(e)
}

// pushed and fetched fold an observation of a connection as a webhook shows it, or as a read does.
func (w *workbench) pushed(conn string, o canon.Observation) Commit {
	w.t.Helper()
	return w.fold(observationEntry(w.t, canon.Head{Connection: conn, Actor: "connection:" + conn}, o))
}

func (w *workbench) fetched(conn string, o canon.Observation) Commit {
	w.t.Helper()
	return w.fold(observationEntry(w.t, canon.Head{Connection: conn, Actor: "connection:" + conn, ReadStamp: canon.Position{Offset: w.offset}}, o))
}

func observationEntry(t testing.TB, head canon.Head, o canon.Observation) bus.Entry {
	t.Helper()
	o, person := detached(o)
	data, err := json.Marshal(o)
	require.NoError(t, err)
	var personal []byte
	if person != nil {
		personal, err = json.Marshal(person)
		require.NoError(t, err)
	}
	e, err := ObservationEntry(head, data, personal)
	require.NoError(t, err)
	return e
}

func detached(o canon.Observation) (canon.Observation, *canon.PersonState) {
	if o.Customer != nil {
		c := *o.Customer
		o.Customer = &c
	}
	if o.Order != nil {
		c := *o.Order
		o.Order = &c
	}
	p := o.DetachPersonal()
	return o, p
}

func (w *workbench) do(actor string, cmd canon.Command) canon.Outcome {
	w.t.Helper()
	w.entry(canon.EntryCommand, canon.Head{Actor: actor}, cmd)
	out := load[canon.Outcome](w, store.OutcomeKey(actor, cmd.Key))
	require.NotNil(w.t, out, "the command has no outcome: %+v", w.parked())
	return *out
}

func load[T any](w *workbench, key string) *T {
	w.t.Helper()
	v, err := w.store.View()
	require.NoError(w.t, err)
	defer v.Close()
	r, err := store.Load[T](v, key)
	require.NoError(w.t, err)
	return r
}

// item gives the golden record that a connection's listing belongs to; nil when it is unbound.
func (w *workbench) item(conn, listing string) *canon.Item {
	w.t.Helper()
	n := load[store.Node](w, store.PrefixNode+canon.NodeID("itm", conn, canon.KindListing, listing))
	if n == nil {
		return nil
	}
	return load[canon.Item](w, store.RecordKey(store.TypeItem, n.Golden))
}

func (w *workbench) levelWant(conn, level string) *canon.Want {
	w.t.Helper()
	b := load[canon.Binding](w, store.BindingKey(canon.BindingKey{Connection: conn, Kind: canon.KindLevel, ExternalID: level, Aspect: canon.AspectMain}))
	require.NotNil(w.t, b, "level %s of %s was never seen", level, conn)
	return b.Wants
}

func (w *workbench) keys(prefix string) []string {
	w.t.Helper()
	v, err := w.store.View()
	require.NoError(w.t, err)
	defer v.Close()
	var out []string
	require.NoError(w.t, v.Scan(prefix, "", func(k string, _ []byte) (bool, error) {
		out = append(out, k[len(prefix):])
		return true, nil
	}))
	return out
}

func (w *workbench) parked() []canon.Parked {
	w.t.Helper()
	var out []canon.Parked
	for _, k := range w.keys(store.PrefixParked) {
		out = append(out, *load[canon.Parked](w, store.PrefixParked+k))
	}
	return out
}

func (w *workbench) openCases() []canon.Case {
	w.t.Helper()
	var out []canon.Case
	for _, k := range w.keys(store.PrefixCase) {
		if c := load[canon.Case](w, store.PrefixCase+k); c.Open {
			out = append(out, *c)
		}
	}
	return out
}

func (w *workbench) digest(scope store.Scope) string {
	w.t.Helper()
	v, err := w.store.View()
	require.NoError(w.t, err)
	defer v.Close()
	rep, err := store.Digest(w.t.Context(), v, RecordTypes(), scope)
	require.NoError(w.t, err)
	return rep.Digest
}

// What platforms show, in short.

func listing(id, sku, serial string, change ...func(*canon.ListingState)) canon.Observation {
	st := &canon.ListingState{StockID: "s" + id, SKU: sku, Serial: serial, Title: "Ring " + id, Status: "active", Metal: "18k yellow gold"}
	for _, c := range change {
		c(st)
	}
	return canon.Observation{Kind: canon.KindListing, ExternalID: id, SourceVersion: 1, Listing: st}
}

func level(id, location string, available int64, version int64) canon.Observation {
	return canon.Observation{
		Kind: canon.KindLevel, ExternalID: canon.LevelID("s"+id, location), SourceVersion: version,
		Level: &canon.LevelState{StockID: "s" + id, Location: location, Available: &available},
	}
}

func order(id string, version int64, lines ...canon.OrderLine) canon.Observation {
	return canon.Observation{Kind: canon.KindOrder, ExternalID: id, SourceVersion: version, Order: &canon.OrderState{
		Number: "#" + id, Status: canon.OrderOpen, PlacedAt: dayOne, Currency: "EUR", Total: canon.StatedMoney{Amount: "1250.00", Currency: "EUR"}, Lines: lines,
	}}
}

func line(id, listing string, quantity int64) canon.OrderLine {
	return canon.OrderLine{ID: id, ListingID: listing, Quantity: quantity, Price: canon.StatedMoney{Amount: "1250.00", Currency: "EUR"}}
}

func refund(id, order string, version int64, lines ...canon.RefundLine) canon.Observation {
	return canon.Observation{Kind: canon.KindRefund, ExternalID: id, SourceVersion: version, Refund: &canon.RefundState{OrderID: order, CreatedAt: dayOne, Lines: lines}}
}

// threeSides lists one piece at the till, on the web and in the shop, each with stock 1, and makes both shops live.
func threeSides(w *workbench) {
	w.fetched("till", listing("t1", "SKU-1", "SN-1", func(l *canon.ListingState) { l.Home = "paris" }))
	w.fetched("till", level("t1", "paris", 1, 1))
	w.fetched("web", listing("w1", "sku-1", ""))
	w.fetched("web", level("w1", "L1", 1, 1))
	w.fetched("shop", listing("p1", " SKU-1 ", ""))
	w.fetched("shop", level("p1", "", 1, 0))
	w.live("web")
	w.live("shop")
}

func (w *workbench) live(conn string) {
	w.t.Helper()
	out := w.do("admin", canon.Command{Key: "live-" + conn, ID: "live-" + conn, SetMode: &canon.SetMode{Connection: conn, Mode: canon.ModeLive, PlanDigest: "d", Plan: "d"}})
	require.True(w.t, out.OK, out.Reason)
	v, err := w.store.View()
	require.NoError(w.t, err)
	defer v.Close()
	var items []string
	require.NoError(w.t, v.Scan(store.PrefixRecord+store.TypeItem+"/", "", func(k string, _ []byte) (bool, error) {
		items = append(items, k[len(store.PrefixRecord+store.TypeItem+"/"):])
		return true, nil
	}))
	w.entry(canon.EntryAdopt, canon.Head{Connection: conn, Actor: "hub"}, canon.Adopt{Items: items})
}

func mustJSON(t testing.TB, v any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return raw
}
