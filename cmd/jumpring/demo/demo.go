// Package demo shows the hub at its main job: a Shopify store, a WooCommerce shop and a till trade the same
// one-of-a-kind pieces for a day that takes seconds, with everything going wrong that goes wrong in a year. An auditor
// judges the day from the channels' own ledgers and the hub's public API.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jumpring/jumpring/cmd/jumpring/demo/audit"
)

// SabotageEnv is the environment variable by which the demo breaks the hub on purpose. `serve` reads it; no
// configuration does.
const SabotageEnv = "JUMPRING_DEMO_SABOTAGE"

// Options say what is shown.
type Options struct {
	// Hub is the command that starts the hub; "--config" and a file are added to it.
	Hub []string
	// Once ends after one day; otherwise the shops go on trading until ctx ends.
	Once bool
	Seed uint64
	// Output is text or json: json gives the figures on Out and the story on Story.
	Output     string
	Out, Story io.Writer
	// Sabotage breaks the hub: drop-write, skip-fsync, ignore-hold or echo.
	Sabotage string
	// Data is the folder to work in; empty makes one and removes it after a day without a fault.
	Data string
	// Sales is about how many sales the day has; 0 is a whole day's. Fewer are for tests of what goes wrong.
	Sales int
}

// Sabotages are the ways to break the hub on purpose.
var Sabotages = []string{"drop-write", "skip-fsync", "ignore-hold", "echo"}

// fullDay is how many sales a day has.
const fullDay = 220

// Run plays a day and gives its figures. The error is of what kept the day from being played or judged.
func Run(ctx context.Context, o Options) (figures *audit.Figures, err error) {
	if o.Sales == 0 {
		o.Sales = fullDay
	}
	if o.Story == nil {
		o.Story = o.Out
		if o.Output == "json" {
			o.Story = io.Discard
		}
	}
	dir := o.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "jumpring-demo-"); err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
	} else if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	} else if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	d := &day{o: &o, dir: dir, began: time.Now(), emails: map[string]bool{}}
	defer func() {
		err = errors.Join(err, d.close())
		clean := err == nil && figures != nil && len(figures.Failed) == 0
		switch {
		case o.Data != "":
		case clean || ctx.Err() != nil:
			err = errors.Join(err, os.RemoveAll(dir))
		default:
			d.say("What the hub logged is in %s", d.hub.log)
		}
	}()
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	if err := d.play(ctx); err != nil {
		return nil, err
	}
	if figures, err = d.judge(ctx); err != nil {
		return nil, err
	}
	if err := show(&o, figures); err != nil {
		return figures, err
	}
	if !o.Once {
		return figures, d.goOn(ctx)
	}
	return figures, nil
}

// open starts the platforms and the hub, and waits until the hub has read everything and writes.
func (d *day) open(ctx context.Context) (err error) {
	if d.stage, err = newStage(d.dir, d.o.Seed); err != nil {
		return err
	}
	d.deal()
	address, err := freeAddress()
	if err != nil {
		return err
	}
	base := "http://" + address
	if d.gate, err = newGate(base); err != nil {
		return err
	}
	file, env, err := d.stage.writeConfig(d.dir, filepath.Join(d.dir, "data"), address, d.gate.url)
	if err != nil {
		return err
	}
	admin := rand.Text() + rand.Text()
	env = append(env, "JUMPRING_ADMIN_TOKEN="+admin, SabotageEnv+"="+d.o.Sabotage, "PATH="+os.Getenv("PATH"), "HOME="+os.Getenv("HOME"), "TMPDIR="+os.Getenv("TMPDIR"))
	d.hub = &hubProcess{command: append(append([]string{}, d.o.Hub...), "--config", file), env: env, log: filepath.Join(d.dir, "hub.log")}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	d.api = &hubAPI{base: base, token: admin, client: client}
	d.say("A Shopify store at %s, a WooCommerce shop at %s, a till that writes into %s: %d pieces and %d SKUs in quantity.",
		d.stage.webURL, d.stage.shopURL, d.stage.folder, len(d.stage.pieces), len(d.stage.quantities))
	if err := d.hub.start(); err != nil {
		return err
	}
	if err := d.ready(ctx); err != nil {
		return err
	}
	d.say("The hub is up. Its status page: %s/", base)
	for name, into := range map[string]**till{"paris-1": &d.asking, "lyon-1": &d.reporting} {
		var made struct {
			Token string `json:"token"`
		}
		if _, err := d.api.call(ctx, http.MethodPost, "/v1/tokens", "", map[string]string{"name": name, "role": "till"}, &made); err != nil {
			return fmt.Errorf("demo: a token for the till %s: %w", name, err)
		}
		*into = &till{name: name, api: &hubAPI{base: base, token: made.Token, client: client}}
	}
	return d.goLive(ctx)
}

// ready waits until the hub says that it is.
func (d *day) ready(ctx context.Context) error {
	return await(ctx, "the hub is ready", 20*time.Second, func() (bool, error) {
		if gone, why := d.hub.ended(); gone {
			return false, fmt.Errorf("the hub ended: %w; %s", errors.Join(why, errors.New("exit")), d.lastWords())
		}
		_, err := d.api.call(ctx, http.MethodGet, "/readyz", "", nil, nil)
		return err == nil, err
	})
}

// lastWords gives the end of the hub's log.
func (d *day) lastWords() string {
	raw, err := os.ReadFile(d.hub.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(raw[max(len(raw)-2000, 0):]))
}

