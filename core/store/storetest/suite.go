package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Open opens the store that lives in a folder. A store without a folder gives a new one each time.
type Open func(t testing.TB, dir string) store.Store

// Suite is what every store has to do. durable tells that a folder keeps what was committed.
func Suite(t *testing.T, open Open, durable bool) {
	run := func(name string, test func(t *testing.T, s store.Store)) {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			defer closeStore(t, s)
			test(t, s)
		})
	}
	run("a fresh store is empty", testFresh)
	run("a commit is read at once", testReadYourCommit)
	run("a view stays as it is", testIsolation)
	run("a scan is in order and within its bounds", testScan)
	run("a scan stops when told", testScanStops)
	run("removed keys are gone", testDelete)
	run("values are the caller's", testOwnership)
	run("a value of one megabyte", testLarge)
	run("many keys", testMany)
	run("what is too big is refused whole", testTooBig)
	run("bad keys are refused whole", testBadKeys)
	run("wipe removes all", testWipe)
	run("readers beside the writer see whole commits", testConcurrent)
	t.Run("a closed store refuses", func(t *testing.T) { testClosed(t, open(t, t.TempDir())) })
	if durable {
		t.Run("reopened it is the same", func(t *testing.T) { testReopen(t, open) })
	}
}

// At gives a mark at an offset, for tests.
func At(offset uint64) store.Mark {
	return store.Mark{
		JournalID: "journal", Position: canon.Position{Offset: offset, Index: 2}, Hash: fmt.Sprintf("%064x", offset),
		Time: int64(offset) * 1000, FoldVersion: 1,
	}
}

// Put commits pairs of key and value.
func Put(t testing.TB, s store.Store, mark store.Mark, pairs ...string) {
	t.Helper()
	var w store.Writes
	for i := 0; i < len(pairs); i += 2 {
		w.Put(pairs[i], []byte(pairs[i+1]))
	}
	if err := s.Commit(&w, mark); err != nil {
		t.Fatal(err)
	}
}

// Content reads all that a store shows, with its mark.
func Content(t testing.TB, s store.Store) (map[string]string, store.Mark) {
	t.Helper()
	v := view(t, s)
	defer v.Close()
	got := make(map[string]string)
	last := ""
	err := v.Scan("", "", func(k string, value []byte) (bool, error) {
		if k <= last {
			t.Errorf("the scan gave %q after %q", k, last)
		}
		last, got[k] = k, string(value)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mark, err := v.Mark()
	if err != nil {
		t.Fatal(err)
	}
	return got, mark
}

// Same fails when a store does not show exactly want and mark.
func Same(t testing.TB, s store.Store, want map[string]string, mark store.Mark) {
	t.Helper()
	got, gotMark := Content(t, s)
	if gotMark != mark {
		t.Errorf("the mark is %+v; want %+v", gotMark, mark)
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if v, ok := got[k]; !ok || v != want[k] {
			t.Errorf("key %q: there %v, %d bytes; want %d bytes", k, ok, len(v), len(want[k]))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("key %q is there and should not be", k)
		}
	}
}

func view(t testing.TB, s store.Store) store.View {
	t.Helper()
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func closeStore(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func get(t testing.TB, r store.Reader, key string) (string, bool) {
	t.Helper()
	v, ok, err := r.Get(key)
	if err != nil {
		t.Fatalf("get %q: %v", key, err)
	}
	return string(v), ok
}

func keys(t testing.TB, r store.Reader, prefix, from string) string {
	t.Helper()
	var got []string
	err := r.Scan(prefix, from, func(k string, _ []byte) (bool, error) {
		got = append(got, k)
		return true, nil
	})
	if err != nil {
		t.Fatalf("scan %q from %q: %v", prefix, from, err)
	}
	return strings.Join(got, " ")
}

func testFresh(t *testing.T, s store.Store) {
	Same(t, s, nil, store.Mark{})
	v := view(t, s)
	defer v.Close()
	for _, key := range []string{"a", "", store.KeyMark} {
		if _, ok := get(t, v, key); ok {
			t.Errorf("key %q is there", key)
		}
	}
}

func testReadYourCommit(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "1", "empty", "", "b", "1")
	Put(t, s, At(2), "b", "2")
	Same(t, s, map[string]string{"a": "1", "empty": "", "b": "2"}, At(2))
	Put(t, s, At(3)) // a commit may move the mark alone
	Same(t, s, map[string]string{"a": "1", "empty": "", "b": "2"}, At(3))
	v := view(t, s)
	defer v.Close()
	if _, ok := get(t, v, "empty"); !ok {
		t.Error("an empty value counts as absent")
	}
	if _, ok := get(t, v, store.KeyMark); ok {
		t.Error("the mark shows among the keys")
	}
}

func testIsolation(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "1", "b", "1")
	old := view(t, s)
	defer old.Close()
	w := &store.Writes{}
	w.Put("a", []byte("2"))
	w.Delete("b")
	w.Put("c", []byte("2"))
	if err := s.Commit(w, At(2)); err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, old, "a"); v != "1" || keys(t, old, "", "") != "a b" {
		t.Errorf("the older view shows a = %q and keys %q", v, keys(t, old, "", ""))
	}
	if mark, err := old.Mark(); mark != At(1) || err != nil {
		t.Errorf("the older view's mark is %+v, %v", mark, err)
	}
	Same(t, s, map[string]string{"a": "2", "c": "2"}, At(2))
}

func testScan(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "", "a/1", "", "a/2", "", "a/2\x00x", "", "a/3", "", "a0", "", "b/1", "", "meta/a", "", "meta/z", "",
		"é", "", "z\xff", "", "z\xff\xff", "")
	v := view(t, s)
	defer v.Close()
	for _, c := range []struct{ prefix, from, want string }{
		{"", "", "a a/1 a/2 a/2\x00x a/3 a0 b/1 meta/a meta/z z\xff z\xff\xff é"},
		{"a/", "", "a/1 a/2 a/2\x00x a/3"},
		{"a", "", "a a/1 a/2 a/2\x00x a/3 a0"},
		{"a/", "a/2", "a/2 a/2\x00x a/3"},
		{"a/", "a/2\x00", "a/2\x00x a/3"},
		{"a/", "a/9", ""},
		{"a/", "b", ""},
		{"a/", "A", "a/1 a/2 a/2\x00x a/3"},
		{"", "a0", "a0 b/1 meta/a meta/z z\xff z\xff\xff é"},
		{"c", "", ""},
		{"meta/", "", "meta/a meta/z"},
		{"z\xff", "", "z\xff z\xff\xff"},
	} {
		if got := keys(t, v, c.prefix, c.from); got != c.want {
			t.Errorf("Scan(%q, %q) gave %q; want %q", c.prefix, c.from, got, c.want)
		}
	}
}

