package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// soldTwice gives the case of a piece that the web and the shop have sold, where both can cancel and refund.
func (h *house) soldTwice(t *testing.T) (id string) {
	t.Helper()
	h.furnish()
	s := settings()
	for i := range s.Connections {
		if s.Connections[i].Connector != "csv" {
			s.Connections[i].Actions = []canon.ActionKind{canon.ActionCancelOrder, canon.ActionRefundLines}
		}
	}
	h.entry(canon.EntrySettings, canon.Head{Actor: "hub"}, s)
	h.see("shop", canon.Observation{Kind: canon.KindListing, ExternalID: "p1", Listing: &canon.ListingState{Title: "Solitaire", SKU: "SOL-1", Status: "active"}})
	for conn, listing := range map[string]string{"web-eu": "w1", "shop": "p1"} {
		h.see(conn, canon.Observation{Kind: canon.KindOrder, ExternalID: "o1", Order: &canon.OrderState{
			Status: canon.OrderOpen, PlacedAt: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), Currency: "EUR",
			Lines: []canon.OrderLine{{ID: "1", ListingID: listing, Quantity: 1}},
		}})
	}
	res := h.ask(access.RoleManager, "GET", "/v1/cases?kind=double_claim", "")
	require.Len(t, res.json(t, "items"), 1, res.body)
	return res.json(t, "items", "id").(string)
}

func TestACaseIsDecidedAndShowsHowFarThatIs(t *testing.T) {
	h := newHouse(t)
	id := h.soldTwice(t)
	resolve := "/v1/cases/" + id + "/resolve"
	for _, role := range []access.Role{access.RoleTill, access.RoleDevice, access.RoleRead} {
		require.Equal(t, 403, h.ask(role, "POST", resolve, `{"proposal":"keep:web-eu/o1/1"}`).status)
	}
	require.Equal(t, 422, h.ask(access.RoleManager, "POST", resolve, `{"proposal":"keep:web-eu/o1/1","refund":"cheque"}`).status)
	res := h.ask(access.RoleManager, "POST", resolve, `{"proposal":"keep:web-eu/o1/1","note":"first come","refund":"by_hand","reason":"inventory"}`)
	require.Equal(t, 200, res.status, res.body)
	require.Equal(t, true, res.json(t, "open"), "until the shop shows that its order is cancelled")
	require.Equal(t, "first come", res.json(t, "decision", "note"))
	require.NotEmpty(t, res.json(t, "decision", "by"))
	require.Equal(t, "cancel_order", res.json(t, "actions", "kind"))
	require.Equal(t, "wanted", res.json(t, "actions", "state"))
	require.Equal(t, "shop", res.json(t, "actions", "connection"))

	order := canon.NodeID("ord", "shop", canon.KindOrder, "o1")
	res = h.ask(access.RoleRead, "GET", "/v1/orders/"+order+"/actions", "")
	require.Len(t, res.json(t, "items"), 1, res.body)
	require.Equal(t, "by_hand", res.json(t, "items", "refund"))
	require.Equal(t, id, res.json(t, "items", "case"))
	require.Equal(t, 404, h.ask(access.RoleRead, "GET", "/v1/orders/ord_none/actions", "").status)
}

func TestAnOrderIsCancelledOrRefundedByAManager(t *testing.T) {
	h := newHouse(t)
	h.soldTwice(t)
	web := "/v1/orders/" + canon.NodeID("ord", "web-eu", canon.KindOrder, "o1")
	shop := "/v1/orders/" + canon.NodeID("ord", "shop", canon.KindOrder, "o1")
	for _, role := range []access.Role{access.RoleTill, access.RoleDevice, access.RoleRead} {
		require.Equal(t, 403, h.ask(role, "POST", web+"/cancel", `{}`).status)
		require.Equal(t, 403, h.ask(role, "POST", web+"/refund", `{"lines":[{"id":"1","quantity":1}]}`).status)
	}
	require.Equal(t, 422, h.ask(access.RoleManager, "POST", web+"/refund", `{"lines":[]}`).status)
	res := h.ask(access.RoleManager, "POST", web+"/refund", `{"lines":[{"id":"9","quantity":1}]}`)
	require.Equal(t, 422, res.status)
	require.Equal(t, "order.lines", res.json(t, "code"))
	res = h.ask(access.RoleManager, "POST", web+"/refund", `{"lines":[{"id":"1","quantity":1}],"restock":true,"note":"came back"}`)
	require.Equal(t, 202, res.status, res.body)
	require.Equal(t, true, res.json(t, "restock"))
	require.Equal(t, "auto", res.json(t, "refund"))
	res = h.ask(access.RoleManager, "POST", web+"/cancel", `{}`)
	require.Equal(t, 409, res.status)
	require.Equal(t, "order.in_progress", res.json(t, "code"))
	res = h.ask(access.RoleManager, "POST", shop+"/cancel", `{"reason":"fraud"}`)
	require.Equal(t, 202, res.status, res.body)
	require.Equal(t, "fraud", res.json(t, "reason"))
}
