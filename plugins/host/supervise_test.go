package host

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/vault"
	"github.com/jumpring/jumpring/plugins/sdk"
)

const soon = 60 * time.Second

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, soon, 5*time.Millisecond, what)
}

func TestKilledProcessIsRestarted(t *testing.T) {
	c := launch(t, testSpec(t))
	ready(t, c)
	first := c.Status().PID

	result := make(chan error, 1)
	go func() {
		_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "slow"})
		result <- err
	}()
	eventually(t, "the call arrives", func() bool { return exists(c, "slow-began") })
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))

	err := <-result
	require.ErrorIs(t, err, ErrInterrupted)
	require.False(t, NotSent(err), "what the killed process did is not known")
	// The second start passes the checksum too, and the next call waits for it.
	_, err = c.Health(context.Background(), &sdk.HealthRequest{})
	require.NoError(t, err)
	s := c.Status()
	require.Equal(t, StateRunning, s.State)
	require.Equal(t, 1, s.Restarts)
	require.NotEqual(t, first, s.PID)
	require.Contains(t, s.LastError, "signal: killed")
}

func exists(c *Connection, name string) bool {
	_, err := os.Stat(filepath.Join(c.spec.WorkDir, name))
	return err == nil
}

func TestCallDuringRestartEndsUnavailable(t *testing.T) {
	spec := testSpec(t)
	spec.Restart.Initial = time.Hour
	c := launch(t, spec)
	ready(t, c)
	require.NoError(t, syscall.Kill(c.Status().PID, syscall.SIGKILL))
	eventually(t, "backoff", func() bool { return c.Status().State == StateBackoff })

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Health(ctx, &sdk.HealthRequest{})
	require.ErrorIs(t, err, ErrUnavailable)
	require.True(t, NotSent(err))
	requireCode(t, err, CodeUnavailable)
	_, err = c.HandleWebhook(ctx, &sdk.WebhookRequest{})
	require.ErrorIs(t, err, ErrUnavailable)
	_, err = c.Describe(ctx)
	require.NoError(t, err, "the description is kept")
}

func TestHungProcessIsKilledAndRestarted(t *testing.T) {
	spec := testSpec(t)
	spec.Deadlines.Ping, spec.Deadlines.PingTimeout, spec.Deadlines.Close = 20*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	c := launch(t, spec)
	ready(t, c)
	require.NoError(t, syscall.Kill(c.Status().PID, syscall.SIGSTOP))
	eventually(t, "restart", func() bool { return c.Status().Restarts == 1 && c.Status().State == StateRunning })
	require.Contains(t, c.Status().LastError, "did not answer 3 pings")
}

func TestProcessDiesWithTheHub(t *testing.T) {
	path, _ := self()
	workDir := t.TempDir()
	hub := exec.Command(path, "hub", workDir)
	out, err := hub.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, hub.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.True(t, alive(pid))

	require.NoError(t, hub.Process.Kill())
	began := time.Now()
	eventually(t, "the connector ends", func() bool { return !alive(pid) })
	require.Less(t, time.Since(began), time.Second)
	require.Error(t, hub.Wait())

	// The next hub clears what the killed one left.
	spec := testSpec(t)
	spec.WorkDir = workDir
	c := launch(t, spec)
	ready(t, c)
	sockets, err := os.ReadDir(c.runDir)
	require.NoError(t, err)
	require.Len(t, sockets, 1)
}

// runHub launches a connector, prints its process id, and waits to be killed.
func runHub(workDir string) {
	path, err := os.Executable()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fail(err)
	sum, err := FileChecksum(path)
	fail(err)
	c, err := Launch(context.Background(), Spec{
		Connection: "web-eu", Command: []string{path, "connector"}, Checksum: sum, Config: []byte(jsonConfig), WorkDir: workDir,
		Env: map[string]string{sdk.EnvHostPID: ""}, // the SDK's own watch is off: this is about the kernel's signal
	})
	fail(err)
	fail(c.Ready(context.Background()))
	fmt.Println(c.Status().PID)
	select {}
}

// The kernel's signal aside, the SDK itself ends a connector whose parent is not its hub.
func TestConnectorWithoutItsHubEnds(t *testing.T) {
	path, _ := self()
	h := sdk.Handshake()
	orphan := exec.Command(path, "connector")
	orphan.Env = []string{h.MagicCookieKey + "=" + h.MagicCookieValue, sdk.EnvHostPID + "=1", sdk.EnvLogLevel + "=error", "PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir()}
	out, err := orphan.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, string(out), "the hub's process is gone")
}

