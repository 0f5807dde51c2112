package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus/rabbit/stream"
	"github.com/jumpring/jumpring/core/canon"
	pages "github.com/jumpring/jumpring/core/console"
	"github.com/jumpring/jumpring/core/hub"
)

// hubRole is the argument by which the test binary serves as a hub; the next argument is the file of its hubSpec.
const hubRole = "hub-under-test"

// hubSpec is what a hub process is started with.
type hubSpec struct {
	Data        string
	PublicURL   string
	AdminToken  string
	Settings    canon.Settings
	Connections []hub.Connection
	Bus         *hub.Bus
	// Node and Stream make it one of several nodes; Join is where it gets its first snapshot.
	Node   string
	Stream *stream.Options
	Join   *hub.Join
	// Address is where other nodes reach it.
	Address string
	// VaultKey seals the vault and what nodes share; empty for a key file in Data.
	VaultKey string
	// Pages tells that people may sign in.
	Pages bool
	// KillFile names the file that arms the journal's kill points; empty for none.
	KillFile string
}

// runHub is the hub process: it serves until SIGTERM, and ends with the test that started it.
func runHub(file string) error {
	raw, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var spec hubSpec
	if err := json.Unmarshal(raw, &spec); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when the test is gone
		os.Exit(3)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	o := hub.ServeOptions{
		Options: hub.Options{
			Data: spec.Data, Settings: spec.Settings, Connections: spec.Connections, PublicURL: spec.PublicURL, Bus: spec.Bus,
			Node: spec.Node, Stream: spec.Stream, Join: spec.Join, Address: spec.Address, VaultKey: spec.VaultKey,
			Logger: hclog.New(&hclog.LoggerOptions{Name: "hub", Level: hclog.Info, Output: os.Stderr}),
		},
		Listen: "127.0.0.1:0", Version: "test", AdminToken: spec.AdminToken,
		Started: func(address string) { fmt.Println("listening", address) },
	}
	if spec.Pages {
		o.Console = &pages.Options{Idle: time.Hour, Longest: 10 * time.Hour}
	}
	if spec.KillFile != "" {
		o.JournalFS = newKillFS(spec.KillFile)
	}
	return hub.Serve(ctx, o)
}

// hubProcess is a running hub.
type hubProcess struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string
	exited  chan struct{}
	kill    sync.Once
	err     error // of the process, once exited
	log     *logTail
}

// start runs a hub on the sandbox's data folder and waits until its doors are open.
func (s *sandbox) start() *hubProcess {
	s.t.Helper()
	p, opened := s.launch()
	select {
	case address, ok := <-opened:
		if !ok {
			<-p.exited
			s.t.Fatalf("the hub did not start: %v\n%s", p.err, p.log.String())
		}
		p.address = address
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("the hub does not open its doors\n%s", p.log.String())
	}
	s.backend.Store(&p.address)
	s.hub, s.door = p, newDoor("http://"+p.address, adminToken)
	return p
}

// launch runs a hub on the sandbox's data folder; opened gets its address when its doors are open, and is closed when it
// has ended.
func (s *sandbox) launch() (p *hubProcess, opened chan string) {
	s.t.Helper()
	dir := filepath.Dir(s.spec.Data)
	raw, err := json.Marshal(s.spec)
	require.NoError(s.t, err)
	file := filepath.Join(dir, "hub.json")
	require.NoError(s.t, os.WriteFile(file, raw, 0o600))
	self, err := os.Executable()
	require.NoError(s.t, err)
	p = &hubProcess{t: s.t, cmd: exec.Command(self, hubRole, file), exited: make(chan struct{}), log: &logTail{}}
	p.cmd.Stderr = p.log
	stdin, err := p.cmd.StdinPipe()
	require.NoError(s.t, err)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, p.cmd.Start())
	lines := bufio.NewScanner(stdout)
	opened = make(chan string, 1)
	go func() {
		defer close(p.exited)
		defer close(opened)
		for lines.Scan() {
			if a, ok := strings.CutPrefix(lines.Text(), "listening "); ok {
				opened <- a
			}
		}
		p.err = p.cmd.Wait()
		_ = stdin.Close()
	}()
	s.t.Cleanup(func() {
		p.sigkill()
		p.wait()
		if s.t.Failed() {
			s.t.Logf("the hub's log ends with:\n%s", p.log.String())
		}
	})
	return p, opened
}

// sigkill ends the process at once, as a crash does. It may be called from any goroutine.
func (p *hubProcess) sigkill() {
	p.kill.Do(func() { _ = p.cmd.Process.Kill() }) // fails only when it has ended by itself
}

// wait waits until the process has ended.
func (p *hubProcess) wait() {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(30 * time.Second):
		p.t.Fatalf("the hub process does not end\n%s", p.log.String())
	}
}

// stop ends the hub as an operator does.
func (p *hubProcess) stop() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.wait()
	require.NoError(p.t, p.err, "a hub that is asked to stop ends without an error\n%s", p.log)
}

// alive tells whether the process runs.
func (p *hubProcess) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// logTail keeps the end of a process's log.
type logTail struct {
	mu  sync.Mutex
	buf []byte
}

const logKept = 32 << 10

func (l *logTail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, b...)
	if over := len(l.buf) - 2*logKept; over > 0 {
		l.buf = append(l.buf[:0], l.buf[over+logKept:]...)
	}
	return len(b), nil
}

func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf[max(0, len(l.buf)-logKept):])
}

// process is one process of the machine.
type process struct {
	pid, parent int
	args        []string
}

// processes lists the machine's processes that run a program, by its path.
func processes(program string) ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []process
	for _, e := range entries {
		var p process
		if _, err := fmt.Sscan(e.Name(), &p.pid); err != nil {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p.args = strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
		if p.args[0] != program {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		var state string
		if _, err := fmt.Sscan(rest, &state, &p.parent); err != nil {
			return nil, err
		}
		if state != "Z" {
			out = append(out, p)
		}
	}
	return out, nil
}

// connectors lists the connector processes that a hub started.
func (p *hubProcess) connectors() []process {
	p.t.Helper()
	all, err := processes(p.cmd.Path)
	require.NoError(p.t, err)
	var out []process
	for _, c := range all {
		if c.parent == p.cmd.Process.Pid && len(c.args) == 3 && c.args[1] == "connector" {
			out = append(out, c)
		}
	}
	return out
}
