// Package faultfs is a file layer in memory that fails as disks do: it forgets at a crash what was not synced, page
// by page, refuses an fsync, and fills up.
package faultfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/jumpring/jumpring/bus/embedded"
)

const (
	// PageSize is the unit in which unsynced content is kept or lost, in bytes.
	PageSize = 4096
	// SectorSize is the unit in which a page is torn, in bytes.
	SectorSize = 512
)

// ErrCrashed is returned by everything after the crash.
var ErrCrashed = errors.New("faultfs: crashed")

// FS is an embedded.FS in memory. It is safe for concurrent use.
type FS struct {
	mu      sync.Mutex
	names   map[string]*inode // as a process sees them
	durable map[string]*inode // as they are after a crash
	pending []func(map[string]*inode)
	locks   map[string]bool

	ops, crashAt   int
	syncs, failAt  int
	ignoreSync     bool
	crashed        bool
	space, written int64         // space < 0: endless
	held           chan struct{} // syncs wait until it is closed; nil when they do not
	waiting        int           // syncs that do
	read           int64         // bytes
}

// inode is a file's content.
type inode struct {
	seen  []byte         // what reads give
	disk  []byte         // what a crash leaves
	dirty map[int64]bool // pages that are to be written at the next sync
}

// New gives an empty FS without faults.
func New() *FS {
	return &FS{names: map[string]*inode{}, durable: map[string]*inode{}, locks: map[string]bool{}, space: -1}
}

// IgnoreSync makes every sync of a file a success that does nothing: the control for tests of durability.
func (f *FS) IgnoreSync() { f.set(func() { f.ignoreSync = true }) }

// FailSync makes the n-th sync of a file from now on fail, 1 being the next. As Linux does, it leaves the pages that
// were not written readable and clean: a further sync does not write them.
func (f *FS) FailSync(n int) { f.set(func() { f.failAt = f.syncs + n }) }

// CrashAt lets everything end in the n-th change from now on, 1 being the next: Crash then tells what a power failure
// left, Kill what the end of the process left.
func (f *FS) CrashAt(n int) { f.set(func() { f.crashAt = f.ops + n }) }

// SetSpace limits what may be allocated in all from now on, in bytes; a negative number lifts the limit.
func (f *FS) SetSpace(bytes int64) { f.set(func() { f.space, f.written = bytes, 0 }) }

// HoldSync makes every sync of a file wait until release is called, as a disk that hangs does.
func (f *FS) HoldSync() (release func()) {
	held := make(chan struct{})
	f.set(func() { f.held = held })
	return sync.OnceFunc(func() {
		f.set(func() { f.held = nil })
		close(held)
	})
}

// SyncsWaiting is the number of syncs that HoldSync makes wait.
func (f *FS) SyncsWaiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting
}

// waitHeld waits as long as syncs are held.
func (f *FS) waitHeld() {
	f.mu.Lock()
	held := f.held
	if held != nil {
		f.waiting++
	}
	f.mu.Unlock()
	if held != nil {
		<-held
		f.set(func() { f.waiting-- })
	}
}

func (f *FS) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// Syncs is the number of file syncs so far.
func (f *FS) Syncs() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.syncs
}

// BytesRead is what was read of all files so far.
func (f *FS) BytesRead() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read
}

// Crash lets the power fail now, if it has not yet, and gives the disk as the next start finds it: of the unsynced
// pages a subset chosen by seed is written, some only in part; of the unsynced changes of folders some first ones.
func (f *FS) Crash(seed uint64) *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	rng := rand.New(rand.NewPCG(seed, 0x6a756d70))
	next := New()
	left := maps.Clone(f.durable)
	for _, change := range f.pending[:rng.IntN(len(f.pending)+1)] {
		change(left)
	}
	keep := []float64{0, 0.1, 0.5, 0.9, 1}[rng.IntN(5)]
	for _, name := range slices.Sorted(maps.Keys(left)) {
		content := left[name].afterCrash(rng, keep)
		n := &inode{seen: content, disk: slices.Clone(content), dirty: map[int64]bool{}}
		next.names[name], next.durable[name] = n, n
	}
	return next
}

// Kill ends the process that uses f, and gives the file layer to its successor: nothing is lost, but what was not
// synced still is not, and a later Crash may take it. With CrashAt the last write may have been cut short.
func (f *FS) Kill() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.crashed = true
	next := New()
	next.names, next.durable, next.pending = f.names, f.durable, f.pending
	f.names, f.durable, f.pending = nil, nil, nil
	return next
}

// afterCrash mixes what is on the disk with some of the unsynced pages.
func (n *inode) afterCrash(rng *rand.Rand, keep float64) []byte {
	out := slices.Clone(n.disk)
	if len(n.seen) != len(out) && rng.Float64() < keep {
		out = resize(out, len(n.seen))
	}
	for _, page := range slices.Sorted(maps.Keys(n.dirty)) {
		switch {
		case rng.Float64() < 0.1: // torn inside the page
			for s := page * PageSize; s < (page+1)*PageSize; s += SectorSize {
				if rng.IntN(2) == 0 {
					copyRange(out, n.seen, s, SectorSize)
				}
			}
		case rng.Float64() < keep:
			copyRange(out, n.seen, page*PageSize, PageSize)
		}
	}
	return out
}

