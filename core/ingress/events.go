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
	events, err := split(contentType, header, b)
	if err != nil {
		return nil, err
	}
	answer := &Answer{Results: make([]Result, 0, len(events))}
	facts := make([]Fact, 0, len(events))
	first := make([]int, len(events)) // for each event, the index of its first fact; -1 for a refused one
	for i, ev := range events {
		res := Result{Index: i}
		if ev.e != nil {
			res.ID = ev.e.ID
		}
		observed, err := d.read(ev, who)
		if err != nil {
			p := problem.Of(err)
			if p.Code == problem.HubFailed {
				return nil, err
			}
			res.Problem, first[i] = p, -1
			answer.Refused++
			d.counter.WithLabelValues("", "refused").Inc()
		} else {
			res.Accepted, first[i] = true, len(facts)
			answer.Accepted++
			head := canon.Head{
				Connection: who.Name + ":" + sourceName(ev.e.Source), Actor: who.Name, Delivery: ev.e.ID, Correlation: ev.e.CorrelationID,
			}
			for _, o := range observed {
				facts = append(facts, Fact{Head: head, Observation: o})
			}
			d.counter.WithLabelValues(ev.e.Type, "accepted").Inc()
		}
		answer.Results = append(answer.Results, res)
	}
	if answer.Accepted == 0 {
		return nil, allRefused(answer)
	}
	positions, err := d.journal.Report(ctx, facts)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, problem.New(problem.HubBusy, "the events were not durable in time").Retry(2 * time.Second)
	}
	if err != nil {
		return nil, fmt.Errorf("report events: %w", err)
	}
	if len(positions) != len(facts) {
		return nil, fmt.Errorf("report events: %d positions for %d facts", len(positions), len(facts))
	}
	for i, at := range first {
		if at >= 0 {
			answer.Results[i].Position = positions[at].String()
		}
	}
	return answer, nil
}

func (d *Events) read(ev parsed, who access.Principal) ([]canon.Observation, error) {
	if ev.err != nil {
		return nil, ev.err
	}
	return Translate(d.schemas, ev.e, who.At)
}

// allRefused makes one problem of a request of which nothing was accepted: a single event's own, or one that names
// the index and field of every finding.
func allRefused(a *Answer) error {
	p := *a.Results[0].Problem
	if len(a.Results) == 1 {
		prefixed := make([]problem.Field, len(p.Errors))
		for i, f := range p.Errors {
			prefixed[i] = problem.Field{Path: indexed(0, f.Path), Message: f.Message}
		}
		p.Errors = prefixed
		return &p
	}
	all := problem.New(problem.EventInvalid, "no event of the batch could be read")
	for _, r := range a.Results {
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
