package csv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// folder is a watched folder. It remembers what it saw at earlier looks, to tell which files are complete.
type folder struct {
	path     string
	settle   time.Duration
	seen     map[string]sighting // by file name
	partial  map[string]bool     // names whose .tmp or .part was there at an earlier look
	inspects map[string]*inspection
}

// sighting is a file as it looked when its present size and time of modification were seen first.
type sighting struct {
	size     int64
	modified time.Time
	since    time.Time
}

// candidate is a file with a name that this connector reads.
type candidate struct {
	name     string
	content  content
	size     int64
	modified time.Time
	released bool // a sibling NAME.done is there, or it was renamed from a temporary name
	settled  bool // unchanged for long enough
}

const (
	doneFolder   = "done"
	failedFolder = "failed"
	markerSuffix = ".done"
)

var partialSuffixes = []string{".tmp", ".part"}

// contentOf tells what a file has by its name, false for names that are not this connector's.
func contentOf(name string) (content, bool) {
	lower := strings.ToLower(name)
	if !strings.HasSuffix(lower, ".csv") || strings.HasSuffix(lower, errorsSuffix) {
		return "", false
	}
	for _, c := range contents {
		if strings.HasPrefix(lower, string(c)) {
			return c, true
		}
	}
	return "", false
}

// look lists the files of the folder, in the order in which they are read.
func (f *folder) look(now time.Time) ([]candidate, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the watched folder: %w", err)
	}
	present := map[string]bool{}
	for _, e := range entries {
		present[e.Name()] = true
	}
	var out []candidate
	seen := map[string]sighting{}
	for _, e := range entries {
		kind, ok := contentOf(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken away between the two calls
		} else if err != nil {
			return nil, fmt.Errorf("look at %s: %w", e.Name(), err)
		}
		s, known := f.seen[e.Name()]
		if !known || s.size != info.Size() || !s.modified.Equal(info.ModTime()) {
			s = sighting{size: info.Size(), modified: info.ModTime(), since: now}
		}
		seen[e.Name()] = s
		c := candidate{name: e.Name(), content: kind, size: s.size, modified: s.modified}
		c.released = present[e.Name()+markerSuffix]
		for _, suffix := range partialSuffixes {
			c.released = c.released || f.partial[e.Name()] && !present[e.Name()+suffix]
		}
		c.settled = now.Sub(s.since) >= f.settle
		out = append(out, c)
	}
	for name := range present {
		for _, suffix := range partialSuffixes {
			if base, ok := strings.CutSuffix(name, suffix); ok {
				f.partial[base] = true
			}
		}
	}
	for name := range f.partial {
		if !present[name] && !present[name+partialSuffixes[0]] && !present[name+partialSuffixes[1]] {
			delete(f.partial, name)
		}
	}
	for name := range f.inspects {
		if !present[name] {
			delete(f.inspects, name)
		}
	}
	f.seen = seen
	slices.SortStableFunc(out, func(a, b candidate) int {
		if a.content != b.content {
			return slices.Index(contents, a.content) - slices.Index(contents, b.content)
		}
		return strings.Compare(a.name, b.name)
	})
	return out, nil
}

// inspect reads a file through once: its digest, how many rows it has, and whether it ends where a row does. The
// result is kept for as long as the file's size and time of modification stay the same.
func (f *folder) inspect(cfg *config, c candidate) (*inspection, error) {
	if in, ok := f.inspects[c.name]; ok && in.size == c.size && in.modified.Equal(c.modified) {
		return in, nil
	}
	in, err := inspect(cfg, filepath.Join(f.path, c.name), c.content)
	if err != nil {
		return nil, err
	}
	f.inspects[c.name] = in
	return in, nil
}

// move takes a file that was read to its end out of the folder. The new name has the content's digest, so that files
// of the same name don't meet; the same content under the same name replaces itself. A file that grew meanwhile stays.
func (f *folder) move(in *inspection, name, to string) error {
	if err := os.MkdirAll(filepath.Join(f.path, to), 0o750); err != nil {
		return fmt.Errorf("make the folder %s: %w", to, err)
	}
	target := filepath.Join(f.path, to, movedName(name, in.sum))
	if err := os.Rename(in.path, target); err != nil {
		return fmt.Errorf("move %s to %s: %w", name, to, err)
	}
	if info, err := os.Stat(target); err != nil {
		return fmt.Errorf("look at %s after its move: %w", name, err)
	} else if info.Size() != in.size {
		if err := os.Rename(target, in.path); err != nil {
			return fmt.Errorf("move %s back, to which rows were added: %w", name, err)
		}
		return nil
	}
	if err := os.Remove(in.path + markerSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the marker of %s: %w", name, err)
	}
	delete(f.seen, name)
	delete(f.partial, name)
	delete(f.inspects, name)
	return nil
}

// movedName gives "sales-1.0123456789ab.csv" for sales-1.csv.
func movedName(name, sum string) string {
	ext := filepath.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + sum[:12] + ext
}
