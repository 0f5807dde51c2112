package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/audit"
)

// notebook is an Auditor that keeps reads in memory.
type notebook struct {
	mu    sync.Mutex
	reads []audit.Read
	full  bool
	seals []audit.Seal
	asked audit.ReadsAsked
}

func (n *notebook) Record(r audit.Read) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.full {
		return errors.New("the disk is full")
	}
	n.reads = append(n.reads, r)
	return nil
}

func (n *notebook) Seal(context.Context) (*audit.Seal, error) {
	n.seals = append(n.seals, audit.Seal{Number: uint64(len(n.seals) + 1)})
	return &n.seals[len(n.seals)-1], nil
}

func (n *notebook) Seals() ([]audit.Seal, string, error) { return n.seals, "key", nil }

func (n *notebook) Reads(ask audit.ReadsAsked) (audit.ReadsFound, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = ask
	return audit.ReadsFound{Reads: slices.Clone(n.reads), Before: 77}, nil
}

func (n *notebook) Prove(context.Context) (AuditProof, error) {
	return AuditProof{OK: true, Seals: len(n.seals)}, nil
}

func (n *notebook) Entries(_ context.Context, from uint64, batches int) ([]AuditedBatch, error) {
	out := []AuditedBatch{}
	for o := from; o <= 5 && len(out) < batches; o++ {
		out = append(out, AuditedBatch{Offset: o})
	}
	return out, nil
}

func TestWhoReadsWhatIsDelicateIsRecorded(t *testing.T) {
	kept := &notebook{}
	h := newHouse(t, func(o *Options) { o.Audit = kept })
	h.mark(t)
	kept.reads = nil
	read := func(role access.Role, target string) []audit.Read {
		t.Helper()
		kept.reads = nil
		require.Equal(t, 200, h.ask(role, "GET", target, "").status, target)
		return kept.reads
	}
	ring := h.ring()
	got := read(access.RoleManager, "/v1/items/"+ring)
	require.Len(t, got, 1)
	require.Equal(t, []string{"item", ring, string(access.RoleManager)}, []string{got[0].Route, got[0].Record, got[0].Role})
	require.Contains(t, got[0].Classes, "cost")
	require.NotEmpty(t, got[0].Actor)
	require.Empty(t, read(access.RoleDevice, "/v1/items/"+ring), "a device is shown neither")

	got = read(access.RoleManager, "/v1/clients?q=Zzpersonal&evil=1%0Aforged")
	require.Len(t, got, 1)
	require.Equal(t, []string{"q"}, got[0].By)
	require.Equal(t, []string{"personal"}, got[0].Classes)
	raw, err := json.Marshal(got)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "Zzpersonal", "what was looked for is not kept")
	require.NotEmpty(t, read(access.RoleManager, "/v1/items/"+ring+"/timeline"))
	require.NotEmpty(t, read(access.RoleAccountant, "/v1/reports/inventory"))
	require.Empty(t, read(access.RoleManager, "/v1/roles"))

	kept.full = true
	refused := h.ask(access.RoleManager, "GET", "/v1/items/"+ring, "")
	require.Equal(t, 500, refused.status)
	require.NotContains(t, refused.body, "7771234", "nobody reads unseen")
}

func TestTheAuditIsTheAdmins(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Audit = &notebook{} })
	for _, role := range access.Roles() {
		want := 403
		if role == access.RoleAdmin {
			want = 200
		}
		require.Equal(t, want, h.ask(role, "GET", "/v1/audit/seals", "").status, role)
		require.Equal(t, want, h.ask(role, "POST", "/v1/audit/seals", "").status, role)
		require.Equal(t, want, h.ask(role, "GET", "/v1/audit/reads", "").status, role)
		require.Equal(t, want, h.ask(role, "POST", "/v1/audit/verify", "").status, role)
	}
	first := h.ask(access.RoleAdmin, "GET", "/v1/audit/entries?limit=3", "")
	require.Contains(t, first.body, `"next_cursor":"4"`)
	require.NotContains(t, h.ask(access.RoleAdmin, "GET", "/v1/audit/entries?limit=3&cursor=4", "").body, "next_cursor")
	require.Equal(t, 400, h.ask(access.RoleAdmin, "GET", "/v1/audit/entries?from=x", "").status)
	require.Equal(t, 404, newHouse(t).ask(access.RoleAdmin, "GET", "/v1/audit/seals", "").status, "a hub without an audit")
	require.False(t, slices.Contains(h.tokens.Roles().Permissions(access.RoleManager), access.AuditRead))
}

func TestTheLogOfReadsIsAskedFor(t *testing.T) {
	kept := &notebook{reads: []audit.Read{{Actor: "staff:anna", Route: "client", Record: "cli_1", Classes: []string{"personal"}}}}
	h := newHouse(t, func(o *Options) { o.Audit = kept })
	got := h.ask(access.RoleAdmin, "GET", "/v1/audit/reads?actor=staff:anna&route=client&record=cli_1&class=personal&role=manager&from=2026-01-01&to=2026-02-01T00:00:00Z&limit=7&cursor=500", "")
	require.Equal(t, 200, got.status, got.body)
	require.Contains(t, got.body, `"record":"cli_1"`)
	require.Contains(t, got.body, `"next_cursor":"77"`)
	require.Equal(t, audit.ReadsAsked{
		Actor: "staff:anna", Role: "manager", Route: "client", Record: "cli_1", Class: "personal", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Limit: 7, Before: 500,
	}, kept.asked)
	for _, bad := range []string{"cursor=x", "cursor=-1", "limit=0", "from=yesterday"} {
		require.Equal(t, 400, h.ask(access.RoleAdmin, "GET", "/v1/audit/reads?"+bad, "").status, bad)
	}
	require.Contains(t, h.ask(access.RoleAdmin, "POST", "/v1/audit/verify", "").body, `"ok":true`)
}
