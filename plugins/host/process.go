package host

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"

	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// process is one run of a connector's program, from its launch to its end.
type process struct {
	child    *child
	client   *goplugin.Client
	conn     *grpc.ClientConn
	rpc      connectorv1.ConnectorClient
	about    *sdk.DescribeResponse
	can      map[sdk.Capability]bool
	webhooks *webhookStream // nil when the connector takes none

	ctx    context.Context // ends with the process's use
	cancel context.CancelFunc
	owned  sync.WaitGroup // goroutines that serve this process
	calls  sync.WaitGroup // calls in flight; begun under the connection's lock while this is its process

	failOnce sync.Once
	failed   chan struct{} // closed when the process is of no use any more
	reason   error         // valid after failed
}

// fail marks the process as unusable; the supervisor then ends it. The first reason stays.
func (p *process) fail(reason error) {
	p.failOnce.Do(func() {
		p.reason = reason
		close(p.failed)
	})
}

// ended reports whether the process is known to be of no use.
func (p *process) ended() bool {
	select {
	case <-p.failed:
		return true
	case <-p.child.exited:
		return true
	default:
		return false
	}
}

// launch starts a process and leads it to where calls can be made. On an error nothing is left behind.
func (c *Connection) launch(ctx context.Context) (*process, error) {
	runDir, err := c.cleanRunDir()
	if err != nil {
		return nil, c.startError("make the socket folder: %v", err)
	}
	if c.spec.Verify != nil {
		if err := c.spec.Verify(); err != nil {
			e := c.errorf(ErrChecksum, CodeChecksum, "start", "%v", err)
			e.Do = refusedProgram
			return nil, e
		}
	}
	// What a hub that was killed left of this connection must not work beside the new process.
	killMarked(c.marker())
	p := &process{
		child: &child{
			checksum: c.spec.Checksum, limits: limits{memory: c.spec.MemoryLimit, files: c.spec.FileLimit}, heard: make(chan struct{}), exited: make(chan struct{}),
		},
		failed: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	tlsConfig, certificate, err := newClientTLS()
	if err != nil {
		p.cancel()
		return nil, c.startError("%v", err)
	}
	p.client = goplugin.NewClient(c.clientConfig(p, runDir, tlsConfig, certificate))

	// go-plugin's own start can't be cancelled and does not bound what comes after the handshake; ending the process can.
	startCtx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.Start)
	defer cancel()
	stopKill := context.AfterFunc(startCtx, func() { _ = p.child.Kill(context.Background()) })
	err = c.connect(p)
	if !stopKill() && err == nil {
		err = startCtx.Err()
	}
	if err != nil {
		c.end(p, 0)
		switch {
		case errors.Is(err, ErrChecksum):
			e := c.errorf(ErrChecksum, CodeChecksum, "start", "%s is not the program that was registered", c.spec.Command[0])
			e.Do = refusedProgram
			return nil, e
		case strings.Contains(err.Error(), "Failed to read any lines"):
			e := c.startError("%s (%s)", p.child.Diagnose(ctx), p.child.exitState)
			e.Do = "read the connector's log of that moment"
			return nil, e
		case notSpoken(err):
			e := c.errorf(ErrProtocol, CodeProtocol, "start", "the program did not speak the handshake: %s", p.child.Diagnose(ctx))
			e.Kind = ErrUnavailable // it may have ended before it was ready; another start may go well
			e.Do = "see in the connector's log what it wrote instead; nothing but the handshake may be printed before sdk.Serve"
			return nil, e
		case strings.Contains(err.Error(), "ncompatible"):
			return nil, c.errorf(ErrProtocol, CodeProtocol, "start", "%v", err)
		}
		return nil, c.startError("%v", err)
	}
	if err := c.prepare(ctx, p); err != nil {
		c.end(p, 0)
		return nil, err
	}
	return p, nil
}

// refusedProgram is what to do about a program that was changed.
const refusedProgram = "if it was changed on purpose, register it again (jumpring plugin add, jumpring reload) or restart the hub if it is built in; else restore it and find out who changed it"

func (c *Connection) startError(format string, args ...any) *Error {
	return c.errorf(ErrUnavailable, CodeStart, "start", format, args...)
}

