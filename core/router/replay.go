package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// replay folds a parked entry again, as it was or as a person edited it, or discards it. It is a new entry that cites
// the old: the journal is never changed.
func (f *fold) replay(ft *fact) error {
	var r canon.Replay
	if err := decodeInto(ft, &r); err != nil {
		return err
	}
	f.replaying = r.Parked
	key := store.PrefixParked + r.Parked.SortKey()
	p, err := store.Load[canon.Parked](f.tx, key)
	if err != nil {
		return err
	}
	if p == nil {
		return nil // it was replayed or discarded before
	}
	entity := "parked:" + r.Parked.String()
	if r.Discard {
		f.tx.Delete(key)
		return f.row(canon.Row{Entity: entity, Type: "parked", Event: "parked.discarded"})
	}
	again := &fact{pos: ft.pos, at: ft.at, typ: p.Type, head: p.Head, data: p.Data, personal: p.Personal}
	if len(r.Data) > 0 {
		again.data = r.Data
	}
	if len(again.data) == 0 && len(again.personal) == 0 {
		return faultf("parked.not_kept", "the entry's content was too big to be kept; append it anew from the source")
	}
	if again.head.Actor == "" {
		again.head.Actor = ft.head.Actor
	}
	again.head.Cause = r.Parked
	if again.typ == canon.EntryObservation {
		again.obs, again.hash, again.fault = decodeObservation(again.data, again.personal)
	}
	if again.fault != nil {
		return again.fault
	}
	if again.typ == canon.EntryReplay || again.typ == canon.EntryFoldVersion {
		return faultf("parked.not_replayable", "an entry of type %s is not replayed", again.typ)
	}
	f.tx.Delete(key)
	if err := f.row(canon.Row{Entity: entity, Type: "parked", Event: "parked.replayed"}); err != nil {
		return err
	}
	f.f = again
	return f.dispatch(again)
}
