package embedded

import (
	"time"

	"github.com/hashicorp/go-hclog"
)

// Clock gives the wall clock and a monotonic one, read together. Only differences of the monotonic reading count.
type Clock interface {
	Now() (wall time.Time, mono time.Duration)
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() (time.Time, time.Duration) { return time.Now(), monotonic() }

var processStart = time.Now()

// stamper makes fold times: the wall clock as long as it goes along with the monotonic one, never backwards. Only
// the committer calls stamp.
type stamper struct {
	clock Clock
	limit time.Duration
	log   hclog.Logger

	baseWall int64 // Unix ns at baseMono
	baseMono time.Duration
	last     int64
	jumped   bool
}

// newStamper starts at the wall clock, or at last, the newest time in the journal, when the wall clock is behind that
// by more than the limit: time then goes on from there by the monotonic clock.
func newStamper(c Clock, limit time.Duration, last int64, log hclog.Logger) *stamper {
	wall, mono := c.Now()
	s := &stamper{clock: c, limit: limit, log: log, baseWall: wall.UnixNano(), baseMono: mono, last: last}
	if last-s.baseWall > int64(limit) {
		s.baseWall = last
	}
	s.read()
	return s
}

// read gives the time by the rules of DESIGN section 3, Time: a wall clock that jumped against the monotonic clock is
// refused until it comes back or the journal is opened again.
func (s *stamper) read() int64 {
	wall, mono := s.clock.Now()
	now, steady := wall.UnixNano(), s.baseWall+int64(mono-s.baseMono)
	skew := now - steady
	jumped := skew > int64(s.limit) || skew < -int64(s.limit)
	if jumped != s.jumped {
		s.jumped = jumped
		if jumped {
			s.log.Error("wall clock jumped; journal time goes on by the monotonic clock", "skew", time.Duration(skew))
		} else {
			s.log.Info("wall clock agrees with the monotonic clock again", "skew", time.Duration(skew))
		}
	}
	if jumped {
		return steady
	}
	return now
}

func (s *stamper) stamp() int64 {
	s.last = max(s.last, s.read())
	return s.last
}

// currentSkew reads the clocks anew, so that a jump is seen on an idle journal too.
func (s *stamper) currentSkew() time.Duration {
	wall, mono := s.clock.Now()
	return time.Duration(wall.UnixNano() - s.baseWall - int64(mono-s.baseMono))
}
