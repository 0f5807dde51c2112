package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// ReadsAsked says which lines of the log of reads are wanted. Empty fields let through; From is inclusive, To exclusive.
type ReadsAsked struct {
	Actor, Role, Route, Record, Class string
	From, To                          time.Time
	// Limit is how many at most, from 1 on.
	Limit int
	// Before is the byte of the file to begin before; 0 means its end.
	Before int64
}

// ReadsFound are lines of the log, the newest first. Before is where to go on; 0 means that there are no more.
type ReadsFound struct {
	Reads  []Read
	Before int64
}

func (a *ReadsAsked) wants(r *Read) bool {
	return (a.Actor == "" || a.Actor == r.Actor) && (a.Role == "" || a.Role == r.Role) && (a.Route == "" || a.Route == r.Route) && (a.Record == "" || a.Record == r.Record) &&
		(a.Class == "" || slices.Contains(r.Classes, a.Class)) && !r.At.Before(a.From) && (a.To.IsZero() || r.At.Before(a.To))
}

const (
	// lookedAt bounds what one question reads of the file: where little of a long log is wanted, an answer may be short of
	// its limit and is gone on with.
	lookedAt = 16 << 20
	// listBlock is how much is read at a time.
	listBlock = 64 << 10
)

// List writes what waits down and gives lines of the log, the newest first.
func (r *Reads) List(ask ReadsAsked) (found ReadsFound, err error) {
	if _, err := r.Flush(); err != nil {
		return found, err
	}
	found.Reads = []Read{}
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return found, fmt.Errorf("audit: the log of reads: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := wholeLines(f)
	if err != nil {
		return found, fmt.Errorf("audit: the log of reads: %w", err)
	}
	if ask.Before > 0 {
		end = min(end, ask.Before)
	}
	back := backward{f: f, at: end}
	for begun := end; ; {
		line, at, err := back.line()
		if err != nil {
			return found, fmt.Errorf("audit: the log of reads: %w", err)
		}
		if line == nil {
			return found, nil
		}
		var one Read
		if err := json.Unmarshal(line, &one); err != nil {
			return found, fmt.Errorf("%w: the line of the log of reads at byte %d is none; jumpring audit verify says more", ErrAltered, at)
		}
		if !ask.From.IsZero() && one.At.Before(ask.From) {
			return found, nil // what stands before it is older
		}
		if ask.wants(&one) {
			one.Before = ""
			found.Reads = append(found.Reads, one)
		}
		if len(found.Reads) == ask.Limit || begun-at >= lookedAt {
			found.Before = at
			return found, nil
		}
	}
}

// backward reads a file's lines from a place to its begin.
type backward struct {
	f    *os.File
	at   int64  // where have begins in the file
	have []byte // read and not given yet; it ends with a line's end, or is empty
}

// line gives the line before, without its end, and where it begins; nil at the file's begin.
func (b *backward) line() ([]byte, int64, error) {
	for {
		if n := len(b.have); n > 0 {
			if i := bytes.LastIndexByte(b.have[:n-1], '\n'); i >= 0 || b.at == 0 {
				line := b.have[i+1 : n-1]
				b.have = b.have[:i+1]
				return line, b.at + int64(i+1), nil
			}
		} else if b.at == 0 {
			return nil, 0, nil
		}
		begin := max(b.at-listBlock, 0)
		block := make([]byte, b.at-begin, b.at-begin+int64(len(b.have)))
		if _, err := b.f.ReadAt(block, begin); err != nil && !errors.Is(err, io.EOF) {
			return nil, 0, err
		}
		b.have, b.at = append(block, b.have...), begin
	}
}
