package router

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/store"
)

// keepAppender is how long the batches of an appender are told apart after its last one, in fold time: a batch that comes a
// second time comes within the minutes of a reconnect.
const keepAppender = 7 * 24 * time.Hour

// maxSpans bounds what is kept of one appender: older gaps count as seen.
const maxSpans = 256

// appender is which batches of one appender were folded. A journal on several brokers may hold a batch twice.
type appender struct {
	// Seen are spans of counts, first and last, in order and apart from each other.
	Seen [][2]uint64 `json:"seen"`
	// At is the fold time of the newest.
	At time.Time `json:"at"`
}

func appenderKey(id [16]byte) string { return prefixAppender + hex.EncodeToString(id[:8]) }

// first tells whether a batch is folded for the first time, and notes it.
func (f *fold) first(b *bus.Batch) (bool, error) {
	at := time.Unix(0, b.Time).UTC()
	key := appenderKey(b.ID)
	a, err := store.Load[appender](f.tx, key)
	if err != nil {
		return false, err
	}
	if a == nil {
		a = &appender{}
		f.tx.Put(store.DueKey(at.Add(keepAppender).Truncate(outcomePage), key), nil)
		f.out.Deadlines = true
	}
	if !a.note(binary.BigEndian.Uint64(b.ID[8:])) {
		return f.undiscerning, nil
	}
	a.At = at
	return true, store.Save(f.tx, key, a)
}

// note adds a count; false when it is there.
func (a *appender) note(n uint64) bool {
	i, found := slices.BinarySearchFunc(a.Seen, n, func(s [2]uint64, n uint64) int {
		switch {
		case s[1] < n:
			return -1
		case s[0] > n:
			return 1
		}
		return 0
	})
	if found {
		return false
	}
	before, behind := i > 0 && a.Seen[i-1][1] == n-1, i < len(a.Seen) && a.Seen[i][0] == n+1
	switch {
	case before && behind:
		a.Seen[i-1][1] = a.Seen[i][1]
		a.Seen = slices.Delete(a.Seen, i, i+1)
	case before:
		a.Seen[i-1][1] = n
	case behind:
		a.Seen[i][0] = n
	default:
		a.Seen = slices.Insert(a.Seen, i, [2]uint64{n, n})
	}
	if len(a.Seen) > maxSpans {
		a.Seen[1][0] = a.Seen[0][0]
		a.Seen = a.Seen[1:]
	}
	return true
}

// forgetAppender drops what is known of an appender that has appended nothing for long, or looks again when it is due.
func (f *fold) forgetAppender(key string) error {
	a, err := store.Load[appender](f.tx, key)
	if err != nil || a == nil {
		return err
	}
	if left := a.At.Add(keepAppender); left.After(f.f.at) {
		f.tx.Put(store.DueKey(left.Add(outcomePage).Truncate(outcomePage), key), nil)
		return nil
	}
	f.tx.Delete(key)
	return nil
}
