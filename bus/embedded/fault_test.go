package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
)

func TestAFailedFsyncFailsTheJournalForEver(t *testing.T) {
	fs := faultfs.New()
	j := open(t, small(fs))
	put(t, j, "good")
	ctx := t.Context()
	waits := make(chan error, 1)
	go func() { waits <- j.Wait(ctx, 2) }()
	fs.FailSync(1)
	syncs := fs.Syncs()
	for range 3 {
		_, err := j.Append(ctx, bus.ClassCommand, data("lost"))
		require.ErrorIs(t, err, bus.ErrFailed)
	}
	require.ErrorIs(t, <-waits, bus.ErrFailed)
	require.Equal(t, uint64(1), j.End(), "nothing beyond the durable mark is shown")
	require.Equal(t, []string{"good"}, texts(t, j, 1), "what is durable can be read")
	require.NoError(t, j.Close())
	require.Equal(t, syncs+1, fs.Syncs(), "a failed fsync is never tried again")

	// The kernel still shows the batch, though it is not on the disk: it may be kept, but then durably.
	j = open(t, small(fs))
	kept := texts(t, j, 1)
	put(t, j, "on")
	require.NoError(t, j.Close())
	for seed := range uint64(50) {
		fs := fs.Crash(seed)
		j, err := embedded.Open(small(fs))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, append(kept[:len(kept):len(kept)], "on"), texts(t, j, 1), "seed %d", seed)
		require.NoError(t, j.Close())
	}
}

func TestAFailedFsyncFailsAllThatWait(t *testing.T) {
	fs := faultfs.New()
	j := open(t, small(fs))
	release := fs.HoldSync()
	var wg sync.WaitGroup
	var failed atomic.Int32
	for i := range 20 {
		wg.Go(func() {
			_, err := j.Append(t.Context(), bus.ClassWebhook, data(fmt.Sprint(i)))
			if errors.Is(err, bus.ErrFailed) {
				failed.Add(1)
			}
		})
	}
	waitFor(t, func() bool { return j.Stats().Waiting[bus.ClassWebhook].Count == 20 })
	fs.FailSync(1)
	release()
	wg.Wait()
	require.Equal(t, int32(20), failed.Load())
	require.Zero(t, j.Stats().Waiting[bus.ClassWebhook])
}

func TestAFullDiskRefusesAndComesBack(t *testing.T) {
	fs := faultfs.New()
	fs.SetSpace(40 << 10) // two segments of 16 KiB
	j := open(t, small(fs))
	var want []string
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		text := fmt.Sprintf("%d %s", i, strings.Repeat("x", 500))
		if _, err = j.Append(t.Context(), bus.ClassWebhook, data(text)); err == nil {
			want = append(want, text)
		}
	}
	var refused *bus.Refused
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Positive(t, refused.RetryAfter)
	require.Equal(t, want, texts(t, j, 1), "what was acknowledged can be read")
	_, err = j.Append(t.Context(), bus.ClassCommand, data(strings.Repeat("x", 1000)))
	require.ErrorAs(t, err, &refused)

	fs.SetSpace(-1)
	put(t, j, "space again")
	want = append(want, "space again")
	require.Equal(t, want, texts(t, j, 1))
	require.NoError(t, j.Close())
	j = open(t, small(fs))
	require.Equal(t, want, texts(t, j, 1))
	names, err := fs.ReadDir("journal")
	require.NoError(t, err)
	for _, name := range names {
		require.NotContains(t, name, ".tmp")
	}
}

// waitFor yields until a condition holds.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the condition does not come to hold")
		}
	}
}

// load fills a journal whose disk hangs.
type load struct {
	j  *embedded.Journal
	wg sync.WaitGroup
}

// start begins an append that will wait and returns when it is admitted.
func (l *load) start(t *testing.T, class bus.Class, text string) {
	t.Helper()
	before := l.j.Stats().Waiting[class].Count
	l.wg.Go(func() {
		if _, err := l.j.Append(t.Context(), class, data(text)); err != nil {
			t.Errorf("%s append: %v", class, err)
		}
	})
	waitFor(t, func() bool { return l.j.Stats().Waiting[class].Count > before })
}

func TestUrgentClassesAreServedFirst(t *testing.T) {
	fs := faultfs.New()
	l := &load{j: open(t, small(fs))}
	release := fs.HoldSync()
	defer release()
	l.start(t, bus.ClassBulk, "in the disk's hands")
	waitFor(t, func() bool { return fs.SyncsWaiting() == 1 })
	order := []bus.Class{bus.ClassBulk, bus.ClassPoll, bus.ClassDevice, bus.ClassWebhook, bus.ClassCommand}
	// Bytes for more than one group, so that the order of groups counts too.
	for range 3 {
		for _, class := range order {
			l.start(t, class, strings.Repeat("x", 700))
		}
	}
	release()
	l.wg.Wait()
	last := bus.ClassCommand
	for offset := uint64(2); offset <= 16; offset++ {
		batches, err := l.j.ReadFrom(t.Context(), offset, 1)
		require.NoError(t, err)
		require.GreaterOrEqual(t, batches[0].Class, last, "batch %d", offset)
		last = batches[0].Class
	}
	require.Equal(t, bus.ClassBulk, last)
	require.Equal(t, uint64(16), l.j.End())
}

