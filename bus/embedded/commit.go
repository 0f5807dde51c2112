package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jumpring/jumpring/bus"
)

// committer is the state of the one goroutine that writes.
type committer struct {
	file     File
	seg      *segment
	pos      int64 // where the next group goes; all before it is durable
	next     uint64
	chain    [32]byte
	lastTime int64
	proven   bool // the newest group has a valid header behind it, or there is none
	full     bool // the last group found no space
	buf      []byte
	group    []*request
}

// diskRetry is what a caller is told to wait when the disk is full.
const diskRetry = 5 * time.Second

// settle is how often the committer steps aside before it closes a group. With 64 writers on two cores it makes
// groups of 52 batches, once 45, never 40; with one writer it costs nothing that can be measured.
const settle = 4

// run commits group after group until the journal is closed or fails.
func (j *Journal) run() {
	defer close(j.done)
	limit := int64(j.opts.MaxBatchBytes)
	for {
		// Those whom the last group woke come back with their next batch before this one is closed.
		for range settle {
			runtime.Gosched()
		}
		c := &j.commit
		clear(c.group)
		c.group = j.queue.take(c.group[:0], limit)
		if len(c.group) == 0 {
			return
		}
		start := time.Now()
		err := c.write(j, c.group)
		if err == nil {
			c.full = false
			j.noSpace.Store(false)
			j.queue.finished(c.group, c.lastSize(), time.Since(start))
			for _, r := range c.group {
				r.finish(bus.Receipt{Offset: r.frame.offset, Time: r.frame.time}, nil)
			}
			continue
		}
		var full *fullError
		if errors.As(err, &full) {
			// Nothing was written: the journal is as it was and may go on when there is space.
			if !c.full {
				j.log.Error("disk is full; batches are refused", "error", full.err)
			}
			c.full = true
			j.noSpace.Store(true)
			j.queue.finished(c.group, 0, 0)
			for _, r := range c.group {
				r.finish(bus.Receipt{}, fmt.Errorf("%w: %w",
					&bus.Refused{Class: r.class, Reason: "no space for a further segment", RetryAfter: diskRetry}, full.err))
			}
			continue
		}
		j.fail(c.group, err)
		return
	}
}

// fail ends the journal: the fsync is not tried again, because a kernel may have dropped the pages that it could not
// write and call the next one a success.
func (j *Journal) fail(group []*request, cause error) {
	j.log.Error("journal failed; it has to be opened again", "error", cause)
	err := fmt.Errorf("%w: %w", bus.ErrFailed, cause)
	j.queue.fail(err)
	j.queue.finished(group, 0, 0)
	j.stopView(err)
	for _, r := range group {
		r.finish(bus.Receipt{}, err)
	}
}

// fullError says that there was no space for a further segment.
type fullError struct{ err error }

func (e *fullError) Error() string { return "no space for a further segment: " + e.err.Error() }
func (e *fullError) Unwrap() error { return e.err }

// lastSize is the length of the group written last.
func (c *committer) lastSize() int64 { return int64(len(c.buf)) }

// write makes the requests durable as one group and then visible. Without requests it writes a mark.
func (c *committer) write(j *Journal, group []*request) error {
	size := int64(groupHeaderSize)
	for _, r := range group {
		size += r.size
	}
	if c.pos+alignUp(size) > c.seg.header.size {
		if err := c.roll(j); err != nil {
			return err
		}
	}
	c.fill(j, group, size)
	if _, err := c.file.WriteAt(c.buf, c.pos); err != nil {
		return fmt.Errorf("write to %s: %w", c.seg.place(), err)
	}
	if j.opts.earlyMark {
		j.show(c.next-1, c.pos+int64(len(c.buf)))
	}
	j.syncs.Add(1)
	if err := c.file.Sync(); err != nil {
		return fmt.Errorf("%w: %s: %w", errSync, c.seg.place(), err)
	}
	// Invariant 1: only here, behind the fsync, does the durable mark move; appenders are answered after it.
	at := c.pos + groupHeaderSize
	for _, r := range group {
		c.seg.note(r.frame.offset, at)
		at += r.size
	}
	c.pos += int64(len(c.buf))
	c.proven = len(group) == 0
	if len(group) > 0 {
		j.groups.Add(1)
	}
	j.bytes.Add(uint64(len(c.buf)))
	j.publish()
	return nil
}

// fill lays the group out in c.buf and moves the chain and the next offset on.
func (c *committer) fill(j *Journal, group []*request, size int64) {
	total := alignUp(size)
	if int64(cap(c.buf)) < total {
		c.buf = make([]byte, total)
	}
	c.buf = c.buf[:total]
	clear(c.buf[size:])
	g := groupHeader{
		pos: c.pos, first: c.next, batches: uint32(len(group)), length: uint32(size - groupHeaderSize),
		markOffset: c.next - 1, markPos: c.pos, nonce: c.seg.header.nonce,
	}
	g.put(c.buf)
	if len(group) == 0 {
		return
	}
	c.lastTime = j.clock.stamp()
	at := int64(groupHeaderSize)
	for _, r := range group {
		h := &r.frame
		h.offset, h.time = c.next, c.lastTime
		h.chain = h.link(c.chain, r.openDigest)
		h.put(c.buf[at:])
		copy(c.buf[at+frameHeaderSize:], r.payload)
		c.next, c.chain = c.next+1, h.chain
		at += r.size
	}
}

// roll goes on in a further segment. Preallocation meets a full disk here, before anything is written.
func (c *committer) roll(j *Journal) error {
	h := segmentHeader{
		journal: c.seg.header.journal, first: c.next, created: j.clock.stamp(),
		prevFirst: c.seg.header.first, prevEnd: c.pos, chain: c.chain, lastTime: c.lastTime,
		size: j.opts.nextSegmentSize(c.seg.header.size),
	}
	randomBytes(h.nonce[:])
	seg, file, err := createSegment(j.opts.FS, j.opts.Dir, h)
	if err != nil {
		if isDiskFull(err) && !errors.Is(err, errSync) {
			return &fullError{err}
		}
		return err
	}
	old, sealed := c.file, c.seg
	sealed.complete()
	c.file, c.seg, c.pos, c.proven = file, seg, segmentHeaderSize, true
	j.view.mu.Lock()
	// A new slice: readers hold the old one.
	j.view.segs = append(j.view.segs[:len(j.view.segs):len(j.view.segs)], seg)
	j.view.endPos = c.pos
	j.view.mu.Unlock()
	if err := old.Close(); err != nil {
		return fmt.Errorf("close full segment: %w", err)
	}
	if err := sealed.keepIndex(j.opts.FS); err != nil {
		// The index only saves a walk; whoever needs it makes it again.
		j.log.Warn("the index of a full segment was not kept", "segment", sealed.place(), "error", err)
	}
	return nil
}

// publish moves the durable mark to what the committer has written and synced.
func (j *Journal) publish() { j.show(j.commit.next-1, j.commit.pos) }

func (j *Journal) show(end uint64, pos int64) {
	v := &j.view
	v.mu.Lock()
	defer v.mu.Unlock()
	v.end, v.endPos = end, pos
	v.wake()
}

// writeMark proves the newest group by a group without batches behind it. A segment without room for one is as
// good as marked: the next segment's header will name its end.
func (c *committer) writeMark(j *Journal) error {
	if c.proven || c.pos+groupAlign > c.seg.header.size {
		return nil
	}
	return c.write(j, nil)
}

func (c *committer) closeFile() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
