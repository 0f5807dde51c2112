package embedded_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
)

// shelved is a journal's options with an archive.
func shelved(fs *faultfs.FS) embedded.Options {
	o := small(fs)
	o.Archive = "archive"
	return o
}

func filled(t *testing.T, j *embedded.Journal, n int) (want []string) {
	t.Helper()
	for i := range n {
		want = append(want, fmt.Sprintf("%d %s", i+1, strings.Repeat("x", 700)))
		put(t, j, want[i])
	}
	return want
}

func TestReadingGoesOnThroughTheArchive(t *testing.T) {
	fs := faultfs.New()
	j := open(t, shelved(fs))
	want := filled(t, j, 100)
	before, err := fs.ReadDir("journal")
	require.NoError(t, err)
	tail := 0
	for b, err := range j.Tail(t.Context(), 1) {
		require.NoError(t, err)
		require.Equal(t, want[tail], string(b.Entries[0].Data))
		if tail++; tail == 7 { // in the midst of a segment that moves now
			moved, err := j.Archive(t.Context(), 60)
			require.NoError(t, err)
			require.NotEmpty(t, moved)
		}
		if tail == 100 {
			break
		}
	}
	left, err := fs.ReadDir("journal")
	require.NoError(t, err)
	require.Less(t, len(left), len(before))
	require.Equal(t, want, texts(t, j, 1))
	rep, err := j.Verify(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, rep.Fault)
	require.Equal(t, uint64(100), rep.Batches, "verified from zero, through the archive")

	shelf, err := embedded.VerifyDir(t.Context(), fs, "archive", 1)
	require.NoError(t, err)
	require.Nil(t, shelf.Fault)
	require.Less(t, shelf.Last, uint64(60))

	require.NoError(t, j.Close())
	j = open(t, shelved(fs))
	require.Equal(t, want, texts(t, j, 1), "after a restart too")
	moved, err := j.Archive(t.Context(), 1_000_000)
	require.NoError(t, err)
	require.NotEmpty(t, moved)
	require.Equal(t, "on", texts(t, j, put(t, j, "on").Offset)[0], "the newest segment stays")
	require.Len(t, texts(t, j, 1), 101)
}

func TestWithoutItsArchiveAJournalSaysWhatIsAway(t *testing.T) {
	fs := faultfs.New()
	j := open(t, shelved(fs))
	filled(t, j, 100)
	_, err := j.Archive(t.Context(), 60)
	require.NoError(t, err)
	require.NoError(t, j.Close())

	o := shelved(fs)
	o.Archive = "unplugged"
	j = open(t, o)
	require.Equal(t, uint64(100), j.End())
	_, err = j.ReadFrom(t.Context(), 1, 100)
	require.ErrorIs(t, err, bus.ErrArchived)
	for _, err := range j.Tail(t.Context(), 1) {
		require.ErrorIs(t, err, bus.ErrArchived)
	}
	require.Len(t, texts(t, j, 60), 41)
}

func TestACrashWhileArchivingLosesNothing(t *testing.T) {
	for seed := range uint64(min(seeds(t, 60), 5000)) {
		fs := faultfs.New()
		j := open(t, shelved(fs))
		want := filled(t, j, 60)
		fs.CrashAt(1 + int(seed%12))
		_, _ = j.Archive(t.Context(), 50) // how far it came is what the next start finds
		fs = end(fs, rand.New(rand.NewPCG(seed, 9)))
		_ = j.Close()
		j, err := embedded.Open(shelved(fs))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, want, texts(t, j, 1), "seed %d", seed)
		require.NoError(t, j.Close())
	}
}

func TestAReaderFindsItsPlaceByTheIndex(t *testing.T) {
	const n = 3000
	fs := faultfs.New()
	o := small(fs)
	o.SegmentBytes = 4 << 20
	j := open(t, o)
	for i := range n {
		put(t, j, fmt.Sprintf("%d %s", i+1, strings.Repeat("x", 1500)))
	}
	require.NoError(t, j.Close())
	const index = "journal/00000000000000000001.idx"
	kept, err := fs.ReadFile(index)
	require.NoError(t, err)

	cost := func(from uint64) int64 {
		j := open(t, o)
		defer func() { require.NoError(t, j.Close()) }()
		before := fs.BytesRead()
		got, err := j.ReadFrom(t.Context(), from, 1)
		require.NoError(t, err)
		require.Equal(t, from, got[0].Offset)
		return fs.BytesRead() - before
	}
	const most = 200 << 10
	require.Less(t, cost(700), int64(most), "bytes read to find one batch in a full segment")
	for name, spoil := range map[string]func(){
		"it is gone":    func() { require.NoError(t, fs.Remove(index)) },
		"it is damaged": func() { require.NoError(t, fs.Damage(index, 40, []byte{kept[40] ^ 1})) },
	} {
		spoil()
		require.Greater(t, cost(700), int64(1<<20), "%s: the segment is walked once", name)
		require.Less(t, cost(700), int64(most), "%s: and the index is there again", name)
		again, err := fs.ReadFile(index)
		require.NoError(t, err)
		require.Equal(t, kept, again)
	}
}

func TestPackedBatchesReadAsPlainOnes(t *testing.T) {
	fs := faultfs.New()
	o := small(fs)
	o.Compress = true
	j := open(t, o)
	want := filled(t, j, 50)
	packed := j.Stats().Bytes
	require.NoError(t, j.Close())

	o.Compress = false // whoever does not pack reads what was packed
	j = open(t, o)
	require.Equal(t, want, texts(t, j, 1))
	want = append(want, "plain")
	put(t, j, "plain")
	require.Equal(t, want, texts(t, j, 1))
	rep, err := j.Verify(t.Context(), 1)
	require.NoError(t, err)
	require.Nil(t, rep.Fault)

	plain := open(t, small(faultfs.New()))
	filled(t, plain, 50)
	require.Less(t, packed, plain.Stats().Bytes)

	b, err := fs.ReadFile(firstSegment)
	require.NoError(t, err)
	g := groupsOf(b)[0]
	for at := g.from; at < g.to; at += 7 {
		fs := fs.Clone()
		require.NoError(t, fs.Damage(firstSegment, int64(at), []byte{b[at] ^ 1}))
		rep, err := embedded.VerifyDir(t.Context(), fs, "journal", 1)
		require.NoError(t, err)
		require.NotNil(t, rep.Fault, "flip at byte %d", at)
	}
}
