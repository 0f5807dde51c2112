package csv

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// inspection is what one pass over a file showed.
type inspection struct {
	path     string
	size     int64
	modified time.Time
	sum      string // SHA-256 of the content, hexadecimal
	table    *table // nil when the header can't be read
	first    int64  // offset of the first row
	line     int64  // line of the first row
	rows     int64
	whole    bool  // the last row ends with a line end
	fatal    error // why the file can't be read at all
	// scattered has, for each receipt whose lines do not stand together, where each run of them begins.
	scattered map[receiptHash][]run
	tooLong   map[receiptHash]bool // receipts with more than maxLines lines
}

// run is where rows of one receipt that stand together begin.
type run struct{ offset, line int64 }

// receiptHash stands for a receipt's key, so that a file with many receipts takes little memory.
type receiptHash [16]byte

func hashReceipt(key string) receiptHash {
	sum := sha256.Sum256([]byte(key))
	return receiptHash(sum[:16])
}

var byteOrderMark = []byte("\ufeff")

// inspect reads a file through. The error is of reading; what is wrong with the content is in the inspection.
func inspect(cfg *config, path string, kind content) (*inspection, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open a file of the watched folder: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at a file of the watched folder: %w", err)
	}
	in := &inspection{path: path, size: info.Size(), modified: info.ModTime(), scattered: map[receiptHash][]run{}, tooLong: map[receiptHash]bool{}}
	digest := sha256.New()
	if err := in.scan(cfg, kind, io.TeeReader(io.LimitReader(file, in.size), digest), info.Name()); err != nil {
		return nil, fmt.Errorf("read %s: %w", info.Name(), err)
	}
	in.sum = hex.EncodeToString(digest.Sum(nil))
	return in, nil
}

func (in *inspection) scan(cfg *config, kind content, r io.Reader, name string) error {
	buffered := bufio.NewReaderSize(r, 64<<10)
	offset := int64(0)
	if start, err := buffered.Peek(4); bytes.HasPrefix(start, byteOrderMark) {
		offset = int64(len(byteOrderMark))
		if _, err := buffered.Discard(len(byteOrderMark)); err != nil {
			return err
		}
	} else if bytes.IndexByte(start, 0) >= 0 || bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		in.fatal = refuse("csv.encoding", "the file is not UTF-8", "save it as CSV in UTF-8")
	} else if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	comma := cfg.comma()
	if comma == 0 {
		head, err := buffered.Peek(64 << 10)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		line, _, _ := bytes.Cut(head, []byte{'\n'})
		comma = commaOf(line)
	}
	split := newSplitter(buffered, comma, offset, 1)
	header, err := split.next()
	switch {
	case errors.Is(err, io.EOF):
		in.fatal = refuse("csv.header", "the file is empty", "write a header with the names of the columns")
		return nil
	case err != nil:
		return err
	}
	in.whole = header.terminated
	in.first, in.line = header.end, split.line
	if in.fatal == nil {
		in.table, in.fatal = newTable(cfg, name, kind, comma, bytes.Clone(header.raw), in.modified.UnixMicro())
	}
	return in.scanRows(split)
}

func (in *inspection) scanRows(split *splitter) error {
	type sum struct {
		first run
		lines int
	}
	seen := map[receiptHash]sum{}
	previous := receiptHash{}
	for {
		rec, err := split.next()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		in.whole = rec.terminated && rec.problem == ""
		if len(bytes.TrimSpace(rec.raw)) == 0 {
			continue
		}
		in.rows++
		if in.table == nil || in.table.content != salesFile && in.table.content != returnsFile {
			continue
		}
		r, err := in.table.newRow(rec)
		if err != nil || r == nil {
			previous = receiptHash{} // a row that can't be read parts the rows around it
			continue
		}
		key := hashReceipt(r.groupKey())
		here := run{offset: rec.offset, line: rec.line}
		s, again := seen[key]
		if !again {
			s.first = here
		} else if key != previous {
			if in.scattered[key] == nil {
				in.scattered[key] = []run{s.first}
			}
			in.scattered[key] = append(in.scattered[key], here)
		}
		if s.lines++; s.lines > maxLines {
			in.tooLong[key] = true
		}
		seen[key], previous = s, key
	}
}

// reader gives the rows of a file in groups, from any group's start.
type reader struct {
	in    *inspection
	file  *os.File
	split *splitter
	held  *row    // the first row of the next group
	aside *reader // reads the lines that stand apart; nil until the first of them
}

