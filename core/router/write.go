package router

import (
	"cmp"
	"slices"

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
		b.Wants.Write, b.Wants.Key, b.Wants.At, b.Wants.Attempt, b.Wants.Sent = canon.WriteAttempted, w.Key, ft.at, ft.pos, &w.Want
		if err := f.putWant(b, was); err != nil {
			return err
		}
		err = f.reflect(b, func(claims []*canon.Claim) { send(claims, w.Expect-w.Want, ft.pos) })
		if err != nil {
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
		if wants.Sent != nil {
			wants.Shows = *wants.Sent // less what the platform sold by itself meanwhile
		}
		wants.Written = &w.Want
		f.reads = append(f.reads, Read{Connection: connection, Ref: ref, Cause: f.f.pos, After: f.f.at.Add(settleTime)})
		if err := f.reflectSent(b, w.Attempt); err != nil {
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
	if slices.Contains([]string{"conflict", "retry", "rejected", "not_representable"}, w.Status) {
		wants.Sent = nil // it was not carried out, whatever a read shows
		if err := f.reflect(b, func(claims []*canon.Claim) { unsend(claims, w.Attempt) }); err != nil {
			return err
		}
	}
	return f.putWant(b, was)
}

// unsend takes back what send noted for an attempt.
func unsend(claims []*canon.Claim, attempt canon.Position) {
	for _, c := range claims {
		if c.SentAt == attempt {
			c.Sent = c.Reflected
		}
	}
}

// reflectSent notes that a write of the stock authority's own level was carried out: what other channels took until it
// was announced is in that level now. What they took or gave back since then is not.
func (f *fold) reflectSent(b *canon.Binding, attempt canon.Position) error {
	return f.reflect(b, func(claims []*canon.Claim) {
		for _, c := range claims {
			if c.SentAt == attempt {
				c.Reflected = c.Sent
			}
		}
	})
}

// send notes which part of each claim a write that lowers the level by some pieces stands for: all that was given
// back, then what was taken, the earliest first. Where more was taken than there is, the level can't show the rest,
// and it stays to be reflected when there is stock again.
func send(claims []*canon.Claim, lowers int64, at canon.Position) {
	slices.SortFunc(claims, func(a, b *canon.Claim) int { return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Key, b.Key)) })
	for _, c := range claims {
		open := lifecycle.Net(c) - c.Reflected
		c.Sent, c.SentAt = c.Reflected, at
		if open < 0 {
			c.Sent += open
			lowers -= open
		}
	}
	for _, c := range claims {
		if open := lifecycle.Net(c) - c.Reflected; open > 0 {
			part := max(min(open, lowers), 0)
			c.Sent += part
			lowers -= part
		}
	}
}

// reflect changes the claims of other channels that the stock authority's own level may not include, where b is such a
// level. Claims that ended are among them as long as what they gave back has to be reflected as well.
func (f *fold) reflect(b *canon.Binding, change func(claims []*canon.Claim)) error {
	authority := f.settings.StockAuthority
	cs := f.settings.Connection(authority)
	if b.Connection != authority || cs == nil {
		return nil
	}
	stock, place := canon.SplitLevelID(b.ExternalID)
	sid, err := store.Load[store.StockID](f.tx, store.StockIDKey(authority, stock))
	if err != nil || sid == nil || sid.Listing == "" {
		return err
	}
	n, err := f.listingNode(canon.NodeID("itm", authority, canon.KindListing, sid.Listing))
	if err != nil || n == nil || n.Item == "" {
		return err
	}
	item, err := f.item(n.Item)
	if err != nil || item == nil {
		return err
	}
	covered := places(cs, f.settings, place)
	var claims, before []*canon.Claim
	for _, id := range item.Nodes {
		prefix := prefixUnreflected + id + "/"
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
			if c == nil || (place != "" && !contains(covered, c.Location)) {
				continue
			}
			was := *c
			claims, before = append(claims, c), append(before, &was)
		}
	}
	change(slices.Clone(claims))
	for i, c := range claims {
		if b := before[i]; b.Reflected == c.Reflected && b.Sent == c.Sent && b.SentAt == c.SentAt {
			continue
		}
		if err := f.putClaim(before[i], c); err != nil {
			return err
		}
	}
	f.dirty[item.ID] = true
	return nil
}
