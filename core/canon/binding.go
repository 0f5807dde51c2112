package canon

import (
	"encoding/json"
	"time"
)

// Shown is one state of a binding with what orders it.
type Shown struct {
	// SourceVersion is the source's own version; 0 where it states none.
	SourceVersion int64 `json:"source_version"`
	// ReadStamp is the journal position at the start of the request that fetched it; zero for a pushed body.
	ReadStamp Position `json:"read_stamp"`
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

// Compare orders states that both have a source version, or both have none: by source version, read stamp, and hash,
// so that any order of arrival gives the same winner.
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
// It keeps the greatest state that has a source version and the greatest that has none, each under a total order, so
// that observations commute (invariant 3). What counts is the one without version if it was fetched later than the
// other, else the one with.
type Binding struct {
	BindingKey
	Versioned   *Shown `json:"versioned,omitempty" golden:"-"`
	Unversioned *Shown `json:"unversioned,omitempty" golden:"-"`
	// Full is the greatest state that is whole, where the one that counts hides fields or is a tombstone: a hidden
	// field is unknown, not empty. Nil when the one that counts is itself the greatest.
	Full *Shown `json:"full,omitempty" golden:"-"`
	// Hash is that of the state that counts, for the golden digest; FullHash that of Full.
	Hash     string `json:"hash"`
	FullHash string `json:"full_hash,omitempty"`
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
	case b.Unversioned.ReadStamp.Compare(b.Versioned.ReadStamp) > 0:
		return b.Unversioned
	}
	return b.Versioned
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
	Reason  string    `json:"reason,omitempty"` // of a rejection
}

// Differs reports whether the platform has to be written: wanted and shown differ and nothing stands against it.
func (w *Want) Differs() bool {
	return w != nil && w.Quantity != nil && *w.Quantity != w.Shows &&
		w.Write != WriteRejected && w.Write != WriteNotRepresentable
}
