// Package bus has the contracts of the hub's bus: the Journal, an ordered durable log of every fact that the hub
// accepts. Package embedded implements it on local files.
package bus

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// Class is the append class of a batch. Under pressure bulk yields first and a person's command last.
type Class uint8

// The append classes, the most urgent first.
const (
	ClassCommand Class = iota + 1
	ClassWebhook
	ClassDevice
	ClassPoll
	ClassBulk
)

// String gives the class's name as metrics and errors show it.
func (c Class) String() string {
	switch c {
	case ClassCommand:
		return "command"
	case ClassWebhook:
		return "webhook"
	case ClassDevice:
		return "device"
	case ClassPoll:
		return "poll"
	case ClassBulk:
		return "bulk"
	}
	return fmt.Sprintf("class(%d)", uint8(c))
}

// Entry is one fact as the journal keeps it. The journal does not look inside the sections.
type Entry struct {
	// Type says how Data reads, such as "observation"; at most 255 bytes.
	Type string
	// Head is the JSON of a canon.Head: who, from where, caused by what.
	Head []byte
	// Data is the fact without its fields of class personal, as JSON.
	Data []byte
	// Personal is the JSON of the fields of class personal, in a section of its own so that it can be sealed and
	// its key destroyed without breaking the hash chain. It may be empty.
	Personal []byte
}

// Batch is what one Append wrote: all of it or nothing.
type Batch struct {
	// Offset is the batch's place in the journal: 1, 2, 3 … without a gap.
	Offset uint64
	// Time is the fold time: the appending node's clock at the append, Unix nanoseconds, never less than that of
	// the batch before it.
	Time  int64
	Class Class
	// ID is what the append that wrote it was named, where a journal may hold one batch twice: the appender's number, 8
	// bytes, and behind it the count of its appends, 8 bytes, big-endian. The fold takes the first of them. Zero where the
	// journal itself writes each batch once.
	ID [16]byte
	// Hash is the journal's hash chain up to and including this batch: SHA-256 over the chain before it, the batch's
	// offset, time, class and id, and a digest of its encoded payload in which each Personal section stands by its
	// own salted digest, so that it can be erased. Invariant 8.
	Hash    [32]byte
	Entries []Entry
}

// Receipt says where a batch went.
type Receipt struct {
	Offset uint64
	Time   int64
}

// Position gives the place of the batch's entry number i.
func (r Receipt) Position(i int) canon.Position {
	return canon.Position{Offset: r.Offset, Index: uint32(i)}
}

// Journal is an ordered, durable, append-only log. It is safe for concurrent use.
//
// Invariant 1: Append returns without error only when the batch is durable, and no reader sees a batch that is not.
type Journal interface {
	// ID names this journal for life; a journal that was made anew has another one.
	ID() string
	// Append writes entries as one batch and returns when it is durable. When ctx ends first it returns the
	// context's error, and the batch may or may not come to be written. A batch over the size limit is
	// refused with ErrTooLarge; a class that has to yield gets a *Refused; after a failed fsync every call returns
	// ErrFailed until the journal is opened again.
	Append(ctx context.Context, class Class, entries []Entry) (Receipt, error)
	// ReadFrom returns durable batches beginning with offset from (1 is the first), at most about maxBytes of
	// payload but at least one batch if there is one. It does not wait: at the end it returns no batch.
	// ErrArchived tells that the offset was moved away.
	ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]Batch, error)
	// Wait blocks until the batch with this offset is durable or ctx ends.
	Wait(ctx context.Context, offset uint64) error
	// Tail yields durable batches from an offset on and then waits for more, until ctx ends or an error was yielded.
	Tail(ctx context.Context, from uint64) iter.Seq2[Batch, error]
	// End is the offset of the newest durable batch; 0 when there is none.
	End() uint64
	// Close stops appends, waits for the ones under way and releases the journal.
	Close() error
}

// ErrTooLarge is returned for a batch that exceeds the journal's limit.
var ErrTooLarge = errors.New("bus: batch exceeds the journal's size limit")

// ErrFailed is returned by a journal whose fsync failed: what it holds must be verified before it goes on. Open it
// again; the fsync is never tried twice, because a kernel may drop the pages that it could not write.
var ErrFailed = errors.New("bus: journal failed; close it and open it again")

// ErrClosed is returned after Close.
var ErrClosed = errors.New("bus: journal is closed")

// ErrArchived is returned for an offset that is no longer in the journal's folder.
var ErrArchived = errors.New("bus: offset is archived")

// Refused says that the journal takes no batch of this class now. Nothing was written.
type Refused struct {
	Class      Class
	Reason     string
	RetryAfter time.Duration
}

func (r *Refused) Error() string {
	return fmt.Sprintf("bus: %s append refused: %s; retry after %s", r.Class, r.Reason, r.RetryAfter)
}
