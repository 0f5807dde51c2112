package embedded

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// An index file stands beside a full segment and says where some of its batches begin, one about every 32 KiB, so that
// a reader does not walk the segment from its start. It is never needed: one that is missing, old or damaged is made
// again by walking the segment once, and a wrong entry is found because the frame there does not check out.
//
//	"JRJNLIDX", the segment's nonce (16), number of entries (8), entries of offset (8) and position (8), checksum (4)
const (
	indexSuffix  = ".idx"
	indexMagic   = "JRJNLIDX"
	indexHead    = 8 + 16 + 8
	indexEntry   = 16
	maxIndexSize = 64 << 20
)

func indexPath(segment string) string {
	return strings.TrimSuffix(segment, segmentSuffix) + indexSuffix
}

// keepIndex writes what is known of a full segment beside it.
func (s *segment) keepIndex(fsys FS) error {
	s.mu.Lock()
	b := append([]byte(indexMagic), s.header.nonce[:]...)
	b = le.AppendUint64(b, uint64(len(s.points)))
	for _, p := range s.points {
		b = le.AppendUint64(b, p.offset)
		b = le.AppendUint64(b, uint64(p.pos))
	}
	s.indexed = true
	s.mu.Unlock()
	b = le.AppendUint32(b, checksum(b))
	path := indexPath(s.place())
	f, err := fsys.Create(path + tempSuffix)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	_, err = f.WriteAt(b, 0)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("index %s: %w", path, err), fsys.Remove(path+tempSuffix))
	}
	// Not synced: what a crash leaves of it fails its checksum, or is not there.
	return fsys.Rename(path+tempSuffix, path)
}

// index makes the points of a full segment known: from its index file, or by a walk over its headers. f is the open
// segment and limit its end. The error says why the index could not be kept; the points are known all the same.
func (s *segment) index(fsys FS, f File, limit int64) error {
	s.mu.Lock()
	known := s.indexed
	s.mu.Unlock()
	if known {
		return nil
	}
	points, err := s.readIndex(fsys, limit)
	if err == nil {
		s.mu.Lock()
		s.points, s.indexed = points, true
		s.mu.Unlock()
		return nil
	}
	w := walker{win: window{f: f, limit: limit, chunk: 256 << 10}, seg: s, pos: segmentHeaderSize}
	last := int64(segmentHeaderSize)
	points = nil
	for w.pos < limit {
		pos, h, err := w.frame()
		if err != nil {
			// The end, or damage: the way up to it is known, and whoever reads beyond it meets it.
			break
		}
		if pos >= last+indexStep {
			points, last = append(points, point{h.offset, pos}), pos
		}
		w.pos = pos + h.size()
	}
	s.mu.Lock()
	s.points, s.indexed = points, true
	s.mu.Unlock()
	return s.keepIndex(fsys)
}

// readIndex reads the index file; an error says that it is of no use.
func (s *segment) readIndex(fsys FS, limit int64) (points []point, err error) {
	f, err := fsys.Open(indexPath(s.place()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size < indexHead+4 || size > maxIndexSize {
		return nil, errors.New("index has an impossible size")
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	body := b[:size-4]
	n := le.Uint64(body[24:])
	switch {
	case le.Uint32(b[size-4:]) != checksum(body), string(body[:8]) != indexMagic:
		return nil, errors.New("index fails its checksum")
	case [16]byte(body[8:24]) != s.header.nonce, n != uint64(len(body)-indexHead)/indexEntry:
		return nil, errors.New("index belongs to another segment")
	}
	points = make([]point, n)
	last := point{s.header.first - 1, segmentHeaderSize - 1}
	for i := range points {
		e := body[indexHead+i*indexEntry:]
		p := point{le.Uint64(e), int64(le.Uint64(e[8:]))}
		if p.offset <= last.offset || p.pos <= last.pos || p.pos >= limit {
			return nil, errors.New("index has impossible values")
		}
		points[i], last = p, p
	}
	return points, nil
}

// moveIndex takes a segment's index file along, where there is one.
func moveIndex(fsys FS, from, to string) error {
	err := fsys.Rename(indexPath(from), indexPath(to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
