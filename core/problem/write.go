package problem

import (
	"encoding/json"
	"errors"

	"github.com/gofiber/fiber/v2"
)

// Write answers a request with the problem that err stands for.
func Write(c *fiber.Ctx, err error) error {
	var own *fiber.Error
	var p *Problem
	if errors.As(err, &own) {
		switch own.Code {
		case fiber.StatusRequestEntityTooLarge:
			p = New(BodyTooLarge, "")
		case fiber.StatusMethodNotAllowed:
			p = New(MethodNotAllowed, "")
		case fiber.StatusNotFound:
			p = New(RouteUnknown, "")
		case fiber.StatusInternalServerError:
			p = New(HubFailed, "")
		default:
			p = New(ParameterInvalid, "the request can't be read")
		}
	} else {
		p = Of(err)
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if s := p.RetrySeconds(); s != "" {
		c.Set(fiber.HeaderRetryAfter, s)
	}
	if p.Status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="jumpring"`)
	}
	c.Set(fiber.HeaderContentType, MediaType)
	return c.Status(p.Status).Send(b)
}
