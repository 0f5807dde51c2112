package store

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type pair struct{ key, value string }

func scanAll(t interface{ Fatalf(string, ...any) }, r Reader, prefix, from string) []pair {
	var got []pair
	err := r.Scan(prefix, from, func(k string, v []byte) (bool, error) {
		got = append(got, pair{k, string(v)})
		return true, nil
	})
	if err != nil {
		t.Fatalf("scan %q from %q: %v", prefix, from, err)
	}
	return got
}

// modelScan is what a plain map would answer.
func modelScan(m map[string]string, prefix, from string) []pair {
	var want []pair
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if strings.HasPrefix(k, prefix) && k >= from {
			want = append(want, pair{k, m[k]})
		}
	}
	return want
}

func commit(t testing.TB, s Store, mark Mark, kv ...string) {
	t.Helper()
	var w Writes
	for i := 0; i < len(kv); i += 2 {
		w.Put(kv[i], []byte(kv[i+1]))
	}
	if err := s.Commit(&w, mark); err != nil {
		t.Fatal(err)
	}
}

func openView(t testing.TB, s Store) View {
	t.Helper()
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// TestTxEqualsMap plays random reads, writes, savepoints and rollbacks on a Tx and on plain maps.
func TestTxEqualsMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.StringMatching(`[ab]{1,2}/[a-c]{0,2}`)
		bound := rapid.StringMatching(`([ab]{1,2}/?)?[a-c]{0,2}`)
		base := rapid.MapOf(key, rapid.StringN(0, 4, -1)).Draw(t, "base")
		s := NewMemory()
		var w Writes
		for k, v := range base {
			w.Put(k, []byte(v))
		}
		if err := s.Commit(&w, Mark{}); err != nil {
			t.Fatal(err)
		}
		view, err := s.View()
		if err != nil {
			t.Fatal(err)
		}
		tx := NewTx(view)
		now := maps.Clone(base)
		var saved []map[string]string
		var sent *Writes // not committed yet
		var sentState map[string]string

		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k, v := key.Draw(t, "key"), rapid.StringN(0, 4, -1).Draw(t, "value")
				tx.Put(k, []byte(v))
				now[k] = v
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "key")
				tx.Delete(k)
				delete(now, k)
			},
			"begin": func(*rapid.T) { tx.Begin(); saved = append(saved, maps.Clone(now)) },
			"keep": func(t *rapid.T) {
				if len(saved) == 0 {
					t.Skip("no savepoint")
				}
				tx.Keep()
				saved = saved[:len(saved)-1]
			},
			"rollback": func(t *rapid.T) {
				if len(saved) == 0 {
					t.Skip("no savepoint")
				}
				tx.Rollback()
				now, saved = saved[len(saved)-1], saved[:len(saved)-1]
			},
			"commit": func(t *rapid.T) {
				if len(saved) > 0 {
					t.Skip("inside a savepoint")
				}
				if sent != nil {
					if err := s.Commit(sent, Mark{}); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Commit(tx.Writes(), Mark{}); err != nil {
					t.Fatal(err)
				}
				if view, err = s.View(); err != nil {
					t.Fatal(err)
				}
				tx, base = tx.Next(view), maps.Clone(now)
				sent = nil
			},
			"commit beside": func(t *rapid.T) {
				if len(saved) > 0 {
					t.Skip("inside a savepoint")
				}
				if sent != nil { // the one before is done by now, and a view shows it
					if err := s.Commit(sent, Mark{}); err != nil {
						t.Fatal(err)
					}
					if view, err = s.View(); err != nil {
						t.Fatal(err)
					}
					tx.Rebase(view)
					base = sentState
				}
				sent, tx = tx.Ahead()
				sentState = maps.Clone(now)
			},
			"get": func(t *rapid.T) {
				k := key.Draw(t, "key")
				got, ok, err := tx.Get(k)
				if want, has := now[k]; err != nil || ok != has || string(got) != want {
					t.Fatalf("Get(%q) = %q, %v, %v; want %q, %v", k, got, ok, err, want, has)
				}
			},
			"": func(t *rapid.T) {
				prefix, from := bound.Draw(t, "prefix"), bound.Draw(t, "from")
				got, want := scanAll(t, tx, prefix, from), modelScan(now, prefix, from)
				if !slices.Equal(got, want) {
					t.Fatalf("Scan(%q, %q) = %v; want %v", prefix, from, got, want)
				}
			},
		})

		size, count := tx.Bytes(), tx.Len()
		out := tx.Writes()
		sum := 0
		_ = out.Each(func(key string, value []byte, _ bool) error {
			sum += len(key) + len(value) + entryOverhead
			return nil
		})
		if size != sum || count != out.Len() {
			t.Fatalf("Bytes, Len = %d, %d; the writes have %d, %d", size, count, sum, out.Len())
		}
		if sent != nil {
			if err := s.Commit(sent, Mark{}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Commit(out, Mark{}); err != nil {
			t.Fatal(err)
		}
		after, err := s.View()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := scanAll(t, after, "", ""), modelScan(now, "", ""); !slices.Equal(got, want) {
			t.Fatalf("after the commit the store has %v; want %v", got, want)
		}
		if got, want := scanAll(t, view, "", ""), modelScan(base, "", ""); !slices.Equal(got, want) {
			t.Fatalf("the view under the Tx changed to %v; was %v", got, want)
		}
	})
}

