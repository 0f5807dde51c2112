package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// OpenCount is the body of beginning a count of a place.
type OpenCount struct {
	Location  string `json:"location,omitempty" maxLength:"100" doc:"The token's own where it is left out" example:"paris"`
	Reference string `json:"reference,omitempty" maxLength:"200" doc:"The house's own number of the count"`
}

// See is the body of bringing what was read from goods.
type See struct {
	Scans []CountScan `json:"scans" minItems:"1" maxItems:"500"`
}

// CountScan is what was read from one piece, or from so many of a SKU.
type CountScan struct {
	Scanned  string `json:"scanned" minLength:"1" maxLength:"512" doc:"Serial, EPC, report number or SKU"`
	Quantity int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"Of a quantity SKU; 1 where it is left out. Several scans of one SKU add up"`
}

// CountStep is the body of a step that takes nothing else.
type CountStep struct {
	Approved bool `json:"approved,omitempty" doc:"A manager accepts what differs"`
}

func (a *API) counts(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.CountSession](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Documents(v, store.TypeCount, query(c, "status"), p)
	})
}

func (a *API) count(c *fiber.Ctx, who access.Principal) error {
	return record[canon.CountSession](a, c, who, byID(c, store.TypeCount))
}

func (a *API) countTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeCount)
}

func (a *API) countLines(c *fiber.Ctx, who access.Principal) error {
	state := query(c, "state")
	if !slices.Contains(views.CountStates(), state) {
		return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "query.state", Message: "expected seen, unknown, missing, unexpected or differing"})
	}
	return listing[canon.CountLine](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.CountLines(v, parameter(c, "id"), state, p)
	})
}

func (a *API) openCount(c *fiber.Ctx, who access.Principal) error {
	b, err := read[OpenCount](a, c)
	if err != nil {
		return err
	}
	at, ok := who.At(b.Location)
	if !ok {
		return problem.New(problem.LocationForbidden, "")
	}
	return do[canon.CountSession](a, c, who, canon.Command{Role: who.ActsAs(), Count: &canon.CountAsk{
		Event: "open", Location: at, Reference: b.Reference, Channel: who.Channel(),
	}}, nil)
}

func (a *API) see(c *fiber.Ctx, who access.Principal) error {
	b, err := read[See](a, c)
	if err != nil {
		return err
	}
	ask := &canon.CountAsk{Session: parameter(c, "id"), Event: "see", Channel: who.Channel()}
	for _, s := range b.Scans {
		ask.Scans = append(ask.Scans, canon.CountScan{Scanned: s.Scanned, Quantity: s.Quantity})
	}
	return a.stepOfCount(c, who, ask)
}

// countStep gives the handler of a step of a count.
func countStep(event string) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[CountStep](a, c)
		if err != nil {
			return err
		}
		return a.stepOfCount(c, who, &canon.CountAsk{Session: parameter(c, "id"), Event: event, Approved: b.Approved, Channel: who.Channel()})
	}
}

// stepOfCount sends a step, which a token that is bound to a place takes of counts of that place alone.
func (a *API) stepOfCount(c *fiber.Ctx, who access.Principal, ask *canon.CountAsk) error {
	if who.Location != "" {
		err := a.look(func(v store.View) error {
			raw, err := views.Get(v, store.TypeCount, ask.Session)
			if err != nil {
				return err
			}
			var s canon.CountSession
			if err := json.Unmarshal(raw, &s); err != nil {
				return fmt.Errorf("a stored count: %w", err)
			}
			if s.Location != who.Location {
				return problem.New(problem.LocationForbidden, "the count is of another location")
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return do[canon.CountSession](a, c, who, canon.Command{Role: who.ActsAs(), Count: ask}, nil)
}