func testScanStops(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "1", "b", "2", "c", "3")
	v := view(t, s)
	defer v.Close()
	n := 0
	if err := v.Scan("", "", func(string, []byte) (bool, error) { n++; return n < 2, nil }); err != nil || n != 2 {
		t.Errorf("a scan told to stop at the second key made %d calls, error %v", n, err)
	}
	boom := errors.New("boom")
	if err := v.Scan("", "", func(string, []byte) (bool, error) { return true, boom }); !errors.Is(err, boom) {
		t.Errorf("the callback's error came back as %v", err)
	}
	inner := ""
	err := v.Scan("", "", func(string, []byte) (bool, error) { inner += keys(t, v, "b", ""); return true, nil })
	if err != nil || inner != "bbb" {
		t.Errorf("scans inside a scan gave %q, %v", inner, err)
	}
}

func testDelete(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "1", "b", "1", "c", "1")
	w := &store.Writes{}
	w.Delete("b")
	w.Delete("absent")
	w.Delete("c")
	w.Put("c", []byte("again"))
	w.Put("a", []byte("2"))
	w.Delete("a")
	if err := s.Commit(w, At(2)); err != nil {
		t.Fatal(err)
	}
	Same(t, s, map[string]string{"c": "again"}, At(2))
	Put(t, s, At(3), "b", "back")
	Same(t, s, map[string]string{"c": "again", "b": "back"}, At(3))
}

func testOwnership(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "value")
	v := view(t, s)
	defer v.Close()
	mine, _, err := v.Get("a")
	if err != nil {
		t.Fatal(err)
	}
	copy(mine, "XXXXX")
	if got, _ := get(t, v, "a"); got != "value" {
		t.Errorf("changing a value that Get gave changed the store: %q", got)
	}
}

func testLarge(t *testing.T, s store.Store) {
	want := make(map[string]string)
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range 4 {
		value := make([]byte, 1<<20+i)
		for j := range value {
			value[j] = byte(rnd.Uint32())
		}
		key := fmt.Sprintf("large/%d", i%3) // the last one replaces the first
		want[key] = string(value)
		Put(t, s, At(uint64(i+1)), key, string(value))
	}
	Same(t, s, want, At(4))
}

