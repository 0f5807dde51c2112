package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
)

func TestPiecesAreLentAndComeBack(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	lent := h.ask(access.RoleTill, "POST", "/v1/memos", `{"items":["`+ring+`"],"party":"Galerie Nord","seconds":3600}`, "Idempotency-Key", "m1")
	require.Equal(t, 201, lent.status, lent.body)
	id := lent.json(t, "id").(string)
	require.Equal(t, id, h.ask(access.RoleTill, "POST", "/v1/memos", `{"items":["`+ring+`"],"party":"Galerie Nord","seconds":3600}`, "Idempotency-Key", "m1").json(t, "id"), "a repeat gets the first answer")
	require.Equal(t, "on_memo_out", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"))
	require.Equal(t, id, h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "holder", "claim").(string)[:len(id)])
	require.Equal(t, "item.held", h.ask(access.RoleManager, "POST", "/v1/items/"+ring+"/sell", `{}`).json(t, "code"))

	require.Contains(t, h.ask(access.RoleTill, "GET", "/v1/memos?status=issued", "").body, "Galerie Nord")
	require.NotContains(t, h.ask(access.RoleTill, "GET", "/v1/memos?status=settled", "").body, id)
	for _, path := range []string{"/v1/memos", "/v1/memos/" + id} {
		res := h.ask(access.RoleRead, "GET", path, "")
		require.Equal(t, 200, res.status, res.body)
		require.Contains(t, res.body, id)
		require.NotContains(t, res.body, "Galerie Nord", "a dashboard does not learn to whom")
	}
	require.Equal(t, 404, h.ask(access.RoleTill, "GET", "/v1/memos/none", "").status)
	require.Equal(t, 403, h.ask(access.RoleRead, "POST", "/v1/memos", `{}`).status)
	require.Equal(t, 422, h.ask(access.RoleTill, "POST", "/v1/memos", `{"items":[],"party":"x","seconds":1}`).status)

	extend := h.ask(access.RoleTill, "POST", "/v1/memos/"+id+"/extend", `{"seconds":7200}`)
	require.Equal(t, 403, extend.status, "a manager's to decide")
	require.Equal(t, "transition.actor", extend.json(t, "code"))
	require.Equal(t, 200, h.ask(access.RoleManager, "POST", "/v1/memos/"+id+"/extend", `{"seconds":7200}`).status)

	back := h.ask(access.RoleTill, "POST", "/v1/memos/"+id+"/take-back", `{"item":"`+ring+`","scanned":"SN-9","inspected":true}`)
	require.Equal(t, 409, back.status)
	require.Equal(t, "item.wrong_piece", back.json(t, "code"))
	back = h.ask(access.RoleTill, "POST", "/v1/memos/"+id+"/take-back", `{"item":"`+ring+`","scanned":"GIA 2141438171","inspected":true}`)
	require.Equal(t, 200, back.status, back.body)
	require.Equal(t, "returned", back.json(t, "status"))
	require.Equal(t, "in_stock", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"))
}
