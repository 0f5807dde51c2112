package reconcile

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
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

// drifter sweeps the platform of a world.
func (w *world) drifter(t *testing.T, r *running, policy DriftPolicy) *Drifter {
	t.Helper()
	d, err := NewDrifter(DrifterOptions{
		Name: "web", Journal: r.Process, Store: w.hub.Store, Sweeper: r.lane, Ready: opened(), Policy: policy, Reads: true, Quiet: 10 * time.Minute,
		Key: func() (ed25519.PrivateKey, error) { return signingKey, nil },
	})
	require.NoError(t, err)
	ctx, cancel := withCancel(t)
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	r.alsoStop(func() error { cancel(); return <-done })
	return d
}

var signingKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func opened() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// drift sweeps once.
func (w *world) drift(t *testing.T, r *running) *canon.DriftReport {
	t.Helper()
	if w.sweeps == nil || w.sweptBy != r {
		w.sweeps, w.sweptBy = w.drifter(t, r, DriftPolicy{}), r
	}
	report, err := w.sweeps.Check(t.Context(), nil)
	require.NoError(t, err)
	return report
}

func TestDriftWithoutRowsIsSignedAndSaysWhere(t *testing.T) {
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
		require.Equal(t, map[string]int64{"level": 2}, report.Compared)
		require.Zero(t, report.Changed)
		require.Greater(t, report.Position.Offset, began, "what was read is journaled: that is the sweep")
		require.WithinDuration(t, time.Now(), report.At, time.Minute)
		require.True(t, w.hub.Connection("web").Snapshot.ID == "first", "the first import stays what it was")

		key := base64.StdEncoding.EncodeToString(signingKey.Public().(ed25519.PublicKey))
		raw, err := json.MarshalIndent(report, "", "  ")
		require.NoError(t, err)
		var read canon.DriftReport
		require.NoError(t, json.Unmarshal(raw, &read))
		require.NoError(t, VerifySeal(&read, key), "as it was written to a file")
		for name, forge := range map[string]func(r *canon.DriftReport){
			"position":   func(r *canon.DriftReport) { r.Position.Offset++ },
			"connection": func(r *canon.DriftReport) { r.Connection = "other" },
			"time":       func(r *canon.DriftReport) { r.At = r.At.Add(time.Second) },
			"count":      func(r *canon.DriftReport) { r.Compared["level"]++ },
			"state":      func(r *canon.DriftReport) { r.State = r.State[1:] + "0" },
			"rows":       func(r *canon.DriftReport) { r.Rows = append(r.Rows, canon.DriftRow{}) },
			"no seal":    func(r *canon.DriftReport) { r.Seal = nil },
		} {
			forged := read
			forged.Compared = map[string]int64{"level": 2}
			forge(&forged)
			require.ErrorIs(t, VerifySeal(&forged, key), ErrSeal, name)
		}
		other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
		require.NoError(t, Seal(&read, other))
		require.ErrorIs(t, VerifySeal(&read, key), ErrSeal, "another hub's signature")
	})
}

func TestDriftSaysWhichAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := map[string]int64{
			"edited@1": 3, "missed@1": 3, "rejected@1": 3, "untracked@1": 3, "conflict@1": 3, "pending@1": 3, "counted@1": 3, "fine@1": 3,
			"unmapped@1": 3,
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
		change("unmapped@1", func(want *canon.Want) { want.Quantity, want.Blocked = nil, "location.unmapped" })
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
			"untracked@1": "not_representable ", "conflict@1": "blocked stock.conflict", "unmapped@1": "not_mapped location.unmapped",
			"pending@1": "pending the connection's mode is observe",
		}, got)
		require.Equal(t, int64(8), report.Levels)
		require.Equal(t, int64(2), report.Changed)
		require.Equal(t, map[string]int64{"connection.counts_stock": 1}, report.Unwritten)
		require.Equal(t, map[canon.DriftCause]int64{
			canon.DriftManual: 1, canon.DriftMissed: 1, canon.DriftWrite: 1, canon.DriftNotRepresentable: 1, canon.DriftBlocked: 1,
			canon.DriftNotMapped: 1, canon.DriftPending: 1,
		}, report.Counts)
		require.Nil(t, report.Seal, "a report with rows proves nothing")
		for _, row := range report.Rows {
			if row.ExternalID == "edited@1" {
				require.Equal(t, []int64{7, 3, 7, 3}, []int64{*row.Read, *row.Known, *row.Shows, *row.Should})
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
		require.Empty(t, first.Rows, "it was written back before the report")
		require.Equal(t, int64(1), w.platform.Level("a@1"))
		require.Len(t, first.Repaired, 1)
		require.Equal(t, canon.DriftManual, first.Repaired[0].Drift)
		require.Equal(t, []int64{4, 1, 1, 1}, []int64{*first.Repaired[0].Read, *first.Repaired[0].Known, *first.Repaired[0].Shows, *first.Repaired[0].Should})
		require.NotNil(t, first.Seal)
		second := w.drift(t, r)
		require.Empty(t, second.Rows)
		require.Empty(t, second.Repaired)
		r.stop(t)
	})
}

func TestDriftIsLeftForAPersonWhereThePolicyIsToReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"edited@1": 3, "soldout@1": 0, "sold@1": 3})
		w.holds = true
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Want("web", "edited@1", 3, false)
		w.hub.Want("web", "sold@1", 3, false)
		w.hub.Want("web", "soldout@1", 0, true)
		r := w.start()
		w.sweeps, w.sweptBy = w.drifter(t, r, DriftPolicy{Report: true}), r
		after(time.Second)
		w.platform.Set("edited@1", 5)
		w.platform.Set("sold@1", 5)
		w.platform.Set("soldout@1", 2)
		report := w.drift(t, r)
		after(time.Hour)
		require.Equal(t, int64(5), w.platform.Level("edited@1"), "nobody decided yet")
		require.Zero(t, w.platform.Level("soldout@1"), "what is sold out is not offered for the sake of a report")
		require.Len(t, report.Rows, 2)
		for _, row := range report.Rows {
			require.True(t, row.Held, row.ExternalID)
			require.Equal(t, canon.DriftManual, row.Drift)
		}
		require.Nil(t, report.Seal)

		w.hub.Want("web", "sold@1", 2, true)
		after(time.Minute)
		require.Equal(t, int64(2), w.platform.Level("sold@1"), "a sale is not held up")
		r.kill()
		r = w.start()
		after(time.Hour)
		require.Equal(t, int64(5), w.platform.Level("edited@1"), "not after a restart either")
		r.stop(t)
		w.holds = false
		r = w.start()
		after(time.Hour)
		require.Equal(t, int64(3), w.platform.Level("edited@1"), "the policy is to repair now")
		r.stop(t)
	})
}

func TestASweepDoesNotWaitForAPlatformThatTakesWritesAndShowsThemNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 3, "b@1": 3})
		w.hub.SetMode("web", canon.ModeLive)
		w.hub.Want("web", "a@1", 1, false)
		w.hub.Want("web", "b@1", 3, false)
		w.platform.OnApply = func(*sdk.Write) (sdk.Result, bool) { return sdk.Result{Status: sdk.StatusApplied}, true }
		r := w.start()
		after(time.Second)
		began := time.Now()
		report := w.drift(t, r)
		require.Less(t, time.Since(began), time.Hour, "by the virtual clock; quiet is ten minutes")
		require.Len(t, report.Rows, 1)
		require.Equal(t, "a@1", report.Rows[0].ExternalID)
		r.stop(t)
	})
}

func TestDriftFindsWhatIsGoneAndWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"stays@1": 1, "gone@1": 1, "silent@1": 1})
		r := w.start()
		after(time.Second)
		w.platform.Remove("gone@1")
		w.platform.Remove("silent@1")
		w.platform.Set("new@1", 1)
		w.platform.OnRead = func(req *sdk.ReadRequest) *intake.ReadResult {
			res := &intake.ReadResult{}
			for _, ref := range req.Refs {
				if ref.ExternalID == "gone@1" {
					res.Facts = append(res.Facts, intake.Fact{Kind: ref.Kind, ExternalID: ref.ExternalID, Data: []byte(`{"kind":"level","external_id":"gone@1","deleted":true}`)})
				}
			}
			return res
		}
		report := w.drift(t, r)
		r.stop(t)
		require.Len(t, report.Rows, 1)
		require.Equal(t, "silent@1 unread", report.Rows[0].ExternalID+" "+string(report.Rows[0].Drift))
		got := make(map[string]string)
		for _, row := range report.Repaired {
			got[row.ExternalID] = row.Field + " " + string(row.Drift)
		}
		require.Equal(t, map[string]string{"gone@1": "deleted missed_webhook", "new@1": "available missed_webhook"}, got)
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
		require.Equal(t, canon.DriftManual, report.Rows[0].Drift)
		require.Zero(t, report.Unread)
	})
}

func TestASweepGoesOnAfterAKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := make(map[string]int64)
		for i := range 1000 {
			levels[levelName(i)] = 1
		}
		w := newWorld(t, levels)
		for id := range levels {
			w.hub.Want("web", id, 1, false)
		}
		r := w.start()
		after(time.Second)
		w.platform.Set(levelName(10), 0)  // of the first page
		w.platform.Set(levelName(990), 0) // of the last
		third := make(chan struct{})
		w.platform.OnPage = func(page string) {
			if page == "500" {
				close(third)
				time.Sleep(time.Hour) // the platform hangs, and then the hub dies
			}
		}
		d := w.drifter(t, r, DriftPolicy{})
		go func() { _, _ = d.Check(context.Background(), nil) }()
		<-third
		r.kill()
		w.platform.OnPage = nil
		pages := len(w.platform.Calls("snapshot"))

		r = w.start()
		w.drifter(t, r, DriftPolicy{}) // nobody asks: what was cut off goes on
		after(time.Hour)
		reports := w.reports(t)
		r.stop(t)
		require.Len(t, reports, 1)
		require.Equal(t, []string{"snapshot 500", "snapshot 750"}, w.platform.Calls("snapshot")[pages:], "from where it was killed")
		require.Equal(t, map[string]int64{"level": 1000}, reports[0].Compared)
		var found []string
		for _, row := range reports[0].Rows {
			found = append(found, row.ExternalID+" "+string(row.Drift))
		}
		require.Equal(t, []string{levelName(10) + " manual_edit", levelName(990) + " manual_edit"}, found, "what was found before the kill too")
	})
}

func levelName(i int) string { return fmt.Sprintf("s%04d@1", i) }

// reports gives the kept reports, the newest first.
func (w *world) reports(t *testing.T) []canon.DriftReport {
	t.Helper()
	v, err := w.hub.Store.View()
	require.NoError(t, err)
	defer v.Close()
	reports, err := Reports(v, "web")
	require.NoError(t, err)
	return reports
}

