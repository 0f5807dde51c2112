// Package host launches connectors as processes of their own, supervises them and calls them.
//
// A Connection stands for one configured connection for as long as the hub wants it; the process behind it comes and
// goes. Calls made while there is no process wait for the next one, up to their deadline.
package host

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// Spec says what to launch and how.
type Spec struct {
	// Connection is the connection's name; it is given to the connector and stands in every error.
	Connection string
	// Command is the program's absolute path and its arguments. No search path applies, since the environment is clean.
	Command []string
	// Checksum is the SHA-256 of the program's file, checked at every start; see FileChecksum.
	Checksum [sha256.Size]byte
	// Config is the connection's `config` as JSON; nil means {}.
	Config json.RawMessage
	// Secrets are the resolved secrets. They are redacted in every log line and error of this connection.
	Secrets map[string]string
	// WorkDir is the connector's own folder; it is made if it is missing. Sockets live in it when its path is short
	// enough for them.
	WorkDir string
	// Env has the only variables, beside the protocol's own, that the process gets.
	Env map[string]string
	// MemoryLimit in bytes is what the connector's collector works to stay below. A process that has more than that and
	// half as much again resident is ended, and the kernel refuses it more than twice that. 0 means no limit.
	MemoryLimit int64
	// FileLimit is how many files and sockets the process may have open; 0 means 1024.
	FileLimit int
	// Verify, where it is given, is asked before every start whether what belongs to the program beside its file is what
	// was registered; its error is an ErrChecksum.
	Verify func() error
	// Unopened leaves out Open, for a tool that only wants Describe and Validate.
	Unopened bool
	// Hog says when a process runs below everybody else.
	Hog Hog

	Deadlines Deadlines
	Restart   Restart
	// Logger gets the connector's log and the supervisor's own; nil discards both.
	Logger hclog.Logger
	// Rotate makes a changed secret durable before it returns. Without it the connector is told that the hub keeps none.
	Rotate func(key, value string) error
	// Values keep what the connector stores; nil keeps nothing.
	Values Values
	// Now is the clock that the connector asks for the time; nil means time.Now.
	Now func() time.Time
	// Traffic, where it is given, has the connector record its HTTP traffic or answer it from a recording. The hub never
	// gives it: it is for tools that try a connector.
	Traffic *Traffic
}

// Values are one connection's key-values. A change is durable when its method returns.
type Values interface {
	Load(key string) (value []byte, ok bool, err error)
	Store(key string, value []byte) error
	Remove(key string) error
	Keys() ([]string, error) // in order
}

// Traffic says where a connector's HTTP traffic is recorded to, or replayed from: one of the two.
type Traffic struct {
	Record, Replay string // folders, absolute
	// Key makes the marks that stand for secrets and people in a recording; the same for all processes of one recording,
	// and kept nowhere.
	Key string
}

// environment has what tells a process.
func (t *Traffic) environment() []string {
	if t == nil {
		return nil
	}
	return []string{sdk.EnvRecord + "=" + t.Record, sdk.EnvReplay + "=" + t.Replay, sdk.EnvRecordKey + "=" + t.Key}
}

// Hog says how much of the CPUs that a connector may use (half of the machine's) it takes for how long before it runs below
// everybody else, until it was calm for a minute. It loses nothing while the machine is idle. Zero fields take the default in brackets.
type Hog struct {
	Share float64       // [0.8]
	For   time.Duration // [5 s]
}

