package config

import (
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/jumpring/jumpring/core/access"
)

// The kinds of bus.
const (
	BusEmbedded = "embedded" // HTTP alone
	BusRabbit   = "rabbit"   // RabbitMQ beside it
)

// The places of the journal.
const (
	JournalLocal  = "local"  // in the data folder
	JournalStream = "stream" // on the brokers, for several nodes
)

// Bus says what carries the journal, and how devices and third parties are reached beside HTTP.
type Bus struct {
	Kind    string `yaml:"kind"`    // embedded or rabbit
	Journal string `yaml:"journal"` // local or stream
	// Compress is none or zstd: whether the journal's batches are packed. It may be changed at any time.
	Compress string `yaml:"compress"`
	// Archive is the folder for the journal's full segments that snapshots cover; empty means archive in Data. A relative
	// one is relative to the configuration file's folder.
	Archive string `yaml:"archive"`
	// URLs are the brokers of one cluster, amqp:// or amqps://host:port/vhost.
	URLs []Secret `yaml:"urls"`
	// User and Password are for the addresses that have none.
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
	TLS      TLS    `yaml:"tls"`
	// ExchangeIn is where devices publish to; ExchangeChanges where the hub publishes what changed.
	ExchangeIn      string `yaml:"exchange_in"`
	ExchangeChanges string `yaml:"exchange_changes"`
	// ChangesRole is the role whose eyes published changes are redacted for.
	ChangesRole string `yaml:"changes_role"`
	// Devices are who may publish, by their user at the broker.
	Devices map[string]Device `yaml:"devices"`
	// Anonymous is the device that messages without user_id are from; empty parks them.
	Anonymous string `yaml:"anonymous"`
	// Prefetch bounds the deliveries that are in hand at once.
	Prefetch int64 `yaml:"prefetch"`
	// Stream is the stream of journal: stream.
	Stream string `yaml:"stream"`
	// Node is this hub's name among those that share the stream.
	Node string `yaml:"node"`
	// Address is where other nodes reach this one; empty means that they pass nothing on to it.
	Address string `yaml:"address"`
	// Join is another node that a new one takes its first snapshot from.
	Join Join `yaml:"join"`
}

// Join is the address of a node, and the token of an admin there.
type Join struct {
	URL   string `yaml:"url"`
	Token Secret `yaml:"token"`
}

// TLS names PEM files; relative ones are relative to the configuration file's folder.
type TLS struct {
	CA         string `yaml:"ca"`
	Cert       string `yaml:"cert"`
	Key        string `yaml:"key"`
	ServerName string `yaml:"server_name"`
}

// Device is who a user of the broker is to the hub.
type Device struct {
	Role     string `yaml:"role"`     // till, device or manager
	Location string `yaml:"location"` // the only one of the hub's locations that it may report of; empty for all
}

func defaultBus() Bus {
	return Bus{
		Kind: BusEmbedded, Journal: JournalLocal, Compress: "none", ExchangeIn: "jumpring.in", ExchangeChanges: "jumpring.changes",
		ChangesRole: string(access.RoleRead), Prefetch: 256, Stream: "jumpring.journal",
	}
}

// exchangeRule is what exchanges may be called: queues and keys are named after them.
var exchangeRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// userRule is what users of the broker may be called: they become actors.
var userRule = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func (b *Bus) check(d *decoder, folder string, locations []string) {
	oneOf(d, "bus.kind", b.Kind, BusEmbedded, BusRabbit)
	oneOf(d, "bus.journal", b.Journal, JournalLocal, JournalStream)
	if b.Kind != BusRabbit {
		if b.Journal == JournalStream {
			d.found("bus.journal", "needs RabbitMQ", "write kind: rabbit, or journal: local")
		}
		return
	}
	b.checkURLs(d)
	b.checkStream(d)
	for _, path := range []*string{&b.TLS.CA, &b.TLS.Cert, &b.TLS.Key} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
	if (b.TLS.Cert == "") != (b.TLS.Key == "") {
		d.found("bus.tls", "has one of cert and key", "name both, or none")
	}
	for _, x := range []struct{ path, name string }{{"bus.exchange_in", b.ExchangeIn}, {"bus.exchange_changes", b.ExchangeChanges}} {
		if !exchangeRule.MatchString(x.name) {
			d.found(x.path, "is no name for an exchange", "use up to 100 letters, digits, dots, dashes and underscores, such as jumpring.in")
		}
	}
	if b.ExchangeIn == b.ExchangeChanges {
		d.found("bus.exchange_changes", "is the exchange that devices publish to", "give it a name of its own")
	}
	if _, err := access.ParseRole(b.ChangesRole); err != nil {
		oneOf(d, "bus.changes_role", b.ChangesRole, "admin", "manager", "till", "device", "read")
	}
	between(d, "bus.prefetch", b.Prefetch, 1, 10_000)
	for _, user := range slices.Sorted(maps.Keys(b.Devices)) {
		b.Devices[user].check(d, "bus.devices."+user, user, locations)
	}
	if _, known := b.Devices[b.Anonymous]; b.Anonymous != "" && !known {
		d.found("bus.anonymous", "is none of the devices", "write one of the names under bus.devices, or leave it out")
	}
}

