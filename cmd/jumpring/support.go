package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/support"
)

func newSupport(con *console) *cobra.Command {
	return group("support", "Help those who help", newSupportBundle(con))
}

// bundledLog is how much of a log goes into a bundle, in bytes.
const bundledLog = 256 << 10

func newSupportBundle(con *console) *cobra.Command {
	var log string
	cmd := &cobra.Command{
		Use: "bundle [FILE]", Short: "Write a zip archive about the hub for whoever helps, without secrets and personal data", Args: atMost(1),
		Long: "Write what the hub says about itself into one zip archive: configuration without secrets, state of the connections,\nmetrics, the end of the log, versions, figures of the journal, counts of records and open cases, what `jumpring doctor`\nfinds, where the program's routines stand. It asks the running hub; of a stopped one it reads the data folder. No record, no\ncredential and no value of the environment is in it. In logs and errors only the program's own words are kept.",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			now := time.Now().UTC()
			to := "jumpring-support-" + now.Format("20060102T150405Z") + ".zip"
			if len(args) == 1 {
				to = args[0]
			}
			s := con.scrubber(cfg)
			files, err := con.supportFiles(c.Context(), cfg, s, log)
			if err != nil {
				return err
			}
			files = append([]support.File{support.Readme(now, files)}, files...)
			f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("support bundle: %w", err)
			}
			if err := errors.Join(support.Write(f, s, now, files), f.Close()); err != nil {
				return errors.Join(err, os.Remove(to))
			}
			names := make([]any, len(files))
			for i := range files {
				names[i] = files[i].Name
			}
			return con.record([]column{{"bundle", "file"}, {"files", "files"}}, map[string]any{"file": to, "files": names})
		},
	}
	cmd.Flags().StringVar(&log, "log", "", "file of the hub's log, of which the end goes in (default: what the running hub remembers)")
	return cmd
}

// supportFiles collects what goes into a bundle.
func (c *console) supportFiles(ctx context.Context, cfg *config.Config, s *support.Scrubber, log string) ([]support.File, error) {
	files, running, err := c.hubFiles(ctx, s)
	if !running {
		files, err = c.stoppedFiles(ctx, cfg, s, err)
	}
	if err != nil {
		return nil, err
	}
	checks := machineChecks(ctx, cfg, ".")
	if hub, err := c.remote(); err == nil && running {
		checks = append(checks, hub.checks(ctx, cfg.PublicURL != "")...)
	}
	for i := range checks {
		checks[i].What, checks[i].Do = s.Text(checks[i].What), s.Text(checks[i].Do)
	}
	for name, v := range map[string]any{"configuration.json": cfg.Outline(), "doctor.json": checks, "environment.json": c.environment()} {
		f, err := support.JSON(name, v)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	if log != "" {
		raw, err := os.ReadFile(log)
		if err != nil {
			return nil, coded(exitUsage, fmt.Errorf("--log: %w", err))
		}
		files = append(files, support.File{Name: "log-file.txt", Body: []byte(s.Lines(support.LastLines(raw, bundledLog)))})
	}
	return files, nil
}

// hubFiles asks the running hub; running is false where there is none to ask.
func (c *console) hubFiles(ctx context.Context, s *support.Scrubber) (files []support.File, running bool, err error) {
	r, err := c.remote()
	if err != nil {
		return nil, false, err
	}
	raw, _, err := r.call(ctx, http.MethodGet, "/v1/support", nil)
	var own *codedError
	if errors.As(err, &own) && own.code == exitUnreachable {
		return nil, false, err
	}
	if err != nil { // it is there and refuses, or failed: the bundle says so
		return []support.File{{Name: "hub.txt", Body: []byte(s.Text(err.Error()) + "\n")}}, true, nil
	}
	files, err = support.Read(raw)
	return files, true, err
}

// stoppedFiles reads the data folder of a hub that does not answer, for the given reason.
func (c *console) stoppedFiles(ctx context.Context, cfg *config.Config, s *support.Scrubber, why error) ([]support.File, error) {
	note := []support.File{{Name: "hub.txt", Body: []byte("The hub does not answer: " + s.Text(why.Error()) + "\n")}}
	h, err := c.offline(ctx, cfg)
	if err != nil {
		note[0].Body = append(note[0].Body, "Its data folder can't be opened: "+s.Text(err.Error())+"\n"...)
		return note, nil
	}
	files, err := hub.Doors{Hub: h}.SupportFiles(ctx, s)
	return append(note, files...), errors.Join(err, h.Close())
}

// scrubber knows every secret that can be seen from here.
func (c *console) scrubber(cfg *config.Config) *support.Scrubber {
	var names []string
	secrets := append(cfg.SecretValues(), c.token)
	for i := range cfg.Connections {
		names = append(names, cfg.Connections[i].Name, cfg.Connections[i].Connector)
	}
	names = append(names, cfg.Settings().Locations...)
	for _, name := range append(c.references(), keyVariable, adminVariable, "JUMPRING_TOKEN") {
		secrets = append(secrets, c.env(name))
	}
	for _, name := range []string{adminTokenFile, "vault.key"} {
		if raw, err := os.ReadFile(filepath.Join(cfg.Data, name)); err == nil {
			secrets = append(secrets, string(bytes.TrimSpace(raw)))
		}
	}
	for i := range secrets {
		if secrets[i] == unknownHere {
			secrets[i] = ""
		}
	}
	return support.NewScrubber(names, secrets)
}

var environmentReference = regexp.MustCompile(`\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}`)

// references names the environment variables that the configuration refers to.
func (c *console) references() []string {
	raw, err := os.ReadFile(c.configPath)
	if err != nil {
		return nil
	}
	var out []string
	for _, m := range environmentReference.FindAllSubmatch(raw, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

// environment tells which variables are set here, without their values.
func (c *console) environment() map[string]bool {
	out := map[string]bool{}
	for _, name := range append(c.references(), keyVariable, adminVariable, "JUMPRING_TOKEN", "JUMPRING_HUB") {
		out[strings.TrimSpace(name)] = c.env(name) != ""
	}
	return out
}
