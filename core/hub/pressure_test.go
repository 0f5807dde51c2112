package hub_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
)

// running is a hub without connections on a folder of its own.
func running(t testing.TB) *hub.Hub {
	t.Helper()
	h, err := hub.Open(t.Context(), hub.Options{
		Data: t.TempDir(), VaultKey: "a key that only this test has",
		Settings: canon.Settings{MatchItem: []string{"serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, h.Close())
	})
	<-h.Ready()
	return h
}

// fullRead appends rows as full reads do: in batches of 32, each when the journal takes it.
func fullRead(ctx context.Context, t testing.TB, h *hub.Hub, name string, rows int) error {
	t.Helper()
	serialized := true
	for at := 0; at < rows; at += 32 {
		var batch []bus.Entry
		for i := range 32 {
			e, err := router.EncodeObservation(canon.Head{Connection: name, Actor: "connection:" + name}, canon.Observation{
				Kind: canon.KindListing, ExternalID: fmt.Sprint(at + i), Aspect: canon.AspectMain, SourceVersion: 1,
				Listing: &canon.ListingState{Title: fmt.Sprintf("Ring %d", at+i), SKU: fmt.Sprintf("%s-%d", name, at+i), Serialized: &serialized, Metal: "18 Karat yellow gold", Status: "active"},
			})
			if err != nil {
				return err
			}
			batch = append(batch, e)
		}
		if _, err := intake.Append(ctx, h.Router(), bus.ClassBulk, batch...); err != nil {
			return err
		}
	}
	return nil
}

// TestACommandHasOnlyALittleOfAFullReadBeforeIt reads much at three platforms at once while a till asks for things, and
// wants each command to have little bulk between it and the fold, however much is still to come.
func TestACommandHasOnlyALittleOfAFullReadBeforeIt(t *testing.T) {
	rows := 2000
	if testing.Short() {
		rows = 500
	}
	h := running(t)
	var g errgroup.Group
	for i := range 3 {
		g.Go(func() error { return fullRead(t.Context(), t, h, fmt.Sprintf("shop-%d", i), rows) })
	}
	read := make(chan error, 1)
	go func() { read <- g.Wait() }()
	worst, commands := uint64(0), 0
	for busy := true; busy; commands++ {
		select {
		case err := <-read:
			require.NoError(t, err)
			busy = false
		default:
		}
		before := h.Router().Mark().Position.Offset
		out, err := hub.Doors{Hub: h}.Do(t.Context(), "till", reserve(commands))
		require.NoError(t, err)
		// What stood between the fold and the command when it was sent, in batches of 32 rows.
		worst = max(worst, out.Position.Offset-before)
	}
	require.Positive(t, commands)
	// 128 KiB of bulk are no more than a few batches of 32 rows; besides them the commands' own and what the fold did
	// between the two looks.
	require.LessOrEqual(t, worst, uint64(12), "batches before a command")
	t.Logf("%d commands beside %d rows, at most %d batches before one", commands, 3*rows, worst)
}

func reserve(i int) canon.Command {
	id := fmt.Sprintf("till-%d", i)
	return canon.Command{Key: id, ID: id, Reserve: &canon.Reserve{Item: "itm_" + id, Seconds: 60, Channel: "till"}}
}

// BenchmarkCommandBehindAFullRead measures how long a till waits for the outcome of a command while 50,000 rows come in.
func BenchmarkCommandBehindAFullRead(b *testing.B) {
	const rows = 50_000
	for b.Loop() {
		h := running(b)
		read := make(chan error, 1)
		start := time.Now()
		go func() { read <- fullRead(b.Context(), b, h, "shop", rows) }()
		var waits []time.Duration
		for busy, i := true, 0; busy; i++ {
			select {
			case err := <-read:
				require.NoError(b, err)
				busy = false
			case <-time.After(10 * time.Millisecond):
			}
			began := time.Now()
			_, err := hub.Doors{Hub: h}.Do(b.Context(), "till", reserve(i))
			require.NoError(b, err)
			waits = append(waits, time.Since(began))
		}
		slices.Sort(waits)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		b.ReportMetric(ms(waits[len(waits)/2]), "p50-ms")
		b.ReportMetric(ms(waits[len(waits)*99/100]), "p99-ms")
		b.ReportMetric(ms(waits[len(waits)-1]), "max-ms")
		b.ReportMetric(rows/time.Since(start).Seconds(), "rows/s")
	}
}
