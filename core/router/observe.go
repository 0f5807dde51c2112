package router

import (
	stdjson "encoding/json"
	"slices"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// observe takes an observation into its binding and, when that changes what counts, on to the records.
func (f *fold) observe(ft *fact) error {
	obs := ft.obs
	if err := checkObservation(ft.head.Connection, obs); err != nil {
		return err
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
	f.differed = b.Wants.Differs()
	fetched := !ft.head.ReadStamp.IsZero()
	shown := &canon.Shown{
		SourceVersion: obs.SourceVersion, ReadStamp: ft.head.ReadStamp, Translation: ft.head.Translation, Hash: ft.hash,
		Observation: json.RawMessage(ft.data), Personal: ft.personal, Hidden: len(obs.Hidden) > 0, Deleted: obs.Deleted,
	}
	hash, full, last, most := b.Hash, b.FullHash, b.LastHash, b.MaxAvailable
	newer := f.take(b, shown)
	if obs.Level != nil && obs.Level.Available != nil {
		b.MaxAvailable = max(b.MaxAvailable, *obs.Level.Available)
	}

	confirms := b.Hash == shown.Hash
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
	if confirms {
		b.Known, b.SeenAt = ft.pos, ft.at
	}
	grown := most != b.MaxAvailable
	if !newer && !confirms && !grown && wasUncertain == b.Uncertain {
		return nil // stale, and nothing new in it
	}
	state := obs
	if !confirms || shown.Hidden || shown.Deleted {
		if state, err = effective(b); err != nil {
			return err
		}
	}
	unknown := b.Wants != nil && b.Wants.Write == canon.WriteUnknown
	if b.Kind == canon.KindLevel && confirms {
		settleLevel(b, state)
	}
	if err := f.saveBinding(b); err != nil {
		return err
	}
	if unknown && fetched && confirms && b.Wants.Sent != nil && b.Wants.Shows == *b.Wants.Sent {
		if err := f.reflectSent(b, b.Wants.Attempt); err != nil { // it was carried out, although no answer came
			return err
		}
	}
	if confirms {
		if err := f.publishSeen(b); err != nil {
			return err
		}
	}
	if hash != b.Hash || full != b.FullHash || last != b.LastHash || b.Kind == canon.KindLevel {
		return f.observed(b, state, grown)
	}
	return nil
}

// effective decodes the state that counts. Fields that it hides are taken from the greatest state that shows them, and
// a tombstone still shows what was there before it: Deleted alone tells that it is gone.
func effective(b *canon.Binding) (*canon.Observation, error) {
	c := b.Current()
	if c.Deleted {
		if last := b.Present(); last != nil {
			c = last
		}
	}
	obs, err := readObservation(c.Observation, c.Personal)
	if err != nil {
		return nil, err
	}
	if whole := b.Whole(); c.Hidden && whole != nil {
		full, err := readObservation(whole.Observation, whole.Personal)
		if err != nil {
			return nil, err
		}
		unhide(obs, full)
	}
	obs.Deleted = b.Deleted
	return obs, nil
}

// observed carries a changed binding on to the records. A tombstone's state is what was there before it; grown tells
// that a level stated more than ever before.
func (f *fold) observed(b *canon.Binding, obs *canon.Observation, grown bool) error {
	if b.Kind == canon.KindOrder && b.Aspect != canon.AspectMain {
		return f.orderAgain(b.Connection, b.ExternalID) // the order finds it when it comes
	}
	if b.Aspect != canon.AspectMain {
		return f.partOfListing(b)
	}
	switch b.Kind {
	case canon.KindListing:
		return f.listing(b, obs.Listing)
	case canon.KindProduct:
		return f.product(b, present(obs, obs.Product))
	case canon.KindLevel:
		return f.level(b, grown)
	case canon.KindOrder:
		return f.order(b.Connection, b.ExternalID, orderState(obs))
	case canon.KindRefund:
		return f.refund(b, obs.Refund)
	case canon.KindCustomer:
		return f.customer(b, present(obs, obs.Customer))
	case canon.KindLocation:
		return f.location(b)
	case canon.KindCount:
		return f.count(b, present(obs, obs.Count))
	}
	return faultf("observation.malformed", "kind %q is not known", b.Kind)
}

// present gives a state where the platform still has the entity, else nil.
func present[T any](obs *canon.Observation, state *T) *T {
	if obs == nil || obs.Deleted {
		return nil
	}
	return state
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
	if err := checkConnection(ft.head.Connection); err != nil {
		return err
	}
	if err := f.seen(ft.head.Connection); err != nil {
		return err
	}
	for _, ref := range t.Refs {
		if ref.ExternalID == "" || !slices.Contains(canon.Kinds(), ref.Kind) {
			return faultf("touched.malformed", "a touched entity has no external id, or a kind that this build does not know")
		}
		if err := checkIDs(ref.ExternalID); err != nil {
			return err
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
	if stdjson.Valid(raw) {
		return raw
	}
	s, err := json.Marshal(string(raw))
	if err != nil {
		return nil
	}
	return s
}
