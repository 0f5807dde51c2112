//go:build !linux

package host

import (
	"syscall"
	"time"
)

// usageOf sees nothing where there is no /proc.
func usageOf(int) (resident int64, cpu time.Duration, ok bool) { return 0, 0, false }

// lowerPriority lets everybody else go first.
func lowerPriority(group int) error { return syscall.Setpriority(syscall.PRIO_PGRP, group, hogNice) }
