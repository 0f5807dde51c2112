package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

func TestACaseOfManyClaimsNamesTheFirstAndTheLastAndKeepsAny(t *testing.T) {
	w := newWorkbench(t, testSettings())
	threeSides(w)
	const n = 60
	for i := range n {
		o := order(fmt.Sprintf("o%02d", i), 10, line("1", "w1", 1))
		o.Order.PlacedAt = o.Order.PlacedAt.Add(time.Duration(i) * time.Minute)
		w.pushed("web", o)
	}
	c := w.oneCase()
	require.EqualValues(t, n, c.Claims)
	require.Len(t, c.Evidence, 20)
	require.Equal(t, "web/o00/1", c.Evidence[0].Claim)
	require.Equal(t, "web/o59/1", c.Evidence[19].Claim)
	rows := 0
	for _, k := range w.keys(store.PrefixEntity + c.ID + "/") {
		if r := load[canon.Row](w, store.RowOfEntityKey(store.PrefixEntity+c.ID+"/"+k)); r.Event == "case.claim" {
			rows++
		}
	}
	require.Equal(t, n-20, rows, "the rest is in the timeline")
	require.Equal(t, "case.proposal", w.do("anna", canon.Command{Key: "x", ID: "X", Role: "manager", Resolve: &canon.Resolve{Case: c.ID, Proposal: "keep:web/o99/1"}}).Code)
	out := w.do("anna", canon.Command{Key: "k", ID: "K", Role: "manager", Resolve: &canon.Resolve{Case: c.ID, Proposal: "keep:web/o30/1"}})
	require.True(t, out.OK, out.Reason)
	require.Empty(t, w.openCases())
	require.Equal(t, "web/o30/1", w.item("web", "w1").Holder.Claim, "one that the case does not name")
}
