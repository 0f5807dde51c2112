//go:build !linux

package rabbittest

import "syscall"

// processAttributes puts a child into a group of its own. Only Linux can also have it killed with its parent.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
