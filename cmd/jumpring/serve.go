package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "time/tzdata" // tills state local times, and a bare machine has no zones

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/plugins/host"
)

// tokenFile is where the first admin's token is kept for the command line on the same machine.
const tokenFile = "admin.token"

func newServe() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "serve --config FILE", Short: "Run the hub", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := config.Load(file, config.System())
			if err != nil {
				return err
			}
			folder, err := filepath.Abs(filepath.Dir(file))
			if err != nil {
				return err
			}
			if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
				return err
			}
			o, err := serveOptions(cfg, folder, c.ErrOrStderr())
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			o.Started = func(address string) { fmt.Fprintf(out, "jumpring %s is up: http://%s\n", version, address) }
			o.FirstToken = func(text string) error {
				path := filepath.Join(cfg.Data, tokenFile)
				if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
					return fmt.Errorf("keep the first token: %w", err)
				}
				_, err := fmt.Fprintf(out, "The admin's token, shown this once (the command line finds it in %s):\n%s\n", path, text)
				return err
			}
			return hub.Serve(c.Context(), *o)
		},
	}
	c.Flags().StringVar(&file, "config", "configs/jumpring.yaml", "the configuration")
	return c
}

// serveOptions turns a configuration into what the hub takes.
func serveOptions(cfg *config.Config, folder string, logTo io.Writer) (*hub.ServeOptions, error) {
	o := &hub.ServeOptions{
		Listen: cfg.Listen, Version: version, AdminToken: os.Getenv("JUMPRING_ADMIN_TOKEN"),
		JSONBytes: int(cfg.Limits.JSONBytes), WebhookBytes: int(cfg.Limits.WebhookBytes),
	}
	o.Data, o.PublicURL, o.Settings, o.VaultKey = cfg.Data, cfg.PublicURL, cfg.Settings(), os.Getenv("JUMPRING_KEY")
	o.Logger = hclog.New(&hclog.LoggerOptions{
		Name: "jumpring", Level: hclog.LevelFromString(cfg.Log.Level), Output: logTo, JSONFormat: cfg.Log.Format == "json",
	})
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	sum, err := host.FileChecksum(self)
	if err != nil {
		return nil, fmt.Errorf("the checksum of this program: %w", err)
	}
	for i := range cfg.Connections {
		cn, err := connection(&cfg.Connections[i], self, folder, sum)
		if err != nil {
			return nil, err
		}
		o.Connections = append(o.Connections, *cn)
	}
	return o, nil
}

func connection(c *config.Connection, self, folder string, sum [sha256.Size]byte) (*hub.Connection, error) {
	known := builtIn()
	if known[c.Connector] == nil {
		return nil, fmt.Errorf("connection %s: no connector %q is built in; there are %s", c.Name, c.Connector, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	raw, err := absolute(c.Config.JSON(), folder)
	if err != nil {
		return nil, fmt.Errorf("connection %s: config: %w", c.Name, err)
	}
	secrets := make(map[string]string, len(c.Secrets))
	for k, s := range c.Secrets {
		secrets[k] = s.Reveal()
	}
	return &hub.Connection{
		Name: c.Name, Command: []string{self, "connector", c.Connector}, Checksum: sum, Config: raw, Secrets: secrets,
		Limits: reconcile.Limits{ChangesPerHour: int(c.Fuse.ChangesPerHour), ToZeroShare: c.Fuse.ToZeroShare.Share()},
	}, nil
}

// absolute makes paths in a connector's configuration that begin with ./ or ../ relative to the configuration's folder:
// a connector runs in a folder of its own.
func absolute(raw json.RawMessage, folder string) (json.RawMessage, error) {
	var own map[string]any
	if err := json.Unmarshal(raw, &own); err != nil {
		return nil, err
	}
	for k, v := range own {
		if s, ok := v.(string); ok && (strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")) {
			own[k] = filepath.Join(folder, s)
		}
	}
	return json.Marshal(own)
}
