package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"time"
)

// markerVariable is the environment variable by which processes of a connection are known, those that they start too.
const markerVariable = "JUMPRING_RUN"

// strayRounds is how often strays are looked for before the rest is left alone.
const strayRounds = 20

// How a process's use of the machine is watched. One that takes its CPUs for too long has hogNice from then on until its
// next start, because only a privileged hub could take that back. One that was calm for calmFor since is started anew in
// order, so that a long import does not leave its webhooks behind everybody's for good.
const (
	usageEvery = time.Second
	hogNice    = 15
	calmShare  = 0.1
	calmFor    = time.Minute
)

// marker names the connection's processes beyond the life of this hub: whoever works in the same folder is of them.
func (c *Connection) marker() string {
	sum := sha256.Sum256([]byte(c.spec.WorkDir))
	return hex.EncodeToString(sum[:12])
}

// usageGauge follows one process's use of the machine.
type usageGauge struct {
	pid    int
	at     time.Time
	cpu    time.Duration
	busy   time.Duration // for how long it has been above the share
	calm   time.Duration // for how long it has been far below it
	slowed bool
}

// look takes in a share of the CPUs for a while, and reports whether the process is to run below everybody else now.
func (g *usageGauge) look(share float64, passed time.Duration, hog Hog) bool {
	if g.busy += passed; share < hog.Share {
		g.busy = 0
	}
	if g.calm += passed; share > calmShare {
		g.calm = 0
	}
	if g.slowed || g.busy < hog.For {
		return false
	}
	g.slowed = true
	return true
}

// checkUsage looks what the process takes; its error ends the process.
func (c *Connection) checkUsage(g *usageGauge) error {
	resident, cpu, ok := usageOf(g.pid)
	if !ok {
		return nil
	}
	now := time.Now()
	if !g.at.IsZero() {
		passed := now.Sub(g.at)
		share := float64(cpu-g.cpu) / float64(passed) / float64(max(1, runtime.GOMAXPROCS(0)/2))
		if g.look(share, passed, c.spec.Hog) {
			if err := lowerPriority(g.pid); err != nil {
				c.log.Warn("the connector takes a whole CPU and can't be put below others", "error", err)
			} else {
				c.log.Warn("the connector takes a whole CPU and runs below everybody else now", "for", g.busy.Round(time.Second))
			}
		}
		if g.slowed && g.calm >= calmFor {
			c.log.Info("the connector that took a whole CPU is calm and is started anew beside everybody else")
			return errRestart
		}
	}
	g.at, g.cpu = now, cpu
	c.mu.Lock()
	c.status.Memory, c.status.Slowed = resident, g.slowed
	c.mu.Unlock()
	if limit := c.spec.MemoryLimit + c.spec.MemoryLimit/2; limit > 0 && resident > limit {
		e := c.errorf(ErrUnavailable, CodeMemory, "run", "the process had %s resident, more than the limit of %s lets it", mebibytes(resident), mebibytes(c.spec.MemoryLimit))
		e.Do = "report it to the connector's author; where it needs that much, raise limits.connector_memory_mb"
		return e
	}
	return nil
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