// goLive waits until the hub has read the platforms and the till's files, and may write. Where a plan is not empty it
// is accepted, as a person does who has looked at it.
func (d *day) goLive(ctx context.Context) error {
	accepted := map[string]bool{}
	err := await(ctx, "both shops are live", 30*time.Second, func() (bool, error) {
		all, err := d.connections(ctx)
		if err != nil {
			return false, err
		}
		live := 0
		var waits error
		for _, c := range all {
			switch {
			case c.Name == tillConnection:
			case c.Mode == "live":
				live++
			default:
				waits = fmt.Errorf("%s is %s: %s", c.Name, c.Mode, c.LastError)
				if c.Mode == "shadow" && !accepted[c.Name] {
					accepted[c.Name], err = d.acceptPlan(ctx, c.Name)
				}
			}
		}
		return live == 2, errors.Join(err, waits)
	})
	if err != nil {
		return err
	}
	want := len(d.stage.all())
	err = await(ctx, "every item of the catalogue is known at all three", 20*time.Second, func() (bool, error) {
		items, err := list[struct {
			SKU      string `json:"sku"`
			Adopted  bool   `json:"adopted"`
			Listings []struct {
				Connection string `json:"connection"`
			} `json:"listings"`
		}](ctx, d.api, "/v1/items", nil)
		whole := 0
		for i := range items {
			if items[i].Adopted && len(items[i].Listings) == 3 {
				whole++
			}
		}
		if whole != want || len(items) != want {
			return false, errors.Join(err, fmt.Errorf("%d items, %d of them joined from all three, of %d", len(items), whole, want))
		}
		return true, err
	})
	if err != nil {
		return err
	}
	err = await(ctx, "the platforms deliver webhooks", 20*time.Second, func() (bool, error) {
		return len(d.stage.web.Subscriptions()["ORDERS_CREATE"]) > 0 && len(d.stage.shop.Webhooks()) > 0, nil
	})
	if err == nil {
		d.say("%d items are known from all three sides, and both shops are live (%.1f s after the start).", want, time.Since(d.began).Seconds())
	}
	return err
}

// acceptPlan takes a connection live with the plan that it has now, if that can be made already.
func (d *day) acceptPlan(ctx context.Context, name string) (bool, error) {
	var plan struct {
		Digest string     `json:"digest"`
		Rows   []struct{} `json:"rows"`
	}
	if _, err := d.api.call(ctx, http.MethodGet, "/v1/connections/"+name+"/plan", "", nil, &plan); err != nil {
		return false, err
	}
	if len(plan.Rows) == 0 {
		return false, nil // it goes live by itself
	}
	_, err := d.api.call(ctx, http.MethodPost, "/v1/connections/"+name+"/live", "", map[string]string{"plan_digest": plan.Digest}, nil)
	if err == nil {
		d.say("The plan of %s has %d calls; looked at and accepted.", name, len(plan.Rows))
	}
	return err == nil, err
}

// judge waits until it is quiet, has the hub read everything, and lets the auditor judge.
func (d *day) judge(ctx context.Context) (*audit.Figures, error) {
	d.say("Closing time. Waiting until nothing is under way.")
	quiet := func() (bool, error) {
		if _, _, idle := d.gate.counts(); !idle || d.stage.web.PendingWebhooks() > 0 {
			return false, nil
		}
		r, err := d.record(ctx, 0)
		if err != nil {
			return false, err
		}
		f := audit.Judge(d.evidence(), r)
		return f.DriftRows == 0 && f.Lost == 0 && f.Sync.Unseen == 0 && f.OpenCases == 0, nil
	}
	if err := await(ctx, "it is quiet", d.patience(), quiet); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		d.say("It does not get quiet; the auditor says why.")
	}
	rows, err := d.sweep(ctx)
	if err != nil {
		return nil, err
	}
	r, err := d.record(ctx, rows)
	if err != nil {
		return nil, err
	}
	return audit.Judge(d.evidence(), r), nil
}

// patience is how long the end of the day is waited for: what a broken hub never does is not waited for long.
func (d *day) patience() time.Duration {
	if d.o.Sabotage != "" {
		return 3 * time.Second
	}
	return 15 * time.Second
}

func show(o *Options, f *audit.Figures) error {
	if o.Output == "json" {
		enc := json.NewEncoder(o.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(f)
	}
	w := o.Out
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("")
	p("The auditor, from the channels' own ledgers and the hub's public API:")
	p("  %d pieces, %d clients, %d events, %d sales", f.Pieces, f.Clients, f.Events, f.Sales)
	p("  oversold %d, conflicts %d of %d provoked, lost %d, drift %d, parked %d, forged and refused %d, echoes %d, restarts %d",
		f.Oversold, f.PlatformConflicts, f.ConflictsProvoked, f.Lost, f.DriftRows, f.Parked, f.ForgedRejected, f.EchoCalls, f.Restarts)
	p("  seen at the other shop after %.0f ms (p50), %.0f ms (p99); %.0f ms at most where something was broken", f.Sync.P50, f.Sync.P99, f.Recovery.Max)
	for _, line := range f.Details {
		p("  - %s", line)
	}
	for _, line := range f.Failed {
		p("  FAILED %s", line)
	}
	if len(f.Failed) == 0 {
		p("  Nothing was sold twice, nothing was lost.")
	}
	return nil
}
