package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/vault"
)

// sideState is what a hub keeps sealed beside its records: rotated credentials, tokens, staff, the key of reports.
type sideState interface {
	access.Storage
	access.Changer
}

// ownSide is the side state of a hub whose journal is its own: its vault. Each of its values has one who changes it.
type ownSide struct{ *vault.Vault }

// Change implements access.Changer.
func (o ownSide) Change(space, key string, how func(was []byte) ([]byte, error)) error {
	was, err := o.Get(space, key)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	next, err := how(was)
	switch {
	case err != nil:
		return err
	case len(next) == 0:
		return o.Delete(space, key)
	}
	return o.Put(space, key, next)
}

// The times of a change of what nodes share.
const (
	sideChange = 20 * time.Second // within which it is journaled and folded
	sideTries  = 20               // how often somebody else may be faster
)

// errParkedSide is returned for a change that the fold could not take.
var errParkedSide = errors.New("the change was parked: see /v1/parked")

// sharedSide is the side state of a node of several. It is in the journal, sealed with a key that all nodes have, and so in
// the view of each: a change counts for a node once its fold has passed it. Nothing of it is in plaintext outside of the
// node's memory (invariant 7). The vault has a copy of it, for when this node is looked at while it is stopped, and for
// when the brokers are lost for good.
type sharedSide struct {
	h    *Hub
	seal *vault.Shared
	// first is called when the journal's side state is there, before the node is ready; nil for nothing.
	first func() error
	// within bounds a change of who gives no context.
	within time.Duration

	mu      sync.Mutex
	watches map[string]func(key string) error // by space
	copies  map[router.Side]bool              // to be copied into the vault
	wake    chan struct{}
}

// openSide opens the side state. A node whose key is not that of the others is refused.
func (h *Hub) openSide() error {
	if h.o.Stream == nil {
		h.side = ownSide{h.vault}
		return nil
	}
	return h.openShare()
}

func (h *Hub) openShare() error {
	seal, err := vault.OpenShared(keySource(h.o.Data, h.o.VaultKey), h.journal.ID())
	if err != nil {
		return err
	}
	h.shared = &sharedSide{h: h, seal: seal, within: sideChange, watches: map[string]func(string) error{}, copies: map[router.Side]bool{}, wake: make(chan struct{}, 1)}
	h.side = h.shared
	_, err = h.shared.proven()
	return err
}

// proven tells whether the journal has a proof of the nodes' key, and refuses another key.
func (s *sharedSide) proven() (bool, error) {
	v, err := s.h.store.View()
	if err != nil {
		return false, err
	}
	defer v.Close()
	proof, err := router.SideProof(v)
	if err != nil || proof == nil {
		return false, err
	}
	if err := s.seal.Check(proof); err != nil {
		return false, fmt.Errorf("hub: %w", err)
	}
	return true, nil
}

// read opens a value as the view has it: nil for none, with the entry that made or removed it.
func (s *sharedSide) read(space, key string) (value []byte, seen canon.Position, err error) {
	v, err := s.h.store.View()
	if err != nil {
		return nil, seen, err
	}
	defer v.Close()
	kept, err := router.SideValue(v, space, key)
	if err != nil || kept == nil {
		return nil, seen, err
	}
	if len(kept.Sealed) > 0 {
		value, err = s.seal.Open(space, key, kept.Sealed)
	}
	return value, kept.Position, err
}

// Get implements access.Storage.
func (s *sharedSide) Get(space, key string) ([]byte, error) {
	value, _, err := s.read(space, key)
	if err == nil && value == nil {
		err = fmt.Errorf("%w: %s/%s", vault.ErrNotFound, space, key)
	}
	return value, err
}

// List implements access.Storage.
func (s *sharedSide) List(space string) ([]string, error) {
	var keys []string
	err := s.each(store.SideKey(space, ""), func(v *canon.SideValue) error {
		if len(v.Sealed) > 0 {
			keys = append(keys, v.Key)
		}
		return nil
	})
	return keys, err
}

