package api

import (
	"encoding/json"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// Redeliver is the body of replaying or discarding what could not be delivered.
type Redeliver struct {
	// Event is the id of the change that waits first, as it was shown; where another one waits by now, nothing is done.
	Event string `json:"event,omitempty" doc:"The id of the change that waits first, as it was shown; another one by now is refused"`
}

func (a *API) undelivered(c *fiber.Ctx, who access.Principal) error {
	connection := query(c, "connection")
	return listing[canon.Undelivered](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Undelivered(v, connection, p)
	})
}

func (a *API) undeliveredOne(c *fiber.Ctx, who access.Principal) error {
	connection, key := parameter(c, "connection"), parameter(c, "key")
	return record[canon.Undelivered](a, c, who, func(v store.View) (json.RawMessage, error) {
		return views.UndeliveredOf(v, connection, key)
	})
}

func (a *API) undeliveredReplay(c *fiber.Ctx, who access.Principal) error {
	return a.redeliver(c, who, false)
}

func (a *API) undeliveredDiscard(c *fiber.Ctx, who access.Principal) error {
	return a.redeliver(c, who, true)
}

func (a *API) redeliver(c *fiber.Ctx, who access.Principal, discard bool) error {
	b, err := read[Redeliver](a, c)
	if err != nil {
		return err
	}
	cmd := canon.Command{Role: who.ActsAs(), Redeliver: &canon.Redeliver{
		Connection: parameter(c, "connection"), Key: parameter(c, "key"), Event: b.Event, Discard: discard,
	}}
	return do[canon.Undelivered](a, c, who, cmd, nil)
}
