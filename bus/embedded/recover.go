package embedded

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// recover finds what is durable and prepares the committer and the view. After it, everything that a reader can see
// is on the disk, however the last process ended.
func (j *Journal) recover() error {
	if err := j.removeTemporary(); err != nil {
		return err
	}
	segs, err := listSegments(j.opts.FS, j.opts.Dir)
	if err != nil {
		return err
	}
	if len(segs) == 0 {
		return j.create()
	}
	seg := segs[len(segs)-1]
	c := &j.commit
	if c.file, err = j.opts.FS.OpenWrite(seg.place()); err != nil {
		return fmt.Errorf("open newest segment: %w", err)
	}
	s := newScanner(c.file, seg, seg.header.size)
	torn, err := s.tail()
	if err != nil {
		return err
	}
	if err := j.secure(s, torn); err != nil {
		return err
	}
	c.seg, c.pos, c.next, c.chain, c.lastTime = seg, s.pos, s.next, s.chain, s.time
	// A mark, or the segment's own header, proves all before it; a group with batches is proven by what follows it.
	c.proven = s.last.batches == 0
	j.view.segs = append(j.archived(segs[0]), segs...)
	if err := c.writeMark(j); err != nil {
		return err
	}
	j.publish()
	return nil
}

// create makes a new journal with its first segment.
func (j *Journal) create() error {
	h := segmentHeader{first: 1, size: j.opts.nextSegmentSize(0)}
	wall, _ := j.opts.Clock.Now()
	h.created = wall.UnixNano()
	randomBytes(h.journal[:])
	randomBytes(h.nonce[:])
	h.chain = genesis(h.journal)
	// The folder's own name has to be durable too.
	if err := j.opts.FS.SyncDir(filepath.Dir(filepath.Clean(j.opts.Dir))); err != nil {
		return fmt.Errorf("sync the folder above the journal: %w", err)
	}
	seg, file, err := createSegment(j.opts.FS, j.opts.Dir, h)
	if err != nil {
		return err
	}
	j.commit = committer{file: file, seg: seg, pos: segmentHeaderSize, next: 1, chain: h.chain, proven: true}
	j.view.segs = []*segment{seg}
	j.publish()
	return nil
}

// removeTemporary deletes segments whose making was cut short.
func (j *Journal) removeTemporary() error {
	names, err := j.opts.FS.ReadDir(j.opts.Dir)
	if err != nil {
		return fmt.Errorf("list journal folder: %w", err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, segmentSuffix+tempSuffix) || strings.HasSuffix(name, indexSuffix+tempSuffix) {
			if err := j.opts.FS.Remove(filepath.Join(j.opts.Dir, name)); err != nil {
				return fmt.Errorf("remove unfinished segment: %w", err)
			}
		}
	}
	return nil
}

// tail walks the newest segment to its last good group and returns the end of what is torn behind it; s.pos when
// nothing is. A bad group with a valid later one behind it is corruption: the later one was begun only after the
// fsync of the bad one returned, so its batches may have been acknowledged. Without a later one the bad group was never
// acknowledged, or nothing on the disk says that it was.
func (s *scanner) tail() (torn int64, err error) {
	for {
		ok, err := s.group()
		if ok {
			continue
		}
		if err == nil {
			return s.pos, nil
		}
		var bad *badGroup
		if !errors.As(err, &bad) {
			return 0, err
		}
		later, found, err := s.laterGroup(s.pos)
		if err != nil {
			return 0, err
		}
		if found {
			return 0, &CorruptError{
				Path: s.seg.place(), Pos: bad.pos, Offset: bad.offset,
				Reason: fmt.Sprintf("%s, but the group at byte %d proves that batches up to %d were durable", bad.reason, later.pos, later.markOffset),
			}
		}
		return s.lastNonZero()
	}
}

// secure makes the kept groups durable and the torn tail zero before anybody reads or writes.
//
// The newest group may be intact only in the kernel's cache: the process before may have died ahead of its fsync, or
// the fsync may have failed and left pages that count as clean. So that group, be it a mark, is written once more; an
// fsync alone could do nothing and report success. The same goes for the name of a segment made last.
func (j *Journal) secure(s *scanner, torn int64) error {
	if err := j.opts.FS.SyncDir(j.opts.Dir); err != nil {
		return fmt.Errorf("%w: folder %s: %w", errSync, j.opts.Dir, err)
	}
	f := s.win.f
	if s.last.pos > 0 {
		b, err := s.win.at(s.last.pos, s.last.end()-s.last.pos)
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.seg.place(), err)
		}
		if _, err := f.WriteAt(b, s.last.pos); err != nil {
			return fmt.Errorf("rewrite newest group of %s: %w", s.seg.place(), err)
		}
	}
	if torn > s.pos {
		j.log.Warn("journal has a torn tail, which was never acknowledged; it is cut off",
			"file", s.seg.place(), "from", s.pos, "bytes", torn-s.pos, "newest_batch", s.next-1)
		if err := writeZeros(f, s.pos, torn); err != nil {
			return fmt.Errorf("cut torn tail of %s: %w", s.seg.place(), err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%w: %s: %w", errSync, s.seg.place(), err)
	}
	return nil
}
