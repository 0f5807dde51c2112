package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// TokenAsked is the body of making a token.
type TokenAsked struct {
	Name     string    `json:"name" pattern:"^[a-z0-9][a-z0-9._-]{0,62}$" example:"paris-till-1"`
	Role     string    `json:"role" maxLength:"40" example:"till" doc:"A role of /v1/roles"`
	Location string    `json:"location,omitempty" maxLength:"100" doc:"The only location that it may act at"`
	Expires  time.Time `json:"expires,omitzero" required:"false" doc:"Never where it is left out"`
}

// TokenShown is what is shown of a token.
type TokenShown struct {
	Name     string      `json:"name"`
	Role     access.Role `json:"role"`
	Location string      `json:"location,omitempty"`
	Created  time.Time   `json:"created"`
	Expires  time.Time   `json:"expires,omitzero"`
	Expired  bool        `json:"expired,omitempty"`
	Rotated  time.Time   `json:"rotated,omitzero" doc:"When it got its text, where that is not the first one"`
	// BeforeUntil is until when the text before it is taken as well.
	BeforeUntil time.Time `json:"before_until,omitzero"`
}

// TokenMade is a token with its text.
type TokenMade struct {
	TokenShown
	Token string `json:"token" doc:"Shown this once"`
}

func shownToken(t *access.Token) TokenShown {
	return TokenShown{Name: t.Name, Role: t.Role, Location: t.Location, Created: t.Created, Expires: t.Expires, Expired: t.Expired(time.Now()), Rotated: t.Rotated, BeforeUntil: t.BeforeUntil}
}

func (a *API) tokens(c *fiber.Ctx, _ access.Principal) error {
	all := a.Tokens.List()
	out := make([]TokenShown, len(all))
	for i := range all {
		out[i] = shownToken(&all[i])
	}
	return sendPage(c, out, "")
}

func (a *API) tokenCreate(c *fiber.Ctx, who access.Principal) error {
	b, err := read[TokenAsked](a, c)
	if err != nil {
		return err
	}
	if !b.Expires.IsZero() && !b.Expires.After(time.Now()) {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "body.expires", Message: "is in the past"})
	}
	if err := a.grantable(who, b.Role, b.Location); err != nil {
		return err
	}
	text, t, err := a.Tokens.Create(b.Name, access.Role(b.Role), b.Location, b.Expires)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(fiber.StatusCreated).JSON(TokenMade{shownToken(&t), text})
}

func (a *API) tokenRevoke(c *fiber.Ctx, who access.Principal) error {
	if err := a.mayChange(who, parameter(c, "name")); err != nil {
		return err
	}
	if err := a.Tokens.Revoke(parameter(c, "name")); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
