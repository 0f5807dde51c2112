package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// A stone that sits in a ring, a ring of a set, a stone that is offered in several mounts: what holds one of them holds
// all that share it (invariant 4). Two items are kin when something is in both of them, an item being in itself. That
// is symmetric, and follows from what the listings state, so it does not depend on the order of events.

const (
	// crowdedComponent is how many items may be said to have one component in them. A key that is on more is no name of
	// one thing (a placeholder instead of a number) and ties nothing.
	crowdedComponent = 100
	// componentDepth is how many levels of things in things are followed: a stone in a ring in a set, and one more.
	componentDepth = 4
)

// ownKeys are the keys that an item is named by as a component of another.
func ownKeys(it *canon.Item) []string {
	var keys []string
	for _, c := range it.Certificates {
		if c.Lab != "" {
			keys = append(keys, "certificate/"+c.Key())
		}
	}
	if it.EPC != "" {
		keys = append(keys, "epc/"+it.EPC)
	}
	if serial := normalize.Serial(it.Serial); serial != "" {
		keys = append(keys, "serial/"+serial)
	}
	return keys
}

func componentKeys(it *canon.Item) []string {
	var keys []string
	for _, c := range it.Components {
		keys = append(keys, c.Keys...)
	}
	return keys
}

// componentIndexes says under which index an item of its own is found by a component's key.
var componentIndexes = map[string]string{"certificate": store.IndexCertificate, "epc": store.IndexEPC, "serial": store.IndexSerial}

// kinSearch gathers the kin of an item.
type kinSearch struct {
	f     *fold
	crowd int
	keys  map[string]bool // of what is in the item, itself included
	found map[string]*canon.Item
}

// kin gives the items that share something with one, without it, sorted by id. crowd is from which number of items on
// a key ties none of them.
func (f *fold) kin(item *canon.Item, crowd int) ([]*canon.Item, error) {
	s := kinSearch{f: f, crowd: crowd, keys: make(map[string]bool), found: map[string]*canon.Item{item.ID: item}}
	if err := s.down(item, 0); err != nil {
		return nil, err
	}
	for _, key := range sortedKeys(s.keys) {
		if err := s.up(key, 0); err != nil {
			return nil, err
		}
	}
	delete(s.found, item.ID)
	out := make([]*canon.Item, 0, len(s.found))
	for _, id := range sortedKeys(s.found) {
		out = append(out, s.found[id])
	}
	return out, nil
}

// down goes into what an item contains.
func (s *kinSearch) down(item *canon.Item, depth int) error {
	for _, key := range ownKeys(item) {
		s.keys[key] = true
	}
	if depth == componentDepth {
		return nil
	}
	for _, key := range componentKeys(item) {
		_, crowded, err := s.sitters(key)
		if err != nil {
			return err
		}
		if crowded || s.keys[key] {
			continue
		}
		s.keys[key] = true
		name, value, _ := strings.Cut(key, "/")
		ids, err := s.f.scan(componentIndexes[name], value, s.crowd+1)
		if err != nil {
			return err
		}
		for _, id := range ids {
			child, err := s.take(id)
			if err != nil {
				return err
			}
			if child != nil {
				if err := s.down(child, depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// up goes to what contains the thing of a key.
func (s *kinSearch) up(key string, depth int) error {
	if depth == componentDepth {
		return nil
	}
	ids, crowded, err := s.sitters(key)
	if err != nil || crowded {
		return err
	}
	for _, id := range ids {
		parent, err := s.take(id)
		if err != nil {
			return err
		}
		if parent == nil {
			continue
		}
		for _, own := range ownKeys(parent) {
			if err := s.up(own, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// take loads an item that was not met before; nil when it was, or is gone.
func (s *kinSearch) take(id string) (*canon.Item, error) {
	if s.found[id] != nil {
		return nil, nil
	}
	it, err := store.Load[canon.Item](s.f.tx, store.RecordKey(store.TypeItem, id))
	if it != nil {
		s.found[id] = it
	}
	return it, err
}

// sitters gives the items that have a component of this key in them.
func (s *kinSearch) sitters(key string) (ids []string, crowded bool, err error) {
	ids, err = s.f.scan(store.IndexComponent, key, s.crowd+1)
	return ids, len(ids) > s.crowd, err
}

// blockedBy gives the ids of the kin that a live claim is on, sorted.
func (f *fold) blockedBy(item *canon.Item) ([]string, error) {
	if !f.components && len(item.Components) == 0 {
		return nil, nil
	}
	kin, err := f.kin(item, crowdedComponent)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, k := range kin {
		if k.Holder != nil {
			out = append(out, k.ID)
		}
	}
	return out, nil
}

// kinChanged marks the kin of an item for a new state, after it was or ceased to be held, or is other things' component. It
// looks one step beyond a crowd, so that those learn of it who were tied by a key until now.
func (f *fold) kinChanged(item *canon.Item) error {
	if item == nil || !f.components {
		return nil
	}
	kin, err := f.kin(item, crowdedComponent+1)
	if err != nil {
		return err
	}
	// Where nobody holds anything, and nobody did, there is nothing to block and nothing to free.
	if item.Holder == nil && len(item.Blocked) == 0 && !slices.ContainsFunc(kin, func(k *canon.Item) bool { return k.Holder != nil || len(k.Blocked) > 0 }) {
		return nil
	}
	for _, k := range kin {
		f.dirty[k.ID] = true
	}
	return nil
}

// tied reports whether two states of an item are tied to others in the same way.
func tied(a, b *canon.Item) bool {
	return a != nil && b != nil && (a.Holder != nil) == (b.Holder != nil) &&
		slices.Equal(ownKeys(a), ownKeys(b)) && slices.Equal(componentKeys(a), componentKeys(b))
}

// noteComponents notes for ever that some item has components: until then nothing is looked up for any.
func (f *fold) noteComponents(item *canon.Item) {
	if len(item.Components) > 0 && !f.components {
		f.components = true
		f.tx.Put(keyComponents, nil)
	}
}

// componentCase opens a case while an item and kin of it are claimed at once, and closes it otherwise. It stands on the
// smallest id of those that are claimed, so that there is one for all of them.
func (f *fold) componentCase(item *canon.Item, claims []*canon.Claim) error {
	if !f.components {
		return nil // no such case was ever opened
	}
	id := lifecycle.CaseID(canon.CaseComponent, item.ID)
	if item.Holder == nil || len(item.Blocked) == 0 || item.Blocked[0] < item.ID {
		return f.closeCase(id, "one live claim is left on what they share")
	}
	live := lifecycle.Live(claims)
	for _, k := range item.Blocked {
		other, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, k))
		if err != nil {
			return err
		}
		if other == nil {
			continue
		}
		for _, node := range other.Nodes {
			more, err := f.liveClaims(node)
			if err != nil {
				return err
			}
			live = append(live, lifecycle.Live(more)...)
		}
	}
	c := lifecycle.DoubleClaim(item.ID, live, item.Holder.Claim)
	if c == nil {
		return f.closeCase(id, "one live claim is left on what they share")
	}
	c.ID, c.Kind, c.Summary = id, canon.CaseComponent, fmt.Sprintf("%d claims on pieces that share a component", len(live))
	return f.openCase(c)
}
