package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sort"

	"github.com/jumpring/jumpring/bus"
)

// tailChunk is how much Tail reads at a time, in bytes.
const tailChunk = 256 << 10

// place is a segment and how far it may be read.
type place struct {
	seg   *segment
	limit int64
	// last is the newest visible batch of the segment.
	last uint64
	// sealed tells that nothing more is written to it.
	sealed bool
}

// locate finds the segment of a durable batch. It returns false when the batch is not durable yet.
func (v *view) locate(offset uint64) (place, bool, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if offset < v.segs[0].header.first {
		return place{}, false, fmt.Errorf("%w: batch %d, the journal begins with %d", bus.ErrArchived, offset, v.segs[0].header.first)
	}
	if offset > v.end {
		return place{}, false, nil
	}
	i := sort.Search(len(v.segs), func(i int) bool { return v.segs[i].header.first > offset }) - 1
	if i == len(v.segs)-1 {
		return place{v.segs[i], v.endPos, v.end, false}, true, nil
	}
	next := v.segs[i+1].header
	return place{v.segs[i], next.prevEnd, next.first - 1, true}, true, nil
}

// ReadFrom implements bus.Journal. The sections of the batches share one buffer, which lives as long as any of them.
func (j *Journal) ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]bus.Batch, error) {
	r := reader{j: j, next: max(from, 1)}
	batches, err := r.read(ctx, maxBytes)
	return batches, errors.Join(err, r.close())
}

