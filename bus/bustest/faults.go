package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
)

// Machine is what a journal runs on, with the faults that the suite can cause there. A fault that an implementation has
// no way to cause is nil, and its tests say so.
type Machine struct {
	// Open opens the journal, a new one first and then what the fault before left.
	Open func() (bus.Journal, error)
	// CrashAt lets the machine fail in the n-th change of its disk from now on. Everything fails then until Crash.
	CrashAt func(n int)
	// Crash lets the machine fail now if it has not yet, and starts it again; seed chooses what was not durable and is
	// there all the same.
	Crash func(seed uint64)
	// FailSync makes the n-th sync from now on fail, 1 being the next.
	FailSync func(n int)
	// Hang makes the disk, or the broker, stand still until release is called.
	Hang func() (release func())
	// Fill leaves no space; free gives it back.
	Fill func() (free func())
	// Jump moves the wall clock against the monotonic one.
	Jump func(by time.Duration)
	// Tear gives a machine on which the newest batch was written only up to its byte n, and false when it has fewer.
	Tear func(n int) (*Machine, bool)
	// Flip gives a machine on which one bit of byte n is wrong in what was written before the newest batch, and false
	// when that has fewer bytes.
	Flip func(n int) (*Machine, bool)
}

// RunJournalFaults checks what a journal keeps when its machine fails. place gives a machine of its own with an empty
// journal.
func RunJournalFaults(t *testing.T, place func(t *testing.T) *Machine) {
	t.Helper()
	for _, tc := range []struct {
		name string
		can  func(m *Machine) bool
		run  func(t *testing.T, m *Machine)
	}{
		{"a crash between any two steps loses nothing acknowledged and doubles nothing", func(m *Machine) bool { return m.Crash != nil && m.CrashAt != nil }, testCrashAtEachStep},
		{"a failed sync fails the journal until it is opened again", func(m *Machine) bool { return m.FailSync != nil }, testFailedSync},
		{"a full disk refuses, and takes again when there is space", func(m *Machine) bool { return m.Fill != nil }, testFullDisk},
		{"an append ends with its context while the disk stands still", func(m *Machine) bool { return m.Hang != nil }, testHang},
		{"readers see nothing that a hanging disk has not taken", func(m *Machine) bool { return m.Hang != nil }, testNothingAhead},
		{"time never goes back, whichever way the clock jumps", func(m *Machine) bool { return m.Jump != nil }, testClockJumps},
		{"a torn write at any byte of the newest batch is cut off", func(m *Machine) bool { return m.Tear != nil }, testTorn},
		{"a flipped bit before the newest batch is found and never read over", func(m *Machine) bool { return m.Flip != nil }, testFlipped},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := place(t)
			if !tc.can(m) {
				t.Log("this bus has no way to cause it")
				return
			}
			tc.run(t, m)
		})
	}
}

func (m *Machine) opened(t *testing.T) bus.Journal {
	t.Helper()
	j, err := m.Open()
	require.NoError(t, err)
	return j
}

func bodies(t *testing.T, j bus.Journal) []string {
	t.Helper()
	var out []string
	for _, b := range readAll(t, j, 1) {
		out = append(out, string(b.Entries[0].Data))
	}
	return out
}

func testCrashAtEachStep(t *testing.T, m *Machine) {
	var acked []string
	tried := map[string]bool{}
	for step := 1; step <= 60; step++ {
		m.CrashAt(step)
		j, err := m.Open()
		for i := 0; err == nil && i < 12; i++ {
			text := fmt.Sprintf("%d/%d %s", step, i, strings.Repeat("x", i*60))
			tried[text] = true
			if _, err = j.Append(limited(t), bus.ClassWebhook, entry(text)); err == nil {
				acked = append(acked, text)
			}
		}
		m.Crash(uint64(step))
		if j != nil {
			_ = j.Close() // its machine is gone
		}
		j = m.opened(t)
		found := map[string]int{}
		at := 0
		for _, text := range bodies(t, j) {
			require.True(t, tried[text], "step %d: %q was never appended", step, text)
			found[text]++
			require.Equal(t, 1, found[text], "step %d: %q is there twice", step, text)
			if at < len(acked) && acked[at] == text {
				at++
			}
		}
		require.Equal(t, len(acked), at, "step %d: what was acknowledged is there, in its order", step)
		require.NoError(t, j.Close())
	}
}

func testFailedSync(t *testing.T, m *Machine) {
	j := m.opened(t)
	appendOne(t, j, "good")
	m.FailSync(1)
	for range 3 {
		_, err := j.Append(limited(t), bus.ClassCommand, entry("lost"))
		require.ErrorIs(t, err, bus.ErrFailed)
	}
	require.Equal(t, []string{"good"}, bodies(t, j), "what is durable can be read")
	require.NoError(t, j.Close())
	j = m.opened(t)
	appendOne(t, j, "on")
	require.NoError(t, j.Close())
}

