// Package bustest has the suites that every implementation of a bus interface has to pass.
package bustest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
)

// patience is how long something may take that has to happen.
const patience = 20 * time.Second

// RunJournal checks the contract of bus.Journal. place makes room for a new, empty journal and returns a function
// that opens it; the suite calls that again after Close. The journal must take batches of 1 KiB and refuse those of
// 16 MiB.
func RunJournal(t *testing.T, place func(t *testing.T) (open func() bus.Journal)) {
	t.Helper()
	tests := []struct {
		name string
		run  func(t *testing.T, open func() bus.Journal)
	}{
		{"an empty journal has an id and no batch", testEmpty},
		{"what was appended is read back as it was", testRoundTrip},
		{"offsets count up without a gap and times never go back", testOffsets},
		{"append returns only when readers can see the batch", testVisibleOnReturn},
		{"reading is bounded in bytes but gives at least one batch", testReadBounds},
		{"concurrent appends keep each writer's order", testConcurrent},
		{"tail yields what is there and then what comes", testTail},
		{"two tails see the same order", testTwoTails},
		{"tail ends with its context and with its consumer", testTailEnds},
		{"wait returns when the batch is durable", testWait},
		{"a batch over the limit is refused and leaves nothing", testTooLarge},
		{"an ended context appends nothing", testEndedContext},
		{"the hash chain tells equal batches apart and is stable", testHash},
		{"what the caller does with its buffers later does not matter", testBuffers},
		{"a closed journal says so and wakes who waits", testClose},
		{"a journal opened again is the same one", testReopen},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, place(t)) })
	}
}

// limited is a context that ends when the test has taken too long.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// opened opens a journal that is closed when the test ends.
func opened(t *testing.T, open func() bus.Journal) bus.Journal {
	t.Helper()
	j := open()
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

func entry(text string) []bus.Entry {
	return []bus.Entry{{Type: "observation", Head: []byte(`{"actor":"test"}`), Data: []byte(text)}}
}

func appendOne(t *testing.T, j bus.Journal, text string) bus.Receipt {
	t.Helper()
	r, err := j.Append(limited(t), bus.ClassWebhook, entry(text))
	require.NoError(t, err)
	return r
}

// readAll reads from an offset to the end in small steps.
func readAll(t *testing.T, j bus.Journal, from uint64) []bus.Batch {
	t.Helper()
	var all []bus.Batch
	for {
		batches, err := j.ReadFrom(limited(t), from, 4096)
		require.NoError(t, err)
		if len(batches) == 0 {
			return all
		}
		all = append(all, batches...)
		from = batches[len(batches)-1].Offset + 1
	}
}

func testEmpty(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	require.NotEmpty(t, j.ID())
	require.Zero(t, j.End())
	batches, err := j.ReadFrom(limited(t), 1, 1<<20)
	require.NoError(t, err)
	require.Empty(t, batches)
}

func testRoundTrip(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	entries := []bus.Entry{
		{Type: "observation", Head: []byte(`{"n":1}`), Data: []byte(`{"title":"ring"}`), Personal: []byte(`{"email":"a@example.com"}`)},
		{Type: "tick", Data: []byte(`{}`)},
		{Type: strings.Repeat("t", 255), Head: []byte{}, Data: []byte("\x00\xff\n"), Personal: []byte(strings.Repeat("p", 300))},
	}
	for class := bus.ClassCommand; class <= bus.ClassBulk; class++ {
		r, err := j.Append(limited(t), class, entries)
		require.NoError(t, err, class)
		got, err := j.ReadFrom(limited(t), r.Offset, 1)
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, r.Offset, got[0].Offset)
		require.Equal(t, r.Time, got[0].Time)
		require.Equal(t, class, got[0].Class)
		require.Len(t, got[0].Entries, len(entries))
		for i, want := range entries {
			have := got[0].Entries[i]
			require.Equal(t, want.Type, have.Type)
			require.Equal(t, string(want.Head), string(have.Head))
			require.Equal(t, string(want.Data), string(have.Data))
			require.Equal(t, string(want.Personal), string(have.Personal))
		}
		require.Equal(t, canon.Position{Offset: r.Offset, Index: 2}, r.Position(2))
	}
}

