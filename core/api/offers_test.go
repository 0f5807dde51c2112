package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

func TestThePriceThatIsAskedSaysWhichRuleGaveIt(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	shown := h.ask(access.RoleTill, "GET", "/v1/items/"+ring+"/price?location=paris", "")
	require.Equal(t, 200, shown.status, shown.body)
	require.Contains(t, shown.body, `"rule":"shown"`)
	made := h.ask(access.RoleManager, "POST", "/v1/price-lists", `{"list":{"name":"Paris","currency":"EUR","locations":["paris"]},"prices":[{"item":"`+ring+`","amount":"1100.00"}]}`)
	require.Equal(t, 201, made.status, made.body)
	list := "/v1/price-lists/" + made.json(t, "id").(string)
	require.Equal(t, 403, h.ask(access.RoleTill, "POST", list+"/approve", `{"approved":true}`).status)
	require.Equal(t, "approval.second_person", h.ask(access.RoleManager, "POST", list+"/approve", `{"approved":true}`).json(t, "code"))
	require.NotContains(t, h.ask(access.RoleTill, "GET", "/v1/items/"+ring+"/price?location=paris", "").body, `"minor":110000`, "a draft counts for nothing")
	approved := h.ask(access.RoleAdmin, "POST", list+"/approve", `{"approved":true}`)
	require.Equal(t, 200, approved.status, approved.body)
	promo := h.ask(access.RoleManager, "POST", "/v1/promotions", `{"promotion":{"name":"Ten","currency":"EUR","groups":["vip"]},"percent":1000}`)
	require.Equal(t, 201, promo.status, promo.body)
	require.Equal(t, 200, h.ask(access.RoleAdmin, "POST", "/v1/promotions/"+promo.json(t, "id").(string)+"/approve", `{"approved":true}`).status)
	h.entry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})

	price := h.ask(access.RoleTill, "GET", "/v1/items/"+ring+"/price?location=paris", "")
	require.EqualValues(t, 110_000, price.json(t, "price", "minor"), price.body)
	require.Contains(t, price.body, "it is for clients of vip")
	require.EqualValues(t, 99_000, h.ask(access.RoleTill, "GET", "/v1/items/"+ring+"/price?location=paris&group=vip", "").json(t, "price", "minor"))
	elsewhere := h.ask(access.RoleTill, "GET", "/v1/items/"+ring+"/price?location=lyon", "")
	require.Contains(t, elsewhere.body, "it is for paris")
	require.Equal(t, 404, h.ask(access.RoleTill, "GET", "/v1/items/none/price", "").status)
	require.Contains(t, h.ask(access.RoleRead, "GET", list+"/prices", "").body, ring)
	require.Contains(t, h.ask(access.RoleRead, "GET", "/v1/promotions?status=running", "").body, "Ten")
	require.NotContains(t, h.ask(access.RoleRead, "GET", "/v1/price-lists", "").body, "Ten")
	require.Contains(t, h.ask(access.RoleRead, "GET", list+"/timeline", "").body, "price_list.activate")
	require.Equal(t, 422, h.ask(access.RoleManager, "POST", "/v1/promotions", `{"promotion":{"name":"x","currency":"EUR","from":"soon"},"percent":1000}`).status)
}
