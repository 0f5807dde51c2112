package hub_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/hub"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

const vaultKey = "a key that only this test has"

// opened opens a hub on a folder and runs it until stop is called.
func opened(t *testing.T, data string) (h *hub.Hub, stop func()) {
	t.Helper()
	h, err := hub.Open(t.Context(), hub.Options{
		Data: data, VaultKey: vaultKey,
		Settings: canon.Settings{MatchItem: []string{"serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	select {
	case <-h.Ready():
	case err := <-ended:
		t.Fatalf("the hub ended: %v", err)
	}
	return h, sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, h.Close())
	})
}

// upTo is a journal that ends with a batch.
type upTo struct {
	bus.Journal
	last uint64
}

func (j upTo) ReadFrom(ctx context.Context, from uint64, maxBytes int) ([]bus.Batch, error) {
	batches, err := j.Journal.ReadFrom(ctx, from, maxBytes)
	return slices.DeleteFunc(batches, func(b bus.Batch) bool { return b.Offset > j.last }), err
}

// digestAt folds a journal up to a batch and gives the state digest.
func digestAt(t *testing.T, data string, to uint64) string {
	t.Helper()
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(data, "journal"), Archive: filepath.Join(data, "archive")})
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	s := store.NewMemory()
	require.NoError(t, router.Replay(t.Context(), upTo{j, to}, s, to, nil))
	v, err := s.View()
	require.NoError(t, err)
	defer v.Close()
	d, err := store.Digest(t.Context(), v, router.RecordTypes(), store.ScopeState)
	require.NoError(t, err)
	return d.Digest
}

func TestABackupUnderLoadIsRestoredToTheSameState(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	h, stop := opened(t, data)
	defer stop()
	require.NoError(t, h.Vault().Put("secrets.web", "token", []byte("rotated")))
	require.NoError(t, fullRead(t.Context(), t, h, "shop", 320))
	_, err := h.Snapshot(t.Context())
	require.NoError(t, err)

	loading, rest := context.WithCancel(t.Context())
	var acked sync.Map // offset of each acknowledged command
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; loading.Err() == nil; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				cmd := canon.Command{Key: id, ID: id, Reserve: &canon.Reserve{Item: "itm_" + id, Seconds: 600, Channel: "till"}}
				out, err := hub.Doors{Hub: h}.Do(loading, "till", cmd)
				if err == nil {
					acked.Store(id, out.Position)
				}
			}
		})
	}
	file := filepath.Join(root, "backup.tar.zst")
	var before []string // acknowledged before the backup began
	for len(before) < 20 {
		before = before[:0]
		acked.Range(func(id, _ any) bool { before = append(before, id.(string)); return true })
	}
	var steps int
	m, err := hub.Backup(t.Context(), hub.BackupOptions{
		Data: data, To: file, Config: []byte("listen: 127.0.0.1:0\n"), Version: "test",
		Progress: func(done, total int64) { steps++; require.LessOrEqual(t, done, total) },
	})
	require.NoError(t, err)
	require.Positive(t, steps)
	rest()
	wg.Wait()
	stop()
	require.NoFileExists(t, file+".part")
	for _, id := range before {
		at, _ := acked.Load(id)
		require.LessOrEqual(t, at.(canon.Position).Offset, m.Last, "command %s was answered before the backup began", id)
	}
	for name, content := range contents(t, file) {
		require.NotContains(t, string(content), vaultKey, name)
		require.NotContains(t, string(content), "rotated", name)
	}

	copied := filepath.Join(root, "copy")
	got, err := hub.Restore(t.Context(), hub.RestoreOptions{From: file, Data: copied, VaultKey: vaultKey})
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.Equal(t, digestAt(t, data, m.Last), digestAt(t, copied, m.Last), "the same state")
	entries, err := os.ReadDir(filepath.Join(copied, "snapshots"))
	require.NoError(t, err)
	require.Len(t, entries, 1)

	h, stop = opened(t, copied)
	defer stop()
	token, err := h.Vault().Get("secrets.web", "token")
	require.NoError(t, err)
	require.Equal(t, "rotated", string(token))
	batches, err := h.Journal().ReadFrom(t.Context(), m.Last+1, 1)
	require.NoError(t, err)
	require.Equal(t, string(canon.EntryFallBack), batches[0].Entries[0].Type, "what the hub knows of the platforms is old, and that is journaled")
	stop()

	_, err = hub.Restore(t.Context(), hub.RestoreOptions{From: file, Data: copied, VaultKey: vaultKey})
	require.ErrorIs(t, err, hub.ErrNotEmpty)
	_, err = hub.Restore(t.Context(), hub.RestoreOptions{From: file, Data: filepath.Join(root, "keyless")})
	require.ErrorContains(t, err, "JUMPRING_KEY")
	require.NoDirExists(t, filepath.Join(root, "keyless"))
	_, err = hub.Backup(t.Context(), hub.BackupOptions{Data: data, To: file})
	require.ErrorContains(t, err, "there already")
}

