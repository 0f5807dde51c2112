package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/store/storetest"
)

func boot(id string) func() (string, error) {
	return func() (string, error) { return id, nil }
}

func noBoot() (string, error) { return "", errors.New("no such file") }

// TestStartRules stops a store in one way and starts it in another.
func TestStartRules(t *testing.T) {
	for _, c := range []struct {
		name      string
		crash     bool
		tamper    func(t *testing.T, state string)
		before    func() (string, error)
		after     func() (string, error)
		clean     bool
		discarded string // part of the reason
	}{
		{name: "clean stop", before: boot("1"), after: boot("1"), clean: true},
		{name: "clean stop, machine restarted", before: boot("1"), after: boot("2"), clean: true},
		{name: "process died", crash: true, before: boot("1"), after: boot("1")},
		{name: "machine died", crash: true, before: boot("1"), after: boot("2"), discarded: "the machine was restarted"},
		{name: "process died, boot not known", crash: true, before: noBoot, after: noBoot, discarded: "does not tell its boot"},
		{name: "clean stop, boot not known", before: noBoot, after: noBoot, clean: true},
		{
			name: "state file missing", before: boot("1"), after: boot("1"), discarded: "missing",
			tamper: func(t *testing.T, state string) { check(t, os.Remove(state)) },
		},
		{
			name: "state file empty", before: boot("1"), after: boot("1"), discarded: "does not read",
			tamper: func(t *testing.T, state string) { check(t, os.Truncate(state, 0)) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := store.Open(store.Options{Dir: dir, BootID: c.before})
			check(t, err)
			if start := s.Start(); !start.Fresh || start.Discarded != "" {
				t.Errorf("a new folder starts as %+v", start)
			}
			storetest.Put(t, s, storetest.At(1), "a", "1")
			if c.crash {
				dir = copyOpen(t, dir)
			}
			check(t, s.Close())
			if c.tamper != nil {
				c.tamper(t, filepath.Join(dir, "state.json"))
			}

			s, err = store.Open(store.Options{Dir: dir, BootID: c.after})
			check(t, err)
			defer func() { check(t, s.Close()) }()
			start := s.Start()
			if start.Fresh || start.Clean != c.clean || (start.Discarded == "") != (c.discarded == "") ||
				!strings.Contains(start.Discarded, c.discarded) {
				t.Errorf("it starts as %+v", start)
			}
			if c.discarded != "" {
				storetest.Same(t, s, nil, store.Mark{})
			} else {
				storetest.Same(t, s, map[string]string{"a": "1"}, storetest.At(1))
			}
		})
	}
}

// copyOpen copies the folder of an open store: what a process that dies leaves.
func copyOpen(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	check(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	s := openBadger(t, dir)
	storetest.Put(t, s, storetest.At(1), "a", "1")
	if _, err := store.Open(store.Options{Dir: dir, BootID: boot("another")}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("a second Open of a folder in use: %v", err)
	}
	storetest.Same(t, s, map[string]string{"a": "1"}, storetest.At(1))
	check(t, s.Close())
}

func TestDamagedFolderIsCorrupt(t *testing.T) {
	dir := t.TempDir()
	first := openBadger(t, dir)
	storetest.Put(t, first, storetest.At(1), "a", "1")
	check(t, first.Close())
	check(t, os.WriteFile(filepath.Join(dir, "badger", "MANIFEST"), []byte("not a manifest"), 0o600))
	if _, err := store.Open(store.Options{Dir: dir}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a folder with a damaged manifest: %v; want ErrCorrupt", err)
	}
	s, err := store.Open(store.Options{Dir: dir, Discard: true})
	check(t, err)
	if s.Start().Discarded == "" {
		t.Error("the discarded view is not told")
	}
	storetest.Same(t, s, nil, store.Mark{})
	check(t, s.Close())
}

// TestOpenViewsHoldUpWipe has Wipe wait for a view, and give up with nothing lost when it stays open.
func TestOpenViewsHoldUpWipe(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir(), ViewWait: 20 * time.Millisecond})
	check(t, err)
	storetest.Put(t, s, storetest.At(1), "a", "1")
	v, err := s.View()
	check(t, err)
	if err := s.Wipe(); err == nil {
		t.Error("Wipe went ahead under an open view")
	}
	storetest.Same(t, s, map[string]string{"a": "1"}, storetest.At(1))
	v.Close()
	v.Close() // a second Close counts for nothing
	check(t, s.Wipe())
	storetest.Same(t, s, nil, store.Mark{})
	check(t, s.Close())
}

func TestAttach(t *testing.T) {
	broken := errors.New("disk")
	chain := func(offset uint64) (string, bool, error) {
		switch offset {
		case 3:
			return "", false, nil
		case 4:
			return "", false, broken
		}
		return storetest.At(offset).Hash, true, nil
	}
	other := storetest.At(8)
	other.Hash = storetest.At(9).Hash
	for _, c := range []struct {
		name      string
		mark      store.Mark
		journalID string
		reason    string // part of it
		err       error
	}{
		{name: "confirmed", mark: storetest.At(8), journalID: "journal"},
		{name: "confirmed at the end", mark: storetest.At(10), journalID: "journal"},
		{name: "no position", journalID: "journal", reason: "no position"},
		{name: "another journal", mark: storetest.At(8), journalID: "other", reason: "of journal journal"},
		{name: "ahead", mark: storetest.At(11), journalID: "journal", reason: "ahead of the journal"},
		{name: "another hash", mark: other, journalID: "journal", reason: "hash at batch 8"},
		{name: "archived", mark: storetest.At(3), journalID: "journal", reason: "does not have batch 3"},
		{name: "unreadable", mark: storetest.At(4), journalID: "journal", err: broken},
	} {
		reason, err := store.Attach(c.mark, c.journalID, 10, chain)
		if !errors.Is(err, c.err) || (reason == "") != (c.reason == "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s: reason %q, error %v; want %q, %v", c.name, reason, err, c.reason, c.err)
		}
	}
}
