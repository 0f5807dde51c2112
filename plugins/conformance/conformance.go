// Package conformance tells a connector's author whether the hub can rely on the connector: it launches the program as
// the hub does and tries what must hold for every connector. It needs no account at the platform and no network.
//
//	func TestConformance(t *testing.T) {
//		conformance.Run(t, conformance.Options{Command: …, Config: …, Secrets: …, Deliveries: …})
//	}
package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Options describe the connector under test.
type Options struct {
	// Command is the program's absolute path and its arguments.
	Command []string
	// Config and Secrets are a valid configuration. Its addresses must be ones where nobody answers, such as
	// http://127.0.0.1:1: the kit proves that the connector bears it.
	Config  json.RawMessage
	Secrets map[string]string
	// Env has variables that the process needs.
	Env map[string]string
	// Deliveries are genuine signed deliveries under Secrets. They must be accepted as they are, and refused when a
	// byte of the body is changed, when all headers are missing, and under other secrets.
	Deliveries []sdk.WebhookRequest
	// Deadline bounds each call and the shutdown [10 s].
	Deadline time.Duration
}

// Finding is one thing that does not hold.
type Finding struct {
	Rule string // "describe", "configuration", "unreachable", "webhook", "secrets", "shutdown"
	What string
}

// Run reports each finding as an error of the test.
func Run(t testing.TB, o Options) {
	t.Helper()
	findings, err := Check(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatalf("conformance: %v", err)
	}
	for _, f := range findings {
		t.Errorf("%s: %s", f.Rule, f.What)
	}
}

// Check tries the connector, working below dir, and returns what does not hold. The error says why it could not be
// tried at all.
func Check(ctx context.Context, dir string, o Options) ([]Finding, error) {
	if o.Deadline == 0 {
		o.Deadline = 10 * time.Second
	}
	if len(o.Command) == 0 {
		return nil, errors.New("no command")
	}
	sum, err := host.FileChecksum(o.Command[0])
	if err != nil {
		return nil, err
	}
	k := &kit{Options: o, dir: dir, sum: sum}
	if err := k.tryUnopened(ctx); err != nil {
		return nil, err
	}
	if err := k.tryOpened(ctx); err != nil {
		return nil, err
	}
	k.secretsStayIn()
	return k.findings, nil
}

// tryUnopened tries what a connector must do before Open.
func (k *kit) tryUnopened(ctx context.Context) error {
	c, err := k.launch(ctx, true, k.Secrets)
	if err != nil {
		return err
	}
	defer k.close(c)
	startCtx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := c.Ready(startCtx); err != nil {
		return fmt.Errorf("the connector does not start: %w", err)
	}
	if k.about, err = c.Describe(startCtx); err != nil {
		return err
	}
	k.describe()
	return k.configuration(ctx, c)
}

// tryOpened tries what a connector must do while nobody is at the platform's address.
func (k *kit) tryOpened(ctx context.Context) error {
	c, err := k.launch(ctx, false, k.Secrets)
	if err != nil {
		return err
	}
	defer k.close(c)
	startCtx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := c.Ready(startCtx); err != nil {
		k.hear(err)
		k.find("unreachable", "Open fails when the platform can't be reached: %v", err)
		return nil
	}
	k.hear(nil, c.Status().Opened...)
	if slices.Contains(k.about.Capabilities, sdk.CanWebhook) && len(k.Deliveries) > 0 {
		if err := k.webhooks(ctx, c); err != nil {
			return err
		}
	}
	k.unreachable(ctx, c)
	return nil
}

// startLimit is how long a program may take to start and open.
const startLimit = 30 * time.Second

