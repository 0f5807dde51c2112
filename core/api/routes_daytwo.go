package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// Supporter is a Hub that makes a support bundle: a zip archive without secrets and without personal data.
type Supporter interface {
	Support(ctx context.Context) ([]byte, error)
}

// supportDeadline is how long a bundle may take.
const supportDeadline = time.Minute

// dayTwoRoutes is the part of the table for who looks after a hub that runs.
func dayTwoRoutes() []route {
	return []route{
		{
			method: http.MethodGet, path: "/v1/support", name: "support", summary: "Make a support bundle: a zip archive of how the hub does, without secrets and without personal data.",
			needs: access.HubManage, gives: gives{status: http.StatusOK, media: "application/zip"}, handle: (*API).support,
		},
	}
}

func (a *API) support(c *fiber.Ctx, _ access.Principal) error {
	s, ok := a.Hub.(Supporter)
	if !ok {
		return problem.New(problem.RouteUnknown, "this hub makes no support bundle")
	}
	ctx, cancel := context.WithTimeout(a.ctx, supportDeadline)
	defer cancel()
	raw, err := s.Support(ctx)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	return c.Send(raw)
}
