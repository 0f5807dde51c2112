package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
)

// The bounds of one batch of fetched facts. A page of a platform that exceeds them is split.
const (
	maxBatchEntries = 500
	maxBatchBytes   = 1 << 20
)

// bulkBatchEntries bounds a batch of a full read: a command that comes while one is folded waits for it, and full reads of
// several connections take turns.
const bulkBatchEntries = 32

// minRefusedWait is how long a refused append waits at the least.
const minRefusedWait = 5 * time.Millisecond

// Append writes entries and waits out a journal that refuses the class for now, until ctx ends.
func Append(ctx context.Context, j Journal, class bus.Class, entries ...bus.Entry) (bus.Receipt, error) {
	for {
		receipt, err := j.Append(ctx, class, entries...)
		var refused *bus.Refused
		if !errors.As(err, &refused) {
			return receipt, err
		}
		if err := sleep(ctx, max(refused.RetryAfter, minRefusedWait)); err != nil {
			return bus.Receipt{}, fmt.Errorf("%w (last refusal: %v)", err, refused)
		}
	}
}

// encode makes the journal entries of fetched facts. head gives the head of each.
func encode(facts []Fact, head func(f *Fact) canon.Head) ([]bus.Entry, error) {
	entries := make([]bus.Entry, 0, len(facts)+2)
	for i := range facts {
		f := &facts[i]
		e, err := router.ObservationEntry(head(f), f.Data, f.Personal)
		if err != nil {
			return nil, fmt.Errorf("intake: %s %s: %w", f.Kind, f.ExternalID, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// appendFacts writes facts and, in the same batch as the last of them, the closing entries that tell how far the
// source was read: a crash in between repeats facts, and loses none.
func appendFacts(ctx context.Context, j Journal, class bus.Class, facts, closing []bus.Entry) (bus.Receipt, error) {
	most := maxBatchEntries
	if class == bus.ClassBulk {
		most = bulkBatchEntries
	}
	batches := split(facts, most)
	if len(batches) == 0 {
		batches = [][]bus.Entry{nil}
	}
	var receipt bus.Receipt
	for i, batch := range batches {
		if i == len(batches)-1 {
			batch = append(batch[:len(batch):len(batch)], closing...)
		}
		if len(batch) == 0 {
			continue
		}
		r, err := appendOrPark(ctx, j, class, batch)
		if err != nil {
			return bus.Receipt{}, err
		}
		receipt = r
	}
	return receipt, nil
}

// appendOrPark writes a batch. An observation that is alone too large for the journal is parked by its size instead of
// holding up everything that comes behind it. Invariant 6.
func appendOrPark(ctx context.Context, j Journal, class bus.Class, batch []bus.Entry) (bus.Receipt, error) {
	receipt, err := Append(ctx, j, class, batch...)
	if !errors.Is(err, bus.ErrTooLarge) {
		return receipt, err
	}
	parked := make([]bus.Entry, len(batch))
	for i, e := range batch {
		parked[i] = e
		if size := entryBytes(e); size > maxBatchBytes {
			if parked[i], err = tooLarge(e, size); err != nil {
				return bus.Receipt{}, err
			}
		}
	}
	return Append(ctx, j, class, parked...)
}

func tooLarge(e bus.Entry, size int) (bus.Entry, error) {
	entry, err := router.NewEntry(canon.EntryMalformed, canon.Head{}, canon.Malformed{
		Reason: fmt.Sprintf("%s of %d bytes is larger than the journal takes; shorten the record at the platform", e.Type, size),
		Size:   size,
	})
	entry.Head = e.Head
	return entry, err
}

func entryBytes(e bus.Entry) int { return len(e.Head) + len(e.Data) + len(e.Personal) }

// split cuts entries into batches of at most so many entries, within the bounds, in order. An entry that is larger than a batch is alone in one.
func split(entries []bus.Entry, most int) [][]bus.Entry {
	var batches [][]bus.Entry
	start, size := 0, 0
	for i, e := range entries {
		n := entryBytes(e)
		if i > start && (i-start >= most || size+n > maxBatchBytes) {
			batches = append(batches, entries[start:i])
			start, size = i, 0
		}
		size += n
	}
	if start < len(entries) {
		batches = append(batches, entries[start:])
	}
	return batches
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