func TestWhatAConnectorStartedEndsWithIt(t *testing.T) {
	c := launch(t, testSpec(t))
	for _, end := range []func(){
		func() { require.NoError(t, syscall.Kill(c.Status().PID, syscall.SIGKILL)) },
		c.Restart,
	} {
		got, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "fork"})
		require.NoError(t, err)
		grandchild, err := strconv.Atoi(string(got.Cursor))
		require.NoError(t, err)
		require.True(t, alive(grandchild))
		restarts := c.Status().Restarts
		end()
		eventually(t, "the grandchild ends", func() bool { return !alive(grandchild) })
		eventually(t, "restart", func() bool { return c.Status().Restarts > restarts })
		ready(t, c)
	}
}

func TestWrongChecksumIsRefused(t *testing.T) {
	spec := testSpec(t)
	spec.Checksum[0] ^= 1
	c := launch(t, spec)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	err := c.Ready(ctx)
	require.ErrorIs(t, err, ErrChecksum)
	require.ErrorIs(t, err, ErrBroken)
	requireCode(t, err, CodeChecksum)
	require.Equal(t, StateBroken, c.Status().State)
	require.Zero(t, c.Status().Restarts)
}

func TestProgramReplacedWhileRunningIsRefusedAtTheNextStart(t *testing.T) {
	spec := testSpec(t)
	program := filepath.Join(t.TempDir(), "connector")
	content, err := os.ReadFile(spec.Command[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, content, 0o700))
	spec.Command[0] = program
	c := launch(t, spec)
	ready(t, c)

	require.NoError(t, os.WriteFile(program+".new", append(content, 0), 0o700))
	require.NoError(t, os.Rename(program+".new", program))
	require.NoError(t, syscall.Kill(c.Status().PID, syscall.SIGKILL))
	eventually(t, "refusal", func() bool { return c.Status().LastCode == CodeChecksum })
	require.Equal(t, StateBroken, c.Status().State)
}

func TestCrashLoopOpensTheBreaker(t *testing.T) {
	spec := testSpec(t)
	spec.Command[1] = "crasher"
	spec.Restart = Restart{Initial: time.Millisecond, Max: 2 * time.Millisecond, MaxCrashes: 3, Pause: time.Hour}
	c := launch(t, spec)
	eventually(t, "broken", func() bool { return c.Status().State == StateBroken })
	s := c.Status()
	require.Equal(t, 2, s.Restarts)
	require.Contains(t, s.LastError, "ended 3 times in a row")

	began := time.Now()
	_, err := c.Health(context.Background(), &sdk.HealthRequest{})
	require.ErrorIs(t, err, ErrBroken)
	require.ErrorIs(t, err, ErrUnavailable)
	require.True(t, NotSent(err))
	require.Less(t, time.Since(began), time.Second, "a broken connector is not waited for")

	c.Restart()
	eventually(t, "three more tries", func() bool { return c.Status().State == StateBroken && c.Status().Restarts == 5 })
}

func TestBreakerTriesAgainAfterItsPause(t *testing.T) {
	spec := testSpec(t)
	spec.Restart = Restart{Initial: time.Millisecond, Max: 2 * time.Millisecond, MaxCrashes: 1, Pause: 50 * time.Millisecond}
	c := launch(t, spec)
	ready(t, c)
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "exit"})
	require.ErrorIs(t, err, ErrInterrupted)
	eventually(t, "the trial runs", func() bool { return c.Status().State == StateRunning && c.Status().Restarts == 1 })
	require.Contains(t, c.Status().LastError, "exit status 7")
}

func TestRefusedConfigurationIsShownAndNotRetried(t *testing.T) {
	spec := testSpec(t)
	spec.Config = []byte(`{"shop":""}`)
	c := launch(t, spec)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	err := c.Ready(ctx)
	require.ErrorIs(t, err, ErrConfig)
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "name the shop", e.Do)
	s := c.Status()
	require.Equal(t, StateBroken, s.State)
	require.Equal(t, "test.shop_missing", s.Opened[0].Code)
	require.Zero(t, s.Restarts)
}

func TestUnopenedConnectorValidates(t *testing.T) {
	spec := testSpec(t)
	spec.Config, spec.Unopened = []byte(`{}`), true
	c := launch(t, spec)
	v, err := c.Validate(context.Background(), &sdk.ValidateRequest{Config: []byte(`{}`)})
	require.NoError(t, err)
	require.Len(t, v.Diagnostics, 1)
	require.Equal(t, StateRunning, c.Status().State)
}

