package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// nameRule is what connections and locations may be called: their names stand in keys, addresses and logs.
var nameRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

const nameDo = "use up to 63 small letters, digits and dashes, such as web-eu"

// check notes what can't work.
func (c *Config) check(d *decoder) {
	if host, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" || host == "" && !strings.HasPrefix(c.Listen, ":") {
		d.found("listen", "is no address", "write host:port, such as 127.0.0.1:8480")
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			d.found("public_url", "is no address", "write https:// and the name that platforms reach the hub under")
		case u.User != nil || u.RawQuery != "" || u.Fragment != "":
			d.found("public_url", "has more than a scheme, a name and a path", "leave user, query and fragment out")
		}
		c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	}
	if c.Data == "" {
		d.found("data", "is empty", "name the folder that holds the hub's data")
	}
	c.Bus.check(d, d.folder, c.Locations)
	oneOf(d, "bus.compress", c.Bus.Compress, "none", "zstd")
	oneOf(d, "match.serialized.default", c.Match.Serialized.Default, "when_quantity_max_1", "always", "never")
	for i, key := range c.Match.Item {
		oneOf(d, fmt.Sprintf("match.item[%d]", i), key, "certificate", "epc", "huid", "serial", "sku")
		if slices.Index(c.Match.Item, key) < i {
			d.found(fmt.Sprintf("match.item[%d]", i), "is there twice", "leave one")
		}
	}
	if _, err := c.Match.weights(); err != nil {
		d.found("match.client_weights", "are no weights", "take them from `jumpring bench identity --output json`, under weights")
	}
	if len(c.Match.Item) == 0 {
		d.found("match.item", "is empty", "name at least one of certificate, epc, huid, serial and sku")
	}
	if len(c.Region) != 2 || strings.ToUpper(c.Region) != c.Region {
		d.found("region", "is no country", "write ISO 3166-1 alpha-2, such as FR")
	}
	oneOf(d, "log.level", c.Log.Level, "trace", "debug", "info", "warn", "error")
	oneOf(d, "log.format", c.Log.Format, "text", "json")
	between(d, "stock.safety", c.Stock.Safety, 0, 1_000_000)
	between(d, "limits.webhook_bytes", c.Limits.WebhookBytes, 1<<10, 64<<20)
	between(d, "limits.json_bytes", c.Limits.JSONBytes, 1<<10, 64<<20)
	between(d, "limits.connector_memory_mb", c.Limits.ConnectorMemory, 0, 1<<20)
	if age, err := time.ParseDuration(c.Deliveries.Keep); c.Deliveries.Keep != "off" && (err != nil || age < time.Hour) {
		d.found("deliveries.keep", "is no time to keep something", "write a duration of an hour or more, such as 168h, or off")
	}
	between(d, "deliveries.keep_mb", c.Deliveries.KeepMB, 1, 1<<20)
	between(d, "deliveries.waiting", c.Deliveries.Waiting, 1, 10_000_000)
	between(d, "deliveries.waiting_mb", c.Deliveries.WaitingMB, 1, 1<<20)
	if c.Plugins == "" {
		d.found("plugins", "is empty", "name the folder of connectors of others, such as ./plugins")
	}
	for i, l := range c.Locations {
		path := fmt.Sprintf("locations[%d]", i)
		if !nameRule.MatchString(l) {
			d.found(path, "is no name for a location", nameDo)
		}
		if slices.Index(c.Locations, l) < i {
			d.found(path, "is there twice", "leave one")
		}
	}
	names := []string{}
	for i := range c.Connections {
		c.Connections[i].check(d, fmt.Sprintf("connections[%d]", i), c.Locations, c.places())
		name := c.Connections[i].Name
		if slices.Contains(names, name) {
			d.found(fmt.Sprintf("connections[%d].name", i), "is the name of another connection too", "give each a name of its own")
		}
		names = append(names, name)
	}
	c.checkAttributes(d, names)
	c.checkConsole(d)
	c.checkAudit(d)
	c.checkDeliver(d)
	c.checkAlarms(d)
	c.checkBackup(d)
	if a := c.Stock.Authority; a != "hub" && !slices.Contains(names, a) {
		d.found("stock.authority", "is neither hub nor a connection", "write hub"+orOneOf(names))
	}
}

// codeRule is what attributes may be called.
var codeRule = regexp.MustCompile(`^[a-z0-9][a-z0-9_]{0,62}$`)

