// Package access says who may come through the doors and what they see: tokens with a role, a location and an end,
// the permissions of each role, and the redaction of every record by the class of its fields (invariant 7).
package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// prefix begins every token, so that a scanner for leaked secrets can find one.
const prefix = "jr_"

// secretBytes is how many random bytes a token has.
const secretBytes = 32

// TokenSpace and StaffSpace are where tokens and people are in Storage, by name.
const (
	TokenSpace = "tokens"
	StaffSpace = "staff"
)

// Token is what is kept of a token: never the token itself, only its hash.
type Token struct {
	Name     string    `json:"name"`
	Role     Role      `json:"role"`
	Location string    `json:"location,omitempty"`
	Expires  time.Time `json:"expires,omitzero"` // zero means never
	Created  time.Time `json:"created"`
	// Hash is SHA-256 of the token's text, in hexadecimal. The text has 256 random bits, so that no salt or slow hash
	// is needed against guessing.
	Hash string `json:"hash"`
	// Rotated is when it got its text; zero for the first one. Before is the hash of the text before it, which is taken
	// until BeforeUntil.
	Rotated     time.Time `json:"rotated,omitzero"`
	Before      string    `json:"before,omitempty"`
	BeforeUntil time.Time `json:"before_until,omitzero"`
}

// Expired reports whether the token has ended at a moment.
func (t *Token) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// Errors of the keeper.
var (
	ErrExists  = errors.New("access: a token of this name exists")
	ErrUnknown = errors.New("access: no token of this name")
	// ErrInvalid is the same for a token that is wrong, revoked and expired, so that an answer tells nothing.
	ErrInvalid = errors.New("access: token is not valid")
)

// nameRule is what names may look like: an actor's name stands in keys and logs.
var nameRule = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Keeper hands out tokens and recognizes them. It is safe for concurrent use; Identify takes no lock.
type Keeper struct {
	storage Storage
	now     func() time.Time
	roles   *RoleBook

	changing sync.Mutex // one change at a time
	reading  sync.Mutex // one at a time takes over what is kept; never held while something is changed
	tokens   atomic.Pointer[map[[sha256.Size]byte]Token]
}

// NewKeeper reads the tokens that storage has. now is the clock that expiry goes by; own are the house's own roles. A
// token whose role is not there any more may do nothing.
func NewKeeper(storage Storage, now func() time.Time, own ...Definition) (*Keeper, error) {
	roles, err := NewRoleBook(own...)
	if err != nil {
		return nil, err
	}
	k := &Keeper{storage: storage, now: now, roles: roles}
	keys, err := storage.List(TokenSpace)
	if err != nil {
		return nil, fmt.Errorf("access: list tokens: %w", err)
	}
	tokens := make(map[[sha256.Size]byte]Token, len(keys))
	for _, key := range keys {
		t, err := kept[Token](storage, TokenSpace, key)
		if err != nil {
			return nil, err
		}
		if t == nil {
			continue // removed meanwhile
		}
		if err := index(tokens, t); err != nil {
			return nil, err
		}
	}
	k.tokens.Store(&tokens)
	return k, nil
}

// Roles is the book of roles that the keeper goes by.
func (k *Keeper) Roles() *RoleBook { return k.roles }

// Create makes a token and returns its text, which is shown once and kept nowhere. expires may be zero.
func (k *Keeper) Create(name string, role Role, location string, expires time.Time) (text string, t Token, err error) {
	text, err = newText()
	if err != nil {
		return "", Token{}, err
	}
	t, err = k.Adopt(text, name, role, location, expires)
	if err != nil {
		return "", Token{}, err
	}
	return text, t, nil
}

func newText() (string, error) {
	secret, err := NewSecret()
	return prefix + secret, err
}

