package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	_ "time/tzdata" // tills state local times, and a bare machine has no zones

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/bus/rabbit/stream"
	"github.com/jumpring/jumpring/cmd/jumpring/demo"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/config"
	pages "github.com/jumpring/jumpring/core/console"
	"github.com/jumpring/jumpring/core/delivery"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/report"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/support"
	"github.com/jumpring/jumpring/plugins/catalog"
	"github.com/jumpring/jumpring/plugins/host"
)

// keyVariable seals the vault; adminVariable is the first admin's token.
const (
	keyVariable   = "JUMPRING_KEY"
	adminVariable = "JUMPRING_ADMIN_TOKEN"
)

func newServe(con *console) *cobra.Command {
	return &cobra.Command{
		Use: "serve --config FILE", Short: "Run the hub", Args: exactly(0),
		Long: "Run the hub until it is told to stop. It is up with every platform unreachable.\n\n" +
			"JUMPRING_KEY seals the vault (without it a key file is made in the data folder). JUMPRING_ADMIN_TOKEN is the first\n" +
			"admin's token (without it the first start makes one, shows it once and leaves it in " + adminTokenFile + " of the data folder,\n" +
			"readable for its owner alone). SIGHUP takes up a changed configuration, as `jumpring reload --yes` does.",
		RunE: func(c *cobra.Command, _ []string) error {
			tail := support.NewTail(bundledLog)
			con.err = io.MultiWriter(con.err, tail)
			o, data, err := con.serveFromFile()
			if err != nil {
				return err
			}
			o.Reload = func() (*hub.Options, error) {
				next, _, err := con.serveFromFile()
				if err != nil {
					return nil, err
				}
				return &next.Options, nil
			}
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			o.Hangups, o.LogTail = hangups, tail
			o.VaultKey, o.AdminToken, o.Sabotage = con.env(keyVariable), con.env(adminVariable), con.env(demo.SabotageEnv)
			o.Started = func(address string) { fmt.Fprintf(con.out, "jumpring %s is up: http://%s\n", version, address) }
			o.FirstToken = func(text string) error { return con.firstToken(data, text) }
			return inUse(hub.Serve(c.Context(), *o), data)
		},
	}
}

// serveFromFile reads the configuration file for a hub, and gives the data folder too.
func (c *console) serveFromFile() (o *hub.ServeOptions, data string, err error) {
	cfg, err := config.Load(c.configPath, config.System())
	if err != nil {
		return nil, "", coded(exitUsage, err)
	}
	folder, err := filepath.Abs(filepath.Dir(c.configPath))
	if err != nil {
		return nil, "", err
	}
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return nil, "", err
	}
	if cfg.Bus.Archive != "" {
		if cfg.Bus.Archive, err = filepath.Abs(cfg.Bus.Archive); err != nil {
			return nil, "", err
		}
	}
	if cfg.Backup.To, err = filepath.Abs(cfg.Backup.To); err != nil {
		return nil, "", err
	}
	o, err = serveOptions(cfg, folder, c.err)
	if err == nil {
		o.Backups.Config = func() []byte { return c.publicConfig(cfg) }
	}
	return o, cfg.Data, err
}

// firstToken shows the first admin's token once and leaves it for the command line on this machine.
func (c *console) firstToken(data, text string) error {
	path := filepath.Join(data, adminTokenFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep the first token: %w", err)
	}
	_, err = io.WriteString(f, text+"\n")
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keep the first token: %w", err)
	}
	_, err = fmt.Fprintf(c.out, "The admin's token, shown this once (the command line finds it in %s):\n%s\n", path, text)
	return err
}

// folderInUse tells that a running hub has the data folder open.
func folderInUse(err error) bool {
	return errors.Is(err, embedded.ErrLocked) || errors.Is(err, store.ErrInUse)
}

// inUse says what to do about a data folder that belongs to a running hub.
func inUse(err error, data string) error {
	if folderInUse(err) {
		return coded(exitInUse, fmt.Errorf("%s belongs to a running hub: stop it first, or talk to it with --hub (%w)", data, err))
	}
	return err
}

