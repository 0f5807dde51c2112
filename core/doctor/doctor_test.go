package doctor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachCheckSaysWhatToDo(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	running := Connection{Name: "web", State: "running", Registered: true}
	with := func(change func(*Connection)) Check {
		c := running
		change(&c)
		return Flow(c)
	}
	for want, checks := range map[State][]Check{
		OK: {
			Disk(20<<30, 100<<30), Clock(time.Second), Expiry("certificate", now.Add(60*day), now, "renew it"), Expiry("token", time.Time{}, now, ""),
			Backup(now.Add(-day), now), Flow(running),
			Scheduled(now.Add(-30*time.Hour), now, day, false), Webhooks("web", now, 0), Alarms(0, nil),
		},
		Warn: {
			Disk(5<<30, 100<<30), Disk(900<<20, 2<<30), Clock(-20 * time.Second), Expiry("certificate", now.Add(3*day), now, "renew it"), Backup(time.Time{}, now),
			Backup(now.Add(-2*day), now), with(func(c *Connection) { c.Paused = true }), with(func(c *Connection) { c.Registered = false }),
			Scheduled(time.Time{}, now, day, false), Alarms(2, nil),
		},
		Fail: {
			Disk(100<<20, 100<<30), Clock(-2 * time.Minute), Expiry("certificate", now.Add(-day), now, "renew it"), Backup(now.Add(-8*day), now),
			with(func(c *Connection) { c.State = "failed" }), with(func(c *Connection) { c.Fused = "too many" }), with(func(c *Connection) { c.Stale = true }),
			Scheduled(now.Add(-50*time.Hour), now, day, false), Scheduled(now, now, day, true), Webhooks("web", now, 2), Alarms(0, []string{"duty"}),
		},
	} {
		for _, c := range checks {
			require.Equal(t, want, c.State, "%+v", c)
			require.NotEmpty(t, c.What)
			require.Equal(t, want != OK, c.Do != "", "%+v", c)
		}
		require.Equal(t, want, Worst(append([]Check{{State: OK}}, checks...)))
	}
	require.Equal(t, Fail, Worst([]Check{{State: Fail}, {State: Warn}, {State: OK}}))
}
