package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/core/reconcile"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
)

// closet is a Source of fixed values.
func closet() Source {
	env := map[string]string{"SHOPIFY_SECRET": "hush-1", "SHOPIFY_TOKEN": "hush-2", "EMPTY": "", "CITY": "paris"}
	return Source{
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(path string) ([]byte, error) {
			if filepath.Base(path) == "secret.txt" {
				return []byte("hush-3\n"), nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
	}
}

func TestTheShippedConfigurationIsRead(t *testing.T) {
	raw, err := os.ReadFile("../../configs/jumpring.yaml")
	require.NoError(t, err)
	c, err := Parse(raw, "/etc/jumpring/jumpring.yaml", closet())
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8480", c.Listen)
	require.Equal(t, "/etc/jumpring/data", c.Data)
	require.Equal(t, "hush-1", c.Connection("web-eu").Secrets["client_secret"].Reveal())
	require.JSONEq(t, `{"shop":"aurum.myshopify.com","endpoint":"http://127.0.0.1:8491","api_version":"2026-10"}`, string(c.Connection("web-eu").Config.JSON()))
	require.InDelta(t, 0.25, c.Connection("web-eu").Fuse.ToZeroShare.Share(), 0)
	usual, err := json.Marshal(identity.Default(1_000_000))
	require.NoError(t, err)
	require.Equal(t, canon.Settings{
		MatchItem: []string{"certificate", "epc", "huid", "serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Region: "FR",
		ClientWeights: usual,
		Attributes: []canon.AttributeDef{
			{Code: "band_width", Name: "Band width", Type: canon.AttributeDecimal, Unit: "mm", Searchable: true, Channels: map[string]string{"web-eu": "width_mm"}},
			{Code: "occasion", Type: canon.AttributeEnum, Multi: true, Enum: []canon.AttributeValue{
				{Value: "anniversary", Words: []string{}}, {Value: "gift", Words: []string{"cadeau"}}, {Value: "wedding", Words: []string{"mariage", "hochzeit"}},
			}},
		},
		Locations: []string{"atelier", "boutique-paris"},
		Connections: []canon.ConnectionSettings{
			{Name: "atelier-files", Connector: "csv", Mode: canon.ModeObserve, SellsFrom: []string{"atelier"}},
			{
				Name: "web-eu", Connector: "shopify", Mode: canon.ModeLive, Baseline: "2026-01-01T00:00:00Z", SellsFrom: []string{"boutique-paris"},
				Locations: map[string]string{"gid://shopify/Location/1": "boutique-paris"},
			},
		},
	}, c.Settings())

	// What the file says of defaults is true: without its connections and address it is the configuration of no file.
	d := Default()
	d.Data, d.Plugins, d.PublicURL, d.Attributes, d.Locations, d.Connections, d.Roles, d.Backup.To = c.Data, c.Plugins, c.PublicURL, c.Attributes, c.Locations, c.Connections, c.Roles, c.Backup.To
	require.Equal(t, d, c)
}

func TestModesOfParts(t *testing.T) {
	c, err := Parse([]byte("locations: [lyon, paris]\nconnections:\n  - name: web-eu\n    connector: shopify\n    mode: shadow\n"+
		"    modes:\n      - {location: paris, mode: live}\n      - {entity: order, mode: observe}\n"), "/x/y.yaml", closet())
	require.NoError(t, err)
	s := c.Settings()
	require.Equal(t, canon.ModeShadow, s.Connections[0].Mode)
	require.Equal(t, []canon.ScopeWish{
		{Scope: canon.Scope{Entity: canon.ScopeStock, Location: "paris"}, Mode: canon.ModeLive},
		{Scope: canon.Scope{Entity: canon.ScopeOrder}, Mode: canon.ModeObserve},
	}, s.Connections[0].Modes)
}

func TestAnEmptyFileIsTheDefault(t *testing.T) {
	for _, raw := range []string{"", "# nothing\n", "---\n", "log:\n"} {
		c, err := Parse([]byte(raw), "/x/y.yaml", closet())
		require.NoError(t, err, "%q", raw)
		require.Equal(t, "/x/data", c.Data)
		require.Empty(t, c.Connections)
		require.NotNil(t, c.Settings().Locations)
	}
}

func TestEveryFindingHasItsPlaceAndWhatToDo(t *testing.T) {
	const conn = "connections:\n  - name: web-eu\n    connector: shopify\n"
	const rabbit, urls = "bus:\n  kind: rabbit\n", "  urls: [\"amqp://b\"]\n"
	for name, c := range map[string]struct{ yaml, want string }{
		"unknown key":               {"lissen: 127.0.0.1:1\n", "line 1, column 1: lissen: is not a key of the configuration; did you mean listen?"},
		"swapped letters":           {conn + "    selsl_from: [a]\n", "line 4, column 5: connections[0].selsl_from: is not a key of the configuration; did you mean sells_from?"},
		"nothing near":              {"stock: {colour: red}\n", "line 1, column 9: stock.colour: is not a key of the configuration; the keys here are authority, safety, one_channel"},
		"nested key":                {conn + "    fuse: {changes: 5}\n", "line 4, column 12: connections[0].fuse.changes: is not a key of the configuration; the keys here are changes_per_hour, to_zero_share"},
		"twice":                     {"region: FR\nregion: DE\n", "line 2, column 1: the file is not YAML: mapping key \"region\" already defined at [1:1]; mind the indentation, and quote values with : or #"},
		"number for text":           {"region: 12\n", "line 1, column 9: region: is a number; put it in quotes"},
		"text for a number":         {"stock: {safety: many}\n", "line 1, column 17: stock.safety: is text; write a whole number"},
		"fraction":                  {"stock: {safety: 1.5}\n", "line 1, column 17: stock.safety: is a number with a fraction; write a whole number"},
		"text for a list":           {"locations: paris\n", "line 1, column 12: locations: is text; write a list: [a, b], or one line with a dash for each"},
		"list for keys":             {"log: [info]\n", "line 1, column 6: log: is a list; write keys and values"},
		"time":                      {conn + "    baseline: yesterday\n", "line 4, column 15: connections[0].baseline: is no time; write it with its offset, such as 2026-01-01T00:00:00Z"},
		"share":                     {conn + "    fuse: {to_zero_share: \"120%\"}\n", "line 4, column 27: connections[0].fuse.to_zero_share: is no share; write a percentage from 0% to 100%, such as \"25%\""},
		"time of sweeps":            {conn + "    drift: {every: often}\n", "line 4, column 20: connections[0].drift.every: is no time between two sweeps; write a duration of a minute or more, such as 24h, or off"},
		"sweeps too often":          {conn + "    drift: {every: 10s}\n", "line 4, column 20: connections[0].drift.every: is no time between two sweeps; write a duration of a minute or more, such as 24h, or off"},
		"drift's policy":            {conn + "    drift: {stock: ignore}\n", "line 4, column 20: connections[0].drift.stock: is not one of what it can be; write repair or report"},
		"anchor":                    {"log: &a {level: info}\n", "line 1, column 6: log: anchors, aliases and merges are not taken; write the value out"},
		"tag":                       {"region: !!str FR\n", "line 1, column 9: region: tags are not taken; leave !!str out"},
		"two documents":             {"region: FR\n---\nregion: DE\n", "line 3, column 7: the file has more than one document; leave one, without --- between"},
		"mode":                      {conn + "    mode: alive\n", "line 4, column 11: connections[0].mode: is not one of what it can be; write observe, shadow or live"},
		"mode of no part":           {conn + "    modes: [{mode: live}]\n", "line 4, column 13: connections[0].modes[0]: names no part; write entity: stock, order, listing or price, or location: and one of the hub's; mode beside modes is that of the rest"},
		"mode of a place":           {"locations: [lyon]\n" + conn + "    modes: [{location: paris, mode: live}]\n", "line 5, column 24: connections[0].modes[0].location: is not one of the hub's locations; write one of lyon"},
		"mode of what has no place": {"locations: [lyon]\n" + conn + "    modes: [{entity: order, location: lyon, mode: live}]\n", "line 5, column 22: connections[0].modes[0].entity: is no part of a connection; an entity of kind order has no location: leave the location out, or name stock"},
		"mode of a part":            {conn + "    modes: [{entity: stock, mode: alive}]\n", "line 4, column 35: connections[0].modes[0].mode: is not one of what it can be; write observe, shadow or live"},
		"modes twice":               {"locations: [lyon]\n" + conn + "    modes: [{location: lyon, mode: live}, {entity: stock, location: lyon, mode: shadow}]\n", "line 5, column 43: connections[0].modes[1]: is there twice; leave one"},
		"mode, left out":            {conn, ""},
		"address":                   {"listen: somewhere\n", "line 1, column 9: listen: is no address; write host:port, such as 127.0.0.1:8480"},
		"public address":            {"public_url: hub.example.com\n", "line 1, column 13: public_url: is no address; write https:// and the name that platforms reach the hub under"},
		"bus":                       {"bus: {kind: pigeon}\n", "line 1, column 13: bus.kind: is not one of what it can be; write embedded or rabbit"},
		"name":                      {"connections:\n  - name: Web EU\n    connector: shopify\n", "line 2, column 11: connections[0].name: is no name for a connection; use up to 63 small letters, digits and dashes, such as web-eu"},
		"no connector":              {"connections:\n  - name: web-eu\n", "line 2, column 9: connections[0].connector: is no connector; name one, such as shopify, woocommerce or csv"},
		"authority":                 {"stock: {authority: erp}\n" + conn, "line 1, column 20: stock.authority: is neither hub nor a connection; write hub or one of web-eu"},
		"text for a switch":         {"stock: {one_channel: often}\n", "line 1, column 22: stock.one_channel: is text; write true or false"},
		"attribute's code":          {"attributes: [{code: Width, type: text}]\n", "line 1, column 21: attributes[0].code: is no code for an attribute; use small letters, digits and _, such as stone_setting"},
		"attribute's type":          {"attributes: [{code: width, type: float}]\n", "line 1, column 34: attributes[0].type: is not one of what it can be; write text, integer, decimal, boolean, enum or date"},
		"enum without values":       {"attributes: [{code: occasion, type: enum}]\n", "line 1, column 14: attributes[0].values: goes with the type enum; list the values of an enum, and of no other type"},
		"attribute's channel":       {"attributes: [{code: width, type: text, channels: {web: w}}]\n" + conn, "line 1, column 56: attributes[0].channels.web: is no connection; write one of web-eu"},
		"unlisted location":         {"locations: [lyon]\n" + conn + "    sells_from: [paris]\n", "line 5, column 18: connections[0].sells_from[0]: is not one of the hub's locations; add it to locations, or write one of lyon"},
		"missing variable":          {conn + "    secrets: {access_token: \"${env:NOT_THERE}\"}\n", "line 4, column 29: connections[0].secrets.access_token: reference: the environment variable NOT_THERE is not set; set it before the hub starts"},
		"empty variable":            {conn + "    secrets: {access_token: \"${env:EMPTY}\"}\n", "line 4, column 29: connections[0].secrets.access_token: reference: the environment variable EMPTY is empty; give it a value"},
		"missing file":              {conn + "    secrets: {access_token: \"${file:nowhere}\"}\n", "line 4, column 29: connections[0].secrets.access_token: reference: the file nowhere can't be read (file does not exist); make it readable for the hub alone"},
		"unknown reference":         {conn + "    secrets: {access_token: \"${vault:x}\"}\n", "line 4, column 29: connections[0].secrets.access_token: reference: write ${env:NAME} or ${file:PATH}"},
		"open reference":            {conn + "    config: {shop: \"${env:CITY\"}\n", "line 4, column 20: connections[0].config.shop: reference is not closed: write ${env:NAME} or ${file:PATH}, and $${ for the characters themselves"},
		"number as a secret":        {conn + "    secrets: {access_token: 0123}\n", "line 4, column 29: connections[0].secrets.access_token: is a number; put it in quotes"},
		"float in config":           {conn + "    config: {api_version: 2026.10}\n", "line 4, column 27: connections[0].config.api_version: is a number with a fraction; put it in quotes, or write a whole number"},
		"bus without urls":          {"bus: {kind: rabbit}\n", "line 1, column 6: bus.urls: is empty; name the brokers, such as [amqps://rabbit1:5671/jumpring]"},
		"stream, no broker":         {"bus: {journal: stream}\n", "line 1, column 16: bus.journal: needs RabbitMQ; write kind: rabbit, or journal: local"},
		"broker by http":            {rabbit + "  urls: [\"http://u:hush@b\"]\n", "line 3, column 10: bus.urls[0]: is no address of a broker; write amqp:// or amqps://"},
		"odd password":              {rabbit + "  urls: [\"amqp://u:hu/sh@b:1/\"]\n", "line 3, column 10: bus.urls[0]: is no address; write amqps://host:port/vhost; a password with other characters than letters and digits goes into bus.password"},
		"half a certificate":        {rabbit + urls + "  tls: {cert: a.pem}\n", "line 4, column 8: bus.tls: has one of cert and key; name both, or none"},
		"password alone":            {rabbit + urls + "  password: x\n", "line 4, column 13: bus.password: has no user; write bus.user beside it"},
		"one exchange":              {rabbit + urls + "  exchange_changes: jumpring.in\n", "line 4, column 21: bus.exchange_changes: is the exchange that devices publish to; give it a name of its own"},
		"no exchange":               {rabbit + urls + "  exchange_in: \"#\"\n", "line 4, column 16: bus.exchange_in: is no name for an exchange; use up to 100 letters, digits, dots, dashes and underscores, such as jumpring.in"},
		"role of changes":           {rabbit + urls + "  changes_role: king\n", "line 4, column 17: bus.changes_role: is not one of what it can be; write admin, manager, till, device or read"},
		"role of a device":          {rabbit + urls + "  devices: {t: {role: admin}}\n", "line 4, column 23: bus.devices.t.role: is not one of what it can be; write till, device or manager"},
		"place of a device":         {"locations: [lyon]\n" + rabbit + urls + "  devices: {t: {role: till, location: paris}}\n", "line 5, column 39: bus.devices.t.location: is not one of the hub's locations; add it to locations, or write one of lyon"},
		"nobody":                    {rabbit + urls + "  anonymous: t\n", "line 4, column 14: bus.anonymous: is none of the devices; write one of the names under bus.devices, or leave it out"},
		"stream":                    {rabbit + urls + "  journal: stream\n  node: hub-1\n  join: {url: \"https://hub-2.example.com\", token: x}\n", ""},
		"stream, no node":           {rabbit + urls + "  journal: stream\n", "line 2, column 7: bus.node: is empty; name this hub among those that share the stream, such as hub-1"},
		"node of one":               {rabbit + urls + "  node: hub-1\n", "line 4, column 9: bus.node: goes with journal: stream; leave it out, or write journal: stream"},
		"stream, address":           {rabbit + urls + "  journal: stream\n  node: hub-1\n  address: https://hub-1.example.com\n", ""},
		"no address":                {rabbit + urls + "  journal: stream\n  node: hub-1\n  address: hub-1\n", "line 6, column 12: bus.address: is no address; write https:// and the name by which the other nodes reach this one"},
		"address of one":            {rabbit + urls + "  address: https://hub-1.example.com\n", "line 4, column 12: bus.address: goes with journal: stream; leave it out, or write journal: stream"},
		"join without token":        {rabbit + urls + "  journal: stream\n  node: hub-1\n  join: {url: \"https://hub-2.example.com\"}\n", "line 6, column 9: bus.join.token: is empty; give the token of an admin at that node, such as ${env:JOIN_TOKEN}"},
		"join nothing":              {rabbit + urls + "  journal: stream\n  node: hub-1\n  join: {url: hub-2, token: x}\n", "line 6, column 15: bus.join.url: is no address; write https:// and the name of another node"},
		"prefetch":                  {rabbit + urls + "  prefetch: 0\n", "line 4, column 13: bus.prefetch: is out of range; write a number from 1 to 10000"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(c.yaml), "jumpring.yaml", closet())
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			var invalid *InvalidError
			require.ErrorAs(t, err, &invalid)
			var got []string
			for _, f := range invalid.Findings {
				got = append(got, f.String())
			}
			require.Equal(t, c.want, strings.Join(got, "\n"))
		})
	}
}

func TestAllFindingsComeAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, err := Parse([]byte("lissen: x\nstock: {safety: -1, authority: nobody}\nlog: {level: loud}\nconnections: [{name: hub}]\n"), "f.yaml", closet())
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	var paths []string
	for _, f := range invalid.Findings {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"lissen", "stock.safety", "stock.authority", "log.level", "connections[0].name", "connections[0].connector"}, paths)
	require.Contains(t, err.Error(), "configuration f.yaml has 6 problems:\n  line 1")
}

