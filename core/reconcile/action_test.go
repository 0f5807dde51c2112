package reconcile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

const (
	keepWeb  = "keep:web/W1/1"
	keepShop = "keep:shop/S1/1"
)

// inAHouse runs a test in which both shops have sold the one ring; the web's claim came first unless shopFirst.
func inAHouse(t *testing.T, shopFirst bool, test func(t *testing.T, h *house)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		if shopFirst {
			h.desks["shop"].place("S1", "ring")
			h.deliver()
		}
		h.desks["web"].place("W1", "ring")
		h.deliver()
		if !shopFirst {
			h.desks["shop"].place("S1", "ring")
			h.deliver()
		}
		test(t, h)
		h.stop()
		time.Sleep(2 * time.Minute) // what the platforms are still at ends
	})
}

// settled asserts how it has to end: one holder, the other's money back once, and nothing done by a replay.
func (h *house) settled(keeper, loser string) {
	h.t.Helper()
	h.deliver()
	require.Nil(h.t, h.openCase())
	it := h.piece()
	require.NotNil(h.t, it.Holder)
	require.Equal(h.t, keeper, it.Holder.Channel)
	require.False(h.t, it.Contested)
	orders := map[string]string{"web": "W1", "shop": "S1"}
	require.Len(h.t, h.desks[loser].refunds(orders[loser]), 1, "the loser's money goes back once")
	require.Empty(h.t, h.desks[keeper].refunds(orders[keeper]))
	asked := h.asked()
	require.Equal(h.t, h.digest(h.store), h.replayed(), "the journal makes the same records again")
	require.Equal(h.t, asked, h.asked(), "a replay does nothing at the platforms")
}

func TestTheLoserIsRefundedOnceWhicheverSaleWasJournaledFirst(t *testing.T) {
	for _, shopFirst := range []bool{false, true} {
		for _, proposal := range []string{keepWeb, keepShop} {
			t.Run(fmt.Sprintf("shop first %t, %s", shopFirst, proposal), func(t *testing.T) {
				inAHouse(t, shopFirst, func(t *testing.T, h *house) {
					require.True(t, h.resolve(proposal, false).OK)
					time.Sleep(time.Minute)
					keeper, loser := "web", "shop"
					if proposal == keepShop {
						keeper, loser = loser, keeper
					}
					h.settled(keeper, loser)
				})
			})
		}
	}
}

// The hub is killed at each moment between the command and the outcome.
func TestAHubThatIsKilledNeverRefundsTwice(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault deskFault
		die   func(h *house)
		asked int // how often the platform was asked to do it
	}{
		{"before the attempt is journaled", "", func(h *house) { h.diesBefore(canon.EntryAction) }, 1},
		{"between attempted and sent", lostBefore, func(h *house) { h.diesBefore(canon.EntryActionEnd) }, 2},
		{"between sent and outcome", "", func(h *house) { h.diesBefore(canon.EntryActionEnd) }, 1},
		{"while the platform is at it", slow, func(*house) {}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inAHouse(t, false, func(t *testing.T, h *house) {
				if tc.fault != "" {
					h.desks["shop"].fail(tc.fault)
				}
				tc.die(h)
				require.True(t, h.resolve(keepWeb, false).OK)
				time.Sleep(10 * time.Second)
				require.NotNil(t, h.openCase())
				h.killHub()
				time.Sleep(5 * time.Minute)
				h.settled("web", "shop")
				require.Equal(t, tc.asked, h.desks["shop"].sent())
			})
		})
	}
}

func TestAnAnswerThatIsLostIsLookedUpBeforeAnythingIsSentAgain(t *testing.T) {
	for _, tc := range []struct {
		fault deskFault
		asked int
	}{{lostAfter, 1}, {lostBefore, 2}, {slow, 1}, {notSent, 2}, {busy, 2}} {
		t.Run(string(tc.fault), func(t *testing.T) {
			inAHouse(t, false, func(t *testing.T, h *house) {
				h.desks["shop"].fail(tc.fault)
				require.True(t, h.resolve(keepWeb, false).OK)
				time.Sleep(5 * time.Minute)
				h.settled("web", "shop")
				require.Equal(t, tc.asked, h.desks["shop"].sent())
			})
		})
	}
}

func TestWhereNobodyCanTellAPersonDecides(t *testing.T) {
	for _, done := range []bool{false, true} {
		t.Run(fmt.Sprintf("done %t", done), func(t *testing.T) {
			inAHouse(t, false, func(t *testing.T, h *house) {
				h.blind = true
				h.killHub() // without a look-up from here on
				fault := lostBefore
				if done {
					fault = lostAfter
				}
				h.desks["shop"].fail(fault)
				require.True(t, h.resolve(keepWeb, false).OK)
				time.Sleep(10 * time.Minute)
				require.Equal(t, 1, h.desks["shop"].sent(), "it is not sent again")
				require.Equal(t, canon.ActionParked, h.openCase().Actions[0].State)
				if done { // the platform's own word comes all the same
					h.settled("web", "shop")
					return
				}
				require.Equal(t, "case.unknown_outcome", h.resolve(keepWeb, false).Code)
				require.True(t, h.resolve(keepWeb, true).OK)
				time.Sleep(time.Minute)
				h.settled("web", "shop")
			})
		})
	}
}

