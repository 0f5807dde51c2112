package edgefiles

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

const (
	doneFolder   = "done"
	failedFolder = "failed"
	markerSuffix = ".done"
	errorsSuffix = ".errors.csv"
)

// content is what a list is about.
type content string

// The lists, in the order in which those of one moment are read.
const (
	customers content = "customerlist"
	items     content = "itemlist"
	jobs      content = "joblist"
)

var order = map[content]int{customers: 0, items: 1, jobs: 2}

// listName is what The Edge calls a list: the part of a split one, the time, what it is, and FULL for a whole one.
var listName = regexp.MustCompile(`(?i)^(?:(\d{1,4})-)?(\d{8}(?:\d{4}(?:\d{2})?)?)[-_ ]?(CustomerList|ItemList|JobList)[-_ ]?(FULL)?\.(?:csv|txt)$`)

// list is a list's file.
type list struct {
	entry
	content  content
	stamp    string // the time in its name, in The Edge's zone
	part     int
	released bool // renamed into place, or with a marker beside it
	settled  bool // unchanged for long enough
}

// sighting is a file as it looked when its present size and time were seen first.
type sighting struct {
	size     int64
	modified time.Time
	since    time.Time
}

// watch remembers what it saw at earlier looks, to tell which files are complete.
type watch struct {
	seen    map[string]sighting
	partial map[string]bool // names whose .tmp or .part was there
}

// look sorts the lists among the files of a folder: as they were made, customers before what names them.
func (w *watch) look(files []entry, settle time.Duration, now time.Time) []list {
	var out []list
	names, partial := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		names[f.name] = true
		for _, suffix := range []string{".tmp", ".part"} {
			if name, ok := strings.CutSuffix(f.name, suffix); ok {
				partial[name] = true
			}
		}
	}
	seen := map[string]sighting{}
	for _, f := range files {
		m := listName.FindStringSubmatch(f.name)
		if m == nil {
			continue
		}
		s := w.seen[f.name]
		if s.size != f.size || !s.modified.Equal(f.modified) || s.since.IsZero() {
			s = sighting{f.size, f.modified, now}
		}
		seen[f.name] = s
		part, _ := strconv.Atoi(m[1]) // digits, or nothing
		out = append(out, list{
			entry: f, content: content(strings.ToLower(m[3])), stamp: m[2], part: part,
			released: names[f.name+markerSuffix] || w.partial[f.name] && !partial[f.name], settled: now.Sub(s.since) >= settle,
		})
	}
	for name := range w.partial { // a renamed one stays known until it is read
		if names[name] {
			partial[name] = partial[name] || w.partial[name]
		}
	}
	w.seen, w.partial = seen, partial
	slices.SortFunc(out, func(a, b list) int {
		return cmp.Or(cmp.Compare(a.stamp, b.stamp), cmp.Compare(order[a.content], order[b.content]), cmp.Compare(a.part, b.part), cmp.Compare(a.name, b.name))
	})
	return out
}

// cursor is how far the reading of lists has come.
type cursor struct {
	File string `json:"file,omitempty"` // the list being read; empty when none is
	Sum  string `json:"sum,omitempty"`  // SHA-256 of its content
	Row  int    `json:"row,omitempty"`  // the next one
	Good int    `json:"good,omitempty"`
	Bad  int    `json:"bad,omitempty"`
	// End tells that its last row was given: when this cursor comes back, the file is moved.
	End bool `json:"end,omitempty"`
}

