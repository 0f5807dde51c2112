package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/jumpring/jumpring/bench/bare"
	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
)

// The limits of the journal.
const (
	leastOverSync   = 15      // appends per sync that the bare disk does
	leastOverBadger = 50      // appends per synced transaction of Badger
	leastTail       = 200_000 // events per second
)

// writers is how many append at once.
const writers = 64

// fact is an entry of 1.5 KB.
func fact() []bus.Entry {
	return []bus.Entry{{
		Type: "observation", Head: bytes.Repeat([]byte("h"), 150),
		Data: bytes.Repeat([]byte("d"), 1250), Personal: bytes.Repeat([]byte("p"), 100),
	}}
}

// journal measures the embedded journal against the bare disk and against Badger with synced transactions. Rounds
// alternate; writing is kept short, because a disk slows down after bursts.
func (b *bench) journal() error {
	length := min(b.length, 2*time.Second)
	var syncs, badgers, logs, appends, tails, overSync, overBadger []float64
	for round := range b.rounds {
		dir := filepath.Join(b.dir, fmt.Sprint("journal-", round))
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
		sync, err := bareSyncs(filepath.Join(dir, "bare"), length)
		if err != nil {
			return err
		}
		txns, err := badgerTransactions(filepath.Join(dir, "badger"), length)
		if err != nil {
			return err
		}
		logged, err := bareLog(filepath.Join(dir, "log"), length)
		if err != nil {
			return err
		}
		appended, tail, err := journalRates(filepath.Join(dir, "journal"), length)
		if err != nil {
			return err
		}
		note("  journal: disk %.0f fdatasync/s, Badger %.0f synced transactions/s, bare log %.0f appends/s, journal %.0f appends/s (%.1f and %.1f times), tail %.0f/s",
			sync, txns, logged, appended, appended/sync, appended/txns, tail)
		syncs, badgers, logs = append(syncs, sync), append(badgers, txns), append(logs, logged)
		appends, tails = append(appends, appended), append(tails, tail)
		overSync, overBadger = append(overSync, appended/sync), append(overBadger, appended/txns)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	by := fmt.Sprintf("%d writers of 1.5 KB; a bare log takes %.0f/s", writers, median(logs))
	b.rows = append(b.rows,
		row{what: "append, over the disk's fdatasync", unit: "/s", bare: median(syncs), hub: median(appends), value: median(overSync), limit: leastOverSync, least: true, note: by},
		row{what: "append, over Badger synced", unit: "/s", bare: median(badgers), hub: median(appends), value: median(overBadger), limit: leastOverBadger, least: true, note: by + ", one transaction each"},
		row{what: "tail of the journal", unit: "/s", hub: median(tails), value: median(tails), limit: leastTail, least: true, note: "one event a batch"},
	)
	return nil
}

// bareSyncs writes 4 KiB and syncs, one after the other, in a file that is allocated.
func bareSyncs(path string, length time.Duration) (rate float64, err error) {
	const size = 16 << 20
	f, err := embedded.OS{}.Create(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Allocate(size); err != nil {
		return 0, err
	}
	page := bytes.Repeat([]byte("x"), 4096)
	n, start := 0, time.Now()
	for ; time.Since(start) < length; n++ {
		if _, err := f.WriteAt(page, int64(n)*4096%size); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// together runs write from all writers for a while and gives how often it ran per second.
func together(length time.Duration, write func(n int64) error) (float64, error) {
	var n atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	start := time.Now()
	for range writers {
		wg.Go(func() {
			for time.Since(start) < length && failed.Load() == nil {
				if err := write(n.Add(1)); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(n.Load()) / time.Since(start).Seconds(), nil
}

// bareLog has all writers append as many bytes to a log that does nothing but to write and sync, once for all that wait:
// what the disk and the processors leave room for.
func bareLog(path string, length time.Duration) (float64, error) {
	log, err := bare.OpenLog(path, 1<<30)
	if err != nil {
		return 0, err
	}
	value := bytes.Repeat([]byte("v"), 1500)
	rate, err := together(length, func(int64) error { return log.Append(value) })
	return rate, errors.Join(err, log.Close())
}

func badgerTransactions(dir string, length time.Duration) (rate float64, err error) {
	db, err := badger.Open(badger.DefaultOptions(dir).WithSyncWrites(true).WithLogger(nil))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	value := bytes.Repeat([]byte("v"), 1500)
	return together(length, func(n int64) error {
		return db.Update(func(tx *badger.Txn) error { return tx.Set(fmt.Appendf(nil, "fact/%016d", n), value) })
	})
}

func journalRates(dir string, length time.Duration) (appended, tail float64, err error) {
	ctx := context.Background()
	j, err := embedded.Open(embedded.Options{Dir: dir})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	entries := fact()
	appended, err = together(length, func(int64) error {
		_, err := j.Append(ctx, bus.ClassWebhook, entries)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	start, read := time.Now(), 0
	for batch, err := range j.Tail(ctx, 1) {
		if err != nil {
			return 0, 0, err
		}
		if read++; batch.Offset == j.End() {
			break
		}
	}
	return appended, float64(read) / time.Since(start).Seconds(), nil
}