// each visits the values, and what is left of those that were removed, under a prefix of the view.
func (s *sharedSide) each(prefix string, visit func(*canon.SideValue) error) error {
	v, err := s.h.store.View()
	if err != nil {
		return err
	}
	defer v.Close()
	return v.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		kept, err := store.Load[canon.SideValue](v, key)
		if err != nil || kept == nil {
			return err == nil, err
		}
		return true, visit(kept)
	})
}

// Put implements access.Storage.
func (s *sharedSide) Put(space, key string, value []byte) error {
	return s.Change(space, key, func([]byte) ([]byte, error) { return value, nil })
}

// Delete implements access.Storage.
func (s *sharedSide) Delete(space, key string) error {
	return s.Change(space, key, func([]byte) ([]byte, error) { return nil, nil })
}

// Change implements access.Changer. It returns when this node has folded the change.
func (s *sharedSide) Change(space, key string, how func(was []byte) ([]byte, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.within)
	defer cancel()
	return s.change(ctx, nil, space, key, how)
}

// change journals what how makes of a value and waits for the fold. With a guard it counts only while that lease is held.
func (s *sharedSide) change(ctx context.Context, guard *canon.LeaseGuard, space, key string, how func(was []byte) ([]byte, error)) error {
	for range sideTries {
		was, seen, err := s.read(space, key)
		if err != nil {
			return err
		}
		next, err := how(was)
		if err != nil || bytes.Equal(was, next) {
			return err
		}
		ask := canon.SideChanged{Space: space, Key: key, Seen: seen}
		if len(next) > 0 {
			ask.Sealed = s.seal.Seal(space, key, next)
		}
		at, err := s.journal(ctx, canon.EntrySide, guard, ask)
		if err != nil {
			return fmt.Errorf("hub: keep %s/%s: %w", space, key, err)
		}
		_, now, err := s.read(space, key)
		switch {
		case err != nil:
			return err
		case now == at:
			return nil
		case now == seen && guard != nil:
			return ErrLeaseLost
		case now == seen:
			return fmt.Errorf("hub: keep %s/%s: %w", space, key, errParkedSide)
		}
	}
	return fmt.Errorf("hub: keep %s/%s: others change it all the time", space, key)
}

// journal appends one entry and waits until this node has folded it. Invariant 1.
func (s *sharedSide) journal(ctx context.Context, typ canon.EntryType, guard *canon.LeaseGuard, data any) (canon.Position, error) {
	e, err := router.NewEntry(typ, canon.Head{Actor: "hub", Lease: guard}, data)
	if err != nil {
		return canon.Position{}, err
	}
	r, err := s.h.router.Append(ctx, bus.ClassCommand, e)
	if err == nil {
		err = s.h.router.WaitFolded(ctx, r.Offset)
	}
	if err != nil {
		return canon.Position{}, &notJournaled{err}
	}
	return r.Position(0), nil
}

// notJournaled tells that the journal did not take a change, or that it is not known whether it did.
type notJournaled struct{ err error }

func (n *notJournaled) Error() string { return "it is not journaled and folded: " + n.err.Error() }

// Unwrap gives the journal's error.
func (n *notJournaled) Unwrap() error { return n.err }

// watch has something called for each change in a space, before anybody is told that the fold has passed it.
func (s *sharedSide) watch(space string, changed func(key string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watches[space] = changed
}

// folded tells who holds something of the side state by heart that it changed.
func (s *sharedSide) folded(changes []router.Side) {
	credentials := false
	for _, c := range changes {
		s.mu.Lock()
		s.copies[c] = true
		changed := s.watches[c.Space]
		s.mu.Unlock()
		credentials = credentials || strings.HasPrefix(c.Space, secretsPrefix)
		if changed == nil {
			continue
		}
		if err := changed(c.Key); err != nil {
			s.h.log.Error("what the nodes share can't be read; it counts as removed here", "space", c.Space, "key", c.Key, "error", err)
		}
	}
	select {
	case s.wake <- struct{}{}:
	default:
	}
	if credentials {
		s.h.askRenewal()
	}
}
