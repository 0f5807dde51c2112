package api

import (
	"net/http"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// accessRoutes is the part of the table about who may come in, and of what only pages and dashboards ask for.
func accessRoutes() []route {
	get, post, person := http.MethodGet, http.MethodPost, json200(PersonShown{})
	return []route{
		{
			method: get, path: "/v1/me", name: "me", summary: "Show who the token is and what it may.", needs: access.OwnSelfRead,
			gives: json200(Self{}), handle: (*API).self,
		},
		{
			method: post, path: "/v1/me/password", name: "my-password", summary: "Change one's own password; every session ends.", needs: access.OwnSelfRead,
			takes: OwnPassword{}, gives: person, handle: (*API).ownPassword,
		},
		{
			method: get, path: "/v1/roles", name: "roles", summary: "List the roles, the house's own among them.", needs: access.OwnSelfRead,
			gives: page(RoleShown{}), handle: (*API).roles,
		},
		{
			method: post, path: "/v1/tokens/{name}/rotate", name: "token-rotate", summary: "Give a token a new text, which is shown once.", needs: access.TokensManage,
			takes: RotateToken{}, gives: json200(TokenMade{}), handle: (*API).tokenRotate,
		},
		{
			method: get, path: "/v1/staff", name: "staff", summary: "List the people who may sign in.", needs: access.StaffManage,
			gives: page(PersonShown{}), handle: (*API).staffList,
		},
		{
			method: post, path: "/v1/staff", name: "staff-add", summary: "Take somebody in.", needs: access.StaffManage,
			takes: PersonAsked{}, gives: gives{status: 201, value: PersonShown{}}, handle: (*API).staffAdd,
		},
		{
			method: post, path: "/v1/staff/{name}/role", name: "staff-role", summary: "Give somebody another role and location.", needs: access.StaffManage,
			takes: RoleAsked{}, gives: person, handle: (*API).staffRole,
		},
		{
			method: post, path: "/v1/staff/{name}/password", name: "staff-password", summary: "Give somebody another password; their sessions end.", needs: access.StaffManage,
			takes: PasswordAsked{}, gives: person, handle: (*API).staffPassword,
		},
		{
			method: post, path: "/v1/staff/{name}/disable", name: "staff-disable", summary: "End what somebody may do, at once.", needs: access.StaffManage,
			gives: person, handle: staffDisable(true),
		},
		{
			method: post, path: "/v1/staff/{name}/enable", name: "staff-enable", summary: "Let somebody in again; ends a lockout too.", needs: access.StaffManage,
			gives: person, handle: staffDisable(false),
		},
		{
			method: get, path: "/v1/figures", name: "figures", summary: "Give the overview's figures: facts per minute, sync latency, stock value by location, sales by day and channel.", needs: access.FiguresRead,
			gives: json200(Figures{}), handle: (*API).figuresShown,
		},
		{
			method: get, path: "/v1/items/{id}/listings", name: "item-listings", summary: "Say what each listing of an item shows and what it should show.", needs: access.ItemsRead,
			gives: page(ListingShown{}), handle: (*API).itemListings,
		},
		{
			method: get, path: "/v1/items/{id}/cases", name: "item-cases", summary: "List the open cases about an item.", needs: access.CasesRead,
			gives: page(canon.Case{}), handle: (*API).itemCases,
		},
		{
			method: get, path: "/v1/connections/{name}/health", name: "connection-health", summary: "Show what a connector says of itself: the platform's rate budget, when its credential ends.", needs: access.ConnectionsRead,
			gives: json200(sdk.HealthResponse{}), handle: (*API).connectionHealth,
		},
	}
}
