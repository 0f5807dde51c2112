package api

import (
	"context"
	"errors"
	"time"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/outbox"
	"github.com/jumpring/jumpring/core/reconcile"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Errors that a Hub wraps, beside router.ErrPending and router.ErrKeyReused.
var (
	// ErrUnknownConnection: no connection of that name is configured.
	ErrUnknownConnection = errors.New("api: no connection of this name")
	// ErrUnavailable: the connection's plugin is not running, or can't do this.
	ErrUnavailable = errors.New("api: connection unavailable")
)

// Hub is what the API needs of the hub's inside. Its methods may also return a *problem.Problem, which is answered as it
// is.
type Hub interface {
	Plugins
	// View opens the newest committed state.
	View() (store.View, error)
	// Do appends a command of an actor and answers with the fold's outcome. A command under a known key of the actor
	// gets the outcome that it got before, or router.ErrKeyReused when it is another one. When ctx ends after the
	// command is durable, the error wraps router.ErrPending. To go live it adds the digest of the plan as it is now.
	Do(ctx context.Context, actor string, cmd canon.Command) (canon.Outcome, error)
	// Replay appends a replay, or the discarding, of a parked entry and returns its position once it is folded.
	Replay(ctx context.Context, actor string, r canon.Replay) (canon.Position, error)
	// Connections gives the state of every configured connection, in the order of the configuration. It does no I/O
	// beyond the view.
	Connections(ctx context.Context) ([]ConnectionStatus, error)
	// BusStatus tells how the bus stands, without asking anybody.
	BusStatus() BusStatus
	// Check, Discover and Plan ask about one connection.
	Check(ctx context.Context, connection string) (*sdk.CheckResponse, error)
	Discover(ctx context.Context, connection string) (*sdk.DiscoverResponse, error)
	// Plan lists the calls that would be made if a part of a connection were live; the zero scope is what has no mode of
	// its own.
	Plan(ctx context.Context, connection string, scope canon.Scope) (*reconcile.Plan, error)
	// Import reads everything that a connection has. progress may be called from any goroutine.
	Import(ctx context.Context, connection string, progress func(intake.Progress)) (*intake.Report, error)
	// Drift reads everything that a connection has and compares it with what it should show, or waits for the sweep that
	// does so already.
	Drift(ctx context.Context, connection string, progress func(intake.Progress)) (*canon.DriftReport, error)
	// DriftKey gives the public key that drift reports without rows are signed with: Ed25519, in base64.
	DriftKey(ctx context.Context) (string, error)
	// Subscribe gives each commit after the view holds it, until ctx ends, which closes the channel.
	Subscribe(ctx context.Context) <-chan router.Commit
	// Missing says what the hub waits for before it is ready; none when it is.
	Missing(ctx context.Context) []Missing
}

// Tokens is what the API needs of the keeper of tokens.
type Tokens interface {
	Identify(text string) (access.Principal, error)
	Create(name string, role access.Role, location string, expires time.Time) (text string, t access.Token, err error)
	Rotate(name string, grace time.Duration, expires time.Time) (text string, t access.Token, err error)
	Revoke(name string) error
	Roles() *access.RoleBook
	List() []access.Token
}

// ConnectionStatus is how a connection stands.
type ConnectionStatus struct {
	Name      string     `json:"name"`
	Connector string     `json:"connector"`
	Mode      canon.Mode `json:"mode"`
	Asked     canon.Mode `json:"asked" doc:"What the configuration wants"`
	// Scopes are the parts that have a mode of their own; Mode is that of the rest.
	Scopes []canon.ScopedMode `json:"scopes,omitempty" doc:"The parts that have a mode of their own; mode is that of the rest"`
	// State is starting, running, backing_off, failed or stopped.
	State  string `json:"state" enum:"starting,running,backing_off,failed,stopped"`
	Paused bool   `json:"paused,omitempty"`
	Fused  string `json:"fused,omitempty" doc:"Why the fuse stopped its writes"`
	// LastFact is when the newest fact came from it; LagSeconds how old the oldest unread change may be.
	LastFact   time.Time `json:"last_fact,omitzero"`
	LagSeconds int64     `json:"lag_seconds"`
	// Stale tells that it has been silent for longer than it should.
	Stale bool `json:"stale,omitempty"`
	// Differing is how many of its levels show something else than they should.
	Differing   int64     `json:"differing"`
	Unmapped    []string  `json:"unmapped,omitempty" doc:"Its locations that no location of the hub is mapped to"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	Do          string    `json:"do,omitempty" doc:"What to do about the last error of the connector's process"`
	Baseline    time.Time `json:"baseline,omitzero"`
	PlanDigest  string    `json:"plan_digest,omitempty"`
	Restarts    int64     `json:"restarts"`
	// Webhooks tells whether the platform was asked to send webhooks, and took that.
	Webhooks WebhookStatus `json:"webhooks"`
	// Process tells about the connector's process.
	Process ProcessStatus `json:"process"`
	// Deliveries tells about webhooks that are kept as they came.
	Deliveries DeliveryStatus `json:"deliveries"`
	// Outgoing tells how far the changes are that its connector delivers.
	Outgoing *outbox.State `json:"outgoing,omitempty" doc:"How far the changes are that its connector delivers; left out where it delivers none"`
}

// WebhookStatus tells about the subscriptions at the platform, which are asserted again and again.
type WebhookStatus struct {
	AssertedAt time.Time `json:"asserted_at,omitzero" doc:"When the platform confirmed the subscriptions last"`
	Failures   int       `json:"failures,omitempty" doc:"How often asserting them failed in a row"`
}

// DeliveryStatus tells what is kept of a connection's webhooks as they came. Counts are since the hub's start.
type DeliveryStatus struct {
	Waiting      int   `json:"waiting" doc:"They came while the connector was away and are durable"`
	WaitingBytes int64 `json:"waiting_bytes,omitempty"`
	Waited       int64 `json:"waited,omitempty" doc:"How many had to wait and were translated since"`
	NotGenuine   int64 `json:"not_genuine,omitempty" doc:"Dropped when the connector could verify them at last"`
	Failed       int64 `json:"failed,omitempty" doc:"Given up: the connector failed on them again and again; its log has more"`
	Expired      int64 `json:"expired,omitempty"`
	CopyBytes    int64 `json:"copy_bytes,omitempty" doc:"Copies for jumpring reprocess"`
	CopiesLost   int64 `json:"copies_lost,omitempty" doc:"Came faster than copies are written"`
}

// ProcessStatus is what is known of a connector's process.
type ProcessStatus struct {
	Version string `json:"version,omitempty" doc:"The connector's version"`
	Memory  int64  `json:"memory,omitempty" doc:"Resident bytes"`
	// Slowed tells that it took a whole CPU for long and runs below everybody else until its next start.
	Slowed       bool  `json:"slowed,omitempty" doc:"It took a whole CPU for long and runs below everybody else"`
	LinesDropped int64 `json:"lines_dropped,omitempty" doc:"Log lines that came too fast and were left out, since the hub's start"`
	Redacted     int64 `json:"redacted,omitempty" doc:"Facts that had a secret in them, which was taken out, since the hub's start"`
}

// Missing is something that the hub waits for.
type Missing struct {
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do,omitempty"`
}
