package embedded_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
)

// TestAStillIsADurablePrefixUnderLoad takes pictures while writers append and segments go to the archive, lays each down
// in a folder of its own, and wants a journal there that holds what was acknowledged before the picture.
func TestAStillIsADurablePrefixUnderLoad(t *testing.T) {
	root := t.TempDir()
	o := embedded.Options{Dir: filepath.Join(root, "journal"), Archive: filepath.Join(root, "archive"), SegmentBytes: 64 << 10, MaxBatchBytes: 16 << 10}
	j := open(t, o)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := j.Append(ctx, bus.ClassWebhook, data(fmt.Sprintf("%d/%d %s", w, i, strings.Repeat("x", 500)))); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				if w == 0 && i%50 == 49 {
					if _, err := j.Archive(ctx, j.End()-20); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for n := range 5 {
		require.NoError(t, j.Wait(t.Context(), uint64(1+200*n)))
		acked := j.End()
		still, err := embedded.TakeStill(t.Context(), nil, o.Dir, o.Archive)
		require.NoError(t, err)
		require.GreaterOrEqual(t, still.Last, acked)
		require.LessOrEqual(t, still.Last, j.End()+4, "nothing but what is being written now is ahead of the mark")
		at := filepath.Join(root, fmt.Sprint("copy", n))
		lay(t, still, at)
		copied := open(t, embedded.Options{Dir: filepath.Join(at, "journal"), Archive: filepath.Join(at, "archive"), SegmentBytes: 64 << 10, MaxBatchBytes: 16 << 10})
		require.Equal(t, still.Last, copied.End())
		rep, err := copied.Verify(t.Context(), 1)
		require.NoError(t, err)
		require.Nil(t, rep.Fault)
		require.Equal(t, still.Hash, rep.Hash)
		require.Equal(t, still.Last, rep.Batches)
		require.Equal(t, j.ID(), copied.ID())
		require.NoError(t, copied.Close())
	}
	stop()
	wg.Wait()
}

// lay writes a picture's files into a folder.
func lay(t *testing.T, still *embedded.Still, dir string) {
	t.Helper()
	for _, sub := range []string{"journal", "archive"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, sub), 0o750))
	}
	for i := range still.Files {
		f := &still.Files[i]
		sub := "journal"
		if f.Archived {
			sub = "archive"
		}
		r, err := still.Open(f)
		require.NoError(t, err)
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Len(t, b, int(f.Size))
		path := filepath.Join(dir, sub, f.Name)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		size, err := embedded.SegmentSize(b)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(path, size))
	}
}
