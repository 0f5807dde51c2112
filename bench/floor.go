package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/ingress"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/plugins/host"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// floor serves what the protocol alone costs: the connector's process verifies and translates, the journal is synced,
// then comes the answer. Nothing is folded, searched or written to a view.
func (r *role) floor(ctx context.Context) (err error) {
	self, sum, err := program()
	if err != nil {
		return err
	}
	journal, err := embedded.Open(embedded.Options{Dir: filepath.Join(r.Dir, "floor", "journal")})
	if err != nil {
		return err
	}
	defer func() {
		if failed := journal.Close(); err == nil {
			err = failed
		}
	}()
	config, err := json.Marshal(map[string]string{"shop": shopDomain, "endpoint": r.Shop})
	if err != nil {
		return err
	}
	connector, err := host.Launch(ctx, host.Spec{
		Connection: connectionName, Command: []string{self, "connector", "shopify"}, Checksum: sum, Config: config,
		Secrets: map[string]string{"client_secret": webhookSecret, "access_token": accessToken}, WorkDir: filepath.Join(r.Dir, "floor", "work"),
	})
	if err != nil {
		return err
	}
	if err := connector.Ready(ctx); err != nil {
		return err
	}
	go sdk.ReturnIdleMemory(ctx) // as the hub does; ends with ctx
	app := fiber.New(api.Config(2 << 20))
	app.Post("/hooks/:connection", func(c *fiber.Ctx) error {
		res, err := connector.HandleWebhook(c.UserContext(), ingress.Capture(c, connectionName, c.Context().Time()))
		if err != nil {
			return err
		}
		if res.Verdict != sdk.VerdictAccepted || len(res.Facts) == 0 {
			return fmt.Errorf("verdict %s with %d facts", res.Verdict, len(res.Facts))
		}
		head := canon.Head{Connection: connectionName, Actor: "connection:" + connectionName, Delivery: res.DeliveryID}
		entries := make([]bus.Entry, len(res.Facts))
		for i := range res.Facts {
			if entries[i], err = router.ObservationEntry(head, res.Facts[i].Data, res.Facts[i].Personal); err != nil {
				return err
			}
		}
		if _, err := journal.Append(c.UserContext(), bus.ClassWebhook, entries); err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusOK)
	})
	return serve(ctx, app)
}
