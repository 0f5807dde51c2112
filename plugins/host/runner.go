package host

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
)

// pipeGrace is how long output may still come after a process ended. A grandchild that left the process group could
// otherwise hold the pipes, and with them the restart, for ever.
const pipeGrace = time.Second

// child runs one connector process in a process group of its own: it dies with the hub, and whatever it started dies
// with it. It is go-plugin's runner for the process.
type child struct {
	cmd      *exec.Cmd
	checksum [sha256.Size]byte
	limits   limits

	stdout, stderr *os.File
	words          *pacedReader // of stderr
	hear           sync.Once
	heard          chan struct{} // closed when somebody reads stdout
	exited         chan struct{} // closed when the process has ended and was reaped
	exitState      string        // valid after exited
	release        *time.Timer   // closes the pipes after pipeGrace; valid after exited

	mu     sync.Mutex // orders starting, killing and reaping, so that no other process of the same number is hit
	killed bool       // a start after it is refused
	reaped bool
}

var _ runner.Runner = (*child)(nil)

// use sets the command to run.
func (c *child) use(cmd *exec.Cmd) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cmd = cmd
}

// Start checks the program's checksum and launches it. The calling goroutine has to keep its OS thread until the
// process has ended: Linux sends the parent-death signal when the thread that forked ends.
func (c *child) Start(context.Context) error {
	// A new SecureConfig each time: its hash is not reset by Check.
	secure := &goplugin.SecureConfig{Checksum: c.checksum[:], Hash: sha256.New()}
	ok, err := secure.Check(c.cmd.Path)
	if err != nil {
		return fmt.Errorf("checksum of %s: %w", c.cmd.Path, err)
	}
	if !ok {
		return ErrChecksum
	}
	var outW, errW *os.File
	if c.stdout, outW, err = os.Pipe(); err != nil {
		return err
	}
	defer outW.Close()
	if c.stderr, errW, err = os.Pipe(); err != nil {
		c.stdout.Close()
		return err
	}
	defer errW.Close()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = nil, outW, errW
	c.cmd.SysProcAttr = processAttributes()
	if err := c.fork(); err != nil {
		c.closePipes()
		return err
	}
	c.words = newPacedReader(c.stderr, c.exited)
	go c.reap()
	if err := limitProcess(c.cmd.Process.Pid, c.limits); err != nil {
		_ = c.Kill(context.Background())
		return fmt.Errorf("limits of the process: %w", err)
	}
	return nil
}

func (c *child) fork() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.killed {
		return errors.New("the start was given up")
	}
	return c.cmd.Start()
}

// limits are what the kernel refuses a process. Zero means none.
type limits struct {
	memory int64 // bytes that the collector works to stay below
	files  int
}

// maxFileSize is the largest file that a connector may write, in bytes.
const maxFileSize = 4 << 30

// memorySlack is what a Go program maps beyond its heap: one arena and the runtime's own tables, in bytes.
const memorySlack = 128 << 20

// reap waits for the end of the process and ends the rest of its group.
func (c *child) reap() {
	state, err := c.awaitEnd()
	switch {
	case err != nil:
		c.exitState = err.Error()
	default:
		c.exitState = state.String()
	}
	c.release = time.AfterFunc(pipeGrace, c.closePipes)
	close(c.exited)
}

// Wait returns when the process has ended. go-plugin calls it after both pipes are at their end.
func (c *child) Wait(context.Context) error {
	<-c.exited
	c.release.Stop()
	c.closePipes()
	if c.exitState != "exit status 0" {
		return errors.New(c.exitState)
	}
	return nil
}

// Kill ends the process and its group. It may be called at any time, any number of times.
func (c *child) Kill(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed = true
	if c.cmd == nil || c.cmd.Process == nil || c.reaped {
		return nil
	}
	if err := syscall.Kill(-c.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill process group %d: %w", c.cmd.Process.Pid, err)
	}
	return nil
}

func (c *child) closePipes() {
	_ = c.stdout.Close()
	_ = c.stderr.Close()
}

// Stdout implements runner.Runner.
func (c *child) Stdout() io.ReadCloser {
	c.hear.Do(func() { close(c.heard) })
	return c.stdout
}

// Stderr implements runner.Runner.
func (c *child) Stderr() io.ReadCloser { return &errPipe{c.words, c.heard} }

// errPipe does not end before the other pipe is read. go-plugin 1.7.0 counts the readers of both, and waits for them, from
// a goroutine that runs before the second is counted: a program that ends at once would be waited for too early.
type errPipe struct {
	*pacedReader
	heard <-chan struct{}
}

// Read implements io.Reader.
func (p *errPipe) Read(b []byte) (int, error) {
	n, err := p.pacedReader.Read(b)
	if err != nil {
		<-p.heard
	}
	return n, err
}

func (c *child) Name() string { return c.cmd.Path }

// ID gives the process id; "" before the start.
func (c *child) ID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(c.cmd.Process.Pid)
}

// lastWords gives what the language's runtime said at the end; "" where it said nothing. Other words of a process are not
// shown: they may hold anything (invariant 7).
func (c *child) lastWords() string {
	if c.words == nil {
		return ""
	}
	return c.words.fatal()
}

// Diagnose says why a program might not have spoken the handshake.
func (c *child) Diagnose(context.Context) string {
	return "the program is no connector, or it ended before it was ready: its log has more"
}

// PluginToHost and HostToPlugin: both sides see the same files.
func (c *child) PluginToHost(network, addr string) (string, string, error) { return network, addr, nil }

// HostToPlugin is PluginToHost's inverse.
func (c *child) HostToPlugin(network, addr string) (string, string, error) { return network, addr, nil }
