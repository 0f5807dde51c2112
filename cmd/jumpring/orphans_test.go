package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

// running lists which of some processes still run.
func running(t *testing.T, program string, pids []int) []int {
	t.Helper()
	all, err := processes(program)
	require.NoError(t, err)
	var out []int
	for _, p := range all {
		for _, pid := range pids {
			if p.pid == pid {
				out = append(out, pid)
			}
		}
	}
	return out
}

func TestAKilledHubLeavesNoConnectorBehind(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	s.pieces(5)
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	var pids []int
	eventually(t, time.Minute, "one process per connection", func() bool {
		pids = nil
		for _, c := range s.hub.connectors() {
			pids = append(pids, c.pid)
		}
		return len(pids) == 2
	})
	program := s.hub.cmd.Path
	began := time.Now()
	s.hub.sigkill()
	s.hub.wait()
	eventually(t, time.Minute, "no connector is left", func() bool { return len(running(t, program, pids)) == 0 })
	t.Logf("no connector is left %s after the kill", time.Since(began).Round(time.Millisecond))
	began = time.Now()
	s.start()
	s.ready()
	t.Logf("started again and ready after %s", time.Since(began).Round(time.Millisecond))
	eventually(t, time.Minute, "a process per connection again", func() bool { return len(s.hub.connectors()) == 2 })
}

// usage is what processes take of the machine.
type usage struct {
	rss int64         // bytes
	cpu time.Duration // so far
}

func usageOf(t *testing.T, pids ...int) usage {
	t.Helper()
	var u usage
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		require.NoError(t, err)
		for line := range strings.Lines(string(status)) {
			if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				var kb int64
				_, err := fmt.Sscan(v, &kb)
				require.NoError(t, err)
				u.rss += kb << 10
			}
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(stat), ") ")
		fields := strings.Fields(rest)
		var user, system int64 // in hundredths of a second
		_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
		require.NoError(t, err)
		u.cpu += time.Duration(user+system) * 10 * time.Millisecond
	}
	return u
}

// TestIdle measures a hub with two connectors that has nothing to do.
func TestIdle(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	s.pieces(20)
	s.start()
	s.ready()
	s.inMode(canon.ModeLive)
	s.settled(t)
	var pids []int
	eventually(t, time.Minute, "the hub and a process per connection", func() bool {
		pids = []int{s.hub.cmd.Process.Pid}
		for _, c := range s.hub.connectors() {
			pids = append(pids, c.pid)
		}
		return len(pids) == 3
	})
	window := 3 * time.Second
	before, began := usageOf(t, pids...), time.Now()
	eventually(t, 2*window, "the window of the measurement passes", func() bool { return time.Since(began) > window })
	after := usageOf(t, pids...)
	share := float64(after.cpu-before.cpu) / float64(time.Since(began))
	t.Logf("hub and two connectors: %d MB resident, %.1f %% of one CPU", after.rss>>20, 100*share)
	if !raced { // the race detector takes several times the memory
		require.Less(t, after.rss>>20, int64(150), "MB resident in all")
	}
}
