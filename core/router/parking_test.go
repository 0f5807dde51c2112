package router

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/store/storetest"
)

func TestEveryFieldOfEveryRecordCounts(t *testing.T) { storetest.EveryFieldCounts(t, RecordTypes()) }

func raw(typ canon.EntryType, head, data string) bus.Entry {
	return bus.Entry{Type: string(typ), Head: []byte(head), Data: []byte(data)}
}

const webHead = `{"connection":"web","actor":"connection:web"}`

// poison gives entries that no fold can apply, by name.
func poison(t *testing.T) map[string]bus.Entry {
	t.Helper()
	observed := func(o canon.Observation) bus.Entry {
		return observationEntry(t, canon.Head{Connection: "web", Actor: "connection:web"}, o)
	}
	with := func(change func(o *canon.OrderState)) bus.Entry {
		o := order("bad", 9, line("1", "w1", 1))
		change(o.Order)
		return observed(o)
	}
	long := strings.Repeat("x", 1<<20)
	m := map[string]bus.Entry{
		"no type":                  raw("", webHead, `{}`),
		"a type of the future":     raw("piece.cloned", webHead, `{}`),
		"a type of a megabyte":     raw(canon.EntryType(long), webHead, `{}`),
		"no head":                  raw(canon.EntryObservation, ``, `{}`),
		"a head of another shape":  raw(canon.EntryObservation, `[1]`, `{}`),
		"a bad position":           raw(canon.EntryObservation, `{"read_stamp":"x.y"}`, `{}`),
		"no content":               raw(canon.EntryObservation, webHead, ``),
		"null":                     raw(canon.EntryObservation, webHead, `null`),
		"a null state":             raw(canon.EntryObservation, webHead, `{"kind":"order","external_id":"1","order":null}`),
		"two states":               raw(canon.EntryObservation, webHead, `{"kind":"order","external_id":"1","order":{},"refund":{}}`),
		"a deletion with a state":  raw(canon.EntryObservation, webHead, `{"kind":"order","external_id":"1","deleted":true,"order":{}}`),
		"an unknown kind":          raw(canon.EntryObservation, webHead, `{"kind":"dragon","external_id":"1"}`),
		"an unknown aspect":        raw(canon.EntryObservation, webHead, `{"kind":"listing","external_id":"1","aspect":"a/b","listing":{}}`),
		"a tail":                   raw(canon.EntryObservation, webHead, `{"kind":"listing","external_id":"1","listing":{}} x`),
		"a leading zero":           raw(canon.EntryObservation, webHead, `{"kind":"level","external_id":"1@","level":{"stock_id":"1","available":01}}`),
		"deep nesting":             raw(canon.EntryObservation, webHead, `{"kind":"listing","external_id":"1","listing":{"x":`+strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)+`}}`),
		"a fraction of a piece":    raw(canon.EntryObservation, webHead, `{"kind":"level","external_id":"1@","level":{"stock_id":"1","available":1.5}}`),
		"beyond an integer":        raw(canon.EntryObservation, webHead, `{"kind":"level","external_id":"1@","level":{"stock_id":"1","available":99999999999999999999}}`),
		"an absurd level":          raw(canon.EntryObservation, webHead, `{"kind":"level","external_id":"1@","level":{"stock_id":"1","available":9223372036854775807}}`),
		"an absurd negative level": raw(canon.EntryObservation, webHead, `{"kind":"level","external_id":"1@","level":{"stock_id":"1","available":-9223372036854775808}}`),
		"a time that is none":      raw(canon.EntryObservation, webHead, `{"kind":"order","external_id":"1","order":{"placed_at":"yesterday"}}`),
		"year 0":                   raw(canon.EntryObservation, webHead, `{"kind":"order","external_id":"1","order":{"placed_at":"0000-01-01T00:00:00+10:00","lines":[]}}`),
		"year 9999 in the west":    raw(canon.EntryObservation, webHead, `{"kind":"order","external_id":"1","order":{"placed_at":"9999-12-31T23:59:59-10:00","lines":[]}}`),
		"an empty id":              observed(listing("", "S", "")),
		"an id with NUL":           observed(listing("a\x00b", "S", "")),
		"an id with a newline":     observed(listing("a\nb", "S", "")),
		"an id of a megabyte":      observed(listing(long, "S", "")),
		"a serial of a megabyte":   observed(listing("long", "S", long)),
		"no connection":            observationEntry(t, canon.Head{Actor: "x"}, listing("1", "S", "")),
		"a connection with slash":  observationEntry(t, canon.Head{Connection: "a/b", Actor: "x"}, listing("1", "S", "")),
		"a negative line":          with(func(o *canon.OrderState) { o.Lines[0].Quantity = -1 }),
		"an absurd line":           with(func(o *canon.OrderState) { o.Lines[0].Quantity = 1 << 62 }),
		"a line without id":        with(func(o *canon.OrderState) { o.Lines[0].ID = "" }),
		"two lines of one id":      with(func(o *canon.OrderState) { o.Lines = append(o.Lines, o.Lines[0]) }),
		"a currency of nowhere":    with(func(o *canon.OrderState) { o.Lines[0].Price.Currency = "XXQ" }),
		"a product of overflow": with(func(o *canon.OrderState) {
			o.Lines[0].Price.Amount, o.Lines[0].Quantity = "92233720368547758.07", 2
		}),
		"a sum of overflow": with(func(o *canon.OrderState) {
			o.Lines[0].Price.Amount = "92233720368547758.07"
			o.Lines = append(o.Lines, o.Lines[0])
			o.Lines[1].ID = "2"
		}),
		"an overflow with tax": with(func(o *canon.OrderState) {
			o.Lines[0].Price.Amount, o.Tax = "92233720368547758.07", &canon.StatedMoney{Amount: "1", Currency: "EUR"}
		}),
		"more lines than a commit": with(func(o *canon.OrderState) {
			for i := range 6000 {
				l := line(fmt.Sprint("n", i), "w1", 1)
				l.Title = strings.Repeat("t", 40)
				o.Lines = append(o.Lines, l)
			}
		}),
		"a refund of no order":        observed(refund("r", "", 1)),
		"a negative refund":           observed(refund("r", "o1", 1, canon.RefundLine{OrderLineID: "1", Quantity: -5, Restocked: true})),
		"a location with at":          observed(canon.Observation{Kind: canon.KindLevel, ExternalID: "s@a@b", Level: &canon.LevelState{StockID: "s", Location: "a@b"}}),
		"a count at an unknown place": observed(canon.Observation{Kind: canon.KindCount, ExternalID: "c", Count: &canon.CountState{Location: "nowhere", SKU: "NOBODY", Quantity: 1, CountedAt: dayOne}}),
		"a cursor of nobody":          raw(canon.EntryCursor, `{"connection":"nobody"}`, `{"stream":"orders"}`),
		"a snapshot of nobody":        raw(canon.EntrySnapshot, `{"connection":"nobody"}`, `{}`),
		"a fuse of nobody":            raw(canon.EntryFuse, `{"connection":"nobody"}`, `{}`),
		"settings that are none":      raw(canon.EntrySettings, `{}`, `{"connections":{}}`),
		"settings of no time":         raw(canon.EntrySettings, `{}`, `{"stock_authority":"shop","connections":[{"name":"web","baseline":"soon"}]}`),
		"settings of absurd safety":   raw(canon.EntrySettings, `{}`, `{"safety":9223372036854775807,"connections":[{"name":"web","safety":9223372036854775807}]}`),
		"settings of odd names":       raw(canon.EntrySettings, `{}`, `{"connections":[{"name":"a/b"}]}`),
		"a command without key":       raw(canon.EntryCommand, `{"actor":"x"}`, `{"id":"1","reserve":{}}`),
		"a command with another's id": raw(canon.EntryCommand, `{"actor":"x"}`, `{"key":"k","id":"web/o1/1","release":{}}`),
		"a command of wrong types":    raw(canon.EntryCommand, `{"actor":"x"}`, `{"key":1}`),
		"a key of a megabyte":         raw(canon.EntryCommand, `{"actor":"x"}`, `{"key":"`+long+`","id":"1","release":{}}`),
		"touched without id":          raw(canon.EntryTouched, webHead, `{"refs":[{"kind":"order"}]}`),
		"touched of odd ids":          raw(canon.EntryTouched, webHead, `{"refs":[{"kind":"or/der","external_id":"1"}]}`),
		"an attempt of wrong types":   raw(canon.EntryAttempt, webHead, `{"writes":{}}`),
		"a settled of wrong types":    raw(canon.EntrySettled, webHead, `7`),
		"an adoption of wrong types":  raw(canon.EntryAdopt, `{}`, `{"items":"all"}`),
		"a page of wrong types":       raw(canon.EntryRefresh, `{}`, `"x"`),
		"a delivery nobody read":      raw(canon.EntryMalformed, webHead, `{"reason":"not JSON","size":3}`),
		"a replay of wrong types":     raw(canon.EntryReplay, `{}`, `{"parked":7}`),
		"a version of wrong types":    raw(canon.EntryFoldVersion, `{}`, `{"version":"one"}`),
	}
	return m
}

