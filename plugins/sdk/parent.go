package sdk

import (
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/go-hclog"
)

// parentPoll is how often a connector looks whether its parent is still the hub. On Linux the kernel ends it at once
// (the host sets a parent-death signal); this is for other systems and for a host that could not set it.
const parentPoll = 500 * time.Millisecond

// watchParent ends this process when its parent is no longer the hub's process. Without a host's pid it does nothing.
func watchParent(hostPID string, log hclog.Logger) (stop func()) {
	pid, err := strconv.Atoi(hostPID)
	if err != nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(parentPoll)
		defer ticker.Stop()
		for {
			if os.Getppid() != pid {
				log.Error("the hub's process is gone, the connector ends", "hub_pid", pid)
				os.Exit(1)
			}
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() { close(done) }
}
