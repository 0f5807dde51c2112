package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit/rabbittest"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
)

// commandLine gives the command line of an operator at a node.
func (n *nodes) commandLine(t *testing.T, name string) *operator {
	t.Helper()
	file := filepath.Join(t.TempDir(), name+".yaml")
	urls, err := json.Marshal(n.stream.Rabbit.URLs)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
listen: 127.0.0.1:1
data: %q
locations: [paris]
bus: {kind: rabbit, journal: stream, node: %s, urls: %s}
connections: []
`, n.specs[name].Data, name, urls), 0o600))
	return &operator{t: t, config: file, env: map[string]string{keyVariable: nodesKey}}
}

// open starts a known node and waits for its doors alone.
func (n *nodes) open(name string) *hubProcess {
	n.spec = n.specs[name]
	return n.start()
}

// looked is what verify prints.
func looked(t *testing.T, out string) verified {
	t.Helper()
	var v verified
	require.NoError(t, json.Unmarshal([]byte(out), &v), "%s", out)
	return v
}

// TestANodeWithoutItsBrokers stops a node, looks at its folder from the command line, and starts it while its brokers are
// away, come back, and come back empty.
func TestANodeWithoutItsBrokers(t *testing.T) {
	s := newSandbox(t, sandboxOptions{limits: reconcile.Limits{ChangesPerHour: 1_000_000, ToZeroShare: 1}})
	broker := rabbittest.StartFor(t, rabbittest.Options{})
	n := newNodes(t, s, broker.URLs("/"))
	n.stream.Patience = 10 * time.Second
	pieces := s.pieces(3)
	n.up(t, "a")
	n.inMode(canon.ModeLive)
	ids := map[string]string{}
	for _, p := range pieces {
		ids[p.sku] = n.door.bySKU(t, p.sku).ID
	}
	n.sell(t, "a", pieces[0], ids[pieces[0].sku])
	n.fallsTo0(t, pieces[0])
	n.settled(t)

	line := n.commandLine(t, "a")
	require.Equal(t, exitInUse, line.run("verify").code, "a running node's folder is left alone")
	require.Equal(t, exitInUse, line.run("rebuild").code)
	n.procs["a"].stop()

	first := looked(t, line.ok("verify", "--from-zero", "-o", "json"))
	require.True(t, first.OK)
	require.EqualValues(t, 1, first.From)
	require.Equal(t, first.Journal, first.Batches, "every batch of the stream was read")
	require.Equal(t, first.View, looked(t, line.ok("rebuild", "-o", "json")).View, "the view made anew from the stream is the same")
	require.True(t, looked(t, line.ok("verify", "-o", "json")).OK)
	require.Contains(t, line.ok("token", "list"), "till-1", "tokens are in the folder, whatever holds the journal")
	for _, args := range [][]string{{"backup", filepath.Join(t.TempDir(), "b")}, {"restore", "b"}} {
		refused := line.run(args...)
		require.Equal(t, exitUsage, refused.code, "%s", refused.err)
		require.Contains(t, refused.err, "the journal is on the brokers")
	}
	require.NoDirExists(t, filepath.Join(n.specs["a"].Data, "journal"), "no journal of its own was made")

	// Without brokers: doors, reads, and a clear word about the rest.
	require.NoError(t, broker.Node(0).Kill())
	p := n.open("a")
	require.Equal(t, http.StatusOK, n.door.must(t, http.MethodGet, "/healthz", nil).status)
	ready := n.door.must(t, http.MethodGet, "/readyz", nil)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	var missing api.Ready
	require.NoError(t, json.Unmarshal(ready.body, &missing))
	require.Len(t, missing.Missing, 1)
	require.Equal(t, "journal", missing.Missing[0].What)
	read := n.door.must(t, http.MethodGet, "/v1/items/"+ids[pieces[0].sku], nil)
	require.Equal(t, http.StatusOK, read.status, "%s", read.body)
	var sold canon.Item
	require.NoError(t, json.Unmarshal(read.body, &sold))
	require.Equal(t, canon.ItemSold, sold.Status)
	at, err := canon.ParsePosition(read.header.Get(api.HeaderPosition))
	require.NoError(t, err)
	require.GreaterOrEqual(t, at.Offset, first.Journal, "the read says how far the node has folded")
	refused := n.door.must(t, http.MethodPost, "/v1/items/"+ids[pieces[1].sku]+"/sell", map[string]string{"receipt": "R1"}, "Idempotency-Key", "k1")
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "%s", refused.body)
	require.Equal(t, problem.HubBusy, refused.problem(t).Code)
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	refused = n.door.must(t, http.MethodPost, "/v1/tokens", api.TokenAsked{Name: "late", Role: "till"})
	require.Equal(t, http.StatusServiceUnavailable, refused.status, "who is known comes in; nothing of that can be changed: %s", refused.body)
	require.Equal(t, problem.HubBusy, refused.problem(t).Code)

	// They come back, and the node goes on by itself.
	require.NoError(t, broker.Node(0).Start(t.Context()))
	n.ready()
	n.inMode(canon.ModeLive)
	var again *answer
	eventually(t, time.Minute, "the same command is taken", func() bool {
		again = n.door.must(t, http.MethodPost, "/v1/items/"+ids[pieces[1].sku]+"/sell", map[string]string{"receipt": "R1"}, "Idempotency-Key", "k1")
		return again.status != http.StatusServiceUnavailable && again.status != http.StatusAccepted
	})
	require.Equal(t, http.StatusCreated, again.status, "%s", again.body)
	n.fallsTo0(t, pieces[1])
	p.stop()

	// What comes back empty is refused, though the doors were open already.
	require.NoError(t, broker.Node(0).Kill())
	p = n.open("a")
	require.Equal(t, http.StatusOK, n.door.must(t, http.MethodGet, "/v1/items/"+ids[pieces[1].sku], nil).status)
	require.NoError(t, broker.Node(0).DeleteData())
	require.NoError(t, broker.Node(0).Start(t.Context()))
	select {
	case <-p.exited:
	case <-time.After(2 * time.Minute):
		t.Fatalf("the node folds over brokers that lost the journal\n%s", p.log)
	}
	require.Error(t, p.err)
	require.Contains(t, p.log.String(), "not the journal that this node has folded")
}