func (c *Connection) clientConfig(p *process, runDir string, tlsConfig *tls.Config, certificate string) *goplugin.ClientConfig {
	out := &lineLogger{log: c.log.Named("output"), limit: rate.NewLimiter(outputPerSecond, outputBurst), ended: p.child.exited}
	return &goplugin.ClientConfig{
		HandshakeConfig:  sdk.Handshake(),
		VersionedPlugins: map[int]goplugin.PluginSet{sdk.ProtocolVersion: {sdk.PluginName: calledPlugin{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
			cmd.Path, cmd.Args, cmd.Dir = c.spec.Command[0], c.spec.Command, c.spec.WorkDir
			cmd.Env = append(append(cmd.Env, clientCertVariable+"="+certificate), c.environment()...)
			p.child.use(cmd)
			return p.child, nil
		},
		SkipHostEnv:      true,
		TLSConfig:        tlsConfig,
		StartTimeout:     c.spec.Deadlines.Start,
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: runDir},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(sdk.MaxMessageBytes), grpc.MaxCallSendMsgSize(sdk.MaxMessageBytes)),
			grpc.WithReadBufferSize(256 << 10), grpc.WithWriteBufferSize(256 << 10),
			grpc.WithInitialWindowSize(4 << 20), grpc.WithInitialConnWindowSize(8 << 20),
		},
		Logger: c.log, SyncStdout: out, SyncStderr: out,
	}
}

// environment has what the process gets beside go-plugin's variables: nothing of the hub's own environment.
func (c *Connection) environment() []string {
	env := []string{
		sdk.EnvHostPID + "=" + strconv.Itoa(os.Getpid()),
		sdk.EnvLogLevel + "=" + c.log.GetLevel().String(),
		"GOMAXPROCS=" + strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/2)), // the hub has more to do than any one connector
	}
	env = append(env, markerVariable+"="+c.marker())
	if c.spec.MemoryLimit > 0 {
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(c.spec.MemoryLimit, 10))
	}
	env = append(env, c.spec.Traffic.environment()...)
	for k, v := range c.spec.Env {
		env = append(env, k+"="+v)
	}
	return env
}

// maxSocketDir leaves room for go-plugin's folder and file name in the 108 bytes of a socket's address.
const maxSocketDir = 64

// cleanRunDir gives an empty folder for sockets, so that those of a killed process or hub do not stay. It is in the
// work folder, or under the system's temporary one, with a name that the next hub finds again, where that is too long.
func (c *Connection) cleanRunDir() (string, error) {
	if c.runDir == "" {
		c.runDir = filepath.Join(c.spec.WorkDir, "run")
		if len(c.runDir) > maxSocketDir {
			sum := sha256.Sum256([]byte(c.spec.WorkDir))
			c.runDir = filepath.Join(os.TempDir(), "jumpring-"+hex.EncodeToString(sum[:8]))
		}
	}
	if err := os.RemoveAll(c.runDir); err != nil {
		return "", err
	}
	// Mkdir and not MkdirAll: a folder that somebody else has put there is an error.
	return c.runDir, os.Mkdir(c.runDir, 0o700)
}

// connect performs the handshake.
func (c *Connection) connect(p *process) error {
	protocol, err := p.client.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense(sdk.PluginName)
	if err != nil {
		return err
	}
	p.conn = raw.(*grpc.ClientConn)
	p.rpc = connectorv1.NewConnectorClient(p.conn)
	return nil
}

// prepare describes and opens the connector and starts its streams.
func (c *Connection) prepare(ctx context.Context, p *process) error {
	if err := c.describe(ctx, p); err != nil {
		return err
	}
	if c.spec.Unopened {
		return nil
	}
	if err := c.serveHost(ctx, p); err != nil {
		return c.startError("open the way back: %v", err)
	}
	if err := c.open(ctx, p); err != nil {
		return err
	}
	if p.can[sdk.CanWebhook] {
		stream, err := newWebhookStream(c, p)
		if err != nil {
			return c.startError("open the webhook stream: %v", err)
		}
		p.webhooks = stream
	}
	return nil
}

func (c *Connection) describe(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.Describe)
	defer cancel()
	resp, err := p.rpc.Describe(ctx, &connectorv1.DescribeRequest{})
	if err != nil {
		return c.callError(ctx, p, "Describe", err)
	}
	about, err := decodeDescription(resp)
	if err != nil {
		return c.badAnswer("Describe", "%v", err)
	}
	if sdk.ProtocolVersion < about.ProtocolMin || sdk.ProtocolVersion > about.ProtocolMax {
		return c.errorf(ErrProtocol, CodeProtocol, "Describe", "the connector speaks versions %d to %d, the hub speaks %d",
			about.ProtocolMin, about.ProtocolMax, sdk.ProtocolVersion)
	}
	p.about, p.can = about, map[sdk.Capability]bool{}
	for _, name := range about.Capabilities {
		p.can[name] = true
	}
	return nil
}

