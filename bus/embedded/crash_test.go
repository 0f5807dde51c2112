package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
)

// ledger is what appenders and readers know of a journal across crashes.
type ledger struct {
	mu    sync.Mutex
	acked map[uint64]string   // offset → text that an append was told is durable
	seen  map[uint64][32]byte // offset → chain hash that a reader saw
	tried map[string]bool     // texts whose append was begun
}

func newLedger() *ledger {
	return &ledger{acked: map[uint64]string{}, seen: map[uint64][32]byte{}, tried: map[string]bool{}}
}

// check holds a journal against the ledger and returns what is wrong.
func (l *ledger) check(ctx context.Context, j *embedded.Journal) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, lastTime := uint64(1), int64(0)
	found := map[string]uint64{}
	for {
		batches, err := j.ReadFrom(ctx, next, 8000)
		if err != nil {
			return fmt.Errorf("read from %d: %w", next, err)
		}
		if len(batches) == 0 {
			break
		}
		for _, b := range batches {
			text := string(b.Entries[0].Data)
			switch {
			case b.Offset != next:
				return fmt.Errorf("offset %d where %d belongs", b.Offset, next)
			case b.Time < lastTime:
				return fmt.Errorf("batch %d is older than the one before", b.Offset)
			case !l.tried[text]:
				return fmt.Errorf("batch %d was never appended", b.Offset)
			case found[text] != 0:
				return fmt.Errorf("batches %d and %d are the same append", found[text], b.Offset)
			}
			if want, ok := l.acked[next]; ok && want != text {
				return fmt.Errorf("batch %d was acknowledged with other content", next)
			}
			if hash, ok := l.seen[next]; ok && hash != b.Hash {
				return fmt.Errorf("batch %d has another hash than a reader saw", next)
			}
			// It is visible now, so it has to stay from now on. Invariant 1.
			l.seen[next] = b.Hash
			found[text], lastTime = b.Offset, b.Time
			next++
		}
	}
	for offset := range l.acked {
		if offset >= next {
			return fmt.Errorf("acknowledged batch %d is lost; the journal ends at %d", offset, next-1)
		}
	}
	for offset := range l.seen {
		if offset >= next {
			return fmt.Errorf("batch %d, which a reader saw, is lost; the journal ends at %d", offset, next-1)
		}
	}
	rep, err := j.Verify(ctx, 1)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if rep.Fault != nil {
		return fmt.Errorf("verify: %w", rep.Fault)
	}
	if rep.Batches != next-1 {
		return fmt.Errorf("verify counts %d batches, reading %d", rep.Batches, next-1)
	}
	return nil
}

// work lets a few writers append until the journal fails or each has done its part, with a reader beside them.
func (l *ledger) work(ctx context.Context, j *embedded.Journal, rng *rand.Rand, name string) {
	writers, each := 1+rng.IntN(4), 1+rng.IntN(6)
	var wg, reading sync.WaitGroup
	tailing, stop := context.WithCancel(ctx)
	from := uint64(1)
	if end := j.End(); end > 5 {
		from = end - 5
	}
	reading.Go(func() {
		for b, err := range j.Tail(tailing, from) {
			if err != nil {
				return
			}
			l.mu.Lock()
			l.seen[b.Offset] = b.Hash
			l.mu.Unlock()
		}
	})
	for w := range writers {
		sizes := make([]int, each)
		for i := range sizes {
			sizes[i] = rng.IntN(1 << (2 + rng.IntN(10)))
		}
		wg.Go(func() {
			for i, size := range sizes {
				text := fmt.Sprintf("%s/%d/%d %s", name, w, i, strings.Repeat("x", size))
				l.mu.Lock()
				l.tried[text] = true
				l.mu.Unlock()
				r, err := j.Append(ctx, bus.ClassWebhook, data(text))
				if err != nil {
					return
				}
				l.mu.Lock()
				l.acked[r.Offset] = text
				l.mu.Unlock()
			}
		})
	}
	wg.Wait()
	stop()
	reading.Wait()
}

// end lets the power fail or only the process die.
func end(fs *faultfs.FS, rng *rand.Rand) *faultfs.FS {
	if rng.IntN(2) == 0 {
		return fs.Kill()
	}
	return fs.Crash(rng.Uint64())
}

// live takes a journal through several lives that each end in a power failure or a kill, and returns what got lost.
func live(ctx context.Context, seed uint64, sabotage func(*faultfs.FS)) error {
	return liveAs(ctx, seed, sabotage, small)
}

func liveAs(ctx context.Context, seed uint64, sabotage func(*faultfs.FS), options func(*faultfs.FS) embedded.Options) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	l := newLedger()
	fs := faultfs.New()
	for life := range 6 {
		sabotage(fs)
		switch rng.IntN(4) {
		case 0: // the power fails between two appends
		case 1:
			fs.FailSync(1 + rng.IntN(12))
		default:
			fs.CrashAt(1 + rng.IntN(40))
		}
		o := options(fs)
		o.Compress = seed%2 == 0
		j, err := embedded.Open(o)
		if err == nil {
			if err := l.check(ctx, j); err != nil && !errors.Is(err, faultfs.ErrCrashed) {
				return errors.Join(fmt.Errorf("life %d: %w", life, err), j.Close())
			}
			l.work(ctx, j, rng, fmt.Sprint(life))
			if rng.IntN(2) == 0 {
				// Close may fail at the crash that was planned; only what it leaves matters.
				_ = j.Close()
				fs = end(fs, rng)
			} else {
				fs = end(fs, rng)
				_ = j.Close()
			}
			continue
		}
		var corrupt *embedded.CorruptError
		if errors.As(err, &corrupt) {
			return fmt.Errorf("life %d: open: %w", life, err)
		}
		fs = end(fs, rng)
	}
	j, err := embedded.Open(small(fs))
	if err != nil {
		return fmt.Errorf("last open: %w", err)
	}
	return errors.Join(l.check(ctx, j), j.Close())
}

func TestNothingAcknowledgedIsLostInACrash(t *testing.T) {
	total := uint64(seeds(t, 1000))
	var next atomic.Uint64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := next.Add(1); seed <= total && !t.Failed(); seed = next.Add(1) {
				if err := live(t.Context(), seed, func(*faultfs.FS) {}); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestControlWithoutFsyncTheCrashTestFails(t *testing.T) {
	failed := 0
	const tries = 100
	for seed := range uint64(tries) {
		if err := live(t.Context(), seed, (*faultfs.FS).IgnoreSync); err != nil {
			failed++
		}
	}
	if failed < tries/2 {
		t.Fatalf("only %d of %d seeds noticed that fsync does nothing: the crash test proves nothing", failed, tries)
	}
}

func TestControlWithoutTheDurableMarkTheCrashTestFails(t *testing.T) {
	failed, lost := 0, ""
	const tries = 100
	for seed := range uint64(tries) {
		err := liveAs(t.Context(), seed, func(*faultfs.FS) {}, func(fs *faultfs.FS) embedded.Options { return embedded.WithEarlyMark(small(fs)) })
		if err != nil {
			failed++
			lost = err.Error()
		}
	}
	if failed < tries/20 {
		t.Fatalf("only %d of %d seeds noticed that readers see what is not durable: the crash test proves nothing", failed, tries)
	}
	t.Logf("%d of %d seeds noticed, the last: %s", failed, tries, lost)
}
