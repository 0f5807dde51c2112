package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
)

func newBackup(con *console) *cobra.Command {
	var withKey, list, now bool
	cmd := &cobra.Command{
		Use: "backup [FILE]", Short: "Put the journal, the newest snapshot, the sealed credentials and the configuration into one file", Args: atMost(1),
		Long: "Write a backup of the data folder, beside a running hub or of a stopped one, on the machine that has the folder. FILE\nis a tar archive packed with zstd; without it the name has the date. The vault stays sealed: keep its key (JUMPRING_KEY,\nor vault.key in the data folder) in another place, or put it in with --with-key and guard the file. A journal that\nnodes share is on the brokers and is not backed up by this: see docs/several-nodes.md.",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := con.configuration()
			if err != nil {
				return err
			}
			if list || now {
				return con.scheduled(c.Context(), now)
			}
			if err := ownJournal(cfg); err != nil {
				return err
			}
			to := "jumpring-" + time.Now().UTC().Format("20060102T150405Z") + ".tar.zst"
			if len(args) == 1 {
				to = args[0]
			}
			if to, err = filepath.Abs(to); err != nil {
				return err
			}
			bar := con.progress("backup")
			defer bar.end()
			m, err := hub.Backup(c.Context(), hub.BackupOptions{
				Data: cfg.Data, Archive: cfg.Bus.Archive, To: to, Config: con.publicConfig(cfg), WithKey: withKey, Version: version, Progress: bar.at,
			})
			if err != nil {
				return err
			}
			bar.done()
			if !m.Key {
				con.say("the vault's key is not in it: keep that in another place")
			}
			return con.manifest(to, m)
		},
	}
	cmd.Flags().BoolVar(&withKey, "with-key", false, "put the vault's key file in: whoever has the backup can then read the credentials")
	cmd.Flags().BoolVar(&list, "list", false, "show the running hub's scheduled backups instead")
	cmd.Flags().BoolVar(&now, "now", false, "have the running hub make one of its scheduled backups now, with its restore test")
	return cmd
}

// scheduled shows the schedule's backups, or has one made.
func (c *console) scheduled(ctx context.Context, now bool) error {
	r, err := c.remote()
	if err != nil {
		return err
	}
	if now {
		r.client.Timeout = 2 * time.Hour
		v, err := r.post(ctx, "/v1/backups", nil)
		if err != nil {
			return err
		}
		return c.record([]column{{"backup", "file"}, {"made at", "made_at"}, {"journal end", "last"}, {"verified at", "verified_at"}}, v)
	}
	v, err := r.get(ctx, "/v1/backups")
	if err != nil {
		return err
	}
	rows, _ := lookup(v, "backups").([]any)
	return c.table([]column{{"backup", "file"}, {"made at", "made_at"}, {"bytes", "bytes"}, {"verified at", "verified_at"}}, rows, v)
}

// publicConfig gives the configuration file as it is, if it holds no secret in plain words. Invariant 7.
func (c *console) publicConfig(cfg *config.Config) []byte {
	raw, err := os.ReadFile(c.configPath)
	if err != nil {
		return nil
	}
	for _, v := range cfg.SecretValues() {
		if bytes.Contains(raw, []byte(v)) {
			c.say("the configuration is left out: a secret is in it in plain words")
			return nil
		}
	}
	return raw
}

// manifest prints what a backup holds.
func (c *console) manifest(file string, m *hub.Manifest) error {
	size := int64(0)
	for i := range m.Files {
		size += m.Files[i].Size
	}
	raw, err := decodedOf(struct {
		File string `json:"file"`
		*hub.Manifest
		Bytes int64 `json:"bytes"`
	}{file, m, size})
	if err != nil {
		return err
	}
	return c.record([]column{
		{"backup", "file"},
		{"made at", "made_at"},
		{"journal", "journal"},
		{"journal end", "last"},
		{"newest fact", "time"},
		{"hash chain", "hash"},
		{"bytes, unpacked", "bytes"},
		{"key included", "key"},
	}, raw)
}

func newRestore(con *console) *cobra.Command {
	var o hub.RestoreOptions
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Make the data folder from a backup and verify it", Args: exactly(1),
		Long: "Unpack a backup into the data folder, which must not be there or be empty, and verify it whole. Connections that were\nlive begin in shadow: the hub reads each platform anew, and writes nothing before its plan is empty or accepted.",
		RunE: func(c *cobra.Command, args []string) error {
			if o.Data == "" {
				cfg, err := con.configuration()
				if err != nil {
					return fmt.Errorf("%w; or name the folder with --data", err)
				}
				if err := ownJournal(cfg); err != nil {
					return err
				}
				o.Data = cfg.Data
			}
			o.From, o.VaultKey = args[0], con.env(keyVariable)
			bars := map[string]*bar{}
			defer func() {
				for _, b := range bars {
					b.end()
				}
			}()
			o.Progress = func(what string, done, total int64) {
				if bars[what] == nil {
					bars[what] = con.progress(what)
				}
				bars[what].at(done, total)
			}
			m, err := hub.Restore(c.Context(), o)
			if errors.Is(err, hub.ErrNotEmpty) {
				return coded(exitUsage, err)
			}
			if err != nil {
				return err
			}
			for _, b := range bars {
				b.done()
			}
			con.say("restored to %s; live connections begin in shadow: see `jumpring connection list` after the start", o.Data)
			return con.manifest(args[0], m)
		},
	}
	cmd.Flags().StringVar(&o.Data, "data", "", "data folder to make (default: data of the configuration)")
	cmd.Flags().StringVar(&o.KeyFile, "key-file", "", "copy of vault.key, where the backup has none and JUMPRING_KEY is not set")
	return cmd
}
