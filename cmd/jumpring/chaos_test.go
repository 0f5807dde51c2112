package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
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
	if testing.Short() {
		t.Skip("SHORT: the hub is not killed under load")
	}
	rounds := fromEnv(t, "JUMPRING_ROUNDS", 5)
	seed := uint64(fromEnv(t, "JUMPRING_SEED", int(time.Now().UnixNano()&0xffff)))
	t.Logf("JUMPRING_SEED=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	const perRound = 150
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000}})
	pieces := s.pieces(rounds * perRound)
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	l := newLoad(s, seed)
	for round := range rounds {
		began := time.Now()
		acked := l.acked.Load()
		first := len(l.acts)
		killPlugin, killHub := acked+50+rng.Int64N(200), acked+200+rng.Int64N(500)
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
		killed := time.Now()
		found := audit(t, s.spec.Data)
		down := time.Now()
		s.start()
		s.ready()
		up := time.Since(down)
		resent := l.again(t)
		s.folded()
		l.check(t)
		t.Logf("round %d: %d acts at %.0f/s for %s, %d answered before the kill, journal end %d audited in %s, up after %s, %d sent again, all in %s",
			round+1, len(l.acts)-first, sent, round3(killed.Sub(began)), l.acked.Load()-acked, found.end, round3(down.Sub(killed)), round3(up), resent, round3(time.Since(began)))
		require.False(t, t.Failed(), "round %d", round+1)
	}
	s.settled(t)
	require.Empty(t, list[canon.Parked](t, s.door, "/v1/parked", nil), "nothing is parked")
	s.soldOut(t, pieces)
	t.Run("the view is deleted", s.deleteView)
}

func round3(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// soldOut checks that neither shop offers a piece that is held.
func (s *sandbox) soldOut(t *testing.T, pieces []pair) {
	t.Helper()
	status := map[string]canon.ItemStatus{}
	for _, it := range list[canon.Item](t, s.door, "/v1/items", nil) {
		for _, l := range it.Listings {
			status[l.Connection+"/"+l.ExternalID] = it.Status
		}
	}
	level := map[string]int64{}
	for _, l := range s.shop.Levels() {
		level[l.VariantID] += l.Available
	}
	for _, p := range pieces {
		if st := status["web/"+p.variant]; st == canon.ItemInStock {
			continue
		}
		if q, _ := s.woo.Stock(p.woo); q != 0 {
			t.Errorf("%s is %s, and WooCommerce shows %d", p.sku, status["web/"+p.variant], q)
		}
		if level[p.variant] != 0 {
			t.Errorf("%s is %s, and Shopify shows %d", p.sku, status["web/"+p.variant], level[p.variant])
		}
	}
}

// deleteView removes the view of a hub beside live platforms and starts it: the view is made again from the journal
// alone, without a call to a platform and without a change for those who follow.
func (s *sandbox) deleteView(t *testing.T) {
	s.hub.stop()
	before := audit(t, s.spec.Data)
	require.NoError(t, os.RemoveAll(filepath.Join(s.spec.Data, "view")))
	require.NoError(t, os.RemoveAll(filepath.Join(s.spec.Data, "snapshots")))
	shop, woo := s.shop.Ledger().Counts.APIWrites, s.woo.Counts().StockWrites

	began := time.Now()
	s.start()
	rows := s.follow(t)
	s.ready()
	t.Logf("the view of %d batches is made again after %s", before.end, time.Since(began).Round(time.Millisecond))
	s.inMode(canon.ModeLive)
	s.settled(t)
	require.Equal(t, shop, s.shop.Ledger().Counts.APIWrites, "no call to Shopify")
	require.Equal(t, woo, s.woo.Counts().StockWrites, "no call to WooCommerce")
	for _, at := range rows() {
		t.Errorf("a change was published: %s", at)
	}
	s.hub.stop()
	after := audit(t, s.spec.Data)
	require.Equal(t, before.state, digestAt(t, s.spec.Data, before.end), "state digest at the journal's end before")
	if after.end == before.end {
		require.Equal(t, before.state, after.state)
	}
}
