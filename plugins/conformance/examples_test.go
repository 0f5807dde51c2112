package conformance

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// example copies a connector of docs/plugins/examples, so that nothing is written into the checkout.
func example(t *testing.T, language string) string {
	t.Helper()
	dir := t.TempDir()
	from := filepath.Join("../../docs/plugins/examples", language)
	entries, err := os.ReadDir(from)
	require.NoError(t, err)
	take := func(path string) {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), raw, 0o644))
	}
	for _, e := range entries {
		if !e.IsDir() {
			take(filepath.Join(from, e.Name()))
		}
	}
	take("../proto/connector.proto")
	return dir
}

func conforms(t *testing.T, dir string) {
	t.Helper()
	o, stop, err := LoadFile(t.Context(), filepath.Join(dir, "test.yaml"), nil)
	require.NoError(t, err)
	report, err := Check(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	require.NoError(t, stop())
	for _, res := range report.Results {
		require.NotEqual(t, Failed, res.Outcome, "%s: %+v", res.Check, res.Findings)
	}
	require.GreaterOrEqual(t, report.Count(Passed), 28)

	// What it records is without secrets, and answers it.
	o, stop, err = LoadFile(t.Context(), filepath.Join(dir, "test.yaml"), nil)
	require.NoError(t, err)
	o.Only, o.Record = []string{"unreachable", "snapshot", "snapshot-resume", "poll-ties", "apply", "apply-partial"}, filepath.Join(dir, "recording")
	report, err = Check(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	require.NoError(t, stop())
	require.Equal(t, len(o.Only), report.Count(Passed), "%+v", report.Results)
	require.NoError(t, filepath.WalkDir(o.Record, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, secret := range o.Secrets {
			require.NotContains(t, string(raw), secret, path)
		}
		return err
	}))
	o.Record, o.Replay = "", o.Record
	report, err = Check(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	require.Equal(t, len(o.Only), report.Count(Passed), "%+v", report.Results)
}

// TestTheConnectorInJavaScriptConforms installs what its lock file pins.
func TestTheConnectorInJavaScriptConforms(t *testing.T) {
	t.Parallel() // it waits more than it works
	if testing.Short() {
		t.Skip("SKIPPED: the examples in other languages take half a minute; run without -short")
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("SKIPPED: npm is not installed, so that the connector in JavaScript is not tried")
	}
	dir := example(t, "node")
	install := exec.CommandContext(t.Context(), npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: the packages of the connector in JavaScript can't be had, so that it is not tried: %v\n%s", err, out)
	}
	conforms(t, dir)
}

// TestTheConnectorInPythonConforms uses the system's packages.
func TestTheConnectorInPythonConforms(t *testing.T) {
	t.Parallel() // it waits more than it works
	if testing.Short() {
		t.Skip("SKIPPED: the examples in other languages take half a minute; run without -short")
	}
	if out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "-c", "import grpc, google.protobuf, cryptography").CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: python3-grpcio, python3-protobuf and python3-cryptography are not installed, so that the connector in Python is not tried: %v\n%s", err, out)
	}
	conforms(t, example(t, "python"))
}
