package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// ErrOtherKey is returned by Check where the nodes of a journal have another key than this one.
var ErrOtherKey = errors.New("the key is not that of the other nodes")

const (
	sharedMagic = "JRS1"
	sharedInfo  = "jumpring shared side state 1"
	sharedProof = "proof"
)

// Shared seals what several nodes share: each derives the same key from the same secret and the id of their journal. It
// keeps nothing. Its methods may be called concurrently.
type Shared struct {
	aead   cipher.AEAD
	source KeySource
}

// OpenShared derives the key of a journal's nodes. The key's file, if that is where the secret is, must be there.
func OpenShared(source KeySource, journal string) (*Shared, error) {
	secret, err := source.read(false)
	if err != nil {
		return nil, err
	}
	key := rawKey(secret)
	if key == nil {
		if len(secret) < minPassphrase {
			return nil, fmt.Errorf("vault: %s is neither 32 bytes in hexadecimal or base64 nor a passphrase of at least %d bytes", KeyVariable, minPassphrase)
		}
		// The salt must be the same at each node, and another one for each journal. The cost is that of a vault's.
		salt := sha256.Sum256([]byte(sharedInfo + "\x00" + journal))
		key = argon2.IDKey([]byte(secret), salt[:16], 2, 19<<10, 1, keySize)
	}
	if key, err = hkdf.Key(sha256.New, key, []byte(journal), sharedInfo, keySize); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	s := &Shared{source: source}
	s.aead, err = newAEAD(key)
	return s, err
}

// Format keeps the key out of every print (invariant 7).
func (s *Shared) Format(f fmt.State, _ rune) { fmt.Fprint(f, "shared vault") }

// Seal seals a value. Its names are part of what is authenticated, so that one value can't be put in another's place.
func (s *Shared) Seal(namespace, key string, value []byte) []byte {
	return s.aead.Seal([]byte(sharedMagic), nil, value, []byte(entryName(namespace, key)))
}

// Open opens what Seal gave for the same names at any node, or gives ErrDamaged.
func (s *Shared) Open(namespace, key string, sealed []byte) ([]byte, error) {
	body, ok := strings.CutPrefix(string(sealed), sharedMagic)
	if ok {
		if value, err := s.aead.Open(nil, nil, []byte(body), []byte(entryName(namespace, key))); err == nil {
			return value, nil
		}
	}
	return nil, fmt.Errorf("%w: the shared %s/%s", ErrDamaged, namespace, key)
}

// Proof gives something that only the same key opens. It tells nothing of the key.
func (s *Shared) Proof() []byte {
	return s.aead.Seal([]byte(sharedMagic), nil, nil, []byte(sharedProof))
}

// Check tells whether a proof was made with the same key; the error says what to do.
func (s *Shared) Check(proof []byte) error {
	body, ok := strings.CutPrefix(string(proof), sharedMagic)
	if ok {
		if _, err := s.aead.Open(nil, nil, []byte(body), []byte(sharedProof)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w (this one's is in %s): set %s to the same at each node, or copy the key file of the node that has been running. "+
		"Where this node's vault was made with another key, move its folder vault and its key file away first: what nodes share is in the "+
		"journal. Nothing was changed", ErrOtherKey, s.source.name(), KeyVariable)
}