func TestAFullQueueRefusesItsClassOnlyAndMemoryStaysFlat(t *testing.T) {
	fs := faultfs.New()
	o := small(fs)
	o.Limits = map[bus.Class]embedded.Limit{
		bus.ClassBulk:    {Bytes: 1 << 20, Count: 4},
		bus.ClassPoll:    {Bytes: 4 << 10, Count: 1000},
		bus.ClassDevice:  {Bytes: 1 << 20, Count: 8},
		bus.ClassWebhook: {Bytes: 1 << 20, Count: 16},
		bus.ClassCommand: {Bytes: 1 << 20, Count: 16},
	}
	l := &load{j: open(t, o)}
	release := fs.HoldSync()
	defer release()
	fill := func(class bus.Class, n int) {
		for range n {
			l.start(t, class, strings.Repeat("x", 1000))
		}
		_, err := l.j.Append(t.Context(), class, data(strings.Repeat("x", 1000)))
		var refused *bus.Refused
		require.ErrorAs(t, err, &refused, "%s", class)
		require.Equal(t, class, refused.Class)
		require.Positive(t, refused.RetryAfter)
	}
	fill(bus.ClassBulk, 4)
	fill(bus.ClassPoll, 1) // personal data doubles the text: two are over 4 KiB
	fill(bus.ClassDevice, 8)
	fill(bus.ClassWebhook, 16)
	l.start(t, bus.ClassCommand, "a command still has room")

	flood := func(n int) {
		entries := data(strings.Repeat("x", 1000))
		for range n {
			for _, class := range []bus.Class{bus.ClassBulk, bus.ClassPoll, bus.ClassDevice, bus.ClassWebhook} {
				if _, err := l.j.Append(t.Context(), class, entries); err == nil {
					t.Fatalf("%s was taken", class)
				}
			}
		}
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	flood(100)
	before := heap()
	flood(10_000)
	require.Less(t, heap()-before, int64(256<<10), "40,000 refused batches left bytes on the heap")

	release()
	l.wg.Wait()
	require.Equal(t, uint64(4+1+8+16+1), l.j.End())
	for class, used := range l.j.Stats().Waiting {
		require.Zero(t, used, "%s", class)
	}
	for class := bus.ClassCommand; class <= bus.ClassBulk; class++ {
		_, err := l.j.Append(t.Context(), class, data("again"))
		require.NoError(t, err, "%s is taken again", class)
	}
}

func TestBulkYieldsWhenTheFoldLags(t *testing.T) {
	o := small(faultfs.New())
	o.LagLimit = 10
	j := open(t, o)
	var folded atomic.Uint64
	j.SetFold(folded.Load)
	appendAs := func(class bus.Class) error {
		_, err := j.Append(t.Context(), class, data("x"))
		return err
	}
	require.NoError(t, appendAs(bus.ClassBulk))
	for range 10 {
		require.NoError(t, appendAs(bus.ClassPoll))
	}
	var refused *bus.Refused
	require.ErrorAs(t, appendAs(bus.ClassBulk), &refused)
	require.Contains(t, refused.Error(), "11 batches behind")
	for class := bus.ClassCommand; class < bus.ClassBulk; class++ {
		require.NoError(t, appendAs(class), "%s does not yield", class)
	}
	folded.Store(j.End() - 10)
	require.NoError(t, appendAs(bus.ClassBulk))
}

func TestOnlyALittleBulkStandsBeforeTheFold(t *testing.T) {
	o := small(faultfs.New())
	o.BulkAhead = embedded.Limit{Bytes: 8 << 10, Count: 64}
	j := open(t, o)
	var folded atomic.Uint64
	j.SetFold(folded.Load)
	var refused *bus.Refused
	for round := range 20 {
		taken := 0
		for {
			_, err := j.Append(t.Context(), bus.ClassBulk, []bus.Entry{{Type: "observation", Data: bytes.Repeat([]byte("x"), 1500)}})
			if err != nil {
				require.ErrorAs(t, err, &refused)
				break
			}
			taken++
		}
		require.Equal(t, 5, taken, "round %d: five batches of 1.6 KB are 8 KiB", round)
		require.Less(t, refused.RetryAfter, time.Second)
		// A command that comes now has those five before it, whatever the full read still has to bring.
		put(t, j, "a till's command")
		require.Equal(t, uint64((round+1)*6), j.End())
		folded.Store(j.End())
	}
	_, err := j.Append(t.Context(), bus.ClassBulk, []bus.Entry{{Type: "observation", Data: bytes.Repeat([]byte("x"), 12<<10)}})
	if !errors.Is(err, bus.ErrTooLarge) {
		require.NoError(t, err, "a batch over the limit goes alone")
	}
}

// TestClassesYieldInTheirOrder fills the queue of webhooks while the disk hangs: what has time yields first, and a
// command always finds room.
func TestClassesYieldInTheirOrder(t *testing.T) {
	fs := faultfs.New()
	o := small(fs)
	o.Limits = map[bus.Class]embedded.Limit{bus.ClassWebhook: {Bytes: 1 << 20, Count: 80}}
	l := &load{j: open(t, o)}
	release := fs.HoldSync()
	defer release()
	first := map[bus.Class]int{} // webhooks that waited when a class was refused first
	for waiting := 0; ; waiting++ {
		for class := bus.ClassCommand; class <= bus.ClassBulk; class++ {
			if class == bus.ClassWebhook || first[class] != 0 {
				continue
			}
			// An append that is taken waits for the disk; that it was taken is all that counts here.
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			before := l.j.Stats().Waiting[class].Count
			go func() {
				_, err := l.j.Append(ctx, class, data("x"))
				done <- err
			}()
			var refused *bus.Refused
			waitFor(t, func() bool { return len(done) > 0 || l.j.Stats().Waiting[class].Count > before })
			cancel()
			if err := <-done; errors.As(err, &refused) {
				require.Positive(t, refused.RetryAfter)
				first[class] = waiting
			}
		}
		if waiting == 80 {
			break
		}
		l.start(t, bus.ClassWebhook, "x")
	}
	var refused *bus.Refused
	_, err := l.j.Append(t.Context(), bus.ClassWebhook, data("x"))
	require.ErrorAs(t, err, &refused, "the queue of webhooks is full")
	require.Equal(t, map[bus.Class]int{bus.ClassBulk: 21, bus.ClassPoll: 41, bus.ClassDevice: 61}, first)
	l.start(t, bus.ClassCommand, "a command still has room")
	release()
	l.wg.Wait()
}

func TestAnAppendThatGaveUpLeavesTheQueue(t *testing.T) {
	fs := faultfs.New()
	j := open(t, small(fs))
	release := fs.HoldSync()
	defer release()
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := j.Append(t.Context(), bus.ClassPoll, data("taken")); err != nil {
			t.Error(err)
		}
	})
	waitFor(t, func() bool { return fs.SyncsWaiting() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() {
		_, err := j.Append(ctx, bus.ClassPoll, data("gave up"))
		gaveUp <- err
	}()
	waitFor(t, func() bool { return j.Stats().Waiting[bus.ClassPoll].Count == 2 })
	cancel()
	require.ErrorIs(t, <-gaveUp, context.Canceled)
	release()
	wg.Wait()
	put(t, j, "next")
	waitFor(t, func() bool { return j.Stats().Waiting[bus.ClassPoll].Count == 0 })
	require.Equal(t, []string{"taken", "next"}, texts(t, j, 1), "it was still in the queue, so it is not written")
}

// hands is a clock that a test sets.
type hands struct{ wall, mono atomic.Int64 }

func (h *hands) Now() (time.Time, time.Duration) {
	return time.Unix(0, h.wall.Load()), time.Duration(h.mono.Load())
}

func (h *hands) pass(d time.Duration) { h.wall.Add(int64(d)); h.mono.Add(int64(d)) }
func (h *hands) jump(d time.Duration) { h.wall.Add(int64(d)) }

func TestTimeFollowsTheWallClockUnlessItJumps(t *testing.T) {
	const start = int64(1_800_000_000_000_000_000)
	clock := &hands{}
	clock.wall.Store(start)
	fs := faultfs.New()
	o := small(fs)
	o.Clock = clock
	j := open(t, o)
	last := start
	steps := []struct {
		name       string
		pass, jump time.Duration
		want       time.Duration // since the start
		skew       time.Duration
	}{
		{"time passes", time.Minute, 0, time.Minute, 0},
		{"a small step forward is followed", 0, 2 * time.Second, 62 * time.Second, 2 * time.Second},
		{"a small step back never turns time back", 0, -3 * time.Second, 62 * time.Second, -time.Second},
		{"an hour forward is refused", time.Minute, time.Hour, 2 * time.Minute, time.Hour - time.Second},
		{"and stays refused", time.Minute, 0, 3 * time.Minute, time.Hour - time.Second},
		{"back again it is followed", time.Minute, time.Second - time.Hour, 4 * time.Minute, 0},
		{"an hour back is refused", time.Minute, -time.Hour, 5 * time.Minute, -time.Hour},
	}
	for _, s := range steps {
		clock.pass(s.pass)
		clock.jump(s.jump)
		r := put(t, j, s.name)
		require.Equal(t, s.want, time.Duration(r.Time-start), s.name)
		require.Equal(t, s.skew, j.ClockSkew(), s.name)
		require.GreaterOrEqual(t, r.Time, last)
		last = r.Time
	}
	require.NoError(t, j.Close())

	// The wall clock is an hour behind what the journal holds: time goes on from there.
	j = open(t, o)
	require.Equal(t, -time.Hour, j.ClockSkew().Round(time.Second))
	clock.pass(time.Second)
	require.Equal(t, last+int64(time.Second), put(t, j, "after reopening").Time)
}