// checkStream checks what goes with several nodes.
func (b *Bus) checkStream(d *decoder) {
	if b.Journal != JournalStream {
		if b.Node != "" {
			d.found("bus.node", "goes with journal: stream", "leave it out, or write journal: stream")
		}
		if b.Address != "" {
			d.found("bus.address", "goes with journal: stream", "leave it out, or write journal: stream")
		}
		return
	}
	switch {
	case b.Node == "":
		d.found("bus.node", "is empty", "name this hub among those that share the stream, such as hub-1")
	case !nameRule.MatchString(b.Node):
		d.found("bus.node", "is no name for a node", nameDo)
	}
	if !exchangeRule.MatchString(b.Stream) {
		d.found("bus.stream", "is no name for a stream", "use up to 100 letters, digits, dots, dashes and underscores, such as jumpring.journal")
	}
	if u, err := url.Parse(b.Address); b.Address != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		d.found("bus.address", "is no address", "write https:// and the name by which the other nodes reach this one")
	}
	if b.Join.URL == "" {
		return
	}
	if u, err := url.Parse(b.Join.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		d.found("bus.join.url", "is no address", "write https:// and the name of another node")
	}
	if b.Join.Token.value == "" {
		d.found("bus.join.token", "is empty", "give the token of an admin at that node, such as ${env:JOIN_TOKEN}")
	}
}

func (v Device) check(d *decoder, path, user string, locations []string) {
	if !userRule.MatchString(user) {
		d.found(path, "is no name for a device", "use up to 63 letters, digits, dots, dashes and underscores, such as till-1")
	}
	oneOf(d, path+".role", v.Role, string(access.RoleTill), string(access.RoleDevice), string(access.RoleManager))
	switch {
	case v.Location == "":
	case !nameRule.MatchString(v.Location):
		d.found(path+".location", "is no name for a location", nameDo)
	case len(locations) > 0 && !slices.Contains(locations, v.Location):
		d.found(path+".location", "is not one of the hub's locations", "add it to locations, or write"+orOneOf(locations)[3:])
	}
}

// checkURLs puts user and password into the addresses that have none. What it finds never shows an address.
func (b *Bus) checkURLs(d *decoder) {
	if len(b.URLs) == 0 {
		d.found("bus.urls", "is empty", "name the brokers, such as [amqps://rabbit1:5671/jumpring]")
	}
	if b.Password.value != "" && b.User == "" {
		d.found("bus.password", "has no user", "write bus.user beside it")
	}
	for i := range b.URLs {
		path := fmt.Sprintf("bus.urls[%d]", i)
		u, err := url.Parse(b.URLs[i].value)
		switch {
		case err != nil || u.Hostname() == "":
			d.found(path, "is no address", "write amqps://host:port/vhost; a password with other characters than letters and digits goes into bus.password")
			continue
		case u.Scheme != "amqp" && u.Scheme != "amqps":
			d.found(path, "is no address of a broker", "write amqp:// or amqps://")
			continue
		}
		if u.User == nil && b.User != "" {
			u.User = url.UserPassword(b.User, b.Password.value)
			b.URLs[i] = Secret{u.String()}
		}
	}
}
