package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/canon"
)

// startBox runs the program of docs/embedded-bus.md.
func startBox(t *testing.T, program, dir, hubURL string, skus ...string) (out *logTail, stop func(syscall.Signal)) {
	t.Helper()
	out = &logTail{}
	cmd := exec.Command(program, skus...)
	cmd.Env = append(os.Environ(), "BOX_DIR="+dir, "HUB_URL="+hubURL, "HUB_TOKEN="+adminToken)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	running := true
	stop = func(s syscall.Signal) {
		if !running {
			return
		}
		running = false
		_ = cmd.Process.Signal(s) // fails only where it has ended
		select {
		case err := <-ended:
			if s == syscall.SIGINT {
				require.NoError(t, err, "%s", out)
			}
		case <-time.After(2 * time.Minute):
			t.Errorf("the program does not end\n%s", out)
		}
	}
	t.Cleanup(func() { stop(syscall.SIGKILL) })
	return out, stop
}

// TestTheProgramOnTheEmbeddedBusRuns: what it reports while the hub is away arrives, and it goes on where it was after a stop
// and after a kill.
func TestTheProgramOnTheEmbeddedBusRuns(t *testing.T) {
	s := newSandbox(t, sandboxOptions{})
	const place = "boutique-paris"
	s.spec.Connections, s.spec.Settings.Connections = nil, nil
	s.spec.Settings.Locations = []string{place}
	page, err := os.ReadFile("../../docs/embedded-bus.md")
	require.NoError(t, err)
	source := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, source)
	program := goExample(t, source[1]).Path
	dir := t.TempDir()
	shows := func(out *logTail, text string) {
		t.Helper()
		eventually(t, 2*time.Minute, "the program prints "+text, func() bool { return strings.Contains(out.String(), text) })
	}
	arrives := func(sku string) {
		t.Helper()
		eventually(t, 2*time.Minute, sku+" is a record", func() bool {
			a, err := s.door.send("GET", "/v1/items?sku="+sku, nil)
			return err == nil && strings.Contains(string(a.body), "Ring from a box")
		})
	}

	out, stop := startBox(t, program, dir, s.hubURL, "BOX-1")
	shows(out, "kept box-BOX-1")
	stop(syscall.SIGINT) // the hub was never there

	s.start()
	s.ready()
	out, stop = startBox(t, program, dir, s.hubURL, "BOX-2")
	shows(out, "handed over box-BOX-1")
	shows(out, "handed over box-BOX-2")
	arrives("BOX-1")
	arrives("BOX-2")
	first, second := s.door.bySKU(t, "BOX-1").ID, s.door.bySKU(t, "BOX-2").ID
	shows(out, first)
	shows(out, second)
	for _, id := range []string{first, second} {
		made := fetch[canon.Item](t, s.door, "/v1/items/"+id).Version
		eventually(t, 2*time.Minute, "the box is past what made "+id, func() bool {
			raw, err := os.ReadFile(filepath.Join(dir, "cursor"))
			at, unread := canon.ParsePosition(string(raw))
			return err == nil && unread == nil && at.Compare(made) >= 0
		})
	}
	before := out.String()
	require.Regexp(t, `change \d+\.\d+\.\d+ \{`, before)
	stop(syscall.SIGINT)

	// After a stop in order nothing is handed over or shown again.
	out, stop = startBox(t, program, dir, s.hubURL, "BOX-3")
	arrives("BOX-3")
	third := s.door.bySKU(t, "BOX-3").ID
	shows(out, third)
	require.NotContains(t, out.String(), "handed over box-BOX-1")
	require.NotContains(t, out.String(), `"entity":"`+first)
	stop(syscall.SIGKILL)

	// After a kill everything goes on; what is new is shown.
	out, stop = startBox(t, program, dir, s.hubURL, "BOX-4")
	arrives("BOX-4")
	shows(out, s.door.bySKU(t, "BOX-4").ID)
	item := fetch[canon.Item](t, s.door, "/v1/items/"+third)
	require.Equal(t, canon.ItemInStock, item.Status, "what came twice counts once")
	stop(syscall.SIGINT)
}
