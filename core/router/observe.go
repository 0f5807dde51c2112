package router

import (
	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// observe takes an observation into its binding and, when that changes what counts, on to the records.
func (f *fold) observe(ft *fact) error {
	obs := ft.obs
	if err := obs.Check(); err != nil {
		return faultf("observation.malformed", "%v", err)
	}
	if ft.head.Connection == "" {
		return faultf("observation.malformed", "the observation names no connection")
	}
	if err := f.seen(ft.head.Connection); err != nil {
		return err
	}
	key := canon.BindingKey{Connection: ft.head.Connection, Kind: obs.Kind, ExternalID: obs.ExternalID, Aspect: obs.Aspect}
	b, err := store.Load[canon.Binding](f.tx, store.BindingKey(key))
	if err != nil {
		return err
	}
	if b == nil {
		b = &canon.Binding{BindingKey: key}
	}
	fetched := !ft.head.ReadStamp.IsZero()
	shown := &canon.Shown{
		SourceVersion: obs.SourceVersion, ReadStamp: ft.head.ReadStamp, Hash: ft.hash,
		Observation: json.RawMessage(ft.data), Personal: ft.personal, Hidden: len(obs.Hidden) > 0, Deleted: obs.Deleted,
	}
	before := b.Current()
	beforeHash, beforeFull, beforeMax := b.Hash, b.FullHash, b.MaxAvailable
	take(b, shown)
	current := b.Current()
	b.Hash, b.Deleted = current.Hash, false
	if obs.Level != nil && obs.Level.Available != nil {
		b.MaxAvailable = max(b.MaxAvailable, *obs.Level.Available)
	}

	confirms := current.Hash == shown.Hash
	wasUncertain := b.Uncertain
	if fetched {
		if b.Uncertain && ft.head.ReadStamp.Offset >= b.Hinted.Offset {
			b.Uncertain = false
		}
		f.tx.Delete(store.HintKey(key.Connection, obs.Ref()))
	} else if !confirms && (shown.SourceVersion == 0 || b.Versioned == nil || shown.SourceVersion >= b.Versioned.SourceVersion) {
		// A pushed body that ties with other content, or that has no version to go by, only tells that something
		// may have changed: a read settles it.
		b.Uncertain, b.Hinted = true, ft.pos
		f.read(key.Connection, obs.Ref())
	}
	changed := before == nil || beforeHash != b.Hash || beforeFull != b.FullHash
	if confirms {
		b.Known, b.SeenAt = ft.pos, ft.at
	}
	if !changed && !confirms && beforeMax == b.MaxAvailable && wasUncertain == b.Uncertain {
		return nil // stale, and nothing new in it
	}
	state := obs
	if !confirms || shown.Hidden || b.Full != nil {
		if state, err = effective(b); err != nil {
			return err
		}
	}
	b.Deleted = state.Deleted
	if b.Kind == canon.KindLevel && confirms {
		settleLevel(b, state)
	}
	if err := f.saveBinding(b); err != nil {
		return err
	}
	switch {
	case changed, b.Kind == canon.KindLevel:
		return f.observed(b, state)
	}
	return nil
}

// take puts a state into the register it belongs to. Registers only grow under a total order, so that any order of
// arrival ends the same (invariant 3).
func take(b *canon.Binding, s *canon.Shown) {
	full := b.Full
	if c := b.Current(); full == nil && c != nil && whole(c) {
		full = c
	}
	if whole(s) && (full == nil || s.Compare(full) > 0) {
		full = s
	}
	if s.SourceVersion != 0 {
		if b.Versioned == nil || s.Compare(b.Versioned) > 0 {
			b.Versioned = s
		}
	} else if b.Unversioned == nil || s.Compare(b.Unversioned) > 0 {
		b.Unversioned = s
	}
	b.Full, b.FullHash = nil, ""
	if c := b.Current(); full != nil && full.Hash != c.Hash {
		b.Full = full
		if !whole(c) {
			b.FullHash = full.Hash
		}
	}
}

// whole reports whether a state shows every field.
func whole(s *canon.Shown) bool { return !s.Hidden && !s.Deleted }

// effective decodes the state that counts, with fields that it hides taken from the newest state that shows them.
func effective(b *canon.Binding) (*canon.Observation, error) {
	c := b.Current()
	obs, _, err := decodeObservation(c.Observation, c.Personal)
	if err != nil {
		return nil, err
	}
	if c.Hidden && b.Full != nil && !obs.Deleted {
		full, _, err := decodeObservation(b.Full.Observation, b.Full.Personal)
		if err != nil {
			return nil, err
		}
		unhide(obs, full)
	}
	return obs, nil
}

// observed carries a changed binding on to the records.
func (f *fold) observed(b *canon.Binding, obs *canon.Observation) error {
	switch b.Kind {
	case canon.KindListing:
		return f.listing(b, obs.Listing)
	case canon.KindProduct:
		return f.product(b, obs.Product)
	case canon.KindLevel:
		return f.level(b, obs.Level)
	case canon.KindOrder:
		return f.order(b.Connection, b.ExternalID, obs.Order)
	case canon.KindRefund:
		return f.refund(b, obs.Refund)
	case canon.KindCustomer:
		return f.customer(b, obs.Customer)
	case canon.KindLocation:
		return f.location(b, obs.Location)
	case canon.KindCount:
		return f.count(b, obs.Count)
	}
	return faultf("observation.malformed", "kind %q is not known", b.Kind)
}

// binding loads a binding and its effective state; nil, nil when it was never seen.
func (f *fold) binding(connection string, kind canon.Kind, externalID string) (*canon.Binding, *canon.Observation, error) {
	key := canon.BindingKey{Connection: connection, Kind: kind, ExternalID: externalID, Aspect: canon.AspectMain}
	b, err := store.Load[canon.Binding](f.tx, store.BindingKey(key))
	if err != nil || b == nil {
		return nil, nil, err
	}
	obs, err := effective(b)
	return b, obs, err
}

func (f *fold) saveBinding(b *canon.Binding) error {
	return f.save(store.BindingKey(b.BindingKey), b)
}

// read asks for a read of an entity at its platform.
func (f *fold) read(connection string, ref canon.Ref) {
	f.reads = append(f.reads, Read{Connection: connection, Ref: ref, Cause: f.f.pos})
}

// touched notes entities that a thin notice named and asks to read them. The notes survive a restart; a fetched
// observation of the entity removes its note.
func (f *fold) touched(ft *fact) error {
	var t canon.Touched
	if err := decodeInto(ft, &t); err != nil {
		return err
	}
	if err := f.seen(ft.head.Connection); err != nil {
		return err
	}
	for _, ref := range t.Refs {
		if ref.ExternalID == "" {
			return faultf("touched.malformed", "a touched entity has no external id")
		}
		if err := f.save(store.HintKey(ft.head.Connection, ref), ft.pos); err != nil {
			return err
		}
		f.read(ft.head.Connection, ref)
	}
	return nil
}

// jsonOrNil gives raw bytes as JSON: themselves when they are JSON, else a string of them.
func jsonOrNil(raw []byte) json.RawMessage {
	if len(raw) == 0 {
		return nil
	}
	if json.Valid(raw) {
		return raw
	}
	s, err := json.Marshal(string(raw))
	if err != nil {
		return nil
	}
	return s
}
