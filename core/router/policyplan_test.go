package router

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

func (w *workbench) explain(group, id string) *policy.Explanation {
	w.t.Helper()
	v, err := w.store.View()
	require.NoError(w.t, err)
	defer v.Close()
	e, err := Explain(v, group, id)
	require.NoError(w.t, err)
	return e
}

func TestExplainSaysWhichRuleAndWhatBecameOfEachSource(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, ruled(
		t, canon.PolicyRule{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}, Losing: canon.LosingCase},
		canon.PolicyRule{Entity: "item", Group: "price", Policy: canon.PolicyAdditive, Authority: []string{"shop", "web"}, Others: canon.OthersIgnore},
	))
	atThree(w)
	it := w.item("web", "w1")
	roles := func(e *policy.Explanation) map[string]policy.Role {
		out := map[string]policy.Role{}
		for _, s := range e.Sources {
			out[s.Connection+"/"+s.ExternalID] = s.Role
		}
		return out
	}
	e := w.explain("item.title", canon.NodeID("itm", "shop", canon.KindListing, "p1"))
	require.Equal(t, it.ID, e.Record, "any of its ids")
	require.True(t, e.Own)
	require.Equal(t, []string{"web", "till", "shop"}, e.Order)
	require.JSONEq(t, `"Web ring"`, string(e.Value))
	require.Equal(t, map[string]policy.Role{"web/w1": policy.Counts, "till/t1": policy.Differs, "shop/p1": policy.Agrees}, roles(e))
	require.Equal(t, w.openCases()[0].ID, e.Case)
	require.Contains(t, e.Why, "The first connection in the order of authority that states a value counts.")

	e = w.explain("item.price", it.ID)
	require.Equal(t, map[string]policy.Role{"web/w1": policy.Counts, "till/t1": policy.LeftOut, "shop/p1": policy.Counts}, roles(e))
	require.Equal(t, []string{"shop", "web"}, e.Order)

	e = w.explain("item.ownership", it.ID)
	require.False(t, e.Own)
	require.Equal(t, map[string]policy.Role{"web/w1": policy.Silent, "till/t1": policy.Counts, "shop/p1": policy.Differs}, roles(e))
	require.Empty(t, e.Case, "by default nobody is asked")

	e = w.explain("item.stock", "")
	require.Nil(t, e.Rule)
	require.Contains(t, e.Why[0], "stock.authority")

	v, err := w.store.View()
	require.NoError(t, err)
	defer v.Close()
	_, err = Explain(v, "item.colour", "")
	require.ErrorIs(t, err, ErrNoGroup)
	_, err = Explain(v, "client.name", it.ID)
	require.ErrorIs(t, err, ErrNoRecord, "an item is no client")
}

// TestExplainAgreesWithTheFold asks about every group of every record of a world: what counts by the explanation alone
// makes the value that the record has.
func TestExplainAgreesWithTheFold(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, everyRule(t))
	w.foldAll(newWorld(t, 301, 250).entries, 7)
	asked, counted := 0, 0
	for _, g := range policy.Groups() {
		for _, id := range w.keys(store.PrefixRecord + g.Entity + "/") {
			e := w.explain(g.Full(), id)
			asked++
			counts := 0
			for _, s := range e.Sources {
				if s.Role != policy.Counts {
					continue
				}
				counts++
				if e.Rule.Policy == canon.PolicyAuthority || e.Rule.Policy == canon.PolicyFirst {
					require.False(t, policy.Contradict(s.Value, e.Value), "%s of %s: %s, not %s", e.Group, id, s.Value, e.Value)
				}
			}
			counted += counts
			if e.Rule != nil {
				require.Equal(t, counts > 0, len(e.Value) > 0, "%s of %s", e.Group, id)
			}
		}
	}
	require.Greater(t, asked, 300)
	require.Greater(t, counted, 100)
}

// TestAPlanSaysWhatTheChangeThenDoes compares a plan with what the same policy does once it is in force.
func TestAPlanSaysWhatTheChangeThenDoes(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, testSettings())
	w.foldAll(newWorld(t, 302, 250).entries, 7)
	before := w.digest(store.ScopeState)
	changed, opened := map[string]int{"item": 0, "product": 0, "client": 0}, len(w.openCases())
	plan := w.planned(everyRule(t))
	require.Equal(t, before, w.digest(store.ScopeState), "nothing is written")
	require.False(t, plan.Same)

	records := map[string][]byte{}
	types := policy.Entities()
	each := func(do func(typ, id string, raw []byte)) {
		v, err := w.store.View()
		require.NoError(t, err)
		defer v.Close()
		for _, typ := range types {
			require.NoError(t, v.Scan(store.PrefixRecord+typ+"/", "", func(key string, raw []byte) (bool, error) {
				do(typ, key, append([]byte{}, raw...))
				return true, nil
			}))
		}
	}
	each(func(_, key string, raw []byte) { records[key] = raw })
	w.refreshed(everyRule(t))
	each(func(typ, key string, raw []byte) {
		if string(records[key]) != string(raw) {
			changed[typ]++
		}
	})
	got := map[string]int{}
	for _, r := range plan.Records {
		got[r.Type] = r.Changed
	}
	require.Equal(t, changed, got)
	require.Greater(t, changed["item"], 5)
	require.Equal(t, len(w.openCases())-opened, plan.CasesOpened-plan.CasesClosed)
	require.Zero(t, plan.CasesClosed)
	require.NotEmpty(t, plan.Examples)
	require.True(t, w.planned(everyRule(t)).Same, "now it is the one in force")

	back := w.planned(testSettings())
	require.Equal(t, plan.CasesOpened, back.CasesClosed)
	require.Zero(t, back.CasesOpened)
}

