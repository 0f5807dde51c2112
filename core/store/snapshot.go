package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A snapshot file is
//
//	magic, length and JSON of its head (the mark)
//	one zstd stream of blocks: length uint32, CRC-32C uint32, pairs; a block of length 0 ends it
//	SHA-256 of all bytes before it
//
// A pair is the key's length, the key, the value's length, the value; lengths are uvarints. Other numbers are
// little-endian.
const (
	snapshotMagic  = "JRSNAP\x00\x01"
	snapshotPrefix = "view-"
	snapshotSuffix = ".snapshot"
	blockSize      = 256 << 10
	maxBlock       = blockSize + MaxKey + MaxCommitBytes + 32 // the pair that fills a block may be the largest
	maxHead        = 1 << 20
	keptSnapshots  = 2
)

type snapshotHead struct {
	Mark Mark `json:"mark"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// WriteSnapshot writes everything that view shows, with its mark, into a file of dir that is named by the position,
// and returns its path once it is durable. Of the snapshots of this journal the two newest stay, all others in dir
// are removed.
func WriteSnapshot(ctx context.Context, view View, dir string) (path string, err error) {
	mark, err := view.Mark()
	if err != nil {
		return "", fmt.Errorf("store: snapshot: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("store: snapshot: %w", err)
	}
	path = filepath.Join(dir, snapshotPrefix+mark.Position.SortKey()+snapshotSuffix)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("store: snapshot: %w", err)
	}
	if err = writeSnapshot(ctx, view, mark, f); err == nil {
		err = f.Sync()
	}
	if err = publish(f, path, err); err != nil {
		return "", fmt.Errorf("store: snapshot %s: %w", path, err)
	}
	if err := pruneSnapshots(dir, mark.JournalID); err != nil {
		return "", fmt.Errorf("store: remove old snapshots: %w", err)
	}
	return path, nil
}

func writeSnapshot(ctx context.Context, view View, mark Mark, f io.Writer) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, sum), 256<<10)
	head, err := json.Marshal(snapshotHead{Mark: mark})
	if err != nil {
		return err
	}
	start := binary.LittleEndian.AppendUint32([]byte(snapshotMagic), uint32(len(head)))
	if _, err := out.Write(append(start, head...)); err != nil {
		return err
	}
	zw, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	block := make([]byte, 8, blockSize+8)
	flush := func() error {
		pairs := block[8:]
		binary.LittleEndian.PutUint32(block, uint32(len(pairs)))
		binary.LittleEndian.PutUint32(block[4:], crc32.Checksum(pairs, castagnoli))
		_, err := zw.Write(block)
		block = block[:8]
		return errors.Join(err, ctx.Err())
	}
	err = view.Scan("", "", func(key string, value []byte) (bool, error) {
		block = binary.AppendUvarint(block, uint64(len(key)))
		block = append(block, key...)
		block = binary.AppendUvarint(block, uint64(len(value)))
		block = append(block, value...)
		if len(block) < blockSize {
			return true, nil
		}
		return true, flush()
	})
	if err == nil && len(block) > 8 {
		err = flush()
	}
	if err == nil {
		err = flush() // the empty block that ends the stream
	}
	if err = errors.Join(err, zw.Close()); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = f.Write(sum.Sum(nil))
	return err
}

// pruneSnapshots removes all but the newest snapshots of a journal, and what broken-off writes left.
func pruneSnapshots(dir, journalID string) error {
	names, err := snapshotNames(dir)
	if err != nil {
		return err
	}
	kept := 0
	for _, name := range names {
		path := filepath.Join(dir, name)
		if mark, err := readHead(path); err == nil && mark.JournalID == journalID && kept < keptSnapshots {
			kept++
			continue
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, snapshotPrefix+"*"+snapshotSuffix+".tmp"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return syncPath(dir)
}

// snapshotNames lists the snapshot files of dir, the newest position first.
func snapshotNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), snapshotPrefix) && strings.HasSuffix(e.Name(), snapshotSuffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// SnapshotMarks gives the positions of the snapshots in dir, the newest first, without checking their content.
func SnapshotMarks(dir string) ([]Mark, error) {
	names, err := snapshotNames(dir)
	if err != nil {
		return nil, fmt.Errorf("store: list snapshots: %w", err)
	}
	var marks []Mark
	for _, name := range names {
		mark, err := readHead(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		marks = append(marks, mark)
	}
	return marks, nil
}

// NewestSnapshot finds the newest snapshot in dir whose checksum holds and that accept takes (nil takes all; the
// caller compares the mark with its journal there). ok is false when there is none. err names the files that were
// passed over as corrupt (it wraps ErrCorrupt) or could not be read; what was found counts in spite of it.
func NewestSnapshot(dir string, accept func(Mark) bool) (path string, mark Mark, ok bool, err error) {
	names, err := snapshotNames(dir)
	if err != nil {
		return "", Mark{}, false, fmt.Errorf("store: list snapshots: %w", err)
	}
	var bad []error
	for _, name := range names {
		path := filepath.Join(dir, name)
		mark, err := CheckSnapshot(path)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		if accept == nil || accept(mark) {
			return path, mark, true, errors.Join(bad...)
		}
	}
	return "", Mark{}, false, errors.Join(bad...)
}

// CheckSnapshot reads a snapshot and compares it with its checksum.
func CheckSnapshot(path string) (Mark, error) {
	r, err := openSnapshot(path)
	if err != nil {
		return Mark{}, err
	}
	defer r.file.Close()
	if _, err := io.Copy(io.Discard, r.body); err != nil {
		return Mark{}, fmt.Errorf("store: snapshot %s: %w", path, err)
	}
	return r.mark, r.verify()
}

func readHead(path string) (Mark, error) {
	r, err := openSnapshot(path)
	if err != nil {
		return Mark{}, err
	}
	return r.mark, r.file.Close()
}

// snapshotReader reads a snapshot's body and sums up what it reads.
type snapshotReader struct {
	path string
	file *os.File
	size int64 // of the file
	mark Mark
	body io.Reader // everything between head and trailer
	sum  hash.Hash
}

func openSnapshot(path string) (*snapshotReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("store: snapshot: %w", err)
	}
	r := &snapshotReader{path: path, file: f, sum: sha256.New()}
	if err := r.start(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *snapshotReader) start() error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("store: snapshot: %w", err)
	}
	r.size = info.Size()
	fixed := make([]byte, len(snapshotMagic)+4)
	in := io.TeeReader(io.LimitReader(r.file, r.size-sha256.Size), r.sum)
	if _, err := io.ReadFull(in, fixed); err != nil {
		return r.corrupt("it is too short")
	}
	if !bytes.HasPrefix(fixed, []byte(snapshotMagic)) {
		return r.corrupt("it does not begin as a snapshot of this version")
	}
	n := binary.LittleEndian.Uint32(fixed[len(snapshotMagic):])
	if n > maxHead {
		return r.corrupt("its head is too long")
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(in, raw); err != nil {
		return r.corrupt("it is too short")
	}
	var head snapshotHead
	if json.Unmarshal(raw, &head) != nil {
		return r.corrupt("its head does not read")
	}
	r.mark, r.body = head.Mark, in
	return nil
}

// verify compares the trailer with the sum, after body was read to its end.
func (r *snapshotReader) verify() error {
	want := make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.file, want); err != nil {
		return r.corrupt("its checksum is missing")
	}
	if !bytes.Equal(want, r.sum.Sum(nil)) {
		return r.corrupt("its checksum differs")
	}
	return nil
}

func (r *snapshotReader) corrupt(why string) error {
	return fmt.Errorf("%w: snapshot %s: %s", ErrCorrupt, r.path, why)
}

// LoadSnapshot empties a store and fills it from a snapshot. The mark is set by the last commit alone: a store whose
// loading broke off stands for no position, and Attach has it discarded. progress, which may be nil, gets bytes of
// the file.
func LoadSnapshot(ctx context.Context, path string, into Store, progress func(done, total int64)) (err error) {
	r, err := openSnapshot(path)
	if err != nil {
		return err
	}
	defer r.file.Close()
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := into.Wipe(); err != nil {
		return fmt.Errorf("store: load snapshot %s: %w", path, err)
	}
	if err := r.load(ctx, into, progress); err != nil {
		// What was loaded is worth nothing.
		return errors.Join(err, into.Wipe())
	}
	progress(r.size, r.size)
	return nil
}

func (r *snapshotReader) load(ctx context.Context, into Store, progress func(done, total int64)) error {
	if f, ok := into.(filler); ok {
		err := f.fill(func(put func(key, value []byte) error) error {
			return r.each(put, func(done int64) error {
				progress(done, r.size)
				return ctx.Err()
			})
		})
		if err != nil {
			return err
		}
		return into.Commit(&Writes{}, r.mark)
	}
	w, size := &Writes{}, 0
	commit := func(mark Mark) error {
		if err := into.Commit(w, mark); err != nil {
			return fmt.Errorf("store: load snapshot %s: %w", r.path, err)
		}
		w, size = &Writes{}, 0
		return ctx.Err()
	}
	err := r.each(func(key, value []byte) error {
		cost := len(key) + len(value) + entryOverhead
		if size+cost > MaxCommitBytes || w.Len() == MaxCommitKeys {
			if err := commit(Mark{}); err != nil {
				return err
			}
		}
		size += cost
		w.Put(string(key), value)
		return nil
	}, func(done int64) error {
		progress(done, r.size)
		return nil
	})
	if err != nil {
		return err
	}
	return commit(r.mark)
}

// each hands over the pairs in the order of their keys, and after each block how many bytes of the file were read. It
// returns nil only when the file's checksum holds.
func (r *snapshotReader) each(pair func(key, value []byte) error, block func(done int64) error) error {
	counted := &countReader{r: r.body}
	zr, err := zstd.NewReader(counted, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return fmt.Errorf("store: load snapshot %s: %w", r.path, err)
	}
	defer zr.Close()
	for {
		pairs, err := r.block(zr)
		if err != nil {
			return err
		}
		if len(pairs) == 0 {
			break
		}
		for len(pairs) > 0 {
			var key, value []byte
			if key, pairs, err = r.field(pairs); err != nil {
				return err
			}
			if value, pairs, err = r.field(pairs); err != nil {
				return err
			}
			if err := pair(key, value); err != nil {
				return err
			}
		}
		if err := block(counted.n); err != nil {
			return err
		}
	}
	if n, err := io.Copy(io.Discard, zr); n != 0 || err != nil {
		return r.corrupt("it goes on behind its end")
	}
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return fmt.Errorf("store: load snapshot %s: %w", r.path, err)
	}
	return r.verify()
}

// block reads the next block; an empty one is the end.
func (r *snapshotReader) block(zr io.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(zr, head[:]); err != nil {
		return nil, r.corrupt("a block is cut off or does not decompress")
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxBlock {
		return nil, r.corrupt("a block is too long")
	}
	pairs := make([]byte, n)
	if _, err := io.ReadFull(zr, pairs); err != nil {
		return nil, r.corrupt("a block is cut off or does not decompress")
	}
	if crc32.Checksum(pairs, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, r.corrupt("a block's checksum differs")
	}
	return pairs, nil
}

// field takes one length-prefixed field off pairs.
func (r *snapshotReader) field(pairs []byte) (field, rest []byte, err error) {
	n, used := binary.Uvarint(pairs)
	if used <= 0 || n > uint64(len(pairs)-used) {
		return nil, nil, r.corrupt("a pair is cut off")
	}
	end := used + int(n)
	return pairs[used:end:end], pairs[end:], nil
}

type countReader struct {
	r io.Reader
	n int64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
