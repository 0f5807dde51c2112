package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/jumpring/jumpring/plugins/host"
	connectorv1 "github.com/jumpring/jumpring/plugins/proto"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// The limits of one connector.
const (
	leastFacts    = 0.5
	mostStart     = 150 // ms
	mostPluginRSS = 30  // MB
)

// factsBatch is how many facts an answer of bench/facts has, and factsCallers how many answers are asked for at once.
const (
	factsBatch   = 250
	factsCallers = 4
)

// bareFacts is the calling side of bench/facts without the SDK.
type bareFacts struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (bareFacts) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("no server side")
}

func (bareFacts) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return connectorv1.NewConnectorClient(conn), nil
}

var bareHandshake = goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "JUMPRING_BENCH", MagicCookieValue: "bare"}

// connector builds one of the bench's own connectors and gives its path and checksum.
func (b *bench) connector(name string) (program string, sum [sha256.Size]byte, err error) {
	program = filepath.Join(b.dir, name)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./bench/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", sum, fmt.Errorf("build bench/%s: %w: %s", name, err, out)
	}
	sum, err = host.FileChecksum(program)
	return program, sum, err
}

// plugin measures one connector: the facts that come through it, its start, and its memory.
func (b *bench) plugin() error {
	note("plugin: %d facts an answer", factsBatch)
	program, sum, err := b.connector("facts")
	if err != nil {
		return err
	}
	spec := host.Spec{
		Connection: "facts", Command: []string{program}, Checksum: sum, WorkDir: filepath.Join(b.dir, "plugin"), Logger: hclog.NewNullLogger(),
	}
	var bares, ours, ratios []float64
	for range b.rounds {
		bare, err := b.bareFacts(program)
		if err != nil {
			return err
		}
		own, err := b.hostFacts(spec)
		if err != nil {
			return err
		}
		note("  facts: bare %.0f/s, hub %.0f/s, ratio %.3f", bare, own, own/bare)
		bares, ours, ratios = append(bares, bare), append(ours, own), append(ratios, own/bare)
	}
	b.rows = append(b.rows, row{
		what: "facts through one plugin", unit: "/s", bare: median(bares), hub: median(ours), value: median(ratios), limit: leastFacts, least: true,
		note: fmt.Sprintf("%d a batch", factsBatch),
	})
	return b.pluginStart(spec)
}

// bareFacts gives facts per second through go-plugin's stream alone.
func (b *bench) bareFacts(program string) (float64, error) {
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: bareHandshake, Plugins: goplugin.PluginSet{"facts": bareFacts{}}, Cmd: exec.Command(program, "bare"),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return 0, err
	}
	raw, err := protocol.Dispense("facts")
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := raw.(connectorv1.ConnectorClient).HandleWebhook(ctx)
	if err != nil {
		return 0, err
	}
	n, began := 0, time.Now()
	for time.Since(began) < b.length {
		r, err := stream.Recv()
		if err != nil {
			return 0, err
		}
		n += len(r.GetResults()[0].GetObservations())
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// hostFacts gives facts per second through the host, as polls.
func (b *bench) hostFacts(spec host.Spec) (float64, error) {
	ctx := context.Background()
	c, err := host.Launch(ctx, spec)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close(ctx) }()
	if err := c.Ready(ctx); err != nil {
		return 0, err
	}
	var n atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, factsCallers)
	began := time.Now()
	for i := range factsCallers {
		wg.Go(func() {
			for time.Since(began) < b.length {
				r, err := c.Poll(ctx, &sdk.PollRequest{Stream: "all"})
				if err != nil {
					errs[i] = err
					return
				}
				n.Add(int64(len(r.Facts)))
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), errors.Join(errs...)
}

// pluginStart measures a connector of the SDK alone, as others ship one: from its launch to its first answered call, and its
// memory while it idles.
func (b *bench) pluginStart(spec host.Spec) error {
	var starts, memory, cpu []float64
	for i := range 10*b.rounds + 1 {
		ctx := context.Background()
		spec.WorkDir = filepath.Join(b.dir, "starts", strconv.Itoa(i))
		used, err := cpuMillis()
		if err != nil {
			return err
		}
		began := time.Now()
		c, err := host.Launch(ctx, spec)
		if err != nil {
			return err
		}
		if _, err := c.Check(ctx, &sdk.CheckRequest{}); err != nil {
			return errors.Join(err, c.Close(ctx))
		}
		starts = append(starts, float64(time.Since(began).Microseconds())/1000)
		rss, err := residentMB(c.Status().PID)
		if err = errors.Join(err, c.Close(ctx)); err != nil {
			return err
		}
		memory = append(memory, rss)
		after, err := cpuMillis()
		if err != nil {
			return err
		}
		cpu = append(cpu, after-used)
	}
	b.rows = append(b.rows,
		row{what: "plugin, start to first call", unit: " ms", hub: median(starts), value: median(starts), limit: mostStart, note: fmt.Sprintf("least %.0f ms", slices.Min(starts))},
		row{what: "plugin, CPU of a start and end", unit: " ms", hub: median(cpu), value: slices.Min(cpu), unlimited: true, note: "user and system, of hub and plugin; the least"},
		row{what: "plugin, memory while idle", unit: " MB", hub: median(memory), value: median(memory), limit: mostPluginRSS},
	)
	return nil
}

// cpuMillis gives the CPU time of this process and of its children that have ended, in milliseconds.
func cpuMillis() (float64, error) {
	var sum float64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			return 0, err
		}
		sum += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
	}
	return sum, nil
}

func residentMB(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		return 0, err
	}
	return kb * 1024 / 1e6, nil
}
