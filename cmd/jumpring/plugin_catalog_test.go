package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/plugins/catalog"
)

// parcel writes the folder of a connector of others: this test binary, which serves the csv connector.
func parcel(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "acme-erp"), append(program, version...), 0o700))
	raw, err := json.Marshal(catalog.Manifest{
		Name: "acme-erp", Version: version, Program: "acme-erp", Args: []string{"connector", "csv"}, Protocol: catalog.Range{Min: 1, Max: 1},
		Publisher: catalog.Publisher{Name: "Acme"}, Hosts: []string{"erp.acme.example"},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, catalog.ManifestName), raw, 0o600))
	return dir
}

// status gives a connection as the command line shows it.
func (o *operator) status(name string) api.ConnectionStatus {
	o.t.Helper()
	var all []api.ConnectionStatus
	require.NoError(o.t, json.Unmarshal([]byte(o.ok("connection", "list", "--output", "json")), &all))
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	o.t.Fatalf("no connection %s", name)
	return api.ConnectionStatus{}
}

// TestAConnectorOfOthers goes the way of an operator: let a signed connector in, run it, take up its next version while the
// hub runs, and meet a program that somebody changed.
func TestAConnectorOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("SHORT: NO WHOLE PROCESS IS TESTED; run make test")
	}
	o, _ := newOperator(t)
	raw, err := os.ReadFile(o.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(o.config, []byte(strings.Replace(string(raw), "connector: csv", "connector: acme-erp", 1)), 0o600))
	e := o.run("serve")
	require.Equal(t, exitUsage, e.code)
	require.Contains(t, e.err, "jumpring plugin add")

	key := filepath.Join(t.TempDir(), "acme.key")
	public := strings.TrimSpace(o.ok("plugin", "key", key))
	first := parcel(t, "1.0.0")
	e = o.run("plugin", "add", first)
	require.Equal(t, exitRefused, e.code, "it is not signed: %s", e.err)
	o.ok("plugin", "sign", first, "--key", key)
	e = o.run("plugin", "add", first)
	require.Equal(t, exitRefused, e.code)
	require.Contains(t, e.err, "--trust "+public)
	o.ok("plugin", "add", first, "--trust", public)
	require.Contains(t, o.ok("plugin", "list"), "1.0.0")
	o.ok("plugin", "verify")

	o.serve()
	shows := func(what string, condition func(s api.ConnectionStatus) bool) {
		t.Helper()
		var last api.ConnectionStatus
		defer func() {
			if t.Failed() {
				t.Logf("%+v", last)
			}
		}()
		eventually(t, 2*time.Minute, what, func() bool { last = o.status("files"); return condition(last) })
	}
	shows("it runs", func(s api.ConnectionStatus) bool { return s.State == "running" })
	require.Contains(t, o.ok("reload", "--dry-run", "--output", "json"), `"changes": []`)

	second := parcel(t, "1.1.0")
	o.ok("plugin", "sign", second, "--key", key)
	o.ok("plugin", "add", second)
	require.Contains(t, o.ok("reload", "--dry-run"), "1.1.0")
	require.Equal(t, exitUsage, o.run("reload").code, "it wants a yes")
	o.ok("reload", "--yes")
	shows("the next version runs", func(s api.ConnectionStatus) bool { return s.State == "running" })
	require.Contains(t, o.ok("reload", "--dry-run", "--output", "json"), `"changes": []`)

	programs, err := filepath.Glob(filepath.Join(filepath.Dir(o.config), "plugins", "acme-erp", "1.1.0-*", "acme-erp"))
	require.NoError(t, err)
	require.Len(t, programs, 1)
	require.NoError(t, os.Remove(programs[0]))
	require.NoError(t, os.WriteFile(programs[0], []byte("#!/bin/sh\nexec evil\n"), 0o700))
	require.Equal(t, exitFailed, o.run("plugin", "verify").code)
	e = o.run("reload", "--dry-run")
	require.NotEqual(t, exitOK, e.code, "a reload does not take it up either")
	o.ok("connection", "restart", "files")
	shows("the changed program is refused, with what to do", func(s api.ConnectionStatus) bool {
		return s.State == "failed" && strings.Contains(s.LastError, "plugin.checksum") && strings.Contains(s.Do, "jumpring plugin add")
	})
	o.ok("plugin", "add", second)
	o.ok("connection", "restart", "files")
	shows("what was signed runs again", func(s api.ConnectionStatus) bool { return s.State == "running" })
	require.Contains(t, o.ok("reprocess", "files"), "0")
	o.ok("plugin", "remove", "acme-erp")
	require.NotContains(t, o.ok("plugin", "list"), "acme-erp")
}
