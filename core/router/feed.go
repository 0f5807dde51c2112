package router

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Commit tells what one commit of the fold changed. Subscribers get it after the view holds it.
type Commit struct {
	Mark store.Mark
	// Time is the fold time of the newest entry in it.
	Time time.Time
	// Entries is how many journal entries it folded.
	Entries int
	// Rows is how many timeline rows it wrote.
	Rows int
	// Settings tells that the settings changed.
	Settings bool
	// Records are the store's keys of the golden records that it wrote or removed, in no particular order.
	Records []string
	// Levels are the keys of level bindings whose wanted or shown stock changed.
	Levels []canon.BindingKey
	// Reads are entities that a platform has to be asked about: thin notices, pushed states that tie, effects that
	// were expected and must be verified.
	Reads []Read
	// Actions are the connections at which something is to be done, or no longer.
	Actions []string
	// Adopt are items without a fixed opening stock on a live connection.
	Adopt []string
	// Deadlines tells that deadlines were set or ended.
	Deadlines bool
	// Side are the sealed values that changed.
	Side []Side
}

// Side names a sealed value that nodes share.
type Side struct{ Space, Key string }

// Read is an entity to read at its platform.
type Read struct {
	Connection string
	Ref        canon.Ref
	// Cause is the entry that asked for it.
	Cause canon.Position
	// After is when to read at the earliest: zero means at once.
	After time.Time
}

// NewEntry encodes a journal entry. Data is one of the types that canon names beside the entry types; use
// ObservationEntry for observations, whose personal fields go into a section of their own.
func NewEntry(typ canon.EntryType, head canon.Head, data any) (bus.Entry, error) {
	h, err := json.Marshal(head)
	if err != nil {
		return bus.Entry{}, fmt.Errorf("router: encode head of %s: %w", typ, err)
	}
	d, err := json.Marshal(data)
	if err != nil {
		return bus.Entry{}, fmt.Errorf("router: encode %s: %w", typ, err)
	}
	return bus.Entry{Type: string(typ), Head: h, Data: d}, nil
}

// ObservationEntry makes the entry of an observation that is already encoded: data without its personal fields, and
// personal, which may be empty, as plugins hand them over.
func ObservationEntry(head canon.Head, data, personal []byte) (bus.Entry, error) {
	h, err := json.Marshal(head)
	if err != nil {
		return bus.Entry{}, fmt.Errorf("router: encode head of observation: %w", err)
	}
	return bus.Entry{Type: string(canon.EntryObservation), Head: h, Data: data, Personal: personal}, nil
}

// EncodeObservation makes the entry of an observation, with its personal fields in their own section.
func EncodeObservation(head canon.Head, o canon.Observation) (bus.Entry, error) {
	switch {
	case o.Customer != nil:
		c := *o.Customer
		o.Customer = &c
	case o.Order != nil:
		c := *o.Order
		o.Order = &c
	}
	person := o.DetachPersonal()
	data, err := json.Marshal(o)
	if err != nil {
		return bus.Entry{}, fmt.Errorf("router: encode observation: %w", err)
	}
	var personal []byte
	if person != nil {
		if personal, err = json.Marshal(person); err != nil {
			return bus.Entry{}, fmt.Errorf("router: encode observation: %w", err)
		}
	}
	return ObservationEntry(head, data, personal)
}
