package canon

import (
	"cmp"
	"encoding/json"
	"time"
)

// Shown is one state of a binding with what orders it.
type Shown struct {
	// SourceVersion is the source's own version; 0 where it states none.
	SourceVersion int64 `json:"source_version"`
	// ReadStamp is the journal position at the start of the request that fetched it; zero for a pushed body.
	ReadStamp Position `json:"read_stamp"`
	// Translation is the version of the connector's mapping that made it of a delivery; 0 where nobody told.
	Translation int `json:"translation,omitempty"`
	// Hash is SHA-256 over the canonical bytes of the observation, in hexadecimal, first 32 digits.
	Hash string `json:"hash"`
	// Observation is the state, as JSON of an Observation without its personal fields, which are in Personal.
	Observation json.RawMessage `json:"observation"`
	Personal    json.RawMessage `json:"personal,omitempty" class:"personal"`
	// Hidden tells that the observation hides fields.
	Hidden bool `json:"hidden,omitempty"`
	// Deleted tells that the observation is a tombstone.
	Deleted bool `json:"deleted,omitempty"`
}

// Compare orders states by source version (one without a version is below all that have one), read stamp, the
// mapping's version, and hash, so that any order of arrival gives the same greatest one.
func (s *Shown) Compare(o *Shown) int {
	switch {
	case s.SourceVersion < o.SourceVersion:
		return -1
	case s.SourceVersion > o.SourceVersion:
		return 1
	}
	if c := s.ReadStamp.Compare(o.ReadStamp); c != 0 {
		return c
	}
	if s.Translation != o.Translation {
		return cmp.Compare(s.Translation, o.Translation)
	}
	switch {
	case s.Hash < o.Hash:
		return -1
	case s.Hash > o.Hash:
		return 1
	}
	return 0
}

// Binding is what one system is known to show of one aspect of one entity.
//
// It keeps the greatest states of some kinds, each under a total order, so that observations commute (invariant 3).
// What counts is the greatest without version if it was fetched later than any with a version, else the greatest with.
type Binding struct {
	BindingKey
	Versioned   *Shown `json:"versioned,omitempty" golden:"-"`
	Unversioned *Shown `json:"unversioned,omitempty" golden:"-"`
	// VersionedRead is the newest read stamp of all states that have a source version: what was fetched without a
	// version before it is older than Versioned, even where that was pushed.
	VersionedRead Position `json:"versioned_read,omitzero" golden:"-"`
	// Full is the greatest state that is whole, and Last the greatest that is no tombstone, where it is none of the
	// others: a hidden field is unknown, not empty, and what was deleted is still remembered.
	Full *Shown `json:"full,omitempty" golden:"-"`
	Last *Shown `json:"last,omitempty" golden:"-"`
	// Hash is that of the state that counts, for the golden digest. FullHash is that of the greatest whole state where
	// the one that counts is not whole, LastHash that of the greatest that is no tombstone where it is one.
	Hash     string `json:"hash"`
	FullHash string `json:"full_hash,omitempty"`
	LastHash string `json:"last_hash,omitempty"`
	// Deleted tells that the platform has it no longer.
	Deleted bool `json:"deleted,omitempty"`
	// Uncertain tells that pushed states of the same version differ: a read has to settle it.
	Uncertain bool `json:"uncertain,omitempty" golden:"-"`
	// Hinted is the entry that made it uncertain: a fetch that began after it settles the matter.
	Hinted Position `json:"hinted,omitzero" golden:"-"`
	// MaxAvailable is the highest stock that any observation of a level stated, stale ones included.
	MaxAvailable int64 `json:"max_available,omitempty"`
	// Known is the entry that last changed or confirmed it, SeenAt its fold time: the binding's freshness.
	Known  Position  `json:"known" golden:"-"`
	SeenAt time.Time `json:"seen_at" golden:"-"`
	// Wants is what the hub would have it show.
	Wants *Want `json:"wants,omitempty" golden:"-"`
}

// Current is the state that counts; nil when nothing was seen.
func (b *Binding) Current() *Shown {
	switch {
	case b.Unversioned == nil:
		return b.Versioned
	case b.Versioned == nil:
		return b.Unversioned
	case b.Unversioned.ReadStamp.Compare(b.VersionedRead) > 0:
		return b.Unversioned
	}
	return b.Versioned
}

