package api

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// refusedWith says that a reply is a refusal of that code which says what to do.
func refusedWith(t *testing.T, code string, r reply) {
	t.Helper()
	require.GreaterOrEqual(t, r.status, 400, r.body)
	require.Equal(t, code, r.json(t, "code"), r.body)
	require.NotEmpty(t, r.json(t, "detail"), "it says why")
	require.NotEmpty(t, r.json(t, "do"), "and what to do")
}

// soldRing sells the ring at the till and gives its order.
func soldRing(h *house) string {
	h.t.Helper()
	sold := h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/sell", `{"price":{"amount":"2400","currency":"EUR"}}`)
	require.Equal(h.t, 201, sold.status, sold.body)
	return sold.json(h.t, "id").(string)
}

func TestAnOrderIsDeliveredPaidAndTakenBackByREST(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	id := soldRing(h)
	step := func(role access.Role, body string) reply {
		return h.ask(role, "POST", "/v1/orders/"+id+"/documents", body)
	}
	newest := func(kind string) map[string]any {
		list := h.ask(access.RoleTill, "GET", "/v1/orders/"+id, "").json(t, kind).([]any)
		return list[len(list)-1].(map[string]any)
	}
	must := func(role access.Role, body string) {
		t.Helper()
		r := step(role, body)
		require.Less(t, r.status, 300, r.body)
	}
	require.Equal(t, 403, step(access.RoleRead, `{"document":"fulfilment","event":"create"}`).status)

	must(access.RoleTill, `{"document":"fulfilment","event":"create"}`)
	f := newest("fulfilments")["id"].(string)
	refusedWith(t, "item.wrong_piece", step(access.RoleTill, `{"document":"fulfilment","id":"`+f+`","event":"pick","scanned":"SN-9"}`))
	must(access.RoleTill, `{"document":"fulfilment","id":"`+f+`","event":"pick","scanned":"SN-1"}`)
	refusedWith(t, "item.certificate_missing", step(access.RoleTill, `{"document":"fulfilment","id":"`+f+`","event":"pack"}`))
	must(access.RoleTill, `{"document":"fulfilment","id":"`+f+`","event":"pack","certificate":true}`)
	refusedWith(t, "collect.identity", step(access.RoleTill, `{"document":"fulfilment","id":"`+f+`","event":"hand_over"}`))
	must(access.RoleTill, `{"document":"fulfilment","id":"`+f+`","event":"hand_over","identified":true}`)
	require.Equal(t, "delivered", newest("fulfilments")["status"])
	refusedWith(t, "lines.none_open", step(access.RoleTill, `{"document":"fulfilment","event":"create"}`))

	must(access.RoleTill, `{"document":"payment","event":"create","kind":"card","amount":{"amount":"2400","currency":"EUR"}}`)
	p := newest("payments")["id"].(string)
	must(access.RoleTill, `{"document":"payment","id":"`+p+`","event":"capture"}`)
	refusedWith(t, "transition.actor", step(access.RoleTill, `{"document":"payment","id":"`+p+`","event":"refund"}`))

	must(access.RoleTill, `{"document":"return","event":"request","reason":"too small"}`)
	b := newest("returns")["id"].(string)
	must(access.RoleTill, `{"document":"return","id":"`+b+`","event":"authorize","within_policy":true}`)
	must(access.RoleTill, `{"document":"return","id":"`+b+`","event":"receive","scanned":"SN-1"}`)
	require.Equal(t, "returned", h.ask(access.RoleTill, "GET", "/v1/items/"+h.ring(), "").json(t, "status"))
	must(access.RoleManager, `{"document":"return","id":"`+b+`","event":"inspect","inspected":true}`)
	must(access.RoleManager, `{"document":"return","id":"`+b+`","event":"accept","certificate":true}`)
	must(access.RoleManager, `{"document":"return","id":"`+b+`","event":"refund","payment":"`+p+`"}`)
	require.Equal(t, "refunded", newest("payments")["status"])
	require.Equal(t, "refunded", newest("returns")["status"])
	timeline := h.ask(access.RoleManager, "GET", "/v1/orders/"+id+"/timeline", "").body
	for _, event := range []string{"fulfilment.delivered", "payment.captured", "return.accepted", "payment.refunded"} {
		require.Contains(t, timeline, event)
	}
}

