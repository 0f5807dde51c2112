package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// TestADecidedListingIsOnTheMatchListInItsPresentWords says the same of a listing whether a person decided before or after
// what the platform shows changed, and whether the decision moved anything.
func TestADecidedListingIsOnTheMatchListInItsPresentWords(t *testing.T) {
	decide := func(w *workbench) {
		require.True(t, w.do("anna", canon.Command{Key: "m", ID: "m", Match: &canon.Match{Connection: "web", ListingID: "w1", Item: "new"}}).OK)
	}
	renamed := listing("w1", "SKU-1", "", func(l *canon.ListingState) { l.Title = "Solitaire" })
	renamed.SourceVersion = 2
	before, after := newWorkbench(t, testSettings()), newWorkbench(t, testSettings())
	for _, w := range []*workbench{before, after} {
		w.fetched("web", listing("w1", "SKU-1", ""))
	}
	decide(before)
	before.fetched("web", renamed)
	after.fetched("web", renamed)
	decide(after)
	for _, w := range []*workbench{before, after} {
		row := load[canon.MatchRow](w, store.PrefixMatch+"web/w1")
		require.NotNil(t, row, "what a person decided can be looked up")
		require.Equal(t, []string{"new", "person", "Solitaire"}, []string{row.Decision, row.Reason, row.Title})
	}
	require.Equal(t, before.digest(store.ScopeGolden), after.digest(store.ScopeGolden))
}
