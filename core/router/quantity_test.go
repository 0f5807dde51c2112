package router

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// tenOfASKU lists one quantity SKU on both shops and at the till, ten of it in Paris, both shops live.
func tenOfASKU(t testing.TB, authority string) *workbench {
	s := testSettings()
	s.StockAuthority = authority
	w := newWorkbench(t, s)
	for conn, o := range map[string]canon.Observation{"till": level("q", "paris", 10, 0), "web": level("q", "L1", 10, 1), "shop": level("q", "", 10, 0)} {
		w.fetched(conn, listing("q", "BAND", ""))
		w.fetched(conn, o)
	}
	w.live("web")
	w.live("shop")
	require.EqualValues(t, 10, w.available())
	return w
}

// available gives the stock of the SKU, and requires the case of an oversold one exactly while it is below zero.
func (w *workbench) available() int64 {
	w.t.Helper()
	it := w.item("shop", "q")
	require.NotNil(w.t, it)
	require.False(w.t, it.Serialized)
	require.Len(w.t, it.Stock, 1)
	require.Equal(w.t, it.Stock[0].OnHand-it.Stock[0].Reserved, it.Stock[0].Available)
	cases := w.openCases()
	if it.Stock[0].Available < 0 {
		require.Len(w.t, cases, 1)
		require.Equal(w.t, canon.CaseOversold, cases[0].Kind)
	} else {
		require.Empty(w.t, cases)
	}
	return it.Stock[0].Available
}

// sale is what the model knows of one order: how much was ordered, what came back, whether it stands.
type sale struct {
	version              int64
	quantity             int64
	cancelled            bool
	restocked, goodwills int64
}

func (s *sale) net() int64 {
	if s.version == 0 || s.cancelled {
		return 0
	}
	return max(s.quantity-s.restocked, 0)
}

// trade is a set of documents of two shops, and levels that come late or twice.
type trade struct {
	conn string
	obs  canon.Observation
	tell func(model map[string]*sale)
}

func ordered(conn, id string, version, quantity int64, cancelled bool) trade {
	o := order(id, version, line("1", "q", quantity))
	if cancelled {
		o.Order.Status = canon.OrderCancelled
	}
	return trade{conn, o, func(m map[string]*sale) {
		if s := m[conn+id]; version > s.version {
			s.version, s.quantity, s.cancelled = version, quantity, cancelled
		}
	}}
}

func gaveBack(conn, id, orderID string, quantity int64, restocked bool) trade {
	r := refund(id, orderID, 1, canon.RefundLine{OrderLineID: "1", Quantity: quantity, Restocked: restocked})
	return trade{conn, r, func(m map[string]*sale) {
		if restocked {
			m[conn+orderID].restocked += quantity
		} else {
			m[conn+orderID].goodwills += quantity
		}
	}}
}

func showed(conn string, o canon.Observation) trade {
	return trade{conn, o, func(map[string]*sale) {}}
}

func newModel() map[string]*sale {
	m := make(map[string]*sale)
	for _, id := range []string{"webA", "webB", "shopC", "shopD"} {
		m[id] = &sale{}
	}
	return m
}

func stockOf(m map[string]*sale) int64 {
	n := int64(10)
	for _, s := range m {
		n -= s.net()
	}
	return n
}

// TestStockAddsUpInEveryOrder plays every order of a small day on two shops: after each fact the stock is the opening
// less what is sold and stands, plus what came back, whatever the platforms' own levels say.
func TestStockAddsUpInEveryOrder(t *testing.T) {
	t.Parallel()
	day := func() []trade {
		trades := []trade{
			ordered("web", "A", 1, 6, false),
			ordered("web", "A", 2, 6, true),
			gaveBack("shop", "r1", "C", 2, true),
			ordered("shop", "C", 1, 5, false),
			showed("web", level("q", "L1", 4, 5)),
		}
		if seeds(t, 1) > 1 { // a refund that gives nothing back makes six times as many orders
			trades = append(trades, gaveBack("shop", "r2", "C", 1, false))
		}
		return trades
	}
	n := len(day())
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	var each func(k int)
	played, all := 0, 1
	for i := range n {
		all *= i + 1
	}
	each = func(k int) {
		if k < n {
			for i := k; i < n; i++ {
				perm[k], perm[i] = perm[i], perm[k]
				each(k + 1)
				perm[k], perm[i] = perm[i], perm[k]
			}
			return
		}
		played++
		w, trades, model := tenOfASKU(t, "hub"), day(), newModel()
		for step, i := range perm {
			w.pushed(trades[i].conn, trades[i].obs)
			trades[i].tell(model)
			require.Equal(t, stockOf(model), w.available(), "order %v, step %d", perm, step)
		}
		require.EqualValues(t, 10-3, w.available())
	}
	each(0)
	require.Equal(t, all, played)
}