func TestAPieceIsCollectedAtABoutiqueByREST(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	held := h.ask(access.RoleTill, "POST", "/v1/items/"+h.ring()+"/reservations", `{"seconds":1200,"collect":true}`)
	require.Equal(t, 201, held.status, held.body)
	id := held.json(t, "id").(string)
	step := func(body string) reply {
		return h.ask(access.RoleTill, "POST", "/v1/reservations/"+id+"/step", body)
	}
	refusedWith(t, "transition.illegal", step(`{"event":"collect","scanned":"SN-1","identified":true,"paid":true}`))
	require.Equal(t, 200, step(`{"event":"confirm"}`).status)
	refusedWith(t, "item.wrong_piece", step(`{"event":"pick","scanned":"SN-9"}`))
	require.Equal(t, 200, step(`{"event":"pick","scanned":"SN-1"}`).status)
	require.Equal(t, 200, step(`{"event":"ready","scanned":"SN-1","seconds":86400}`).status)
	refusedWith(t, "collect.identity", step(`{"event":"collect","scanned":"SN-1","paid":true}`))
	got := step(`{"event":"collect","scanned":"SN-1","identified":true,"paid":true}`)
	require.Equal(t, 201, got.status, got.body)
	require.Equal(t, "fulfilled", got.json(t, "status"), "it is the sale")
	require.Equal(t, "sold", h.ask(access.RoleTill, "GET", "/v1/items/"+h.ring(), "").json(t, "status"))
}

func TestAPieceIsSoldForSomebodyElseByREST(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	ring := h.ring()
	received := h.ask(access.RoleTill, "POST", "/v1/consignments", `{"party":"Galerie Nord","inspected":true,"pieces":[{"item":"`+ring+`","payable":{"amount":"900","currency":"EUR"}}]}`)
	require.Equal(t, 201, received.status, received.body)
	id := received.json(t, "id").(string)
	step := func(role access.Role, body string) reply {
		return h.ask(role, "POST", "/v1/consignments/"+id+"/step", body)
	}
	require.Equal(t, 200, step(access.RoleTill, `{"event":"offer","seconds":7200}`).status)
	refusedWith(t, "transition.illegal", step(access.RoleManager, `{"event":"pay_out","item":"`+ring+`"}`))
	soldRing(h)
	refusedWith(t, "transition.actor", step(access.RoleTill, `{"event":"pay_out","item":"`+ring+`"}`))
	paid := step(access.RoleManager, `{"event":"pay_out","item":"`+ring+`"}`)
	require.Equal(t, 200, paid.status, paid.body)
	require.Contains(t, h.ask(access.RoleManager, "GET", "/v1/consignments/"+id, "").body, "paid_out")
	seen := h.ask(access.RoleRead, "GET", "/v1/consignments/"+id, "").body
	require.NotContains(t, seen, "Galerie Nord", "a dashboard does not learn whose it was")
	require.NotContains(t, seen, "payable", "nor what it cost")
}

func TestASecondPersonConfirmsByREST(t *testing.T) {
	h := newHouse(t)
	h.furnish()
	s := settings()
	s.Policy = &canon.Policy{Approvals: &canon.ApprovalRule{Commands: []string{"item.scrap"}, Seconds: 3600}}
	h.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	ring := h.ring()
	scrap := func() string {
		t.Helper()
		asked := h.ask(access.RoleManager, "POST", "/v1/items/"+ring+"/move", `{"event":"scrap","approved":true}`)
		require.Equal(t, 202, asked.status, asked.body)
		list := h.ask(access.RoleManager, "GET", "/v1/approvals?status=pending", "").json(t, "items").([]any)
		require.Len(t, list, 1)
		require.Equal(t, "item.scrap", list[0].(map[string]any)["name"])
		return list[0].(map[string]any)["id"].(string)
	}
	id := scrap()
	require.Equal(t, "in_stock", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"), "nothing has happened yet")
	refusedWith(t, "approval.second_person", h.ask(access.RoleManager, "POST", "/v1/approvals/"+id+"/confirm", `{}`))
	require.Equal(t, 403, h.ask(access.RoleTill, "POST", "/v1/approvals/"+id+"/confirm", `{}`).status)
	refused := h.ask(access.RoleAdmin, "POST", "/v1/approvals/"+id+"/refuse", `{"reason":"it can be mended"}`)
	require.Equal(t, 200, refused.status, refused.body)
	refusedWith(t, "approval.closed", h.ask(access.RoleAdmin, "POST", "/v1/approvals/"+id+"/confirm", `{}`))
	id = scrap()
	require.Equal(t, 200, h.ask(access.RoleAdmin, "POST", "/v1/approvals/"+id+"/confirm", `{}`).status)
	require.Equal(t, "scrapped", h.ask(access.RoleTill, "GET", "/v1/items/"+ring, "").json(t, "status"))
}