// open starts reading at an offset where a group begins, 0 for the first row. The content must be the inspected one.
func (in *inspection) open(offset, line int64) (*reader, error) {
	file, err := os.Open(in.path)
	if err != nil {
		return nil, fmt.Errorf("open a file of the watched folder: %w", err)
	}
	if offset == 0 {
		offset, line = in.first, in.line
	}
	r := &reader{in: in, file: file, split: newSplitter(nil, in.table.comma, 0, 0)}
	if err := r.seek(offset, line); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

func (r *reader) seek(offset, line int64) error {
	if _, err := r.file.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("go to byte %d: %w", offset, err)
	}
	r.held = nil
	r.split.reset(io.LimitReader(r.file, r.in.size-offset), offset, line)
	return nil
}

func (r *reader) close() error {
	if r.aside != nil {
		return errors.Join(r.aside.close(), r.file.Close())
	}
	return r.file.Close()
}

// position gives where the next group begins.
func (r *reader) position() (offset, line int64) {
	if r.held != nil {
		return r.held.offset, r.held.line
	}
	return r.split.offset, r.split.line
}

// next gives what the next group of rows states and which rows are refused, io.EOF at the file's end.
func (r *reader) next() ([]canon.Observation, []sdk.RowError, error) {
	var group []*row
	key := ""
	for {
		row, bad, err := r.row()
		switch {
		case errors.Is(err, io.EOF) && group != nil:
			observations, refused := translate(r.in.table, group)
			return observations, refused, nil
		case err != nil:
			return nil, nil, err
		case bad != nil && group == nil:
			return nil, []sdk.RowError{*bad}, nil
		case bad != nil:
			observations, refused := translate(r.in.table, group)
			return observations, append(refused, *bad), nil
		}
		rowKey := row.groupKey()
		if group != nil && rowKey != key {
			r.held = row
			observations, refused := translate(r.in.table, group)
			return observations, refused, nil
		}
		group, key = append(group, row), rowKey
		if key == "" { // the rows of this file do not belong together
			observations, refused := translate(r.in.table, group)
			return observations, refused, nil
		}
		hash := hashReceipt(key)
		if r.in.tooLong[hash] {
			row.fail("csv.receipt_too_long", fmt.Sprintf("the receipt has more than %d lines", maxLines), "part it into several receipts")
			return nil, []sdk.RowError{r.in.table.rowError(row.line, key, row.err)}, nil
		}
		runs := r.in.scattered[hash]
		switch {
		case runs == nil:
		case runs[0].offset != row.offset:
			group = nil // given with the receipt's first line
		default:
			if group, err = r.gather(key, runs); err != nil {
				return nil, nil, err
			}
			observations, refused := translate(r.in.table, group)
			return observations, refused, nil
		}
	}
}

// row gives the next row with text in it.
func (r *reader) row() (*row, *sdk.RowError, error) {
	if held := r.held; held != nil {
		r.held = nil
		return held, nil, nil
	}
	for {
		rec, err := r.split.next()
		if err != nil {
			return nil, nil, err
		}
		row, err := r.in.table.newRow(rec)
		if err != nil {
			bad := r.in.table.rowError(rec.line, "", err)
			return nil, &bad, nil
		}
		if row != nil {
			return row, nil, nil
		}
	}
}

// gather collects the lines of a receipt from its runs, with a reader of its own.
func (r *reader) gather(key string, runs []run) (group []*row, err error) {
	for _, start := range runs {
		if r.aside == nil {
			if r.aside, err = r.in.open(start.offset, start.line); err != nil {
				return nil, err
			}
		} else if err := r.aside.seek(start.offset, start.line); err != nil {
			return nil, err
		}
		for {
			row, bad, err := r.aside.row()
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			if err != nil || bad != nil || row.groupKey() != key {
				break
			}
			group = append(group, row)
		}
	}
	return group, nil
}

// locations adds the places that the file's rows name.
func (in *inspection) locations(found map[string]bool) error {
	if in.fatal != nil {
		return nil
	}
	if _, ok := in.table.columns["location"]; !ok {
		return nil
	}
	r, err := in.open(0, 0)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		row, _, err := r.row()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if row != nil && row.location() != "" {
			found[row.location()] = true
		}
	}
}
