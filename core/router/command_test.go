package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// modelClaim is a claim as a shop assistant would keep it on paper.
type modelClaim struct {
	channel string
	sale    bool
	until   time.Time // of a reservation
}

// modelPiece is one piece with who claims it, in the order of the journal.
type modelPiece struct {
	item   string
	holder string
	claims map[string]*modelClaim
}

func (p *modelPiece) end(key string) {
	delete(p.claims, key)
	if p.holder == key {
		p.holder = ""
	}
}

// shopFloor is the machine: random commands and observations on a few pieces beside the model.
type shopFloor struct {
	w      *workbench
	pieces []*modelPiece
	n      int
	seen   []canon.Command // with their actors, to repeat them
	actors []string
	outs   []canon.Outcome
	sales  map[string]bool // web orders that stand, by piece
}

func (s *shopFloor) id() string {
	s.n++
	return fmt.Sprintf("C%04d", s.n)
}

func (s *shopFloor) expire() {
	for _, p := range s.pieces {
		for _, key := range sortedKeys(p.claims) {
			if c := p.claims[key]; !c.sale && !c.until.After(s.w.now) {
				p.end(key)
			}
		}
	}
	s.w.settleDue()
}

func (s *shopFloor) run(actor string, cmd canon.Command) canon.Outcome {
	out := s.w.do(actor, cmd)
	s.seen, s.actors, s.outs = append(s.seen, cmd), append(s.actors, actor), append(s.outs, out)
	return out
}

// TestCommandsFollowAShopAssistantsModel: a piece has one holder at most; a command is refused exactly while somebody
// else holds it; a hold that was granted ends by release, expiry or its own sale alone; a repeat gives the same answer.
func TestCommandsFollowAShopAssistantsModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := &shopFloor{w: newWorkbench(t, testSettings()), sales: make(map[string]bool)}
		for i := range 3 {
			id := fmt.Sprint(i)
			s.w.fetched("web", listing("w"+id, "SKU-"+id, "SN-"+id))
			s.w.fetched("web", level("w"+id, "L1", 1, 1))
		}
		s.w.live("web")
		for i := range 3 {
			s.pieces = append(s.pieces, &modelPiece{item: s.w.item("web", fmt.Sprint("w", i)).ID, claims: make(map[string]*modelClaim)})
		}
		piece := func(rt *rapid.T) (int, *modelPiece) {
			i := rapid.IntRange(0, len(s.pieces)-1).Draw(rt, "piece")
			return i, s.pieces[i]
		}
		hold := func(rt *rapid.T, p *modelPiece) (string, *modelClaim) {
			var holds []string
			for _, key := range sortedKeys(p.claims) {
				if !p.claims[key].sale {
					holds = append(holds, key)
				}
			}
			if len(holds) == 0 {
				rt.Skip("nobody holds it")
			}
			key := rapid.SampledFrom(holds).Draw(rt, "hold")
			return key, p.claims[key]
		}
		rt.Repeat(map[string]func(*rapid.T){
			"reserve": func(rt *rapid.T) {
				_, p := piece(rt)
				till := rapid.SampledFrom([]string{"till-1", "till-2"}).Draw(rt, "till")
				id, seconds := s.id(), rapid.Int64Range(1, 120).Draw(rt, "seconds")
				out := s.run(till, canon.Command{Key: id, ID: id, Reserve: &canon.Reserve{Item: p.item, Seconds: seconds, Channel: till}})
				require.Equal(rt, len(p.claims) == 0, out.OK, "%+v", out)
				if out.OK {
					p.claims[id], p.holder = &modelClaim{channel: till, until: s.w.now.Add(time.Duration(seconds) * time.Second)}, id
				} else if p.holder != "" {
					require.Equal(rt, p.claims[p.holder].channel, out.Holder.Channel)
				}
			},
			"release": func(rt *rapid.T) {
				_, p := piece(rt)
				key, _ := hold(rt, p)
				id := s.id()
				require.True(rt, s.run("till-1", canon.Command{Key: id, ID: id, Release: &canon.Release{Reservation: key}}).OK)
				p.end(key)
			},
			"sell": func(rt *rapid.T) {
				_, p := piece(rt)
				id := s.id()
				out := s.run("till-1", canon.Command{Key: id, ID: id, Sell: &canon.Sell{Item: p.item, Channel: "till-1"}})
				require.Equal(rt, len(p.claims) == 0, out.OK, "%+v", out)
				if out.OK {
					p.claims[id], p.holder = &modelClaim{channel: "till-1", sale: true}, id
				}
			},
			"sell the own hold": func(rt *rapid.T) {
				_, p := piece(rt)
				key, c := hold(rt, p)
				id := s.id()
				out := s.run(c.channel, canon.Command{Key: id, ID: id, Sell: &canon.Sell{Item: p.item, Channel: c.channel, Reservation: key}})
				require.Equal(rt, p.holder == key && len(p.claims) == 1, out.OK, "%+v", out)
				if out.OK {
					p.end(key)
					p.claims[id], p.holder = &modelClaim{channel: c.channel, sale: true}, id
				}
			},
			"time passes": func(rt *rapid.T) {
				s.w.now = s.w.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "seconds")) * time.Second)
				s.expire()
			},
			"the web sells": func(rt *rapid.T) {
				i, p := piece(rt)
				if s.sales[p.item] {
					rt.Skip("sold already")
				}
				s.n++
				key := fmt.Sprintf("web/o%d/1", i)
				s.w.pushed("web", order(fmt.Sprint("o", i), int64(s.n), line("1", fmt.Sprint("w", i), 1)))
				p.claims[key], s.sales[p.item] = &modelClaim{channel: "web", sale: true}, true
				if p.holder == "" && len(p.claims) == 1 {
					p.holder = key
				}
			},
			"the web cancels": func(rt *rapid.T) {
				i, p := piece(rt)
				if !s.sales[p.item] {
					rt.Skip("not sold")
				}
				s.n++
				o := order(fmt.Sprint("o", i), int64(s.n), line("1", fmt.Sprint("w", i), 1))
				o.Order.Status = canon.OrderCancelled
				s.w.pushed("web", o)
				delete(s.sales, p.item)
				p.end(fmt.Sprintf("web/o%d/1", i))
			},
			"a repeat": func(rt *rapid.T) {
				if len(s.seen) == 0 {
					rt.Skip("nothing yet")
				}
				i := rapid.IntRange(0, len(s.seen)-1).Draw(rt, "which")
				again := s.seen[i]
				again.ID = s.id()
				before := goldenOf(t, s.w.store)
				require.Equal(rt, s.outs[i], s.w.do(s.actors[i], again))
				require.Empty(rt, difference(before, goldenOf(t, s.w.store)))
			},
			"a key for another command": func(rt *rapid.T) {
				if len(s.seen) == 0 {
					rt.Skip("nothing yet")
				}
				i := rapid.IntRange(0, len(s.seen)-1).Draw(rt, "which")
				_, p := piece(rt)
				before := goldenOf(t, s.w.store)
				out := s.w.do(s.actors[i], canon.Command{Key: s.seen[i].Key, ID: s.id(), Sell: &canon.Sell{Item: p.item, Channel: "thief"}})
				require.Equal(rt, s.outs[i], out, "the door sees by the digest that it is another one")
				require.Empty(rt, difference(before, goldenOf(t, s.w.store)))
			},
			"": func(rt *rapid.T) {
				for _, p := range s.pieces {
					it := load[canon.Item](s.w, store.RecordKey(store.TypeItem, p.item))
					if p.holder == "" && len(p.claims) > 0 {
						p.holder = it.Holder.Claim // the next one in the journal's order
						require.Contains(rt, p.claims, p.holder)
					}
					if p.holder == "" {
						require.Nil(rt, it.Holder)
						require.Equal(rt, canon.ItemInStock, it.Status)
						continue
					}
					require.Equal(rt, p.holder, it.Holder.Claim, "a hold that was granted is never revoked")
					require.Equal(rt, len(p.claims) > 1, it.Contested)
				}
				require.Empty(rt, s.w.parked())
			},
		})
		coherent(t, s.w.store)
	})
}

