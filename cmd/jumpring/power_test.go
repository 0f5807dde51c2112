package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/bus/embedded/faultfs"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/ingress"
	"github.com/jumpring/jumpring/core/store"
)

// receipts is what a till knows across the hub's power failures.
type receipts struct {
	mu       sync.Mutex
	sales    map[string]bool // reported sales that were acknowledged, by receipt
	commands map[string]canon.Outcome
}

// work reports sales and asks for a reservation from several tills until the hub fails or each has done its part.
func (r *receipts) work(ctx context.Context, h *hub.Hub, rng *rand.Rand, life string) {
	doors := hub.Doors{Hub: h}
	var wg sync.WaitGroup
	for till := range 1 + rng.IntN(4) {
		each := 1 + rng.IntN(8)
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%s-%d-%d", life, till, i)
				_, err := doors.Report(ctx, []ingress.Fact{{
					Head: canon.Head{Connection: "till:desk", Actor: "till", Delivery: id},
					Observation: canon.Observation{Kind: canon.KindOrder, ExternalID: id, SourceVersion: 1, Order: &canon.OrderState{
						Status: canon.OrderFulfilled, PlacedAt: time.Now().UTC(), Currency: "EUR", Total: canon.StatedMoney{Amount: "10.00", Currency: "EUR"},
						Lines: []canon.OrderLine{{ID: "1", SKU: "CHAIN-45", Quantity: 1, Price: canon.StatedMoney{Amount: "10.00", Currency: "EUR"}}},
					}},
				}})
				if err != nil {
					return
				}
				r.mu.Lock()
				r.sales[id] = true
				r.mu.Unlock()
				out, err := doors.Do(ctx, "till", canon.Command{Key: id, ID: id, Reserve: &canon.Reserve{Item: "itm_" + id, Seconds: 60, Channel: "till"}})
				if err != nil {
					return
				}
				r.mu.Lock()
				r.commands[id] = out
				r.mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// missing names what was acknowledged and is not in the view.
func (r *receipts) missing(v store.View) error {
	for id := range r.sales {
		o, err := store.Load[canon.Order](v, store.RecordKey(store.TypeOrder, canon.NodeID("ord", "till:desk", canon.KindOrder, id)))
		if err != nil {
			return err
		}
		if o == nil {
			return fmt.Errorf("%w: sale %s", errLost, id)
		}
	}
	for id, was := range r.commands {
		o, err := store.Load[canon.Outcome](v, store.OutcomeKey("till", id))
		if err != nil {
			return err
		}
		if o == nil || o.Position != was.Position || o.Code != was.Code {
			return fmt.Errorf("%w: command %s", errLost, id)
		}
	}
	return nil
}

var errLost = errors.New("acknowledged and lost")

// liveWithPowerFailures takes a hub through three lives that each end in a power failure, and returns what went wrong. The view is on a
// disk of its own and sometimes lost as well.
func liveWithPowerFailures(t *testing.T, seed uint64, sabotage func(*faultfs.FS)) error {
	rng := rand.New(rand.NewPCG(seed, 3))
	dir := t.TempDir()
	known := &receipts{sales: map[string]bool{}, commands: map[string]canon.Outcome{}}
	fs := faultfs.New()
	for life := range 4 {
		sabotage(fs)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		h, err := hub.Open(ctx, hub.Options{
			Data: dir, JournalFS: fs, VaultKey: "a key that only this test has",
			Settings: canon.Settings{MatchItem: []string{"serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{paris}},
		})
		if err != nil {
			cancel()
			return fmt.Errorf("life %d: open: %w", life, err)
		}
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		select {
		case <-h.Ready():
		case err := <-ended:
			cancel()
			return errors.Join(fmt.Errorf("life %d: the hub ended: %w", life, err), h.Close())
		}
		v, err := h.Store().View()
		if err == nil {
			err = known.missing(v)
			v.Close()
		}
		if err != nil || life == 3 {
			cancel()
			<-ended
			return errors.Join(err, h.Close())
		}
		fs.CrashAt(1 + rng.IntN(60))
		known.work(ctx, h, rng, fmt.Sprint(life))
		next := fs.Crash(rng.Uint64())
		cancel()
		<-ended // the journal has failed, and the hub with it
		_ = h.Close()
		fs = next
		if rng.IntN(2) == 0 {
			if err := os.RemoveAll(filepath.Join(dir, "view")); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestChaosOfPower drops any subset of the unsynced pages of the journal at a crash, under the whole hub.
func TestChaosOfPower(t *testing.T) {
	seeds := 24
	if raced {
		seeds = 6
	}
	seeds = fromEnv(t, "JUMPRING_HUB_SEEDS", seeds)
	for seed, err := range livesOf(t, seeds, func(*faultfs.FS) {}) {
		require.NoError(t, err, "seed %d", seed)
	}
	t.Run("without the fsync it fails", func(t *testing.T) {
		failed, lost := 0, 0
		for _, err := range livesOf(t, seeds, (*faultfs.FS).IgnoreSync) {
			if err != nil {
				failed++
			}
			if errors.Is(err, errLost) {
				lost++
			}
		}
		require.Positive(t, failed, "a hub whose fsync does nothing loses what it acknowledged")
		t.Logf("%d of %d seeds fail, %d of them at a fact that is missing and the others when the journal is opened", failed, seeds, lost)
	})
}

// livesOf runs the lives of each seed, a few at a time, and gives what went wrong with each.
func livesOf(t *testing.T, seeds int, sabotage func(*faultfs.FS)) []error {
	t.Helper()
	out := make([]error, seeds)
	var g errgroup.Group
	g.SetLimit(4)
	for seed := range seeds {
		g.Go(func() error {
			out[seed] = liveWithPowerFailures(t, uint64(seed), sabotage)
			return nil
		})
	}
	_ = g.Wait() // the errors are in out
	return out
}
