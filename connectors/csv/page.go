package csv

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// cursor is how far reading has come. It is the cursor of Poll and the page token of Snapshot alike.
type cursor struct {
	File   string `json:"file,omitempty"` // the file being read; empty when none is
	Sum    string `json:"sum,omitempty"`  // SHA-256 of its content, hexadecimal
	Offset int64  `json:"offset,omitempty"`
	Line   int64  `json:"line,omitempty"` // at Offset
	Good   int64  `json:"good,omitempty"` // groups of rows taken
	Bad    int64  `json:"bad,omitempty"`  // rows refused
	End    bool   `json:"end,omitempty"`  // its last row was given: when this cursor comes back, the file is moved
}

func decodeCursor(raw []byte) (cursor, error) {
	var c cursor
	if len(raw) == 0 {
		return c, nil
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("the cursor of the watched folder can't be read: %w", err)
	}
	if c.File != filepath.Base(c.File) && c.File != "" {
		return c, fmt.Errorf("the cursor of the watched folder names a file outside of it")
	}
	return c, nil
}

func (c cursor) encode() ([]byte, error) { return json.Marshal(c) }

// page is one step through the folder.
type page struct {
	observations []canon.Observation
	bad          []sdk.RowError
	next         cursor
	more         bool // there is something to read or to move at once
}

// waitingFile is a file that is not complete.
type waitingFile struct {
	name, reason string
	modified     time.Time
}

// defaultLimit is how many observations a page has where the hub names no limit.
const defaultLimit = 500

// step does what the cursor shows to be due: it moves the file whose last page came back, goes on reading a file, or
// begins the next complete one.
func (c *connector) step(at cursor, limit int) (page, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	files, err := c.folder.look(c.now())
	if err != nil {
		return page{}, err
	}
	for _, f := range files {
		if f.name != at.File {
			continue
		}
		in, err := c.folder.inspect(&c.cfg, f)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return page{}, err
		case in.sum != at.Sum: // another file under the same name; it is read from its start when it is complete
		case !at.End:
			return c.read(in, at, limit)
		default:
			if err := c.finish(in, at); err != nil {
				return page{}, err
			}
			if files, err = c.folder.look(c.now()); err != nil {
				return page{}, err
			}
			return c.begin(files, limit)
		}
	}
	return c.begin(files, limit)
}

// begin reads the first page of the first complete file; an empty page with an empty cursor when there is none.
func (c *connector) begin(files []candidate, limit int) (page, error) {
	c.waiting = nil
	for _, f := range files {
		in, reason, err := c.complete(f)
		switch {
		case errors.Is(err, fs.ErrNotExist): // moved just now, or taken away
		case err != nil:
			return page{}, err
		case reason != "":
			c.waiting = append(c.waiting, waitingFile{f.name, reason, f.modified})
		default:
			return c.read(in, cursor{File: f.name, Sum: in.sum}, limit)
		}
	}
	return page{}, nil
}

// complete tells whether a file can be read, or why it has to wait.
func (c *connector) complete(f candidate) (in *inspection, reason string, err error) {
	if !f.released && !f.settled {
		return nil, "it is still being written", nil
	}
	in, err = c.folder.inspect(&c.cfg, f)
	if err != nil {
		return nil, "", err
	}
	if in.size != f.size || !in.modified.Equal(f.modified) {
		return nil, "it is still being written", nil
	}
	if !f.released && !in.whole {
		return nil, "its last row is not whole; end it with a line end, or write a file " + f.name + markerSuffix + " beside it", nil
	}
	return in, "", nil
}

// read gives the next page of a file.
func (c *connector) read(in *inspection, at cursor, limit int) (page, error) {
	p := page{next: at, more: true}
	if in.fatal != nil {
		t := table{file: at.File}
		p.bad = append(p.bad, t.rowError(1, "", in.fatal))
		p.next.Bad, p.next.End = 1, true
		return p, nil
	}
	r, err := in.open(at.Offset, at.Line)
	if errors.Is(err, fs.ErrNotExist) {
		return page{}, nil // a person took it away
	} else if err != nil {
		return page{}, err
	}
	defer r.close()
	for len(p.observations) < limit && len(p.bad) < limit {
		observations, bad, err := r.next()
		if errors.Is(err, io.EOF) {
			p.next.End = true
			return p, nil
		} else if err != nil {
			return page{}, fmt.Errorf("read %s: %w", at.File, err)
		}
		if len(observations) > 0 {
			p.next.Good++
		}
		p.next.Bad += int64(len(bad))
		p.observations = append(p.observations, observations...)
		p.bad = append(p.bad, bad...)
		p.next.Offset, p.next.Line = r.position()
	}
	return p, nil
}

// finish moves a file whose rows are all journaled, with the list of those that were refused.
func (c *connector) finish(in *inspection, at cursor) error {
	to := doneFolder
	if at.Good == 0 && at.Bad > 0 {
		to = failedFolder
	}
	if at.Bad > 0 {
		if err := c.writeErrors(in, at, to); err != nil {
			return err
		}
	}
	if err := c.folder.move(in, at.File, to); err != nil {
		return err
	}
	c.refused = ""
	if at.Bad > 0 {
		c.log.Warn("rows were refused", "file", at.File, "rows", at.Bad, "list", filepath.Join(to, errorsName(movedName(at.File, at.Sum))))
		c.refused = fmt.Sprintf("%s had %d refused rows; see %s", at.File, at.Bad, filepath.Join(to, errorsName(movedName(at.File, at.Sum))))
	}
	return nil
}
