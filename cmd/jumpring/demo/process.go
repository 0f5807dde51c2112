package demo

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// hubProcess is the hub as a process of its own: `jumpring serve --config FILE`. It dies with the demo.
type hubProcess struct {
	command []string
	env     []string
	log     string // file that it writes to

	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why, after done
}

// start starts the process.
func (p *hubProcess) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("demo: the hub's log: %w", err)
	}
	cmd := exec.Command(p.command[0], p.command[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	cmd.SysProcAttr = dieWithParent()
	done, started := make(chan struct{}), make(chan error, 1)
	go func() {
		// The kernel sends the parent-death signal when the thread that started the child ends, so this one stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		_ = log.Close()
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("demo: start the hub: %w", err)
	}
	p.cmd, p.done = cmd, done
	return nil
}

// kill ends it as SIGKILL does.
func (p *hubProcess) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("demo: kill the hub: %w", err)
	}
	<-p.done
	return nil
}

// stop asks it to end, and ends it after a while.
func (p *hubProcess) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return p.kill()
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(15 * time.Second):
		return errors.Join(errors.New("demo: the hub did not stop by itself"), p.kill())
	}
}

// ended tells whether the process is gone, and why.
func (p *hubProcess) ended() (bool, error) {
	select {
	case <-p.done:
		return true, p.err
	default:
		return false, nil
	}
}

// errNoProc is returned on systems that do not show their processes under /proc.
var errNoProc = errors.New("demo: this system has no /proc to find the connector's process in")

// killConnector kills a connector's process, found among the hub's children as a person would.
func (p *hubProcess) killConnector(name string) error {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return errNoProc
	}
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		rest := stat[bytes.LastIndexByte(stat, ')')+1:]
		fields := strings.Fields(string(rest))
		if len(fields) < 2 || fields[1] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err != nil {
			continue
		}
		args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		if len(args) < 3 || args[len(args)-2] != "connector" || args[len(args)-1] != name {
			continue
		}
		child, err := os.FindProcess(pid)
		if err != nil {
			return err
		}
		return child.Kill()
	}
	return fmt.Errorf("demo: the hub runs no connector %s", name)
}
