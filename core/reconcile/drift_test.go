package reconcile

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/intake/intaketest"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func (w *world) drift(t *testing.T, r *running) *DriftReport {
	t.Helper()
	report, err := Drift(t.Context(), w.hub.Store, r.lane, "web", nil)
	require.NoError(t, err)
	return report
}

func TestDriftWithoutRowsSaysWhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1, "b@1": 2})
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Want("web", "a@1", 1, false)
		w.hub.Want("web", "b@1", 2, false)
		r := w.start()
		after(time.Second)
		began := w.hub.End()
		report := w.drift(t, r)
		r.stop(t)
		require.Empty(t, report.Rows)
		require.Equal(t, int64(2), report.Levels)
		require.Zero(t, report.Changed)
		require.Greater(t, report.Position.Offset, began, "what was read is journaled: that is the sweep")
		require.WithinDuration(t, time.Now(), report.At, time.Minute)
	})
}

func TestDriftSaysWhichAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := map[string]int64{
			"edited@1": 3, "missed@1": 3, "rejected@1": 3, "untracked@1": 3, "conflict@1": 3, "pending@1": 3, "counted@1": 3, "fine@1": 3,
		}
		w := newWorld(t, levels)
		for id := range levels {
			w.hub.Want("web", id, 3, false)
		}
		w.hub.Want("web", "pending@1", 2, false)
		change := func(id string, fn func(want *canon.Want)) {
			b := w.hub.Binding("web", id)
			fn(b.Wants)
			w.hub.Put(store.BindingKey(b.BindingKey), b)
		}
		w.hub.Want("web", "rejected@1", 1, false)
		w.hub.Want("web", "untracked@1", 1, false)
		change("rejected@1", func(want *canon.Want) { want.Write, want.Reason = canon.WriteRejected, "no scope" })
		change("untracked@1", func(want *canon.Want) { want.Write = canon.WriteNotRepresentable })
		change("conflict@1", func(want *canon.Want) { want.Quantity, want.Blocked = nil, "stock.conflict" })
		change("counted@1", func(want *canon.Want) { want.Quantity, want.Blocked = nil, "connection.counts_stock" })
		w.platform.Set("edited@1", 7)
		w.platform.Set("missed@1", 2)
		missed := false
		w.platform.OnPage = func(string) {
			if !missed { // the sweep finds an order that nobody told the hub of
				missed = true
				w.hub.Want("web", "missed@1", 1, true)
			}
		}
		r := w.start()
		report := w.drift(t, r)
		r.stop(t)
		got := make(map[string]string)
		for _, row := range report.Rows {
			got[row.ExternalID] = string(row.Drift) + " " + row.Reason
		}
		require.Equal(t, map[string]string{
			"edited@1": "manual_edit ", "missed@1": "missed_webhook ", "rejected@1": "failed_write no scope",
			"untracked@1": "not_representable ", "conflict@1": "blocked stock.conflict", "pending@1": "pending ",
		}, got)
		require.Equal(t, int64(7), report.Levels)
		require.Equal(t, int64(2), report.Changed)
		require.Equal(t, map[string]int64{"connection.counts_stock": 1}, report.Unwritten)
		require.Equal(t, map[DriftCause]int64{
			DriftManual: 1, DriftMissed: 1, DriftWrite: 1, DriftNotRepresentable: 1, DriftBlocked: 1, DriftPending: 1,
		}, report.Counts)
		for _, row := range report.Rows {
			if row.ExternalID == "edited@1" {
				require.Equal(t, []int64{7, 3, 7, 3}, []int64{*row.Read, *row.Known, row.Shows, row.Should})
			}
		}
	})
}

func TestDriftRepairsWhatALiveConnectionMayWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Want("web", "a@1", 1, false)
		r := w.start()
		after(time.Second)
		w.platform.Set("a@1", 4)
		first := w.drift(t, r)
		require.Equal(t, int64(1), first.Changed)
		after(time.Minute)
		require.Equal(t, int64(1), w.platform.Level("a@1"))
		require.Empty(t, w.drift(t, r).Rows)
		r.stop(t)
	})
}

