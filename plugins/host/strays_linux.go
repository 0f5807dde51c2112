package host

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// killMarked ends every process that was started with a marker and is still there. What a connector started and put into a
// session of its own has left its process group, but not its environment; and of a killed hub's connector the kernel ends
// the process alone, not what it started.
func killMarked(marker string) {
	want := []byte(markerVariable + "=" + marker + "\x00")
	own := os.Getpid()
	// A process may start another one while it is being ended: look until none is found, but not without end.
	for range strayRounds {
		found := 0
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return
		}
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == own {
				continue
			}
			environ, err := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
			if err != nil || !bytes.Contains(append(environ, 0), want) {
				continue // it ended, is another user's, or none of these
			}
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				found++
			}
		}
		if found == 0 {
			return
		}
	}
}
