package delivery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// ErrFull is returned by Wait when as many deliveries wait as may. The platform should be told to deliver again.
var ErrFull = errors.New("deliveries: as many wait as may")

// Bounds bound what is kept of one connection.
type Bounds struct {
	Number int   // of deliveries; 0 means no bound
	Bytes  int64 // 0 means no bound
	// Age is after how long one expires; 0 means never.
	Age time.Duration
}

// Waiting are the deliveries of one connection that wait for its connector.
type Waiting struct {
	dir    string
	sealer Sealer
	bounds Bounds

	taking sync.Mutex // one taker at a time

	mu      sync.Mutex
	current *file         // written to; nil before the first
	sealed  []waitingFile // not written to any more, oldest first
	number  int           // of deliveries in all files
	bytes   int64
	open    waitingFile // what is in current
	group   *group      // being filled
	writing bool
	expired int64
	seq     int
}

type waitingFile struct {
	path   string
	number int
	bytes  int64
	done   int // of them, from the first, since this process began
}

// group is what goes to the disk with one fsync.
type group struct {
	records []byte
	done    chan struct{}
	err     error
}

// OpenWaiting opens, or makes, what waits in a folder.
func OpenWaiting(dir string, s Sealer, b Bounds) (*Waiting, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	w := &Waiting{dir: dir, sealer: s, bounds: b}
	paths, err := filepath.Glob(filepath.Join(dir, "waiting-*.sealed"))
	if err != nil {
		return nil, fmt.Errorf("deliveries: %w", err)
	}
	slices.Sort(paths)
	for _, path := range paths {
		f := waitingFile{path: path}
		err := readFile(path, s, func(batch []Delivery) error {
			for i := range batch {
				f.number++
				f.bytes += cost(&batch[i])
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		w.sealed = append(w.sealed, f)
		w.number += f.number
		w.bytes += f.bytes
	}
	return w, nil
}

// Wait keeps a delivery. When it returns nil the delivery is durable. Deliveries that come together share an fsync.
func (w *Waiting) Wait(d Delivery) error {
	c := cost(&d)
	w.mu.Lock()
	if w.bounds.Number > 0 && w.number >= w.bounds.Number || w.bounds.Bytes > 0 && w.bytes+c > w.bounds.Bytes {
		w.mu.Unlock()
		return ErrFull
	}
	if w.current == nil {
		w.seq++
		f, err := createFile(filepath.Join(w.dir, fileName("waiting", time.Now(), w.seq)), w.sealer)
		if err != nil {
			w.mu.Unlock()
			return fmt.Errorf("deliveries: %w", err)
		}
		w.current, w.open = f, waitingFile{path: f.path}
	}
	record, err := w.current.encode([]Delivery{d})
	if err != nil {
		w.mu.Unlock()
		return fmt.Errorf("deliveries: %w", err)
	}
	if w.group == nil {
		w.group = &group{done: make(chan struct{})}
	}
	g := w.group
	g.records = append(g.records, record...)
	w.number++
	w.bytes += c
	w.open.number++
	w.open.bytes += c
	if w.writing {
		w.mu.Unlock()
		<-g.done
		return g.err
	}
	w.writing = true
	for w.group != nil {
		next := w.group
		w.group = nil
		f := w.current
		w.mu.Unlock()
		err := f.write(next.records)
		if err == nil {
			err = f.f.Sync()
		}
		if err != nil {
			next.err = fmt.Errorf("deliveries: %w", err)
		}
		close(next.done)
		w.mu.Lock()
		if err != nil {
			// What is in this file behind the failure can't be trusted: the next one begins anew. What was made for this one
			// meanwhile fails with it.
			if w.group != nil {
				w.group.err = next.err
				close(w.group.done)
				w.group = nil
			}
			w.seal()
		}
	}
	w.writing = false
	w.mu.Unlock()
	return g.err
}

// seal ends the current file; the lock is held, and nothing is being written.
func (w *Waiting) seal() {
	if w.current == nil {
		return
	}
	_ = w.current.f.Close() // all that counts in it was synced
	w.sealed = append(w.sealed, w.open)
	w.current, w.open = nil, waitingFile{}
}

// Counts gives how many wait, and how many expired since the start.
func (w *Waiting) Counts() (number int, bytes, expired int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.number, w.bytes, w.expired
}

// next gives the oldest file that is to be taken from, ending the current one where it is the only one.
func (w *Waiting) next() (waitingFile, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sealed) == 0 && !w.writing && w.group == nil {
		w.seal()
	}
	if len(w.sealed) == 0 {
		return waitingFile{}, false
	}
	return w.sealed[0], true
}

// Take hands what waits to fn, the oldest first, and forgets what fn returns nil for. An error of fn ends it; what is left
// waits on. After a crash some of what was taken comes again.
func (w *Waiting) Take(ctx context.Context, fn func(d *Delivery) error) error {
	w.taking.Lock()
	defer w.taking.Unlock()
	for {
		f, ok := w.next()
		if !ok {
			return nil
		}
		n := 0
		err := readFile(f.path, w.sealer, func(batch []Delivery) error {
			for i := range batch {
				if n++; n <= f.done {
					continue
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if w.bounds.Age > 0 && time.Since(batch[i].Request.ReceivedAt) > w.bounds.Age {
					w.mu.Lock()
					w.expired++
					w.mu.Unlock()
				} else if err := fn(&batch[i]); err != nil {
					return err
				}
				w.took(cost(&batch[i]))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := w.remove(f.path); err != nil {
			return err
		}
	}
}

// took counts one of the oldest file as done.
func (w *Waiting) took(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &w.sealed[0]
	f.done++
	f.bytes -= bytes
	w.number--
	w.bytes -= bytes
}

// remove deletes the oldest file.
func (w *Waiting) remove(path string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.sealed[0]
	w.sealed = w.sealed[1:]
	w.number -= f.number - f.done // what was counted and never written
	w.bytes -= f.bytes
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("deliveries: %w", err)
	}
	return nil
}

// Close ends the file that is written to. Wait must not be called after it.
func (w *Waiting) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.writing {
		w.seal()
	}
	return nil
}
