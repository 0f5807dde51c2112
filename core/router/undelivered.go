package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// held keeps, or lets go of, what a connection could not deliver of a record. What a person said meanwhile counts more
// than what the sender found out before.
func (f *fold) held(ft *fact) error {
	var h canon.Held
	if err := decodeInto(ft, &h); err != nil {
		return err
	}
	if h.Key == "" || ft.head.Connection == "" {
		return faultf("held.key", "the entry names no record or no connection")
	}
	key := store.HeldKey(ft.head.Connection, h.Key)
	old, err := store.Load[canon.Undelivered](f.tx, key)
	if err != nil {
		return err
	}
	var stands canon.Position
	if old != nil {
		stands = old.Changed
	}
	if stands != h.Seen {
		return nil
	}
	if h.Done {
		if old == nil {
			return nil
		}
		f.tx.Delete(key)
		if !old.Parked && old.Attempts == 0 {
			return nil
		}
		return f.deliveryRow(old.Connection, "delivered", old)
	}
	u := canon.Undelivered{
		Connection: ft.head.Connection, Key: h.Key, Type: h.Type, Parked: h.Parked, From: h.From, Event: h.From.String(), EventType: h.EventType,
		Attempts: h.Attempts, Code: h.Code, Reason: h.Reason, Since: ft.at, Changed: ft.pos,
	}
	if old != nil && old.From == h.From {
		u.Since = old.Since
	}
	if err := f.save(key, u); err != nil || !h.Parked {
		return err
	}
	return f.deliveryRow(u.Connection, "parked", &u)
}

// redeliver has the hub go on with what waits of a record, by a person's word.
func (f *fold) redeliver(cmd *canon.Redeliver) (*canon.Outcome, error) {
	key := store.HeldKey(cmd.Connection, cmd.Key)
	u, err := store.Load[canon.Undelivered](f.tx, key)
	if err != nil {
		return nil, err
	}
	switch {
	case u == nil:
		return refuse(404, "undelivered.unknown", "nothing of %s waits to be delivered by %s", cmd.Key, cmd.Connection), nil
	case cmd.Event != "" && cmd.Event != u.Event:
		return refuse(409, "undelivered.moved", "%s waits now and no longer %s: look again", u.Event, cmd.Event), nil
	}
	what := "replayed"
	if cmd.Discard {
		what = "discarded"
	}
	if err := f.deliveryRow(u.Connection, what, u); err != nil {
		return nil, err
	}
	if cmd.Discard {
		u.From = u.From.Next()
		u.Event = u.From.String()
		u.EventType = ""
	}
	u.Parked, u.Attempts, u.Code, u.Reason, u.Changed = false, 0, "", "", f.f.pos
	if err := f.save(key, u); err != nil {
		return nil, err
	}
	return done(200, u)
}

// deliveryRow puts it into the connection's timeline: into the record's own it would be a change to deliver.
func (f *fold) deliveryRow(connection, what string, u *canon.Undelivered) error {
	return f.row(canon.Row{Entity: "connection:" + connection, Type: canon.TypeDelivery, Event: canon.TypeDelivery + "." + what + ":" + u.Key + "/" + u.Event})
}
