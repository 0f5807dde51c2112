package reconcile

import (
	"maps"
	"sync"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// State is how the outbound side of a connection is, for a person. Counts are since the hub's start.
type State struct {
	Mode     canon.Mode `json:"mode"`
	Paused   bool       `json:"paused,omitempty"`
	Fused    string     `json:"fused,omitempty"`
	Adopting bool       `json:"adopting,omitempty"`
	// InFlight are levels in calls that are under way.
	InFlight int `json:"in_flight"`
	// Queued are levels that wait for their turn, Held those that wait before they are raised until another connection,
	// by its name, has been caught up with.
	Queued int            `json:"queued"`
	Held   map[string]int `json:"held,omitempty"`
	// WouldWrite are levels that shadow mode would write.
	WouldWrite int                  `json:"would_write"`
	Outcomes   map[sdk.Status]int64 `json:"outcomes"`
	// Actions are orders to cancel or refund that are not over.
	Actions     int       `json:"actions,omitempty"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"` // the newest that was no success
	ErrorAt     time.Time `json:"error_at,omitzero"`
}

// tally is the state that the Writer keeps for others to see.
type tally struct {
	mu sync.Mutex
	s  State
}

func (t *tally) mode(conn *canon.Connection, adopting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Mode, t.s.Paused, t.s.Fused, t.s.Adopting = conn.Mode, conn.Paused, conn.Fused, adopting
}

func (t *tally) wouldWrite(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.WouldWrite = n
}

func (t *tally) waiting(queues [classes][]string, h held) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Queued, t.s.Held = 0, nil
	for _, q := range queues {
		t.s.Queued += len(q)
	}
	for connection, levels := range h {
		if t.s.Held == nil {
			t.s.Held = make(map[string]int)
		}
		t.s.Held[connection] = len(levels)
	}
}

func (t *tally) toDo(actions int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.Actions = actions
}

func (t *tally) sending(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.InFlight += n
}

// sent counts what became of a batch of n; outcomes is nil when it could not be announced.
func (t *tally) sent(n int, outcomes []outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.InFlight -= n
	if t.s.Outcomes == nil {
		t.s.Outcomes = make(map[sdk.Status]int64)
	}
	for _, o := range outcomes {
		if o.status == "" {
			continue // announced, but the view could not be read before the call
		}
		t.s.Outcomes[o.status]++
		switch o.status {
		case sdk.StatusApplied, sdk.StatusDuplicate:
			t.s.LastSuccess = time.Now()
		default:
			t.s.LastError, t.s.ErrorAt = string(o.status), time.Now()
			for _, detail := range []string{o.code, o.reason} {
				if detail != "" {
					t.s.LastError += ": " + detail
				}
			}
		}
	}
}

// State gives a picture of the outbound side for a person.
func (w *Writer) State() State {
	w.state.mu.Lock()
	defer w.state.mu.Unlock()
	s := w.state.s
	s.Outcomes, s.Held = maps.Clone(s.Outcomes), maps.Clone(s.Held)
	return s
}
