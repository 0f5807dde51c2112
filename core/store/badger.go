package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/goccy/go-json"
	"github.com/hashicorp/go-hclog"
)

// Options says where and how Open keeps a view.
type Options struct {
	// Dir is the view's folder; it is made when it is missing, and nothing else may live in it.
	Dir string
	// Discard throws away what is in Dir, whatever it is: for a rebuild, and after Open said ErrCorrupt.
	Discard bool
	// Logger gets Badger's messages; nil means none.
	Logger hclog.Logger
	// BootID names the running boot of the machine; nil means SystemBootID.
	BootID func() (string, error)
	// GCInterval is how often overwritten space is reclaimed; zero means one minute.
	GCInterval time.Duration
	// ViewWait is how long Close and Wipe wait for open views; zero means five seconds.
	ViewWait time.Duration

	tune func(badger.Options) badger.Options // measurements vary the settings
}

// Badger is the Store on disk.
type Badger struct {
	opts  Options
	log   hclog.Logger
	lock  *os.File
	boot  string
	start Start

	mu     sync.Mutex // guards what follows
	db     *badger.DB
	stopGC func() // ends the goroutine that reclaims space and waits for it
	views  int    // open views
	idle   chan struct{}
	closed bool
}

// settings are Badger's settings for a view, chosen by measurement with 2 cores:
//   - no sync at a commit: the journal is what is durable (invariant 2);
//   - values up to 1 MB live in the tree, where compaction reclaims them. 20,000 values of 2 KB, overwritten ten
//     times, take 1.4 times the live data; with a threshold of 1 KB they take 11.3 times as much, because the value
//     log is collected only after the tree is compacted, and a tree of pointers hardly ever is. The price is CPU: 79
//     instead of 21 µs for each such value;
//   - memtables of 16 MB, because each is a sparse file of twice its size from the start, and 15 % of one is the most
//     that a commit may hold (MaxCommitBytes);
//   - level 0 grows to ten tables before it is compacted: of what the fold costs, five took a seventh more;
//   - no compression of blocks, and so no block cache: it makes reads two to four times slower and the memory under
//     load twice as large. Values are compressed one by one instead, before they get here.
func settings(dir string, log hclog.Logger) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(badgerLogger{log}).
		WithMetricsEnabled(false).
		WithSyncWrites(false).
		WithDetectConflicts(false).
		WithNumVersionsToKeep(1).
		WithMemTableSize(16 << 20).
		WithNumMemtables(2).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(4 << 20).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithNumLevelZeroTables(10).
		WithNumLevelZeroTablesStall(20).
		WithIndexCacheSize(0).
		WithNumCompactors(2).
		WithNumGoroutines(2).
		WithExternalMagic(valueFormat)
}

// Open opens the view in o.Dir, or makes an empty one. After an unclean stop with another boot of the machine since,
// what is there is discarded first; Start tells. One process at a time may have a folder open (ErrInUse). An error that
// wraps ErrCorrupt means that the database does not check out: open it with Discard and rebuild.
func Open(o Options) (*Badger, error) {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.BootID == nil {
		o.BootID = SystemBootID
	}
	if o.GCInterval == 0 {
		o.GCInterval = time.Minute
	}
	if o.ViewWait == 0 {
		o.ViewWait = 5 * time.Second
	}
	if o.tune == nil {
		o.tune = func(b badger.Options) badger.Options { return b }
	}
	b := &Badger{opts: o, log: o.Logger}
	if err := b.open(); err != nil {
		return nil, fmt.Errorf("store: open %s: %w", o.Dir, err)
	}
	return b, nil
}

func (b *Badger) open() (err error) {
	if err := os.MkdirAll(b.opts.Dir, 0o700); err != nil {
		return err
	}
	if b.lock, err = lockDir(b.opts.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.lock.Close())
		}
	}()
	if b.boot, err = b.opts.BootID(); err != nil {
		b.log.Warn("an unclean stop will cost the view: the machine does not tell its boot", "error", err)
		b.boot = ""
	}
	if b.start, err = judgeStart(b.opts.Dir, b.boot); err != nil {
		return err
	}
	if b.opts.Discard && !b.start.Fresh {
		b.start = Start{Discarded: "asked to"}
	}
	if b.start.Discarded != "" {
		b.log.Warn("the view is discarded", "reason", b.start.Discarded)
		if err := os.RemoveAll(b.dataDir()); err != nil {
			return err
		}
	}
	// From here on until Close the view counts as stopped uncleanly.
	if err := writeState(b.opts.Dir, state{BootID: b.boot}); err != nil {
		return err
	}
	return b.openData()
}

func (b *Badger) dataDir() string { return filepath.Join(b.opts.Dir, "badger") }

