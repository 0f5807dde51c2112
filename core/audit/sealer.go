package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Sealer seals a journal's end and a log of reads.
type Sealer struct {
	Journal Journal
	Reads   *Reads // nil for none
	// Key signs; it is asked for at each seal.
	Key func() (ed25519.PrivateKey, error)
	// File keeps the seals; Copy, where it is set, is a second file somewhere else, which whoever can write in the data
	// folder should not be able to change.
	File, Copy string
	Now        func() time.Time

	mu sync.Mutex
}

// Seal seals what is there now and gives the newest seal: a new one where something was added since, else the one that
// there is; nil while the journal is empty. A copy that can't be written is an error, after the seal itself was kept.
func (s *Sealer) Seal(ctx context.Context) (*Seal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := s.Journal.End()
	if end == 0 {
		return nil, nil
	}
	seals, err := Sealed(s.File)
	if err != nil {
		return nil, err
	}
	var before *Seal
	if len(seals) > 0 {
		before = &seals[len(seals)-1]
	}
	var reads Head
	if s.Reads != nil {
		if reads, err = s.Reads.Flush(); err != nil {
			return nil, err
		}
	}
	if before != nil && before.Offset == end && before.Reads == reads.Lines {
		return before, nil
	}
	batch, err := batchAt(ctx, s.Journal, end)
	if err != nil {
		return nil, err
	}
	key, err := s.Key()
	if err != nil {
		return nil, err
	}
	made, err := makeSeal(s.Now(), s.Journal.ID(), batch, reads, before, key)
	if err != nil {
		return nil, err
	}
	line, _, err := made.line()
	if err != nil {
		return nil, err
	}
	if err := appendSynced(s.File, line); err != nil {
		return nil, err
	}
	if s.Copy != "" {
		if err := appendSynced(s.Copy, line); err != nil {
			return &made, fmt.Errorf("audit: the copy of the seals: %w", err)
		}
	}
	return &made, nil
}

// Run seals at an interval and at the end, until ctx ends. failed gets to know what went wrong; sealing goes on.
func (s *Sealer) Run(ctx context.Context, every time.Duration, failed func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := s.Seal(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// appendSynced adds whole lines to a file and syncs it. What a crash left of a line that was cut off is taken away first.
func appendSynced(path string, lines []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	end, err := wholeLines(f)
	if err == nil {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.WriteAt(lines, end)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// wholeLines gives where the last whole line of a file ends.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	block := make([]byte, 4096)
	for end := info.Size(); end > 0; {
		begin := max(end-int64(len(block)), 0)
		n, err := f.ReadAt(block[:end-begin], begin)
		if err != nil && int64(n) < end-begin {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if block[i] == '\n' {
				return begin + int64(i) + 1, nil
			}
		}
		end = begin
	}
	return 0, nil
}
