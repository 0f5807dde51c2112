package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	shopifytwin "github.com/jumpring/jumpring/connectors/shopify/twin"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
)

// TestARestoredHubWritesNothingBeforeItsPlanIsAccepted backs a hub up under load, kills it, lets the world go on, and
// starts a hub on the restored folder.
func TestARestoredHubWritesNothingBeforeItsPlanIsAccepted(t *testing.T) {
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000}})
	pieces := s.pieces(60)
	untouched := s.stock("RING-KEPT", 1, 1)
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	s.settled(t)

	l := newLoad(s, 7)
	stop, ended := make(chan struct{}), make(chan float64, 1)
	go func() { ended <- l.run(pieces, 100, stop) }()
	eventually(t, time.Minute, "the load is under way", func() bool { return l.acked.Load() > 10 })
	file := filepath.Join(t.TempDir(), "backup.tar.zst")
	m, err := hub.Backup(t.Context(), hub.BackupOptions{Data: s.spec.Data, To: file, WithKey: true})
	require.NoError(t, err)
	require.True(t, m.Key)
	s.hub.sigkill()
	s.hub.wait()
	close(stop)
	<-ended

	// The backup does not know of this. The platform's own count of an unsold piece is wrong from now on.
	require.NoError(t, s.shop.AdjustInventory(shopifytwin.Adjustment{SKU: untouched.sku, LocationID: s.place, Available: 5}))
	restored := filepath.Join(t.TempDir(), "restored")
	_, err = hub.Restore(t.Context(), hub.RestoreOptions{From: file, Data: restored})
	require.NoError(t, err)
	shop, _ := s.stockWrites()
	s.spec.Data = restored
	s.start()
	s.ready()
	require.Equal(t, canon.ModeShadow, s.status(t, "web").Mode)
	eventually(t, 2*time.Minute, "the hub has read the shop anew and shows its plan", func() bool {
		return slices.ContainsFunc(s.plan(t, "web").Rows, func(r reconcile.PlanRow) bool { return r.SKU == untouched.sku })
	})
	s.imported(t, "web") // and once more: a whole read takes it no further than shadow
	after, _ := s.stockWrites()
	require.Equal(t, shop, after, "nothing was written at Shopify")
	require.Equal(t, canon.ModeShadow, s.status(t, "web").Mode)

	plan := s.plan(t, "web")
	a := s.door.must(t, http.MethodPost, "/v1/connections/web/live", api.GoLive{PlanDigest: plan.Digest})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	eventually(t, time.Minute, "the accepted plan is carried out", func() bool { return s.status(t, "web").Differing == 0 })
	wrote, _ := s.stockWrites()
	require.Greater(t, wrote, shop)
	s.hub.stop()
	audit(t, restored)
	require.NoError(t, os.RemoveAll(restored))
}

func TestBackupAndRestoreOnTheCommandLine(t *testing.T) {
	o, _ := newOperator(t)
	stop := o.serve()
	dir := filepath.Dir(o.config)
	file := filepath.Join(dir, "b.tar.zst")
	out := o.ok("backup", file, "--with-key", "-o", "json")
	require.Contains(t, out, `"key": true`)
	require.Contains(t, out, "vault.key")
	require.NotContains(t, out, "hush-")
	require.Equal(t, exitFailed, o.run("backup", file).code, "a backup never takes the place of another")
	stop()

	busy := o.run("restore", file)
	require.Equal(t, exitUsage, busy.code, busy.err)
	require.Contains(t, busy.err, "not empty")
	data := filepath.Join(dir, "data")
	require.NoError(t, os.Rename(data, data+"-old"))
	restored := o.ok("restore", file, "-o", "json")
	require.Contains(t, restored, `"hash"`)
	o.ok("verify", "--from-zero")
	found := o.ok("verify", "--from-zero", "-o", "json")
	require.Contains(t, found, `"ok": true`)
	require.Contains(t, found, `"checked_from": 1`)
}
