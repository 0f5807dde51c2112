package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

func TestAPieceIsSentToAnotherPlaceAndReceivedByScan(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	post := func(role access.Role, path, body string) reply {
		return h.ask(role, "POST", "/v1/transfers"+path, body)
	}
	made := post(access.RoleTill, "", `{"from":"paris","to":"lyon","lines":[{"item":"`+ring+`"}]}`)
	require.Equal(t, 201, made.status, made.body)
	id := "/" + made.json(t, "id").(string)
	require.Equal(t, 403, post(access.RoleTill, id+"/approve", `{}`).status)
	require.Equal(t, 200, post(access.RoleManager, id+"/approve", `{}`).status)
	require.Equal(t, 403, post(access.RoleRead, id+"/pick", `{"scanned":"SN-1"}`).status)
	require.Equal(t, 200, post(access.RoleDevice, id+"/pick", `{"scanned":"GIA 2141438171"}`).status, "a reader picks")
	require.Equal(t, 403, post(access.RoleDevice, id+"/ship", `{"seal":"S-1"}`).status, "it does not ship")
	shipped := post(access.RoleTill, id+"/ship", `{"seal":"S-1"}`)
	require.Equal(t, 200, shipped.status, shipped.body)
	require.Equal(t, "in_transit", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"))
	same := post(access.RoleTill, id+"/receive", `{"scanned":"GIA 2141438171"}`)
	require.Equal(t, 409, same.status)
	require.Equal(t, "transfer.same_person", same.json(t, "code"))
	require.Equal(t, 200, post(access.RoleManager, id+"/receive", `{"scanned":"GIA 2141438171"}`).status)
	require.Equal(t, "lyon", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "location"))
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/transfers?status=received", "").body, id[1:])
	require.NotContains(t, h.ask(access.RoleRead, "GET", "/v1/transfers?status=requested", "").body, id[1:])
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/transfers"+id+"/timeline", "").body, "transfer.ship")
	require.Equal(t, 404, h.ask(access.RoleTill, "GET", "/v1/transfers/none", "").status)
}

func TestABoundTokenTakesTheStepsOfItsPlace(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	bound := func(name, at string) {
		token, _, err := h.tokens.Create(name, access.RoleTill, at, time.Time{})
		require.NoError(t, err)
		h.text[access.Role(name)] = token
	}
	bound("lyon-1", "lyon")
	bound("nice-1", "nice")
	body := `{"from":"paris","to":"lyon","lines":[{"item":"` + h.ring() + `"}]}`
	require.Equal(t, 403, h.ask("nice-1", "POST", "/v1/transfers", body).status)
	made := h.ask("lyon-1", "POST", "/v1/transfers", body)
	require.Equal(t, 201, made.status, made.body)
	id := "/v1/transfers/" + made.json(t, "id").(string)
	require.Equal(t, 200, h.ask(access.RoleManager, "POST", id+"/approve", `{}`).status)
	pick := h.ask("lyon-1", "POST", id+"/pick", `{"scanned":"GIA 2141438171"}`)
	require.Equal(t, 403, pick.status, pick.body)
	require.Equal(t, "location.forbidden", pick.json(t, "code"))
}

func TestWhatBecomesOfAPieceIsStated(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := "/v1/items/" + h.ring()
	move := func(role access.Role, body string) reply { return h.ask(role, "POST", ring+"/move", body) }
	require.Equal(t, "in_repair", move(access.RoleTill, `{"event":"repair"}`).json(t, "status"))
	require.Equal(t, "item.not_in_stock", h.ask(access.RoleTill, "POST", ring+"/sell", `{}`).json(t, "code"))
	require.Equal(t, "in_stock", move(access.RoleTill, `{"event":"finish"}`).json(t, "status"))
	refused := move(access.RoleTill, `{"event":"scrap","approved":true}`)
	require.Equal(t, 403, refused.status)
	require.Equal(t, 422, move(access.RoleTill, `{"event":"vanish"}`).status)
	require.Equal(t, "approval.missing", move(access.RoleManager, `{"event":"scrap"}`).json(t, "code"))
	require.Equal(t, "scrapped", move(access.RoleManager, `{"event":"scrap","approved":true}`).json(t, "status"))
	require.Contains(t, h.ask(access.RoleTill, "GET", ring+"/timeline", "").body, "item.scrapped")
}