func TestDriftReadsLevelsWhereThereIsNoSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1, "b@1": 1})
		w.describe.Capabilities = []sdk.Capability{sdk.CanRead, sdk.CanApply}
		w.hub.Want("web", "a@1", 1, false)
		w.hub.Want("web", "b@1", 1, false)
		w.platform.Set("b@1", 9)
		r := w.start()
		report := w.drift(t, r)
		r.stop(t)
		require.Empty(t, w.platform.Calls("snapshot"))
		require.Len(t, report.Rows, 1)
		require.Equal(t, DriftManual, report.Rows[0].Drift)
		require.Zero(t, report.Unread)
	})
}

// activated runs an Activator for a while.
func activated(t *testing.T, h *intaketest.Hub, conn canon.Connection, d time.Duration) *Activator {
	t.Helper()
	h.Put(store.PrefixConn+conn.Name, conn)
	ready := make(chan struct{})
	close(ready)
	a := &Activator{Name: conn.Name, HasSnapshot: true, Journal: h.Start(), Store: h.Store, Commits: h.Commits(), Ready: ready}
	done := make(chan error)
	ctx, cancel := withCancel(t)
	go func() { done <- a.Run(ctx) }()
	after(d)
	cancel()
	require.NoError(t, <-done)
	return a
}

func TestTheActivatorGoesLiveWithAnEmptyPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := intaketest.New()
		a := activated(t, h, canon.Connection{
			Name: "web", Mode: canon.ModeObserve, Asked: canon.ModeLive, Snapshot: &canon.SnapshotMark{Complete: true},
		}, time.Minute)
		require.Equal(t, canon.ModeLive, h.Connection("web").Mode)
		require.Equal(t, EmptyPlan(), h.Connection("web").PlanDigest)
		require.Empty(t, a.Waits())
		require.Len(t, h.Log(canon.EntryCommand), 2, "shadow, then live")
		require.Equal(t, "hub", h.Log(canon.EntryCommand)[0].Head.Actor)
	})
}

func TestTheActivatorLeavesAPlanToAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := intaketest.New()
		h.Observe("web", "a@1", 3, true)
		h.Want("web", "a@1", 1, false)
		a := activated(t, h, canon.Connection{
			Name: "web", Mode: canon.ModeObserve, Asked: canon.ModeLive, Snapshot: &canon.SnapshotMark{Complete: true},
		}, 24*time.Hour)
		require.Equal(t, canon.ModeShadow, h.Connection("web").Mode)
		require.Contains(t, a.Waits(), "jumpring connection live web --plan "+planOf(t, h, "web").Digest)
		require.Len(t, h.Log(canon.EntryCommand), 1)
	})
}

func TestTheActivatorWaitsForTheImport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := intaketest.New()
		a := activated(t, h, canon.Connection{
			Name: "web", Mode: canon.ModeShadow, Asked: canon.ModeLive, Snapshot: &canon.SnapshotMark{Page: []byte("2")},
		}, time.Hour)
		require.Contains(t, a.Waits(), "initial import")
		require.Empty(t, h.Log(canon.EntryCommand))
	})
}

func TestTheAdopterFixesTheStockOfItemsThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := intaketest.New()
		ready := make(chan struct{})
		a := &Adopter{Journal: h.Start(), Commits: h.Commits(), Ready: ready}
		done := make(chan error)
		ctx, cancel := withCancel(t)
		go func() { done <- a.Run(ctx) }()
		h.Adopt("itm_1", "itm_2")
		h.Adopt("itm_2")
		after(time.Second)
		require.Empty(t, h.Log(canon.EntryAdopt), "nothing before the view is complete")
		close(ready)
		after(time.Second)
		require.Len(t, h.Log(canon.EntryAdopt), 1)
		h.Adopt("itm_3")
		after(time.Second)
		require.JSONEq(t, `{"items":["itm_3"]}`, string(h.Log(canon.EntryAdopt)[1].Data))
		cancel()
		require.NoError(t, <-done)
	})
}

var _ Sweeper = (*intake.Connection)(nil)
