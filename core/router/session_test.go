package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func (d desk) count(ask canon.CountAsk) canon.Outcome {
	d.w.t.Helper()
	d.w.commands++
	id := fmt.Sprintf("C%d", d.w.commands)
	ask.Channel = d.role + ":" + d.name
	return d.w.do(d.name, canon.Command{Key: id, ID: id, Role: d.role, Count: &ask})
}

func (w *workbench) sessionOf(id string) *canon.CountSession {
	return load[canon.CountSession](w, store.RecordKey(store.TypeCount, id))
}

// findings lists the goods of a session's findings of one state.
func (w *workbench) findings(session, state string) (out []string) {
	for _, k := range w.keys(store.PrefixCounted + session + "/" + state) {
		out = append(out, load[canon.CountLine](w, store.PrefixCounted+session+"/"+state+k).Item)
	}
	return out
}

func scans(read ...string) []canon.CountScan {
	out := make([]canon.CountScan, len(read))
	for i, r := range read {
		out[i].Scanned = r
	}
	return out
}

// aShowcase has n pieces in Paris, one in Lyon, one that was sold, one that is missing, and ten of a SKU in Paris.
func aShowcase(t testing.TB, n int) (*workbench, func(i int) *canon.Item) {
	w := newWorkbench(t, testSettings())
	for i := range n + 3 {
		at := "paris"
		if i == n {
			at = "lyon"
		}
		id := fmt.Sprint("t", i)
		w.fetched("till", listing(id, fmt.Sprint("SKU-", i), fmt.Sprint("SN-", i), func(l *canon.ListingState) { l.Home = at }))
		w.fetched("till", level(id, at, 1, 1))
	}
	w.fetched("till", listing("q", "BAND", ""))
	w.fetched("till", level("q", "paris", 10, 0))
	piece := func(i int) *canon.Item { return w.item("till", fmt.Sprint("t", i)) }
	w.do("till", canon.Command{Key: "sold", ID: "sold", Sell: &canon.Sell{Item: piece(n + 1).ID, Channel: "till"}})
	_, _, chief := w.desks()
	require.True(t, chief.move(canon.MoveItem{Item: piece(n + 2).ID, Event: "miss"}).OK)
	w.now = w.now.Add(time.Hour)
	return w, piece
}

func TestACountFindsWhatIsMissingAndWhatIsUnexpected(t *testing.T) {
	w, piece := aShowcase(t, 4)
	anna, _, chief := w.desks()
	opened := anna.count(canon.CountAsk{Event: "open", Location: "paris"})
	require.True(t, opened.OK, opened.Reason)
	session := fmt.Sprintf("C%d", w.commands)
	ask := func(d desk, a canon.CountAsk) canon.Outcome { a.Session = session; return d.count(a) }

	require.True(t, ask(anna, canon.CountAsk{Event: "see", Scans: scans("SN-0", "sn-1", "SN-1", "SN-4", "SN-5", "SN-6", "?", "BAND", "BAND")}).OK)
	require.True(t, ask(anna, canon.CountAsk{Event: "pause"}).OK)
	require.Equal(t, "transition.illegal", ask(anna, canon.CountAsk{Event: "see", Scans: scans("SN-2")}).Code)
	require.True(t, ask(anna, canon.CountAsk{Event: "resume"}).OK)
	reader := func(n int64, at time.Time) canon.Observation {
		o := counted(session+"/sku:BAND", at, "paris", "BAND", "", n)
		o.SourceVersion, o.Count.Session = at.UnixMicro(), session
		return o
	}
	w.pushed("reader:gate", reader(5, w.now))
	w.pushed("reader:gate", reader(6, w.now.Add(time.Second)))
	w.pushed("reader:gate", reader(5, w.now))
	require.EqualValues(t, 10, stockAt(w.item("till", "q"))["paris"].OnHand, "an open count changes no stock")

	require.True(t, ask(anna, canon.CountAsk{Event: "submit"}).OK)
	require.Equal(t, "count.comparing", ask(chief, canon.CountAsk{Event: "complete", Approved: true}).Code)
	w.settleDue()
	s := w.sessionOf(session)
	require.True(t, s.Compared)
	require.EqualValues(t, []int64{5, 2, 3, 1, 1}, []int64{s.Expected, s.Missing, s.Unexpected, s.Differing, s.Unknown})
	require.ElementsMatch(t, []string{piece(2).ID, piece(3).ID}, w.findings(session, "missing1/"))
	require.ElementsMatch(t, []string{piece(4).ID, piece(5).ID, piece(6).ID}, w.findings(session, "unexpected1/"))
	require.Equal(t, []string{w.item("till", "q").ID}, w.findings(session, "differing1/"))
	w.pushed("reader:gate", reader(7, w.now.Add(time.Minute)))
	require.Equal(t, "count.closed", w.parked()[0].Code, "a late scan is kept for a person")

	require.Equal(t, "approval.missing", ask(chief, canon.CountAsk{Event: "complete"}).Code)
	require.Equal(t, "approval.second_person", ask(desk{w, "anna", "manager"}, canon.CountAsk{Event: "complete", Approved: true}).Code)
	require.True(t, ask(chief, canon.CountAsk{Event: "recount"}).OK)
	require.True(t, ask(anna, canon.CountAsk{Event: "see", Scans: scans("SN-2")}).OK)
	w.now = w.now.Add(time.Minute)
	require.True(t, ask(anna, canon.CountAsk{Event: "submit"}).OK)
	w.settleDue()
	require.Equal(t, []string{piece(3).ID}, w.findings(session, "missing2/"), "the recount found one")
	w.do("till", canon.Command{Key: "late", ID: "late", Reserve: &canon.Reserve{Item: piece(0).ID, Seconds: 9000, Channel: "till"}})
	require.True(t, ask(chief, canon.CountAsk{Event: "complete", Approved: true}).OK)
	w.settleDue()
	require.True(t, w.sessionOf(session).Applied)

	require.Equal(t, canon.ItemReserved, piece(0).Status)
	require.Equal(t, canon.ItemMissing, piece(3).Status)
	require.Equal(t, "paris", piece(4).Location, "it was seen here")
	require.Equal(t, canon.ItemInStock, piece(4).Status)
	require.Equal(t, canon.ItemSold, piece(5).Status, "what is sold and still there is listed, and nothing else")
	require.Equal(t, canon.ItemInStock, piece(6).Status, "it was missing")
	require.EqualValues(t, 8, stockAt(w.item("till", "q"))["paris"].OnHand, "two by hand and six by the reader")
	require.Equal(t, "transition.illegal", ask(chief, canon.CountAsk{Event: "cancel"}).Code)
	coherent(t, w.store)
}

