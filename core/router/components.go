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

// kinSearch gathers the kin of an item. Both ways go level by level, so that what is met on a long way and on a short one
// counts at the short one: how far is followed does not depend on the order of keys.
type kinSearch struct {
	f       *fold
	crowd   int
	keys    map[string]bool // of the things in the item, itself included
	inside  map[string]bool // those of keys that are of things in it, without itself
	entered map[string]bool // components that were followed down
	gone    map[string]bool // items that were followed up
	found   map[string]*canon.Item
}

// kin gives the items that share something with one, without it, sorted by id. crowd is from which number of items on
// a key ties none of them.
func (f *fold) kin(item *canon.Item, crowd int) ([]*canon.Item, error) {
	s, err := f.searchKin(item, crowd)
	if err != nil {
		return nil, err
	}
	return s.sorted(item.ID), nil
}

func (f *fold) searchKin(item *canon.Item, crowd int) (*kinSearch, error) {
	s := &kinSearch{
		f: f, crowd: crowd, keys: map[string]bool{}, inside: map[string]bool{}, entered: map[string]bool{}, gone: map[string]bool{},
		found: map[string]*canon.Item{item.ID: item},
	}
	if err := s.down(item); err != nil {
		return nil, err
	}
	return s, s.up()
}

// sorted gives what was found, without the item that was looked for.
func (s *kinSearch) sorted(without string) []*canon.Item {
	out := make([]*canon.Item, 0, len(s.found))
	for _, id := range sortedKeys(s.found) {
		if id != without {
			out = append(out, s.found[id])
		}
	}
	return out
}

// down goes into what an item contains.
func (s *kinSearch) down(item *canon.Item) error {
	for _, key := range ownKeys(item) {
		s.keys[key] = true
	}
	level := []*canon.Item{item}
	for depth := 0; depth < componentDepth && len(level) > 0; depth++ {
		var next []*canon.Item
		for _, it := range level {
			for _, key := range componentKeys(it) {
				_, crowded, err := s.sitters(key)
				if err != nil {
					return err
				}
				if crowded || s.entered[key] {
					continue
				}
				s.entered[key] = true
				s.keys[key], s.inside[key] = true, true
				children, err := s.take(s.named(key))
				if err != nil {
					return err
				}
				for _, child := range children {
					for _, own := range ownKeys(child) {
						s.keys[own], s.inside[own] = true, true
					}
				}
				next = append(next, children...)
			}
		}
		level = next
	}
	return nil
}

// up goes to what contains any of the things in the item. A thing may be listed under another of its keys than the one
// by which it is known here: whatever has the same name is the same thing.
func (s *kinSearch) up() error {
	keys := sortedKeys(s.keys)
	from := make(map[string]bool, len(keys))
	for _, key := range keys {
		from[key] = true
		names, err := s.named(key)
		if err != nil {
			return err
		}
		if s.inside[key] {
			if _, err := s.take(names, nil); err != nil {
				return err
			}
		}
		for _, id := range names {
			it, err := s.load(id)
			if err != nil {
				return err
			}
			if it == nil {
				continue
			}
			for _, own := range ownKeys(it) {
				from[own] = true
			}
		}
	}
	for depth := 0; depth < componentDepth && len(from) > 0; depth++ {
		next := make(map[string]bool)
		for _, key := range sortedKeys(from) {
			ids, crowded, err := s.sitters(key)
			if err != nil {
				return err
			}
			if crowded {
				continue
			}
			for _, id := range ids {
				if s.gone[id] {
					continue
				}
				s.gone[id] = true
				parent, err := s.load(id)
				if err != nil {
					return err
				}
				if parent == nil {
					continue
				}
				s.found[id] = parent
				for _, own := range ownKeys(parent) {
					next[own] = true
				}
			}
		}
		from = next
	}
	return nil
}

// named gives the items that a component's key names.
func (s *kinSearch) named(key string) ([]string, error) {
	name, value, _ := strings.Cut(key, "/")
	return s.f.scan(componentIndexes[name], value, s.crowd+1)
}

// load gives an item, nil where it is gone.
func (s *kinSearch) load(id string) (*canon.Item, error) {
	if it := s.found[id]; it != nil {
		return it, nil
	}
	return store.Load[canon.Item](s.f.tx, store.RecordKey(store.TypeItem, id))
}

// take counts items as found and gives those that were not met before.
func (s *kinSearch) take(ids []string, err error) ([]*canon.Item, error) {
	var out []*canon.Item
	for _, id := range ids {
		if err != nil {
			break
		}
		if s.found[id] != nil {
			continue
		}
		var it *canon.Item
		if it, err = s.load(id); it != nil {
			s.found[id] = it
			out = append(out, it)
		}
	}
	return out, err
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
	search, err := f.searchKin(item, crowdedComponent+1)
	if err != nil {
		return err
	}
	// Who has a name in common with it is tied through it to what it is in.
	for _, key := range ownKeys(item) {
		if _, err := search.take(search.named(key)); err != nil {
			return err
		}
	}
	kin := search.sorted(item.ID)
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