// withoutParking leaves out what parking itself writes, and when a connection was last heard of.
func withoutParking(m map[string]string) map[string]string {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(k, _ string) bool {
		for _, p := range []string{store.PrefixParked, store.PrefixRow, store.PrefixEntity + "parked:"} {
			if strings.HasPrefix(k, p) {
				return true
			}
		}
		return false
	})
	return m
}

// TestPoisonIsParkedAndNothingElseIsWritten is invariant 6, for every type of entry.
func TestPoisonIsParkedAndNothingElseIsWritten(t *testing.T) {
	t.Parallel()
	entries := poison(t)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		t.Run(name, func(t *testing.T) {
			w := newWorkbench(t, testSettings())
			threeSides(w)
			before := withoutParking(bytesOf(t, w.store))
			w.fold(entries[name])
			p := w.parked()
			require.Len(t, p, 1)
			require.NotEmpty(t, p[0].Code)
			require.NotEmpty(t, p[0].Reason)
			require.Less(t, len(p[0].Reason), 400)
			require.Empty(t, difference(before, withoutParking(bytesOf(t, w.store))))
			w.digest(store.ScopeState) // what is kept of it is JSON

			// A replay that fails again leaves it parked, once; discarding ends it.
			w.entry(canon.EntryReplay, canon.Head{Actor: "anna"}, canon.Replay{Parked: p[0].Position})
			again := w.parked()
			require.Len(t, again, 1)
			require.Equal(t, p[0].Position, again[0].Position)
			require.Empty(t, difference(before, withoutParking(bytesOf(t, w.store))))

			// What comes behind it flows on.
			w.pushed("web", order("o1", 10, line("1", "w1", 1)))
			require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
			w.entry(canon.EntryReplay, canon.Head{Actor: "anna"}, canon.Replay{Parked: p[0].Position, Discard: true})
			require.Empty(t, w.parked())
		})
	}
}

