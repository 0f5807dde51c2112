package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// residentBytes gives how much memory a process has in use.
func residentBytes(pid int) (int64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0, fmt.Errorf("/proc/%d/statm can't be read", pid)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// killProcess ends a process as a crash would.
func killProcess(pid int) error {
	if pid <= 0 { // a number that would mean a whole group
		return errors.New("there is no process to kill")
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
