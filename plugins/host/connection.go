package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/semaphore"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// State is where a connection's process is.
type State string

// The states.
const (
	StateStarting State = "starting" // a process is being launched and opened
	StateRunning  State = "running"  // calls go through
	StateBackoff  State = "backoff"  // the process ended; the next start waits
	StateBroken   State = "broken"   // not started any more (or only once per Restart.Pause); LastError says why
	StateStopped  State = "stopped"  // closed
)

// Status is what is known of a connection's process.
type Status struct {
	State     State            `json:"state"`
	Since     time.Time        `json:"since"`                // when State began
	Restarts  int              `json:"restarts"`             // starts after the first one
	PID       int              `json:"pid,omitempty"`        // while running
	LastError string           `json:"last_error,omitempty"` // why the process ended or did not start; redacted
	LastCode  string           `json:"last_code,omitempty"`
	LastDo    string           `json:"last_do,omitempty"` // what to do about it
	Opened    []sdk.Diagnostic `json:"opened,omitempty"`  // what Open found
	Memory    int64            `json:"memory,omitempty"`  // resident bytes, as last seen
	// Slowed tells that the process took a whole CPU for long and runs below everybody else.
	Slowed bool `json:"slowed,omitempty"`
	// LinesDropped are log lines that came too fast, Redacted facts that had a secret in them; both since the launch.
	LinesDropped int64 `json:"lines_dropped,omitempty"`
	Redacted     int64 `json:"redacted,omitempty"`
}

// Connection is one configured connection: its supervisor and the way to call its connector. Its methods may be
// called concurrently.
type Connection struct {
	spec   Spec
	log    hclog.Logger
	redact *redactor
	pace   *pace  // of the log
	runDir string // of the supervisor alone

	stop    context.CancelFunc
	done    chan struct{} // closed when the supervisor has ended
	restart chan struct{}
	budget  *semaphore.Weighted // bytes of deliveries in flight

	mu       sync.Mutex
	status   Status
	lastErr  error
	changed  chan struct{} // closed and replaced at each change of state
	process  *process      // while running
	about    *sdk.DescribeResponse
	secret   map[string]string
	counts   map[string]float64 // of the connector's own counters, since the launch
	closing  bool
	drainCtx context.Context // of Close; nil before it
	cut      bool            // calls in flight were ended
}

// Launch begins to run a connector. It returns an error only when the spec can't be used; whether the process starts
// is told by Ready and Status, and a hub goes on without it. The connection lives until Close, or until ctx ends.
func Launch(ctx context.Context, spec Spec) (*Connection, error) {
	if err := spec.validate(); err != nil {
		return nil, err
	}
	spec.Deadlines.setDefaults()
	spec.Restart.setDefaults()
	orDefault(&spec.FileLimit, defaultFiles)
	orDefault(&spec.Hog.For, 5*time.Second)
	if spec.Hog.Share == 0 {
		spec.Hog.Share = 0.8
	}
	if spec.Now == nil {
		spec.Now = time.Now
	}
	if spec.Logger == nil {
		spec.Logger = hclog.NewNullLogger()
	}
	if err := os.MkdirAll(spec.WorkDir, 0o700); err != nil {
		return nil, fmt.Errorf("connection %s: work folder: %w", spec.Connection, err)
	}
	redact := newRedactor(spec.Secrets)
	log := newRedactingLogger(spec.Logger.Named(spec.Connection), redact)
	c := &Connection{
		spec: spec, redact: redact, log: log, pace: log.pace,
		done: make(chan struct{}), restart: make(chan struct{}, 1), budget: semaphore.NewWeighted(deliveryBudget),
		changed: make(chan struct{}), secret: maps.Clone(spec.Secrets), counts: map[string]float64{},
		status: Status{State: StateStarting, Since: time.Now()},
	}
	ctx, c.stop = context.WithCancel(ctx)
	go c.supervise(ctx)
	return c, nil
}

// supervise keeps a process running until ctx ends.
func (c *Connection) supervise(ctx context.Context) {
	// The kernel sends the parent-death signal when the thread that forked ends, so this goroutine keeps its thread
	// for as long as the process may live.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.done)
	defer c.stop()

	wait := &backoff.ExponentialBackOff{
		InitialInterval: c.spec.Restart.Initial, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: c.spec.Restart.Max,
	}
	wait.Reset()
	for crashes := 0; ; {
		err := c.run(ctx, func() { crashes = 0; wait.Reset() })
		if ctx.Err() != nil {
			c.setState(StateStopped, nil)
			return
		}
		if errors.Is(err, errRestart) {
			crashes = 0
			wait.Reset()
			c.countRestart(StateStarting, nil)
			continue
		}
		crashes++
		var pause <-chan time.Time
		switch {
		case isPermanent(err):
			c.setState(StateBroken, err)
		case crashes >= c.spec.Restart.MaxCrashes:
			c.setState(StateBroken, fmt.Errorf("ended %d times in a row: %w", crashes, err))
			pause = time.After(c.spec.Restart.Pause)
		default:
			c.setState(StateBackoff, err)
			pause = time.After(wait.NextBackOff())
		}
		select {
		case <-ctx.Done():
			c.setState(StateStopped, nil)
			return
		case <-c.restart:
			crashes = 0
			wait.Reset()
		case <-pause:
		}
		if crashes < c.spec.Restart.MaxCrashes {
			c.countRestart(StateStarting, nil)
		} else {
			// One trial behind the open breaker: it counts as broken until it runs.
			c.countRestart(StateBroken, c.lastError())
		}
	}
}

