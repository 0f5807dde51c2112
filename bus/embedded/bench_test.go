package embedded_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
)

// event is an entry of 1.5 KB.
func event() []bus.Entry {
	return []bus.Entry{{
		Type: "observation", Head: bytes.Repeat([]byte("h"), 150),
		Data: bytes.Repeat([]byte("d"), 1250), Personal: bytes.Repeat([]byte("p"), 100),
	}}
}

func benchAppend(b *testing.B, writers int) {
	j, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	require.NoError(b, err)
	entries := event()
	var left atomic.Int64
	left.Store(int64(b.N))
	before := j.Stats()
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := j.Append(context.Background(), bus.ClassWebhook, entries); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	syncs := j.Stats().Syncs - before.Syncs
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ev/s")
	b.ReportMetric(float64(syncs)/b.Elapsed().Seconds(), "fsync/s")
	b.ReportMetric(float64(b.N)/float64(syncs), "ev/fsync")
	require.NoError(b, j.Close())
}

func BenchmarkAppend1Writer(b *testing.B)   { benchAppend(b, 1) }
func BenchmarkAppend64Writers(b *testing.B) { benchAppend(b, 64) }

// BenchmarkFdatasync is the bare disk: one 4 KiB write and one sync in a preallocated file.
func BenchmarkFdatasync(b *testing.B) {
	const size = 16 << 20
	path := filepath.Join(b.TempDir(), "file")
	f, err := embedded.OS{}.Create(path)
	require.NoError(b, err)
	require.NoError(b, f.Allocate(size))
	page := bytes.Repeat([]byte("x"), 4096)
	b.ResetTimer()
	for i := range b.N {
		if _, err := f.WriteAt(page, int64(i)*4096%size); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "fsync/s")
	b.StopTimer()
	require.NoError(b, f.Close())
	require.NoError(b, os.Remove(path))
}

func BenchmarkTail(b *testing.B) {
	j, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	require.NoError(b, err)
	const batches = 20_000
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range batches / 64 {
				if _, err := j.Append(context.Background(), bus.ClassWebhook, event()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.ReportAllocs()
	b.ResetTimer()
	for read := 0; read < b.N; {
		for batch, err := range j.Tail(context.Background(), 1) {
			if err != nil {
				b.Fatal(err)
			}
			if read++; read >= b.N || batch.Offset == j.End() {
				break
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ev/s")
	b.StopTimer()
	require.NoError(b, j.Close())
}