func TestEnvironmentIsClean(t *testing.T) {
	t.Setenv("HUB_PRIVATE", "not for connectors")
	spec := testSpec(t)
	spec.Env = map[string]string{"DECLARED": "yes"}
	spec.MemoryLimit = 0
	c := launch(t, spec)
	check, err := c.Check(context.Background(), &sdk.CheckRequest{})
	require.NoError(t, err)
	var names []string
	for _, line := range strings.Split(check.Facts["environment"], "\n") {
		if name, _, ok := strings.Cut(line, "="); ok && !strings.Contains(name, " ") && name == strings.ToUpper(name) && len(name) < 40 {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	require.Equal(t, []string{
		"DECLARED", "GOMAXPROCS", "JUMPRING_CONNECTOR", "JUMPRING_HOST_PID", "JUMPRING_LOG_LEVEL", "JUMPRING_RUN", "PLUGIN_CLIENT_CERT", "PLUGIN_MAX_PORT",
		"PLUGIN_MIN_PORT", "PLUGIN_PROTOCOL_VERSIONS", "PLUGIN_UNIX_SOCKET_DIR",
	}, names)
}

func TestRotatedSecretIsDurableBeforeItIsUsed(t *testing.T) {
	keyFile := vault.KeySource{File: filepath.Join(t.TempDir(), "key")}
	dir := t.TempDir()
	kept, err := vault.Open(dir, keyFile)
	require.NoError(t, err)
	spec := testSpec(t)
	spec.Rotate = func(key, value string) error {
		if value == "refuse" {
			return errors.New("disk full")
		}
		return kept.Put("connection/web-eu", key, []byte(value))
	}
	c := launch(t, spec)
	ctx := context.Background()
	_, err = c.Poll(ctx, &sdk.PollRequest{Stream: "rotate", Cursor: []byte("second-token")})
	require.NoError(t, err)
	reopened, err := vault.Open(dir, keyFile)
	require.NoError(t, err)
	sealed, err := reopened.Get("connection/web-eu", "access_token")
	require.NoError(t, err)
	require.Equal(t, "second-token", string(sealed))

	_, err = c.Poll(ctx, &sdk.PollRequest{Stream: "rotate", Cursor: []byte("refuse")})
	require.ErrorContains(t, err, "disk full")

	require.NoError(t, syscall.Kill(c.Status().PID, syscall.SIGKILL))
	eventually(t, "restart", func() bool { return c.Status().Restarts == 1 })
	got, err := c.Poll(ctx, &sdk.PollRequest{Stream: "secrets"})
	require.NoError(t, err)
	require.Equal(t, "second-token", string(got.Cursor), "the next start gets what was rotated")
}

func TestRotationWithoutAKeeperFails(t *testing.T) {
	c := launch(t, testSpec(t))
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "rotate", Cursor: []byte("x")})
	require.ErrorContains(t, err, "keeps no rotated secrets")
}

