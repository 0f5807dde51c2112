package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// startLimit is how long a program may take to start and open.
const startLimit = 60 * time.Second

// kit is one run of the checks.
type kit struct {
	Options
	dir      string
	sum      [32]byte
	proxy    *proxy // nil where the platform is not reached over HTTP
	about    *sdk.DescribeResponse
	launches int
	hooks    *hookReceiver // nil until an address for webhooks is needed
	tape     *taping       // nil where traffic is neither recorded nor replayed
	// offline tells that a recording answers.
	offline bool
	// shared is a process as it is configured, which checks that do not disturb it use one after the other.
	shared *session

	log  logBuffer
	mu   sync.Mutex
	said []string // what the connector said in errors, diagnostics and facts
	// rotated are the credentials that the connector gave to the hub, which are secrets like the configured ones.
	rotated []string
}

// trial is one check being made.
type trial struct {
	*kit
	check    check
	findings []Finding
	skipped  string // why it turned out not to be applicable
	open     []*session
	// live tells that the check is not recorded though the run is; processes and keys count those of the check that are.
	live      bool
	processes int
	keys      int
	twinSaid  []json.RawMessage // recorded so far, or left of a recording
	workDirs  []string          // of processes that answer from a recording
}

// session is one launched connection.
type session struct {
	*host.Connection
	trial *trial
	lent  bool // may serve the next check too
	ended bool
}

// maxFindings bounds what one check reports: what is wrong with every page need not be said of every page.
const maxFindings = 8

// find reports what does not hold.
func (t *trial) find(format string, args ...any) {
	if len(t.findings) < maxFindings {
		t.findings = append(t.findings, Finding{What: sdk.NewRedactor(t.canaries()...).String(fmt.Sprintf(format, args...)), Do: t.check.do})
	}
}

// notApplicable says that the check could not be made after all.
func (t *trial) notApplicable(why string) { t.skipped = why }

// canaries are the secrets that must be found nowhere.
func (k *kit) canaries() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(slices.Collect(maps.Values(k.Secrets)), k.rotated...)
}

func (k *kit) genuine() []Delivery {
	return slices.DeleteFunc(slices.Clone(k.Deliveries), func(d Delivery) bool { return d.Expect != "" && d.Expect != sdk.VerdictAccepted })
}

// hear keeps what a person would read, for the search for secrets.
func (k *kit) hear(err error, diagnostics ...sdk.Diagnostic) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		text := err.Error()
		if e := (*host.Error)(nil); errors.As(err, &e) {
			text += " " + e.Do
		}
		k.said = append(k.said, text)
	}
	for _, d := range diagnostics {
		k.said = append(k.said, d.Path+" "+d.Summary+" "+d.Do)
	}
}