func TestAPanicInsideTheFoldParksTheEntryAndItsReplayWorks(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	before := withoutParking(bytesOf(t, w.store))
	w.tune = func(f *fold) {
		f.take = func(b *canon.Binding, s *canon.Shown) bool {
			f.settings = nil // what it leaves behind in memory must not stay either
			panic("a bug")
		}
	}
	w.pushed("web", order("o1", 10, line("1", "w1", 1)))
	require.Empty(t, difference(before, withoutParking(bytesOf(t, w.store))))
	p := w.parked()
	require.Len(t, p, 1)
	require.Equal(t, "fold.panic", p[0].Code)
	require.Contains(t, p[0].Reason, "parking_test.go")
	w.entry(canon.EntryReplay, canon.Head{Actor: "anna"}, canon.Replay{Parked: p[0].Position})
	require.Len(t, w.parked(), 1, "it panics again")
	w.tune = nil
	w.entry(canon.EntryReplay, canon.Head{Actor: "anna"}, canon.Replay{Parked: p[0].Position})
	require.Empty(t, w.parked())
	require.Equal(t, canon.ItemSold, w.item("web", "w1").Status)
	w.entry(canon.EntryReplay, canon.Head{Actor: "anna"}, canon.Replay{Parked: p[0].Position})
	require.Empty(t, w.parked(), "a second replay does nothing")
}

