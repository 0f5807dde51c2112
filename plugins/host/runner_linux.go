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

// limitProcess bounds what a process may take. RLIMIT_DATA and not RLIMIT_AS: Go reserves address space far beyond what
// it uses. What it started in the meantime goes by the group's watch.
func limitProcess(pid int, l limits) error {
	set := []struct {
		resource int
		value    uint64
	}{{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, maxFileSize}}
	if l.files > 0 {
		set = append(set, struct {
			resource int
			value    uint64
		}{unix.RLIMIT_NOFILE, uint64(l.files)})
	}
	if l.memory > 0 && !raced {
		set = append(set, struct {
			resource int
			value    uint64
		}{unix.RLIMIT_DATA, uint64(2*l.memory + memorySlack)})
	}
	for _, s := range set {
		limit := unix.Rlimit{Cur: s.value, Max: s.value}
		err := unix.Prlimit(pid, s.resource, &limit, nil)
		switch {
		case errors.Is(err, unix.ESRCH): // it ended already, which its exit will tell
			return nil
		case errors.Is(err, unix.EPERM): // the hub itself is held lower than this
		case err != nil:
			return err
		}
	}
	return nil
}