func testFullDisk(t *testing.T, m *Machine) {
	j := m.opened(t)
	defer func() { require.NoError(t, j.Close()) }()
	free := m.Fill()
	var want []string
	var refused *bus.Refused
	for i := 0; refused == nil; i++ {
		require.Less(t, i, 100_000, "a full disk refuses some time")
		text := fmt.Sprintf("%d %s", i, strings.Repeat("x", 500))
		_, err := j.Append(limited(t), bus.ClassWebhook, entry(text))
		if err == nil {
			want = append(want, text)
			continue
		}
		require.ErrorAs(t, err, &refused)
		require.Positive(t, refused.RetryAfter)
	}
	require.Equal(t, want, bodies(t, j))
	free()
	appendOne(t, j, "space again")
	require.Equal(t, append(want, "space again"), bodies(t, j))
}

func testHang(t *testing.T, m *Machine) {
	j := m.opened(t)
	defer func() { require.NoError(t, j.Close()) }()
	release := m.Hang()
	defer release()
	ctx, cancel := context.WithCancel(limited(t))
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if _, err := j.Append(ctx, bus.ClassDevice, entry(fmt.Sprint(i))); !errors.Is(err, context.Canceled) {
				t.Errorf("append %d while the disk stands still: %v", i, err)
			}
		})
	}
	cancel()
	wg.Wait()
	release()
	appendOne(t, j, "on")
	list := bodies(t, j)
	require.Equal(t, "on", list[len(list)-1])
}

func testNothingAhead(t *testing.T, m *Machine) {
	j := m.opened(t)
	defer func() { require.NoError(t, j.Close()) }()
	appendOne(t, j, "durable")
	release := m.Hang()
	defer release()
	done := make(chan error, 1)
	ctx := limited(t)
	go func() {
		_, err := j.Append(ctx, bus.ClassCommand, entry("on its way"))
		done <- err
	}()
	for range 200 {
		require.Equal(t, uint64(1), j.End())
		require.Equal(t, []string{"durable"}, bodies(t, j))
	}
	require.Empty(t, done)
	release()
	require.NoError(t, <-done)
	require.Equal(t, []string{"durable", "on its way"}, bodies(t, j))
}

func testClockJumps(t *testing.T, m *Machine) {
	j := m.opened(t)
	last := appendOne(t, j, "0").Time
	for i, by := range []time.Duration{time.Hour, -2 * time.Hour, time.Second, -10 * time.Second, 24 * time.Hour, -48 * time.Hour} {
		m.Jump(by)
		r := appendOne(t, j, fmt.Sprint(i+1))
		require.GreaterOrEqual(t, r.Time, last, "after a jump by %s", by)
		require.Less(t, r.Time-last, int64(time.Minute), "a jump by %s is not followed", by)
		last = r.Time
		if i == 3 {
			require.NoError(t, j.Close())
			j = m.opened(t)
		}
	}
	require.NoError(t, j.Close())
}

// threeBatches is what the tests of damage work on.
func threeBatches(t *testing.T, m *Machine) []string {
	t.Helper()
	j := m.opened(t)
	want := []string{"first", "second " + strings.Repeat("x", 300), "third " + strings.Repeat("y", 200)}
	for _, text := range want {
		appendOne(t, j, text)
	}
	m.Crash(0) // no clean end: nothing stands behind the newest batch
	_ = j.Close()
	return want
}

func testTorn(t *testing.T, m *Machine) {
	want := threeBatches(t, m)
	n, whole := 0, 0
	for ; ; n++ {
		torn, ok := m.Tear(n)
		if !ok {
			break
		}
		j, err := torn.Open()
		require.NoError(t, err, "torn at byte %d", n)
		left := bodies(t, j)
		if len(left) == 3 {
			whole++ // the bytes that did not come are zeros, as the disk had there
		}
		require.Equal(t, want[:len(left)], left, "torn at byte %d", n)
		require.GreaterOrEqual(t, len(left), 2, "torn at byte %d", n)
		require.Equal(t, uint64(len(left)+1), appendOne(t, j, "on").Offset)
		require.NoError(t, j.Close())
		j = torn.opened(t)
		require.Equal(t, append(want[:len(left):len(left)], "on"), bodies(t, j), "torn at byte %d", n)
		require.NoError(t, j.Close())
	}
	require.LessOrEqual(t, whole, 8, "cuts that left the batch whole")
	require.Greater(t, n, 200, "bytes of the newest batch")
}

func testFlipped(t *testing.T, m *Machine) {
	want := threeBatches(t, m)
	n := 0
	for ; ; n++ {
		flipped, ok := m.Flip(n)
		if !ok {
			break
		}
		j, err := flipped.Open()
		if err != nil {
			continue // it says so and changes nothing
		}
		for from := uint64(1); from <= 3; from++ {
			batches, err := j.ReadFrom(limited(t), from, 1)
			if err == nil && len(batches) > 0 {
				require.Equal(t, want[from-1], string(batches[0].Entries[0].Data), "bit of byte %d", n)
				require.True(t, bytes.Equal([]byte(`{"actor":"test"}`), batches[0].Entries[0].Head), "bit of byte %d", n)
			}
		}
		require.NoError(t, j.Close())
	}
	require.Greater(t, n, 300, "bytes before the newest batch")
}
