package router

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

var (
	inParis  = canon.Scope{Entity: canon.ScopeStock, Location: "paris"}
	inLyon   = canon.Scope{Entity: canon.ScopeStock, Location: "lyon"}
	ofStock  = canon.Scope{Entity: canon.ScopeStock}
	ofOrders = canon.Scope{Entity: canon.ScopeOrder}
)

func TestTheConfigurationLowersAtOnceAndRaisesNothing(t *testing.T) {
	wish := func(s canon.Scope, m canon.Mode) canon.ScopeWish { return canon.ScopeWish{Scope: s, Mode: m} }
	for _, tc := range []struct {
		name string
		conn canon.Connection
		cs   canon.ConnectionSettings
		want map[canon.Scope]canon.Mode
	}{
		{
			"a part that is to be live begins with what is in force",
			canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeShadow},
			canon.ConnectionSettings{Mode: canon.ModeShadow, Modes: []canon.ScopeWish{wish(inParis, canon.ModeLive)}},
			map[canon.Scope]canon.Mode{{}: canon.ModeShadow, inParis: canon.ModeShadow},
		},
		{
			"a part that was live with the rest stays so when the rest is lowered",
			canon.Connection{Mode: canon.ModeLive, Asked: canon.ModeLive},
			canon.ConnectionSettings{Mode: canon.ModeShadow, Modes: []canon.ScopeWish{wish(inParis, canon.ModeLive)}},
			map[canon.Scope]canon.Mode{{}: canon.ModeShadow, inParis: canon.ModeLive, inLyon: canon.ModeShadow},
		},
		{
			"a part is taken out of a live connection at once",
			canon.Connection{Mode: canon.ModeLive, Asked: canon.ModeLive},
			canon.ConnectionSettings{Mode: canon.ModeLive, Modes: []canon.ScopeWish{wish(inLyon, canon.ModeObserve)}},
			map[canon.Scope]canon.Mode{{}: canon.ModeLive, inParis: canon.ModeLive, inLyon: canon.ModeObserve},
		},
		{
			"a part that is named no longer is not raised by that",
			canon.Connection{Mode: canon.ModeLive, Asked: canon.ModeLive, Scopes: []canon.ScopedMode{{Scope: inLyon, Mode: canon.ModeShadow, Asked: canon.ModeShadow}}},
			canon.ConnectionSettings{Mode: canon.ModeLive},
			map[canon.Scope]canon.Mode{{}: canon.ModeLive, inLyon: canon.ModeShadow},
		},
		{
			"a part that is named no longer falls with the rest",
			canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeShadow, Scopes: []canon.ScopedMode{{Scope: inLyon, Mode: canon.ModeLive, Asked: canon.ModeLive}}},
			canon.ConnectionSettings{Mode: canon.ModeShadow},
			map[canon.Scope]canon.Mode{{}: canon.ModeShadow, inLyon: canon.ModeShadow},
		},
		{
			"what a person took live stays while the configuration is the same",
			canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeShadow, Scopes: []canon.ScopedMode{{Scope: inParis, Mode: canon.ModeLive}}},
			canon.ConnectionSettings{Mode: canon.ModeShadow},
			map[canon.Scope]canon.Mode{{}: canon.ModeShadow, inParis: canon.ModeLive},
		},
		{
			"and falls when the configuration asks for less",
			canon.Connection{Mode: canon.ModeShadow, Asked: canon.ModeShadow, Scopes: []canon.ScopedMode{{Scope: inParis, Mode: canon.ModeLive}}},
			canon.ConnectionSettings{Mode: canon.ModeObserve},
			map[canon.Scope]canon.Mode{{}: canon.ModeObserve, inParis: canon.ModeObserve},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			takeModes(&tc.conn, &tc.cs)
			for scope, want := range tc.want {
				require.Equal(t, want, tc.conn.ModeOf(scope), "mode of %q", scope)
			}
			again := tc.conn
			takeModes(&again, &tc.cs)
			require.Equal(t, tc.conn, again, "the same configuration again changes nothing")
		})
	}
}

