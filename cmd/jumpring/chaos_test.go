package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

// fromEnv gives a number from the environment, or what is usual.
func fromEnv(t *testing.T, name string, usual int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return usual
	}
	n, err := strconv.Atoi(v)
	require.NoError(t, err, name)
	return n
}

// loadRate is how many events a second the hub is under when it is killed.
const loadRate = 500

// TestChaos kills the hub and its connectors with SIGKILL at random moments of a load of orders at both shops, sales
// and reservations at tills, and checks after each that nothing acknowledged is missing and no piece has two holders.
func TestChaos(t *testing.T) {
	rounds := fromEnv(t, "JUMPRING_ROUNDS", 5)
	seed := uint64(fromEnv(t, "JUMPRING_SEED", int(time.Now().UnixNano()&0xffff)))
	t.Logf("JUMPRING_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	perRound, kills := 100, int64(500)
	if raced {
		perRound, kills = 40, 150
	}
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000}})
	pieces := s.pieces(rounds * perRound)
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	l := newLoad(s, seed)
	books := newAuditor(s.spec.Data)
	for round := range rounds {
		began := time.Now()
		acked := l.acked.Load()
		first := len(l.acts)
		killPlugin, killHub := acked+kills/10+rng.Int64N(kills/3), acked+kills/2+rng.Int64N(kills)
		victim := rng.IntN(2)
		stop, rate := make(chan struct{}), make(chan float64)
		go func() { rate <- l.run(pieces[round*perRound:(round+1)*perRound], loadRate, stop) }()
		eventually(t, 60*time.Second, "the load gets to the connector's end", func() bool { return l.acked.Load() >= killPlugin })
		if connectors := s.hub.connectors(); len(connectors) > victim {
			require.NoError(t, syscall.Kill(connectors[victim].pid, syscall.SIGKILL))
		}
		eventually(t, 60*time.Second, "the load gets to the hub's end", func() bool { return l.acked.Load() >= killHub })
		s.hub.sigkill()
		s.hub.wait()
		close(stop)
		sent := <-rate
		down := time.Now()
		s.start()
		s.ready()
		up := time.Since(down)
		resent := l.again(t)
		s.folded()
		l.check(t)
		t.Logf("round %d: %d acts at %.0f/s for %s, %d answered before the kill, up after %s, %d sent again, all in %s",
			round+1, len(l.acts)-first, sent, round3(down.Sub(began)), l.acked.Load()-acked, round3(up), resent, round3(time.Since(began)))
		require.False(t, t.Failed(), "round %d", round+1)
	}
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil), "nothing is parked")
	s.settled(t)
	s.soldOut(t, pieces)
	t.Run("the view is deleted", func(t *testing.T) { s.deleteView(t, books) })
}

func round3(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// soldOut waits until neither shop offers a piece that is held. The tests' own orders did not lower the shops' stock,
// so the hub has to notice and do it.
func (s *sandbox) soldOut(t *testing.T, pieces []pair) {
	t.Helper()
	status := map[string]canon.ItemStatus{}
	for _, it := range list[canon.Item](t, s.door, "/v1/items", nil) {
		status[strings.ToUpper(it.SKU)] = it.Status
	}
	var offered []string
	eventually(t, 60*time.Second, "no shop offers a held piece", func() bool {
		offered = nil
		level := map[string]int64{}
		for _, l := range s.shop.Levels() {
			level[l.SKU] += l.Available
		}
		for _, p := range pieces {
			if status[p.sku] == canon.ItemInStock {
				continue
			}
			if q, _ := s.woo.Stock(p.woo); q != 0 || level[p.sku] != 0 {
				offered = append(offered, fmt.Sprintf("%s is %s, WooCommerce shows %d, Shopify %d", p.sku, status[p.sku], q, level[p.sku]))
			}
		}
		return len(offered) == 0
	})
}

// deleteView removes the view of a hub beside live platforms and starts it: the view is made again from the journal
// alone, without a call to a platform and without a change for those who follow.
func (s *sandbox) deleteView(t *testing.T, books *auditor) {
	s.hub.stop()
	before := books.audit(t)
	require.NoError(t, os.RemoveAll(filepath.Join(s.spec.Data, "view")))
	require.NoError(t, os.RemoveAll(filepath.Join(s.spec.Data, "snapshots")))
	shop, woo := s.shop.Ledger().Counts.APIWrites, s.woo.Counts().StockWrites

	began := time.Now()
	s.start()
	during := s.follow(t, before.end)
	s.ready()
	rows := s.follow(t, before.end)
	t.Logf("the view of %d batches is made again after %s", before.end, time.Since(began).Round(time.Millisecond))
	s.inMode(canon.ModeLive)
	s.settled(t)
	require.Equal(t, shop, s.shop.Ledger().Counts.APIWrites, "no call to Shopify")
	require.Equal(t, woo, s.woo.Counts().StockWrites, "no call to WooCommerce")
	for _, at := range append(during(), rows()...) {
		t.Errorf("a change was published: %s", at)
	}
	s.hub.stop()
	// The replay that the new view is held against went through the state that the old one had.
	after := books.audit(t)
	t.Logf("the journal ended at %d before and at %d after", before.end, after.end)
}
