package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
)

// Still is a picture of a journal's files: a prefix of the journal that is durable and ends at a group. It can be
// taken while a process writes the journal.
type Still struct {
	// Journal is the journal's id.
	Journal string
	// First is the first batch of the oldest file: 1, unless the archive is away.
	First uint64
	// Last is the newest batch in the picture, 0 for none, Time its fold time and Hash the chain up to it.
	Last uint64
	Time int64
	Hash [32]byte
	// Files are the segments, oldest first.
	Files []StillFile

	fs FS
}

// StillFile is one segment of a Still.
type StillFile struct {
	// Name is the file's name without folder; Archived tells that it was in the archive.
	Name     string
	Archived bool
	// Size is the number of bytes that count; Full the file's own, the rest of which are zeros.
	Size, Full int64

	seg *segment
	alt string // where the file is when it is archived meanwhile
}

// stillTries is how often the files are listed again because some were moved meanwhile.
const stillTries = 10

// TakeStill looks at a journal's folder and its archive, which may be empty. Invariant 1: what is in the picture is
// durable, because the newest segment is synced after it was read. fsys nil is OS.
func TakeStill(ctx context.Context, fsys FS, dir, archive string) (*Still, error) {
	if fsys == nil {
		fsys = OS{}
	}
	for try := 1; ; try++ {
		s, err := takeStill(ctx, fsys, dir, archive)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || try == stillTries {
			return s, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func takeStill(ctx context.Context, fsys FS, dir, archive string) (*Still, error) {
	var segs []*segment
	live, err := listSegments(fsys, dir)
	if err != nil {
		return nil, err
	}
	if len(live) == 0 {
		return nil, fmt.Errorf("journal: %s holds no segment", dir)
	}
	if archive != "" {
		old, err := listSegments(fsys, archive)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, seg := range old {
			if seg.header.first < live[0].header.first {
				segs = append(segs, seg)
			}
		}
	}
	archived := len(segs)
	if archived > 0 && segs[archived-1].header.first != live[0].header.prevFirst {
		return nil, fmt.Errorf("%w: the archive %s does not lead up to the journal in %s", fs.ErrNotExist, archive, dir)
	}
	segs = append(segs, live...)
	end, err := durableEnd(ctx, fsys, segs[len(segs)-1])
	if err != nil {
		return nil, err
	}
	id := segs[0].header.journal
	s := &Still{Journal: fmt.Sprintf("%x", id), First: segs[0].header.first, Last: end.next - 1, Time: end.time, Hash: end.chain, fs: fsys}
	for i, seg := range segs {
		size := end.pos
		if i+1 < len(segs) {
			size = segs[i+1].header.prevEnd
		}
		f := StillFile{Name: segmentName(seg.header.first), Archived: i < archived, Size: size, Full: seg.header.size, seg: seg}
		if archive != "" {
			f.alt = filepath.Join(archive, f.Name)
		}
		s.Files = append(s.Files, f)
	}
	return s, nil
}

// durableEnd walks the newest segment to its last whole group and makes sure that it is on the disk.
func durableEnd(ctx context.Context, fsys FS, seg *segment) (s *scanner, err error) {
	f, err := seg.open(fsys)
	if err != nil {
		return nil, fmt.Errorf("open newest segment: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s = newScanner(f, seg, seg.header.size)
	var stuck int64
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ok, err := s.group()
		var bad *badGroup
		switch {
		case ok:
			continue
		case err != nil && !errors.As(err, &bad):
			return nil, err
		}
		// The end; but a process may have written on while this one read, and what looks torn may be whole by now.
		s.win.buf = nil
		later, found, err := s.laterGroup(s.pos)
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
		if stuck == s.pos {
			return nil, &CorruptError{
				Path: seg.place(), Pos: s.pos, Offset: s.next,
				Reason: fmt.Sprintf("no whole group here, but the one at byte %d proves that batches up to %d were durable", later.pos, later.markOffset),
			}
		}
		stuck, s.win.buf = s.pos, nil
	}
	if err := f.Sync(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errSync, seg.place(), err)
	}
	return s, nil
}

// Open opens the bytes of a file that count. A segment that was archived since is found there.
func (s *Still) Open(f *StillFile) (io.ReadCloser, error) {
	file, err := f.seg.open(s.fs)
	if errors.Is(err, fs.ErrNotExist) && f.alt != "" {
		file, err = s.fs.Open(f.alt)
	}
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	return stillReader{io.NewSectionReader(file, 0, f.Size), file}, nil
}

type stillReader struct {
	io.Reader
	io.Closer
}

// SegmentSize reads from the start of a segment how long its file is to be.
func SegmentSize(start []byte) (int64, error) {
	h, err := decodeSegmentHeader(start)
	return h.size, err
}

// SegmentHead is how many bytes SegmentSize needs.
const SegmentHead = segmentHeaderSize

// LockDir takes the lock of a journal's folder without opening the journal; ErrLocked tells that it is in use. fsys nil
// is OS.
func LockDir(fsys FS, dir string) (io.Closer, error) {
	if fsys == nil {
		fsys = OS{}
	}
	return fsys.Lock(filepath.Join(dir, lockName))
}
