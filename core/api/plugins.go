package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/problem"
)

// Plugins is what the API needs of the hub to look after connectors while it runs.
type Plugins interface {
	// RestartConnector ends a connector's process in order and starts it again. It waits for neither.
	RestartConnector(ctx context.Context, connection string) (ConnectionStatus, error)
	// Reprocess translates kept deliveries that were received in [from, to) again. Zero times do not bound.
	Reprocess(ctx context.Context, connection string, from, to time.Time, progress func(intake.Progress)) (*ReprocessReport, error)
	// ReloadPlan reads the configuration and tells what a reload would do; it changes nothing.
	ReloadPlan(ctx context.Context) (*ReloadPlan, error)
	// Reload does what a plan with this digest tells; an empty digest takes any.
	Reload(ctx context.Context, digest string) (*ReloadPlan, error)
}

// ReprocessReport tells what came of kept deliveries.
type ReprocessReport struct {
	Deliveries int64          `json:"deliveries"`
	Facts      int64          `json:"facts" doc:"New entries in the journal"`
	Malformed  int64          `json:"malformed,omitempty" doc:"Still can't be read"`
	NotGenuine int64          `json:"not_genuine,omitempty" doc:"The connector looks at signatures of copies, which it should not"`
	Failed     int64          `json:"failed,omitempty"`
	Position   canon.Position `json:"position,omitzero"`
}

// ReloadPlan is what a reload does.
type ReloadPlan struct {
	Digest  string         `json:"digest"`
	Changes []ReloadChange `json:"changes"`
	// Settings tells that settings of the fold change: places, modes, what is sold from where, policy …
	Settings bool `json:"settings,omitempty"`
	// Restart names keys of the configuration that changed and that only a restart of the hub takes up.
	Restart []string `json:"restart,omitempty"`
	// Refused tells that a change can't work: nothing is done.
	Refused bool `json:"refused,omitempty"`
}

// ReloadChange is what happens to one connection.
type ReloadChange struct {
	Connection string `json:"connection"`
	// Does is add, remove or restart.
	Does string   `json:"does" enum:"add,remove,restart"`
	Why  []string `json:"why,omitempty" doc:"What of it changed"`
	From string   `json:"from,omitempty" doc:"The connector's version so far"`
	To   string   `json:"to,omitempty"`
	// Errors are why it can't work.
	Errors []string `json:"errors,omitempty"`
}

// ReloadAsked is the body of a reload.
type ReloadAsked struct {
	Digest string `json:"digest,omitempty" maxLength:"200" doc:"Of the plan that was looked at; empty takes any"`
}

// ReprocessAsked is the body of a reprocess.
type ReprocessAsked struct {
	From time.Time `json:"from,omitzero" doc:"Received at this time or later"`
	To   time.Time `json:"to,omitzero" doc:"Received before this time"`
}

// reloadDeadline is how long new connectors may take to be tried, and changed ones to end.
const reloadDeadline = 5 * time.Minute

func (a *API) connectionRestart(c *fiber.Ctx, who access.Principal) error {
	return asking(a, c, who, a.Hub.RestartConnector)
}

func (a *API) connectionReprocess(c *fiber.Ctx, _ access.Principal) error {
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	b, err := read[ReprocessAsked](a, c)
	if err != nil {
		return err
	}
	job, fresh := a.jobs.start("reprocess", name, func(ctx context.Context, job *Job, progress func(intake.Progress)) (err error) {
		job.Reprocess, err = a.Hub.Reprocess(ctx, name, b.From, b.To, progress)
		return err
	})
	return a.started(c, job, fresh)
}

func (a *API) reloadPlan(c *fiber.Ctx, _ access.Principal) error {
	ctx, cancel := context.WithTimeout(a.ctx, reloadDeadline)
	defer cancel()
	plan, err := a.Hub.ReloadPlan(ctx)
	if err != nil {
		return err
	}
	return c.JSON(plan)
}

func (a *API) reload(c *fiber.Ctx, _ access.Principal) error {
	b, err := read[ReloadAsked](a, c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, reloadDeadline)
	defer cancel()
	plan, err := a.Hub.Reload(ctx, b.Digest)
	if err != nil {
		return err
	}
	return c.JSON(plan)
}

// Refusal gives the problem of a plan that can't work, with each reason.
func (p *ReloadPlan) Refusal() *problem.Problem {
	detail := ""
	for _, c := range p.Changes {
		for _, e := range c.Errors {
			if detail != "" {
				detail += "; "
			}
			detail += c.Connection + ": " + e
		}
	}
	return problem.New(problem.ReloadRefused, detail)
}
