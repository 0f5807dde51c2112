package vault

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/argon2"
)

// KeyVariable is the environment variable that callers take KeySource.Secret from.
const KeyVariable = "JUMPRING_KEY"

const (
	keySize       = 32
	minPassphrase = 16 // in bytes
)

// KeySource says where the vault's key comes from.
type KeySource struct {
	// Secret is 32 bytes in hexadecimal or base64, or a passphrase of 16 bytes or more; usually the value of
	// KeyVariable. When it is empty the key is in File.
	Secret string
	// File has the key in hexadecimal. It is made, readable for its owner alone, with a new vault.
	File string
}

// Format keeps the secret out of every print of a KeySource (invariant 7).
func (s KeySource) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "key(%s)", s.name()) }

func (s KeySource) name() string {
	if s.Secret != "" {
		return KeyVariable
	}
	return s.File
}

func (s KeySource) advice() string {
	if s.Secret != "" {
		return "Set " + KeyVariable + " to the key that the vault was made with, or unset it if the key was in the file " + s.File + "."
	}
	return "Restore the key file " + s.File + " from the backup, or set " + KeyVariable + " if the vault was made with it."
}

// read gives the secret; with a new vault it makes a missing key file.
func (s KeySource) read(isNew bool) (string, error) {
	if s.Secret != "" {
		return strings.TrimSpace(s.Secret), nil
	}
	if s.File == "" {
		return "", fmt.Errorf("vault: no key: set %s, or name a key file", KeyVariable)
	}
	info, err := os.Stat(s.File)
	switch {
	case errors.Is(err, fs.ErrNotExist) && isNew:
		return s.makeFile()
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("vault: the key file %s is missing. %s", s.File, s.advice())
	case err != nil:
		return "", fmt.Errorf("vault: key file: %w", err)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("vault: others may read the key file %s (mode %04o): run chmod 600 %s", s.File, info.Mode().Perm(), s.File)
	}
	content, err := os.ReadFile(s.File)
	if err != nil {
		return "", fmt.Errorf("vault: key file: %w", err)
	}
	secret := strings.TrimSpace(string(content))
	if rawKey(secret) == nil {
		return "", fmt.Errorf("vault: the key file %s has no key of 32 bytes in hexadecimal or base64: restore it from the backup", s.File)
	}
	return secret, nil
}

func (s KeySource) makeFile() (string, error) {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	secret := hex.EncodeToString(key)
	if err := makeDir(filepath.Dir(s.File)); err != nil {
		return "", fmt.Errorf("vault: key file: %w", err)
	}
	if err := writeDurably(s.File, []byte(secret+"\n")); err != nil {
		return "", fmt.Errorf("vault: key file: %w", err)
	}
	return secret, nil
}

// rawKey reads a key of 32 bytes in hexadecimal or base64; nil when it is none.
func rawKey(secret string) []byte {
	if k, err := hex.DecodeString(secret); err == nil && len(k) == keySize {
		return k
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if k, err := enc.DecodeString(secret); err == nil && len(k) == keySize {
			return k
		}
	}
	return nil
}

const headerName = "vault.json"

// header says how the key of a vault is derived, and has a sealed nothing to try a key on. It holds no secret.
type header struct {
	Format int    `json:"format"`
	KDF    string `json:"kdf"` // "none": the secret is the key; "argon2id": it is a passphrase
	Salt   []byte `json:"salt,omitempty"`
	// Argon2id: passes, memory in KiB, lanes.
	Time    uint32 `json:"time,omitempty"`
	Memory  uint32 `json:"memory_kib,omitempty"`
	Threads uint8  `json:"threads,omitempty"`
	Check   []byte `json:"check"`
}

func readHeader(dir string) (*header, error) {
	path := filepath.Join(dir, headerName)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	h := new(header)
	if err := json.Unmarshal(content, h); err != nil {
		return nil, fmt.Errorf("%w: %s can't be read: restore it from the backup", ErrDamaged, path)
	}
	if h.Format != 1 {
		return nil, fmt.Errorf("vault: %s has format %d, this version of the hub knows 1: use the version that wrote it", path, h.Format)
	}
	return h, nil
}

// newHeader chooses the derivation for a secret. The passphrase parameters are the OWASP recommendation for Argon2id of
// 19 MiB, two passes, one lane.
func newHeader(secret string) (*header, error) {
	if rawKey(secret) != nil {
		return &header{Format: 1, KDF: "none"}, nil
	}
	if len(secret) < minPassphrase {
		return nil, fmt.Errorf("vault: %s is neither 32 bytes in hexadecimal or base64 nor a passphrase of at least %d bytes", KeyVariable, minPassphrase)
	}
	h := &header{Format: 1, KDF: "argon2id", Salt: make([]byte, 16), Time: 2, Memory: 19 << 10, Threads: 1}
	rand.Read(h.Salt) // never fails
	return h, nil
}

// aead makes the cipher that a secret gives under this header.
func (h *header) aead(secret string) (cipher.AEAD, error) {
	switch {
	case h.KDF == "argon2id" && h.Time > 0 && h.Memory <= 1<<20 && h.Threads > 0:
		return newAEAD(argon2.IDKey([]byte(secret), h.Salt, h.Time, h.Memory, h.Threads, keySize))
	case h.KDF != "none":
		return nil, fmt.Errorf("%w: %s has an unknown key derivation: restore it from the backup", ErrDamaged, headerName)
	}
	key := rawKey(secret)
	if key == nil {
		return nil, fmt.Errorf("%w: it was made with a key of 32 bytes, and %s is none", ErrWrongKey, KeyVariable)
	}
	return newAEAD(key)
}

func (h *header) write(dir string) error {
	content, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	if err := writeDurably(filepath.Join(dir, headerName), append(content, '\n')); err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	return nil
}
