package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/console"
	"github.com/jumpring/jumpring/core/ingress"
	"github.com/jumpring/jumpring/core/report"
	"github.com/jumpring/jumpring/core/views"
)

// ServeOptions configure Serve.
type ServeOptions struct {
	Options
	// Listen is the address of the one port, "127.0.0.1:8480".
	Listen  string
	Version string
	// AdminToken is the text of the first admin's token; empty makes one, which FirstToken gets to show, once.
	AdminToken string
	FirstToken func(text string) error
	// Hangups, where it is given, asks for a reload of the configuration by each signal.
	Hangups <-chan os.Signal
	// Started is called with the address when the doors are open.
	Started func(address string)
	// JSONBytes and WebhookBytes bound the bodies; 0 means the defaults of core/api.
	JSONBytes, WebhookBytes int
	// Roles are the house's own; Console is nil for none.
	Roles   []access.Definition
	Console *console.Options
	// Audit says how often the journal's end is sealed, and where.
	Audit AuditOptions
	// Alarms say what people outside are told, Backups when the hub backs itself up.
	Alarms  AlarmOptions
	Backups ScheduleOptions
	// Rates reads the exchange rates that reports convert by; nil for none.
	Rates func() (*report.Rates, error)
}

// closeDeadline is how long requests under way may take at a stop.
const closeDeadline = 10 * time.Second

// Serve runs a hub with its doors until ctx ends. The doors are open before any platform is reached.
func Serve(ctx context.Context, o ServeOptions) (err error) {
	h, err := Open(ctx, o.Options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	doors, err := h.doors(&o)
	if h.link != nil {
		defer func() { err = errors.Join(err, h.link.close()) }()
	}
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("hub: listen on %s: %w", o.Listen, err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.Run(ctx) })
	g.Go(func() error { h.reloadOn(ctx, o.Hangups); return nil })
	g.Go(func() error { h.auditor.run(ctx); return nil })
	g.Go(func() error { h.alarms.Run(ctx); return nil })
	g.Go(func() error { h.backups.run(ctx); return nil })
	g.Go(func() error {
		if err := doors.Serve(ln); err != nil && ctx.Err() == nil {
			return fmt.Errorf("hub: serve: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		closing, cancel := context.WithTimeout(context.Background(), closeDeadline)
		defer cancel()
		err := doors.Close(closing)
		_ = ln.Close() // a hub that is stopped at once may not serve on it yet
		return err
	})
	if o.Started != nil {
		o.Started(ln.Addr().String())
	}
	return g.Wait()
}

func (h *Hub) doors(o *ServeOptions) (*api.API, error) {
	tokens, err := access.NewKeeper(h.side, time.Now, o.Roles...)
	if err != nil {
		return nil, err
	}
	if h.shared != nil {
		h.shared.watch(access.TokenSpace, tokens.Refresh)
		h.shared.first = func() error { return firstToken(tokens, o) }
	} else if err := firstToken(tokens, o); err != nil {
		return nil, err
	}
	metrics := prometheus.NewRegistry()
	h.version, h.metrics = o.Version, metrics
	if err := h.register(metrics); err != nil {
		return nil, err
	}
	webhookBytes := o.WebhookBytes
	if webhookBytes == 0 {
		webhookBytes = 2 << 20
	}
	hooks, err := ingress.NewHooks(Doors{h}, webhookBytes, time.Now, metrics)
	if err != nil {
		return nil, err
	}
	events, err := ingress.NewEvents(Doors{h}, metrics)
	if err != nil {
		return nil, err
	}
	if h.o.Bus != nil {
		if h.link, err = h.openLink(events, metrics); err != nil {
			return nil, err
		}
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("hub: listen %q is not HOST:PORT: %w", o.Listen, err)
	}
	ip := net.ParseIP(host)
	staff, err := access.NewStaff(h.side, time.Now, tokens.Roles())
	if err != nil {
		return nil, err
	}
	if h.shared != nil {
		h.shared.watch(access.StaffSpace, staff.Refresh)
	}
	auditor, err := h.openAudit(o.Audit)
	if err != nil {
		return nil, err
	}
	h.backups = h.openBackups(o.Backups)
	if h.alarms, err = h.openAlarms(o.Alarms); err != nil {
		return nil, err
	}
	made, err := api.New(api.Options{
		Hub: h.commands(), Tokens: tokens, Staff: staff, Pages: o.Console != nil, Keys: views.Keys{Region: o.Settings.Region}, Search: h.search, Rates: o.Rates, Audit: auditor, Hooks: hooks.Handle, Events: events.Handle, Metrics: metrics,
		Log: h.log.Named("api"), Version: o.Version, JSONBytes: o.JSONBytes, WebhookBytes: o.WebhookBytes,
		PageOnLoopback: host == "localhost" || (ip != nil && ip.IsLoopback()),
	})
	if err != nil || o.Console == nil {
		return made, err
	}
	pages := *o.Console
	pages.API, pages.Staff, pages.Kept, pages.Log, pages.Version, pages.PublicURL = made, staff, h.vault, h.log.Named("console"), o.Version, o.PublicURL
	if _, err := console.Mount(made.App(), pages); err != nil {
		return nil, err
	}
	return made, nil
}

// firstToken makes the first admin's token when there is none at all.
func firstToken(tokens *access.Keeper, o *ServeOptions) error {
	if len(tokens.List()) > 0 {
		return nil
	}
	if o.AdminToken != "" {
		_, err := tokens.Adopt(o.AdminToken, "admin", access.RoleAdmin, "", time.Time{})
		return unlessMade(err)
	}
	text, _, err := tokens.Create("admin", access.RoleAdmin, "", time.Time{})
	if err != nil || o.FirstToken == nil {
		return unlessMade(err)
	}
	return o.FirstToken(text)
}

// unlessMade passes over that another node, which began at the same time, was faster.
func unlessMade(err error) error {
	if errors.Is(err, access.ErrExists) {
		return nil
	}
	return err
}

// register adds what the hub knows of itself to the metrics.
func (h *Hub) register(metrics prometheus.Registerer) error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		counted{h},
		newCondition(h),
		gauge("jumpring_journal_end", "Offset of the newest durable batch.", func() float64 { return float64(h.journal.End()) }),
		gauge("jumpring_fold_offset", "Offset of the newest folded batch.", func() float64 { return float64(h.router.Mark().Position.Offset) }),
		gauge("jumpring_fold_lag_batches", "Durable batches that are not folded yet.", func() float64 { return float64(h.router.Lag()) }),
		gauge("jumpring_fold_entries_total", "Entries folded since the start.", func() float64 { return float64(h.router.Folded()) }),
		gauge("jumpring_journal_fsyncs_total", "Syncs of the journal since the start.", func() float64 { return h.fsyncs() }),
		gauge("jumpring_leading", "1 while this node polls and writes.", func() float64 {
			if h.leading.Load() {
				return 1
			}
			return 0
		}),
		gauge("jumpring_clock_skew_seconds", "By how much the wall clock differs from the journal's.", func() float64 { return h.journal.ClockSkew().Seconds() }),
	} {
		if err := metrics.Register(c); err != nil {
			return fmt.Errorf("hub: metrics: %w", err)
		}
	}
	return nil
}
