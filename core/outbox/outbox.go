// Package outbox hands the timeline's rows to a connection's connector, as redacted CloudEvents: to webhooks of others, to
// files, to whatever the connector speaks. Each row that the connection asked for is delivered at least once, under an id
// that never changes, and the rows of one record one after the other.
//
// How far it came is journaled: a cursor below which nothing is left to do, and the records that failed while others went
// on, which wait with their reason until they can be delivered or a person discards them. So a hub that is killed at any
// moment loses nothing, and delivers again at most what it delivered since the cursor was last journaled.
package outbox

import (
	"context"
	"path"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/changes"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Result is the outcome of one delivery.
type Result struct {
	Status sdk.Status
	Code   string
	Reason string
	// RetryAfter is the least time until it may be tried again.
	RetryAfter time.Duration
	// Stop says why nothing more may be sent; empty where it may.
	Stop string
}

// Deliverer is the connection's plugin process. An error that wraps reconcile.ErrNotSent tells that nothing left the hub.
type Deliverer interface {
	Deliver(ctx context.Context, change sdk.Change) (Result, error)
}

// Journal is what the Sender needs of the journal and the fold behind it.
type Journal interface {
	Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error)
	WaitFolded(ctx context.Context, offset uint64) error
}

// Filter says which rows a connection gets. An empty list lets all through.
type Filter struct {
	// Entities are types of records: item, order, client, case …
	Entities []string
	// Events are names such as "order.created", with * for any text without a dot: "item.*".
	Events []string
	// Locations are the hub's places; "-" stands for rows that name none.
	Locations []string
}

// Wants reports whether a row passes. Rows about deliveries never do: each would make another.
func (f *Filter) Wants(row *canon.Row) bool {
	if row.Type == canon.TypeDelivery {
		return false
	}
	if len(f.Entities) > 0 && !slices.Contains(f.Entities, row.Type) {
		return false
	}
	if len(f.Locations) > 0 {
		place := row.Location
		if place == "" {
			place = "-"
		}
		if !slices.Contains(f.Locations, place) {
			return false
		}
	}
	if len(f.Events) == 0 {
		return true
	}
	name := changes.Name(row)
	return slices.ContainsFunc(f.Events, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// Pace says how often and how many. Zero fields take the default in brackets.
type Pace struct {
	// InFlight is how many calls are under way at a time [8].
	InFlight int
	// First and Most bound the wait after a failure, which doubles and is jittered by half [1 s, 5 min].
	First, Most time.Duration
	// SetAside is after how many failures in a row a record waits apart, if others were delivered meanwhile [3], and Park
	// after how many it waits for a person [12].
	SetAside, Park int
	// PerHour is the connection's fuse: how many changes may be delivered within an hour [20,000].
	PerHour int
	// Call bounds one call [60 s].
	Call time.Duration
}

func (p Pace) withDefaults() Pace {
	orDefault(&p.InFlight, 8)
	orDefault(&p.First, time.Second)
	orDefault(&p.Most, 5*time.Minute)
	orDefault(&p.SetAside, 3)
	orDefault(&p.Park, 12)
	orDefault(&p.PerHour, 20_000)
	orDefault(&p.Call, time.Minute)
	return p
}

func orDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Options configure a Sender.
type Options struct {
	Name string // the connection's
	// JournalID names the journal in the events' source.
	JournalID string
	Filter    Filter
	// Who is whose eyes the events are redacted for. Invariant 7.
	Who access.Principal
	// Records tells that the connector needs the records beside the events.
	Records   bool
	Deliverer Deliverer
	View      func() (store.View, error)
	Journal   Journal
	// Commits are what the fold commits; they only wake the Sender.
	Commits <-chan router.Commit
	// Ready is closed when the fold has passed the journal's end as it was at the hub's start.
	Ready <-chan struct{}
	Pace  Pace
	Log   hclog.Logger
}

// State is how the way out of a connection stands, for a person.
type State struct {
	// Through is the newest entry all of whose rows are delivered or wait apart.
	Through canon.Position `json:"through"`
	// Waiting is how many changes that were looked at are not delivered; SetAside how many records wait apart and are
	// tried again, Parked how many wait for a person.
	Waiting     int       `json:"waiting"`
	SetAside    int       `json:"set_aside"`
	Parked      int       `json:"parked"`
	Delivered   int64     `json:"delivered"` // since the hub's start
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
}

// Topic is the name under which a connection's cursor is journaled.
func Topic(connection string) string { return "connection:" + connection }
