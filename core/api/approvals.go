package api

import (
	"net/http"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// ApprovalDecided is the body of confirming or refusing.
type ApprovalDecided struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why it is refused"`
}

// approvalRoutes is the part of the table about commands that wait for a second person.
func approvalRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	one := json200(canon.Approval{})
	return []route{
		{
			method: get, path: "/v1/approvals", name: "approvals", summary: "List commands that wait, or waited, for a second person.", needs: access.CasesRead,
			query: with(param{"status", "pending, confirmed, refused or expired"}), gives: page(canon.Approval{}), handle: (*API).approvals,
		},
		{
			method: get, path: "/v1/approvals/{id}", name: "approval", summary: "Show what waits for a second person.", needs: access.CasesRead, gives: one, handle: (*API).approval,
		},
		{
			method: post, path: "/v1/approvals/{id}/confirm", name: "confirm-approval", summary: "Confirm a command as the second person: it is carried out.", needs: access.CasesResolve,
			takes: ApprovalDecided{}, keyed: true, gives: one, handle: decideApproval(false),
		},
		{
			method: post, path: "/v1/approvals/{id}/refuse", name: "refuse-approval", summary: "Refuse a command that waits for a second person.", needs: access.CasesResolve,
			takes: ApprovalDecided{}, keyed: true, gives: one, handle: decideApproval(true),
		},
	}
}

func (a *API) approvals(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Approval](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Documents(v, store.TypeApproval, query(c, "status"), p)
	})
}

func (a *API) approval(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Approval](a, c, who, byID(c, store.TypeApproval))
}

func decideApproval(refuse bool) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[ApprovalDecided](a, c)
		if err != nil {
			return err
		}
		return do[canon.Approval](a, c, who, canon.Command{Role: string(who.Role), Approve: &canon.Approve{
			Approval: parameter(c, "id"), Refuse: refuse, Reason: b.Reason,
		}}, nil)
	}
}