// copyRange copies as much of src[at:at+n] as both have.
func copyRange(dst, src []byte, at, n int64) {
	end := min(at+n, int64(len(dst)), int64(len(src)))
	if at < end {
		copy(dst[at:end], src[at:end])
	}
}

func resize(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n]
	}
	return append(b, make([]byte, n-len(b))...)
}

// Clone copies the files as they are seen, synced, without faults and locks.
func (f *FS) Clone() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := New()
	for name, n := range f.names {
		c := &inode{seen: slices.Clone(n.seen), disk: slices.Clone(n.seen), dirty: map[int64]bool{}}
		next.names[name], next.durable[name] = c, c
	}
	return next
}

// ReadFile gives a copy of a file's content as it is seen.
func (f *FS) ReadFile(path string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.names[path]
	if !ok {
		return nil, notExist(path)
	}
	return slices.Clone(n.seen), nil
}

// Damage overwrites bytes of a file on the disk, as decay does.
func (f *FS) Damage(path string, at int64, b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.names[path]
	if !ok {
		return notExist(path)
	}
	copy(n.seen[at:], b)
	copy(n.disk[min(at, int64(len(n.disk))):], b) // what was never synced is not there to decay
	return nil
}

// change counts one change of the disk; f.mu is held.
func (f *FS) change() error {
	f.ops++
	if f.crashAt > 0 && f.ops >= f.crashAt {
		f.crashed = true
	}
	return f.alive()
}

func (f *FS) alive() error {
	if f.crashed {
		return ErrCrashed
	}
	return nil
}

// reserve takes space; f.mu is held.
func (f *FS) reserve(bytes int64) error {
	if bytes <= 0 || f.space < 0 {
		return nil
	}
	if f.written+bytes > f.space {
		return &fs.PathError{Op: "allocate", Path: "disk", Err: syscall.ENOSPC}
	}
	f.written += bytes
	return nil
}

// record makes a change of names, which a crash may undo until the folder is synced; f.mu is held.
func (f *FS) record(change func(map[string]*inode)) {
	change(f.names)
	f.pending = append(f.pending, change)
}

// MkdirAll implements embedded.FS. Folders have no life of their own here.
func (f *FS) MkdirAll(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.alive()
}

// Create implements embedded.FS.
func (f *FS) Create(path string) (embedded.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return nil, err
	}
	n := &inode{dirty: map[int64]bool{}}
	f.record(func(names map[string]*inode) { names[path] = n })
	return &file{fs: f, path: path, n: n}, nil
}

// Open implements embedded.FS.
func (f *FS) Open(path string) (embedded.File, error) { return f.open(path, true) }

// OpenWrite implements embedded.FS.
func (f *FS) OpenWrite(path string) (embedded.File, error) { return f.open(path, false) }

func (f *FS) open(path string, readOnly bool) (embedded.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.alive(); err != nil {
		return nil, err
	}
	n, ok := f.names[path]
	if !ok {
		return nil, notExist(path)
	}
	return &file{fs: f, path: path, n: n, readOnly: readOnly}, nil
}

// Rename implements embedded.FS.
func (f *FS) Rename(oldPath, newPath string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return err
	}
	n, ok := f.names[oldPath]
	if !ok {
		return notExist(oldPath)
	}
	f.record(func(names map[string]*inode) {
		delete(names, oldPath)
		names[newPath] = n
	})
	return nil
}

// Remove implements embedded.FS.
func (f *FS) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return err
	}
	if _, ok := f.names[path]; !ok {
		return notExist(path)
	}
	f.record(func(names map[string]*inode) { delete(names, path) })
	return nil
}

// ReadDir implements embedded.FS.
func (f *FS) ReadDir(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.alive(); err != nil {
		return nil, err
	}
	var names []string
	for path := range f.names {
		if filepath.Dir(path) == filepath.Clean(dir) {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements embedded.FS.
func (f *FS) SyncDir(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.change(); err != nil {
		return err
	}
	for _, change := range f.pending {
		change(f.durable)
	}
	f.pending = nil
	return nil
}

// Lock implements embedded.FS.
func (f *FS) Lock(path string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.alive(); err != nil {
		return nil, err
	}
	if f.locks[path] {
		return nil, fmt.Errorf("%w: %s", embedded.ErrLocked, path)
	}
	f.locks[path] = true
	return &unlocker{f, path}, nil
}

type unlocker struct {
	fs   *FS
	path string
}

func (u *unlocker) Close() error {
	u.fs.mu.Lock()
	defer u.fs.mu.Unlock()
	delete(u.fs.locks, u.path)
	return nil
}

func notExist(path string) error {
	return &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
}

// Interface guards.
var (
	_ embedded.FS   = (*FS)(nil)
	_ embedded.File = (*file)(nil)
)
