package conformance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/plugins/sdk"
)

const (
	hookSecret = "canary-c0ffee-hooks"
	testWindow = 5 * time.Minute
)

func signedBody(t testing.TB, v any) sdk.WebhookRequest {
	t.Helper()
	body, err := json.Marshal(v)
	require.NoError(t, err)
	mac := hmac.New(sha256.New, []byte(hookSecret))
	mac.Write(body)
	return sdk.WebhookRequest{Method: "POST", Body: body, Headers: map[string][]string{"X-Signature": {hex.EncodeToString(mac.Sum(nil))}}}
}

func options(t testing.TB, fault string) Options {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	o := Options{
		Command: []string{self, "connector", fault},
		Config:  json.RawMessage(`{"url":"http://127.0.0.1:1"}`),
		Secrets: map[string]string{"client_secret": hookSecret, "access_token": firstAccess, "refresh_token": firstToken},
		Twin:    newShopTwin(t), URLKey: "url", ReplayWindow: testWindow,
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range 2 {
		o.Deliveries = append(o.Deliveries, Delivery{WebhookRequest: signedBody(t, map[string]any{
			"id": fmt.Sprint("event-", i), "at": now, "item": item{ID: fmt.Sprint("I", i), Title: "Ring", Price: "10.00", Modified: now.Add(time.Duration(i) * time.Second)},
		})})
	}
	o.Deliveries = append(o.Deliveries, Delivery{
		WebhookRequest: signedBody(t, map[string]string{"challenge": "hello"}), Expect: sdk.VerdictChallenge, Answer: "hello",
	})
	return o
}

func TestAGoodConnectorPassesEveryCheck(t *testing.T) {
	report, err := Check(t.Context(), t.TempDir(), options(t, "good"))
	require.NoError(t, err)
	for _, res := range report.Results {
		t.Logf("%-18s %-15s %5d ms %s", res.Check, res.Outcome, res.Millis, res.Reason)
		require.Equal(t, Passed, res.Outcome, "%s: %s %+v", res.Check, res.Reason, res.Findings)
	}
	require.Len(t, report.Results, len(checks))
}

// faults names, for each fault of the connector under test, the check that finds it. Each fault is found by its check
// and by no other one, but for those in alsoFoundBy. Adding a case is adding a fault to shop.
var faults = map[string]string{
	"describe-incomplete":        "describe",
	"describe-changes":           "describe",
	"describe-unknown-action":    "describe",
	"validate-misses-a-key":      "configuration",
	"open-needs-platform":        "unreachable",
	"poll-invents":               "unreachable",
	"poll-panics":                "unreachable",
	"poll-exits":                 "unreachable",
	"check-finds-fault":          "check",
	"check-believes":             "credentials",
	"poll-believes":              "credentials",
	"snapshot-names-no-kinds":    "snapshot",
	"snapshot-without-cursor":    "snapshot",
	"cursor-after-rows":          "snapshot-handoff",
	"snapshot-in-memory":         "snapshot-resume",
	"poll-loses-ties":            "poll-ties",
	"poll-in-memory":             "poll-resume",
	"poll-ignores-retry-after":   "poll-throttled",
	"reads-once":                 "network-slow",
	"drops-what-breaks-off":      "network-dropped",
	"ignores-context":            "network-hang",
	"webhook-waits-for-poll":     "network-hang",
	"webhook-refuses":            "webhook-genuine",
	"webhook-unverified":         "webhook-signature",
	"webhook-counts":             "webhook-replay",
	"webhook-takes-old-ones":     "webhook-stale",
	"webhook-compares":           "webhook-order",
	"challenge-quoted":           "webhook-challenge",
	"apply-misstates":            "apply",
	"apply-overwrites":           "apply-expect",
	"apply-adds":                 "apply-repeat",
	"batch-stops":                "apply-partial",
	"apply-ignores-retry-after":  "apply-throttled",
	"lost-is-applied":            "apply-not-done",
	"unknown-is-retry":           "apply-unknown",
	"lookup-denies":              "apply-unknown",
	"action-forgets":             "action",
	"action-lies":                "action",
	"action-batch-stops":         "action-partial",
	"action-retries-for-ever":    "action-partial",
	"action-ignores-retry-after": "action-throttled",
	"action-lost-is-retry":       "action-unknown",
	"action-lookup-believes":     "action-unknown",
	"action-lookup-denies":       "action",
	"read-the-first":             "read",
	"read-leaves-out":            "read",
	"discover-without-names":     "discover",
	"register-again":             "register",
	"unregister-takes-all":       "register",
	"register-remembers":         "register-dropped",
	"health-believes":            "health",
	"token-used-early":           "rotation",
	"token-not-kept":             "rotation",
	"close-hangs":                "shutdown",
	"leaks":                      "memory",
	"secret-in-log":              "secrets",
	"secret-in-error":            "secrets",
	"secret-in-fact":             "secrets",
	"secret-echoed":              "secrets",
}

// quick are the checks that every fault is tried by, beside its own. With JUMPRING_KIT_FULL=1 each fault is tried by
// all, which takes some minutes.
var quick = []string{
	"check", "snapshot", "snapshot-handoff", "poll-ties", "webhook-genuine", "apply", "apply-expect", "apply-repeat", "apply-partial", "secrets",
}

// slow are faults whose finding takes a deadline, or whose fault makes every check take one.
var slow = []string{"close-hangs", "webhook-waits-for-poll", "ignores-context"}

func TestEachFaultIsFoundByItsCheckAlone(t *testing.T) {
	var running sync.WaitGroup
	reports := map[string]*Report{}
	var mu sync.Mutex
	slots := make(chan struct{}, 4) // much of a run is waiting
	for fault, own := range faults {
		running.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			o := options(t, fault)
			switch {
			case slices.Contains(slow, fault):
				o.Only, o.Deadline = []string{own}, 2*time.Second
			case os.Getenv("JUMPRING_KIT_FULL") == "":
				o.Only = append([]string{own}, quick...)
			}
			report, err := Check(t.Context(), t.TempDir(), o)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s: %v", fault, err)
				return
			}
			reports[fault] = report
		})
	}
	running.Wait()
	for fault, want := range faults {
		t.Run(fault, func(t *testing.T) {
			require.NotNil(t, reports[fault])
			found := map[string][]Finding{}
			for _, res := range reports[fault].Results {
				if res.Outcome == Failed {
					found[res.Check] = res.Findings
				}
				for _, f := range res.Findings {
					require.NotEmpty(t, f.Do)
					require.NotContains(t, f.What, "canary")
				}
			}
			require.Contains(t, found, want, "%+v", found)
			for name, findings := range found {
				require.Equal(t, want, name, "another check finds it too: %+v", findings)
			}
		})
	}
	proved := map[string]bool{}
	for _, name := range faults {
		proved[name] = true
	}
	for _, c := range checks {
		require.True(t, proved[c.name], "no fault proves the check %s", c.name)
	}
}

func TestProgramThatDoesNotStartIsAnError(t *testing.T) {
	o := options(t, "good")
	o.Command = []string{"/bin/true"}
	_, err := Check(t.Context(), t.TempDir(), o)
	require.ErrorContains(t, err, "does not start")
}
