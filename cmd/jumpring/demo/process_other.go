//go:build !linux

package demo

import "syscall"

// dieWithParent does nothing here: this system has no parent-death signal.
func dieWithParent() *syscall.SysProcAttr { return nil }
