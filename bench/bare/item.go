package bare

import "github.com/gofiber/fiber/v2"

// Items answers with the bytes of an id.
func Items(config fiber.Config, items map[string][]byte) *fiber.App {
	app := fiber.New(config)
	app.Get("/v1/items/:id", func(c *fiber.Ctx) error {
		raw, ok := items[c.Params("id")]
		if !ok {
			return c.SendStatus(fiber.StatusNotFound)
		}
		c.Set(fiber.HeaderContentType, "application/json")
		return c.Send(raw)
	})
	return app
}
