package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/config"
)

func TestWhatOnlyAStartTakesUpIsSummedUpByItsKey(t *testing.T) {
	was := fixedOf(config.Default())
	for key, change := range map[string]func(*config.Config){
		"listen":               func(c *config.Config) { c.Listen = "127.0.0.1:9480" },
		"log":                  func(c *config.Config) { c.Log.Level = "debug" },
		"roles":                func(c *config.Config) { c.Roles = map[string]config.Role{"keeper": {Like: "workshop"}} },
		"audit":                func(c *config.Config) { c.Audit.Copy = "/var/seals" },
		"rates":                func(c *config.Config) { c.Rates = "rates.yaml" },
		"limits.json_bytes":    func(c *config.Config) { c.Limits.JSONBytes++ },
		"limits.webhook_bytes": func(c *config.Config) { c.Limits.WebhookBytes++ },
		"console":              func(c *config.Config) { c.Console.Idle = "1h" },
	} {
		c := config.Default()
		change(c)
		is := fixedOf(c)
		require.Len(t, is, len(was))
		for k := range was {
			require.Equal(t, k != key, was[k] == is[k], "%s changed, and %s", key, k)
		}
	}
}
