package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Read is one line of the log of reads: somebody was shown personal data or costs.
type Read struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Role  string    `json:"role,omitempty"`
	// Route is the operation; Record the id that was asked for, empty for a list or a search. What was searched for is not
	// kept: it may be somebody's name.
	Route   string   `json:"route"`
	Record  string   `json:"record,omitempty"`
	Classes []string `json:"classes"` // cost, personal
	// By are the names of the parameters that it was asked by, never their values.
	By []string `json:"by,omitempty"`
	// Before is the hash chain before this line, in hexadecimal.
	Before string `json:"before,omitempty"`
}

// Head is how long a log of reads is and the hash chain at its end, in hexadecimal.
type Head struct {
	Lines uint64
	Hash  string
}

// next gives the chain behind a line.
func (h Head) next(line []byte) Head {
	sum := sha256.Sum256(append([]byte(h.Hash+"\n"), bytes.TrimSuffix(line, []byte("\n"))...))
	return Head{h.Lines + 1, hex.EncodeToString(sum[:])}
}

// Reads is the log of reads: lines that are chained by hash, appended in batches.
type Reads struct {
	path string
	now  func() time.Time

	mu      sync.Mutex
	head    Head // of what is on disk
	waiting []Read
}

// readsWaiting is how many reads wait for the disk at most before one is written by who reads.
const readsWaiting = 1000

// OpenReads opens the log, or begins one. A damaged one is an error that wraps ErrAltered.
func OpenReads(path string, now func() time.Time) (*Reads, error) {
	r := &Reads{path: path, now: now}
	err := walkReads(path, func(head Head) { r.head = head })
	return r, err
}

// Record notes a read. It is on the disk after the next Flush.
func (r *Reads) Record(read Read) error {
	read.At = r.now().UTC()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting = append(r.waiting, read)
	if len(r.waiting) < readsWaiting {
		return nil
	}
	return r.write()
}

// Flush writes what waits and gives the log's end.
func (r *Reads) Flush() (Head, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.write()
	return r.head, err
}

func (r *Reads) write() error {
	if len(r.waiting) == 0 {
		return nil
	}
	var lines []byte
	head := r.head
	for _, read := range r.waiting {
		read.Before = head.Hash
		line, err := json.Marshal(read)
		if err != nil {
			return fmt.Errorf("audit: the log of reads: %w", err)
		}
		lines = append(append(lines, line...), '\n')
		head = head.next(line)
	}
	if err := appendSynced(r.path, lines); err != nil {
		return err
	}
	r.head, r.waiting = head, r.waiting[:0]
	return nil
}

// walkReads checks a log line by line and tells the head behind each.
func walkReads(path string, at func(Head)) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: the log of reads: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	in := bufio.NewReader(f)
	var head Head
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // what is behind the last line end was cut off by a crash
		}
		if err != nil {
			return fmt.Errorf("audit: the log of reads: %w", err)
		}
		var read Read
		if err := json.Unmarshal(line, &read); err != nil || read.Before != head.Hash {
			return fmt.Errorf("%w: line %d of the log of reads does not follow the one before", ErrAltered, head.Lines+1)
		}
		head = head.next(line)
		at(head)
	}
}

// verifyReads proves a log of reads against seals.
func verifyReads(path string, seals []Seal) error {
	want := make(map[uint64]string, len(seals))
	most := uint64(0)
	for i := range seals {
		if seals[i].Reads > 0 {
			want[seals[i].Reads], most = seals[i].ReadsHash, max(most, seals[i].Reads)
		}
	}
	var end Head
	var wrong []string
	err := walkReads(path, func(h Head) {
		end = h
		if hash, sealed := want[h.Lines]; sealed && hash != h.Hash {
			wrong = append(wrong, fmt.Sprint(h.Lines))
		}
	})
	switch {
	case err != nil:
		return err
	case len(wrong) > 0:
		return fmt.Errorf("%w: the log of reads is not the sealed one up to line %s", ErrAltered, strings.Join(wrong, ", "))
	case end.Lines < most:
		return fmt.Errorf("%w: the log of reads has %d lines, and a seal says that %d were there", ErrTruncated, end.Lines, most)
	}
	return nil
}
