package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/access"
)

// Console says who may sign in to the pages, and for how long.
type Console struct {
	// Off leaves the pages out.
	Off bool `yaml:"off"`
	// Idle is how long a session may be silent, Longest how long it lasts in any case: durations such as 30m and 12h.
	Idle    string `yaml:"idle"`
	Longest string `yaml:"longest"`
	OIDC    OIDC   `yaml:"oidc"`
}

// OIDC is single sign-on by OpenID Connect. Who comes is one of the staff: known by subject from the second time on, by
// the e-mail that the issuer has verified the first time.
type OIDC struct {
	Issuer       string `yaml:"issuer"` // https://login.example.com
	ClientID     string `yaml:"client_id"`
	ClientSecret Secret `yaml:"client_secret"`
	Label        string `yaml:"label"` // of the button; empty means the issuer's host
}

// Role is a role of the house's own.
type Role struct {
	Like        string   `yaml:"like"`
	Permissions []string `yaml:"permissions"`
	Without     []string `yaml:"without"`
	// Sees are cost, payment and personal; left out for those of Like.
	Sees   []string `yaml:"sees"`
	ActsAs string   `yaml:"acts_as"`
}

func defaultConsole() Console { return Console{Idle: "30m", Longest: "12h"} }

// Times gives Idle and Longest.
func (c *Console) Times() (idle, longest time.Duration) {
	idle, _ = time.ParseDuration(c.Idle) // both were checked when they were read
	longest, _ = time.ParseDuration(c.Longest)
	return idle, longest
}

func (c *Config) checkConsole(d *decoder) {
	for _, t := range []struct {
		path, text  string
		least, most time.Duration
	}{{"console.idle", c.Console.Idle, time.Minute, 24 * time.Hour}, {"console.longest", c.Console.Longest, 5 * time.Minute, 7 * 24 * time.Hour}} {
		if v, err := time.ParseDuration(t.text); err != nil || v < t.least || v > t.most {
			d.found(t.path, "is no time that a session may last", fmt.Sprintf("write a duration from %s to %s, such as 30m", t.least, t.most))
		}
	}
	if o := &c.Console.OIDC; o.Issuer != "" || o.ClientID != "" {
		u, err := url.Parse(o.Issuer)
		if err != nil || u.Host == "" || u.Scheme != "https" && !loopback(u) {
			d.found("console.oidc.issuer", "is no address of an issuer", "write https:// and its name")
		}
		if o.ClientID == "" {
			d.found("console.oidc.client_id", "is missing", "write what the issuer calls this hub")
		}
		if c.PublicURL == "" {
			d.found("console.oidc", "needs public_url", "write under which address browsers reach the hub: the issuer sends them back there")
		}
	}
	if _, err := access.NewRoleBook(c.RoleDefinitions()...); err != nil {
		d.found("roles", "can't be: "+strings.TrimPrefix(err.Error(), "access: "), "see docs/roles.md")
	}
}

func loopback(u *url.URL) bool {
	return u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
}

// RoleDefinitions gives the house's own roles, by name.
func (c *Config) RoleDefinitions() []access.Definition {
	out := make([]access.Definition, 0, len(c.Roles))
	for _, name := range slices.Sorted(maps.Keys(c.Roles)) {
		r := c.Roles[name]
		def := access.Definition{Name: access.Role(name), Like: access.Role(r.Like), ActsAs: access.Role(r.ActsAs)}
		for _, p := range r.Permissions {
			def.Permissions = append(def.Permissions, access.Permission(p))
		}
		for _, p := range r.Without {
			def.Without = append(def.Without, access.Permission(p))
		}
		if r.Sees != nil {
			def.Sees = []access.Class{}
		}
		for _, s := range r.Sees {
			def.Sees = append(def.Sees, access.Class(s))
		}
		out = append(out, def)
	}
	return out
}
