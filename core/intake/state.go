package intake

import (
	"slices"
	"sync"
	"time"

	"github.com/jumpring/jumpring/plugins/sdk"
)

// State is how the inbound side of a connection is, for a person.
type State struct {
	// CaughtUp tells that everything that happened while the hub was down or the connection paused has been fetched.
	CaughtUp bool `json:"caught_up"`
	Paused   bool `json:"paused"`
	// Lag is how far the slowest stream is behind its interval, in milliseconds; 0 when all are in time.
	LagMillis int64         `json:"lag_millis"`
	Streams   []StreamState `json:"streams"`
	Snapshot  SnapshotState `json:"snapshot"`
	// Reads wait to be read; Unanswered are those of them that the platform gave no answer for.
	Reads      int       `json:"reads"`
	Unanswered int       `json:"unanswered"`
	ReadError  CallState `json:"read_error"`
	Register   CallState `json:"register"`
	Warnings   []string  `json:"warnings,omitempty"` // of the newest registration
}

// CallState is how one kind of call went last.
type CallState struct {
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"` // empty after a success
	ErrorAt     time.Time `json:"error_at,omitzero"`
	Failures    int       `json:"failures,omitempty"` // in a row
}

// StreamState is how a poll stream is.
type StreamState struct {
	Name string `json:"name"`
	CallState
}

// SnapshotState is how far the newest full read is.
type SnapshotState struct {
	ID        string    `json:"id,omitempty"`
	Running   bool      `json:"running,omitempty"`
	Rows      int64     `json:"rows"`
	Total     int64     `json:"total,omitempty"` // 0 when not known
	RowErrors int64     `json:"row_errors,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	CallState
}

// status is the state that the goroutines of a connection write.
type status struct {
	mu       sync.Mutex
	epoch    int // grows with each pause that ended: what was fetched before does not count as caught up
	streams  []streamStatus
	snapshot SnapshotState
	read     CallState
	register CallState
	warnings []string
	caught   bool // by a snapshot
}

type streamStatus struct {
	name     string
	interval time.Duration
	state    CallState
	caught   bool
	// asked is when the newest poll began that came to the stream's end and is folded.
	asked time.Time
}

func (s *status) init(streams []sdk.Stream) {
	for _, st := range streams {
		s.streams = append(s.streams, streamStatus{name: st.Name, interval: interval(st)})
	}
}

// now gives the epoch to hand to the calls that begin in it.
func (s *status) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// reopened begins a new epoch.
func (s *status) reopened() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
	s.caught = false
	for i := range s.streams {
		s.streams[i].caught = false
	}
}

func (s *status) polled(name string, err error, began time.Time, caughtUpIn int, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.streams {
		if st := &s.streams[i]; st.name == name {
			st.state.record(err)
			if err != nil || more {
				continue
			}
			st.asked = began
			if caughtUpIn == s.epoch {
				st.caught = true
			}
		}
	}
}

func (s *status) didRead(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read.record(err)
}

func (s *status) registered(resp *sdk.RegisterResponse, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.register.record(err)
	if err != nil {
		return
	}
	s.warnings = nil
	for _, d := range resp.Diagnostics {
		s.warnings = append(s.warnings, d.Code+": "+d.Summary)
	}
}

func (s *status) updateSnapshot(fn func(*SnapshotState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn(&s.snapshot)
}

func (s *status) snapshotCaughtUp(epoch int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if epoch == s.epoch {
		s.caught = true
	}
}

func (c *CallState) record(err error) {
	if err == nil {
		c.LastSuccess, c.LastError, c.Failures = time.Now(), "", 0
		return
	}
	c.LastError, c.ErrorAt = err.Error(), time.Now()
	c.Failures++
}

// CaughtUp reports whether the platform has been asked, by a poll of every stream or by a snapshot begun since the hub
// started or the connection was resumed, for everything that happened meanwhile. A connector that can do neither has
// nothing to catch up with.
func (c *Connection) CaughtUp() bool {
	c.status.mu.Lock()
	defer c.status.mu.Unlock()
	return c.caughtUp()
}

func (c *Connection) caughtUp() bool {
	s := &c.status
	polls := c.can[sdk.CanPoll] && len(s.streams) > 0
	if s.caught || (!polls && !c.can[sdk.CanSnapshot]) {
		return true
	}
	for _, st := range s.streams {
		if !st.caught {
			return false
		}
	}
	return polls
}

// AskedSince reports whether the platform was asked for its sales by a poll that began after a moment, came to the
// stream's end and is folded. If not, it is asked now. A connector without polls, and a paused one, has nothing to wait
// for.
func (c *Connection) AskedSince(since time.Time) bool {
	c.gate.mu.Lock()
	open := c.gate.open
	c.gate.mu.Unlock()
	if !c.can[sdk.CanPoll] || !open {
		return true
	}
	c.status.mu.Lock()
	asked := !slices.ContainsFunc(c.status.streams, func(s streamStatus) bool { return c.sales(s.name) && s.asked.Before(since) })
	c.status.mu.Unlock()
	if !asked {
		c.PollSales()
	}
	return asked
}

// State gives a picture of the connection for a person.
func (c *Connection) State() State {
	waiting, unanswered := c.queue.counts()
	c.gate.mu.Lock()
	open := c.gate.open
	c.gate.mu.Unlock()
	s := &c.status
	s.mu.Lock()
	defer s.mu.Unlock()
	out := State{
		CaughtUp: c.caughtUp(), Paused: !open, Snapshot: s.snapshot, Reads: waiting, Unanswered: unanswered,
		ReadError: s.read, Register: s.register, Warnings: s.warnings,
	}
	for _, st := range s.streams {
		out.Streams = append(out.Streams, StreamState{Name: st.name, CallState: st.state})
		if !st.state.LastSuccess.IsZero() {
			// Jitter lets a poll be late by a tenth without lag.
			late := time.Since(st.state.LastSuccess) - st.interval*11/10
			out.LagMillis = max(out.LagMillis, late.Milliseconds())
		}
	}
	return out
}
