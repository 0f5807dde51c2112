package host

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// processAttributes puts a process into a group of its own and has the kernel kill it when the hub dies.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitEnd returns when the process has ended, and ends its group. While the process is a zombie its number names this
// group and no other, so the group is killed before the process is reaped.
func (c *child) awaitEnd() (*os.ProcessState, error) {
	for {
		err := unix.Waitid(unix.P_PID, c.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL)
	c.reaped = true
	return c.cmd.Process.Wait()
}

// limitMemory bounds the private memory that a process may map, in bytes. RLIMIT_DATA and not RLIMIT_AS: Go reserves
// address space far beyond what it uses.
func limitMemory(pid int, bytes int64) error {
	limit := unix.Rlimit{Cur: uint64(bytes), Max: uint64(bytes)}
	err := unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil)
	if errors.Is(err, unix.ESRCH) { // it ended already, which its exit will tell
		return nil
	}
	return err
}
