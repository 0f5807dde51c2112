package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAHogIsSlowedOnceAndForgivenWhenItIsCalm(t *testing.T) {
	hog := Hog{Share: 0.8, For: 5 * time.Second}
	g := &usageGauge{}
	see := func(share float64, seconds int) (slowed int) {
		for range seconds {
			if g.look(share, time.Second, hog) {
				slowed++
			}
		}
		return slowed
	}
	require.Zero(t, see(0.9, 4), "a short burst is work")
	require.Zero(t, see(0.5, 1))
	require.Zero(t, see(0.9, 4), "it begins anew")
	require.Equal(t, 1, see(1, 10))
	require.Zero(t, g.calm)
	see(0.01, 59)
	require.Less(t, g.calm, calmFor)
	see(0.5, 1)
	require.Zero(t, g.calm, "work makes it wait again")
	see(0.01, 60)
	require.GreaterOrEqual(t, g.calm, calmFor)
}