func TestReferencesWorkInEveryText(t *testing.T) {
	c, err := Parse([]byte("locations: [\"boutique-${env:CITY}\"]\nconnections:\n  - {name: a, connector: csv, config: {folder: \"/in/${env:CITY}/$${x}\", deep: [{k: \"${file:secret.txt}\"}]}, secrets: {t: \"Bearer ${file:secret.txt}\"}}\n"), "/d/f.yaml", closet())
	require.NoError(t, err)
	require.Equal(t, []string{"boutique-paris"}, c.Locations)
	require.JSONEq(t, `{"folder":"/in/paris/${x}","deep":[{"k":"hush-3"}]}`, string(c.Connections[0].Config.JSON()))
	require.Equal(t, "Bearer hush-3", c.Connections[0].Secrets["t"].Reveal())
}

func TestTheBusGetsItsUserIntoEachAddressThatHasNone(t *testing.T) {
	c, err := Parse([]byte(`
locations: [paris]
bus:
  kind: rabbit
  urls: ["amqps://rabbit1:5671/jumpring", "amqps://other:own@rabbit2:5671/jumpring"]
  user: jumpring-hub
  password: "${file:secret.txt}/ @"
  tls: {ca: ca.pem}
  devices: {till-1: {role: till, location: paris}, Gate_2: {role: device}}
  anonymous: Gate_2
`), "/d/f.yaml", closet())
	require.NoError(t, err)
	require.Equal(t, "amqps://jumpring-hub:hush-3%2F%20%40@rabbit1:5671/jumpring", c.Bus.URLs[0].Reveal())
	require.Equal(t, "amqps://other:own@rabbit2:5671/jumpring", c.Bus.URLs[1].Reveal())
	require.Equal(t, "/d/ca.pem", c.Bus.TLS.CA)
	require.Equal(t, map[string]Device{"till-1": {Role: "till", Location: "paris"}, "Gate_2": {Role: "device"}}, c.Bus.Devices)
	dump, err := json.Marshal(c)
	require.NoError(t, err)
	require.NotContains(t, string(dump)+fmt.Sprintf("%+v", c), "hush")
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c, err := Parse([]byte("connections:\n  - {name: a, connector: csv, config: {key: \"${file:secret.txt}\"}, secrets: {t: \"${env:SHOPIFY_TOKEN}\"}}\n"), "/d/f.yaml", closet())
	require.NoError(t, err)
	dump, err := json.Marshal(c)
	require.NoError(t, err)
	for _, printed := range []string{
		fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%v", c.Connections[0].Secrets), string(dump),
		fmt.Sprintf("%s %q %d %x", c.Connections[0].Secrets["t"], c.Connections[0].Secrets["t"], c.Connections[0].Secrets["t"], c.Connections[0].Secrets["t"]),
		c.Connections[0].Secrets["t"].LogValue().String(),
	} {
		require.NotContains(t, printed, "hush")
		require.NotContains(t, printed, "68757368") // the same in hexadecimal
	}
	_, err = Parse([]byte("region: \"${env:SHOPIFY_TOKEN}\"\nlisten: \"${env:SHOPIFY_SECRET}\"\n"), "f.yaml", closet())
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hush")
}

