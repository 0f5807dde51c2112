package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Archive moves whole segments that hold only batches below an offset to Options.Archive, oldest first, and returns
// the paths of the moved files. The newest segment always stays. Nothing is deleted, and readers notice nothing: what
// was moved is read where it is now. After an error the segments that were returned are moved and the others are
// where they were. An archive folder is a journal folder of its own for VerifyDir.
func (j *Journal) Archive(ctx context.Context, below uint64) ([]string, error) {
	if err := j.closedErr(); err != nil {
		return nil, err
	}
	if j.opts.Archive == "" {
		return nil, errors.New("journal: it has no archive folder")
	}
	j.moving.Lock()
	defer j.moving.Unlock()
	if err := j.opts.FS.MkdirAll(j.opts.Archive); err != nil {
		return nil, fmt.Errorf("make archive folder: %w", err)
	}
	var moved []string
	for _, seg := range j.full(below) {
		if err := ctx.Err(); err != nil {
			return moved, err
		}
		target := filepath.Join(j.opts.Archive, segmentName(seg.header.first))
		if seg.place() == target {
			continue
		}
		if err := j.moveSegment(seg, target); err != nil {
			return moved, fmt.Errorf("archive segment: %w", err)
		}
		moved = append(moved, target)
	}
	return moved, nil
}

// full gives the segments whose batches are all below an offset and that another one follows.
func (j *Journal) full(below uint64) []*segment {
	j.view.mu.RLock()
	defer j.view.mu.RUnlock()
	n := 0
	for n+1 < len(j.view.segs) && j.view.segs[n+1].header.first <= below {
		n++
	}
	return j.view.segs[:n:n]
}

// moveSegment renames a segment's file, or copies it where the target is on another disk. A crash may leave it twice,
// but never nowhere.
func (j *Journal) moveSegment(seg *segment, target string) error {
	fsys, from := j.opts.FS, seg.place()
	err := seg.move(fsys, from, target)
	copied := errors.Is(err, syscall.EXDEV)
	if copied {
		temp := target + tempSuffix
		if err := copyFile(fsys, from, temp); err != nil {
			return err
		}
		err = seg.move(fsys, temp, target)
	}
	if err != nil {
		return err
	}
	if err := fsys.SyncDir(j.opts.Archive); err != nil {
		return fmt.Errorf("sync archive folder: %w", err)
	}
	if copied {
		if err := fsys.Remove(from); err != nil {
			return err
		}
	}
	if err := moveIndex(fsys, from, target); err != nil {
		j.log.Warn("the index of an archived segment was not moved", "segment", target, "error", err)
	}
	return fsys.SyncDir(j.opts.Dir)
}

// archived gives the segments of the archive that lead up to the first one of the journal's folder without a gap. What
// does not read there is as if it were not there: the archive may be on a disk that is away.
func (j *Journal) archived(first *segment) []*segment {
	var segs []*segment
	if j.opts.Archive == "" {
		return nil
	}
	for next := first; next.header.prevFirst != 0; next = segs[0] {
		path := filepath.Join(j.opts.Archive, segmentName(next.header.prevFirst))
		h, err := readSegmentHeader(j.opts.FS, path)
		if err == nil && (h.journal != next.header.journal || h.first != next.header.prevFirst) {
			err = errors.New("it belongs elsewhere")
		}
		if err != nil {
			j.log.Warn("the archive does not reach back to the journal's beginning", "missing", path, "error", err)
			break
		}
		segs = append([]*segment{{header: h, path: path}}, segs...)
	}
	return segs
}

// isArchived tells whether a segment was moved to the archive.
func (j *Journal) isArchived(seg *segment) bool {
	return j.opts.Archive != "" && filepath.Dir(seg.place()) == filepath.Clean(j.opts.Archive)
}

func copyFile(fsys FS, from, to string) (err error) {
	src, err := fsys.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	size, err := src.Size()
	if err != nil {
		return err
	}
	dst, err := fsys.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if _, err := io.Copy(io.NewOffsetWriter(dst, 0), io.NewSectionReader(src, 0, size)); err != nil {
		return err
	}
	return dst.Sync()
}

// Drop removes whole segments that hold only batches below an offset, oldest first, and returns how many. The newest
// segment always stays. It is for logs that are no truth: queues, which need nothing of what every consumer has passed.
func (j *Journal) Drop(ctx context.Context, below uint64) (int, error) {
	if err := j.closedErr(); err != nil {
		return 0, err
	}
	j.moving.Lock()
	defer j.moving.Unlock()
	old := j.full(below)
	for n, seg := range old {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		// Out of the readers' sight first, so that none finds a name without a file.
		j.view.mu.Lock()
		j.view.segs = j.view.segs[1:]
		j.view.mu.Unlock()
		path := seg.place()
		if err := j.opts.FS.Remove(path); err != nil {
			return n, fmt.Errorf("drop segment: %w", err)
		}
		if err := j.opts.FS.Remove(indexPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n + 1, fmt.Errorf("drop the index of a segment: %w", err)
		}
		if err := j.opts.FS.SyncDir(j.opts.Dir); err != nil {
			return n + 1, fmt.Errorf("sync after dropping: %w", err)
		}
	}
	return len(old), nil
}
