package router

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// goldenOf gives the canonical JSON of every record in the golden digest, by key.
func goldenOf(t testing.TB, s store.Store) map[string]string {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	out := make(map[string]string)
	types := RecordTypes()
	require.NoError(t, v.Scan("", "", func(key string, value []byte) (bool, error) {
		for i := range types {
			if !types[i].Golden || !strings.HasPrefix(key, types[i].Prefix) {
				continue
			}
			record := types[i].New()
			if err := json.Unmarshal(value, record); err != nil {
				return false, err
			}
			if g, ok := record.(interface{ InGolden() bool }); ok && !g.InGolden() {
				continue
			}
			line, err := store.AppendCanonical(nil, record, store.ScopeGolden)
			if err != nil {
				return false, err
			}
			out[key] = string(line)
		}
		return true, nil
	}))
	return out
}

// bytesOf gives every value of a store, byte by byte.
func bytesOf(t testing.TB, s store.Store) map[string]string {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	out := make(map[string]string)
	require.NoError(t, v.Scan("", "", func(key string, value []byte) (bool, error) {
		out[key] = string(bytes.Clone(value))
		return true, nil
	}))
	return out
}

// difference names the first keys in which two stores differ, with both values; "" when they are the same.
func difference(a, b map[string]string) string {
	keys := make(map[string]bool)
	for k := range a {
		keys[k] = true
	}
	for k := range b {
		keys[k] = true
	}
	var out strings.Builder
	n := 0
	for _, k := range sortedKeys(keys) {
		if a[k] == b[k] {
			continue
		}
		if n++; n <= 3 {
			fmt.Fprintf(&out, "%q\n  one:   %s\n  other: %s\n", k, a[k], b[k])
		}
	}
	if n > 3 {
		fmt.Fprintf(&out, "and %d more\n", n-3)
	}
	return out.String()
}

// coherent checks what must hold between records, whatever was folded: invariant 4, and that links lead somewhere.
func coherent(t testing.TB, s store.Store) {
	t.Helper()
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	node := func(id string) *store.Node {
		n, err := store.Load[store.Node](v, store.PrefixNode+id)
		require.NoError(t, err)
		return n
	}
	live := make(map[string]int)
	each(t, v, store.PrefixClaim, func(_ string, c *canon.Claim) {
		if !c.Live() {
			return
		}
		golden := ""
		if n := node(c.Node); n != nil {
			golden = n.Golden
		}
		require.Equal(t, golden, c.Item, "claim %s names its item", c.Key)
		live[c.Item]++
	})
	open := make(map[string]canon.CaseKind)
	each(t, v, store.PrefixCase, func(_ string, c *canon.Case) {
		if c.Open {
			open[string(c.Kind)+" "+c.Subject] = c.Kind
		}
	})
	each(t, v, store.PrefixRecord+store.TypeItem+"/", func(_ string, it *canon.Item) {
		require.Equal(t, it.Nodes[0], it.ID)
		for _, id := range it.Nodes {
			require.Equal(t, &store.Node{Type: store.TypeItem, Golden: it.ID}, node(id))
		}
		for _, a := range it.Stock {
			require.True(t, a.AddsUp(), "the stock of %s at %s adds up: %+v", it.ID, a.Location, a)
		}
		if !it.Serialized {
			negative := false
			for _, a := range it.Stock {
				negative = negative || a.Available < 0
			}
			require.Equal(t, negative, open[string(canon.CaseOversold)+" "+it.ID] != "", "oversold case of %s: %+v", it.ID, it.Stock)
			return
		}
		// Invariant 4: one holder exactly while a claim lives, and a case exactly while another does.
		require.Equal(t, live[it.ID] > 0, it.Holder != nil, "holder of %s with %d live claims", it.ID, live[it.ID])
		require.Equal(t, live[it.ID] > 1, it.Contested)
		require.Equal(t, live[it.ID] > 1, open[string(canon.CaseDoubleClaim)+" "+it.ID] != "")
	})
	componentsCoherent(t, v)
	each(t, v, store.PrefixRecord+store.TypeClient+"/", func(_ string, c *canon.Client) {
		for _, id := range c.Nodes {
			require.Equal(t, &store.Node{Type: store.TypeClient, Golden: c.ID}, node(id))
		}
	})
	each(t, v, store.PrefixNode, func(key string, n *store.Node) {
		switch n.Type {
		case store.TypeItem, store.TypeClient:
			_, ok, err := v.Get(store.RecordKey(n.Type, n.Golden))
			require.NoError(t, err)
			require.True(t, ok, "node %s leads to no record", key)
		}
	})
	// A row of differences exists exactly for the levels that differ.
	differing := make(map[string]bool)
	each(t, v, store.PrefixBinding, func(_ string, b *canon.Binding) {
		if b.Kind == canon.KindLevel && b.Wants.Differs() {
			differing[b.Connection+"/"+b.ExternalID] = true
		}
	})
	rows := make(map[string]bool)
	require.NoError(t, v.Scan(store.PrefixDiff, "", func(key string, _ []byte) (bool, error) {
		rows[key[len(store.PrefixDiff):]] = true
		return true, nil
	}))
	require.Equal(t, differing, rows, "the rows of differences")
}

func each[T any](t testing.TB, v store.Reader, prefix string, fn func(key string, record *T)) {
	t.Helper()
	require.NoError(t, v.Scan(prefix, "", func(key string, value []byte) (bool, error) {
		record := new(T)
		if err := json.Unmarshal(value, record); err != nil {
			return false, err
		}
		fn(key[len(prefix):], record)
		return true, nil
	}))
}
