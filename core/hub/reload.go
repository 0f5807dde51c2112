package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// tryOutWait is how long a connector that is to be started may take to show that it can.
const tryOutWait = 60 * time.Second

// reload is a request to change what runs.
type reload struct {
	next *Options
	plan *api.ReloadPlan
	done chan error
}

// ReloadPlan reads the configuration anew and tells what a reload would do. What is to be started is tried: its program is
// checked and started beside what runs, without being opened, and asked about its configuration. Nothing changes.
func (h *Hub) ReloadPlan(ctx context.Context) (*api.ReloadPlan, error) {
	h.reloading.Lock()
	defer h.reloading.Unlock()
	_, plan, err := h.planReload(ctx)
	return plan, err
}

// Reload does what a reload plan tells. Connections that did not change are left alone. One that changed is ended in order
// and started anew; its deliveries wait meanwhile, no longer than its platform does, and are kept beyond that, so that no fact
// is lost. An empty digest takes any plan; a plan that can't work changes nothing.
func (h *Hub) Reload(ctx context.Context, digest string) (*api.ReloadPlan, error) {
	h.reloading.Lock()
	defer h.reloading.Unlock()
	next, plan, err := h.planReload(ctx)
	switch {
	case err != nil:
		return nil, err
	case plan.Refused:
		return nil, plan.Refusal()
	case digest != "" && digest != plan.Digest:
		return nil, problem.New(problem.ReloadStale, "")
	}
	ask := reload{next: next, plan: plan, done: make(chan error, 1)}
	select {
	case h.reloads <- ask:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case err := <-ask.done:
		return plan, err
	case <-ctx.Done():
		return nil, fmt.Errorf("hub: the reload goes on: %w", ctx.Err())
	}
}

func (h *Hub) planReload(ctx context.Context) (*Options, *api.ReloadPlan, error) {
	if h.o.Reload == nil {
		return nil, nil, problem.New(problem.ReloadImpossible, "this hub was started without a configuration file")
	}
	next, err := h.o.Reload()
	if err != nil {
		return nil, nil, problem.New(problem.ReloadRefused, err.Error())
	}
	if err := next.check(); err != nil {
		return nil, nil, problem.New(problem.ReloadRefused, err.Error())
	}
	h.mu.RLock()
	now := h.o
	h.mu.RUnlock()
	plan := &api.ReloadPlan{Changes: []api.ReloadChange{}, Restart: needRestart(&now, next)}
	same, err := equalJSON(now.Settings, next.Settings)
	if err != nil {
		return nil, nil, err
	}
	plan.Settings = !same
	old := make(map[string]*Connection, len(now.Connections))
	for i := range now.Connections {
		old[now.Connections[i].Name] = &now.Connections[i]
	}
	for i := range next.Connections {
		c := &next.Connections[i]
		change := api.ReloadChange{Connection: c.Name, Does: "add", To: c.Version}
		if was := old[c.Name]; was != nil {
			delete(old, c.Name)
			change.Does, change.Why, change.From = "restart", differences(was, c), was.Version
			if len(change.Why) == 0 {
				continue
			}
		}
		change.Errors = h.tryOut(ctx, c)
		plan.Refused = plan.Refused || len(change.Errors) > 0
		plan.Changes = append(plan.Changes, change)
	}
	for _, name := range slices.Sorted(maps.Keys(old)) {
		plan.Changes = append(plan.Changes, api.ReloadChange{Connection: name, Does: "remove", From: old[name].Version})
	}
	plan.Digest, err = digestOf(plan, next)
	return next, plan, err
}