func TestConcurrentDeliveriesKeepTheirResults(t *testing.T) {
	spec := testSpec(t)
	spec.Restart.MaxCrashes = 100
	spec.Deadlines.Webhook = time.Minute // they wait for a new process, which takes long on a busy machine
	c := launch(t, spec)
	ready(t, c)
	const callers, each = 64, 60
	var wg sync.WaitGroup
	var mu sync.Mutex
	interrupted, right := 0, 0
	for caller := range callers {
		wg.Go(func() {
			for n := range each {
				id := fmt.Sprintf("%d-%d", caller, n)
				body := []byte(`{"id":"` + id + `"}`)
				signature, wanted := sign(body), sdk.VerdictAccepted
				if n%3 == 0 {
					signature, wanted = "forged", sdk.VerdictBadSignature
				}
				got, err := c.HandleWebhook(context.Background(), &sdk.WebhookRequest{
					Headers: map[string][]string{"X-Signature": {signature}, "X-Delivery": {id}}, Body: body,
				})
				mu.Lock()
				switch {
				case errors.Is(err, ErrInterrupted):
					interrupted++
				case err != nil, got.Verdict != wanted, wanted == sdk.VerdictAccepted && (got.DeliveryID != id || got.Facts[0].ExternalID != id):
					t.Errorf("delivery %s: %+v, %v", id, got, err)
				default:
					right++
				}
				if right == callers*each/2 {
					_ = syscall.Kill(c.Status().PID, syscall.SIGKILL)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Equal(t, callers*each, right+interrupted)
	require.LessOrEqual(t, interrupted, callers*max(1, c.Status().Restarts), "only what was in flight is lost")
	require.Positive(t, c.Status().Restarts)
}

func TestCloseDrainsAndLeavesNothing(t *testing.T) {
	spec := testSpec(t)
	c := launch(t, spec)
	ready(t, c)
	pid := c.Status().PID
	result := make(chan error, 1)
	go func() {
		got, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "slow"})
		if err == nil && string(got.Cursor) != "done" {
			err = fmt.Errorf("cursor %q", got.Cursor)
		}
		result <- err
	}()
	eventually(t, "the call arrives", func() bool { return exists(c, "slow-began") })

	closed := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	go func() { closed <- c.Close(ctx) }()
	eventually(t, "no new calls", func() bool {
		_, err := c.Health(context.Background(), &sdk.HealthRequest{})
		return errors.Is(err, ErrStopped)
	})
	require.NoError(t, os.WriteFile(filepath.Join(spec.WorkDir, "slow-ends"), nil, 0o600))
	require.NoError(t, <-result, "the call in flight ends well")
	require.NoError(t, <-closed)
	require.True(t, exists(c, "closed"), "the connector's Close was called")
	require.False(t, alive(pid))
	require.NoDirExists(t, c.runDir)
	require.Equal(t, StateStopped, c.Status().State)
}

func TestCloseCutsWhatDoesNotEnd(t *testing.T) {
	c, err := Launch(context.Background(), testSpec(t))
	require.NoError(t, err)
	ready(t, c)
	result := make(chan error, 1)
	go func() {
		_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "slow"})
		result <- err
	}()
	eventually(t, "the call arrives", func() bool { return exists(c, "slow-began") })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, c.Close(ctx), ErrDeadline)
	require.ErrorIs(t, <-result, ErrInterrupted)
}

func TestLogsHaveNoSecretsAndAreBounded(t *testing.T) {
	var log sink
	spec := testSpec(t)
	spec.Logger = hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace, JSONFormat: true})
	c := launch(t, spec)
	_, err := c.Poll(context.Background(), &sdk.PollRequest{Stream: "log"})
	require.NoError(t, err)
	eventually(t, "both lines", func() bool {
		s := log.String()
		return strings.Contains(s, "the token "+RedactedMark+" is used") && strings.Contains(s, "printed "+RedactedMark)
	})
	_, err = c.Poll(context.Background(), &sdk.PollRequest{Stream: "flood"})
	require.NoError(t, err)
	_, err = c.Poll(context.Background(), &sdk.PollRequest{Stream: "plain-failure"})
	require.Error(t, err)
	_, err = c.HandleWebhook(context.Background(), &sdk.WebhookRequest{Path: "/panic"})
	require.Error(t, err)
	require.NoError(t, c.Close(context.Background()))
	require.NotContains(t, log.String(), testSecret)
	require.NotContains(t, log.String(), "first-token")
	require.Less(t, strings.Count(log.String(), "water"), 1500, "of 5000 lines")
}

func TestSpecIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Spec){
		"no name":            func(s *Spec) { s.Connection = "" },
		"no command":         func(s *Spec) { s.Command = nil },
		"relative command":   func(s *Spec) { s.Command = []string{"connector"} },
		"no checksum":        func(s *Spec) { s.Checksum = [32]byte{} },
		"no work folder":     func(s *Spec) { s.WorkDir = "" },
		"config not JSON":    func(s *Spec) { s.Config = []byte("{") },
		"secret of odd text": func(s *Spec) { s.Secrets = map[string]string{"a": "\xff"} },
	} {
		t.Run(name, func(t *testing.T) {
			spec := testSpec(t)
			spoil(&spec)
			_, err := Launch(context.Background(), spec)
			require.Error(t, err)
			require.NotContains(t, err.Error(), testSecret)
		})
	}
}

func TestProgramThatIsNoConnector(t *testing.T) {
	sum, err := FileChecksum("/bin/true")
	require.NoError(t, err)
	spec := testSpec(t)
	spec.Command, spec.Checksum = []string{"/bin/true"}, sum
	spec.Restart.MaxCrashes = 1
	c := launch(t, spec)
	eventually(t, "broken", func() bool { return c.Status().State == StateBroken })
	require.Contains(t, c.Status().LastError, "no connector")
}
