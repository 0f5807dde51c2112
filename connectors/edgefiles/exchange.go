package edgefiles

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// maxFile bounds a file that is read, in bytes.
const maxFile = 64 << 20

// entry is a file of the exchange.
type entry struct {
	name     string // without its folder
	size     int64
	modified time.Time
}

// exchange is where both sides leave files. Names are slash-separated and relative to its root. A missing file is
// fs.ErrNotExist, a file in the way of a rename fs.ErrExist.
type exchange interface {
	// list gives the files of a folder; none where there is no such folder.
	list(ctx context.Context, dir string) ([]entry, error)
	read(ctx context.Context, name string) ([]byte, error)
	// create writes a file that was not there, and returns when it is durable as far as the place can tell.
	create(ctx context.Context, name string, content []byte) error
	// rename gives a file another name, in another folder too. It never replaces one.
	rename(ctx context.Context, from, to string) error
	remove(ctx context.Context, name string) error
	exists(ctx context.Context, name string) (bool, error)
	close() error
}

// local is an exchange in a folder of this machine.
type local struct{ root string }

func (l local) at(name string) string { return filepath.Join(l.root, filepath.FromSlash(name)) }

func (l local) list(ctx context.Context, dir string) ([]entry, error) {
	if _, err := os.Stat(l.root); err != nil {
		return nil, fmt.Errorf("the exchange: %w", err)
	}
	all, err := os.ReadDir(l.at(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	var out []entry
	for _, e := range all {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // it went away just now, or is no file
		}
		out = append(out, entry{e.Name(), info.Size(), info.ModTime()})
	}
	return out, ctx.Err()
}

func (l local) read(_ context.Context, name string) ([]byte, error) {
	f, err := os.Open(l.at(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, name)
}

func readBounded(r io.Reader, name string) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes: have The Edge split it", name, maxFile)
	}
	return raw, nil
}

func (l local) create(_ context.Context, name string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(l.at(name)), 0o750); err != nil {
		return fmt.Errorf("make the folder of %s: %w", name, err)
	}
	f, err := os.OpenFile(l.at(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (l local) rename(_ context.Context, from, to string) error {
	if err := os.MkdirAll(filepath.Dir(l.at(to)), 0o750); err != nil {
		return fmt.Errorf("make the folder of %s: %w", to, err)
	}
	// A link fails where the name is taken, which a rename would replace. Shares without links are looked at first.
	err := os.Link(l.at(from), l.at(to))
	switch {
	case err == nil:
		err = os.Remove(l.at(from))
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrNotExist):
	default:
		if _, statErr := os.Lstat(l.at(to)); statErr == nil {
			return fmt.Errorf("rename %s: %w", from, fs.ErrExist)
		}
		err = os.Rename(l.at(from), l.at(to))
	}
	if err != nil {
		return fmt.Errorf("rename %s to %s: %w", from, to, err)
	}
	return syncFolder(filepath.Dir(l.at(to)))
}

// syncFolder makes a new name in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = f.Sync() // not every share can
	return nil
}

func (l local) remove(_ context.Context, name string) error { return os.Remove(l.at(name)) }

func (l local) exists(_ context.Context, name string) (bool, error) {
	_, err := os.Lstat(l.at(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func (l local) close() error { return nil }

// within gives a name in a folder.
func within(dir, name string) string { return path.Join(dir, name) }
