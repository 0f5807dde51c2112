package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// attempted notes that stock writes are about to be sent.
func (f *fold) attempted(ft *fact) error {
	var a canon.Attempt
	if err := decodeInto(ft, &a); err != nil {
		return err
	}
	for _, w := range a.Writes {
		b, err := f.levelBinding(ft.head.Connection, w.ExternalID)
		if err != nil {
			return err
		}
		if b == nil || b.Wants == nil {
			continue
		}
		was := b.Wants.Differs()
		b.Wants.Write, b.Wants.Key, b.Wants.At, b.Wants.Attempt = canon.WriteAttempted, w.Key, ft.at, ft.pos
		if err := f.putWant(b, was); err != nil {
			return err
		}
	}
	return nil
}

func (f *fold) levelBinding(connection, externalID string) (*canon.Binding, error) {
	key := canon.BindingKey{Connection: connection, Kind: canon.KindLevel, ExternalID: externalID, Aspect: canon.AspectMain}
	return store.Load[canon.Binding](f.tx, store.BindingKey(key))
}

// settled folds the outcomes of writes. What the platform showed with its answer follows as observations.
func (f *fold) settled(ft *fact) error {
	var s canon.Settled
	if err := decodeInto(ft, &s); err != nil {
		return err
	}
	for i := range s.Writes {
		if err := f.settleWrite(ft.head.Connection, &s.Writes[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *fold) settleWrite(connection string, w *canon.SettledWrite) error {
	b, err := f.levelBinding(connection, w.ExternalID)
	if err != nil || b == nil || b.Wants == nil {
		return err
	}
	if b.Wants.Key != w.Key {
		return nil // a later attempt took its place
	}
	was := b.Wants.Differs()
	wants := b.Wants
	ref := canon.Ref{Kind: canon.KindLevel, ExternalID: w.ExternalID}
	switch w.Status {
	case "applied", "duplicate":
		wants.Write, wants.Shows, wants.Expected = canon.WriteUnverified, w.Want, false
		f.reads = append(f.reads, Read{Connection: connection, Ref: ref, Cause: f.f.pos, After: f.f.at.Add(settleTime)})
		if err := f.reflect(connection, b, w); err != nil {
			return err
		}
	case "conflict":
		wants.Write = canon.WriteUnknown
		f.read(connection, ref)
	case "retry":
		wants.Write = canon.WriteNone
	case "rejected":
		wants.Write, wants.Reason = canon.WriteRejected, w.Code+": "+w.Reason
	case "not_representable":
		wants.Write, wants.Reason = canon.WriteNotRepresentable, w.Code+": "+w.Reason
	default:
		wants.Write = canon.WriteUnknown
		f.read(connection, ref)
	}
	return f.putWant(b, was)
}

// reflect notes, when the stock authority is a platform and its own level was written, that what other channels took
// until then is in that level now.
func (f *fold) reflect(connection string, b *canon.Binding, w *canon.SettledWrite) error {
	if connection != f.settings.StockAuthority {
		return nil
	}
	stock, _ := canon.SplitLevelID(b.ExternalID)
	sid, err := store.Load[store.StockID](f.tx, store.StockIDKey(connection, stock))
	if err != nil || sid == nil || sid.Listing == "" {
		return err
	}
	n, err := f.listingNode(canon.NodeID("itm", connection, canon.KindListing, sid.Listing))
	if err != nil || n == nil || n.Item == "" {
		return err
	}
	item, err := f.item(n.Item)
	if err != nil || item == nil {
		return err
	}
	for _, id := range item.Nodes {
		if err := f.reflectNode(id, connection, w.Attempt); err != nil {
			return err
		}
	}
	f.dirty[item.ID] = true
	return nil
}

// reflectNode marks what the claims of a node took up to an attempt. Claims that ended are reached through the
// unreflected index, since what they gave back has to be reflected as well.
func (f *fold) reflectNode(node, authority string, upTo canon.Position) error {
	prefix := prefixUnreflected + node + "/"
	var keys []string
	err := f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		keys = append(keys, key[len(prefix):])
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, key := range keys {
		c, err := f.claim(key)
		if err != nil {
			return err
		}
		if c == nil || c.Changed.Compare(upTo) > 0 || c.Connection == authority {
			continue
		}
		before := *c
		c.Reflected = lifecycle.Net(c)
		if err := f.putClaim(&before, c); err != nil {
			return err
		}
	}
	return nil
}