// TestNoPartIsRaisedToLiveWithoutItsOwnPlan tries to break invariant 9 with any order of configurations, commands and
// fall-backs: whatever else happens, a part that was not live is live only after a command for it with an accepted plan.
func TestNoPartIsRaisedToLiveWithoutItsOwnPlan(t *testing.T) {
	parts := []canon.Scope{{}, ofStock, ofOrders, inParis, inLyon}
	modes := rapid.SampledFrom([]canon.Mode{canon.ModeObserve, canon.ModeShadow, canon.ModeLive})
	rapid.Check(t, func(t *rapid.T) {
		c := canon.Connection{Mode: canon.ModeObserve}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			before := c
			var admitted *canon.Scope
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				cs := canon.ConnectionSettings{Mode: modes.Draw(t, "mode")}
				for _, s := range parts[1:] {
					if rapid.Bool().Draw(t, "named "+s.String()) {
						cs.Modes = append(cs.Modes, canon.ScopeWish{Scope: s, Mode: modes.Draw(t, "of "+s.String())})
					}
				}
				takeModes(&c, &cs)
			case 1:
				lowerAll(&c)
				require.False(t, c.Live(), "a fall-back leaves nothing live")
			default:
				scope := rapid.SampledFrom(parts).Draw(t, "part")
				m := &canon.SetMode{Mode: modes.Draw(t, "mode"), PlanDigest: "seen", Plan: "seen"}
				if !scope.IsZero() || rapid.Bool().Draw(t, "the rest") {
					m.Scope = &scope
				}
				changeMode(&c, scope, m)
				if m.Mode == canon.ModeLive {
					admitted = &scope
				} else if m.Scope == nil {
					for _, s := range parts {
						require.False(t, m.Mode.Less(c.ModeOf(s)), "less without a part is less of all: %q is in %s", s, c.ModeOf(s))
					}
				}
			}
			for _, s := range parts {
				if before.ModeOf(s) == canon.ModeLive || c.ModeOf(s) != canon.ModeLive {
					continue
				}
				require.NotNil(t, admitted, "%q became live without a plan\nbefore %+v\nafter %+v", s, before, c)
				covers := admitted.IsZero() || *admitted == s || *admitted == ofStock && s.Entity == canon.ScopeStock
				require.True(t, covers && before.Scoped(s) == nil || *admitted == s, "%q became live by the plan of %q", s, admitted)
			}
		}
	})
}

func TestAPartGoesLiveAndBackByCommand(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	set := func(key string, m canon.SetMode) *canon.Outcome {
		m.Connection = "web"
		out := w.do("ada", canon.Command{Key: key, ID: key, SetMode: &m})
		return &out
	}
	conn := func() *canon.Connection { return load[canon.Connection](w, store.PrefixConn+"web") }
	require.True(t, set("back", canon.SetMode{Mode: canon.ModeShadow}).OK)
	require.True(t, conn().Lowered, "a person took it there: the hub does not raise it by itself")

	require.Equal(t, "plan.stale", set("1", canon.SetMode{Mode: canon.ModeLive, Scope: &inParis, PlanDigest: "a", Plan: "b"}).Code)
	require.Equal(t, "scope.unknown", set("2", canon.SetMode{Mode: canon.ModeLive, Scope: &canon.Scope{Entity: canon.ScopeStock, Location: "atlantis"}, PlanDigest: "a", Plan: "a"}).Code)
	require.False(t, conn().Live())

	require.True(t, set("3", canon.SetMode{Mode: canon.ModeLive, Scope: &inParis, PlanDigest: "a", Plan: "a"}).OK)
	require.Equal(t, canon.ModeShadow, conn().Mode)
	require.Equal(t, canon.ModeLive, conn().ModeOf(inParis))
	require.Equal(t, "a", conn().Scoped(inParis).PlanDigest)

	require.True(t, set("4", canon.SetMode{Mode: canon.ModeShadow, Scope: &inParis}).OK)
	require.False(t, conn().Live())
	require.True(t, set("5", canon.SetMode{Mode: canon.ModeLive, Scope: &inParis, PlanDigest: "a", Plan: "a"}).OK)
	require.True(t, set("6", canon.SetMode{Mode: canon.ModeShadow}).OK)
	require.False(t, conn().Live(), "less without a part is less of all parts")
	require.Empty(t, w.parked())
}

func TestAFallBackTakesEveryPartBackToShadow(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	conn := func() *canon.Connection { return load[canon.Connection](w, store.PrefixConn+"web") }
	for key, m := range map[string]canon.SetMode{
		"1": {Connection: "web", Mode: canon.ModeLive, Scope: &inParis, PlanDigest: "a", Plan: "a"},
		"2": {Connection: "web", Mode: canon.ModeLive, Scope: &ofOrders, PlanDigest: "b", Plan: "b"},
	} {
		out := w.do("ada", canon.Command{Key: key, ID: key, SetMode: &m})
		require.True(t, out.OK, out.Reason)
	}
	w.entry(canon.EntryFallBack, canon.Head{Actor: "hub"}, canon.FallBack{Reason: "restored"})
	require.False(t, conn().Live())
	for _, s := range []canon.Scope{{}, inParis, ofOrders} {
		require.Equal(t, canon.ModeShadow, conn().ModeOf(s), "%q", s)
	}
	require.Empty(t, conn().PlanDigest)
	require.Empty(t, conn().Scoped(inParis).PlanDigest, "what was accepted on older knowledge does not count")
	require.Empty(t, w.parked())
}
