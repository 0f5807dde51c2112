// Package vault keeps the hub's sealed side state: rotated credentials, token hashes and plugins' key-values. It is
// neither truth nor view (nothing in the journal gives it back), so every change is on disk before it is reported
// done, outside the store, one file for each entry.
//
// Entries are sealed with AES-256-GCM. The entry's name is part of what is authenticated, so that one entry's file can't
// be put in another's place.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

var (
	// ErrNotFound is returned by Get for an entry that there is not.
	ErrNotFound = errors.New("vault entry not found")
	// ErrWrongKey is returned by Open when the vault was sealed under another key.
	ErrWrongKey = errors.New("vault is sealed under another key")
	// ErrDamaged is returned when a file of the vault is not what was written.
	ErrDamaged = errors.New("vault file is damaged")
)

const (
	magic     = "JRV1"
	extension = ".sealed"
	tmpPrefix = ".tmp-"
	maxName   = 200     // of a namespace or key after escaping, in bytes
	maxValue  = 1 << 20 // in bytes
)

// Vault is an open vault. Its methods may be called concurrently; one process at a time may have a folder open.
type Vault struct {
	dir  string
	aead cipher.AEAD
	mu   sync.RWMutex
}

// Open opens the vault in dir, or makes it. The error for a wrong or missing key says what to do.
func Open(dir string, source KeySource) (*Vault, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	h, err := readHeader(dir)
	if err != nil {
		return nil, err
	}
	isNew := h == nil
	if isNew {
		if sealed, err := hasEntries(dir); err != nil {
			return nil, fmt.Errorf("vault: %w", err)
		} else if sealed {
			return nil, fmt.Errorf("%w: %s is missing beside sealed entries: restore it from the backup", ErrDamaged, filepath.Join(dir, headerName))
		}
	}
	secret, err := source.read(isNew)
	if err != nil {
		return nil, err
	}
	if isNew {
		if h, err = newHeader(secret); err != nil {
			return nil, err
		}
	}
	v := &Vault{dir: dir}
	if v.aead, err = h.aead(secret); err != nil {
		return nil, err
	}
	if isNew {
		h.Check = v.seal(checkName, nil)
		if err := h.write(dir); err != nil {
			return nil, err
		}
	} else if _, err := v.open(checkName, h.Check); err != nil {
		return nil, fmt.Errorf("%w: %s. Nothing was changed. %s", ErrWrongKey, dir, source.advice())
	}
	return v, v.sweep()
}

// newAEAD makes the cipher of a 32-byte key.
func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Format keeps the key out of every print of a Vault (invariant 7).
func (v *Vault) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "vault(%s)", v.dir) }

// Put seals a value. When it returns nil the value is on disk and survives a power cut.
func (v *Vault) Put(namespace, key string, value []byte) error {
	path, err := v.path(namespace, key)
	if err != nil {
		return err
	}
	if len(value) > maxValue {
		return fmt.Errorf("vault: the value of %s/%s has %d bytes, at most %d are kept", namespace, key, len(value), maxValue)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := makeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if err := writeDurably(path, v.seal(entryName(namespace, key), value)); err != nil {
		return fmt.Errorf("vault: keep %s/%s: %w", namespace, key, err)
	}
	return nil
}

// Get opens a value, or gives ErrNotFound.
func (v *Vault) Get(namespace, key string) ([]byte, error) {
	path, err := v.path(namespace, key)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s/%s", ErrNotFound, namespace, key)
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	value, err := v.open(entryName(namespace, key), sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: restore it from the backup, or delete it and enter the value again", ErrDamaged, path)
	}
	return value, nil
}

// List gives the keys of a namespace, sorted; none when there is no such namespace.
func (v *Vault) List(namespace string) ([]string, error) {
	dir, err := escape(namespace)
	if err != nil {
		return nil, err
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	entries, err := os.ReadDir(filepath.Join(v.dir, dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("vault: %w", err)
	}
	var keys []string
	for _, e := range entries {
		name, sealed := strings.CutSuffix(e.Name(), extension)
		if !sealed {
			continue
		}
		key, err := unescape(name)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys, nil
}

// Namespaces gives the namespaces that were ever used, sorted; some may have no entry any more.
func (v *Vault) Namespaces() ([]string, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	entries, err := os.ReadDir(v.dir)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		name, err := unescape(e.Name())
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out, nil
}

// Delete removes an entry for good; there need not be one.
func (v *Vault) Delete(namespace, key string) error {
	path, err := v.path(namespace, key)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("vault: delete %s/%s: %w", namespace, key, err)
	}
	return nil
}

// seal gives magic, nonce and ciphertext.
func (v *Vault) seal(name string, value []byte) []byte {
	return v.aead.Seal([]byte(magic), nil, value, []byte(name))
}

func (v *Vault) open(name string, sealed []byte) ([]byte, error) {
	body, ok := strings.CutPrefix(string(sealed), magic)
	if !ok {
		return nil, ErrDamaged
	}
	return v.aead.Open(nil, nil, []byte(body), []byte(name))
}

// entryName is what is authenticated beside the value. The separator occurs in no escaped name.
func entryName(namespace, key string) string { return "entry\x00" + namespace + "\x00" + key }

const checkName = "check"

func (v *Vault) path(namespace, key string) (string, error) {
	dir, err := escape(namespace)
	if err != nil {
		return "", err
	}
	file, err := escape(key)
	if err != nil {
		return "", err
	}
	return filepath.Join(v.dir, dir, file+extension), nil
}

// sweep removes what a crash left half written.
func (v *Vault) sweep() error {
	for _, pattern := range []string{tmpPrefix + "*", "*/" + tmpPrefix + "*"} {
		left, err := fs.Glob(os.DirFS(v.dir), pattern)
		if err != nil {
			return fmt.Errorf("vault: %w", err)
		}
		for _, name := range left {
			if err := os.Remove(filepath.Join(v.dir, name)); err != nil {
				return fmt.Errorf("vault: %w", err)
			}
		}
	}
	return nil
}

func hasEntries(dir string) (bool, error) {
	sealed, err := fs.Glob(os.DirFS(dir), "*/*"+extension)
	return len(sealed) > 0, err
}

// Seal seals a value under a name without keeping it, for side state in files of its own. Names are of one space with
// nothing else of the vault.
func (v *Vault) Seal(name string, value []byte) []byte { return v.seal("side\x00"+name, value) }

// Unseal opens what Seal gave for the same name, or gives ErrDamaged.
func (v *Vault) Unseal(name string, sealed []byte) ([]byte, error) {
	value, err := v.open("side\x00"+name, sealed)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, strings.ReplaceAll(name, "\x00", "/"))
	}
	return value, nil
}
