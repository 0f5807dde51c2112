package router

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

func TestAWantKnowsWhetherASaleCausedIt(t *testing.T) {
	w := newWorkbench(t, testSettings())
	chain := func(l *canon.ListingState) { no := false; l.Serialized = &no }
	w.fetched("till", listing("t1", "CHAIN", "", chain))
	w.fetched("till", level("t1", "paris", 1, 1))
	w.fetched("web", listing("w1", "CHAIN", "", chain))
	w.fetched("web", level("w1", "L1", 3, 1))
	require.False(t, w.levelWant("web", "sw1@L1").ByClaim, "a correction")
	w.live("web")
	w.pushed("till", order("o1", 10, line("1", "t1", 1)))
	want := w.levelWant("web", "sw1@L1")
	require.EqualValues(t, 0, *want.Quantity)
	require.True(t, want.ByClaim, "the sale of the last one")
}

func TestAPieceThatATillRegistersIsWhereItSays(t *testing.T) {
	w := newWorkbench(t, testSettings())
	w.pushed("till-1:paris", listing("g1", "SKU-9", "SN-99", func(l *canon.ListingState) { l.Home = "paris" }))
	w.pushed("till-1:paris", level("g1", "paris", 1, 1))
	it := w.item("till-1:paris", "g1")
	require.NotNil(t, it)
	require.Equal(t, canon.ItemInStock, it.Status)
	require.Equal(t, "paris", it.Location)
	require.Empty(t, it.Flags)
}
