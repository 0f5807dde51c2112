// Package delivery keeps webhook deliveries as they came, sealed, beside the journal: those that wait for their connector
// (durable, so that they can be acknowledged; invariant 1), and copies of those that were translated, without secrets and
// for a while, so that they can be translated again after a mapping was put right.
//
// It is neither truth nor view: what counts is what connectors make of it. Everything is bounded and expires.
package delivery

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// Delivery is one delivery.
type Delivery struct {
	Request sdk.WebhookRequest `json:"request"`
	// Position is that of the first entry that it gave; zero for none, and for one that waits.
	Position canon.Position `json:"position,omitzero"`
}

// Sealer seals a small value under a name; the vault is one.
type Sealer interface {
	Seal(name string, value []byte) []byte
	Unseal(name string, sealed []byte) ([]byte, error)
}

// A file begins with its own key, sealed by the vault, so that a file that is deleted can't be read by anybody again. Records
// follow: length and CRC-32C of what comes, then batches of deliveries as JSON, compressed, sealed with AES-256-GCM. The
// record's number is authenticated, so that none can be taken for another.
const (
	fileMagic = "JRD1"
	maxRecord = 160 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file is one file that is written to.
type file struct {
	f       *os.File
	path    string
	aead    cipher.AEAD
	records uint64
	size    int64
}

func keyName(path string) string {
	return "delivery\x00" + filepath.Base(filepath.Dir(path)) + "\x00" + filepath.Base(path)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// createFile makes a file with a key of its own. Its name is durable when this returns.
func createFile(path string, s Sealer) (*file, error) {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	sealed := s.Seal(keyName(path), key)
	head := binary.LittleEndian.AppendUint32([]byte(fileMagic), uint32(len(sealed)))
	head = append(head, sealed...)
	_, err = f.Write(head)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{f: f, path: path, aead: aead, size: int64(len(head))}, nil
}

// encode makes the record of a batch. It does not write it.
func (f *file) encode(batch []Delivery) ([]byte, error) {
	plain, err := json.Marshal(batch)
	if err != nil {
		return nil, err
	}
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], f.records)
	sealed := f.aead.Seal(nil, nil, s2.Encode(nil, plain), number[:])
	record := binary.LittleEndian.AppendUint32(nil, uint32(len(sealed)))
	record = binary.LittleEndian.AppendUint32(record, crc32.Checksum(sealed, castagnoli))
	f.records++
	return append(record, sealed...), nil
}

// write writes encoded records.
func (f *file) write(records []byte) error {
	n, err := f.f.Write(records)
	f.size += int64(n)
	return err
}

// readFile gives the batches of a file in order. A tail that was not written whole ends it: nobody was told that it is
// durable.
func readFile(path string, s Sealer, fn func(batch []Delivery) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 8)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:4]) != fileMagic {
		return nil // cut off before its first record
	}
	sealed := make([]byte, min(binary.LittleEndian.Uint32(head[4:]), 4096))
	if _, err := io.ReadFull(f, sealed); err != nil {
		return nil
	}
	key, err := s.Unseal(keyName(path), sealed)
	if err != nil {
		return fmt.Errorf("deliveries: %s: its key can't be opened with this vault: %w", path, err)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return fmt.Errorf("deliveries: %s: %w", path, err)
	}
	for n := uint64(0); ; n++ {
		if _, err := io.ReadFull(f, head); err != nil {
			return nil
		}
		size := binary.LittleEndian.Uint32(head)
		if size > maxRecord {
			return nil
		}
		sealed := make([]byte, size)
		if _, err := io.ReadFull(f, sealed); err != nil || crc32.Checksum(sealed, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return nil
		}
		var number [8]byte
		binary.LittleEndian.PutUint64(number[:], n)
		packed, err := aead.Open(nil, nil, sealed, number[:])
		if err != nil {
			return fmt.Errorf("deliveries: %s: record %d is not what was written", path, n)
		}
		plain, err := s2.Decode(nil, packed)
		if err != nil {
			return fmt.Errorf("deliveries: %s: record %d: %w", path, n, err)
		}
		var batch []Delivery
		if err := json.Unmarshal(plain, &batch); err != nil {
			return fmt.Errorf("deliveries: %s: record %d: %w", path, n, err)
		}
		if err := fn(batch); err != nil {
			return err
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cost is what a delivery counts as, in bytes: its own and some for its place in memory and file.
func cost(d *Delivery) int64 {
	n := int64(512 + len(d.Request.Body) + len(d.Request.Path) + len(d.Request.Query))
	for k, values := range d.Request.Headers {
		n += int64(len(k))
		for _, v := range values {
			n += int64(len(v))
		}
	}
	return n
}

// fileName gives a file's name: its kind and when it was begun, so that names sort by time.
func fileName(kind string, at time.Time, seq int) string {
	return fmt.Sprintf("%s-%s-%04d.sealed", kind, at.UTC().Format("20060102T150405.000000000Z"), seq)
}
