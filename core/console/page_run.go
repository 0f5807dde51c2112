package console

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/sdk"
)

func (k *Console) connections(r *request) error {
	all, err := k.connectionsOf(r)
	if err != nil {
		return err
	}
	return r.render("connections", r.words().say("nav.connections"), all)
}

// connectionPage is the data of a connection's page.
type connectionPage struct {
	Connection connectionShown
	Jobs       []api.Job
	Report     *canon.DriftReport
	Check      *sdk.CheckResponse
	Discovered *sdk.DiscoverResponse
	Places     []string
}

// partShown is a part of a connection that may have a mode of its own.
type partShown struct {
	Entity, Location string
	Mode             canon.Mode
	Own              bool // it has a mode of its own; else it goes with what it is part of
	Lowered          bool // a person took it back
}

// Parts are what can be live by itself: the orders, the stock, and the stock of each location.
func (d connectionPage) Parts() []partShown {
	mode := func(at canon.Scope, otherwise canon.Mode) partShown {
		p := partShown{Entity: string(at.Entity), Location: at.Location, Mode: otherwise}
		for _, s := range d.Connection.Scopes {
			if s.Scope == at {
				p.Mode, p.Own, p.Lowered = s.Mode, true, s.Lowered
			}
		}
		return p
	}
	stock := mode(canon.Scope{Entity: canon.ScopeStock}, d.Connection.Mode)
	out := []partShown{mode(canon.Scope{Entity: canon.ScopeOrder}, d.Connection.Mode), stock}
	for _, l := range d.Places {
		out = append(out, mode(canon.Scope{Entity: canon.ScopeStock, Location: l}, stock.Mode))
	}
	return out
}

// Mapped tells whether a platform's place is mapped to one of the hub's.
func (d connectionPage) Mapped(id string) bool { return !slices.Contains(d.Connection.Unmapped, id) }

func (k *Console) connectionPageOf(r *request, name string) (*connectionPage, error) {
	s, err := ask[api.ConnectionStatus](r, route("connections", name), nil)
	if err != nil {
		return nil, err
	}
	d := &connectionPage{Connection: connectionShown{ConnectionStatus: s}}
	if d.Connection.Health, err = maybe(ask[*sdk.HealthResponse](r, route("connections", name, "health"), nil)); err != nil {
		return nil, err
	}
	if r.who.Can(access.ConnectionsInspect) {
		jobs, err := ask[list[api.Job]](r, route("jobs"), nil)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs.Items {
			if j.Connection == name {
				d.Jobs = append(d.Jobs, j)
			}
		}
	}
	if _, d.Places, err = k.rolesAndPlaces(r); err != nil {
		return nil, err
	}
	drift, err := ask[api.Drift](r, route("drift"), url.Values{"connection": {name}})
	if err != nil {
		return nil, err
	}
	if len(drift.Reports) > 0 {
		d.Report = &drift.Reports[0]
	}
	return d, nil
}

func (k *Console) connection(r *request) error {
	d, err := k.connectionPageOf(r, r.parameter("name"))
	if err != nil {
		return err
	}
	return r.render("connection", d.Connection.Name, d)
}

// check and discover show what came back on the connection's page: they change nothing, so that showing them again on a
// reload does no harm.
func (k *Console) check(r *request) error {
	name := r.parameter("name")
	answer, err := tell[*sdk.CheckResponse](r, route("connections", name, "check"), nil)
	if err != nil {
		return err
	}
	d, err := k.connectionPageOf(r, name)
	if err != nil {
		return err
	}
	d.Check = answer
	return r.render("connection", name, d)
}

func (k *Console) discover(r *request) error {
	name := r.parameter("name")
	answer, err := tell[*sdk.DiscoverResponse](r, route("connections", name, "discover"), nil)
	if err != nil {
		return err
	}
	d, err := k.connectionPageOf(r, name)
	if err != nil {
		return err
	}
	d.Discovered = answer
	return r.render("connection", name, d)
}

func (k *Console) startImport(r *request) error {
	job, err := tell[api.Job](r, route("connections", r.parameter("name"), "import"), nil)
	if err != nil {
		return err
	}
	return r.Redirect(consolePath("jobs", job.ID), http.StatusSeeOther)
}

func (k *Console) startDrift(r *request) error {
	target := route("drift")
	if name := r.form("connection"); name != "" {
		target += "?" + url.Values{"connection": {name}}.Encode()
	}
	job, err := tell[api.Job](r, target, nil)
	if err != nil {
		return err
	}
	return r.Redirect(consolePath("jobs", job.ID), http.StatusSeeOther)
}

// jobRefresh is how often the page of a running job shows itself anew, in seconds.
const jobRefresh = 2

func (k *Console) job(r *request) error {
	job, err := ask[api.Job](r, route("jobs", r.parameter("id")), nil)
	if err != nil {
		return err
	}
	refresh := 0
	if job.State == "running" {
		refresh = jobRefresh
	}
	return r.show(http.StatusOK, "job", r.words().word("job", job.Kind)+" "+job.Connection, refresh, job)
}

// planShown is the data of the page that shows what would be written.
type planShown struct {
	Connection       api.ConnectionStatus
	Plan             reconcile.Plan
	Entity, Location string // the part that is meant; empty for all
	Places           []string
}

// Rows are the first rows of the plan; a person who wants all takes them from the API.
func (d *planShown) Rows() []reconcile.PlanRow { return d.Plan.Rows[:min(len(d.Plan.Rows), planRows)] }

// More is how many rows are not shown.
func (d *planShown) More() int { return len(d.Plan.Rows) - len(d.Rows()) }

const planRows = 500

func (k *Console) plan(r *request) error {
	name := r.parameter("name")
	var d planShown
	var err error
	if d.Connection, err = ask[api.ConnectionStatus](r, route("connections", name), nil); err != nil {
		return err
	}
	d.Entity, d.Location = r.query("entity"), r.query("location")
	part := url.Values{}
	for name, value := range map[string]string{"entity": d.Entity, "location": d.Location} {
		if value != "" {
			part.Set(name, value)
		}
	}
	if d.Plan, err = ask[reconcile.Plan](r, route("connections", name, "plan"), part); err != nil {
		return err
	}
	if _, d.Places, err = k.rolesAndPlaces(r); err != nil {
		return err
	}
	return r.render("plan", r.words().say("plan.title", name), &d)
}

// goLive takes the digest of the plan that the page showed. Invariant 9.
func (k *Console) goLive(r *request) error {
	name := r.parameter("name")
	if r.form("seen") != "yes" {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "seen", Message: r.words().say("plan.confirm")})
	}
	if _, err := tell[api.ConnectionStatus](r, route("connections", name, "live"), api.GoLive{PlanDigest: r.form("digest"), Entity: r.form("entity"), Location: r.form("location")}); err != nil {
		return err
	}
	return r.done(consolePath("connections", name), "live")
}

func (k *Console) mode(r *request) error {
	name, to := r.parameter("name"), r.form("to")
	switch to {
	case "shadow", "observe", "pause", "resume":
	default:
		return errNoPage
	}
	var part any
	if to == "shadow" || to == "observe" {
		part = api.Part{Entity: r.form("entity"), Location: r.form("location")}
	}
	if _, err := tell[api.ConnectionStatus](r, route("connections", name, to), part); err != nil {
		return err
	}
	return r.done(consolePath("connections", name), "mode_"+to)
}

func (k *Console) drift(r *request) error {
	d, err := ask[api.Drift](r, route("drift"), nil)
	if err != nil {
		return err
	}
	return r.render("drift", r.words().say("nav.drift"), d)
}