// TestIDsThatLookLikeKeysDoNotCollide folds pairs of facts whose keys would be alike if their parts were put together
// as they are.
func TestIDsThatLookLikeKeysDoNotCollide(t *testing.T) {
	t.Run("claims", func(t *testing.T) {
		w := newWorkbench(t, testSettings())
		threeSides(w)
		w.pushed("web", order("a/b", 10, line("c", "w1", 1)))
		w.pushed("web", order("a", 10, line("b/c", "w1", 1)))
		require.Len(t, w.keys(store.PrefixClaim), 2)
		require.True(t, w.item("web", "w1").Contested)
		require.Empty(t, w.parked())
	})
	t.Run("outcomes", func(t *testing.T) {
		require.NotEqual(t, store.OutcomeKey("a/b", "c"), store.OutcomeKey("a", "b/c"))
		require.NotEqual(t, store.OutcomeKey("a%2Fb", "c"), store.OutcomeKey("a/b", "c"))
	})
	t.Run("rows of an entity with slashes", func(t *testing.T) {
		p := canon.Position{Offset: 7, Index: 1}
		require.Equal(t, store.RowKey(p, 3), store.RowOfEntityKey(store.EntityKey("connection:a/b/c", p, 3)))
	})
	t.Run("listings, stock ids and levels", func(t *testing.T) {
		w := newWorkbench(t, testSettings())
		for _, id := range []string{"x", "x/y", "x@y", "x%2Fy", "gid://shopify/ProductVariant/1", "x/"} {
			w.fetched("web", listing(id, "", "SN "+id))
			w.fetched("web", level(id, "L1", 1, 1))
			it := w.item("web", id)
			require.NotNil(t, it)
			require.Len(t, it.Nodes, 1)
			require.Equal(t, canon.ItemInStock, it.Status)
		}
		require.Empty(t, w.parked())
	})
}

// TestAGroupOfAnySizeIsCommitted folds more than one commit can hold, in one batch, and goes on after a stop within it.
func TestAGroupOfAnySizeIsCommitted(t *testing.T) {
	var entries []bus.Entry
	for i := range 1200 {
		o := order(fmt.Sprint("o", i), 1, line("1", "w1", 1))
		o.Order.Lines[0].Title = strings.Repeat("long ", 400)
		entries = append(entries, observationEntry(t, canon.Head{Connection: "web", Actor: "connection:web"}, o))
	}
	b := bus.Batch{Offset: 3, Time: dayOne.UnixNano(), Entries: entries}
	g := group{facts: decodeBatch(&b), batches: []bus.Batch{b}}
	w := newWorkbench(t, testSettings())
	to := folder{store: w.store, journal: "test"}
	c, err := to.fold(g)
	require.NoError(t, err)
	require.NoError(t, to.close())
	require.Equal(t, canon.Position{Offset: 3, Index: 1199}, c.Mark.Position)
	require.False(t, c.Mark.Partial)
	require.Equal(t, 1200, c.Entries)
	require.Len(t, w.keys(store.PrefixRecord+store.TypeOrder+"/"), 1200)

	beside := newWorkbench(t, testSettings())
	var passed []Commit
	to = folder{store: beside.store, journal: "test", passed: func(c Commit) { passed = append(passed, c) }}
	_, err = to.fold(g)
	require.NoError(t, err)
	require.NoError(t, to.close())
	require.Len(t, passed, 1, "the group is passed once, after its last commit")
	require.Equal(t, c.Mark, passed[0].Mark)
	require.Equal(t, c.Entries, passed[0].Entries)
	require.ElementsMatch(t, c.Records, passed[0].Records)
	require.Empty(t, difference(bytesOf(t, w.store), bytesOf(t, beside.store)))

	stopped := newWorkbench(t, testSettings())
	failing := &failingStore{Store: stopped.store, after: 2}
	to = folder{store: failing, journal: "test"}
	_, err = to.fold(g)
	require.Error(t, err)
	require.NoError(t, to.close())
	v, err := stopped.store.View()
	require.NoError(t, err)
	mark, err := v.Mark()
	require.NoError(t, err)
	v.Close()
	require.True(t, mark.Partial)
	require.EqualValues(t, 3, nextBatch(mark), "the batch is read again")
	to = folder{store: stopped.store, journal: "test"}
	_, err = to.fold(g)
	require.NoError(t, err)
	require.NoError(t, to.close())
	require.Empty(t, difference(bytesOf(t, w.store), bytesOf(t, stopped.store)))
}

