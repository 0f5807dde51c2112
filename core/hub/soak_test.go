package hub_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/router"
)

// The targets of the soak test at its full size: a million events that wait, ten million that are folded.
const (
	soakWaiting    = 1_000_000
	soakFolded     = 10_000_000
	mostWaitingRSS = 200 << 20
	mostRestart    = time.Minute
)

// soakShare is the part of the full size that is run: JUMPRING_SOAK, 1 in `make test-soak`. Without it very
// little is, which shows that the test works and nothing of the targets.
func soakShare(t *testing.T) (share float64, measured bool) {
	t.Helper()
	s := os.Getenv("JUMPRING_SOAK")
	if s == "" {
		return 0.0003, false
	}
	share, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return share, share >= 1
}

// rss is the resident memory of this process in bytes, after what the heap does not need went back.
func rss(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	raw, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(raw), "VmRSS:")
	require.True(t, ok)
	var kb int64
	_, err = fmt.Sscan(rest, &kb)
	require.NoError(t, err)
	return kb << 10
}

// soakBatch is how many events a delivery has.
const soakBatch = 100

// soakSKUs is how many listings the events are about: they change again and again, as in years of trade.
const soakSKUs = 20_000

// fill appends events number from to to: first each listing, then its levels, over and over.
func fill(t *testing.T, h *hub.Hub, from, to int) {
	t.Helper()
	for at := from; at < to; at += soakBatch {
		batch := make([]bus.Entry, 0, soakBatch)
		for i := at; i < min(at+soakBatch, to); i++ {
			id := strconv.Itoa(i % soakSKUs)
			o := canon.Observation{Kind: canon.KindListing, ExternalID: id, Aspect: canon.AspectMain, SourceVersion: int64(1 + i/soakSKUs)}
			o.Listing = &canon.ListingState{Title: "Chain " + id, SKU: "CHAIN-" + id, Status: "active", StyleNo: strconv.Itoa(i / soakSKUs)}
			e, err := router.EncodeObservation(canon.Head{Connection: "web", Actor: "connection:web"}, o)
			require.NoError(t, err)
			batch = append(batch, e)
		}
		_, err := h.Router().Append(t.Context(), bus.ClassWebhook, batch...)
		require.NoError(t, err)
	}
}

// TestSoak has many events wait at a hub whose fold stands still, folds many more, and starts again from a snapshot.
func TestSoak(t *testing.T) {
	share, measured := soakShare(t)
	waiting, folded := int(soakWaiting*share), int(soakFolded*share)
	data := filepath.Join(t.TempDir(), "data")
	open := func() *hub.Hub {
		h, err := hub.Open(t.Context(), hub.Options{
			Data: data, VaultKey: vaultKey, PackJournal: true,
			Settings: canon.Settings{MatchItem: []string{"serial", "sku"}, Serialized: "never", StockAuthority: "hub", Locations: []string{"paris"}},
		})
		require.NoError(t, err)
		return h
	}
	h := open()
	require.NoError(t, h.Router().Begin(t.Context()))
	idle := rss(t)
	fill(t, h, 0, waiting)
	all := rss(t)
	t.Logf("%d events wait: RSS %d MB, %d MB of it before the first", waiting, all>>20, idle>>20)
	if measured || share >= 0.1 {
		require.Less(t, all, int64(mostWaitingRSS), "RSS with %d events waiting", waiting)
	}

	run := func(h *hub.Hub, then func()) (ready time.Duration) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		start := time.Now()
		go func() { ended <- h.Run(ctx) }()
		select {
		case <-h.Ready():
		case err := <-ended:
			t.Fatalf("the hub ended: %v", err)
		}
		ready = time.Since(start)
		then()
		cancel()
		require.NoError(t, <-ended)
		return ready
	}
	began := time.Now()
	run(h, func() {
		for at := waiting; at < folded; at += 10 * soakBatch {
			fill(t, h, at, min(at+10*soakBatch, folded))
			if lag := h.Router().Lag(); lag > 1000 {
				require.NoError(t, h.Router().WaitFolded(t.Context(), h.Journal().End()-500))
			}
		}
		require.NoError(t, h.Router().WaitFolded(t.Context(), h.Journal().End()))
		took := time.Since(began)
		t.Logf("%d events folded in %s, %.0f/s; RSS %d MB", folded, took.Round(time.Second), float64(folded)/took.Seconds(), rss(t)>>20)
		_, err := h.Snapshot(t.Context())
		require.NoError(t, err)
	})
	require.NoError(t, h.Close())

	// The view is lost: everything comes from the snapshot.
	require.NoError(t, os.RemoveAll(filepath.Join(data, "view")))
	start := time.Now()
	h = open()
	run(h, func() {})
	took := time.Since(start)
	require.NoError(t, h.Close())
	t.Logf("restart from the snapshot behind %d events in %s", folded, took.Round(time.Millisecond))
	if measured {
		require.Less(t, took, mostRestart)
	}
}