func testOffsets(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	var last int64
	for want := uint64(1); want <= 50; want++ {
		r := appendOne(t, j, fmt.Sprint(want))
		require.Equal(t, want, r.Offset)
		require.GreaterOrEqual(t, r.Time, last)
		last = r.Time
	}
	require.Equal(t, uint64(50), j.End())
	for i, b := range readAll(t, j, 1) {
		require.Equal(t, uint64(i+1), b.Offset)
		require.Equal(t, fmt.Sprint(i+1), string(b.Entries[0].Data))
	}
	require.Len(t, readAll(t, j, 18), 33)
	require.Empty(t, readAll(t, j, 51))
	require.Empty(t, readAll(t, j, 1000))
}

func testVisibleOnReturn(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	for i := range 20 {
		r := appendOne(t, j, fmt.Sprint(i))
		require.GreaterOrEqual(t, j.End(), r.Offset)
		require.NoError(t, j.Wait(limited(t), r.Offset))
		batches, err := j.ReadFrom(limited(t), r.Offset, 1)
		require.NoError(t, err)
		require.Len(t, batches, 1)
	}
}

func testReadBounds(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	for range 40 {
		appendOne(t, j, strings.Repeat("x", 1000))
	}
	for _, maxBytes := range []int{0, 1, 999} {
		batches, err := j.ReadFrom(limited(t), 7, maxBytes)
		require.NoError(t, err)
		require.Len(t, batches, 1, "limit %d", maxBytes)
		require.Equal(t, uint64(7), batches[0].Offset)
	}
	batches, err := j.ReadFrom(limited(t), 1, 10_000)
	require.NoError(t, err)
	require.NotEmpty(t, batches)
	require.Less(t, len(batches), 14, "a limit of 10,000 bytes gave %d batches of 1,000", len(batches))
	require.Len(t, readAll(t, j, 1), 40)
}

func testConcurrent(t *testing.T, open func() bus.Journal) {
	const writers, each = 16, 25
	j := opened(t, open)
	receipts := make([][]bus.Receipt, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				r, err := j.Append(t.Context(), bus.ClassPoll, entry(fmt.Sprintf("%d/%d", w, i)))
				if err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				receipts[w] = append(receipts[w], r)
			}
		})
	}
	wg.Wait()
	all := readAll(t, j, 1)
	require.Len(t, all, writers*each)
	for w, rs := range receipts {
		require.Len(t, rs, each)
		for i, r := range rs {
			require.Equal(t, fmt.Sprintf("%d/%d", w, i), string(all[r.Offset-1].Entries[0].Data))
			if i > 0 {
				require.Greater(t, r.Offset, rs[i-1].Offset)
			}
		}
	}
}

func testTail(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	for i := 1; i <= 5; i++ {
		appendOne(t, j, fmt.Sprint(i))
	}
	want := uint64(3)
	for b, err := range j.Tail(limited(t), 3) {
		require.NoError(t, err)
		require.Equal(t, want, b.Offset)
		require.Equal(t, fmt.Sprint(want), string(b.Entries[0].Data))
		if want++; want > 30 {
			break
		}
		if want > 5 {
			appendOne(t, j, fmt.Sprint(want))
		}
	}
	require.Equal(t, uint64(31), want)
}

