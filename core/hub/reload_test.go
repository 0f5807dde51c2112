package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/host/hosttest"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// configuration is what a hub under test reads at a reload.
type configuration struct {
	mu   sync.Mutex
	next *hub.Options
}

func (c *configuration) read() (*hub.Options, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := *c.next
	o.Connections = append([]hub.Connection(nil), c.next.Connections...)
	o.Settings.Connections = append([]canon.ConnectionSettings(nil), c.next.Settings.Connections...)
	return &o, nil
}

func (c *configuration) change(change func(o *hub.Options)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.next)
}

// reloadable runs a hub that can be reloaded.
func reloadable(t *testing.T, names ...string) (*connectorsHub, *configuration) {
	t.Helper()
	c := &configuration{}
	h := startHub(t, names, func(o *hub.Options) {
		o.Reload = c.read
		for i := range o.Connections {
			o.Connections[i].Version = "1"
			o.Connections[i].Deadlines = host.Deadlines{Start: within, Open: within, Describe: within}
		}
		next := *o
		next.Connections = append([]hub.Connection(nil), o.Connections...)
		c.next = &next
	})
	for _, name := range names {
		if name != hosttest.Late {
			h.shows(t, name, "runs", func(s api.ConnectionStatus) bool { return s.State == "running" })
		}
	}
	return h, c
}

func problemOf(t *testing.T, err error) *problem.Problem {
	t.Helper()
	var p *problem.Problem
	require.ErrorAs(t, err, &p)
	return p
}

// entriesOf counts the observations in the journal by the entity that they are of.
func entriesOf(t *testing.T, h *hub.Hub, connection string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for at := uint64(1); at <= h.Journal().End(); {
		batches, err := h.Journal().ReadFrom(t.Context(), at, 500)
		require.NoError(t, err)
		require.NotEmpty(t, batches)
		for _, b := range batches {
			at = b.Offset + 1
			for _, e := range b.Entries {
				var head canon.Head
				require.NoError(t, json.Unmarshal(e.Head, &head))
				if e.Type != string(canon.EntryObservation) || head.Connection != connection {
					continue
				}
				var o canon.Observation
				require.NoError(t, json.Unmarshal(e.Data, &o))
				out[o.ExternalID]++
			}
		}
	}
	return out
}

func TestAReloadIsShownFirstAndChangesOnlyWhatChanged(t *testing.T) {
	h, config := reloadable(t, hosttest.Good, hosttest.WrongResult)
	d := hub.Doors{Hub: h.Hub}
	plan, err := d.ReloadPlan(t.Context())
	require.NoError(t, err)
	require.Empty(t, plan.Changes, "nothing changed")

	config.change(func(o *hub.Options) {
		o.Connections[1].Config = json.RawMessage(`{"refuse":true}`)
	})
	plan, err = d.ReloadPlan(t.Context())
	require.NoError(t, err)
	require.True(t, plan.Refused)
	require.Contains(t, plan.Changes[0].Errors[0], "leave it out")
	_, err = d.Reload(t.Context(), plan.Digest)
	require.Equal(t, problem.ReloadRefused, problemOf(t, err).Code)

	config.change(func(o *hub.Options) {
		o.Connections[1].Config = json.RawMessage(`{ }`)
		o.PublicURL = "https://elsewhere.example"
		o.Fixed = map[string]string{"listen": "another"}
	})
	plan, err = d.ReloadPlan(t.Context())
	require.NoError(t, err)
	require.Equal(t, []api.ReloadChange{{Connection: hosttest.WrongResult, Does: "restart", Why: []string{"config"}, From: "1", To: "1"}}, plan.Changes)
	require.Equal(t, []string{"public_url", "listen"}, plan.Restart)
	_, err = d.Reload(t.Context(), "of another plan")
	require.Equal(t, problem.ReloadStale, problemOf(t, err).Code)
	_, err = d.Reload(t.Context(), plan.Digest)
	require.NoError(t, err)
	h.shows(t, hosttest.WrongResult, "runs again", func(s api.ConnectionStatus) bool { return s.State == "running" })
	require.Zero(t, h.status(hosttest.Good).Restarts)

	// One goes, one comes.
	config.change(func(o *hub.Options) {
		o.PublicURL = ""
		o.Connections[1].Name, o.Connections[1].Command = hosttest.Blabber, []string{o.Connections[1].Command[0], "connector", hosttest.Blabber}
		o.Settings.Connections = append([]canon.ConnectionSettings(nil), o.Settings.Connections...)
		o.Settings.Connections[1].Name, o.Settings.Connections[1].Connector = hosttest.Blabber, hosttest.Blabber
	})
	plan, err = d.Reload(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, plan.Changes, 2)
	require.True(t, plan.Settings)
	h.shows(t, hosttest.Blabber, "runs", func(s api.ConnectionStatus) bool { return s.State == "running" })
	eventually(t, "its facts count", func() bool { return h.binding(hosttest.Blabber, "ring-of-blabber") != nil })
	_, err = h.deliver(hosttest.WrongResult, "x")
	require.ErrorIs(t, err, hub.ErrUnknownConnection)
}