func testMany(t *testing.T, s store.Store) {
	const n, per = 60_000, 6_000
	order := rand.New(rand.NewPCG(3, 3)).Perm(n)
	for i := 0; i < n; i += per {
		w := &store.Writes{}
		for _, k := range order[i : i+per] {
			w.Put(fmt.Sprintf("k/%06d", k), fmt.Appendf(nil, "value %d", k))
		}
		if err := s.Commit(w, At(uint64(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	v := view(t, s)
	defer v.Close()
	next := 0
	err := v.Scan("k/", "", func(k string, value []byte) (bool, error) {
		if k != fmt.Sprintf("k/%06d", next) || string(value) != fmt.Sprintf("value %d", next) {
			return false, fmt.Errorf("row %d is %q = %q", next, k, value)
		}
		next++
		return true, nil
	})
	if err != nil || next != n {
		t.Errorf("%d rows of %d, %v", next, n, err)
	}
}

func testTooBig(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "1")
	bytesOver, keysOver := &store.Writes{}, &store.Writes{}
	bytesOver.Put("a", []byte("2"))
	bytesOver.Put("big", make([]byte, store.MaxCommitBytes))
	for i := range store.MaxCommitKeys + 1 {
		keysOver.Put(fmt.Sprint(i), nil)
	}
	for name, w := range map[string]*store.Writes{"bytes": bytesOver, "keys": keysOver} {
		if err := s.Commit(w, At(2)); !errors.Is(err, store.ErrTooBig) {
			t.Errorf("too many %s: %v; want ErrTooBig", name, err)
		}
	}
	Same(t, s, map[string]string{"a": "1"}, At(1))

	// What the limits allow is taken: as many bytes as may be, then as many keys.
	full, want := &store.Writes{}, map[string]string{"a": "1"}
	for i := range store.MaxCommitBytes / 1000 {
		key := fmt.Sprintf("full/%04d", i)
		value := bytes.Repeat([]byte{'x'}, 1000-16-len(key))
		full.Put(key, value)
		want[key] = string(value)
	}
	many := &store.Writes{}
	for i := range store.MaxCommitKeys {
		key := fmt.Sprintf("many/%05d", i)
		many.Put(key, []byte("y"))
		want[key] = "y"
	}
	for i, w := range []*store.Writes{full, many} {
		if err := s.Commit(w, At(uint64(3+i))); err != nil {
			t.Fatalf("a commit at the limit: %v", err)
		}
	}
	Same(t, s, want, At(4))
}

func testBadKeys(t *testing.T, s store.Store) {
	Put(t, s, At(1), "a", "1")
	for _, key := range []string{"", store.KeyMark, "!badger!x", strings.Repeat("k", store.MaxKey+1)} {
		w := &store.Writes{}
		w.Put("a", []byte("2"))
		w.Put(key, []byte("2"))
		if err := s.Commit(w, At(2)); err == nil {
			t.Errorf("a key of %d bytes beginning %.10q was taken", len(key), key)
		}
	}
	Same(t, s, map[string]string{"a": "1"}, At(1))
	long := strings.Repeat("k", store.MaxKey)
	Put(t, s, At(2), long, "2")
	Same(t, s, map[string]string{"a": "1", long: "2"}, At(2))
}

func testWipe(t *testing.T, s store.Store) {
	Put(t, s, At(7), "a", "1", "b", "1")
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	Same(t, s, nil, store.Mark{})
	Put(t, s, At(1), "b", "2")
	Same(t, s, map[string]string{"b": "2"}, At(1))
}

// testConcurrent has readers check that every state they see is one commit's: all keys hold the mark's number.
func testConcurrent(t *testing.T, s store.Store) {
	const commits, width = 200, 8
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := wholeCommit(s, width); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range commits {
		pairs := make([]string, 0, 2*width)
		for i := range width {
			pairs = append(pairs, fmt.Sprintf("k/%d", i), fmt.Sprint(n+1))
		}
		Put(t, s, At(uint64(n+1)), pairs...)
	}
	close(stop)
	wg.Wait()
}

func wholeCommit(s store.Store, width int) error {
	v, err := s.View()
	if err != nil {
		return err
	}
	defer v.Close()
	mark, err := v.Mark()
	if err != nil {
		return err
	}
	rows := 0
	err = v.Scan("k/", "", func(k string, value []byte) (bool, error) {
		rows++
		if string(value) != fmt.Sprint(mark.Position.Offset) {
			return false, fmt.Errorf("%s = %s in a view at %s", k, value, mark.Position)
		}
		return true, nil
	})
	if err == nil && rows != width && mark.Position.Offset > 0 {
		err = fmt.Errorf("%d rows in a view at %s", rows, mark.Position)
	}
	return err
}

func testClosed(t *testing.T, s store.Store) {
	closeStore(t, s)
	if _, err := s.View(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View of a closed store: %v", err)
	}
	if err := s.Commit(&store.Writes{}, At(1)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Commit to a closed store: %v", err)
	}
	if err := s.Wipe(); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Wipe of a closed store: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func testReopen(t *testing.T, open Open) {
	dir := t.TempDir()
	want := make(map[string]string)
	for n := range uint64(5) {
		s := open(t, dir)
		Same(t, s, want, markAfter(n))
		key := fmt.Sprintf("k/%d", n)
		want[key] = strings.Repeat("x", int(n)*1000)
		Put(t, s, At(n+1), key, want[key])
		closeStore(t, s)
	}
}

// markAfter is the mark after n commits.
func markAfter(n uint64) store.Mark {
	if n == 0 {
		return store.Mark{}
	}
	return At(n)
}
