// Package config reads the hub's configuration: one YAML file, decoded strictly. Unknown keys, wrong types and values
// that can't work are all reported at once, each with its line and what to do. Secrets come by reference
// (${env:NAME}, ${file:PATH}) and are never echoed (invariant 7).
package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/reconcile"
)

// Config is the whole configuration.
type Config struct {
	// Listen is the address of the one port, "127.0.0.1:8480".
	Listen string `yaml:"listen"`
	// PublicURL is where platforms reach the hub, without a slash at the end; empty means poll only.
	PublicURL string `yaml:"public_url"`
	// Data is the folder that holds everything; a relative one is relative to the configuration file's folder.
	Data string `yaml:"data"`
	// Plugins is the folder of connectors of others; see `jumpring plugin`. Relative like Data.
	Plugins string `yaml:"plugins"`
	Bus     Bus    `yaml:"bus"`
	Match   Match  `yaml:"match"`
	// Policy is the file that says whose word counts for what; empty means the defaults. Relative like Data.
	Policy string `yaml:"policy"`
	Stock  Stock  `yaml:"stock"`
	// Attributes define the custom attributes of items.
	Attributes []Attribute `yaml:"attributes"`
	// Region is the default region of phone numbers, ISO 3166-1 alpha-2.
	Region string `yaml:"region"`
	// Locations are the hub's own places. Names that connections use are added.
	Locations   []string     `yaml:"locations"`
	Log         Log          `yaml:"log"`
	Limits      Limits       `yaml:"limits"`
	Deliveries  Deliveries   `yaml:"deliveries"`
	Connections []Connection `yaml:"connections"`
	Console     Console      `yaml:"console"`
	Audit       Audit        `yaml:"audit"`
	Alarms      Alarms       `yaml:"alarms"`
	Backup      Backup       `yaml:"backup"`
	// Rates is a file of exchange rates for reports, read anew for each report; empty for none. Relative like Data.
	Rates string `yaml:"rates"`
	// Roles are the house's own, by name.
	Roles map[string]Role `yaml:"roles"`

	rules *canon.Policy // of Policy
}

// Match says how listings join.
type Match struct {
	// Item is the join order: certificate, epc, huid, serial, sku.
	Item []string `yaml:"item"`
	// ClientWeights are the weights by which clients are compared, as JSON: what `jumpring bench identity --output json`
	// writes under weights, by ${file:PATH}. Empty for those of the build. Either way they are journaled with the settings.
	ClientWeights string     `yaml:"client_weights"`
	Serialized    Serialized `yaml:"serialized"`
}

// weights gives the weights in the form that is journaled.
func (m *Match) weights() (json.RawMessage, error) {
	w := identity.Default(population)
	if m.ClientWeights != "" {
		w = new(identity.Weights)
		if err := json.Unmarshal([]byte(m.ClientWeights), w); err != nil {
			return nil, err
		}
	}
	return json.Marshal(w)
}

// population is for how many records the build's own weights are.
const population = 1_000_000

// Serialized says when a listing is one piece.
type Serialized struct {
	// Default is when_quantity_max_1, always or never, of listings without serial, certificate and EPC.
	Default string `yaml:"default"`
}

// Stock says who counts.
type Stock struct {
	// Authority is "hub" or a connection's name.
	Authority string `yaml:"authority"`
	// Safety is held back from what each connection shows, in pieces, of quantity SKUs.
	Safety int64 `yaml:"safety"`
	// OneChannel lets a one-of-a-kind piece be shown on one channel at a time: the first that lists it for sale.
	OneChannel bool `yaml:"one_channel"`
}

// Attribute defines a custom attribute: how its values read and what each connection calls it.
type Attribute struct {
	Code string `yaml:"code"`
	Name string `yaml:"name"`
	Type string `yaml:"type"` // text, integer, decimal, boolean, enum, date
	Unit string `yaml:"unit"` // of a number
	// Values are those of an enumeration, each with the words that sources have for it.
	Values     map[string][]string `yaml:"values"`
	Multi      bool                `yaml:"multi"`
	Searchable bool                `yaml:"searchable"`
	Channels   map[string]string   `yaml:"channels"` // by connection: the code that it has for this attribute
}

// definition gives the attribute as the fold uses it.
func (a *Attribute) definition() canon.AttributeDef {
	def := canon.AttributeDef{
		Code: a.Code, Name: a.Name, Type: canon.AttributeType(a.Type), Unit: a.Unit, Multi: a.Multi, Searchable: a.Searchable, Channels: a.Channels,
	}
	for _, v := range slices.Sorted(maps.Keys(a.Values)) {
		def.Enum = append(def.Enum, canon.AttributeValue{Value: v, Words: a.Values[v]})
	}
	return def
}

