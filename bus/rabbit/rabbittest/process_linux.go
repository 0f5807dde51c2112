package rabbittest

import "syscall"

// processAttributes puts a child into a group of its own, away from the terminal's signals, and has the kernel kill it
// when its parent dies.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