// run launches one process and returns why it ended. stable is called when it has run for long enough.
func (c *Connection) run(ctx context.Context, stable func()) error {
	p, err := c.launch(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	c.setRunning(p)
	err = c.watch(ctx, p)
	c.unsetRunning()
	if time.Since(began) >= c.spec.Restart.StableAfter {
		stable()
	}
	if (ctx.Err() != nil || errors.Is(err, errRestart)) && !c.drain(p) {
		c.mu.Lock()
		c.cut = true
		c.mu.Unlock()
	}
	c.end(p, c.spec.Deadlines.Close)
	return err
}

// isPermanent reports whether another start would fail in the same way until a person acts.
func isPermanent(err error) bool {
	return errors.Is(err, ErrChecksum) || errors.Is(err, ErrConfig) || errors.Is(err, ErrProtocol)
}

func (c *Connection) setState(s State, err error) {
	if err != nil {
		c.log.Warn("connector "+string(s), "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set(s, err)
}

// set changes the state; the lock is held.
func (c *Connection) set(s State, err error) {
	c.status.State, c.status.Since = s, time.Now()
	if err != nil {
		c.lastErr = err
		c.status.LastError, c.status.LastCode, c.status.LastDo = c.redact.String(err.Error()), "", ""
		var e *Error
		if errors.As(err, &e) {
			c.status.LastCode, c.status.LastDo = e.Code, e.Do
		}
	}
	c.wake()
}

// wake lets everybody look at the state again; the lock is held.
func (c *Connection) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Connection) countRestart(s State, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Restarts++
	c.set(s, err)
}

func (c *Connection) lastError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastErr
}

func (c *Connection) setRunning(p *process) {
	pid := p.child.cmd.Process.Pid
	c.log.Info("connector running", "name", p.about.Name, "version", p.about.Version, "pid", pid)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.about, c.status.PID = p, p.about, pid
	c.set(StateRunning, nil)
}

func (c *Connection) unsetRunning() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.process, c.status.PID, c.status.Memory, c.status.Slowed = nil, 0, 0, false
	c.wake()
}

func (c *Connection) noteDiagnostics(list []sdk.Diagnostic) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Opened = list
}

// Status tells how the connection's process is.
func (c *Connection) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.LinesDropped, s.Redacted = c.pace.lost(), c.redact.found.Load()
	return s
}

// Ready returns nil as soon as the connector runs, or the error that keeps it from running for good. When ctx ends
// before either, the error is ErrUnavailable and tells the last reason.
func (c *Connection) Ready(ctx context.Context) error {
	p, err := c.acquire(ctx, "Ready")
	if err != nil {
		return err
	}
	p.calls.Done()
	return nil
}

// Restart ends the process in order and starts it again, and closes an open breaker. It does not wait for either.
func (c *Connection) Restart() {
	select {
	case c.restart <- struct{}{}:
	default:
	}
}

// Close lets the calls in flight finish until ctx ends, closes the connector, and ends its process. No call begins
// after it. It returns when everything that the connection started has ended.
func (c *Connection) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	if c.drainCtx == nil {
		c.drainCtx = ctx
	}
	c.wake()
	c.mu.Unlock()
	c.stop()
	<-c.done
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		return c.errorf(ErrDeadline, CodeDeadline, "Close", "calls were still in flight and were ended")
	}
	return nil
}

// acquire gives the running process for one call, which ends it with process.calls.Done. It waits for a process until
// ctx ends.
func (c *Connection) acquire(ctx context.Context, call string) (*process, error) {
	for {
		c.mu.Lock()
		p, state, last, changed := c.process, c.status.State, c.lastErr, c.changed
		closing := c.closing || state == StateStopped
		if p != nil && !p.ended() && !closing {
			p.calls.Add(1)
			c.mu.Unlock()
			return p, nil
		}
		c.mu.Unlock()
		switch {
		case closing:
			return nil, c.errorf(ErrStopped, CodeStopped, call, "the connection is closed")
		case state == StateBroken:
			return nil, c.brokenError(call, last)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			e := c.errorf(ErrUnavailable, CodeUnavailable, call, "the connector is %s", state)
			if last != nil {
				e.Message = c.redact.String(fmt.Sprintf("the connector is %s after: %v", state, last))
			}
			e.cause = ctx.Err()
			return nil, e
		}
	}
}

// brokenError tells why the connector is not started any more, as the error that led there.
func (c *Connection) brokenError(call string, last error) error {
	var e *Error
	if isPermanent(last) && errors.As(last, &e) {
		broken := *e
		broken.Kind, broken.Call, broken.cause = ErrBroken, call, last
		return &broken
	}
	e = c.errorf(ErrBroken, CodeBroken, call, "the connector is not started any more: %v", last)
	e.Do = "read the connector's log, then restart the connection"
	return e
}

func (c *Connection) config() json.RawMessage {
	if len(c.spec.Config) == 0 {
		return json.RawMessage("{}")
	}
	return c.spec.Config
}

func (c *Connection) secrets() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.secret)
}
