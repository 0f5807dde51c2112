package router

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// countNode is what the fold keeps of a line of a stock count beside its binding.
type countNode struct {
	Connection string            `json:"connection"`
	ExternalID string            `json:"external_id"`
	Node       string            `json:"node,omitempty"` // the listing that it counts; empty while it waits for it
	Location   string            `json:"location,omitempty"`
	Counted    lifecycle.Counted `json:"counted"`
	Waits      []string          `json:"waits,omitempty"`
}

// countPrefix begins the id of every count.
const countPrefix = "cnt_"

// count folds one line of a stock count. Of the counts of one item at one place the newest stands, by the counter's own
// time: what was sold before it is part of it, what was sold after it is taken off it, in whatever order the hub learns
// of them (invariant 3). One of goods that are not known waits for them; one that is older than the connection's
// baseline is history.
func (f *fold) count(b *canon.Binding, st *canon.CountState) error {
	if st != nil && st.Session != "" {
		return f.sessionScan(b, st)
	}
	id := canon.NodeID("cnt", b.Connection, canon.KindCount, b.ExternalID)
	was, err := store.Load[countNode](f.tx, prefixCount+id)
	if err != nil {
		return err
	}
	if was == nil {
		was = &countNode{}
	}
	is := &countNode{Connection: b.Connection, ExternalID: b.ExternalID}
	if st != nil {
		if err := f.readCount(is, id, st); err != nil {
			return err
		}
	}
	if reflect.DeepEqual(was, is) {
		return nil
	}
	f.reindex(indexWait, id, was.Waits, is.Waits)
	if err := f.save(prefixCount+id, is); err != nil {
		return err
	}
	if was.Node != "" && (was.Node != is.Node || was.Location != is.Location || was.Counted != is.Counted) {
		f.tx.Delete(prefixCounts + was.Node + "/" + id)
		if err := f.recount(was.Node, was.Location); err != nil {
			return err
		}
	}
	if is.Node == "" {
		return nil
	}
	f.tx.Put(prefixCounts+is.Node+"/"+id, nil)
	return f.recount(is.Node, is.Location)
}

// readCount finds what a count is of, and where.
func (f *fold) readCount(n *countNode, id string, st *canon.CountState) error {
	n.Counted = lifecycle.Counted{At: st.CountedAt.UTC(), Quantity: st.Quantity, Key: id}
	base, err := f.baseline(n.Connection)
	if err != nil || n.Counted.At.Before(base) {
		return err
	}
	if n.Location = f.placeOf(f.settings.Connection(n.Connection), st.Location); n.Location == "" {
		return faultf("location.unmapped", "location %q of the count is not mapped; map it in the configuration, then replay this entry", st.Location)
	}
	listing, waits, err := f.resolveLine(n.Connection, &canon.OrderLine{Serial: st.Serial, SKU: st.SKU, EPC: st.EPC})
	if err != nil {
		return err
	}
	slices.Sort(waits)
	if n.Waits = slices.Compact(waits); listing != nil {
		n.Node = listing.Node
	}
	return nil
}

// countAgain folds a count anew whose goods may be others now.
func (f *fold) countAgain(id string) error {
	n, err := store.Load[countNode](f.tx, prefixCount+id)
	if err != nil || n == nil {
		return err
	}
	b, obs, err := f.binding(n.Connection, canon.KindCount, n.ExternalID)
	if err != nil || b == nil {
		return err
	}
	return f.count(b, present(obs, obs.Count))
}

// recount brings the ledger of a node in line with its counts at a location.
func (f *fold) recount(node, location string) error {
	var newest *lifecycle.Counted
	prefix := prefixCounts + node + "/"
	var ids []string
	err := f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		ids = append(ids, key[len(prefix):])
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		n, err := store.Load[countNode](f.tx, prefixCount+id)
		if err != nil {
			return err
		}
		if n != nil && n.Location == location && n.Counted.Newer(newest) {
			newest = &n.Counted
		}
	}
	l, err := f.ledger(node)
	if err != nil {
		return err
	}
	if s := l.At[location]; s != nil && reflect.DeepEqual(s.Counted, newest) {
		return nil
	}
	l.Sum(location).Counted = newest
	l.Trim(location)
	if err := f.saveLedger(node, l); err != nil {
		return err
	}
	n, err := f.listingNode(node)
	if err != nil || n == nil || n.Item == "" {
		return err
	}
	f.dirty[n.Item] = true
	if err := f.foundAgain(n.Item, newest); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: n.Item, Type: store.TypeItem, Event: "item.counted", Location: location})
}

// countMoments has each ledger of an item know what had been taken when the item was counted last, at each place. The
// ledgers are shared: one that changes is replaced.
func (f *fold) countMoments(nodes []*listingNode, ledgers []*lifecycle.Ledger) error {
	counts := lifecycle.Counts(ledgers)
	for i, l := range ledgers {
		var off []string
		for at := range l.Taken {
			if counts[at] == nil {
				off = append(off, at)
			}
		}
		for at, c := range counts {
			if t, ok := l.Taken[at]; !ok || !t.Since.Equal(c.At) {
				off = append(off, at)
			}
		}
		if len(off) == 0 {
			continue
		}
		slices.Sort(off)
		own := *l
		if own.Taken = maps.Clone(l.Taken); own.Taken == nil {
			own.Taken = make(map[string]lifecycle.Taken)
		}
		l, ledgers[i] = &own, &own
		claims, err := f.everyClaim(nodes[i].Node)
		if err != nil {
			return err
		}
		for _, at := range off {
			c := counts[at]
			if c == nil {
				delete(l.Taken, at)
				continue
			}
			t := lifecycle.Taken{Since: c.At}
			for _, claim := range claims {
				t.Before += claim.BeforeAt(at, c.At)
			}
			l.Taken[at] = t
		}
		if err := f.saveLedger(nodes[i].Node, l); err != nil {
			return err
		}
	}
	return nil
}

// everyClaim loads all claims on a node, those that ended too.
func (f *fold) everyClaim(node string) ([]*canon.Claim, error) {
	prefix := prefixClaims + node + "/"
	var keys []string
	err := f.tx.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		keys = append(keys, key[len(prefix):])
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return f.claims(keys)
}

// ownSales gives how many of its connection's own sales each level already includes: those that the platform took before
// it last changed the level, by its own clock, or all where it does not say when that was. Without them the level would
// not be the opening stock.
func (f *fold) ownSales(p *itemParts) error {
	for i := range p.shown {
		s := &p.shown[i]
		cs := f.settings.Connection(s.Connection)
		if cs == nil || !cs.OrderLowersLevel {
			continue
		}
		for k, l := range p.ledgers {
			sold := int64(0)
			for at, sum := range l.At {
				if s.Whole || at == s.Location {
					sold += sum.Sold[s.Connection]
				}
			}
			if sold == 0 || p.changed[i].IsZero() {
				s.Own += sold
				continue
			}
			if l.First.After(p.changed[i]) {
				continue // all were sold later
			}
			claims, err := f.everyClaim(p.nodes[k].Node)
			if err != nil {
				return err
			}
			for _, c := range claims {
				if c.Connection == s.Connection && (s.Whole || c.Location == s.Location) {
					s.Own += c.Before(p.changed[i])
				}
			}
		}
	}
	return nil
}

// levelChanged gives when a platform last changed a level, by its own clock; zero where it does not say.
func levelChanged(b *canon.Binding) time.Time {
	const clock = 1e15 // microseconds since 1970 in 2001; what is less is a counter
	if v := b.Current().SourceVersion; v >= clock {
		return time.UnixMicro(v).UTC()
	}
	return time.Time{}
}
