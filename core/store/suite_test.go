package store_test

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/store/storetest"
)

func openBadger(t testing.TB, dir string) store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMemory(t *testing.T) {
	storetest.Suite(t, func(testing.TB, string) store.Store { return store.NewMemory() }, false)
}

func TestBadger(t *testing.T) { storetest.Suite(t, openBadger, true) }

const crashDir = "JUMPRING_STORE_CRASH_DIR"

// crashWrites are the changes of commit n: overwrites, removals and sizes on both sides of a page.
func crashWrites(n uint64) *store.Writes {
	w := &store.Writes{}
	for i := range uint64(10) {
		rnd := rand.New(rand.NewPCG(n, i))
		key := fmt.Sprintf("k/%03d", rnd.IntN(300))
		if rnd.IntN(5) == 0 {
			w.Delete(key)
		} else {
			w.Put(key, []byte(strings.Repeat(fmt.Sprintf("%d.%d ", n, i), rnd.IntN(1500))))
		}
	}
	return w
}

// commitUntilKilled goes on where the store stands and tells each commit once it is made.
func commitUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	s, err := store.Open(store.Options{Dir: dir})
	fail(err)
	v, err := s.View()
	fail(err)
	mark, err := v.Mark()
	fail(err)
	v.Close()
	for n := mark.Position.Offset + 1; ; n++ {
		fail(s.Commit(crashWrites(n), storetest.At(n)))
		fmt.Println(n)
	}
}

// TestCrash kills a process in the middle of its commits. What is there afterwards is exactly the commits up to the
// mark, and the mark is not behind what was told. Every other time the next process goes on without a look in between.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	model := make(map[string]string)
	modelled := uint64(0)
	rnd := rand.New(rand.NewPCG(7, 7))
	rounds := 8
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		told := runAndKill(t, dir, 20+rnd.IntN(250))
		if round%2 == 0 {
			continue
		}
		s, err := store.Open(store.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if start := s.Start(); start != (store.Start{}) {
			t.Errorf("after the kill the store was opened as %+v", start)
		}
		_, mark := storetest.Content(t, s)
		at := mark.Position.Offset
		if at < told {
			t.Errorf("round %d: commit %d was told, the mark is at %d", round, told, at)
		}
		for ; modelled < at; modelled++ {
			err := crashWrites(modelled + 1).Each(func(k string, v []byte, deleted bool) error {
				if delete(model, k); !deleted {
					model[k] = string(v)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		storetest.Same(t, s, model, storetest.At(at))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if modelled < 100 {
		t.Errorf("only %d commits were checked", modelled)
	}
}

// runAndKill lets a process make some commits more, kills it and gives the last commit that it told.
func runAndKill(t *testing.T, dir string, commits int) (told uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range commits {
		if !lines.Scan() {
			break
		}
		if _, err := fmt.Sscan(lines.Text(), &told); err != nil {
			t.Errorf("the process said %q", lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process ended by itself: %v: %s", err, stderr.String())
	}
	return told
}

// diskUse gives the sizes of a folder's files and the blocks that they take, in bytes.
func diskUse(t testing.TB, dir string) (apparent, blocks int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the store has removed it meanwhile
		}
		if err != nil {
			return err
		}
		apparent += info.Size()
		blocks += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return apparent, blocks
}

func TestFreshFolderIsSmall(t *testing.T) {
	dir := t.TempDir()
	s := openBadger(t, dir)
	storetest.Put(t, s, storetest.At(1), "a", "1")
	const limit = 50 << 20
	if apparent, blocks := diskUse(t, dir); apparent >= limit || blocks >= limit {
		t.Errorf("a fresh folder has files of %d bytes on %d bytes of disk; limit %d", apparent, blocks, limit)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if apparent, _ := diskUse(t, dir); apparent >= 4<<20 {
		t.Errorf("closed, it has %d bytes", apparent)
	}
}

// TestSpaceAfterOverwritingTenTimes waits for disk use to come below four times the live data, with the store open.
func TestSpaceAfterOverwritingTenTimes(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(store.Options{Dir: dir, GCInterval: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const records, size, rounds = 5_000, 2_000, 11
	live := int64(0)
	rnd := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, size/2) // in hexadecimal, nothing of it can be packed
	for round := range rounds {
		live = 0
		for i := 0; i < records; i += 500 {
			w := &store.Writes{}
			for n := range 500 {
				key := fmt.Sprintf("rec/item/%06d", i+n)
				_, _ = rnd.Read(noise)
				w.Put(key, hex.AppendEncode(nil, noise))
				live += int64(len(key) + size)
			}
			if err := s.Commit(w, storetest.At(uint64(round*records+i+1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	giveUp := time.After(30 * time.Second)
	for {
		_, used := diskUse(t, dir)
		if used < 4*live {
			t.Logf("%d MB written over %d MB live: %.2f times the live data on disk",
				rounds*live>>20, live>>20, float64(used)/float64(live))
			return
		}
		select {
		case <-poll.C:
		case <-giveUp:
			t.Fatalf("%d bytes on disk for %d bytes of live data: more than four times as much", used, live)
		}
	}
}
