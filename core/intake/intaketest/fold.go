package intaketest

import (
	"encoding/json"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
)

// fold takes entries into the view.
type fold struct {
	tx     *store.Tx
	pos    canon.Position
	at     time.Time
	commit router.Commit
}

func (f *fold) apply(typ canon.EntryType, head canon.Head, data []byte) error {
	switch typ {
	case canon.EntryObservation:
		return f.observe(head, data)
	case canon.EntryTouched:
		var t canon.Touched
		if err := json.Unmarshal(data, &t); err != nil {
			return err
		}
		for _, ref := range t.Refs {
			f.commit.Reads = append(f.commit.Reads, router.Read{Connection: head.Connection, Ref: ref, Cause: f.pos})
			if err := store.Save(f.tx, store.HintKey(head.Connection, ref), f.pos); err != nil {
				return err
			}
		}
		return nil
	case EntryWant:
		var w Want
		if err := json.Unmarshal(data, &w); err != nil {
			return err
		}
		return f.level(head.Connection, w.ExternalID, func(b *canon.Binding) {
			if b.Wants == nil {
				b.Wants = &canon.Want{Shows: shows(b)}
			}
			b.Wants.Quantity, b.Wants.ByClaim, b.Wants.Cause = &w.Quantity, w.ByClaim, f.pos
			if b.Wants.Write == canon.WriteRejected || b.Wants.Write == canon.WriteNotRepresentable {
				b.Wants.Write = canon.WriteNone
			}
		})
	case EntryUnadopted:
		var a canon.Adopt
		err := json.Unmarshal(data, &a)
		f.commit.Adopt = append(f.commit.Adopt, a.Items...)
		return err
	case EntryExpect:
		var e Expect
		if err := json.Unmarshal(data, &e); err != nil {
			return err
		}
		ref := canon.Ref{Kind: canon.KindLevel, ExternalID: e.ExternalID}
		f.commit.Reads = append(f.commit.Reads, router.Read{Connection: head.Connection, Ref: ref, Cause: f.pos, After: f.at.Add(e.After)})
		return f.level(head.Connection, e.ExternalID, func(b *canon.Binding) { b.Wants.Shows, b.Wants.Expected = e.Shows, true })
	case canon.EntryAttempt:
		var a canon.Attempt
		if err := json.Unmarshal(data, &a); err != nil {
			return err
		}
		for _, w := range a.Writes {
			if err := f.level(head.Connection, w.ExternalID, func(b *canon.Binding) {
				b.Wants.Write, b.Wants.Key, b.Wants.At, b.Wants.Attempt, b.Wants.Sent = canon.WriteAttempted, w.Key, f.at, f.pos, &w.Want
			}); err != nil {
				return err
			}
		}
		return nil
	case canon.EntrySettled:
		return f.settled(head, data)
	}
	switch typ {
	case canon.EntryAdopt:
		return nil
	case canon.EntryDriftPage, canon.EntryDriftReport:
		return f.drift(typ, head.Connection, data)
	}
	return f.connection(typ, head, data)
}

// drift keeps what a sweep found, and its report.
func (f *fold) drift(typ canon.EntryType, name string, data []byte) error {
	if typ == canon.EntryDriftReport {
		var r canon.DriftReport
		if err := json.Unmarshal(data, &r); err != nil {
			return err
		}
		f.tx.Delete(store.PrefixSweep + name)
		return store.Save(f.tx, store.ReportKey(name, r.Position), r)
	}
	var p canon.DriftPage
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	run, err := store.Load[canon.DriftRun](f.tx, store.PrefixSweep+name)
	if err != nil {
		return err
	}
	if run == nil {
		run = &canon.DriftRun{Connection: name}
	}
	if run.Run != p.Run {
		run.Run, run.StartedAt, run.Began = p.Run, p.StartedAt, p.Began
	}
	run.Found = append(run.Found, p.Found...)
	for _, h := range p.Holds {
		if err := store.Save(f.tx, store.PrefixHold+name+"/"+h.ExternalID, h); err != nil {
			return err
		}
	}
	return store.Save(f.tx, store.PrefixSweep+name, run)
}

