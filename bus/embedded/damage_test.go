package embedded_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/bus/embedded/faultfs"
)

const firstSegment = "journal/00000000000000000001.seg"

// span is where a commit group lies in a file, padding not counted.
type span struct{ from, to int }

// groupsOf finds the commit groups in a segment's bytes by the layout of docs/journal-format.md.
func groupsOf(b []byte) []span {
	var groups []span
	for p := 512; p < len(b) && bytes.HasPrefix(b[p:], []byte("JGRP")); {
		s := span{p, p + 72 + int(binary.LittleEndian.Uint32(b[p+28:]))}
		groups = append(groups, s)
		p = (s.to + 511) / 512 * 512
	}
	return groups
}

// written makes a journal of n batches, each a group of its own, and gives its file layer, clean or not.
func written(t *testing.T, n int, clean bool) (*faultfs.FS, []span) {
	t.Helper()
	fs := faultfs.New()
	j := open(t, small(fs))
	for i := range n {
		put(t, j, fmt.Sprintf("%d %s", i+1, strings.Repeat("x", 300*(i%3))))
	}
	if clean {
		require.NoError(t, j.Close())
	}
	b, err := fs.ReadFile(firstSegment)
	require.NoError(t, err)
	fs = fs.Clone()
	return fs, groupsOf(b)
}

func TestATornWriteAtAnyByteIsCutOff(t *testing.T) {
	fs, groups := written(t, 4, false)
	require.Len(t, groups, 4)
	last := groups[3]
	for cut := last.from; cut <= last.to; cut++ {
		fs := fs.Clone()
		require.NoError(t, fs.Damage(firstSegment, int64(cut), make([]byte, 16<<10-cut)))
		j, err := embedded.Open(small(fs))
		require.NoError(t, err, "cut at byte %d", cut)
		want := uint64(3)
		if cut == last.to {
			want = 4
		}
		require.Equal(t, want, j.End(), "cut at byte %d", cut)
		r := put(t, j, "after the tear")
		require.Equal(t, want+1, r.Offset)
		require.NoError(t, j.Close())

		rep, err := embedded.VerifyDir(t.Context(), fs, "journal", 1)
		require.NoError(t, err)
		require.Nil(t, rep.Fault, "cut at byte %d", cut)
		require.Zero(t, rep.TornBytes)
		require.Equal(t, want+1, rep.Batches)
	}
}

func TestVerifyOfAClosedFolderReportsATornTail(t *testing.T) {
	fs, groups := written(t, 4, false)
	require.NoError(t, fs.Damage(firstSegment, int64(groups[3].to-1), []byte{0xff}))
	rep, err := embedded.VerifyDir(t.Context(), fs, "journal", 1)
	require.NoError(t, err)
	require.Nil(t, rep.Fault)
	require.Equal(t, uint64(3), rep.Last)
	require.Positive(t, rep.TornBytes)
}

func TestAFlippedBitBehindGoodGroupsIsCorruption(t *testing.T) {
	for name, clean := range map[string]bool{"closed cleanly": true, "not closed": false} {
		t.Run(name, func(t *testing.T) {
			fs, groups := written(t, 4, clean)
			proven := groups[:len(groups)-1] // the last group, or mark, proves those before it
			for _, g := range proven {
				for at := g.from; at < g.to; at++ {
					requireCorrupt(t, fs, at, int64(g.from))
				}
			}
			for at := range 512 {
				requireCorrupt(t, fs, at, 0)
			}
		})
	}
}

// requireCorrupt flips a bit and wants the journal to stop at a place from group on that is not behind the flip.
func requireCorrupt(t *testing.T, fs *faultfs.FS, at int, group int64) {
	t.Helper()
	fs = fs.Clone()
	b, err := fs.ReadFile(firstSegment)
	require.NoError(t, err)
	require.NoError(t, fs.Damage(firstSegment, int64(at), []byte{b[at] ^ 1<<(at%8)}))
	_, err = embedded.Open(small(fs))
	var corrupt *embedded.CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("bit flipped at byte %d: open gave %v", at, err)
	}
	require.Equal(t, firstSegment, corrupt.Path)
	require.GreaterOrEqual(t, corrupt.Pos, group, "flip at %d", at)
	require.LessOrEqual(t, corrupt.Pos, int64(at), "flip at %d", at)
	require.Contains(t, err.Error(), firstSegment)
	require.Contains(t, err.Error(), fmt.Sprintf("byte %d", corrupt.Pos))
	require.Contains(t, err.Error(), "jumpring verify")

	rep, err := embedded.VerifyDir(t.Context(), fs, "journal", 1)
	require.NoError(t, err)
	require.NotNil(t, rep.Fault, "verify must find the flip at %d", at)
	require.Equal(t, corrupt.Pos, rep.Fault.Pos)
}