func TestAHoldOfOneDoesNotSellFive(t *testing.T) {
	w := tenOfASKU(t, "hub")
	id := w.item("web", "q").ID
	for i, q := range []int64{9, 1} {
		key := fmt.Sprint("R", i)
		require.True(t, w.do("till", canon.Command{Key: key, ID: key, Reserve: &canon.Reserve{Item: id, Quantity: q, Seconds: 60, Channel: "till-1"}}).OK)
	}
	out := w.do("till", canon.Command{Key: "S", ID: "S", Sell: &canon.Sell{Item: id, Quantity: 5, Reservation: "R1", Channel: "till-1"}})
	require.Equal(t, "stock.short", out.Code)
	require.EqualValues(t, 0, w.available())
	require.True(t, w.do("till", canon.Command{Key: "T", ID: "T", Sell: &canon.Sell{Item: id, Quantity: 1, Reservation: "R1", Channel: "till-1"}}).OK)
	require.EqualValues(t, 0, w.available())
}

func TestAbsurdCommandsAreRefused(t *testing.T) {
	w := tenOfASKU(t, "hub")
	id := w.item("web", "q").ID
	for i, tc := range []struct {
		code string
		cmd  canon.Command
	}{
		{"quantity.absurd", canon.Command{Reserve: &canon.Reserve{Item: id, Quantity: -3, Seconds: 60, Channel: "till"}}},
		{"quantity.absurd", canon.Command{Sell: &canon.Sell{Item: id, Quantity: 1 << 62, Channel: "till"}}},
		{"reservation.duration", canon.Command{Reserve: &canon.Reserve{Item: id, Seconds: 1 << 62, Channel: "till"}}},
		{"money.overflow", canon.Command{Sell: &canon.Sell{Item: id, Quantity: 2, Channel: "till", Price: &canon.StatedMoney{Amount: "92233720368547758.07", Currency: "EUR"}}}},
		{"item.unknown", canon.Command{Sell: &canon.Sell{Item: "../../etc", Channel: "till"}}},
		{"command.unknown", canon.Command{}},
	} {
		tc.cmd.Key, tc.cmd.ID = fmt.Sprint("k", i), fmt.Sprint("c", i)
		out := w.do("till", tc.cmd)
		require.False(t, out.OK)
		require.Equal(t, tc.code, out.Code)
		require.NotEmpty(t, out.Reason)
		require.EqualValues(t, 10, w.available())
	}
}

// TestOutcomesAreForgottenAfterAWeek repeats a command until its outcome is due.
func TestOutcomesAreForgottenAfterAWeek(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	reserve := canon.Command{Key: "k", ID: "R1", Reserve: &canon.Reserve{Item: "nothing", Quantity: 1, Seconds: 60, Channel: "till-1"}}
	require.False(t, w.do("till", reserve).OK)
	w.now = w.now.Add(keepOutcomes)
	w.settleDue()
	require.Contains(t, w.keys(store.PrefixOutcome), "till/k", "a repeat may still come")
	w.now = w.now.Add(outcomePage)
	w.settleDue()
	require.Empty(t, w.keys(store.PrefixOutcome))
	require.Empty(t, w.keys(store.PrefixDue))
}