// contents unpacks a backup with the standard tools' formats.
func contents(t *testing.T, file string) map[string][]byte {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	zr, err := zstd.NewReader(f)
	require.NoError(t, err)
	defer zr.Close()
	out := map[string][]byte{}
	for in := tar.NewReader(zr); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		out[h.Name], err = io.ReadAll(in)
		require.NoError(t, err)
	}
}

// smallBackup makes a data folder with some facts and a backup of it.
func smallBackup(t *testing.T) (data, file string, m *hub.Manifest) {
	t.Helper()
	root := t.TempDir()
	data, file = filepath.Join(root, "data"), filepath.Join(root, "backup.tar.zst")
	h, stop := opened(t, data)
	for i := range 20 {
		_, err := hub.Doors{Hub: h}.Do(t.Context(), "till", reserve(i))
		require.NoError(t, err)
	}
	_, err := h.Snapshot(t.Context())
	require.NoError(t, err)
	require.NoError(t, h.Vault().Put("secrets.web", "token", []byte("rotated")))
	require.NoError(t, h.Vault().Put(access.SessionsNamespace, "anna", []byte("signed in")))
	stop()
	m, err = hub.Backup(t.Context(), hub.BackupOptions{Data: data, To: file})
	require.NoError(t, err)
	return data, file, m
}

func TestABackupSignsNobodyIn(t *testing.T) {
	_, file, _ := smallBackup(t)
	kept := false
	for name := range contents(t, file) {
		require.NotContains(t, name, "/"+access.SessionsNamespace+"/", "who signed out since would be signed in by a restore")
		kept = kept || strings.HasPrefix(name, "vault/secrets.web/")
	}
	require.True(t, kept, "the other entries are in it")
}

func TestWhatIsLeftOfABrokenOffBackupIsNeverRestored(t *testing.T) {
	data, file, _ := smallBackup(t)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	cut, into := filepath.Join(t.TempDir(), "cut"), filepath.Join(t.TempDir(), "into")
	for n := 0; n < len(whole); n += 1 + len(whole)/60 {
		require.NoError(t, os.WriteFile(cut, whole[:n], 0o600))
		_, err := hub.Restore(t.Context(), hub.RestoreOptions{From: cut, Data: into, VaultKey: vaultKey})
		require.ErrorIs(t, err, hub.ErrBadBackup, "cut at byte %d of %d", n, len(whole))
		require.NoDirExists(t, into)
		require.NoDirExists(t, into+".restoring")
	}
	for n := 0; n < len(whole); n += 1 + len(whole)/60 {
		flipped := bytes.Clone(whole)
		flipped[n] ^= 0x10
		require.NoError(t, os.WriteFile(cut, flipped, 0o600))
		if _, err := hub.Restore(t.Context(), hub.RestoreOptions{From: cut, Data: into, VaultKey: vaultKey}); err == nil {
			// A bit that no content depends on: what was restored is what was backed up.
			require.Equal(t, digestAt(t, data, 21), digestAt(t, into, 21), "flip at byte %d", n)
			require.NoError(t, os.RemoveAll(into))
		}
		require.NoDirExists(t, into)
	}

	ctx, cancel := context.WithCancel(t.Context())
	to := filepath.Join(t.TempDir(), "broken-off")
	_, err = hub.Backup(ctx, hub.BackupOptions{Data: data, To: to, Progress: func(done, _ int64) {
		if done > 100 {
			cancel()
		}
	}})
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, to)
	_, err = hub.Backup(t.Context(), hub.BackupOptions{Data: data, To: to})
	require.NoError(t, err, "the next one is not in the way of what was left")
}

