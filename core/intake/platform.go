// Package intake fetches what the platforms show: it polls, reads everything once, reads single entities on demand and
// keeps webhook subscriptions alive. All it learns goes into the journal as observations with a read stamp; it decides
// nothing about them.
//
// One Connection serves one configured connection and owns all its inbound calls.
package intake

import (
	"context"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Fact is an observation as a plugin handed it over, already encoded for the journal.
type Fact struct {
	Kind       canon.Kind
	ExternalID string
	// Data is the JSON of a canon.Observation without its personal fields, Personal that of a canon.PersonState; empty
	// when there are none.
	Data, Personal []byte
}

// Ref names the observed entity.
func (f *Fact) Ref() canon.Ref { return canon.Ref{Kind: f.Kind, ExternalID: f.ExternalID} }

// PollResult is what one Poll gave; see sdk.PollResponse.
type PollResult struct {
	Facts   []Fact
	Touched []canon.Ref
	Cursor  []byte
	More    bool
}

// SnapshotResult is a page of everything; see sdk.SnapshotResponse.
type SnapshotResult struct {
	Facts     []Fact
	Next      []byte
	Complete  bool
	Total     int64
	Cursors   map[string][]byte
	Kinds     []canon.Kind
	RowErrors []sdk.RowError
}

// ReadResult is what a Read gave. An asked entity that is not in it could not be read now.
type ReadResult struct {
	Facts []Fact
	// RetryAfter is set when the platform throttles: the rest should be asked later.
	RetryAfter time.Duration
}

// Platform is the inbound half of a connection's plugin process. A call that the connector has no capability for is
// never made.
type Platform interface {
	Poll(ctx context.Context, req *sdk.PollRequest) (*PollResult, error)
	Snapshot(ctx context.Context, req *sdk.SnapshotRequest) (*SnapshotResult, error)
	Read(ctx context.Context, req *sdk.ReadRequest) (*ReadResult, error)
	Register(ctx context.Context, req *sdk.RegisterRequest) (*sdk.RegisterResponse, error)
}

// Journal is what intake needs of the journal and the fold behind it.
type Journal interface {
	// Append writes entries as one batch and returns when it is durable; errors are those of bus.Journal.
	Append(ctx context.Context, class bus.Class, entries ...bus.Entry) (bus.Receipt, error)
	// WaitFolded blocks until the view holds everything up to and including this offset.
	WaitFolded(ctx context.Context, offset uint64) error
	// End is the offset of the newest durable batch: the read stamp of a request that starts now.
	End() uint64
}

// ReadStamp is the stamp of a request that starts now: every entry up to and including the batch of its offset was
// durable before. A fetch with stamp s began after the entry at p if and only if s.Offset >= p.Offset.
func ReadStamp(j interface{ End() uint64 }) canon.Position { return canon.Position{Offset: j.End()} }
