package api

import (
	"net/http"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// documentRoutes is the part of the table about the house's documents and what becomes of goods.
func documentRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	transfer, count, credit := json200(canon.Transfer{}), json200(canon.CountSession{}), json200(canon.CreditAccount{})
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

		{
			method: get, path: "/v1/counts", name: "counts", summary: "List counts of places.", needs: access.ItemsRead,
			query: with(param{"status", "open, paused, submitted, completed or cancelled"}),
			gives: page(canon.CountSession{}), handle: (*API).counts,
		},
		{
			method: get, path: "/v1/counts/{id}", name: "count", summary: "Show a count.", needs: access.ItemsRead,
			gives: count, handle: (*API).count,
		},
		{
			method: get, path: "/v1/counts/{id}/timeline", name: "count-timeline", summary: "Show what happened to a count.", needs: access.ItemsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).countTimeline,
		},
		{
			method: get, path: "/v1/counts/{id}/lines", name: "count-lines", summary: "List scans of a count, or what its comparison found.", needs: access.ItemsRead,
			query: with(param{"state", "seen, unknown, missing, unexpected or differing"}), gives: page(canon.CountLine{}), handle: (*API).countLines,
		},
		{
			method: post, path: "/v1/counts", name: "open-count", summary: "Begin a count of a place.", needs: access.StockScan,
			takes: OpenCount{}, keyed: true, gives: gives{status: 201, value: canon.CountSession{}}, handle: (*API).openCount,
		},
		{
			method: post, path: "/v1/counts/{id}/see", name: "see", summary: "Bring up to 500 scans.", needs: access.StockScan,
			takes: See{}, keyed: true, gives: count, handle: (*API).see,
		},
		{
			method: post, path: "/v1/counts/{id}/pause", name: "pause-count", summary: "Pause a count.", needs: access.StockMove,
			takes: CountStep{}, keyed: true, gives: count, handle: countStep("pause"),
		},
		{
			method: post, path: "/v1/counts/{id}/resume", name: "resume-count", summary: "Go on with a paused count.", needs: access.StockMove,
			takes: CountStep{}, keyed: true, gives: count, handle: countStep("resume"),
		},
		{
			method: post, path: "/v1/counts/{id}/submit", name: "submit-count", summary: "End the scanning of a count: what was seen is compared with what should be there.", needs: access.StockScan,
			takes: CountStep{}, keyed: true, gives: count, handle: countStep("submit"),
		},
		{
			method: post, path: "/v1/counts/{id}/recount", name: "recount-count", summary: "Take further scans of a submitted count; a manager's to decide.", needs: access.StockMove,
			takes: CountStep{}, keyed: true, gives: count, handle: countStep("recount"),
		},
		{
			method: post, path: "/v1/counts/{id}/complete", name: "complete-count", summary: "Accept a count: what was not seen is missing. One with findings needs a manager's approval, by somebody else than who submitted it.", needs: access.StockMove,
			takes: CountStep{}, keyed: true, gives: count, handle: countStep("complete"),
		},
		{
			method: post, path: "/v1/counts/{id}/cancel", name: "cancel-count", summary: "Cancel a count: it changes nothing.", needs: access.StockMove,
			takes: CountStep{}, keyed: true, gives: count, handle: countStep("cancel"),
		},

		{
			method: get, path: "/v1/credits", name: "credits", summary: "List gift cards and store credits.", needs: access.CreditsRead,
			query: with(param{"status", "issued, active, blocked, expired or cancelled"}),
			gives: page(canon.CreditAccount{}), handle: (*API).credits,
		},
		{
			method: get, path: "/v1/credits/{id}", name: "credit", summary: "Show a gift card or store credit.", needs: access.CreditsRead,
			gives: credit, handle: (*API).credit,
		},
		{
			method: get, path: "/v1/credits/{id}/timeline", name: "credit-timeline", summary: "Show what happened to a gift card or store credit.", needs: access.CreditsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).creditTimeline,
		},
		{
			method: get, path: "/v1/credits/{id}/lines", name: "credit-lines", summary: "List the lines that its balance is the sum of.", needs: access.CreditsRead,
			query: paging, gives: page(canon.CreditEntry{}), handle: (*API).creditLines,
		},
		{
			method: post, path: "/v1/credits", name: "issue-credit", summary: "Issue a gift card or a store credit.", needs: access.CreditsMove,
			takes: IssueCredit{}, keyed: true, gives: gives{status: 201, value: canon.CreditAccount{}}, handle: (*API).issueCredit,
		},
		{
			method: post, path: "/v1/credits/{id}/activate", name: "activate-credit", summary: "Make an issued gift card spendable once it is paid.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("activate"),
		},
		{
			method: post, path: "/v1/credits/{id}/load", name: "load-credit", summary: "Add to it.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("load"),
		},
		{
			method: post, path: "/v1/credits/{id}/redeem", name: "redeem-credit", summary: "Pay with it; never more than is free.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("redeem"),
		},
		{
			method: post, path: "/v1/credits/{id}/refund", name: "refund-credit", summary: "Add the money of a return to it.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("refund"),
		},
		{
			method: post, path: "/v1/credits/{id}/authorize", name: "authorize-credit", summary: "Hold an amount of it.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("authorize"),
		},
		{
			method: post, path: "/v1/credits/{id}/capture", name: "capture-credit", summary: "Take what an authorization holds, or a part; the rest is free again.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("capture"),
		},
		{
			method: post, path: "/v1/credits/{id}/release", name: "release-credit", summary: "Free what an authorization holds.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("release"),
		},
		{
			method: post, path: "/v1/credits/{id}/reverse", name: "reverse-credit", summary: "Undo a line; a manager's, with a reason.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("reverse"),
		},
		{
			method: post, path: "/v1/credits/{id}/adjust", name: "adjust-credit", summary: "Correct the balance up or down, never below zero; a manager's, with a reason.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("adjust"),
		},
		{
			method: post, path: "/v1/credits/{id}/block", name: "block-credit", summary: "Block it.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("block"),
		},
		{
			method: post, path: "/v1/credits/{id}/unblock", name: "unblock-credit", summary: "Unblock it; a manager's to decide.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("unblock"),
		},
		{
			method: post, path: "/v1/credits/{id}/cancel", name: "cancel-credit", summary: "Cancel it; one that can be spent needs a manager's approval.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("cancel"),
		},
		{
			method: post, path: "/v1/credits/{id}/extend", name: "extend-credit", summary: "Bring an expired one back, with what was left of it.", needs: access.CreditsMove,
			takes: CreditStep{}, keyed: true, gives: credit, handle: creditStep("extend"),
		},
	}
}
