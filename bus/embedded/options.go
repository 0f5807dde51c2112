package embedded

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
)

const (
	defaultSegmentBytes  = 64 << 20
	defaultMaxBatchBytes = 4 << 20
	defaultClockJump     = 5 * time.Second
	defaultLagLimit      = 1_000

	// firstSegmentBytes keeps a fresh journal small; each further segment is twice the one before, up to
	// SegmentBytes.
	firstSegmentBytes = 8 << 20
)

// Limit bounds what waits in one class's queue.
type Limit struct {
	// Bytes of encoded batches. A single batch over it is taken when nothing else of its class waits.
	Bytes int64
	// Count of batches; of entries where that is said.
	Count int
}

// Options configure a journal. The zero value of each field but Dir is a default.
type Options struct {
	// Dir is the journal's folder. It is made if need be and belongs to one process at a time.
	Dir string
	// SegmentBytes is the largest size of a segment file; default 64 MiB. The first ones of a journal are smaller.
	SegmentBytes int64
	// MaxBatchBytes bounds the encoded size of one batch, header included; default 4 MiB. It must leave room for
	// two sectors of headers in a segment, so that a batch always fits one.
	MaxBatchBytes int
	// Limits bound the queues by class; a class that is not named has its default.
	Limits map[bus.Class]Limit
	// LagLimit is the number of batches by which the fold may lag before bulk has to yield; default 1,000. It
	// works once SetFold was called.
	LagLimit uint64
	// BulkAhead bounds the bulk that may be durable or queued and not yet folded, which a command that comes now has to
	// wait for; default 256 KiB and 64 entries. It works once SetFold was called.
	BulkAhead Limit
	// Compress packs batches with zstd where that makes them smaller by an eighth or more. A journal may hold packed and
	// plain batches side by side, and is read either way.
	Compress bool
	// Archive is the folder that Archive moves segments to, which may be on another disk. What is there is read as if
	// it had never been moved; while it is not there, its batches give bus.ErrArchived. Empty means that there is none.
	Archive string
	// ClockJump is by how much the wall clock may differ from the monotonic clock before it is refused; default 5 s.
	ClockJump time.Duration
	// Clock is the time source; default SystemClock.
	Clock Clock
	// FS is the file layer; default OS.
	FS FS
	// Logger gets recoveries, clock jumps and failures; default none.
	Logger hclog.Logger

	// earlyMark breaks invariant 1 on purpose, so that a test can be seen to notice: readers see a group before its fsync.
	earlyMark bool
}

// defaultLimits add up to what the queues hold at most. Each class has a queue of its own, so none can take the room
// of a more urgent one; webhooks have the most, because their senders retry least.
func defaultLimits() map[bus.Class]Limit {
	return map[bus.Class]Limit{
		bus.ClassCommand: {Bytes: 8 << 20, Count: 16384},
		bus.ClassWebhook: {Bytes: 32 << 20, Count: 32768},
		bus.ClassDevice:  {Bytes: 8 << 20, Count: 8192},
		bus.ClassPoll:    {Bytes: 8 << 20, Count: 4096},
		bus.ClassBulk:    {Bytes: 4 << 20, Count: 1024},
	}
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("journal: Dir is empty")
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.MaxBatchBytes == 0 {
		o.MaxBatchBytes = defaultMaxBatchBytes
	}
	if o.MaxBatchBytes < frameHeaderSize+minEntrySize {
		return o, fmt.Errorf("journal: MaxBatchBytes %d is under the %d of an empty entry", o.MaxBatchBytes, frameHeaderSize+minEntrySize)
	}
	o.SegmentBytes = alignUp(o.SegmentBytes)
	if least := o.leastSegment(); o.SegmentBytes < least {
		return o, fmt.Errorf("journal: SegmentBytes %d cannot hold a batch of MaxBatchBytes %d; it takes %d", o.SegmentBytes, o.MaxBatchBytes, least)
	}
	limits := defaultLimits()
	for class, l := range o.Limits {
		if _, ok := limits[class]; !ok || l.Bytes <= 0 || l.Count <= 0 {
			return o, fmt.Errorf("journal: limit for %s: want a known class, bytes and count over zero", class)
		}
		limits[class] = l
	}
	o.Limits = limits
	if o.LagLimit == 0 {
		o.LagLimit = defaultLagLimit
	}
	if o.BulkAhead == (Limit{}) {
		o.BulkAhead = Limit{Bytes: 256 << 10, Count: 64}
	}
	if o.ClockJump == 0 {
		o.ClockJump = defaultClockJump
	}
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	if o.FS == nil {
		o.FS = OS{}
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return o, nil
}

// groupLimit is the most bytes, header included, that one commit group takes.
func (o *Options) groupLimit() int64 { return groupHeaderSize + int64(o.MaxBatchBytes) }

// leastSegment is the smallest file that holds its header, the largest group and a mark.
func (o *Options) leastSegment() int64 {
	return segmentHeaderSize + alignUp(o.groupLimit()) + groupAlign
}

// nextSegmentSize doubles from one segment to the next, so that a small journal stays small.
func (o *Options) nextSegmentSize(previous int64) int64 {
	size := max(2*previous, firstSegmentBytes, o.leastSegment())
	return alignUp(min(size, o.SegmentBytes))
}