// serveOptions turns a configuration into what the hub takes.
func serveOptions(cfg *config.Config, folder string, logTo io.Writer) (*hub.ServeOptions, error) {
	o := &hub.ServeOptions{
		Listen: cfg.Listen, Version: version, AdminToken: os.Getenv(adminVariable),
		JSONBytes: int(cfg.Limits.JSONBytes), WebhookBytes: int(cfg.Limits.WebhookBytes),
	}
	o.Roles = cfg.RoleDefinitions()
	o.Console = consoleOf(&cfg.Console)
	o.Fixed, o.Hidden = fixedOf(cfg), cfg.SecretValues()
	var err error
	if o.Alarms, err = alarmsOf(cfg); err != nil {
		return nil, coded(exitUsage, err)
	}
	o.Backups = hub.ScheduleOptions{
		Every: cfg.Backup.Interval(), To: cfg.Backup.To, Verify: cfg.Backup.Verify,
		Keep: hub.Keep{Newest: int(cfg.Backup.Keep), Daily: int(cfg.Backup.Daily), Weekly: int(cfg.Backup.Weekly)},
	}
	o.Audit = hub.AuditOptions{Every: cfg.Audit.Interval(), Copy: cfg.Audit.Copy}
	if cfg.Rates != "" {
		o.Rates = func() (*report.Rates, error) { return config.LoadRates(cfg.Rates) }
	}
	o.Archive, o.PackJournal = cfg.Bus.Archive, cfg.Bus.Compress == "zstd"
	o.Deliveries = hub.DeliveryBounds{
		Waiting:  delivery.Bounds{Number: int(cfg.Deliveries.Waiting), Bytes: cfg.Deliveries.WaitingMB << 20},
		Copies:   delivery.Bounds{Bytes: cfg.Deliveries.KeepMB << 20, Age: cfg.Deliveries.Age()},
		NoCopies: cfg.Deliveries.Keep == "off",
	}
	o.Data, o.PublicURL, o.Settings, o.VaultKey = cfg.Data, cfg.PublicURL, cfg.Settings(), os.Getenv(keyVariable)
	o.Logger = hclog.New(&hclog.LoggerOptions{
		Name: "jumpring", Level: hclog.LevelFromString(cfg.Log.Level), Output: logTo, JSONFormat: cfg.Log.Format == "json",
	})
	o.Bus = busOf(&cfg.Bus)
	if cfg.Bus.Journal == config.JournalStream {
		o.Node, o.Stream, o.Join = cfg.Bus.Node, streamOf(&cfg.Bus), joinOf(&cfg.Bus)
		o.Address = strings.TrimSuffix(cfg.Bus.Address, "/")
	}
	if err := os.MkdirAll(cfg.Data, 0o750); err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	sum, err := host.FileChecksum(self)
	if err != nil {
		return nil, fmt.Errorf("the checksum of this program: %w", err)
	}
	for i := range cfg.Connections {
		cn, err := connection(&cfg.Connections[i], cfg.Plugins, self, folder, sum)
		if err != nil {
			return nil, err
		}
		cn.Memory = cfg.Limits.ConnectorMemory << 20
		if cn.Deliver, err = deliverOf(cfg, &cfg.Connections[i].Deliver); err != nil {
			return nil, err
		}
		o.Connections = append(o.Connections, *cn)
	}
	return o, nil
}

// deliverOf says which changes a connection gets, and as whom.
func deliverOf(cfg *config.Config, d *config.Deliver) (hub.Deliver, error) {
	out := hub.Deliver{Filter: d.Filter(), Pace: d.Pace()}
	if d.Role == "" {
		return out, nil
	}
	book, err := access.NewRoleBook(cfg.RoleDefinitions()...)
	if err == nil {
		out.Who = book.Principal("", access.Role(d.Role), "")
	}
	return out, err
}

// fixedOf sums up what only a start takes up and the hub's options do not show, by the configuration's keys.
func fixedOf(cfg *config.Config) map[string]string {
	sum := func(v ...any) string {
		h := sha256.Sum256(fmt.Appendf(nil, "%+v", v))
		return hex.EncodeToString(h[:])
	}
	c := cfg.Console
	return map[string]string{
		"listen": sum(cfg.Listen), "log": sum(cfg.Log), "roles": sum(cfg.Roles), "rates": sum(cfg.Rates), "audit": sum(cfg.Audit),
		"alarms": sum(cfg.Alarms, cfg.Alarms.Secrets()), "backup": sum(cfg.Backup),
		"limits.json_bytes": sum(cfg.Limits.JSONBytes), "limits.webhook_bytes": sum(cfg.Limits.WebhookBytes),
		"console": sum(c.Off, c.Idle, c.Longest, c.OIDC.Issuer, c.OIDC.ClientID, c.OIDC.ClientSecret.Reveal(), c.OIDC.Label),
	}
}

