package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/core/access"
)

var staffColumns = []column{
	{"name", "name"}, {"shown", "shown"}, {"role", "role"}, {"location", "location"}, {"email", "email"}, {"password", "password"}, {"disabled", "disabled"}, {"created", "created"},
}

// passwordVariable is where staff add and staff password take the password from; else from the first line of the input.
const passwordVariable = "JUMPRING_PASSWORD"

// newStaff looks after who may sign in to the console: with a running hub over its API, else in the data folder.
func newStaff(con *console) *cobra.Command {
	add := &cobra.Command{
		Use: "add --name NAME --role ROLE", Short: "Let somebody sign in", Args: exactly(0),
		Long: "Let somebody sign in to the console. The password is taken from " + passwordVariable + " or from the first line of the\n" +
			"input, never from an argument, which everybody on the machine can read. With --sso there is none.",
	}
	name := add.Flags().String("name", "", "what they sign in with, such as anna.martin")
	shown := add.Flags().String("shown", "", "what the console calls them")
	email := add.Flags().String("email", "", "by which single sign-on knows them the first time")
	sso := add.Flags().Bool("sso", false, "they come by single sign-on alone: no password is asked for")
	role := add.Flags().String("role", "", "a role of the hub: manager, consultant …; see `jumpring staff roles`")
	location := add.Flags().String("location", "", "the only one of the hub's locations that they may act at")
	add.RunE = func(c *cobra.Command, _ []string) error {
		if *name == "" || *role == "" {
			return coded(exitUsage, errors.New("--name and --role are needed"))
		}
		password := ""
		if !*sso {
			var err error
			if password, err = con.password(); err != nil {
				return err
			}
		}
		asked := access.Person{Name: *name, Shown: *shown, Email: *email, Role: access.Role(*role), Location: *location}
		return con.person(c, func(s *access.Staff) (access.Person, error) { return s.Add(asked, password) }, "/v1/staff", map[string]any{
			"name": *name, "shown": *shown, "email": *email, "role": *role, "location": *location, "password": password,
		})
	}
	list := &cobra.Command{Use: "list", Short: "List who may sign in", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		var all []any
		err := con.keepStaff(c, func(s *access.Staff) error {
			for _, p := range s.List() {
				all = append(all, shownPerson(&p))
			}
			return nil
		}, func(hub *remote) (err error) {
			all, err = hub.list(c.Context(), "/v1/staff", nil, 0)
			return err
		})
		if err != nil {
			return err
		}
		return con.table(staffColumns, all, all)
	}}
	setRole := &cobra.Command{Use: "role NAME ROLE", Short: "Give somebody another role and location", Args: exactly(2)}
	at := setRole.Flags().String("location", "", "the only one of the hub's locations that they may act at; everywhere where it is left out")
	setRole.RunE = func(c *cobra.Command, args []string) error {
		return con.person(c, func(s *access.Staff) (access.Person, error) { return s.SetRole(args[0], access.Role(args[1]), *at) },
			"/v1/staff/"+url.PathEscape(args[0])+"/role", map[string]any{"role": args[1], "location": *at})
	}
	disable := &cobra.Command{Use: "disable NAME", Short: "End what somebody may do, at once", Args: exactly(1)}
	undo := disable.Flags().Bool("undo", false, "let them in again; ends a lockout too")
	disable.RunE = func(c *cobra.Command, args []string) error {
		step := "disable"
		if *undo {
			step = "enable"
		}
		return con.person(c, func(s *access.Staff) (access.Person, error) { return s.Disable(args[0], !*undo) }, "/v1/staff/"+url.PathEscape(args[0])+"/"+step, nil)
	}
	password := &cobra.Command{Use: "password NAME", Short: "Give somebody another password; their sessions end", Args: exactly(1), RunE: func(c *cobra.Command, args []string) error {
		text, err := con.password()
		if err != nil {
			return err
		}
		return con.person(c, func(s *access.Staff) (access.Person, error) { return s.SetPassword(args[0], text) },
			"/v1/staff/"+url.PathEscape(args[0])+"/password", map[string]any{"password": text})
	}}
	roles := &cobra.Command{Use: "roles", Short: "List the roles and what each may do and see", Args: exactly(0), RunE: func(c *cobra.Command, _ []string) error {
		hub, err := con.remote()
		if err != nil {
			return err
		}
		all, err := hub.list(c.Context(), "/v1/roles", nil, 0)
		if err != nil {
			return err
		}
		return con.table([]column{{"role", "name"}, {"acts as", "acts_as"}, {"sees", "sees"}, {"permissions", "permissions"}}, all, all)
	}}
	return group("staff", "Look after who may sign in to the console", add, list, setRole, disable, password, roles)
}