// Adopt takes a token whose text somebody else chose, such as the first admin's out of the environment. The text
// needs at least 24 characters.
func (k *Keeper) Adopt(text, name string, role Role, location string, expires time.Time) (Token, error) {
	if len(text) < 24 || strings.ContainsAny(text, " \t\r\n") {
		return Token{}, errors.New("access: a token needs at least 24 characters and no space")
	}
	if !nameRule.MatchString(name) {
		return Token{}, errors.New("access: a token's name has up to 63 small letters, digits, dots, dashes and underscores, such as paris-till-1")
	}
	if err := k.roles.Known(role); err != nil {
		return Token{}, err
	}
	now := k.now()
	if !expires.IsZero() && !expires.After(now) {
		return Token{}, errors.New("access: the expiry is in the past")
	}
	h := sha256.Sum256([]byte(text))
	t := Token{Name: name, Role: role, Location: location, Expires: expires, Created: now.UTC(), Hash: hex.EncodeToString(h[:])}
	err := k.change(name, func(was *Token) (*Token, error) {
		if was != nil {
			return nil, fmt.Errorf("%w: %s", ErrExists, name)
		}
		if _, taken := (*k.tokens.Load())[h]; taken {
			return nil, errors.New("access: this token is in use under another name")
		}
		return &t, nil
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// change keeps what how makes of a token, nil for none, and takes it over. how may be called more than once.
func (k *Keeper) change(name string, how func(was *Token) (*Token, error)) error {
	k.changing.Lock()
	defer k.changing.Unlock()
	err := change(k.storage, TokenSpace, name, how)
	if err != nil {
		return err
	}
	return k.Refresh(name)
}

// Refresh takes over what storage has of a token, when something else than this keeper may have changed it. What can't be
// read is valid no more.
func (k *Keeper) Refresh(name string) error {
	k.reading.Lock()
	defer k.reading.Unlock()
	tokens := maps.Clone(*k.tokens.Load())
	maps.DeleteFunc(tokens, func(_ [sha256.Size]byte, t Token) bool { return t.Name == name })
	t, err := kept[Token](k.storage, TokenSpace, name)
	if err == nil && t != nil {
		err = index(tokens, t)
	}
	k.tokens.Store(&tokens)
	return err
}

// Rotate gives a token a new text, which is shown once; name, role and location stay. For as long as grace the text
// before it is taken as well, so that a till can be told the new one while it sells; 0 ends it at once. expires is the
// end of the new text; zero leaves the one that there is. At most one earlier text is taken at a time.
func (k *Keeper) Rotate(name string, grace time.Duration, expires time.Time) (text string, t Token, err error) {
	if text, err = newText(); err != nil {
		return "", Token{}, err
	}
	now := k.now()
	if grace < 0 || grace > maxGrace {
		return "", Token{}, fmt.Errorf("access: the old text may be taken for up to %s", maxGrace)
	}
	if !expires.IsZero() && !expires.After(now) {
		return "", Token{}, errors.New("access: the expiry is in the past")
	}
	err = k.change(name, func(was *Token) (*Token, error) {
		if was == nil {
			return nil, fmt.Errorf("%w: %.64q", ErrUnknown, name)
		}
		t = *was
		t.Before, t.BeforeUntil = "", time.Time{}
		if grace > 0 && !t.Expired(now) {
			t.Before, t.BeforeUntil = t.Hash, now.Add(grace).UTC()
		}
		h := sha256.Sum256([]byte(text))
		t.Hash, t.Rotated = hex.EncodeToString(h[:]), now.UTC()
		if !expires.IsZero() {
			t.Expires = expires
		}
		return &t, nil
	})
	if err != nil {
		return "", Token{}, err
	}
	return text, t, nil
}

// maxGrace is how long an earlier text of a token may be taken at most.
const maxGrace = 30 * 24 * time.Hour

// index puts a token under the hash of each text that it may come with.
func index(tokens map[[sha256.Size]byte]Token, t *Token) error {
	for _, text := range []string{t.Hash, t.Before} {
		if text == "" && t.Hash != "" {
			continue
		}
		var h [sha256.Size]byte
		if n, err := hex.Decode(h[:], []byte(text)); err != nil || n != len(h) {
			return fmt.Errorf("access: what is kept of token %s has no hash", t.Name)
		}
		tokens[h] = *t
	}
	return nil
}

// Revoke ends a token at once.
func (k *Keeper) Revoke(name string) error {
	return k.change(name, func(was *Token) (*Token, error) {
		if was == nil {
			return nil, fmt.Errorf("%w: %.64q", ErrUnknown, name)
		}
		return nil, nil
	})
}

// List gives the tokens by name, expired ones included.
func (k *Keeper) List() []Token {
	all := slices.SortedFunc(maps.Values(*k.tokens.Load()), func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b Token) bool { return a.Name == b.Name }) // a rotated one has two texts
}

// Identify tells who comes with a token's text. The lookup goes by the text's hash, whose timing says nothing about
// any kept token.
func (k *Keeper) Identify(text string) (Principal, error) {
	h := sha256.Sum256([]byte(text))
	t, ok := (*k.tokens.Load())[h]
	if !ok {
		return Principal{}, ErrInvalid
	}
	given, now := hex.EncodeToString(h[:]), k.now()
	current := subtle.ConstantTimeCompare([]byte(given), []byte(t.Hash)) == 1
	before := subtle.ConstantTimeCompare([]byte(given), []byte(t.Before)) == 1 && now.Before(t.BeforeUntil)
	if !current && !before || t.Expired(now) {
		return Principal{}, ErrInvalid
	}
	return k.roles.Principal(t.Name, t.Role, t.Location), nil
}
