package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/jumpring/jumpring/core/api"
	"github.com/jumpring/jumpring/core/problem"
)

// ScheduleOptions say when a hub backs itself up.
type ScheduleOptions struct {
	Every time.Duration // 0 for never
	To    string        // the folder
	Keep  Keep
	// Verify restores each backup beside it and removes what was restored.
	Verify bool
	// Config gives the configuration file for the backup; nil, or nothing, for none.
	Config func() []byte
}

// Keep says which backups stay: so many of the newest, and the newest of each of so many days and weeks.
type Keep struct{ Newest, Daily, Weekly int }

// The names in a folder of backups.
const (
	backupPrefix = "jumpring-"
	backupSuffix = ".tar.zst"
	backupTime   = "20060102T150405Z"
	backupState  = ".jumpring-backups.json"
	tryFolder    = ".restore-test"
)

// backupRetry is how long a backup that failed waits for its next try, unless the schedule comes first.
const backupRetry = 10 * time.Minute

// backups makes backups on a schedule.
type backups struct {
	hub *Hub
	o   ScheduleOptions
	log hclog.Logger

	making sync.Mutex // one at a time
	mu     sync.Mutex // guards state
	state  backupsState
}

// backupsState is what a folder of backups knows beside its files; it survives a restart.
type backupsState struct {
	// Verified are the backups that were restored and checked, by name.
	Verified  map[string]time.Time `json:"verified,omitempty"`
	LastError string               `json:"last_error,omitempty"`
	FailedAt  time.Time            `json:"failed_at,omitzero"`
}

// openBackups reads what is known of the folder.
func (h *Hub) openBackups(o ScheduleOptions) *backups {
	b := &backups{hub: h, o: o, log: h.log.Named("backup"), state: backupsState{Verified: map[string]time.Time{}}}
	if raw, err := os.ReadFile(filepath.Join(o.To, backupState)); err == nil {
		if err := json.Unmarshal(raw, &b.state); err != nil || b.state.Verified == nil { // then none counts as verified
			b.state = backupsState{Verified: map[string]time.Time{}}
		}
	}
	return b
}

// folder gives the folder of a schedule; empty where there is none.
func (b *backups) folder() string {
	if b == nil || b.o.Every == 0 {
		return ""
	}
	return b.o.To
}

// run makes a backup whenever one is due, until ctx ends. A try that fails is made again sooner.
func (b *backups) run(ctx context.Context) {
	if b.folder() == "" {
		return
	}
	b.sweep()
	for {
		newest, failed := b.newest()
		wait := time.Until(newest.Add(b.o.Every))
		if failed {
			wait = max(wait, min(backupRetry, b.o.Every)-time.Since(b.failedAt()))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(wait, 0)):
		}
		if _, err := b.make(ctx); err != nil && ctx.Err() == nil {
			b.log.Error("the backup failed", "error", err)
		}
	}
}

func (b *backups) failedAt() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.FailedAt
}

// sweep removes what a backup or a test that was broken off left: neither was ever taken for a backup.
func (b *backups) sweep() {
	left, _ := filepath.Glob(filepath.Join(b.o.To, backupPrefix+"*"+backupSuffix+partSuffix)) // the pattern is a good one
	left = append(left, filepath.Join(b.o.To, tryFolder), filepath.Join(b.o.To, tryFolder+restoringSuffix))
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			b.log.Warn("what a backup left could not be removed", "error", err)
		}
	}
}

// make makes a backup, verifies it where that is asked for, and only then removes older ones.
func (b *backups) make(ctx context.Context) (made *api.BackupMade, err error) {
	b.making.Lock()
	defer b.making.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch {
		case err == nil:
			b.state.LastError, b.state.FailedAt = "", time.Time{}
		case ctx.Err() == nil:
			b.state.LastError, b.state.FailedAt = err.Error(), time.Now().UTC()
		}
		if saveErr := b.save(); saveErr != nil {
			b.log.Warn("the state of the backups was not written down", "error", saveErr)
		}
	}()
	if b.hub.local == nil {
		return nil, errors.New("the journal is shared by nodes: see docs/several-nodes.md")
	}
	if err := os.MkdirAll(b.o.To, 0o700); err != nil {
		return nil, err
	}
	b.sweep()
	o := BackupOptions{Data: b.hub.o.Data, Archive: b.hub.o.Archive, Version: b.hub.version}
	if b.o.Config != nil {
		o.Config = b.o.Config()
	}
	o.To = filepath.Join(b.o.To, backupPrefix+time.Now().UTC().Format(backupTime)+backupSuffix)
	m, err := Backup(ctx, o)
	if err != nil {
		return nil, err
	}
	made = &api.BackupMade{File: filepath.Base(o.To), MadeAt: m.MadeAt, Journal: m.Journal, Last: m.Last}
	if b.o.Verify {
		if err := b.verify(ctx, o.To); err != nil {
			return made, fmt.Errorf("the backup %s does not restore: %w", made.File, err)
		}
		made.VerifiedAt = time.Now().UTC()
		b.mu.Lock()
		b.state.Verified[made.File] = made.VerifiedAt
		b.mu.Unlock()
	}
	b.log.Info("a backup was made", "file", made.File, "offset", made.Last, "verified", b.o.Verify)
	return made, b.prune()
}

