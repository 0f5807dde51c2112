// Package doctor judges how a hub is set up and how it does: each check is one line, ok, warn or fail, with what to do.
// It is pure: who asks brings what was measured.
package doctor

import (
	"fmt"
	"strings"
	"time"
)

// State is how a check came out.
type State string

// The states.
const (
	OK   State = "ok"
	Warn State = "warn" // works now; will not for ever
	Fail State = "fail" // does not work
)

// Check is one line.
type Check struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

// Worst gives the worst state of some checks; ok for none.
func Worst(checks []Check) State {
	worst := OK
	for _, c := range checks {
		if c.State == Fail || c.State == Warn && worst == OK {
			worst = c.State
		}
	}
	return worst
}

// Disk judges the free bytes of the data folder's file system. The journal asks for segments of up to 64 MiB before it
// writes, so that less than 1 GiB is soon too little.
func Disk(free, total uint64) Check {
	c := Check{Name: "disk", State: OK, What: fmt.Sprintf("%d MiB free of %d MiB", free>>20, total>>20)}
	switch {
	case free < 256<<20:
		c.State, c.Do = Fail, "make room, or move data or bus.archive to a larger disk: webhooks are refused soon"
	case free < 1<<30 || total > 0 && free/(total/100+1) < 10:
		c.State, c.Do = Warn, "make room: move bus.archive to another disk"
	}
	return c
}

// Clock judges how far this machine's clock is from another's, such as a platform's that stated the time.
func Clock(skew time.Duration) Check {
	c := Check{Name: "clock", State: OK, What: fmt.Sprintf("%s from the time that others state", skew.Abs().Round(time.Second))}
	switch {
	case skew.Abs() > time.Minute:
		c.State, c.Do = Fail, "set the clock, and let chrony or systemd-timesyncd keep it: signatures and deadlines go by it"
	case skew.Abs() > 5*time.Second:
		c.State, c.Do = Warn, "let chrony or systemd-timesyncd keep the clock"
	}
	return c
}

// Expiry judges when something ends, such as a certificate or a credential. The zero time means that it does not.
func Expiry(name string, ends, now time.Time, do string) Check {
	c := Check{Name: name, State: OK, What: "does not end"}
	if ends.IsZero() {
		return c
	}
	left := ends.Sub(now)
	c.What = fmt.Sprintf("ends %s, in %d days", ends.UTC().Format(time.DateOnly), int(left.Hours()/24))
	switch {
	case left <= 0:
		c.State, c.What, c.Do = Fail, "ended "+ends.UTC().Format(time.DateOnly), do
	case left < 14*24*time.Hour:
		c.State, c.Do = Warn, do
	}
	return c
}

// Backup judges the age of the newest backup; the zero time means that there is none.
func Backup(newest, now time.Time) Check {
	c := Check{Name: "backup", State: OK, Do: "jumpring backup FILE, on another disk, every night"}
	if newest.IsZero() {
		c.State, c.What = Warn, "no backup was found"
		return c
	}
	age := now.Sub(newest)
	c.What = fmt.Sprintf("the newest is %d hours old", int(age.Hours()))
	switch {
	case age > 7*24*time.Hour:
		c.State = Fail
	case age > 36*time.Hour:
		c.State = Warn
	default:
		c.Do = ""
	}
	return c
}

// Scheduled judges the newest good backup of a schedule; the zero time means that there is none. A try that failed counts,
// however new the good one is.
func Scheduled(newest, now time.Time, every time.Duration, failed bool) Check {
	c := Check{Name: "backup", State: OK}
	age := now.Sub(newest)
	c.What = fmt.Sprintf("the newest good one of the schedule is %d hours old", int(age.Hours()))
	if newest.IsZero() {
		c.What = "the schedule has made none yet"
	}
	see := "jumpring backup --list, and the hub's log"
	switch {
	case failed:
		c.State, c.Do, c.What = Fail, see, "the newest try failed or does not restore; "+c.What
	case newest.IsZero():
		c.State, c.Do = Warn, "jumpring backup --now"
	case age > 2*every:
		c.State, c.Do = Fail, see
	}
	return c
}

// Webhooks judges a connection's subscriptions, which the hub asserts again and again: when the platform confirmed them last,
// and how often that failed since.
func Webhooks(connection string, asserted time.Time, failures int) Check {
	c := Check{Name: "webhooks of " + connection, State: OK, What: "confirmed by the platform " + asserted.UTC().Format(time.RFC3339)}
	if failures > 0 {
		c.State, c.What, c.Do = Fail, fmt.Sprintf("the platform did not confirm them %d times in a row", failures), "jumpring connection check "+connection
	}
	return c
}

// Alarms judges what the hub tells people outside: how many stand, and which ways of telling fail.
func Alarms(standing int, failing []string) Check {
	c := Check{Name: "alarms", State: OK, What: "none stands"}
	if standing > 0 {
		c.State, c.What, c.Do = Warn, fmt.Sprintf("%d stand", standing), "jumpring alarm list"
	}
	if len(failing) > 0 {
		c.State, c.What, c.Do = Fail, "can't be told by "+strings.Join(failing, ", "), "jumpring alarm list --ways"
	}
	return c
}

// Connection is what is known of one connection.
type Connection struct {
	Name, State, Fused string
	Paused, Stale      bool
	Registered         bool // the hub has an address that platforms reach
}

// Flow judges whether facts flow from and to a connection.
func Flow(c Connection) Check {
	out := Check{Name: "connection " + c.Name, State: OK, What: "running, and not silent for too long"}
	switch {
	case c.State != "running":
		out.State, out.What, out.Do = Fail, "its connector is "+c.State, "see jumpring connection show "+c.Name
	case c.Fused != "":
		out.State, out.What, out.Do = Fail, "its fuse stopped its writes", "look at jumpring connection plan "+c.Name+", then jumpring connection resume "+c.Name
	case c.Paused:
		out.State, out.What, out.Do = Warn, "paused by a person", "jumpring connection resume "+c.Name
	case c.Stale:
		out.State, out.What, out.Do = Fail, "silent for longer than it should be", "jumpring connection check "+c.Name
	case !c.Registered:
		out.State, out.What, out.Do = Warn, "polled alone: there is no public_url for webhooks", "set public_url in the configuration"
	}
	return out
}
