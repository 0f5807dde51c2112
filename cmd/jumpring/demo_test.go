package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	dayaudit "github.com/jumpring/jumpring/cmd/jumpring/demo/audit"
)

// built builds the program as it is delivered: the demo measures times, which the race detector would make another
// program's.
func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: the demo runs the whole program for half a minute; run without -short")
	}
	program, err := builtOnce()
	require.NoError(t, err)
	return program
}

// delivered is the folder of the program that builtOnce built; TestMain removes it.
var delivered string

var builtOnce = sync.OnceValues(func() (program string, err error) {
	if delivered, err = os.MkdirTemp("", "jumpring-test-"); err != nil {
		return "", err
	}
	program = filepath.Join(delivered, "jumpring")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return program, nil
})

// playDemo runs the demo and gives its figures, its exit code and its story.
func playDemo(t *testing.T, program string, args ...string) (f dayaudit.Figures, code int, story string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"demo", "--once", "--output", "json", "--data", t.TempDir()}, args...)...)
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	_ = cmd.Run() // the exit code tells
	code, story = cmd.ProcessState.ExitCode(), told.String()
	require.NoError(t, json.Unmarshal(out.Bytes(), &f), "the demo gave no figures: %s", story)
	return f, code, story
}

// slow leaves out what is wrong with times alone: the tests of other packages run beside this one.
func slow(failed []string) (rest []string) {
	for _, f := range failed {
		if !strings.HasPrefix(f, "sync_ms: p99") {
			rest = append(rest, f)
		}
	}
	return rest
}

func TestADayOfTheDemo(t *testing.T) {
	t.Parallel() // it waits more than it works
	f, code, story := playDemo(t, built(t), "--seed", "7")
	t.Logf("sync %.0f/%.0f ms, recovery %.0f ms", f.Sync.P50, f.Sync.P99, f.Recovery.Max)
	require.Empty(t, slow(f.Failed), "%v\n%s", f.Details, story)
	require.Equal(t, len(f.Failed) > 0, code == exitFailed, "the exit code follows the figures: %d, %v", code, f.Failed)
	require.Equal(t, 300, f.Pieces)
	require.GreaterOrEqual(t, f.Sales, 200)
	require.Zero(t, f.Oversold)
	require.Positive(t, f.ConflictsProvoked, "the races provoke conflicts")
	require.Equal(t, f.ConflictsProvoked, f.PlatformConflicts)
	require.Zero(t, f.DriftRows)
	require.Zero(t, f.Lost)
	require.Zero(t, f.EchoCalls)
	require.EqualValues(t, 1, f.ForgedRejected)
	require.GreaterOrEqual(t, f.Restarts, int64(2), "the hub and a connector were killed")
	require.Less(t, f.Recovery.Max, dayaudit.RecoveryLimit)
	require.Less(t, f.Sync.P99, 8*dayaudit.SyncLimit, "even beside other tests")
}

func TestTheAuditorNoticesEachSabotage(t *testing.T) {
	t.Parallel()
	program := built(t)
	for sabotage, figure := range map[string]func(f *dayaudit.Figures) bool{
		"drop-write":  func(f *dayaudit.Figures) bool { return f.DriftRows > 0 && f.Sync.Unseen > 0 },
		"skip-fsync":  func(f *dayaudit.Figures) bool { return f.Lost > 0 },
		"ignore-hold": func(f *dayaudit.Figures) bool { return f.Oversold > 0 },
		"echo":        func(f *dayaudit.Figures) bool { return f.EchoCalls > 0 },
	} {
		t.Run(sabotage, func(t *testing.T) {
			t.Parallel()
			f, code, story := playDemo(t, program, "--sales", "12", "--sabotage", sabotage)
			require.Equal(t, exitFailed, code, "%s", story)
			require.True(t, figure(&f), "the figure of %s is right: %v\n%s", sabotage, f.Failed, story)
		})
	}
}