// openData opens the database and starts the goroutine that reclaims space.
func (b *Badger) openData() error {
	if err := os.MkdirAll(b.dataDir(), 0o700); err != nil {
		return err
	}
	options := b.opts.tune(settings(b.dataDir(), b.log))
	if found, err := filepath.Glob(filepath.Join(b.dataDir(), "MANIFEST")); err != nil || found == nil {
		if err := errors.Join(err, ground(options)); err != nil {
			return err
		}
	}
	db, err := badger.Open(options)
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return err // the machine's fault, not the data's
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.reclaim(ctx, db)
	}()
	b.db = db
	b.stopGC = func() { cancel(); <-done }
	return nil
}

// keyGround is in the lowest level of every tree. Badger compacts level 0 on demand only where something lies below
// it: without it a small view, often overwritten, would stay in level 0 with all that it ever had.
const keyGround = "!ground"

// ground makes a database that has keyGround in its lowest level.
func ground(o badger.Options) error {
	// A small memtable: what is freed of a large one would be cleared, and so taken up, when the next is made.
	db, err := badger.Open(o.WithCompactL0OnClose(true).WithMemTableSize(1 << 20).WithValueThreshold(1 << 10))
	if err != nil {
		return err
	}
	err = db.Update(func(txn *badger.Txn) error { return txn.Set([]byte(keyGround), nil) })
	return errors.Join(err, db.Close())
}

// hidden tells the keys that no caller sees.
func hidden(key string) bool { return key == KeyMark || key == keyGround }

// Start tells how the view was found when it was opened.
func (b *Badger) Start() Start { return b.start }

// View implements Store. Close and Wipe wait for it to be closed.
func (b *Badger) View() (View, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	b.views++
	return &badgerView{owner: b, txn: b.db.NewTransaction(false)}, nil
}

func (b *Badger) viewClosed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.views--; b.views == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// Commit implements Store.
func (b *Badger) Commit(w *Writes, mark Mark) error {
	if err := checkWrites(w); err != nil {
		return err
	}
	raw, err := json.Marshal(mark)
	if err != nil {
		return fmt.Errorf("store: encode mark: %w", err)
	}
	b.mu.Lock()
	db, closed := b.db, b.closed
	b.mu.Unlock()
	if closed {
		return ErrClosed
	}
	txn := db.NewTransaction(true)
	defer txn.Discard()
	if err := fill(txn, w, raw); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("store: commit at %s: %w", mark.Position, err)
	}
	return nil
}

// fill puts the writes and the mark into a transaction. Keys and entries come out of two allocations.
func fill(txn *badger.Txn, w *Writes, mark []byte) error {
	size := len(KeyMark)
	_ = w.Each(func(key string, _ []byte, _ bool) error { size += len(key); return nil })
	keys := make([]byte, 0, size)
	var values packer
	entries := make([]badger.Entry, w.Len()+1)
	set := func(i int, key string, value []byte, deleted bool) error {
		from := len(keys)
		keys = append(keys, key...)
		e := &entries[i]
		e.Key, e.Value = keys[from:len(keys):len(keys)], value
		var err error
		if deleted {
			err = txn.Delete(e.Key)
		} else {
			err = txn.SetEntry(e)
		}
		if errors.Is(err, badger.ErrTxnTooBig) {
			return fmt.Errorf("%w: %d keys", ErrTooBig, len(entries))
		}
		if err != nil {
			return fmt.Errorf("store: write key %q: %w", key, err)
		}
		return nil
	}
	i := 0
	err := w.Each(func(key string, value []byte, deleted bool) error {
		i++
		return set(i, key, values.pack(value), deleted)
	})
	if err != nil {
		return err
	}
	return set(0, KeyMark, values.pack(mark), false)
}

// Wipe implements Store. It waits for open views; views that stay open make it fail with nothing removed.
func (b *Badger) Wipe() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if err := b.quiesce(); err != nil {
		return fmt.Errorf("store: wipe: %w", err)
	}
	b.stopGC()
	if err := b.db.Close(); err != nil {
		b.closed = true
		return fmt.Errorf("store: wipe: %w", errors.Join(err, b.lock.Close()))
	}
	err := os.RemoveAll(b.dataDir())
	if err == nil {
		err = b.openData()
	}
	if err != nil {
		b.closed = true
		return fmt.Errorf("store: wipe: %w", errors.Join(err, b.lock.Close()))
	}
	return nil
}

