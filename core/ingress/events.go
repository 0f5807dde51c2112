package ingress

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/body"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Fact is one observation of a till or a device with who reported it.
type Fact struct {
	Head        canon.Head
	Observation canon.Observation
}

// Journal takes facts. Report appends them as one batch of the class of devices and returns when it is durable, with
// the position of each.
type Journal interface {
	Report(ctx context.Context, facts []Fact) ([]canon.Position, error)
}

// Result is what became of one event of a request.
type Result struct {
	Index    int    `json:"index"`
	ID       string `json:"id,omitempty"`
	Accepted bool   `json:"accepted"`
	// Position is the journal's position of the event's first fact.
	Position string           `json:"position,omitempty"`
	Problem  *problem.Problem `json:"problem,omitempty"`
}

// Answer is the answer to reported events: 200 when all were accepted, 207 when some were. When none was, the answer is
// a problem.
type Answer struct {
	Accepted int      `json:"accepted"`
	Refused  int      `json:"refused"`
	Results  []Result `json:"results"`
}

// Events is the door of CloudEvents: POST /v1/events.
type Events struct {
	journal Journal
	schemas *body.Schemas
	counter *prometheus.CounterVec
}

// NewEvents gives the door; it registers its metrics.
func NewEvents(j Journal, metrics prometheus.Registerer) (*Events, error) {
	d := &Events{journal: j, schemas: Schemas(), counter: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jumpring_events_total", Help: "Reported events by type and verdict.",
	}, []string{"type", "verdict"})}
	if err := metrics.Register(d.counter); err != nil {
		return nil, err
	}
	return d, nil
}

// Handle takes the events of one request.
func (d *Events) Handle(c *fiber.Ctx, who access.Principal) error {
	header := func(name string) string { return strings.Clone(c.Get(name)) }
	answer, err := d.Take(c.UserContext(), who, c.Get(fiber.HeaderContentType), header, append([]byte(nil), c.Request().Body()...))
	if err != nil {
		return err
	}
	status := http.StatusOK
	if answer.Refused > 0 {
		status = http.StatusMultiStatus
	}
	return c.Status(status).JSON(answer)
}

// Take reads, translates and journals the events of one request. Events that can't be read are refused one by one; the
// others go into the journal as one batch. Only when none could be read is the whole request refused.
func (d *Events) Take(ctx context.Context, who access.Principal, contentType string, header func(string) string, b []byte) (*Answer, error) {
	r, err := d.read(who, contentType, inHeaders(header), b)
	if err != nil {
		return nil, err
	}
	if r.answer.Accepted == 0 {
		return nil, refusals(r.answer)
	}
	positions, err := d.journal.Report(ctx, r.facts)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, problem.New(problem.HubBusy, "the events were not durable in time").Retry(2 * time.Second)
	}
	if err != nil {
		return nil, fmt.Errorf("report events: %w", err)
	}
	if len(positions) != len(r.facts) {
		return nil, fmt.Errorf("report events: %d positions for %d facts", len(positions), len(r.facts))
	}
	for i, at := range r.first {
		if at >= 0 {
			r.answer.Results[i].Position = positions[at].String()
		}
	}
	return r.answer, nil
}

// reading is what the events of one request or delivery say: the facts of those that could be read, and what is wrong
// with the others.
type reading struct {
	answer *Answer
	facts  []Fact
	first  []int // for each event, the index of its first fact; -1 for a refused one
}

// read reads and translates events of whoever reports them. It journals nothing. Its error is about all of them.
func (d *Events) read(who access.Principal, contentType string, attribute func(string) string, b []byte) (*reading, error) {
	events, err := split(contentType, attribute, b)
	if err != nil {
		return nil, err
	}
	r := &reading{
		answer: &Answer{Results: make([]Result, 0, len(events))}, facts: make([]Fact, 0, len(events)), first: make([]int, len(events)),
	}
	for i, ev := range events {
		res := Result{Index: i}
		if ev.e != nil {
			res.ID = ev.e.ID
		}
		observed, err := d.observe(ev, who)
		if err != nil {
			p := problem.Of(err)
			if p.Code == problem.HubFailed {
				return nil, err
			}
			res.Problem, r.first[i] = p, -1
			r.answer.Refused++
			d.counter.WithLabelValues("", "refused").Inc()
		} else {
			res.Accepted, r.first[i] = true, len(r.facts)
			r.answer.Accepted++
			head := canon.Head{
				Connection: who.Name + ":" + sourceName(ev.e.Source), Actor: who.Name, Delivery: ev.e.ID, Correlation: ev.e.CorrelationID,
			}
			for _, o := range observed {
				r.facts = append(r.facts, Fact{Head: head, Observation: o})
			}
			d.counter.WithLabelValues(ev.e.Type, "accepted").Inc()
		}
		r.answer.Results = append(r.answer.Results, res)
	}
	return r, nil
}

func (d *Events) observe(ev parsed, who access.Principal) ([]canon.Observation, error) {
	if ev.err != nil {
		return nil, ev.err
	}
	return Translate(d.schemas, ev.e, who.At)
}

// refusals makes one problem of what is wrong with a request or a delivery: a single event's own, or one that names the
// index and field of every finding.
func refusals(a *Answer) *problem.Problem {
	if len(a.Results) == 1 {
		p := *a.Results[0].Problem
		prefixed := make([]problem.Field, len(p.Errors))
		for i, f := range p.Errors {
			prefixed[i] = problem.Field{Path: indexed(0, f.Path), Message: f.Message}
		}
		p.Errors = prefixed
		return &p
	}
	what := "no event of the batch could be read"
	if a.Accepted > 0 {
		what = fmt.Sprintf("%d of the batch's %d events could not be read", a.Refused, len(a.Results))
	}
	all := problem.New(problem.EventInvalid, what)
	for _, r := range a.Results {
		if r.Problem == nil {
			continue
		}
		if len(r.Problem.Errors) == 0 {
			all.With(problem.Field{Path: indexed(r.Index, ""), Message: r.Problem.Title})
		}
		for _, f := range r.Problem.Errors {
			all.With(problem.Field{Path: indexed(r.Index, f.Path), Message: f.Message})
		}
		if len(all.Errors) > 100 {
			break
		}
	}
	return all
}

func indexed(i int, path string) string {
	return strings.TrimSuffix(fmt.Sprintf("events[%d].%s", i, path), ".")
}
