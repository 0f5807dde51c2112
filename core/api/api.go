// Package api is the hub's REST door: what is read, commands, the stream of changes, health and metrics, described by
// an OpenAPI 3.1 document that is made from the same table of routes that serves them.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/hashicorp/go-hclog"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/body"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/report"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/views"
)

// Options are the API's parts and limits.
type Options struct {
	Hub    Hub
	Tokens Tokens
	// Staff are the people who sign in to the console; nil where there is no console.
	Staff  *access.Staff
	Keys   views.Keys
	Search Searcher
	// Audit keeps seals and who read what; nil for none.
	Audit Auditor
	// Rates reads the exchange rates that reports convert by; nil, or a nil table, for none.
	Rates func() (*report.Rates, error)
	// Hooks takes webhooks; Events takes reported events of a principal. Both are core/ingress's.
	Hooks  fiber.Handler
	Events func(c *fiber.Ctx, who access.Principal) error
	// Metrics takes the API's own metrics and gives those of the whole hub.
	Metrics interface {
		prometheus.Registerer
		prometheus.Gatherer
	}
	Log     hclog.Logger
	Version string
	// JSONBytes is the largest body of a route, WebhookBytes of a webhook; 0 means 1 MiB and 2 MiB.
	JSONBytes, WebhookBytes int
	// CommandDeadline is how long a command's outcome is waited for before the answer is 202; 0 means 5 s.
	CommandDeadline time.Duration
	// Heartbeat is how often a silent stream shows that it lives; 0 means 15 s.
	Heartbeat time.Duration
	// PageOnLoopback serves the status page without a token to this machine itself. It is set when the hub listens
	// on a loopback address.
	PageOnLoopback bool
	// Pages says that there is a console, to which a browser at the root is sent.
	Pages bool
}

func (o *Options) defaults() {
	if o.JSONBytes == 0 {
		o.JSONBytes = 1 << 20
	}
	if o.WebhookBytes == 0 {
		o.WebhookBytes = 2 << 20
	}
	if o.CommandDeadline == 0 {
		o.CommandDeadline = 5 * time.Second
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
}

// API serves the routes. New makes it, Serve runs it, Close ends it.
type API struct {
	Options
	app     *fiber.App
	schemas *body.Schemas
	openapi []byte
	jobs    *jobs
	figures *figures
	live    *live
	// ctx ends with Close: streams and jobs go by it.
	ctx     context.Context
	stop    context.CancelFunc
	streams sync.WaitGroup
}

// Config is the Fiber configuration that the hub serves with.
func Config(maxBody int) fiber.Config {
	return fiber.Config{
		AppName: "jumpring", DisableStartupMessage: true, CaseSensitive: true,
		BodyLimit: maxBody, ReadBufferSize: 16 << 10,
		ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorHandler: problem.Write,
	}
}

// New makes the API and registers its metrics.
func New(o Options) (*API, error) {
	o.defaults()
	a := &API{Options: o, schemas: body.NewSchemas()}
	a.ctx, a.stop = context.WithCancel(context.Background())
	a.jobs = newJobs(a.ctx)
	a.figures = newFigures(a)
	a.live = newLive(a)
	a.app = fiber.New(Config(max(o.JSONBytes, o.WebhookBytes)))
	requests := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "jumpring_http_seconds", Help: "Answers of the API by route and class of status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
	}, []string{"method", "route", "status"})
	if err := o.Metrics.Register(requests); err != nil {
		a.stop()
		return nil, fmt.Errorf("api: metrics: %w", err)
	}
	table := routes()
	for i := range table {
		r := &table[i]
		var scoped bool
		if r.scope, scoped = scopeOf(r); !scoped {
			a.stop()
			return nil, fmt.Errorf("api: %s %s changes something and has no scope", r.method, r.path)
		}
		r.delicate = delicateOf(r)
		if r.takes != nil {
			a.schemas.Of(typeOf(r.takes))
		}
		var by [6]prometheus.Observer
		for class := 1; class <= 5; class++ {
			by[class] = requests.WithLabelValues(r.method, r.path, strconv.Itoa(class)+"xx")
		}
		a.app.Add(r.method, fiberPath(r.path), a.serve(r, by))
	}
	doc, err := json.Marshal(describe(table, a.schemas, o.Version))
	if err != nil {
		a.stop()
		return nil, fmt.Errorf("api: describe the routes: %w", err)
	}
	a.openapi = doc
	a.streams.Go(a.figures.run)
	return a, nil
}

// App is the Fiber application, for tests and benchmarks.
func (a *API) App() *fiber.App { return a.app }

// Serve answers on a listener until Close.
func (a *API) Serve(ln net.Listener) error {
	l := newListener(ln)
	defer context.AfterFunc(a.ctx, l.closeSilent)()
	return a.app.Listener(l)
}

// Close ends streams and jobs, waits for the requests under way until ctx ends, and closes the listener.
func (a *API) Close(ctx context.Context) error {
	a.stop()
	err := a.app.ShutdownWithContext(ctx)
	a.jobs.wait()
	a.streams.Wait()
	return err
}

