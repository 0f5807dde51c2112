package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/plugins/catalog"
)

// catalog gives the plugins folder that the configuration names. Its secrets are not needed for that.
func (c *console) catalog() (*catalog.Catalog, error) {
	cfg, err := config.Load(c.configPath, config.Source{
		Env: func(name string) (string, bool) {
			if v, ok := os.LookupEnv(name); ok {
				return v, true
			}
			return "unset", true
		},
		ReadFile: func(path string) ([]byte, error) {
			if b, err := os.ReadFile(path); err == nil {
				return b, nil
			}
			return []byte("unset"), nil
		},
	})
	if err != nil {
		return nil, coded(exitUsage, err)
	}
	return catalog.Open(cfg.Plugins), nil
}

// refused gives a refusal of the catalog its exit code.
func refused(err error) error {
	for _, kind := range []error{catalog.ErrManifest, catalog.ErrChanged, catalog.ErrSignature, catalog.ErrProtocol, catalog.ErrUntrusted, catalog.ErrUnknown} {
		if errors.Is(err, kind) {
			return coded(exitRefused, err)
		}
	}
	return err
}

func newPluginAdd(con *console) *cobra.Command {
	var o catalog.AddOptions
	c := &cobra.Command{
		Use: "add FOLDER", Short: "Let a connector in, or a new version of it", Args: exactly(1),
		Long: "Checks manifest, signature and files of a connector's folder and copies it into the plugins folder, where\n" +
			"`connector: NAME` of the configuration finds it. A publisher whom you add for the first time needs --trust with the\n" +
			"key that you compared with what the publisher made known elsewhere. A running hub takes a new version with\n" +
			"`jumpring reload`.",
		RunE: func(_ *cobra.Command, args []string) error {
			cat, err := con.catalog()
			if err != nil {
				return err
			}
			m, err := catalog.Read(args[0])
			if err != nil {
				return refused(err)
			}
			o.Reserved = slices.Collect(maps.Keys(builtIn()))
			e, err := cat.Add(args[0], o)
			if err != nil {
				return refused(err)
			}
			if con.format == "json" {
				return con.json(e)
			}
			con.say("%s %s of %s is added: `connector: %s` finds it", e.Name, e.Version, e.Publisher, e.Name)
			con.say("it gets of the environment: %s; it says that it talks to: %s", orNothing(m.Environment), orNothing(m.Hosts))
			con.say("a running hub takes it with `jumpring reload`")
			return nil
		},
	}
	c.Flags().StringVar(&o.Trust, "trust", "", "a publisher's key, in base64, that may be let in from now on")
	c.Flags().BoolVar(&o.Unsigned, "unsigned", false, "let in a folder without a signature: your own build")
	return c
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

func newPluginList(con *console) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the connectors that were added", Args: exactly(0), RunE: func(*cobra.Command, []string) error {
		cat, err := con.catalog()
		if err != nil {
			return err
		}
		all, err := cat.List()
		if err != nil {
			return err
		}
		rows := make([]any, len(all))
		for i, e := range all {
			rows[i] = map[string]any{"name": e.Name, "version": e.Version, "publisher": e.Publisher, "key": e.Key, "added_at": e.AddedAt.Format("2006-01-02 15:04")}
		}
		return con.table([]column{{"name", "name"}, {"version", "version"}, {"publisher", "publisher"}, {"key", "key"}, {"added", "added_at"}}, rows, all)
	}}
}

func newPluginRemove(con *console) *cobra.Command {
	return &cobra.Command{Use: "remove NAME", Short: "Take a connector out; one that runs goes on until its next start", Args: exactly(1), RunE: func(_ *cobra.Command, args []string) error {
		cat, err := con.catalog()
		if err != nil {
			return err
		}
		if err := cat.Remove(args[0]); err != nil {
			return refused(err)
		}
		con.say("%s is removed", args[0])
		return nil
	}}
}

func newPluginVerify(con *console) *cobra.Command {
	return &cobra.Command{Use: "verify [NAME]", Short: "Check that connectors are what was added, file by file", Args: atMost(1), RunE: func(_ *cobra.Command, args []string) error {
		cat, err := con.catalog()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			all, err := cat.List()
			if err != nil {
				return err
			}
			for _, e := range all {
				args = append(args, e.Name)
			}
		}
		var bad error
		for _, name := range args {
			if err := cat.Verify(name); err != nil {
				bad = errors.Join(bad, err)
				continue
			}
			con.say("%s is what was added", name)
		}
		if bad != nil {
			return coded(exitFailed, fmt.Errorf("%w\nadd it again with `jumpring plugin add`, and find out who changed it", bad))
		}
		return nil
	}}
}

func newPluginKey(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "key FILE", Short: "Make a publisher's key and show its public half", Args: exactly(1),
		Long: "Makes an Ed25519 key for signing connectors, in a file that only its owner can read. Keep it; make its public half known.",
		RunE: func(_ *cobra.Command, args []string) error {
			public, private, err := ed25519.GenerateKey(nil)
			if err != nil {
				return err
			}
			f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return coded(exitUsage, err)
			}
			_, err = f.WriteString(base64.StdEncoding.EncodeToString(private.Seed()) + "\n")
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				return err
			}
			fmt.Fprintln(con.out, catalog.KeyText(public))
			return nil
		},
	}
}

func newPluginSign(con *console) *cobra.Command {
	var keyFile string
	c := &cobra.Command{
		Use: "sign FOLDER --key FILE", Short: "Put checksums and your signature into a connector's manifest", Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			raw, err := os.ReadFile(keyFile)
			if err != nil {
				return coded(exitUsage, fmt.Errorf("--key: %w; make one with `jumpring plugin key FILE`", err))
			}
			seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(raw)))
			if err != nil || len(seed) != ed25519.SeedSize {
				return coded(exitUsage, errors.New("--key: the file holds no key; make one with `jumpring plugin key FILE`"))
			}
			m, err := catalog.Sign(args[0], ed25519.NewKeyFromSeed(seed))
			if err != nil {
				return refused(err)
			}
			con.say("%s %s is signed: %d files, key %s", m.Name, m.Version, len(m.Files), catalog.KeyText(m.Publisher.Key))
			return nil
		},
	}
	c.Flags().StringVar(&keyFile, "key", "", "file of the publisher's key")
	return c
}