// digestOf covers what a plan tells and what it does not: configurations and secrets, as hashes.
func digestOf(plan *api.ReloadPlan, next *Options) (string, error) {
	sum := sha256.New()
	e := json.NewEncoder(sum)
	for _, v := range []any{plan.Changes, plan.Restart, next.Settings, next.Connections} {
		if err := e.Encode(v); err != nil {
			return "", fmt.Errorf("hub: digest of the reload: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// differences names what of a connection changed and needs a start of its own. What only the fold uses is in the settings.
func differences(was, is *Connection) []string {
	var out []string
	for _, d := range []struct {
		name string
		same bool
	}{
		{"program", slices.Equal(was.Command, is.Command) && was.Checksum == is.Checksum && was.Version == is.Version},
		{"config", string(was.Config) == string(is.Config)},
		{"secrets", maps.Equal(was.Secrets, is.Secrets)},
		{"environment", maps.Equal(was.Env, is.Env)},
		{"fuse", was.Limits == is.Limits},
		{"drift", was.Drift == is.Drift},
		{"deliver", reflect.DeepEqual(was.Deliver, is.Deliver)},
		{"limits", was.Memory == is.Memory && was.Files == is.Files && was.Hog == is.Hog && was.Deadlines == is.Deadlines},
	} {
		if !d.same {
			out = append(out, d.name)
		}
	}
	return out
}

// needRestart names what of the rest changed.
func needRestart(was, is *Options) []string {
	var out []string
	for _, d := range []struct {
		name string
		same bool
	}{
		{"data", was.Data == is.Data},
		{"public_url", was.PublicURL == is.PublicURL},
		{"bus", reflect.DeepEqual(was.Bus, is.Bus) && was.Archive == is.Archive && was.PackJournal == is.PackJournal && was.Node == is.Node && was.Address == is.Address},
		{"deliveries", was.Deliveries == is.Deliveries},
		{"region", was.Settings.Region == is.Settings.Region},
	} {
		if !d.same {
			out = append(out, d.name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(is.Fixed)) {
		if is.Fixed[key] != was.Fixed[key] {
			out = append(out, key)
		}
	}
	return out
}

// tryOut starts a connector beside what runs, unopened, and gives why it can't work; nothing where it can.
func (h *Hub) tryOut(ctx context.Context, spec *Connection) []string {
	ctx, cancel := context.WithTimeout(ctx, tryOutWait)
	defer cancel()
	dir := filepath.Join(h.folder(workFolder), ".try-"+spec.Name)
	defer os.RemoveAll(dir)
	secrets, err := h.secrets(spec)
	if err != nil {
		return []string{err.Error()}
	}
	p, err := host.Launch(ctx, host.Spec{
		Connection: spec.Name, Command: spec.Command, Checksum: spec.Checksum, Config: spec.Config, Secrets: secrets, WorkDir: dir,
		Env: spec.Env, Verify: spec.Verify, MemoryLimit: spec.Memory, FileLimit: spec.Files, Unopened: true,
		Restart: host.Restart{MaxCrashes: 1, Pause: time.Hour}, Logger: h.log.Named(spec.Name + ".try"),
	})
	if err != nil {
		return []string{err.Error()}
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Close(closing) // nothing was opened that could be lost
	}()
	about, err := p.Describe(ctx)
	if err == nil && slices.Contains(about.Capabilities, sdk.CanValidate) {
		var found *sdk.ValidateResponse
		if found, err = p.Validate(ctx, &sdk.ValidateRequest{Config: spec.Config, Secrets: secrets}); err == nil {
			var out []string
			for _, d := range found.Diagnostics {
				if d.Severity == sdk.SeverityError {
					out = append(out, d.Code+": "+d.Summary+": "+d.Do)
				}
			}
			return out
		}
	}
	if err != nil {
		s := p.Status()
		out := err.Error()
		if s.LastDo != "" {
			out += ": " + s.LastDo
		}
		return []string{out}
	}
	return nil
}

// runReloads carries reloads out, and begins connectors anew whose credentials changed, one after another, until ctx ends.
func (h *Hub) runReloads(ctx context.Context, g *errgroup.Group) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-h.reloads:
			r.done <- h.carryOut(ctx, g, r)
		case <-h.renewals:
			if err := h.renew(ctx, g); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// carryOut puts the new connections in the place of the old ones and begins them when the old ones have ended.
func (h *Hub) carryOut(ctx context.Context, g *errgroup.Group, r reload) error {
	next := make(map[string]*Connection, len(r.next.Connections))
	for i := range r.next.Connections {
		c := &r.next.Connections[i]
		next[c.Name] = c
		if err := h.openDeliveries(c.Name); err != nil {
			return err
		}
	}
	var ended, begun []*connection
	h.mu.Lock()
	for _, c := range r.plan.Changes {
		if old := h.connections[c.Connection]; old != nil {
			ended = append(ended, old)
			delete(h.connections, c.Connection)
		}
		if spec := next[c.Connection]; spec != nil {
			made := newConnection(h, spec)
			h.connections[c.Connection] = made
			begun = append(begun, made)
		}
	}
	h.o.Settings, h.o.Connections = r.next.Settings, r.next.Connections
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	if err := h.follow(ctx, g, ended, begun); err != nil {
		return err
	}
	for _, c := range r.plan.Changes {
		h.log.Info("reloaded", "connection", c.Connection, "does", c.Does, "why", c.Why, "version", c.To)
	}
	return nil
}

// follow begins connections when those have ended whose place they take.
func (h *Hub) follow(ctx context.Context, g *errgroup.Group, ended, begun []*connection) error {
	for _, c := range ended {
		g.Go(func() error { c.retire(ctx); return nil })
	}
	for _, c := range ended {
		select {
		case <-c.closed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, c := range begun {
		if err := h.begin(ctx, g, c); err != nil {
			return err
		}
	}
	return h.settleWhenTold(ctx, begun)
}

// reloadOn reloads the configuration at each signal until ctx ends. What can't be taken up is logged, and the hub goes on.
func (h *Hub) reloadOn(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			plan, err := h.Reload(ctx, "")
			switch {
			case err != nil:
				h.log.Error("the configuration was not taken up", "error", err)
			default:
				h.log.Info("the configuration was taken up", "changes", len(plan.Changes), "needs_restart", plan.Restart)
			}
		}
	}
}
