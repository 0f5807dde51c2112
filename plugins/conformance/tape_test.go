package conformance

import (
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorded makes a recording of the good connector and gives its folder and report.
func recorded(t *testing.T, only ...string) (string, *Report) {
	t.Helper()
	o := options(t, "good")
	o.Record, o.Only = filepath.Join(t.TempDir(), "recording"), only
	report, err := Check(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	require.Zero(t, report.Count(Failed), "%+v", report.Results)
	return o.Record, report
}

// replayed tries a connector on a recording. Somebody listens at the recorded address, and at the one of the configuration:
// whoever dials is seen.
func replayed(t *testing.T, dir, fault string, only ...string) *Report {
	t.Helper()
	about, err := startReplay(&Options{Replay: dir})
	require.NoError(t, err)
	u, err := url.Parse(about.about.URL)
	require.NoError(t, err)
	l, err := net.Listen("tcp", u.Host)
	require.NoError(t, err)
	var dialled atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			dialled.Add(1)
			_ = c.Close()
		}
	}()
	o := options(t, fault)
	o.Twin, o.Replay, o.Only = nil, dir, only
	report, err := Check(t.Context(), t.TempDir(), o)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	<-done
	require.Zero(t, dialled.Load(), "a replay dials nobody")
	return report
}

func outcome(t *testing.T, r *Report, check string) Result {
	t.Helper()
	i := slices.IndexFunc(r.Results, func(res Result) bool { return res.Check == check })
	require.GreaterOrEqual(t, i, 0, check)
	return r.Results[i]
}

func TestARecordingIsReplayedWithoutANetwork(t *testing.T) {
	dir, live := recorded(t)
	require.Equal(t, len(checks), live.Count(Passed), "a run that records makes every check")

	n := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		raw, err := os.ReadFile(path)
		require.NotContains(t, string(raw), "canary", path)
		return err
	}))
	require.Greater(t, n, 50, "there is traffic in the recording")

	report := replayed(t, dir, "good")
	for _, res := range report.Results {
		require.NotEqual(t, Failed, res.Outcome, "%s: %+v", res.Check, res.Findings)
		was := outcome(t, live, res.Check)
		if res.Outcome == NotApplicable {
			require.Contains(t, []string{"a recording has no network that misbehaves", "a recording has only as much traffic as there was"}, res.Reason)
			require.Equal(t, Passed, was.Outcome)
		}
	}
	for _, name := range []string{"unreachable", "check", "credentials", "snapshot", "snapshot-handoff", "snapshot-resume", "poll-ties", "poll-resume", "apply", "apply-expect", "apply-repeat", "apply-partial", "secrets"} {
		require.Equal(t, Passed, outcome(t, report, name).Outcome, name)
	}
}

func TestAReplayFindsWhatChanged(t *testing.T) {
	dir, _ := recorded(t, "snapshot", "apply", "poll-ties")

	// A fault in what the connector makes of the answers is found as it is on the platform.
	report := replayed(t, dir, "snapshot-names-no-kinds", "snapshot")
	require.Equal(t, Failed, outcome(t, report, "snapshot").Outcome)

	// A request that was never made is told with the nearest one, whatever the connector says of it.
	report = replayed(t, dir, "asks-for-more", "snapshot")
	found := outcome(t, report, "snapshot").Findings
	require.NotEmpty(t, found)
	require.Contains(t, found[0].What, "the recording has no answer to this request: GET /api/items")
	require.Contains(t, found[0].What, "the nearest is 0002-GET-api-items.json: query limit=10 there, limit=11 here")
	require.Contains(t, found[0].Do, "record again")

	report = replayed(t, dir, "good", "check", "snapshot")
	require.Equal(t, "it is not in the recording", outcome(t, report, "check").Reason)
	require.Equal(t, Passed, outcome(t, report, "snapshot").Outcome)
}

func TestRecordAndReplayAreRefusedWhereTheyCantBe(t *testing.T) {
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "precious"), nil, 0o600))
	for name, tc := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"both":             {func(o *Options) { o.Record, o.Replay = full, full }, "exclude each other"},
		"not empty":        {func(o *Options) { o.Record = full }, "is not empty"},
		"nothing recorded": {func(o *Options) { o.Replay = full }, "is no recording"},
		"no platform":      {func(o *Options) { o.Record, o.Twin = filepath.Join(full, "new"), nil }, "not reached over HTTP"},
	} {
		o := options(t, "good")
		tc.change(&o)
		_, err := Check(t.Context(), t.TempDir(), o)
		require.ErrorContains(t, err, tc.want, name)
	}
	old := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(old, recordingFile), []byte(`{"format":99}`), 0o600))
	o := options(t, "good")
	o.Replay = old
	_, err := Check(t.Context(), t.TempDir(), o)
	require.ErrorContains(t, err, "format 99")
	require.False(t, strings.Contains(err.Error(), "canary"))
}