// TestAForgedBackupDoesNotLeaveItsFolder restores archives whose files have names that lead elsewhere.
func TestAForgedBackupDoesNotLeaveItsFolder(t *testing.T) {
	for _, name := range []string{"../outside", "/etc/outside", "journal/../../outside", "view/badger", "outside"} {
		root := t.TempDir()
		file := filepath.Join(root, "forged")
		f, err := os.Create(file)
		require.NoError(t, err)
		zw, err := zstd.NewWriter(f)
		require.NoError(t, err)
		tw := tar.NewWriter(zw)
		require.NoError(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: 1, Mode: 0o600}))
		_, err = tw.Write([]byte("x"))
		require.NoError(t, err)
		raw, err := json.Marshal(hub.Manifest{Format: 1, Files: []hub.ManifestFile{{Name: name, Size: 1, SHA256: hex.EncodeToString(make([]byte, 32))}}})
		require.NoError(t, err)
		require.NoError(t, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "manifest.json", Size: int64(len(raw)), Mode: 0o600}))
		_, err = tw.Write(raw)
		require.NoError(t, err)
		require.NoError(t, errors.Join(tw.Close(), zw.Close(), f.Close()))
		_, err = hub.Restore(t.Context(), hub.RestoreOptions{From: file, Data: filepath.Join(root, "data")})
		require.ErrorIs(t, err, hub.ErrBadBackup, name)
		left, err := os.ReadDir(root)
		require.NoError(t, err)
		require.Len(t, left, 1, "%s: only the backup is there", name)
	}
}

// TestABackupHoldsTheArchive keeps a journal of small segments and wants them archived behind the older
// snapshot, and the whole of it in a backup.
func TestABackupHoldsTheArchive(t *testing.T) {
	root := t.TempDir()
	data := filepath.Join(root, "data")
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(data, "journal"), Archive: filepath.Join(data, "archive"), SegmentBytes: 64 << 10, MaxBatchBytes: 32 << 10})
	require.NoError(t, err)
	version, err := router.NewEntry(canon.EntryFoldVersion, canon.Head{}, canon.FoldVersion{Version: router.Version})
	require.NoError(t, err)
	_, err = j.Append(t.Context(), bus.ClassCommand, []bus.Entry{version})
	require.NoError(t, err)
	e, err := router.NewEntry(canon.EntryTick, canon.Head{Actor: "hub", Delivery: string(bytes.Repeat([]byte("x"), 1000))}, canon.Tick{})
	require.NoError(t, err)
	for range 300 {
		_, err := j.Append(t.Context(), bus.ClassCommand, []bus.Entry{e})
		require.NoError(t, err)
	}
	require.NoError(t, j.Close())

	h, stop := opened(t, data)
	for range 2 { // the second covers what the first one did
		_, err := h.Snapshot(t.Context())
		require.NoError(t, err)
		_, err = hub.Doors{Hub: h}.Do(t.Context(), "till", reserve(int(h.Journal().End())))
		require.NoError(t, err)
	}
	stop()
	archived, err := filepath.Glob(filepath.Join(data, "archive", "*.seg"))
	require.NoError(t, err)
	require.NotEmpty(t, archived)

	file, copied := filepath.Join(root, "backup"), filepath.Join(root, "copy")
	m, err := hub.Backup(t.Context(), hub.BackupOptions{Data: data, To: file})
	require.NoError(t, err)
	_, err = hub.Restore(t.Context(), hub.RestoreOptions{From: file, Data: copied, VaultKey: vaultKey})
	require.NoError(t, err)
	require.Equal(t, digestAt(t, data, m.Last), digestAt(t, copied, m.Last))

	require.NoError(t, os.Rename(filepath.Join(data, "archive"), filepath.Join(root, "unplugged")))
	_, err = hub.Backup(t.Context(), hub.BackupOptions{Data: data, To: file + "2"})
	require.ErrorContains(t, err, "archive")
	_, err = hub.Backup(t.Context(), hub.BackupOptions{Data: data, To: file + "2", Archive: filepath.Join(root, "unplugged")})
	require.NoError(t, err)
}