func testTwoTails(t *testing.T, open func() bus.Journal) {
	const n = 200
	j := opened(t, open)
	ctx := limited(t)
	seen := make([][]string, 2)
	var wg sync.WaitGroup
	for i := range seen {
		wg.Go(func() {
			for b, err := range j.Tail(ctx, 1) {
				if err != nil {
					t.Errorf("tail %d: %v", i, err)
					return
				}
				seen[i] = append(seen[i], fmt.Sprintf("%d %x", b.Offset, b.Hash))
				if b.Offset == n {
					return
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			for range n / 4 {
				if _, err := j.Append(ctx, bus.ClassDevice, entry("same")); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, seen[0], n)
	require.Equal(t, seen[0], seen[1])
}

func testTailEnds(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	appendOne(t, j, "1")
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	n := 0
	for _, err := range j.Tail(ctx, 1) {
		require.NoError(t, err)
		n++
		cancel()
	}
	require.Equal(t, 1, n)
	appendOne(t, j, "2")
	for b, err := range j.Tail(limited(t), 1) {
		require.NoError(t, err)
		require.Equal(t, uint64(1), b.Offset)
		break
	}
}

func testWait(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	short, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, j.Wait(short, 1), context.Canceled)
	reached := make(chan error, 1)
	ctx := limited(t)
	go func() { reached <- j.Wait(ctx, 3) }()
	for i := range 3 {
		select {
		case err := <-reached:
			t.Fatalf("wait for batch 3 returned after %d: %v", i, err)
		default:
		}
		appendOne(t, j, fmt.Sprint(i))
	}
	require.NoError(t, <-reached)
	require.NoError(t, j.Wait(ctx, 1))
}

func testTooLarge(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	_, err := j.Append(limited(t), bus.ClassCommand, entry(strings.Repeat("x", 16<<20)))
	require.ErrorIs(t, err, bus.ErrTooLarge)
	require.Zero(t, j.End())
	require.Equal(t, uint64(1), appendOne(t, j, "fits").Offset)
}

func testEndedContext(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := j.Append(ctx, bus.ClassCommand, entry("x"))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, uint64(1), appendOne(t, j, "y").Offset)
	_, err = j.ReadFrom(ctx, 1, 100)
	require.ErrorIs(t, err, context.Canceled)
}

func testHash(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	for range 10 {
		appendOne(t, j, "the same")
	}
	seen := map[[32]byte]uint64{}
	first := readAll(t, j, 1)
	for _, b := range first {
		require.NotZero(t, b.Hash)
		require.Zero(t, seen[b.Hash], "batches %d and %d have the same hash", seen[b.Hash], b.Offset)
		seen[b.Hash] = b.Offset
	}
	require.Equal(t, first, readAll(t, j, 1))
}

func testBuffers(t *testing.T, open func() bus.Journal) {
	j := opened(t, open)
	data := []byte("before")
	_, err := j.Append(limited(t), bus.ClassCommand, []bus.Entry{{Type: "x", Data: data}})
	require.NoError(t, err)
	copy(data, "AFTER!")
	got := readAll(t, j, 1)
	require.Equal(t, "before", string(got[0].Entries[0].Data))
	copy(got[0].Entries[0].Data, "BROKEN")
	require.Equal(t, "before", string(readAll(t, j, 1)[0].Entries[0].Data))
}

func testClose(t *testing.T, open func() bus.Journal) {
	j := open()
	appendOne(t, j, "1")
	ctx := limited(t)
	waits, tails := make(chan error, 1), make(chan error, 1)
	go func() { waits <- j.Wait(ctx, 2) }()
	tailing := make(chan struct{})
	go func() {
		var last error
		for b, err := range j.Tail(ctx, 1) {
			if b.Offset == 1 {
				close(tailing)
			}
			last = err
		}
		tails <- last
	}()
	<-tailing
	require.NoError(t, j.Close())
	require.ErrorIs(t, <-waits, bus.ErrClosed)
	require.ErrorIs(t, <-tails, bus.ErrClosed)
	_, err := j.Append(ctx, bus.ClassCommand, entry("x"))
	require.ErrorIs(t, err, bus.ErrClosed)
	_, err = j.ReadFrom(ctx, 1, 100)
	require.ErrorIs(t, err, bus.ErrClosed)
	require.NoError(t, j.Close(), "closing twice")
}

func testReopen(t *testing.T, open func() bus.Journal) {
	j := open()
	for i := range 20 {
		appendOne(t, j, fmt.Sprint(i))
	}
	id, before := j.ID(), readAll(t, j, 1)
	require.NoError(t, j.Close())

	j = opened(t, open)
	require.Equal(t, id, j.ID())
	require.Equal(t, uint64(20), j.End())
	require.Equal(t, before, readAll(t, j, 1))
	r := appendOne(t, j, "on")
	require.Equal(t, uint64(21), r.Offset)
	require.GreaterOrEqual(t, r.Time, before[19].Time)
	require.Len(t, readAll(t, j, 1), 21)
}
