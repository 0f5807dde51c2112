package api

import (
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
)

// Self is who asks, and what they may.
type Self struct {
	Name        string              `json:"name"`
	Role        access.Role         `json:"role"`
	Location    string              `json:"location,omitempty"`
	Permissions []access.Permission `json:"permissions"`
	Sees        []access.Class      `json:"sees" doc:"Classes of fields"`
}

// RoleShown is a role and what it amounts to.
type RoleShown struct {
	Name        access.Role         `json:"name"`
	ActsAs      access.Role         `json:"acts_as" doc:"The built-in role whose steps it may take"`
	Permissions []access.Permission `json:"permissions"`
	Sees        []access.Class      `json:"sees"`
}

func (a *API) self(c *fiber.Ctx, who access.Principal) error {
	return c.JSON(Self{who.Name, who.Role, who.Location, who.Permissions(), who.Classes()})
}

func (a *API) roles(c *fiber.Ctx, _ access.Principal) error {
	book := a.Tokens.Roles()
	out := []RoleShown{}
	for _, r := range book.Roles() {
		out = append(out, RoleShown{r, book.ActsAs(r), book.Permissions(r), book.Classes(r)})
	}
	return sendPage(c, out, "")
}

// RotateToken is the body of giving a token a new text.
type RotateToken struct {
	Grace   int64     `json:"grace_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"For how long the text before it is taken as well; not at all where it is left out"`
	Expires time.Time `json:"expires,omitzero" required:"false" doc:"When the new text ends; as before where it is left out"`
}

// mayChange refuses a token that may do more than who asks. One whose role is gone from the configuration may do nothing
// and is anybody's to end.
func (a *API) mayChange(who access.Principal, name string) error {
	for _, t := range a.Tokens.List() {
		if t.Name == name && a.Tokens.Roles().Known(t.Role) == nil && !a.Tokens.Roles().MayGrant(who, t.Role, t.Location) {
			return mayNotGrant()
		}
	}
	return nil
}

func (a *API) tokenRotate(c *fiber.Ctx, who access.Principal) error {
	b, err := read[RotateToken](a, c)
	if err != nil {
		return err
	}
	name := parameter(c, "name")
	if err := a.mayChange(who, name); err != nil {
		return err
	}
	text, t, err := a.Tokens.Rotate(name, time.Duration(b.Grace)*time.Second, b.Expires)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(TokenMade{shownToken(&t), text})
}
