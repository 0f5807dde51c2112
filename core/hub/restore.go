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
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/bus/embedded"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// ErrNotEmpty is wrapped by the error of Restore for a data folder that holds something.
var ErrNotEmpty = errors.New("the data folder is not empty")

// ErrBadBackup is wrapped by the error of Restore for a file that is not a whole backup.
var ErrBadBackup = errors.New("this is not a whole backup")

// RestoreOptions say what is restored and where to.
type RestoreOptions struct {
	From string // the backup
	// Data is the data folder to make. It must not be there, or be empty.
	Data string
	// VaultKey opens the vault: what JUMPRING_KEY holds. KeyFile is a copy of the key file instead. Without either the key
	// has to be in the backup.
	VaultKey, KeyFile string
	// Progress, which may be nil, gets the bytes of the backup that were read, and then the batches that were verified.
	Progress func(what string, done, total int64)
}

// restoringSuffix is that of a data folder which is not complete.
const restoringSuffix = ".restoring"

// Restore makes a data folder of a backup and verifies it: the checksum of each file, the journal from its first batch on
// with the hash chain, the snapshot, and that the vault opens. Last it journals that what the hub knows of the platforms
// is old, which takes live connections back to shadow. Only then does the folder get its name.
func Restore(ctx context.Context, o RestoreOptions) (*Manifest, error) {
	if err := mustBeEmpty(o.Data); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
	dir := filepath.Clean(o.Data) + restoringSuffix
	// What is there was left by a restore that was broken off: nobody else makes a folder of this name.
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("restore: %w", err)
	}
	m, err := restoreInto(ctx, &o, dir)
	if err == nil {
		err = place(dir, o.Data)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("restore: %w", err), os.RemoveAll(dir))
	}
	return m, nil
}

func mustBeEmpty(dir string) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if len(names) > 0 {
		return fmt.Errorf("restore: %w: %s; nothing was changed. Move it away, or name another folder", ErrNotEmpty, dir)
	}
	return nil
}

// place gives the folder its name.
func place(dir, data string) error {
	if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(dir, data); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(filepath.Clean(data)))
}

func restoreInto(ctx context.Context, o *RestoreOptions, dir string) (*Manifest, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	m, err := unpackBackup(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	if o.KeyFile != "" {
		b, err := os.ReadFile(o.KeyFile)
		if err != nil {
			return nil, err
		}
		if err := writeSynced(filepath.Join(dir, vaultKeyFile), bytes.NewReader(b), nil); err != nil {
			return nil, err
		}
	}
	if err := checkVault(dir, o.VaultKey); err != nil {
		return nil, err
	}
	if err := checkRestored(ctx, o, dir, m); err != nil {
		return nil, err
	}
	// The files are on the disk; their names are when their folders are.
	return m, filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(at)
	})
}

// unpackBackup writes the files of a backup and holds them against its manifest.
func unpackBackup(ctx context.Context, o *RestoreOptions, dir string) (m *Manifest, err error) {
	f, err := os.Open(o.From)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	counted := &countedReader{ctx: ctx, from: f, seen: func(n int64) { o.Progress("unpack", n, info.Size()) }}
	zr, err := zstd.NewReader(counted, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, err
	}
	defer zr.Close()
	in := tar.NewReader(zr)
	var files []ManifestFile
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, bad(ctx, "it is cut short or damaged", err)
		}
		if m != nil || !mayRestore(h) {
			return nil, fmt.Errorf("%w: %s has no place in a backup", ErrBadBackup, h.Name)
		}
		if h.Name == manifestName {
			if m, err = readManifest(in); err != nil {
				return nil, err
			}
			continue
		}
		sum := sha256.New()
		if err := writeSynced(filepath.Join(dir, filepath.FromSlash(h.Name)), io.TeeReader(in, sum), fullSize(h.Name)); err != nil {
			return nil, bad(ctx, h.Name+" is cut short or damaged", err)
		}
		files = append(files, ManifestFile{h.Name, h.Size, hex.EncodeToString(sum.Sum(nil))})
	}
	if m == nil {
		return nil, fmt.Errorf("%w: it has no manifest", ErrBadBackup)
	}
	if _, err := io.Copy(io.Discard, zr); err != nil {
		return nil, bad(ctx, "its end is damaged", err)
	}
	if !slices.Equal(files, m.Files) {
		return nil, fmt.Errorf("%w: its files are not those of its manifest", ErrBadBackup)
	}
	return m, nil
}