func TestTxScanMeetsWhatTheCallbackWrites(t *testing.T) {
	s := NewMemory()
	commit(t, s, Mark{}, "p/b", "base", "p/d", "base", "p/f", "base")
	tx := NewTx(openView(t, s))
	tx.Put("p/c", []byte("pending"))
	var seen []string
	err := tx.Scan("p/", "", func(k string, v []byte) (bool, error) {
		seen = append(seen, k+"="+string(v))
		switch k {
		case "p/b":
			tx.Put("p/a", []byte("behind"))
			tx.Put("p/b", []byte("itself"))
			tx.Put("p/bb", []byte("ahead"))
			tx.Delete("p/d")
		case "p/c":
			tx.Put("p/f", []byte("replaced"))
			tx.Put("p/z", []byte("last"))
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"p/b=base", "p/bb=ahead", "p/c=pending", "p/f=replaced", "p/z=last"}
	if !slices.Equal(seen, want) {
		t.Errorf("the scan met %v; want %v", seen, want)
	}
}

func TestTxScanStops(t *testing.T) {
	s := NewMemory()
	commit(t, s, Mark{}, "a", "1", "c", "1")
	tx := NewTx(openView(t, s))
	tx.Put("b", []byte("2"))
	tx.Put("d", []byte("2"))
	boom := errors.New("boom")
	for stop := range 4 {
		n := 0
		if err := tx.Scan("", "", func(string, []byte) (bool, error) { n++; return n <= stop, nil }); err != nil {
			t.Fatal(err)
		}
		if n != stop+1 {
			t.Errorf("a callback that says stop at row %d was called %d times", stop+1, n)
		}
		n = 0
		err := tx.Scan("", "", func(string, []byte) (bool, error) {
			if n++; n > stop {
				return true, boom
			}
			return true, nil
		})
		if !errors.Is(err, boom) || n != stop+1 {
			t.Errorf("a callback that fails at row %d: error %v after %d calls", stop+1, err, n)
		}
	}
}

// countingReader counts what reaches the base.
type countingReader struct {
	Reader
	gets int
}

func (c *countingReader) Get(key string) ([]byte, bool, error) {
	c.gets++
	return c.Reader.Get(key)
}

func TestTxReadsABaseKeyOnce(t *testing.T) {
	s := NewMemory()
	commit(t, s, Mark{}, "a", "1")
	base := &countingReader{Reader: openView(t, s)}
	tx := NewTx(base)
	for range 3 {
		for key, want := range map[string]bool{"a": true, "absent": false} {
			if _, ok, err := tx.Get(key); ok != want || err != nil {
				t.Fatalf("Get(%q) = %v, %v", key, ok, err)
			}
		}
	}
	if base.gets != 2 {
		t.Errorf("the base was asked %d times for two keys", base.gets)
	}
}

func TestWhatATxRemembersIsBounded(t *testing.T) {
	s := NewMemory()
	value := strings.Repeat("x", 1<<20)
	for i := range 40 {
		commit(t, s, Mark{}, string(rune('a'+i)), value)
	}
	base := &countingReader{Reader: openView(t, s)}
	tx := NewTx(base)
	tx.Put("!written", []byte(value))
	for i := range 40 {
		for _, key := range []string{"a", string(rune('a' + i))} {
			if _, ok, err := tx.Get(key); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		held := 0
		for _, c := range tx.cells.known {
			held += c.cost()
		}
		if held != tx.cells.size || held > maxKnown+len(value)+cellOverhead+1 {
			t.Fatalf("%d bytes are held, %d counted, limit %d", held, tx.cells.size, maxKnown)
		}
	}
	if base.gets != 40 {
		t.Errorf("the base was asked %d times: a key that is read again and again should stay", base.gets)
	}
	if got, ok, err := tx.Get("!written"); !ok || err != nil || len(got) != len(value) {
		t.Error("what was written was forgotten", ok, err)
	}
}

func TestRollbackWithoutBeginPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Rollback without Begin went through")
		}
	}()
	NewTx(openView(t, NewMemory())).Rollback()
}
