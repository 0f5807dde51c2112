package reconcile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFuse(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	batch := func(n int, toZero bool, when time.Time) []change {
		out := make([]change, n)
		for i := range out {
			out[i] = change{at: when, toZero: toZero}
		}
		return out
	}
	bound := func(n int) func() (int, error) { return func() (int, error) { return n, nil } }
	limits := Limits{ChangesPerHour: 100, ToZeroShare: 0.25, ToZeroFloor: 20}
	tests := map[string]struct {
		sent  []change
		batch []change
		bound int
		trips string // part of the reason; empty when it holds
	}{
		"up to the limit it holds":                        {batch(60, false, start), batch(40, false, start), 1000, ""},
		"one more trips it":                               {batch(60, false, start), batch(41, false, start), 1000, "101 changes within an hour, limit 100"},
		"what is an hour old does not count":              {batch(100, false, start.Add(-time.Hour)), batch(100, false, start), 1000, ""},
		"the floor of zeros is always allowed":            {nil, batch(20, true, start), 10, ""},
		"a quarter of the listings may go to zero":        {nil, batch(50, true, start), 200, ""},
		"more than a quarter may not":                     {batch(30, true, start), batch(21, true, start), 200, "51 of 200 bound listings going to zero"},
		"sales to zero count as changes alone":            {nil, batch(100, false, start), 200, ""},
		"a batch without zeros goes after too many":       {batch(51, true, start), batch(1, false, start), 200, ""},
		"zeros of an hour ago do not count":               {batch(50, true, start.Add(-time.Hour)), batch(50, true, start), 200, ""},
		"the floor holds where a quarter is less than it": {nil, batch(21, true, start), 40, "21 of 40"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := NewFuse(limits)
			f.Sent(tt.sent)
			reason, err := f.Check(start, tt.batch, bound(tt.bound))
			require.NoError(t, err)
			if tt.trips == "" {
				require.Empty(t, reason)
				return
			}
			require.Contains(t, reason, tt.trips)
			f.Reset()
			reason, err = f.Check(start, tt.batch[:1], bound(tt.bound))
			require.NoError(t, err)
			require.Empty(t, reason, "a fuse that was reset holds again")
		})
	}
}

func TestFuseDefaults(t *testing.T) {
	require.Equal(t, Limits{ChangesPerHour: 1000, ToZeroShare: 0.25, ToZeroFloor: 20}, Limits{}.WithDefaults())
}
