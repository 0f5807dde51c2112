// Package conformance tells a connector's author whether the hub can rely on the connector. It launches the real
// program over the real protocol, as the hub does, puts a proxy that misbehaves in front of the author's sandbox (the
// twin), and tries what must hold for every connector. It needs no account at the platform and no network.
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Options{Command: …, Config: …, Secrets: …, Twin: …, URLKey: "url", Deliveries: …})
//	}
//
// `jumpring conformance` makes the same checks from a test.yaml (LoadFile). A check that can't be made for a connector
// is reported as not applicable with the reason, never as passed.
//
// The kit judges by what is so, not by what was called: after a disturbance it reads everything again in peace and
// compares. A poll that lost a row, a write that happened twice and a result that claims what is not so show in that.
package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Options describe the connector under test.
type Options struct {
	// Command is the program's absolute path and its arguments.
	Command []string
	// Config and Secrets are a valid configuration. Secrets should be texts that occur nowhere else: the kit searches
	// for them in all that the connector says.
	Config  json.RawMessage
	Secrets map[string]string
	// Env has variables that the process needs.
	Env map[string]string
	// Twin is the platform to test against; nil leaves out what needs one.
	Twin Twin
	// URLKey is the configuration key that takes the platform's address. The kit sets it to its proxy. Without it, or
	// where the twin has no URL, what needs a misbehaving network is left out.
	URLKey string
	// Deliveries are webhooks as the platform sends them, signed under Secrets.
	Deliveries []Delivery
	// ReplayWindow is how old a signed delivery may be, where the platform signs a time; 0 where it does not.
	ReplayWindow time.Duration
	// Deadline bounds each call and the shutdown [30 s].
	Deadline time.Duration
	// Only names the checks to make; empty makes all.
	Only []string
	// Record is a folder to record the connector's HTTP traffic into, without secrets and personal data; it has to be
	// empty. Replay is such a folder to answer from: then nothing is dialled, Twin and its address are not used, and
	// what needs a network that misbehaves is left out. See docs/plugins/recordings.md.
	Record, Replay string
}

// Delivery is one webhook and what the connector has to make of it.
type Delivery struct {
	sdk.WebhookRequest
	// Expect is the verdict [accepted].
	Expect sdk.Verdict
	// Answer is the body that the platform expects to a challenge.
	Answer string
}

// Outcome is what a check showed.
type Outcome string

// The outcomes.
const (
	Passed        Outcome = "passed"
	Failed        Outcome = "failed"
	NotApplicable Outcome = "not_applicable" // the connector or the options lack what the check needs
)

// Finding is one thing that does not hold.
type Finding struct {
	What string `json:"what"`
	Do   string `json:"do"` // what the author should do about it
}

// Result is the outcome of one check.
type Result struct {
	Check    string    `json:"check"` // stable name, "poll-ties"
	About    string    `json:"about"` // what must hold
	Outcome  Outcome   `json:"outcome"`
	Reason   string    `json:"reason,omitempty"` // why it is not applicable
	Findings []Finding `json:"findings,omitempty"`
	Millis   int64     `json:"millis"`
}

// Report has the result of each check.
type Report struct {
	Connector string   `json:"connector"`
	Version   string   `json:"version"`
	Results   []Result `json:"results"`
}

// Count gives how many checks had an outcome.
func (r *Report) Count(o Outcome) (n int) {
	for _, res := range r.Results {
		if res.Outcome == o {
			n++
		}
	}
	return n
}

// Run makes each check and reports each finding as an error of the test.
func Run(t testing.TB, o Options) {
	t.Helper()
	report, err := Check(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatalf("conformance: %v", err)
	}
	for _, res := range report.Results {
		switch res.Outcome {
		case Passed:
			t.Logf("%s: passed in %d ms", res.Check, res.Millis)
		case NotApplicable:
			t.Logf("%s: not applicable: %s", res.Check, res.Reason)
		case Failed:
			for _, f := range res.Findings {
				t.Errorf("%s: %s\n\t%s", res.Check, f.What, f.Do)
			}
		}
	}
}

// Check makes each check, working below dir. The error says why the connector could not be tried at all; what a
// connector does wrong is in the report.
func Check(ctx context.Context, dir string, o Options) (*Report, error) {
	if o.Deadline == 0 {
		o.Deadline = 30 * time.Second
	}
	if len(o.Command) == 0 {
		return nil, errors.New("no command")
	}
	if len(o.Config) == 0 {
		o.Config = json.RawMessage("{}")
	}
	for _, name := range o.Only {
		if !known(name) {
			return nil, fmt.Errorf("there is no check %q", name)
		}
	}
	sum, err := host.FileChecksum(o.Command[0])
	if err != nil {
		return nil, err
	}
	k := &kit{Options: o, dir: dir, sum: sum}
	if k.tape, err = startTaping(&k.Options); err != nil {
		return nil, err
	}
	o = k.Options
	k.offline = k.tape != nil && k.tape.replay
	if !k.offline && o.Twin != nil && o.Twin.URL() != "" && o.URLKey != "" {
		if k.proxy, err = newProxy(o.Twin.URL()); err != nil {
			return nil, err
		}
		defer k.proxy.close()
	}
	if err := k.describe(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if k.shared != nil {
			k.shared.close()
		}
		if k.hooks != nil {
			k.hooks.close()
		}
	}()
	report := &Report{Connector: k.about.Name, Version: k.about.Version}
	for _, c := range checks {
		if len(o.Only) > 0 && !contains(o.Only, c.name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		res, err := k.make(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		report.Results = append(report.Results, res)
	}
	if k.tape != nil {
		if err := k.tape.finish(k); err != nil {
			return nil, fmt.Errorf("recording: %w", err)
		}
	}
	return report, nil
}