// Take puts a state into the registers that it is the greatest of, and tells whether any of them changed. Registers
// only grow under a total order, so that any order of arrival ends the same (invariant 3).
func (b *Binding) Take(s *Shown) (changed bool) {
	full, last := b.Whole(), b.Present()
	if s.Whole() && (full == nil || s.Compare(full) > 0) {
		full = s
	}
	if !s.Deleted && (last == nil || s.Compare(last) > 0) {
		last = s
	}
	was := *b
	if s.SourceVersion != 0 {
		if b.Versioned == nil || s.Compare(b.Versioned) > 0 {
			b.Versioned = s
		}
		if s.ReadStamp.Compare(b.VersionedRead) > 0 {
			b.VersionedRead = s.ReadStamp
		}
	} else if b.Unversioned == nil || s.Compare(b.Unversioned) > 0 {
		b.Unversioned = s
	}
	b.Full, b.Last = nil, nil
	if full != nil && full.Hash != hashOf(b.Whole()) {
		b.Full = full
	}
	if last != nil && last.Hash != hashOf(b.Present()) {
		b.Last = last
	}
	c := b.Current()
	b.Hash, b.Deleted, b.FullHash, b.LastHash = c.Hash, c.Deleted, "", ""
	if !c.Whole() {
		b.FullHash = hashOf(full)
	}
	if c.Deleted {
		b.LastHash = hashOf(last)
	}
	return was.Versioned != b.Versioned || was.Unversioned != b.Unversioned || was.VersionedRead != b.VersionedRead ||
		was.Full != b.Full || was.Last != b.Last
}

func hashOf(s *Shown) string {
	if s == nil {
		return ""
	}
	return s.Hash
}

// Whole reports whether a state shows every field.
func (s *Shown) Whole() bool { return !s.Hidden && !s.Deleted }

// Whole is the greatest state that shows every field; nil when none was seen.
func (b *Binding) Whole() *Shown {
	return greatest((*Shown).Whole, b.Versioned, b.Unversioned, b.Full)
}

// Present is the greatest state that is no tombstone; nil when none was seen.
func (b *Binding) Present() *Shown {
	return greatest(func(s *Shown) bool { return !s.Deleted }, b.Versioned, b.Unversioned, b.Full, b.Last)
}

func greatest(fits func(*Shown) bool, states ...*Shown) *Shown {
	var top *Shown
	for _, s := range states {
		if s != nil && fits(s) && (top == nil || s.Compare(top) > 0) {
			top = s
		}
	}
	return top
}

// WriteState is how far the hub is with making a platform show something.
type WriteState string

// The states of a write.
const (
	WriteNone             WriteState = ""
	WriteAttempted        WriteState = "attempted"         // sent or about to be sent, outcome not known yet
	WriteUnverified       WriteState = "unverified"        // the platform said done; not read back yet
	WriteUnknown          WriteState = "unknown"           // no answer came; a read decides
	WriteRejected         WriteState = "rejected"          // refused for good, until the wanted value changes
	WriteNotRepresentable WriteState = "not_representable" // the platform can't show it, until the wanted value changes
)

// Want is what the hub would have a level show, and how far it is with that.
type Want struct {
	// Quantity is the stock to show, in pieces; nil when the hub must not write it (Blocked says why).
	Quantity *int64 `json:"quantity"`
	// Shows is what the level is known or expected to show, in pieces.
	Shows int64 `json:"shows"`
	// Expected tells that Shows includes an effect that the platform applies by itself and has not shown yet.
	Expected bool `json:"expected,omitempty"`
	// Blocked is a stable code for why nothing may be written: "location.unmapped", "stock.conflict" …
	Blocked string `json:"blocked,omitempty"`
	// Cause is the entry that last changed Quantity. Invariant 9: a write names it.
	Cause Position `json:"cause"`
	// ByClaim tells that a claim caused it, not a correction of stock.
	ByClaim bool       `json:"by_claim,omitempty"`
	Write   WriteState `json:"write,omitempty"`
	// Key is the key of the newest attempt, At its fold time and Attempt its position.
	Key     string    `json:"key,omitempty"`
	At      time.Time `json:"at,omitzero"`
	Attempt Position  `json:"attempt,omitzero"`
	// Written is what the hub's last write made it show, until the platform has shown it.
	Written *int64 `json:"written,omitempty"`
	// Sent is what it shows if the newest attempt was carried out, with what the platform applies by itself since then;
	// nil when it was not.
	Sent   *int64 `json:"sent,omitempty"`
	Reason string `json:"reason,omitempty"` // of a rejection
}

// Differs reports whether the platform has to be written: wanted and shown differ and nothing stands against it.
func (w *Want) Differs() bool {
	return w != nil && w.Quantity != nil && *w.Quantity != w.Shows &&
		w.Write != WriteRejected && w.Write != WriteNotRepresentable
}
