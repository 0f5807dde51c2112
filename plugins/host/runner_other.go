//go:build !linux

package host

import (
	"os"
	"syscall"
)

// processAttributes puts a process into a group of its own. That it ends with the hub is left to the connector's own
// watch of its parent.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitEnd returns when the process has ended, and ends its group. Waiting and reaping are one step here.
func (c *child) awaitEnd() (*os.ProcessState, error) {
	state, err := c.cmd.Process.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	c.reaped = true
	return state, err
}

// limitProcess leaves the memory's limit to the connector's own collector.
func limitProcess(int, limits) error { return nil }
