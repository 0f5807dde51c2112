//go:build !linux

package conformance

import (
	"errors"
	"os"
)

// residentBytes can't tell on this system.
func residentBytes(int) (int64, error) { return 0, errUnsupported }

// killProcess ends a process as a crash would.
func killProcess(pid int) error {
	if pid <= 0 {
		return errors.New("there is no process to kill")
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}