// kit is one run of the checks.
type kit struct {
	Options
	dir      string
	sum      [32]byte
	launches int
	log      logBuffer
	said     []string // what the connector said in errors and diagnostics
	about    *sdk.DescribeResponse
	findings []Finding
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (k *kit) find(rule, format string, args ...any) {
	k.findings = append(k.findings, Finding{Rule: rule, What: fmt.Sprintf(format, args...)})
}

// hear keeps what a person would read, for the search for secrets.
func (k *kit) hear(err error, diagnostics ...sdk.Diagnostic) {
	if err != nil {
		k.said = append(k.said, err.Error())
	}
	for _, d := range diagnostics {
		k.said = append(k.said, d.Path+" "+d.Summary+" "+d.Do)
	}
}

// launch starts the connector with the secrets that it will be searched for. The host redacts them, which leaves its
// mark where the connector was careless.
func (k *kit) launch(ctx context.Context, unopened bool, secrets map[string]string) (*host.Connection, error) {
	k.launches++
	workDir := filepath.Join(k.dir, fmt.Sprintf("run-%d", k.launches))
	if err := os.MkdirAll(workDir, 0o700); err != nil {
		return nil, err
	}
	d := k.Deadline
	return host.Launch(ctx, host.Spec{
		Connection: "conformance", Command: k.Command, Checksum: k.sum, Config: k.Config, Secrets: secrets, Env: k.Env,
		WorkDir: workDir, Unopened: unopened,
		Deadlines: host.Deadlines{
			Validate: d, Check: d, Open: d, Close: d, Register: d, Discover: d, Webhook: d, Poll: d, Snapshot: d, Apply: d, Lookup: d, Read: d, Health: d,
		},
		Restart: host.Restart{Initial: 10 * time.Millisecond, MaxCrashes: 2},
		Logger:  hclog.New(&hclog.LoggerOptions{Output: &k.log, Level: hclog.Trace}),
		Rotate:  func(string, string) error { return nil },
	})
}

// close ends a connection and finds out whether it did so in time.
func (k *kit) close(c *host.Connection) {
	ctx, cancel := context.WithTimeout(context.Background(), k.Deadline)
	defer cancel()
	restarts := c.Status().Restarts
	began := time.Now()
	if err := c.Close(ctx); err != nil {
		k.find("shutdown", "calls did not end within %v: %v", k.Deadline, err)
	}
	if took := time.Since(began); took > k.Deadline {
		k.find("shutdown", "took %v, want at most %v", took.Round(time.Millisecond), k.Deadline)
	}
	if restarts > 0 {
		k.find("shutdown", "the process ended %d times by itself: %s", restarts, c.Status().LastError)
	}
}

var (
	semver     = regexp.MustCompile(`^v?\d+\.\d+\.\d+`)
	fieldTypes = []string{"string", "int", "bool", "duration", "url", "list"}
)

// describe looks at what the connector says of itself.
func (k *kit) describe() {
	const rule = "describe"
	about := k.about
	if about.Summary == "" {
		k.find(rule, "no summary")
	}
	if !semver.MatchString(about.Version) {
		k.find(rule, "version %q is no semantic version", about.Version)
	}
	seen := map[string]bool{}
	for _, f := range about.Config {
		switch {
		case f.Key == "" || seen[f.Key]:
			k.find(rule, "configuration key %q is empty or described twice", f.Key)
		case !slices.Contains(fieldTypes, f.Type):
			k.find(rule, "configuration key %s has the unknown type %q, want one of %v", f.Key, f.Type, fieldTypes)
		case f.Description == "":
			k.find(rule, "configuration key %s has no description", f.Key)
		}
		if _, err := regexp.Compile(f.Pattern); err != nil {
			k.find(rule, "the pattern of configuration key %s is no regular expression: %v", f.Key, err)
		}
		seen[f.Key] = true
	}
	for key := range k.Secrets {
		if !slices.ContainsFunc(about.Config, func(f sdk.ConfigField) bool { return f.Secret && f.Key == key }) {
			k.find(rule, "the secret %s is not described as one", key)
		}
	}
	if polls := slices.Contains(about.Capabilities, sdk.CanPoll); polls != (len(about.Streams) > 0) {
		k.find(rule, "streams are described if and only if the connector polls, here: %d streams, polls %v", len(about.Streams), polls)
	}
}

// configuration takes each required key away in turn.
func (k *kit) configuration(ctx context.Context, c *host.Connection) error {
	const rule = "configuration"
	if !slices.Contains(k.about.Capabilities, sdk.CanValidate) {
		return nil
	}
	var config map[string]json.RawMessage
	if err := json.Unmarshal(k.Config, &config); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	validate := func(config map[string]json.RawMessage, secrets map[string]string) []sdk.Diagnostic {
		raw, err := json.Marshal(config)
		if err != nil {
			k.find(rule, "%v", err)
			return nil
		}
		resp, err := c.Validate(ctx, &sdk.ValidateRequest{Config: raw, Secrets: secrets})
		if err != nil {
			k.hear(err)
			k.find(rule, "Validate gives an error instead of diagnostics: %v", err)
			return nil
		}
		k.hear(nil, resp.Diagnostics...)
		return slices.DeleteFunc(resp.Diagnostics, func(d sdk.Diagnostic) bool { return d.Severity != sdk.SeverityError })
	}
	for _, d := range validate(config, k.Secrets) {
		k.find(rule, "a valid configuration is refused: %s %s: %s", d.Code, d.Path, d.Summary)
	}
	for _, f := range k.about.Config {
		if !f.Required {
			continue
		}
		path, fewer, fewerSecrets := "config."+f.Key, without(config, f.Key), k.Secrets
		if f.Secret {
			path, fewer, fewerSecrets = "secrets."+f.Key, config, without(k.Secrets, f.Key)
		}
		found := validate(fewer, fewerSecrets)
		i := slices.IndexFunc(found, func(d sdk.Diagnostic) bool { return d.Path == path })
		switch {
		case i < 0:
			k.find(rule, "without the required %s Validate gives no error with that path", path)
		case found[i].Code == "" || found[i].Do == "":
			k.find(rule, "the error about the missing %s has no code or does not say what to do", path)
		}
	}
	return nil
}

func without[V any](m map[string]V, key string) map[string]V {
	out := make(map[string]V, len(m))
	for k, v := range m {
		if k != key {
			out[k] = v
		}
	}
	return out
}

// unreachable makes each call that has to ask the platform.
func (k *kit) unreachable(ctx context.Context, c *host.Connection) {
	const rule = "unreachable"
	about := k.about
	failsInTime := func(call string, err error) {
		k.hear(err)
		var e *host.Error
		switch {
		case err == nil:
		case !errors.As(err, &e) || e.Kind != host.ErrConnector:
			k.find(rule, "%s does not fail in order: %v", call, err)
		case e.Code == sdk.CodePanic:
			k.find(rule, "%s panics", call)
		}
	}
	if slices.Contains(about.Capabilities, sdk.CanCheck) {
		resp, err := c.Check(ctx, &sdk.CheckRequest{})
		failsInTime("Check", err)
		if err == nil {
			k.hear(nil, resp.Diagnostics...)
			if !slices.ContainsFunc(resp.Diagnostics, func(d sdk.Diagnostic) bool { return d.Severity == sdk.SeverityError }) {
				k.find(rule, "Check finds nothing wrong with a platform that is not there")
			}
		}
	}
	for _, s := range about.Streams {
		_, err := c.Poll(ctx, &sdk.PollRequest{Stream: s.Name, Since: time.Now().Add(-time.Hour), Limit: 10})
		failsInTime("Poll of "+s.Name, err)
		if err == nil {
			k.find(rule, "Poll of %s succeeds with a platform that is not there", s.Name)
		}
	}
	if slices.Contains(about.Capabilities, sdk.CanSnapshot) {
		_, err := c.Snapshot(ctx, &sdk.SnapshotRequest{Limit: 10})
		failsInTime("Snapshot", err)
	}
	if slices.Contains(about.Capabilities, sdk.CanHealth) {
		_, err := c.Health(ctx, &sdk.HealthRequest{})
		failsInTime("Health", err)
	}
}

// webhooks tries the deliveries as they are and spoilt.
func (k *kit) webhooks(ctx context.Context, c *host.Connection) error {
	const rule = "webhook"
	handle := func(c *host.Connection, d sdk.WebhookRequest) sdk.Verdict {
		resp, err := c.HandleWebhook(ctx, &d)
		k.hear(err)
		if err != nil {
			k.find(rule, "a delivery gives an error: %v", err)
			return ""
		}
		k.said = append(k.said, resp.Reason)
		return resp.Verdict
	}
	for i, d := range k.Deliveries {
		if v := handle(c, d); v != sdk.VerdictAccepted {
			k.find(rule, "genuine delivery %d is %s", i, v)
		}
		for _, at := range []int{0, len(d.Body) / 2, len(d.Body) - 1} {
			flipped := d
			flipped.Body = bytes.Clone(d.Body)
			if len(flipped.Body) > 0 {
				flipped.Body[at] ^= 1
			}
			if v := handle(c, flipped); v != sdk.VerdictBadSignature {
				k.find(rule, "delivery %d with byte %d changed is %s, want %s", i, at, v, sdk.VerdictBadSignature)
			}
		}
		bare := d
		bare.Headers = nil
		if v := handle(c, bare); v == sdk.VerdictAccepted {
			k.find(rule, "delivery %d without any header is accepted", i)
		}
	}
	others := map[string]string{}
	for key := range k.Secrets {
		others[key] = "another-" + key
	}
	stranger, err := k.launch(ctx, false, others)
	if err != nil {
		return err
	}
	defer k.close(stranger)
	for i, d := range k.Deliveries {
		if v := handle(stranger, d); v == sdk.VerdictAccepted {
			k.find(rule, "delivery %d is accepted under other secrets", i)
		}
	}
	return nil
}

// secretsStayIn searches all that was logged and said. Where the connector let a secret out, the host has put its mark.
func (k *kit) secretsStayIn() {
	const rule = "secrets"
	k.log.mu.Lock()
	logged := strings.Split(k.log.b.String(), "\n")
	k.log.mu.Unlock()
	search := func(where string, lines []string) {
		for _, line := range lines {
			if strings.Contains(line, host.RedactedMark) {
				k.find(rule, "a secret is in the %s; only the host's redaction keeps it back: %s", where, line)
			}
			for key, value := range k.Secrets {
				if len(value) >= 4 && strings.Contains(line, value) {
					k.find(rule, "the secret %s is in the %s", key, where)
				}
			}
		}
	}
	search("log", logged)
	search("errors and diagnostics", k.said)
}
