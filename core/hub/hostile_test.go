package hub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/host/hosttest"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// TestMain gives the test binary the role of the connectors that it starts.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "connector" {
		hosttest.Serve(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// hostileSecret is what no log, error or record may show.
const hostileSecret = "k3y-canary-7f1a"

// within is how long any condition may take on a busy machine.
const within = 2 * time.Minute

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, within, 10*time.Millisecond, what)
}

// sharedLog collects a log that several goroutines write.
type sharedLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *sharedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// connectorsHub is a hub in this process whose connectors are processes.
type connectorsHub struct {
	*hub.Hub
	t    *testing.T
	data string
	log  *sharedLog
}

// startHub runs a hub with a connection of each name, whose connector has the fault of that name.
func startHub(t *testing.T, names []string, change func(o *hub.Options)) *connectorsHub {
	t.Helper()
	if testing.Short() {
		t.Skip("SHORT: NO PROCESS IS STARTED; run make test")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	sum, err := host.FileChecksum(self)
	require.NoError(t, err)
	c := &connectorsHub{t: t, data: filepath.Join(t.TempDir(), "d"), log: &sharedLog{}}
	o := hub.Options{
		Data: c.data, Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: c.log}),
		Settings: canon.Settings{MatchItem: []string{"sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"}},
	}
	for _, name := range names {
		o.Settings.Connections = append(o.Settings.Connections, canon.ConnectionSettings{
			Name: name, Connector: name, Mode: canon.ModeLive, SellsFrom: []string{"paris"}, Locations: map[string]string{"shop": "paris"},
		})
		o.Connections = append(o.Connections, hub.Connection{
			Name: name, Command: []string{self, "connector", name}, Checksum: sum, Config: json.RawMessage(`{}`),
			Secrets: map[string]string{hosttest.SecretName: hostileSecret},
		})
	}
	if change != nil {
		change(&o)
	}
	c.Hub, err = hub.Open(t.Context(), o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, c.Close())
		if t.Failed() {
			text := c.log.String()
			t.Logf("the log ends with:\n%s", text[max(0, len(text)-8<<10):])
		}
	})
	return c
}

// status gives how a connection stands, as /v1/connections shows it.
func (c *connectorsHub) status(name string) api.ConnectionStatus {
	c.t.Helper()
	all, err := (hub.Doors{Hub: c.Hub}).Connections(context.Background())
	require.NoError(c.t, err)
	for _, s := range all {
		if s.Name == name {
			return s
		}
	}
	c.t.Fatalf("no connection %s", name)
	return api.ConnectionStatus{}
}

// shows waits until /v1/connections shows what a condition wants.
func (c *connectorsHub) shows(t *testing.T, name, what string, condition func(s api.ConnectionStatus) bool) {
	t.Helper()
	var last api.ConnectionStatus
	defer func() {
		if t.Failed() {
			t.Logf("%s: %+v", name, last)
		}
	}()
	eventually(t, name+": "+what, func() bool {
		last = c.status(name)
		return condition(last)
	})
}

// binding gives what the hub knows of a listing of a connection; nil for nothing.
func (c *connectorsHub) binding(connection, id string) *canon.Binding {
	c.t.Helper()
	v, err := c.Store().View()
	require.NoError(c.t, err)
	defer v.Close()
	b, err := store.Load[canon.Binding](v, store.BindingKey(canon.BindingKey{
		Connection: connection, Kind: canon.KindListing, ExternalID: id, Aspect: canon.AspectMain,
	}))
	require.NoError(c.t, err)
	return b
}

// deliver sends a genuine webhook that shows a listing, and gives the answer's status.
func (c *connectorsHub) deliver(connection, id string) (int, error) {
	status, _, _, err := c.HandleWebhook(context.Background(), connection, &sdk.WebhookRequest{
		Method: http.MethodPost, Headers: map[string][]string{"X-Secret": {hostileSecret}}, Body: []byte(id), ReceivedAt: time.Now(),
	})
	return status, err
}