// quiesce waits until no view is open. b.mu is held, and let go while it waits.
func (b *Badger) quiesce() error {
	timeout := time.NewTimer(b.opts.ViewWait)
	defer timeout.Stop()
	for b.views > 0 {
		if b.idle == nil {
			b.idle = make(chan struct{})
		}
		idle := b.idle
		b.mu.Unlock()
		select {
		case <-idle:
			b.mu.Lock()
		case <-timeout.C:
			b.mu.Lock()
			if b.views > 0 {
				return fmt.Errorf("%d views are still open after %s", b.views, b.opts.ViewWait)
			}
		}
	}
	return nil
}

// Close implements Store: it waits for open views, brings everything to disk and notes that the stop was clean. When
// views stay open it fails and leaves the folder as a crash would; the store is closed in any case.
func (b *Badger) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	b.stopGC()
	if err := b.quiesce(); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	err := b.db.Close()
	if err == nil {
		err = syncFiles(b.dataDir())
	}
	if err == nil {
		err = writeState(b.opts.Dir, state{BootID: b.boot, Clean: true})
	}
	if err = errors.Join(err, b.lock.Close()); err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}

// reclaim frees what is overwritten, until ctx ends: in the tree when a good part of it waits in level 0, which
// Badger itself leaves alone until there are several tables of a memtable's size, and in the value log.
func (b *Badger) reclaim(ctx context.Context, db *badger.DB) {
	tick := time.NewTicker(b.opts.GCInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if level0Outweighs(db.Tables()) {
			if err := db.Flatten(1); err != nil {
				b.log.Warn("the tree was not compacted", "error", err)
			}
		}
		for ctx.Err() == nil {
			err := db.RunValueLogGC(0.5)
			if err == nil {
				continue
			}
			if !errors.Is(err, badger.ErrNoRewrite) {
				b.log.Warn("value log space was not reclaimed", "error", err)
			}
			break
		}
	}
}

// level0Outweighs tells that level 0 holds more than half of what the levels below hold. Compacting then writes at
// most three times what was written since the last time, so a large view is left to Badger's own rules.
func level0Outweighs(tables []badger.TableInfo) bool {
	var level0, below uint64
	for _, t := range tables {
		if t.Level == 0 {
			level0 += uint64(t.OnDiskSize)
		} else {
			below += uint64(t.OnDiskSize)
		}
	}
	return level0 > below/2
}

type badgerView struct {
	owner *Badger
	txn   *badger.Txn
	once  sync.Once
}

func (v *badgerView) Get(key string) ([]byte, bool, error) {
	if hidden(key) || key == "" {
		return nil, false, nil
	}
	return v.get(key)
}

func (v *badgerView) get(key string) ([]byte, bool, error) {
	item, err := v.txn.Get([]byte(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("store: get %q: %w", key, err)
	}
	var value []byte
	err = item.Value(func(stored []byte) (err error) {
		value, err = loadStored(stored)
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("store: get %q: %w", key, err)
	}
	return value, true, nil
}

func (v *badgerView) Scan(prefix, from string, fn func(key string, value []byte) (bool, error)) error {
	// Values are in the tree: fetching them ahead would cost a goroutine each and gain nothing.
	it := v.txn.NewIterator(badger.IteratorOptions{Prefix: []byte(prefix)})
	defer it.Close()
	more := true
	for it.Seek([]byte(scanStart(prefix, from))); more && it.Valid(); it.Next() {
		item := it.Item()
		key := string(item.Key())
		if hidden(key) {
			continue
		}
		err := item.Value(func(stored []byte) error {
			value, err := loadStored(stored)
			if err == nil {
				more, err = fn(key, value)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("scan %q: %w", prefix, err)
		}
	}
	return nil
}

func (v *badgerView) Mark() (Mark, error) {
	var mark Mark
	raw, ok, err := v.get(KeyMark)
	if err != nil || !ok {
		return mark, err
	}
	if err := json.Unmarshal(raw, &mark); err != nil {
		return mark, fmt.Errorf("%w: mark: %w", ErrCorrupt, err)
	}
	return mark, nil
}

func (v *badgerView) Close() {
	v.once.Do(func() {
		v.txn.Discard()
		v.owner.viewClosed()
	})
}

// badgerLogger hands Badger's messages to hclog, one level lower: they are of interest to who debugs the store.
type badgerLogger struct{ log hclog.Logger }

func (l badgerLogger) Errorf(f string, a ...any)   { l.log.Error(message(f, a)) }
func (l badgerLogger) Warningf(f string, a ...any) { l.log.Warn(message(f, a)) }
func (l badgerLogger) Infof(f string, a ...any) {
	if l.log.IsDebug() {
		l.log.Debug(message(f, a))
	}
}

func (l badgerLogger) Debugf(f string, a ...any) {
	if l.log.IsTrace() {
		l.log.Trace(message(f, a))
	}
}

func message(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

var (
	_ Store = (*Badger)(nil)
	_ View  = (*badgerView)(nil)
)