func TestDamageInAnOlderSegmentStopsReadersAndVerify(t *testing.T) {
	fs := faultfs.New()
	j := open(t, small(fs))
	for i := range 60 {
		put(t, j, fmt.Sprintf("%d %s", i, strings.Repeat("x", 600)))
	}
	b, err := fs.ReadFile(firstSegment)
	require.NoError(t, err)
	g := groupsOf(b)[2]
	require.NoError(t, fs.Damage(firstSegment, int64(g.to-3), []byte{^b[g.to-3]}))

	_, err = j.ReadFrom(t.Context(), 3, 100)
	var corrupt *embedded.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Equal(t, uint64(3), corrupt.Offset)
	rep, err := j.Verify(t.Context(), 1)
	require.NoError(t, err)
	require.NotNil(t, rep.Fault)
	require.Equal(t, uint64(3), rep.Fault.Offset)
	require.Equal(t, uint64(2), rep.Last)
	require.Len(t, texts(t, j, 50), 11, "what is not damaged can still be read")
}

// segmentsOf lists the segments of a folder.
func segmentsOf(t *testing.T, fs *faultfs.FS, dir string) []string {
	t.Helper()
	names, err := fs.ReadDir(dir)
	require.NoError(t, err)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".seg") })
}

func TestAMissingSegmentIsCorruption(t *testing.T) {
	fs := faultfs.New()
	j := open(t, small(fs))
	for i := range 60 {
		put(t, j, fmt.Sprintf("%d %s", i, strings.Repeat("x", 600)))
	}
	require.NoError(t, j.Close())
	names := segmentsOf(t, fs, "journal")
	require.NoError(t, fs.Remove("journal/"+names[1]))
	_, err := embedded.Open(small(fs))
	var corrupt *embedded.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Contains(t, err.Error(), names[1])
}

func TestASegmentOfAnotherJournalIsCorruption(t *testing.T) {
	fs := faultfs.New()
	o := small(fs)
	for _, dir := range []string{"journal", "other"} {
		o.Dir = dir
		j := open(t, o)
		for range 40 {
			put(t, j, strings.Repeat("x", 600))
		}
		require.NoError(t, j.Close())
	}
	names := segmentsOf(t, fs, "other")
	require.NoError(t, fs.Rename("other/"+names[1], "journal/"+names[1]))
	_, err := embedded.Open(small(fs))
	var corrupt *embedded.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.Contains(t, err.Error(), "another journal")
}

func TestANewerFormatIsNeitherDamageNorATornTail(t *testing.T) {
	for name, at := range map[string]func([]span) (from, version, crc int){
		"segment": func([]span) (int, int, int) { return 0, 8, 508 },
		"group":   func(g []span) (int, int, int) { return g[3].from, 4, 68 },
		"frame":   func(g []span) (int, int, int) { return g[3].from + 72, 4, 100 },
	} {
		t.Run(name, func(t *testing.T) {
			fs, groups := written(t, 4, false)
			b, err := fs.ReadFile(firstSegment)
			require.NoError(t, err)
			from, version, crc := at(groups)
			b[from+version] = 9
			sum := crc32.Checksum(b[from:from+crc], crc32.MakeTable(crc32.Castagnoli))
			binary.LittleEndian.PutUint32(b[from+crc:], sum)
			require.NoError(t, fs.Damage(firstSegment, 0, b))
			_, err = embedded.Open(small(fs))
			require.ErrorContains(t, err, "format version 9")
			var corrupt *embedded.CorruptError
			require.False(t, errors.As(err, &corrupt))
			after, err := fs.ReadFile(firstSegment)
			require.NoError(t, err)
			require.Equal(t, b, after, "the file must stay as it was")
		})
	}
}

func TestJournaledBytesThatLookLikeAGroupAreNotTakenForOne(t *testing.T) {
	fs := faultfs.New()
	o := small(fs)
	j := open(t, o)
	put(t, j, "first")
	b, err := fs.ReadFile(firstSegment)
	require.NoError(t, err)
	g := groupsOf(b)[0]
	// The copy of a group at each sector of what will be a torn batch.
	forged := bytes.Repeat(append(bytes.Clone(b[g.from:g.from+72]), make([]byte, 512-72)...), 6)
	_, err = j.Append(t.Context(), bus.ClassWebhook, []bus.Entry{{Type: "x", Data: forged}})
	require.NoError(t, err)
	b, err = fs.ReadFile(firstSegment)
	require.NoError(t, err)
	last := groupsOf(b)[1]
	for shift := range 512 {
		fs := fs.Clone()
		torn := append(make([]byte, 512+shift), forged[:2048]...) // the header and some sectors never came
		require.NoError(t, fs.Damage(firstSegment, int64(last.from), torn))
		j, err := embedded.Open(small(fs))
		require.NoError(t, err, "shift %d", shift)
		require.Equal(t, uint64(1), j.End())
		require.NoError(t, j.Close())
	}
}

func TestATornTailIsWipedBeforeAnythingIsAppended(t *testing.T) {
	fs, groups := written(t, 6, false)
	torn := groups[5]
	require.Greater(t, torn.to-torn.from, 512, "the torn group must reach beyond the mark that takes its place")
	require.NoError(t, fs.Damage(firstSegment, int64(torn.from), []byte{0}))
	for seed := range uint64(20) {
		fs := fs.Clone()
		j := open(t, small(fs))
		require.Equal(t, uint64(5), j.End())
		b, err := fs.Crash(seed).ReadFile(firstSegment) // durably: no crash brings it back
		require.NoError(t, err)
		left := groupsOf(b)
		require.Len(t, left, 6, "five batches and a mark")
		for at := left[5].to; at < len(b); at++ {
			require.Zero(t, b[at], "byte %d of the torn tail is left", at)
		}
	}
}
