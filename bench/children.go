package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// child is a process of this program in another role. It ends with its standard input, so with its parent at the latest.
type child struct {
	ready
	name  string
	cmd   *exec.Cmd
	stdin io.Closer
}

func start(r role) (*child, error) {
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{name: r.Name, cmd: exec.Command(self, "role", string(raw))}
	c.cmd.Stderr = os.Stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.stdin = stdin
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.ready)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not start: %w", r.Name, err), c.end())
	}
	return c, nil
}

func (c *child) end() error {
	_ = c.stdin.Close() // it is closed already when the process has ended by itself
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// usage is what a process and its children hold and have used.
type usage struct {
	rss int64         // bytes
	cpu time.Duration // user and system
	own time.Duration // of cpu, what the process itself has used
	n   int           // processes
}

// tick is the unit of CPU times in /proc on Linux.
const tick = 10 * time.Millisecond

func (c *child) usage() (usage, error) {
	var sum usage
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return sum, err
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, ok := strings.Cut(string(raw), ") ") // behind the program's name, which may have anything in it
		f := strings.Fields(rest)
		pid, parent := filepath.Base(filepath.Dir(path)), 0
		if ok && len(f) > 21 {
			parent, err = strconv.Atoi(f[1])
		}
		if !ok || err != nil || (parent != c.cmd.Process.Pid && pid != strconv.Itoa(c.cmd.Process.Pid)) {
			continue
		}
		var v [3]int64
		for i, at := range []int{11, 12, 21} { // utime, stime, rss in pages
			if v[i], err = strconv.ParseInt(f[at], 10, 64); err != nil {
				return sum, err
			}
		}
		used := time.Duration(v[0]+v[1]) * tick
		if parent != c.cmd.Process.Pid {
			sum.own += used
		}
		sum.cpu += used
		sum.rss += v[2] * int64(os.Getpagesize())
		sum.n++
	}
	return sum, nil
}