// TestANewProgramTakesOverUnderLoad changes a connector's program while webhooks come: each is answered, and is one fact.
func TestANewProgramTakesOverUnderLoad(t *testing.T) {
	h, config := reloadable(t, hosttest.Good)
	const callers, versions = 8, 3
	var sent sync.Map
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var answered atomic.Int64
	for caller := range callers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				id := fmt.Sprintf("load-%d-%d", caller, n)
				status, err := h.deliver(hosttest.Good, id)
				if err != nil || status != http.StatusOK {
					t.Errorf("delivery %s: %d, %v", id, status, err)
					return
				}
				sent.Store(id, true)
				answered.Add(1)
			}
		})
	}
	var before int64
	more := func() {
		t.Helper()
		before = answered.Load()
		eventually(t, "deliveries are answered", func() bool { return answered.Load() > before+50 })
	}
	more()
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	for v := 2; v < 2+versions; v++ {
		path := filepath.Join(t.TempDir(), "connector")
		require.NoError(t, os.WriteFile(path, append(program, fmt.Sprint("version ", v)...), 0o700))
		sum, err := host.FileChecksum(path)
		require.NoError(t, err)
		config.change(func(o *hub.Options) {
			o.Connections[0].Command, o.Connections[0].Checksum = []string{path, "connector", hosttest.Good}, sum
			o.Connections[0].Version = fmt.Sprint(v)
		})
		plan, err := (hub.Doors{Hub: h.Hub}).Reload(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, []string{"program"}, plan.Changes[0].Why)
		require.Equal(t, fmt.Sprint(v), plan.Changes[0].To)
		more()
	}
	close(stop)
	wg.Wait()
	h.shows(t, hosttest.Good, "nothing waits", func(s api.ConnectionStatus) bool { return s.Deliveries.Waiting == 0 && s.State == "running" })
	total := 0
	entries := entriesOf(t, h.Hub, hosttest.Good)
	sent.Range(func(id, _ any) bool {
		total++
		require.Equal(t, 1, entries[id.(string)], "entries of %s: each delivery is one fact", id)
		return true
	})
	require.EqualValues(t, answered.Load(), total)
	require.Zero(t, h.status(hosttest.Good).Deliveries.Failed)
	t.Logf("%d deliveries over %d changes of the program, %d of them waited on disk", total, versions, h.status(hosttest.Good).Deliveries.Waited)
}

func TestADeliveryWaitsForItsConnectorAndIsVerifiedThen(t *testing.T) {
	h, _ := reloadable(t, hosttest.Late)
	status, err := h.deliver(hosttest.Late, "early")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "it is kept")
	status, _, _, err = h.HandleWebhook(context.Background(), hosttest.Late, &sdk.WebhookRequest{
		Method: http.MethodPost, Headers: map[string][]string{"X-Secret": {"guess"}}, Body: []byte("forged"), ReceivedAt: time.Now(),
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "nobody can tell yet")
	_, _, _, err = h.HandleWebhook(context.Background(), hosttest.Late, &sdk.WebhookRequest{Method: http.MethodGet, ReceivedAt: time.Now()})
	require.ErrorIs(t, err, hub.ErrUnavailable, "a challenge can't wait")
	require.Equal(t, 2, h.status(hosttest.Late).Deliveries.Waiting)
	require.Nil(t, h.binding(hosttest.Late, "early"))

	work := filepath.Join(h.data, "plugins", hosttest.Late)
	require.NoError(t, os.WriteFile(filepath.Join(work, hosttest.OpenFile), nil, 0o600))
	eventually(t, "what waited is a fact", func() bool { return h.binding(hosttest.Late, "early") != nil })
	h.shows(t, hosttest.Late, "the forged one is dropped and counted", func(s api.ConnectionStatus) bool {
		return s.Deliveries.Waiting == 0 && s.Deliveries.NotGenuine == 1 && s.Deliveries.Waited == 1
	})
	require.Nil(t, h.binding(hosttest.Late, "forged"))
	require.Equal(t, map[string]int{"early": 1}, entriesOf(t, h.Hub, hosttest.Late))
}

func TestKeptDeliveriesAreTranslatedAgainByANewMapping(t *testing.T) {
	h, config := reloadable(t, hosttest.Good)
	ids := []string{"a", "b", "c"}
	for _, id := range ids {
		status, err := h.deliver(hosttest.Good, id)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
	}
	title := func(id string) string {
		b := h.binding(hosttest.Good, id)
		if b == nil {
			return ""
		}
		var o canon.Observation
		require.NoError(t, json.Unmarshal(b.Current().Observation, &o))
		return o.Listing.Title
	}
	for _, id := range ids {
		eventually(t, "facts of the first mapping", func() bool { return title(id) == hosttest.Title(id, 1) })
	}
	cut := time.Now()
	for version := 2; version <= 3; version++ { // by content one of them is below the other
		config.change(func(o *hub.Options) {
			o.Connections[0].Env = map[string]string{hosttest.TranslationVariable: fmt.Sprint(version)}
		})
		plan, err := (hub.Doors{Hub: h.Hub}).Reload(t.Context(), "")
		require.NoError(t, err)
		require.Equal(t, []string{"environment"}, plan.Changes[0].Why)
		report, err := (hub.Doors{Hub: h.Hub}).Reprocess(t.Context(), hosttest.Good, time.Time{}, cut, nil)
		require.NoError(t, err)
		require.EqualValues(t, 3, report.Deliveries)
		require.EqualValues(t, 3, report.Facts)
		for _, id := range ids {
			eventually(t, "facts of the next mapping", func() bool { return title(id) == hosttest.Title(id, version) })
		}
	}
	report, err := (hub.Doors{Hub: h.Hub}).Reprocess(t.Context(), hosttest.Good, cut.Add(time.Hour), time.Time{}, nil)
	require.NoError(t, err)
	require.Zero(t, report.Deliveries, "none was received then")
	_, err = (hub.Doors{Hub: h.Hub}).Reprocess(t.Context(), "nobody", time.Time{}, time.Time{}, nil)
	require.True(t, errors.Is(err, api.ErrUnknownConnection))
	files, err := filepath.Glob(filepath.Join(h.data, "deliveries", hosttest.Good, "kept-*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		require.False(t, strings.Contains(string(raw), hostileSecret))
	}
}
