package router

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// connection loads a connection. Its cursors are shared: they are replaced, never changed.
func (f *fold) connection(name string) (*canon.Connection, error) {
	return copyOf(store.Peek[canon.Connection](f.tx, store.PrefixConn+name, nil))
}

// seenEvery is how exact a connection's newest fact is kept, so that not every fact writes it.
const seenEvery = 10 * time.Second

// seen notes that a connection gave a fact. A source without configuration, such as a till that reports events, is
// made known by its first.
func (f *fold) seen(name string) error {
	c, err := f.connection(name)
	if err != nil {
		return err
	}
	if c == nil {
		c = &canon.Connection{Name: name, Mode: canon.ModeObserve, Asked: canon.ModeObserve, FirstSeen: time.Time{}}
	} else if f.f.at.Sub(c.LastFact) < seenEvery {
		return nil
	}
	c.LastFact = f.f.at
	return f.save(store.PrefixConn+name, c)
}

// putSettings takes over the configuration that the fold uses. The items that exist are computed again page by page,
// by entries that the hub appends until the mark under keyRefresh is gone.
func (f *fold) putSettings(ft *fact) error {
	var s canon.Settings
	if err := decodeInto(ft, &s); err != nil {
		return err
	}
	if err := checkSettings(&s); err != nil {
		return err
	}
	changes, err := policyChange(f.settings.Policy, s.Policy)
	if err != nil {
		return err
	}
	if !bytes.Equal(f.settings.ClientWeights, s.ClientWeights) {
		changes = append(changes, canon.Change{Field: "client_weights"}) // too many numbers to read here; the entry has them
	}
	if err := f.use(&s); err != nil {
		return err
	}
	if err := f.save(store.KeySettings, s); err != nil {
		return err
	}
	if err := f.save(keyRefresh, ft.pos); err != nil {
		return err
	}
	for i := range s.Connections {
		cs := &s.Connections[i]
		c, err := f.connection(cs.Name)
		if err != nil {
			return err
		}
		if c == nil {
			c = &canon.Connection{Name: cs.Name, Mode: canon.ModeObserve, FirstSeen: ft.at}
			if cs.Mode == canon.ModeShadow {
				c.Mode = canon.ModeShadow
			}
		}
		if c.FirstSeen.IsZero() {
			c.FirstSeen = ft.at
		}
		c.Connector = cs.Connector
		takeModes(c, cs)
		if cs.Baseline != "" {
			t, err := time.Parse(time.RFC3339, cs.Baseline)
			if err != nil {
				return faultf("settings.baseline", "connection %s: baseline is not RFC 3339", cs.Name)
			}
			c.Baseline = t.UTC()
		}
		if err := f.save(store.PrefixConn+cs.Name, c); err != nil {
			return err
		}
	}
	for _, name := range s.Locations {
		if err := f.putLocation(name); err != nil {
			return err
		}
	}
	f.out.Settings = true
	return f.row(canon.Row{Entity: "settings", Type: "settings", Event: "settings.changed", Changes: changes})
}

// policyChange gives the policy before and after, where it is another. Invariant 8.
func policyChange(before, after *canon.Policy) ([]canon.Change, error) {
	same, err := equalJSON(before, after)
	if err != nil || same {
		return nil, err
	}
	c := canon.Change{Field: "policy"}
	if before != nil {
		if c.Before, err = json.Marshal(before); err != nil {
			return nil, err
		}
	}
	if after != nil {
		if c.After, err = json.Marshal(after); err != nil {
			return nil, err
		}
	}
	return []canon.Change{c}, nil
}

func (f *fold) refreshPage(ft *fact) error {
	var r canon.Refresh
	if err := decodeInto(ft, &r); err != nil {
		return err
	}
	for _, id := range r.Listings {
		n, err := f.listingNode(id)
		if err != nil {
			return err
		}
		if n == nil || n.Item != "" {
			continue
		}
		if err := f.recluster(id, n.keys()); err != nil {
			return err
		}
	}
	for _, id := range r.Items {
		item, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, id))
		if err != nil {
			return err
		}
		if item == nil {
			continue
		}
		n, err := f.listingNode(id)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		if err := f.recluster(id, n.keys()); err != nil {
			return err
		}
	}
	for _, id := range r.Products {
		p, err := store.Load[canon.Product](f.tx, store.RecordKey(store.TypeProduct, id))
		if err != nil {
			return err
		}
		if p == nil {
			continue
		}
		if err := f.buildProduct(p.Nodes); err != nil {
			return err
		}
	}
	for _, id := range r.Clients {
		if err := f.rejoinClient(id); err != nil {
			return err
		}
	}
	if r.Done {
		f.tx.Delete(keyRefresh)
	}
	return nil
}