func (c *Connection) open(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.Open)
	defer cancel()
	resp, err := p.rpc.Open(ctx, &connectorv1.OpenRequest{
		Connection: c.spec.Connection, Config: c.config(), Secrets: c.secrets(), WorkDir: c.spec.WorkDir,
	})
	if err != nil {
		return c.callError(ctx, p, "Open", err)
	}
	diagnostics := c.decodeDiagnostics(resp.GetDiagnostics())
	c.noteDiagnostics(diagnostics)
	for _, d := range diagnostics {
		if d.Severity == sdk.SeverityError {
			e := c.errorf(ErrConfig, CodeConfig, "Open", "%s: %s", d.Code, d.Summary)
			e.Do = d.Do
			return e
		}
	}
	return nil
}

// drain waits for the calls in flight, until Close's context ends or, where the process is restarted, for as long as
// the connector may take to close. It reports whether none is left.
func (c *Connection) drain(p *process) bool {
	c.mu.Lock()
	ctx := c.drainCtx
	c.mu.Unlock()
	if ctx == nil {
		ctx = context.Background()
	}
	limit := time.NewTimer(c.spec.Deadlines.Close)
	defer limit.Stop()
	expired := limit.C
	if _, has := ctx.Deadline(); has {
		expired = nil
	}
	done := make(chan struct{})
	p.owned.Go(func() {
		p.calls.Wait()
		close(done)
	})
	select {
	case <-done:
		return true
	case <-p.child.exited:
		return true
	case <-ctx.Done():
	case <-expired:
	}
	return false
}

// watch returns why the process should be ended: it ended itself, stopped answering, or ctx is done.
func (c *Connection) watch(ctx context.Context, p *process) error {
	ticker := time.NewTicker(c.spec.Deadlines.Ping)
	defer ticker.Stop()
	look := time.NewTicker(usageEvery)
	defer look.Stop()
	gauge := usageGauge{pid: p.child.cmd.Process.Pid}
	for missed := 0; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.restart:
			return errRestart
		case <-p.child.exited:
			return c.endError(p)
		case <-look.C:
			if err := c.checkUsage(&gauge); err != nil {
				return err
			}
		case <-p.failed:
			// The connection often fails a moment before the process is seen to have ended, which says more.
			select {
			case <-p.child.exited:
				return c.endError(p)
			case <-time.After(100 * time.Millisecond):
			}
			return c.errorf(ErrUnavailable, CodeUnavailable, "run", "the connection to the process failed: %v", p.reason)
		case <-ticker.C:
			if c.ping(ctx, p) {
				missed = 0
				continue
			}
			if missed++; missed == 3 {
				return c.errorf(ErrUnavailable, CodeUnavailable, "run", "the process did not answer %d pings", missed)
			}
		}
	}
}

// endError tells how the process ended, in the runtime's words where it gave any.
func (c *Connection) endError(p *process) *Error {
	e := c.errorf(ErrUnavailable, CodeUnavailable, "run", "the process ended: %s", p.child.exitState)
	if last := p.child.lastWords(); last != "" {
		e.Message += ": " + c.redact.String(last)
	}
	e.Do = "read the connector's log of that moment; the hub starts it again"
	return e
}

var errRestart = errors.New("restart asked for")

func (c *Connection) ping(ctx context.Context, p *process) bool {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Deadlines.PingTimeout)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
	return err == nil
}

// end stops a process: the connector's Close within the limit (none when 0), then go-plugin's shutdown, then SIGKILL
// for what is left of its group. It returns when the process and every goroutine that served it have ended.
func (c *Connection) end(p *process, limit time.Duration) {
	if limit > 0 && !p.ended() && p.rpc != nil {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		if _, err := p.rpc.Close(ctx, &connectorv1.CloseRequest{}); err != nil {
			c.log.Warn("the connector did not close in order", "error", c.redact.String(err.Error()))
		}
		cancel()
	}
	p.fail(errors.New("the connection was stopped"))
	p.cancel()
	// go-plugin's shutdown call has no deadline: a process that does not answer is killed under it.
	grace := time.AfterFunc(shutdownGrace, func() { _ = p.child.Kill(context.Background()) })
	if limit == 0 {
		_ = p.child.Kill(context.Background())
	}
	p.client.Kill()
	grace.Stop()
	_ = p.child.Kill(context.Background())
	killMarked(c.marker())
	p.owned.Wait()
	if err := os.RemoveAll(c.runDir); err != nil {
		c.log.Warn("the socket folder stays", "dir", c.runDir, "error", err)
	}
}

// shutdownGrace is how long a process may take to exit after its Close.
const shutdownGrace = time.Second

// calledPlugin is the hub's side of go-plugin's plugin.
type calledPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (calledPlugin) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return fmt.Errorf("the hub serves no connector")
}

func (calledPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// notSpoken tells by go-plugin's words, which are all that it gives, that a program printed something else than the
// handshake.
func notSpoken(err error) bool {
	for _, words := range []string{"Unrecognized remote plugin message", "rror parsing", "Unknown network address", "Unsupported plugin protocol"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}
