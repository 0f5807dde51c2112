package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/store/storetest"
)

func snapshot(t testing.TB, s store.Store, dir string) string {
	t.Helper()
	v, err := s.View()
	check(t, err)
	defer v.Close()
	path, err := store.WriteSnapshot(t.Context(), v, dir)
	check(t, err)
	return path
}

// TestSnapshotRoundTrip takes a snapshot of each kind of store and loads it into each.
func TestSnapshotRoundTrip(t *testing.T) {
	kinds := map[string]func(testing.TB) store.Store{
		"memory": func(testing.TB) store.Store { return store.NewMemory() },
		"badger": func(t testing.TB) store.Store { return openBadger(t, t.TempDir()) },
	}
	for from, openFrom := range kinds {
		for to, openTo := range kinds {
			t.Run(from+" to "+to, func(t *testing.T) {
				a, b := openFrom(t), openTo(t)
				defer a.Close()
				defer b.Close()
				want := map[string]string{"empty": "", "odd\xff\x00key": "odd\xff\x00value"}
				rnd := rand.New(rand.NewPCG(1, 1))
				for i := range 3000 {
					want[fmt.Sprintf("k/%04d", i)] = strings.Repeat(fmt.Sprint(rnd.Uint32()), rnd.IntN(200))
				}
				want["large"] = strings.Repeat("0123456789", 200_000)
				for k, v := range want {
					storetest.Put(t, a, storetest.At(42), k, v)
				}
				storetest.Put(t, b, storetest.At(1), "old", "goes away")

				path := snapshot(t, a, t.TempDir())
				last := int64(-1)
				err := store.LoadSnapshot(t.Context(), path, b, func(done, total int64) {
					if done < last || done > total {
						t.Errorf("progress went from %d to %d of %d", last, done, total)
					}
					last = done
				})
				check(t, err)
				info, err := os.Stat(path)
				check(t, err)
				if last != info.Size() {
					t.Errorf("progress ended at %d of %d", last, info.Size())
				}
				storetest.Same(t, b, want, storetest.At(42))
			})
		}
	}
}

// TestDamagedSnapshotIsNeverLoaded changes or cuts each byte of a snapshot.
func TestDamagedSnapshotIsNeverLoaded(t *testing.T) {
	s := store.NewMemory()
	storetest.Put(t, s, storetest.At(3), "a", "1", "b", strings.Repeat("2", 300))
	dir := t.TempDir()
	good, err := os.ReadFile(snapshot(t, s, dir))
	check(t, err)
	path := filepath.Join(dir, "damaged")
	try := func(what string, bad []byte) {
		t.Helper()
		check(t, os.WriteFile(path, bad, 0o600))
		into := store.NewMemory()
		if err := store.LoadSnapshot(t.Context(), path, into, nil); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: loading gave %v; want ErrCorrupt", what, err)
		}
		storetest.Same(t, into, nil, store.Mark{})
		if _, err := store.CheckSnapshot(path); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: checking gave %v; want ErrCorrupt", what, err)
		}
	}
	for i := range good {
		bad := []byte(string(good))
		bad[i] ^= 1 << (i % 8)
		try(fmt.Sprintf("byte %d changed", i), bad)
		try(fmt.Sprintf("cut at byte %d", i), good[:i])
	}
	try("one byte more", append([]byte(string(good)), 0))
}

func TestNewestSnapshot(t *testing.T) {
	s, dir := store.NewMemory(), t.TempDir()
	expect := func(accept func(store.Mark) bool, offset uint64, corrupt bool) {
		t.Helper()
		path, mark, ok, err := store.NewestSnapshot(dir, accept)
		if ok != (offset > 0) || mark.Position.Offset != offset || errors.Is(err, store.ErrCorrupt) != corrupt {
			t.Errorf("found %q at %s, %v, error %v; want offset %d, corrupt %v", path, mark.Position, ok, err, offset, corrupt)
		}
	}
	expect(nil, 0, false)
	for _, offset := range []uint64{5, 90, 1000} {
		storetest.Put(t, s, storetest.At(offset), "a", fmt.Sprint(offset))
		snapshot(t, s, dir)
		expect(nil, offset, false)
	}
	if left := files(t, dir); len(left) != 2 {
		t.Errorf("two snapshots should be kept, there are %v", left)
	}
	expect(func(m store.Mark) bool { return m.Position.Offset < 1000 }, 90, false)
	expect(func(store.Mark) bool { return false }, 0, false)

	newest, _, _, err := store.NewestSnapshot(dir, nil)
	check(t, err)
	check(t, os.Truncate(newest, 100))
	expect(nil, 90, true)

	// Another journal's snapshots go, however high their positions.
	mark := storetest.At(7)
	mark.JournalID = "another"
	storetest.Put(t, s, mark)
	check(t, os.WriteFile(filepath.Join(dir, "view-x.snapshot.tmp"), []byte("broken off"), 0o600))
	snapshot(t, s, dir)
	expect(nil, 7, false)
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("only the new journal's snapshot should be left, there are %v", left)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestSnapshotEndsWithItsContext(t *testing.T) {
	s, dir := store.NewMemory(), t.TempDir()
	storetest.Put(t, s, storetest.At(1), "a", "1")
	good := snapshot(t, s, dir)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v, err := s.View()
	check(t, err)
	elsewhere := t.TempDir()
	if _, err := store.WriteSnapshot(ctx, v, elsewhere); !errors.Is(err, context.Canceled) {
		t.Errorf("writing with an ended context: %v", err)
	}
	if left := files(t, elsewhere); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
	if err := store.LoadSnapshot(ctx, good, s, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("loading with an ended context: %v", err)
	}
	storetest.Same(t, s, nil, store.Mark{})
}