func (c *Config) checkAttributes(d *decoder, connections []string) {
	var codes []string
	for i := range c.Attributes {
		a := &c.Attributes[i]
		path := fmt.Sprintf("attributes[%d]", i)
		if !codeRule.MatchString(a.Code) {
			d.found(path+".code", "is no code for an attribute", "use small letters, digits and _, such as stone_setting")
		}
		if slices.Contains(codes, a.Code) {
			d.found(path+".code", "is the code of another attribute too", "give each a code of its own")
		}
		codes = append(codes, a.Code)
		var types []string
		for _, t := range canon.AttributeTypes() {
			types = append(types, string(t))
		}
		oneOf(d, path+".type", a.Type, types...)
		enum := a.Type == string(canon.AttributeEnum)
		if enum != (len(a.Values) > 0) {
			d.found(path+".values", "goes with the type enum", "list the values of an enum, and of no other type")
		}
		if number := a.Type == string(canon.AttributeInteger) || a.Type == string(canon.AttributeDecimal); a.Unit != "" && !number {
			d.found(path+".unit", "goes with a number", "leave it out, or make the type integer or decimal")
		}
		for _, name := range slices.Sorted(maps.Keys(a.Channels)) {
			if !slices.Contains(connections, name) {
				d.found(path+".channels."+name, "is no connection", "write"+strings.TrimPrefix(orOneOf(connections), " or"))
			}
		}
	}
}

func (k *Connection) check(d *decoder, path string, locations, places []string) {
	if !nameRule.MatchString(k.Name) || k.Name == "hub" {
		d.found(path+".name", "is no name for a connection", nameDo)
	}
	if !nameRule.MatchString(k.Connector) {
		d.found(path+".connector", "is no connector", "name one, such as shopify, woocommerce or csv")
	}
	if k.Mode == "" {
		k.Mode = canon.ModeObserve
	}
	oneOf(d, path+".mode", string(k.Mode), string(canon.ModeObserve), string(canon.ModeShadow), string(canon.ModeLive))
	k.checkModes(d, path+".modes", places)
	between(d, path+".safety", k.Safety, 0, 1_000_000)
	k.Drift.check(d, path+".drift")
	between(d, path+".fuse.changes_per_hour", k.Fuse.ChangesPerHour, 0, 10_000_000)
	place := func(at, name string) {
		switch {
		case !nameRule.MatchString(name):
			d.found(at, "is no name for a location", nameDo)
		case len(locations) > 0 && !slices.Contains(locations, name):
			d.found(at, "is not one of the hub's locations", "add it to locations, or write"+orOneOf(locations)[3:])
		}
	}
	for i, l := range k.SellsFrom {
		place(fmt.Sprintf("%s.sells_from[%d]", path, i), l)
	}
	for external, l := range k.Locations {
		place(path+".locations."+external, l)
	}
	for name, s := range k.Secrets {
		if s.value == "" {
			d.found(path+".secrets."+name, "is empty", "write ${env:NAME} or ${file:PATH}")
		}
	}
}

// checkModes checks the modes of parts. places are all of the hub's locations.
func (k *Connection) checkModes(d *decoder, path string, places []string) {
	seen := make(map[canon.Scope]bool)
	for i := range k.Modes {
		p, at := &k.Modes[i], fmt.Sprintf("%s[%d]", path, i)
		oneOf(d, at+".mode", string(p.Mode), string(canon.ModeObserve), string(canon.ModeShadow), string(canon.ModeLive))
		scope, err := canon.NewScope(canon.ScopeEntity(p.Entity), p.Location)
		switch {
		case err != nil:
			d.found(at+".entity", "is no part of a connection", err.Error())
		case scope.IsZero():
			d.found(at, "names no part", "write entity: stock, order, listing or price, or location: and one of the hub's; mode beside modes is that of the rest")
		case scope.Location != "" && !slices.Contains(places, scope.Location):
			d.found(at+".location", "is not one of the hub's locations", "write"+strings.TrimPrefix(orOneOf(places), " or"))
		case seen[scope]:
			d.found(at, "is there twice", "leave one")
		}
		seen[scope] = true
	}
}

// places gives the hub's locations: those that are listed, and those that connections use.
func (c *Config) places() []string {
	all := slices.Clone(c.Locations)
	for i := range c.Connections {
		all = append(all, c.Connections[i].SellsFrom...)
		for _, l := range c.Connections[i].Locations {
			all = append(all, l)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if all == nil {
		all = []string{}
	}
	return all
}

func oneOf(d *decoder, path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	do := "write " + strings.Join(allowed[:len(allowed)-1], ", ")
	if len(allowed) == 1 {
		do = "write " + allowed[0]
	} else {
		do += " or " + allowed[len(allowed)-1]
	}
	d.found(path, "is not one of what it can be", do)
}

func orOneOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " or one of " + strings.Join(names, ", ")
}

func between(d *decoder, path string, v, low, high int64) {
	if v < low || v > high {
		d.found(path, "is out of range", fmt.Sprintf("write a number from %d to %d", low, high))
	}
}