func bad(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %s: %w", ErrBadBackup, what, err)
}

// mayRestore tells whether a file belongs into a data folder. A backup may come from anywhere: no name may lead out.
func mayRestore(h *tar.Header) bool {
	if h.Typeflag != tar.TypeReg || path.Clean(h.Name) != h.Name || !filepath.IsLocal(h.Name) {
		return false
	}
	folder, _, nested := strings.Cut(h.Name, "/")
	if !nested {
		return h.Name == manifestName || h.Name == configName || h.Name == vaultKeyFile
	}
	return slices.Contains([]string{journalFolder, archiveFolder, snapshotFolder, vaultFolder, auditFolder}, folder)
}

const maxManifest = 64 << 20

func readManifest(r io.Reader) (*Manifest, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("%w: its manifest is cut short: %w", ErrBadBackup, err)
	}
	var m Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: its manifest does not read: %w", ErrBadBackup, err)
	}
	if m.Format != manifestFormat {
		return nil, fmt.Errorf("the backup has format %d, this program knows %d: use the program that made it, %s", m.Format, manifestFormat, m.Version)
	}
	return &m, nil
}

// fullSize gives how long a file is to be, of those that are longer than what of them counts.
func fullSize(name string) func(start []byte) (int64, error) {
	if folder := path.Dir(name); folder == journalFolder || folder == archiveFolder {
		return embedded.SegmentSize
	}
	return nil
}

// writeSynced writes a file that is not there yet, durably but for its name. size, which may be nil, tells from the
// content's first bytes how long it is to be at least.
func writeSynced(at string, from io.Reader, size func(start []byte) (int64, error)) (err error) {
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	n, err := io.Copy(f, from)
	if err != nil {
		return err
	}
	if size != nil {
		start := make([]byte, embedded.SegmentHead)
		if _, err := f.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		full, err := size(start)
		if err != nil {
			return err
		}
		if full > n {
			if err := f.Truncate(full); err != nil {
				return err
			}
		}
	}
	return f.Sync()
}

// checkVault opens the restored vault.
func checkVault(dir, key string) error {
	if _, err := os.Stat(filepath.Join(dir, vaultFolder)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, vaultKeyFile)); errors.Is(err, fs.ErrNotExist) && key == "" {
		return errors.New("the vault's key is not in the backup: set JUMPRING_KEY to it, or name a copy of vault.key with --key-file")
	}
	_, err := OpenVault(dir, key)
	return err
}

// checkRestored verifies the journal and the snapshot and journals the fall-back.
func checkRestored(ctx context.Context, o *RestoreOptions, dir string, m *Manifest) (err error) {
	j, err := embedded.Open(embedded.Options{Dir: filepath.Join(dir, journalFolder), Archive: filepath.Join(dir, archiveFolder)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	if j.ID() != m.Journal || j.End() != m.Last {
		return fmt.Errorf("%w: the journal ends at batch %d, the manifest says %d", ErrBadBackup, j.End(), m.Last)
	}
	rep, err := j.VerifyProgress(ctx, 1, func(last uint64) { o.Progress("verify", int64(last), int64(m.Last)) })
	if err != nil {
		return err
	}
	if rep.Fault != nil {
		return rep.Fault
	}
	if m.Last > 0 && (rep.First != 1 || hex.EncodeToString(rep.Hash[:]) != m.Hash) {
		return fmt.Errorf("%w: the journal's hash chain is not the manifest's", ErrBadBackup)
	}
	for i := range m.Files {
		if path.Dir(m.Files[i].Name) == snapshotFolder {
			if _, err := store.CheckSnapshot(filepath.Join(dir, filepath.FromSlash(m.Files[i].Name))); err != nil {
				return err
			}
		}
	}
	if m.Last == 0 {
		return nil
	}
	reason := fmt.Sprintf("restored from a backup of %s", m.Time.UTC().Format(time.RFC3339))
	e, err := router.NewEntry(canon.EntryFallBack, canon.Head{Actor: "hub"}, canon.FallBack{Reason: reason})
	if err != nil {
		return err
	}
	_, err = j.Append(ctx, bus.ClassCommand, []bus.Entry{e})
	return err
}

// countedReader tells how much was read, and ends with a context.
type countedReader struct {
	ctx  context.Context
	from io.Reader
	n    int64
	seen func(n int64)
}

func (r *countedReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.from.Read(b)
	r.n += int64(n)
	r.seen(r.n)
	return n, err
}
