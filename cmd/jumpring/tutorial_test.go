package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// TestTheTutorialWorksWordForWord runs each shell block of docs/plugins/tutorial.md, one after the other in one shell, in
// a folder that has nothing of this checkout.
func TestTheTutorialWorksWordForWord(t *testing.T) {
	t.Parallel() // it waits more than it works
	page, err := os.ReadFile("../../docs/plugins/tutorial.md")
	require.NoError(t, err)
	blocks := shellBlock.FindAllStringSubmatch(string(page), -1)
	require.GreaterOrEqual(t, len(blocks), 5)
	checkout, err := filepath.Abs("../..")
	require.NoError(t, err)

	var script strings.Builder
	script.WriteString("set -euo pipefail\n")
	for _, b := range blocks {
		script.WriteString(b[1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // it builds, on a machine with other work
	defer cancel()
	dir := t.TempDir()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = dir
	program := built(t)
	cmd.Env = append(os.Environ(), "SDK="+checkout, "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "GOFLAGS=-mod=readonly", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	text := string(out)
	require.Equal(t, 3, strings.Count(text, "\nfound\n"), "each mistake is found: %s", text)
	require.Contains(t, text, "query limit=10 there, limit=11 here")
	require.Contains(t, text, "do: use sdk.TimeCursor")
	require.Contains(t, text, "do: say unknown after a 5xx")
	require.Equal(t, 5, strings.Count(text, " 0 failed,"), "the project passes before, with the weight, at the end, recorded and replayed: %s", text)
	report, err := os.ReadFile(filepath.Join(dir, "acme-erp", "report.xml"))
	require.NoError(t, err)
	require.Contains(t, string(report), `failures="0"`)
}
