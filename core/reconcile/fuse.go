package reconcile

import (
	"fmt"
	"time"
)

// fuseWindow is the time that a fuse looks back.
const fuseWindow = time.Hour

// Limits of a connection's fuse.
type Limits struct {
	// ChangesPerHour is how many levels may be written within an hour; default 1000.
	ChangesPerHour int
	// ToZeroShare is which share of the bound listings may be set to zero within an hour by anything but claims;
	// default 0.25. ToZeroFloor is the number that is always allowed; default 20.
	ToZeroShare float64
	ToZeroFloor int
}

// WithDefaults fills in what is not set.
func (l Limits) WithDefaults() Limits {
	if l.ChangesPerHour <= 0 {
		l.ChangesPerHour = 1000
	}
	if l.ToZeroShare <= 0 {
		l.ToZeroShare = 0.25
	}
	if l.ToZeroFloor <= 0 {
		l.ToZeroFloor = 20
	}
	return l
}

// change is a write as the fuse sees it.
type change struct {
	at     time.Time
	toZero bool // and not because of a claim
}

// Fuse stops a connection whose writes look like a fault: too many, or too many that empty the shop. It is asked
// before anything is sent. Invariant 9.
type Fuse struct {
	limits Limits
	sent   []change // within the window, oldest first
	zeros  int      // of them
}

// NewFuse gives a fuse that has seen nothing yet.
func NewFuse(limits Limits) *Fuse { return &Fuse{limits: limits.WithDefaults()} }

// Check reports why a batch must not be sent; "" when it may. bound gives the number of bound listings and is asked
// only when it matters.
func (f *Fuse) Check(now time.Time, batch []change, bound func() (int, error)) (string, error) {
	f.forget(now)
	if n := len(f.sent) + len(batch); n > f.limits.ChangesPerHour {
		return fmt.Sprintf("%d changes within an hour, limit %d (changes_per_hour)", n, f.limits.ChangesPerHour), nil
	}
	zeros := f.zeros
	for _, c := range batch {
		if c.toZero {
			zeros++
		}
	}
	if zeros == f.zeros || zeros <= f.limits.ToZeroFloor {
		return "", nil
	}
	n, err := bound()
	if err != nil {
		return "", err
	}
	limit := max(int(f.limits.ToZeroShare*float64(n)), f.limits.ToZeroFloor)
	if zeros > limit {
		return fmt.Sprintf("%d of %d bound listings going to zero within an hour without a sale, limit %d (to_zero_share)", zeros, n, limit), nil
	}
	return "", nil
}

// Sent counts a batch that is about to be sent.
func (f *Fuse) Sent(batch []change) {
	for _, c := range batch {
		f.sent = append(f.sent, c)
		if c.toZero {
			f.zeros++
		}
	}
}

// Reset forgets everything, when a person has looked and resumed the connection.
func (f *Fuse) Reset() { f.sent, f.zeros = nil, 0 }

func (f *Fuse) forget(now time.Time) {
	n := 0
	for n < len(f.sent) && now.Sub(f.sent[n].at) >= fuseWindow {
		if f.sent[n].toZero {
			f.zeros--
		}
		n++
	}
	f.sent = f.sent[n:]
}