// password takes a password from the environment or the input.
func (c *console) password() (string, error) {
	if text := c.env(passwordVariable); text != "" {
		return text, nil
	}
	if c.answers {
		fmt.Fprint(c.err, "Password: ")
	}
	line, err := bufio.NewReader(c.in).ReadString('\n')
	if text := strings.TrimRight(line, "\r\n"); text != "" {
		return text, nil
	}
	if err == nil {
		err = errors.New("it is empty")
	}
	return "", coded(exitUsage, fmt.Errorf("no password in %s nor on the input: %w", passwordVariable, err))
}

// person carries out a change of one of the staff and shows them.
func (c *console) person(cmd *cobra.Command, offline func(*access.Staff) (access.Person, error), path string, body map[string]any) error {
	var shown any
	err := c.keepStaff(cmd, func(s *access.Staff) error {
		p, err := offline(s)
		switch {
		case errors.Is(err, access.ErrPersonUnknown), errors.Is(err, access.ErrPersonExists):
			return coded(exitRefused, err)
		case err != nil:
			return coded(exitUsage, err)
		}
		shown = shownPerson(&p)
		return nil
	}, func(hub *remote) (err error) {
		for k, v := range body {
			if v == "" {
				delete(body, k)
			}
		}
		shown, err = hub.post(cmd.Context(), path, body)
		return err
	})
	if err != nil {
		return err
	}
	return c.record(staffColumns, shown)
}

// shownPerson is what is shown of one of the staff: nothing of the password.
func shownPerson(p *access.Person) any {
	return map[string]any{
		"name": p.Name, "shown": p.Shown, "email": p.Email, "role": string(p.Role), "location": p.Location, "password": p.Hash != "",
		"disabled": p.Disabled, "created": p.Created.Format(time.RFC3339),
	}
}

// keepStaff does something with the staff, as keep does with tokens.
func (c *console) keepStaff(cmd *cobra.Command, offline func(*access.Staff) error, online func(*remote) error) error {
	return c.keepVault(cmd, func(storage access.Storage, own []access.Definition) error {
		roles, err := access.NewRoleBook(own...)
		if err != nil {
			return err
		}
		s, err := access.NewStaff(storage, time.Now, roles)
		if err != nil {
			return err
		}
		return offline(s)
	}, online)
}

// rotateToken gives a token a new text.
func rotateToken(con *console) *cobra.Command {
	rotate := &cobra.Command{Use: "rotate NAME", Short: "Give a token a new text, which is shown once", Args: exactly(1)}
	grace := rotate.Flags().Duration("grace", 0, "for how long the text before it is taken as well, such as 24h")
	expires := rotate.Flags().String("expires", "", "when the new text ends: a time or a duration; as before where it is left out")
	rotate.RunE = func(c *cobra.Command, args []string) error {
		end, err := expiry(*expires, time.Now())
		if err != nil {
			return coded(exitUsage, err)
		}
		var made any
		err = con.keep(c, func(k *access.Keeper) error {
			text, t, err := k.Rotate(args[0], *grace, end)
			switch {
			case errors.Is(err, access.ErrUnknown):
				return coded(exitRefused, err)
			case err != nil:
				return coded(exitUsage, err)
			}
			made, err = decodedOf(t)
			if m, ok := made.(map[string]any); ok {
				delete(m, "hash")
				delete(m, "before")
				m["token"] = text
			}
			return err
		}, func(hub *remote) (err error) {
			body := map[string]any{"grace_seconds": int64(*grace / time.Second)}
			if !end.IsZero() {
				body["expires"] = end
			}
			made, err = hub.post(c.Context(), "/v1/tokens/"+url.PathEscape(args[0])+"/rotate", body)
			return err
		})
		if err != nil {
			return err
		}
		return con.record(append([]column{{"token", "token"}}, tokenColumns...), made)
	}
	return rotate
}
