// Package bare has what the hub is measured against: Fiber handlers and a log that do one thing and nothing else.
package bare

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"github.com/gofiber/fiber/v2"
)

// Verify answers 200 to a body whose HMAC-SHA256 its header states, and 401 to any other.
func Verify(config fiber.Config, secret []byte) *fiber.App {
	app := fiber.New(config)
	app.Post("/hooks/:connection", func(c *fiber.Ctx) error {
		if !genuine(c, secret) {
			return c.SendStatus(fiber.StatusUnauthorized)
		}
		return c.SendStatus(fiber.StatusOK)
	})
	return app
}

// VerifyAndLog is Verify with the body in a log before the answer.
func VerifyAndLog(config fiber.Config, secret []byte, log *Log) *fiber.App {
	app := fiber.New(config)
	app.Post("/hooks/:connection", func(c *fiber.Ctx) error {
		if !genuine(c, secret) {
			return c.SendStatus(fiber.StatusUnauthorized)
		}
		if err := log.Append(c.Body()); err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusOK)
	})
	return app
}

func genuine(c *fiber.Ctx, secret []byte) bool {
	stated, err := base64.StdEncoding.DecodeString(c.Get("X-Shopify-Hmac-Sha256"))
	mac := hmac.New(sha256.New, secret)
	mac.Write(c.Body())
	return err == nil && hmac.Equal(mac.Sum(nil), stated)
}
