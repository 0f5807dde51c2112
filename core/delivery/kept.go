package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How copies are written: a batch at a time, and a file for a while.
const (
	keepQueue     = 1024
	keepBatch     = 128
	keepBatchWait = 250 * time.Millisecond
	keepFileBytes = 32 << 20
	keepFileAge   = time.Hour
	expireEvery   = time.Minute
)

// Kept are copies of the deliveries of one connection that were translated. They are written beside the way of a fact,
// which never waits for them: what comes faster than they can be written is counted and left out.
type Kept struct {
	dir    string
	sealer Sealer
	bounds Bounds

	queue chan Delivery
	sync  chan chan struct{}
	lost  atomic.Int64
	bytes atomic.Int64

	mu  sync.Mutex // orders writing, expiry and reading
	seq int
}

// OpenKept opens, or makes, the copies in a folder. Give it a goroutine with Run.
func OpenKept(dir string, s Sealer, b Bounds) (*Kept, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	k := &Kept{dir: dir, sealer: s, bounds: b, queue: make(chan Delivery, keepQueue), sync: make(chan chan struct{})}
	return k, k.expire(time.Now())
}

// Keep takes a copy. It does not block. The caller must not change what the delivery refers to afterwards.
func (k *Kept) Keep(d Delivery) {
	select {
	case k.queue <- d:
	default:
		k.lost.Add(1)
	}
}

// Counts gives the bytes on disk, and how many copies were left out since the start.
func (k *Kept) Counts() (bytes, lost int64) { return k.bytes.Load(), k.lost.Load() }

// Run writes copies until ctx ends, then what is still queued. clean takes the connection's secrets out of a text (invariant
// 7). Failures are told to failed and do not end it: copies are no truth.
func (k *Kept) Run(ctx context.Context, clean func([]byte) []byte, failed func(error)) {
	var current *file
	var begun time.Time
	closeFile := func() {
		if current != nil {
			if err := errors.Join(current.f.Sync(), current.f.Close()); err != nil {
				failed(fmt.Errorf("deliveries: %w", err))
			}
			current = nil
		}
	}
	defer closeFile()
	write := func(batch []Delivery) {
		if len(batch) == 0 {
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if current != nil && (current.size > keepFileBytes || time.Since(begun) > keepFileAge) {
			closeFile()
		}
		err := func() (err error) {
			if current == nil {
				k.seq++
				begun = time.Now()
				if current, err = createFile(filepath.Join(k.dir, fileName("kept", begun, k.seq)), k.sealer); err != nil {
					return err
				}
				k.bytes.Add(current.size)
			}
			for i := range batch {
				redact(&batch[i], clean)
			}
			record, err := current.encode(batch)
			if err != nil {
				return err
			}
			k.bytes.Add(int64(len(record)))
			return current.write(record)
		}()
		if err != nil {
			k.lost.Add(int64(len(batch)))
			failed(fmt.Errorf("deliveries: %w", err))
			closeFile()
		}
	}
	expire := time.NewTicker(expireEvery)
	defer expire.Stop()
	for {
		select {
		case d := <-k.queue:
			write(k.fill(ctx, d))
		case asked := <-k.sync:
			write(k.rest())
			close(asked)
		case <-expire.C:
			if err := k.expire(time.Now()); err != nil {
				failed(err)
			}
		case <-ctx.Done():
			write(k.rest())
			return
		}
	}
}

// fill waits a moment for more to write with a copy.
func (k *Kept) fill(ctx context.Context, first Delivery) []Delivery {
	batch := []Delivery{first}
	size := cost(&first)
	timer := time.NewTimer(keepBatchWait)
	defer timer.Stop()
	for len(batch) < keepBatch && size < 4<<20 {
		select {
		case d := <-k.queue:
			batch = append(batch, d)
			size += cost(&d)
		case <-timer.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// rest gives all that is queued.
func (k *Kept) rest() []Delivery {
	var batch []Delivery
	for {
		select {
		case d := <-k.queue:
			batch = append(batch, d)
		default:
			return batch
		}
	}
}

// secretHeaders carry credentials as they are. A signature stays: it is of the body, and tells nothing without the secret.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}

// redact takes secrets out of a copy. The request's own maps and bytes are left as they are.
func redact(d *Delivery, clean func([]byte) []byte) {
	headers := make(map[string][]string, len(d.Request.Headers))
	for key, values := range d.Request.Headers {
		if slices.Contains(secretHeaders, textproto.CanonicalMIMEHeaderKey(key)) {
			continue
		}
		out := make([]string, len(values))
		for i, v := range values {
			out[i] = string(clean([]byte(v)))
		}
		headers[key] = out
	}
	d.Request.Headers = headers
	d.Request.Body = clean(d.Request.Body)
	d.Request.Query = string(clean([]byte(d.Request.Query)))
	d.Request.Path = string(clean([]byte(d.Request.Path)))
}

// Flush returns when everything that was taken before is written, or when Run has ended.
func (k *Kept) Flush(ctx context.Context) {
	asked := make(chan struct{})
	select {
	case k.sync <- asked:
	case <-ctx.Done():
		return
	}
	select {
	case <-asked:
	case <-ctx.Done():
	}
}

// Each hands every copy that was received in [from, to) to fn, in the order of arrival as far as files go. Zero times do not
// bound. An error of fn ends it.
func (k *Kept) Each(ctx context.Context, from, to time.Time, fn func(d *Delivery) error) error {
	paths, err := k.files()
	if err != nil {
		return err
	}
	for _, path := range paths {
		err := readFile(path, k.sealer, func(batch []Delivery) error {
			for i := range batch {
				at := batch[i].Request.ReceivedAt
				if !from.IsZero() && at.Before(from) || !to.IsZero() && !at.Before(to) {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := fn(&batch[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) { // it may have expired meanwhile
			return err
		}
	}
	return nil
}

func (k *Kept) files() ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(k.dir, "kept-*.sealed"))
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	slices.Sort(paths)
	return paths, nil
}

// expire deletes files that are too old, and the oldest while there is too much.
func (k *Kept) expire(now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	paths, err := k.files()
	if err != nil {
		return err
	}
	sizes := make([]int64, len(paths))
	var all int64
	for i, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("deliveries: %w", err)
		}
		sizes[i] = info.Size()
		all += sizes[i]
	}
	var failed error
	for i, path := range paths {
		at, ok := begun(path)
		last := i == len(paths)-1 // it may be the one that is written to
		old := ok && k.bounds.Age > 0 && now.Sub(at) > k.bounds.Age+keepFileAge
		if last && !old || !old && (k.bounds.Bytes == 0 || all <= k.bounds.Bytes) {
			continue
		}
		failed = errors.Join(failed, os.Remove(path))
		all -= sizes[i]
	}
	k.bytes.Store(all)
	return failed
}

// begun reads from a file's name when it was begun.
func begun(path string) (time.Time, bool) {
	parts := strings.Split(filepath.Base(path), "-")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	at, err := time.Parse("20060102T150405.000000000Z", parts[1])
	return at, err == nil
}