func TestARefusalLeavesTheCaseOpenUntilAnotherDecision(t *testing.T) {
	inAHouse(t, false, func(t *testing.T, h *house) {
		h.desks["shop"].fail(refuses)
		require.True(t, h.resolve(keepWeb, false).OK)
		time.Sleep(time.Hour)
		c := h.openCase()
		require.Equal(t, canon.ActionFailed, c.Actions[0].State)
		require.Equal(t, "the desk is closed", c.Actions[0].Detail)
		require.Equal(t, 1, h.desks["shop"].sent(), "what was refused is not sent again by itself")
		require.True(t, h.resolve(keepShop, false).OK)
		time.Sleep(time.Minute)
		h.settled("shop", "web")
	})
}

// Invariant 9: in shadow the plan lists what would be done; live with that plan does it.
func TestInShadowThePlanListsWhatWouldBeDone(t *testing.T) {
	inAHouse(t, false, func(t *testing.T, h *house) {
		h.mode("shop", canon.ModeShadow)
		require.True(t, h.resolve(keepWeb, false).OK)
		time.Sleep(time.Hour)
		require.Zero(t, h.desks["shop"].sent())
		plan := h.plan("shop")
		require.Len(t, plan.Actions, 1)
		require.Equal(t, canon.ActionCancelOrder, plan.Actions[0].Kind)
		require.Equal(t, "S1", plan.Actions[0].Order)
		require.Equal(t, "anna", plan.Actions[0].By)
		require.NotEqual(t, EmptyPlan(), plan.Digest)
		require.Equal(t, len(plan.Rows)+1, plan.Calls())
		h.mode("shop", canon.ModeLive)
		time.Sleep(time.Minute)
		h.settled("web", "shop")
		require.Empty(t, h.plan("shop").Actions)
	})
}

func (h *house) plan(conn string) *Plan {
	h.t.Helper()
	v, err := h.store.View()
	require.NoError(h.t, err)
	defer v.Close()
	p, err := MakePlan(v, conn, canon.Scope{})
	require.NoError(h.t, err)
	return p
}

// Whatever happens in between, it ends with one holder and the loser's money back exactly once.
func TestAnyInterleavingEndsWithOneHolderAndOneRefund(t *testing.T) {
	seeds := 25
	if s := os.Getenv("JUMPRING_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(t, err)
		seeds = n
	}
	for seed := range seeds {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(uint64(seed), 7))
				h := newHouse(t)
				h.wander(rng)
				h.finish()
				h.stop()
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

// wander does things in any order.
func (h *house) wander(rng *rand.Rand) {
	placed := map[string]bool{}
	orders := map[string]string{"web": "W1", "shop": "S1"}
	names := []string{"web", "shop"}
	any := func() string { return names[rng.IntN(2)] }
	steps := []func(){
		func() {
			if n := any(); !placed[n] {
				placed[n] = true
				h.desks[n].place(orders[n], "ring")
			}
		},
		h.deliver,
		func() { // what was shown before comes again
			for n, d := range h.desks {
				d.mu.Lock()
				for _, o := range d.orders {
					obs := o.observation()
					h.mu.Lock()
					h.pending = append(h.pending, shown{n, obs}, shown{n, obs})
					h.mu.Unlock()
				}
				d.mu.Unlock()
			}
		},
		func() {
			if h.openCase() != nil {
				h.resolve([]string{keepWeb, keepShop}[rng.IntN(2)], false)
			}
		},
		h.killHub,
		func() { h.diesBefore([]canon.EntryType{canon.EntryAction, canon.EntryActionEnd}[rng.IntN(2)]) },
		func() {
			h.desks[any()].fail([]deskFault{lostBefore, lostAfter, slow, notSent, busy, refuses}[rng.IntN(6)])
		},
		func() { h.mode(any(), []canon.Mode{canon.ModeShadow, canon.ModeLive, canon.ModeLive}[rng.IntN(3)]) },
		func() { time.Sleep(time.Duration(rng.IntN(3000)) * time.Millisecond) },
		func() { time.Sleep(time.Duration(rng.IntN(90)) * time.Second) },
	}
	for range 40 {
		steps[rng.IntN(len(steps))]()
	}
	for n, is := range orders {
		if !placed[n] {
			h.desks[n].place(is, "ring")
		}
	}
}

// finish lets everything that is under way come to its end, and has what failed decided again.
func (h *house) finish() {
	h.t.Helper()
	for _, d := range h.desks {
		d.mu.Lock()
		d.faults = nil
		d.mu.Unlock()
	}
	for range 30 {
		h.killHub() // one that died is started again
		h.mode("web", canon.ModeLive)
		h.mode("shop", canon.ModeLive)
		h.deliver()
		c := h.openCase()
		if c == nil {
			break
		}
		if proposal := keepWeb; c.Decision == nil || c.Actions[0].State == canon.ActionFailed {
			if c.Decision != nil {
				proposal = c.Decision.Proposal
			}
			require.True(h.t, h.resolve(proposal, false).OK)
		}
		time.Sleep(5 * time.Minute)
	}
	h.deliver()
	keeper, loser := "web", "shop"
	if len(h.desks["web"].refunds("W1")) > 0 {
		keeper, loser = loser, keeper
	}
	h.settled(keeper, loser)
	v, err := h.store.View()
	require.NoError(h.t, err)
	defer v.Close()
	require.NoError(h.t, v.Scan(store.PrefixToDo, "", func(key string, _ []byte) (bool, error) {
		h.t.Errorf("%s is still to be done", key)
		return true, nil
	}))
}