func TestAHostileFileIsRefused(t *testing.T) {
	for name, raw := range map[string]string{
		"brackets": strings.Repeat("[", 100_000), "dashes": strings.Repeat("- ", 100_000), "size": strings.Repeat("#", maxFile+1),
		"binary": "\x00\x01\x02: \xff", "open quote": `listen: "abc`, "tab": "log:\n\tlevel: info\n", "braces": "log: {level: info",
	} {
		start := time.Now()
		_, err := Parse([]byte(raw), "f.yaml", closet())
		require.Error(t, err, name)
		var invalid *InvalidError
		require.True(t, errors.As(err, &invalid), name)
		require.Less(t, time.Since(start), 30*time.Second, name)
	}
}

func TestLoadReadsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "j.yaml")
	require.NoError(t, os.WriteFile(path, []byte("data: store\n"), 0o600))
	c, err := Load(path, System())
	require.NoError(t, err)
	require.Equal(t, filepath.Join(filepath.Dir(path), "store"), c.Data)
	_, err = Load(path+"x", System())
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func FuzzParse(f *testing.F) {
	if raw, err := os.ReadFile("../../configs/jumpring.yaml"); err == nil {
		f.Add(raw)
	}
	f.Add([]byte("connections: [{name: a, connector: csv, secrets: {t: \"${env:SHOPIFY_TOKEN}\"}}]\nlog: {level: loud}\n"))
	f.Add([]byte("a: &x [*x]\n? - b\n: !!map {}\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Parse(raw, "f.yaml", closet())
		if err == nil {
			s := c.Settings()
			if len(s.Connections) != len(c.Connections) {
				t.Fatal("a connection was lost")
			}
			return
		}
		var invalid *InvalidError
		if !errors.As(err, &invalid) || len(invalid.Findings) == 0 {
			t.Fatalf("no finding in %v", err)
		}
	})
}

func TestDriftIsSweptForDailyAndRepairedUnlessSaidOtherwise(t *testing.T) {
	for drift, want := range map[string]reconcile.DriftPolicy{
		"{}":           {Every: 24 * time.Hour},
		"{every: off}": {},
		"{every: 90m, stock: report, price_parity: report}": {Every: 90 * time.Minute, Report: true, Parity: true},
		"{every: 1m, stock: repair, price_parity: ignore}":  {Every: time.Minute},
	} {
		c, err := Parse([]byte("connections:\n  - name: web-eu\n    connector: shopify\n    drift: "+drift+"\n"), "/x/y.yaml", closet())
		require.NoError(t, err, drift)
		require.Equal(t, want, c.Connections[0].Drift.Policy(), drift)
	}
}
