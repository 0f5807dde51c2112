package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/problem"
)

// tokensShown is the data of the page of tokens.
type tokensShown struct {
	Tokens []api.TokenShown
	Roles  []api.RoleShown
	Places []string
	Made   *api.TokenMade // just made or rotated: the text is shown this once
}

func (k *Console) tokens(r *request) error { return k.tokensPage(r, nil) }

func (k *Console) tokensPage(r *request, made *api.TokenMade) error {
	d := tokensShown{Made: made}
	all, err := ask[list[api.TokenShown]](r, route("tokens"), nil)
	if err != nil {
		return err
	}
	d.Tokens = all.Items
	if d.Roles, d.Places, err = k.rolesAndPlaces(r); err != nil {
		return err
	}
	return r.render("tokens", r.words().say("nav.tokens"), d)
}

func (k *Console) rolesAndPlaces(r *request) ([]api.RoleShown, []string, error) {
	roles, err := ask[list[api.RoleShown]](r, route("roles"), nil)
	if err != nil {
		return nil, nil, err
	}
	places, err := maybe(ask[list[struct {
		ID string `json:"id"`
	}]](r, route("locations")+"?limit=500", nil))
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, p := range places.Items {
		names = append(names, p.ID)
	}
	return roles.Items, names, nil
}

// expiryOf reads a form's number of days; zero for never.
func (k *Console) expiryOf(r *request) (time.Time, error) {
	days := r.form("days")
	if days == "" {
		return time.Time{}, nil
	}
	n, err := strconv.Atoi(days)
	if err != nil || n < 1 || n > 3660 {
		return time.Time{}, problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "days", Message: r.words().say("token.days.bad")})
	}
	return k.Now().Add(time.Duration(n) * 24 * time.Hour).UTC().Truncate(time.Second), nil
}

func (k *Console) tokenCreate(r *request) error {
	expires, err := k.expiryOf(r)
	if err != nil {
		return err
	}
	made, err := tell[api.TokenMade](r, route("tokens"), api.TokenAsked{Name: r.form("name"), Role: r.form("role"), Location: r.form("location"), Expires: expires})
	if err != nil {
		return err
	}
	return k.tokensPage(r, &made)
}

func (k *Console) tokenRotate(r *request) error {
	made, err := tell[api.TokenMade](r, route("tokens", r.parameter("name"), "rotate"), api.RotateToken{Grace: int64(rotateGrace / time.Second)})
	if err != nil {
		return err
	}
	return k.tokensPage(r, &made)
}

// rotateGrace is for how long a rotated token's text before is taken as well: a till is given the new one within a day.
const rotateGrace = 24 * time.Hour

func (k *Console) tokenRevoke(r *request) error {
	if _, err := answered[struct{}](r, http.MethodDelete, route("tokens", r.parameter("name")), nil); err != nil {
		return err
	}
	return r.done("/console/tokens", "token_revoked")
}

func (k *Console) staff(r *request) error {
	var d struct {
		People []api.PersonShown
		Roles  []api.RoleShown
		Places []string
		SSO    bool
	}
	all, err := ask[list[api.PersonShown]](r, route("staff"), nil)
	if err != nil {
		return err
	}
	d.People, d.SSO = all.Items, k.sso != nil
	if d.Roles, d.Places, err = k.rolesAndPlaces(r); err != nil {
		return err
	}
	return r.render("staff", r.words().say("nav.staff"), d)
}

func (k *Console) staffAdd(r *request) error {
	// Each field is named: what else a form brings is not looked at.
	b := api.PersonAsked{
		Name: r.form("name"), Shown: r.form("shown"), Email: r.form("email"), Role: r.form("role"), Location: r.form("location"), Password: r.FormValue("password"),
	}
	if _, err := tell[api.PersonShown](r, route("staff"), b); err != nil {
		return err
	}
	return r.done("/console/staff", "staff_added")
}

func (k *Console) staffRole(r *request) error {
	if _, err := tell[api.PersonShown](r, route("staff", r.parameter("name"), "role"), api.RoleAsked{Role: r.form("role"), Location: r.form("location")}); err != nil {
		return err
	}
	return r.done("/console/staff", "staff_changed")
}

func (k *Console) staffPassword(r *request) error {
	if _, err := tell[api.PersonShown](r, route("staff", r.parameter("name"), "password"), api.PasswordAsked{Password: r.FormValue("password")}); err != nil {
		return err
	}
	return r.done("/console/staff", "staff_changed")
}

func (k *Console) staffStep(r *request) error {
	step := r.parameter("step")
	if step != "disable" && step != "enable" {
		return errNoPage
	}
	if _, err := tell[api.PersonShown](r, route("staff", r.parameter("name"), step), nil); err != nil {
		return err
	}
	return r.done("/console/staff", "staff_changed")
}

func (k *Console) account(r *request) error {
	me, err := ask[api.Self](r, route("me"), nil)
	if err != nil {
		return err
	}
	return r.render("account", r.words().say("account.title"), me)
}

func (k *Console) ownPassword(r *request) error {
	if r.FormValue("new") != r.FormValue("again") {
		return problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "again", Message: r.words().say("account.again.bad")})
	}
	if _, err := tell[api.PersonShown](r, route("me", "password"), api.OwnPassword{Old: r.FormValue("old"), New: r.FormValue("new")}); err != nil {
		return err
	}
	// Every session has ended, this one as well: the person goes on in a new one.
	if name, of := access.StaffName(r.who.Name); of {
		return k.begin(r, name, "/console/account?done=password")
	}
	return r.Redirect("/console", http.StatusSeeOther)
}