// Log says what is logged.
type Log struct {
	Level  string `yaml:"level"`  // trace, debug, info, warn, error
	Format string `yaml:"format"` // text or json
}

// Limits bound what comes in.
type Limits struct {
	WebhookBytes int64 `yaml:"webhook_bytes"` // largest body of a webhook
	JSONBytes    int64 `yaml:"json_bytes"`    // largest body of the API
	// ConnectorMemory is what a connector's process works to stay below, in MiB; 0 for no limit.
	ConnectorMemory int64 `yaml:"connector_memory_mb"`
}

// Deliveries bound what is kept of each connection's webhooks as they came.
type Deliveries struct {
	// Keep is for how long copies of translated ones are kept for `jumpring reprocess`, such as "168h"; "off" for none.
	Keep string `yaml:"keep"`
	// KeepMB is how much of them is kept at most, Waiting and WaitingMB how many may wait for a connector that is away.
	KeepMB    int64 `yaml:"keep_mb"`
	Waiting   int64 `yaml:"waiting"`
	WaitingMB int64 `yaml:"waiting_mb"`
}

// Age is for how long copies are kept; 0 for off.
func (d *Deliveries) Age() time.Duration {
	age, _ := time.ParseDuration(d.Keep) // checked when it was read
	return age
}

// Connection is one connected system.
type Connection struct {
	Name      string     `yaml:"name"`
	Connector string     `yaml:"connector"`
	Mode      canon.Mode `yaml:"mode"` // what a new connection begins with
	// Modes are of parts of it: the stock of a location, all stock, or orders.
	Modes []PartMode `yaml:"modes"`
	// Baseline: orders placed before it move nothing. Zero means when the hub first saw the connection.
	Baseline  time.Time         `yaml:"baseline"`
	SellsFrom []string          `yaml:"sells_from"`
	Locations map[string]string `yaml:"locations"` // the platform's location to the hub's
	Safety    int64             `yaml:"safety"`
	Fuse      Fuse              `yaml:"fuse"`
	Drift     Drift             `yaml:"drift"`
	Deliver   Deliver           `yaml:"deliver"`
	Config    Document          `yaml:"config"`
	Secrets   map[string]Secret `yaml:"secrets"`
}

// PartMode is the mode of a part of a connection.
type PartMode struct {
	Entity   string     `yaml:"entity"`   // stock or order; with a location, stock
	Location string     `yaml:"location"` // one of the hub's
	Mode     canon.Mode `yaml:"mode"`
}

// Fuse bounds what the hub writes to a connection within an hour.
type Fuse struct {
	ChangesPerHour int64 `yaml:"changes_per_hour"` // 0 means 1000
	// ToZeroShare is which share of the bound listings may be set to zero by anything but claims, as "25%"; empty means
	// 25%.
	ToZeroShare Percent `yaml:"to_zero_share"`
}

// Drift says when a connection is swept for differences, and what they lead to.
type Drift struct {
	// Every is how often everything is read and compared, such as "24h"; "off" for only when a person asks. Empty means
	// 24h.
	Every string `yaml:"every"`
	// Stock is repair or report: what becomes of stock that was changed at the platform. Empty means repair. What is sold
	// out is written in any case.
	Stock string `yaml:"stock"`
	// PriceParity is report or ignore: whether prices that differ from another connection's are listed. Empty means ignore.
	PriceParity string `yaml:"price_parity"`
}

// defaultSweep is how often a connection is swept.
const defaultSweep = 24 * time.Hour

// Policy gives it as the hub takes it.
func (d *Drift) Policy() reconcile.DriftPolicy {
	p := reconcile.DriftPolicy{Every: defaultSweep, Report: d.Stock == "report", Parity: d.PriceParity == "report"}
	switch d.Every {
	case "":
	case "off":
		p.Every = 0
	default:
		p.Every, _ = time.ParseDuration(d.Every) // checked when it was read
	}
	return p
}

// leastSweep is the shortest time between two sweeps: one reads everything that a platform has.
const leastSweep = time.Minute

func (d *Drift) check(in *decoder, path string) {
	if every, err := time.ParseDuration(d.Every); d.Every != "" && d.Every != "off" && (err != nil || every < leastSweep) {
		in.found(path+".every", "is no time between two sweeps", "write a duration of a minute or more, such as 24h, or off")
	}
	if d.Stock != "" {
		oneOf(in, path+".stock", d.Stock, "repair", "report")
	}
	if d.PriceParity != "" {
		oneOf(in, path+".price_parity", d.PriceParity, "report", "ignore")
	}
}

