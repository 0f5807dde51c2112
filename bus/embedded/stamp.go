package embedded

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Stamper makes fold times for another journal by the rules of this one: the wall clock as long as it goes along with the
// monotonic one, never backwards. It is safe for concurrent use.
type Stamper struct {
	mu sync.Mutex
	s  *stamper
}

// NewStamper starts at the clock, or at last, the newest fold time of the journal, Unix nanoseconds. A nil clock is the
// system's.
func NewStamper(clock Clock, last int64, log hclog.Logger) *Stamper {
	if clock == nil {
		clock = SystemClock{}
	}
	return &Stamper{s: newStamper(clock, defaultClockJump, last, log)}
}

// Stamp gives the time of an append, Unix nanoseconds, not less than that of an earlier one.
func (s *Stamper) Stamp(earlier int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.last = max(s.s.last, earlier)
	return s.s.stamp()
}

// Skew is by how much the wall clock is ahead of the steady time since the start.
func (s *Stamper) Skew() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.currentSkew()
}