func decodeCursor(raw []byte) (c cursor, err error) {
	if len(raw) == 0 {
		return c, nil
	}
	if err = json.Unmarshal(raw, &c); err != nil || strings.ContainsAny(c.File, `/\`) {
		return cursor{}, errors.New("the cursor of the lists can't be read")
	}
	return c, nil
}

// page is one step through the lists.
type page struct {
	observations []canon.Observation
	next         cursor
	more         bool
}

const defaultLimit = 500

// step moves the list whose last row is known to be durable, goes on reading one, or begins the next complete one.
func (c *connector) step(ctx context.Context, at cursor, limit int) (page, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	files, err := c.x.list(ctx, c.cfg.Lists)
	if err != nil {
		return page{}, err
	}
	c.waiting = c.waiting[:0]
	present := false
	for _, l := range c.watch.look(files, c.cfg.settle, c.now()) {
		if at.File != "" && l.name != at.File {
			continue // one at a time
		}
		present = true
		if !l.released && !l.settled {
			c.wait(l, "it is still being written")
			continue
		}
		t, err := c.open(ctx, l)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return page{}, err
		}
		switch {
		case at.File != "" && t.sum == at.Sum && at.End:
			if err := c.finish(ctx, l, t, at); err != nil {
				return page{}, err
			}
			return page{more: true}, nil
		case !l.released && !t.whole:
			c.wait(l, "its last row is not whole; end it with a line end, or write a file "+l.name+markerSuffix+" beside it")
			continue
		case at.File == "" || t.sum != at.Sum:
			at = cursor{File: l.name, Sum: t.sum}
		}
		return c.rows(t, at, limit), nil
	}
	switch {
	case at.File == "":
		return page{}, nil
	case present: // it has to be seen unchanged again
		return page{next: at}, nil
	}
	return page{more: true}, nil // it was taken away
}

func (c *connector) wait(l list, why string) {
	if c.now().Sub(l.modified) > stuckAfter {
		c.waiting = append(c.waiting, l.name+": "+why)
	}
}

// open reads and cuts a list; what was opened last is kept, since it is read in pages.
func (c *connector) open(ctx context.Context, l list) (*table, error) {
	if t := c.opened; t != nil && t.list.name == l.name && t.list.size == l.size && t.list.modified.Equal(l.modified) {
		return t, nil
	}
	raw, err := c.x.read(ctx, within(c.cfg.Lists, l.name))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	c.opened = newTable(c.cfg, l, raw, hex.EncodeToString(sum[:]))
	return c.opened, nil
}

// rows translates the next rows of a list.
func (c *connector) rows(t *table, at cursor, limit int) page {
	p := page{more: true}
	for at.Row < len(t.rows) && len(p.observations) < limit {
		observations, bad := t.translate(at.Row)
		if bad != nil {
			at.Bad++
		} else if len(observations) > 0 {
			at.Good++
		}
		p.observations = append(p.observations, observations...)
		at.Row++
	}
	at.End = at.Row >= len(t.rows)
	p.next = at
	return p
}

// finish moves a list, with what was refused beside it. A crash anywhere in between leaves the list, which is finished again.
func (c *connector) finish(ctx context.Context, l list, t *table, at cursor) error {
	to := doneFolder
	if t.problem != nil || at.Good == 0 && at.Bad > 0 {
		to = failedFolder
	}
	moved := t.sum[:8] + "_" + l.name
	c.refusedRows = ""
	if at.Bad > 0 || t.problem != nil {
		name := within(to, strings.TrimSuffix(moved, "."+extension(moved))+errorsSuffix)
		if err := c.x.create(ctx, name, t.refusals()); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		c.refusedRows = fmt.Sprintf("%s had %d refused rows; see %s", l.name, max(at.Bad, 1), name)
		c.log.Warn("rows were refused", "file", l.name, "rows", at.Bad, "list", name)
	}
	from := within(c.cfg.Lists, l.name)
	err := c.x.rename(ctx, from, within(to, moved))
	if errors.Is(err, fs.ErrExist) { // the very same content came before
		err = c.x.remove(ctx, from)
	}
	if err != nil {
		return err
	}
	c.opened = nil
	delete(c.watch.partial, l.name)
	if err := c.x.remove(ctx, from+markerSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func extension(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// stuckAfter is how long a file may wait before the connection's health says so.
const stuckAfter = 5 * time.Minute