// Percent is a share, in hundredths of a percent: 2500 is 25 %.
type Percent int64

// Share gives it as a fraction.
func (p Percent) Share() float64 { return float64(p) / 10_000 }

// Document is a connector's own configuration, as JSON. It may hold what came from the environment and is not printed.
type Document struct{ raw json.RawMessage }

// JSON gives the document; "{}" when there is none.
func (d Document) JSON() json.RawMessage {
	if len(d.raw) == 0 {
		return json.RawMessage("{}")
	}
	return d.raw
}

// Format keeps the content out of every print.
func (d Document) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[config]") }

// MarshalJSON keeps the content out of every dump.
func (d Document) MarshalJSON() ([]byte, error) { return []byte(`"[config]"`), nil }

// redacted stands for a secret wherever one is printed.
const redacted = "[redacted]"

// Secret is a value that is never printed. Reveal gives it.
type Secret struct{ value string }

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal gives the value, to hand it to whom it is for.
func (s Secret) Reveal() string { return s.value }

// Format prints "[redacted]" under every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// MarshalText gives "[redacted]", in JSON and YAML too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue gives "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Default is the configuration of an empty file.
func Default() *Config {
	return &Config{
		Listen: "127.0.0.1:8480", Data: "./data", Plugins: "./plugins", Bus: defaultBus(),
		Match: Match{Item: []string{"certificate", "epc", "huid", "serial", "sku"}, Serialized: Serialized{Default: "when_quantity_max_1"}},
		Stock: Stock{Authority: "hub"}, Region: "FR", Log: Log{Level: "info", Format: "text"},
		Limits: Limits{WebhookBytes: 2 << 20, JSONBytes: 1 << 20, ConnectorMemory: 512}, Console: defaultConsole(), Audit: defaultAudit(), Alarms: defaultAlarms(), Backup: defaultBackup(),
		Deliveries: Deliveries{Keep: "168h", KeepMB: 512, Waiting: 10_000, WaitingMB: 128},
	}
}

// Settings gives the part that the fold uses, without what connectors describe of themselves. It has no secret.
func (c *Config) Settings() canon.Settings {
	s := canon.Settings{
		MatchItem: c.Match.Item, Serialized: c.Match.Serialized.Default, StockAuthority: c.Stock.Authority, Safety: c.Stock.Safety,
		OneChannel: c.Stock.OneChannel, Policy: c.rules, Region: c.Region, Locations: c.places(), Connections: make([]canon.ConnectionSettings, 0, len(c.Connections)),
	}
	if w, err := c.Match.weights(); err == nil { // it was checked when it was read
		s.ClientWeights = w
	}
	for i := range c.Attributes {
		s.Attributes = append(s.Attributes, c.Attributes[i].definition())
	}
	for i := range c.Connections {
		k := &c.Connections[i]
		cs := canon.ConnectionSettings{
			Name: k.Name, Connector: k.Connector, Mode: k.Mode, SellsFrom: k.sellsFrom(s.Locations), Locations: k.Locations, Safety: k.Safety,
		}
		for _, p := range k.Modes {
			scope, err := canon.NewScope(canon.ScopeEntity(p.Entity), p.Location)
			if err == nil { // it was checked when it was read
				cs.Modes = append(cs.Modes, canon.ScopeWish{Scope: scope, Mode: p.Mode})
			}
		}
		if !k.Baseline.IsZero() {
			cs.Baseline = k.Baseline.UTC().Format(time.RFC3339)
		}
		s.Connections = append(s.Connections, cs)
	}
	return s
}

// sellsFrom gives the places that a connection sells from: as configured, else those that its locations are mapped to,
// else all.
func (c *Connection) sellsFrom(places []string) []string {
	if len(c.SellsFrom) > 0 {
		return c.SellsFrom
	}
	mapped := slices.Sorted(maps.Values(c.Locations))
	if len(mapped) == 0 {
		return places
	}
	return slices.Compact(mapped)
}

// Names gives the connections' names, in their order.
func (c *Config) Names() []string {
	out := make([]string, len(c.Connections))
	for i := range c.Connections {
		out[i] = c.Connections[i].Name
	}
	return out
}

// Connection gives a connection by its name; nil when there is none.
func (c *Config) Connection(name string) *Connection {
	for i := range c.Connections {
		if c.Connections[i].Name == name {
			return &c.Connections[i]
		}
	}
	return nil
}
