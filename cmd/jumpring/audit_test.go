package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// auditor checks a data folder while no hub runs on it, again and again: each time it replays what the journal got
// since into a store of its own that began empty.
type auditor struct {
	data   string
	replay *store.Memory
}

func newAuditor(data string) *auditor { return &auditor{data: data, replay: store.NewMemory()} }

// audited is what an audit found.
type audited struct {
	end   uint64 // of the journal
	state string // digest
}

// audit checks, as `jumpring verify` does: the journal reads to its end; the view, folded to there, has the bytes that
// a replay of the whole journal into an empty store has (invariants 2 and 3); and no piece has two holders
// (invariant 4).
func (a *auditor) audit(t *testing.T) audited {
	t.Helper()
	ctx := t.Context()
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(a.data, "journal")})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	report, err := j.Verify(ctx, 1)
	require.NoError(t, err)
	require.Nil(t, report.Fault, "the journal is whole")

	view, err := store.Open(store.Options{Dir: filepath.Join(a.data, "view")})
	require.NoError(t, err)
	defer func() { require.NoError(t, view.Close()) }()
	require.NoError(t, router.Replay(ctx, j, view, j.End(), nil), "the view takes what it had not folded when its hub ended")
	require.NoError(t, router.Replay(ctx, j, a.replay, j.End(), nil))

	out := audited{end: j.End(), state: digest(t, view)}
	replayed := digest(t, a.replay)
	if replayed != out.state {
		logDifferences(t, a.replay, view)
	}
	require.Equal(t, replayed, out.state, "state digest of a replay and of the view")
	oneHolder(t, view)
	return out
}

// audit checks a data folder once.
func audit(t *testing.T, data string) audited {
	t.Helper()
	return newAuditor(data).audit(t)
}

func digest(t *testing.T, st store.Store) string {
	t.Helper()
	v, err := st.View()
	require.NoError(t, err)
	defer v.Close()
	d, err := store.Digest(t.Context(), v, router.RecordTypes(), store.ScopeState)
	require.NoError(t, err)
	return d.Digest
}

// oneHolder checks that of the live claims on a piece one holds it, and that every other one is in an open case.
func oneHolder(t *testing.T, st store.Store) {
	t.Helper()
	v, err := st.View()
	require.NoError(t, err)
	defer v.Close()
	live := map[string][]canon.Claim{}
	require.NoError(t, scan(v, store.PrefixClaim, func(c *canon.Claim) {
		if c.Live() && c.Item != "" {
			live[c.Item] = append(live[c.Item], *c)
		}
	}))
	contested := map[string]*canon.Case{}
	require.NoError(t, scan(v, store.PrefixCase, func(c *canon.Case) {
		if c.Open && c.Kind == canon.CaseDoubleClaim {
			contested[c.Subject] = c
		}
	}))
	require.NoError(t, scan(v, store.PrefixRecord+store.TypeItem+"/", func(it *canon.Item) {
		if !it.Serialized || len(live[it.ID]) == 0 {
			return
		}
		if it.Holder == nil {
			t.Errorf("piece %s has %d live claims and no holder", it.ID, len(live[it.ID]))
			return
		}
		held := 0
		for _, c := range live[it.ID] {
			if c.Key == it.Holder.Claim {
				held++
			}
		}
		if held != 1 {
			t.Errorf("piece %s is held by %s, which is %d of its live claims", it.ID, it.Holder.Claim, held)
		}
		if len(live[it.ID]) > 1 && contested[it.ID] == nil {
			t.Errorf("piece %s has %d live claims and no open case", it.ID, len(live[it.ID]))
		}
	}))
}

// scan decodes the records behind a prefix.
func scan[T any](v store.Reader, prefix string, each func(record *T)) error {
	return v.Scan(prefix, "", func(_ string, value []byte) (bool, error) {
		record := new(T)
		if err := json.Unmarshal(value, record); err != nil {
			return false, err
		}
		each(record)
		return true, nil
	})
}

// contents reads every key of the record types.
func contents(t *testing.T, st store.Store) map[string]string {
	t.Helper()
	v, err := st.View()
	require.NoError(t, err)
	defer v.Close()
	out := map[string]string{}
	for _, typ := range router.RecordTypes() {
		require.NoError(t, v.Scan(typ.Prefix, "", func(key string, value []byte) (bool, error) {
			out[key] = string(value)
			return true, nil
		}))
	}
	return out
}

// logDifferences names the first records in which two stores differ.
func logDifferences(t *testing.T, want, got store.Store) {
	t.Helper()
	a, b := contents(t, want), contents(t, got)
	for key, value := range b {
		if _, ok := a[key]; !ok {
			t.Logf("only in the view: %s = %s", key, value)
		}
	}
	shown := 0
	for key, value := range a {
		if b[key] != value && shown < 20 {
			shown++
			t.Logf("%s\n  replayed %s\n  view     %s", key, value, b[key])
		}
	}
}
