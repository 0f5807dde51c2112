package api

import (
	"net/http"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// documentRoutes is the part of the table about the house's documents and what becomes of goods.
func documentRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	transfer := json200(canon.Transfer{})
	return []route{
		{
			method: post, path: "/v1/items/{id}/move", name: "move-item", summary: "State what becomes of goods: repair, finish, damage, miss, find, scrap …", needs: access.StockMove,
			takes: MoveItem{}, keyed: true, gives: json200(canon.Item{}), handle: (*API).moveItem,
		},

		{
			method: get, path: "/v1/transfers", name: "transfers", summary: "List transfers between the house's places.", needs: access.ItemsRead,
			query: with(param{"status", "requested, approved, picked, in_transit, part_received, received, investigated, closed or cancelled"}),
			gives: page(canon.Transfer{}), handle: (*API).transfers,
		},
		{
			method: get, path: "/v1/transfers/{id}", name: "transfer", summary: "Show a transfer.", needs: access.ItemsRead,
			gives: transfer, handle: (*API).transfer,
		},
		{
			method: get, path: "/v1/transfers/{id}/timeline", name: "transfer-timeline", summary: "Show what happened to a transfer.", needs: access.ItemsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).transferTimeline,
		},
		{
			method: post, path: "/v1/transfers", name: "request-transfer", summary: "Ask for goods to go from one place to another.", needs: access.StockMove,
			takes: RequestTransfer{}, keyed: true, gives: gives{status: 201, value: canon.Transfer{}}, handle: (*API).requestTransfer,
		},
		{
			method: post, path: "/v1/transfers/{id}/approve", name: "approve-transfer", summary: "Approve a transfer; a manager's to decide.", needs: access.StockMove,
			takes: Decide{}, keyed: true, gives: transfer, handle: transferStep("approve", decides),
		},
		{
			method: post, path: "/v1/transfers/{id}/pick", name: "pick-transfer", summary: "Pick the goods of one line by what was read from them: they are held from now on.", needs: access.StockScan,
			takes: Handle{}, keyed: true, gives: transfer, handle: transferStep("pick", handles),
		},
		{
			method: post, path: "/v1/transfers/{id}/ship", name: "ship-transfer", summary: "Send a picked transfer on its way; not by who approved it.", needs: access.StockMove,
			takes: Ship{}, keyed: true, gives: transfer, handle: transferStep("ship", ships),
		},
		{
			method: post, path: "/v1/transfers/{id}/receive", name: "receive-transfer", summary: "Take in goods that arrived, piece by piece; not by who shipped them.", needs: access.StockScan,
			takes: Handle{}, keyed: true, gives: transfer, handle: transferStep("receive", handles),
		},
		{
			method: post, path: "/v1/transfers/{id}/miss", name: "miss-transfer", summary: "Report what has not arrived as missing.", needs: access.StockMove,
			takes: Decide{}, keyed: true, gives: transfer, handle: transferStep("miss", decides),
		},
		{
			method: post, path: "/v1/transfers/{id}/close", name: "close-transfer", summary: "Close a transfer; one with goods missing needs a manager's approval.", needs: access.StockMove,
			takes: Decide{}, keyed: true, gives: transfer, handle: transferStep("close", decides),
		},
		{
			method: post, path: "/v1/transfers/{id}/cancel", name: "cancel-transfer", summary: "Cancel a transfer that was not shipped.", needs: access.StockMove,
			takes: Decide{}, keyed: true, gives: transfer, handle: transferStep("cancel", decides),
		},
	}
}
