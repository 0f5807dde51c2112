package reconcile

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake/intaketest"
	"github.com/jumpring/jumpring/core/store"
)

var (
	inParis = canon.Scope{Entity: canon.ScopeStock, Location: "paris"}
	inLyon  = canon.Scope{Entity: canon.ScopeStock, Location: "lyon"}
	ofStock = canon.Scope{Entity: canon.ScopeStock}
	ofOrder = canon.Scope{Entity: canon.ScopeOrder}
)

// twoPlaces are settings in which the platform's location 1 is paris, 2 is lyon, and a level without one stands for both.
func twoPlaces(h *intaketest.Hub) {
	h.Put(store.KeySettings, canon.Settings{StockAuthority: "hub", Locations: []string{"lyon", "paris"}, Connections: []canon.ConnectionSettings{
		{Name: "web", Connector: "shopify", SellsFrom: []string{"lyon", "paris"}, Locations: map[string]string{"1": "paris", "2": "lyon"}},
	}})
}

func setPart(h *intaketest.Hub, s canon.Scope, m canon.Mode) {
	h.Tell(canon.EntryCommand, canon.Head{Connection: "web"}, canon.Command{SetMode: &canon.SetMode{Connection: "web", Scope: &s, Mode: m}})
}

func planOfPart(t require.TestingT, h *intaketest.Hub, s canon.Scope) *Plan {
	v, err := h.Store.View()
	require.NoError(t, err)
	defer v.Close()
	p, err := MakePlan(v, "web", s)
	require.NoError(t, err)
	return p
}

func idsOf(rows []PlanRow) []string {
	ids := []string{}
	for _, r := range rows {
		ids = append(ids, r.ExternalID)
	}
	return ids
}

func TestThePlanOfAPartShowsTheRestAsHeldBack(t *testing.T) {
	h := intaketest.New()
	twoPlaces(h)
	h.SetMode("web", canon.ModeShadow)
	for _, id := range []string{"a@1", "a@2", "b@"} {
		h.Observe("web", id, 1, true)
		h.Want("web", id, 0, true)
	}
	whole, part := planOfPart(t, h, canon.Scope{}), planOfPart(t, h, inParis)
	require.Equal(t, []string{"a@1", "a@2", "b@"}, idsOf(whole.Rows))
	require.Empty(t, whole.Held)
	require.Equal(t, []string{"a@1"}, idsOf(part.Rows), "b is sold from lyon too")
	require.NotEqual(t, whole.Digest, part.Digest)
	var held []string
	for _, r := range part.Held {
		held = append(held, r.ExternalID+": "+r.Reason)
	}
	require.Equal(t, []string{"a@2: stock of lyon is in shadow", "b@: stock of lyon is in shadow"}, held)

	v, err := h.Store.View()
	require.NoError(t, err)
	defer v.Close()
	_, err = ProposeLive(v, "web", inParis, whole.Digest)
	var stale *StalePlanError
	require.ErrorAs(t, err, &stale, "the plan of the whole is not that of the part")
	require.Contains(t, err.Error(), "jumpring connection plan web --location paris")
	set, err := ProposeLive(v, "web", inParis, part.Digest)
	require.NoError(t, err)
	require.Equal(t, &inParis, set.Scope)

	setPart(h, inParis, canon.ModeLive)
	require.Equal(t, []string{"a@2", "b@"}, idsOf(planOfPart(t, h, canon.Scope{}).Rows))
	lyon := planOfPart(t, h, inLyon)
	require.Equal(t, []string{"a@2", "b@"}, idsOf(lyon.Rows), "with lyon, b is live in all its places")
	require.Equal(t, 1, lyon.Underway)
	require.NotEqual(t, planOfPart(t, h, canon.Scope{}).Digest, lyon.Digest, "the same calls, of another part")
}

