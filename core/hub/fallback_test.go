package hub_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// webOf gives what the fold knows of connection "web".
func webOf(t *testing.T, h *hub.Hub) *canon.Connection {
	t.Helper()
	v, err := h.Store().View()
	require.NoError(t, err)
	defer v.Close()
	c, err := store.Load[canon.Connection](v, store.PrefixConn+"web")
	require.NoError(t, err)
	return c
}

func TestAfterALongAbsenceLiveConnectionsBeginInShadow(t *testing.T) {
	for name, tc := range map[string]struct {
		away time.Duration
		want canon.Mode
	}{
		"a restart":                    {time.Minute, canon.ModeLive},
		"platforms deliver again":      {3 * time.Hour, canon.ModeLive},
		"platforms have given up":      {5 * time.Hour, canon.ModeShadow},
		"the clock was set back since": {-48 * time.Hour, canon.ModeLive},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			h, stop := opened(t, data)
			add := func(typ canon.EntryType, head canon.Head, what any) {
				e, err := router.NewEntry(typ, head, what)
				require.NoError(t, err)
				r, err := h.Router().Append(t.Context(), bus.ClassCommand, e)
				require.NoError(t, err)
				require.NoError(t, h.Router().WaitFolded(t.Context(), r.Offset))
			}
			add(canon.EntrySettings, canon.Head{Actor: "hub"}, canon.Settings{
				MatchItem: []string{"sku"}, Serialized: "never", StockAuthority: "hub", Locations: []string{"paris"},
				Connections: []canon.ConnectionSettings{{Name: "web", Connector: "shopify", Mode: canon.ModeLive, SellsFrom: []string{"paris"}}},
			})
			add(canon.EntrySnapshot, canon.Head{Connection: "web"}, canon.SnapshotMark{ID: "1", Complete: true, StartedAt: time.Now()})
			add(canon.EntryCommand, canon.Head{Actor: "ada"}, canon.Command{Key: "live", ID: "live", SetMode: &canon.SetMode{Connection: "web", Mode: canon.ModeLive, PlanDigest: "seen", Plan: "seen"}})
			require.Equal(t, canon.ModeLive, webOf(t, h).Mode)
			stop()
			at := time.Now().Add(-tc.away).UTC().Format(time.RFC3339) + "\n"
			require.NoError(t, os.WriteFile(filepath.Join(data, "alive"), []byte(at), 0o600))

			h, stop = opened(t, data)
			defer stop()
			// Ready is the moment before which no effect runs.
			web := webOf(t, h)
			require.Equal(t, tc.want, web.Mode)
			if tc.want == canon.ModeLive {
				require.Equal(t, "seen", web.PlanDigest)
				require.True(t, web.Snapshot.Complete)
				return
			}
			require.Empty(t, web.PlanDigest, "what was accepted on older knowledge does not count")
			require.False(t, web.Snapshot.Complete, "the platform is read whole before it goes live again")
			stop()
			h, stop = opened(t, data)
			require.Equal(t, canon.ModeShadow, webOf(t, h).Mode, "and it stays so after a restart")
			stop()
		})
	}
}
