package host

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc, which is fixed for programs.
const clockTick = 10 * time.Millisecond

// usageOf tells what a process has resident, in bytes, and the CPU time that it took; false when it can't be seen.
func usageOf(pid int) (resident int64, cpu time.Duration, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	statm, err := os.ReadFile(dir + "/statm")
	if err != nil {
		return 0, 0, false
	}
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return 0, 0, false
	}
	pages := strings.Fields(string(statm))
	end := bytes.LastIndexByte(stat, ')') // the name before it may hold anything
	if len(pages) < 2 || end < 0 {
		return 0, 0, false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 15 {
		return 0, 0, false
	}
	n, err := strconv.ParseInt(pages[1], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	var ticks int64
	for _, f := range fields[11:15] { // its own time and that of the children that it waited for
		v, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, 0, false
		}
		ticks += v
	}
	return n * int64(os.Getpagesize()), time.Duration(ticks) * clockTick, true
}

// lowerPriority lets everybody else go first, with all threads of a process group.
func lowerPriority(group int) error { return syscall.Setpriority(syscall.PRIO_PGRP, group, hogNice) }