func TestACountWithoutDiscrepancyNeedsNoApproval(t *testing.T) {
	w, _ := aShowcase(t, 2)
	anna, _, chief := w.desks()
	require.Equal(t, "location.unknown", anna.count(canon.CountAsk{Event: "open", Location: "mars"}).Code)
	require.Equal(t, "count.unknown", anna.count(canon.CountAsk{Event: "see", Session: "C99", Scans: scans("x")}).Code)
	require.True(t, anna.count(canon.CountAsk{Event: "open", Location: "paris"}).OK)
	session := fmt.Sprintf("C%d", w.commands)
	require.Equal(t, "count.scans", anna.count(canon.CountAsk{Session: session, Event: "see"}).Code)
	require.True(t, anna.count(canon.CountAsk{Session: session, Event: "see", Scans: []canon.CountScan{{Scanned: "SN-0"}, {Scanned: "SN-1"}, {Scanned: "BAND", Quantity: 10}}}).OK)
	require.True(t, anna.count(canon.CountAsk{Session: session, Event: "submit"}).OK)
	w.settleDue()
	require.Zero(t, discrepancies(w.sessionOf(session)))
	require.Equal(t, "transition.actor", anna.count(canon.CountAsk{Session: session, Event: "complete"}).Code)
	require.True(t, chief.count(canon.CountAsk{Session: session, Event: "complete"}).OK)
	w.settleDue()
	require.True(t, w.sessionOf(session).Applied)
}

func TestAWideCountGoesPageByPage(t *testing.T) {
	const n = 3*countRows + 7
	w, piece := aShowcase(t, n)
	anna, _, chief := w.desks()
	require.True(t, anna.count(canon.CountAsk{Event: "open", Location: "paris"}).OK)
	session := fmt.Sprintf("C%d", w.commands)
	require.True(t, anna.count(canon.CountAsk{Session: session, Event: "see", Scans: scans("SN-7")}).OK)
	require.True(t, anna.count(canon.CountAsk{Session: session, Event: "submit"}).OK)
	ticks := 0
	for w.sessionOf(session).Phase != "" {
		ticks++
		w.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
	}
	require.GreaterOrEqual(t, ticks, n/countRows, "no entry does it all")
	require.EqualValues(t, n, w.sessionOf(session).Missing, "all pieces but one, and the SKU")
	require.True(t, chief.count(canon.CountAsk{Session: session, Event: "complete", Approved: true}).OK)
	w.settleDue()
	for i := range n {
		want := canon.ItemMissing
		if i == 7 {
			want = canon.ItemInStock
		}
		require.Equal(t, want, piece(i).Status, "piece %d", i)
	}
	require.Empty(t, w.parked())
}
