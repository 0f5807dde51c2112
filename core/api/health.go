package api

import (
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/problem"
)

// Health tells that the process answers.
type Health struct {
	Status  string `json:"status"`
	Version string `json:"version"`
}

// Ready tells whether the hub is ready, and what is missing where it is not. A broker that is away is no reason to send
// requests elsewhere: it shows as degraded.
type Ready struct {
	Ready   bool      `json:"ready"`
	Missing []Missing `json:"missing"`
	// Loading is what goes on behind a hub that is ready: searches wait for it, nothing else does.
	Loading []Missing `json:"loading,omitempty"`
	// Degraded is what does not work and holds nothing up.
	Degraded []Missing `json:"degraded,omitempty"`
}

func (a *API) healthz(c *fiber.Ctx, _ access.Principal) error {
	return c.JSON(Health{Status: "ok", Version: a.Version})
}

func (a *API) readyz(c *fiber.Ctx, _ access.Principal) error {
	ready := Ready{Missing: a.Hub.Missing(a.ctx), Degraded: a.Hub.BusStatus().Degraded()}
	if how := a.Search.Loading(); how != "" {
		ready.Loading = []Missing{{What: "search", Why: how, Do: "wait"}}
	}
	if len(ready.Missing) > 0 {
		return c.Status(fiber.StatusServiceUnavailable).JSON(ready)
	}
	ready.Ready, ready.Missing = true, []Missing{}
	return c.JSON(ready)
}

func (a *API) metrics(c *fiber.Ctx, _ access.Principal) error {
	return adaptor.HTTPHandler(promhttp.HandlerFor(a.Metrics, promhttp.HandlerOpts{}))(c)
}

func (a *API) description(c *fiber.Ctx, _ access.Principal) error {
	return send(c, fiber.StatusOK, a.openapi)
}

func (a *API) hook(c *fiber.Ctx, _ access.Principal) error { return a.Hooks(c) }

func (a *API) events(c *fiber.Ctx, who access.Principal) error {
	if len(c.Request().Header.Peek(fiber.HeaderContentEncoding)) > 0 {
		return problem.New(problem.BodyMediaType, "send the body uncompressed")
	}
	return a.Events(c, who)
}
