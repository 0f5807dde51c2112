package hub

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/store"
)

// A backup is one file: a tar archive, compressed with zstd, that common tools read. Its last entry is the manifest, so
// that a file which was cut short is never taken for a backup. It holds
//
//	snapshots/   the newest snapshot of the view that checks out
//	archive/, journal/   the segments, as far as they were durable
//	jumpring.yaml   the configuration, where it was given
//	vault/   the sealed entries; vault.key only when it was asked for
//	manifest.json
//
// The snapshot is chosen first and the vault is read last, so that the journal covers the snapshot, and credentials are
// the newest: an older one may not be good any more.
const (
	manifestName   = "manifest.json"
	configName     = "jumpring.yaml"
	manifestFormat = 1
)

// Manifest tells what is in a backup.
type Manifest struct {
	Format  int       `json:"format"`
	Version string    `json:"version"` // of the program that made it
	MadeAt  time.Time `json:"made_at"`
	// Journal is the journal's id, Last its newest batch in the backup with its fold time and hash chain.
	Journal string    `json:"journal"`
	Last    uint64    `json:"last"`
	Time    time.Time `json:"time"`
	Hash    string    `json:"hash"`
	// Key tells that the vault's key is in the backup.
	Key   bool           `json:"key"`
	Files []ManifestFile `json:"files"`
}

// ManifestFile is one file of a backup.
type ManifestFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// BackupOptions say what is backed up and where to.
type BackupOptions struct {
	// Data is the data folder, Archive that of archived segments; empty means archive in Data.
	Data, Archive string
	// To is the file to make. It must not be there.
	To string
	// Config is put in as the configuration; it must hold no secret. Empty means none.
	Config []byte
	// WithKey puts the vault's key file in. Whoever has the backup can then read the credentials in it.
	WithKey bool
	Version string
	// Progress, which may be nil, gets the bytes that are done of those that are to do.
	Progress func(done, total int64)
}

// partSuffix is that of a backup which is not complete.
const partSuffix = ".part"

// Backup writes a backup of a data folder, beside a running hub or without one. It asks the hub nothing: it reads files
// that only grow, and syncs the journal's newest segment itself (invariant 1). When it returns the backup is durable
// under its name; a backup that was broken off leaves a file that ends in .part.
func Backup(ctx context.Context, o BackupOptions) (*Manifest, error) {
	if o.Archive == "" {
		o.Archive = filepath.Join(o.Data, archiveFolder)
	}
	if _, err := os.Lstat(o.To); err == nil {
		return nil, fmt.Errorf("backup: %s is there already", o.To)
	}
	unlock, err := lockIfFree(o.Data)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unlock() }()
	part := o.To + partSuffix
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	m, err := writeBackup(ctx, &o, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, o.To)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("backup: %w", err), os.Remove(part))
	}
	if err := syncFolder(filepath.Dir(o.To)); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// lockIfFree keeps a hub from starting during a backup of a stopped one. Beside a running hub it does nothing.
func lockIfFree(data string) (unlock func() error, err error) {
	dir := filepath.Join(data, journalFolder)
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("backup: %s holds no journal: %w", data, err)
	}
	lock, err := embedded.LockDir(nil, dir)
	if errors.Is(err, embedded.ErrLocked) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	return lock.Close, nil
}