func TestPricesThatDifferBetweenConnectionsAreListedWherePolicySaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		node := canon.NodeID("itm", "web", canon.KindListing, "L1")
		eur := func(connection string, minor int64) canon.Price {
			return canon.Price{Connection: connection, Money: canon.Money{Minor: minor, Currency: "EUR"}}
		}
		w.hub.Put(store.KeySettings, canon.Settings{Connections: []canon.ConnectionSettings{{Name: "shop"}, {Name: "web"}}})
		w.hub.Put(store.PrefixNode+node, store.Node{Type: store.TypeItem, Golden: node})
		item := canon.Item{ID: node, Title: "Ring", Prices: []canon.Price{eur("web", 95000), eur("shop", 90000)}}
		w.hub.Put(store.RecordKey(store.TypeItem, node), item)
		listing := canon.Observation{Kind: canon.KindListing, ExternalID: "L1", Listing: &canon.ListingState{Title: "Ring"}}
		w.hub.Tell(canon.EntryObservation, canon.Head{Connection: "web"}, &listing)
		r := w.start()
		require.Empty(t, w.drift(t, r).Rows, "it is nobody's business without a policy")
		w.sweeps = w.drifter(t, r, DriftPolicy{Parity: true})
		report := w.drift(t, r)
		require.Len(t, report.Rows, 1)
		row := report.Rows[0]
		require.Equal(t, []any{canon.DriftParity, "L1", "price", "shop asks another price"}, []any{row.Drift, row.ExternalID, row.Field, row.Reason})
		require.Contains(t, string(row.Changes[0].Before), "90000")
		require.Contains(t, string(row.Changes[0].After), "95000")
		item.Prices[0] = eur("web", 90000)
		w.hub.Put(store.RecordKey(store.TypeItem, node), item)
		require.Empty(t, w.drift(t, r).Rows)
		r.stop(t)
	})
}

func TestASweepNamesWhatChangedWithoutWhatIsNobodysBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		was := canon.Observation{Kind: canon.KindListing, ExternalID: "L1", Listing: &canon.ListingState{
			Title: "Ring", Brand: "Aurum", Prices: []canon.StatedMoney{{Amount: "10.00", Currency: "EUR"}}, Cost: &canon.StatedMoney{Amount: "4.00", Currency: "EUR"},
		}}
		w.hub.Tell(canon.EntryObservation, canon.Head{Connection: "web", ReadStamp: canon.Position{Offset: 1}}, &was)
		is := was
		state := *was.Listing
		is.Listing = &state
		state.Prices, state.Cost = []canon.StatedMoney{{Amount: "12.00", Currency: "EUR"}}, &canon.StatedMoney{Amount: "5.00", Currency: "EUR"}
		data, err := json.Marshal(&is)
		require.NoError(t, err)
		v, err := w.hub.Store.View()
		require.NoError(t, err)
		defer v.Close()
		found, _, err := comparePage(v, "web", []intake.Fact{{Kind: canon.KindListing, ExternalID: "L1", Data: data}}, false)
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, []canon.Change{
			{Field: "cost"},
			{Field: "prices", Before: json.RawMessage(`[{"amount":"10.00","currency":"EUR"}]`), After: json.RawMessage(`[{"amount":"12.00","currency":"EUR"}]`)},
		}, found[0].Changes, "costs are named and not shown")

		is.Hidden, state.Prices = []string{"cost"}, was.Listing.Prices
		data, err = json.Marshal(&is)
		require.NoError(t, err)
		found, _, err = comparePage(v, "web", []intake.Fact{{Kind: canon.KindListing, ExternalID: "L1", Data: data}}, false)
		require.NoError(t, err)
		require.Empty(t, found, "what the platform hides has not changed")
	})
}

func TestSweepsKeepTheirSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, map[string]int64{"a@1": 1})
		mark := canon.SnapshotMark{ID: "first", Complete: true, StartedAt: time.Now()}
		w.hub.Tell(canon.EntrySnapshot, canon.Head{Connection: "web"}, mark)
		w.hub.Want("web", "a@1", 1, false)
		r := w.start()
		w.drifter(t, r, DriftPolicy{Every: 6 * time.Hour})
		after(5 * time.Hour)
		require.Empty(t, w.reports(t), "the import has read everything")
		after(2 * time.Hour)
		require.Len(t, w.reports(t), 1)
		after(4 * time.Hour)
		r.kill()
		r = w.start()
		w.drifter(t, r, DriftPolicy{Every: 6 * time.Hour})
		after(30 * time.Minute)
		require.Len(t, w.reports(t), 1, "a restart is no reason to read everything again")
		w.platform.SetDown(true)
		after(10 * time.Hour)
		require.Len(t, w.reports(t), 1)
		w.platform.SetDown(false)
		after(time.Hour)
		require.Len(t, w.reports(t), 2, "it goes on when the platform is back")
		r.stop(t)
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
