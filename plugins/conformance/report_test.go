package conformance

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

func someReport() *Report {
	return &Report{Connector: "shop", Version: "1.0.0", Results: []Result{
		{Check: "describe", About: "it is described", Outcome: Passed, Millis: 12},
		{Check: "poll-ties", About: "ties are shown", Outcome: Failed, Millis: 340, Findings: []Finding{{What: "2 of 15 <rows> are not shown", Do: "use sdk.TimeCursor"}}},
		{Check: "webhook-stale", About: "old ones are refused", Outcome: NotApplicable, Reason: "the platform signs no time"},
	}}
}

func TestTheTextSaysWhatToDo(t *testing.T) {
	var b strings.Builder
	require.NoError(t, someReport().WriteText(&b))
	require.Equal(t, `shop 1.0.0

ok    describe               12 ms
FAIL  poll-ties             340 ms  ties are shown
        - 2 of 15 <rows> are not shown
          do: use sdk.TimeCursor
n/a   webhook-stale      the platform signs no time

1 passed, 1 failed, 1 not applicable
`, b.String())
}

func TestJSONIsReadBack(t *testing.T) {
	var b strings.Builder
	require.NoError(t, someReport().WriteJSON(&b))
	var back Report
	require.NoError(t, json.Unmarshal([]byte(b.String()), &back))
	require.Equal(t, someReport(), &back)
}

func TestJUnitCountsWhatIsNotApplicableAsSkipped(t *testing.T) {
	var b strings.Builder
	require.NoError(t, someReport().WriteJUnit(&b))
	var back junitSuite
	require.NoError(t, xml.Unmarshal([]byte(b.String()), &back))
	require.Equal(t, []int{3, 1, 1}, []int{back.Tests, back.Failures, back.Skipped})
	require.Equal(t, "0.352", back.Time)
	require.Nil(t, back.Cases[0].Failure)
	require.Equal(t, "2 of 15 <rows> are not shown\n  do: use sdk.TimeCursor", back.Cases[1].Failure.Text)
	require.Equal(t, "the platform signs no time", back.Cases[2].Skipped.Message)
}

func TestATestFileIsReadStrictly(t *testing.T) {
	dir := t.TempDir()
	load := func(text string) (Options, error) {
		file := filepath.Join(dir, "test.yaml")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		o, stop, err := LoadFile(t.Context(), file, nil)
		require.NoError(t, stop())
		return o, err
	}
	o, err := load(`
program: [/bin/true, ./script]
config: {url: "http://127.0.0.1:1", limit: 3}
secrets: {hook: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}
replay_window: 5m
deliveries:
  - body: '{}'
    sign: {scheme: standard-webhooks, secret: hook}
  - body: '{}'
    headers: {x-plain: a}
    expect: challenge
    answer: hello
`)
	require.NoError(t, err)
	require.Equal(t, []string{"/bin/true", filepath.Join(dir, "script")}, o.Command)
	require.JSONEq(t, `{"url":"http://127.0.0.1:1","limit":3}`, string(o.Config))
	require.Equal(t, 5*time.Minute, o.ReplayWindow)
	require.NoError(t, sdk.VerifyStandardWebhook(&o.Deliveries[0].WebhookRequest, o.Secrets["hook"]))
	require.Equal(t, "a", o.Deliveries[1].Header("X-Plain"))
	require.Equal(t, sdk.VerdictChallenge, o.Deliveries[1].Expect)

	for text, want := range map[string]string{
		"programm: [x]":        "programm",
		"config: {}":           "no program",
		"program: [./missing]": "missing",
		"program: [/bin/true]\nreplay_window: soon":                                               "soon",
		"program: [/bin/true]\nbuild: [/bin/false]":                                               "build",
		"program: [/bin/true]\ntwin: {command: [true]}":                                           "first line",
		"program: [/bin/true]\ndeliveries: [{sign: {scheme: rot13, secret: a}}]\nsecrets: {a: b}": "rot13",
		"program: [/bin/true]\ndeliveries: [{sign: {scheme: hmac-sha256-hex, secret: a}}]":        `no secret "a"`,
	} {
		_, err := load(text)
		require.ErrorContains(t, err, want)
	}
}

// TestThePageOfTheKitListsEveryCheck keeps docs/plugins/kit.md as the checks are.
func TestThePageOfTheKitListsEveryCheck(t *testing.T) {
	page, err := os.ReadFile("../../docs/plugins/kit.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page), "| check | what must hold | where it does not |\n|---|---|---|\n")
	require.True(t, ok)
	var want strings.Builder
	for _, c := range checks {
		want.WriteString("| `" + c.name + "` | " + c.about + " | " + c.do + " |\n")
	}
	require.Equal(t, want.String(), table)
}
