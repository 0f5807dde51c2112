package embedded_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/bustest"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
)

// small makes segments of a few batches.
func small(fs *faultfs.FS) embedded.Options {
	return embedded.Options{Dir: "journal", SegmentBytes: 16 << 10, MaxBatchBytes: 4 << 10, FS: fs}
}

func open(t *testing.T, o embedded.Options) *embedded.Journal {
	t.Helper()
	j, err := embedded.Open(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func data(text string) []bus.Entry {
	return []bus.Entry{{Type: "observation", Head: []byte(`{}`), Data: []byte(text), Personal: []byte("p:" + text)}}
}

func put(t *testing.T, j *embedded.Journal, text string) bus.Receipt {
	t.Helper()
	r, err := j.Append(t.Context(), bus.ClassWebhook, data(text))
	require.NoError(t, err)
	return r
}

func texts(t *testing.T, j *embedded.Journal, from uint64) []string {
	t.Helper()
	var all []string
	for {
		batches, err := j.ReadFrom(t.Context(), from, 3000)
		require.NoError(t, err)
		if len(batches) == 0 {
			return all
		}
		for _, b := range batches {
			require.Equal(t, from, b.Offset)
			require.Equal(t, "p:"+string(b.Entries[0].Data), string(b.Entries[0].Personal))
			all = append(all, string(b.Entries[0].Data))
			from++
		}
	}
}

func TestContractOnDisk(t *testing.T) {
	bustest.RunJournal(t, func(t *testing.T) func() bus.Journal {
		dir := filepath.Join(t.TempDir(), "data", "journal")
		return func() bus.Journal { return open(t, embedded.Options{Dir: dir}) }
	})
}

func TestContractAcrossManySegments(t *testing.T) {
	bustest.RunJournal(t, func(t *testing.T) func() bus.Journal {
		fs := faultfs.New()
		return func() bus.Journal { return open(t, small(fs)) }
	})
}

func TestGroupCommitSharesAnFsync(t *testing.T) {
	const writers, each = 64, 50
	fs := faultfs.New()
	j := open(t, embedded.Options{Dir: "journal", FS: fs, SegmentBytes: 32 << 20})
	before := fs.Syncs()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := j.Append(t.Context(), bus.ClassWebhook, data(fmt.Sprintf("%d/%d", w, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	syncs := fs.Syncs() - before
	require.Equal(t, uint64(writers*each), j.End())
	require.Less(t, syncs, writers*each/4, "%d fsyncs for %d appends of %d writers", syncs, writers*each, writers)
	require.Equal(t, uint64(syncs), j.Stats().Syncs)
}

func TestSegmentsRollAndAreRead(t *testing.T) {
	fs := faultfs.New()
	j := open(t, small(fs))
	var want []string
	for i := range 200 {
		want = append(want, fmt.Sprintf("%d %s", i, strings.Repeat("x", i*7%1500)))
		put(t, j, want[i])
	}
	names, err := fs.ReadDir("journal")
	require.NoError(t, err)
	require.Greater(t, len(names), 10, "segments: %v", names)
	require.Equal(t, want, texts(t, j, 1))
	for _, from := range []uint64{1, 2, 57, 111, 200} {
		require.Equal(t, want[from-1:], texts(t, j, from), "from %d", from)
	}
	require.NoError(t, j.Close())
	j = open(t, small(fs))
	require.Equal(t, want, texts(t, j, 1))
	rep, err := j.Verify(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, rep.Fault)
	require.Equal(t, uint64(200), rep.Batches)
	require.Equal(t, uint64(200), rep.Entries)
	require.Equal(t, j.ID(), rep.Journal)
	last, err := j.ReadFrom(t.Context(), 200, 1)
	require.NoError(t, err)
	require.Equal(t, last[0].Hash, rep.Hash)
}

func TestABatchOfTheLargestSizeFits(t *testing.T) {
	fs := faultfs.New()
	o := small(fs)
	o.SegmentBytes = 512 + 5120 // header, group header with a batch of 4096, mark
	j := open(t, o)
	// Type, head, lengths, digest, salt and frame header take the rest.
	for n := 4096; ; n-- {
		_, err := j.Append(t.Context(), bus.ClassPoll, []bus.Entry{{Type: "t", Data: bytes.Repeat([]byte("x"), n)}})
		if err == nil {
			require.Greater(t, n, 3900)
			break
		}
		require.ErrorIs(t, err, bus.ErrTooLarge)
	}
	put(t, j, "next segment")
	require.Equal(t, uint64(2), j.End())
}

func TestTheFolderBelongsToOneJournal(t *testing.T) {
	for name, o := range map[string]embedded.Options{"memory": small(faultfs.New()), "disk": {Dir: t.TempDir()}} {
		t.Run(name, func(t *testing.T) {
			j := open(t, o)
			_, err := embedded.Open(o)
			require.ErrorIs(t, err, embedded.ErrLocked)
			require.NoError(t, j.Close())
			require.NoError(t, open(t, o).Close())
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]embedded.Options{
		"no folder":      {},
		"tiny batches":   {Dir: "x", MaxBatchBytes: 10},
		"small segments": {Dir: "x", SegmentBytes: 1 << 20, MaxBatchBytes: 1 << 20},
		"limit of zero":  {Dir: "x", Limits: map[bus.Class]embedded.Limit{bus.ClassBulk: {}}},
		"unknown class":  {Dir: "x", Limits: map[bus.Class]embedded.Limit{99: {Bytes: 1, Count: 1}}},
	} {
		o.FS = faultfs.New()
		_, err := embedded.Open(o)
		require.Error(t, err, name)
	}
}

func TestBadBatchesAreRefused(t *testing.T) {
	j := open(t, small(faultfs.New()))
	for name, call := range map[string]func() error{
		"no entry": func() error { _, err := j.Append(t.Context(), bus.ClassPoll, nil); return err },
		"long type": func() error {
			_, err := j.Append(t.Context(), bus.ClassPoll, []bus.Entry{{Type: strings.Repeat("t", 256)}})
			return err
		},
		"unknown class": func() error { _, err := j.Append(t.Context(), 0, data("x")); return err },
	} {
		require.Error(t, call(), name)
	}
	require.Zero(t, j.End())
}

func TestTailFollowsAcrossSegmentsWhileOthersAppend(t *testing.T) {
	const n = 400
	j := open(t, small(faultfs.New()))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for w := range 4 {
		wg.Go(func() {
			for i := range n / 4 {
				if _, err := j.Append(ctx, bus.ClassWebhook, data(fmt.Sprintf("%d/%d", w, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	next := uint64(1)
	for b, err := range j.Tail(ctx, 1) {
		require.NoError(t, err)
		require.Equal(t, next, b.Offset)
		require.LessOrEqual(t, b.Offset, j.End(), "Invariant 1: nothing beyond the durable mark")
		if next++; next > n {
			break
		}
	}
}
