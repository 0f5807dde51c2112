package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/reconcile"
)

// streamLeader is the number of the broker node that leads the journal's stream.
func streamLeader(t *testing.T, b *rabbittest.Broker) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range b.Nodes() {
		if !n.Running() {
			continue
		}
		out, err := n.Ctl(ctx, "list_queues", "name", "leader")
		if err != nil {
			continue
		}
		for line := range strings.Lines(out) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == "jumpring.journal" {
				for i, other := range b.Nodes() {
					if other.Name() == f[1] {
						return i
					}
				}
			}
		}
	}
	t.Fatal("no broker names the stream's leader")
	return 0
}

// TestClusterOfBrokersUnderTwoNodes has tills at two hubs on three brokers go on through the loss of the stream's leader, of
// a hub, a partition and a rolling restart; then all brokers come back empty.
func TestClusterOfBrokersUnderTwoNodes(t *testing.T) {
	if os.Getenv("JUMPRING_CLUSTER") != "1" {
		t.Skip("THREE BROKERS UNDER TWO HUBS ARE NOT TESTED; run make test-cluster")
	}
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	broker := rabbittest.StartFor(t, rabbittest.Options{Nodes: 3})
	n := newNodes(t, s, broker.URLs("/"))
	pieces := s.pieces(300)
	n.up(t, "a")
	n.inMode(canon.ModeLive)
	n.up(t, "b")
	l := &tills{n: n, items: map[string]string{}, names: []string{"a", "b"}, gap: time.Duration(fromEnv(t, "JUMPRING_GAP_MS", 60)) * time.Millisecond}
	ids := map[string]string{}
	for i, p := range pieces {
		ids[p.sku] = n.door.bySKU(t, p.sku).ID
		if i >= 20 {
			l.items[p.sku] = ids[p.sku]
			l.pieces = append(l.pieces, p.sku)
		}
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); l.run(32, 1, stop) }()
	goesOn := func(what string) {
		t.Helper()
		before, began := l.acked.Load(), time.Now()
		eventually(t, 2*time.Minute, "tills go on: "+what, func() bool { return l.acked.Load() > before+1000 })
		t.Logf("%s: %.0f acts a second, longest without an answer so far %s", what,
			float64(l.acked.Load()-before)/time.Since(began).Seconds(), time.Duration(l.longest.Load()).Round(time.Millisecond))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	goesOn("undisturbed")
	sold := 0
	resumes := func(on, what string) {
		t.Helper()
		p := pieces[sold]
		sold++
		n.sell(t, on, p, ids[p.sku])
		t.Logf("%s: a sale reached the shop after %s", what, n.fallsTo0(t, p).Round(time.Millisecond))
	}
	resumes("a", "undisturbed")

	lead := streamLeader(t, broker)
	require.NoError(t, broker.Node(lead).Kill())
	goesOn("the stream's leader was killed")
	resumes("b", "the stream's leader was killed")
	require.NoError(t, broker.Node(lead).Start(ctx))

	victim, other := n.leader(t), "a"
	if victim == "a" {
		other = "b"
	}
	n.procs[victim].sigkill()
	n.procs[victim].wait()
	resumes(other, "the hub that writes was killed")
	n.up(t, victim)
	goesOn("the hub is back")

	cut := streamLeader(t, broker)
	require.NoError(t, broker.Node(cut).Partition(ctx))
	parted := time.Now()
	goesOn("a broker is cut off")
	resumes("a", "a broker is cut off")
	eventually(t, time.Minute, "30 s of partition", func() bool { return time.Since(parted) > 30*time.Second })
	require.NoError(t, broker.Node(cut).Heal(ctx))
	goesOn("the partition is over")

	for i := range 3 {
		require.NoError(t, broker.Node(i).Restart(ctx))
		goesOn(fmt.Sprintf("broker %d was restarted", i+1))
	}
	resumes("b", "rolling restart")
	close(stop)
	<-done
	l.check(t)
	n.settled(t)
	for _, p := range pieces[:sold] {
		require.Equal(t, 1, n.wooWrites(p.woo)[0], "%s was written once", p.sku)
	}
	n.sameState(t, "a", "b")

	// All brokers come back without data: the nodes stop and say why.
	n.up(t, "a")
	n.up(t, "b")
	for _, b := range broker.Nodes() {
		require.NoError(t, b.Kill())
	}
	for _, b := range broker.Nodes() {
		require.NoError(t, b.DeleteData())
	}
	require.NoError(t, broker.Node(0).Start(ctx))
	for _, name := range []string{"a", "b"} {
		p := n.procs[name]
		p.wait()
		require.Error(t, p.err)
		require.Contains(t, p.log.String(), "not the journal that this node has folded")
	}
	t.Log("both nodes stopped after all brokers came back empty")
}