func (f *fold) settled(head canon.Head, data []byte) error {
	var s canon.Settled
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	states := map[string]canon.WriteState{
		"applied": canon.WriteUnverified, "duplicate": canon.WriteUnverified, "unknown": canon.WriteUnknown,
		"rejected": canon.WriteRejected, "not_representable": canon.WriteNotRepresentable,
	}
	for _, w := range s.Writes {
		if err := f.level(head.Connection, w.ExternalID, func(b *canon.Binding) {
			b.Wants.Write, b.Wants.Reason = states[w.Status], w.Reason
			if b.Wants.Write == canon.WriteUnverified {
				b.Wants.Shows = w.Want
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// connection folds what concerns a connection as a whole.
func (f *fold) connection(typ canon.EntryType, head canon.Head, data []byte) error {
	var command canon.Command
	if typ == canon.EntryCommand {
		if err := json.Unmarshal(data, &command); err != nil {
			return err
		}
	}
	name := head.Connection
	conn, err := store.Load[canon.Connection](f.tx, store.PrefixConn+name)
	if err != nil {
		return err
	}
	if conn == nil {
		conn = &canon.Connection{Name: name, Mode: canon.ModeObserve, FirstSeen: f.at}
	}
	switch typ {
	case canon.EntryCursor:
		var c canon.Cursor
		err = json.Unmarshal(data, &c)
		if conn.Cursors == nil {
			conn.Cursors = make(map[string][]byte)
		}
		conn.Cursors[c.Stream] = c.Cursor
	case canon.EntrySnapshot:
		mark := new(canon.SnapshotMark)
		if err = json.Unmarshal(data, mark); mark.Sweep {
			conn.Sweep = mark
		} else {
			conn.Snapshot = mark
		}
	case canon.EntryFuse:
		var t canon.FuseTripped
		err = json.Unmarshal(data, &t)
		conn.Fused = t.Reason
	}
	if set := command.SetMode; set != nil {
		if set.Mode == canon.ModeLive && conn.Mode != canon.ModeLive {
			conn.LiveSince = f.pos
		}
		if set.Scope != nil && !set.Scope.IsZero() {
			conn.PutScope(canon.ScopedMode{Scope: *set.Scope, Mode: set.Mode, PlanDigest: set.PlanDigest})
		} else {
			conn.Mode, conn.PlanDigest = set.Mode, set.PlanDigest
		}
	}
	if set := command.SetPause; set != nil {
		if conn.Paused = set.Paused; !set.Paused {
			conn.Fused = ""
		}
	}
	if err != nil {
		return err
	}
	return store.Save(f.tx, store.PrefixConn+name, conn)
}

// observe takes an observation into its binding by the rule of versions and read stamps.
func (f *fold) observe(head canon.Head, data []byte) error {
	var obs canon.Observation
	if err := json.Unmarshal(data, &obs); err != nil {
		return err
	}
	f.tx.Delete(store.HintKey(head.Connection, obs.Ref()))
	shown := &canon.Shown{SourceVersion: obs.SourceVersion, ReadStamp: head.ReadStamp, Hash: string(data), Observation: data}
	take := func(b *canon.Binding) {
		if b.Unversioned == nil || shown.Compare(b.Unversioned) > 0 {
			b.Unversioned = shown
		}
		if b.Current().Hash != shown.Hash {
			return
		}
		b.Hash, b.Deleted, b.Known, b.SeenAt = shown.Hash, obs.Deleted, f.pos, f.at
		if w := b.Wants; w != nil {
			w.Shows, w.Expected = shows(b), false
			if w.Write != canon.WriteRejected && w.Write != canon.WriteNotRepresentable {
				w.Write = canon.WriteNone
			}
		}
	}
	if obs.Kind == canon.KindLevel {
		return f.level(head.Connection, obs.ExternalID, take)
	}
	key := canon.BindingKey{Connection: head.Connection, Kind: obs.Kind, ExternalID: obs.ExternalID, Aspect: canon.AspectMain}
	return f.binding(key, take)
}

func shows(b *canon.Binding) int64 {
	if b.Current() == nil {
		return 0
	}
	var obs canon.Observation
	if err := json.Unmarshal(b.Current().Observation, &obs); err != nil || obs.Level == nil || obs.Level.Available == nil {
		return 0
	}
	return *obs.Level.Available
}

func (f *fold) binding(key canon.BindingKey, change func(b *canon.Binding)) error {
	b, err := store.Load[canon.Binding](f.tx, store.BindingKey(key))
	if err != nil {
		return err
	}
	if b == nil {
		b = &canon.Binding{BindingKey: key}
	}
	change(b)
	return store.Save(f.tx, store.BindingKey(key), b)
}

func (f *fold) level(connection, id string, change func(b *canon.Binding)) error {
	key := levelKey(connection, id)
	return f.binding(key, func(b *canon.Binding) {
		change(b)
		diff := store.PrefixDiff + connection + "/" + id
		if b.Wants.Differs() {
			f.tx.Put(diff, nil)
		} else {
			f.tx.Delete(diff)
		}
		f.commit.Levels = append(f.commit.Levels, key)
	})
}