// serve wraps a route: who asks, whether they may, the size of the body, what comes of an error or a panic, metrics.
func (a *API) serve(r *route, by [6]prometheus.Observer) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := time.Now()
		if err := a.handle(r, c); err != nil {
			a.refuse(c, r, err)
		}
		if class := c.Response().StatusCode() / 100; class >= 1 && class <= 5 {
			by[class].Observe(time.Since(start).Seconds())
		}
		return nil
	}
}

func (a *API) handle(r *route, c *fiber.Ctx) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			// The value of a panic may quote what was being read; only its type and place are kept (invariant 7).
			err = fmt.Errorf("panic of type %T\n%s", caught, debug.Stack())
		}
	}()
	if r.open {
		return r.handle(a, c, access.Principal{})
	}
	who, err := a.identify(c)
	if err != nil {
		return err
	}
	if !who.Can(r.needs) { // a route without a permission is nobody's
		return forbidden(who, r.needs)
	}
	if len(c.Request().Body()) > a.JSONBytes {
		return problem.New(problem.BodyTooLarge, "")
	}
	if err := a.awaitPosition(c); err != nil {
		return err
	}
	if r.scope != nil {
		if err := r.scope(a, c, who); err != nil {
			return err
		}
	}
	if r.leader {
		if done, err := a.passOn(c); done || err != nil {
			return err
		}
	}
	if r.method == fiber.MethodGet {
		defer a.showPosition(c, a.position()) // as it was before the view was opened
		return errors.Join(r.handle(a, c, who), a.recordRead(r, c, who))
	}
	err = r.handle(a, c, who)
	a.showPosition(c, a.position())
	return err
}

func forbidden(who access.Principal, p access.Permission) error {
	return problem.New(problem.TokenForbidden, fmt.Sprintf("role %s has no permission %s", who.Role, p))
}

const bearer = "Bearer "

// identify tells who comes with a request's token.
func (a *API) identify(c *fiber.Ctx) (access.Principal, error) {
	if who, ok := c.Context().UserValue(known{}).(access.Principal); ok {
		return who, nil
	}
	h := c.Request().Header.Peek(fiber.HeaderAuthorization)
	if len(h) <= len(bearer) || string(h[:len(bearer)]) != bearer {
		return access.Principal{}, problem.New(problem.TokenMissing, "")
	}
	who, err := a.Tokens.Identify(string(h[len(bearer):]))
	if err != nil {
		return access.Principal{}, problem.New(problem.TokenInvalid, "")
	}
	return who, nil
}

// refuse answers with the problem that an error stands for. What is the hub's own failure goes to the log, under the
// id that the answer has.
func (a *API) refuse(c *fiber.Ctx, r *route, err error) {
	p := problemOf(err)
	if p.Code == problem.HubFailed {
		p.Request = ulid.Make().String()
		a.Log.Error("request failed", "request", p.Request, "method", r.method, "route", r.path, "error", err)
	}
	if err := problem.Write(c, p); err != nil {
		a.Log.Error("answer could not be written", "route", r.path, "error", err)
	}
}

// problemOf maps the errors of the API's neighbours.
func problemOf(err error) *problem.Problem {
	var stale *reconcile.StalePlanError
	switch {
	case errors.As(err, &stale):
		return problem.New(problem.PlanStale, fmt.Sprintf("the plan is now %s and has %d calls", stale.Current.Digest, stale.Current.Calls()))
	case errors.Is(err, reconcile.ErrUnknownPart):
		return problem.New(problem.ScopeUnknown, err.Error())
	case errors.Is(err, reconcile.ErrNotImported):
		return problem.New(problem.NotImported, "")
	case errors.Is(err, views.ErrNotFound):
		return problem.New(problem.RecordUnknown, "")
	case errors.Is(err, views.ErrCursor):
		return problem.New(problem.CursorInvalid, "")
	case errors.Is(err, views.ErrBroad):
		return problem.New(problem.QueryTooBroad, "")
	case errors.Is(err, router.ErrKeyReused):
		return problem.New(problem.KeyReused, "")
	case errors.Is(err, intake.ErrNoSnapshot):
		return problem.New(problem.ConnectionCan, "the connector can't read everything at once")
	case errors.Is(err, intake.ErrBusy):
		return problem.New(problem.JobRunning, "the connection's import is under way; ask again when it is done")
	case errors.Is(err, ErrUnknownConnection):
		return problem.New(problem.ConnectionUnknown, "")
	case errors.Is(err, ErrUnavailable):
		return problem.New(problem.ConnectionDown, "").Retry(10 * time.Second)
	case errors.Is(err, access.ErrUnknown):
		return problem.New(problem.RecordUnknown, "no token of this name")
	case errors.Is(err, access.ErrRole):
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "body.role", Message: "is no role of this hub; see /v1/roles"})
	case errors.Is(err, access.ErrExists):
		return problem.New(problem.TokenExists, "")
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.HubBusy, "it took too long").Retry(5 * time.Second)
	}
	return problem.Of(err)
}