// TestStockAddsUpOverALongDay plays random days with everything twice, commands among it, and overselling.
func TestStockAddsUpOverALongDay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 12)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w, model := tenOfASKU(t, "hub"), newModel()
		var trades []trade
		for _, id := range [][2]string{{"web", "A"}, {"web", "B"}, {"shop", "C"}, {"shop", "D"}} {
			for v := range int64(3) {
				trades = append(trades, ordered(id[0], id[1], v+1, 1+rng.Int64N(6), rng.IntN(4) == 0))
			}
			for r := range 2 {
				trades = append(trades, gaveBack(id[0], fmt.Sprintf("r%s%d", id[1], r), id[1], 1+rng.Int64N(3), rng.IntN(2) == 0))
			}
		}
		for v := range int64(4) {
			trades = append(trades, showed("web", level("q", "L1", rng.Int64N(14)-2, 10+v)))
		}
		rng.Shuffle(len(trades), func(i, k int) { trades[i], trades[k] = trades[k], trades[i] })
		reserved, held := int64(0), map[string]int64{}
		for i, tr := range trades {
			w.pushed(tr.conn, tr.obs)
			tr.tell(model)
			if rng.IntN(3) == 0 {
				w.pushed(tr.conn, tr.obs) // the same again
			}
			require.Equal(t, stockOf(model)-reserved, w.available(), "seed %d, step %d", seed, i)
			switch rng.IntN(4) {
			case 0:
				q, id, was := 1+rng.Int64N(3), fmt.Sprintf("R%d", i), w.available()
				out := w.do("till", canon.Command{Key: id, ID: id, Reserve: &canon.Reserve{Item: w.item("web", "q").ID, Quantity: q, Seconds: 600, Channel: "till-1"}})
				require.Equal(t, was >= q, out.OK, "reserve %d of %d", q, was)
				if out.OK {
					held[id], reserved = q, reserved+q
				}
			case 1:
				for _, id := range sortedKeys(held) {
					require.True(t, w.do("till", canon.Command{Key: "x" + id, ID: "x" + id, Release: &canon.Release{Reservation: id}}).OK)
					reserved -= held[id]
					delete(held, id)
					break
				}
			}
			require.Equal(t, stockOf(model)-reserved, w.available(), "seed %d, after step %d", seed, i)
		}
	}
}

// authority is a platform that counts the stock: its own orders lower its number by themselves, and the hub writes
// what the other channels take, with the vendor's compare-and-set.
type authority struct {
	*workbench
	rng  *rand.Rand
	real int64 // what the platform has
	sold map[string]int64
	n    int
	open *canon.AttemptedWrite // announced, not settled
	at   canon.Position
	done string // what became of it at the platform
}

func (a *authority) want() *canon.Want { return a.levelWant("shop", "sq@") }

func (a *authority) read() { a.fetched("shop", level("q", "", a.real, 0)) }

func (a *authority) attempt() {
	w := a.want()
	if a.open != nil || !w.Differs() || w.Write == canon.WriteAttempted {
		return
	}
	a.n++
	a.open = &canon.AttemptedWrite{Key: fmt.Sprintf("w%d", a.n), ExternalID: "sq@", Want: *w.Quantity, Expect: w.Shows}
	a.entry(canon.EntryAttempt, canon.Head{Connection: "shop", Actor: "hub"}, canon.Attempt{Writes: []canon.AttemptedWrite{*a.open}})
	a.at, a.done = canon.Position{Offset: a.offset}, ""
}

// carryOut is the moment at which the platform takes the write, or refuses it because its number is another one.
func (a *authority) carryOut() {
	if a.open == nil || a.done != "" {
		return
	}
	switch {
	case a.rng.IntN(10) == 0:
		a.done = "retry" // it never got there
	case a.real == a.open.Expect:
		a.real, a.done = a.open.Want, "applied"
	default:
		a.done = "conflict"
	}
}

