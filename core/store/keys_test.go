package store

import (
	"fmt"
	"math"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
)

func TestKeysOfRowsSortAsTheirPositions(t *testing.T) {
	before := ""
	for _, p := range []canon.Position{{}, {Offset: 1}, {Offset: 1, Index: 9}, {Offset: 15, Index: 16}, {Offset: 1 << 40, Index: 1 << 20}, {Offset: math.MaxUint64, Index: math.MaxUint32}} {
		for _, n := range []int{0, 7, 42, 999, 1000, 9999} {
			key := RowKey(p, n)
			if want := fmt.Sprintf("tl/%016x%08x/%04d", p.Offset, p.Index, n); key != want || key <= before {
				t.Errorf("row %d of %s: %q, want %q, after %q", n, p, key, want, before)
			}
			if got := RowOfEntityKey(EntityKey("itm_1", p, n)); got != key {
				t.Errorf("the entity's key points to %q, want %q", got, key)
			}
			before = key
		}
	}
	if got := RowKey(canon.Position{Offset: 1}, 12345); got != "tl/000000000000000100000000/12345" {
		t.Errorf("a number of five digits: %q", got)
	}
}
