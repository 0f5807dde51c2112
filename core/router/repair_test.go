package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func TestARowOfDriftIsPutRightByCommand(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	repair := func(key, binding string, kind canon.Kind) canon.Outcome {
		return w.do("anna", canon.Command{Key: key, ID: "Q" + key, Role: "manager", RepairDrift: &canon.RepairDrift{Connection: "web", Kind: kind, Binding: binding}})
	}
	require.Equal(t, "drift.binding", repair("1", "nothing@L1", "").Code)
	require.Equal(t, "drift.kind", repair("2", "sw1@L1", "rumour").Code)
	require.Contains(t, string(repair("3", "sw1@L1", "").Result), `"does":"nothing"`)
	w.fetched("web", level("w1", "L1", 5, 2)) // somebody changed it by hand
	require.Equal(t, []string{"web/sw1@L1"}, w.keys(store.PrefixDiff))
	out := repair("4", "sw1@L1", "")
	require.True(t, out.OK, out.Reason)
	require.Contains(t, string(out.Result), `"does":"write"`)
	require.Equal(t, out.Position, w.levelWant("web", "sw1@L1").Cause, "the write names the command")
	out = repair("5", "w1", canon.KindListing)
	require.Contains(t, string(out.Result), `"does":"read"`)
	require.NotEmpty(t, w.keys(store.HintKey("web", canon.Ref{Kind: canon.KindListing, ExternalID: "w1"})), "it is read anew")
}

func TestAPolicyIsAppliedByThePlanThatWasLookedAt(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	p := &canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "title", Policy: canon.PolicyIgnore}}}
	s := testSettings()
	s.Policy = p
	plan := w.planned(s)
	digest, err := PolicyDigest(nil, p, plan)
	require.NoError(t, err)
	again, err := PolicyDigest(nil, p, plan)
	require.NoError(t, err)
	require.Equal(t, digest, again)
	other, err := PolicyDigest(nil, &canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "brand", Policy: canon.PolicyIgnore}}}, plan)
	require.NoError(t, err)
	require.NotEqual(t, digest, other)
	apply := func(key, looked, now string, p *canon.Policy) canon.Outcome {
		return w.do("anna", canon.Command{Key: key, ID: "Y" + key, Role: "admin", ApplyPolicy: &canon.ApplyPolicy{Policy: p, Digest: looked, Plan: now}})
	}
	require.Equal(t, "policy.stale", apply("1", digest, other, p).Code)
	require.Equal(t, "policy.invalid", apply("2", digest, digest, &canon.Policy{Rules: []canon.PolicyRule{{Entity: "item", Group: "nothing"}}}).Code)
	require.NotEmpty(t, w.item("web", "w1").Title)
	out := apply("3", digest, digest, p)
	require.True(t, out.OK, out.Reason)
	require.Equal(t, p.Rules, load[canon.Settings](w, store.KeySettings).Policy.Rules, "it is in force, and in the journal")
	pending, err := RefreshPending(viewOf(w))
	require.NoError(t, err)
	require.True(t, pending, "every record is computed again")
	require.Contains(t, w.events("settings"), "settings.changed")
}

func viewOf(w *workbench) store.View {
	w.t.Helper()
	v, err := w.store.View()
	require.NoError(w.t, err)
	w.t.Cleanup(v.Close)
	return v
}
