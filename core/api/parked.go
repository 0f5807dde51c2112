package api

import (
	"encoding/json"
	"errors"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// Replay is the body of folding a parked entry again. Without data it is folded as it was.
type Replay struct {
	Data json.RawMessage `json:"data,omitempty" doc:"The corrected data of the entry"`
}

// Replayed is what became of a parked entry.
type Replayed struct {
	// Position is the journal's position of the replay.
	Position canon.Position `json:"position"`
	// Parked tells that the replay could not be applied either and is parked itself.
	Parked bool `json:"parked"`
}

func (a *API) parked(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Parked](a, c, who, func(v store.View, p views.Paging) (views.Page, error) { return views.Parked(v, p) })
}

func parkedPosition(c *fiber.Ctx) (canon.Position, error) {
	p, err := canon.ParsePosition(parameter(c, "position"))
	if err != nil || p.IsZero() {
		return p, problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "path.position", Message: "expected OFFSET.INDEX such as 1042.3"})
	}
	return p, nil
}

func (a *API) parkedOne(c *fiber.Ctx, who access.Principal) error {
	at, err := parkedPosition(c)
	if err != nil {
		return err
	}
	return record[canon.Parked](a, c, who, func(v store.View) (json.RawMessage, error) { return views.ParkedAt(v, at) })
}

func (a *API) parkedReplay(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Replay](a, c)
	if err != nil {
		return err
	}
	return a.endParked(c, who, func(p *canon.Parked) canon.Replay {
		r := canon.Replay{Parked: p.Position}
		if len(b.Data) > 0 && string(b.Data) != "null" {
			r.Data = b.Data
		}
		return r
	})
}

func (a *API) parkedDiscard(c *fiber.Ctx, who access.Principal) error {
	return a.endParked(c, who, func(p *canon.Parked) canon.Replay { return canon.Replay{Parked: p.Position, Discard: true} })
}

func (a *API) endParked(c *fiber.Ctx, who access.Principal, replay func(*canon.Parked) canon.Replay) error {
	at, err := parkedPosition(c)
	if err != nil {
		return err
	}
	var p canon.Parked
	err = a.look(func(v store.View) error {
		raw, err := views.ParkedAt(v, at)
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &p)
	})
	if err != nil {
		return err
	}
	made, err := a.Hub.Replay(a.ctx, who.Name, replay(&p))
	if err != nil {
		return err
	}
	out := Replayed{Position: made}
	err = a.look(func(v store.View) error {
		_, err := views.ParkedAt(v, made)
		if errors.Is(err, views.ErrNotFound) {
			return nil
		}
		out.Parked = err == nil
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(out)
}
