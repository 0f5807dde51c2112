package api

import (
	"context"
	"errors"
	"time"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Errors that a Hub wraps.
var (
	// ErrPending: the command is durable, but the fold has not decided before the context's deadline.
	ErrPending = errors.New("api: command is pending")
	// ErrUnknownConnection: no connection of that name is configured.
	ErrUnknownConnection = errors.New("api: no connection of this name")
	// ErrUnavailable: the connection's plugin is not running, or can't do this.
	ErrUnavailable = errors.New("api: connection unavailable")
)

// Hub is what the API needs of the hub's inside.
type Hub interface {
	// View opens the newest committed state.
	View() (store.View, error)
	// Do appends a command of an actor and answers with the fold's outcome. location is where the actor's token may
	// act; empty for everywhere. A command under a known key of the actor gets the outcome that it got before. When ctx
	// ends after the command is durable, the error wraps ErrPending.
	Do(ctx context.Context, actor, location string, cmd canon.Command) (canon.Outcome, error)
	// Replay appends a replay, or the discarding, of a parked entry and returns its position once it is folded.
	Replay(ctx context.Context, actor string, r canon.Replay) (canon.Position, error)
	// Connections gives the state of every configured connection, in the order of the configuration. It does no I/O.
	Connections(ctx context.Context) ([]ConnectionStatus, error)
	// Check, Discover and Plan ask about one connection.
	Check(ctx context.Context, connection string) (*sdk.CheckResponse, error)
	Discover(ctx context.Context, connection string) (*sdk.DiscoverResponse, error)
	Plan(ctx context.Context, connection string) (*Plan, error)
	// Import reads everything that a connection has. progress may be called from any goroutine.
	Import(ctx context.Context, connection string, progress func(Progress)) (*ImportReport, error)
	// Drift reads a connection, or all with an empty name, and compares it with what it should show.
	Drift(ctx context.Context, connection string, progress func(Progress)) (*DriftReport, error)
	// Subscribe gives each commit after the view holds it, until ctx ends, which closes the channel. The reader has to
	// keep up.
	Subscribe(ctx context.Context) <-chan router.Commit
	// Missing says what the hub waits for before it is ready; none when it is.
	Missing(ctx context.Context) []Missing
}

// Tokens is what the API needs of the keeper of tokens.
type Tokens interface {
	Identify(text string) (access.Principal, error)
	Create(name string, role access.Role, location string, expires time.Time) (text string, t access.Token, err error)
	Revoke(name string) error
	List() []access.Token
}

// ConnectionStatus is how a connection stands.
type ConnectionStatus struct {
	Name      string     `json:"name"`
	Connector string     `json:"connector"`
	Mode      canon.Mode `json:"mode"`
	Asked     canon.Mode `json:"asked" doc:"What the configuration wants"`
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
	Baseline    time.Time `json:"baseline,omitzero"`
	PlanDigest  string    `json:"plan_digest,omitempty"`
	Restarts    int64     `json:"restarts"`
}

// Plan lists each call that would be made to a connection if it were live.
type Plan struct {
	Connection string `json:"connection"`
	// Digest names exactly this plan; going live takes it.
	Digest string        `json:"digest"`
	Mode   canon.Mode    `json:"mode"`
	Calls  []PlannedCall `json:"calls"`
	// Blocked are differences that would not be written, with the reason.
	Blocked []PlannedCall `json:"blocked,omitempty"`
}

// PlannedCall is one write that would be made.
type PlannedCall struct {
	ExternalID string `json:"external_id"`
	Item       string `json:"item,omitempty"`
	SKU        string `json:"sku,omitempty"`
	Title      string `json:"title,omitempty"`
	Location   string `json:"location,omitempty"`
	Field      string `json:"field"`
	Shows      int64  `json:"shows"`
	Should     int64  `json:"should"`
	Cause      string `json:"cause,omitempty" doc:"The journal's position of the entry that causes it"`
	Reason     string `json:"reason,omitempty"`
}

// Progress is how far a long job is.
type Progress struct {
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"` // 0 when not known
	Note  string `json:"note,omitempty"`
}

// ImportReport is what an import found.
type ImportReport struct {
	Connection  string          `json:"connection"`
	Rows        int64           `json:"rows"`
	Matched     int64           `json:"matched" doc:"Listings joined with an item of another connection"`
	Created     int64           `json:"created" doc:"Listings that became items of their own"`
	Ambiguous   int64           `json:"ambiguous" doc:"Listings in the match list"`
	Skipped     int64           `json:"skipped" doc:"Rows that changed nothing"`
	Conflicting []StockConflict `json:"conflicting,omitempty"`
	RowErrors   []sdk.RowError  `json:"row_errors,omitempty"`
}

// StockConflict is an item of which the sides show different stock.
type StockConflict struct {
	Item  string      `json:"item"`
	SKU   string      `json:"sku,omitempty"`
	Title string      `json:"title,omitempty"`
	Sides []StockSide `json:"sides"`
}

// StockSide is what one connection shows.
type StockSide struct {
	Connection string `json:"connection"`
	Location   string `json:"location,omitempty"`
	Available  int64  `json:"available"`
}

// DriftReport is the result of a full read and compare.
type DriftReport struct {
	Connections []string   `json:"connections"`
	Checked     int64      `json:"checked"`
	Rows        []DriftRow `json:"rows"`
	StartedAt   time.Time  `json:"started_at"`
	FinishedAt  time.Time  `json:"finished_at"`
}

// DriftRow is one difference between what a platform shows and what it should show.
type DriftRow struct {
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	Item       string `json:"item,omitempty"`
	SKU        string `json:"sku,omitempty"`
	Location   string `json:"location,omitempty"`
	Field      string `json:"field"`
	Shows      string `json:"shows"`
	Should     string `json:"should"`
	Why        string `json:"why"`
}

// Missing is something that the hub waits for.
type Missing struct {
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do,omitempty"`
}
