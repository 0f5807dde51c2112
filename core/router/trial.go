package router

import (
	"errors"
	"fmt"
	"time"

	"github.com/jumpring/jumpring/bus"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Trial folds observations into an empty view in memory, with the fold that a hub has: to see what they would become
// under given settings. Nothing of it is journaled or kept. It belongs to one goroutine; Close ends it.
type Trial struct {
	store  *store.Memory
	to     folder
	offset uint64
}

// trialTime is the fold time of every trial, so that one gives the same whenever it is run.
var trialTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// NewTrial begins a trial under settings.
func NewTrial(s *canon.Settings) (*Trial, error) {
	memory := store.NewMemory()
	t := &Trial{store: memory, to: folder{store: memory, journal: "trial"}}
	if err := t.entry(canon.EntryFoldVersion, canon.FoldVersion{Version: Version}); err != nil {
		return nil, err
	}
	return t, t.entry(canon.EntrySettings, s)
}

func (t *Trial) entry(typ canon.EntryType, data any) error {
	e, err := NewEntry(typ, canon.Head{Actor: "hub"}, data)
	if err != nil {
		return err
	}
	return t.fold(e)
}

// Observe folds what a connection shows, as a read does. What the fold can't apply is an error.
func (t *Trial) Observe(connection string, o canon.Observation) error {
	head := canon.Head{Connection: connection, Actor: "connection:" + connection, ReadStamp: canon.Position{Offset: t.offset}}
	e, err := EncodeObservation(head, o)
	if err != nil {
		return err
	}
	return t.fold(e)
}

func (t *Trial) fold(e bus.Entry) error {
	t.offset++
	b := bus.Batch{Offset: t.offset, Time: trialTime.UnixNano(), Entries: []bus.Entry{e}}
	if _, err := t.to.fold(group{facts: decodeBatch(&b), batches: []bus.Batch{b}}); err != nil {
		return err
	}
	p, err := store.Load[canon.Parked](t.to.view, store.PrefixParked+canon.Position{Offset: b.Offset}.SortKey())
	if err == nil && p != nil {
		err = fmt.Errorf("%s: %s", p.Code, p.Reason)
	}
	return err
}

// View opens what the trial has made so far.
func (t *Trial) View() (store.View, error) { return t.store.View() }

// Close ends the trial.
func (t *Trial) Close() error {
	return errors.Join(t.to.close(), t.store.Close())
}
