package hub

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/require"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

func TestWhichBackupsStay(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC) // a Sunday
	var files []backupFile
	for h := range 40 * 24 / 6 { // four a day for forty days, the newest first
		when := at.Add(-time.Duration(h) * 6 * time.Hour)
		files = append(files, backupFile{name: when.Format(backupTime), at: when})
	}
	stays := func(k Keep) (out []string) {
		for name := range k.stays(files) {
			out = append(out, name[:len("20261122T15")])
		}
		slices.Sort(out)
		slices.Reverse(out)
		return out
	}
	require.Equal(t, []string{"20261122T20", "20261122T14", "20261122T08"}, stays(Keep{Newest: 3}))
	require.Equal(t, []string{"20261122T20", "20261121T20", "20261120T20"}, stays(Keep{Newest: 1, Daily: 3}))
	require.Equal(t, []string{"20261122T20", "20261115T20", "20261108T20"}, stays(Keep{Newest: 1, Weekly: 3}))
	require.Equal(t, []string{"20261122T20", "20261122T14", "20261121T20", "20261115T20"}, stays(Keep{Newest: 2, Daily: 2, Weekly: 2}))
	require.Len(t, stays(Keep{Newest: 1000}), len(files))
}

// scheduled opens a hub that does not run, with a schedule of backups, and something in its journal.
func scheduled(t *testing.T, root string, o ScheduleOptions) *Hub {
	t.Helper()
	h, err := Open(t.Context(), Options{Data: filepath.Join(root, "data"), Logger: hclog.NewNullLogger(), Settings: canon.Settings{
		MatchItem: []string{"serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	if h.Journal().End() == 0 {
		require.NoError(t, h.Vault().Put("secrets.web", "token", []byte("rotated")))
		require.NoError(t, h.Router().Begin(t.Context()))
		e, err := router.NewEntry(canon.EntryTick, canon.Head{Actor: "hub"}, canon.Tick{})
		require.NoError(t, err)
		_, err = h.Router().Append(t.Context(), bus.ClassCommand, e)
		require.NoError(t, err)
	}
	h.backups = h.openBackups(o)
	return h
}

// inFolder lists a folder of backups, without the file of its state.
func inFolder(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		if e.Name() != backupState {
			out = append(out, e.Name())
		}
	}
	return out
}

func TestAScheduledBackupIsRestoredAndCheckedBeforeItCounts(t *testing.T) {
	root := t.TempDir()
	to := filepath.Join(root, "backups")
	o := ScheduleOptions{Every: time.Hour, To: to, Keep: Keep{Newest: 2}, Verify: true, Config: func() []byte { return []byte("listen: 127.0.0.1:0\n") }}
	h := scheduled(t, root, o)
	made, err := Doors{h}.BackUp(t.Context())
	require.NoError(t, err)
	require.False(t, made.VerifiedAt.IsZero())
	require.Equal(t, []string{made.File}, inFolder(t, to), "the test leaves nothing behind")
	newest, failed := h.backups.newest()
	require.False(t, failed)
	require.Equal(t, made.MadeAt.Truncate(time.Second), newest)

	// What is known of the folder survives a restart, and what was broken off is never taken for a backup.
	half := filepath.Join(to, backupPrefix+time.Now().Add(time.Hour).UTC().Format(backupTime)+backupSuffix+partSuffix)
	require.NoError(t, os.WriteFile(half, []byte("half"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(to, tryFolder+restoringSuffix), 0o700))
	h.backups = h.openBackups(o)
	again, failed := h.backups.newest()
	require.False(t, failed)
	require.Equal(t, newest, again)
	h.backups.sweep()
	require.Equal(t, []string{made.File}, inFolder(t, to))

	// One that does not restore is no backup: the newest good one stays the one of before, and that is told.
	other := ScheduleOptions{Every: time.Hour, To: to, Keep: Keep{Newest: 1}, Verify: true}
	h.backups = h.openBackups(other)
	key := filepath.Join(root, "data", vaultKeyFile)
	right, err := os.ReadFile(key)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(key, []byte("a key of something else, which opens nothing"), 0o600))
	nextSecond(t, made.File)
	_, err = Doors{h}.BackUp(t.Context())
	require.ErrorContains(t, err, "does not restore")
	again, failed = h.backups.newest()
	require.True(t, failed)
	require.Equal(t, newest, again)
	status, err := Doors{h}.Backups()
	require.NoError(t, err)
	require.True(t, status.Failed)
	require.Contains(t, inFolder(t, to), made.File, "the newest that was verified is not removed")

	require.NoError(t, os.WriteFile(key, right, 0o600))
	nextSecond(t, status.Backups[0].File)
	_, err = Doors{h}.BackUp(t.Context())
	require.NoError(t, err)
	_, failed = h.backups.newest()
	require.False(t, failed)
	require.Len(t, inFolder(t, to), 1, "older ones went when the new one was proved")
}

// nextSecond waits until a backup gets another name than the given one.
func nextSecond(t *testing.T, name string) {
	t.Helper()
	require.Eventually(t, func() bool { return !strings.Contains(name, time.Now().UTC().Format(backupTime)) }, time.Minute, 10*time.Millisecond)
}

func TestAFolderThatCantBeWrittenIsToldAndTriedAgain(t *testing.T) {
	root := t.TempDir()
	to := filepath.Join(root, "backups")
	require.NoError(t, os.WriteFile(to, []byte("a file in the folder's place"), 0o600))
	h := scheduled(t, root, ScheduleOptions{Every: 50 * time.Millisecond, To: to, Keep: Keep{Newest: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { h.backups.run(ctx); close(done) }()
	failed := func() bool { _, f := h.backups.newest(); return f }
	require.Eventually(t, failed, time.Minute, 5*time.Millisecond, "it is told")
	require.NoError(t, os.Remove(to))
	require.Eventually(t, func() bool { at, _ := h.backups.newest(); return !at.IsZero() && !failed() }, time.Minute, 5*time.Millisecond, "it goes on by itself")
	cancel()
	<-done
	for _, name := range inFolder(t, to) {
		require.True(t, strings.HasSuffix(name, backupSuffix), name)
	}
}

func TestABackupThatIsKilledHalfWayIsNone(t *testing.T) {
	root := t.TempDir()
	to := filepath.Join(root, "backups")
	h := scheduled(t, root, ScheduleOptions{Every: time.Hour, To: to, Keep: Keep{Newest: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.backups.make(ctx)
	require.Error(t, err)
	at, failed := h.backups.newest()
	require.True(t, at.IsZero())
	require.False(t, failed, "a stop is no failure")
	require.Empty(t, inFolder(t, to), fmt.Sprint("nothing is left of it in ", to))
}

func TestAnOlderProgramRefusesWhatANewerOneFolded(t *testing.T) {
	root := t.TempDir()
	o := Options{Data: filepath.Join(root, "data"), Logger: hclog.NewNullLogger(), Settings: canon.Settings{
		MatchItem: []string{"serial", "sku"}, Serialized: "when_quantity_max_1", StockAuthority: "hub", Locations: []string{"paris"},
	}}
	h, err := Open(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, h.Router().Begin(t.Context()))
	folding, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Router().Run(folding) }()
	require.NoError(t, h.Router().WaitFolded(t.Context(), h.Journal().End()))
	cancel()
	require.NoError(t, <-ended)
	// What a newer program leaves: its rules are in force in the view.
	mark, err := h.markOfView()
	require.NoError(t, err)
	v, err := h.store.View()
	require.NoError(t, err)
	had, err := router.FoldVersion(v)
	v.Close()
	require.NoError(t, err)
	require.Equal(t, router.Version, had)
	var w store.Writes
	w.Put("fold", fmt.Appendf(nil, `{"version":%d}`, router.Version+1))
	require.NoError(t, h.store.Commit(&w, mark))
	end := h.Journal().End()
	require.NoError(t, h.Close())
	for range 2 { // it changes nothing: the next try finds the same
		_, err = Open(t.Context(), o)
		require.ErrorIs(t, err, ErrNewer)
		require.ErrorContains(t, err, "start the newer program")
	}
	_, err = Backup(t.Context(), BackupOptions{Data: o.Data, To: filepath.Join(root, "b.tar.zst")})
	require.NoError(t, err, "a backup reads files alone and can always be made")

	// The newer program ended before its rules were folded: the journal asks for them, and the fold stops there.
	o.Data = filepath.Join(root, "other")
	h, err = Open(t.Context(), o)
	require.NoError(t, err)
	require.NoError(t, h.Router().Begin(t.Context()))
	e, err := router.NewEntry(canon.EntryFoldVersion, canon.Head{Actor: "hub"}, canon.FoldVersion{Version: router.Version + 1})
	require.NoError(t, err)
	_, err = h.Journal().Append(t.Context(), bus.ClassCommand, []bus.Entry{e})
	require.NoError(t, err)
	require.ErrorContains(t, h.Run(t.Context()), "use a newer build")
	require.NoError(t, h.Close())
	require.Positive(t, end)
}
