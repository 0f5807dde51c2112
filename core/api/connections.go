package api

import (
	"context"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/reconcile"
)

// askDeadline is how long a platform is waited for by a request.
const askDeadline = 60 * time.Second

// GoLive is the body of letting the hub write.
type GoLive struct {
	PlanDigest string `json:"plan_digest" minLength:"1" maxLength:"200" doc:"The digest of the plan that was looked at"`
	Entity     string `json:"entity,omitempty" maxLength:"20" doc:"The part that is meant: stock or order; empty for all that has no mode of its own"`
	Location   string `json:"location,omitempty" maxLength:"63" doc:"The hub's location whose stock is meant"`
}

// Part is the body of taking a connection, or a part of it, back to shadow or observe.
type Part struct {
	Entity   string `json:"entity,omitempty" maxLength:"20" doc:"The part that is meant: stock or order; empty for all parts"`
	Location string `json:"location,omitempty" maxLength:"63" doc:"The hub's location whose stock is meant"`
}

// partOf makes the part that a request names; nil for none.
func partOf(entity, location, where string) (*canon.Scope, error) {
	s, err := canon.NewScope(canon.ScopeEntity(entity), location)
	if err != nil {
		return nil, problem.New(problem.ScopeUnknown, "").With(problem.Field{Path: where, Message: err.Error()})
	}
	if s.IsZero() {
		return nil, nil
	}
	return &s, nil
}

func (a *API) connections(c *fiber.Ctx, _ access.Principal) error {
	all, err := a.Hub.Connections(a.ctx)
	if err != nil {
		return err
	}
	return sendPage(c, all, "")
}

func (a *API) connection(c *fiber.Ctx, _ access.Principal) error {
	found, err := a.status(parameter(c, "name"))
	if err != nil {
		return err
	}
	return c.JSON(found)
}

// status gives one connection.
func (a *API) status(name string) (ConnectionStatus, error) {
	all, err := a.Hub.Connections(a.ctx)
	if err != nil {
		return ConnectionStatus{}, err
	}
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
	}
	return ConnectionStatus{}, ErrUnknownConnection
}

func (a *API) known(name string) error {
	_, err := a.status(name)
	return err
}

// asking calls a platform with a deadline of its own, for a connection that exists.
func asking[T any](a *API, c *fiber.Ctx, who access.Principal, ask func(ctx context.Context, name string) (T, error)) error {
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(a.ctx, askDeadline)
	defer cancel()
	answer, err := ask(ctx, name)
	if err != nil {
		return err
	}
	return show(c, who, answer)
}

func (a *API) connectionCheck(c *fiber.Ctx, who access.Principal) error {
	return asking(a, c, who, a.Hub.Check)
}

func (a *API) connectionDiscover(c *fiber.Ctx, who access.Principal) error {
	return asking(a, c, who, a.Hub.Discover)
}

func (a *API) connectionPlan(c *fiber.Ctx, who access.Principal) error {
	part, err := partOf(query(c, "entity"), query(c, "location"), "query.entity")
	if err != nil {
		return err
	}
	return asking(a, c, who, func(ctx context.Context, name string) (*reconcile.Plan, error) {
		if part == nil {
			part = new(canon.Scope)
		}
		return a.Hub.Plan(ctx, name, *part)
	})
}

// connectionLive takes the digest of the plan that a person looked at. The hub puts that of the plan as it is now beside
// it and the fold compares them, so that nothing is written that nobody saw. Invariant 9.
func (a *API) connectionLive(c *fiber.Ctx, who access.Principal) error {
	b, err := read[GoLive](a, c)
	if err != nil {
		return err
	}
	part, err := partOf(b.Entity, b.Location, "body.entity")
	if err != nil {
		return err
	}
	name := parameter(c, "name")
	if err := a.known(name); err != nil {
		return err
	}
	done, err := a.carriedOut(c, who)
	if err != nil {
		return err
	}
	if done { // the plan has changed by going live; the repeat must not be taken for another command
		return a.nowIs(c, name)(nil)
	}
	cmd := canon.Command{SetMode: &canon.SetMode{Connection: name, Mode: canon.ModeLive, Scope: part, PlanDigest: b.PlanDigest}}
	// The plan of a large shop is made anew before the fold is asked.
	return doWithin[canon.Connection](a, c, who, cmd, askDeadline, a.nowIs(c, name))
}

// setMode makes the handler of a mode that needs no plan.
func setMode(m canon.Mode) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[Part](a, c)
		if err != nil {
			return err
		}
		part, err := partOf(b.Entity, b.Location, "body.entity")
		if err != nil {
			return err
		}
		name := parameter(c, "name")
		if err := a.known(name); err != nil {
			return err
		}
		return do[canon.Connection](a, c, who, canon.Command{SetMode: &canon.SetMode{Connection: name, Mode: m, Scope: part}}, a.nowIs(c, name))
	}
}

func setPause(paused bool) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		name := parameter(c, "name")
		if err := a.known(name); err != nil {
			return err
		}
		return do[canon.Connection](a, c, who, canon.Command{SetPause: &canon.SetPause{Connection: name, Paused: paused}}, a.nowIs(c, name))
	}
}

// nowIs answers a change of a connection with how it stands now.
func (a *API) nowIs(c *fiber.Ctx, name string) func(*canon.Outcome) error {
	return func(*canon.Outcome) error {
		s, err := a.status(name)
		if err != nil {
			return err
		}
		return c.JSON(s)
	}
}