// Wait implements bus.Journal.
func (j *Journal) Wait(ctx context.Context, offset uint64) error {
	for {
		j.view.mu.Lock()
		end, stopped, changed := j.view.end, j.view.err, j.view.changed
		if end < offset && stopped == nil {
			j.view.waited = true
		}
		j.view.mu.Unlock()
		if end >= offset {
			return nil
		}
		if stopped != nil {
			return stopped
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Tail implements bus.Journal. When ctx ends the sequence ends without an error.
func (j *Journal) Tail(ctx context.Context, from uint64) iter.Seq2[bus.Batch, error] {
	return func(yield func(bus.Batch, error) bool) {
		r := reader{j: j, next: max(from, 1)}
		err := r.tail(ctx, func(b bus.Batch) bool { return yield(b, nil) })
		err = errors.Join(err, r.close())
		if err != nil && ctx.Err() == nil && !errors.Is(err, errStopped) {
			yield(bus.Batch{}, err)
		}
	}
}

// errStopped says that the consumer of a Tail wants no more.
var errStopped = errors.New("stopped")

// reader reads on from a place. It keeps the segment's file open from one read to the next.
type reader struct {
	j    *Journal
	next uint64
	seg  *segment
	file File
	pos  int64 // of the frame of batch next, or of the padding before its group
}

func (r *reader) tail(ctx context.Context, yield func(bus.Batch) bool) error {
	for {
		if err := r.j.Wait(ctx, r.next); err != nil {
			return err
		}
		batches, err := r.read(ctx, tailChunk)
		if err != nil {
			return err
		}
		for _, b := range batches {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !yield(b) {
				return errStopped
			}
		}
	}
}

// read returns the next durable batches, none at the end.
func (r *reader) read(ctx context.Context, maxBytes int) ([]bus.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.j.closedErr(); err != nil {
		return nil, err
	}
	at, ok, err := r.j.view.locate(r.next)
	if err != nil || !ok {
		return nil, err
	}
	if r.seg != at.seg {
		if err := r.enter(ctx, at); err != nil {
			return nil, err
		}
	}
	return r.collect(at, maxBytes)
}

// enter opens a segment and goes to the frame of batch r.next.
func (r *reader) enter(ctx context.Context, at place) error {
	if err := r.close(); err != nil {
		return err
	}
	f, err := at.seg.open(r.j.opts.FS)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && r.j.isArchived(at.seg) {
			return fmt.Errorf("%w: batch %d: %w", bus.ErrArchived, r.next, err)
		}
		if _, _, gone := r.j.view.locate(r.next); gone != nil {
			return gone
		}
		return fmt.Errorf("open segment: %w", err)
	}
	r.seg, r.file = at.seg, f
	if at.sealed {
		if err := at.seg.index(r.j.opts.FS, f, at.limit); err != nil {
			r.j.log.Warn("the index of a full segment was not kept", "segment", at.seg.place(), "error", err)
		}
	}
	w := walker{win: window{f: f, limit: at.limit, chunk: 2 * indexStep}, seg: at.seg, pos: at.seg.floor(r.next)}
	for {
		pos, h, err := w.frame()
		if err != nil {
			return w.corrupt(r.next, err)
		}
		if h.offset >= r.next {
			r.pos = pos
			return nil
		}
		w.pos = pos + h.size()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// collect reads batches of the open segment from r.pos on.
func (r *reader) collect(at place, maxBytes int) ([]bus.Batch, error) {
	const slack = 4 << 10 // for headers and padding
	maxBytes = min(max(maxBytes, 0), 1<<30)
	w := walker{win: window{f: r.file, limit: at.limit, chunk: maxBytes + slack, keep: true}, seg: at.seg, pos: r.pos}
	var batches []bus.Batch
	size := 0
	for r.next <= at.last {
		// What follows may need another read of the file; what is there already goes out first.
		const ahead = groupAlign + groupHeaderSize + frameHeaderSize
		if len(batches) > 0 && !w.win.holds(w.pos, min(ahead, at.limit-w.pos)) {
			break
		}
		pos, h, err := w.frame()
		if err != nil {
			return nil, w.corrupt(r.next, err)
		}
		length := int(h.size())
		if len(batches) > 0 && (size+length > maxBytes || !w.win.holds(pos, int64(length))) {
			break
		}
		b, err := w.batch(pos, &h, r.next)
		if err != nil {
			return nil, w.corrupt(r.next, err)
		}
		batches = append(batches, b)
		if !at.sealed {
			at.seg.note(h.offset, pos)
		}
		size += max(length, plainSize(b.Entries)) // what is packed takes more room here than in the file
		w.pos = pos + int64(length)
		r.pos, r.next = w.pos, r.next+1
	}
	return batches, nil
}

func (r *reader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file, r.seg = nil, nil
	return err
}

// closedErr is ErrClosed after Close. A failed journal can still be read up to its durable mark.
func (j *Journal) closedErr() error {
	j.view.mu.RLock()
	defer j.view.mu.RUnlock()
	if errors.Is(j.view.err, bus.ErrClosed) {
		return j.view.err
	}
	return nil
}

// walker steps from frame to frame over group headers and padding.
type walker struct {
	win window
	seg *segment
	pos int64
}

// frame gives the header of the frame at or behind w.pos and its position.
func (w *walker) frame() (int64, frameHeader, error) {
	for {
		b, err := w.win.at(w.pos, 4)
		if err != nil {
			return 0, frameHeader{}, err
		}
		if le.Uint32(b) == frameMagic {
			if b, err = w.win.at(w.pos, frameHeaderSize); err != nil {
				return 0, frameHeader{}, err
			}
			h, err := decodeFrameHeader(b)
			return w.pos, h, err
		}
		w.pos = alignUp(w.pos)
		if b, err = w.win.at(w.pos, groupHeaderSize); err != nil {
			return 0, frameHeader{}, err
		}
		g, err := decodeGroupHeader(b, w.pos, w.seg.header.nonce)
		if err != nil {
			return 0, frameHeader{}, err
		}
		if w.pos += groupHeaderSize; g.batches == 0 {
			w.pos = g.end()
		}
	}
}

// batch decodes a whole frame after checking its checksums and that it is the expected one.
func (w *walker) batch(pos int64, h *frameHeader, want uint64) (bus.Batch, error) {
	if h.offset != want {
		return bus.Batch{}, fmt.Errorf("frame has offset %d", h.offset)
	}
	b, err := w.win.at(pos, h.size())
	if err != nil {
		return bus.Batch{}, err
	}
	open, personal, err := checkedSections(h, b)
	if err != nil {
		return bus.Batch{}, err
	}
	if open, personal, err = unpacked(h, open, personal); err != nil {
		return bus.Batch{}, err
	}
	entries, err := decodeSections(h, open, personal, false)
	if err != nil {
		return bus.Batch{}, err
	}
	return bus.Batch{Offset: h.offset, Time: h.time, Class: h.class, Hash: h.chain, Entries: entries}, nil
}

// corrupt says where reading found damage; a failed read and a newer format are no damage.
func (w *walker) corrupt(offset uint64, err error) error {
	var read *readError
	var unknown unknownFormat
	if errors.As(err, &read) || errors.As(err, &unknown) {
		return fmt.Errorf("segment %s: %w", w.seg.place(), err)
	}
	return &CorruptError{Path: w.seg.place(), Pos: w.pos, Offset: offset, Reason: err.Error()}
}

// holds tells whether the bytes are in the buffer already.
func (w *window) holds(pos, n int64) bool {
	return pos >= w.base && pos+n <= w.base+int64(len(w.buf))
}

// plainSize is what entries take in memory, about.
func plainSize(entries []bus.Entry) int {
	n := 0
	for i := range entries {
		n += len(entries[i].Head) + len(entries[i].Data) + len(entries[i].Personal)
	}
	return n
}