func (w *workbench) planned(s canon.Settings) *SettingsPlan {
	w.t.Helper()
	v, err := w.store.View()
	require.NoError(w.t, err)
	defer v.Close()
	plan, err := PlanSettings(w.t.Context(), v, &s)
	require.NoError(w.t, err)
	return plan
}

// TestAPlanCountsCalls holds one piece more back: of two SKUs the web should show one less; of what is gone, still none.
func TestAPlanCountsCalls(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, testSettings())
	threeSides(w)
	for _, sku := range []string{"CHAIN", "CORD", "GONE"} {
		held := map[string]int64{"CHAIN": 7, "CORD": 5}[sku]
		quantity := func(l *canon.ListingState) { l.Serialized = new(bool) }
		w.fetched("till", listing("t"+sku, sku, "", quantity))
		w.fetched("till", level("t"+sku, "paris", held, 1))
		w.fetched("web", listing("w"+sku, sku, "", quantity))
		w.fetched("web", level("w"+sku, "L1", held, 1))
	}
	require.Empty(t, w.keys(store.PrefixDiff))
	require.Empty(t, w.planned(everyRule(t)).Calls, "whose title counts moves no stock")
	s := testSettings()
	s.Safety = 1
	plan := w.planned(s)
	require.Equal(t, []PlannedCalls{{Connection: "web", Mode: canon.ModeLive, Calls: 2}}, plan.Calls)
	require.Empty(t, w.keys(store.PrefixDiff), "nothing is written")
	w.refreshed(s)
	require.ElementsMatch(t, []string{"web/swCHAIN@L1", "web/swCORD@L1"}, w.keys(store.PrefixDiff), "what was planned is what differs then")
}

func TestAnEmptyHubHasAnEmptyPlan(t *testing.T) {
	t.Parallel()
	m := store.NewMemory()
	v, err := m.View()
	require.NoError(t, err)
	defer v.Close()
	plan, err := PlanSettings(t.Context(), v, &canon.Settings{})
	require.NoError(t, err)
	raw, err := json.Marshal(plan)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"records":[]`)
}

func TestAnotherPolicyIsInTheHistoryOfTheSettings(t *testing.T) {
	t.Parallel()
	w := newWorkbench(t, testSettings())
	s := ruled(t, canon.PolicyRule{Entity: "item", Group: "title", Policy: canon.PolicyFirst})
	history := func() []canon.Change {
		w.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
		r := load[canon.Row](w, store.RowKey(w.last.Mark.Position, 0))
		require.Equal(t, "settings.changed", r.Event)
		return r.Changes
	}
	changes := history()
	require.Len(t, changes, 1)
	require.Equal(t, "policy", changes[0].Field)
	require.JSONEq(t, `{"rules":[{"entity":"item","group":"title","policy":"first"}]}`, string(changes[0].After))
	require.Empty(t, history(), "the same again is no change")
}

func TestATrialGivesWhatAHubWould(t *testing.T) {
	t.Parallel()
	s := ruled(t, canon.PolicyRule{Entity: "item", Group: "title", Policy: canon.PolicyAuthority, Authority: []string{"web"}})
	trial, err := NewTrial(&s)
	require.NoError(t, err)
	require.NoError(t, trial.Observe("till", listing("t1", "", "SN-1", func(l *canon.ListingState) { l.Title = "Till ring" })))
	require.NoError(t, trial.Observe("web", listing("w1", "", "SN-1", func(l *canon.ListingState) { l.Title = "Web ring" })))
	v, err := trial.View()
	require.NoError(t, err)
	defer v.Close()
	node, err := store.Load[store.Node](v, store.PrefixNode+canon.NodeID("itm", "web", canon.KindListing, "w1"))
	require.NoError(t, err)
	it, err := store.Load[canon.Item](v, store.RecordKey(store.TypeItem, node.Golden))
	require.NoError(t, err)
	require.Equal(t, []any{"Web ring", 2}, []any{it.Title, len(it.Nodes)})
	require.ErrorContains(t, trial.Observe("web", canon.Observation{Kind: canon.KindListing, ExternalID: "w1"}), "observation.malformed")
	require.NoError(t, trial.Close())
}
