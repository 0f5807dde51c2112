package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/config"
	"github.com/jumpring/jumpring/core/hub"
)

var tokenColumns = []column{
	{"name", "name"}, {"role", "role"}, {"location", "location"}, {"created", "created"}, {"expires", "expires"}, {"expired", "expired"},
}

// newToken looks after tokens: with a running hub over its API, else in the data folder.
func newToken(con *console) *cobra.Command {
	create := &cobra.Command{Use: "create --name NAME --role ROLE", Short: "Make a token; its text is shown once", Args: exactly(0)}
	name := create.Flags().String("name", "", "whom it is for: the actor of everything that it does")
	role := create.Flags().String("role", "", "a role of the hub: admin, manager, till, device, read …; see `jumpring staff roles`")
	location := create.Flags().String("location", "", "the only one of the hub's locations that it may act at")
	expires := create.Flags().String("expires", "", "when it ends: a time such as 2027-01-01T00:00:00Z, or a duration such as 720h")
	create.RunE = func(c *cobra.Command, _ []string) error {
		if *name == "" || *role == "" {
			return coded(exitUsage, errors.New("--name and --role are needed"))
		}
		end, err := expiry(*expires, time.Now())
		if err != nil {
			return coded(exitUsage, err)
		}
		made, err := con.createToken(c, *name, access.Role(*role), *location, end)
		if err != nil {
			return err
		}
		return con.record(append([]column{{"token", "token"}}, tokenColumns...), made)
	}
	list := &cobra.Command{Use: "list", Short: "List the tokens", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		var all []any
		err := con.keep(c, func(k *access.Keeper) error {
			v, err := decodedOf(k.List())
			all, _ = v.([]any)
			for _, t := range all {
				delete(t.(map[string]any), "hash")
				delete(t.(map[string]any), "before")
			}
			return err
		}, func(hub *remote) (err error) {
			all, err = hub.list(c.Context(), "/v1/tokens", nil, 0)
			return err
		})
		if err != nil {
			return err
		}
		return con.table(tokenColumns, all, all)
	}}
	revoke := &cobra.Command{Use: "revoke NAME", Short: "End a token at once", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		return con.keep(c, func(k *access.Keeper) error {
			err := k.Revoke(args[0])
			if errors.Is(err, access.ErrUnknown) {
				return coded(exitRefused, err)
			}
			return err
		}, func(hub *remote) error {
			_, _, err := hub.call(c.Context(), http.MethodDelete, "/v1/tokens/"+url.PathEscape(args[0]), nil)
			return err
		})
	}}
	return group("token", "Make and end the tokens that doors ask for", create, list, rotateToken(con), revoke)
}

func (c *console) createToken(cmd *cobra.Command, name string, role access.Role, location string, end time.Time) (any, error) {
	var made any
	err := c.keep(cmd, func(k *access.Keeper) error {
		text, t, err := k.Create(name, role, location, end)
		if errors.Is(err, access.ErrExists) {
			return coded(exitRefused, err)
		}
		if err != nil {
			return coded(exitUsage, err)
		}
		t.Hash = ""
		if made, err = decodedOf(t); err != nil {
			return err
		}
		m := made.(map[string]any)
		delete(m, "hash")
		m["token"] = text
		return nil
	}, func(hub *remote) (err error) {
		body := map[string]any{"name": name, "role": role}
		if location != "" {
			body["location"] = location
		}
		if !end.IsZero() {
			body["expires"] = end
		}
		made, err = hub.post(cmd.Context(), "/v1/tokens", body)
		return err
	})
	return made, err
}

// keep does something with the tokens: in the data folder when no hub runs on it, else through the running hub. Only one
// of both may change them: a running hub knows its tokens by heart.
func (c *console) keep(cmd *cobra.Command, offline func(*access.Keeper) error, online func(*remote) error) error {
	return c.keepVault(cmd, func(storage access.Storage, own []access.Definition) error {
		k, err := access.NewKeeper(storage, time.Now, own...)
		if err != nil {
			return err
		}
		return offline(k)
	}, online)
}

// keepVault does something with what the vault keeps of who may come in, as keep says.
func (c *console) keepVault(cmd *cobra.Command, offline func(access.Storage, []access.Definition) error, online func(*remote) error) error {
	if c.hub == "" {
		cfg, err := c.configuration()
		if err != nil {
			return err
		}
		err = c.withVault(cmd.Context(), cfg, offline)
		if !folderInUse(err) {
			return err
		}
	}
	hub, err := c.remote()
	if err != nil {
		return err
	}
	return online(hub)
}

// expiry reads when a token ends; zero for never.
func expiry(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(d).UTC().Truncate(time.Second), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--expires %q: write a time such as 2027-01-01T00:00:00Z, or a duration such as 720h", strings.TrimSpace(s))
}

// withVault opens the vault of a data folder that no hub runs on. The folder is made if need be, so that the first
// token can be made before the first start.
func (c *console) withVault(ctx context.Context, cfg *config.Config, do func(access.Storage, []access.Definition) error) error {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if cfg.Bus.Journal == config.JournalStream {
		side, done, err := hub.OpenSide(cfg.Data, c.env(keyVariable))
		if err != nil {
			return inUse(err, cfg.Data)
		}
		return errors.Join(do(side, cfg.RoleDefinitions()), done())
	}
	h, err := c.offline(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(h.Vault(), cfg.RoleDefinitions()), h.Close())
}
