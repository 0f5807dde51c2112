package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"syscall"
)

// Archive moves whole segments that hold only batches below an offset to another folder, oldest first, and returns
// the paths of the moved files. The newest segment always stays. Nothing is deleted: an archive folder is a journal
// folder of its own for VerifyDir. Readers of what was moved get bus.ErrArchived; a Tail that is in the midst of a
// file finishes it. After an error the segments that were returned are moved and the others are where they were.
func (j *Journal) Archive(ctx context.Context, below uint64, folder string) ([]string, error) {
	if err := j.closedErr(); err != nil {
		return nil, err
	}
	j.moving.Lock()
	defer j.moving.Unlock()
	fsys := j.opts.FS
	if err := fsys.MkdirAll(folder); err != nil {
		return nil, fmt.Errorf("make archive folder: %w", err)
	}
	var moved []string
	for {
		if err := ctx.Err(); err != nil {
			return moved, err
		}
		// Out of the readers' sight first, so that none finds a name without a file.
		seg, ok := j.view.takeOldest(below)
		if !ok {
			return moved, nil
		}
		target := filepath.Join(folder, filepath.Base(seg.path))
		if err := moveFile(fsys, seg.path, target); err != nil {
			j.view.giveBack(seg)
			return moved, fmt.Errorf("archive segment: %w", err)
		}
		moved = append(moved, target)
		// Both folders, the receiving one first: a crash may leave a segment twice, but never nowhere.
		if err := errors.Join(fsys.SyncDir(folder), fsys.SyncDir(j.opts.Dir)); err != nil {
			return moved, fmt.Errorf("sync folders after archiving: %w", err)
		}
	}
}

// takeOldest removes and gives the first segment if all its batches are below offset and another follows.
func (v *view) takeOldest(below uint64) (*segment, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.segs) < 2 || v.segs[1].header.first > below {
		return nil, false
	}
	seg := v.segs[0]
	v.segs = v.segs[1:]
	return seg, true
}

func (v *view) giveBack(seg *segment) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.segs = append([]*segment{seg}, v.segs...)
}

// moveFile renames a file, or copies it where the target is on another disk.
func moveFile(fsys FS, from, to string) error {
	err := fsys.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	temp := to + tempSuffix
	if err := copyFile(fsys, from, temp); err != nil {
		return err
	}
	if err := fsys.Rename(temp, to); err != nil {
		return err
	}
	if err := fsys.SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return fsys.Remove(from)
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
