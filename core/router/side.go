package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Bounds of a sealed value and of its two names, in bytes.
const (
	maxSideValue = 512 << 10
	maxSideName  = 200
)

// side keeps or removes a sealed value. Of several changes of what was the same the first in the journal counts, and one
// that comes again finds what it made: nothing is applied twice. The fold has no key and opens nothing (invariants 3
// and 7).
func (f *fold) side(ft *fact) error {
	var c canon.SideChanged
	if err := decodeInto(ft, &c); err != nil {
		return err
	}
	if c.Space == "" || c.Key == "" || len(c.Space) > maxSideName || len(c.Key) > maxSideName || len(c.Sealed) > maxSideValue {
		return faultf("side.malformed", "a sealed value needs a space and a key of up to %d bytes, and has up to %d itself", maxSideName, maxSideValue)
	}
	key := store.SideKey(c.Space, c.Key)
	was, err := store.Load[canon.SideValue](f.tx, key)
	if err != nil {
		return err
	}
	var seen canon.Position
	if was != nil {
		seen = was.Position
	}
	if c.Seen != seen {
		return nil // another one was faster: its sender looks again
	}
	// What is removed leaves its name, so that an older change that comes late can't bring it back.
	if err := f.save(key, canon.SideValue{Space: c.Space, Key: c.Key, Sealed: c.Sealed, Position: ft.pos}); err != nil {
		return err
	}
	f.out.Side = append(f.out.Side, Side{Space: c.Space, Key: c.Key})
	return nil
}

// sideKey keeps the first proof of the nodes' key.
func (f *fold) sideKey(ft *fact) error {
	var k canon.SideKey
	if err := decodeInto(ft, &k); err != nil {
		return err
	}
	if len(k.Proof) == 0 || len(k.Proof) > maxSideName {
		return faultf("side.malformed", "the entry holds no proof of a key")
	}
	if _, known, err := f.tx.Get(store.KeySideProof); err != nil || known {
		return err
	}
	return f.save(store.KeySideProof, k)
}

// SideProof gives what the nodes' key opens; nil where the journal has none yet.
func SideProof(r store.Reader) ([]byte, error) {
	k, err := store.Load[canon.SideKey](r, store.KeySideProof)
	if err != nil || k == nil {
		return nil, err
	}
	return k.Proof, nil
}

// SideValue gives a sealed value, or what is left of one that was removed; nil where there never was one.
func SideValue(r store.Reader, space, key string) (*canon.SideValue, error) {
	return store.Load[canon.SideValue](r, store.SideKey(space, key))
}
