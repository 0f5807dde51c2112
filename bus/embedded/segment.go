package embedded

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
)

const (
	segmentSuffix = ".seg"
	tempSuffix    = ".tmp"
	lockName      = "lock"

	// indexStep is the distance in bytes between two places that a segment's index remembers.
	indexStep = 32 << 10
)

// segment is one file of the journal and what is known of it. Its header never changes; its place does once, when it
// is archived.
type segment struct {
	header segmentHeader

	at   sync.RWMutex // held while the file is moved
	path string

	mu      sync.Mutex
	points  []point // ascending; the way from the last one on is walked when a reader needs it
	indexed bool    // points are those of the whole segment
}

// place is where the file is now.
func (s *segment) place() string {
	s.at.RLock()
	defer s.at.RUnlock()
	return s.path
}

// open opens the file for reading, wherever it is.
func (s *segment) open(fsys FS) (File, error) {
	s.at.RLock()
	defer s.at.RUnlock()
	return fsys.Open(s.path)
}

// move renames the file. Nobody who opens it meets a name without a file.
func (s *segment) move(fsys FS, from, to string) error {
	s.at.Lock()
	defer s.at.Unlock()
	if err := fsys.Rename(from, to); err != nil {
		return err
	}
	s.path = to
	return nil
}

// point says that the frame of a batch begins at a file position.
type point struct {
	offset uint64
	pos    int64
}

func segmentName(first uint64) string {
	return fmt.Sprintf("%020d%s", first, segmentSuffix)
}

// note adds a place to the index when it is far enough from the last one.
func (s *segment) note(offset uint64, pos int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := int64(segmentHeaderSize)
	if n := len(s.points); n > 0 {
		last = s.points[n-1].pos
	}
	if pos >= last+indexStep {
		s.points = append(s.points, point{offset, pos})
	}
}

// complete tells that the points are those of the whole segment.
func (s *segment) complete() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.indexed = true
}

// floor gives the nearest known place at or before offset.
func (s *segment) floor(offset uint64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := sort.Search(len(s.points), func(i int) bool { return s.points[i].offset > offset })
	if i == 0 {
		return segmentHeaderSize
	}
	return s.points[i-1].pos
}

// createSegment makes a segment durable under its name before anything is written to it. When it fails the folder
// is as before, but for a temporary file that the next try replaces.
func createSegment(fsys FS, dir string, h segmentHeader) (seg *segment, file File, err error) {
	path := filepath.Join(dir, segmentName(h.first))
	temp := path + tempSuffix
	f, err := fsys.Create(temp)
	if err != nil {
		return nil, nil, fmt.Errorf("create segment %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := f.Allocate(h.size); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("reserve %d bytes for segment %s: %w", h.size, path, err), fsys.Remove(temp))
	}
	if _, err := f.WriteAt(h.encode(), 0); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("write header of segment %s: %w", path, err), fsys.Remove(temp))
	}
	if err := f.Sync(); err != nil {
		return nil, nil, fmt.Errorf("%w: segment %s: %w", errSync, path, err)
	}
	if err := fsys.Rename(temp, path); err != nil {
		return nil, nil, fmt.Errorf("name segment %s: %w", path, err)
	}
	if err := fsys.SyncDir(dir); err != nil {
		return nil, nil, fmt.Errorf("%w: folder %s: %w", errSync, dir, err)
	}
	return &segment{header: h, path: path}, f, nil
}

// errSync marks a failed fsync: what the disk holds is unknown from then on.
var errSync = errors.New("fsync failed")

// listSegments reads the headers of all segments of a folder, oldest first, and checks that none is missing between
// them.
func listSegments(fsys FS, dir string) ([]*segment, error) {
	names, err := fsys.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list journal folder: %w", err)
	}
	var segs []*segment
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, segmentSuffix)
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(digits, 10, 64)
		if err != nil || segmentName(first) != name {
			return nil, fmt.Errorf("journal folder %s: %s is not a segment's name", dir, name)
		}
		seg := &segment{path: filepath.Join(dir, name)}
		if seg.header, err = readSegmentHeader(fsys, seg.path); err != nil {
			return nil, err
		}
		if seg.header.first != first {
			return nil, &CorruptError{Path: seg.path, Offset: first, Reason: "segment header has another first offset than the file's name"}
		}
		segs = append(segs, seg)
	}
	slices.SortFunc(segs, func(a, b *segment) int {
		if a.header.first < b.header.first {
			return -1
		}
		return 1
	})
	for i := 1; i < len(segs); i++ {
		before, h := segs[i-1].header, segs[i].header
		if h.journal != before.journal {
			return nil, &CorruptError{Path: segs[i].path, Offset: h.first, Reason: "segment belongs to another journal"}
		}
		if h.prevFirst != before.first {
			return nil, &CorruptError{
				Path: segs[i].path, Offset: h.first,
				Reason: fmt.Sprintf("the segment before it, %s, is missing", segmentName(h.prevFirst)),
			}
		}
	}
	return segs, nil
}

func readSegmentHeader(fsys FS, path string) (h segmentHeader, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return h, fmt.Errorf("open segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b [segmentHeaderSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return h, fmt.Errorf("read header of segment %s: %w", path, err)
	}
	h, decodeErr := decodeSegmentHeader(b[:])
	var unknown unknownFormat
	if errors.As(decodeErr, &unknown) {
		return h, fmt.Errorf("%s: %w", path, decodeErr)
	}
	if decodeErr != nil {
		return h, &CorruptError{Path: path, Reason: decodeErr.Error()}
	}
	size, err := f.Size()
	if err != nil {
		return h, fmt.Errorf("size of segment %s: %w", path, err)
	}
	if size < h.size {
		return h, &CorruptError{Path: path, Pos: size, Offset: h.first, Reason: fmt.Sprintf("file was cut from %d bytes to %d", h.size, size)}
	}
	return h, nil
}

// window reads a file forward through one buffer.
type window struct {
	f     File
	limit int64 // file position up to which may be read
	chunk int   // bytes read ahead
	// keep makes a new buffer for each read, so that what was handed out stays as it is.
	keep bool
	base int64
	buf  []byte
}

var errBeyond = errors.New("reaches beyond the end")

// at gives the n bytes at pos; they are valid until the next call unless keep is set.
func (w *window) at(pos, n int64) ([]byte, error) {
	if n > w.limit-pos {
		return nil, errBeyond
	}
	if pos < w.base || pos+n > w.base+int64(len(w.buf)) {
		size := min(max(n, int64(w.chunk)), w.limit-pos)
		if w.keep || int64(cap(w.buf)) < size {
			w.buf = make([]byte, size)
		}
		w.buf = w.buf[:size]
		w.base = pos
		if _, err := w.f.ReadAt(w.buf, pos); err != nil {
			w.buf = w.buf[:0]
			return nil, &readError{pos, err}
		}
	}
	return w.buf[pos-w.base : pos-w.base+n : pos-w.base+n], nil
}

// readError tells a read that failed from bytes that are wrong.
type readError struct {
	pos int64
	err error
}

func (e *readError) Error() string { return fmt.Sprintf("read at byte %d: %v", e.pos, e.err) }
func (e *readError) Unwrap() error { return e.err }

// writeZeros overwrites a stretch of a file.
func writeZeros(w io.WriterAt, from, to int64) error {
	zeros := make([]byte, min(to-from, 1<<20))
	for from < to {
		n := min(int64(len(zeros)), to-from)
		if _, err := w.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return nil
}
