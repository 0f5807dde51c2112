package alarm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Command tells by running a program: the notice comes as JSON on its standard input, its main fields as variables. It gets
// nothing else of the hub's environment but PATH. Exit 0 means told.
type Command struct {
	Args []string // the program and its arguments; no shell is between
}

// commandGrace is how long a program's children may keep its output open after its end.
const commandGrace = 2 * time.Second

// Tell implements Teller.
func (c *Command) Tell(ctx context.Context, n *Notice, _ time.Time) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)
	cmd.Stdin = bytes.NewReader(append(raw, '\n'))
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "JUMPRING_ALARM_ID=" + n.ID, "JUMPRING_ALARM_PHASE=" + string(n.Phase), "JUMPRING_ALARM_KIND=" + string(n.Kind),
		"JUMPRING_ALARM_SUBJECT=" + n.Subject, "JUMPRING_ALARM_WHAT=" + n.What,
	}
	// It and its children end together.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = commandGrace
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return errors.New("its command took too long")
	case errors.As(err, &exit):
		return fmt.Errorf("its command ended with %d", exit.ExitCode())
	case err != nil:
		return errors.New("its command could not be started")
	}
	return nil
}