// verify restores a backup beside it, which checks every file, the journal with its chain, the snapshot and the vault, and
// removes what was restored.
func (b *backups) verify(ctx context.Context, file string) error {
	to := filepath.Join(b.o.To, tryFolder)
	o := RestoreOptions{From: file, Data: to, VaultKey: b.hub.o.VaultKey}
	if o.VaultKey == "" {
		o.KeyFile = b.hub.folder(vaultKeyFile)
	}
	_, err := Restore(ctx, o)
	return errors.Join(err, os.RemoveAll(to), os.RemoveAll(to+restoringSuffix))
}

// backupFile is one backup in the folder.
type backupFile struct {
	name string
	at   time.Time
	size int64
}

// files lists the backups of the schedule, the newest first. A file counts by its name, which it got when it was whole.
func (b *backups) files() ([]backupFile, error) {
	entries, err := os.ReadDir(b.o.To)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []backupFile
	for _, e := range entries {
		stamp, ok := strings.CutSuffix(strings.TrimPrefix(e.Name(), backupPrefix), backupSuffix)
		at, err := time.Parse(backupTime, stamp)
		if !ok || err != nil || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil {
			out = append(out, backupFile{e.Name(), at, info.Size()})
		}
	}
	slices.SortFunc(out, func(a, b backupFile) int { return cmp.Compare(b.at.Unix(), a.at.Unix()) })
	return out, nil
}

// stays tells which of some backups, the newest first, stay.
func (k Keep) stays(files []backupFile) map[string]bool {
	out := map[string]bool{}
	days, weeks := map[string]bool{}, map[string]bool{}
	for i, f := range files {
		day := f.at.Format(time.DateOnly)
		year, number := f.at.ISOWeek()
		week := fmt.Sprint(year, number)
		if i < k.Newest || !days[day] && len(days) < k.Daily || !weeks[week] && len(weeks) < k.Weekly {
			out[f.name] = true
		}
		days[day], weeks[week] = true, true
	}
	return out
}

// prune removes the backups that need not stay. The newest one that was verified stays in any case.
func (b *backups) prune() error {
	files, err := b.files()
	if err != nil {
		return err
	}
	stays := b.o.Keep.stays(files)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range files {
		if !b.state.Verified[f.name].IsZero() {
			stays[f.name] = true
			break
		}
	}
	for _, f := range files {
		if stays[f.name] {
			continue
		}
		if err := os.Remove(filepath.Join(b.o.To, f.name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("an old backup could not be removed: %w", err)
		}
		delete(b.state.Verified, f.name)
	}
	return nil
}

func (b *backups) save() error {
	raw, err := json.Marshal(&b.state)
	if err != nil {
		return err
	}
	path := filepath.Join(b.o.To, backupState)
	if err := os.WriteFile(path+".tmp", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// newest gives when the newest good backup was made, zero for none, and whether the newest try failed. Where backups are
// verified only a verified one is good.
func (b *backups) newest() (at time.Time, failed bool) {
	if b.folder() == "" {
		return at, false
	}
	files, err := b.files()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range files {
		if !b.o.Verify || !b.state.Verified[f.name].IsZero() {
			at = f.at
			break
		}
	}
	return at, err != nil || b.state.LastError != ""
}

var _ api.BackedUp = Doors{}

// Backups tells how the schedule of backups does.
func (d Doors) Backups() (*api.BackupStatus, error) {
	b := d.backups
	out := &api.BackupStatus{Scheduled: b.folder() != "", Backups: []api.BackupShown{}}
	if !out.Scheduled {
		return out, nil
	}
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	newest, _ := b.newest()
	b.mu.Lock()
	defer b.mu.Unlock()
	out.Every, out.Folder, out.Verify, out.Failed, out.FailedAt = b.o.Every.String(), b.o.To, b.o.Verify, b.state.LastError != "", b.state.FailedAt
	out.Newest = newest
	for _, f := range files {
		out.Backups = append(out.Backups, api.BackupShown{File: f.name, MadeAt: f.at, Bytes: f.size, VerifiedAt: b.state.Verified[f.name]})
	}
	return out, nil
}

// BackUp makes a backup of the schedule now.
func (d Doors) BackUp(ctx context.Context) (*api.BackupMade, error) {
	if d.backups.folder() == "" {
		return nil, problem.New(problem.BackupFailed, "the configuration has no schedule of backups (backup.every)")
	}
	made, err := d.backups.make(ctx)
	if err != nil && ctx.Err() == nil {
		return nil, problem.New(problem.BackupFailed, err.Error())
	}
	return made, err
}
