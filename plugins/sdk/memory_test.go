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
		{204 * mb, false, "it works a little"},
		{204*mb + 1000, false, "too little was done to be worth it"},
		{209 * mb, false, "it works"},
		{209*mb + 1000, true, "it idles, and enough has come together"},
	} {
		if got := w.look(look.allocated); got != look.returns {
			t.Errorf("look %d (%s): memory is returned: %t, want %t", i+1, look.why, got, look.returns)
		}
	}
}