// TestHostileConnectors runs one connector of every fault beside a good one. Each fault is shown with its reason; the good
// one goes on all the while.
func TestHostileConnectors(t *testing.T) {
	names := append([]string{hosttest.Good}, hosttest.All()...)
	c := startHub(t, names, func(o *hub.Options) {
		for i := range o.Connections {
			k := &o.Connections[i]
			k.Deadlines.Poll, k.Deadlines.Start, k.Deadlines.Close = 30*time.Second, 60*time.Second, time.Second
			switch k.Name {
			case hosttest.Leak:
				k.Memory = 192 << 20
			case hosttest.Hang:
				k.Deadlines.Poll = 200 * time.Millisecond
			case hosttest.Hog:
				k.Hog = host.Hog{Share: 0.01, For: time.Second} // others want the machine too
			}
		}
	})
	c.shows(t, hosttest.Good, "runs", func(s api.ConnectionStatus) bool { return s.State == "running" })

	// The good connection takes deliveries until the end.
	stopped, delivered := make(chan struct{}), make(chan int, 1)
	stop := sync.OnceValue(func() int {
		close(stopped)
		return <-delivered
	})
	t.Cleanup(func() { stop() })
	go func() {
		n := 0
		defer func() { delivered <- n }()
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-pace.C:
			}
			if status, err := c.deliver(hosttest.Good, "good-"+strconv.Itoa(n)); err != nil || status != http.StatusOK {
				t.Errorf("delivery %d to the good connection: %d, %v", n, status, err)
				return
			}
			n++
		}
	}()
	failsWith := func(name string, words ...string) func(t *testing.T) {
		return func(t *testing.T) {
			c.shows(t, name, strings.Join(words, ", "), func(s api.ConnectionStatus) bool {
				for _, w := range words {
					if !strings.Contains(s.LastError, w) {
						return false
					}
				}
				return true
			})
		}
	}
	t.Run(hosttest.ExitAtStart, func(t *testing.T) {
		failsWith(hosttest.ExitAtStart, "plugin.start")(t)
		c.shows(t, hosttest.ExitAtStart, "the breaker opens", func(s api.ConnectionStatus) bool {
			return s.State == "failed" && strings.Contains(s.LastError, "in a row")
		})
	})
	t.Run(hosttest.ExitTenth, func(t *testing.T) {
		failsWith(hosttest.ExitTenth, "exit status 7")(t)
		c.shows(t, hosttest.ExitTenth, "it is started again", func(s api.ConnectionStatus) bool { return s.Restarts > 0 })
		eventually(t, "its facts between the ends count", func() bool { return c.binding(hosttest.ExitTenth, "ring-9") != nil })
	})
	t.Run(hosttest.Hang, failsWith(hosttest.Hang, "plugin.deadline"))
	t.Run(hosttest.Flood, func(t *testing.T) {
		c.shows(t, hosttest.Flood, "lines are left out and counted", func(s api.ConnectionStatus) bool {
			return s.State == "running" && s.Process.LinesDropped > 1000
		})
	})
	t.Run(hosttest.Leak, func(t *testing.T) {
		c.shows(t, hosttest.Leak, "it is ended for its memory", func(s api.ConnectionStatus) bool {
			ended := strings.Contains(s.LastError, "plugin.memory") && strings.Contains(s.Do, "connector_memory_mb")
			return s.Restarts > 0 && (ended || strings.Contains(s.LastError, "out of memory"))
		})
	})
	t.Run(hosttest.Garbage, failsWith(hosttest.Garbage, "did not speak the handshake"))
	t.Run(hosttest.Fork, func(t *testing.T) {
		var pid int
		eventually(t, "the child is there", func() bool {
			raw, err := os.ReadFile(filepath.Join(c.data, "plugins", hosttest.Fork, hosttest.ChildFile))
			if err != nil {
				return false
			}
			pid, err = strconv.Atoi(string(raw))
			return err == nil
		})
		require.True(t, lives(pid))
		_, err := (hub.Doors{Hub: c.Hub}).RestartConnector(t.Context(), hosttest.Fork)
		require.NoError(t, err)
		eventually(t, "the child ends with its connector, whatever session it is in", func() bool { return !lives(pid) })
	})
	t.Run(hosttest.Huge, failsWith(hosttest.Huge, "plugin.bad_answer", "larger than max"))
	t.Run(hosttest.WrongResult, func(t *testing.T) {
		c.shows(t, hosttest.WrongResult, "is live", func(s api.ConnectionStatus) bool { return s.Mode == canon.ModeLive })
		eventually(t, "a piece of it that is written", func() bool { return c.binding(hosttest.WrongResult, "ring-of-liar") != nil })
		c.sell(t, hosttest.WrongResult, "ring-of-liar")
		failsWith(hosttest.WrongResult, "plugin.bad_answer", "another key")(t)
	})
	t.Run(hosttest.Thief, func(t *testing.T) {
		eventually(t, "what it claims is its own listing's", func() bool { return c.binding(hosttest.Thief, hosttest.StolenListing) != nil })
		good := c.binding(hosttest.Good, hosttest.StolenListing)
		require.NotNil(t, good)
		require.False(t, good.Deleted)
		require.Contains(t, string(good.Current().Observation), "Ring of good")
	})
	t.Run(hosttest.Blabber, func(t *testing.T) {
		c.shows(t, hosttest.Blabber, "its facts had a secret", func(s api.ConnectionStatus) bool { return s.Process.Redacted > 0 && s.LastError != "" })
		eventually(t, "its facts count all the same", func() bool { return c.binding(hosttest.Blabber, "ring-of-blabber") != nil })
		require.NotContains(t, fmt.Sprintf("%+v", c.status(hosttest.Blabber)), hostileSecret)
		require.NotContains(t, string(c.binding(hosttest.Blabber, "ring-of-blabber").Current().Observation), hostileSecret)
	})
	t.Run(hosttest.Hog, func(t *testing.T) {
		c.shows(t, hosttest.Hog, "it runs below everybody else", func(s api.ConnectionStatus) bool { return s.Process.Slowed && s.State == "running" })
	})
	t.Run("the good one goes on", func(t *testing.T) {
		n := stop()
		require.Positive(t, n)
		eventually(t, "every delivery is a fact", func() bool { return c.binding(hosttest.Good, "good-"+strconv.Itoa(n-1)) != nil })
		for i := range n {
			require.NotNil(t, c.binding(hosttest.Good, "good-"+strconv.Itoa(i)))
		}
		s := c.status(hosttest.Good)
		require.Equal(t, "running", s.State, "%+v", s)
		require.Zero(t, s.Restarts)
	})
	require.NotContains(t, c.log.String(), hostileSecret)
	files, err := filepath.Glob(filepath.Join(c.data, "journal", "*"))
	require.NoError(t, err)
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.IsDir() {
			continue
		}
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		require.False(t, bytes.Contains(raw, []byte(hostileSecret)), "no secret in the journal: %s", f)
	}
}

// lives reports whether a process runs; a zombie does not.
func lives(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// sell sells a listing's piece at the till, so that its level has to be written.
func (c *connectorsHub) sell(t *testing.T, connection, listing string) {
	t.Helper()
	var item string
	eventually(t, "the listing is an item", func() bool {
		v, err := c.Store().View()
		require.NoError(t, err)
		defer v.Close()
		node, err := store.Load[store.Node](v, store.PrefixNode+canon.NodeID("itm", connection, canon.KindListing, listing))
		require.NoError(t, err)
		if node == nil || node.Golden == "" {
			return false
		}
		found, err := store.Load[canon.Item](v, store.RecordKey(store.TypeItem, node.Golden))
		require.NoError(t, err)
		if found == nil || found.Status != canon.ItemInStock {
			return false
		}
		item = found.ID
		return true
	})
	done, err := (hub.Doors{Hub: c.Hub}).Do(context.Background(), "till", canon.Command{
		Key: "sale-of-" + listing, ID: ulid.Make().String(), Sell: &canon.Sell{Item: item, Location: "paris", Channel: "till"},
	})
	require.NoError(t, err)
	require.Empty(t, done.Code, "%+v", done)
}