// hearFacts does the same for facts. It keeps those alone that have a secret in them, or the host's mark in its place.
func (k *kit) hearFacts(facts []host.Fact) {
	for _, secret := range append(k.canaries(), host.RedactedMark) {
		for i := range facts {
			if len(secret) >= minSecret && (bytes.Contains(facts[i].Data, []byte(secret)) || bytes.Contains(facts[i].Personal, []byte(secret))) {
				k.mu.Lock()
				k.said = append(k.said, fmt.Sprintf("the fact of %s %s has %s", facts[i].Kind, facts[i].ExternalID, secret))
				k.mu.Unlock()
			}
		}
	}
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps what is logged, up to 16 MiB.
func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() < 16<<20 {
		l.b.Write(b)
	}
	return len(b), nil
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// launching says how a process differs from the usual one.
type launching struct {
	secrets  map[string]string // nil: those of the options
	config   json.RawMessage   // nil: that of the options with the proxy's address
	unopened bool
	deadline time.Duration // of each call; 0: that of the options
	rotate   func(key, value string) error
}

// launch starts the connector, told to log all that it can. The host redacts secrets, which leaves its mark where the
// connector was careless.
func (t *trial) launch(ctx context.Context, l launching) (*session, error) {
	t.launches++
	workDir := filepath.Join(t.dir, fmt.Sprintf("run-%d", t.launches))
	if err := os.MkdirAll(workDir, 0o700); err != nil {
		return nil, err
	}
	if l.secrets == nil {
		l.secrets = t.Secrets
	}
	if l.config == nil {
		var err error
		if l.config, err = t.configured(); err != nil {
			return nil, err
		}
	}
	d := l.deadline
	if d == 0 {
		d = t.Deadline
	}
	traffic, now, err := t.traffic(workDir)
	if err != nil {
		return nil, err
	}
	conn, err := host.Launch(ctx, host.Spec{
		Traffic: traffic, Now: now,
		Connection: "conformance", Command: t.Command, Checksum: t.sum, Config: l.config, Secrets: l.secrets, Env: t.Env,
		WorkDir: workDir, Unopened: l.unopened,
		Deadlines: host.Deadlines{
			Start: startLimit, Describe: t.Deadline, Open: t.Deadline, Validate: t.Deadline, Check: d, Close: t.Deadline, Register: d,
			Discover: d, Webhook: d, Poll: d, Snapshot: d, Apply: d, Lookup: d, Read: d, Health: d,
		},
		// Ends that the kit causes never break the connection; starts that fail do, so that the reason is told soon.
		Restart: host.Restart{Initial: 10 * time.Millisecond, Max: 50 * time.Millisecond, StableAfter: time.Millisecond, MaxCrashes: 4},
		Logger:  hclog.New(&hclog.LoggerOptions{Output: &t.log, Level: hclog.Trace}),
		Rotate: func(key, value string) error {
			t.mu.Lock()
			t.rotated = append(t.rotated, value)
			t.mu.Unlock()
			if l.rotate != nil {
				return l.rotate(key, value)
			}
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	s := &session{Connection: conn, trial: t}
	t.open = append(t.open, s)
	return s, nil
}

// usual gives a process as it is configured that can be called: the one of the check before, where that is well. nil
// means that a finding tells why there is none.
func (t *trial) usual(ctx context.Context) (*session, error) {
	if s := t.shared; s != nil && !t.tapes() {
		t.shared = nil
		if st := s.Status(); st.State == host.StateRunning && st.Restarts == 0 {
			s.trial = t
			t.open = append(t.open, s)
			s.lent = true
			return s, nil
		}
		s.close()
	}
	s, err := t.start(ctx, launching{})
	if s != nil {
		s.lent = true
	}
	return s, err
}

// start launches a process of the check's own and waits until it can be called. nil means that a finding tells why it
// can't.
func (t *trial) start(ctx context.Context, l launching) (*session, error) {
	s, err := t.launch(ctx, l)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		t.find("the connector does not get ready: %v", err)
		return nil, nil
	}
	t.hear(nil, s.Status().Opened...)
	return s, nil
}

func (s *session) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	err := s.Ready(ctx)
	s.trial.hear(err)
	return err
}

// configured gives the configuration with the proxy's address in it.
func (k *kit) configured() (json.RawMessage, error) {
	switch {
	case k.proxy != nil:
		return withKey(k.Config, k.URLKey, k.proxy.url())
	case k.Twin != nil && k.Twin.URL() != "" && k.URLKey != "":
		return withKey(k.Config, k.URLKey, k.Twin.URL())
	}
	return k.Config, nil
}

func withKey(config json.RawMessage, key string, value any) (json.RawMessage, error) {
	var m map[string]any
	if err := json.Unmarshal(config, &m); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if m == nil {
		m = map[string]any{}
	}
	m[key] = value
	return json.Marshal(m)
}

// end closes what the check opened.
func (t *trial) end() {
	if t.proxy != nil {
		t.proxy.clear()
	}
	for _, s := range t.open {
		if s.lent && !s.ended && !t.tapes() && t.kit.shared == nil && len(t.findings) == 0 {
			t.shared = s
			continue
		}
		s.close()
	}
}

// close ends a session and gives how long it took and what could not be ended in order.
func (s *session) close() (took time.Duration, err error) {
	if s.ended {
		return 0, nil
	}
	s.ended = true
	ctx, cancel := context.WithTimeout(context.Background(), s.trial.Deadline)
	defer cancel()
	began := time.Now()
	err = s.Close(ctx)
	return time.Since(began), err
}

// describe learns what the connector is, before anything is tried: from a process that the first checks go on with, or
// from one that is not opened, where the connector does not open.
func (k *kit) describe(ctx context.Context) (err error) {
	t := &trial{kit: k}
	defer t.end()
	config, err := k.configured()
	if err != nil {
		return err
	}
	for _, l := range []launching{{config: config}, {config: k.Config, unopened: true}} {
		var s *session
		if s, err = t.launch(ctx, l); err != nil {
			return err
		}
		if err = s.started(ctx); err != nil {
			continue
		}
		s.lent = !l.unopened && !t.tapes()
		k.about, err = s.Describe(ctx)
		return err
	}
	return fmt.Errorf("the connector does not start: %w", err)
}

// started waits for a first process. A program that is no connector at all is told from its first end.
func (s *session) started(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		switch st := s.Status(); {
		case st.State == host.StateRunning:
			return nil
		case st.LastError != "":
			return errors.New(st.LastError)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
}