func writeBackup(ctx context.Context, o *BackupOptions, to io.Writer) (*Manifest, error) {
	zw, err := zstd.NewWriter(to, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	w := &backupWriter{ctx: ctx, tar: tar.NewWriter(zw), progress: o.Progress}
	m, err := w.write(o)
	return m, errors.Join(err, w.tar.Close(), zw.Close())
}

type backupWriter struct {
	ctx         context.Context
	tar         *tar.Writer
	files       []ManifestFile
	done, total int64
	progress    func(done, total int64)
}

func (w *backupWriter) write(o *BackupOptions) (*Manifest, error) {
	snapshot, err := openNewest(filepath.Join(o.Data, snapshotFolder))
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		defer func() { _ = snapshot.Close() }()
	}
	// The seals come first: what they say of journal and reads must be in the copies of those.
	seals, err := auditFile(o.Data, sealsFile)
	if err != nil {
		return nil, err
	}
	still, err := embedded.TakeStill(w.ctx, nil, filepath.Join(o.Data, journalFolder), o.Archive)
	if err != nil {
		return nil, err
	}
	if still.First != 1 {
		return nil, fmt.Errorf("the journal's batches before %d are not in the archive folder %s: bring it back, or name it as bus.archive in the configuration", still.First, o.Archive)
	}
	for i := range still.Files {
		w.total += still.Files[i].Size
	}
	if snapshot != nil {
		if err := w.snapshot(snapshot); err != nil {
			return nil, err
		}
	}
	for i := range still.Files {
		if err := w.segment(still, &still.Files[i]); err != nil {
			return nil, err
		}
	}
	if len(o.Config) > 0 {
		if err := w.content(configName, o.Config); err != nil {
			return nil, err
		}
	}
	reads, err := auditFile(o.Data, readsFile)
	if err != nil {
		return nil, err
	}
	for name, raw := range map[string][]byte{sealsFile: seals, readsFile: reads} {
		if len(raw) == 0 {
			continue
		}
		if err := w.content(path.Join(auditFolder, name), raw); err != nil {
			return nil, err
		}
	}
	key, err := w.vault(o)
	if err != nil {
		return nil, err
	}
	m := &Manifest{
		Format: manifestFormat, Version: o.Version, MadeAt: time.Now().UTC(), Journal: still.Journal, Last: still.Last,
		Time: time.Unix(0, still.Time).UTC(), Hash: hex.EncodeToString(still.Hash[:]), Key: key, Files: w.files,
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	return m, w.content(manifestName, raw)
}

// auditFile reads seals or the log of reads; nil where there is none yet.
func auditFile(data, name string) ([]byte, error) {
	raw, err := os.ReadFile(filepath.Join(data, auditFolder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return raw, err
}

// openNewest opens the newest snapshot whose checksum holds; nil when there is none. An open file stays, whatever the
// hub removes.
func openNewest(dir string) (*os.File, error) {
	for range 5 {
		found, _, ok, _ := store.NewestSnapshot(dir, nil) // a snapshot that is damaged is passed over: the journal has it all
		if !ok {
			return nil, nil
		}
		f, err := os.Open(found)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a newer one took its place
		}
		return f, err
	}
	return nil, nil
}

func (w *backupWriter) snapshot(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.total += info.Size()
	return w.add(path.Join(snapshotFolder, filepath.Base(f.Name())), info.Size(), f)
}

func (w *backupWriter) segment(still *embedded.Still, f *embedded.StillFile) error {
	r, err := still.Open(f)
	if err != nil {
		return err
	}
	folder := journalFolder
	if f.Archived {
		folder = archiveFolder
	}
	return errors.Join(w.add(path.Join(folder, f.Name), f.Size, r), r.Close())
}

// vault adds the sealed entries, and the key where that was asked for.
func (w *backupWriter) vault(o *BackupOptions) (key bool, err error) {
	root := filepath.Join(o.Data, vaultFolder)
	err = filepath.WalkDir(root, func(at string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == access.SessionsNamespace {
			return fs.SkipDir // who signed out since must not be signed in by a restore
		}
		if err != nil || !d.Type().IsRegular() || tempName(d.Name()) {
			return missingIsFine(err)
		}
		b, err := os.ReadFile(at)
		if err != nil {
			return missingIsFine(err) // removed or replaced meanwhile
		}
		name, err := filepath.Rel(o.Data, at)
		if err != nil {
			return err
		}
		return w.content(filepath.ToSlash(name), b)
	})
	if err != nil || !o.WithKey {
		return false, err
	}
	b, err := os.ReadFile(filepath.Join(o.Data, vaultKeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it comes from the environment
	}
	if err != nil {
		return false, err
	}
	return true, w.content(vaultKeyFile, b)
}

func missingIsFine(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// tempName tells a file whose writing was under way.
func tempName(name string) bool {
	return len(name) > 4 && (name[:5] == ".tmp-" || filepath.Ext(name) == ".tmp")
}

func (w *backupWriter) content(name string, b []byte) error {
	w.total += int64(len(b))
	return w.add(name, int64(len(b)), bytes.NewReader(b))
}

// add writes one file of a known size.
func (w *backupWriter) add(name string, size int64, from io.Reader) error {
	head := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: time.Now(), Format: tar.FormatPAX}
	if err := w.tar.WriteHeader(head); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w.tar, sum), &countedReader{ctx: w.ctx, from: io.LimitReader(from, size), n: w.done, seen: w.seen})
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if n != size {
		return fmt.Errorf("%s: it has %d bytes, %d were expected", name, n, size)
	}
	w.done += n
	w.files = append(w.files, ManifestFile{name, size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

func (w *backupWriter) seen(done int64) {
	if w.progress != nil {
		w.progress(done, w.total)
	}
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
