package faultfs

import (
	"io"
	"io/fs"
	"syscall"
)

// file is an open file.
type file struct {
	fs               *FS
	path             string
	n                *inode
	readOnly, closed bool
}

// use locks the file layer if the file may be used.
func (f *file) use() (unlock func(), err error) {
	f.fs.mu.Lock()
	if f.closed {
		f.fs.mu.Unlock()
		return nil, &fs.PathError{Op: "use", Path: f.path, Err: fs.ErrClosed}
	}
	if err := f.fs.alive(); err != nil {
		f.fs.mu.Unlock()
		return nil, err
	}
	return f.fs.mu.Unlock, nil
}

// ReadAt implements io.ReaderAt.
func (f *file) ReadAt(b []byte, at int64) (int, error) {
	unlock, err := f.use()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if at >= int64(len(f.n.seen)) {
		return 0, io.EOF
	}
	n := copy(b, f.n.seen[at:])
	f.fs.read += int64(n)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(b []byte, at int64) (int, error) {
	unlock, err := f.use()
	if err != nil {
		return 0, err
	}
	defer unlock()
	if f.readOnly {
		return 0, &fs.PathError{Op: "write", Path: f.path, Err: fs.ErrPermission}
	}
	changeErr := f.fs.change()
	if changeErr != nil {
		// The crash cuts the write short, at a place that differs from one to the next.
		b = b[:f.fs.ops*977%(len(b)+1)]
	}
	end := at + int64(len(b))
	if grow := end - int64(len(f.n.seen)); grow > 0 {
		if err := f.fs.reserve(grow); err != nil {
			return 0, err
		}
		f.n.seen = resize(f.n.seen, int(end))
	}
	copy(f.n.seen[at:], b)
	for p := at / PageSize; p*PageSize < end; p++ {
		f.n.dirty[p] = true
	}
	return len(b), changeErr
}

// Allocate implements embedded.File.
func (f *file) Allocate(size int64) error {
	unlock, err := f.use()
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.fs.change(); err != nil {
		return err
	}
	if grow := size - int64(len(f.n.seen)); grow > 0 {
		if err := f.fs.reserve(grow); err != nil {
			return err
		}
		f.n.seen = resize(f.n.seen, int(size))
	}
	return nil
}

// Sync implements embedded.File.
func (f *file) Sync() error {
	f.fs.waitHeld()
	unlock, err := f.use()
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.fs.change(); err != nil {
		return err
	}
	f.fs.syncs++
	if f.fs.failAt > 0 && f.fs.syncs == f.fs.failAt {
		clear(f.n.dirty)
		return &fs.PathError{Op: "sync", Path: f.path, Err: syscall.EIO}
	}
	if f.fs.ignoreSync {
		return nil
	}
	f.n.disk = resize(f.n.disk, len(f.n.seen))
	for p := range f.n.dirty {
		copyRange(f.n.disk, f.n.seen, p*PageSize, PageSize)
	}
	clear(f.n.dirty)
	return nil
}

// Size implements embedded.File.
func (f *file) Size() (int64, error) {
	unlock, err := f.use()
	if err != nil {
		return 0, err
	}
	defer unlock()
	return int64(len(f.n.seen)), nil
}

// Close implements io.Closer. It syncs nothing.
func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.closed = true
	return nil
}