// failingStore is a store whose disk is full after some commits.
type failingStore struct {
	store.Store
	after int
}

func (s *failingStore) Commit(w *store.Writes, m store.Mark) error {
	if s.after--; s.after < 0 {
		return fmt.Errorf("no space left")
	}
	return s.Store.Commit(w, m)
}

// TestManyOrdersOfOneListingAreWokenByPages has more orders wait for a listing than one entry may fold.
func TestManyOrdersOfOneListingAreWokenByPages(t *testing.T) {
	w := newWorkbench(t, testSettings())
	const n = 3*wakePage + 7
	for i := range n {
		w.pushed("web", order(fmt.Sprint("o", i), 1, line("1", "q", 1)))
	}
	w.fetched("web", level("q", "L1", 9, 1))
	w.fetched("web", listing("q", "BAND", ""))
	require.NotEmpty(t, w.keys(store.PrefixDue))
	w.now = w.now.Add(time.Second)
	w.settleDue()
	require.Empty(t, w.keys(store.PrefixDue))
	for _, k := range w.keys(store.PrefixRecord + store.TypeOrder + "/") {
		require.False(t, load[canon.Order](w, store.RecordKey(store.TypeOrder, k)).Lines[0].Waiting)
	}
	require.EqualValues(t, 9, w.item("web", "q").Stock[0].OnHand, "the level includes its own connection's sales")
	require.Empty(t, w.parked())
}

// FuzzObservation folds what nobody expects: it is applied or parked, and every digest still reads.
func FuzzObservation(f *testing.F) {
	for _, o := range []canon.Observation{listing("w1", "S", "N"), level("w1", "L1", 1, 1), order("o1", 1, line("1", "w1", 1)), refund("r", "o1", 1)} {
		data, err := json.Marshal(o)
		require.NoError(f, err)
		f.Add(data, []byte(`{"emails":["a@example.org"]}`))
	}
	f.Fuzz(func(t *testing.T, data, personal []byte) {
		w := newWorkbench(t, testSettings())
		threeSides(w)
		e := raw(canon.EntryObservation, webHead, "")
		e.Data, e.Personal = data, personal
		w.fold(e)
		w.digest(store.ScopeState)
		coherent(t, w.store)
	})
}

// TestOtherSettingsBindWhatWasUnbound has listings on the match list, and settings under which their SKU is no key.
func TestOtherSettingsBindWhatWasUnbound(t *testing.T) {
	w := newWorkbench(t, testSettings())
	for _, l := range [][2]string{{"web", "a"}, {"shop", "b"}, {"shop", "c"}} {
		w.fetched(l[0], listing(l[1], "SKU", ""))
	}
	require.Nil(t, w.item("web", "a"), "its SKU is on two listings of the other shop")
	var nodes []string
	for _, row := range w.keys(store.PrefixMatch) {
		nodes = append(nodes, load[canon.MatchRow](w, store.PrefixMatch+row).Node)
	}
	require.Len(t, nodes, 3)
	s := testSettings()
	s.MatchItem = []string{"serial"}
	w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	w.entry(canon.EntryRefresh, canon.Head{Actor: "hub"}, canon.Refresh{Items: []string{}, Listings: nodes, Done: true})
	var after []string
	for _, row := range w.keys(store.PrefixMatch) {
		after = append(after, load[canon.MatchRow](w, store.PrefixMatch+row).Reason)
	}
	require.NotContains(t, after, "sku.duplicate")
}
