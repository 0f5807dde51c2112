package demo

import "syscall"

// dieWithParent has the kernel kill the child when the demo dies, and keeps Ctrl-C from reaching it: the demo stops it.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
