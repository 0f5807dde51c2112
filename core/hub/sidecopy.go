package hub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/vault"
)

// The places in the vault of a node of several: which journal it has published to, and what was changed while it was
// stopped.
const (
	sharedNamespace  = "shared"
	sharedJournal    = "journal"
	stoppedNamespace = "stopped"
)

// copyAgain is when to try again to write the copy in the vault.
const copyAgain = 30 * time.Second

// isShared tells whether nodes share a namespace of the vault.
func isShared(namespace string) bool {
	switch namespace {
	case access.TokenSpace, access.StaffSpace, driftNamespace:
		return true
	}
	return strings.HasPrefix(namespace, secretsPrefix) || strings.HasPrefix(namespace, valuesPrefix)
}

// begin makes the journal's side state this node's, when the fold has passed the journal's end of the start: the key is
// proven, what a vault of its own had is published once, and so is what was changed while the node was stopped.
func (s *sharedSide) begin(ctx context.Context) error {
	for {
		err := s.tryBegin(ctx)
		var not *notJournaled
		if ctx.Err() != nil || !errors.As(err, &not) || errors.Is(err, bus.ErrFailed) || errors.Is(err, bus.ErrClosed) {
			return err
		}
		s.h.log.Warn("what the nodes share can't be journaled yet", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *sharedSide) tryBegin(ctx context.Context) error {
	proven, err := s.proven()
	if err == nil && !proven {
		if _, err = s.journal(ctx, canon.EntrySideKey, nil, canon.SideKey{Proof: s.seal.Proof()}); err == nil {
			_, err = s.proven() // of several that began at once the first one's key counts
		}
	}
	if err != nil {
		return err
	}
	published, err := s.h.vault.Get(sharedNamespace, sharedJournal)
	if err != nil && !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	if string(published) != s.h.journal.ID() {
		if err := s.publish(ctx); err != nil {
			return err
		}
	}
	if err := s.publishStopped(ctx); err != nil {
		return err
	}
	if _, err := s.h.driftKey(); err != nil {
		return err
	}
	if s.first != nil {
		if err := s.first(); err != nil {
			return err
		}
	}
	if err := s.copyAll(); err != nil {
		return err
	}
	s.copyTodo()
	return s.h.vault.Put(sharedNamespace, sharedJournal, []byte(s.h.journal.ID()))
}

// publish journals what the vault has and the journal never had.
func (s *sharedSide) publish(ctx context.Context) error {
	spaces, err := s.h.vault.Namespaces()
	if err != nil {
		return err
	}
	for _, space := range spaces {
		if !isShared(space) {
			continue
		}
		keys, err := s.h.vault.List(space)
		if err != nil {
			return err
		}
		for _, key := range keys {
			value, err := s.h.vault.Get(space, key)
			if err != nil {
				return err
			}
			if _, seen, err := s.read(space, key); err != nil || !seen.IsZero() {
				if err != nil {
					return err
				}
				continue
			}
			err = s.change(ctx, nil, space, key, func(was []byte) ([]byte, error) {
				if was != nil {
					return was, nil
				}
				return value, nil
			})
			if err != nil {
				return err
			}
			s.h.log.Info("what this node kept for itself is the nodes' now", "space", space, "key", key)
		}
	}
	return nil
}

// copyAll has everything copied that the view has.
func (s *sharedSide) copyAll() error {
	return s.each(store.PrefixSide, func(v *canon.SideValue) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.copies[router.Side{Space: v.Space, Key: v.Key}] = true
		return nil
	})
}

// copyTodo writes the copies that are to be written. What fails is tried again later.
func (s *sharedSide) copyTodo() {
	s.mu.Lock()
	todo := s.copies
	s.copies = map[router.Side]bool{}
	s.mu.Unlock()
	for c := range todo {
		if err := s.copyOne(c); err != nil {
			s.h.log.Error("the vault's copy of what the nodes share was not written", "space", c.Space, "key", c.Key, "error", err)
			s.mu.Lock()
			s.copies[c] = true
			s.mu.Unlock()
		}
	}
}

func (s *sharedSide) copyOne(c router.Side) error {
	value, _, err := s.read(c.Space, c.Key)
	if err != nil {
		return err
	}
	if value == nil {
		return s.h.vault.Delete(c.Space, c.Key)
	}
	if was, err := s.h.vault.Get(c.Space, c.Key); err == nil && bytes.Equal(was, value) {
		return nil
	}
	return s.h.vault.Put(c.Space, c.Key, value)
}

// runCopies copies each change into the vault until ctx ends. The view is what counts: a copy that fails is made later.
func (s *sharedSide) runCopies(ctx context.Context) error {
	select {
	case <-s.h.ready:
	case <-ctx.Done():
		return nil
	}
	again := time.NewTicker(copyAgain)
	defer again.Stop()
	for {
		s.copyTodo()
		select {
		case <-s.wake:
		case <-again.C:
		case <-ctx.Done():
			s.copyTodo()
			return nil
		}
	}
}

// stoppedChange is a change that was made while the node was stopped.
type stoppedChange struct {
	Space string `json:"space"`
	Key   string `json:"key"`
	// Was is the SHA-256 of the value that it is about, in hexadecimal; empty for none.
	Was string `json:"was,omitempty"`
	// Value is the new one; empty to remove it.
	Value []byte `json:"value,omitempty"`
}

func sumOf(value []byte) string {
	if value == nil {
		return ""
	}
	return fmt.Sprintf("%x", sha256.Sum256(value))
}

// errSuperseded is returned where something else changed what a change is about.
var errSuperseded = errors.New("another node changed it meanwhile")

// publishStopped journals what was changed while the node was stopped. What another node changed too stays as that one
// left it.
func (s *sharedSide) publishStopped(ctx context.Context) error {
	names, err := s.h.vault.List(stoppedNamespace)
	if err != nil {
		return err
	}
	for _, name := range names {
		raw, err := s.h.vault.Get(stoppedNamespace, name)
		if err != nil {
			return err
		}
		var c stoppedChange
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("hub: %s/%s of the vault does not decode: remove it there, and make the change again", stoppedNamespace, name)
		}
		err = s.change(ctx, nil, c.Space, c.Key, func(was []byte) ([]byte, error) {
			if sumOf(was) != c.Was && !bytes.Equal(was, c.Value) {
				return nil, errSuperseded
			}
			return c.Value, nil
		})
		if errors.Is(err, errSuperseded) {
			s.h.log.Warn("a change that was made while this node was stopped is dropped", "space", c.Space, "key", c.Key, "why", err)
			err = nil
		}
		if err == nil {
			err = s.h.vault.Delete(stoppedNamespace, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stoppedSide is the side state of a stopped node of several: its copy, with what was changed since it stopped. The
// changes are journaled when it starts.
type stoppedSide struct{ vault *vault.Vault }

func stoppedName(space, key string) string { return space + "/" + key }

func (s stoppedSide) stopped(space, key string) (*stoppedChange, error) {
	raw, err := s.vault.Get(stoppedNamespace, stoppedName(space, key))
	if errors.Is(err, vault.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := new(stoppedChange)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("hub: a change of %s/%s does not decode: %w", space, key, err)
	}
	return c, nil
}

// Get implements access.Storage.
func (s stoppedSide) Get(space, key string) ([]byte, error) {
	c, err := s.stopped(space, key)
	switch {
	case err != nil:
		return nil, err
	case c == nil:
		return s.vault.Get(space, key)
	case len(c.Value) == 0:
		return nil, fmt.Errorf("%w: %s/%s", vault.ErrNotFound, space, key)
	}
	return c.Value, nil
}

// List implements access.Storage.
func (s stoppedSide) List(space string) ([]string, error) {
	keys, err := s.vault.List(space)
	if err != nil {
		return nil, err
	}
	changed, err := s.vault.List(stoppedNamespace)
	if err != nil {
		return nil, err
	}
	has := make(map[string]bool, len(keys))
	for _, key := range keys {
		has[key] = true
	}
	for _, name := range changed {
		if key, of := strings.CutPrefix(name, space+"/"); of && !has[key] {
			keys = append(keys, key)
		}
	}
	var out []string
	for _, key := range keys {
		if _, err := s.Get(space, key); err == nil {
			out = append(out, key)
		} else if !errors.Is(err, vault.ErrNotFound) {
			return nil, err
		}
	}
	return out, nil
}

// Put implements access.Storage.
func (s stoppedSide) Put(space, key string, value []byte) error {
	c, err := s.stopped(space, key)
	if err != nil {
		return err
	}
	if c == nil {
		was, err := s.vault.Get(space, key)
		if err != nil && !errors.Is(err, vault.ErrNotFound) {
			return err
		}
		c = &stoppedChange{Space: space, Key: key, Was: sumOf(was)}
	}
	c.Value = value
	raw, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	return s.vault.Put(stoppedNamespace, stoppedName(space, key), raw)
}

// Delete implements access.Storage.
func (s stoppedSide) Delete(space, key string) error { return s.Put(space, key, nil) }

// OpenSide opens the side state of a stopped node that shares its journal, without that journal. The node can't start
// before done was called.
func OpenSide(data, key string) (side access.Storage, done func() error, err error) {
	st, err := store.Open(store.Options{Dir: filepath.Join(data, viewFolder)}) // which is what one process at a time may have open
	if err != nil {
		return nil, nil, err
	}
	v, err := OpenVault(data, key)
	if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	if _, err := v.Get(sharedNamespace, sharedJournal); errors.Is(err, vault.ErrNotFound) {
		return v, st.Close, nil // it is published when the node starts for the first time
	} else if err != nil {
		return nil, nil, errors.Join(err, st.Close())
	}
	return stoppedSide{v}, st.Close, nil
}
