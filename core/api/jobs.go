package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// keptJobs is how many finished jobs are remembered.
const keptJobs = 50

// Job is a long work that was started by a request: an import, or a full read and compare.
type Job struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind" enum:"import,drift,reprocess"`
	Connection string          `json:"connection,omitempty"`
	State      string          `json:"state" enum:"running,done,failed"`
	Progress   intake.Progress `json:"progress"`
	StartedAt  time.Time       `json:"started_at"`
	FinishedAt time.Time       `json:"finished_at,omitzero"`
	// Problem is why it failed.
	Problem *problem.Problem    `json:"problem,omitempty"`
	Import  *ImportReport       `json:"import,omitempty"`
	Drift   []canon.DriftReport `json:"drift,omitempty" doc:"One for each connection"`
	// Reprocess is what came of kept deliveries.
	Reprocess *ReprocessReport `json:"reprocess,omitempty"`
	URL       string           `json:"url"`
}

// jobs runs long works: one of a kind for a connection at a time. They end with ctx.
type jobs struct {
	ctx context.Context
	mu  sync.Mutex
	all []*Job // oldest first
	wg  sync.WaitGroup
}

func newJobs(ctx context.Context) *jobs { return &jobs{ctx: ctx} }

func (j *jobs) wait() { j.wg.Wait() }

// start runs work unless the same is running; fresh tells which.
func (j *jobs) start(kind, connection string, work func(ctx context.Context, job *Job, progress func(intake.Progress)) error) (job Job, fresh bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, other := range j.all {
		if other.State == "running" && other.Kind == kind && other.Connection == connection {
			return *other, false
		}
	}
	id := ulid.Make().String()
	made := &Job{ID: id, Kind: kind, Connection: connection, State: "running", StartedAt: time.Now().UTC(), URL: "/v1/jobs/" + id}
	j.all = append(j.all, made)
	for i := 0; len(j.all) > keptJobs && i < len(j.all); {
		if j.all[i].State == "running" {
			i++
			continue
		}
		j.all = slices.Delete(j.all, i, i+1)
	}
	j.wg.Go(func() {
		result := Job{}
		err := guarded(func() error {
			return work(j.ctx, &result, func(p intake.Progress) {
				j.mu.Lock()
				defer j.mu.Unlock()
				made.Progress = p
			})
		})
		j.mu.Lock()
		defer j.mu.Unlock()
		made.Import, made.Drift, made.Reprocess = result.Import, result.Drift, result.Reprocess
		made.FinishedAt, made.State = time.Now().UTC(), "done"
		if err != nil {
			made.State, made.Problem = "failed", problemOf(err)
		}
	})
	return *made, true
}

// guarded turns a panic into an error, so that a job's failure is not the process's.
func guarded(fn func() error) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("panic of type %T", caught)
		}
	}()
	return fn()
}

func (j *jobs) get(id string) (Job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, job := range j.all {
		if job.ID == id {
			return *job, nil
		}
	}
	return Job{}, views.ErrNotFound
}

// list gives the jobs, the newest first.
func (j *jobs) list() []Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Job, 0, len(j.all))
	for _, job := range slices.Backward(j.all) {
		out = append(out, *job)
	}
	return out
}

func (a *API) jobList(c *fiber.Ctx, who access.Principal) error {
	return show(c, who, struct {
		Items []Job `json:"items"`
	}{a.jobs.list()})
}

func (a *API) job(c *fiber.Ctx, who access.Principal) error {
	job, err := a.jobs.get(parameter(c, "id"))
	if errors.Is(err, views.ErrNotFound) { // one that was passed on runs at the node that leads
		if done, passed := a.passOn(c); done || passed != nil {
			return passed
		}
	}
	if err != nil {
		return err
	}
	return show(c, who, job)
}

func (a *API) started(c *fiber.Ctx, job Job, fresh bool) error {
	c.Set(fiber.HeaderLocation, job.URL)
	if !fresh {
		return problem.New(problem.JobRunning, "job "+job.ID)
	}
	return c.Status(fiber.StatusAccepted).JSON(job)
}

func (a *API) connectionImport(c *fiber.Ctx, _ access.Principal) error {
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	job, fresh := a.jobs.start("import", name, func(ctx context.Context, job *Job, progress func(intake.Progress)) error {
		report, err := a.Hub.Import(ctx, name, progress)
		if err == nil {
			job.Import = &ImportReport{Report: report}
			err = a.look(func(v store.View) (err error) {
				job.Import.Joins, err = views.JoinsOf(v, name)
				return err
			})
		}
		return a.logged(err, "import", name)
	})
	return a.started(c, job, fresh)
}

func (a *API) driftStart(c *fiber.Ctx, _ access.Principal) error {
	name := query(c, "connection")
	var names []string
	if name != "" {
		if err := a.known(name); err != nil {
			return err
		}
		names = []string{name}
	} else {
		all, err := a.Hub.Connections(a.ctx)
		if err != nil {
			return err
		}
		for i := range all {
			names = append(names, all[i].Name)
		}
	}
	job, fresh := a.jobs.start("drift", name, func(ctx context.Context, job *Job, progress func(intake.Progress)) error {
		for _, name := range names {
			report, err := a.Hub.Drift(ctx, name, progress)
			if err != nil {
				return a.logged(fmt.Errorf("connection %s: %w", name, err), "drift", name)
			}
			job.Drift = append(job.Drift, *report)
		}
		return nil
	})
	return a.started(c, job, fresh)
}

// logged keeps the cause of a failed job where the answer does not show it.
func (a *API) logged(err error, kind, connection string) error {
	if err != nil && problemOf(err).Code == problem.HubFailed {
		a.Log.Error("job failed", "kind", kind, "connection", connection, "error", err)
	}
	return err
}

// ImportReport is what an import brought, and how the connection's listings stand joined after it.
type ImportReport struct {
	Report *intake.Report `json:"report"`
	Joins  *views.Joins   `json:"joins"`
}
