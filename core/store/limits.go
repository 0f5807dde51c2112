package store

import (
	"errors"
	"fmt"
	"strings"
)

// Limits that every implementation keeps, so that what one takes all take.
const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 32 << 10
	// MaxCommitBytes is the most that the keys and values of one commit may add up to, in bytes, with entryOverhead
	// for each key. Badger takes 15 % of a memtable of settings.
	MaxCommitBytes = 2_400_000
	// MaxCommitKeys is the most keys that one commit may change.
	MaxCommitKeys = 20_000
)

// entryOverhead is what a key counts beside its own bytes and the value's.
const entryOverhead = 16

// ErrTooBig is wrapped by the error of a commit that exceeds MaxCommitBytes or MaxCommitKeys. Nothing was written:
// split the batch and commit the parts, each with its own mark.
var ErrTooBig = errors.New("store: commit is too big, split it")

// ErrClosed is returned after Close.
var ErrClosed = errors.New("store: closed")

// checkWrites refuses what some implementation could not take.
func checkWrites(w *Writes) error {
	if w.Len() > MaxCommitKeys {
		return fmt.Errorf("%w: %d keys, limit %d", ErrTooBig, w.Len(), MaxCommitKeys)
	}
	size := 0
	err := w.Each(func(key string, value []byte, _ bool) error {
		size += len(key) + len(value) + entryOverhead
		return checkKey(key)
	})
	if err != nil {
		return err
	}
	if size > MaxCommitBytes {
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTooBig, size, MaxCommitBytes)
	}
	return nil
}

func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("store: empty key")
	case len(key) > MaxKey:
		return fmt.Errorf("store: key of %d bytes, limit %d", len(key), MaxKey)
	case key == KeyMark || strings.HasPrefix(key, "!"):
		return fmt.Errorf("store: key %q is reserved", key)
	}
	return nil
}

// scanStart is the first key that a scan of prefix beginning at from can meet.
func scanStart(prefix, from string) string { return max(prefix, from) }