// Deadlines bound each call. A call's context may end it sooner. Zero fields take the default in brackets.
type Deadlines struct {
	Start    time.Duration // from launching the process to its handshake [20 s]
	Describe time.Duration // [5 s]
	Validate time.Duration // [10 s]
	Check    time.Duration // [30 s]
	Open     time.Duration // [20 s]
	Close    time.Duration // [5 s]
	Register time.Duration // and Unregister [60 s]
	Discover time.Duration // [60 s]
	Webhook  time.Duration // [4 s: platforms wait 5 s]
	Poll     time.Duration // [60 s]
	Snapshot time.Duration // of one page [120 s]
	Apply    time.Duration // of one batch [60 s]
	Lookup   time.Duration // [30 s]
	Read     time.Duration // [60 s]
	Deliver  time.Duration // [60 s]
	Health   time.Duration // [10 s]
	// Ping is how often a running process is asked whether it still answers, and PingTimeout how long it may take; it
	// is killed after three pings without an answer [10 s, 5 s].
	Ping, PingTimeout time.Duration
}

// Restart says how a process that ended is started again. Zero fields take the default in brackets.
type Restart struct {
	Initial time.Duration // first wait, jittered by half, doubled each time [100 ms]
	Max     time.Duration // longest wait [15 s]
	// StableAfter is how long a process has to run for its end to count as the first one again [20 s].
	StableAfter time.Duration
	// MaxCrashes is how many ends in a row, none of them after StableAfter, open the breaker [6].
	MaxCrashes int
	// Pause is how long the breaker stays open before one more try [5 min].
	Pause time.Duration
}

// defaultFiles is how many files and sockets a connector may have open.
const defaultFiles = 1024

func orDefault[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

func (d *Deadlines) setDefaults() {
	orDefault(&d.Start, 20*time.Second)
	orDefault(&d.Describe, 5*time.Second)
	orDefault(&d.Validate, 10*time.Second)
	orDefault(&d.Check, 30*time.Second)
	orDefault(&d.Open, 20*time.Second)
	orDefault(&d.Close, 5*time.Second)
	orDefault(&d.Register, 60*time.Second)
	orDefault(&d.Discover, 60*time.Second)
	orDefault(&d.Webhook, 4*time.Second)
	orDefault(&d.Poll, 60*time.Second)
	orDefault(&d.Snapshot, 120*time.Second)
	orDefault(&d.Apply, 60*time.Second)
	orDefault(&d.Lookup, 30*time.Second)
	orDefault(&d.Read, 60*time.Second)
	orDefault(&d.Deliver, 60*time.Second)
	orDefault(&d.Health, 10*time.Second)
	orDefault(&d.Ping, 10*time.Second)
	orDefault(&d.PingTimeout, 5*time.Second)
}

func (r *Restart) setDefaults() {
	orDefault(&r.Initial, 100*time.Millisecond)
	orDefault(&r.Max, 15*time.Second)
	orDefault(&r.StableAfter, 20*time.Second)
	orDefault(&r.MaxCrashes, 6)
	orDefault(&r.Pause, 5*time.Minute)
}

// validate reports what makes a spec unusable whatever the program does.
func (s *Spec) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("connection %q: %s", s.Connection, fmt.Sprintf(format, args...))
	}
	switch {
	case s.Connection == "":
		return fmt.Errorf("a connection needs a name")
	case len(s.Command) == 0:
		return bad("no command to launch")
	case !filepath.IsAbs(s.Command[0]):
		return bad("the connector's program %q needs an absolute path", s.Command[0])
	case s.Checksum == [sha256.Size]byte{}:
		return bad("no checksum of %s: it is needed at every start", s.Command[0])
	case s.WorkDir == "" || !filepath.IsAbs(s.WorkDir):
		return bad("the work folder %q needs an absolute path", s.WorkDir)
	case len(s.Config) > 0 && !json.Valid(s.Config):
		return bad("config is not JSON")
	}
	for k, v := range s.Secrets {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return bad("the secret %q is not UTF-8", strings.ToValidUTF8(k, "?"))
		}
	}
	return nil
}

// FileChecksum gives the SHA-256 of a file, for Spec.Checksum.
func FileChecksum(path string) (sum [sha256.Size]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, fmt.Errorf("checksum: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return sum, fmt.Errorf("checksum of %s: %w", path, err)
	}
	h.Sum(sum[:0])
	return sum, nil
}
