// Package embedded is the journal on local files: a segmented log with group commit.
//
// One goroutine, the committer, writes. Callers encode their own batch and put it in the queue of its class; the
// committer takes what waits, the most urgent class first, writes it as one commit group and calls fsync once.
// Readers open the files for themselves and never wait for the committer. docs/journal-format.md has the layout on
// disk and the rules of recovery.
package embedded

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/bus"
)

// ErrLocked is returned by Open when another process, or this one, has the journal open.
var ErrLocked = errors.New("journal: folder is in use by another process")

// Journal is a bus.Journal in a folder of local files.
type Journal struct {
	opts Options
	log  hclog.Logger
	id   string
	lock io.Closer

	queue   *queue
	clock   *stamper
	view    view
	commit  committer
	done    chan struct{} // closed when the committer has ended
	pack    *packer
	moving  sync.Mutex // held by Archive
	closing sync.Once
	closed  error

	groups, syncs, bytes atomic.Uint64
	refused              atomic.Uint64 // batches that were not bulk
	noSpace              atomic.Bool
}

// view is what readers may see: everything up to the durable mark and nothing behind it. Invariant 1.
type view struct {
	mu      sync.RWMutex
	segs    []*segment
	end     uint64
	endPos  int64         // file position in the last segment
	err     error         // why no more will come: failed or closed
	changed chan struct{} // closed and replaced when the mark moves, if somebody waits
	waited  bool
}

// Open opens the journal in o.Dir or makes a new one. It checks the newest segment whole and cuts off a torn tail;
// damage to what was durable gives a *CorruptError, a folder in use ErrLocked. Older segments are checked as they
// are read, and by Verify.
func Open(o Options) (*Journal, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("make journal folder: %w", err)
	}
	lock, err := o.FS.Lock(filepath.Join(o.Dir, lockName))
	if err != nil {
		return nil, err
	}
	j := &Journal{opts: o, log: o.Logger, lock: lock, queue: newQueue(&o), done: make(chan struct{})}
	j.view.changed = make(chan struct{})
	if o.Compress {
		if j.pack, err = newPacker(); err != nil {
			return nil, errors.Join(err, lock.Close())
		}
	}
	if err := j.recover(); err != nil {
		return nil, errors.Join(err, j.commit.closeFile(), lock.Close())
	}
	id := j.commit.seg.header.journal
	j.id = hex.EncodeToString(id[:])
	j.clock = newStamper(o.Clock, o.ClockJump, j.commit.lastTime, o.Logger)
	go j.run()
	return j, nil
}

// ID implements bus.Journal.
func (j *Journal) ID() string { return j.id }

// End implements bus.Journal.
func (j *Journal) End() uint64 {
	j.view.mu.RLock()
	defer j.view.mu.RUnlock()
	return j.view.end
}

// Append implements bus.Journal.
func (j *Journal) Append(ctx context.Context, class bus.Class, entries []bus.Entry) (bus.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return bus.Receipt{}, err
	}
	if len(entries) == 0 {
		return bus.Receipt{}, errors.New("journal: a batch needs at least one entry")
	}
	for i := range entries {
		if len(entries[i].Type) > 255 {
			return bus.Receipt{}, fmt.Errorf("journal: type of entry %d has %d bytes, at most 255 are allowed", i, len(entries[i].Type))
		}
	}
	open, personal := sectionSizes(entries)
	size := int64(frameHeaderSize + open + personal)
	if size > int64(j.opts.MaxBatchBytes) {
		return bus.Receipt{}, fmt.Errorf("%w: %d bytes, at most %d", bus.ErrTooLarge, size, j.opts.MaxBatchBytes)
	}
	room := Limit{Bytes: size, Count: len(entries)}
	if err := j.queue.admit(class, room); err != nil {
		if class != bus.ClassBulk {
			j.refused.Add(1)
		}
		return bus.Receipt{}, err
	}
	r := j.queue.request(class, room)
	r.encode(entries, open, j.pack)
	if err := j.queue.push(r); err != nil {
		return bus.Receipt{}, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		// If the committer has it by now it will be written; the request is left to the garbage collector then.
		r.state.CompareAndSwap(stateQueued, stateCancelled)
		return bus.Receipt{}, ctx.Err()
	}
	receipt, err := r.receipt, r.err
	j.queue.release(r)
	return receipt, err
}

// ClockSkew is by how much the wall clock is ahead of the steady time that the journal counts by the monotonic clock
// since it was opened. Over Options.ClockJump, either way, the wall clock is being refused and someone should look.
func (j *Journal) ClockSkew() time.Duration {
	return j.clock.currentSkew()
}

// Stats are counts since the journal was opened.
type Stats struct {
	// Groups is the number of commit groups with batches, Syncs that of file fsyncs, Bytes what was written.
	Groups, Syncs, Bytes uint64
	// Waiting is what is admitted and not yet durable.
	Waiting map[bus.Class]Limit
	// Refused counts batches that the queues did not take, those of bulk apart, which is made to wait. Full tells that there
	// was no space for a further segment when the last group was to be written.
	Refused uint64
	Full    bool
}

// Stats gives the counts for metrics.
func (j *Journal) Stats() Stats {
	return Stats{Groups: j.groups.Load(), Syncs: j.syncs.Load(), Bytes: j.bytes.Load(), Waiting: j.queue.waiting(), Refused: j.refused.Load(), Full: j.noSpace.Load()}
}

// Close implements bus.Journal. A clean close leaves a mark that proves the last group, so that damage to it can
// never be taken for a torn tail.
func (j *Journal) Close() error {
	j.closing.Do(func() {
		j.queue.close()
		<-j.done
		if j.queue.failure() == nil {
			j.closed = j.commit.writeMark(j)
		}
		j.stopView(bus.ErrClosed)
		j.closed = errors.Join(j.closed, j.commit.closeFile(), j.lock.Close())
	})
	return j.closed
}

// stopView tells waiting readers that nothing more will come.
func (j *Journal) stopView(err error) {
	j.view.mu.Lock()
	defer j.view.mu.Unlock()
	j.view.err = err
	j.view.wake()
}

func (v *view) wake() {
	if v.waited {
		close(v.changed)
		v.changed = make(chan struct{})
		v.waited = false
	}
}

// Interface guard.
var _ bus.Journal = (*Journal)(nil)
