package sdk

import "testing"

func TestMemoryIsReturnedOnceAfterWorkHasEnded(t *testing.T) {
	const mb = 1 << 20
	var w idleWatch
	for i, look := range []struct {
		allocated uint64
		returns   bool
		why       string
	}{
		{100 * mb, false, "it works"},
		{200 * mb, false, "it still works"},
		{200*mb + 1000, true, "it idles after work"},
		{200*mb + 2000, false, "nothing was done since"},
		{202 * mb, false, "it works a little"},
		{202*mb + 1000, false, "too little was done to be worth it"},
		{205 * mb, false, "it works"},
		{205*mb + 1000, true, "it idles, and enough has come together"},
	} {
		if got := w.look(look.allocated); got != look.returns {
			t.Errorf("look %d (%s): memory is returned: %t, want %t", i+1, look.why, got, look.returns)
		}
	}
}

func TestGarbageWaitsOnlyWhileMuchIsAllocated(t *testing.T) {
	const mb = 1 << 20
	for _, c := range []struct {
		what            string
		allocated, live uint64
		percent         int
	}{
		{"idle", mb, 20 * mb, 100},
		{"a small heap at work", 200 * mb, 2 * mb, mostPercent},
		{"a hub at work", 200 * mb, 64 * mb, 200},
		{"a large heap at work", 200 * mb, 500 * mb, 100},
		{"before the first collection", 20 * mb, 0, mostPercent},
	} {
		if got := pace(c.allocated, c.live, 100); got != c.percent {
			t.Errorf("%s: %d percent, want %d", c.what, got, c.percent)
		}
	}
}
