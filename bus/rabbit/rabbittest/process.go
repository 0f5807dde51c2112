package rabbittest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a child that the kernel ends when this process ends, however it does.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and was reaped
}

// startProcess starts a program whose output goes into a file.
func startProcess(path string, args, env []string, output string) (*process, error) {
	file, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("rabbittest: %w", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = env, file, file, processAttributes()
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The parent-death signal belongs to the thread that forked: this one stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is seen in its output
			close(p.done)
		}
		_ = file.Close()
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("rabbittest: start %s: %w", path, err)
	}
	return p, nil
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("rabbittest: signal %s to %s: %w", s, p.cmd.Path, err)
	}
	return nil
}

// kill ends the process and returns when it is gone.
func (p *process) kill() error {
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("rabbittest: kill %s: %w", p.cmd.Path, err)
	}
	<-p.done
	return nil
}

// freePorts finds ports of the loopback that nobody listens on. They lie below the range from which the kernel takes
// ports for outgoing connections, so that a node finds its port free when it is started again.
func freePorts(n int) ([]int, error) {
	var ports []int
	taken := map[int]bool{}
	for tries := 0; len(ports) < n; tries++ {
		if tries > 1000*n {
			return nil, errors.New("rabbittest: no free ports between 10000 and 30000")
		}
		port := 10_000 + rand.IntN(20_000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil || taken[port] {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, err
		}
		taken[port] = true
		ports = append(ports, port)
	}
	return ports, nil
}
