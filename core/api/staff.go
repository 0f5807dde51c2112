package api

import (
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// PersonAsked is the body of taking somebody into the staff.
type PersonAsked struct {
	Name     string `json:"name" pattern:"^[a-z0-9][a-z0-9._-]{0,62}$" example:"anna.martin" doc:"What they sign in with"`
	Shown    string `json:"shown,omitempty" maxLength:"100" doc:"What the console calls them"`
	Email    string `json:"email,omitempty" maxLength:"254" doc:"By which single sign-on knows them the first time"`
	Role     string `json:"role" maxLength:"40" example:"manager"`
	Location string `json:"location,omitempty" maxLength:"100" doc:"The only location that they may act at"`
	Password string `json:"password,omitempty" maxLength:"800" doc:"Left out where they come by single sign-on alone"`
}

// RoleAsked is the body of giving somebody another role.
type RoleAsked struct {
	Role     string `json:"role" minLength:"1" maxLength:"40"`
	Location string `json:"location,omitempty" maxLength:"100"`
}

// PasswordAsked is the body of giving somebody another password.
type PasswordAsked struct {
	Password string `json:"password" minLength:"1" maxLength:"800"`
}

// OwnPassword is the body of changing one's own password.
type OwnPassword struct {
	Old string `json:"old" minLength:"1" maxLength:"800"`
	New string `json:"new" minLength:"1" maxLength:"800"`
}

// PersonShown is what is shown of one of the staff: never anything of the password.
type PersonShown struct {
	Name        string      `json:"name"`
	Shown       string      `json:"shown,omitempty"`
	Email       string      `json:"email,omitempty" class:"personal"`
	Role        access.Role `json:"role"`
	Location    string      `json:"location,omitempty"`
	Password    bool        `json:"password" doc:"There is one"`
	SingleSign  bool        `json:"single_sign_on,omitempty" doc:"They came by single sign-on before"`
	Disabled    bool        `json:"disabled,omitempty"`
	Created     time.Time   `json:"created"`
	LockedUntil time.Time   `json:"locked_until,omitzero"`
}

func shownPerson(p *access.Person) PersonShown {
	out := PersonShown{
		Name: p.Name, Shown: p.Shown, Email: p.Email, Role: p.Role, Location: p.Location, Password: p.Hash != "", SingleSign: p.Subject != "",
		Disabled: p.Disabled, Created: p.Created,
	}
	if p.Locked(time.Now()) {
		out.LockedUntil = p.LockedUntil
	}
	return out
}

// staffOr refuses where the hub keeps no staff.
func (a *API) staffOr() (*access.Staff, error) {
	if a.Staff == nil {
		return nil, problem.New(problem.RouteUnknown, "this hub keeps no staff")
	}
	return a.Staff, nil
}

func mayNotGrant() error {
	return problem.New(problem.TokenForbidden, "a role that may do more, or elsewhere, than your own is not yours to give or to change")
}

func (a *API) staffList(c *fiber.Ctx, who access.Principal) error {
	staff, err := a.staffOr()
	if err != nil {
		return err
	}
	out := struct {
		Items []PersonShown `json:"items"`
	}{[]PersonShown{}}
	for _, p := range staff.List() {
		out.Items = append(out.Items, shownPerson(&p))
	}
	return show(c, who, out)
}

func (a *API) staffAdd(c *fiber.Ctx, who access.Principal) error {
	staff, err := a.staffOr()
	if err != nil {
		return err
	}
	b, err := read[PersonAsked](a, c)
	if err != nil {
		return err
	}
	if err := a.grantable(who, b.Role, b.Location); err != nil {
		return err
	}
	p, err := staff.Add(access.Person{Name: b.Name, Shown: b.Shown, Email: b.Email, Role: access.Role(b.Role), Location: b.Location}, b.Password)
	if err != nil {
		return staffProblem(err)
	}
	c.Status(fiber.StatusCreated)
	return show(c, who, shownPerson(&p))
}

// grantable refuses a role that is not known or is more than the caller's own.
func (a *API) grantable(who access.Principal, role, location string) error {
	if err := a.Tokens.Roles().Known(access.Role(role)); err != nil {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "body.role", Message: strings.TrimPrefix(err.Error(), "access: ")})
	}
	if !a.Tokens.Roles().MayGrant(who, access.Role(role), location) {
		return mayNotGrant()
	}
	return nil
}

// staffProblem maps the errors of the staff.
func staffProblem(err error) error {
	switch {
	case errors.Is(err, access.ErrPassword):
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "body.password", Message: strings.TrimPrefix(err.Error(), "access: ")})
	case errors.Is(err, access.ErrPersonExists):
		return problem.New(problem.StaffExists, "")
	case errors.Is(err, access.ErrPersonUnknown):
		return problem.New(problem.RecordUnknown, "nobody of this name")
	}
	return err
}

// change finds the person of the path, whom the caller must be above or equal to.
func (a *API) change(c *fiber.Ctx, who access.Principal, how func(staff *access.Staff, name string) (access.Person, error)) error {
	staff, err := a.staffOr()
	if err != nil {
		return err
	}
	p, ok := staff.Person(parameter(c, "name"))
	if !ok {
		return problem.New(problem.RecordUnknown, "nobody of this name")
	}
	if a.Tokens.Roles().Known(p.Role) == nil && !a.Tokens.Roles().MayGrant(who, p.Role, p.Location) {
		return mayNotGrant()
	}
	if p, err = how(staff, p.Name); err != nil {
		return staffProblem(err)
	}
	return show(c, who, shownPerson(&p))
}

func (a *API) staffRole(c *fiber.Ctx, who access.Principal) error {
	b, err := read[RoleAsked](a, c)
	if err != nil {
		return err
	}
	if err := a.grantable(who, b.Role, b.Location); err != nil {
		return err
	}
	return a.change(c, who, func(staff *access.Staff, name string) (access.Person, error) {
		return staff.SetRole(name, access.Role(b.Role), b.Location)
	})
}

func (a *API) staffPassword(c *fiber.Ctx, who access.Principal) error {
	b, err := read[PasswordAsked](a, c)
	if err != nil {
		return err
	}
	return a.change(c, who, func(staff *access.Staff, name string) (access.Person, error) {
		return staff.SetPassword(name, b.Password)
	})
}

func staffDisable(disabled bool) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		return a.change(c, who, func(staff *access.Staff, name string) (access.Person, error) { return staff.Disable(name, disabled) })
	}
}

// ownPassword changes the caller's own password; the old one is asked for, and counts as a try to sign in.
func (a *API) ownPassword(c *fiber.Ctx, who access.Principal) error {
	staff, err := a.staffOr()
	if err != nil {
		return err
	}
	b, err := read[OwnPassword](a, c)
	if err != nil {
		return err
	}
	name, of := access.StaffName(who.Name)
	if !of {
		return problem.New(problem.TokenForbidden, "a token has no password")
	}
	if _, err := staff.SignIn(a.ctx, name, b.Old); err != nil {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "body.old", Message: "is not right, or there were too many tries"})
	}
	p, err := staff.SetPassword(name, b.New)
	if err != nil {
		return staffProblem(err)
	}
	return show(c, who, shownPerson(&p))
}