// TestAPlanNamesExactlyWhatBecomesWritable is invariant 9 for any modes of any parts.
func TestAPlanNamesExactlyWhatBecomesWritable(t *testing.T) {
	parts := []canon.Scope{{}, ofStock, ofOrder, inParis, inLyon}
	modes := rapid.SampledFrom([]canon.Mode{canon.ModeObserve, canon.ModeShadow, canon.ModeLive})
	levels := []string{"a@", "a@1", "a@2", "b@", "b@1", "c@2"}
	h := intaketest.New()
	twoPlaces(h)
	h.SetMode("web", canon.ModeShadow)
	for _, id := range levels {
		h.Observe("web", id, 1, true)
		h.Want("web", id, 0, true)
	}
	rapid.Check(t, func(t *rapid.T) {
		conn := canon.Connection{Name: "web", Mode: modes.Draw(t, "rest")}
		for _, s := range parts[1:] {
			if rapid.Bool().Draw(t, "own "+s.String()) {
				conn.PutScope(canon.ScopedMode{Scope: s, Mode: modes.Draw(t, "of "+s.String())})
			}
		}
		h.Put(store.PrefixConn+"web", conn)
		scope := rapid.SampledFrom(parts).Draw(t, "part")
		if own := conn.ModeOf(scope); own == canon.ModeLive && (scope.IsZero() || conn.Scoped(scope) != nil) {
			return // it is live: there is nothing to accept
		}
		writable := func(c canon.Connection) (out []string) {
			v, err := h.Store.View()
			require.NoError(t, err)
			defer v.Close()
			r, err := reachOf(v, &c, true)
			require.NoError(t, err)
			for _, id := range levels {
				if r.writesLevel(id) {
					out = append(out, id)
				}
			}
			return out
		}
		plan := planOfPart(t, h, scope)
		then := conn
		if scope.IsZero() {
			then.Mode = canon.ModeLive
		} else {
			then.PutScope(canon.ScopedMode{Scope: scope, Mode: canon.ModeLive})
		}
		was, will := writable(conn), writable(then)
		for _, id := range levels {
			named := slices.Contains(idsOf(plan.Rows), id)
			if slices.Contains(will, id) && !slices.Contains(was, id) {
				require.True(t, named, "%s becomes writable, and the plan of %q does not name it: %+v", id, scope, conn)
			}
			if !slices.Contains(will, id) {
				require.False(t, named, "%s stays unwritten, and the plan of %q names it: %+v", id, scope, conn)
			}
		}
		require.Equal(t, len(levels), len(plan.Rows)+len(plan.Held)+plan.Underway, "nothing is silent")
	})
}

func TestOnlyTheLivePartsAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1, "a@2": 1, "b@": 1, "c@1": 1})
		twoPlaces(w.hub)
		w.hub.SetMode("web", canon.ModeShadow)
		for _, id := range []string{"a@1", "a@2", "b@"} {
			w.hub.Want("web", id, 0, true)
		}
		r := w.start()
		after(time.Minute)
		require.Empty(t, w.platform.Calls("apply"))

		setPart(w.hub, inParis, canon.ModeLive)
		after(time.Minute)
		require.Equal(t, []string{"apply a@1 1->0"}, w.platform.Calls("apply"), "not lyon, and not what is sold from both")
		require.Equal(t, 2, r.writer.State().WouldWrite)

		r.kill()
		r = w.start()
		after(time.Minute)
		require.Len(t, w.platform.Calls("apply"), 1, "nor after a restart")

		setPart(w.hub, inParis, canon.ModeShadow)
		w.hub.Want("web", "c@1", 0, true)
		after(time.Minute)
		require.Len(t, w.platform.Calls("apply"), 1, "paris is back in shadow")

		setPart(w.hub, inLyon, canon.ModeLive)
		after(time.Minute)
		require.Equal(t, []string{"apply a@1 1->0", "apply a@2 1->0"}, w.platform.Calls("apply"))
		setPart(w.hub, inParis, canon.ModeLive)
		after(time.Minute)
		require.ElementsMatch(t, []string{"apply a@1 1->0", "apply a@2 1->0", "apply b@ 1->0", "apply c@1 1->0"}, w.platform.Calls("apply"))
		r.stop(t)
	})
}

func TestEachPartTakesItsOwnStepTowardsWhatIsAsked(t *testing.T) {
	conn := &canon.Connection{Name: "web", Mode: canon.ModeShadow, Asked: canon.ModeShadow, Snapshot: &canon.SnapshotMark{Complete: true}}
	rows := map[canon.Scope]int{inParis: 2}
	plan := func(s canon.Scope) (*Plan, error) {
		p := &Plan{Scope: s, Rows: make([]PlanRow, rows[s]), Digest: fmt.Sprintf("%s/%d", s, rows[s])}
		return p, nil
	}
	next := func() step {
		s, err := nextStep(conn, true, plan)
		require.NoError(t, err)
		return s
	}
	conn.PutScope(canon.ScopedMode{Scope: inParis, Mode: canon.ModeShadow, Asked: canon.ModeLive})
	require.Contains(t, next().waits, "stock@paris is in shadow: the plan has 2 rows")
	require.Contains(t, next().waits, "jumpring connection live web --location paris --plan stock@paris/2")
	rows[inParis] = 0
	require.Equal(t, step{scope: inParis, mode: canon.ModeLive, digest: "stock@paris/0"}, next())
	conn.PutScope(canon.ScopedMode{Scope: inParis, Mode: canon.ModeShadow, Asked: canon.ModeLive, Lowered: true})
	require.Empty(t, next().mode, "a person lowered it")
	require.Contains(t, next().waits, "a person")
	conn.PutScope(canon.ScopedMode{Scope: inParis, Mode: canon.ModeLive, Asked: canon.ModeLive})
	require.Equal(t, step{}, next())
	conn.Asked = canon.ModeLive
	require.Equal(t, step{mode: canon.ModeLive, digest: "/0"}, next())
}