func (a *authority) settle() {
	if a.open == nil {
		return
	}
	a.carryOut()
	status := a.done
	if status == "applied" && a.rng.IntN(6) == 0 {
		status = "unknown" // the answer was lost
	}
	a.entry(canon.EntrySettled, canon.Head{Connection: "shop", Actor: "hub"}, canon.Settled{Writes: []canon.SettledWrite{{
		Key: a.open.Key, ExternalID: "sq@", Want: a.open.Want, Status: status, Attempt: a.at,
	}}})
	if status == "unknown" {
		a.read() // before anything else happens there: what it shows decides
	}
	a.open = nil
}

// TestStockAddsUpWhereAPlatformCounts lets a platform be the authority: when everything is settled, its own number is
// what it began with less all that was sold anywhere and stands. No unit is lost, none is counted twice.
func TestStockAddsUpWhereAPlatformCounts(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 40)) {
		a := &authority{workbench: tenOfASKU(t, "shop"), rng: rand.New(rand.NewPCG(seed, 3)), real: 10, sold: map[string]int64{}}
		versions := map[string]int64{}
		for range 40 {
			id := fmt.Sprintf("o%d", a.rng.IntN(4))
			switch a.rng.IntN(8) {
			case 0, 1: // the web shop sells, changes or cancels
				versions[id]++
				q := a.rng.Int64N(4)
				o := order(id, versions[id], line("1", "q", q))
				if a.rng.IntN(4) == 0 {
					o.Order.Status, q = canon.OrderCancelled, 0
				}
				a.pushed("web", o)
				a.sold["web"+id] = q
			case 2: // the platform sells by itself; its order and its number are shown later
				q := 1 + a.rng.Int64N(2)
				if a.sold["shop"+id] == 0 {
					a.sold["shop"+id] = q
					a.real -= q
					a.now = a.now.Add(time.Second)
					a.pushed("shop", order(id, 1, line("1", "q", q)))
				}
			case 3, 4:
				a.attempt()
			case 5:
				a.carryOut()
			case 6:
				a.settle()
			case 7:
				if a.open == nil {
					a.read()
				}
			}
		}
		for range 20 {
			a.settle()
			a.read()
			if !a.want().Differs() {
				break
			}
			a.attempt()
		}
		want := int64(10)
		for _, q := range a.sold {
			want -= q
		}
		require.False(t, a.want().Differs(), "seed %d never comes to rest: %+v", seed, a.want())
		if want >= 0 { // below zero the platform can't show it
			require.Equal(t, want, a.real, "seed %d: the platform has another number than was sold: %v", seed, a.sold)
		}
		require.Equal(t, want, a.available(), "seed %d: %v", seed, a.sold)
		if want >= 0 {
			pending := int64(0)
			for _, key := range a.keys(store.PrefixClaim) {
				if c := load[canon.Claim](a.workbench, store.PrefixClaim+key); c.Connection != "shop" {
					pending += c.Net - c.Reflected
				}
			}
			require.Zero(t, pending, "seed %d: taken elsewhere, and not in its number", seed)
		}
		require.Empty(t, a.parked())
	}
}

// TestGoodsAreTakenFromWhereTheyAre: a till that reports names the hub's own places, and a shop that knows no places
// sells what there is where it is.
func TestGoodsAreTakenFromWhereTheyAre(t *testing.T) {
	s := testSettings()
	for i := range s.Connections {
		s.Connections[i].SellsFrom = []string{"paris", "lyon"}
	}
	s.Connections[1].Locations = map[string]string{"L1": "paris", "L2": "lyon"}
	w := newWorkbench(t, s)
	for conn, o := range map[string]canon.Observation{"till": level("q", "lyon", 10, 0), "web": level("q", "L2", 10, 1), "shop": level("q", "", 10, 0)} {
		w.fetched(conn, listing("q", "BAND", ""))
		w.fetched(conn, o)
	}
	w.live("web")
	w.live("shop")
	reported := order("r1", 1, canon.OrderLine{ID: "1", SKU: "BAND", Quantity: 2, Location: "lyon", Price: canon.StatedMoney{Amount: "1.00", Currency: "EUR"}})
	reported.Order.Location = "lyon"
	w.pushed("paris-1:till", reported)
	w.pushed("shop", order("s1", 1, line("1", "q", 1)))
	require.Equal(t, []canon.StockAt{{Location: "lyon", OnHand: 7, Available: 7}}, w.item("shop", "q").Stock)
	require.Empty(t, w.openCases())
	require.EqualValues(t, 7, *w.levelWant("web", "sq@L2").Quantity)
	require.EqualValues(t, 7, *w.levelWant("shop", "sq@").Quantity)
}
