package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// driftIsProven sweeps the folder of an operator and has somebody else check the report.
func driftIsProven(t *testing.T, o *operator) {
	t.Helper()
	swept := o.run("drift", "files")
	require.Equal(t, exitOK, swept.code, "%s%s", swept.out, swept.err)
	require.Contains(t, swept.err, "signed at position")
	require.Contains(t, o.ok("drift", "show"), "files")

	report := filepath.Join(t.TempDir(), "report.json")
	keep := func(text string) { require.NoError(t, os.WriteFile(report, []byte(text), 0o600)) }
	shown := o.ok("drift", "show", "files", "-o", "json")
	keep(shown)
	proven := o.run("drift", "verify", report)
	require.Equal(t, exitOK, proven.code, proven.err)
	require.Contains(t, proven.err, "nothing differed at position")

	var key struct{ Key string }
	require.NoError(t, json.Unmarshal([]byte(o.ok("drift", "key", "-o", "json")), &key))
	elsewhere := &operator{t: t, config: filepath.Join(t.TempDir(), "none.yaml"), env: map[string]string{}}
	elsewhere.ok("drift", "verify", report, "--key", key.Key) // an auditor has neither the hub nor its configuration
	other := elsewhere.run("drift", "verify", report, "--key", strings.Repeat("A", 43)+"=")
	require.Equal(t, exitFailed, other.code, other.err)

	forged := strings.Replace(shown, `"connection": "files"`, `"connection": "web-eu"`, 1)
	require.NotEqual(t, shown, forged)
	keep(forged)
	require.Equal(t, exitFailed, o.run("drift", "verify", report).code)
	keep("{}")
	require.Equal(t, exitUsage, o.run("drift", "verify", report).code)
	require.Equal(t, exitUsage, o.run("drift", "verify", filepath.Join(t.TempDir(), "gone")).code)
}
