package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

func TestAGiftCardIsIssuedAndSpentAtATill(t *testing.T) {
	h := newHouse(t)
	post := func(role access.Role, path, body string, header ...string) reply {
		return h.ask(role, "POST", "/v1/credits"+path, body, header...)
	}
	made := post(access.RoleTill, "", `{"kind":"gift_card","amount":{"amount":"100.00","currency":"EUR"},"paid":true}`)
	require.Equal(t, 201, made.status, made.body)
	id := "/" + made.json(t, "id").(string)
	first := post(access.RoleTill, id+"/redeem", `{"amount":{"amount":"60","currency":"EUR"},"document":"R-1"}`, "Idempotency-Key", "r1")
	require.Equal(t, 200, first.status, first.body)
	require.EqualValues(t, 4000, first.json(t, "balance"))
	again := post(access.RoleTill, id+"/redeem", `{"amount":{"amount":"60","currency":"EUR"},"document":"R-1"}`, "Idempotency-Key", "r1")
	require.EqualValues(t, 4000, again.json(t, "balance"), "a repeat takes nothing")
	short := post(access.RoleTill, id+"/redeem", `{"amount":{"amount":"40.01","currency":"EUR"}}`)
	require.Equal(t, 409, short.status)
	require.Equal(t, "balance.short", short.json(t, "code"))
	require.Equal(t, 403, post(access.RoleTill, id+"/adjust", `{"amount":{"amount":"5","currency":"EUR"},"reason":"goodwill"}`).status)
	require.Equal(t, 200, post(access.RoleManager, id+"/adjust", `{"amount":{"amount":"5","currency":"EUR"},"reason":"goodwill"}`).status)
	require.Equal(t, 403, h.ask(access.RoleRead, "GET", "/v1/credits", "").status, "money is nobody's who only looks")
	require.Contains(t, h.ask(access.RoleTill, "GET", "/v1/credits?status=active", "").body, id[1:])
	lines := h.ask(access.RoleTill, "GET", "/v1/credits"+id+"/lines", "").body
	require.Contains(t, lines, "redeem")
	require.Contains(t, lines, "goodwill")
	require.Contains(t, h.ask(access.RoleTill, "GET", "/v1/credits"+id+"/timeline", "").body, "credit.adjust")
	require.EqualValues(t, 4500, h.ask(access.RoleTill, "GET", "/v1/credits"+id, "").json(t, "balance"))
}