// putLocation computes the golden record of one of the hub's places.
func (f *fold) putLocation(name string) error {
	l := &canon.Location{ID: name, Bindings: []canon.LocationBinding{}, Version: f.f.pos}
	for i := range f.settings.Connections {
		cs := &f.settings.Connections[i]
		for _, external := range sortedKeys(cs.Locations) {
			if cs.Locations[external] != name {
				continue
			}
			lb := canon.LocationBinding{Connection: cs.Name, ExternalID: external}
			_, obs, err := f.binding(cs.Name, canon.KindLocation, external)
			if err != nil {
				return err
			}
			if obs != nil && !obs.Deleted {
				lb.Name = obs.Location.Name
			}
			l.Bindings = append(l.Bindings, lb)
		}
	}
	if err := f.save(store.PrefixNode+name, store.Node{Type: store.TypeLocation, Golden: name}); err != nil {
		return err
	}
	return f.save(store.RecordKey(store.TypeLocation, name), l)
}

// location folds a platform's place into the hub's place that it is mapped to, if there is one.
func (f *fold) location(b *canon.Binding) error {
	cs := f.settings.Connection(b.Connection)
	if cs == nil {
		return nil
	}
	if name := mapLocation(cs, f.settings, b.ExternalID); name != "" && contains(f.settings.Locations, name) {
		return f.putLocation(name)
	}
	return nil
}

func (f *fold) cursor(ft *fact) error {
	var cur canon.Cursor
	if err := decodeInto(ft, &cur); err != nil {
		return err
	}
	c, err := f.connection(ft.head.Connection)
	if err != nil {
		return err
	}
	if c == nil {
		return faultf("cursor.no_connection", "a cursor of an unknown connection")
	}
	if c.Cursors = maps.Clone(c.Cursors); c.Cursors == nil {
		c.Cursors = make(map[string][]byte)
	}
	c.Cursors[cur.Stream] = cur.Cursor
	return f.save(store.PrefixConn+c.Name, c)
}

func (f *fold) snapshot(ft *fact) error {
	var m canon.SnapshotMark
	if err := decodeInto(ft, &m); err != nil {
		return err
	}
	c, err := f.connection(ft.head.Connection)
	if err != nil {
		return err
	}
	if c == nil {
		return faultf("snapshot.no_connection", "a snapshot of an unknown connection")
	}
	if c.LastFact = ft.at; m.Sweep {
		c.Sweep = &m
	} else {
		c.Snapshot = &m
	}
	return f.save(store.PrefixConn+c.Name, c)
}

// fuse stops a connection's writes and opens a case; inbound goes on.
func (f *fold) fuse(ft *fact) error {
	var t canon.FuseTripped
	if err := decodeInto(ft, &t); err != nil {
		return err
	}
	c, err := f.connection(ft.head.Connection)
	if err != nil {
		return err
	}
	if c == nil {
		return faultf("fuse.no_connection", "the fuse of an unknown connection")
	}
	c.Fused = t.Reason
	if err := f.save(store.PrefixConn+c.Name, c); err != nil {
		return err
	}
	if err := f.row(canon.Row{Entity: "connection:" + c.Name, Type: "connection", Event: "connection.fused"}); err != nil {
		return err
	}
	return f.openCase(&canon.Case{
		ID: lifecycle.CaseID(canon.CaseFuse, c.Name), Kind: canon.CaseFuse, Open: true, Subject: c.Name,
		Summary:  "the fuse stopped writes to " + c.Name + ": " + t.Reason,
		Evidence: []canon.Evidence{{Connection: c.Name, Text: t.Reason}},
	})
}

// fallBack takes the live connections back to shadow. Invariant 9: a plan that was accepted on older knowledge does not
// count any more, and the initial import counts as not done, so that everything is read before a new plan is made.
func (f *fold) fallBack(ft *fact) error {
	var t canon.FallBack
	if err := decodeInto(ft, &t); err != nil {
		return err
	}
	var names []string // also of those that are not configured now and may be again
	err := f.tx.Scan(store.PrefixConn, "", func(key string, _ []byte) (bool, error) {
		names = append(names, strings.TrimPrefix(key, store.PrefixConn))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		c, err := f.connection(name)
		if err != nil {
			return err
		}
		if c == nil || c.Connector == "" {
			continue // a till that reports: nothing is written there
		}
		c.Sweep = nil
		if c.Snapshot != nil {
			c.Snapshot = &canon.SnapshotMark{StartedAt: f.f.at}
		}
		changes := lowerAll(c)
		if err := f.save(store.PrefixConn+c.Name, c); err != nil {
			return err
		}
		if len(changes) == 0 {
			continue
		}
		reason, err := json.Marshal(t.Reason)
		if err != nil {
			return err
		}
		changes = append(changes, canon.Change{Field: "reason", After: reason})
		if err := f.row(canon.Row{Entity: "connection:" + c.Name, Type: "connection", Event: "connection.shadow", Changes: changes}); err != nil {
			return err
		}
	}
	return nil
}
