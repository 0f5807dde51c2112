// Package hub wires the rooms together: journal, view, fold, plugins, intake and reconcile of each connection, and the
// clock. It is what the doors speak to.
package hub

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/rabbit/stream"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/delivery"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/support"
	"github.com/jumpring/jumpring/plugins/host"
)

// Options configure a Hub.
type Options struct {
	// Data is the folder that holds everything: journal, view, snapshots, vault.
	Data string
	// Settings are what the fold uses, without what connectors describe of themselves.
	Settings canon.Settings
	// Connections are in the order of Settings.Connections.
	Connections []Connection
	// PublicURL is where platforms reach this hub, without a slash at the end; empty means poll only.
	PublicURL string
	// Bus is the way to devices and third parties; nil for none.
	Bus    *Bus
	Logger hclog.Logger
	// SnapshotEvery is how many batches are folded between two snapshots of the view; default 200,000.
	SnapshotEvery uint64
	// Archive is the folder for the journal's full segments that snapshots cover; empty means archive in Data. It may be
	// on another disk.
	Archive string
	// PackJournal has the journal's batches compressed.
	PackJournal bool
	// RetryWindow is how long platforms go on delivering what was not taken: after a longer absence of the hub its live
	// connections begin in shadow; default 4 hours.
	RetryWindow time.Duration
	// Stream is the journal on RabbitMQ that several nodes share; nil for the one in Data.
	Stream *stream.Options
	// Node is this node's name among those that share the journal; needed with Stream.
	Node string
	// Address is where other nodes reach this one, without a slash at the end; empty for nowhere.
	Address string
	// Join is another node to take the first snapshot from; nil for none.
	Join *Join
	// JournalFS and JournalClock replace the journal's file layer and clock; nil is the system's.
	JournalFS    embedded.FS
	JournalClock embedded.Clock
	// VaultKey seals the vault: what JUMPRING_KEY holds; empty means a key file in Data.
	VaultKey string
	// Deliveries bound what is kept of webhooks as they came.
	Deliveries DeliveryBounds
	// Reload reads the configuration anew, for a reload while the hub runs; nil where there is none to read.
	Reload func() (*Options, error) `json:"-"`
	// Fixed has a sum of what else the configuration says, by key, that only a start takes up: a reload names what changed.
	Fixed map[string]string `json:"-"`
	// Hidden are secrets of the configuration beside those of connections, and LogTail keeps the end of the log, for a support
	// bundle; nil for none.
	Hidden  []string      `json:"-"`
	LogTail *support.Tail `json:"-"`
	// Sabotage breaks the hub on purpose, so that an auditor can be seen to notice; empty in earnest.
	Sabotage string
}

// DeliveryBounds bound what is kept of each connection's webhooks as they came. Zero fields take the default in brackets.
type DeliveryBounds struct {
	// Waiting are those that came while their connector was away [10,000, 128 MiB, 7 days].
	Waiting delivery.Bounds
	// Copies are those that were translated, for `jumpring reprocess` [512 MiB, 7 days]; NoCopies keeps none.
	Copies   delivery.Bounds
	NoCopies bool
}

func (b *DeliveryBounds) setDefaults() {
	week := 7 * 24 * time.Hour
	if b.Waiting.Number == 0 {
		b.Waiting.Number = 10_000
	}
	if b.Waiting.Bytes == 0 {
		b.Waiting.Bytes = 128 << 20
	}
	if b.Waiting.Age == 0 {
		b.Waiting.Age = week
	}
	if b.Copies.Bytes == 0 {
		b.Copies.Bytes = 512 << 20
	}
	if b.Copies.Age == 0 {
		b.Copies.Age = week
	}
}

// Connection is one configured connection.
type Connection struct {
	Name string
	// Command starts its connector; Checksum is that of the program.
	Command  []string
	Checksum [32]byte
	// Version is that of the program, Env the variables that it gets, and Verify checks at every start what belongs to it
	// beside its file; nil for nothing.
	Version   string
	Env       map[string]string
	Verify    func() error `json:"-"`
	Config    json.RawMessage
	Secrets   map[string]string
	Limits    reconcile.Limits
	Drift     reconcile.DriftPolicy
	Deadlines host.Deadlines
	// Deliver says which changes it gets, where its connector delivers.
	Deliver Deliver
	// Memory and Files bound what its process takes, in bytes and in open files; 0 means no limit and the default.
	Memory int64
	Files  int
	Hog    host.Hog
}

func (o *Options) check() error {
	if o.Data == "" {
		return errors.New("hub: the data folder is not set")
	}
	if len(o.Connections) != len(o.Settings.Connections) {
		return errors.New("hub: connections and their settings do not match")
	}
	for i := range o.Connections {
		if o.Connections[i].Name != o.Settings.Connections[i].Name {
			return errors.New("hub: connections and their settings are in different order")
		}
	}
	if err := o.Bus.check(); err != nil {
		return err
	}
	if err := o.checkSabotage(); err != nil {
		return err
	}
	if o.Stream != nil && o.Node == "" {
		return errors.New("hub: with a journal that nodes share, this node needs a name")
	}
	o.Deliveries.setDefaults()
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Archive == "" {
		o.Archive = filepath.Join(o.Data, archiveFolder)
	}
	if o.RetryWindow == 0 {
		o.RetryWindow = defaultRetryWindow
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = 200_000
	}
	return nil
}

// describeWait is how long the first settings wait for the connectors to tell what they are.
const describeWait = 3 * time.Second