// consoleOf turns the configuration of the pages into what the hub takes; nil for none.
func consoleOf(c *config.Console) *pages.Options {
	if c.Off {
		return nil
	}
	out := &pages.Options{}
	out.Idle, out.Longest = c.Times()
	if c.OIDC.Issuer != "" {
		out.OIDC = &pages.OIDC{Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, ClientSecret: c.OIDC.ClientSecret.Reveal(), Label: c.OIDC.Label}
	}
	return out
}

// rabbitOf says how to reach the brokers.
func rabbitOf(b *config.Bus) rabbit.Config {
	out := rabbit.Config{TLS: rabbit.TLS{CA: b.TLS.CA, Cert: b.TLS.Cert, Key: b.TLS.Key, ServerName: b.TLS.ServerName}}
	for _, u := range b.URLs {
		out.URLs = append(out.URLs, u.Reveal())
	}
	return out
}

// streamOf names the journal on the brokers.
func streamOf(b *config.Bus) *stream.Options {
	return &stream.Options{Rabbit: rabbitOf(b), Name: b.Stream}
}

// joinOf names the node that a new one takes its first snapshot from; nil for none.
func joinOf(b *config.Bus) *hub.Join {
	if b.Join.URL == "" {
		return nil
	}
	return &hub.Join{URL: strings.TrimSuffix(b.Join.URL, "/"), Token: b.Join.Token.Reveal()}
}

// busOf turns the configuration of the bus into what the hub takes; nil for HTTP alone.
func busOf(b *config.Bus) *hub.Bus {
	if b.Kind != config.BusRabbit {
		return nil
	}
	out := &hub.Bus{
		Rabbit: rabbitOf(b), ExchangeIn: b.ExchangeIn, ExchangeChanges: b.ExchangeChanges, ChangesRole: access.Role(b.ChangesRole),
		Devices: make(map[string]access.Principal, len(b.Devices)), Prefetch: int(b.Prefetch),
	}
	for user, v := range b.Devices {
		out.Devices[user] = access.Principal{Name: user, Role: access.Role(v.Role), Location: v.Location}
	}
	if who, ok := out.Devices[b.Anonymous]; ok {
		out.Anonymous = &who
	}
	return out
}

func connection(c *config.Connection, plugins, self, folder string, sum [sha256.Size]byte) (*hub.Connection, error) {
	out := &hub.Connection{Name: c.Name, Command: []string{self, "connector", c.Connector}, Checksum: sum, Version: version}
	if builtIn()[c.Connector] == nil {
		if err := thirdParty(out, c.Connector, plugins); err != nil {
			return nil, coded(exitUsage, fmt.Errorf("connection %s: %w", c.Name, err))
		}
	}
	raw, err := absolute(c.Config.JSON(), folder)
	if err != nil {
		return nil, fmt.Errorf("connection %s: config: %w", c.Name, err)
	}
	secrets := make(map[string]string, len(c.Secrets))
	for k, s := range c.Secrets {
		secrets[k] = s.Reveal()
	}
	out.Config, out.Secrets = raw, secrets
	out.Limits = reconcile.Limits{ChangesPerHour: int(c.Fuse.ChangesPerHour), ToZeroShare: c.Fuse.ToZeroShare.Share()}
	out.Drift = c.Drift.Policy()
	return out, nil
}

// thirdParty fills in the program of a connector that is not built in.
func thirdParty(out *hub.Connection, connector, plugins string) error {
	p, err := catalog.Open(plugins).Find(connector)
	if errors.Is(err, catalog.ErrUnknown) {
		return fmt.Errorf("no connector %q is built in or added (%w); built in are %s; add others with `jumpring plugin add`", connector, err,
			strings.Join(slices.Sorted(maps.Keys(builtIn())), ", "))
	}
	if err != nil {
		return fmt.Errorf("connector %s: %w: see `jumpring plugin verify %s`", connector, err, connector)
	}
	out.Command, out.Checksum, out.Version, out.Verify = p.Command, p.Checksum, p.Version, p.Verify
	out.Env = make(map[string]string)
	for _, name := range p.Environment {
		if v, ok := os.LookupEnv(name); ok {
			out.Env[name] = v
		}
	}
	return nil
}

// absolute makes paths in a connector's configuration that begin with ./ or ../ relative to the configuration's folder:
// a connector runs in a folder of its own.
func absolute(raw json.RawMessage, folder string) (json.RawMessage, error) {
	var own map[string]any
	if err := json.Unmarshal(raw, &own); err != nil {
		return nil, err
	}
	for k, v := range own {
		if s, ok := v.(string); ok && (strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")) {
			own[k] = filepath.Join(folder, s)
		}
	}
	return json.Marshal(own)
}
