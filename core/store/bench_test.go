package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/jumpring/jumpring/core/canon"
)

// load makes the writes of events: twelve puts each of 300 to 1500 bytes, five of them to records that exist.
type load struct {
	rnd  *rand.Rand
	text []byte
	rows int
}

const benchRecords = 20_000

func newLoad() *load {
	l := &load{rnd: rand.New(rand.NewPCG(1, 2))}
	for len(l.text) < 4<<20 { // about as compressible as records are: names repeat, ids and hashes do not
		l.text = fmt.Appendf(l.text,
			`{"id":"itm_%016x%08x","nodes":["lst_%016x%08x"],"serial":"AU-%06d","status":"in_stock",`+
				`"prices":[{"connection":"web-eu","amount":%d,"currency":"EUR","stated":"%d.00"}],"hash":"%016x%016x"},`,
			l.rnd.Uint64(), l.rnd.Uint32(), l.rnd.Uint64(), l.rnd.Uint32(), l.rnd.IntN(1_000_000),
			l.rnd.IntN(1_000_000), l.rnd.IntN(10_000), l.rnd.Uint64(), l.rnd.Uint64())
	}
	return l
}

func (l *load) value() []byte {
	size := 300 + l.rnd.IntN(1200)
	at := l.rnd.IntN(len(l.text) - size)
	return l.text[at : at+size]
}

func recordKey(n int) string { return fmt.Sprintf("rec/item/%026d", n) }

func (l *load) event(w *Writes) {
	for range 5 {
		w.Put(recordKey(l.rnd.IntN(benchRecords)), l.value())
	}
	for range 7 {
		l.rows++
		w.Put(fmt.Sprintf("tl/%024x/0000", l.rows), l.value())
	}
}

func (l *load) fill(b testing.TB, s Store) {
	b.Helper()
	for n := 0; n < benchRecords; {
		w := &Writes{}
		for range 1000 {
			w.Put(recordKey(n), l.value())
			n++
		}
		if err := s.Commit(w, Mark{Position: canon.Position{Offset: uint64(n)}}); err != nil {
			b.Fatal(err)
		}
	}
}

func openBench(b *testing.B) *Badger {
	b.Helper()
	s, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

const batchEvents = 200

// BenchmarkCommit commits batches of events to Badger; one operation is one batch.
func BenchmarkCommit(b *testing.B) {
	s, l := openBench(b), newLoad()
	l.fill(b, s)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		w := &Writes{}
		for range batchEvents {
			l.event(w)
		}
		b.StartTimer()
		if err := s.Commit(w, Mark{Position: canon.Position{Offset: uint64(i + 1)}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batchEvents)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkGet(b *testing.B) {
	s, l := openBench(b), newLoad()
	l.fill(b, s)
	v := openView(b, s)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, ok, err := v.Get(recordKey(l.rnd.IntN(benchRecords))); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// BenchmarkScan100 reads a page of 100 rows.
func BenchmarkScan100(b *testing.B) {
	s, l := openBench(b), newLoad()
	l.fill(b, s)
	v := openView(b, s)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		rows := 0
		err := v.Scan("rec/item/", recordKey(l.rnd.IntN(benchRecords-100)), func(string, []byte) (bool, error) {
			rows++
			return rows < 100, nil
		})
		if err != nil || rows != 100 {
			b.Fatal(rows, err)
		}
	}
}

// BenchmarkTxEvent is the store's share of one entry of the fold: a savepoint, reads of the records that it changes,
// twelve puts and a short scan.
func BenchmarkTxEvent(b *testing.B) {
	s, l := openBench(b), newLoad()
	l.fill(b, s)
	tx := NewTx(openView(b, s))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		if i%batchEvents == 0 {
			tx = NewTx(tx.base)
		}
		tx.Begin()
		for range 5 {
			key := recordKey(l.rnd.IntN(benchRecords))
			if _, ok, err := tx.borrow(key); !ok || err != nil {
				b.Fatal(ok, err)
			}
			tx.Put(key, l.value())
		}
		for range 7 {
			l.rows++
			tx.Put(fmt.Sprintf("tl/%024x/0000", l.rows), l.value())
		}
		err := tx.Scan(recordKey(l.rnd.IntN(benchRecords)), "", func(string, []byte) (bool, error) { return true, nil })
		if err != nil {
			b.Fatal(err)
		}
		tx.Keep()
	}
}
