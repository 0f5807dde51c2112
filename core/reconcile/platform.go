// Package reconcile makes platforms show what they should: it compares the stock that each bound level should show
// with what it is known to show, and writes the differences, as far as the connection's mode lets it.
//
// One Writer serves one configured connection and owns all its outbound calls. The decisions are pure functions
// (decide, Fuse, WriteKey, MakePlan); the Writer carries them out.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/intake"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// ApplyResult has one result for each write.
type ApplyResult struct {
	Results []WriteResult
}

// WriteResult is the outcome of one write.
type WriteResult struct {
	Key              string
	Status           sdk.Status
	Code             string
	Reason           string
	RetryAfterMillis int64
	// Shows is what the platform shows now, when its answer told so.
	Shows *intake.Fact
	// Also is what else it shows with it.
	Also []intake.Fact
	// Amount is what an action gave back; ByHand tells that a person has to return it.
	Amount *canon.StatedMoney
	ByHand bool
	// Made is what the platform calls a listing that an action made.
	Made *canon.ListingMade
}

// ErrNotSent is wrapped by an error of Apply when it is certain that no write left the hub: the plugin process does
// not run. Any other error leaves the outcome of every write of the call unknown.
var ErrNotSent = errors.New("reconcile: not sent")

// Applier is the outbound half of a connection's plugin process.
type Applier interface {
	Apply(ctx context.Context, req *sdk.ApplyRequest) (*ApplyResult, error)
}

// Journal is what reconcile needs of the journal and the fold behind it.
type Journal interface {
	// Append writes entries as one batch and returns when it is durable; errors are those of bus.Journal.
	Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error)
	// WaitFolded blocks until the view holds everything up to and including this offset.
	WaitFolded(ctx context.Context, offset uint64) error
	// End is the offset of the newest durable batch.
	End() uint64
}

// Lane reads entities of the Writer's connection; intake.Connection is one.
type Lane interface {
	// RequestRead asks for a read that begins after this call and not before read.After. done is called when its
	// answer is folded; it must not block.
	RequestRead(read router.Read, urgency intake.Urgency, done func())
}

// Inbound tells how far the connections' inbound sides are.
type Inbound interface {
	// CaughtUp reports whether everything that happened at a platform while the hub was down, or the connection
	// paused, has been fetched. It is true for a connection that the hub does not run.
	CaughtUp(connection string) bool
	// AskedSince reports whether a platform was asked for what is new, by polls that began after a moment and are
	// folded. If not, it is asked now. It is true for a connection that can't be polled or that the hub does not run.
	AskedSince(connection string, since time.Time) bool
}

// loadConnection reads what the fold knows of a connection; a connection that it does not know is only observed.
func loadConnection(r store.Reader, name string) (*canon.Connection, error) {
	conn, err := store.Load[canon.Connection](r, store.PrefixConn+name)
	if err != nil {
		return nil, err
	}
	if conn == nil {
		conn = &canon.Connection{Name: name, Mode: canon.ModeObserve}
	}
	return conn, nil
}

func loadLevel(r store.Reader, connection, externalID string) (*canon.Binding, error) {
	return store.Load[canon.Binding](r, store.BindingKey(intake.LevelKey(connection, externalID)))
}

// eachLevel calls fn for every stock level of a connection, by external id.
func eachLevel(r store.Reader, connection string, fn func(b *canon.Binding) error) error {
	prefix := store.BindingKey(intake.LevelKey(connection, ""))
	return r.Scan(prefix, "", func(key string, value []byte) (bool, error) {
		var b canon.Binding
		if err := json.Unmarshal(value, &b); err != nil {
			return false, fmt.Errorf("%w: the record of key %q is not a binding", store.ErrCorrupt, key)
		}
		return true, fn(&b)
	})
}

// itemOf gives the item that a level's listing is bound to; nil when it is none's.
func itemOf(r store.Reader, connection, levelID string) (*canon.Item, error) {
	stockID, _ := canon.SplitLevelID(levelID)
	id, err := store.Load[store.StockID](r, store.StockIDKey(connection, stockID))
	if err != nil || id == nil || id.Listing == "" {
		return nil, err
	}
	return itemOfListing(r, connection, id.Listing)
}
